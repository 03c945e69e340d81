"""Opens files as other Windows programs do, which may share a file with nobody while they have it open."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

if sys.platform == "win32":
    import ctypes
    from ctypes import wintypes

GENERIC_READ = 0x8000_0000
GENERIC_WRITE = 0x4000_0000
OPEN_EXISTING = 3
# What others may do meanwhile. An editor permits to read and to write, and with that neither to rename nor
# to delete; a program that locks a file permits nothing.
SHARE_READ_WRITE = 3
SHARE_NOTHING = 0


@contextmanager
def held_open(path: Path, share: int, access: int = GENERIC_READ) -> Iterator[None]:
    """Keep a file open as a Windows program would.

    Raises:
        OSError: as Windows refuses it.
    """
    if sys.platform != "win32":
        raise NotImplementedError("files are shared in this way by Windows only")
    kernel = ctypes.WinDLL("kernel32", use_last_error=True)
    kernel.CreateFileW.restype = wintypes.HANDLE
    word = wintypes.DWORD
    kernel.CreateFileW.argtypes = [wintypes.LPCWSTR, word, word, wintypes.LPVOID, word, word, wintypes.HANDLE]
    kernel.CloseHandle.argtypes = [wintypes.HANDLE]
    handle = kernel.CreateFileW(str(path), access, share, None, OPEN_EXISTING, 0, None)
    if handle == wintypes.HANDLE(-1).value:
        raise ctypes.WinError(ctypes.get_last_error())
    try:
        yield
    finally:
        kernel.CloseHandle(handle)
