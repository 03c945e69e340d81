"""Some hundred seeds of the simulation, and that one seed is one story."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from scripts.simulation.run import run_seed
from scripts.simulation.story import tell, tell_failures

pytestmark = pytest.mark.not_on_windows("the disk of a simulation is filled by a limit that POSIX has")

ROOT = Path(__file__).resolve().parents[2]
SEEDS = 300
SEEDS_PER_TEST = 15


@pytest.mark.timeout(600)
@pytest.mark.parametrize("first", range(1, SEEDS + 1, SEEDS_PER_TEST))
def test_nothing_is_lost_or_doubled_whatever_strikes(first):
    outcomes = [run_seed(seed) for seed in range(first, first + SEEDS_PER_TEST)]
    failed = [tell_failures(outcome) for outcome in outcomes if outcome.verdict.failures]
    assert not failed, "\n".join(failed)
    # A simulation in which nothing happens shows nothing.
    assert sum(outcome.kills for outcome in outcomes) > 5
    assert sum(outcome.fills for outcome in outcomes) > 5
    assert sum(sum(outcome.struck.values()) for outcome in outcomes) > 20


def test_one_seed_is_one_story_in_this_process():
    first, second = (tell(run_seed(11, whole=True)) for _ in range(2))
    assert first == second


@pytest.mark.timeout(300)
@pytest.mark.parametrize("seed", [6, 43])
def test_one_seed_is_one_story_byte_for_byte_in_any_process(seed):
    told = []
    for hash_seed in ("1", "2"):
        done = subprocess.run(
            [sys.executable, ROOT / "scripts" / "simulation" / "run.py", "--seed", str(seed)],
            env=os.environ | {"PYTHONHASHSEED": hash_seed},
            capture_output=True,
            timeout=120,
            check=True,
        )
        told.append(done.stdout)
    assert told[0] == told[1]
    assert len(told[0].splitlines()) > 20
