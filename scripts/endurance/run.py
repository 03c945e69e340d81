"""The endurance trial's command line: runs it and prints what came of it.

    scripts/endure [--target broker|bridge|both] [--kills N] [--minutes M] [--stop SECONDS] [--ticks FILE ...]

Exit code 0 when every tick that was played is in the topic once and in order, else 1; then the folder with
everything that was written is kept.
"""

import argparse
import asyncio
import os
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# The root holds a launcher of the package's name: the package must be found first, here and in children.
sys.path[:0] = [str(ROOT / "src"), str(ROOT)]

from scripts.endurance import report  # noqa: E402
from scripts.endurance.judge import judge  # noqa: E402
from scripts.endurance.trial import Plan, Trial  # noqa: E402

SYMBOLS = ("EURUSD", "GBPUSD", "USDJPY", "XAUUSD")
TARGETS = {"broker": ("broker",), "bridge": ("bridge",), "both": ("broker", "bridge")}


def _read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="scripts/endure",
        description="Let ticks flow through terminal, bridge and Kafka while one of them is killed,"
        " and compare what arrived with what was played.",
    )
    parser.add_argument("--target", choices=tuple(TARGETS), default="broker", help="what is killed [broker]")
    parser.add_argument("--kills", type=int, default=20, help="SIGKILLs [20]")
    parser.add_argument("--minutes", type=float, default=10.0, help="over which they are spread [10]")
    parser.add_argument(
        "--stop", type=float, default=300.0, metavar="SECONDS", help="one stop afterwards; 0: none [300]"
    )
    parser.add_argument("--rate", type=float, default=200.0, help="ticks made per second, all symbols [200]")
    parser.add_argument(
        "--ticks", type=Path, action="append", default=[], help="play this file instead; may be given again"
    )
    parser.add_argument("--seed", type=int, help="of everything drawn [from the clock]")
    parser.add_argument("--folder", type=Path, help="where everything is kept [a temporary one]")
    options = parser.parse_args()
    if options.kills < 0 or options.minutes < 0 or options.stop < 0 or options.rate <= 0:
        parser.error("--kills, --minutes and --stop must be 0 or more, --rate above 0")
    return options


def _plan(options: argparse.Namespace) -> Plan:
    seed = options.seed if options.seed is not None else time.time_ns() % 1_000_000
    folder = (options.folder or Path(tempfile.mkdtemp(prefix="endurance-"))).resolve()
    return Plan(
        targets=TARGETS[options.target],
        kills=options.kills,
        over_s=options.minutes * 60,
        stop_s=options.stop,
        symbols=SYMBOLS,
        per_second=options.rate,
        ticks=tuple(file.resolve() for file in options.ticks),
        seed=seed,
        folder=folder,
    )


async def _run(plan: Plan) -> bool:
    """Run one trial and print what came of it; return whether nothing is wrong."""
    task = asyncio.current_task()
    assert task is not None  # noqa: S101 - it runs in one
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    began = time.monotonic()
    outcome = await Trial(
        plan, lambda line: print(f"{time.monotonic() - began:6.0f} s  {line}", file=sys.stderr, flush=True)
    ).run()
    findings = judge(outcome.messages, outcome.played)
    text = report.render(outcome, findings)
    (plan.folder / "report.txt").write_text(text + "\n", encoding="utf-8")
    print(text)
    return report.passed(outcome, findings)


def main() -> int:
    """Run the command line; return the exit code."""
    options = _read_options()
    plan = _plan(options)
    print(f"seed {plan.seed}, everything is written to {plan.folder}", flush=True)
    os.environ.pop("PYTHONPATH", None)
    passed = asyncio.run(_run(plan))
    if passed and options.folder is None:
        shutil.rmtree(plan.folder)
    print("nothing missing, nothing doubled, all in order" if passed else f"FAILED; see {plan.folder}")
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())
