"""Signals reach the inbox, offsets are committed when settled, and nothing crashes or hangs the reader."""

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
    frozen_at_will,
    send,
    signal_message,
    stop_message,
    stream_settings,
)

from hybrid_bridge.core.inputs import EmergencyStopRequested, MalformedReceived, SignalReceived
from hybrid_bridge.core.orders import Channel, Source
from hybrid_bridge.settings import StreamSettings
from hybrid_bridge.streams import signal_consumer
from hybrid_bridge.streams.channel_state import Phase
from hybrid_bridge.streams.signal_consumer import RECORDS_PER_POLL, KafkaSignalConsumer


def ids(inbox: RecordingInbox) -> list[str]:
    """Return the ids of the signals received, in order."""
    return [item.signal_id for item, _ in inbox.items if isinstance(item, SignalReceived)]


@asynccontextmanager
async def running(consumer: KafkaSignalConsumer, *, until_up: bool = True) -> AsyncIterator[None]:
    """Run the consumer for the body and check that it stops in bounded time."""
    task = asyncio.create_task(consumer.run())
    try:
        if until_up:
            await eventually(lambda: consumer.state.phase is Phase.UP or task.done(), "the consumer is up")
        yield
    finally:
        started = time.monotonic()
        task.cancel()
        await asyncio.wait([task])
        assert time.monotonic() - started < 5
        assert task.cancelled()


@pytest.fixture
async def started(settings: StreamSettings) -> StreamSettings:
    """Give settings of a group that has read one signal before, so that it does not start at the present."""
    await send(settings.bootstrap_servers, settings.signal_topic, [signal_message(0)])
    await asyncio.to_thread(commit, settings, 1)
    return settings


async def test_signals_arrive_in_order_with_the_place_they_were_read_from(
    settings: StreamSettings, clock: SystemClock
) -> None:
    inbox = RecordingInbox()
    consumer = KafkaSignalConsumer(settings, inbox, clock)
    async with running(consumer):
        values = [signal_message(number) for number in range(50)]
        await send(settings.bootstrap_servers, settings.signal_topic, [*values, signal_message(50, id=None)])
        await eventually(lambda: len(inbox.items) == 51, "51 signals")

    assert [f"s{number}" for number in range(50)] == ids(inbox)[:50]
    first, last = inbox.items[0][0], inbox.items[50][0]
    assert isinstance(first, SignalReceived)
    assert isinstance(last, SignalReceived)
    written_msc = last.source.record_msc
    assert f"{settings.signal_topic}/0/50/{written_msc}" == last.signal_id, "named by its place and its time"
    assert last.timestamp_msc == written_msc
    assert 0 <= last.received_msc - written_msc < 10_000
    assert Source(Channel.REDPANDA, settings.signal_topic, 0, 0, first.source.record_msc) == first.source
    assert consumer.received == 51


async def test_what_does_not_follow_the_contract_becomes_a_dead_letter_and_is_passed(
    settings: StreamSettings, clock: SystemClock
) -> None:
    bad = [
        b"",
        None,
        b"\xff\xfe",
        b"{",
        b"[" * 100_000,
        b'{"type":"trading_signal","data":{"symbol":"EURUSD","action":"BUY","volume":NaN}}',
        b'{"type":"trading_signal","type":"trading_signal","data":{}}',
        b'{"type":"no_such_type"}',
        b"x" * 900_000,
    ]
    inbox = RecordingInbox()
    consumer = KafkaSignalConsumer(settings, inbox, clock)
    async with running(consumer):
        topic = settings.signal_topic
        await send(settings.bootstrap_servers, topic, [*bad, signal_message(1)], key=b"any")
        await eventually(lambda: len(inbox.items) == len(bad) + 1, "all messages")
        await eventually(lambda: count_committed(settings) == len(bad) + 1, "the commit")

    reasons = [item.reason for item, _ in inbox.items if isinstance(item, MalformedReceived)]
    assert ["not_json", "empty", "not_utf8", "not_json", "too_long"] == reasons[:5]
    assert len(bad) == len(reasons) == consumer.malformed
    assert ["s1"] == ids(inbox)


