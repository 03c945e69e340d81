"""A journal read beside the bridge: nothing is created, changed or migrated, and nobody has to wait.

`hybrid-bridge journal` reads through it, while a bridge runs as well as after it died. Where a bridge has the
file open, its own shared memory is read, without writing to it; otherwise a copy is read, because SQLite
would leave files behind beside the original. Journals of older versions are read as they are.
"""

import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from hybrid_bridge.core.events import Event
from hybrid_bridge.errors import JournalError, RecoveryRefused
from hybrid_bridge.journal.rows import event_of
from hybrid_bridge.journal.schema import check_owner
from hybrid_bridge.journal.sqlite_thread import explain

PREFIX, SUFFIX = "journal-", ".sqlite"
EVENTS_PER_READ = 2_000  # Between reads the bridge may tidy up its write-ahead log.
BUSY_TIMEOUT_S = 5.0


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """One event as it stands in the journal.

    Attributes:
        number: the intent it is about, None for the account's own.
        body: its fields as they were written.
        event: the same as a value; None when this version cannot read it.
    """

    seq: int
    kind: str
    number: int | None
    at_msc: int
    body: dict[str, Any]
    event: Event | None


def find_journals(state_dir: Path) -> dict[str, Path]:
    """Return the journals of a STATE_DIR by account."""
    found = sorted(state_dir.glob(f"{PREFIX}*{SUFFIX}"))
    return {path.name.removeprefix(PREFIX).removesuffix(SUFFIX): path for path in found}


def read_events(path: Path) -> Iterator[StoredEvent]:
    """Yield every event of a journal, oldest first.

    Raises:
        JournalError: when it cannot be read; says why and what to do.
    """
    try:
        with _opened(path) as db:
            check_owner(db, path)
            after = -1
            while rows := _read(db, after):
                yield from (_stored(*row) for row in rows)
                after = rows[-1][0]
    except sqlite3.Error as error:
        raise JournalError(explain(path, error)) from error
    except OSError as error:
        raise JournalError(f"{path}: {error}; read it as a user who may") from error
    except RecoveryRefused as error:
        raise JournalError(str(error)) from error


def _read(db: sqlite3.Connection, after: int) -> list[tuple[int, str, int | None, str]]:
    query = "SELECT seq, kind, number, body FROM events WHERE seq > ? ORDER BY seq LIMIT ?"
    return db.execute(query, (after, EVENTS_PER_READ)).fetchall()


def _stored(seq: int, kind: str, number: int | None, text: str) -> StoredEvent:
    try:
        event = event_of(seq, kind, text)
    except RecoveryRefused:
        event = None
    try:
        body = msgspec.json.decode(text, type=dict[str, Any])
    except msgspec.MsgspecError:
        body = {"unreadable": text}
    at_msc = body.get("at_msc")
    if at_msc is None:
        at_msc = body.get("intent", {}).get("received_msc", 0)
    return StoredEvent(seq, kind, number, at_msc, body, event)


@contextmanager
def _opened(path: Path) -> Iterator[sqlite3.Connection]:
    with tempfile.TemporaryDirectory(prefix="hybrid-bridge-") as folder:
        db = _open_in_place(path) or _open_copy(path, Path(folder)) or _open_in_place(path)
        if db is None:
            raise JournalError(f"{path} comes and goes; is a bridge being started? Try again")
        try:
            yield db
        finally:
            db.close()


def _open_in_place(path: Path) -> sqlite3.Connection | None:
    """Open a journal that a bridge has open, or had when it died; None when none has."""
    if not _shared_memory(path).exists():
        return None
    # Read-only down to the shared memory: it is neither made nor written to.
    db = _connect(f"{path.absolute().as_uri()}?mode=ro&readonly_shm=1")
    try:
        db.execute("SELECT 1 FROM sqlite_master").fetchall()
    except sqlite3.OperationalError:
        db.close()
        if _shared_memory(path).exists():
            raise
        return None  # The bridge closed it in this moment.
    return db


def _open_copy(path: Path, folder: Path) -> sqlite3.Connection | None:
    """Open a copy of a journal that nobody has open; None when a bridge opened it meanwhile."""
    copy = folder / path.name
    shutil.copyfile(path, copy)
    wal = path.with_name(f"{path.name}-wal")
    if wal.exists():
        shutil.copyfile(wal, copy.with_name(wal.name))
    return None if _shared_memory(path).exists() else _connect(copy.as_uri())


def _shared_memory(path: Path) -> Path:
    return path.with_name(f"{path.name}-shm")


def _connect(uri: str) -> sqlite3.Connection:
    return sqlite3.connect(uri, uri=True, timeout=BUSY_TIMEOUT_S, isolation_level=None)
