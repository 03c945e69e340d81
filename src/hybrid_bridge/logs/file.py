"""A log file that starts anew when it is full, on Windows too.

Used by logs only, from one thread. Windows refuses to rename a file that a program holds open (an editor, a
viewer, a second handle), so nothing is ever renamed: the contents are copied to a file whose name ends in the
time, and the log file itself is emptied through the handle that is open anyway.
"""

import os
import shutil
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from io import FileIO
from pathlib import Path

from hybrid_bridge.errors import ConfigurationError

# While old contents cannot be put aside, the next attempt waits for another such part of the size.
RETRY_PART = 10


class RotatingFile:
    """The log file; every line is with the operating system when `write` returns.

    Args:
        bytes_max: size in bytes past which the contents are put aside.
        backups: how many files of old contents are kept.
        on_problem: told in a sentence when old contents could not be put aside; the log goes on.
    Raises:
        ConfigurationError: if the file cannot be opened for writing.
    """

    def __init__(self, path: Path, bytes_max: int, backups: int, on_problem: Callable[[str], None]) -> None:
        self._path = path
        self._bytes_max = bytes_max
        self._backups = backups
        self._on_problem = on_problem
        self._rotate_at = bytes_max
        self._file = _open(path)
        self._size = self._file.seek(0, os.SEEK_END)

    @property
    def name(self) -> str:
        """The file's path, for messages."""
        return str(self._path)

    def write(self, line: str) -> None:
        """Append a line.

        Raises:
            OSError: if the line could not be written; a later one may be.
        """
        content = line.encode("utf-8", "backslashreplace") + b"\n"
        if self._size and self._size + len(content) > self._rotate_at:
            self._rotate()
        while content:  # a disk that fills up takes a part first
            written = self._file.write(content)
            self._size += written
            content = content[written:]

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _rotate(self) -> None:
        try:
            self._put_aside()
        except OSError as error:
            self._rotate_at = self._size + max(self._bytes_max // RETRY_PART, 1)
            self._on_problem(f"{self._path} is full and its contents cannot be put aside: {error}")
            return
        self._size = 0
        self._rotate_at = self._bytes_max
        self._remove_oldest()

    def _put_aside(self) -> None:
        target = self._unused_name()
        try:
            with self._path.open("rb") as source, target.open("xb") as copy:
                shutil.copyfileobj(source, copy)
        except OSError:
            target.unlink(missing_ok=True)
            raise
        self._file.truncate(0)

    def _unused_name(self) -> Path:
        moment = datetime.now(UTC)
        while True:
            path = self._path.with_name(f"{self._path.name}.{moment:%Y%m%dT%H%M%S.%fZ}")
            if not path.exists():
                return path
            moment += timedelta(microseconds=1)  # Windows' clock goes in steps of up to 16 ms.

    def _remove_oldest(self) -> None:
        old = sorted(self._path.parent.glob(f"{_escaped(self._path.name)}.[0-9]*T*Z"))
        for path in old[: -self._backups]:
            try:
                path.unlink()
            except OSError as error:
                self._on_problem(f"{path} is too old to be kept but cannot be removed: {error}")


def _open(path: Path) -> FileIO:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return path.open("ab", buffering=0)
    except OSError as error:
        reason = error.strerror or str(error)
        remedy = "give a file in a folder you may write to"
        if sys.platform == "win32" and path.is_file():
            remedy = f"close it in the program that keeps it to itself, or {remedy}"
        raise ConfigurationError(f"LOG_FILE: {path} cannot be written ({reason}); {remedy}") from None


def _escaped(name: str) -> str:
    return "".join(f"[{char}]" if char in "*?[" else char for char in name)
