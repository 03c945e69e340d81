"""What the embedded broker cannot show: a broker that keeps its data, knows times and forms groups."""

import asyncio
import time

import pytest
from confluent_kafka.admin import AdminClient, NewTopic
from tests.kafka_broker import KafkaBroker
from tests.streams.support import (
    RecordingInbox,
    SystemClock,
    eventually,
    frozen,
    make_ticks,
    read_topic,
    send,
    seqs_by_symbol,
    signal_message,
    stream_settings,
    unique_prefix,
    verdicts,
)

from hybrid_bridge.core.inputs import SignalReceived
from hybrid_bridge.core.market import TickCursor
from hybrid_bridge.errors import ChannelError
from hybrid_bridge.ports import OutboxMessage
from hybrid_bridge.settings import StreamSettings
from hybrid_bridge.streams.channel_state import Phase
from hybrid_bridge.streams.event_publisher import KafkaEventChannel
from hybrid_bridge.streams.signal_consumer import KafkaSignalConsumer
from hybrid_bridge.streams.tick_publisher import KafkaTickSink

pytestmark = pytest.mark.kafka

KILLS = 2
RESTART_S = 60.0  # A busy machine takes that long to start Java.


@pytest.fixture
def on_kafka(kafka_address: str) -> StreamSettings:
    """Give settings with topics and a group of this test's own."""
    prefix = unique_prefix()
    return stream_settings(kafka_address, prefix=prefix, group=f"{prefix}group")


def ids(inbox: RecordingInbox) -> list[str]:
    return [item.signal_id for item, _ in inbox.items if isinstance(item, SignalReceived)]


async def publish_patiently(sink: KafkaTickSink, first: int, count: int) -> None:
    """Publish as the poller does: the same ticks again after each failure."""
    while True:
        try:
            return await sink.publish(make_ticks("EURUSD", first, count) + make_ticks("USDJPY", first, count))
        except ChannelError:
            await asyncio.sleep(0.1)


async def test_a_broker_killed_while_ticks_flow_costs_neither_loss_nor_repetition(
    kafka_process: KafkaBroker, on_kafka: StreamSettings, clock: SystemClock
) -> None:
    sink = KafkaTickSink(on_kafka, clock, publish_timeout_s=2.0)
    done = asyncio.Event()
    last = 0

    async def flow() -> None:
        nonlocal last
        while not done.is_set():
            await publish_patiently(sink, last + 1, 50)
            last += 50
            await asyncio.sleep(0.002)

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(flow())
        for _ in range(KILLS):
            reached = last
            await eventually(lambda: last > reached + 500, "ticks flow", RESTART_S)  # noqa: B023
            await asyncio.to_thread(kafka_process.kill)
            await asyncio.to_thread(kafka_process.start)
        reached = last
        await eventually(lambda: last > reached + 500, "ticks flow again", RESTART_S)
        done.set()
    await sink.close()

    messages = await read_topic(on_kafka.bootstrap_servers, on_kafka.tick_topic, 2 * last)
    assert {"EURUSD": "complete", "USDJPY": "complete"} == verdicts(messages, last)
    assert sink.state.phase is Phase.UP


