"""The order journal: every event and every message that must arrive, on disk before it counts.

Owns one SQLite file per account (WAL, synchronous=FULL). Decides nothing. The executor records through it,
recovery loads from it, the outbox pumps read their messages from it.
"""

import sqlite3
from collections.abc import Sequence
from concurrent.futures import Executor
from functools import partial
from pathlib import Path
from typing import Any

from hybrid_bridge.core.events import Event, IntentReceived
from hybrid_bridge.errors import AlreadyJournaled, JournalError, RecoveryRefused
from hybrid_bridge.journal import schema, trimming
from hybrid_bridge.journal.rows import INSERT_EVENT, EventRow, checksum_of, event_of, row_of
from hybrid_bridge.journal.sqlite_thread import DamagedFile, SqliteThread
from hybrid_bridge.ports import OutboxEntry, OutboxMessage


class SqliteJournal:
    """Implements ports.Journal and ports.OutboxStore."""

    def __init__(
        self, path: Path, account: str, channels: Sequence[str], executor: Executor | None = None
    ) -> None:
        """Open or create the journal of one account.

        Args:
            account: whose it is; a file that belongs to another is refused.
            channels: every outbox channel that will deliver from it.
            executor: as for SqliteThread.
        Raises:
            JournalError: when the file cannot be read or written.
            RecoveryRefused: when it is damaged, of a newer version or another account's.
        """
        self._channels = tuple(channels)
        try:
            if not path.exists():
                _create_file(path, account, executor)
            self._file = SqliteThread(
                path, "FULL", executor, check=lambda db: schema.check_owner(db, path, account)
            )
            self._prepare(path)
        except DamagedFile as error:
            raise RecoveryRefused(str(error)) from error
        except OSError as error:
            raise JournalError(f"{path}: {error}; make STATE_DIR a folder that can be written") from error

    def _prepare(self, path: Path) -> None:
        try:
            self._file.run_now(lambda db: schema.check_integrity(db, path))
            _migrate(self._file, path)
            self._file.run_now(lambda db: schema.open_channels(db, self._channels))
        except BaseException:
            self._file.close()
            raise

    async def load(self) -> list[Event]:
        """Return all events in order.

        Raises:
            RecoveryRefused: when an event cannot be read.
        """
        return await self._file.run(_load)

    async def record(self, events: Sequence[Event], outbox: Sequence[OutboxEntry]) -> None:
        """Commit events and outbox messages in one durable transaction.

        Raises:
            AlreadyJournaled: when an intent's signal id is journaled already; nothing was recorded.
            JournalError: when it cannot be written; nothing was recorded.
        """
        rows = [row_of(event) for event in events]
        await self._file.run(lambda db: _record(db, events, rows, outbox))

    async def undelivered(self, channel: str, limit: int) -> list[OutboxMessage]:
        """Return the oldest messages this channel has not delivered."""
        return await self._file.run(lambda db: _undelivered(db, channel, limit))

    async def mark_delivered(self, channel: str, seq: int) -> None:
        """Record a delivery and forget what every channel has delivered.

        A power cut may undo it: then it is delivered once more, which its receivers drop.
        """
        await self._file.run(lambda db: _mark_delivered(db, channel, seq, self._channels), durable=False)

    async def retain(self, before_msc: int) -> int:
        """Remove what is older and cannot matter any more, a little at a time so that orders do not wait.

        What `load` returns afterwards folds into the same state, but for orders that ended long ago.

        Args:
            before_msc: only what ended before this instant goes, UTC milliseconds.
        Returns:
            How many events went.
        Raises:
            JournalError: when it cannot be written; what went before stays removed.
        """
        removed = 0
        for trim in trimming.STEPS:
            place: int | None = 0
            while place is not None:
                step = partial(trim, before_msc=before_msc, after=place)
                place, count = await self._file.run(step, durable=False)
                removed += count
        return removed

    def close(self) -> None:
        """Finish what is queued and close the file."""
        self._file.close()


