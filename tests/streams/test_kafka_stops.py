"""Stops and orders through a real broker's own troubles: groups that form, topics made anew, retention."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import pytest
from confluent_kafka import Consumer, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, NewPartitions, NewTopic
from tests.execution.rig import Rig
from tests.execution.venue import Venue
from tests.streams.support import (
    LiveClock,
    RecordingInbox,
    eventually,
    send,
    signal_message,
    stop_message,
    stream_settings,
    unique_prefix,
)

from hybrid_bridge.core.inputs import EmergencyStopRequested
from hybrid_bridge.settings import StreamSettings
from hybrid_bridge.streams import stop_watcher
from hybrid_bridge.streams.channel_state import Phase
from hybrid_bridge.streams.reader import Reader
from hybrid_bridge.streams.signal_consumer import KafkaSignalConsumer
from hybrid_bridge.streams.stop_watcher import StopWatcher

pytestmark = pytest.mark.kafka

GROUP_S = 60.0  # A busy machine takes that long to let a group settle.
SEEN_WITHIN_S = 3.0


@pytest.fixture
def on_kafka(kafka_address: str) -> StreamSettings:
    """Give settings with a topic and a group of this test's own."""
    prefix = unique_prefix()
    return stream_settings(kafka_address, prefix=prefix, group=f"{prefix}group")


@pytest.fixture
def clock() -> LiveClock:
    return LiveClock()


@pytest.fixture
async def admin(on_kafka: StreamSettings) -> AdminClient:
    """Give an administrator; the signal topic is there."""
    client = AdminClient({"bootstrap.servers": on_kafka.bootstrap_servers})
    await make_topic(client, on_kafka.signal_topic)
    return client


async def make_topic(admin: AdminClient, topic: str) -> None:
    await asyncio.to_thread(admin.create_topics([NewTopic(topic, 1, 1)])[topic].result)


@asynccontextmanager
async def running(reader: Reader, *, until_up: bool = True) -> AsyncIterator[None]:
    task = asyncio.create_task(reader.run())
    try:
        await eventually(lambda: not until_up or reader.state.phase is Phase.UP, "the reader is up", GROUP_S)
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])


@contextmanager
def stuck_member(settings: StreamSettings) -> Iterator[None]:
    """Keep a member in the group that joined and never looks again, so that the group cannot form anew."""
    member = Consumer(
        {
            "bootstrap.servers": settings.bootstrap_servers,
            "group.id": settings.group_id,
            "log_level": 0,
            "auto.offset.reset": "earliest",
        }
    )
    member.subscribe([settings.signal_topic])
    while not member.assignment():
        member.poll(0.1)
    try:
        yield
    finally:
        member.close()


def stops(inbox: RecordingInbox) -> list[str]:
    return [item.reason for item, _ in inbox.items if isinstance(item, EmergencyStopRequested)]


async def write(settings: StreamSettings, *values: bytes, **record: Any) -> None:
    await send(settings.bootstrap_servers, settings.signal_topic, values, **record)


async def test_a_stop_is_seen_while_the_group_cannot_form(
    on_kafka: StreamSettings, admin: AdminClient, clock: LiveClock
) -> None:
    inbox = RecordingInbox()
    watcher = StopWatcher(on_kafka, inbox, clock)
    consumer = KafkaSignalConsumer(on_kafka, inbox, clock, obeyed=watcher.obeyed)
    stuck = stuck_member(on_kafka)
    await asyncio.to_thread(stuck.__enter__)
    try:
        async with running(watcher), running(consumer, until_up=False):
            await write(on_kafka, stop_message("now"))
            await eventually(lambda: inbox.items, "the stop", SEEN_WITHIN_S)
            assert (0, True) == (consumer.received, consumer.state.phase is not Phase.UP)
    finally:
        await asyncio.to_thread(stuck.__exit__, None, None, None)

    assert ["now"] == stops(inbox)


async def test_a_rebalance_while_an_order_is_on_its_way_sends_it_once(
    on_kafka: StreamSettings, admin: AdminClient, clock: LiveClock, tmp_path: Any
) -> None:
    """The signal goes to the other member and back, as it does when a second bridge starts and stops."""
    venue = Venue(clock)  # type: ignore[arg-type]
    rig = Rig(tmp_path / "journal", venue, clock)  # type: ignore[arg-type]
    entry = signal_message(1, stop_loss=1.0981)
    first = KafkaSignalConsumer(on_kafka, Uncommitted(rig), clock)
    second_inbox = RecordingInbox()
    second_inbox.settle_at_once = False
    second = KafkaSignalConsumer(on_kafka, second_inbox, clock)
    async with rig.running(), running(first):
        await eventually(lambda: first.commits, "the commit of where reading starts")
        venue.gate.clear()
        await write(on_kafka, entry)
        await eventually(lambda: venue.submitted, "the order is on its way")
        async with running(second):
            await eventually(lambda: first.received + second.received >= 2, "it is read again", GROUP_S)
        await write(on_kafka, signal_message(2, stop_loss=1.0981))
        await eventually(lambda: first.received >= 3, "the first reads on, from the signal again", GROUP_S)
        venue.gate.set()
        await eventually(lambda: rig.figures.statuses["filled"] == 2, "both are filled", GROUP_S)

    assert ["s1", "s2"] == [order.intent.signal_id for order in venue.submitted]
    assert rig.figures.statuses["duplicate"] >= 1


