"""Some of the simulated bridges, in a process of their own.

    python -m scripts.scaling.fleet --bootstrap HOST:PORT --run NAME --layout shared|own --first 0 --count 25

Says one JSON line when all of them are connected. Then it obeys lines on standard input, {"ticks_per_s": 8,
"beats_per_s": 10, "settle_s": 3, "seconds": 20}, each answered with a line of what was seen in that time, and
ends with standard input. Its bytes on the wire are counted by the kernel.
"""

import argparse
import asyncio
import dataclasses
import json
import logging
import sys
import time
from typing import Any

import psutil
import structlog
from scripts.benchmarks.wire import Wire
from scripts.scaling.layout import settings_of
from scripts.scaling.member import Member, Pace, Seen

from hybrid_bridge.streams import stop_watcher

JOINING_AT_ONCE = 10
READY_TIMEOUT_S = 90.0
LOOK_S = 0.1
# Percentiles of this many are as good as those of all.
SAMPLES_MAX = 4_000


class Fleet:
    """Bridges that start, beat and are counted together."""

    def __init__(self, options: argparse.Namespace) -> None:
        numbers = range(options.first, options.first + options.count)
        run, layout = options.run, options.layout
        self._members = [
            Member(settings_of(options.bootstrap, run, layout, number), number) for number in numbers
        ]
        self._port = int(options.bootstrap.rpartition(":")[2])

    async def serve(self) -> None:
        """Run until standard input ends."""
        async with asyncio.TaskGroup() as tasks:
            running = [tasks.create_task(member.run()) for member in await self._open()]
            await self._until_up()
            say({"bridges": len(self._members)})
            while line := await asyncio.to_thread(sys.stdin.readline):
                say(await self._watch(json.loads(line)))
            for task in running:
                task.cancel()

    async def _open(self) -> list[Member]:
        gate = asyncio.Semaphore(JOINING_AT_ONCE)

        async def open_one(member: Member) -> None:
            async with gate:
                await member.open()

        await asyncio.gather(*(open_one(member) for member in self._members))
        return self._members

    async def _until_up(self) -> None:
        async with asyncio.timeout(READY_TIMEOUT_S):
            while not all(member.is_up for member in self._members):  # noqa: ASYNC110 - a channel's state is asked
                await asyncio.sleep(LOOK_S)

    async def _watch(self, order: dict[str, float]) -> dict[str, Any]:
        """Let the market be as ordered, wait until that is settled, and count for a while."""
        for member in self._members:
            member.pace = Pace(order["ticks_per_s"], order["beats_per_s"])
        await asyncio.sleep(order["settle_s"])
        for member in self._members:
            member.seen = Seen()
        wire, began_s, cpu_s = Wire(self._port), time.monotonic(), time.process_time()
        batch_bytes, received = self._batch_bytes(), self._received()
        await asyncio.sleep(order["seconds"])
        traffic = wire.since()
        return {
            "seconds": time.monotonic() - began_s,
            "cpu_s": time.process_time() - cpu_s,
            "rss_mb": psutil.Process().memory_info().rss / 1024**2,
            "connections": wire.connections(),
            "batch_bytes": self._batch_bytes() - batch_bytes,
            "received": self._received() - received,
            "wire": {**dataclasses.asdict(traffic), "total": traffic.total},
            **_totals([member.seen for member in self._members]),
        }

    def _batch_bytes(self) -> int:
        return sum(member.batch_bytes for member in self._members)

    def _received(self) -> int:
        return sum(member.received for member in self._members)


def _totals(seen: list[Seen]) -> dict[str, Any]:
    counts = {
        name: sum(getattr(one, name) for one in seen) for name in ("ticks", "publishes", "late", "failures")
    }
    beat_ms = [took for one in seen for took in one.beat_ms]
    signal_ms = [took for one in seen for took in one.signal_ms]
    return {
        **counts,
        "beat_ms": _thinned(beat_ms),
        "signal_ms": _thinned(signal_ms),
        "signals": len(signal_ms),
    }


def _thinned(samples: list[float]) -> list[float]:
    return [round(sample, 3) for sample in samples[:: len(samples) // SAMPLES_MAX + 1]]


def say(fact: dict[str, Any]) -> None:
    """Print one line."""
    print(json.dumps(fact), flush=True)


def main() -> None:
    """Read the command line and serve; standard output is for the lines alone."""
    level = structlog.make_filtering_bound_logger(logging.WARNING)
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr), wrapper_class=level)
    parser = argparse.ArgumentParser(prog="python -m scripts.scaling.fleet")
    parser.add_argument("--bootstrap", required=True, metavar="HOST:PORT")
    parser.add_argument("--run", required=True)
    parser.add_argument("--layout", required=True, choices=("shared", "own"))
    parser.add_argument("--first", type=int, required=True)
    parser.add_argument("--count", type=int, required=True)
    parser.add_argument("--stop-wait-ms", type=int, default=stop_watcher.FETCH_WAIT_MS)
    options = parser.parse_args()
    stop_watcher.FETCH_WAIT_MS = options.stop_wait_ms
    asyncio.run(Fleet(options).serve())


if __name__ == "__main__":
    main()
