"""The tick topic read back: this account's ticks of a range of time, in the order in which they stand there.

Owns where reading starts and ends, and how partitions are joined: always the one whose next record is the
oldest, so that a symbol that moved to another partition keeps its order. Reads to the end that the topic had
at the start, for a repetition may come late. Has no group, commits nothing, creates nothing. Called by the
command that audits.
"""

import asyncio
import heapq
from collections import deque
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import NamedTuple

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka import errors as kafka
from aiokafka.client import AIOKafkaClient

from hybrid_bridge.core.tick_matching import Row
from hybrid_bridge.errors import ChannelError, MalformedMessage
from hybrid_bridge.messages.ticks import decode_tick
from hybrid_bridge.settings import StreamSettings
from hybrid_bridge.streams.clients import (
    TROUBLE,
    close_client,
    connection_options,
    groupless_consumer,
    own_cancellation_only,
)
from hybrid_bridge.streams.diagnosis.causes import explain
from hybrid_bridge.streams.headers import is_own

FETCH_BYTES_MAX = 262_144  # Of one partition: a thousand ticks or two.
POLL_MS = 200
STALL_S = 30.0
AHEAD_MAX = 4_000  # Records kept of a partition that waits for the others.
RUN_MAX = 2_000
# Times in the index are those of the ticks, or of their arrival: the clocks may differ so much.
MARGIN_MSC = 60_000
# A record that claims to be so much older than its tick was not dated by the bridge, nor by its broker.
STRANGE_MSC = 3_600_000


class TopicTick(NamedTuple):
    """One record: a tick with its number."""

    symbol: str
    seq: int
    row: Row


@dataclass(slots=True)
class ReadFigures:
    """What was read.

    Attributes:
        records: all there were from the start of the range on.
        elsewhere: those of other accounts.
        unreadable: those that are no tick, or contradict themselves.
        first_unreadable: where the first of them stands and what is wrong with it.
    """

    records: int = 0
    elsewhere: int = 0
    unreadable: int = 0
    first_unreadable: str = ""


@dataclass(slots=True, eq=False)
class _Partition:
    """One partition on its way to its end.

    Attributes:
        first, stop: the offsets of its oldest record and behind its newest.
        reaches_back: whether it still holds records from before the range.
    """

    place: TopicPartition
    first: int
    stop: int
    reaches_back: bool = False
    read_up: bool = False
    ahead: deque[ConsumerRecord] = field(default_factory=deque)


