"""What the durable journal costs on the hot path: the same signals to a bridge with it and to one without.

Both bridges are whole, each with a terminal of its own, and take turns in one run. Where the time of a signal
goes is what the journaling bridge itself has noted, stage by stage.
"""

import asyncio
import json
from pathlib import Path
from typing import Any

from scripts.benchmarks.desk import Desk, Sent
from scripts.benchmarks.figures import Figure, Target, compare
from scripts.benchmarks.latency import take_turns, until_arrived
from scripts.benchmarks.world import ROOT

UNJOURNALED = ROOT / "scripts" / "benchmarks" / "unjournaled.py"
NS_PER_MS = 1e6
PERCENTILES: dict[int, Target | None] = {50: None, 99: None}


async def measure_journaling(folder: Path, bootstrap: str, quick: bool) -> list[Figure]:
    """Measure a signal's way to order_send over the WebSocket, with the journal and without."""
    summary = folder / "summary.json"
    async with Desk(folder / "with", bootstrap) as desk, Desk(folder / "without", bootstrap) as bare:
        for side in (desk, bare):
            await side.open()
        bridge = await desk.trade("--summary", str(summary))
        await bare.trade(launcher=UNJOURNALED)
        own, floor = await take_turns(
            lambda signal_id, buy: desk.over_websocket(signal_id, buy=buy),
            lambda signal_id, buy: bare.over_websocket(signal_id, buy=buy),
            desk.next_id,
            quick=quick,
        )
        times_ms = [await _until_sent_ms(side, sent) for side, sent in ((desk, own), (bare, floor))]
        await bridge.stop()
    said = json.loads(await asyncio.to_thread(summary.read_text))
    return [
        *compare(
            "WebSocket signal to order_send, with the journal (floor: without)", "ms", *times_ms, PERCENTILES
        ),
        *_stages(said["latency_ms"]),
    ]


async def _until_sent_ms(desk: Desk, sent: dict[str, Sent]) -> list[float]:
    """Return how long each signal took to order_send."""
    arrived = await until_arrived(desk, sent)
    return [(arrived[key] - signal.called_ns) / NS_PER_MS for key, signal in sent.items()]


def _stages(latencies: dict[str, dict[str, Any]]) -> list[Figure]:
    """Return how long the stages of a signal took, in the order in which they follow one another."""
    return [
        Figure(f"of that, {name.removeprefix('stage_').replace('_', ' ')}, p50", latency["p50"], "ms")
        for name, latency in latencies.items()
        if name.startswith("stage_")
    ]
