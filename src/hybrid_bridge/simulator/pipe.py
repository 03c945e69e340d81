"""The named pipe of a simulated terminal, at which the genuine MetaTrader5 package connects.

Owns the pipe's instances, and that this process alone serves the name. What is said on it is
`terminal_server`'s business, to which a client of the pipe looks like one of its port. Imported and
opened by `server`, on Windows only.

asyncio serves it, which suits the package: it is a message pipe, so that a reply, which leaves in one
write, arrives in one piece; and there is always one instance more than there are clients, so that the
name never vanishes, at which a waiting client would start the program instead.

Source: measured with the genuine package 5.0.6231.
"""

import asyncio
import ctypes
import sys
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Final

from hybrid_bridge.simulator.pipe_name import PipeError, pipe_name, require_program

if sys.platform != "win32":
    raise ImportError("only Windows has named pipes that the MetaTrader5 package connects to")

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
# Source: winerror.h, winnt.h, fileapi.h.
_FILE_NOT_FOUND: Final = 2
_ALREADY_EXISTS: Final = 183
_SHARE_ALL: Final = 1 | 2 | 4
_OPEN_EXISTING: Final = 3
_INVALID_HANDLE: Final = ctypes.c_void_p(-1).value
_PATH_UNITS_MAX: Final = 32_768

_kernel: Final = ctypes.WinDLL("kernel32", use_last_error=True)
_kernel.CreateFileW.restype = ctypes.c_void_p
_kernel.CreateMutexW.restype = ctypes.c_void_p
_user: Final = ctypes.WinDLL("user32")


class TerminalPipe:
    """The pipe of one terminal, served from `open` to `close`.

    Args:
        program: path of the terminal's program, as clients give it to `initialize`.
    Attributes:
        name: the pipe's whole name.
    Raises:
        PipeError: if there is no such file.
    """

    def __init__(self, program: Path) -> None:
        require_program(program)
        self.name = pipe_name(_lowered_final_path(program))
        self._program = program
        self._held = ExitStack()

    async def open(self, serve: Serve) -> None:
        """Let clients connect.

        Args:
            serve: called with each client's two streams.
        Raises:
            PipeError: if another terminal, simulated or not, serves the same program.
        """
        loop = asyncio.get_running_loop()
        if not isinstance(loop, asyncio.ProactorEventLoop):
            raise PipeError(f"a pipe needs asyncio's ProactorEventLoop, this is {type(loop).__name__}")
        self._take_lock()
        try:
            (listener,) = await loop.start_serving_pipe(
                lambda: asyncio.StreamReaderProtocol(asyncio.StreamReader(), serve), self.name
            )
        except OSError as error:
            self.close()
            raise PipeError(f"the pipe of {self._program} cannot be made: {error}") from error
        self._held.callback(listener.close)

    def close(self) -> None:
        """Take no more clients; those that are connected stay so."""
        self._held.close()

    def _take_lock(self) -> None:
        """Make sure that nobody else serves the name, as two servers would share the clients.

        The lock is gone with this process, however it ends. A genuine terminal takes none, but has its
        pipe.
        """
        lock = _kernel.CreateMutexW(None, False, "Global\\" + self.name.rpartition("\\")[2])
        found = ctypes.get_last_error()
        if not lock:
            raise PipeError(f"the pipe of {self._program} cannot be locked: {ctypes.WinError(found)}")
        self._held.callback(_kernel.CloseHandle, ctypes.c_void_p(lock))
        if found == _ALREADY_EXISTS or _is_served(self.name):
            self.close()
            raise PipeError(f"a terminal serves {self._program} already; end it, or name another file")


def _is_served(name: str) -> bool:
    return bool(_kernel.WaitNamedPipeW(name, 1)) or ctypes.get_last_error() != _FILE_NOT_FOUND


def _lowered_final_path(program: Path) -> str:
    handle = _kernel.CreateFileW(str(program), 0, _SHARE_ALL, None, _OPEN_EXISTING, 0, None)
    if handle == _INVALID_HANDLE:
        raise PipeError(f"{program} cannot be opened: {ctypes.WinError(ctypes.get_last_error())}")
    path = ctypes.create_unicode_buffer(_PATH_UNITS_MAX)
    size = _kernel.GetFinalPathNameByHandleW(ctypes.c_void_p(handle), path, len(path), 0)
    found = ctypes.get_last_error()
    _kernel.CloseHandle(ctypes.c_void_p(handle))
    if not 0 < size < len(path):
        raise PipeError(f"Windows does not know the final path of {program}: {ctypes.WinError(found)}")
    _user.CharLowerW(path)
    return path.value
