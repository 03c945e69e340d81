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
from scripts.endurance.options import TARGETS, read_options  # noqa: E402
from scripts.endurance.trial import Plan, Trial  # noqa: E402

SYMBOLS = ("EURUSD", "GBPUSD", "USDJPY", "XAUUSD")


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
    options = read_options()
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
