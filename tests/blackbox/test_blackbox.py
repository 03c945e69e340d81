"""Small sieges: everything is killed and nothing is lost or doubled; a bridge that forgets is caught."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from scripts.siege.judge import DOUBLED, judge
from scripts.siege.programs import BridgeProgram
from scripts.siege.siege import Plan, Siege
from tests.blackbox.conftest import ROOT

pytestmark = [pytest.mark.scenario, pytest.mark.timeout(240)]

ALL_IS_WELL = "lost 0, doubled 0, contradicted 0, forbidden 0, breaches 0"


def besiege(folder: Path, *options: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, str(ROOT / "scripts" / "siege" / "run.py"), "--folder", str(folder), *options]
    return subprocess.run(command, capture_output=True, text=True, timeout=230, check=False)


def test_eight_kills_among_eighty_signals_lose_and_double_nothing(tmp_path: Path) -> None:
    done = besiege(
        tmp_path, "--kills", "8", "--signals", "80", "--seed", "1", "--gap", "2", "--broker", "embedded"
    )
    assert ALL_IS_WELL in done.stdout, done.stdout + done.stderr
    assert 0 == done.returncode
    assert "filled" in done.stdout


@pytest.mark.kafka
def test_the_same_with_a_broker_that_is_killed_too(tmp_path: Path, kafka_here: None) -> None:
    done = besiege(
        tmp_path, "--kills", "8", "--signals", "80", "--seed", "2", "--gap", "3", "--broker", "kafka"
    )
    assert ALL_IS_WELL in done.stdout, done.stdout + done.stderr
    assert 0 == done.returncode
    assert "filled" in done.stdout


def forget(bridge: BridgeProgram) -> None:
    shutil.rmtree(bridge.state_dir, ignore_errors=True)


async def test_a_bridge_that_forgets_its_journal_at_each_kill_is_caught(tmp_path: Path) -> None:
    plan = Plan(
        kills=6,
        signals=90,
        seed=6,
        broker="embedded",
        gap_s=4.0,
        folder=tmp_path,
        targets=("bridge",),
        patience_s=10.0,
        on_bridge_kill=forget,
    )
    outcome = await Siege(plan, print).run()
    assert {"bridge"} == set(outcome.assault.kills())
    verdict = judge(outcome.evidence)
    assert verdict.count(DOUBLED) > 0
    assert not verdict.passed
