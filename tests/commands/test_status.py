"""`status`: what is said of a bridge that runs, hangs, starts, has ended or was killed; exit codes."""

import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from tests.core.builders import make_account, make_position, make_report

from hybrid_bridge import app, cli
from hybrid_bridge.bridge import Bridge
from hybrid_bridge.commands.status import SILENT_S, _span, look
from hybrid_bridge.demo.stage import DEMO_DIR
from hybrid_bridge.errors import JournalError
from hybrid_bridge.journal.instance_lock import InstanceLock
from hybrid_bridge.settings import load_settings
from hybrid_bridge.status_file import FILE

RUN = {
    "version": "9.8.7",
    "mode": "hybrid",
    "demo": False,
    "account": "7001",
    "log_file": "/somewhere/the.log",
}
Seen = dict[str, Any]


@pytest.fixture
async def seen(folder: Path, offline: Path) -> Seen:
    """What a bridge of these settings says of itself, entries accepted and everything up."""
    (folder / "state").mkdir(exist_ok=True)
    bridge = Bridge(load_settings(offline), hybrid=True)
    bridge.report = make_report(account=make_account(login=7001), positions=(make_position(),))
    found = json.loads(json.dumps(bridge.shown()))
    await bridge.close()
    found["status"] |= {"state": "running", "reason": ""}
    for channel in found["status"]["channels"].values():
        channel["state"] = "up"
    return dict(found)


@pytest.fixture
def alive(folder: Path) -> Iterator[None]:
    """A bridge of this process holds STATE_DIR."""
    lock = InstanceLock(folder / "state")
    yield
    lock.release()


def changed(seen: Mapping[str, Any], **changes: Any) -> Seen:
    other = deepcopy(dict(seen))
    other["status"] |= changes
    return other


def write(folder: Path, seen: Mapping[str, Any], *, ago_s: float = 0.0, **changes: Any) -> None:
    """Leave what a bridge of this process wrote some time ago."""
    now_msc = time.time_ns() // 1_000_000
    record = {
        "format": 1,
        "pid": os.getpid(),
        "started_msc": now_msc - round((ago_s + 7_300) * 1000),
        "written_msc": now_msc - round(ago_s * 1000),
        "ended": None,
        **RUN,
        **seen,
        **changes,
    }
    (folder / "state" / FILE).write_text(json.dumps(record), encoding="utf-8")


Asked = Callable[..., tuple[int, str]]


@pytest.fixture
def ask(capsys: pytest.CaptureFixture[str]) -> Asked:
    def run(*arguments: str) -> tuple[int, str]:
        code = cli.main(["status", *arguments])
        return code, capsys.readouterr().out

    return run


