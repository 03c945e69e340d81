"""Which examples the proofs of the core try: in a run of the suite always the same ones, on request others.

Hypothesis mixes constants that it read in the project's modules into what it draws, of whichever modules are
loaded. What is to be the same in every run is therefore drawn in a process in which nothing else was loaded.
"""

import os
import subprocess
import sys
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

ALONE = "EXAMPLES_DRAWN_ALONE"


def examples(variable: str, usually: int, **more: Any) -> settings:
    """Return how a proof is to be tried.

    Args:
        variable: in the environment, how many examples are to be drawn at random.
        usually: how many there are without it, always the same.
    """
    return settings(
        max_examples=int(os.environ.get(variable, usually)),
        deadline=None,
        derandomize=variable not in os.environ,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
        **more,
    )


def marks(variable: str) -> list[pytest.MarkDecorator]:
    """Return the marks of a proof: by itself in a process, but where the examples are drawn at random."""
    return [] if variable in os.environ else [pytest.mark.alone]


def run_alone(item: pytest.Item) -> None:
    """Run one test in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "--quiet", "-p", "no:cacheprovider", item.nodeid],
        cwd=item.config.rootpath,
        env=os.environ | {ALONE: item.nodeid},
        capture_output=True,
        text=True,
    )
    if done.returncode:
        pytest.fail(f"In a process of its own:\n{done.stdout}{done.stderr}", pytrace=False)
