"""Partitions are chosen as every Kafka client that follows Java chooses them, and topics exist before use."""

import pytest
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaConnectionError
from confluent_kafka import Producer
from tests.streams.support import WAIT_S, read_topic, stream_settings

from hybrid_bridge.settings import StreamSettings, TopicPlan
from hybrid_bridge.streams.clients import close_client, connection_options
from hybrid_bridge.streams.topics import create_topic, partition_of, require_topic

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