async def test_get_data_is_sent_to_the_websocket_and_commands_arrive(
    settings: StreamSettings, clock: SystemClock
) -> None:
    question = b'{"type":"get_data","data":{"request":"positions"}}'
    command = b'{"type":"emergency_stop","data":{"reason":"drill"}}'
    inbox = RecordingInbox()
    async with running(KafkaSignalConsumer(settings, inbox, clock)):
        await send(settings.bootstrap_servers, settings.signal_topic, [question, command])
        await eventually(lambda: len(inbox.items) == 2, "both messages")

    first, second = inbox.items[0][0], inbox.items[1][0]
    assert isinstance(first, MalformedReceived)
    assert "get_data belongs on the WebSocket" in first.detail
    assert isinstance(second, EmergencyStopRequested)


async def test_what_is_for_another_account_is_passed_over_and_committed(
    settings: StreamSettings, clock: SystemClock
) -> None:
    """Not even decoded: what another account's sender writes wrongly is no business of this bridge."""
    settings = replace(settings, account="simulator-7001", login="7001")
    address, topic = settings.bootstrap_servers, settings.signal_topic
    inbox = RecordingInbox()
    consumer = KafkaSignalConsumer(settings, inbox, clock)
    async with running(consumer):
        elsewhere = [signal_message(1), b"{", None, stop_message("theirs")]
        await send(address, topic, elsewhere, headers=[("account", b"7002")])
        for number, account in enumerate((b"7001", b"simulator-7001", b""), 2):
            await send(address, topic, [signal_message(number)], headers=[("account", account)])
        await send(address, topic, [signal_message(5)])
        await send(address, topic, [signal_message(6)], headers=[("schema_version", b"1")])
        await send(address, topic, [signal_message(7)], headers=[("account", b"7002")])
        await eventually(lambda: count_committed(settings) == 10, "the commit of all")

    assert ["s2", "s3", "s4", "s5", "s6"] == ids(inbox)
    assert len(inbox.items) == 5
    assert (10, 5, 0) == (consumer.received, consumer.elsewhere, consumer.malformed)


async def test_a_stop_of_which_it_is_in_doubt_whom_it_is_for_is_obeyed_and_a_signal_is_not(
    settings: StreamSettings, clock: SystemClock
) -> None:
    address, topic = settings.bootstrap_servers, settings.signal_topic
    settings = replace(settings, account="7001", login="7001")
    inbox = RecordingInbox()
    async with running(KafkaSignalConsumer(settings, inbox, clock)):
        for names in ([b"7001,7002"], [b"7001", b"7002"], [b"\xff"]):
            doubtful = [signal_message(1), stop_message("whose?")]
            await send(address, topic, doubtful, headers=[("account", name) for name in names])
        await send(address, topic, [stop_message("theirs")], headers=[("account", b"7002")])
        await eventually(lambda: count_committed(settings) == 7, "the commit of all")

    assert [(EmergencyStopRequested, "whose?")] * 3 == [
        (type(item), getattr(item, "reason", "")) for item, _ in inbox.items
    ]


async def test_everything_else_has_its_turn_while_a_flood_for_others_is_passed_over(
    settings: StreamSettings, clock: SystemClock
) -> None:
    consumer = KafkaSignalConsumer(settings, RecordingInbox(), clock)
    most = 0

    async def take_turns() -> None:
        nonlocal most
        while True:
            before = consumer.received
            await asyncio.sleep(0)
            most = max(most, consumer.received - before)

    async with running(consumer):
        others = asyncio.create_task(take_turns())
        flood = [signal_message(number) for number in range(5_000)]
        await send(settings.bootstrap_servers, settings.signal_topic, flood, headers=[("account", b"7002")])
        await eventually(lambda: consumer.elsewhere == 5_000, "the whole flood")
        others.cancel()
    assert 0 < most <= RECORDS_PER_POLL


