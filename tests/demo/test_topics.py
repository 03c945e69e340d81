"""The demo backend's side of Redpanda."""

import asyncio
import json
import uuid

import pytest
from confluent_kafka import OFFSET_BEGINNING, Consumer, Producer, TopicPartition

from hybrid_bridge.demo.topics import Topics


@pytest.fixture
def names() -> tuple[str, str, str]:
    """Topics of this test's own: ticks, events, signals."""
    run = uuid.uuid4().hex[:8]
    return (f"ticks-{run}", f"events-{run}", f"signals-{run}")


async def test_messages_of_both_topics_are_handed_over_and_stopping_is_quick(broker, names):
    received: asyncio.Queue[bytes] = asyncio.Queue()
    stopping = asyncio.Event()
    topics = Topics(broker, names[:2], names[2])
    producer = Producer({"bootstrap.servers": broker, "log_level": 2})

    async def write_until_seen() -> set[bytes]:
        """Write until it is read: what came before the reader's first look is not its business."""
        seen: set[bytes] = set()
        while len(seen) < 2:
            for topic in names[:2]:
                producer.produce(topic, topic.encode())
            producer.poll(0)
            try:
                async with asyncio.timeout(0.2):
                    seen.add(await received.get())
            except TimeoutError:
                continue
        return seen

    async with asyncio.timeout(30), asyncio.TaskGroup() as group:
        group.create_task(topics.run(received.put, stopping))
        assert {name.encode() for name in names[:2]} == await write_until_seen()
        stopping.set()


async def test_a_signal_is_written_under_its_symbol(broker, names):
    stopping = asyncio.Event()
    topics = Topics(broker, names[:2], names[2])
    topics.send("EURUSD", b'{"type": "trading_signal"}')
    stopping.set()
    await topics.run(lambda message: asyncio.sleep(0), stopping)
    reader = Consumer({"bootstrap.servers": broker, "group.id": "look", "log_level": 2})
    partitions = reader.list_topics(names[2], timeout=10).topics[names[2]].partitions
    reader.assign([TopicPartition(names[2], number, OFFSET_BEGINNING) for number in partitions])
    message = await asyncio.to_thread(reader.poll, 10)
    reader.close()
    assert (b"EURUSD", {"type": "trading_signal"}) == (message.key(), json.loads(message.value()))


async def test_without_a_broker_the_cause_is_told_once_and_nothing_hangs(caplog, names):
    stopping = asyncio.Event()
    topics = Topics("127.0.0.1:1", names[:2], names[2])
    running = asyncio.gather(topics.run(lambda message: asyncio.sleep(0), stopping))
    async with asyncio.timeout(20):
        while not caplog.records:  # noqa: ASYNC110 -- librdkafka's own threads
            await asyncio.sleep(0.05)
        topics.send("EURUSD", b"{}")
        stopping.set()
        await running
    messages = [record.getMessage() for record in caplog.records]
    assert len(messages) == len(set(messages))
    assert any(message.startswith("redpanda: ") for message in messages)
