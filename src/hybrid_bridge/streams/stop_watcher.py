"""Emergency stops on Redpanda, seen at once: a second reader of the signal topic, which nothing holds up.

The signal consumer reads in order and waits: until its group has formed, until the group has settled anew,
until the inbox has room. This reader belongs to no group and commits nothing; it looks at every message, and
hands on the emergency stops and nothing else. The same stop comes once more through the signal consumer:
`obeyed` names those that are settled, and the engine knows by its source one that comes again after a crash.

Owns where it reads from: at first from what the signal consumer has committed, so that a stop which came
while no bridge ran is found before the group has formed; afterwards from where it stopped. The app runs
`run()`.
"""

import asyncio
from collections.abc import Callable
from functools import partial

import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka import errors as kafka

from hybrid_bridge.core.orders import Source
from hybrid_bridge.ports import Clock, Inbox
from hybrid_bridge.settings import StreamSettings
from hybrid_bridge.streams.clients import TROUBLE, close_client, connection_options
from hybrid_bridge.streams.headers import is_stop_elsewhere
from hybrid_bridge.streams.reader import Reader, Stalled
from hybrid_bridge.streams.records import find_stop
from hybrid_bridge.streams.topics import PartitionWatch, create_topic
from hybrid_bridge.streams.watchdog import Watchdog

FETCH_WAIT_MS = 500  # A real broker answers as a message comes; the embedded one after this long.
POLL_MS = 500
RECORDS_PER_POLL = 500  # A few milliseconds of the loop's time.
START_TIMEOUT_S = 15.0
CALL_TIMEOUT_S = 5.0  # Asking for offsets; a healthy broker takes milliseconds.
BACKLOG_MAX = 200_000  # Records looked through at the start: seconds. An older stop comes with the signals.
REPLACED_LOOKBACK_MS = 60_000  # Of a topic whose end lies before what was read: made anew, or cut short.
OBEYED_KEPT = 1_000

log = structlog.get_logger(__name__)


class ObeyedStops:
    """The sources of the stops that were handed on and are settled, the latest OBEYED_KEPT of them."""

    def __init__(self) -> None:
        self._sources: dict[Source, None] = {}

    def __contains__(self, source: object) -> bool:
        """Return whether a stop from this source needs no second delivery."""
        return source in self._sources

    def add(self, source: Source) -> None:
        """Note that a stop is settled; one whose record has no time cannot be told from another."""
        if source.record_msc <= 0:
            return
        self._sources[source] = None
        if len(self._sources) > OBEYED_KEPT:
            del self._sources[next(iter(self._sources))]


