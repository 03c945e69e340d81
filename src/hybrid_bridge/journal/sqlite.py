"""The order journal: every event and every message that must arrive, on disk before it counts.

Owns one SQLite file per account (WAL, synchronous=FULL). Decides nothing. The executor records through it,
recovery loads from it, the outbox pumps read their messages from it.
"""

import math
import sqlite3
from collections.abc import Sequence
from concurrent.futures import Executor
from pathlib import Path
from typing import Any

import msgspec

from hybrid_bridge.core import events as event_types
from hybrid_bridge.core.events import Event, IntentReceived, OrderApproved
from hybrid_bridge.errors import AlreadyJournaled, RecoveryRefused
from hybrid_bridge.journal.sqlite_thread import DamagedFile, SqliteThread
from hybrid_bridge.ports import OutboxMessage

SCHEMA_VERSION = 1
SCHEMA = """
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
CREATE TABLE events (
    seq INTEGER PRIMARY KEY, kind TEXT NOT NULL, number INTEGER, body TEXT NOT NULL
) STRICT;
CREATE TABLE inbox (
    signal_id TEXT PRIMARY KEY, number INTEGER NOT NULL, payload_hash TEXT NOT NULL, channel TEXT NOT NULL,
    topic TEXT NOT NULL, partition INTEGER NOT NULL, offset INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE outbox (seq INTEGER PRIMARY KEY AUTOINCREMENT, key TEXT NOT NULL, body BLOB NOT NULL) STRICT;
CREATE TABLE delivered (channel TEXT PRIMARY KEY, seq INTEGER NOT NULL) STRICT, WITHOUT ROWID;
"""
TABLES = frozenset({"meta", "events", "inbox", "outbox", "delivered"})

_KINDS: dict[str, type] = {
    name: value for name, value in vars(event_types).items() if value in event_types.Event.__args__
}


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
            self._file = SqliteThread(path, "FULL", executor)
            self._prepare(path, account)
        except DamagedFile as error:
            raise RecoveryRefused(str(error)) from error

    def _prepare(self, path: Path, account: str) -> None:
        try:
            self._file.run_now(lambda db: _prepare(db, path, account, self._channels))
        except BaseException:
            self._file.close()
            raise

    async def load(self) -> list[Event]:
        """Return all events in order.

        Raises:
            RecoveryRefused: when an event cannot be read.
        """
        return await self._file.run(_load)

    async def record(self, events: Sequence[Event], outbox: Sequence[tuple[str, bytes]]) -> None:
        """Commit events and outbox messages in one durable transaction.

        Raises:
            AlreadyJournaled: when an intent's signal id is journaled already; nothing was recorded.
            JournalError: when it cannot be written; nothing was recorded.
        """
        rows = [_row(event) for event in events]
        await self._file.run(lambda db: _record(db, events, rows, outbox))

    async def undelivered(self, channel: str, limit: int) -> list[OutboxMessage]:
        """Return the oldest messages this channel has not delivered."""
        return await self._file.run(lambda db: _undelivered(db, channel, limit))

    async def mark_delivered(self, channel: str, seq: int) -> None:
        """Record a delivery and forget what every channel has delivered.

        A power cut may undo it: then it is delivered once more, which its receivers drop.
        """
        await self._file.run(lambda db: _mark_delivered(db, channel, seq, self._channels), durable=False)

    def close(self) -> None:
        """Finish what is queued and close the file."""
        self._file.close()


