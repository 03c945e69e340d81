"""Looks for the seed that catches each planted bug, and keeps the table of them.

`python -m tests.simulation.catching` tries every bug and writes `docs/planted-bugs.md`; the tests catch them
again, the documented seed first.
"""

import multiprocessing
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from scripts.simulation.run import run_seed
from tests.simulation.bug import Bug
from tests.simulation.planted import BUGS

SEEDS_MAX = 1_000
HEAD = (
    "# Planted bugs",
    "",
    "A proof that cannot fail is none. Each of these bugs was put into the simulated bridge, one at a time;",
    "the table names a seed that caught it, and what the simulation's judge said. The tests catch every one",
    "of them again. Written by `python -m tests.simulation.catching`.",
    "",
    "| bug | seed | judged | words |",
    "|---|---|---|---|",
)
TABLE = Path(__file__).resolve().parents[2] / "docs" / "planted-bugs.md"


@dataclass(frozen=True, slots=True)
class Catch:
    """How a bug was caught."""

    seed: int
    judgement: str
    words: str


def catch(bug: Bug, seeds: Sequence[int]) -> Catch | None:
    """Return the first of these seeds that catches a bug, and that is well without it."""
    for seed in seeds:
        outcome = run_seed(seed, planted=bug.plant())
        found = [failure for failure in outcome.verdict.failures if failure.kind in bug.caught_as]
        if found and not run_seed(seed).verdict.failures:
            return Catch(seed, found[0].kind, f"{found[0].key} {found[0].text}".strip())
    return None


def documented() -> dict[str, int]:
    """Return the seed that the document names for each bug."""
    if not TABLE.exists():
        return {}
    rows = [
        line.split("|") for line in TABLE.read_text(encoding="utf-8").splitlines() if line.startswith("| ")
    ]
    return {row[1].strip(): int(row[2]) for row in rows if row[2].strip().isdigit()}


def look_for(number: int) -> Catch | None:
    """Look for one bug, with the documented seed first."""
    bug = BUGS[number]
    known = documented()
    first = [known[bug.name]] if bug.name in known else []
    return catch(bug, list(dict.fromkeys([*first, *range(1, SEEDS_MAX + 1)])))


def main() -> int:
    """Look for every bug and write the document."""
    lines = [*HEAD]
    missed = 0
    with multiprocessing.Pool() as pool:
        for bug, caught in zip(BUGS, pool.imap(look_for, range(len(BUGS))), strict=True):
            missed += caught is None
            row = f"{caught.seed} | {caught.judgement} | {caught.words}" if caught else "none | not caught | "
            print(f"{bug.name}: {row}", flush=True)
            lines.append(f"| {bug.name} | {row} |")
    TABLE.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
