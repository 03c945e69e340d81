"""A journal as the bridge wrote it before messages named their intent: its SQL, letter by letter."""

import sqlite3
from pathlib import Path

from tests.journal.version_1 import write_version_1

SCHEMA = """
ALTER TABLE events ADD COLUMN position INTEGER;
ALTER TABLE events ADD COLUMN at_msc INTEGER NOT NULL DEFAULT 0;
ALTER TABLE events ADD COLUMN checksum INTEGER NOT NULL DEFAULT 0;
ALTER TABLE inbox ADD COLUMN received_msc INTEGER NOT NULL DEFAULT 0;
CREATE INDEX events_of_intent ON events (number, at_msc) WHERE number IS NOT NULL;
CREATE INDEX events_of_position ON events (position) WHERE position IS NOT NULL;
CREATE INDEX events_of_account ON events (kind) WHERE number IS NULL AND position IS NULL;
DELETE FROM events;
DELETE FROM inbox;
DELETE FROM outbox;
PRAGMA user_version=2;
"""
RESULT = b'{"type":"trade_result","data":{"signal_id":"trading_signals/0/5/17","status":"filled"}}'
WAITING: list[tuple[int, str, bytes]] = [
    (5, "trading_signals/0/5/17:filled", RESULT),
    (6, "error:m-1", b'{"type":"error","data":{"reason":"not_json","detail":"","of":"x"}}'),
    (7, "s-\u00fc:denied", '{"type":"trade_result","data":{"signal_id":"s-\u00fc"}}'.encode()),
    (8, "damaged", b'{"type":"trade_result","data":{"signal_id":"s-9"'),
    (9, "bytes", b"\xff\x00"),
]


def write_version_2(path: Path) -> None:
    """Make the file, with messages that wait and no events; it is closed properly."""
    write_version_1(path)
    db = sqlite3.connect(path)
    db.executescript(SCHEMA)
    with db:
        db.executemany("INSERT INTO outbox (seq, key, body) VALUES (?, ?, ?)", WAITING)
    db.close()
