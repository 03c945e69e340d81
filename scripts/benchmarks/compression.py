"""What compressing ticks saves and costs, codec by codec and beat by beat, and what lingering would add.

Each codec has a topic and a sink of its own; all take turns with the same ticks. Bytes are those of the
record batches as the broker is sent them, which is also how it keeps them; what is around them on the wire
`scripts/scale` measures.
"""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from scripts.benchmarks.contenders import (
    CODECS,
    DEFAULT_CODEC,
    Bare,
    Codec,
    Stopwatch,
    open_sink,
    stream_settings,
)
from scripts.benchmarks.figures import Figure, percentile
from scripts.benchmarks.market import Market
from scripts.benchmarks.publishing import SYMBOLS
from scripts.benchmarks.world import World

from hybrid_bridge.core.market import SequencedTick
from hybrid_bridge.streams.tick_publisher import KafkaTickSink

# A quiet account, one of 4 symbols in a busy hour, one of 28, and what is caught up after an outage.
PER_BEAT = (1, 5, 28, 2_000)
BEATS, BEATS_QUICK = 150, 30
BEATS_OF_MANY, BEATS_OF_MANY_QUICK = 15, 5
WARM_UP_BEATS = 5
GAP_S = 0.01
MANY = 1_000
LINGERS_MS = (0, 5, 20)
LINGER_BEATS, LINGER_BEATS_QUICK = 100, 20
LINGER_PER_BEAT = 28


@dataclass(slots=True)
class Cost:
    """What one codec needed for beats of one size."""

    ticks: int = 0
    sent_bytes: int = 0
    cpu_s: float = 0.0
    wall_ms: list[float] = field(default_factory=list)

    async def publish(self, sink: KafkaTickSink, ticks: list[SequencedTick]) -> None:
        """Publish a beat and note what it cost."""
        before = sink.bytes_sent
        watch = Stopwatch()
        await sink.publish(ticks)
        wall_s, cpu_s = watch.read()
        self.ticks += len(ticks)
        self.sent_bytes += sink.bytes_sent - before
        self.cpu_s += cpu_s
        self.wall_ms.append(wall_s * 1e3)


async def measure_compression(folder: Path, bootstrap: str, quick: bool) -> list[Figure]:
    """Measure every codec with beats of every size, then what a linger does to one."""
    async with World(folder, bootstrap) as world:
        await world.start_broker(prompt=False)
        figures: list[Figure] = []
        async with _sinks(world) as sinks:
            markets = {codec: Market(SYMBOLS) for codec in sinks}  # The same ticks for each.
            for per_beat in PER_BEAT:
                costs = await _take_turns(sinks, markets, per_beat, quick=quick)
                figures += _judge(per_beat, costs)
        return [*figures, *await _linger(world, LINGER_BEATS_QUICK if quick else LINGER_BEATS)]


@asynccontextmanager
async def _sinks(world: World) -> AsyncIterator[dict[Codec, KafkaTickSink]]:
    sinks: dict[Codec, KafkaTickSink] = {}
    try:
        for codec in CODECS:
            sinks[codec] = await open_sink(stream_settings(world.broker, world.topic(codec), codec), SYMBOLS)
        yield sinks
    finally:
        for sink in sinks.values():
            await sink.close()


async def _take_turns(
    sinks: dict[Codec, KafkaTickSink], markets: dict[Codec, Market], per_beat: int, *, quick: bool
) -> dict[Codec, Cost]:
    count = BEATS_QUICK if quick else BEATS
    if per_beat >= MANY:
        count = BEATS_OF_MANY_QUICK if quick else BEATS_OF_MANY
    costs: dict[Codec, Cost] = {}
    for number in range(WARM_UP_BEATS + count):
        if number in (0, WARM_UP_BEATS):
            costs = {codec: Cost() for codec in sinks}
        for codec, sink in sinks.items():
            await costs[codec].publish(sink, markets[codec].beat(per_beat, _now_msc()))
            await asyncio.sleep(GAP_S)
    return costs


def _judge(per_beat: int, costs: dict[Codec, Cost]) -> list[Figure]:
    """Return each codec's figures beside those of no codec."""
    figures = []
    plain = costs["none"]
    for codec, cost in costs.items():
        name = f"{per_beat:,} ticks a beat, {codec}"
        plain_bytes = None if cost is plain else plain.sent_bytes / plain.ticks
        plain_us = None if cost is plain else plain.cpu_s / plain.ticks * 1e6
        plain_ms = None if cost is plain else percentile(plain.wall_ms, 50)
        figures += [
            Figure(f"{name}: size of a tick", cost.sent_bytes / cost.ticks, "bytes", plain_bytes),
            Figure(f"{name}: processor time of a tick", cost.cpu_s / cost.ticks * 1e6, "us", plain_us),
            Figure(f"{name}: publish to acknowledgement, p50", percentile(cost.wall_ms, 50), "ms", plain_ms),
        ]
    return figures


async def _linger(world: World, count: int) -> list[Figure]:
    """Let bare producers linger over the same beats: nothing comes between two beats that could join one."""
    own = stream_settings(world.broker, world.topic(DEFAULT_CODEC))
    market, took_ms = Market(SYMBOLS), {linger_ms: list[float]() for linger_ms in LINGERS_MS}
    bares = {ms: Bare(stream_settings(world.broker, world.topic(f"linger{ms}")), ms) for ms in LINGERS_MS}
    try:
        for bare in bares.values():
            await bare.open(like=own)
        for _ in range(count):
            messages = bares[0].messages(market.beat(LINGER_PER_BEAT, _now_msc()))
            for linger_ms, bare in bares.items():
                watch = Stopwatch()
                await bare.send(messages)
                took_ms[linger_ms].append(watch.read()[0] * 1e3)
                await asyncio.sleep(GAP_S)
    finally:
        for bare in bares.values():
            await bare.close()
    none = percentile(took_ms[0], 50)
    return [
        Figure(
            f"{LINGER_PER_BEAT} ticks a beat, linger {linger_ms} ms: send to acknowledgement, p50",
            percentile(samples, 50),
            "ms",
            none if linger_ms else None,
        )
        for linger_ms, samples in took_ms.items()
    ]


def _now_msc() -> int:
    return time.time_ns() // 1_000_000
