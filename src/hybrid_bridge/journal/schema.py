"""The journal's tables, version by version, and the checks that a file passes before it is trusted.

MIGRATIONS is the whole history: a new file goes through all of them, an old one through those it lacks, in
one transaction and after a copy of the file was put beside it. A migration is never changed once a version
of the bridge was given to anyone: it uses no code of the project that may change.
"""

import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path

from hybrid_bridge.errors import RecoveryRefused
from hybrid_bridge.journal.rows import checksum_of

VERSION_1 = """
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
VERSION_2 = """
ALTER TABLE events ADD COLUMN position INTEGER;
ALTER TABLE events ADD COLUMN at_msc INTEGER NOT NULL DEFAULT 0;
ALTER TABLE events ADD COLUMN checksum INTEGER NOT NULL DEFAULT 0;
ALTER TABLE inbox ADD COLUMN received_msc INTEGER NOT NULL DEFAULT 0;
UPDATE events SET
    at_msc = coalesce(json_extract(body, '$.at_msc'), json_extract(body, '$.intent.received_msc'), 0),
    position = CASE WHEN kind LIKE 'Position%' THEN json_extract(body, '$.ticket') END,
    checksum = checksum_of(kind, body);
CREATE INDEX events_of_intent ON events (number, at_msc) WHERE number IS NOT NULL;
CREATE INDEX events_of_position ON events (position) WHERE position IS NOT NULL;
CREATE INDEX events_of_account ON events (kind) WHERE number IS NULL AND position IS NULL;
UPDATE inbox SET received_msc = coalesce(
    (SELECT at_msc FROM events WHERE events.number = inbox.number AND kind = 'IntentReceived'), 0);
"""
VERSION_3 = """
ALTER TABLE outbox ADD COLUMN intent_id TEXT NOT NULL DEFAULT '';
UPDATE outbox SET intent_id = coalesce(json_extract(CAST(body AS TEXT), '$.data.signal_id'), '')
    WHERE json_valid(CAST(body AS TEXT));
"""
TABLES = frozenset({"meta", "events", "inbox", "outbox", "delivered"})


def _create(db: sqlite3.Connection) -> None:
    _run(db, VERSION_1)


def _add_times(db: sqlite3.Connection) -> None:
    """Give events their instant, position and checksum, and the inbox its instants."""
    unreadable = db.execute("SELECT seq FROM events WHERE NOT json_valid(body) LIMIT 1").fetchone()
    if unreadable is not None:
        raise RecoveryRefused(f"journal event {unreadable[0]} cannot be read; use the bridge that wrote it")
    db.create_function("checksum_of", 2, checksum_of, deterministic=True)
    _run(db, VERSION_2)


def _add_intents(db: sqlite3.Connection) -> None:
    """Give the messages that wait the id of the signal that they are about."""
    _run(db, VERSION_3)


MIGRATIONS: tuple[Callable[[sqlite3.Connection], None], ...] = (_create, _add_times, _add_intents)
SCHEMA_VERSION = len(MIGRATIONS)


def _run(db: sqlite3.Connection, script: str) -> None:
    for statement in script.split(";"):
        db.execute(statement)


def version_of(db: sqlite3.Connection) -> int:
    """Return the schema version of a file, 0 when it has none yet."""
    return int(db.execute("PRAGMA user_version").fetchone()[0])


def create(db: sqlite3.Connection, account: str) -> None:
    """Make an empty file the journal of an account."""
    migrate(db)
    db.execute("INSERT INTO meta VALUES ('account', ?)", (account,))


def migrate(db: sqlite3.Connection) -> None:
    """Bring an older file to this version."""
    for step in MIGRATIONS[version_of(db) :]:
        step(db)
    db.execute(f"PRAGMA user_version={SCHEMA_VERSION}")


def check_owner(db: sqlite3.Connection, path: Path, account: str | None = None) -> None:
    """Refuse what is no journal, a newer one, or (with `account`) another account's; changes nothing.

    Raises:
        RecoveryRefused: says what it is and what to do.
    """
    version = version_of(db)
    tables = {name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type='table'")}
    if version > SCHEMA_VERSION and tables >= {"meta", "events"}:
        seen = f"{path} has journal version {version}, this bridge writes {SCHEMA_VERSION}"
        raise RecoveryRefused(f"{seen}; use the bridge that wrote it or a new STATE_DIR")
    if version < 1 or not tables >= TABLES:
        raise RecoveryRefused(f"{path} is a database, but no journal of this bridge; use another STATE_DIR")
    owner = db.execute("SELECT value FROM meta WHERE name='account'").fetchone()
    if owner is None or (account is not None and owner[0] != account):
        whose = "no account" if owner is None else f"account {owner[0]}"
        raise RecoveryRefused(f"{path} belongs to {whose}, not {account}; use another STATE_DIR")


def check_integrity(db: sqlite3.Connection, path: Path) -> None:
    """Refuse a file whose pages, tables or indexes contradict one another.

    Raises:
        RecoveryRefused: says what SQLite found first.
    """
    # Not quick_check: retention finds what it removes by the indexes, so they have to be complete.
    fault = db.execute("PRAGMA integrity_check(1)").fetchone()[0]
    if fault != "ok":
        raise RecoveryRefused(f"{path} is damaged: {fault}; keep a copy of it and start with a new STATE_DIR")


def open_channels(db: sqlite3.Connection, channels: Sequence[str]) -> None:
    """Give every outbox channel its mark."""
    db.executemany("INSERT OR IGNORE INTO delivered VALUES (?, 0)", [(name,) for name in channels])
