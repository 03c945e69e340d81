"""How long the daemon's loop stands still while the terminal does: one call of a lane is held up for 3 s.

The figure is the daemon's own (--summary), over its whole life; a run with nothing held up stands beside it.
"""

import asyncio
import json
from pathlib import Path

from scripts.benchmarks.desk import Desk
from scripts.benchmarks.figures import Figure, Target

STALL_S = 3.0
LAG_MAX_MS = 20.0
# Long enough for the daemon to have begun its usual work, and to end it.
AROUND_S = 1.0
NOTHING, ORDER, TICKS = "nothing", "order_send", "copy_ticks_from"


async def measure_stall(folder: Path, bootstrap: str, quick: bool) -> list[Figure]:
    """Measure with nothing, an order and ticks held up, a new daemon each."""
    del quick  # Three seconds are what is measured.
    figures: list[Figure] = []
    async with Desk(folder, bootstrap) as desk:
        await desk.open()
        floor = await _measure(desk, NOTHING)
        for held in (ORDER, TICKS):
            lag_ms = await _measure(desk, held)
            name = f"loop lag max, {held} blocked for {STALL_S:g} s (floor: nothing blocked)"
            figures.append(Figure(name, lag_ms, "ms", floor, Target(LAG_MAX_MS)))
    return figures


async def _measure(desk: Desk, held: str) -> float:
    """Return the longest lag of a daemon during whose life one call is held up."""
    summary = desk.folder / f"summary-{held}.json"
    bridge = await desk.trade("--summary", str(summary))
    await asyncio.sleep(AROUND_S)
    if held != NOTHING:
        desk.ask_simulator(lambda control: control.fault("stall", command=held, seconds=STALL_S))
    if held == ORDER:
        await _order(desk)
    else:
        await asyncio.sleep(STALL_S + AROUND_S)
    await bridge.stop()
    return float(json.loads(summary.read_text())["loop_lag_max_ms"])


async def _order(desk: Desk) -> None:
    signal_id = desk.next_id()
    sent = await desk.over_websocket(signal_id, buy=True)
    done = desk.backend.done_ns
    await desk.backend.until(lambda: signal_id in done, "the result of the order that is held up")
    took_s = (done[signal_id] - sent.called_ns) / 1e9
    if took_s < STALL_S:
        raise RuntimeError(f"the order was to be held up for {STALL_S:g} s and took {took_s:.3f} s")
    await asyncio.sleep(AROUND_S)