class TestRunning:
    @pytest.fixture(autouse=True)
    def _alive(self, alive: None) -> None:
        pass

    def test_0_and_the_figures_when_an_entry_would_be_accepted(self, folder, seen, ask):
        write(folder, seen)
        code, said = ask()
        assert (0, "") == (code, "".join(line for line in said.splitlines() if "None" in line))
        rows = dict(line.split("  ", 1) for line in said.splitlines())
        rows = {name: value.strip() for name, value in rows.items()}
        up = f"running, hybrid, version 9.8.7, process {os.getpid()}, up for 2 hours"
        assert up == rows["bridge"]
        assert ("accepted", "active") == (rows["entries"], rows["trading"])
        assert "7001 on Broker-Demo, equity 10,000.00 USD, balance 10,000.00, 1 position" == rows["account"]
        assert ("up", "up", "up") == (rows["terminal"], rows["websocket"], rows["redpanda"])
        assert "0 of 10" == rows["entries today"]
        assert "/somewhere/the.log" == rows["log"]

    def test_1_and_the_reason_when_it_would_not(self, folder, seen, ask):
        write(folder, changed(seen, reason="TRADING_ENABLED is false"))
        code, said = ask()
        assert (1, True) == (code, "entries        NOT accepted: TRADING_ENABLED is false\n" in said)

    def test_a_halt_and_what_it_still_has_to_close_are_shown(self, folder, seen, ask):
        clearing = {"orders_left": 0, "positions_left": 2, "tries": 3, "last_problem": "market closed"}
        halt = {"trading_state": "halted", "emergency_stop": True, "reason": "fire", "clearing": clearing}
        write(folder, changed(seen, **halt))
        code, said = ask()
        assert 1 == code
        assert "entries        NOT accepted: trading is halted: fire\n" in said
        lift = "to lift it, look at the account, hybrid-bridge resume (7 in the menu)"
        assert f"trading        halted by an emergency stop; {lift}\n" in said
        assert "positions_left 2, tries 3, last_problem market closed\n" in said

    def test_a_halt_that_the_settings_ask_for_says_that_they_go_first(self, folder, seen, ask):
        limits = {**seen["status"]["limits"], "EMERGENCY_STOP": True}
        halt = {"trading_state": "halted", "emergency_stop": True, "reason": "asked", "limits": limits}
        write(folder, changed(seen, **halt))
        lift = "set EMERGENCY_STOP=false and restart, then hybrid-bridge resume (7 in the menu)"
        assert f"to lift it, look at the account, {lift}\n" in ask()[1]

    def test_a_channel_that_is_down_says_why_and_entries_go_on(self, folder, seen, ask):
        seen["status"]["channels"]["redpanda"] |= {"state": "down", "error": "no broker at x:9092"}
        seen["status"]["channels"]["terminal"] |= {"state": "down", "trade": {"reason": "not logged in"}}
        write(folder, seen)
        code, said = ask()
        assert 0 == code
        assert "redpanda       down: no broker at x:9092\n" in said
        assert "terminal       down: not logged in\n" in said

    def test_what_is_used_up_of_the_limits_is_shown(self, folder, seen, ask):
        losses = {"day_loss_percent": 1.25, "drawdown_percent": 3.0, "breach": "daily_loss", "paused": True}
        seen["status"]["losses"] |= {**losses, "streak": 3, "paused_until": "2026-11-23T10:00:00.000Z"}
        seen["status"]["counters"] |= {"daily_entries": 4, "in_doubt": 2}
        write(folder, changed(seen, tightened={"MAX_VOLUME": {"value": 1}}))
        _, said = ask()
        for line in (
            "entries today  4 of 10",
            "loss today     1.25 %",
            "drawdown       3.00 %",
            "limit broken   daily_loss",
            "pause          after 3 losses in a row, until 2026-11-23T10:00:00.000Z",
            "in doubt       2 orders; they are looked for at the terminal",
            "tightened      MAX_VOLUME; see hybrid-bridge limits",
        ):
            assert f"{line}\n" in said

    @pytest.mark.parametrize(("held", "words"), [(True, "is kept awake"), (False, "may go to sleep")])
    def test_whether_the_pc_may_sleep_and_that_it_did_is_shown(self, folder, seen, ask, held, words):
        power = {"kept_awake": held, "standstills": 0, "last_standstill": None}
        write(folder, changed(seen, power=power))
        assert f"power          the PC {words}\n" in ask()[1]
        last = {"what": "the PC slept for 30 s", "since": "2026-11-23T05:00:00Z"}
        write(folder, changed(seen, power={**power, "standstills": 2, "last_standstill": last}))
        told = "awake again 2 times, last: the PC slept for 30 s, since 2026-11-23T05:00:00Z"
        assert f"power          the PC {words}; {told}\n" in ask()[1]

    def test_an_account_that_was_not_seen_is_not_made_up(self, folder, seen, ask):
        write(folder, seen, account_seen=None)
        assert "account        not seen yet\n" in ask()[1]

    @pytest.mark.parametrize("phase", ["starting", "stopping"])
    def test_before_and_after_it_runs_no_entry_is_promised(self, folder, seen, ask, phase):
        write(folder, changed(seen, state=phase))
        code, said = ask()
        assert (1, True) == (code, f"NOT accepted: the bridge is {phase}" in said)

    def test_one_that_is_silent_hangs_or_woke_just_now(self, folder, seen, ask):
        write(folder, seen, ago_s=SILENT_S - 5)
        assert 0 == ask()[0]
        write(folder, seen, ago_s=200)
        code, said = ask()
        assert (1, True) == (code, "silent, hybrid" in said)
        assert "has said nothing for 3 minutes" in said

    def test_a_clock_that_was_set_back_is_no_silence(self, folder, seen, ask):
        write(folder, seen, ago_s=-7_200)
        assert (0, 0.0) == (ask()[0], json.loads(ask("--json")[1])["age_s"])

    @pytest.mark.parametrize("changes", [{"pid": 1}, {"ended": {"how": "stopped", "reason": ""}}, None])
    def test_what_an_earlier_bridge_said_is_not_taken_for_this_ones(self, folder, seen, ask, changes):
        if changes is not None:
            write(folder, seen, **changes)
        assert (1, f"The bridge is starting (process {os.getpid()}); look again in a moment\n") == ask()

    def test_names_of_others_cannot_write_to_the_console(self, folder, seen, ask):
        write(folder, changed(seen, reason="\x1b[31mred\n"))
        assert "NOT accepted: \\x1b[31mred\\n\n" in ask()[1]

    def test_for_a_program_everything_is_there(self, folder, seen, ask):
        write(folder, changed(seen, reason="no"))
        code, said = ask("--json")
        record = json.loads(said)
        assert (1, "running", False, "no") == (code, record["state"], record["entries"], record["why_not"])
        assert str((folder / "state").absolute()) == record["state_dir"]
        assert "no" == record["last"]["status"]["reason"]


