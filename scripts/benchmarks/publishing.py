"""What publishing costs beside its floor: a beat's ticks to their acknowledgement, and as many as it can.

Bridge's sink and bare producer run in this process and take turns with the same ticks, so that whatever else
the computer does hits both.
"""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from scripts.benchmarks.contenders import Bare, Stopwatch, open_sink, stream_settings
from scripts.benchmarks.figures import Figure, Target, compare, percentile
from scripts.benchmarks.market import Market
from scripts.benchmarks.world import World

from hybrid_bridge.core.market import SequencedTick
from hybrid_bridge.simulator.catalogue import CATALOGUE
from hybrid_bridge.streams.tick_publisher import KafkaTickSink

SYMBOLS = tuple(spec.name for spec in CATALOGUE[:28])
PER_BEAT = 28
BEATS, BEATS_QUICK = 400, 80
WARM_UP_BEATS = 20
GAP_S = 0.02
FLOOD, FLOOD_QUICK = 20_000, 6_000
ROUNDS, ROUNDS_QUICK = 7, 3
LATENCY_TARGETS: dict[int, Target | None] = {50: Target(1.2, of_ratio=True), 99: Target(1.5, of_ratio=True)}
RATE_TARGET = Target(1, at_least=True, of_ratio=True)
CPU_TARGET = Target(1, of_ratio=True)


@dataclass(slots=True)
class Taken:
    """What one contender needed, turn by turn.

    Attributes:
        wall_s: until the acknowledgement.
        cpu_s: processor time of this process, which is the contender's alone while it is its turn.
    """

    wall_s: list[float] = field(default_factory=list)
    cpu_s: list[float] = field(default_factory=list)

    def note(self, watch: Stopwatch) -> None:
        """Add a turn that ends now."""
        wall_s, cpu_s = watch.read()
        self.wall_s.append(wall_s)
        self.cpu_s.append(cpu_s)


async def measure_publishing(folder: Path, bootstrap: str, quick: bool) -> list[Figure]:
    """Measure beats, then floods."""
    async with World(folder, bootstrap) as world:
        await world.start_broker(prompt=False)
        own, bare = (stream_settings(world.broker, world.topic(name)) for name in ("own", "bare"))
        sink, floor = await open_sink(own, SYMBOLS), Bare(bare)
        market = Market(SYMBOLS)
        await sink.publish(market.beat(PER_BEAT, _now_msc()))
        await floor.open(like=own)
        try:
            beats = await _beats(sink, floor, market, BEATS_QUICK if quick else BEATS)
            count = FLOOD_QUICK if quick else FLOOD
            floods = await _floods(sink, floor, market, count, ROUNDS_QUICK if quick else ROUNDS)
        finally:
            await floor.close()
            await sink.close()
    return [*_judge_beats(*beats), *_judge_floods(*floods, count)]


async def _beats(sink: KafkaTickSink, floor: Bare, market: Market, count: int) -> tuple[Taken, Taken]:
    own, bare = Taken(), Taken()
    for number in range(WARM_UP_BEATS + count):
        kept = (own, bare) if number >= WARM_UP_BEATS else (Taken(), Taken())
        await _take_turns(sink, floor, market.beat(PER_BEAT, _now_msc()), *kept)
        await asyncio.sleep(GAP_S)
    return own, bare


async def _floods(
    sink: KafkaTickSink, floor: Bare, market: Market, count: int, rounds: int
) -> tuple[Taken, Taken]:
    own, bare = Taken(), Taken()
    for _ in range(rounds):
        await _take_turns(sink, floor, market.beat(count, _now_msc()), own, bare)
    return own, bare


async def _take_turns(
    sink: KafkaTickSink, floor: Bare, ticks: Sequence[SequencedTick], own: Taken, bare: Taken
) -> None:
    messages = floor.messages(ticks)
    watch = Stopwatch()
    await floor.send(messages)
    bare.note(watch)
    watch = Stopwatch()
    await sink.publish(ticks)
    own.note(watch)


def _judge_beats(own: Taken, bare: Taken) -> list[Figure]:
    name = f"{PER_BEAT} ticks at a beat"
    own_ms, bare_ms = ([took * 1e3 for took in taken.wall_s] for taken in (own, bare))
    own_us, bare_us = (sum(taken.cpu_s) / len(taken.cpu_s) / PER_BEAT * 1e6 for taken in (own, bare))
    return [
        *compare(f"{name}: publish to acknowledgement", "ms", own_ms, bare_ms, LATENCY_TARGETS),
        Figure(f"{name}: processor time of a tick", own_us, "us", bare_us, CPU_TARGET),
    ]


def _judge_floods(own: Taken, bare: Taken, count: int) -> list[Figure]:
    name = f"{count:,} ticks at once"
    own_rate, bare_rate = (count / (percentile(taken.wall_s, 50) or 1) for taken in (own, bare))
    own_us, bare_us = ((percentile(taken.cpu_s, 50) or 0) / count * 1e6 for taken in (own, bare))
    return [
        Figure(f"{name}: sustained, half of the rounds", own_rate, "ticks/s", bare_rate, RATE_TARGET),
        Figure(f"{name}: processor time of a tick", own_us, "us", bare_us, CPU_TARGET),
    ]


def _now_msc() -> int:
    return time.time_ns() // 1_000_000
