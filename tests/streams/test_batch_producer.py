"""Batches are written once, in order, and bounded, even if the broker has forgotten the producer."""

import asyncio
from collections import deque
from collections.abc import Sequence

import pytest
from aiokafka import errors as kafka
from tests.streams.support import EmbeddedBroker, SystemClock, frozen, read_topic, stream_settings

from hybrid_bridge.errors import ChannelError
from hybrid_bridge.settings import StreamSettings, TopicPlan
from hybrid_bridge.streams import batch_producer
from hybrid_bridge.streams.batch_producer import BATCH_BYTES_MAX, BatchProducer, Record
from hybrid_bridge.streams.channel_state import ChannelState

TOPIC = "records"


class Writer:
    """A producer together with what it has confirmed."""

    def __init__(self, settings: StreamSettings, clock: SystemClock) -> None:
        self.confirmed: list[int] = []
        self.batch_sizes: list[int] = []
        state = ChannelState("redpanda test", clock)
        self.producer = BatchProducer(settings, TOPIC, TopicPlan(4), state, clock, self._note)

    def _note(self, records: Sequence[Record]) -> None:
        self.confirmed += [record.mark for record in records]
        self.batch_sizes.append(sum(len(record.value) for record in records))


def records(first: int, count: int, size: int = 10) -> deque[Record]:
    """Return numbered records of a size in bytes."""
    return deque(
        Record(b"k", str(mark).encode().rjust(size), 0, mark) for mark in range(first, first + count)
    )


async def values(settings: StreamSettings, count: int) -> list[int]:
    """Return the numbers in the topic, as librdkafka reads them."""
    return [int(message.value()) for message in await read_topic(settings.bootstrap_servers, TOPIC, count)]


async def test_a_queue_larger_than_a_batch_is_written_in_bounded_batches_in_order(
    settings: StreamSettings, clock: SystemClock
) -> None:
    writer = Writer(settings, clock)
    await writer.producer.write({0: records(1, 1_000, size=1_000)})
    await writer.producer.close()

    assert list(range(1, 1_001)) == await values(settings, 1_000) == writer.confirmed
    assert max(writer.batch_sizes) <= BATCH_BYTES_MAX
    assert len(writer.batch_sizes) == writer.producer.batches >= 4
    assert writer.producer.connections == 1


async def test_a_record_larger_than_a_batch_goes_alone(settings: StreamSettings, clock: SystemClock) -> None:
    writer = Writer(settings, clock)
    queue = records(1, 1)
    queue.extend(records(2, 1, size=2 * BATCH_BYTES_MAX))
    queue.extend(records(3, 1))
    await writer.producer.write({0: queue})
    await writer.producer.close()

    assert [1, 2, 3] == await values(settings, 3)


async def test_a_producer_that_the_broker_has_forgotten_starts_anew(
    settings: StreamSettings, clock: SystemClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = Writer(settings, clock)
    await writer.producer.write({0: records(1, 5)})
    monkeypatch.setattr(writer.producer, "_producer_id", (987_654, 0))
    await writer.producer.write({0: records(6, 5), 1: records(11, 5)})
    await writer.producer.close()

    assert list(range(1, 16)) == sorted(await values(settings, 15))
    assert sorted(writer.confirmed) == list(range(1, 16))


async def test_a_batch_in_doubt_that_the_topic_has_is_confirmed_and_not_sent_again(
    broker: EmbeddedBroker, settings: StreamSettings, clock: SystemClock
) -> None:
    """The embedded broker keeps repetitions, so that only the look at the topic prevents them here."""
    writer = Writer(settings, clock)
    await writer.producer.write({0: records(1, 5), 1: records(101, 5)})
    with frozen(broker.pid), pytest.raises(ChannelError):
        async with writer.producer.deadline(0.5):
            await writer.producer.write({0: records(6, 5), 1: records(106, 5)})
    await writer.producer.write({})
    await writer.producer.close()

    assert [*range(1, 11), *range(101, 111)] == sorted(await values(settings, 20))
    assert sorted(writer.confirmed) == [*range(1, 11), *range(101, 111)]
    assert writer.producer.connections == 2


async def test_the_deadline_names_the_last_cause(refused_address: str, clock: SystemClock) -> None:
    writer = Writer(stream_settings(refused_address), clock)

    with pytest.raises(
        ChannelError, match=f"records: not done within 0.3 s: nothing listens on {refused_address}"
    ):
        async with writer.producer.deadline(0.3):
            await writer.producer.partition_count()


async def test_what_cannot_succeed_is_not_tried_until_the_deadline(
    settings: StreamSettings, clock: SystemClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def forbid(*_: object) -> int:
        raise kafka.TopicAuthorizationFailedError(TOPIC)

    monkeypatch.setattr(batch_producer, "require_topic", forbid)
    writer = Writer(settings, clock)
    with pytest.raises(ChannelError, match="the broker forbids access to topic records"):
        async with asyncio.timeout(2):
            await writer.producer.write({0: records(1, 1)})


async def test_many_broken_connections_leave_nothing_open(
    broker: EmbeddedBroker, settings: StreamSettings, clock: SystemClock
) -> None:
    writer = Writer(settings, clock)
    await writer.producer.write({0: records(1, 1)})
    for number in range(2, 5):
        with frozen(broker.pid), pytest.raises(ChannelError):
            async with writer.producer.deadline(0.2):
                await writer.producer.write({0: records(number, 1)})
        await writer.producer.write({})
    await writer.producer.close()

    assert [1, 2, 3, 4] == await values(settings, 4)
