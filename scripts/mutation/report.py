#!/usr/bin/env python3
"""Tell what mutation testing found: figures for each module, then every change that no test noticed.

    scripts/mutation/report.py DIR      DIR is where mutmut ran

Reads what mutmut leaves in DIR/mutants: the mutated modules, and beside each a .meta file with how the tests
ended for every mutant.
"""

import ast
import difflib
import json
import re
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

SURVIVED, UNTESTED = 0, 33  # How pytest ended, and what mutmut notes where no test calls the function.


def read_outcomes(meta: Path) -> dict[str, int | None]:
    """Return how the tests ended for each mutant of a module; None where they were not run."""
    return json.loads(meta.read_text(encoding="utf-8"))["exit_code_by_key"]


def verdict(outcome: int | None) -> str:
    """Put an outcome into one word; a test that failed, crashed or never came back has noticed the change."""
    return {SURVIVED: "survived", UNTESTED: "untested", None: "not tried"}.get(outcome, "killed")


def changes(module: Path, names: list[str]) -> Iterator[str]:
    """Yield what each of these mutants changes, as one line."""
    text = module.read_text(encoding="utf-8")
    lines = text.splitlines()
    functions = {node.name: node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.FunctionDef)}
    for name in names:
        short = name.rpartition(".")[2]
        original = functions[re.sub(r"__mutmut_\d+$", "__mutmut_orig", short)]
        mutant = functions[short]
        diff = difflib.unified_diff(
            lines[original.lineno : original.end_lineno],
            lines[mutant.lineno : mutant.end_lineno],
            n=0,
            lineterm="",
        )
        shown = [line for line in diff if line[0] in "+-" and line[:3] not in ("---", "+++")]
        yield f"{name}\n" + "\n".join(f"    {line[0]} {line[1:].strip()}" for line in shown)


def main(folder: Path) -> int:
    """Print the report; 1 when nothing was found to report on."""
    metas = [meta for meta in sorted(folder.glob("mutants/src/**/*.py.meta")) if read_outcomes(meta)]
    if not metas:
        print(f"no results in {folder}", file=sys.stderr)
        return 1
    print(f"{'module':<18} {'mutants':>7} {'killed':>7} {'survived':>8} {'untested':>8} {'not tried':>9}")
    total: Counter[str] = Counter()
    for meta in metas:
        found = Counter(verdict(outcome) for outcome in read_outcomes(meta).values())
        total += found
        print_row(meta.name.removesuffix(".py.meta"), found)
    print_row("in all", total)
    for meta in metas:
        names = [name for name, outcome in read_outcomes(meta).items() if outcome in (SURVIVED, UNTESTED)]
        for change in changes(meta.with_suffix(""), names):
            print(f"\n{change}")
    return 0


def print_row(name: str, found: Counter[str]) -> None:
    """Print one line of the table."""
    print(
        f"{name:<18} {found.total():>7} {found['killed']:>7} {found['survived']:>8} "
        f"{found['untested']:>8} {found['not tried']:>9}"
    )


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
