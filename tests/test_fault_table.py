"""The table of faults in docs/faults.md: all of them are there, and every test that it names exists."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
TABLE = (ROOT / "docs" / "faults.md").read_text(encoding="utf-8")
FAULTS = 26

ROW = re.compile(r"^\| (\d+) \| (.+?) \| (.+?) \| (.+?) \|$", re.MULTILINE)
NAMED = re.compile(r"`(tests/[\w/]+\.py)(?:::(\w+))?`")


def rows() -> dict[int, tuple[str, str, str]]:
    """Fault, what the bridge does, and the tests, by number."""
    return {int(number): (fault, does, tests) for number, fault, does, tests in ROW.findall(TABLE)}


@cache
def functions_of(path: Path) -> frozenset[str]:
    return frozenset(
        node.name
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    )


def test_the_table_has_every_fault_once() -> None:
    assert list(range(1, FAULTS + 1)) == [int(row[0]) for row in ROW.findall(TABLE)]


@pytest.mark.parametrize("number", range(1, FAULTS + 1))
def test_every_fault_names_tests_that_exist(number: int) -> None:
    named = NAMED.findall(rows()[number][2])

    assert named, f"fault {number} names no test"
    for file, function in named:
        path = ROOT / file
        assert path.is_file(), f"fault {number}: no file {file}"
        if function:
            assert function in functions_of(path), f"fault {number}: no {function} in {file}"
