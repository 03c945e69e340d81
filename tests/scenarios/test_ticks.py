"""Ticks from a file, through terminal, bridge and broker, judged by another Kafka client."""

import gzip
import random
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.scenarios.harness import Backend, BridgeProcess, Broker, Simulator, eventually, read_topic

pytestmark = pytest.mark.scenario

# The bridge starts while the file's first tick stands alone; under Wine that takes long.
JOIN_MSC = 30_000 if sys.platform == "win32" else 5_000
DAY_START_MSC = 1_399_507_200_000  # 2014-05-08, midnight UTC


def write_ticks(path: Path, count: int) -> list[tuple[int, float, float]]:
    """Write a busy tick file: bursts, several ticks in one millisecond, prices that come again."""
    draw = random.Random(5)
    time_msc, ticks = DAY_START_MSC + 7 * 3_600_000, []
    for number in range(count):
        time_msc += draw.choice((0, 0, 1, 3, 20, 45)) + (JOIN_MSC if number == 1 else 0)
        bid = round(1.39 + draw.randrange(-200, 200) / 1e5, 5)
        ticks.append((time_msc, bid, round(bid + draw.choice((1, 2, 9)) / 1e5, 5)))
    with gzip.open(path, "wt") as file:
        file.writelines(f"{time},{bid},{ask}\n" for time, bid, ask in ticks)
    return ticks


async def test_every_tick_of_the_played_window_is_in_the_topic_once_and_in_order(
    tmp_path: Path, broker: Broker, backend: Backend, make_bridge: Callable[..., BridgeProcess]
) -> None:
    file = tmp_path / "EURUSD-busy.csv.gz"
    played = write_ticks(file, 1500)
    simulator = Simulator(tmp_path, "--symbols", "EURUSD", "--ticks", str(file))
    simulator.start()
    try:
        bridge = make_bridge(
            **simulator.settings,
            REDPANDA_BOOTSTRAP_SERVERS=broker.address,
            BACKEND_WS_URL=backend.url,
            SYMBOLS="EURUSD",
        ).start()
        await eventually(lambda: played_out(simulator, len(played)))
        last = 0

        def settled() -> bool:
            nonlocal last
            before, last = last, len(read_topic(broker.address, "market_ticks"))
            return before == last > 0

        await eventually(settled)
        messages = read_topic(broker.address, "market_ticks")
    finally:
        simulator.kill()

    assert bridge.stop() == 0
    assert {key for key, _ in messages} == {b"EURUSD"}
    ticks = [message["data"] for _, message in messages]
    assert [tick["seq"] for tick in ticks] == list(range(1, len(ticks) + 1))
    window = played[-len(ticks) :]
    assert len(ticks) > len(played) / 2, "the bridge joined while most of the file was still to come"
    assert [(tick["bid"], tick["ask"]) for tick in ticks] == [(bid, ask) for _, bid, ask in window]
    shifts = {tick["time_msc"] - time for tick, (time, _, _) in zip(ticks, window, strict=True)}
    assert len(shifts) == 1


def played_out(simulator: Simulator, count: int) -> bool:
    from hybrid_bridge.simulator.control_client import SimulatorControl

    with SimulatorControl(simulator.ready["control"]) as control:
        return int(control.stats()["ticks"]["EURUSD"]) == count
