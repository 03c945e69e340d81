"""What reaches a program through its console: every event that Windows has, as Windows delivers it."""

import contextlib
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.host import windows_events as events
from tests.host.conftest import ROOT, none_left

from hybrid_bridge.errors import AlreadyRunning
from hybrid_bridge.journal.instance_lock import InstanceLock

ON_WINDOWS = pytest.mark.skipif(sys.platform != "win32", reason="only Windows has these events")

DEMO = [sys.executable, str(ROOT / "run_bridge.py"), "--demo", "--duration", "1", "--summary", "figures.json"]
LASTS = [
    pytest.param(events.CTRL_CLOSE_EVENT, "the console's window was closed", id="close"),
    pytest.param(events.CTRL_LOGOFF_EVENT, "the user logs off", id="log-off"),
    pytest.param(events.CTRL_SHUTDOWN_EVENT, "the PC shuts down", id="shutdown"),
]


@ON_WINDOWS
class TestAProgram:
    @pytest.mark.parametrize(("event", "cause"), LASTS)
    def test_is_told_of_its_end_and_holds_it_until_it_has_ended_by_itself(self, listening, event, cause):
        delivered = events.deliver(listening.process, event)
        _, told, left_s = listening.wait_for("told|").split("|")
        assert cause == told
        assert 0 < float(left_s) <= 5.0
        assert delivered.held(within_s=0.5)
        listening.type("go on")
        assert 7 == listening.wait()
        assert "in order" in listening.said
        delivered.close()

    def test_is_asked_to_stop_by_ctrl_break_and_by_nothing_else_of_it(self, start):
        running = start(
            "-c",
            "import signal, time\n"
            "from hybrid_bridge.host.endings import watch_endings\n"
            "seen = []\n"
            "signal.signal(signal.SIGBREAK, lambda number, _: seen.append(number))\n"
            "with watch_endings().passed_to(lambda ending: print('told', ending, flush=True)):\n"
            "    print('ready', flush=True)\n"
            "    while not seen:\n"
            "        time.sleep(0.01)\n"
            "print('signals', seen, flush=True)\n",
        )
        running.wait_for("ready")
        events.deliver(running.process, events.CTRL_BREAK_EVENT).close()
        running.wait_for("signals [21]")
        assert 0 == running.wait()
        assert "told" not in running.said

    def test_that_ends_for_another_reason_is_not_kept_by_an_event_it_holds(self, listening):
        delivered = events.deliver(listening.process, events.CTRL_CLOSE_EVENT)
        listening.wait_for("told|")
        listening.type("go on")
        assert 7 == listening.wait(10)
        delivered.close()


@ON_WINDOWS
def test_windows_is_asked_how_long_it_waits():
    from hybrid_bridge.host import console

    assert 0 < console.granted_s() <= 60


