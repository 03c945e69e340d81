"""A journal as the first version of the bridge wrote it: its SQL and its events, letter by letter."""

import sqlite3
from pathlib import Path

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
PRAGMA user_version=1;
INSERT INTO meta VALUES ('account', '7001');
INSERT INTO delivered VALUES ('websocket', 3), ('redpanda', 2);
"""
SOURCE = '{"channel":"redpanda","topic":"trading_signals","partition":2,"offset":77}'
INTENT = (
    '{"number":1790000001,"kind":"entry","signal_id":"s-1","source":' + SOURCE + ',"symbol":"EURUSD",'
    '"side":"BUY","volume":0.1,"stop_loss":1.0981,"take_profit":0.0,"price":1.1001,"ticket":0,'
    '"comment":"ünï 😀 \'x\'","received_msc":1790000000100,"created_msc":1790000000000,'
    '"expires_msc":1790000005000}'
)
ORDER = (
    '{"intent":' + INTENT + ',"request":{"action":1,"symbol":"EURUSD","volume":0.1,"price":1.1001,'
    '"sl":1.0981,"tp":0.0,"deviation":20,"type":0,"type_filling":1,"type_time":0,'
    '"magic":1006823268449537,"order":0,"position":0,"comment":"x #1"},'
    '"quote":{"symbol":"EURUSD","bid":1.1,"ask":1.1001,"time_msc":1790000000090},"risk_money":20.0}'
)
EVENTS: list[tuple[str, int | None, str]] = [
    ("BrokerDayOpened", None, '{"server_day":20717,"equity":10000.5,"at_msc":1790000000001}'),
    ("EquityPeakRaised", None, '{"equity":"nan","at_msc":1790000000002}'),
    ("IntentReceived", 1790000001, '{"intent":' + INTENT + ',"payload_hash":"h-1"}'),
    ("OrderApproved", 1790000001, '{"order":' + ORDER + ',"at_msc":1790000000120}'),
    ("OrderSending", 1790000001, '{"number":1790000001,"server_day":20717,"at_msc":1790000000121}'),
    (
        "OrderAnswered",
        1790000001,
        (
            '{"number":1790000001,"state":"filled","retcode":10009,"reason":"done","detail":"","ticket":500,'
            '"deal":77,"volume":0.1,"price":1.10013,"sent_msc":1790000000122,"at_msc":1790000000150}'
        ),
    ),
    (
        "DuplicateReceived",
        1790000001,
        '{"number":1790000001,"signal_id":"s-1","conflict":true,"source":'
        + SOURCE
        + ',"at_msc":1790000000160}',
    ),
    (
        "TradingStateChanged",
        None,
        (
            '{"state":"halted","reason":"stop","source":{"channel":"local","topic":"","partition":-1,'
            '"offset":-1},"emergency":true,"at_msc":1790000000170}'
        ),
    ),
]
TIMES = [1790000000000 + after for after in (1, 2, 100, 120, 121, 150, 160, 170)]


def write_version_1(path: Path) -> None:
    """Make the file; it is closed properly."""
    db = sqlite3.connect(path)
    db.execute("PRAGMA journal_mode=WAL")
    db.executescript(SCHEMA)
    with db:
        db.executemany("INSERT INTO events (kind, number, body) VALUES (?, ?, ?)", EVENTS)
        db.execute(
            "INSERT INTO inbox VALUES ('s-1', 1790000001, 'h-1', 'redpanda', 'trading_signals', 2, 77)"
        )
        db.executemany(
            "INSERT INTO outbox (seq, key, body) VALUES (?, ?, ?)", [(3, "a", b"1"), (4, "b", b"2")]
        )
    db.close()