class TestGone:
    def test_where_none_ever_ran_that_is_said(self, folder, offline, ask):
        code, said = ask()
        assert (1, f"No bridge runs with STATE_DIR {folder / 'state'}, and none has yet\n") == (code, said)
        assert ("never", None) == (
            json.loads(ask("--json")[1])["state"],
            json.loads(ask("--json")[1])["last"],
        )

    @pytest.mark.parametrize(
        ("ended", "state", "words"),
        [
            ({"how": "stopped", "reason": ""}, "stopped", "stopped in order"),
            ({"how": "forced", "reason": ""}, "forced", "made to stop at once"),
            (
                {"how": "failed", "reason": "disk full"},
                "failed",
                "ended with an error\n  disk full\nIts log: ",
            ),
            (None, "killed", "was killed, or the PC lost power"),
        ],
    )
    def test_how_the_last_one_ended_is_said(self, folder, offline, seen, ask, ended, state, words):
        write(folder, seen, ago_s=3_700, ended=ended)
        code, said = ask()
        assert (1, True, True) == (code, words in said, "was seen 1 hour ago" in said)
        assert state == json.loads(ask("--json")[1])["state"]

    def test_a_demonstration_in_this_folder_is_not_passed_over(self, folder, offline, ask, seen):
        lock = InstanceLock(folder / DEMO_DIR)
        try:
            assert "A demonstration runs in this folder: hybrid-bridge status --demo\n" in ask()[1]
            write(folder, seen, demo=True)
            (folder / "state" / FILE).rename(folder / DEMO_DIR / FILE)
            code, said = ask("--demo")
            assert (0, True) == (code, "running, demonstration" in said)
        finally:
            lock.release()

    def test_another_settings_file_names_another_bridge(self, folder, offline, seen, ask):
        (folder / "two.env").write_text(f"{offline.read_text()}STATE_DIR=two\n")
        write(folder, seen)
        assert f"STATE_DIR {folder / 'two'}, and none has yet" in ask("--env-file", "two.env")[1]


def test_two_bridges_cannot_be_meant_at_once(offline, capsys):
    with pytest.raises(SystemExit) as left:
        cli.main(["status", "--demo", "--env-file", ".env"])
    assert 2 == left.value.code
    assert "give one of them" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.4, "0 s"), (59.0, "59 s"), (60.0, "1 minute"), (7_199.0, "1 hour"), (172_800.0, "2 days")],
)
def test_how_long_ago_is_said_in_a_unit_that_suits(folder, seen, seconds, words):
    write(folder, seen, ended={"how": "stopped", "reason": ""})
    record = json.loads((folder / "state" / FILE).read_text())
    found = look(folder / "state", record["written_msc"] + round(seconds * 1000))
    assert words == _span(found.age_s or 0.0)


def test_a_bridge_that_was_killed_is_known_by_its_lock(folder, offline, seen, ask):
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(folder / "state")],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2] / "src")},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert holder.stdout is not None
    assert holder.stdout.readline()
    write(folder, seen, pid=int((folder / "state" / "bridge.lock").read_text().rpartition(" ")[2]))
    try:
        assert 0 == ask()[0]
    finally:
        holder.kill()
        holder.communicate(timeout=10)
    code, said = ask()
    assert (1, True) == (code, "its process was killed" in said)


HOLDER = """
import sys
from pathlib import Path
from hybrid_bridge.journal.instance_lock import InstanceLock
lock = InstanceLock(Path(sys.argv[1]))
print(flush=True)
sys.stdin.read()
"""


class TestAfterARun:
    def run(self, offline: Path) -> None:
        asyncio.run(app.run(load_settings(offline), app.RunPlan(hybrid=False, duration_s=0.2)))

    def test_a_bridge_that_stopped_says_so(self, folder, offline, ask):
        self.run(offline)
        record = json.loads(ask("--json")[1])
        assert ("stopped", "websocket") == (record["state"], record["last"]["mode"])
        assert str(folder / "mt5_bridge.log") == record["last"]["log_file"]
        assert {"how": "stopped", "reason": ""} == record["last"]["ended"]

    def test_one_that_failed_says_why(self, folder, offline, ask, monkeypatch):
        async def fail() -> None:
            raise JournalError("the disk is full")

        monkeypatch.setattr(Bridge, "outgoing", lambda _: [fail])
        self.run(offline)
        code, said = ask()
        assert (1, True) == (code, "it ended with an error\n  the disk is full\n" in said)
