"""Lanes' processes end with the daemon, however that ends, and no person sees a window of theirs."""

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator

import psutil
import pytest
from tests.terminal.support import MODULE

from hybrid_bridge.terminal.worker_process import _environment

ON_WINDOWS = pytest.mark.skipif(sys.platform != "win32", reason="job objects and consoles are Windows' own")

DAEMON = """
import asyncio, os, sys
from hybrid_bridge.settings import Settings
from hybrid_bridge.terminal.lane import Lane, LaneOptions

async def main():
    settings = Settings(_env_file=None, symbols="EURUSD").terminal
    lane = Lane(LaneOptions("market", sys.argv[1], settings))
    running = asyncio.create_task(lane.run())
    while lane.state.pid is None or (sys.argv[2] == "ready" and not lane.ready):
        await asyncio.sleep(0.01)
    print("pids", os.getpid(), lane.state.pid, flush=True)
    await running

asyncio.run(main())
"""
# Ties itself to its parent as on a POSIX system without PR_SET_PDEATHSIG.
WATCHER = """
import os, sys, time
from hybrid_bridge.terminal import process_care
process_care.watch_parent(int(sys.argv[1]), 0)
print(os.getpid(), flush=True)
time.sleep(600)
"""
PARENT_OF_WATCHER = """
import os, subprocess, sys, time
read, write = os.pipe()
subprocess.Popen([sys.executable, "-c", sys.argv[1], str(os.getpid())], stdin=read, close_fds=True)
os.close(read)
time.sleep(600)
"""


# Adopts a child as a worker is adopted, which starts a program as initialize() starts the terminal.
ADOPTING = """
import subprocess, sys, time
from hybrid_bridge.terminal import process_care

code = (
    "import subprocess, sys, time\\n"
    "sys.stdin.readline()\\n"
    "print(subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)']).pid, flush=True)\\n"
    "time.sleep(600)\\n"
)
child = subprocess.Popen(
    [sys.executable, "-c", code],
    stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, **process_care.spawn_options()
)
process_care.adopt(child.pid)
child.stdin.write("go on\\n")
child.stdin.flush()
print(child.pid, child.stdout.readline().strip(), flush=True)
time.sleep(600)
"""
# Tells whether a program started as a worker is has a console window, and whether this one has.
SEEING = """
import ctypes, subprocess, sys
from hybrid_bridge.terminal import process_care

code = "import ctypes; print(bool(ctypes.windll.kernel32.GetConsoleWindow()))"
said = subprocess.run(
    [sys.executable, "-c", code], capture_output=True, text=True, check=True, **process_care.spawn_options()
).stdout
print(bool(ctypes.windll.kernel32.GetConsoleWindow()), said.strip(), flush=True)
"""


def alive(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def wait_gone(pid: int, within_s: float = 10.0) -> bool:
    end = time.monotonic() + within_s
    while alive(pid) and time.monotonic() < end:
        time.sleep(0.01)
    return not alive(pid)


@contextlib.contextmanager
def started(
    code: str, *arguments: str, python: str = sys.executable, flags: int = 0, **environment: str
) -> Iterator["subprocess.Popen[str]"]:
    process = subprocess.Popen(
        [python, "-P", "-c", code, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env=_environment(environment),
        creationflags=flags,
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait(10)
        process.stdout.close()


def pids_of(daemon: "subprocess.Popen[str]") -> tuple[int, int]:
    """Return the process ids of the daemon, as it knows it, and of its worker."""
    line = next(line for line in daemon.stdout if line.startswith("pids "))
    _, own, worker = line.split()
    return int(own), int(worker)


def workers_of(daemon: int) -> list[int]:
    """Return every process that was started as a worker of this daemon."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            words = process.cmdline()
            if "--parent" in words and words[words.index("--parent") + 1] == str(daemon):
                found.append(process.pid)
    return found


@pytest.fixture(scope="module")
def virtual(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The Python of a virtual environment, which on Windows only starts the true one."""
    folder = tmp_path_factory.mktemp("my bridge") / ".venv"
    command = [sys.executable, "-m", "venv", "--without-pip", "--system-site-packages", folder]
    subprocess.run(command, check=True, timeout=120)
    return str(folder / "Scripts" / "python.exe")


@pytest.mark.parametrize("state", ["ready", "stalled"])
def test_a_worker_vanishes_with_a_killed_daemon_even_while_a_call_holds_it(script, state):
    if state == "stalled":
        script.say(stall=["initialize"])
    with started(DAEMON, MODULE, state, **script.environment) as daemon:
        own, worker = pids_of(daemon)
        assert alive(worker)
        if state == "stalled":
            while not script.stalled:
                time.sleep(0.01)
        psutil.Process(own).kill()
        gone = wait_gone(worker)
    assert gone


@ON_WINDOWS
class TestInAVirtualEnvironment:
    def test_a_worker_is_one_process_and_the_daemons_own_child(self, script, virtual):
        with started(DAEMON, MODULE, "ready", python=virtual, **script.environment) as daemon:
            own, worker = pids_of(daemon)
            assert daemon.pid != own  # The one that only starts the true Python.
            assert own == psutil.Process(worker).ppid()
            assert [worker] == workers_of(own)

    @pytest.mark.parametrize("killed", ["the true Python", "the one that started it"])
    def test_a_worker_held_by_a_call_vanishes_with_whichever_is_killed(self, script, virtual, killed):
        script.say(stall=["initialize"])
        with started(DAEMON, MODULE, "stalled", python=virtual, **script.environment) as daemon:
            own, worker = pids_of(daemon)
            while not script.stalled:
                time.sleep(0.01)
            psutil.Process(own if killed == "the true Python" else daemon.pid).kill()
            assert wait_gone(worker)
            assert wait_gone(own)


@ON_WINDOWS
def test_what_a_worker_starts_lives_on_when_the_daemon_is_killed_for_it_may_be_the_terminal():
    with started(ADOPTING) as daemon:
        child, grandchild = (int(number) for number in daemon.stdout.readline().split())
        try:
            daemon.kill()
            assert wait_gone(child)
            assert alive(grandchild)
        finally:
            psutil.Process(grandchild).kill()


@ON_WINDOWS
def test_a_worker_shows_no_console_window():
    with started(SEEING, flags=subprocess.CREATE_NEW_CONSOLE) as daemon:
        assert "True False\n" == daemon.stdout.readline()


@pytest.mark.not_on_windows("it has no hang-up of a pipe to poll for; a job object does it there")
def test_without_the_kernels_help_a_thread_watches_for_the_parents_end(script):
    with started(PARENT_OF_WATCHER, WATCHER) as parent:
        watcher = int(parent.stdout.readline())
        assert alive(watcher)
        parent.kill()
        gone = wait_gone(watcher)
    assert gone


@pytest.mark.not_on_windows("a worker there leaves it to the daemon's job object")
def test_a_worker_whose_parent_is_gone_already_does_not_start(script):
    done = subprocess.run(
        [
            sys.executable,
            "-P",
            "-m",
            "hybrid_bridge.terminal.worker",
            "--module",
            MODULE,
            "--name",
            "market",
            "--parent",
            str(os.getppid()),
        ],
        stdin=subprocess.PIPE,
        capture_output=True,
        env=_environment(script.environment),
        timeout=30,
    )
    assert done.returncode == 3
