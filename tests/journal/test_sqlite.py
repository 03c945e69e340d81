"""The order journal: what is reported as committed is there, in order and whole, whatever happens."""

import os
import random
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.core.builders import NOW, make_answer, make_intent, make_order, sending_events

from hybrid_bridge.core.events import (
    BrokerDayOpened,
    Denial,
    DuplicateReceived,
    EquityPeakRaised,
    Event,
    IntentDenied,
    IntentExpired,
    IntentReceived,
    TradingState,
    TradingStateChanged,
)
from hybrid_bridge.core.orders import Channel, OrderState, Source
from hybrid_bridge.errors import AlreadyJournaled, JournalError, RecoveryRefused
from hybrid_bridge.journal.rows import checksum_of
from hybrid_bridge.journal.sqlite import SqliteJournal
from hybrid_bridge.ports import OutboxEntry

CHANNELS = ("websocket", "redpanda")
REDPANDA = Source(Channel.REDPANDA, "trading_signals", 2, 77)
SOURCE_ROOT = Path(__file__).parents[2] / "src"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.sqlite"


@pytest.fixture
def journal(path: Path) -> Iterator[SqliteJournal]:
    opened = SqliteJournal(path, "7001", CHANNELS)
    yield opened
    opened.close()


def rows(path: Path, query: str) -> list[tuple[object, ...]]:
    other = sqlite3.connect(path)
    try:
        return other.execute(query).fetchall()
    finally:
        other.close()


_every_kind: list[Event] = [
    *sending_events(make_order(make_intent(1, source=REDPANDA, price=1.1, comment="ünï \U0001f600 'x'"))),
    make_answer(1, OrderState.FILLED, ticket=2**62, price=1.10013, detail="filled"),
    IntentReceived(make_intent(2, side=None, volume=None), "h-2"),
    IntentDenied(2, (Denial("spread", "3 points", "5 points", "wide"), Denial("volume", "1", "2", "")), 5),
    IntentReceived(make_intent(3), "h-3"),
    IntentExpired(3, "12 ms too late", 6),
    DuplicateReceived(1, "s-1", True, REDPANDA, 7),
    TradingStateChanged(TradingState.HALTED, "stop", Source(Channel.LOCAL), True, 8),
    BrokerDayOpened(20_717, 10_000.5, 9),
    EquityPeakRaised(10_001.0, 10),
]


async def test_every_kind_of_event_is_read_back_as_it_was_written(journal, path):
    await journal.record(_every_kind, [])
    journal_again = SqliteJournal(path, "7001", CHANNELS)
    assert _every_kind == await journal_again.load()
    journal_again.close()


async def test_every_event_of_an_intent_is_found_by_its_number(journal, path):
    await journal.record(_every_kind, [])
    found = rows(path, "SELECT kind FROM events WHERE number=1 ORDER BY seq")
    kinds = ["IntentReceived", "OrderApproved", "OrderSending", "OrderAnswered", "DuplicateReceived"]
    assert [(kind,) for kind in kinds] == found


async def test_numbers_that_json_lacks_do_not_make_the_journal_unreadable(journal):
    await journal.record([BrokerDayOpened(1, float("nan"), 2), EquityPeakRaised(float("inf"), 3)], [])
    strange = make_answer(1, OrderState.UNKNOWN, price=float("-inf"))
    await journal.record([strange], [])
    day, peak, answer = await journal.load()
    assert repr(BrokerDayOpened(1, float("nan"), 2)) == repr(day)
    assert [EquityPeakRaised(float("inf"), 3), strange] == [peak, answer]


async def test_the_journal_commits_with_full_durability(journal):
    assert await journal._file.run(lambda db: db.execute("PRAGMA synchronous").fetchone()[0]) == 2


async def test_events_and_messages_are_in_one_transaction(journal, path):
    with pytest.raises(JournalError):
        outbox = [OutboxEntry("k", b"a"), OutboxEntry("k2", None)]
        await journal.record([IntentReceived(make_intent(1), "h")], outbox)
    assert await journal.load() == []
    assert rows(path, "SELECT * FROM inbox") == []
    assert await journal.undelivered("websocket", 10) == []


async def test_where_a_signal_came_from_is_on_disk(journal, path):
    await journal.record([IntentReceived(make_intent(1, source=REDPANDA), "h-1")], [])
    expected = [("s-1", 1, "h-1", "redpanda", "trading_signals", 2, 77, NOW)]
    assert expected == rows(path, "SELECT * FROM inbox")


async def test_a_signal_id_is_journaled_once_for_ever(journal):
    await journal.record([IntentReceived(make_intent(1), "h-1")], [])
    again = IntentReceived(make_intent(2, signal_id="s-1"), "h-other")
    with pytest.raises(AlreadyJournaled) as known:
        await journal.record([BrokerDayOpened(1, 2.0, 3), again], [OutboxEntry("k", b"m")])
    assert (known.value.number, known.value.payload_hash) == (1, "h-1")
    assert len(await journal.load()) == 1
    assert await journal.undelivered("websocket", 10) == []


