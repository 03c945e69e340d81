"""Topics that somebody else made: compacted, stamped by the broker, written to in transactions."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewTopic
from tests.streams.support import (
    RecordingInbox,
    SystemClock,
    eventually,
    make_ticks,
    read_topic,
    send,
    signal_message,
    stop_message,
    stream_settings,
    unique_prefix,
    verdicts,
)

from hybrid_bridge.core.inputs import EmergencyStopRequested, SignalReceived
from hybrid_bridge.core.market import TickCursor
from hybrid_bridge.ports import OutboxMessage
from hybrid_bridge.settings import StreamSettings
from hybrid_bridge.streams.channel_state import Phase
from hybrid_bridge.streams.event_publisher import KafkaEventChannel
from hybrid_bridge.streams.reader import Reader
from hybrid_bridge.streams.signal_consumer import KafkaSignalConsumer
from hybrid_bridge.streams.stop_watcher import StopWatcher
from hybrid_bridge.streams.tick_publisher import KafkaTickSink
from hybrid_bridge.streams.topics import partition_of

pytestmark = pytest.mark.kafka

ODD_WAYS = {
    "compacted": {"cleanup.policy": "compact", "min.cleanable.dirty.ratio": "0.01", "segment.ms": "500"},
    "stamped by the broker": {"message.timestamp.type": "LogAppendTime", "retention.ms": "3600000"},
}


@pytest.fixture
def on_kafka(kafka_address: str) -> StreamSettings:
    """Give settings with topics and a group of this test's own."""
    prefix = unique_prefix()
    return stream_settings(kafka_address, prefix=prefix, group=f"{prefix}group")


async def make_topics(settings: StreamSettings, **options: str) -> None:
    admin = AdminClient({"bootstrap.servers": settings.bootstrap_servers})
    partitions = {settings.tick_topic: 4, settings.signal_topic: 1, settings.event_topic: 1}
    wanted = [NewTopic(topic, count, 1, config=options) for topic, count in partitions.items()]
    for made in admin.create_topics(wanted).values():
        await asyncio.to_thread(made.result)


@asynccontextmanager
async def running(*readers: Reader) -> AsyncIterator[None]:
    async with asyncio.TaskGroup() as tasks:
        runs = [tasks.create_task(reader.run()) for reader in readers]
        await eventually(lambda: all(reader.state.phase is Phase.UP for reader in readers), "all are up", 30)
        yield
        for run in runs:
            run.cancel()


def heard(inbox: RecordingInbox) -> list[str]:
    """Return what came, signals by their ids and stops by their reasons."""
    names = {SignalReceived: "signal_id", EmergencyStopRequested: "reason"}
    return [getattr(item, names[type(item)]) for item, _ in inbox.items]


@pytest.mark.parametrize("way", ODD_WAYS)
async def test_topics_made_another_way_carry_everything_all_the_same(
    on_kafka: StreamSettings, clock: SystemClock, way: str
) -> None:
    await make_topics(on_kafka, **ODD_WAYS[way])
    address = on_kafka.bootstrap_servers
    first = KafkaTickSink(on_kafka, clock)
    await first.publish(make_ticks("EURUSD", 1, 50))
    await first.close()
    second = KafkaTickSink(on_kafka, clock)
    assert {"EURUSD": 50} == await second.recover([TickCursor("EURUSD", 0, 0, 30)])
    await second.publish(make_ticks("EURUSD", 31, 70))
    await second.close()
    events = KafkaEventChannel(on_kafka, clock)
    await events.deliver([OutboxMessage(seq, f"s{seq}:filled", b"{}", f"s{seq}") for seq in range(1, 6)])
    await events.close()

    inbox = RecordingInbox()
    stops = StopWatcher(on_kafka, inbox, clock)
    consumer = KafkaSignalConsumer(on_kafka, inbox, clock, obeyed=stops.obeyed)
    await send(address, on_kafka.signal_topic, [signal_message(1)], key=b"k1")  # Young enough to be read.
    async with running(stops, consumer):
        await send(address, on_kafka.signal_topic, [signal_message(2)], key=b"k2")
        await eventually(lambda: "s2" in heard(inbox), "both signals")
        await send(address, on_kafka.signal_topic, [stop_message("enough")], key=b"k3")
        await eventually(lambda: "enough" in heard(inbox), "the stop")
    assert ["s1", "s2", "enough"] == list(dict.fromkeys(heard(inbox)))

    assert {"EURUSD": "complete"} == verdicts(await read_topic(address, on_kafka.tick_topic, 100), 100)
    assert 5 == len(await read_topic(address, on_kafka.event_topic, 5))


def write_in_transactions(settings: StreamSettings) -> None:
    """Commit a signal, abort one, and leave an aborted stranger and two markers at the end of the ticks."""
    partition = partition_of(b"EURUSD", 4)
    producer = Producer(
        {"bootstrap.servers": settings.bootstrap_servers, "transactional.id": uuid.uuid4().hex}
    )
    producer.init_transactions()
    producer.begin_transaction()
    producer.produce(settings.signal_topic, signal_message(1), partition=0)
    producer.produce(settings.tick_topic, b"{}", partition=partition)
    producer.commit_transaction()
    producer.begin_transaction()
    producer.produce(settings.signal_topic, signal_message(2), partition=0)
    producer.produce(settings.tick_topic, b"{}", partition=partition)
    producer.flush()
    producer.abort_transaction()


async def test_a_signal_of_an_aborted_transaction_was_never_sent_and_markers_are_passed(
    on_kafka: StreamSettings, clock: SystemClock
) -> None:
    await make_topics(on_kafka)
    sink = KafkaTickSink(on_kafka, clock)
    await sink.publish(make_ticks("EURUSD", 1, 5))
    inbox = RecordingInbox()
    consumer = KafkaSignalConsumer(on_kafka, inbox, clock)
    async with running(consumer):
        await asyncio.to_thread(write_in_transactions, on_kafka)
        await send(on_kafka.bootstrap_servers, on_kafka.signal_topic, [signal_message(3)])
        await eventually(lambda: "s3" in heard(inbox), "the signal behind them")
    assert ["s1", "s3"] == heard(inbox)
    assert {"EURUSD": 5} == await sink.recover([TickCursor("EURUSD", 0, 0, 0)])
    await sink.close()
