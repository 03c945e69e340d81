"""docs/check.md: every fault of terminal and backend is there in its own words, with a test that makes it."""

import ast
from functools import cache
from pathlib import Path

import pytest
from tests.check_words import PAGE, TABLES, TESTS, table, written

ROOT = Path(__file__).parents[1]
KEYS = [(part, key) for part, words in TABLES.items() for key in words]


@cache
def functions_of(path: Path) -> frozenset[str]:
    return frozenset(
        node.name
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    )


@pytest.mark.parametrize("part", TABLES)
def test_the_table_has_the_words_of_every_fault(part: str) -> None:
    """After a change of words: python -m tests.check_words"""
    assert table(part) == written(PAGE.read_text(encoding="utf-8"), part)


@pytest.mark.parametrize(("part", "key"), KEYS)
def test_every_fault_is_made_by_a_test(part: str, key: str) -> None:
    path, _, name = TESTS[part][key].partition("::")
    assert name in functions_of(ROOT / path)


@pytest.mark.parametrize("part", TABLES)
def test_no_test_is_named_for_a_fault_that_there_is_not(part: str) -> None:
    assert set(TABLES[part]) == set(TESTS[part])
