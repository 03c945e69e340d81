"""Reading the end of a topic: what is there already, before anything is written.

Owns how far back is read. Reads with a consumer outside any group and commits nothing; the records of other
accounts are passed over.
`read_last_sequences` serves the tick publisher at its start, `find_written` serves the producers after a
broken connection.
"""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from types import MappingProxyType

import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka import errors as kafka

from hybrid_bridge.settings import StreamSettings
from hybrid_bridge.streams.clients import groupless_consumer
from hybrid_bridge.streams.codecs import decode_sequence
from hybrid_bridge.streams.headers import account_of, is_own
from hybrid_bridge.streams.topics import partition_of

FIRST_WINDOW = 2_000  # records; a few seconds of a busy partition
WINDOW_GROWTH = 5
WINDOW_MAX = 50_000  # records; about a second
KNOWN_DEPTH = 60_000  # records; minutes of a busy partition, far more than is written between two cursors
UNKNOWN_DEPTH = 600_000  # records; so that a lost state directory goes on with the sequence
OTHERS_DEPTH = 1_000  # records that others may have written behind ours
MARK_DEPTH = 100_000  # records behind a mark; many bridges write no more before the next one is kept
MARK_MARGIN = 20_000  # records before a mark; after a power cut it may be younger than the cursors
DEEP_READ_S = 8.0  # For symbols that are not remembered, of all partitions; then KNOWN_DEPTH must do.
FETCH_BYTES_MAX = 1_048_576
SLICE = 1_000  # records decoded at a time: about 10 ms of the loop's time
SILENT_S = 10.0
NO_MARKS: Mapping[int, int] = MappingProxyType({})
POLL_MS = 200

log = structlog.get_logger(__name__)


async def read_last_sequences(
    settings: StreamSettings, partitions: int, known: Mapping[str, int], marks: Mapping[int, int] = NO_MARKS
) -> dict[str, int]:
    """Return the last sequence number of each symbol that the tick topic's end holds.

    A symbol the bridge remembers is looked for within what can have been written since its cursor was
    stored, one that it does not remember much deeper. Where others may have written more since, it is also
    looked for where this bridge was writing.

    Args:
        partitions: of the tick topic.
        known: the last acknowledged number by symbol, 0 where nothing is remembered.
        marks: by partition, an offset that this bridge has written up to. It names its account since it
            keeps them, so a record there that names none is not its own.
    Returns:
        Only symbols that were found.
    Raises:
        KafkaError, OSError: when the topic cannot be read.
    """
    by_partition: dict[int, dict[str, int]] = {}
    for symbol, seq in known.items():
        by_partition.setdefault(partition_of(symbol.encode(), partitions), {})[symbol] = seq
    found: dict[str, int] = {}
    until_s = asyncio.get_running_loop().time() + DEEP_READ_S
    async with groupless_consumer(settings, FETCH_BYTES_MAX, POLL_MS) as consumer:
        for partition, wanted in by_partition.items():
            place, named = TopicPartition(settings.tick_topic, partition), partition in marks
            end = _PartitionEnd(consumer, place, settings.account, named=named)
            found |= await _search(end, wanted, marks.get(partition), until_s)
    return found


async def find_written(
    settings: StreamSettings,
    topic: str,
    wanted: Mapping[int, tuple[bytes, int]],
    since: Mapping[int, int] = NO_MARKS,
) -> set[int]:
    """Return the partitions that hold the wanted message, at their end or behind what was confirmed last.

    Args:
        wanted: the message's value, and how many records behind it may be ours, by partition.
        since: by partition, an offset before it, if one is known.
    Raises:
        KafkaError, OSError: when the topic cannot be read.
    """
    found = set()
    async with groupless_consumer(settings, FETCH_BYTES_MAX, POLL_MS) as consumer:
        for partition, (value, depth) in wanted.items():
            end = _PartitionEnd(consumer, TopicPartition(topic, partition), settings.account)
            if await _holds(end, value, depth, since.get(partition, -1)):
                found.add(partition)
    return found