async def test_a_commit_never_passes_a_signal_that_is_not_settled(
    settings: StreamSettings, clock: SystemClock
) -> None:
    inbox = RecordingInbox()
    inbox.settle_at_once = False
    async with running(KafkaSignalConsumer(settings, inbox, clock)):
        await send(
            settings.bootstrap_servers, settings.signal_topic, [signal_message(number) for number in range(5)]
        )
        await eventually(lambda: len(inbox.items) == 5, "5 signals")
        for index in (4, 2, 0):
            inbox.settle(index)
        await eventually(lambda: count_committed(settings) >= 1, "a commit")
        assert count_committed(settings) == 1
        inbox.settle(1)
        await eventually(lambda: count_committed(settings) >= 2, "a second commit")
        assert count_committed(settings) == 3
        inbox.settle(3)

    assert count_committed(settings) == 5, "the rest is committed when the consumer stops"


async def test_a_first_start_skips_what_is_too_old(settings: StreamSettings, clock: SystemClock) -> None:
    """The embedded broker knows no times: nothing counts as young enough, and reading starts at the end."""
    await send(settings.bootstrap_servers, settings.signal_topic, [signal_message(1), signal_message(2)])
    inbox = RecordingInbox()
    async with running(KafkaSignalConsumer(settings, inbox, clock)):
        await send(settings.bootstrap_servers, settings.signal_topic, [signal_message(3)])
        await eventually(lambda: inbox.items, "the new signal")

    assert ["s3"] == ids(inbox)


async def test_a_restart_goes_on_at_the_committed_offset(started: StreamSettings, clock: SystemClock) -> None:
    inbox = RecordingInbox()
    await send(started.bootstrap_servers, started.signal_topic, [signal_message(1), signal_message(2)])
    async with running(KafkaSignalConsumer(started, inbox, clock)):
        await eventually(lambda: len(inbox.items) == 2, "what came in between")

    assert ["s1", "s2"] == ids(inbox)


async def test_what_was_not_settled_comes_again_after_a_restart(
    started: StreamSettings, clock: SystemClock
) -> None:
    inbox = RecordingInbox()
    inbox.settle_at_once = False
    async with running(KafkaSignalConsumer(started, inbox, clock)):
        await send(started.bootstrap_servers, started.signal_topic, [signal_message(1), signal_message(2)])
        await eventually(lambda: len(inbox.items) == 2, "2 signals")
        inbox.settle(0)
    async with running(KafkaSignalConsumer(started, inbox, clock)):
        await eventually(lambda: len(inbox.items) == 3, "the second again")

    assert ["s1", "s2", "s2"] == ids(inbox)


async def test_an_offset_that_is_out_of_range_starts_at_the_present(
    started: StreamSettings, clock: SystemClock
) -> None:
    await asyncio.to_thread(commit, started, 5_000)
    inbox = RecordingInbox()
    async with running(KafkaSignalConsumer(started, inbox, clock)):
        await send(started.bootstrap_servers, started.signal_topic, [signal_message(7)])
        await eventually(lambda: inbox.items, "the new signal")
        await eventually(lambda: count_committed(started) == 2, "the commit of a lower offset")

    assert ["s7"] == ids(inbox)


