"""What networks, brokers and their owners do to ticks and events on their way: nothing is lost or doubled."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import psutil
import pytest
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource, NewTopic
from tests.streams.front import PRODUCE, Front, fronts
from tests.streams.support import (
    SystemClock,
    eventually,
    make_ticks,
    read_topic,
    seqs_by_symbol,
    stream_settings,
    unique_prefix,
    verdicts,
)

from hybrid_bridge.core.market import SequencedTick, TickCursor
from hybrid_bridge.errors import ChannelError
from hybrid_bridge.ports import OutboxMessage
from hybrid_bridge.settings import StreamSettings, TopicPlan
from hybrid_bridge.streams import tick_publisher
from hybrid_bridge.streams.channel_state import Phase
from hybrid_bridge.streams.event_publisher import KafkaEventChannel
from hybrid_bridge.streams.tick_publisher import KafkaTickSink

pytestmark = pytest.mark.kafka

SYMBOLS = ("EURUSD", "GBPUSD", "USDJPY", "XAUUSD", "AUDUSD", "NZDUSD")
BATCH = 20
ADMIN_S = 20.0


@pytest.fixture
def on_kafka(kafka_address: str) -> StreamSettings:
    """Give settings with topics of this test's own."""
    return stream_settings(kafka_address, prefix=unique_prefix())


@pytest.fixture
async def front(on_kafka: StreamSettings) -> AsyncIterator[Front]:
    """Stand before the broker."""
    async with fronts(on_kafka.bootstrap_servers) as (one,):
        yield one


@pytest.fixture
def admin(on_kafka: StreamSettings) -> AdminClient:
    return AdminClient({"bootstrap.servers": on_kafka.bootstrap_servers})


