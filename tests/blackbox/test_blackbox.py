"""Small sieges: everything is killed and nothing is lost or doubled; a bridge that forgets is caught."""

import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from scripts.siege.assault import Assault
from scripts.siege.evidence import read_ledger
from scripts.siege.judge import DOUBLED, judge
from scripts.siege.siege import Plan, Siege
from scripts.siege.stops import EmergencyStops
from scripts.siege.traffic import REDPANDA, Traffic
from tests.blackbox.conftest import ROOT
from tests.scenarios.harness import eventually

pytestmark = [
    pytest.mark.scenario,
    pytest.mark.timeout(240),
    pytest.mark.not_on_windows("a siege kills groups of processes by POSIX's signals"),
]

SENT = 4
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


class ForgetfulSiege(Siege):
    """Kills the bridge once, takes its journal away, and sends again what was filled."""

    async def war(self, traffic: Traffic, assault: Assault, stops: EmergencyStops) -> None:
        for _ in range(SENT):
            traffic.plain()
        await eventually(lambda: "filled" in self.ear.finals.values() and len(self.ear.finals) == SENT)
        await self.bridge.kill()
        shutil.rmtree(self.bridge.state_dir)
        await self.bridge.start()
        filled = len(read_ledger(self.terminal.ledger))
        for sent in list(traffic.diary.entries):
            traffic.send(replace(sent, way=REDPANDA))
        await eventually(lambda: len(read_ledger(self.terminal.ledger)) > filled)


async def test_a_bridge_that_forgets_its_journal_is_caught(tmp_path: Path) -> None:
    plan = Plan(kills=1, signals=SENT, seed=6, broker="embedded", gap_s=1.0, folder=tmp_path)
    outcome = await ForgetfulSiege(plan, print).run()
    verdict = judge(outcome.evidence)
    assert verdict.count(DOUBLED) > 0
    assert not verdict.passed
