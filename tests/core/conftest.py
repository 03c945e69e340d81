"""Runs the tests that are marked `alone` in a process of their own."""

import functools
import os

import pytest
from tests.core.examples import ALONE, run_alone


def pytest_configure(config: pytest.Config) -> None:
    """Name the mark."""
    config.addinivalue_line("markers", "alone: in a process in which no other test's modules are loaded")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Replace what a marked test does by a process that does it."""
    for item in items:
        if item.get_closest_marker("alone") and ALONE not in os.environ:
            item.runtest = functools.partial(run_alone, item)  # type: ignore[method-assign]