def _prepare(db: sqlite3.Connection, path: Path, account: str, channels: Sequence[str]) -> None:
    fault = db.execute("PRAGMA quick_check(1)").fetchone()[0]
    if fault != "ok":
        raise RecoveryRefused(f"{path} is damaged: {fault}; keep a copy of it and start with a new STATE_DIR")
    version = db.execute("PRAGMA user_version").fetchone()[0]
    tables = {name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type='table'")}
    if (version == 0 and tables) or (version == SCHEMA_VERSION and not tables >= TABLES):
        raise RecoveryRefused(f"{path} is a database, but no journal of this bridge; use another STATE_DIR")
    if version == 0:
        for statement in SCHEMA.split(";"):
            db.execute(statement)
        db.execute(f"PRAGMA user_version={SCHEMA_VERSION}")
        db.execute("INSERT INTO meta VALUES ('account', ?)", (account,))
    elif version != SCHEMA_VERSION:
        seen = f"{path} has journal version {version}, this bridge writes {SCHEMA_VERSION}"
        raise RecoveryRefused(f"{seen}; use the bridge that wrote it or a new STATE_DIR")
    owner = db.execute("SELECT value FROM meta WHERE name='account'").fetchone()[0]
    if owner != account:
        raise RecoveryRefused(f"{path} belongs to account {owner}, not {account}; use another STATE_DIR")
    db.executemany("INSERT OR IGNORE INTO delivered VALUES (?, 0)", [(name,) for name in channels])


def _row(event: Event) -> tuple[str, int | None, str]:
    return type(event).__name__, _number(event), _encode(event).decode()


def _number(event: Event) -> int | None:
    """Return the intent that an event is about, so that its life can be looked up; None for the account's."""
    match event:
        case IntentReceived():
            return event.intent.number
        case OrderApproved():
            return event.order.intent.number
        case _:
            return getattr(event, "number", None)


def _encode(event: Event) -> bytes:
    """Encode an event so that it can be read again: JSON has no NaN or infinity, a terminal may."""
    body = msgspec.json.encode(event)
    try:
        msgspec.json.decode(body, type=type(event))
    except msgspec.ValidationError:
        return msgspec.json.encode(_spell_out(msgspec.to_builtins(event)))
    return body


def _spell_out(value: Any) -> Any:
    """Replace numbers that JSON has no sign for by their names."""
    if isinstance(value, dict):
        return {name: _spell_out(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [_spell_out(part) for part in value]
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value


def _load(db: sqlite3.Connection) -> list[Event]:
    loaded: list[Event] = []
    for seq, kind, body in db.execute("SELECT seq, kind, body FROM events ORDER BY seq"):
        try:
            # Not strict, so that "nan" and "inf" are read as the numbers they were.
            loaded.append(msgspec.json.decode(body, type=_KINDS[kind], strict=False))
        except (KeyError, msgspec.MsgspecError) as error:
            raise RecoveryRefused(
                f"journal event {seq} ({kind}) cannot be read: {error}; use the bridge that wrote it"
            ) from error
    return loaded


def _record(
    db: sqlite3.Connection,
    events: Sequence[Event],
    rows: Sequence[tuple[str, int | None, str]],
    outbox: Sequence[tuple[str, bytes]],
) -> None:
    for event in events:
        if isinstance(event, IntentReceived):
            _record_received(db, event)
    db.executemany("INSERT INTO events (kind, number, body) VALUES (?, ?, ?)", rows)
    db.executemany("INSERT INTO outbox (key, body) VALUES (?, ?)", outbox)


def _record_received(db: sqlite3.Connection, event: IntentReceived) -> None:
    intent, source = event.intent, event.intent.source
    before: Any = db.execute(
        "SELECT number, payload_hash FROM inbox WHERE signal_id=?", (intent.signal_id,)
    ).fetchone()
    if before is not None:
        raise AlreadyJournaled(intent.signal_id, before[0], before[1])
    place = (source.channel.value, source.topic, source.partition, source.offset)
    db.execute(
        "INSERT INTO inbox VALUES (?, ?, ?, ?, ?, ?, ?)",
        (intent.signal_id, intent.number, event.payload_hash, *place),
    )


def _undelivered(db: sqlite3.Connection, channel: str, limit: int) -> list[OutboxMessage]:
    query = """SELECT seq, key, body FROM outbox
        WHERE seq > (SELECT seq FROM delivered WHERE channel=?) ORDER BY seq LIMIT ?"""
    return [OutboxMessage(*row) for row in db.execute(query, (channel, limit))]


def _mark_delivered(db: sqlite3.Connection, channel: str, seq: int, channels: Sequence[str]) -> None:
    db.execute("UPDATE delivered SET seq=? WHERE channel=?", (seq, channel))
    marks = dict(db.execute("SELECT channel, seq FROM delivered"))
    db.execute("DELETE FROM outbox WHERE seq <= ?", (min(marks[name] for name in channels),))
