"""No record that somebody may write keeps the bridge from reading the next one."""

import asyncio
import struct
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

import pytest
from aiokafka import TopicPartition
from aiokafka.client import AIOKafkaClient
from aiokafka.codec import gzip_encode, lz4_encode, zstd_encode
from aiokafka.protocol.produce import ProduceRequest
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from aiokafka.record.util import calc_crc32c
from structlog.testing import capture_logs
from tests.streams.support import (
    EmbeddedBroker,
    RecordingInbox,
    SystemClock,
    eventually,
    make_ticks,
    send,
    signal_message,
    stop_message,
    stream_settings,
    unique_prefix,
)

from hybrid_bridge.core.inputs import EmergencyStopRequested, SignalReceived
from hybrid_bridge.core.market import TickCursor
from hybrid_bridge.settings import StreamSettings
from hybrid_bridge.streams.channel_state import Phase
from hybrid_bridge.streams.lenient import LenientRecords
from hybrid_bridge.streams.signal_consumer import KafkaSignalConsumer
from hybrid_bridge.streams.stop_watcher import StopWatcher
from hybrid_bridge.streams.tick_publisher import KafkaTickSink
from hybrid_bridge.streams.topics import create_topic, partition_of

PLAIN, GZIP, LZ4, ZSTD, UNKNOWN = 0, 1, 3, 4, 7
COMPRESS: dict[int, Callable[[bytes], bytes]] = {GZIP: gzip_encode, LZ4: lz4_encode, ZSTD: zstd_encode}
CRC_AT, COVERED_AT, HEADER_BYTES = 17, 21, 61  # In a record batch: its checksum, what that covers, records.
LATIN = [("Konto", b"7"), ("Gr\u00f6\u00dfe", b"1")]


def batch_of(*values: bytes, codec: int = PLAIN, headers: Sequence[tuple[str, bytes]] = ()) -> bytes:
    """Return a record batch as a client writes it, whose header names may be cut out of Latin-1."""
    now_msc = time.time_ns() // 1_000_000
    builder = DefaultRecordBatchBuilder(2, PLAIN, 0, -1, -1, -1, 1 << 20)
    for number, value in enumerate(values):
        builder.append(number, now_msc, key=None, value=value, headers=list(headers))
    raw = bytes(builder.build())
    for name, _ in headers:
        raw = raw.replace(name.encode(), name.encode("latin-1").ljust(len(name.encode()), b"\xff"))
    records = bytes(COMPRESS.get(codec, bytes)(raw[HEADER_BYTES:]))
    head = bytearray(raw[:HEADER_BYTES])
    head[22] = codec
    return sealed(bytes(head) + records)


def sealed(raw: bytes) -> bytes:
    """Give a batch the length and the checksum of what it holds."""
    whole = bytearray(raw)
    whole[8:12] = struct.pack(">i", len(raw) - 12)
    whole[CRC_AT:COVERED_AT] = struct.pack(">I", calc_crc32c(bytes(whole[COVERED_AT:])))
    return bytes(whole)


def damaged(codec: int) -> bytes:
    """Return a batch whose checksum is right and whose records are noise."""
    good = batch_of(b"lost", codec=codec)
    return sealed(good[:HEADER_BYTES] + b"\xa5" * 40)


async def write(address: str, topic: str, partition: int, batch: bytes) -> None:
    """Write a batch letter by letter."""
    client = AIOKafkaClient(bootstrap_servers=address)
    await client.bootstrap()
    await client.set_topics([topic])
    leader = client.cluster.leader_for_partition(TopicPartition(topic, partition))
    request = ProduceRequest(
        required_acks=-1, timeout=5_000, topics=[(topic, [(partition, batch)])], transactional_id=None
    )
    answer = await client.send(leader, request)
    await client.close()
    assert 0 == answer.topics[0][1][0][1]


def values_in(*batches: bytes) -> list[tuple[bytes, list[str]]]:
    """Return value and names of headers of each record that is read."""
    records = LenientRecords(b"".join(batches))
    found = []
    while records.has_next():
        found += [(record.value, [name for name, _ in record.headers]) for record in records.next_batch()]
    return found