def _create_file(path: Path, account: str, executor: Executor | None) -> None:
    """Make a new journal under another name first: under its own there is a whole one or none."""
    wal = path.with_name(f"{path.name}-wal")
    if wal.exists() and wal.stat().st_size:
        mend = "put it back or start with a new STATE_DIR"
        raise RecoveryRefused(f"{path} is gone while {wal.name}, its latest part, is still there; {mend}")
    draft = path.with_name(f"{path.name}.draft")
    draft.unlink(missing_ok=True)
    file = SqliteThread(draft, "FULL", executor)
    try:
        file.run_now(lambda db: schema.create(db, account))
    finally:
        file.close()
    draft.rename(path)


def _migrate(file: SqliteThread, path: Path) -> None:
    """Bring an older journal to this version; a migration that fails leaves the file as it was."""
    version = file.run_now(schema.version_of)
    if version == schema.SCHEMA_VERSION:
        return
    kept = _free_name(path, version)
    file.copy(kept)
    try:
        file.run_now(schema.migrate)
    except BaseException:
        kept.unlink(missing_ok=True)  # The journal itself is still what the copy was made of.
        raise


def _free_name(path: Path, version: int) -> Path:
    """Return where to keep the copy of an old version: beside the file, never over another copy."""
    kept, count = path.with_name(f"{path.stem}.v{version}.bak"), 1
    while kept.exists():
        count += 1
        kept = path.with_name(f"{path.stem}.v{version}.{count}.bak")
    return kept


def _load(db: sqlite3.Connection) -> list[Event]:
    loaded: list[Event] = []
    known: set[tuple[str, int, str]] = set()
    for seq, kind, body, checksum in db.execute("SELECT seq, kind, body, checksum FROM events ORDER BY seq"):
        if checksum != checksum_of(kind, body):
            raise RecoveryRefused(
                f"journal event {seq} ({kind}) is damaged: its checksum is another; "
                "keep a copy of the file, look at the account's trades and start with a new STATE_DIR"
            )
        event = event_of(seq, kind, body)
        loaded.append(event)
        if isinstance(event, IntentReceived):
            known.add((event.intent.signal_id, event.intent.number, event.payload_hash))
    if known != set(db.execute("SELECT signal_id, number, payload_hash FROM inbox")):
        raise RecoveryRefused(
            "the journal is damaged: its inbox and its events name different signals; "
            "keep a copy of the file, look at the account's trades and start with a new STATE_DIR"
        )
    return loaded


def _record(
    db: sqlite3.Connection,
    events: Sequence[Event],
    rows: Sequence[EventRow],
    outbox: Sequence[OutboxEntry],
) -> None:
    for event in events:
        if isinstance(event, IntentReceived):
            _record_received(db, event)
    db.executemany(INSERT_EVENT, rows)
    db.executemany("INSERT INTO outbox (key, body, intent_id) VALUES (?, ?, ?)", outbox)


def _record_received(db: sqlite3.Connection, event: IntentReceived) -> None:
    intent, source = event.intent, event.intent.source
    before: Any = db.execute(
        "SELECT number, payload_hash FROM inbox WHERE signal_id=?", (intent.signal_id,)
    ).fetchone()
    if before is not None:
        raise AlreadyJournaled(intent.signal_id, before[0], before[1])
    place = (source.channel.value, source.topic, source.partition, source.offset)
    db.execute(
        "INSERT INTO inbox VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (intent.signal_id, intent.number, event.payload_hash, *place, intent.received_msc),
    )


def _undelivered(db: sqlite3.Connection, channel: str, limit: int) -> list[OutboxMessage]:
    query = """SELECT seq, key, body, intent_id FROM outbox
        WHERE seq > (SELECT seq FROM delivered WHERE channel=?) ORDER BY seq LIMIT ?"""
    return [OutboxMessage(*row) for row in db.execute(query, (channel, limit))]


def _mark_delivered(db: sqlite3.Connection, channel: str, seq: int, channels: Sequence[str]) -> None:
    db.execute("UPDATE delivered SET seq=? WHERE channel=?", (seq, channel))
    marks = dict(db.execute("SELECT channel, seq FROM delivered"))
    db.execute("DELETE FROM outbox WHERE seq <= ?", (min(marks[name] for name in channels),))
