"""What networks, brokers and their owners do to signals and stops on their way: what counts is read."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import psutil
import pytest
from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic
from tests.streams.front import FETCH, FIND_COORDINATOR, OFFSET_COMMIT, Front, fronts
from tests.streams.support import (
    LiveClock,
    RecordingInbox,
    commit,
    eventually,
    send,
    signal_message,
    stop_message,
    stream_settings,
    unique_prefix,
)

from hybrid_bridge.core.inputs import EmergencyStopRequested, SignalReceived
from hybrid_bridge.settings import StreamSettings
from hybrid_bridge.streams.channel_state import Phase
from hybrid_bridge.streams.signal_consumer import KafkaSignalConsumer
from hybrid_bridge.streams.stop_watcher import StopWatcher

pytestmark = pytest.mark.kafka

STALL_S = 1.5
SETTLE_S = 60.0  # A busy machine takes that long to let a group settle.
HOUR_MS = 3_600_000


@pytest.fixture
async def on_kafka(kafka_address: str) -> StreamSettings:
    """Give settings with a group and a signal topic of this test's own."""
    prefix = unique_prefix()
    settings = stream_settings(kafka_address, prefix=prefix, group=f"{prefix}group")
    topic = NewTopic(settings.signal_topic, 1, 1)
    admin = AdminClient({"bootstrap.servers": kafka_address})
    await asyncio.to_thread(admin.create_topics([topic])[topic.topic].result)
    return settings


@pytest.fixture
async def front(on_kafka: StreamSettings) -> AsyncIterator[Front]:
    """Stand before the broker."""
    async with fronts(on_kafka.bootstrap_servers) as (one,):
        yield one


class Ears:
    """Both readers of the signal topic, on inboxes of their own."""

    def __init__(self, settings: StreamSettings) -> None:
        clock = LiveClock()
        self._signals, self._stops = RecordingInbox(), RecordingInbox()
        self.watcher = StopWatcher(settings, self._stops, clock, stall_timeout_s=STALL_S)
        self.consumer = KafkaSignalConsumer(settings, self._signals, clock, stall_timeout_s=STALL_S)
        self.readers = (self.watcher, self.consumer)

    @property
    def signals(self) -> list[str]:
        """Return the signals in the order of their first delivery."""
        items = [item for item, _ in self._signals.items]
        return list(dict.fromkeys(item.signal_id for item in items if isinstance(item, SignalReceived)))

    @property
    def stops(self) -> list[str]:
        items = [item for item, _ in self._stops.items]
        return [item.reason for item in items if isinstance(item, EmergencyStopRequested)]

    @property
    def causes(self) -> list[str]:
        return [reader.state.last_error for reader in self.readers]

    async def until_up(self) -> None:
        """Wait until both channels are up."""
        await eventually(
            lambda: all(reader.state.phase is Phase.UP for reader in self.readers), "both are up", SETTLE_S
        )

    async def until_out(self) -> None:
        """Wait until both channels have noted the outage."""
        await eventually(
            lambda: all(reader.state.outages for reader in self.readers), "both are down", SETTLE_S
        )

    async def hear(self, signal: str, stop: str) -> None:
        """Wait for a signal and a stop."""
        await eventually(lambda: signal in self.signals and stop in self.stops, f"{signal}, {stop}", SETTLE_S)

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[None]:
        """Run both for as long as the body takes."""
        tasks = [asyncio.create_task(reader.run()) for reader in self.readers]
        try:
            await self.until_up()
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)


def through(front: Front, settings: StreamSettings) -> StreamSettings:
    return replace(settings, bootstrap_servers=front.address)


async def tell(settings: StreamSettings, number: int) -> None:
    """Write a signal and a stop of a number, past any front."""
    await write(settings, signal_message(number), stop_message(f"stop {number}"))


async def write(settings: StreamSettings, *values: bytes, timestamp: int = 0) -> None:
    when = {"timestamp": timestamp} if timestamp else {}
    await send(settings.bootstrap_servers, settings.signal_topic, values, **when)


async def test_readers_of_a_broker_that_goes_silent_say_so_and_read_on_when_it_speaks(
    on_kafka: StreamSettings, front: Front
) -> None:
    ears = Ears(through(front, on_kafka))
    async with ears.listening():
        await tell(on_kafka, 1)
        await ears.hear("s1", "stop 1")
        front.hold()
        await tell(on_kafka, 2)
        await ears.until_out()
        assert all(f"{front.address} accepts connections but" in cause for cause in ears.causes)
        front.release()
        await ears.hear("s2", "stop 2")

    assert (["s1", "s2"], ["stop 1", "stop 2"]) == (ears.signals, ears.stops)


