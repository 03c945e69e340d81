"""The floor of publishing sends what the bridge's own sink sends."""

from collections.abc import AsyncIterator

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from scripts.benchmarks.contenders import Bare, open_sink, stream_settings
from scripts.benchmarks.market import Market
from tests.streams.support import EmbeddedBroker

pytestmark = pytest.mark.not_on_windows("scripts/bench measures on POSIX only")

SYMBOLS = ("EURUSD", "USDJPY", "XAUUSD")
NOW_MSC = 1_772_355_600_000
COUNT = 40


@pytest.fixture
async def address() -> AsyncIterator[str]:
    broker = EmbeddedBroker()
    await broker.start()
    yield broker.address
    await broker.stop()


async def records(address: str, topic: str, count: int) -> list[tuple[int, bytes, bytes, object]]:
    """Read everything, partition by partition: number, key, value and headers."""
    consumer = AIOKafkaConsumer(bootstrap_servers=address, auto_offset_reset="earliest")
    await consumer.start()
    try:
        partitions = await consumer._client._wait_on_metadata(topic) or ()
        consumer.assign([TopicPartition(topic, number) for number in sorted(partitions)])
        found = []
        while len(found) < count:
            record = await consumer.getone()
            found.append((record.partition, record.key, record.value, record.headers))
    finally:
        await consumer.stop()
    return sorted(found, key=lambda record: record[0])


async def test_sink_and_floor_write_the_same_records_to_the_same_partitions(address: str) -> None:
    own, bare = (stream_settings(address, topic) for topic in ("own", "bare"))
    ticks = Market(SYMBOLS).beat(COUNT, NOW_MSC)
    sink, floor = await open_sink(own, SYMBOLS), Bare(bare)
    try:
        await sink.publish(ticks)
        await floor.open(like=own)
        await floor.send(floor.messages(ticks))
    finally:
        await floor.close()
        await sink.close()
    written = await records(address, "own", COUNT)
    assert written == await records(address, "bare", COUNT)
    assert all(headers for *_, headers in written)