@pytest.mark.parametrize("codec", [PLAIN, GZIP, LZ4, ZSTD])
def test_a_header_whose_name_is_not_utf_8_costs_no_record(codec: int) -> None:
    names = ["Konto", "Gr\ufffd\ufffde\ufffd\ufffd"]
    found = values_in(batch_of(b"a"), batch_of(b"b", b"c", codec=codec, headers=LATIN), batch_of(b"d"))
    assert [(b"a", []), (b"b", names), (b"c", names), (b"d", [])] == found


@pytest.mark.parametrize("codec", [PLAIN, GZIP, LZ4, ZSTD, UNKNOWN])
def test_a_batch_of_noise_is_passed_over_and_named(codec: int) -> None:
    with capture_logs() as logs:
        found = values_in(batch_of(b"a"), damaged(codec), batch_of(b"d"))
    assert [(b"a", []), (b"d", [])] == found
    told = [(entry["log_level"], entry["offset"], entry["until"]) for entry in logs]
    assert [("error", 0, 1)] == told


@asynccontextmanager
async def both_readers(
    settings: StreamSettings, clock: SystemClock, inbox: RecordingInbox
) -> AsyncIterator[tuple[KafkaSignalConsumer, StopWatcher]]:
    stops = StopWatcher(settings, inbox, clock)
    consumer = KafkaSignalConsumer(settings, inbox, clock)
    tasks = [asyncio.create_task(reader.run()) for reader in (stops, consumer)]
    try:
        await eventually(lambda: {stops.state.phase, consumer.state.phase} == {Phase.UP}, "both up", 30)
        yield consumer, stops
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)


async def read_behind(settings: StreamSettings, clock: SystemClock, batches: Sequence[bytes]) -> None:
    """Write batches, then a signal and a stop; both must come through both readers."""
    address, topic = settings.bootstrap_servers, settings.signal_topic
    await create_topic(settings, topic, settings.signal_plan)
    inbox = RecordingInbox()
    async with both_readers(settings, clock, inbox) as (consumer, stops):
        for batch in batches:
            await write(address, topic, 0, batch)
        await send(address, topic, [signal_message(2), stop_message("enough")])
        await eventually(lambda: stops.found == 2, "both stops at the watcher")
        await eventually(lambda: consumer.received == 4, "everything at the consumer")
        assert (0, 0) == (consumer.rebuilds, stops.rebuilds)
    items = [item for item, _ in inbox.items]
    signals = [item.signal_id for item in items if isinstance(item, SignalReceived)]
    reasons = {item.reason for item in items if isinstance(item, EmergencyStopRequested)}
    assert (["s1", "s2"], {"odd", "enough"}) == (signals, reasons)


async def test_signals_and_stops_go_on_behind_what_cannot_be_read(
    settings: StreamSettings, clock: SystemClock
) -> None:
    odd = batch_of(signal_message(1), stop_message("odd"), headers=LATIN)
    await read_behind(settings, clock, [odd, damaged(ZSTD), damaged(PLAIN)])


@pytest.mark.kafka
async def test_signals_and_stops_go_on_behind_what_a_real_broker_takes(
    kafka_address: str, clock: SystemClock
) -> None:
    prefix = unique_prefix()
    settings = stream_settings(kafka_address, prefix=prefix, group=f"{prefix}group")
    odd = batch_of(signal_message(1), stop_message("odd"), codec=ZSTD, headers=LATIN)
    await read_behind(settings, clock, [odd])


async def test_the_last_ticks_are_found_behind_what_cannot_be_read(
    broker: EmbeddedBroker, settings: StreamSettings, clock: SystemClock
) -> None:
    first = KafkaTickSink(settings, clock)
    await first.publish(make_ticks("EURUSD", 1, 5))
    await first.close()
    number = partition_of(b"EURUSD", settings.tick_plan.partitions)
    for batch in (batch_of(b"x", headers=LATIN), damaged(LZ4)):
        await write(broker.address, settings.tick_topic, number, batch)

    second = KafkaTickSink(settings, clock)
    assert {"EURUSD": 5} == await second.recover([TickCursor("EURUSD", 0, 0, 3)])
    await second.close()
