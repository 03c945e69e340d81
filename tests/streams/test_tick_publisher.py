"""Ticks reach the topic once and in order, judged by librdkafka."""

import asyncio
import time

import pytest
from aiokafka.partitioner import DefaultPartitioner
from tests.streams.support import (
    EmbeddedBroker,
    SystemClock,
    eventually,
    frozen,
    make_ticks,
    read_topic,
    seqs_by_symbol,
    stream_settings,
)

from hybrid_bridge.core.market import TickCursor
from hybrid_bridge.errors import ChannelError
from hybrid_bridge.messages.outbound import encode_tick
from hybrid_bridge.settings import StreamSettings
from hybrid_bridge.streams.channel_state import Phase
from hybrid_bridge.streams.tick_publisher import SLICE, KafkaTickSink

SYMBOLS = ("EURUSD", "GBPUSD", "USDJPY", "XAUUSD", "US30.cash", "Ünïcode")


async def test_every_tick_arrives_once_and_in_order(settings: StreamSettings, clock: SystemClock) -> None:
    sink = KafkaTickSink(settings, clock)
    for first in range(1, 501, 100):
        await sink.publish([tick for symbol in SYMBOLS for tick in make_ticks(symbol, first, 100)])
    await sink.close()

    messages = await read_topic(settings.bootstrap_servers, settings.tick_topic, 500 * len(SYMBOLS))

    assert {symbol: list(range(1, 501)) for symbol in SYMBOLS} == seqs_by_symbol(messages)
    assert 500 * len(SYMBOLS) == sink.acknowledged == sink.published
    assert Phase.UP == sink.state.phase


async def test_a_record_carries_the_contracts_bytes_its_key_the_schema_version_and_the_account(
    settings: StreamSettings, clock: SystemClock
) -> None:
    sink = KafkaTickSink(settings, clock)
    ticks = make_ticks("XAUUSD", 7, 1)
    await sink.publish(ticks)
    await sink.close()

    (message,) = await read_topic(settings.bootstrap_servers, settings.tick_topic, 1)

    assert encode_tick(ticks[0].tick, 7) == message.value()
    assert b"XAUUSD" == message.key()
    assert [("schema_version", b"1"), ("account", b"simulator")] == message.headers()


async def test_a_symbol_lives_in_the_partition_that_murmur2_gives_it(
    settings: StreamSettings, clock: SystemClock
) -> None:
    """Java and aiokafka choose by murmur2; librdkafka's own default, CRC32, would differ."""
    sink = KafkaTickSink(settings, clock)
    await sink.publish([tick for symbol in SYMBOLS for tick in make_ticks(symbol, 1, 3)])
    await sink.close()

    messages = await read_topic(settings.bootstrap_servers, settings.tick_topic, 3 * len(SYMBOLS))

    partitions = list(range(4))
    expected = {symbol: DefaultPartitioner()(symbol.encode(), partitions, partitions) for symbol in SYMBOLS}
    assert expected == {message.key().decode(): message.partition() for message in messages}
    assert len(set(expected.values())) > 1


async def test_more_ticks_than_fit_one_batch_stay_in_order(
    settings: StreamSettings, clock: SystemClock
) -> None:
    count = 2 * SLICE + 17
    sink = KafkaTickSink(settings, clock)
    await sink.publish(make_ticks("EURUSD", 1, count))
    await sink.close()

    messages = await read_topic(settings.bootstrap_servers, settings.tick_topic, count)

    assert {"EURUSD": list(range(1, count + 1))} == seqs_by_symbol(messages)
    assert sink.batches >= 3


async def test_a_broker_that_hangs_for_3_s_costs_neither_loss_nor_repetition(
    broker: EmbeddedBroker, settings: StreamSettings, clock: SystemClock
) -> None:
    sink = KafkaTickSink(settings, clock)
    await sink.publish(make_ticks("EURUSD", 1, 10))
    with frozen(broker.pid):
        publishing = asyncio.ensure_future(sink.publish(make_ticks("EURUSD", 11, 10)))
        await asyncio.sleep(3)
        assert not publishing.done()
    await publishing
    await sink.close()

    messages = await read_topic(settings.bootstrap_servers, settings.tick_topic, 20)

    assert {"EURUSD": list(range(1, 21))} == seqs_by_symbol(messages)


async def test_a_batch_in_doubt_is_not_written_twice_when_the_call_is_repeated(
    broker: EmbeddedBroker, settings: StreamSettings, clock: SystemClock
) -> None:
    """When it wakes up, the hung broker finds the first attempt in a socket that was closed meanwhile."""
    sink = KafkaTickSink(settings, clock, publish_timeout_s=1.0)
    await sink.publish(make_ticks("EURUSD", 1, 10))
    with frozen(broker.pid):
        with pytest.raises(ChannelError, match="not done within 1 s"):
            await sink.publish(make_ticks("EURUSD", 11, 10))
        assert Phase.DOWN == sink.state.phase
    await sink.publish(make_ticks("EURUSD", 11, 20))
    await sink.close()

    messages = await read_topic(settings.bootstrap_servers, settings.tick_topic, 30)

    assert {"EURUSD": list(range(1, 31))} == seqs_by_symbol(messages)
    assert 10 == sink.repeated


