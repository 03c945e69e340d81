"""Ticks a second without loss: a flood over 28 symbols, judged at the topic by another Kafka client."""

import asyncio
import itertools
import json
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from confluent_kafka import Consumer, TopicPartition
from scripts.benchmarks import tick_files
from scripts.benchmarks.figures import Figure, Target, percentile
from scripts.benchmarks.load import Load
from scripts.benchmarks.tick_files import Flood
from scripts.benchmarks.world import World

from hybrid_bridge.simulator.catalogue import CATALOGUE

SYMBOLS = tuple(spec.name for spec in CATALOGUE[:28])
TICKS_PER_S = 5_000
# A little more than the target, so that the middle of the flood can be held against it.
FLOOD_PER_S = 5_200
SLOW_S, FLOOD_S, FLOOD_QUICK_S = 10, 20, 5
QUIET_S = 1.5
CONSUMER_TIMEOUT_S = 10.0
NS_PER_MS = 1e6


@dataclass(frozen=True, slots=True)
class Seen:
    """A tick at the topic, as the judge met it."""

    at_ns: int
    symbol: str
    seq: int
    number: int
    time_msc: int


async def measure_ticks(folder: Path, bootstrap: str, quick: bool) -> list[Figure]:
    """Play the flood and judge the topic."""
    flood = Flood(SYMBOLS, SLOW_S, FLOOD_QUICK_S if quick else FLOOD_S, FLOOD_PER_S)
    times = tick_files.draw(flood)
    files = tick_files.write(folder / "files", times)
    async with World(folder, bootstrap) as world:
        await world.start_broker(prompt=False)
        replay = [part for file in files for part in ("--ticks", str(file))]
        await world.start_simulator("--symbols", ",".join(SYMBOLS), *replay)
        begin_s = time.monotonic()
        bridge = await world.start_bridge(SYMBOLS=",".join(SYMBOLS))
        judge = Judge(world.broker, world.topic("ticks"))
        judge.start()
        await asyncio.sleep(begin_s + SLOW_S - time.monotonic())
        load = Load(bridge.pid)
        await asyncio.sleep(begin_s + SLOW_S + flood.flood_s - time.monotonic())
        own_cpu, tree_cpu = load.cpu_percent()
        seen = await asyncio.to_thread(judge.finish)
    return [
        *_judged(seen, times, flood),
        Figure("ticks: processor time of the daemon", own_cpu, "% of a core"),
        Figure("ticks: processor time with its lanes", tree_cpu, "% of a core"),
    ]


def _judged(seen: Sequence[Seen], times: dict[str, list[int]], flood: Flood) -> list[Figure]:
    first = flooded(times, flood)
    lost, disordered = verdict(seen, {symbol: len(moments) for symbol, moments in times.items()}, first)
    age_ms = [tick.at_ns / NS_PER_MS - tick.time_msc for tick in seen if tick.number >= first[tick.symbol]]
    name = f"ticks, {len(flood.symbols)} symbols"
    return [
        Figure(
            f"{name}: published",
            middle_rate([tick.at_ns for tick in seen]),
            "ticks/s",
            target=Target(TICKS_PER_S, at_least=True),
        ),
        Figure(f"{name}: lost", lost, "ticks", target=Target(0)),
        Figure(f"{name}: repeated or out of order", disordered, "ticks", target=Target(0)),
        Figure(f"{name}: from its time to the topic's reader, p50", percentile(age_ms, 50), "ms"),
        Figure(f"{name}: from its time to the topic's reader, p99", percentile(age_ms, 99), "ms"),
    ]


def flooded(times: dict[str, list[int]], flood: Flood) -> dict[str, int]:
    """Return by symbol the number of the flood's first tick."""
    begin = tick_files.START_MSC + flood.slow_s * 1000
    return {symbol: sum(moment < begin for moment in moments) for symbol, moments in times.items()}


def verdict(seen: Sequence[Seen], counts: dict[str, int], first: dict[str, int]) -> tuple[int, int]:
    """Return how many ticks of the flood are missing, and how many came again or in the wrong place.

    Args:
        counts: ticks by symbol.
        first: by symbol, the number of the first one that must be there.
    """
    lost = disordered = 0
    for symbol, count in counts.items():
        ticks = [tick for tick in seen if tick.symbol == symbol]
        wanted = set(range(first[symbol], count))
        lost += len(wanted - {tick.number for tick in ticks})
        pairs = itertools.pairwise(ticks)
        disordered += sum(
            after.number != before.number + 1 or after.seq != before.seq + 1 for before, after in pairs
        )
    return lost, disordered


def middle_rate(times_ns: Sequence[int]) -> float | None:
    """Return events a second over the middle eight tenths of their number; None of too few."""
    ordered = sorted(times_ns)
    if len(ordered) < 10:
        return None
    middle = ordered[len(ordered) // 10 : len(ordered) - len(ordered) // 10]
    return (len(middle) - 1) / max(middle[-1] - middle[0], 1) * 1e9


class Judge(threading.Thread):
    """Reads the tick topic while it is written, with a client that is not the bridge's."""

    def __init__(self, broker: str, topic: str) -> None:
        super().__init__(daemon=True)
        self._topic = topic
        # The embedded broker answers an empty fetch when the whole wait is over.
        options = {"bootstrap.servers": broker, "group.id": f"judge-{time.time_ns()}", "log_level": 0}
        self._consumer = Consumer({**options, "fetch.wait.max.ms": 5, "enable.auto.commit": False})
        self._asked_to_finish = threading.Event()
        self._raw: list[tuple[int, bytes, bytes]] = []

    def run(self) -> None:
        """Read until asked to finish, and then until nothing has come for a while."""
        partitions = (
            self._consumer.list_topics(self._topic, CONSUMER_TIMEOUT_S).topics[self._topic].partitions
        )
        self._consumer.assign([TopicPartition(self._topic, number, 0) for number in partitions])
        last_s = time.monotonic()
        while not self._asked_to_finish.is_set() or time.monotonic() < last_s + QUIET_S:
            messages = self._consumer.consume(1_000, 0.01)
            now_ns = time.time_ns()
            for message in messages:
                key, value = message.key(), message.value()
                if message.error() is None and key is not None and value is not None:
                    self._raw.append((now_ns, key, value))
                    last_s = time.monotonic()
        self._consumer.close()

    def finish(self) -> list[Seen]:
        """Return everything there is in the topic."""
        self._asked_to_finish.set()
        self.join()
        return [_seen(*raw) for raw in self._raw]


def _seen(at_ns: int, key: bytes, value: bytes) -> Seen:
    tick = json.loads(value)["data"]
    return Seen(at_ns, key.decode(), tick["seq"], tick_files.number_of(tick["bid"]), tick["time_msc"])
