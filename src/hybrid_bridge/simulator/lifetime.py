"""When the simulator's process ends: with a signal, with its parent, or at once.

Owns what differs between operating systems there; called by `server` at the process's start.
"""

import asyncio
import ctypes
import os
import signal
import sys
import threading
from collections.abc import Callable
from typing import Final

# The status a shell shows for a process ended by SIGKILL, which this is to look like.
_KILLED: Final = 137
# Source: prctl(2), linux/prctl.h.
_PR_SET_PDEATHSIG: Final = 1


def stop_on_signals(loop: asyncio.AbstractEventLoop, stop: Callable[[], None]) -> None:
    """Call `stop` in the loop at SIGTERM and SIGINT."""
    for number in (signal.SIGTERM, signal.SIGINT):
        if sys.platform == "win32":
            signal.signal(number, lambda *_: loop.call_soon_threadsafe(stop))
        else:
            loop.add_signal_handler(number, stop)


def stop_with_parent(loop: asyncio.AbstractEventLoop, stop: Callable[[], None]) -> None:
    """Make this process end when its parent does; elsewhere than on Linux, when stdin ends."""
    if sys.platform == "linux":
        _ask_kernel_for_sigterm()
    else:
        threading.Thread(target=_watch_stdin, args=(loop, stop), daemon=True).start()


def kill_this_process() -> None:
    """End at once: no reply, no goodbye, no clean-up."""
    os._exit(_KILLED)


def _ask_kernel_for_sigterm() -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"cannot tie this process to its parent: {os.strerror(number)}")


def _watch_stdin(loop: asyncio.AbstractEventLoop, stop: Callable[[], None]) -> None:
    while os.read(sys.stdin.fileno(), 4096):  # Not sys.stdin.read: Python aborts if it ends in that.
        continue
    loop.call_soon_threadsafe(stop)