async def test_a_full_disk_records_nothing_and_says_what_to_do(journal):
    await journal.record([], [OutboxEntry("first", b"1")])
    pages = await journal._file.run(lambda db: db.execute("PRAGMA page_count").fetchone()[0])
    await journal._file.run(lambda db: db.execute(f"PRAGMA max_page_count={pages}").fetchall())
    with pytest.raises(JournalError, match="free space on the disk"):
        await journal.record(sending_events(make_order(make_intent(1))), [OutboxEntry("k", b"x" * 50_000)])
    assert await journal.load() == []
    await journal._file.run(lambda db: db.execute("PRAGMA max_page_count=100000").fetchall())
    await journal.record(sending_events(make_order(make_intent(1))), [OutboxEntry("k", b"x" * 50_000)])
    assert [message.key for message in await journal.undelivered("websocket", 10)] == ["first", "k"]


# The outbox.


async def test_messages_come_in_order_and_stay_until_delivered(journal):
    await journal.record([], [OutboxEntry("a", b"1", "s-1"), OutboxEntry("b", b"2")])
    await journal.record([], [OutboxEntry("c", b"3")])
    first, second = (await journal.undelivered("redpanda", 2)), (await journal.undelivered("redpanda", 2))
    assert first == second
    found = [(message.key, message.body, message.intent_id) for message in first]
    assert [("a", b"1", "s-1"), ("b", b"2", "")] == found


async def test_each_channel_has_its_own_mark_and_only_what_all_have_is_forgotten(journal, path):
    await journal.record([], [OutboxEntry("a", b"1"), OutboxEntry("b", b"2"), OutboxEntry("c", b"3")])
    a, b, c = await journal.undelivered("websocket", 10)
    await journal.mark_delivered("websocket", b.seq)
    assert await journal.undelivered("websocket", 10) == [c]
    assert await journal.undelivered("redpanda", 10) == [a, b, c]
    await journal.mark_delivered("redpanda", a.seq)
    assert rows(path, "SELECT key FROM outbox") == [("b",), ("c",)]
    await journal.mark_delivered("redpanda", c.seq)
    await journal.mark_delivered("websocket", c.seq)
    assert rows(path, "SELECT key FROM outbox") == []


async def test_marks_and_places_survive_a_restart_with_an_empty_outbox(journal, path):
    await journal.record([], [OutboxEntry("a", b"1")])
    (a,) = await journal.undelivered("websocket", 10)
    for channel in CHANNELS:
        await journal.mark_delivered(channel, a.seq)
    journal_again = SqliteJournal(path, "7001", CHANNELS)
    await journal_again.record([], [OutboxEntry("b", b"2")])
    for channel in CHANNELS:
        (b,) = await journal_again.undelivered(channel, 10)
        assert (b.key, b.seq > a.seq) == ("b", True)
    journal_again.close()


async def test_a_channel_that_no_longer_exists_keeps_nothing(journal, path):
    await journal.record([], [OutboxEntry("a", b"1")])
    alone = SqliteJournal(path, "7001", ["websocket"])
    (a,) = await alone.undelivered("websocket", 10)
    await alone.mark_delivered("websocket", a.seq)
    assert rows(path, "SELECT * FROM outbox") == []
    alone.close()


# Files that must not be used.


def test_another_accounts_journal_is_refused(journal, path):
    with pytest.raises(RecoveryRefused, match="belongs to account 7001, not 7002; use another STATE_DIR"):
        SqliteJournal(path, "7002", CHANNELS)


def test_a_newer_versions_journal_is_refused_and_left_alone(path):
    SqliteJournal(path, "7001", CHANNELS).close()
    other = sqlite3.connect(path)
    other.execute("PRAGMA user_version=4")
    other.close()
    before = path.read_bytes()
    with pytest.raises(RecoveryRefused, match="has journal version 4, this bridge writes 3; use the"):
        SqliteJournal(path, "7001", CHANNELS)
    assert before == path.read_bytes()


def test_a_file_that_is_no_database_is_refused(path):
    path.write_bytes(b"Dear diary, " * 1000)
    with pytest.raises(RecoveryRefused, match="keep a copy of the file and start with a new STATE_DIR"):
        SqliteJournal(path, "7001", CHANNELS)


@pytest.mark.parametrize("version", [0, 1])
def test_somebody_elses_database_is_refused_and_left_alone(path, version):
    other = sqlite3.connect(path)
    other.execute("CREATE TABLE recipes (name TEXT)")
    other.execute(f"PRAGMA user_version={version}")
    other.close()
    with pytest.raises(RecoveryRefused, match="no journal of this bridge"):
        SqliteJournal(path, "7001", CHANNELS)
    assert rows(path, "SELECT name FROM sqlite_master") == [("recipes",)]
    assert [("delete",)] == rows(path, "PRAGMA journal_mode")


