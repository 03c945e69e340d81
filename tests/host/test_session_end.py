"""Log-off and shutdown as windows are told of them, and the polite end that closes windows."""

import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.host import windows_events as events
from tests.host.conftest import LISTENING, Running, none_left
from tests.windows_python import WindowsPython

ON_WINDOWS = pytest.mark.skipif(sys.platform != "win32", reason="sends messages as only Windows does")
CLASS_NAME = "HybridMt5BridgeSessionEnd"
PREFIX_TIMEOUT_S = 120


def window_of(running: Running) -> int:
    """Return the window that a program made for being told; it makes it in a thread."""
    deadline = time.monotonic() + 20
    while not (window := events.window_of(running.process.pid, CLASS_NAME)):
        assert time.monotonic() < deadline, "no window"
        time.sleep(0.02)
    return window


@ON_WINDOWS
class TestAProgram:
    @pytest.mark.parametrize(
        ("more", "cause"), [(events.ENDSESSION_LOGOFF, "the user logs off"), (0, "the PC shuts down")]
    )
    def test_holds_the_end_of_the_session_until_it_is_done(self, listening, more, cause):
        window = window_of(listening)
        assert 1 == events.send(window, events.WM_QUERYENDSESSION, 0, more, 5)
        assert events.send(window, events.WM_ENDSESSION, 1, more, 0.5) is None
        _, told, left_s = listening.wait_for("told|").split("|")
        assert cause == told
        assert 0 < float(left_s) <= 5.0
        listening.type("go on")
        assert 7 == listening.wait()
        assert "in order" in listening.said

    def test_goes_on_when_the_end_was_called_off(self, listening):
        window = window_of(listening)
        assert 1 == events.send(window, events.WM_QUERYENDSESSION, 0, 0, 5)
        assert 0 == events.send(window, events.WM_ENDSESSION, 0, 0, 5)
        assert "told" not in listening.said
        assert listening.process.poll() is None

    def test_says_to_who_waits_for_the_shutdown_what_it_is_waiting_for(self, listening):
        window = window_of(listening)
        assert "Hybrid MT5 Bridge" == events.title_of(window)
        assert not events.is_visible(window)

    def test_takes_taskkill_for_a_wish(self, listening):
        window_of(listening)
        subprocess.run(
            ["taskkill", "/PID", str(listening.process.pid)], check=True, capture_output=True, timeout=30
        )
        assert "told|it was asked to close|None" == listening.wait_for("told|").strip()
        listening.type("go on")
        assert 7 == listening.wait()


@ON_WINDOWS
@pytest.mark.scenario
class TestTheBridge:
    def test_ends_in_order_at_log_off(self, demo, tmp_path):
        window = window_of(demo)
        assert 1 == events.send(window, events.WM_QUERYENDSESSION, 0, events.ENDSESSION_LOGOFF, 5)
        begun = time.monotonic()
        events.send(window, events.WM_ENDSESSION, 1, events.ENDSESSION_LOGOFF, 5)
        assert 0 == demo.process.wait(5)
        assert time.monotonic() - begun < 4
        demo.wait()
        assert 'because="the user logs off"' in demo.said
        assert "Bridge stopped  " in demo.said
        assert none_left(tmp_path)

    def test_ends_in_order_when_taskkill_asks_and_is_not_forced_when_it_asks_again(self, demo, tmp_path):
        window_of(demo)
        for _ in range(2):
            subprocess.run(
                ["taskkill", "/PID", str(demo.process.pid)], check=False, capture_output=True, timeout=30
            )
        assert 0 == demo.wait(20)
        assert "Bridge stopped  " in demo.said
        assert "forced" not in demo.said
        assert none_left(tmp_path)


@pytest.mark.windows
@pytest.mark.not_on_windows("makes a Windows of its own under Wine, whose session it ends")
class TestASession:
    @pytest.fixture
    def session(self, windows_python: WindowsPython, tmp_path: Path) -> Iterator[dict[str, str]]:
        """Give the environment of a Windows of the test's own, with windows but no screen."""
        environment = windows_python.environment(WINEPREFIX=str(tmp_path / "prefix"))
        overrides = environment | {"WINEDLLOVERRIDES": "mscoree,mshtml="}
        for arguments in (
            ["wineboot", "--init"],
            ["reg", "add", r"HKCU\Software\Wine\Drivers", "/v", "Graphics", "/d", "null", "/f"],
        ):
            subprocess.run(
                ["wine", *arguments],
                env=overrides,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                timeout=PREFIX_TIMEOUT_S,
                check=True,
            )
        yield environment
        subprocess.run(["wineserver", "-k"], env=environment, timeout=30, check=False)
        shutil.rmtree(tmp_path / "prefix", ignore_errors=True)

    def test_is_not_over_before_a_program_has_done_what_it_must(
        self, windows_python: WindowsPython, session: dict[str, str]
    ):
        process = subprocess.Popen(
            windows_python.command("-c", LISTENING),
            env=session,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            encoding="utf-8",
        )
        running = Running(process)
        running.wait_for("ready")
        ending = subprocess.Popen(
            ["wine", "wineboot", "--end-session"],
            env=session,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            assert running.wait_for("told|").startswith("told|the")
            assert ending.poll() is None
            running.type("go on")
            assert 7 == running.wait()
            assert "in order" in running.said
        finally:
            process.kill()
            ending.wait(30)
            for stream in (process.stdin, process.stdout):
                assert stream is not None
                stream.close()
