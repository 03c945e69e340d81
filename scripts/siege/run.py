"""The siege's command line: runs it, prints the report, and tells the story of each signal that failed.

    scripts/blackbox [--kills N] [--signals M] [--seed S] [--broker kafka|embedded]

Exit code 0 when nothing was lost, doubled, contradicted or forbidden and no limit was overstepped, else 1;
then the folder with everything that was written is kept.
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

from scripts.siege import report, story  # noqa: E402
from scripts.siege.assault import KILL_WEIGHTS  # noqa: E402
from scripts.siege.judge import judge  # noqa: E402
from scripts.siege.siege import Plan, Siege  # noqa: E402

STORIES_SHOWN = 5


def _positive(text: str) -> int:
    value = int(text) if text.isdigit() else 0
    if value < 1:
        raise argparse.ArgumentTypeError(f"must be a whole number of 1 or more, got {text!r}")
    return value


def _read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="scripts/blackbox", description="Kill everything in a loop and judge the bridge from outside."
    )
    parser.add_argument("--kills", type=_positive, default=200, help="SIGKILLs to give [200]")
    parser.add_argument("--signals", type=_positive, default=2_000, help="entry signals to send [2000]")
    parser.add_argument("--seed", type=int, help="of everything drawn [from the clock]")
    parser.add_argument("--broker", choices=("kafka", "embedded"), default="kafka", help="[kafka]")
    parser.add_argument("--gap", type=float, default=6.0, metavar="SECONDS", help="between kills, mean [6]")
    parser.add_argument(
        "--target",
        action="append",
        choices=tuple(KILL_WEIGHTS),
        default=[],
        help="kill this alone; may be given again",
    )
    parser.add_argument("--folder", type=Path, help="where everything is kept [a temporary one]")
    parser.add_argument("--keep", action="store_true", help="keep the folder also when nothing is wrong")
    return parser.parse_args()


async def _run(plan: Plan) -> bool:
    """Run one siege and print what came of it; return whether nothing is wrong."""
    task = asyncio.current_task()
    assert task is not None  # noqa: S101 - it runs in one
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    began = time.monotonic()
    outcome = await Siege(
        plan, lambda line: print(f"{time.monotonic() - began:6.0f} s  {line}", file=sys.stderr, flush=True)
    ).run()
    verdict = judge(outcome.evidence)
    text = report.render(outcome, verdict)
    stories = [story.tell(case, outcome.evidence, plan.folder) for case in verdict.failed]
    blows = [f"{blow.at_s:.3f} {blow.what} {blow.whom} {blow.detail}\n" for blow in outcome.assault.blows]
    (plan.folder / "blows.txt").write_text("".join(blows), encoding="utf-8")
    (plan.folder / "report.txt").write_text(text + "\n", encoding="utf-8")
    (plan.folder / "stories.txt").write_text("\n\n".join(stories), encoding="utf-8")
    for told in stories[:STORIES_SHOWN]:
        print(told, end="\n\n")
    if len(stories) > STORIES_SHOWN:
        print(f"... and {len(stories) - STORIES_SHOWN} more stories in {plan.folder / 'stories.txt'}\n")
    print(text)
    return verdict.passed


def main() -> int:
    """Run the command line; return the exit code."""
    options = _read_options()
    seed = options.seed if options.seed is not None else time.time_ns() % 1_000_000
    folder = (options.folder or Path(tempfile.mkdtemp(prefix="siege-"))).resolve()
    print(f"seed {seed}, broker {options.broker}, everything is written to {folder}", flush=True)
    os.environ.pop("PYTHONPATH", None)
    plan = Plan(
        options.kills, options.signals, seed, options.broker, options.gap, folder, tuple(options.target)
    )
    passed = asyncio.run(_run(plan))
    if passed and not options.keep and options.folder is None:
        shutil.rmtree(folder)
    print("nothing lost, nothing doubled" if passed else f"FAILED; everything is in {folder}")
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())