async def test_a_damaged_page_is_refused(journal, path):
    for number in range(1, 200):
        await journal.record(sending_events(make_order(make_intent(number))), [])
    journal._file.run_now(lambda db: None)
    copy = path.with_name("copy.sqlite")
    other = sqlite3.connect(path)
    other.execute("VACUUM INTO ?", (str(copy),))
    other.close()
    content = bytearray(copy.read_bytes())
    for page in range(3, len(content) // 4096, 2):
        content[page * 4096 : page * 4096 + 64] = os.urandom(64)
    copy.write_bytes(content)
    with pytest.raises(RecoveryRefused, match=r"copy\.sqlite.*(damaged|malformed)"):
        SqliteJournal(copy, "7001", CHANNELS)


async def test_an_event_that_this_version_does_not_know_is_refused(journal, path):
    await journal.record([BrokerDayOpened(1, 2.0, 3)], [])
    other = sqlite3.connect(path)
    with other:
        checksum = checksum_of("OrderTeleported", "{}")
        other.execute(
            "INSERT INTO events (kind, body, checksum) VALUES ('OrderTeleported', '{}', ?)", (checksum,)
        )
    other.close()
    with pytest.raises(RecoveryRefused, match=r"event 2 \(OrderTeleported\) cannot be read.*use the bridge"):
        await journal.load()


async def test_a_changed_byte_inside_an_event_is_refused(journal, path):
    await journal.record([BrokerDayOpened(1, 2.0, 3), EquityPeakRaised(1234.5, 4)], [])
    other = sqlite3.connect(path)
    with other:
        other.execute("UPDATE events SET body=replace(body, '1234.5', '1234.6') WHERE seq=2")
    other.close()
    with pytest.raises(RecoveryRefused, match=r"event 2 \(EquityPeakRaised\) is damaged: its checksum is"):
        await journal.load()


@pytest.mark.parametrize("change", ["DELETE FROM inbox", "UPDATE inbox SET payload_hash='h-x'"])
async def test_an_inbox_that_names_other_signals_than_the_events_is_refused(journal, path, change):
    await journal.record([IntentReceived(make_intent(1), "h-1")], [])
    other = sqlite3.connect(path)
    with other:
        other.execute(change)
    other.close()
    with pytest.raises(RecoveryRefused, match="its inbox and its events name different signals"):
        await journal.load()


# kill -9.

WRITER = """
import asyncio, sys
from pathlib import Path
from hybrid_bridge.journal.sqlite import SqliteJournal
from hybrid_bridge.ports import OutboxEntry
from tests.core.builders import NOW, make_intent, make_order, sending_events

async def main():
    journal = SqliteJournal(Path(sys.argv[1]), "7001", ["websocket"])
    number = sum(1 for event in await journal.load()) // 3
    print("ready", flush=True)
    while True:
        number += 1
        events = sending_events(make_order(make_intent(number)))
        await journal.record(events, [OutboxEntry(f"s-{number}", b"m" * (number * 37 % 9000))])
        print(number, flush=True)

asyncio.run(main())
"""


def write_until_killed(path: Path, seconds: float) -> int:
    """Return the last number that was reported as committed."""
    root = SOURCE_ROOT.parent
    writer = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(path)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join((str(SOURCE_ROOT), str(root)))},
    )
    assert writer.stdout is not None
    assert writer.stdout.readline() == "ready\n"
    killer = threading.Timer(seconds, writer.kill)
    killer.start()
    reported = [line for line in writer.stdout if line.endswith("\n")]
    writer.wait(timeout=10)
    writer.stdout.close()
    killer.join()
    return int(reported[-1]) if reported else 0


async def test_what_was_reported_as_committed_survives_kill_minus_nine_in_order_and_whole(path):
    moments = random.Random(20)
    last = 0
    for _ in range(6):
        last = max(last, write_until_killed(path, moments.uniform(0.02, 0.3)))
        journal = SqliteJournal(path, "7001", ["websocket"])
        events, messages = await journal.load(), await journal.undelivered("websocket", 1_000_000)
        journal.close()
        count = len(messages)
        expected = [
            event for n in range(1, count + 1) for event in sending_events(make_order(make_intent(n)))
        ]
        assert expected == events
        assert [f"s-{n}" for n in range(1, count + 1)] == [message.key for message in messages]
        assert [n * 37 % 9000 for n in range(1, count + 1)] == [len(message.body) for message in messages]
        # One commit may have been made whose report the kill cut off.
        assert last <= count <= last + 1
        last = count
    assert last > 20
