"""`service run`: the whole of it with real processes, its words, and what it leaves for `service status`."""

import json
import re
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from tests.host.conftest import ROOT, Running, Start, left, start

from hybrid_bridge.commands import supervising
from hybrid_bridge.commands.supervising import FILE_NAME, Record, read_record, run_supervised
from hybrid_bridge.host.supervisor import Ended, Failed, Patience, Started, Told

__all__ = ["start"]

LAUNCHER = str(ROOT / "run_bridge.py")
RUN = (LAUNCHER, "service", "run", "--websocket-only")
UP = "WebSocket down"  # What a bridge says that is up and reaches nothing.
HASTE = Patience(first_s=0.01, longest_s=0.01, failures_max=2)


def code_of(program: str, patience: Patience = HASTE) -> int:
    return run_supervised([sys.executable, "-c", program], {}, None, patience)


class TestInTheWindow:
    @pytest.fixture(autouse=True)
    def unwatched(self, monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
        monkeypatch.setattr("sys.stdin", None)

    def test_each_start_and_end_is_told_and_the_last_is_kept(
        self, folder: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert 1 == code_of("import sys; sys.exit(1)")
        lines = capsys.readouterr().out.splitlines()
        told = [re.sub(r"^\S+ |process \d+", "", line) for line in lines if "service:" in line]
        how = "To end it: Ctrl-C, or close this window"
        started = f"service: the bridge is started (), and will be again if it fails. {how}"
        assert started == told[0] == told[2]
        failed = (
            r"service: the bridge failed \(exit code 1\) after \d+ s, once; it is started again in 0\.01 s"
        )
        assert re.match(failed, told[1])
        assert "2 times in a row, each time within 10 minutes. It is not started again" in told[3]
        record = read_record(None)
        assert record is not None
        assert told[3] == f"service: {record.text}"

    @pytest.mark.parametrize(
        ("code", "words"),
        [
            (0, "the bridge has ended as asked"),
            (2, "the bridge has ended: the settings need a correction, see above"),
            (3, "the bridge has ended: recovery was refused, see above: look at the account"),
            (4, "the bridge has ended: another bridge runs already, see above"),
        ],
    )
    def test_an_end_is_explained(self, code: int, words: str, capsys: pytest.CaptureFixture[str]) -> None:
        assert code == code_of(f"import sys; sys.exit({code})")
        assert words in capsys.readouterr().out

    def test_a_program_that_cannot_be_started_is_told(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert 1 == run_supervised(["no-such-program"], {}, None)
        assert "cannot start no-such-program" in capsys.readouterr().out

    def test_the_environment_that_was_given_is_the_bridges(self, capfd: pytest.CaptureFixture[str]) -> None:
        program = "import os, sys; sys.exit(0 if os.environ['GIVEN'] == 'yes' else 2)"
        assert 0 == run_supervised([sys.executable, "-c", program], {"GIVEN": "yes"}, None)

    def test_a_record_that_cannot_be_kept_is_told_and_stops_nothing(
        self, folder: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        (folder / "state" / FILE_NAME).mkdir(parents=True)
        assert 0 == code_of("")
        assert "'service status' tells less" in capsys.readouterr().out
        assert read_record(None) is None


class Keyboard:
    """A console at which somebody presses Enter, or not."""

    def __init__(self) -> None:
        self.read = 0

    def isatty(self) -> bool:
        return True

    def readline(self, *_: int) -> str:
        self.read += 1
        return "\n"

    def fileno(self) -> int:
        raise OSError


class TestTheLastWords:
    @pytest.mark.parametrize(("code", "presses"), [(0, 0), (2, 1)])
    def test_stay_in_the_window_until_they_were_read(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], code: int, presses: int
    ) -> None:
        keyboard = Keyboard()
        monkeypatch.setattr("sys.stdin", keyboard)
        assert code == code_of(f"import sys; sys.exit({code})")
        assert presses == keyboard.read
        assert presses == capsys.readouterr().out.count("Press Enter to close this window.")


class TestWords:
    @pytest.mark.parametrize(
        ("told", "words"),
        [
            (Started(7), "the bridge is started (process 7), and will be again if it fails"),
            (
                Failed(-9, 61.4, 3, 20.0),
                "failed (ended by signal 9) after 61 s, 3 times in a row; it is started",
            ),
            (Failed(0xC0000005, 5.0, 1, 5.0), "the bridge failed (exit code 0xC0000005) after 5 s, once;"),
            (Ended(0xC000013A, 0), "the bridge has ended as asked"),
            (Ended(77, 0), "the bridge has ended: exit code 77"),
        ],
    )
    def test_they_tell_what_happened(self, told: Told, words: str) -> None:
        assert words in supervising._words(told, Patience())

    @pytest.mark.parametrize("text", ["", "{", "[]", '{"at": 1}', '{"text": "x"}'])
    def test_a_record_that_is_none_is_not_believed(self, folder: Path, text: str) -> None:
        (folder / "state").mkdir()
        (folder / "state" / FILE_NAME).write_text(text)
        assert read_record(None) is None

    def test_a_record_is_read_as_it_was_kept(self, folder: Path) -> None:
        (folder / "state").mkdir()
        (folder / "state" / FILE_NAME).write_text(json.dumps({"at": "2026-11-22T07:31:02Z", "text": "well"}))
        assert Record("2026-11-22T07:31:02Z", "well") == read_record(None)

    def test_settings_that_do_not_say_where_leave_no_record(self, folder: Path) -> None:
        assert read_record(folder / "no-such.env") is None


@pytest.mark.scenario
class TestWithTheBridge:
    @pytest.fixture
    def service(self, offline: Path, start: Start) -> Iterator[Running]:
        """`service run` with a bridge that is up and reaches nothing."""
        running = start(*RUN)
        running.wait_for(UP)
        yield running

    def pid_of_bridge(self, service: Running) -> int:
        started = re.search(r"is started \(process (\d+)\)", service.wait_for("is started"))
        assert started
        return int(started[1])

    def test_a_killed_bridge_is_started_again_with_its_journal(
        self, service: Running, tmp_path: Path
    ) -> None:
        killed = psutil.Process(self.pid_of_bridge(service))
        killed.kill()
        assert "it is started again in 5 s" in service.wait_for("the bridge failed")
        del service.lines[:]
        service.wait_for(UP)
        assert killed.pid != self.pid_of_bridge(service)

    @pytest.mark.not_on_windows("POSIX signals")
    def test_asked_to_stop_it_ends_in_order_and_leaves_nothing_behind(
        self, service: Running, tmp_path: Path
    ) -> None:
        service.process.send_signal(signal.SIGTERM)
        assert 0 == service.wait(30)
        assert "Bridge stopped" in service.said
        assert "the bridge has ended as asked" in service.said
        assert [] == left(tmp_path)

    def test_a_second_one_says_that_the_first_runs_and_disturbs_nothing(
        self, service: Running, start: Start
    ) -> None:
        second = start(*RUN)
        second.type("")
        assert 4 == second.wait()
        assert "another bridge" in second.said
        assert "This one is not needed" in second.said
        assert psutil.Process(self.pid_of_bridge(service)).is_running()

    def test_settings_that_cannot_be_used_are_told_once(self, folder: Path, start: Start) -> None:
        (folder / ".env").write_text("MT5_LOGIN=no number\n")
        running = start(*RUN)
        assert 2 == running.wait()
        assert 1 == running.said.count("is started (")
        assert "MT5_LOGIN" in running.said
        assert "the settings need a correction" in running.said


@pytest.mark.scenario
@pytest.mark.skipif(sys.platform != "win32", reason="only Windows has these events")
class TestOnWindows:
    @pytest.fixture
    def service(self, offline: Path, start: Start) -> Running:
        running = start(*RUN)
        running.wait_for(UP)
        return running

    def in_order(self, service: Running, folder: Path) -> None:
        assert 0 == service.wait(20)
        assert "Bridge stopped" in service.said
        assert "it is started again" not in service.said
        assert [] == left(folder)

    def test_asked_to_close_as_the_task_schedulers_end_does_it_ends_in_order(
        self, service: Running, tmp_path: Path
    ) -> None:
        from tests.host import windows_events as events

        window = events.window_of(service.process.pid, "HybridMt5BridgeSessionEnd")
        events.send(window, events.WM_CLOSE, 0, 0, 5.0)
        self.in_order(service, tmp_path)

    def test_the_session_ends_whoever_of_the_two_is_told_first(
        self, service: Running, tmp_path: Path
    ) -> None:
        from tests.host import windows_events as events

        window = events.window_of(service.process.pid, "HybridMt5BridgeSessionEnd")
        events.send(window, events.WM_QUERYENDSESSION, 0, events.ENDSESSION_LOGOFF, 5.0)
        events.send(window, events.WM_ENDSESSION, 1, events.ENDSESSION_LOGOFF, 20.0)
        self.in_order(service, tmp_path)

    def test_the_window_is_closed(self, service: Running, tmp_path: Path) -> None:
        from tests.host import windows_events as events

        events.deliver(service.process, events.CTRL_CLOSE_EVENT).close()
        self.in_order(service, tmp_path)
