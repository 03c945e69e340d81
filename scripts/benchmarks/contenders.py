"""Who publishes ticks in the bench: the bridge's own tick sink, and a bare aiokafka producer as its floor.

The floor sends the same keys, values, times and headers to a topic of its own, with the same codec, batch
size and acks=all. It numbers nothing, remembers nothing and cannot tell after a broken connection what the
topic has.
"""

import asyncio
import time
from collections.abc import Sequence
from typing import Literal

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from hybrid_bridge.clock import SystemClock
from hybrid_bridge.core.market import SequencedTick, TickCursor
from hybrid_bridge.settings import Settings, StreamSettings, TopicPlan
from hybrid_bridge.streams.batch_producer import BATCH_BYTES_MAX
from hybrid_bridge.streams.clients import connection_options
from hybrid_bridge.streams.codecs import TickEncoder
from hybrid_bridge.streams.tick_publisher import KafkaTickSink
from hybrid_bridge.streams.topics import create_topic

Codec = Literal["none", "gzip", "lz4", "zstd"]
CODECS: tuple[Codec, ...] = ("none", "gzip", "lz4", "zstd")
DEFAULT_CODEC: Codec = Settings.model_fields["redpanda_compression"].default
HEADERS_TIMEOUT_S = 10.0

# One record as the floor sends it: key, value, time.
Message = tuple[bytes, bytes, int]


def stream_settings(bootstrap: str, topic: str, codec: Codec = DEFAULT_CODEC) -> StreamSettings:
    """Return settings for one contender's topics."""
    return StreamSettings(
        bootstrap_servers=bootstrap,
        tick_topic=topic,
        signal_topic=f"{topic}.signals",
        event_topic=f"{topic}.events",
        group_id=topic,
        signal_max_age_s=5.0,
        compression=codec,
    )


async def open_sink(settings: StreamSettings, symbols: Sequence[str]) -> KafkaTickSink:
    """Return the bridge's sink, connected, its topic made."""
    sink = KafkaTickSink(settings, SystemClock())
    await sink.recover([TickCursor(symbol, 0, 0, 0) for symbol in symbols])
    return sink


class Bare:
    """The floor."""

    def __init__(self, settings: StreamSettings, linger_ms: int = 0) -> None:
        self._settings = settings
        self._encoder = TickEncoder()
        self._headers: list[tuple[str, bytes]] = []
        codec = None if settings.compression == "none" else settings.compression
        self._producer = AIOKafkaProducer(
            **connection_options(settings),
            acks="all",
            compression_type=codec,
            linger_ms=linger_ms,
            max_batch_size=BATCH_BYTES_MAX,
        )

    async def open(self, like: StreamSettings) -> None:
        """Connect, and take the headers from what the bridge has written already."""
        self._headers = await _headers_of(like)
        plan = TopicPlan(like.tick_plan.partitions)
        await create_topic(self._settings, self._settings.tick_topic, plan)
        await self._producer.start()

    async def close(self) -> None:
        """Disconnect."""
        await self._producer.stop()

    def messages(self, ticks: Sequence[SequencedTick]) -> list[Message]:
        """Return the records of these ticks; made beforehand, so that the floor encodes nothing."""
        encode = self._encoder.encode
        return [(item.tick.symbol.encode(), encode(item), item.tick.time_msc) for item in ticks]

    async def send(self, messages: Sequence[Message]) -> None:
        """Return once the broker has them all."""
        topic, headers, producer = self._settings.tick_topic, self._headers, self._producer
        futures = [
            await producer.send(topic, value, key=key, timestamp_ms=time_msc, headers=headers)
            for key, value, time_msc in messages
        ]
        await asyncio.gather(*futures)


async def _headers_of(settings: StreamSettings) -> list[tuple[str, bytes]]:
    """Return the headers of the topic's first record."""
    consumer = AIOKafkaConsumer(
        settings.tick_topic, **connection_options(settings), auto_offset_reset="earliest"
    )
    await consumer.start()
    try:
        async with asyncio.timeout(HEADERS_TIMEOUT_S):
            record = await consumer.getone()
    finally:
        await consumer.stop()
    return list(record.headers)


class Stopwatch:
    """Wall clock and processor time of this process between two looks."""

    def __init__(self) -> None:
        self._began_s, self._cpu_s = time.perf_counter(), time.process_time()

    def read(self) -> tuple[float, float]:
        """Return the seconds since, by the clock on the wall and of the processor."""
        return time.perf_counter() - self._began_s, time.process_time() - self._cpu_s
