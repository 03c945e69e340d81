"""`stop` and `resume`: what they leave in STATE_DIR, and what they answer."""

import io
import json
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from tests.commands.support import RunningBridge, keep
from tests.core.builders import NOW

from hybrid_bridge import cli
from hybrid_bridge.commands import leaving
from hybrid_bridge.control.local_commands import FOLDER
from hybrid_bridge.core.events import TradingState, TradingStateChanged
from hybrid_bridge.core.inputs import EmergencyStopRequested, ResumeRequested
from hybrid_bridge.core.orders import Channel, Source
from hybrid_bridge.messages.inbound import decode
from hybrid_bridge.settings import load_settings

LOCAL = Source(Channel.LOCAL)


class TestStopAndResume:
    @pytest.fixture(autouse=True)
    def impatient(self, monkeypatch):
        monkeypatch.setattr(leaving, "TAKEN_TIMEOUT_S", 0.2)

    def left(self, folder: Path) -> list[dict[str, Any]]:
        return [json.loads(path.read_text()) for path in sorted((folder / "state" / FOLDER).glob("*.json"))]

    def test_a_stop_without_a_bridge_is_kept_for_the_next_start_and_says_so(self, folder, offline, capsys):
        assert 1 == cli.main(["stop"])
        out, told = capsys.readouterr()
        assert ("", True) == (out, f"no bridge with STATE_DIR {Path('state').absolute()} took it" in told)
        assert "obeyed before anything else at the next start" in told
        body = {"reason": "hybrid-bridge stop", "cancel_orders": True}
        assert [{"type": "emergency_stop", "data": body}] == self.left(folder)

    def test_a_stop_may_close_and_carries_its_reason(self, folder, offline):
        assert 1 == cli.main(["stop", "--close-positions", "--reason", "fire"])
        body = {"reason": "fire", "cancel_orders": True, "close_positions": True}
        assert [{"type": "emergency_stop", "data": body}] == self.left(folder)

    def test_a_resume_carries_its_reason_too(self, folder, offline, capsys):
        assert 1 == cli.main(["resume", "--reason", "mended"])
        assert "resume_trading: no bridge" in capsys.readouterr().err
        assert [{"type": "resume_trading", "data": {"reason": "mended"}}] == self.left(folder)

    @pytest.mark.parametrize("command", ["stop", "resume"])
    @pytest.mark.parametrize(
        ("typed", "sent"),
        [("x" * 501, "x" * 500), ("caf\udce9", "caf?"), ("n\u00f6 \u2026", "n\u00f6 \u2026")],
    )
    def test_a_reason_leaves_in_a_form_that_no_bridge_refuses(self, folder, offline, command, typed, sent):
        assert 1 == cli.main([command, "--reason", typed])
        (path,) = (folder / "state" / FOLDER).glob("*.json")
        decoded = decode(path.read_bytes(), Source(Channel.LOCAL), 1, "local-1")
        assert isinstance(decoded, EmergencyStopRequested | ResumeRequested)
        assert sent == decoded.reason

    @pytest.fixture
    def taker(self, folder, offline, monkeypatch):
        """Stand in for a bridge that takes one command."""
        monkeypatch.setattr(leaving, "TAKEN_TIMEOUT_S", 10)

        def take() -> None:
            while not self.left(folder):
                time.sleep(0.01)
            for path in (folder / "state" / FOLDER).glob("*.json"):
                path.unlink()

        (folder / "state" / FOLDER).mkdir(parents=True)
        taker = threading.Thread(target=take)
        taker.start()
        yield taker
        taker.join()

    def test_0_once_the_bridge_has_taken_it(self, taker, capsys):
        assert 0 == cli.main(["stop"])
        assert "the bridge has taken it; its log says 'EMERGENCY STOP'" in capsys.readouterr().out

    def test_a_state_dir_that_cannot_be_written_is_told(self, folder, offline, capsys):
        (folder / "state").mkdir()
        (folder / "state" / FOLDER).write_text("a file")
        assert 1 == cli.main(["stop"])
        assert "cannot leave the command" in capsys.readouterr().err

    @pytest.mark.parametrize(
        ("typed", "closes"),
        [("close\n", True), (" CLOSE \n", True), ("\n", False), ("y\n", False), ("", False)],
    )
    def test_asked_it_halts_first_and_closes_only_on_that_word(
        self, folder, offline, capsys, monkeypatch, typed, closes
    ):
        before: list[int] = []

        class Keyboard(io.StringIO):
            def readline(self, *_: int) -> str:
                before.append(len(list((folder / "state" / FOLDER).glob("*.json"))))
                return super().readline()

        monkeypatch.setattr(sys, "stdin", Keyboard(typed))
        assert 1 == cli.main(["stop", "--ask", "--reason", "menu"])
        assert [1] == before
        bodies = [command["data"] for command in self.left(folder)]
        halt: dict[str, Any] = {"reason": "menu", "cancel_orders": True}
        assert [halt, {**halt, "close_positions": True}][: 1 + closes] == bodies
        said = capsys.readouterr()
        assert "To have every position of the account closed too when a bridge starts here" in said.out
        assert "type CLOSE. Enter leaves them: " in said.out
        assert "Trading is halted" not in said.out
        assert "NOTHING IS HALTED YET" in said.err

    def test_that_trading_is_halted_is_said_only_once_a_bridge_has_taken_it(self, taker, capsys, monkeypatch):
        monkeypatch.setattr(sys, "stdin", io.StringIO("\n"))
        assert 0 == cli.main(["stop", "--ask"])
        said = capsys.readouterr()
        assert "Trading is halted; positions are left with their stops." in said.out
        assert "" == said.err

    def test_asked_to_close_at_once_it_asks_nothing(self, folder, offline, monkeypatch):
        monkeypatch.setattr(sys, "stdin", None)
        assert 1 == cli.main(["stop", "--ask", "--close-positions"])
        assert [True] == [command["data"]["close_positions"] for command in self.left(folder)]

    def test_asked_for_a_reason_a_resume_carries_it(self, folder, offline, capsys, monkeypatch):
        monkeypatch.setattr(sys, "stdin", io.StringIO(' "all" is & well \\\n'))
        assert 1 == cli.main(["resume", "--ask"])
        assert ['"all" is & well \\'] == [command["data"]["reason"] for command in self.left(folder)]

    @pytest.mark.parametrize("typed", ["", "\n", "  \n"])
    def test_without_a_reason_nothing_is_resumed(self, folder, offline, capsys, monkeypatch, typed):
        monkeypatch.setattr(sys, "stdin", io.StringIO(typed))
        assert 1 == cli.main(["resume", "--ask"])
        assert "no reason was given, so nothing was changed" in capsys.readouterr().err
        assert [] == self.left(folder)

    def test_another_settings_file_names_another_bridge(self, folder, offline):
        (folder / "two.env").write_text(offline.read_text() + "STATE_DIR=two\n")
        assert 1 == cli.main(["stop", "--env-file", "two.env"])
        assert 1 == len(list((folder / "two" / FOLDER).glob("*.json")))

    @pytest.mark.parametrize(
        ("arguments", "words"),
        [
            (["resume"], "--reason"),
            (["resume", "--reason", " "], "must say why it is safe again"),
            (["stop", "now"], "unrecognized arguments: now"),
        ],
    )
    def test_what_cannot_be_meant_ends_with_2_and_words(self, capsys, arguments, words):
        with pytest.raises(SystemExit) as left:
            cli.main(arguments)
        assert 2 == left.value.code
        assert words in capsys.readouterr().err