async def test_a_full_inbox_stops_the_reading_and_keeps_the_group(
    started: StreamSettings, clock: SystemClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(signal_consumer, "RECORDS_PER_POLL", 10)
    inbox = RecordingInbox()
    consumer = KafkaSignalConsumer(started, inbox, clock, stall_timeout_s=1.0)
    async with running(consumer):
        inbox.open.clear()
        await send(
            started.bootstrap_servers,
            started.signal_topic,
            [signal_message(number) for number in range(1, 101)],
        )
        await eventually(lambda: consumer.received == 1, "the first signal")
        await asyncio.sleep(2)  # Longer than the watchdog's patience and a commit: nothing may happen.
        assert (consumer.received, consumer.rebuilds, inbox.items) == (1, 0, [])
        inbox.open.set()
        await eventually(lambda: len(inbox.items) == 100, "all signals")

    assert [f"s{number}" for number in range(1, 101)] == ids(inbox)


async def test_reading_waits_while_too_much_is_unsettled(
    started: StreamSettings, clock: SystemClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(signal_consumer, "UNSETTLED_MAX", 3)
    inbox = RecordingInbox()
    inbox.settle_at_once = False
    async with running(KafkaSignalConsumer(started, inbox, clock)):
        await send(
            started.bootstrap_servers,
            started.signal_topic,
            [signal_message(number) for number in range(1, 6)],
        )
        await eventually(lambda: len(inbox.items) == 3, "3 signals")
        await asyncio.sleep(0.3)
        assert len(inbox.items) == 3
        inbox.settle(0)
        inbox.settle(1)
        await eventually(lambda: len(inbox.items) == 5, "the rest")


async def test_a_broker_that_hangs_for_3_s_is_waited_for(
    broker: EmbeddedBroker, started: StreamSettings, clock: SystemClock
) -> None:
    inbox = RecordingInbox()
    consumer = KafkaSignalConsumer(started, inbox, clock)
    async with running(consumer):
        with frozen(broker.pid):
            await asyncio.sleep(3)
        await send(started.bootstrap_servers, started.signal_topic, [signal_message(1)])
        await eventually(lambda: inbox.items, "the signal")

    assert ["s1"] == ids(inbox)
    assert consumer.rebuilds == 0


async def test_a_client_whose_fetches_are_not_answered_is_rebuilt(
    broker: EmbeddedBroker, started: StreamSettings, clock: SystemClock
) -> None:
    inbox = RecordingInbox()
    consumer = KafkaSignalConsumer(started, inbox, clock, stall_timeout_s=1.0)
    async with running(consumer):
        with frozen(broker.pid):
            await eventually(lambda: consumer.rebuilds, "the watchdog")
            await eventually(lambda: consumer.state.phase is not Phase.UP, "the state")
        await send(started.bootstrap_servers, started.signal_topic, [signal_message(1)])
        await eventually(lambda: inbox.items, "the signal", timeout_s=30)
        assert consumer.state.phase is Phase.UP
        assert consumer.state.outages == 1

    assert ["s1"] == ids(inbox)


async def test_stopping_is_quick_while_the_broker_hangs(
    broker: EmbeddedBroker, started: StreamSettings, clock: SystemClock
) -> None:
    inbox = RecordingInbox()
    inbox.settle_at_once = False
    with frozen_at_will(broker.pid) as freeze:
        async with running(KafkaSignalConsumer(started, inbox, clock)):
            await send(started.bootstrap_servers, started.signal_topic, [signal_message(1)])
            await eventually(lambda: inbox.items, "the signal")
            freeze()
            inbox.settle(0)  # So that there is something to commit.


async def test_a_refused_port_is_named_and_stopping_is_quick(
    refused_address: str, clock: SystemClock
) -> None:
    consumer = KafkaSignalConsumer(stream_settings(refused_address), RecordingInbox(), clock)
    async with running(consumer, until_up=False):
        await eventually(lambda: consumer.state.phase is Phase.DOWN, "the outage is noticed")

    assert f"nothing listens on {refused_address}" in consumer.state.last_error


async def test_a_server_that_never_answers_is_named_and_stopping_is_quick(
    silent_address: str, clock: SystemClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(signal_consumer, "START_TIMEOUT_S", 0.5)
    consumer = KafkaSignalConsumer(stream_settings(silent_address), RecordingInbox(), clock)
    async with running(consumer, until_up=False):
        await eventually(lambda: consumer.state.phase is Phase.DOWN, "the outage is noticed")

    assert f"{silent_address} accepts connections but does not answer" in consumer.state.last_error
