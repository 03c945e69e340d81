"""Standing still while a terminal is silent."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from hybrid_bridge.simulator import held_gil

SOURCE = Path(__file__).parents[2] / "src"
# A child that counts in one thread while another waits for a byte which comes after half a second.
CHILD = """
import os, socket, sys, threading, time
from hybrid_bridge.simulator.held_gil import wait_for_bytes
ours, theirs = socket.socketpair()
if os.fork() == 0:
    time.sleep(0.5)
    theirs.send(b"x")
    os._exit(0)
counted, gaps = [time.monotonic()], []
def count():
    while len(gaps) < 200:
        time.sleep(0.005)
        now = time.monotonic()
        gaps.append(now - counted[0])
        counted[0] = now
counting = threading.Thread(target=count)
counting.start()
if sys.argv[1] == "held":
    wait_for_bytes(ours)
assert ours.recv(1) == b"x"
counting.join()
print(max(gaps))
"""


@pytest.mark.not_on_windows("needs fork")
def test_other_threads_stand_still_until_the_first_byte() -> None:
    gaps = {}
    for how in ("held", "usual"):
        ended = subprocess.run(
            [sys.executable, "-c", CHILD, how],
            env={**os.environ, "PYTHONPATH": str(SOURCE)},
            capture_output=True,
            text=True,
            timeout=30,
            check=True,
        )
        gaps[how] = float(ended.stdout)
    assert gaps["held"] >= 0.3 > gaps["usual"]


@pytest.mark.parametrize(("text", "wanted"), [("1", True), ("yes", True), ("0", False), ("", False)])
def test_the_environment_says_whether(monkeypatch: pytest.MonkeyPatch, text: str, wanted: bool) -> None:
    monkeypatch.setenv(held_gil.VARIABLE, text)
    assert wanted is held_gil.is_wanted()


def test_an_unclear_wish_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(held_gil.VARIABLE, "perhaps")
    with pytest.raises(ValueError, match="SIM_HOLD_GIL must be 1 or 0, got 'perhaps'"):
        held_gil.is_wanted()
