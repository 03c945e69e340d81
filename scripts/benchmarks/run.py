"""The bench: measures the bridge on this computer, prints a table and keeps it as JSON.

    scripts/bench [--only NAME]... [--quick] [--json FILE] [--bootstrap HOST:PORT | --embedded]

Owns the choice of measurements, their order and the broker that all of them use. Each is a module that gives
figures, nearly all with real processes around them. Exit code 0 also when a target is missed: a bench
measures, it does not judge a commit.
"""

import argparse
import asyncio
import json
import os
import signal
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# The root holds a launcher of the package's name: the package must be found first, here and in children.
sys.path[:0] = [str(ROOT / "src"), str(ROOT)]
os.environ["PYTHONPATH"] = os.pathsep.join((str(ROOT / "src"), str(ROOT)))

from scripts.benchmarks import kafka, machine, table  # noqa: E402
from scripts.benchmarks.beats import measure_beats  # noqa: E402
from scripts.benchmarks.compression import measure_compression  # noqa: E402
from scripts.benchmarks.desk import Desk  # noqa: E402
from scripts.benchmarks.figures import Figure  # noqa: E402
from scripts.benchmarks.footprint import measure_footprint  # noqa: E402
from scripts.benchmarks.guard import measure_guard  # noqa: E402
from scripts.benchmarks.journaling import measure_journaling  # noqa: E402
from scripts.benchmarks.latency import measure_redpanda, measure_websocket  # noqa: E402
from scripts.benchmarks.options import NAMES, read_options  # noqa: E402
from scripts.benchmarks.publishing import measure_publishing  # noqa: E402
from scripts.benchmarks.rate import measure_rate  # noqa: E402
from scripts.benchmarks.simulator import measure_simulator  # noqa: E402
from scripts.benchmarks.stall import measure_stall  # noqa: E402
from scripts.benchmarks.ticks import measure_ticks  # noqa: E402

# On one desk: a bridge and both floors, so that their ratios are of one run.
AT_THE_DESK: dict[str, Callable[[Desk, bool], Awaitable[list[Figure]]]] = {
    "redpanda": measure_redpanda,
    "websocket": measure_websocket,
    "rate": measure_rate,
}
ALONE: dict[str, Callable[[Path, str, bool], Awaitable[list[Figure]]]] = {
    "guard": measure_guard,
    "ticks": measure_ticks,
    "beats": measure_beats,
    "publishing": measure_publishing,
    "compression": measure_compression,
    "journaling": measure_journaling,
    "stall": measure_stall,
    "footprint": measure_footprint,
    "simulator": measure_simulator,
}
EMBEDDED = "embedded"
OWN_KAFKA = "Apache Kafka of scripts/kafka"
# Measurements that no broker takes part in.
WITHOUT_BROKER = {"guard", "simulator"}


def choose_broker(options: argparse.Namespace, names: list[str]) -> str:
    """Return which broker is measured with, as it is shown and kept: the best that is here."""
    if options.bootstrap:
        return str(options.bootstrap)
    if options.embedded or WITHOUT_BROKER.issuperset(names):
        return EMBEDDED
    reason = kafka.why_not()
    if reason:
        print(f"measuring with the embedded broker, which keeps nothing: {reason}", file=sys.stderr)
    return EMBEDDED if reason else OWN_KAFKA


async def measure(names: list[str], broker: str, quick: bool) -> dict[str, list[Figure]]:
    """Run measurements with one broker and return their figures by name."""
    if broker == EMBEDDED:
        return await _measure(names, "", quick)
    if broker != OWN_KAFKA:
        return await _measure(names, broker, quick)
    with tempfile.TemporaryDirectory(prefix="bench-kafka-") as folder:
        async with kafka.Kafka(Path(folder)) as own:
            return await _measure(names, own.address, quick)


async def _measure(names: list[str], bootstrap: str, quick: bool) -> dict[str, list[Figure]]:
    """Run measurements one after the other and return their figures by name."""
    figures: dict[str, list[Figure]] = {}
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        at_the_desk = [name for name in AT_THE_DESK if name in names]
        if at_the_desk:
            async with Desk(Path(folder, "desk"), bootstrap) as desk:
                await desk.open()
                await desk.trade()
                await desk.start_floors()
                for name in at_the_desk:
                    _tell(name)
                    figures[name] = await AT_THE_DESK[name](desk, quick)
        for name in (name for name in ALONE if name in names):
            _tell(name)
            figures[name] = await ALONE[name](Path(folder, name), bootstrap, quick)
    return figures


def _tell(name: str) -> None:
    print(f"measuring {name}", file=sys.stderr, flush=True)


def main() -> int:
    """Run the command line; return the exit code."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # So that a broker of its own ends with it.
    options = read_options()
    machine_facts = machine.describe()
    print(machine.line(machine_facts), flush=True)
    names = options.only or list(NAMES)
    broker = choose_broker(options, names)
    print(f"broker: {broker}", flush=True)
    began_s = time.monotonic()
    figures = asyncio.run(measure(names, broker, options.quick))
    shown = [figure for group in figures.values() for figure in group]
    kept = {
        "taken_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": machine_facts,
        "broker": broker,
        "quick": options.quick,
        "seconds": round(time.monotonic() - began_s),
        "figures": {name: [figure.to_json() for figure in group] for name, group in figures.items()},
    }
    options.json.write_text(json.dumps(kept, indent=2) + "\n", encoding="utf-8")
    print(table.render(shown))
    print(f"{table.verdict(shown)}; {kept['seconds']} s, figures kept in {options.json}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