class TickTopic:
    """One reading of the tick topic.

    Attributes:
        figures: what was read so far.
    """

    def __init__(self, settings: StreamSettings, from_msc: int) -> None:
        """Prepare to read everything from an instant on; nothing is connected yet."""
        self.figures = ReadFigures()
        self._settings = settings
        self._from_msc = from_msc
        self._partitions: list[_Partition] = []
        self._first_in: dict[str, int] = {}

    def reaches_back(self, symbol: str) -> bool:
        """Tell whether nothing of the range was deleted where the symbol's first tick was found."""
        number = self._first_in.get(symbol)
        return any(one.reaches_back for one in self._partitions if one.place.partition == number)

    async def ticks(self) -> AsyncIterator[list[TopicTick]]:
        """Yield this account's ticks in runs, in the topic's order.

        Raises:
            ChannelError: when the topic cannot be read; says why.
        """
        topic = self._settings.tick_topic
        try:
            with own_cancellation_only():
                places = [TopicPartition(topic, number) for number in await self._numbers()]
                async with groupless_consumer(self._settings, FETCH_BYTES_MAX, POLL_MS) as consumer:
                    consumer.assign(places)
                    await self._find_bounds(consumer, places)
                    while run := await self._next_run(consumer):
                        yield [tick for record in run if (tick := self._tick(record)) is not None]
        except TROUBLE as error:
            cause = await explain(self._settings, topic, error)
            raise ChannelError(f"{topic} could not be read: {cause}") from error

    async def _numbers(self) -> list[int]:
        """Return the topic's partitions, creating nothing."""
        client = AIOKafkaClient(**connection_options(self._settings))
        try:
            await client.bootstrap()
            known = await client.fetch_all_metadata()
            found = known.partitions_for_topic(self._settings.tick_topic)
        finally:
            await close_client(client)
        if not found:
            raise kafka.UnknownTopicOrPartitionError(self._settings.tick_topic)
        return sorted(found)

    async def _find_bounds(self, consumer: AIOKafkaConsumer, places: list[TopicPartition]) -> None:
        """Decide for each partition where reading starts and ends, and go there."""
        firsts = await consumer.beginning_offsets(places)
        stops = await consumer.end_offsets(places)
        self._partitions = [
            _Partition(place, firsts[place], stops[place]) for place in places if stops[place] > firsts[place]
        ]
        if not self._partitions:
            return
        consumer.assign([partition.place for partition in self._partitions])
        oldest = await self._look_at_oldest(consumer)
        known = await consumer.offsets_for_times(
            {partition.place: max(0, record.timestamp) for partition, record in oldest.items()}
        )
        from_msc = max(0, self._from_msc - MARGIN_MSC)
        found = await consumer.offsets_for_times({one.place: from_msc for one in self._partitions})
        for partition in self._partitions:
            start, later = partition.first, found[partition.place]
            # A broker that does not find its oldest record by its own time has no index of times.
            if known.get(partition.place) is not None and _dated(oldest[partition]):
                start = partition.stop if later is None else later.offset
            partition.ahead.clear()
            partition.read_up = start >= partition.stop
            consumer.seek(partition.place, start)
            self._hold(consumer, partition)

    async def _look_at_oldest(self, consumer: AIOKafkaConsumer) -> dict[_Partition, ConsumerRecord]:
        """Return the oldest record of each partition."""
        for partition in self._partitions:
            consumer.seek(partition.place, partition.first)
        await self._fill(consumer)
        oldest = {partition: partition.ahead[0] for partition in self._partitions if partition.ahead}
        for partition, record in oldest.items():
            partition.reaches_back = _time_of(record) < self._from_msc
        return oldest

    async def _next_run(self, consumer: AIOKafkaConsumer) -> list[ConsumerRecord]:
        """Return the records that come next; empty at the end."""
        await self._fill(consumer)
        return list(self._oldest_first())

    def _oldest_first(self) -> Iterator[ConsumerRecord]:
        """Give records as long as it is clear which is the oldest."""
        heads = [
            (partition.ahead[0].timestamp, number)
            for number, partition in enumerate(self._partitions)
            if partition.ahead
        ]
        heapq.heapify(heads)
        for _ in range(RUN_MAX):
            if not heads:
                return
            partition = self._partitions[heads[0][1]]
            yield partition.ahead.popleft()
            if partition.ahead:
                heapq.heapreplace(heads, (partition.ahead[0].timestamp, heads[0][1]))
            elif partition.read_up:
                heapq.heappop(heads)
            else:
                return

    async def _fill(self, consumer: AIOKafkaConsumer) -> None:
        """Fetch until every partition that is not read up has a record.

        Raises:
            KafkaError: when nothing comes for too long.
        """
        loop = asyncio.get_running_loop()
        heard_s = loop.time()
        while any(not (partition.read_up or partition.ahead) for partition in self._partitions):
            fetched = await consumer.getmany(timeout_ms=POLL_MS)
            for partition in self._partitions:
                records = fetched.get(partition.place, ())
                partition.ahead.extend(record for record in records if record.offset < partition.stop)
                if await consumer.position(partition.place) >= partition.stop:
                    partition.read_up = True
                self._hold(consumer, partition)
            if fetched:
                heard_s = loop.time()
            elif loop.time() - heard_s > STALL_S:
                raise kafka.KafkaTimeoutError(f"nothing was fetched for {STALL_S:g} s")

    def _hold(self, consumer: AIOKafkaConsumer, partition: _Partition) -> None:
        """Fetch no more of a partition that has enough waiting for the others, or is read up."""
        if partition.read_up or len(partition.ahead) >= AHEAD_MAX:
            consumer.pause(partition.place)
        else:
            consumer.resume(partition.place)

    def _tick(self, record: ConsumerRecord) -> TopicTick | None:
        """Return a record's tick; None for one that is not this account's, or none."""
        figures = self.figures
        figures.records += 1
        if not is_own(record.headers, self._settings.account):
            figures.elsewhere += 1
            return None
        with self._noted(record):
            symbol, seq, row = decode_tick(record.value)
            if record.key != symbol.encode():
                raise MalformedMessage("wrong_key", f"key {record.key!r} of a tick of {symbol}")
            self._first_in.setdefault(symbol, record.partition)
            return TopicTick(symbol, seq, row)
        return None

    @contextmanager
    def _noted(self, record: ConsumerRecord) -> Iterator[None]:
        try:
            yield
        except MalformedMessage as error:
            self.figures.unreadable += 1
            place = f"{record.topic}/{record.partition}/{record.offset}"
            self.figures.first_unreadable = self.figures.first_unreadable or f"{place}: {error}"


def _time_of(record: ConsumerRecord) -> int:
    """Return when a record's tick happened, as far as it tells."""
    try:
        _, _, row = decode_tick(record.value)
    except MalformedMessage:
        return int(record.timestamp)
    return row[0]


def _dated(record: ConsumerRecord) -> bool:
    """Tell whether a record's time is that of its tick or a later one, so that it can be found by it."""
    return _time_of(record) - int(record.timestamp) < STRANGE_MSC
