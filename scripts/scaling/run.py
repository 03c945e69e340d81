"""What one account costs a broker that many share: measured with simulated bridges, then reckoned up.

    scripts/scale [--bridges 50] [--processes 2] [--seconds 20] [--json FILE] [--bootstrap HOST:PORT]

Owns the phases: a quiet market, a busy one, slow beats, signals, and bridges that only listen; first with
all accounts on three topics, then with three topics each. The broker is the one of scripts/kafka unless
another is named, whose processor time and disk are then not seen. Exit code 0 when all was measured.
"""

import argparse
import asyncio
import itertools
import json
import os
import signal
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
# The root holds a launcher of the package's name: the package must be found first, here and in children.
sys.path[:0] = [str(ROOT / "src"), str(ROOT)]
os.environ["PYTHONPATH"] = os.pathsep.join((str(ROOT / "src"), str(ROOT)))

from scripts.benchmarks import kafka, machine  # noqa: E402
from scripts.benchmarks.figures import percentile  # noqa: E402
from scripts.scaling import costs, report  # noqa: E402
from scripts.scaling.costs import Account, Observation  # noqa: E402
from scripts.scaling.layout import Layout, tick_prefix  # noqa: E402
from scripts.scaling.options import read_options  # noqa: E402
from scripts.scaling.processes import FleetProcess, SignalSender  # noqa: E402

SETTLE_S = 4.0
# A Java broker is slow until it has compiled what it does often; then it is left alone for a moment.
WARM_UP_S, REST_S = 15.0, 10.0
RETENTION_DAYS = 7
SIGNALS_A_DAY = 20
COUNTS = (10, 1_000, 100_000)


@dataclass(frozen=True, slots=True)
class Phase:
    """What every account does for a while; rates are for one account."""

    name: str
    ticks_per_s: float = 0.0
    beats_per_s: float = 10.0
    signals_per_s: float = 0.0


IDLE = Phase("idle")
QUIET = Phase("quiet", ticks_per_s=8)  # Four symbols of two ticks a second: the mean of a real day.
BUSY = Phase("busy", ticks_per_s=80)
SLOW = Phase("slow beats", ticks_per_s=8, beats_per_s=1)
SIGNALS = Phase("signals", ticks_per_s=8, signals_per_s=0.2)
PHASES: dict[Layout, tuple[Phase, ...]] = {
    # The idle phase last: by then the broker has compiled what it does.
    "shared": (QUIET, BUSY, SLOW, SIGNALS, IDLE),
    "own": (QUIET, BUSY, SIGNALS, IDLE),
}