class Uncommitted:
    """A rig's inbox whose first delivery is never settled, as when the commit is lost in the rebalance."""

    def __init__(self, rig: Rig) -> None:
        self._inbox = rig.inbox
        self._first = True

    async def put(self, item: Any, settled: Any = None) -> None:
        first, self._first = self._first, False
        await self._inbox.put(item, None if first else settled)


async def test_a_watcher_that_fell_behind_the_retention_reads_all_that_is_left(
    on_kafka: StreamSettings, admin: AdminClient, clock: LiveClock
) -> None:
    inbox = RecordingInbox()
    watcher = StopWatcher(on_kafka, inbox, clock)
    async with running(watcher):
        await write(on_kafka, stop_message("seen"))
        await eventually(lambda: inbox.items, "the first stop")
    hour_ago_msc = clock.utc_msc() - 3_600_000
    await write(on_kafka, signal_message(1), stop_message("lost"), timestamp=hour_ago_msc)
    await write(on_kafka, stop_message("left"), timestamp=hour_ago_msc)
    gone = TopicPartition(on_kafka.signal_topic, 0, 3)
    await asyncio.to_thread(admin.delete_records([gone])[gone].result)
    async with running(watcher):
        await eventually(lambda: len(inbox.items) == 2, "what is left")

    assert ["seen", "left"] == stops(inbox)


async def test_a_stop_in_a_topic_made_anew_is_another_one_though_it_stands_in_the_same_place(
    on_kafka: StreamSettings, admin: AdminClient, clock: LiveClock
) -> None:
    topic = on_kafka.signal_topic
    inbox = RecordingInbox()
    watcher = StopWatcher(on_kafka, inbox, clock)
    consumer = KafkaSignalConsumer(on_kafka, inbox, clock, obeyed=watcher.obeyed, stall_timeout_s=2.0)
    async with running(watcher), running(consumer):
        await write(on_kafka, stop_message("before"), signal_message(1), signal_message(2))
        await eventually(lambda: consumer.received == 3, "all are read")
        await asyncio.to_thread(admin.delete_topics([topic])[topic].result)
        await make_topic_patiently(admin, topic)
        await write(on_kafka, stop_message("after"))
        await eventually(lambda: "after" in stops(inbox), "the new stop", GROUP_S)

    places = {
        (item.source.offset, item.source.record_msc)
        for item, _ in inbox.items
        if isinstance(item, EmergencyStopRequested)
    }
    assert ({0}, 2) == ({offset for offset, _ in places}, len(places))


async def test_a_stop_is_seen_in_a_topic_made_anew_whose_end_lies_before_what_was_read(
    on_kafka: StreamSettings, admin: AdminClient, clock: LiveClock
) -> None:
    topic = on_kafka.signal_topic
    inbox = RecordingInbox()
    watcher = StopWatcher(on_kafka, inbox, clock)
    async with running(watcher):
        await write(on_kafka, signal_message(1), signal_message(2), stop_message("before"))
        await eventually(lambda: inbox.items, "the stop")
    await asyncio.to_thread(admin.delete_topics([topic])[topic].result)
    await make_topic_patiently(admin, topic)
    await write(on_kafka, stop_message("last year"), timestamp=clock.utc_msc() - 31_536_000_000)
    await write(on_kafka, stop_message("after"))
    async with running(watcher):
        await eventually(lambda: len(inbox.items) == 2, "the new stop")

    assert ["before", "after"] == stops(inbox)


async def make_topic_patiently(admin: AdminClient, topic: str) -> None:
    """Make a topic that may be there again already, or not be gone yet."""
    while True:
        try:
            return await make_topic(admin, topic)
        except KafkaException as error:
            if "already exists" not in str(error):
                raise
            if topic in (await asyncio.to_thread(admin.list_topics, timeout=10)).topics:
                return None


async def test_a_partition_added_while_the_bridge_runs_is_watched_from_its_beginning(
    on_kafka: StreamSettings, admin: AdminClient, clock: LiveClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = stop_watcher.connection_options
    monkeypatch.setattr(
        stop_watcher, "connection_options", lambda *args: options(*args) | {"metadata_max_age_ms": 200}
    )
    inbox = RecordingInbox()
    async with running(StopWatcher(on_kafka, inbox, clock)):
        await write(on_kafka, stop_message("in the first"))
        await eventually(lambda: inbox.items, "the first stop")
        more = NewPartitions(on_kafka.signal_topic, 2)
        await asyncio.to_thread(admin.create_partitions([more])[on_kafka.signal_topic].result)
        await write(on_kafka, stop_message("in the second"), partition=1)
        await eventually(lambda: len(inbox.items) == 2, "the second stop")

    assert ["in the first", "in the second"] == stops(inbox)