async def test_readers_of_a_broker_that_refuses_say_so_and_leave_no_connection_behind(
    on_kafka: StreamSettings, front: Front
) -> None:
    ears = Ears(through(front, on_kafka))
    async with ears.listening():
        await tell(on_kafka, 1)
        await ears.hear("s1", "stop 1")
        connected = psutil.Process().num_fds()
        await front.close()
        await ears.until_out()
        assert all(f"nothing listens on {front.address}" in cause for cause in ears.causes)
        rebuilds = ears.consumer.rebuilds + ears.watcher.rebuilds
        await eventually(
            lambda: ears.consumer.rebuilds + ears.watcher.rebuilds >= rebuilds + 2, "they try again"
        )
        assert psutil.Process().num_fds() <= connected
        await tell(on_kafka, 2)
        await front.open()
        await ears.hear("s2", "stop 2")

    assert (["s1", "s2"], ["stop 1", "stop 2"]) == (ears.signals, ears.stops)


async def test_readers_find_a_broker_that_moved_behind_the_same_bootstrap_name(
    on_kafka: StreamSettings,
) -> None:
    async with fronts(on_kafka.bootstrap_servers, 3) as (name, before, after):
        name.advertised = before.address
        ears = Ears(through(name, on_kafka))
        async with ears.listening():
            await before.close()
            await tell(on_kafka, 1)
            await ears.until_out()
            assert all(f"it advertises {before.address}, which" in cause for cause in ears.causes)
            name.advertised = after.address
            await ears.hear("s1", "stop 1")


async def test_a_broker_whose_every_answer_takes_a_fifth_of_a_second_is_no_stuck_one(
    on_kafka: StreamSettings, front: Front
) -> None:
    ears = Ears(through(front, on_kafka))
    front.delay_s = 0.2
    async with ears.listening():
        for number in range(1, 3):
            await tell(on_kafka, number)
            await ears.hear(f"s{number}", f"stop {number}")
        assert (0, 0) == (ears.consumer.rebuilds, ears.watcher.rebuilds)


async def test_answers_that_are_lost_cost_no_signal_and_no_stop(
    on_kafka: StreamSettings, front: Front
) -> None:
    ears = Ears(through(front, on_kafka))
    async with ears.listening():
        for number, lost in enumerate((FETCH, OFFSET_COMMIT, FETCH, FIND_COORDINATOR), 1):
            front.lose += [lost, lost]
            await tell(on_kafka, number)
            await ears.hear(f"s{number}", f"stop {number}")

    assert [f"s{number}" for number in range(1, 5)] == ears.signals
    assert {f"stop {number}" for number in range(1, 5)} == set(ears.stops)


async def test_a_group_whose_place_fell_out_of_the_retention_reads_what_may_still_be_valid(
    on_kafka: StreamSettings,
) -> None:
    await write(on_kafka, signal_message(1), signal_message(2), timestamp=LiveClock().utc_msc() - HOUR_MS)
    await asyncio.to_thread(commit, on_kafka, 0)
    await delete_before(on_kafka, 1)
    await write(on_kafka, signal_message(3))
    ears = Ears(on_kafka)
    async with ears.listening():
        await eventually(lambda: ears.signals, "the fresh signal", SETTLE_S)

    assert ["s3"] == ears.signals


async def test_a_reader_whose_place_falls_out_of_the_retention_while_it_is_cut_off_goes_on(
    on_kafka: StreamSettings, front: Front
) -> None:
    ears = Ears(through(front, on_kafka))
    async with ears.listening():
        await tell(on_kafka, 1)
        await ears.hear("s1", "stop 1")
        front.hold()
        await tell(on_kafka, 2)
        await tell(on_kafka, 3)
        await delete_before(on_kafka, 5)
        front.release()
        await tell(on_kafka, 4)
        await ears.hear("s4", "stop 4")

    assert "stop 3" in ears.stops, "the watcher reads all that is left, however old"


async def delete_before(settings: StreamSettings, offset: int) -> None:
    """Delete what stands before an offset, as a topic's retention does."""
    admin = AdminClient({"bootstrap.servers": settings.bootstrap_servers})
    place = TopicPartition(settings.signal_topic, 0, offset)
    await asyncio.to_thread(admin.delete_records([place])[place].result)
