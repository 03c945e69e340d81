"""Running the bridge: options, how they reach the run, and its exit codes."""

import asyncio
import os
import signal
from pathlib import Path

import pytest

from hybrid_bridge import __version__, app, cli
from hybrid_bridge.errors import LaneError
from hybrid_bridge.journal.instance_lock import InstanceLock
from hybrid_bridge.settings import Settings

SIGNALS = [signal.SIGINT, signal.SIGTERM]


def refused(*arguments: str) -> int:
    with pytest.raises(SystemExit) as left:
        cli.main(arguments)
    assert isinstance(left.value.code, int)
    return left.value.code


class TestOptions:
    def test_version(self, capsys):
        assert 0 == refused("--version")
        assert f"hybrid-bridge {__version__}\n" == capsys.readouterr().out

    @pytest.mark.parametrize(
        ("arguments", "words"),
        [
            (["--demmo"], "unrecognized arguments: --demmo"),
            (["--duration", "soon"], "must be a positive number of seconds, got 'soon'"),
            (["--duration", "0"], "must be a positive number of seconds, got '0'"),
            (["--duration", "nan"], "must be a positive number of seconds, got 'nan'"),
            (["--log-format", "xml"], "invalid choice: 'xml'"),
            (["--demo", "stop"], "unrecognized arguments: stop"),
        ],
    )
    def test_what_cannot_be_meant_ends_with_2_and_words(self, capsys, arguments, words):
        assert 2 == refused(*arguments)
        assert words in capsys.readouterr().err

    def test_a_plain_start_is_hybrid_and_endless(self, offline, started):
        assert 0 == cli.main([])
        ((settings, plan),) = started
        assert app.RunPlan(hybrid=True) == plan
        assert 7001 == settings.mt5_login

    def test_what_can_never_run_is_refused_before_anything_starts(self, folder, offline, started, capsys):
        offline.write_text("SIMULATION_MODE=true\nSIM_FAULTS=stal:seconds=1\n")
        assert 2 == cli.main([])
        assert "SIM_FAULTS: unknown fault 'stal'" in capsys.readouterr().err
        assert [] == started
        assert [offline] == list(folder.iterdir())

    def test_every_option_reaches_the_run(self, folder, offline, started):
        (folder / "EURUSD.csv").write_text("time_msc,bid,ask\n")
        offline.rename(folder / "other.env")
        options = [
            "--env-file",
            "other.env",
            "--duration",
            "1.5",
            "--summary",
            "o.json",
            "--log-format",
            "json",
        ]
        assert 0 == cli.main(
            [*options, "--ticks", "EURUSD.csv", "--ticks", "EURUSD.csv"], websocket_only=True
        )
        ((settings, plan),) = started
        expected = app.RunPlan(hybrid=False, duration_s=1.5, summary=Path("o.json"), log_format="json")
        assert expected == plan
        assert ("EURUSD.csv", "EURUSD.csv") == settings.sim_ticks

    def test_ticks_are_played_by_a_terminal_of_the_runs_own(self, folder, offline, started):
        (folder / "EURUSD.csv").write_text("time_msc,bid,ask\n")
        assert 0 == cli.main(["--ticks", "EURUSD.csv"])
        ((settings, _),) = started
        assert (True, "") == (settings.simulated, settings.sim_address)

    def test_the_demo_needs_no_settings_and_uses_none_of_an_account(self, started, monkeypatch):
        monkeypatch.setenv("MT5_LOGIN", "7001")
        assert 0 == cli.main(["--demo"])
        ((settings, plan),) = started
        assert (True, None) == (plan.demo, settings.mt5_login)

    def test_stops_asked_for_while_all_is_loaded_reach_the_run(self, offline, monkeypatch):
        seen: list[list[int]] = []

        async def run(_: Settings, __: app.RunPlan, stops_seen: list[int], ___: object) -> int:
            signal.raise_signal(signal.SIGTERM)
            signal.raise_signal(signal.SIGINT)
            await asyncio.sleep(0)
            seen.append(stops_seen)
            return 0

        monkeypatch.setattr(app, "run", run)
        assert 0 == cli.main([])
        assert [[signal.SIGTERM, signal.SIGINT]] == seen
        assert [signal.SIG_IGN] * 2 == [signal.getsignal(number) for number in SIGNALS]


