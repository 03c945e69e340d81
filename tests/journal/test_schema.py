"""The journal's versions: an old file is brought up to date whole, or left as it is."""

import sqlite3
from pathlib import Path

import pytest
from tests.core.builders import make_intent
from tests.journal.version_1 import EVENTS, TIMES, write_version_1
from tests.journal.version_2 import WAITING, write_version_2

from hybrid_bridge.core.events import (
    BrokerDayOpened,
    IntentReceived,
    OrderAnswered,
    TradingState,
    TradingStateChanged,
)
from hybrid_bridge.core.orders import Channel, OrderState, Source
from hybrid_bridge.errors import JournalError, RecoveryRefused
from hybrid_bridge.journal import schema
from hybrid_bridge.journal.rows import checksum_of
from hybrid_bridge.journal.sqlite import SqliteJournal

CHANNELS = ("websocket", "redpanda")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A closed journal of version 1."""
    path = tmp_path / "journal-7001.sqlite"
    write_version_1(path)
    return path


def rows(path: Path, query: str) -> list[tuple[object, ...]]:
    other = sqlite3.connect(path)
    try:
        return other.execute(query).fetchall()
    finally:
        other.close()


def described(path: Path) -> list[tuple[object, ...]]:
    """Tables and indexes with the columns they have."""
    query = """SELECT m.name, c.name, c.type, c."notnull" FROM sqlite_master m, pragma_table_info(m.name) c
        UNION ALL SELECT m.name, c.name, '', 0 FROM sqlite_master m, pragma_index_info(m.name) c
        ORDER BY 1, 2"""
    return rows(path, query)


async def test_a_journal_of_version_1_is_read_as_it_was_written(path):
    journal = SqliteJournal(path, "7001", CHANNELS)
    events = await journal.load()
    waiting = await journal.undelivered("redpanda", 9)
    undelivered = [(message.seq, message.body, message.intent_id) for message in waiting]
    journal.close()
    assert [kind for kind, _, _ in EVENTS] == [type(event).__name__ for event in events]
    assert BrokerDayOpened(20717, 10000.5, 1790000000001) == events[0]
    filled = (1790000001, OrderState.FILLED, 10009, "done", "", 500, 77, 0.1, 1.10013)
    assert OrderAnswered(*filled, 1790000000122, 1790000000150) == events[5]
    assert [(3, b"1", ""), (4, b"2", "")] == undelivered
    assert [(3,)] == rows(path, "PRAGMA user_version")


async def test_fields_that_are_newer_than_an_event_have_their_defaults(path):
    journal = SqliteJournal(path, "7001", CHANNELS)
    received, changed = (await journal.load())[2::5]
    journal.close()
    assert isinstance(received, IntentReceived)
    assert Source(Channel.REDPANDA, "trading_signals", 2, 77) == received.intent.source
    local = Source(Channel.LOCAL)
    assert TradingStateChanged(TradingState.HALTED, "stop", local, True, 1790000000170) == changed


def test_what_a_row_repeats_of_an_event_is_taken_from_its_body(path):
    SqliteJournal(path, "7001", CHANNELS).close()
    expected = [
        (kind, number, at_msc, body, checksum_of(kind, body))
        for (kind, number, body), at_msc in zip(EVENTS, TIMES, strict=True)
    ]
    query = "SELECT kind, number, at_msc, body, checksum FROM events ORDER BY seq"
    assert expected == rows(path, query)
    assert [("s-1", 1790000000100)] == rows(path, "SELECT signal_id, received_msc FROM inbox")


def test_a_migrated_journal_is_built_like_a_new_one(path, tmp_path):
    SqliteJournal(path, "7001", CHANNELS).close()
    SqliteJournal(tmp_path / "new.sqlite", "7001", CHANNELS).close()
    assert described(tmp_path / "new.sqlite") == described(path)


def test_the_old_file_is_kept_beside_it_and_still_opens_as_version_1(path, tmp_path):
    SqliteJournal(path, "7001", CHANNELS).close()
    kept = tmp_path / "journal-7001.v1.bak"
    assert [(1,)] == rows(kept, "PRAGMA user_version")
    assert EVENTS == rows(kept, "SELECT kind, number, body FROM events ORDER BY seq")
    SqliteJournal(path, "7001", CHANNELS).close()
    assert {path, kept} == set(tmp_path.glob("journal-7001*"))


def test_what_only_the_write_ahead_log_holds_is_migrated_and_copied_too(path, tmp_path):
    writer = sqlite3.connect(path)
    writer.execute("PRAGMA journal_mode=WAL")
    late = ("BrokerDayOpened", None, '{"server_day":20718,"equity":1.0,"at_msc":5}')
    with writer:
        writer.execute("INSERT INTO events (kind, number, body) VALUES (?, ?, ?)", late)
    whole = {name: (tmp_path / name).read_bytes() for name in (path.name, f"{path.name}-wal")}
    writer.close()
    for name, content in whole.items():
        (tmp_path / name).write_bytes(content)
    SqliteJournal(path, "7001", CHANNELS).close()
    assert [(20718,)] == rows(path, "SELECT json_extract(body, '$.server_day') FROM events WHERE at_msc=5")
    kept = "SELECT kind, number, body FROM events ORDER BY seq"
    assert [*EVENTS, late] == rows(tmp_path / "journal-7001.v1.bak", kept)


def test_a_copy_that_is_there_already_is_never_written_over(path, tmp_path):
    (tmp_path / "journal-7001.v1.bak").write_text("somebody's")
    SqliteJournal(path, "7001", CHANNELS).close()
    assert "somebody's" == (tmp_path / "journal-7001.v1.bak").read_text()
    assert [(1,)] == rows(tmp_path / "journal-7001.v1.2.bak", "PRAGMA user_version")


FAILURES = [("VERSION_2", after) for after in range(1, 9)] + [("VERSION_3", after) for after in range(3)]


@pytest.mark.parametrize(("script", "statements"), FAILURES)
def test_a_migration_that_fails_at_any_statement_leaves_the_file_as_it_was(
    path, tmp_path, monkeypatch, script, statements
):
    done = [part for part in getattr(schema, script).split(";") if part.strip()][:statements]
    monkeypatch.setattr(schema, script, ";".join([*done, "INSERT INTO nowhere VALUES (1)"]))
    before = rows(path, "SELECT sql FROM sqlite_master"), rows(path, "SELECT * FROM events")
    with pytest.raises(JournalError, match="no such table: nowhere"):
        SqliteJournal(path, "7001", CHANNELS)
    assert before == (rows(path, "SELECT sql FROM sqlite_master"), rows(path, "SELECT * FROM events"))
    assert [(1,)] == rows(path, "PRAGMA user_version")
    assert [path] == list(tmp_path.glob("journal-7001*"))
    monkeypatch.undo()
    SqliteJournal(path, "7001", CHANNELS).close()
    assert [(3,)] == rows(path, "PRAGMA user_version")


async def test_messages_that_waited_in_a_journal_of_version_2_are_told_what_they_are_about(path):
    path.unlink()
    write_version_2(path)
    journal = SqliteJournal(path, "7001", CHANNELS)
    found = await journal.undelivered("redpanda", 9)
    journal.close()
    assert WAITING == [(message.seq, message.key, message.body) for message in found]
    assert ["trading_signals/0/5/17", "", "s-ü", "", ""] == [message.intent_id for message in found]


def test_a_journal_of_version_2_becomes_like_a_new_one_and_is_kept(path, tmp_path):
    path.unlink()
    write_version_2(path)
    SqliteJournal(path, "7001", CHANNELS).close()
    SqliteJournal(tmp_path / "new.sqlite", "7001", CHANNELS).close()
    assert described(tmp_path / "new.sqlite") == described(path)
    assert [(2,)] == rows(tmp_path / "journal-7001.v2.bak", "PRAGMA user_version")


def test_an_old_event_that_cannot_be_read_is_named_and_nothing_is_changed(path, tmp_path):
    other = sqlite3.connect(path)
    with other:
        other.execute("UPDATE events SET body=substr(body, 2) WHERE seq=4")
    other.close()
    with pytest.raises(RecoveryRefused, match="journal event 4 cannot be read; use the bridge that wrote it"):
        SqliteJournal(path, "7001", CHANNELS)
    assert [(1,)] == rows(path, "PRAGMA user_version")
    assert [path] == list(tmp_path.glob("journal-7001*"))


def test_another_accounts_old_journal_is_refused_before_it_is_copied_or_changed(path, tmp_path):
    before = path.read_bytes()
    with pytest.raises(RecoveryRefused, match="belongs to account 7001, not 7002"):
        SqliteJournal(path, "7002", CHANNELS)
    assert before == path.read_bytes()
    assert [path] == list(tmp_path.glob("journal-7001*"))


async def test_a_migrated_journal_takes_new_events(path):
    journal = SqliteJournal(path, "7001", CHANNELS)
    event = IntentReceived(make_intent(1790000002), "h-2")
    await journal.record([event], [])
    assert event == (await journal.load())[-1]
    journal.close()