async def test_a_hung_broker_that_gets_a_batch_twice_keeps_it_once(
    kafka_process: KafkaBroker, on_kafka: StreamSettings, clock: SystemClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The look at the topic is left out, so that only the sequence numbers stand against the repetition.

    The broker hangs for less than its session with the controller: fenced, it would refuse the first attempt.
    """
    sink = KafkaTickSink(on_kafka, clock, publish_timeout_s=0.4)
    await publish_patiently_one(sink, 1, 10)
    monkeypatch.setattr("hybrid_bridge.streams.batch_producer.find_written", nothing_found)
    with frozen(kafka_process.pid), pytest.raises(ChannelError):
        await sink.publish(make_ticks("EURUSD", 11, 10))
    await publish_patiently_one(sink, 11, 20)
    await sink.close()

    messages = await read_topic(on_kafka.bootstrap_servers, on_kafka.tick_topic, 30)
    assert {"EURUSD": list(range(1, 31))} == seqs_by_symbol(messages)


async def nothing_found(*_: object) -> set[int]:
    return set()


async def publish_patiently_one(sink: KafkaTickSink, first: int, count: int) -> None:
    while True:
        try:
            return await sink.publish(make_ticks("EURUSD", first, count))
        except ChannelError:
            await asyncio.sleep(0.1)


async def test_the_sequence_goes_on_after_the_bridge_was_killed(
    on_kafka: StreamSettings, clock: SystemClock
) -> None:
    killed = KafkaTickSink(on_kafka, clock)
    await killed.publish(make_ticks("EURUSD", 1, 3_000) + make_ticks("GBPUSD", 1, 5))

    reborn = KafkaTickSink(on_kafka, clock)
    cursors = [TickCursor("EURUSD", 0, 0, 2_900), TickCursor("GBPUSD", 0, 0, 0), TickCursor("NEW", 0, 0, 0)]
    found = await reborn.recover(cursors)
    await killed.close()
    await reborn.close()

    assert {"EURUSD": 3_000, "GBPUSD": 5, "NEW": 0} == found


async def test_the_tick_topic_is_created_and_its_records_carry_the_ticks_time(
    on_kafka: StreamSettings, clock: SystemClock
) -> None:
    sink = KafkaTickSink(on_kafka, clock)
    ticks = make_ticks("EURUSD", 1, 2)
    await sink.publish(ticks)
    await sink.close()

    messages = await read_topic(on_kafka.bootstrap_servers, on_kafka.tick_topic, 2)
    assert [item.tick.time_msc for item in ticks] == [message.timestamp()[1] for message in messages]
    described = AdminClient({"bootstrap.servers": on_kafka.bootstrap_servers}).list_topics(
        on_kafka.tick_topic
    )
    assert len(described.topics[on_kafka.tick_topic].partitions) == 4


async def test_a_topic_deleted_while_ticks_flow_is_made_anew(
    on_kafka: StreamSettings, clock: SystemClock
) -> None:
    sink = KafkaTickSink(on_kafka, clock)
    await sink.publish(make_ticks("EURUSD", 1, 10))
    admin = AdminClient({"bootstrap.servers": on_kafka.bootstrap_servers})
    await asyncio.to_thread(admin.delete_topics([on_kafka.tick_topic])[on_kafka.tick_topic].result)
    await publish_patiently_one(sink, 11, 10)
    await publish_patiently_one(sink, 21, 10)
    await sink.close()

    messages = await read_topic(on_kafka.bootstrap_servers, on_kafka.tick_topic, 20)
    assert {"EURUSD": list(range(11, 31))} == seqs_by_symbol(messages)


async def test_events_survive_a_killed_broker(
    kafka_process: KafkaBroker, on_kafka: StreamSettings, clock: SystemClock
) -> None:
    channel = KafkaEventChannel(on_kafka, clock, deliver_timeout_s=1.0)
    messages = [OutboxMessage(seq, f"s{seq}:filled", b'{"n":%d}' % seq) for seq in range(1, 101)]
    await channel.deliver(messages[:50])
    await asyncio.to_thread(kafka_process.kill)
    with pytest.raises(ChannelError, match="nothing listens on"):
        await channel.deliver(messages[50:])
    await asyncio.to_thread(kafka_process.start)
    await eventually_delivered(channel, messages[50:])
    await channel.close()

    found = await read_topic(on_kafka.bootstrap_servers, on_kafka.event_topic, 100)
    assert [message.body for message in messages] == [message.value() for message in found]
    assert [message.key.encode() for message in messages] == [message.key() for message in found]


async def eventually_delivered(channel: KafkaEventChannel, messages: list[OutboxMessage]) -> None:
    while True:
        try:
            return await channel.deliver(messages)
        except ChannelError:
            await asyncio.sleep(0.1)


async def test_a_first_start_reads_the_signals_that_may_still_be_valid_and_no_others(
    on_kafka: StreamSettings, clock: SystemClock
) -> None:
    address, topic = on_kafka.bootstrap_servers, on_kafka.signal_topic
    now_msc = clock.utc_msc()
    await create(address, topic)
    await send(address, topic, [signal_message(1)], timestamp=now_msc - 60_000)
    await send(address, topic, [signal_message(2)], timestamp=now_msc - 1_000)
    inbox = RecordingInbox()
    await run_until(KafkaSignalConsumer(on_kafka, inbox, clock), lambda: ids(inbox))

    assert ["s2"] == ids(inbox)


async def test_signals_go_on_after_the_broker_was_killed(
    kafka_process: KafkaBroker, on_kafka: StreamSettings, clock: SystemClock
) -> None:
    inbox = RecordingInbox()
    consumer = KafkaSignalConsumer(on_kafka, inbox, clock, stall_timeout_s=2.0)
    running = asyncio.create_task(consumer.run())
    await eventually(lambda: consumer.state.phase is Phase.UP, "the consumer is up")
    await send(on_kafka.bootstrap_servers, on_kafka.signal_topic, [signal_message(1)])
    await eventually(lambda: ids(inbox) == ["s1"], "the first signal")
    await asyncio.to_thread(kafka_process.kill)
    await eventually(lambda: consumer.state.phase is not Phase.UP, "the outage is noticed")
    assert "nothing listens on" in consumer.state.last_error
    await asyncio.to_thread(kafka_process.start)
    await send(on_kafka.bootstrap_servers, on_kafka.signal_topic, [signal_message(2)])
    await eventually(lambda: "s2" in ids(inbox), "the second signal", RESTART_S)
    running.cancel()
    await asyncio.wait([running])

    assert ids(inbox) in (["s1", "s2"], ["s1", "s1", "s2"]), (
        "a repetition is the journal's to drop, not a loss"
    )


async def test_a_second_consumer_of_the_group_takes_over_when_the_first_leaves(
    on_kafka: StreamSettings, clock: SystemClock
) -> None:
    address, topic = on_kafka.bootstrap_servers, on_kafka.signal_topic
    first_inbox, second_inbox = RecordingInbox(), RecordingInbox()
    first = KafkaSignalConsumer(on_kafka, first_inbox, clock)
    second = KafkaSignalConsumer(on_kafka, second_inbox, clock)
    running_first = asyncio.create_task(first.run())
    await eventually(lambda: first.state.phase is Phase.UP, "the first is up")
    running_second = asyncio.create_task(second.run())
    await eventually(lambda: second.state.phase is Phase.UP, "the second has joined", RESTART_S)
    await send(address, topic, [signal_message(number) for number in range(1, 21)])
    await eventually(lambda: len(ids(first_inbox) + ids(second_inbox)) >= 20, "the first half")
    running_first.cancel()
    await asyncio.wait([running_first])
    await send(address, topic, [signal_message(number) for number in range(21, 41)])
    await eventually(lambda: "s40" in ids(second_inbox), "the second half", RESTART_S)
    running_second.cancel()
    await asyncio.wait([running_second])

    received = ids(first_inbox) + ids(second_inbox)
    assert [f"s{number}" for number in range(1, 41)] == sorted(received, key=lambda name: int(name[1:]))


async def create(address: str, topic: str) -> None:
    """Create a topic with one partition and wait until it can be written to."""
    admin = AdminClient({"bootstrap.servers": address})
    await asyncio.to_thread(admin.create_topics([NewTopic(topic, 1, 1)])[topic].result)


async def run_until(consumer: KafkaSignalConsumer, condition) -> None:  # type: ignore[no-untyped-def]
    """Run a consumer until the condition holds and a moment longer."""
    running = asyncio.create_task(consumer.run())
    await eventually(condition, "the condition")
    started = time.monotonic()
    await asyncio.sleep(0.3)
    running.cancel()
    await asyncio.wait([running])
    assert time.monotonic() - started < 5


async def test_messages_read_before_the_group_took_the_partition_away_are_not_handed_on(
    on_kafka: StreamSettings, clock: SystemClock
) -> None:
    """Whoever has the partition afterwards reads them again from the committed offset."""
    address, topic = on_kafka.bootstrap_servers, on_kafka.signal_topic
    first_inbox, second_inbox = RecordingInbox(), RecordingInbox()
    first = KafkaSignalConsumer(on_kafka, first_inbox, clock)
    second = KafkaSignalConsumer(on_kafka, second_inbox, clock)
    async with asyncio.TaskGroup() as tasks:
        runs = [tasks.create_task(first.run())]
        await eventually(lambda: first.state.phase is Phase.UP, "the first is up")
        first_inbox.open.clear()
        await send(address, topic, [signal_message(number) for number in range(10)])
        await eventually(lambda: first.received == 1, "the first message waits at the full inbox")
        runs.append(tasks.create_task(second.run()))
        await eventually(lambda: second.state.phase is Phase.UP, "the group has formed anew", RESTART_S)
        first_inbox.open.set()
        await send(address, topic, [signal_message(10)])
        await eventually(lambda: "s10" in ids(first_inbox) + ids(second_inbox), "the last message")
        for run in runs:
            run.cancel()

    received = ids(first_inbox) + ids(second_inbox)
    assert {f"s{number}" for number in range(11)} == set(received)
    assert len(received) <= 12, "only the message that waited may come twice"