@ON_WINDOWS
@pytest.mark.scenario
class TestTheBridge:
    def test_ends_in_order_well_within_the_seconds_that_windows_grants(self, demo, tmp_path):
        begun = time.monotonic()
        delivered = events.deliver(demo.process, events.CTRL_CLOSE_EVENT)
        assert 0 == demo.process.wait(5)
        assert time.monotonic() - begun < 4
        demo.wait()
        delivered.close()
        assert 'because="the console\'s window was closed"' in demo.said
        assert "Bridge stopped  " in demo.said
        assert "Traceback" not in demo.said
        assert none_left(tmp_path)

    def test_ends_in_order_on_ctrl_break(self, demo, tmp_path):
        events.deliver(demo.process, events.CTRL_BREAK_EVENT).close()
        assert 0 == demo.wait(20)
        assert "Stopping; once more forces it" in demo.said
        assert "Bridge stopped  " in demo.said
        assert none_left(tmp_path)

    def test_ends_in_order_on_ctrl_c_typed_into_its_console_which_reaches_nothing_else_of_it(
        self, start, tmp_path
    ):
        demo = start(str(ROOT / "run_bridge.py"), "--demo", flags=subprocess.CREATE_NEW_CONSOLE)
        demo.wait_for("Open for orders")
        events.press_ctrl_c(demo.process.pid)
        assert 0 == demo.wait(20)
        assert "Stopping; once more forces it" in demo.said
        assert "ended by itself" not in demo.said
        assert "Worker is replaced" not in demo.said
        assert none_left(tmp_path)

    def test_runs_without_any_console_and_without_standard_streams(self, start, tmp_path):
        started = start(
            "-c",
            "import subprocess, sys\n"
            "options = ['--demo', '--duration', '1', '--summary', 'figures.json']\n"
            "gone = dict.fromkeys(('stdin', 'stdout', 'stderr'), subprocess.DEVNULL)\n"
            "code = 'import sys; sys.stdin = sys.stdout = sys.stderr = None; '\n"
            "code += 'from hybrid_bridge.cli import main; '\n"
            "code += f'sys.exit(main({options!r}, websocket_only=True))'\n"
            "flags = subprocess.DETACHED_PROCESS\n"
            "done = subprocess.run([sys.executable, '-c', code], creationflags=flags, **gone)\n"
            "print('code', done.returncode, flush=True)\n",
        )
        started.wait_for("code 0")
        figures = json.loads((tmp_path / "figures.json").read_text(encoding="utf-8"))
        assert figures["duration_s"] >= 1
        log = (tmp_path / "state" / "demo" / "mt5_bridge.log").read_text(encoding="utf-8")
        assert "Bridge stopped" in log
        assert none_left(tmp_path)


@pytest.mark.scenario
class TestAConsoleThatStandsStill:
    """Text selected in a Windows console, or Ctrl-S in another: whoever writes to it waits."""

    @pytest.fixture
    def full(self) -> Iterator[tuple[int, int]]:
        """Give a pipe that takes nothing more until it is read: both its ends."""
        read, write = os.pipe()

        def fill() -> None:
            with contextlib.suppress(OSError):
                os.write(write, b"." * 1_000_000)

        filling = threading.Thread(target=fill)
        filling.start()
        yield read, write
        os.close(read)
        filling.join()
        os.close(write)

    def figures(self, folder: Path) -> dict[str, object]:
        content = json.loads((folder / "figures.json").read_text(encoding="utf-8"))
        assert isinstance(content, dict)
        return content

    def log(self, folder: Path) -> str:
        path = folder / "state" / "demo" / "mt5_bridge.log"
        return path.read_text(encoding="utf-8") if path.exists() else ""

    def test_stops_neither_the_bridge_nor_its_end(self, full, tmp_path):
        environment = {**os.environ, "PYTHONPATH": str(ROOT / "src"), "LOG_LEVEL": "DEBUG"}
        done = subprocess.run(
            DEMO,
            cwd=tmp_path,
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=full[1],
            timeout=90,
            check=False,
        )
        assert 0 == done.returncode
        assert self.figures(tmp_path)["loop_lag_max_ms"] < 1500
        assert "Bridge stopped" in self.log(tmp_path)

    def test_keeps_nothing_but_the_last_figures_waiting(self, full, tmp_path):
        environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
        with subprocess.Popen(
            DEMO, cwd=tmp_path, env=environment, stdout=full[1], stderr=subprocess.DEVNULL
        ) as bridge:
            deadline = time.monotonic() + 90
            while "Bridge stopped" not in self.log(tmp_path):
                assert time.monotonic() < deadline
                time.sleep(0.05)
            self.wait_free(tmp_path / "state" / "demo")
            assert bridge.poll() is None
            while b"loop_lag_max_ms" not in os.read(full[0], 65_536):
                assert time.monotonic() < deadline
            assert 0 == bridge.wait(30)

    def wait_free(self, state_dir: Path) -> None:
        """Return once another bridge may have the folder."""
        deadline = time.monotonic() + 10
        while True:
            try:
                InstanceLock(state_dir).release()
            except AlreadyRunning:
                assert time.monotonic() < deadline
                time.sleep(0.05)
            else:
                return