class _PartitionEnd:
    """One partition, read between offsets."""

    def __init__(
        self, consumer: AIOKafkaConsumer, partition: TopicPartition, account: str, *, named: bool = False
    ) -> None:
        """Read what may be the account's own; with `named`, only what says so."""
        self._consumer = consumer
        self._partition = partition
        self._account = account
        self._named = named
        consumer.assign([partition])

    async def bounds(self) -> tuple[int, int]:
        """Return the first offset and the one after the last."""
        first = await self._consumer.beginning_offsets([self._partition])
        return first[self._partition], await self.stop()

    async def stop(self) -> int:
        """Return the offset after the last message."""
        offsets = await self._consumer.end_offsets([self._partition])
        return int(offsets[self._partition])

    def _is_own(self, record: ConsumerRecord) -> bool:
        if self._named:
            return account_of(record.headers) == self._account
        return is_own(record.headers, self._account)

    def tell_ended_early(self, symbols: list[str], depth: int) -> None:
        """Say which symbols were not found in the time that there was."""
        log.warning(
            "Earlier ticks were not looked for any deeper: their numbers begin at 1 if there were some",
            topic=self._partition.topic,
            partition=self._partition.partition,
            symbols=sorted(symbols),
            records=depth,
        )

    async def read_own(self, start: int, stop: int) -> AsyncGenerator[ConsumerRecord, None]:
        """Yield the account's own messages from one offset up to another."""
        self._consumer.seek(self._partition, start)
        loop, at = asyncio.get_running_loop(), -1
        while (position := await self._consumer.position(self._partition)) < stop:
            if position != at:
                at, answered_at = position, loop.time()
            elif loop.time() - answered_at > SILENT_S:
                raise kafka.KafkaTimeoutError(f"no fetch was answered for {SILENT_S:.0f} s")
            fetched = await self._consumer.getmany(self._partition, timeout_ms=POLL_MS, max_records=SLICE)
            for record in fetched.get(self._partition, ()):
                if record.offset < stop and self._is_own(record):
                    yield record
            await asyncio.sleep(0)  # What was fetched already comes without a wait.


async def _holds(end: _PartitionEnd, value: bytes, depth: int, since: int) -> bool:
    """Tell whether a message is at the end or, where others have written more since, behind an offset."""
    first, stop = await end.bounds()
    start = max(first, stop - depth - OTHERS_DEPTH)
    ranges = [(start, stop)]
    if since >= 0:
        ranges.append((max(first, since + 1), min(start, since + 1 + MARK_DEPTH)))
    for begin, until in ranges:
        async with aclosing(end.read_own(begin, until)) as records:
            async for record in records:
                if record.value == value:
                    return True
    return False


async def _search(
    end: _PartitionEnd, wanted: Mapping[str, int], mark: int | None, until_s: float
) -> dict[str, int]:
    """Look for symbols from the end backwards, and where they are not found behind the mark."""
    first, last = await end.bounds()
    found, start = await _search_backwards(end, first, last, wanted, until_s)
    missing = {symbol: seq for symbol, seq in wanted.items() if symbol not in found}
    if missing and mark is not None and first < start and mark < start:
        begin, stop = max(first, mark - MARK_MARGIN), min(start, mark + MARK_DEPTH)
        found |= await _last_in(end, begin, stop, missing)
    # A batch of a bridge that was killed a moment ago may have arrived meanwhile. Once: others may go on.
    if (now_last := await end.stop()) > last:
        found |= await _last_in(end, last, now_last, wanted)
    return found


async def _search_backwards(
    end: _PartitionEnd, first: int, last: int, wanted: Mapping[str, int], until_s: float
) -> tuple[dict[str, int], int]:
    """Read windows until every symbol is found or looked for deep enough; tells also how far that was."""
    found: dict[str, int] = {}
    stop, window, loop = last, FIRST_WINDOW, asyncio.get_running_loop()
    while stop > (bound := max(first, last - _depth(wanted, found, hurried=loop.time() > until_s))):
        start = max(bound, stop - window)
        found = await _last_in(end, start, stop, wanted) | found
        stop, window = start, min(window * WINDOW_GROWTH, WINDOW_MAX)
    if stop > max(first, last - _depth(wanted, found, hurried=False)):
        missing = [symbol for symbol, seq in wanted.items() if symbol not in found and not seq]
        end.tell_ended_early(missing, last - stop)
    return found, stop


def _depth(wanted: Mapping[str, int], found: Mapping[str, int], *, hurried: bool) -> int:
    """Return how far from the end the missing symbols are looked for, 0 when there are none."""
    missing = [seq for symbol, seq in wanted.items() if symbol not in found]
    return max((KNOWN_DEPTH if seq or hurried else UNKNOWN_DEPTH for seq in missing), default=0)


async def _last_in(end: _PartitionEnd, start: int, stop: int, wanted: Mapping[str, int]) -> dict[str, int]:
    found: dict[str, int] = {}
    async for record in end.read_own(start, stop):
        sequence = decode_sequence(record.value)
        if sequence and sequence[0] in wanted:
            found[sequence[0]] = sequence[1]
    return found
