"""The fuzz: malformed and borderline messages through both decoders and the guard, beside a reference.

    scripts/fuzz [--messages N] [--from S] [--jobs J]
    scripts/fuzz --seed S [--messages N]

Owns the command line and the spreading over processes. A seed makes one session of messages; the same seed
makes the same session. Exit code 1 when bridge and reference differ anywhere, or the bridge raises.
"""

import argparse
import multiprocessing
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# The root holds a launcher of the package's name: the package must be found first.
sys.path[:0] = [str(ROOT / "src"), str(ROOT)]

from scripts.fuzzing.report import Report, tell  # noqa: E402
from scripts.fuzzing.session import MESSAGES, Outcome, run_session  # noqa: E402

TOLD_MAX = 20  # Differences that are printed; all are counted.
TOLD_EVERY = 200  # Sessions.


def main() -> int:
    """Run what the command line asks for; return the exit code."""
    options = _read_options()
    if options.seed is not None:
        messages = options.messages or MESSAGES
        return _run(iter((run_session(options.seed, messages),)), f"seed {options.seed}")
    wanted = options.messages or 1_000_000
    seeds = range(options.first, options.first + -(-wanted // MESSAGES))
    print(
        f"seeds {seeds.start} to {seeds.stop - 1}, {MESSAGES} messages each, {options.jobs} at once",
        flush=True,
    )
    return _run(_outcomes(seeds, options.jobs), f"seeds from {seeds.start}")


def _read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="scripts/fuzz", description="Send the bridge messages that nobody should."
    )
    many = f"how many messages (1000000; of one seed, {MESSAGES})"
    parser.add_argument("--messages", type=int, metavar="N", help=many)
    parser.add_argument("--from", type=int, default=1, metavar="S", dest="first", help="the first seed (1)")
    parser.add_argument("--seed", type=int, metavar="S", help="run this seed alone")
    jobs = os.cpu_count() or 1
    parser.add_argument("--jobs", type=int, default=jobs, metavar="J", help=f"processes at once ({jobs})")
    return parser.parse_args()


def _run(outcomes: Iterator[Outcome], what: str) -> int:
    report, begun_s = Report(), time.monotonic()
    for outcome in outcomes:
        report.add(outcome)
        if outcome.differences and len(report.differences) <= TOLD_MAX:
            print(*map(tell, outcome.differences), sep="\n\n", end="\n\n", flush=True)
        if report.sessions % TOLD_EVERY == 0:
            print(
                f"{report.messages:,} messages, {len(report.differences)} differ", file=sys.stderr, flush=True
            )
    print(report.text(time.monotonic() - begun_s))
    if report.differences:
        print(f"FAILED seeds: {', '.join(str(one.seed) for one in report.differences)}")
        return 1
    print(
        f"{what}: nothing raised; nothing sent that the reference holds back, nothing held back that it sends"
    )
    return 0


def _outcomes(seeds: range, jobs: int) -> Iterator[Outcome]:
    if jobs <= 1:
        yield from map(run_session, seeds)
        return
    with multiprocessing.Pool(jobs) as pool:
        yield from pool.imap(run_session, seeds, chunksize=4)


if __name__ == "__main__":
    sys.exit(main())
