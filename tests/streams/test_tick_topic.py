"""The tick topic read back: on the embedded broker, and on one that knows times."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewPartitions, NewTopic
from tests.streams.support import SystemClock, make_ticks, send, stream_settings, unique_prefix

from hybrid_bridge.core.market import SequencedTick, Tick
from hybrid_bridge.errors import ChannelError
from hybrid_bridge.messages.outbound import encode_tick
from hybrid_bridge.settings import StreamSettings
from hybrid_bridge.streams import tick_topic
from hybrid_bridge.streams.headers import own_headers
from hybrid_bridge.streams.tick_publisher import KafkaTickSink
from hybrid_bridge.streams.tick_topic import TickTopic, TopicTick

START = 1_767_225_600_000
MINUTE = 60_000


def tick(symbol: str, seq: int, time_msc: int) -> SequencedTick:
    return SequencedTick(Tick(symbol, 1 + seq / 1e5, 2 + seq / 1e5, 0.0, 0, time_msc), seq)


def as_read(ticks: Sequence[SequencedTick]) -> list[TopicTick]:
    return [
        TopicTick(one.tick.symbol, one.seq, (one.tick.time_msc, one.tick.bid, one.tick.ask, 0.0, 0))
        for one in ticks
    ]


async def publish(settings: StreamSettings, ticks: Sequence[SequencedTick]) -> None:
    sink = KafkaTickSink(settings, SystemClock())
    await sink.publish(ticks)
    await sink.close()


async def read(settings: StreamSettings, from_msc: int = START) -> tuple[list[TopicTick], TickTopic]:
    topic = TickTopic(settings, from_msc)
    return [found async for run in topic.ticks() for found in run], topic


def of(symbol: str, ticks: Sequence[TopicTick]) -> list[TopicTick]:
    return [one for one in ticks if one.symbol == symbol]


async def test_every_tick_of_all_partitions_is_read_in_order(settings):
    symbols = ["EURUSD", "USDJPY", "XAUUSD", "GBPUSD", "AUDNZD"]
    ticks = [one for symbol in symbols for one in make_ticks(symbol, 1, 300)]
    await publish(settings, ticks)
    found, topic = await read(settings)
    for symbol in symbols:
        assert of(symbol, as_read(ticks)) == of(symbol, found)
    assert (1_500, 0, 0) == (topic.figures.records, topic.figures.elsewhere, topic.figures.unreadable)


async def test_a_partition_that_waits_for_the_others_is_kept_within_bounds(settings, monkeypatch):
    monkeypatch.setattr(tick_topic, "AHEAD_MAX", 50)
    monkeypatch.setattr(tick_topic, "RUN_MAX", 20)
    ticks = [one for symbol in ("EURUSD", "USDJPY", "XAUUSD") for one in make_ticks(symbol, 1, 500)]
    await publish(settings, ticks)
    found, _ = await read(settings)
    assert sorted(as_read(ticks)) == sorted(found)


async def test_ticks_of_another_account_are_counted_and_not_read(settings):
    own, others = make_ticks("EURUSD", 1, 5), make_ticks("EURUSD", 1, 7)
    await publish(replace(settings, account="11"), others)
    await publish(replace(settings, account="12"), own)
    found, topic = await read(replace(settings, account="12"))
    assert (as_read(own), 7) == (found, topic.figures.elsewhere)


async def test_ticks_that_name_no_account_count_as_ones_own(settings):
    old = [encode_tick(one.tick, one.seq) for one in make_ticks("EURUSD", 1, 3)]
    await publish(settings, [])
    await send(settings.bootstrap_servers, settings.tick_topic, old, key=b"EURUSD")
    found, topic = await read(settings)
    assert (as_read(make_ticks("EURUSD", 1, 3)), 0) == (found, topic.figures.elsewhere)


async def test_what_is_no_tick_is_counted_with_its_place(settings):
    good = encode_tick(make_ticks("EURUSD", 1, 1)[0].tick, 1)
    headers = list(own_headers(settings.account))
    await send(settings.bootstrap_servers, settings.tick_topic, [b"nonsense"], key=b"EURUSD", headers=headers)
    await send(settings.bootstrap_servers, settings.tick_topic, [good], key=b"USDJPY", headers=headers)
    await send(settings.bootstrap_servers, settings.tick_topic, [good], key=b"EURUSD", headers=headers)
    found, topic = await read(settings)
    assert (1, 2) == (len(found), topic.figures.unreadable)
    assert topic.figures.first_unreadable.startswith(f"{settings.tick_topic}/0/0: no_tick: ")


async def test_a_tick_under_another_symbols_key_says_so(settings):
    good = encode_tick(make_ticks("EURUSD", 1, 1)[0].tick, 1)
    await send(settings.bootstrap_servers, settings.tick_topic, [good], key=b"USDJPY")
    _, topic = await read(settings)
    assert topic.figures.first_unreadable.endswith("wrong_key: key b'USDJPY' of a tick of EURUSD")


async def test_a_broker_that_is_not_there_is_told_in_words(refused_address):
    with pytest.raises(ChannelError, match=r"market_ticks could not be read: .*(refused|listens)"):
        await read(stream_settings(refused_address))


@pytest.fixture
def on_kafka(kafka_address: str) -> StreamSettings:
    """Give settings with topics of this test's own."""
    return stream_settings(kafka_address, prefix=unique_prefix())


