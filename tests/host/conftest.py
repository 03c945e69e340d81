"""Programs that are told of their end: a small one, and the demo of the bridge."""

import contextlib
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import psutil
import pytest
from tests.windows_python import windows_python

__all__ = ["windows_python"]

ROOT = Path(__file__).parents[2]
MARK = "HYBRID_BRIDGE_TEST"
PATIENCE_S = 90.0  # The demo starts four Pythons; under Wine, beside others, that takes long.

# Says what it was told; goes on when a line is typed, and ends with a code of its own.
LISTENING = """
import sys, threading, time
from hybrid_bridge.host.endings import watch_endings

endings = watch_endings()
told = threading.Event()

def listen(ending):
    left_s = None if ending.by_s is None else ending.by_s - time.monotonic()
    print("told", ending.cause, left_s, sep="|", flush=True)
    told.set()

with endings.passed_to(listen):
    print("ready", flush=True)
    told.wait()
    sys.stdin.readline()
endings.done()
print("in order", flush=True)
sys.exit(7)
"""


class Running:
    """A program, with what it says."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self.process = process
        self.lines: list[str] = []
        self._changed = threading.Condition()
        self._reading = threading.Thread(target=self._read, daemon=True)
        self._reading.start()

    def wait_for(self, words: str) -> str:
        """Return the first line with these words, once it is there."""
        with self._changed:
            found = self._changed.wait_for(lambda: self._found(words) or self._ended(), PATIENCE_S)
        assert found and words in found, f"no line with {words!r} among {self.lines}"
        return found

    def type(self, line: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def wait(self, timeout_s: float = PATIENCE_S) -> int:
        code = self.process.wait(timeout_s)
        # Not for the end of its output: what Wine starts for the first program with a window keeps it open.
        self._reading.join(1)
        return code

    @property
    def said(self) -> str:
        return "".join(self.lines)

    def _found(self, words: str) -> str:
        return next((line for line in self.lines if words in line), "")

    def _ended(self) -> str:
        return "" if self._reading.is_alive() else "(it has ended)"

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            with self._changed:
                self.lines.append(line)
                self._changed.notify_all()


Start = Callable[..., Running]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start Python programs in a folder of the test's own; none of them, nor of theirs, is left behind."""
    started: list[Running] = []

    def begin(
        *arguments: str, flags: int = 0, python: str = sys.executable, extra: Mapping[str, str] | None = None
    ) -> Running:
        process = subprocess.Popen(
            [python, *arguments],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(ROOT / "src"), MARK: str(tmp_path), **(extra or {})},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            creationflags=flags,
        )
        started.append(Running(process))
        return started[-1]

    yield begin
    for process in left(tmp_path):
        with contextlib.suppress(psutil.Error):
            process.kill()
    for running in started:
        running.wait(10)
        for stream in (running.process.stdin, running.process.stdout):
            assert stream is not None
            with contextlib.suppress(OSError):
                stream.close()


def left(folder: Path) -> list[psutil.Process]:
    """Return every process that was started for a folder, and what those started."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if process.environ().get(MARK) == str(folder) and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
    return found


def none_left(folder: Path) -> bool:
    """Tell whether all of them end; one that was killed may take a moment to be gone."""
    deadline = time.monotonic() + 5
    while found := left(folder):
        if time.monotonic() > deadline:
            return False
        psutil.wait_procs(found, timeout=0.1)
    return True


@pytest.fixture
def listening(start: Start) -> Running:
    """Give a program that is told of its end and waits for leave to end."""
    running = start("-c", LISTENING)
    running.wait_for("ready")
    return running


@pytest.fixture
def demo(start: Start) -> Running:
    """Give the demo without Redpanda, open for orders."""
    running = start(str(ROOT / "run_bridge.py"), "--demo")
    running.wait_for("Open for orders")
    return running