class StopWatcher(Reader):
    """Looks for emergency stops on Redpanda that are for this account or for all.

    Attributes:
        obeyed: the stops that are settled.
        found: stops handed on, repetitions included.
        elsewhere: messages passed over because they are for another account beyond doubt.
    """

    def __init__(
        self,
        settings: StreamSettings,
        inbox: Inbox,
        clock: Clock,
        *,
        stall_timeout_s: float = 8.0,
        standstills: Callable[[], int] = lambda: 0,
    ) -> None:
        """Prepare to watch; nothing is connected before `run`.

        Args:
            stall_timeout_s: the client is rebuilt after this long without an answer to a fetch.
            standstills: as in Reader.
        """
        super().__init__("redpanda stops", settings, clock, standstills)
        self.obeyed = ObeyedStops()
        self.found = 0
        self.elsewhere = 0
        self._inbox = inbox
        self._stall_timeout_s = stall_timeout_s
        self._watch_topic = PartitionWatch(
            settings.signal_topic, settings.signal_plan, "REDPANDA_SIGNAL_PARTITIONS"
        )
        self._next: dict[TopicPartition, int] = {}  # the offset to go on with

    async def _session(self) -> None:
        """Watch with one client until something fails, or the topic has more partitions than before."""
        topic = self._settings.signal_topic
        consumer = self._new_consumer(None)
        try:
            async with asyncio.timeout(START_TIMEOUT_S):
                count = await create_topic(self._settings, topic, self._settings.signal_plan)
                self._watch_topic.note(count)
                await consumer.start()
                partitions = [TopicPartition(topic, number) for number in range(count)]
                consumer.assign(partitions)
                await self._choose_offsets(consumer, partitions)
            for partition in partitions:
                consumer.seek(partition, self._next[partition])
            await self._watch(consumer, partitions)
        finally:
            await close_client(consumer)

    def _new_consumer(self, group: str | None) -> AIOKafkaConsumer:
        return AIOKafkaConsumer(
            **connection_options(self._settings),
            group_id=group,
            enable_auto_commit=False,
            auto_offset_reset="none",
            fetch_max_wait_ms=FETCH_WAIT_MS,
        )

    async def _choose_offsets(self, consumer: AIOKafkaConsumer, partitions: list[TopicPartition]) -> None:
        """Choose where to begin in partitions that were not read before."""
        fresh = [partition for partition in partitions if partition not in self._next]
        if self._next:
            self._next.update(dict.fromkeys(fresh, 0))  # Added while the bridge runs, so all in them is new.
            return
        first = await consumer.beginning_offsets(fresh)
        end = await consumer.end_offsets(fresh)
        committed = await self._ask_committed(fresh)
        for partition in fresh:
            settled = committed.get(partition, end[partition])
            oldest = max(first[partition], end[partition] - BACKLOG_MAX)
            self._next[partition] = min(max(settled, oldest), end[partition])
        log.info(
            "Watching for emergency stops",
            topic=self._settings.signal_topic,
            backlog=sum(end[partition] - self._next[partition] for partition in fresh),
        )

    async def _ask_committed(self, partitions: list[TopicPartition]) -> dict[TopicPartition, int]:
        """Return what the signal consumer has committed; it is no hindrance when that cannot be known."""
        asking = self._new_consumer(self._settings.group_id)
        try:
            async with asyncio.timeout(CALL_TIMEOUT_S):
                await asking.start()
                offsets = {partition: await asking.committed(partition) for partition in partitions}
        except TROUBLE as error:
            log.info("Watching for emergency stops from now on only", cause=type(error).__name__)
            return {}
        finally:
            await close_client(asking)
        return {partition: offset for partition, offset in offsets.items() if offset is not None}

    async def _watch(self, consumer: AIOKafkaConsumer, partitions: list[TopicPartition]) -> None:
        watchdog, assigned = Watchdog(self._clock), set(partitions)
        while len(consumer.partitions_for_topic(self._settings.signal_topic) or ()) <= len(partitions):
            fetched = await self._fetch(consumer)
            if watchdog.saw_answer(consumer, assigned, bool(fetched)):
                self._note_answer()
            elif watchdog.silent_s > self._stall_timeout_s:
                raise Stalled(f"no fetch was answered for {watchdog.silent_s:.0f} s")
            for partition, records in fetched.items():
                await self._look_through(partition, records)
            self._refuse_old_client()  # Not before: no stop is too old to be obeyed.
            await asyncio.sleep(0)  # A backlog is at hand without a wait; the rest has its turn all the same.

    async def _fetch(self, consumer: AIOKafkaConsumer) -> dict[TopicPartition, list[ConsumerRecord]]:
        try:
            fetched: dict[TopicPartition, list[ConsumerRecord]] = await consumer.getmany(
                timeout_ms=POLL_MS, max_records=RECORDS_PER_POLL
            )
        except kafka.OffsetOutOfRangeError as error:
            for partition in error.args[0]:
                await self._go_on_in_range(consumer, partition)
            return {}
        return fetched

    async def _go_on_in_range(self, consumer: AIOKafkaConsumer, partition: TopicPartition) -> None:
        """Go on where something can be read again; what is long past is not obeyed anew."""
        since_msc = self._clock.utc_msc() - REPLACED_LOOKBACK_MS
        async with asyncio.timeout(CALL_TIMEOUT_S):
            first = (await consumer.beginning_offsets([partition]))[partition]
            found = (await consumer.offsets_for_times({partition: since_msc}))[partition]
            end = (await consumer.end_offsets([partition]))[partition]
        recent = end if found is None else found.offset
        # Fallen behind the retention: all that is left is unread. Else the end has gone back.
        offset = first if self._next[partition] < first else recent
        log.info(
            "Watching for emergency stops from another offset", partition=partition.partition, offset=offset
        )
        self._next[partition] = offset
        consumer.seek(partition, offset)

    async def _look_through(self, partition: TopicPartition, records: list[ConsumerRecord]) -> None:
        for record in records:
            if is_stop_elsewhere(record.headers, self._settings):
                self.elsewhere += 1
            elif (stop := find_stop(record, self._clock.utc_msc())) is not None:
                self.found += 1
                await self._inbox.put(stop, partial(self.obeyed.add, stop.source))
            self._next[partition] = record.offset + 1
