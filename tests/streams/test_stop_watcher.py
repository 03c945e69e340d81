"""An emergency stop on Redpanda is seen at once, whatever stands before it, and handed on once."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from tests.streams.support import (
    EmbeddedBroker,
    RecordingInbox,
    SystemClock,
    commit,
    count_committed,
    eventually,
    frozen,
    send,
    signal_message,
    stop_message,
    stream_settings,
)

from hybrid_bridge.core.inputs import EmergencyStopRequested, SignalReceived
from hybrid_bridge.core.orders import Channel, Source
from hybrid_bridge.execution.inbox import ORDERS_MAX, PriorityInbox
from hybrid_bridge.settings import StreamSettings
from hybrid_bridge.streams import stop_watcher
from hybrid_bridge.streams.channel_state import Phase
from hybrid_bridge.streams.reader import Reader
from hybrid_bridge.streams.signal_consumer import KafkaSignalConsumer
from hybrid_bridge.streams.stop_watcher import OBEYED_KEPT, ObeyedStops, StopWatcher

SEEN_WITHIN_S = 2.0  # On a busy machine; tens of milliseconds as a rule.


def stops(inbox: RecordingInbox) -> list[str]:
    """Return the reasons of the stops received, in order."""
    return [item.reason for item, _ in inbox.items if isinstance(item, EmergencyStopRequested)]


@asynccontextmanager
async def running(*readers: Reader) -> AsyncIterator[None]:
    """Run readers for the body, which begins once all are up, and check that they stop in bounded time."""
    tasks = [asyncio.create_task(reader.run()) for reader in readers]
    try:
        await eventually(lambda: all(reader.state.phase is Phase.UP for reader in readers), "all are up")
        yield
    finally:
        started = time.monotonic()
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        assert time.monotonic() - started < 5
        assert all(task.cancelled() for task in tasks)


async def write(settings: StreamSettings, *values: bytes | None) -> None:
    await send(settings.bootstrap_servers, settings.signal_topic, values)


async def test_a_stop_overtakes_everything_that_waits_for_room_in_the_inbox(
    settings: StreamSettings, clock: SystemClock
) -> None:
    inbox = PriorityInbox(clock.monotonic)
    watcher = StopWatcher(settings, inbox, clock)
    consumer = KafkaSignalConsumer(settings, inbox, clock, obeyed=watcher.obeyed)
    async with running(watcher, consumer):
        await write(settings, *(signal_message(number) for number in range(5_000)))
        await eventually(lambda: inbox.orders_waiting == ORDERS_MAX, "the inbox is full")
        await write(settings, stop_message("drill"))
        async with asyncio.timeout(SEEN_WITHIN_S):
            fact = await inbox.next_fact()

    assert isinstance(fact.item, EmergencyStopRequested)
    assert ("drill", settings.signal_topic, 5_000) == (
        fact.item.reason,
        fact.item.source.topic,
        fact.item.source.offset,
    )
    assert inbox.orders_waiting == ORDERS_MAX
    assert consumer.received == ORDERS_MAX + 1, "the signal consumer has not come as far as the stop"


async def test_nothing_but_stops_is_handed_on(settings: StreamSettings, clock: SystemClock) -> None:
    inbox = RecordingInbox()
    watcher = StopWatcher(settings, inbox, clock)
    async with running(watcher):
        bad = [None, b"", b"{", b'{"type":"emergency_stop"', b"x" * 900_000, b"[" * 100_000]
        await write(settings, signal_message(1), *bad, stop_message("first"), signal_message(2))
        await write(settings, stop_message("second"))
        await eventually(lambda: len(inbox.items) == 2, "both stops")

    assert ["first", "second"] == stops(inbox)
    assert watcher.found == 2


async def test_a_stop_for_another_account_is_passed_over(
    settings: StreamSettings, clock: SystemClock
) -> None:
    settings = replace(settings, account="7001", login="7001")
    address, topic = settings.bootstrap_servers, settings.signal_topic
    inbox = RecordingInbox()
    watcher = StopWatcher(settings, inbox, clock)
    async with running(watcher):
        for reason, headers in {
            "theirs": [("account", b"7002")],
            "ours": [("account", b"7001")],
            "no account": [("schema_version", b"1")],
        }.items():
            await send(address, topic, [stop_message(reason)], headers=headers)
        await write(settings, stop_message("no header"))
        await eventually(lambda: len(inbox.items) == 3, "the stops")

    assert ["ours", "no account", "no header"] == stops(inbox)
    assert (3, 1) == (watcher.found, watcher.elsewhere)


async def test_a_stop_of_which_it_is_in_doubt_whom_it_is_for_is_for_this_account(
    settings: StreamSettings, clock: SystemClock
) -> None:
    address, topic = settings.bootstrap_servers, settings.signal_topic
    inbox = RecordingInbox()
    named = [[b"7001,7002"], [b"7001", b"7002"], [b"\xff"], [b" 7001 "], [b"all"]]
    async with running(StopWatcher(replace(settings, account="7001", login="7001"), inbox, clock)):
        for number, names in enumerate(named):
            headers = [("account", name) for name in names]
            await send(address, topic, [stop_message(f"{number}")], headers=headers)
        await eventually(lambda: len(inbox.items) == len(named), "the stops")
    assert ["0", "1", "2", "3", "4"] == stops(inbox)


async def test_a_first_start_watches_from_now_on(settings: StreamSettings, clock: SystemClock) -> None:
    await write(settings, stop_message("last year"))
    inbox = RecordingInbox()
    async with running(StopWatcher(settings, inbox, clock)):
        await write(settings, stop_message("now"))
        await eventually(lambda: inbox.items, "the new stop")

    assert ["now"] == stops(inbox)


async def test_a_stop_that_came_while_no_bridge_ran_is_found_and_one_that_was_settled_is_not(
    settings: StreamSettings, clock: SystemClock
) -> None:
    await write(settings, stop_message("settled"), signal_message(1), stop_message("nobody saw it"))
    await asyncio.to_thread(commit, settings, 2)
    inbox = RecordingInbox()
    async with running(StopWatcher(settings, inbox, clock)):
        await eventually(lambda: inbox.items, "the stop")

    assert ["nobody saw it"] == stops(inbox)


async def test_only_so_much_of_a_backlog_is_looked_through(
    settings: StreamSettings, clock: SystemClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stop_watcher, "BACKLOG_MAX", 2)
    await write(settings, *(stop_message(str(number)) for number in range(5)))
    await asyncio.to_thread(commit, settings, 1)
    inbox = RecordingInbox()
    async with running(StopWatcher(settings, inbox, clock)):
        await eventually(lambda: len(inbox.items) == 2, "the youngest two")

    assert ["3", "4"] == stops(inbox)


async def test_a_commit_beyond_the_end_is_not_believed(settings: StreamSettings, clock: SystemClock) -> None:
    await write(settings, signal_message(1))
    await asyncio.to_thread(commit, settings, 5_000)
    inbox = RecordingInbox()
    async with running(StopWatcher(settings, inbox, clock)):
        await write(settings, stop_message("now"))
        await eventually(lambda: inbox.items, "the stop")


async def test_a_client_whose_fetches_are_not_answered_is_rebuilt(
    broker: EmbeddedBroker, settings: StreamSettings, clock: SystemClock
) -> None:
    inbox = RecordingInbox()
    watcher = StopWatcher(settings, inbox, clock, stall_timeout_s=1.0)
    async with running(watcher):
        with frozen(broker.pid):
            await eventually(lambda: watcher.rebuilds, "the watchdog")
            await eventually(lambda: watcher.state.phase is not Phase.UP, "the state")
        await write(settings, stop_message("after"))
        await eventually(lambda: inbox.items, "the stop", timeout_s=30)

    assert ["after"] == stops(inbox)


async def test_a_new_client_goes_on_where_the_old_one_stopped(
    settings: StreamSettings, clock: SystemClock
) -> None:
    inbox = RecordingInbox()
    watcher = StopWatcher(settings, inbox, clock)
    async with running(watcher):
        await write(settings, stop_message("before"))
        await eventually(lambda: inbox.items, "the first stop")
    await write(settings, stop_message("in between"))
    async with running(watcher):
        await eventually(lambda: len(inbox.items) == 2, "the second stop")

    assert ["before", "in between"] == stops(inbox)


async def test_a_stop_that_was_obeyed_is_not_handed_on_by_the_signal_consumer_but_passed(
    settings: StreamSettings, clock: SystemClock
) -> None:
    inbox = RecordingInbox()
    watcher = StopWatcher(settings, inbox, clock)
    async with running(watcher):
        await write(settings, stop_message("once"))
        await eventually(lambda: inbox.items, "the stop")
        await asyncio.to_thread(commit, settings, 0)
        consumer = KafkaSignalConsumer(settings, inbox, clock, obeyed=watcher.obeyed)
        async with running(consumer):
            await write(settings, signal_message(7))
            await eventually(lambda: len(inbox.items) == 2, "the signal")
            await eventually(lambda: count_committed(settings) == 2, "the commit")

    assert ["once"] == stops(inbox)
    assert isinstance(inbox.items[1][0], SignalReceived)
    assert consumer.received == 2


async def test_a_stop_that_is_not_settled_yet_comes_through_both_from_the_same_source(
    settings: StreamSettings, clock: SystemClock
) -> None:
    """If the bridge dies before it has obeyed, the signal consumer must not have passed it."""
    inbox = RecordingInbox()
    inbox.settle_at_once = False
    watcher = StopWatcher(settings, inbox, clock)
    async with running(watcher):
        await write(settings, stop_message("twice"))
        await eventually(lambda: inbox.items, "the stop")
        await asyncio.to_thread(commit, settings, 0)
        async with running(KafkaSignalConsumer(settings, inbox, clock, obeyed=watcher.obeyed)):
            await eventually(lambda: len(inbox.items) == 2, "the stop again")

    first, second = (item for item, _ in inbox.items)
    assert isinstance(first, EmergencyStopRequested)
    assert isinstance(second, EmergencyStopRequested)
    assert first.source == second.source
    assert first.source.record_msc > 0
    assert count_committed(settings) <= 0


async def test_a_refused_port_is_named_and_stopping_is_quick(
    refused_address: str, clock: SystemClock
) -> None:
    watcher = StopWatcher(stream_settings(refused_address), RecordingInbox(), clock)
    task = asyncio.create_task(watcher.run())
    await eventually(lambda: watcher.state.phase is Phase.DOWN, "the outage is noticed")
    task.cancel()
    await asyncio.wait([task])

    assert f"nothing listens on {refused_address}" in watcher.state.last_error


def test_what_was_obeyed_is_remembered_by_place_and_time_and_not_without_bound() -> None:
    obeyed = ObeyedStops()
    source = Source(Channel.REDPANDA, "signals", 0, 7, 1_790_000_000_000)
    obeyed.add(source)
    timeless = replace(source, record_msc=-1)
    obeyed.add(timeless)

    assert source in obeyed
    assert replace(source, record_msc=1_790_000_000_001) not in obeyed, "the topic was made anew"
    assert timeless not in obeyed, "better obeyed twice than taken for another"
    for offset in range(8, 8 + OBEYED_KEPT):
        obeyed.add(replace(source, offset=offset))
    assert source not in obeyed
    assert replace(source, offset=8) in obeyed
