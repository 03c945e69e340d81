"""How long calls take, with a tail."""

from random import Random

from hybrid_bridge.simulator.latency import read_latency
from hybrid_bridge.simulator.wire import Command


def test_a_share_of_the_calls_takes_much_longer() -> None:
    latency = read_latency({"ms": "80..200", "tail": 0.1, "tail_ms": "1500..4000"})
    draws = [latency.draw_s(Command.ORDER_SEND, random) for random in [Random(3)] for _ in range(2000)]
    slow = [drawn for drawn in draws if drawn >= 1.5]
    assert 140 <= len(slow) <= 260
    assert max(slow) <= 4.0
    assert all(0.08 <= drawn <= 0.2 for drawn in draws if drawn not in slow)


def test_only_the_commands_meant_take_long() -> None:
    of_orders, of_all = read_latency({"ms": 100}), read_latency({"ms": 100, "command": "any"})
    assert (0.0, 0.1) == tuple(x.draw_s(Command.ACCOUNT_INFO, Random(1)) for x in (of_orders, of_all))
