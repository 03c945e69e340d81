import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tests.terminal.support import MODULE

from hybrid_bridge.terminal.worker_process import _environment

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")

DAEMON = """
import asyncio, sys
from hybrid_bridge.settings import Settings
from hybrid_bridge.terminal.lane import Lane, LaneOptions

async def main():
    settings = Settings(_env_file=None, symbols="EURUSD").terminal
    lane = Lane(LaneOptions("market", sys.argv[1], settings))
    running = asyncio.create_task(lane.run())
    while lane.state.pid is None or (sys.argv[2] == "ready" and not lane.ready):
        await asyncio.sleep(0.01)
    print("pid", lane.state.pid, flush=True)
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


def alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def wait_gone(pid, within_s=5.0):
    end = time.monotonic() + within_s
    while alive(pid) and time.monotonic() < end:
        time.sleep(0.01)
    return not alive(pid)


def start(code, *arguments, **environment):
    return subprocess.Popen(
        [sys.executable, "-P", "-c", code, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=_environment(environment),
    )


@pytest.mark.parametrize("state", ["ready", "stalled"])
def test_a_worker_vanishes_with_a_killed_daemon_even_while_a_call_holds_it(script, state):
    if state == "stalled":
        script.say(stall=["initialize"])
    with start(DAEMON, MODULE, state, **script.environment) as daemon:
        worker = next(int(line.split()[1]) for line in daemon.stdout if line.startswith(b"pid "))
        assert alive(worker)
        if state == "stalled":
            while not script.stalled:
                time.sleep(0.01)
        daemon.send_signal(signal.SIGKILL)
        gone = wait_gone(worker)
    assert gone


def test_without_the_kernels_help_a_thread_watches_for_the_parents_end(script):
    with start(PARENT_OF_WATCHER, WATCHER) as parent:
        watcher = int(parent.stdout.readline())
        assert alive(watcher)
        parent.send_signal(signal.SIGKILL)
        gone = wait_gone(watcher)
    assert gone


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
