"""The front of the embedded broker, with the real broker behind it and real clients before it."""

import asyncio
import time
from collections.abc import AsyncIterator

import pytest
from aiokafka import AIOKafkaConsumer
from confluent_kafka import Producer
from scripts.benchmarks.broker_front import Front
from tests.streams.support import EmbeddedBroker

pytestmark = pytest.mark.not_on_windows("scripts/bench measures on POSIX only")

WAIT_MS = 4_000


@pytest.fixture
async def address() -> AsyncIterator[str]:
    broker = EmbeddedBroker()
    await broker.start()
    front = Front(int(broker.address.rpartition(":")[2]))
    yield f"127.0.0.1:{await front.listen()}"
    await front.close()
    await broker.stop()


def produce(address: str, body: bytes) -> None:
    producer = Producer({"bootstrap.servers": address, "log_level": 0})
    producer.produce("t", body)
    assert producer.flush(10) == 0


async def test_a_fetch_that_waits_is_answered_when_a_record_comes(address: str) -> None:
    await asyncio.to_thread(produce, address, b"first")
    consumer = AIOKafkaConsumer(
        "t", bootstrap_servers=address, fetch_max_wait_ms=WAIT_MS, auto_offset_reset="earliest"
    )
    await consumer.start()
    try:
        assert b"first" == (await consumer.getone()).value
        began_s = time.monotonic()
        await asyncio.to_thread(produce, address, b"second")
        assert b"second" == (await consumer.getone()).value
        assert time.monotonic() - began_s < WAIT_MS / 1000 / 2
    finally:
        await consumer.stop()
