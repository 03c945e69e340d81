"""docs/redpanda.md: every fault is there in its own words, with a test that makes it."""

import ast
from functools import cache
from pathlib import Path

import pytest
from tests.redpanda_words import PAGE, TESTS, table, written

from hybrid_bridge.streams.diagnosis.faults import FAULTS

ROOT = Path(__file__).parents[1]


@cache
def functions_of(path: Path) -> frozenset[str]:
    return frozenset(
        node.name
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    )


def test_the_table_has_the_words_of_every_fault() -> None:
    """After a change of words: python -m tests.redpanda_words"""
    assert table() == written(PAGE.read_text(encoding="utf-8"))


@pytest.mark.parametrize("key", FAULTS)
def test_every_fault_is_made_by_a_test(key: str) -> None:
    path, _, name = TESTS[key].partition("::")
    assert name in functions_of(ROOT / path)


def test_no_test_is_named_for_a_fault_that_there_is_not() -> None:
    assert set(FAULTS) == set(TESTS)