class TestExitCodes:
    def test_2_and_every_problem_at_once_when_the_settings_cannot_be_used(self, folder, capsys):
        (folder / ".env").write_text("MAX_RISK_PERCENT=-1\nTICK_RATE_HZ=fast\nMAX_RISK=1\n")
        assert 2 == cli.main([])
        told = capsys.readouterr().err
        for name in ("MAX_RISK_PERCENT", "TICK_RATE_HZ", "MAX_RISK", "MT5_LOGIN"):
            assert name in told
        assert "Traceback" not in told

    def test_2_for_a_settings_file_that_is_not_there(self, capsys):
        assert 2 == cli.main(["--env-file", "nowhere.env"])
        assert "nowhere.env" in capsys.readouterr().err

    @pytest.mark.parametrize("summary", ["nowhere/out.json", "."])
    def test_2_before_the_run_when_its_summary_could_not_be_written(self, folder, offline, capsys, summary):
        assert 2 == cli.main(["--summary", summary, "--duration", "60"])
        told = capsys.readouterr().err
        assert f"--summary: {Path(summary)} cannot be written" in told
        assert not (folder / "mt5_bridge.log").exists()

    def test_4_when_another_bridge_has_the_state_dir(self, folder, offline, capsys):
        lock = InstanceLock(folder / "state")
        assert 4 == cli.main([])
        assert f"another bridge (process {os.getpid()}) uses STATE_DIR state" in capsys.readouterr().err
        assert not (folder / "mt5_bridge.log").exists()  # it is the other's
        lock.release()

    def test_a_state_dir_is_free_again_after_a_bridge_that_failed(self, folder, offline):
        assert 2 == cli.main(["--summary", "nowhere/out.json"])
        InstanceLock(folder / "state").release()

    def test_3_when_the_journal_is_damaged(self, folder, offline, capsys):
        (folder / "state").mkdir()
        (folder / "state" / "journal-simulator-7001.sqlite").write_bytes(b"no database, " * 1000)
        assert 3 == cli.main([])
        assert "start with a new STATE_DIR" in (folder / "mt5_bridge.log").read_text()
        assert "exit_code=3" in capsys.readouterr().err

    def test_3_when_the_journal_is_another_accounts(self, folder, offline):
        assert 0 == cli.main(["--duration", "0.1"])
        state = folder / "state"
        (state / "journal-simulator-7001.sqlite").rename(state / "journal-simulator-7002.sqlite")
        offline.write_text(offline.read_text().replace("7001", "7002"))
        assert 3 == cli.main([])
        told = (folder / "mt5_bridge.log").read_text()
        assert "belongs to account simulator-7001, not simulator-7002" in told

    def test_1_when_a_program_beside_the_bridge_cannot_start(self, folder, monkeypatch):
        monkeypatch.setenv("SIMULATION_MODE", "true")
        (folder / "EURUSD.csv").write_text("neither ticks nor a header\n")
        monkeypatch.setenv("SIM_TICKS", "EURUSD.csv")
        assert 1 == cli.main([])
        told = (folder / "mt5_bridge.log").read_text()
        assert "ERROR" in told
        assert "the simulated terminal did not start" in told

    def test_any_other_error_that_is_raised_on_purpose_is_one_line(self, offline, monkeypatch, capsys):
        async def run(*_: object) -> int:
            raise LaneError("no lane")

        monkeypatch.setattr(app, "run", run)
        assert 1 == cli.main([])
        assert "no lane\n" == capsys.readouterr().err
