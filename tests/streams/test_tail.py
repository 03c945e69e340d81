"""The end of a topic is read as deep as needed and no deeper."""

import asyncio
import itertools
from collections import Counter
from dataclasses import replace

import pytest
from structlog.testing import capture_logs
from tests.streams.support import SystemClock, make_ticks, send

from hybrid_bridge.settings import StreamSettings
from hybrid_bridge.streams import tail
from hybrid_bridge.streams.codecs import decode_sequence
from hybrid_bridge.streams.tail import find_written, read_last_sequences
from hybrid_bridge.streams.tick_publisher import KafkaTickSink
from hybrid_bridge.streams.topics import create_topic, partition_of

PARTITIONS = 4


def same_partition(count: int) -> list[str]:
    """Return symbols that live in one partition."""
    names = [f"SYM{number}" for number in range(200) if partition_of(b"SYM%d" % number, PARTITIONS) == 1]
    return names[:count]


async def fill(settings: StreamSettings, clock: SystemClock, *runs: tuple[str, int, int]) -> None:
    """Publish runs of ticks: symbol, first number, how many."""
    sink = KafkaTickSink(settings, clock)
    for symbol, first, count in runs:
        await sink.publish(make_ticks(symbol, first, count))
    await sink.close()


async def test_an_empty_topic_holds_nothing(settings: StreamSettings) -> None:
    await create_topic(settings, settings.tick_topic, settings.tick_plan)

    assert {} == await read_last_sequences(settings, PARTITIONS, {"EURUSD": 0})


async def test_a_symbol_is_found_several_windows_back(
    settings: StreamSettings, clock: SystemClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tail, "FIRST_WINDOW", 10)
    quiet, busy = same_partition(2)
    await fill(settings, clock, (quiet, 1, 7), (busy, 1, 300))

    assert {quiet: 7, busy: 300} == await read_last_sequences(settings, PARTITIONS, {quiet: 0, busy: 0})


async def test_a_symbol_with_a_cursor_is_looked_for_less_deep_than_one_without(
    settings: StreamSettings, clock: SystemClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tail, "FIRST_WINDOW", 10)
    monkeypatch.setattr(tail, "KNOWN_DEPTH", 20)
    quiet, busy = same_partition(2)
    await fill(settings, clock, (quiet, 1, 7), (busy, 1, 300))

    assert {busy: 300} == await read_last_sequences(settings, PARTITIONS, {quiet: 7, busy: 290})
    assert {busy: 300, quiet: 7} == await read_last_sequences(settings, PARTITIONS, {quiet: 0, busy: 290})


