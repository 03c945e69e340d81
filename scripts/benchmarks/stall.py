"""How long the daemon's loop stands still while the terminal does: one call of a lane is held up for 3 s.

Judged from outside by how long the daemon takes to answer pings, a couple of hundred a second: with nothing
blocked, then an order, then ticks, in one life of one daemon. What the daemon says of its whole life, its
start included, stands beside it.
"""

import asyncio
import json
from pathlib import Path

from scripts.benchmarks.desk import Desk
from scripts.benchmarks.figures import Figure, Target

STALL_S = 3.0
LAG_MAX_MS = 20.0
# What the start leaves to be done is over by then.
SETTLE_S = 2.0
# Between two phases, so that the one does not see the other's end.
PAUSE_S = 0.5
COPY_TICKS = "copy_ticks_from"
# Calls that a blocked lane may still have made: those on their way.
CALLS_UNDER_WAY = 2


async def measure_stall(folder: Path, bootstrap: str, quick: bool) -> list[Figure]:
    """Measure with nothing, an order and ticks held up."""
    del quick  # Three seconds are what is measured.
    summary = folder / "summary.json"
    async with Desk(folder, bootstrap) as desk:
        await desk.open()
        bridge = await desk.trade("--summary", str(summary))
        await asyncio.sleep(SETTLE_S)
        floor = await desk.backend.slowest_ping_ms(STALL_S)
        order = await _during_order(desk)
        await asyncio.sleep(PAUSE_S)
        ticks = await _during_ticks(desk)
        await bridge.stop()
    life_ms = float(json.loads(summary.read_text())["loop_lag_max_ms"])
    name = f"blocked for {STALL_S:g} s: slowest answer of the daemon (floor: nothing blocked)"
    return [
        Figure(f"order_send {name}", order, "ms", floor, Target(LAG_MAX_MS)),
        Figure(f"copy_ticks {name}", ticks, "ms", floor, Target(LAG_MAX_MS)),
        Figure("loop lag max in the daemon's whole life, its start included", life_ms, "ms"),
    ]


async def _during_order(desk: Desk) -> float:
    """Return the slowest answer while an order is held up.

    Raises:
        RuntimeError: when it was not held up.
    """
    desk.ask_simulator(lambda control: control.fault("stall", command="order_send", seconds=STALL_S))
    signal_id = desk.next_id()
    sent = await desk.over_websocket(signal_id, buy=True)
    slowest_ms = await desk.backend.slowest_ping_ms(STALL_S)
    done = desk.backend.done_ns
    await desk.backend.until(lambda: signal_id in done, "the result of the order that is held up")
    took_s = (done[signal_id] - sent.called_ns) / 1e9
    if took_s < STALL_S:
        raise RuntimeError(f"the order was to be held up for {STALL_S:g} s and took {took_s:.3f} s")
    return slowest_ms


async def _during_ticks(desk: Desk) -> float:
    """Return the slowest answer while a fetch of ticks is held up.

    Raises:
        RuntimeError: when others went on meanwhile.
    """
    desk.ask_simulator(lambda control: control.fault("stall", command=COPY_TICKS, seconds=STALL_S))
    await asyncio.sleep(PAUSE_S)
    before = _fetches(desk)
    slowest_ms = await desk.backend.slowest_ping_ms(STALL_S - 2 * PAUSE_S)
    meanwhile = _fetches(desk) - before
    if meanwhile > CALLS_UNDER_WAY:
        raise RuntimeError(f"ticks were to be held up, yet {meanwhile} fetches were made meanwhile")
    return slowest_ms


def _fetches(desk: Desk) -> int:
    calls = desk.ask_simulator(lambda control: control.stats())["calls"]
    return int(calls.get(COPY_TICKS, 0))
