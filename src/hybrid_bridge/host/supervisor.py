"""Starts the bridge again when it failed, and never when it must not be.

Owns one child process at a time, the wait between two of them, and the judgement of how one ended. Asked to
stop is asked to stop: a stop of the person, the console or the system ends it too. `service run` drives it;
the Task Scheduler cannot take its place, for it starts nothing again that ended with an exit code.
"""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hybrid_bridge.errors import AlreadyRunning, BridgeError, ConfigurationError, RecoveryRefused

ASKED_TO_STOP = 0
NO_SIGNAL = 0
ASK_AGAIN_S = 0.2
# A person has to do something first.
FINAL = (ConfigurationError.exit_code, RecoveryRefused.exit_code, AlreadyRunning.exit_code)
# Ended by the console's window or Ctrl-C, by the end of the session, while the session ended.
# Source: ntstatus.h.
ENDED_BY_WINDOWS = (0xC000013A, 0x40010004, 0xC0000142)
ENDED_BY_SIGNAL = (-1, -2, -15)  # SIGHUP, SIGINT, SIGTERM


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to wait before the next start, and when to give up.

    Attributes:
        first_s: after the first failure; twice as long after each further one.
        longest_s: but not longer.
        failures_max: in a row; the last of them is the end.
        steady_s: a bridge that ran so long counts as well again.
    """

    first_s: float = 5.0
    longest_s: float = 300.0
    failures_max: int = 10
    steady_s: float = 600.0

    def wait_s(self, failures: int) -> float:
        """Return the wait after so many failures in a row, from 1."""
        return float(min(self.first_s * 2.0 ** (failures - 1), self.longest_s))


@dataclass(frozen=True, slots=True)
class Started:
    """The bridge was started.

    Attributes:
        pid: of the process that was started.
    """

    pid: int


@dataclass(frozen=True, slots=True)
class Failed:
    """The bridge ended as it should not, and is started again.

    Attributes:
        code: its exit code; negative where a signal ended it.
        failures: in a row.
    """

    code: int
    ran_s: float
    failures: int
    wait_s: float


@dataclass(frozen=True, slots=True)
class Ended:
    """The bridge ended and is not started again.

    Attributes:
        code: its exit code; negative where a signal ended it.
        failures: in a row; 0 when the end was none.
    """

    code: int
    failures: int


Told = Started | Failed | Ended


class Supervisor:
    """Runs a command until it ends for good."""

    def __init__(
        self,
        command: Sequence[str],
        environment: Mapping[str, str],
        tell: Callable[[Told], None],
        patience: Patience | None = None,
    ) -> None:
        """Prepare to run a command.

        Args:
            environment: what it finds there besides what this process has.
            tell: told of each start and end, in the loop.
        """
        self._command = list(command)
        self._environment = {**os.environ, **environment}
        self._tell = tell
        self._patience = patience or Patience()
        self._stopping = asyncio.Event()
        self._signal = NO_SIGNAL
        self._process: asyncio.subprocess.Process | None = None

    def stop(self, number: int = NO_SIGNAL) -> None:
        """Start nothing any more, and ask the bridge to end; in the loop.

        Args:
            number: the signal that asked for it; NO_SIGNAL when something else did.
        """
        self._signal = number
        self._stopping.set()
        self._ask_to_end()

    def _ask_to_end(self) -> None:
        process = self._process
        if process is None or process.returncode is not None or ask_to_end(process, self._signal):
            return
        # It has only just been started, and does not listen yet.
        asyncio.get_running_loop().call_later(ASK_AGAIN_S, self._ask_to_end)

    async def run(self) -> int:
        """Run the command until it ends for good; return its exit code, 0 if it was asked to stop.

        Raises:
            BridgeError: when it cannot be started.
        """
        failures, now_s = 0, asyncio.get_running_loop().time
        while not self._stopping.is_set():
            started_s = now_s()
            code = await self._run_once()
            ran_s = now_s() - started_s
            if self._stopping.is_set() or not is_failure(code):
                self._tell(Ended(code, 0))
                return ASKED_TO_STOP if is_stop(code) else code
            failures = 1 if ran_s >= self._patience.steady_s else failures + 1
            if failures >= self._patience.failures_max:
                self._tell(Ended(code, failures))
                return BridgeError.exit_code
            wait_s = self._patience.wait_s(failures)
            self._tell(Failed(code, ran_s, failures, wait_s))
            await self._wait(wait_s)
        return ASKED_TO_STOP

    async def _run_once(self) -> int:
        try:
            process = await asyncio.create_subprocess_exec(
                *self._command, env=self._environment, **_spawn_options()
            )
        except OSError as error:
            raise BridgeError(
                f"cannot start {self._command[0]}: {error}; install the bridge again with start_bridge.bat"
            ) from error
        self._process = process
        if self._stopping.is_set():
            # While it was being started: it may have missed what the console told all processes.
            self._signal = NO_SIGNAL
            self._ask_to_end()
        self._tell(Started(process.pid))
        return await process.wait()

    async def _wait(self, wait_s: float) -> None:
        try:
            async with asyncio.timeout(wait_s):
                await self._stopping.wait()
        except TimeoutError:
            pass


def is_stop(code: int) -> bool:
    """Tell whether an exit code means that somebody asked for the end."""
    return code == ASKED_TO_STOP or code in ENDED_BY_SIGNAL or code in ENDED_BY_WINDOWS


def is_failure(code: int) -> bool:
    """Tell whether to start again what ended with this exit code."""
    return not is_stop(code) and code not in FINAL


if sys.platform == "win32":
    import ctypes
    from ctypes import wintypes

    from hybrid_bridge.host.session_end import CLASS_NAME, WM_CLOSE

    STREAMS = {0: "stdin", 1: "stdout", 2: "stderr"}

    def ask_to_end(process: asyncio.subprocess.Process, number: int) -> bool:
        """Ask a bridge to end, unless the console does; tell whether it can hear it already."""
        if number != NO_SIGNAL:
            return True  # Ctrl-C reaches every process of the console, and a second one would force the stop.
        user32 = ctypes.WinDLL("user32")
        user32.FindWindowExW.restype = wintypes.HWND
        user32.FindWindowExW.argtypes = (wintypes.HWND, wintypes.HWND, wintypes.LPCWSTR, wintypes.LPCWSTR)
        user32.GetWindowThreadProcessId.argtypes = (wintypes.HWND, ctypes.POINTER(wintypes.DWORD))
        user32.PostMessageW.argtypes = (wintypes.HWND, wintypes.UINT, wintypes.WPARAM, wintypes.LPARAM)
        window, owner = None, wintypes.DWORD(0)
        while window := user32.FindWindowExW(None, window, CLASS_NAME, None):
            user32.GetWindowThreadProcessId(window, ctypes.byref(owner))
            if owner.value == process.pid:
                return bool(user32.PostMessageW(window, WM_CLOSE, 0, 0))
        return False

    def _spawn_options() -> dict[str, Any]:
        """Share console and streams: the window is the bridge's. Where there is none, open none."""
        has_console = ctypes.WinDLL("kernel32").GetConsoleCP() != 0
        streams = {
            name: number if _is_open(number) else subprocess.DEVNULL for number, name in STREAMS.items()
        }
        return {**streams, "creationflags": 0 if has_console else subprocess.CREATE_NO_WINDOW}

    def _is_open(number: int) -> bool:
        try:
            os.fstat(number)
        except OSError:
            return False
        return True

else:

    def ask_to_end(process: asyncio.subprocess.Process, number: int) -> bool:
        """Pass the signal on to a bridge; tell whether it can hear it already."""
        process.send_signal(number or signal.SIGTERM)
        return True

    def _spawn_options() -> dict[str, Any]:
        """Keep the terminal's Ctrl-C from the bridge: it is passed on, and twice would force the stop."""
        return {"start_new_session": True}