class Flow:
    """Ticks of several symbols, published as the poller does it.

    Attributes:
        last: the number up to which the sink has confirmed every symbol's ticks.
        failures: why publishing failed, in words.
    """

    def __init__(self, settings: StreamSettings, *, publish_timeout_s: float = 1.0) -> None:
        self.sink = KafkaTickSink(settings, SystemClock(), publish_timeout_s=publish_timeout_s)
        self.last = 0
        self.failures: list[str] = []
        self._recovered = False

    async def step(self) -> None:
        """Publish the next ticks of every symbol; after a failure ask the topic first how far it got."""
        ticks = [tick for symbol in SYMBOLS for tick in make_ticks(symbol, self.last + 1, BATCH)]
        try:
            if not self._recovered:
                await self.sink.recover([TickCursor(symbol, 0, 0, self.last) for symbol in SYMBOLS])
                self._recovered = True
            await self.sink.publish(ticks)
        except ChannelError as error:
            self._recovered = False
            self.failures.append(str(error))
            await asyncio.sleep(0.1)
        else:
            self.last += BATCH

    async def steps(self, count: int) -> None:
        """Go on until so many steps more have succeeded."""
        goal = self.last + count * BATCH
        async with asyncio.timeout(60):
            while self.last < goal:
                await self.step()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Publish without a pause beside the body."""
        task = asyncio.create_task(self._run())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.wait([task])
            assert task.cancelled(), task.exception()
            await self.sink.close()

    async def _run(self) -> None:
        while True:
            await self.step()
            await asyncio.sleep(0.01)

    async def has_moved(self, steps: int = 5) -> None:
        """Wait until so many steps more have succeeded beside."""
        goal = self.last + steps * BATCH
        await eventually(lambda: self.last >= goal, f"ticks flow; failed: {self.failures[-3:]}", 60)

    async def judge(self, settings: StreamSettings) -> dict[str, str]:
        """Close, and judge what the topic holds."""
        await self.sink.close()
        messages = await read_topic(settings.bootstrap_servers, settings.tick_topic, self.last * len(SYMBOLS))
        return verdicts(messages, self.last)


COMPLETE = dict.fromkeys(SYMBOLS, "complete")


def through(front: Front, settings: StreamSettings) -> StreamSettings:
    return replace(settings, bootstrap_servers=front.address)


async def test_a_broker_that_goes_silent_is_named_in_time_and_costs_no_tick(
    on_kafka: StreamSettings, front: Front
) -> None:
    """What was held up reaches the broker late, when it has been sent again over another connection."""
    flow = Flow(through(front, on_kafka))
    await flow.steps(3)
    for _ in range(3):
        front.hold()
        began = time.monotonic()
        await flow.step()
        assert time.monotonic() - began < 6.0
        assert flow.sink.state.phase is Phase.DOWN
        front.release()
        await flow.steps(3)

    assert f"not done within 1 s: no answer from {front.address}" in flow.failures[-1]
    assert COMPLETE == await flow.judge(on_kafka)


async def test_a_broker_that_refuses_is_named_and_taken_up_again_when_it_is_back(
    on_kafka: StreamSettings, front: Front
) -> None:
    flow = Flow(through(front, on_kafka))
    await flow.steps(3)
    await front.close()
    await flow.step()
    assert f"nothing listens on {front.address}" in flow.failures[-1]
    await front.open()
    await flow.steps(3)

    assert flow.sink.state.phase is Phase.UP
    assert COMPLETE == await flow.judge(on_kafka)


async def test_a_broker_whose_every_answer_takes_a_fifth_of_a_second_is_slow_and_no_outage(
    on_kafka: StreamSettings, front: Front
) -> None:
    flow = Flow(through(front, on_kafka), publish_timeout_s=10.0)
    front.delay_s = 0.2
    await flow.steps(2)

    assert ([], 0) == (flow.failures, flow.sink.state.outages)
    assert COMPLETE == await flow.judge(on_kafka)


async def test_answers_that_are_lost_after_the_work_was_done_double_nothing(
    on_kafka: StreamSettings, front: Front
) -> None:
    flow = Flow(through(front, on_kafka), publish_timeout_s=5.0)
    await flow.steps(1)
    for _ in range(6):
        front.lose.append(PRODUCE)
        await flow.steps(1)

    assert [] == front.lose
    assert COMPLETE == await flow.judge(on_kafka)


async def test_a_broker_that_answers_everything_but_takes_no_batch_is_one_outage(
    on_kafka: StreamSettings, front: Front
) -> None:
    flow = Flow(through(front, on_kafka))
    await flow.steps(2)
    front.ignored.add(PRODUCE)
    for _ in range(4):
        await flow.step()
    assert (4, 1, Phase.DOWN) == (len(flow.failures), flow.sink.state.outages, flow.sink.state.phase)
    front.ignored.clear()
    await flow.steps(2)

    assert Phase.UP is flow.sink.state.phase
    assert COMPLETE == await flow.judge(on_kafka)


async def test_a_broker_that_moved_behind_the_same_bootstrap_name_is_found(on_kafka: StreamSettings) -> None:
    async with fronts(on_kafka.bootstrap_servers, 3) as (name, before, after):
        name.advertised = before.address
        flow = Flow(through(name, on_kafka))
        await flow.steps(2)
        await before.close()
        await flow.step()
        assert f"it advertises {before.address}, which" in flow.failures[-1]
        name.advertised = after.address
        await flow.steps(2)

        assert after.requests[PRODUCE] > 0
        assert COMPLETE == await flow.judge(on_kafka)


async def test_an_outage_of_many_attempts_leaves_no_connection_and_keeps_no_more_than_a_batch_each(
    on_kafka: StreamSettings, front: Front, monkeypatch: pytest.MonkeyPatch
) -> None:
    flow = Flow(through(front, on_kafka), publish_timeout_s=1.0)
    await flow.steps(2)
    await flow.sink.close()
    monkeypatch.setattr(tick_publisher, "RECOVER_TIMEOUT_S", 0.2)
    before = psutil.Process().num_fds()
    await front.close()
    for _ in range(10):
        await flow.step()
    assert len(flow.failures) >= 10
    assert psutil.Process().num_fds() <= before
    await front.open()
    monkeypatch.setattr(tick_publisher, "RECOVER_TIMEOUT_S", 20.0)
    await flow.steps(2)

    assert COMPLETE == await flow.judge(on_kafka)


@pytest.mark.parametrize("partitions", [2, 6])
async def test_a_topic_made_anew_with_other_partitions_while_ticks_flow_gets_every_tick_from_then_on(
    on_kafka: StreamSettings, admin: AdminClient, partitions: int
) -> None:
    flow = Flow(on_kafka, publish_timeout_s=5.0)
    async with flow.running():
        await flow.has_moved()
        await remake_topic(admin, on_kafka.tick_topic, partitions)
        reached = flow.last
        await flow.has_moved(10)
    messages = await read_topic(on_kafka.bootstrap_servers, on_kafka.tick_topic, 1)

    assert partitions == len(await asyncio.to_thread(partitions_of, admin, on_kafka.tick_topic))
    assert set(SYMBOLS) == set(seqs_by_symbol(messages))
    for seqs in seqs_by_symbol(messages).values():
        # What was under way as the topic went stays in its partition, and is read before or after the rest.
        assert sorted(seqs) == list(range(min(seqs), max(seqs) + 1))
        assert min(seqs) <= reached + 1
        assert max(seqs) >= flow.last
    for number in range(partitions):
        for seqs in seqs_by_symbol(one for one in messages if one.partition() == number).values():
            assert seqs == sorted(seqs)


def partitions_of(admin: AdminClient, topic: str) -> dict[int, object]:
    return dict(admin.list_topics(topic, timeout=ADMIN_S).topics[topic].partitions)


async def remake_topic(admin: AdminClient, topic: str, partitions: int) -> None:
    """Delete a topic and make it with other partitions, before a client makes it as it wants it."""
    async with asyncio.timeout(ADMIN_S):
        while True:
            await asyncio.to_thread(admin.delete_topics([topic])[topic].result)
            try:
                await asyncio.to_thread(admin.create_topics([NewTopic(topic, partitions, 1)])[topic].result)
            except KafkaException:
                await asyncio.sleep(0.1)  # The client was faster.
            else:
                return


async def test_a_topic_that_takes_only_small_batches_is_named_and_goes_on_when_it_takes_them(
    on_kafka: StreamSettings, admin: AdminClient
) -> None:
    flow = Flow(on_kafka)
    await flow.steps(2)
    await configure(admin, on_kafka.tick_topic, "max.message.bytes", "200")
    began = time.monotonic()
    await flow.step()
    assert "set max.message.bytes of topic" in flow.failures[-1]
    assert time.monotonic() - began < 1.0, "trying again at once is of no use"
    await configure(admin, on_kafka.tick_topic, "max.message.bytes", "1048576")
    await flow.steps(2)

    assert COMPLETE == await flow.judge(on_kafka)


async def test_ticks_from_two_hours_ahead_are_refused_at_once_and_hold_up_no_tick_of_the_present(
    on_kafka: StreamSettings,
) -> None:
    """A wrong offset of the server's clock; once it is set right, the same ticks come with other times."""
    sink = KafkaTickSink(on_kafka, SystemClock(), publish_timeout_s=10.0)
    await sink.publish(make_ticks("EURUSD", 1, 5))
    early = [
        SequencedTick(replace(item.tick, time_msc=SystemClock().utc_msc() + 7_200_000), item.seq)
        for item in make_ticks("EURUSD", 6, 5)
    ]
    began = time.monotonic()
    with pytest.raises(ChannelError, match="clock"):
        await sink.publish(early)
    assert time.monotonic() - began < 5.0, "trying again at once is of no use"
    await sink.close()

    corrected = KafkaTickSink(on_kafka, SystemClock())
    assert {"EURUSD": 5} == await corrected.recover([TickCursor("EURUSD", 0, 0, 5)])
    await corrected.publish(make_ticks("EURUSD", 6, 5))
    await corrected.close()
    messages = await read_topic(on_kafka.bootstrap_servers, on_kafka.tick_topic, 10)
    assert {"EURUSD": "complete"} == verdicts(messages, 10)