def test_a_stop_is_left_whatever_else_is_wrong_with_the_settings(tmp_path: Path) -> None:
    env_file = tmp_path / "broken.env"
    env_file.write_text(f"STATE_DIR={tmp_path / 'state'}\nMAX_RISK_PERCENT=a lot\nSYMBOLS=\nnonsense\n")
    assert cli.main(["stop", "--env-file", str(env_file), "--reason", "now"]) == 1
    (command,) = (tmp_path / "state" / "commands").iterdir()
    assert json.loads(command.read_text())["data"]["reason"] == "now"


# Whether a resume was obeyed


def halted(reason: str = "somebody stopped it") -> TradingStateChanged:
    return TradingStateChanged(TradingState.HALTED, reason, LOCAL, emergency=True, at_msc=NOW)


def test_a_resume_that_was_obeyed_says_so(folder, offline, capsys):
    keep(folder, [halted()])
    with RunningBridge(folder, load_settings(offline)):
        assert 0 == cli.main(["resume", "--reason", "mended"])
    assert ("resume_trading: trading is resumed\n", "") == capsys.readouterr()


def test_a_resume_that_was_refused_is_no_success(folder, offline, capsys):
    offline.write_text(offline.read_text() + "EMERGENCY_STOP=true\n")
    keep(folder, [halted("EMERGENCY_STOP is set")])
    with RunningBridge(folder, load_settings(offline)):
        assert 1 == cli.main(["resume", "--reason", "mended"])
    told = (
        "resume_trading: refused, trading is still halted: EMERGENCY_STOP is set; the log says what to do\n"
    )
    assert ("", told) == capsys.readouterr()


def test_of_several_accounts_the_one_in_the_settings_is_looked_at(folder, offline, capsys):
    keep(folder, [halted()], "simulator-7002")
    keep(folder, [halted()])
    with RunningBridge(folder, load_settings(offline)):
        assert 0 == cli.main(["resume", "--reason", "mended"])


def test_where_the_account_cannot_be_told_nothing_is_promised(folder, offline, capsys):
    keep(folder, [halted()], "simulator-7002")
    settings = load_settings(offline)
    offline.write_text("MT5_LOGIN=none\n")
    with RunningBridge(folder, settings):
        assert 1 == cli.main(["resume", "--reason", "mended"])
    assert "its log says whether trading is resumed" in capsys.readouterr().err