class Measurement:
    """One broker, the fleets on it, and what was seen of both."""

    def __init__(self, options: argparse.Namespace, broker: kafka.Kafka | None, bootstrap: str) -> None:
        self._options = options
        self._broker = broker
        self._bootstrap = bootstrap

    async def warm_up(self) -> dict[str, Any]:
        """Let everything be done once; return how the broker is afterwards, with nobody connected."""
        run = f"scale-{os.getpid()}-warm-up"
        async with self._fleets(run, "own") as fleets:
            await asyncio.gather(*(fleet.ask(_order(BUSY, WARM_UP_S)) for fleet in fleets))
        return await self._watch_broker(run, REST_S)

    async def layout(self, layout: Layout) -> list[dict[str, Any]]:
        """Measure every phase of a layout."""
        run = f"scale-{os.getpid()}-{layout}"
        async with self._fleets(run, layout) as fleets:
            return [await self._phase(phase, run, layout, fleets) for phase in PHASES[layout]]

    @asynccontextmanager
    async def _fleets(self, run: str, layout: Layout) -> AsyncIterator[list[FleetProcess]]:
        bridges, processes = self._options.bridges, self._options.processes
        edges = [bridges * number // processes for number in range(processes + 1)]
        async with AsyncExitStack() as stack:
            fleets = []
            for first, end in itertools.pairwise(edges):
                arguments = ("--bootstrap", self._bootstrap, "--run", run, "--layout", layout)
                own = ("--first", str(first), "--count", str(end - first))
                wait = (
                    ("--stop-wait-ms", str(self._options.stop_wait_ms)) if self._options.stop_wait_ms else ()
                )
                fleets.append(FleetProcess((*arguments, *own, *wait)))
            await asyncio.gather(*(stack.enter_async_context(fleet) for fleet in fleets))
            yield fleets

    async def _phase(
        self, phase: Phase, run: str, layout: Layout, fleets: list[FleetProcess]
    ) -> dict[str, Any]:
        print(f"measuring {layout}, {phase.name}", file=sys.stderr, flush=True)
        seconds = self._options.seconds
        order = _order(phase, seconds)
        lasts_s = SETTLE_S + seconds
        with SignalSender(self._bootstrap, run, layout, self._options.bridges) as sender:
            asked = asyncio.gather(
                self._watch_broker(run, seconds),
                sender.send(phase.signals_per_s, lasts_s),
                *(fleet.ask(order) for fleet in fleets),
            )
            broker, sent, *reports = await asked
        both = {**broker, **merged(reports), "signals_sent": sent / lasts_s}
        return {"layout": layout, "phase": phase.name, **both, "load": os.getloadavg()[0]}

    async def _watch_broker(self, run: str, seconds: float) -> dict[str, Any]:
        """Look at the broker while the fleets count."""
        await asyncio.sleep(SETTLE_S)
        if self._broker is None:
            return {"broker_cpu": None, "disk_bytes": None, "broker_rss_mb": None}
        cpu_s, disk = self._broker.cpu_s(), self._broker.bytes_on_disk(tick_prefix(run))
        await asyncio.sleep(seconds)
        return {
            "broker_cpu": (self._broker.cpu_s() - cpu_s) / seconds,
            "disk_bytes": (self._broker.bytes_on_disk(tick_prefix(run)) - disk) / seconds,
            "broker_rss_mb": self._broker.rss_mb(),
        }


def _order(phase: Phase, seconds: float) -> dict[str, float]:
    rates = {"ticks_per_s": phase.ticks_per_s, "beats_per_s": phase.beats_per_s}
    return {**rates, "settle_s": SETTLE_S, "seconds": seconds}


def merged(reports: list[dict[str, Any]]) -> dict[str, Any]:
    """Return what all fleets saw together, as rates a second."""
    seconds = max(one["seconds"] for one in reports)
    counted = ("ticks", "publishes", "late", "failures", "batch_bytes", "signals", "received", "cpu_s")
    beats_ms = [took for one in reports for took in one["beat_ms"]]
    signals_ms = [took for one in reports for took in one["signal_ms"]]
    return {
        **{name: sum(one[name] for one in reports) / seconds for name in counted},
        **{
            f"wire_{name}": sum(one["wire"][name] for one in reports) / seconds for name in reports[0]["wire"]
        },
        "connections": sum(one["connections"] for one in reports),
        "rss_mb": sum(one["rss_mb"] for one in reports),
        **{f"beat_ms_p{percent}": percentile(beats_ms, percent) for percent in (50, 99)},
        **{f"signal_ms_p{percent}": percentile(signals_ms, percent) for percent in (50, 99)},
    }


def observation(row: dict[str, Any], bridges: int) -> Observation:
    """Return a phase as the reckoning takes it; every bridge reads every signal that its topic has."""
    readers = 2 * (bridges if row["layout"] == "shared" else 1)
    return Observation(
        shared=row["layout"] == "shared",
        bridges=bridges,
        ticks=row["ticks"],
        publishes=row["publishes"],
        signals=row["signals_sent"],
        deliveries=row["signals_sent"] * readers,
        broker_cpu=row["broker_cpu"],
        wire_bytes=row["wire_total"],
        disk_bytes=row["disk_bytes"],
    )


def reckon(rows: list[dict[str, Any]], base: dict[str, Any], bridges: int) -> dict[str, Any]:
    """Return prices, and what 10, 1,000 and 100,000 quiet accounts need.

    Nothing where the broker's own processor time was not seen.
    """
    base_cpu = base["broker_cpu"]
    if base_cpu is None:
        return {}
    seen = {(row["layout"], row["phase"]): observation(row, bridges) for row in rows}
    prices = costs.prices_of(list(seen.values()), base_cpu)
    quiet = seen["own", QUIET.name]
    account = Account(
        ticks=quiet.ticks / bridges,
        publishes=quiet.publishes / bridges,
        signals=SIGNALS_A_DAY / costs.SECONDS_A_DAY,
        tick_bytes=quiet.disk_bytes / quiet.ticks,
    )
    return {
        "prices": asdict(prices),
        "account": asdict(account),
        "needs": [asdict(need) for need in costs.needs(account, prices, COUNTS, RETENTION_DAYS)],
    }


async def measure(options: argparse.Namespace) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Measure the broker alone and both layouts.

    Raises:
        RuntimeError: when no broker was named and none can be run here.
    """
    if options.bootstrap:
        return await _layouts(Measurement(options, None, options.bootstrap))
    if reason := kafka.why_not():
        raise RuntimeError(f"no broker to measure: {reason}; or name one by --bootstrap HOST:PORT")
    with tempfile.TemporaryDirectory(prefix="scale-") as folder:
        async with kafka.Kafka(Path(folder)) as broker:
            return await _layouts(Measurement(options, broker, broker.address))


async def _layouts(measurement: Measurement) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    base = await measurement.warm_up()
    return base, [row for layout in PHASES for row in await measurement.layout(layout)]


def main() -> int:
    """Run the command line; return the exit code."""
    if sys.platform != "linux":
        print(f"scripts/scale counts bytes as Linux does, and this is {sys.platform}", file=sys.stderr)
        return 1
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # So that broker and fleets end with this.
    options = read_options()
    facts = machine.describe()
    print(
        f"{machine.line(facts)}\nbroker: {options.bootstrap or 'Apache Kafka of scripts/kafka'}", flush=True
    )
    try:
        base, rows = asyncio.run(measure(options))
    except RuntimeError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("stopped; nothing is kept", file=sys.stderr)
        return 1
    reckoned = reckon(rows, base, options.bridges)
    kept = {
        "taken_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": facts,
        "bridges": options.bridges,
        "base": base,
        "phases": rows,
        **reckoned,
    }
    options.json.write_text(json.dumps(kept, indent=2) + "\n", encoding="utf-8")
    print(report.render(rows, base, options.bridges))
    print(report.render_reckoning(reckoned))
    print(f"figures kept in {options.json}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
