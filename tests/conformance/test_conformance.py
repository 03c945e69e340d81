"""Our module and the genuine MetaTrader5 package, put through the same checks.

The checks are a program of their own, `run.py`, which starts its terminals: for our module over a port,
here; for the genuine package over a pipe, in a Windows Python under Wine. `probes.py` asks both for what
can be seen without a terminal.
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.windows_python import WindowsPython

pytestmark = pytest.mark.timeout(400)

FOLDER = Path(__file__).parent
SOURCE = FOLDER.parents[1] / "src"
OURS = "hybrid_bridge.simulator.module"
GENUINE = "MetaTrader5"
TIMEOUT_S = 300.0
Results = list[dict[str, Any]]
# Where our module is another than the package on purpose, and why.
DIFFERENCES = {
    "names: names after import *": "__version__ and __author__ come along, so that one line, "
    "`from hybrid_bridge.simulator.module import *`, makes a MetaTrader5.py that passes for the package",
}


def read(program: str, ended: subprocess.CompletedProcess[str]) -> Results:
    assert ended.returncode == 0, f"{program} failed:\n{ended.stderr[-3000:]}"
    return [json.loads(line) for line in ended.stdout.splitlines()]


def run_here(program: str) -> Results:
    ended = subprocess.run(
        [sys.executable, str(FOLDER / program), OURS],
        env={**os.environ, "PYTHONPATH": str(SOURCE), "PYTHONIOENCODING": "utf-8"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        timeout=TIMEOUT_S,
        check=False,
    )
    return read(program, ended)


def run_there(windows: WindowsPython, program: str) -> Results:
    return read(program, windows.run(FOLDER / program, GENUINE, timeout_s=TIMEOUT_S))


def failures(results: Results) -> list[str]:
    return [
        f"{result['check']}: expected {result['expected']}, saw {result['seen']}"
        for result in results
        if not result["ok"]
    ]


@pytest.fixture(scope="module")
def ours() -> Results:
    return run_here("run.py")


@pytest.fixture(scope="module")
def genuine(windows_python: WindowsPython) -> Results:
    return run_there(windows_python, "run.py")


def test_our_module_does_what_is_written_down(ours: Results) -> None:
    assert failures(ours) == []


@pytest.mark.windows
def test_the_genuine_package_does_what_is_written_down(genuine: Results) -> None:
    assert failures(genuine) == []


@pytest.mark.windows
def test_both_went_through_the_same_checks(ours: Results, genuine: Results) -> None:
    assert [result["check"] for result in ours] == [result["check"] for result in genuine]


@pytest.mark.windows
@pytest.mark.skipif(sys.version_info[:2] != (3, 11), reason="compares the words of CPython 3.11")
def test_without_a_terminal_nothing_tells_them_apart(windows_python: WindowsPython) -> None:
    seen = {line["probe"]: line["outcome"] for line in run_here("probes.py")}
    expected = {line["probe"]: line["outcome"] for line in run_there(windows_python, "probes.py")}
    assert expected.keys() == seen.keys()
    differences = {
        probe: f"{expected[probe]}, ours {seen[probe]}"
        for probe in expected
        if expected[probe] != seen[probe]
    }
    assert differences.keys() == DIFFERENCES.keys(), differences