@pytest.mark.kafka
async def test_a_topic_that_is_not_there_is_told_and_not_created(on_kafka):
    with pytest.raises(ChannelError, match="does not exist"):
        await read(on_kafka)
    admin = AdminClient({"bootstrap.servers": on_kafka.bootstrap_servers})
    assert on_kafka.tick_topic not in admin.list_topics(timeout=10).topics


@pytest.mark.kafka
async def test_an_empty_topic_is_read_at_once(on_kafka):
    await publish(on_kafka, [])
    found, topic = await read(on_kafka)
    assert ([], 0, False) == (found, topic.figures.records, topic.reaches_back("EURUSD"))


@pytest.mark.kafka
async def test_reading_begins_where_the_range_does_however_much_is_before(on_kafka):
    old = [tick("EURUSD", seq, START + seq) for seq in range(1, 1_001)]
    new = [tick("EURUSD", seq, START + 60 * MINUTE + seq) for seq in range(1_001, 1_101)]
    await publish(on_kafka, [*old, *new])
    found, topic = await read(on_kafka, START + 60 * MINUTE)
    assert (as_read(new), 100, True) == (found, topic.figures.records, topic.reaches_back("EURUSD"))


@pytest.mark.kafka
async def test_a_backlog_that_came_behind_later_ticks_of_others_is_read_too(on_kafka):
    """Of one partition: a busy symbol is behind while a quiet one is already at the present."""
    plan = replace(on_kafka.tick_plan, partitions=1)
    settings = replace(on_kafka, tick_plan=plan)
    live = [tick("USDJPY", seq, START + 100 * MINUTE + seq) for seq in range(1, 11)]
    late = [tick("EURUSD", seq, START + seq * MINUTE) for seq in range(1, 101)]
    await publish(settings, live)
    await publish(settings, late)
    found, topic = await read(settings, START + 10 * MINUTE)
    assert as_read(late) == of("EURUSD", found)
    assert as_read(live) == of("USDJPY", found)
    # The oldest record is not from before the range, so what was may be gone.
    assert not topic.reaches_back("EURUSD")


@pytest.mark.kafka
async def test_a_symbol_that_moved_to_another_partition_keeps_its_order(on_kafka, monkeypatch):
    monkeypatch.setattr(tick_topic, "FETCH_BYTES_MAX", 1_000)
    monkeypatch.setattr(tick_topic, "AHEAD_MAX", 20)
    admin = AdminClient({"bootstrap.servers": on_kafka.bootstrap_servers})
    admin.create_topics([NewTopic(on_kafka.tick_topic, 2, 1)])[on_kafka.tick_topic].result(10)
    symbols = [f"SYM{number}" for number in range(8)]

    def ticks(first: int, last: int) -> list[SequencedTick]:
        return [
            tick(symbol, seq, START + seq * 1_000 + place)
            for seq in range(first, last)
            for place, symbol in enumerate(symbols)
        ]

    for first in range(1, 201, 20):
        await publish(on_kafka, ticks(first, first + 20))
    grown = admin.create_partitions([NewPartitions(on_kafka.tick_topic, 5)])
    grown[on_kafka.tick_topic].result(10)
    for first in range(201, 401, 20):
        await publish(on_kafka, ticks(first, first + 20))
    found, _ = await read(on_kafka)
    for symbol in symbols:
        assert list(range(1, 401)) == [one.seq for one in of(symbol, found)]


@pytest.mark.kafka
async def test_a_topic_with_the_brokers_own_times_is_read_from_the_range_on(on_kafka):
    admin = AdminClient({"bootstrap.servers": on_kafka.bootstrap_servers})
    config = {"message.timestamp.type": "LogAppendTime"}
    admin.create_topics([NewTopic(on_kafka.tick_topic, 2, 1, config=config)])[on_kafka.tick_topic].result(10)
    now_msc = SystemClock().utc_msc()
    ticks = [tick("EURUSD", seq, now_msc - 10_000 + seq) for seq in range(1, 301)]
    await publish(on_kafka, ticks)
    found, _ = await read(on_kafka, now_msc - 10_000)
    assert as_read(ticks) == found


@pytest.mark.kafka
async def test_what_comes_after_reading_began_is_left_for_the_next_time(on_kafka, monkeypatch):
    await publish(on_kafka, make_ticks("EURUSD", 1, 10))
    ends = AIOKafkaConsumer.end_offsets

    async def publish_behind(*arguments: Any) -> dict[TopicPartition, int]:
        found = await ends(*arguments)
        await publish(on_kafka, make_ticks("EURUSD", 11, 10))
        return found

    monkeypatch.setattr(AIOKafkaConsumer, "end_offsets", publish_behind)
    found, _ = await read(on_kafka)
    assert as_read(make_ticks("EURUSD", 1, 10)) == found


@pytest.mark.kafka
async def test_records_of_another_client_are_read_alike(on_kafka):
    ticks = make_ticks("EURUSD", 1, 3)
    await publish(on_kafka, [])
    producer = Producer({"bootstrap.servers": on_kafka.bootstrap_servers, "compression.type": "gzip"})
    for one in ticks:
        raw = encode_tick(one.tick, one.seq)
        producer.produce(on_kafka.tick_topic, raw, key=b"EURUSD", timestamp=one.tick.time_msc)
    assert 0 == producer.flush(10)
    found, _ = await read(on_kafka)
    assert as_read(ticks) == found
