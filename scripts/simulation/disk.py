"""The simulated disk under the journal: real files, and what a power cut or a kill leaves of them.

Owns which bytes of the write-ahead log are certain to be on the disk. A commit with synchronous=FULL puts all
of it there; what was written since may be there or not, in part, or torn, after a power cut. A kill alone
loses nothing that was written, but may strike between the writes of one commit.

Source: SQLite documentation, "Write-Ahead Logging" and "WAL-mode File Format".
"""

import random
import sqlite3
import struct
from dataclasses import dataclass
from pathlib import Path

WAL_HEADER_BYTES, FRAME_HEADER_BYTES = 32, 24
SYNC_FULL = 2
SECTOR = 512


@dataclass(frozen=True, slots=True)
class Tail:
    """How far a write-ahead log goes.

    Attributes:
        salts: of its present generation; empty when there is no log.
        end: offset behind its last frame.
    """

    salts: bytes = b""
    end: int = 0


class WatchedFile:
    """One SQLite file in WAL mode and what of it is certainly on the disk."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._wal = path.with_name(path.name + "-wal")
        self._written = Tail()
        self._synced = Tail()
        self._before_job = Tail()

    @property
    def log_size(self) -> int:
        """How large the log is now: on a full disk it does not grow."""
        return self._wal.stat().st_size if self._wal.exists() else 0

    def begin_job(self) -> None:
        """Note how far the log goes before a transaction."""
        self._before_job = self._written

    def end_job(self, connection: sqlite3.Connection) -> None:
        """Note what a transaction wrote, and whether SQLite waited for the disk."""
        tail = self._look()
        if tail == self._written:
            return
        self._written = tail
        if connection.execute("PRAGMA synchronous").fetchone()[0] >= SYNC_FULL:
            self._synced = tail
        elif self._synced.salts != tail.salts:
            # The log began anew, so the file itself has everything from before.
            self._synced = Tail(tail.salts, 0)

    def _look(self) -> Tail:
        if not self._wal.exists():
            return Tail()
        with self._wal.open("rb") as log:
            header = log.read(WAL_HEADER_BYTES)
            if len(header) < WAL_HEADER_BYTES:
                return Tail()
            step = FRAME_HEADER_BYTES + struct.unpack_from(">I", header, 8)[0]
            salts = header[16:24]
            end = self._written.end if self._written.salts == salts else WAL_HEADER_BYTES
            while True:
                log.seek(end)
                frame = log.read(FRAME_HEADER_BYTES)
                if len(frame) < FRAME_HEADER_BYTES or frame[8:16] != salts:
                    return Tail(salts, end)
                end += step

    def survive(
        self, draw: random.Random, *, power_cut: bool, in_commit: bool
    ) -> tuple[dict[Path, bytes], str]:
        """Return what is left of the file and its log, and say what was lost.

        Args:
            power_cut: whatever was not synced may be gone; else only the process is dead.
            in_commit: the last transaction was still being written.
        """
        left = {self.path: self.path.read_bytes()} if self.path.exists() else {}
        log = self._wal.read_bytes() if self._wal.exists() else b""
        certain = self._certain(power_cut=power_cut, in_commit=in_commit)
        kept, words = _cut(log, certain, self._written, draw, torn=power_cut)
        if kept:
            left[self._wal] = kept
        return left, words

    def _certain(self, *, power_cut: bool, in_commit: bool) -> int:
        """Return up to where the log is safe."""
        certain = self._written.end
        if in_commit:
            same = self._before_job.salts == self._written.salts
            certain = min(certain, self._before_job.end if same else 0)
        if power_cut:
            synced = self._synced.end if self._synced.salts == self._written.salts else 0
            certain = min(certain, synced)
        return certain


def _cut(log: bytes, certain: int, written: Tail, draw: random.Random, *, torn: bool) -> tuple[bytes, str]:
    """Cut a log somewhere behind what is certain, or tear it there."""
    loose = written.end - certain
    if loose <= 0:
        return log, ""
    kept = draw.choice((0, loose, draw.randrange(loose + 1), draw.randrange(loose + 1)))
    if kept == loose:
        return log, ""
    place = certain + kept
    words = f"{loose - kept} of {loose} bytes that were not on the disk are lost"
    if not torn or certain < WAL_HEADER_BYTES or draw.random() < 0.5:
        # Behind the cut, an older generation's frames may stand: they count for nothing.
        return log[:place], words
    sector = place // SECTOR * SECTOR + SECTOR
    return log[:place] + bytes(min(sector, len(log)) - place) + log[sector:], words + ", torn"
