"""When the simulator's process ends by itself."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

SOURCE = Path(__file__).parents[2] / "src"


def test_it_ends_when_its_parent_dies() -> None:
    script = (
        "import subprocess, sys, time\n"
        "child = subprocess.Popen([sys.executable, '-m', 'hybrid_bridge.simulator', '--listen',\n"
        "    '127.0.0.1:0', '--die-with-parent'], stdout=subprocess.PIPE, stdin=subprocess.PIPE)\n"
        "sys.stdout.write(child.stdout.readline().decode()); sys.stdout.flush(); time.sleep(60)\n"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", script],
        env={**os.environ, "PYTHONPATH": str(SOURCE)},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert parent.stdout is not None
    with parent.stdout:
        host, port = json.loads(parent.stdout.readline())["simulator"].split(":")
        with socket.create_connection((host, int(port)), 10) as connection:
            parent.kill()
            parent.wait(10)
            assert connection.recv(1) == b""


def test_killing_itself_looks_like_sigkill_and_cleans_nothing_up() -> None:
    script = (
        "import atexit; from hybrid_bridge.simulator import lifetime\n"
        "atexit.register(print, 'cleaned up')\n"
        "lifetime.kill_this_process()\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, "PYTHONPATH": str(SOURCE)},
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert (ended.returncode, ended.stdout) == (137, b"")
