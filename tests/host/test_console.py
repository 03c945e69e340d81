"""What reaches a program through its console: every event that Windows has, as Windows delivers it."""

import json
import subprocess
import sys
import time

import pytest
from tests.host import windows_events as events
from tests.host.conftest import ROOT, none_left

from hybrid_bridge.host import console

pytestmark = pytest.mark.skipif(sys.platform != "win32", reason="only Windows has these events")

LASTS = [
    pytest.param(events.CTRL_CLOSE_EVENT, "the console's window was closed", id="close"),
    pytest.param(events.CTRL_LOGOFF_EVENT, "the user logs off", id="log-off"),
    pytest.param(events.CTRL_SHUTDOWN_EVENT, "the PC shuts down", id="shutdown"),
]


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


def test_windows_is_asked_how_long_it_waits():
    assert 0 < console.granted_s() <= 60


class TestTheBridge:
    pytestmark = pytest.mark.scenario

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
