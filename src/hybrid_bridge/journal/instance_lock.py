"""One bridge per STATE_DIR: an operating-system lock that dies with its process.

Owns the lock file. app takes it before anything else touches STATE_DIR.
"""

import os
import sys
from pathlib import Path
from typing import IO

from hybrid_bridge.errors import AlreadyRunning, JournalError

LOCK_OFFSET = 1 << 20  # Windows locks are mandatory: a byte far behind the text, so that it stays readable.


class InstanceLock:
    """The right to use a STATE_DIR, held until `release` or the end of the process."""

    def __init__(self, state_dir: Path) -> None:
        """Take the lock, creating the folder when absent.

        Raises:
            AlreadyRunning: when another process holds it; names that process.
            JournalError: when the folder cannot be used.
        """
        self._path = state_dir / "bridge.lock"
        try:
            state_dir.mkdir(parents=True, exist_ok=True)
            self._file: IO[bytes] = self._path.open("a+b", buffering=0)
        except OSError as error:
            raise JournalError(
                f"STATE_DIR {state_dir}: {error}; choose a folder that can be written"
            ) from error
        if not _try_lock(self._file):
            holder = _read_holder(self._file)
            self._file.close()
            raise AlreadyRunning(
                f"another bridge ({holder}) uses STATE_DIR {state_dir}; stop it or choose another folder"
            )
        try:
            self._file.truncate(0)
            self._file.write(f"process {os.getpid()}".encode())
        except OSError as error:
            self._file.close()
            raise JournalError(f"{self._path}: {error}; free space on the disk") from error

    def release(self) -> None:
        """Give the lock back."""
        self._file.close()


def _read_holder(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read(100).decode(errors="replace") or "process not known"


if sys.platform == "win32":
    import msvcrt

    def _try_lock(file: IO[bytes]) -> bool:
        file.seek(LOCK_OFFSET)
        try:
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        file.seek(0)
        return True
else:
    import fcntl

    def _try_lock(file: IO[bytes]) -> bool:
        try:
            fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        return True
