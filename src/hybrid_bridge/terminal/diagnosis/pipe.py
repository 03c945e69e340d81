r"""Whether a terminal listens at the pipe that the MetaTrader5 package opens, seen without opening it.

The package starts a terminal where none listens, and waits 100 s for it; who only looks must not. Its pipe is

    \\.\pipe\MT5.Terminal.<SHA-256 of the program's lower-cased final path in UTF-16LE, in upper-case hex>

Source: measured with the genuine package 5.0.6231.
"""

import hashlib
import os
import sys
from pathlib import Path

PREFIX = "\\\\.\\pipe\\MT5.Terminal."
FILE_NOT_FOUND = 2  # winerror.h


def pipe_of(lowered_final_path: str) -> str:
    r"""Return the pipe's name for a final path, which begins with `\\?\`."""
    units = lowered_final_path.encode("utf-16-le", "surrogatepass")
    return PREFIX + hashlib.sha256(units).hexdigest().upper()


if sys.platform == "win32":
    import ctypes

    def listens(program: Path) -> bool:
        """Return whether a terminal with this program lets programs in."""
        kernel32 = ctypes.WinDLL("kernel32", use_last_error=True)
        pipe = pipe_of(_lowered(_final_path(program)))
        # Waits a millisecond for a free instance and takes none; one that is busy is there all the same.
        return bool(kernel32.WaitNamedPipeW(pipe, 1)) or ctypes.get_last_error() != FILE_NOT_FOUND

    def _final_path(program: Path) -> str:
        path = os.path.realpath(program)  # As GetFinalPathNameByHandleW, without the prefix.
        if path.startswith("\\\\?\\"):
            return path
        return "\\\\?\\UNC" + path[1:] if path.startswith("\\\\") else "\\\\?\\" + path

    def _lowered(path: str) -> str:
        """Return a text in Windows' lower case, which differs from Python's for some letters."""
        buffer = ctypes.create_unicode_buffer(path)
        ctypes.WinDLL("user32").CharLowerW(buffer)
        return buffer.value

else:

    def listens(program: Path) -> bool:  # noqa: ARG001
        """Return False: only Windows has such pipes."""
        return False
