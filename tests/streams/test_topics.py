"""Partitions are chosen as every Kafka client that follows Java chooses them, and topics exist before use."""

import asyncio
from dataclasses import replace
from types import SimpleNamespace

import pytest
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaConnectionError, TopicAlreadyExistsError
from aiokafka.protocol.admin import CreateTopicsRequest
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, ConfigResource
from structlog.testing import capture_logs
from tests.streams.support import (
    WAIT_S,
    RecordingInbox,
    SystemClock,
    eventually,
    make_ticks,
    read_topic,
    stream_settings,
    unique_prefix,
)

from hybrid_bridge.ports import OutboxMessage
from hybrid_bridge.settings import StreamSettings, TopicPlan
from hybrid_bridge.streams.channel_state import Phase
from hybrid_bridge.streams.clients import close_client, connection_options
from hybrid_bridge.streams.event_publisher import KafkaEventChannel
from hybrid_bridge.streams.stop_watcher import StopWatcher
from hybrid_bridge.streams.tick_publisher import KafkaTickSink
from hybrid_bridge.streams.topics import PartitionWatch, create_topic, partition_of, require_topic

KEYS = [
    name.encode() for name in ("EURUSD", "GBPUSD", "USDJPY", "XAUUSD", "US30.cash", "a", "ab", "abc", "Ünï")
]


async def test_the_partition_of_a_key_is_librdkafkas_under_murmur2(settings: StreamSettings) -> None:
    """librdkafka's own default is another hash, CRC32; murmur2 is its name for Java's."""
    producer = Producer({"bootstrap.servers": settings.bootstrap_servers, "partitioner": "murmur2"})
    for key in KEYS:
        producer.produce("keys", value=key, key=key)
    assert producer.flush(WAIT_S) == 0

    messages = await read_topic(settings.bootstrap_servers, "keys", len(KEYS))
    assert {key: partition_of(key, 4) for key in KEYS} == {m.key(): m.partition() for m in messages}


async def test_a_topic_that_exists_keeps_its_partitions(settings: StreamSettings) -> None:
    await create_topic(settings, "existing", TopicPlan(9))
    client = AIOKafkaClient(**connection_options(settings))
    await client.bootstrap()
    try:
        assert await require_topic(client, "existing", TopicPlan(17)) == 4, (
            "what the embedded broker gives every topic"
        )
    finally:
        await close_client(client)


async def test_a_broker_out_of_reach_is_an_error_and_leaves_nothing_open(refused_address: str) -> None:
    with pytest.raises(KafkaConnectionError):
        await create_topic(stream_settings(refused_address), "any", TopicPlan())


def partitions_told(found: list[int], planned: int) -> list[tuple[int, str]]:
    """Return what is said of partitions as they are found one after the other."""
    watch = PartitionWatch("market_ticks", TopicPlan(planned), "REDPANDA_TICK_PARTITIONS")
    with capture_logs() as logs:
        for count in found:
            watch.note(count)
    assert {"warning"} >= {entry["log_level"] for entry in logs}
    assert {planned} >= {entry["expected"] for entry in logs}
    return [(entry["partitions"], entry["mend"]) for entry in logs]


def test_too_few_partitions_are_told_once_with_what_to_do() -> None:
    mend = (
        "set REDPANDA_TICK_PARTITIONS=1, or stop every bridge and"
        " `rpk topic add-partitions market_ticks --num 3`"
    )
    assert [(1, mend)] == partitions_told([1, 1, 1], planned=4)


def test_too_many_partitions_cannot_be_taken_away() -> None:
    mend = "set REDPANDA_TICK_PARTITIONS=12: a topic cannot lose partitions"
    assert [(12, mend)] == partitions_told([12, 12], planned=4)


def test_partitions_are_spoken_of_again_only_when_they_change() -> None:
    assert [] == partitions_told([4, 4], planned=4)
    assert [2, 3, 2] == [count for count, _ in partitions_told([2, 4, 4, 3, 3, 2], planned=4)]


async def test_every_topic_is_looked_at_and_told_once_however_often_its_clients_connect(
    settings: StreamSettings, clock: SystemClock
) -> None:
    """The embedded broker gives every topic 4 partitions."""
    other = TopicPlan(partitions=1)
    settings = replace(settings, tick_plan=other, signal_plan=other, event_plan=other)
    sink, events = KafkaTickSink(settings, clock), KafkaEventChannel(settings, clock)
    stops = StopWatcher(settings, RecordingInbox(), clock)
    with capture_logs() as logs:
        for seq in (1, 2):
            await sink.publish(make_ticks("EURUSD", seq, 1))
            await sink.close()
            await events.deliver([OutboxMessage(seq, f"s{seq}", b"{}")])
            await events.close()
            watching = asyncio.create_task(stops.run())
            await eventually(lambda: stops.state.phase is Phase.UP, "the stop watcher is up")
            watching.cancel()
            await asyncio.wait([watching])

    told = [(entry["topic"], entry["partitions"]) for entry in logs if "partitions" in entry]
    assert {"market_ticks": 4, "trading_events": 4, "trading_signals": 4} == dict(told)
    assert 3 == len(told)
    named = {entry["mend"].split(":")[0] for entry in logs if "mend" in entry}
    assert {f"set REDPANDA_{kind}_PARTITIONS=4" for kind in ("TICK", "EVENT", "SIGNAL")} == named


class LateClient(AIOKafkaClient):  # type: ignore[misc]  # aiokafka has no types.
    """A client whose broker says at once that another client makes the topic, and shows it a moment later."""

    making: asyncio.Task[int] | None = None

    async def send(self, node_id: int, request: object, **options: object) -> object:
        if not isinstance(request, CreateTopicsRequest):
            return await super().send(node_id, request, **options)
        self.making = asyncio.create_task(self._make_later())
        return SimpleNamespace(topic_errors=[("", TopicAlreadyExistsError.errno, "")])

    async def _make_later(self) -> int:
        await asyncio.sleep(0.3)
        return await create_topic(self.settings, self.settings.signal_topic, TopicPlan(3))


@pytest.mark.kafka
async def test_a_topic_that_another_client_just_made_is_waited_for(kafka_address: str) -> None:
    settings = stream_settings(kafka_address, prefix=unique_prefix())
    client = LateClient(**connection_options(settings))
    client.settings = settings
    await client.bootstrap()
    try:
        assert 3 == await require_topic(client, settings.signal_topic, TopicPlan(3))
        assert 3 == await client.making
    finally:
        await close_client(client)


@pytest.mark.kafka
async def test_a_topic_is_made_with_the_partitions_and_the_retention_of_its_plan(kafka_address: str) -> None:
    settings = stream_settings(kafka_address, prefix=unique_prefix())
    kept = {}
    for retention_h in (0, 36):
        topic = f"{settings.event_topic}.{retention_h}"
        assert 5 == await create_topic(settings, topic, TopicPlan(5, retention_h))
        resource = ConfigResource(ConfigResource.Type.TOPIC, topic)
        admin = AdminClient({"bootstrap.servers": kafka_address})
        found = await asyncio.to_thread(admin.describe_configs([resource])[resource].result)
        kept[retention_h] = found["retention.ms"].value
    assert {0: "-1", 36: "129600000"} == kept