async def configure(admin: AdminClient, topic: str, name: str, value: str) -> None:
    """Set one of a topic's properties."""
    entry = ConfigEntry(name, value, incremental_operation=AlterConfigOpType.SET)
    resource = ConfigResource(ConfigResource.Type.TOPIC, topic, incremental_configs=[entry])
    await asyncio.to_thread(admin.incremental_alter_configs([resource])[resource].result)


async def test_events_through_lost_answers_silence_and_refusals_are_there_once_and_in_order(
    on_kafka: StreamSettings, front: Front
) -> None:
    # One partition, so that the order of all can be judged.
    settings = replace(through(front, on_kafka), event_plan=TopicPlan(1))
    channel = KafkaEventChannel(settings, SystemClock(), deliver_timeout_s=1.0)
    messages = [OutboxMessage(seq, f"s{seq}:filled", b'{"n":%d}' % seq) for seq in range(1, 41)]
    for number, start in enumerate(range(0, len(messages), 5)):
        await make_trouble(front, number)
        await deliver(channel, messages[start : start + 5], front)
    await channel.close()

    found = await read_topic(on_kafka.bootstrap_servers, on_kafka.event_topic, len(messages))
    assert [message.body for message in messages] == [message.value() for message in found]


async def make_trouble(front: Front, number: int) -> None:
    match number % 4:
        case 1:
            front.lose.append(PRODUCE)
        case 2:
            front.hold()
        case 3:
            await front.close()


async def deliver(channel: KafkaEventChannel, messages: list[OutboxMessage], front: Front) -> None:
    async with asyncio.timeout(30):
        while True:
            try:
                return await channel.deliver(messages)
            except ChannelError:
                front.release()
                await front.close()
                await front.open()
