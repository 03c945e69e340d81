"""The PC sleeps: bridge, lanes, terminal and broker stand still, while the backend goes on sending.

What stands still here are real processes, suspended and resumed. The bridge takes them for one that slept: it
notices by the beat that did not come.
"""

import asyncio
import contextlib
from collections.abc import Callable, Iterator

import psutil
import pytest
from tests.scenarios.harness import (
    Backend,
    BridgeProcess,
    Broker,
    Simulator,
    eventually,
    produce,
    read_topic,
    signal_body,
)

pytestmark = pytest.mark.scenario

SLEEP_S = 12.0  # Longer than a signal lives, and than what passes for a busy PC.
NAP_S = 7.0


def settings(simulator: Simulator, broker: Broker, backend: Backend) -> dict[str, object]:
    return {
        **simulator.settings,
        "REDPANDA_BOOTSTRAP_SERVERS": broker.address,
        "BACKEND_WS_URL": backend.url,
        "SYMBOLS": "EURUSD,XAUUSD",
        "DUPLICATE_WINDOW_S": 0,
        "SIGNAL_MAX_AGE_S": 5,
    }


@contextlib.contextmanager
def asleep(*programs: BridgeProcess | Simulator | Broker) -> Iterator[None]:
    """Have programs and everything that they started stand still."""
    still: list[psutil.Process] = []
    for program in programs:
        assert program.process is not None
        process = psutil.Process(program.process.pid)
        still += [process, *process.children(recursive=True)]
    for process in still:
        process.suspend()
    try:
        yield
    finally:
        for process in still:
            process.resume()


def entry(signal_id: str, action: str = "BUY") -> dict[str, object]:
    stop = 0.5 if action == "BUY" else 9.0
    return {"id": signal_id, "symbol": "EURUSD", "action": action, "stop_loss": stop, "volume": 0.01}


def opened(simulator: Simulator) -> int:
    return sum(deal["entry"] == 0 for deal in simulator.deals())


async def order(backend: Backend, signal_id: str) -> None:
    await backend.send("trading_signal", **entry(signal_id))
    await backend.wait_for("trade_result", signal_id=signal_id, status="filled")


def reconnections(bridge: BridgeProcess) -> int:
    return bridge.log.count("WebSocket connected")


async def open_again(bridge: BridgeProcess, times: int = 1) -> None:
    await eventually(lambda: bridge.log.count("Open for orders again") == times)
    await eventually(lambda: reconnections(bridge) == times + 1)


async def test_after_a_sleep_stale_signals_are_refused_no_tick_is_lost_and_trading_goes_on(
    simulator: Simulator, broker: Broker, backend: Backend, make_bridge: Callable[..., BridgeProcess]
) -> None:
    bridge = make_bridge(**settings(simulator, broker, backend)).start()
    await backend.open_for_orders()
    await order(backend, "before")

    with asleep(bridge, simulator, broker):
        await asyncio.sleep(1.0)
        await backend.send("trading_signal", **entry("asleep"))
        await asyncio.sleep(SLEEP_S - 1.0)
    assert (await backend.wait_for("trade_result", signal_id="asleep"))["status"] == "expired"
    await open_again(bridge)
    await order(backend, "after")
    produce(broker.address, "trading_signals", signal_body(**entry("by Redpanda")))
    await backend.wait_for("trade_result", signal_id="by Redpanda", status="filled")

    assert opened(simulator) == 3
    assert bridge.log.count("Awake again: the bridge was held up for") == 1
    power = backend.of("bridge_status")[-1]["power"]
    assert (power["standstills"], "held up" in power["last_standstill"]["what"]) == (1, True)
    found: dict[str, list[int]] = {}
    for _, message in read_topic(broker.address, "market_ticks"):
        found.setdefault(message["data"]["symbol"], []).append(message["data"]["seq"])
    assert [list(range(1, len(numbers) + 1)) for numbers in found.values()] == list(found.values())


async def test_an_emergency_stop_that_came_during_the_sleep_is_obeyed(
    simulator: Simulator, broker: Broker, backend: Backend, make_bridge: Callable[..., BridgeProcess]
) -> None:
    bridge = make_bridge(**settings(simulator, broker, backend)).start()
    await backend.open_for_orders()
    await order(backend, "before")

    with asleep(bridge, simulator, broker):
        await backend.send("trading_signal", **entry("asleep"))
        await backend.send("emergency_stop", reason="while it slept", close_positions=True)
        await asyncio.sleep(SLEEP_S)
    await eventually(lambda: len(simulator.deals()) == 2)
    await backend.wait_for("trade_result", signal_id="asleep")
    await backend.wait_for("bridge_status", trading_state="halted", clearing=None)
    assert [deal["entry"] for deal in simulator.deals()] == [0, 1]


@pytest.mark.parametrize("delay_s", [0.0, 0.02, 0.08])
async def test_an_order_that_was_on_its_way_is_sent_once_or_not_at_all_and_said_to_be(
    simulator: Simulator,
    broker: Broker,
    backend: Backend,
    make_bridge: Callable[..., BridgeProcess],
    delay_s: float,
) -> None:
    bridge = make_bridge(**settings(simulator, broker, backend)).start()
    await backend.open_for_orders()

    await backend.send("trading_signal", **entry("caught"))
    await asyncio.sleep(delay_s)
    with asleep(bridge, simulator):
        await asyncio.sleep(NAP_S)
    await open_again(bridge)
    await eventually(lambda: any(one["status"] != "unknown" for one in backend.results("caught")))
    (told,) = {one["status"] for one in backend.results("caught")} - {"unknown"}
    await order(backend, "after")
    assert told in {"filled", "not_executed", "expired"}
    assert opened(simulator) == 1 + (told == "filled")