async def test_no_search_goes_deeper_than_it_may(
    settings: StreamSettings, clock: SystemClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Windows grow; the last one must not read a million records of a large topic more than was meant."""
    monkeypatch.setattr(tail, "FIRST_WINDOW", 10)
    monkeypatch.setattr(tail, "UNKNOWN_DEPTH", 100)
    quiet, busy = same_partition(2)
    await fill(settings, clock, (quiet, 1, 7), (busy, 1, 150))
    assert {busy: 150} == await read_last_sequences(settings, PARTITIONS, {quiet: 0, busy: 0})


async def test_a_deep_search_ends_when_it_has_taken_too_long(
    settings: StreamSettings, clock: SystemClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A bridge that is new to a topic which others filled for weeks has to begin at some time."""
    monkeypatch.setattr(tail, "FIRST_WINDOW", 10)
    monkeypatch.setattr(tail, "KNOWN_DEPTH", 20)
    quiet, busy = same_partition(2)
    await fill(settings, clock, (quiet, 1, 7), (busy, 1, 300))
    found = {}
    for seconds in (8.0, 0.0):
        monkeypatch.setattr(tail, "DEEP_READ_S", seconds)
        with capture_logs() as logs:
            found[seconds] = await read_last_sequences(settings, PARTITIONS, {quiet: 0, busy: 0})
    assert {8.0: {busy: 300, quiet: 7}, 0.0: {busy: 300}} == found
    assert [[quiet]] == [entry["symbols"] for entry in logs if "looked for" in entry["event"]]


async def test_everything_else_has_its_turn_while_a_large_topic_is_read(
    settings: StreamSettings, clock: SystemClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One answer of the broker may hold a hundred thousand ticks; decoding them takes seconds."""
    turns = 0
    read_in_turn: Counter[int] = Counter()

    async def take_turns() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    def counted(raw: bytes | None) -> tuple[str, int] | None:
        read_in_turn[turns] += 1
        return decode_sequence(raw)

    await fill(replace(settings, compression="zstd"), clock, ("EURUSD", 1, 10_000))
    monkeypatch.setattr(tail, "decode_sequence", counted)
    others = asyncio.create_task(take_turns())
    assert {"EURUSD": 10_000} == await read_last_sequences(settings, PARTITIONS, {"EURUSD": 0, "SYM1": 0})
    others.cancel()
    assert max(read_in_turn.values()) <= tail.SLICE


async def test_other_peoples_messages_in_the_topic_are_passed_over(
    settings: StreamSettings, clock: SystemClock
) -> None:
    (symbol,) = same_partition(1)
    await fill(settings, clock, (symbol, 1, 3))
    strangers = [b"{}", b"", b'{"data":{"symbol":"OTHER","seq":9}}']
    await send(settings.bootstrap_servers, settings.tick_topic, strangers, partition=1)

    assert {symbol: 3} == await read_last_sequences(settings, PARTITIONS, {symbol: 0})


async def test_a_message_is_found_at_the_end_of_its_own_partition_only(settings: StreamSettings) -> None:
    await send(settings.bootstrap_servers, "records", [b"a", b"b", b"c"], partition=0)
    await send(settings.bootstrap_servers, "records", [b"c"], partition=1)

    wanted = {0: (b"b", 1), 1: (b"b", 1)}
    assert {0} == await find_written(settings, "records", wanted)


async def test_what_another_accounts_bridge_wrote_of_the_same_symbol_is_passed_over(
    settings: StreamSettings, clock: SystemClock
) -> None:
    other = replace(settings, account="7002")
    await fill(settings, clock, ("EURUSD", 1, 5))
    await fill(other, clock, ("EURUSD", 1, 90))

    assert {"EURUSD": 5} == await read_last_sequences(settings, PARTITIONS, {"EURUSD": 0})
    assert {"EURUSD": 90} == await read_last_sequences(other, PARTITIONS, {"EURUSD": 0})


async def test_records_of_before_the_account_was_named_are_ones_own(settings: StreamSettings) -> None:
    tick = b'{"type":"tick_data","data":{"symbol":"EURUSD","seq":41}}'
    number = partition_of(b"EURUSD", PARTITIONS)
    old = [("schema_version", b"1")]
    await send(settings.bootstrap_servers, settings.tick_topic, [tick], partition=number, headers=old)

    assert {"EURUSD": 41} == await read_last_sequences(settings, PARTITIONS, {"EURUSD": 0})


async def test_once_this_bridge_names_its_account_in_a_partition_nothing_else_there_is_its_own(
    settings: StreamSettings, clock: SystemClock
) -> None:
    """An older bridge of another account writes on in a shared topic: its numbers are much higher."""
    tick = b'{"type":"tick_data","data":{"symbol":"EURUSD","seq":2000000}}'
    number = partition_of(b"EURUSD", PARTITIONS)
    await fill(settings, clock, ("EURUSD", 1, 10))
    await send(settings.bootstrap_servers, settings.tick_topic, [tick], partition=number)

    found = {
        mark: await read_last_sequences(settings, PARTITIONS, {"EURUSD": 10}, {mark: 0})
        for mark in (number, number + 1)
    }
    assert {number: {"EURUSD": 10}, number + 1: {"EURUSD": 2_000_000}} == found


async def test_the_same_bytes_from_another_account_do_not_confirm_a_batch_in_doubt(
    settings: StreamSettings,
) -> None:
    """Two accounts at one broker see the same ticks; their numbers may agree as well."""
    address = settings.bootstrap_servers
    await send(address, "records", [b"a"], partition=0, headers=[("account", b"7002")])
    await send(address, "records", [b"a"], partition=1, headers=[("account", b"simulator")])

    assert {1} == await find_written(settings, "records", {0: (b"a", 1), 1: (b"a", 1)})


async def test_a_batch_in_doubt_is_found_behind_the_last_confirmed_one_though_others_wrote_far_more_since(
    settings: StreamSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tail, "OTHERS_DEPTH", 5)
    monkeypatch.setattr(tail, "MARK_DEPTH", 20)
    values = [b"%d" % number for number in range(100)]
    await send(settings.bootstrap_servers, "records", values, partition=0)

    found = {
        since: await find_written(settings, "records", {0: (b"30", 1)}, {0: since})
        for since in (9, 10, 29, 30, 93, 500)
    }
    assert {9: set(), 10: {0}, 29: {0}, 30: set(), 93: set(), 500: set()} == found
    assert set() == await find_written(settings, "records", {0: (b"30", 1)}, {1: 10})
    assert {0} == await find_written(settings, "records", {0: (b"99", 1)}, {0: 10})


async def test_a_symbol_is_found_where_this_bridge_was_writing_behind_all_that_others_wrote_since(
    settings: StreamSettings, clock: SystemClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While one bridge is down the others write on; its last ticks may lie behind its stored cursor."""
    monkeypatch.setattr(tail, "FIRST_WINDOW", 10)
    monkeypatch.setattr(tail, "KNOWN_DEPTH", 50)
    monkeypatch.setattr(tail, "MARK_DEPTH", 30)
    monkeypatch.setattr(tail, "MARK_MARGIN", 20)
    other = replace(settings, account="7002")
    await fill(other, clock, ("EURUSD", 1, 100))
    await fill(settings, clock, ("EURUSD", 1, 40))
    await fill(other, clock, ("EURUSD", 101, 400))
    known = {"EURUSD": 25}
    number = partition_of(b"EURUSD", PARTITIONS)

    found = {
        mark: await read_last_sequences(settings, PARTITIONS, known, {number: mark})
        for mark in (0, 99, 115, 139, 159, 200, 530, 9_000)
    }
    missed, whole = {}, {"EURUSD": 40}
    assert {
        0: missed,
        99: {"EURUSD": 29},
        115: whole,
        139: whole,
        159: whole,
        200: missed,
        530: missed,
        9_000: missed,
    } == found
    assert missed == await read_last_sequences(settings, PARTITIONS, known, {number + 1: 139})


async def test_others_that_write_all_the_time_do_not_keep_the_search_from_ending(
    settings: StreamSettings, clock: SystemClock
) -> None:
    other, numbers = KafkaTickSink(replace(settings, account="7002"), clock), itertools.count(1)

    async def write_on() -> None:
        while True:
            await other.publish(make_ticks("EURUSD", next(numbers), 1))

    await fill(settings, clock, ("EURUSD", 1, 3))
    writing = asyncio.create_task(write_on())
    async with asyncio.timeout(10):
        assert {"EURUSD": 3} == await read_last_sequences(settings, PARTITIONS, {"EURUSD": 0})
    writing.cancel()
    await asyncio.wait([writing])
    await other.close()