async def test_a_cancelled_publish_is_taken_up_by_the_next_one(
    broker: EmbeddedBroker, settings: StreamSettings, clock: SystemClock
) -> None:
    sink = KafkaTickSink(settings, clock)
    await sink.publish(make_ticks("EURUSD", 1, 10))
    with frozen(broker.pid), pytest.raises(TimeoutError):
        async with asyncio.timeout(0.3):
            await sink.publish(make_ticks("EURUSD", 11, 10))
    await sink.publish(make_ticks("EURUSD", 21, 5))
    await sink.close()

    messages = await read_topic(settings.bootstrap_servers, settings.tick_topic, 25)

    assert {"EURUSD": list(range(1, 26))} == seqs_by_symbol(messages)


async def test_recover_returns_what_the_topic_has_acknowledged_or_not(
    broker: EmbeddedBroker, settings: StreamSettings, clock: SystemClock
) -> None:
    dying = KafkaTickSink(settings, clock)
    await dying.publish(make_ticks("EURUSD", 1, 50) + make_ticks("GBPUSD", 1, 3))
    with frozen(broker.pid), pytest.raises(TimeoutError):
        async with asyncio.timeout(0.3):
            await dying.publish(make_ticks("EURUSD", 51, 5))
    await dying.close()

    reborn = KafkaTickSink(settings, clock)
    cursors = [TickCursor("EURUSD", 0, 0, 50), TickCursor("GBPUSD", 0, 0, 3), TickCursor("USDJPY", 0, 0, 0)]
    found = await reborn.recover(cursors)
    await reborn.publish(make_ticks("EURUSD", 51, 10))
    await reborn.close()

    assert {"EURUSD": 55, "GBPUSD": 3, "USDJPY": 0} == found
    messages = await read_topic(settings.bootstrap_servers, settings.tick_topic, 63)
    assert {"EURUSD": list(range(1, 61)), "GBPUSD": [1, 2, 3]} == seqs_by_symbol(messages)


async def test_recover_finds_a_quiet_symbol_behind_thousands_of_ticks_when_nothing_is_remembered(
    settings: StreamSettings, clock: SystemClock
) -> None:
    sink = KafkaTickSink(settings, clock)
    await sink.publish(make_ticks("QUIET", 1, 4))
    await sink.publish([tick for symbol in SYMBOLS for tick in make_ticks(symbol, 1, 4_000)])
    await sink.close()

    reborn = KafkaTickSink(settings, clock)
    found = await reborn.recover([TickCursor(symbol, 0, 0, 0) for symbol in (*SYMBOLS, "QUIET", "NEVER")])
    await reborn.close()

    assert dict.fromkeys(SYMBOLS, 4_000) | {"QUIET": 4, "NEVER": 0} == found


async def test_a_refused_port_is_named_with_what_to_do(refused_address: str, clock: SystemClock) -> None:
    sink = KafkaTickSink(stream_settings(refused_address), clock, publish_timeout_s=0.5)

    with pytest.raises(ChannelError, match=rf"nothing listens on {refused_address} \(connection refused\)"):
        await sink.publish(make_ticks("EURUSD", 1, 1))

    assert Phase.DOWN == sink.state.phase
    assert "REDPANDA_BOOTSTRAP_SERVERS" in sink.state.last_error


async def test_the_channel_comes_back_when_the_broker_does(
    broker: EmbeddedBroker, settings: StreamSettings, clock: SystemClock
) -> None:
    sink = KafkaTickSink(settings, clock, publish_timeout_s=0.5)
    with frozen(broker.pid), pytest.raises(ChannelError):
        await sink.publish(make_ticks("EURUSD", 1, 1))
    assert Phase.DOWN == sink.state.phase

    await sink.publish(make_ticks("EURUSD", 1, 1))

    assert Phase.UP == sink.state.phase
    await sink.close()


async def test_closing_is_quick_while_the_broker_hangs(
    broker: EmbeddedBroker, settings: StreamSettings, clock: SystemClock
) -> None:
    sink = KafkaTickSink(settings, clock)
    await sink.publish(make_ticks("EURUSD", 1, 1))
    with frozen(broker.pid):
        publishing = asyncio.ensure_future(sink.publish(make_ticks("EURUSD", 2, 20_000)))
        await eventually(lambda: sink.published > 1, "the batch is on its way")
        started = time.monotonic()
        publishing.cancel()
        await asyncio.wait([publishing])
        await sink.close()

    assert time.monotonic() - started < 4
