"""The genuine package where no terminal answers: every cause of its -10003, and a call that never returns.

Real lanes with real workers.
"""

import asyncio
import sys
from pathlib import Path

import psutil
import pytest
from tests.terminal.support import PLAIN, WallClock, terminal_settings, until
from tests.terminal_program import TerminalProgram

from hybrid_bridge.errors import LaneUnavailable
from hybrid_bridge.loop_lag import LoopLag
from hybrid_bridge.terminal import lane as lane_module
from hybrid_bridge.terminal.backoff import Backoff
from hybrid_bridge.terminal.lane import Lane, LaneOptions, LanePhase
from hybrid_bridge.terminal.operations import CONNECT, REPORT, SUBMIT, Operation, SubmitArgs

pytestmark = [
    pytest.mark.skipif(sys.platform != "win32", reason="the MetaTrader5 package is for Windows only"),
    pytest.mark.timeout(120),
]

CLOSE = SubmitArgs(1, "EURUSD", 0.1, 1.1, 0.0, 0.0, 10, 1, 1, 0, 42, 0, 5, "note")
# What the loop may stand still while a worker is held up, on a PC that is busy with other things.
LAG_MS_MAX = 500.0


class Lanes:
    """Lanes that use the package, each under the name and path that it is given."""

    def __init__(self, folder: Path) -> None:
        self._empty = folder / "empty"
        self._empty.mkdir()
        self._running: list[asyncio.Task[None]] = []
        self.program = TerminalProgram(folder / "silent", "import time; time.sleep(600)")

    @property
    def environment(self) -> dict[str, str]:
        """What the workers and what they start need; no terminal is to be found by looking around."""
        nothing = {"APPDATA": str(self._empty), "ProgramFiles": str(self._empty)}
        return self.program.environment | nothing

    def start(self, path: str | Path, **settings: object) -> Lane:
        terminal = terminal_settings(mt5_backend="terminal", mt5_path=str(path), **settings)
        lane = Lane(
            LaneOptions("market", "MetaTrader5", terminal, self.environment), backoff=Backoff(0.05, 0.5)
        )
        self._running.append(asyncio.create_task(lane.run()))
        return lane

    async def stop(self) -> None:
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)


@pytest.fixture
async def lanes(tmp_path):
    made = Lanes(tmp_path)
    try:
        yield made
    finally:
        await made.stop()
        made.program.end()


def workers() -> list[int]:
    """Return the workers of this process that run."""
    children = psutil.Process().children(recursive=True)
    return [child.pid for child in children if "hybrid_bridge.terminal.worker" in child.cmdline()]


async def failure(lane: Lane) -> str:
    """Return why the lane cannot be used."""
    await until(lambda: lane.connect_failures > 0, within_s=60)
    return lane.state.reason


def no_such_file(folder: Path) -> str:
    return str(folder / "nowhere" / "terminal64.exe")


def an_empty_file(folder: Path) -> str:
    (folder / "terminal64.exe").touch()
    return str(folder / "terminal64.exe")


def a_text(folder: Path) -> str:
    (folder / "notes.txt").write_text("not a program\n", encoding="utf-8")
    return str(folder / "notes.txt")


def a_folder(folder: Path) -> str:
    return str(folder)


@pytest.mark.parametrize("program", [no_such_file, an_empty_file, a_text, a_folder])
async def test_a_path_that_names_no_program_is_told_as_such(lanes, tmp_path, program):
    reason = await failure(lanes.start(program(tmp_path)))
    assert "IPC initialize failed, Process create failed" in reason
    assert "(-10003)" in reason
    assert "MT5_PATH must name the terminal64.exe itself" in reason


async def test_a_pc_without_a_terminal_is_told_as_such(lanes):
    reason = await failure(lanes.start(""))
    assert "MetaTrader 5 x64 not found (-10003)" in reason
    assert "set MT5_PATH to your broker's terminal64.exe" in reason


async def test_calls_without_a_terminal_are_turned_away_with_the_cause_and_nothing_is_left_after(
    lanes, tmp_path
):
    lane = lanes.start(no_such_file(tmp_path))
    await failure(lane)
    early = Operation(SUBMIT.name, SUBMIT.args, SUBMIT.reply, SUBMIT.priority, SUBMIT.timeout_s, wait_s=0.1)
    with pytest.raises(LaneUnavailable, match="Process create failed"):
        await lane.call(early, CLOSE)
    assert len(workers()) == 1
    await lanes.stop()
    assert workers() == []
    with pytest.raises(LaneUnavailable, match="stopped"):
        await lane.call(REPORT, PLAIN)


async def test_a_terminal_that_never_opens_its_pipe_costs_a_worker_and_never_the_loop(lanes, monkeypatch):
    deadline_s = 20.0
    kinds = (CONNECT.name, CONNECT.args, CONNECT.reply, CONNECT.priority)
    monkeypatch.setattr(lane_module, "CONNECT", Operation(*kinds, deadline_s, 0.0))
    lag = LoopLag(WallClock())
    measuring = asyncio.create_task(lag.run())
    lane = lanes.start(lanes.program.path, mt5_timeout_ms=1000)
    await until(lambda: bool(lanes.program.starts()), within_s=deadline_s)
    held = lane.state.pid
    assert lane.state.phase is LanePhase.CONNECTING

    await until(lambda: lane.state.restarts == 1, within_s=deadline_s + 5)
    assert f"connect took longer than {deadline_s + 1:g} s" in lane.state.reason
    assert "close every dialog that is open in it, or restart it if it hangs" in lane.state.reason
    assert not psutil.pid_exists(held)
    # It is the trader's terminal, and theirs to end.
    assert psutil.pid_exists(lanes.program.starts()[0])
    await lanes.stop()
    assert workers() == []
    measuring.cancel()
    print(f"longest delay of the loop: {lag.max_ms:.1f} ms")
    assert lag.max_ms < LAG_MS_MAX
