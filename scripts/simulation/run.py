"""The deterministic simulation: many seeds and their report, or one seed and its story.

    scripts/simulate [--seeds N] [--from S] [--jobs J]
    scripts/simulate --seed S

Owns the command line and the spreading over processes. Exit code 1 when any seed fails its judgement.
"""

import argparse
import multiprocessing
import os
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
# The root holds a launcher of the package's name: the package must be found first.
sys.path[:0] = [str(ROOT / "src"), str(ROOT)]

from scripts.simulation.report import Report  # noqa: E402
from scripts.simulation.story import tell, tell_failures  # noqa: E402
from scripts.simulation.world import Outcome, World  # noqa: E402

TOLD_MAX = 40  # Stories of failures that are printed; the numbers of all seeds are.
FILES = Path("/dev/shm")  # noqa: S108 - a memory disk, where there is one


def run_seed(seed: int, *, whole: bool = False, planted: Sequence[tuple[Any, str, Any]] = ()) -> Outcome:
    """Run one seed; the story of one that went well is dropped unless the whole is wanted.

    Args:
        planted: parts of the bridge that others are put in place of.
    """
    with tempfile.TemporaryDirectory(prefix="simulate-", dir=FILES if FILES.is_dir() else None) as folder:
        outcome = World(seed, Path(folder), planted).run(tell=whole)
    if not whole and not outcome.verdict.failures:
        outcome.story = []
    return outcome


def main() -> int:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(prog="scripts/simulate", description="Simulate the bridge under faults.")
    parser.add_argument("--seeds", type=int, default=300, metavar="N", help="how many seeds (300)")
    parser.add_argument("--from", type=int, default=1, metavar="S", dest="first", help="the first seed (1)")
    parser.add_argument("--seed", type=int, metavar="S", help="run this seed alone and tell its story")
    jobs = os.cpu_count() or 1
    parser.add_argument("--jobs", type=int, default=jobs, metavar="J", help=f"processes at once ({jobs})")
    options = parser.parse_args()
    if options.seed is not None:
        outcome = run_seed(options.seed, whole=True)
        print(tell(outcome))
        return 1 if outcome.verdict.failures else 0
    return _run_many(range(options.first, options.first + options.seeds), options.jobs)


def _run_many(seeds: range, jobs: int) -> int:
    report, begun_s, told = Report(), time.monotonic(), 0
    for outcome in _outcomes(seeds, jobs):
        report.add(outcome)
        if outcome.verdict.failures and told < TOLD_MAX:
            told += 1
            print(tell_failures(outcome), flush=True)
        if report.seeds % 100 == 0:
            print(f"{report.seeds} seeds, {len(report.failed)} failed", file=sys.stderr, flush=True)
    print(report.text(time.monotonic() - begun_s))
    if report.failed:
        print(f"FAILED seeds: {', '.join(map(str, sorted(report.failed)))}")
        return 1
    print("nothing lost, nothing doubled")
    return 0


def _outcomes(seeds: range, jobs: int) -> Iterator[Outcome]:
    if jobs <= 1:
        yield from map(run_seed, seeds)
        return
    with multiprocessing.Pool(jobs, maxtasksperchild=200) as pool:
        yield from pool.imap(run_seed, seeds, chunksize=4)


if __name__ == "__main__":
    sys.exit(main())
