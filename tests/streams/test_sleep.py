"""Readers over a sleep of the PC: new clients at once, nothing lost, nothing fetched before handed on."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest
from structlog.testing import capture_logs
from tests.streams.support import (
    RecordingInbox,
    SystemClock,
    count_committed,
    eventually,
    send,
    signal_message,
    stop_message,
)

from hybrid_bridge.core.inputs import EmergencyStopRequested, SignalReceived
from hybrid_bridge.settings import StreamSettings
from hybrid_bridge.streams.channel_state import Phase
from hybrid_bridge.streams.reader import Reader
from hybrid_bridge.streams.signal_consumer import KafkaSignalConsumer
from hybrid_bridge.streams.stop_watcher import StopWatcher


class Pc:
    standstills = 0

    def count(self) -> int:
        return self.standstills


@contextlib.asynccontextmanager
async def running(reader: Reader) -> AsyncIterator[list[object]]:
    """Run a reader; give the list of the clients that it makes."""
    made: list[object] = []
    make = reader._new_consumer

    def note(*arguments):
        made.append(make(*arguments))
        return made[-1]

    reader._new_consumer = note
    task = asyncio.create_task(reader.run())
    try:
        await eventually(lambda: reader.state.phase is Phase.UP, "it is up")
        yield made
    finally:
        task.cancel()
        await asyncio.wait([task])


def ids(inbox: RecordingInbox) -> list[str]:
    return [item.signal_id for item, _ in inbox.items if isinstance(item, SignalReceived)]


async def test_signals_are_read_by_a_new_client_after_a_sleep_each_once(
    settings: StreamSettings, clock: SystemClock
) -> None:
    inbox, pc = RecordingInbox(), Pc()
    consumer = KafkaSignalConsumer(settings, inbox, clock, standstills=pc.count)
    with capture_logs() as logs:
        async with running(consumer) as clients:
            await send(settings.bootstrap_servers, settings.signal_topic, [signal_message(1)])
            await eventually(lambda: ids(inbox) == ["s1"], "the first is read")
            await eventually(lambda: count_committed(settings) == 1, "it is committed")
            pc.standstills += 1
            await send(settings.bootstrap_servers, settings.signal_topic, [signal_message(2)])
            await eventually(lambda: ids(inbox) == ["s1", "s2"], "the second is read")
            assert (2, 0) == (len(clients), consumer.rebuilds)
    assert [] == [entry for entry in logs if "down" in entry["event"].lower()]


async def test_what_a_client_had_fetched_when_the_pc_fell_asleep_is_not_handed_on_by_it(
    settings: StreamSettings, clock: SystemClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    inbox, pc = RecordingInbox(), Pc()
    consumer = KafkaSignalConsumer(settings, inbox, clock, standstills=pc.count)
    fetch, handed = consumer._fetch, []
    hand_on = consumer._hand_on

    async def sleep_after_the_first(client):
        fetched = await fetch(client)
        if fetched and not pc.standstills:
            pc.standstills += 1
        return fetched

    async def note(membership, records):
        handed.append(pc.standstills == consumer._begun_at)
        await hand_on(membership, records)

    monkeypatch.setattr(consumer, "_fetch", sleep_after_the_first)
    monkeypatch.setattr(consumer, "_hand_on", note)
    async with running(consumer):
        await send(settings.bootstrap_servers, settings.signal_topic, [signal_message(1)])
        await eventually(lambda: ids(inbox) == ["s1"], "it comes by the new client")
    assert [True] == handed


async def test_a_stop_that_was_fetched_before_a_sleep_is_obeyed_and_watching_goes_on(
    settings: StreamSettings, clock: SystemClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    inbox, pc = RecordingInbox(), Pc()
    watcher = StopWatcher(settings, inbox, clock, standstills=pc.count)
    fetch = watcher._fetch

    async def sleep_after_the_first(client):
        fetched = await fetch(client)
        if fetched and not pc.standstills:
            pc.standstills += 1
        return fetched

    monkeypatch.setattr(watcher, "_fetch", sleep_after_the_first)
    async with running(watcher) as clients:
        before = len(clients)
        await send(settings.bootstrap_servers, settings.signal_topic, [stop_message("before")])
        await eventually(lambda: inbox.items, "it is obeyed")
        await eventually(lambda: len(clients) > before, "a new client watches")
        await send(settings.bootstrap_servers, settings.signal_topic, [stop_message("after")])
        await eventually(lambda: len(inbox.items) == 2, "the next is seen")
    reasons = [item.reason for item, _ in inbox.items if isinstance(item, EmergencyStopRequested)]
    assert ["before", "after"] == reasons
