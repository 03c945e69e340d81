"""Signals in: the signal topic read in a consumer group, decoded, handed to the inbox, committed once
settled.

Owns when offsets are committed, where reading starts, and whose messages are passed over. Commits are
explicit and never pass a message that is not settled; a commit that fails costs a second delivery, which the
journal drops. Must not judge a message beyond its form. The app runs `run()`; it returns only by
cancellation.
"""

import asyncio
from collections.abc import Callable, Container, Iterable
from functools import partial

import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, ConsumerRecord, TopicPartition
from aiokafka import errors as kafka

from hybrid_bridge.core.inputs import EmergencyStopRequested, MalformedReceived
from hybrid_bridge.core.orders import Source
from hybrid_bridge.ports import Clock, Inbox
from hybrid_bridge.settings import StreamSettings
from hybrid_bridge.streams.clients import (
    TROUBLE,
    close_client,
    connection_options,
    own_cancellation_only,
)
from hybrid_bridge.streams.diagnosis.causes import probe
from hybrid_bridge.streams.former_member import FormerMember
from hybrid_bridge.streams.headers import account_of, is_elsewhere, is_stop_elsewhere
from hybrid_bridge.streams.offsets import OffsetLedger
from hybrid_bridge.streams.reader import Reader, Stalled
from hybrid_bridge.streams.records import decode_record, find_stop
from hybrid_bridge.streams.topics import create_topic
from hybrid_bridge.streams.watchdog import Watchdog

REQUEST_TIMEOUT_S = (
    12.0  # Joining a group is answered only when all members have joined, or their session is over.
)
SESSION_TIMEOUT_MS = (
    6_000  # The least that Kafka and Redpanda permit by default; a dead client of others blocks that long.
)
HEARTBEAT_MS = 1_500
FETCH_WAIT_MS = 500
POLL_MS = 500
FETCH_PATIENCE_S = 2.0  # A poll takes longer only while the group forms.
RECORDS_PER_POLL = 100
UNSETTLED_MAX = 5_000  # Messages read and not settled; more are not read.
COMMIT_INTERVAL_S = 0.5
COMMIT_TIMEOUT_S = 3.0
LAST_COMMIT_TIMEOUT_S = 1.0
START_TIMEOUT_S = 15.0

log = structlog.get_logger(__name__)


class KafkaSignalConsumer(Reader):
    """Reads signals and commands from Redpanda.

    Attributes:
        received: messages read, repetitions included.
        malformed: of those, the ones that do not follow the contract.
        elsewhere: of those, the ones for another account: passed over, and committed like the rest.
        commits: commits that the broker confirmed.
    """

    def __init__(
        self,
        settings: StreamSettings,
        inbox: Inbox,
        clock: Clock,
        *,
        obeyed: Container[Source] = (),
        stall_timeout_s: float = 8.0,
        join_timeout_s: float = 20.0,
        standstills: Callable[[], int] = lambda: 0,
    ) -> None:
        """Prepare to read; nothing is connected before `run`.

        Args:
            obeyed: the emergency stops that were obeyed already, so that they are not handed on again.
            stall_timeout_s: the client is rebuilt after this long without an answer to a fetch.
            join_timeout_s: the same for joining the group of a broker that answers.
            standstills: as in Reader.
        """
        super().__init__("redpanda signals", settings, clock, standstills)
        self.received = 0
        self.malformed = 0
        self.elsewhere = 0
        self.commits = 0
        self._inbox = inbox
        self._obeyed = obeyed
        self._stall_timeout_s = stall_timeout_s
        self._join_timeout_s = join_timeout_s
        self._ledger = OffsetLedger()
        self._former = FormerMember(settings, clock)
        self._room = asyncio.Event()

    async def _session(self) -> None:
        """Read with one client until something fails."""
        self._ledger = OffsetLedger()
        consumer = self._new_consumer()
        try:
            async with asyncio.timeout(START_TIMEOUT_S):
                await create_topic(self._settings, self._settings.signal_topic, self._settings.signal_plan)
                await consumer.start()
                await self._former.leave()
            membership = _Membership(self, consumer)
            consumer.subscribe([self._settings.signal_topic], listener=membership)
            await self._read_and_commit(consumer, membership)
        finally:
            await self._commit(consumer, LAST_COMMIT_TIMEOUT_S)
            await close_client(consumer)

    def _new_consumer(self) -> AIOKafkaConsumer:
        return AIOKafkaConsumer(
            **connection_options(self._settings, REQUEST_TIMEOUT_S),
            group_id=self._settings.group_id,
            enable_auto_commit=False,
            isolation_level="read_committed",  # A message of a transaction that was aborted was never sent.
            auto_offset_reset="none",
            session_timeout_ms=SESSION_TIMEOUT_MS,
            heartbeat_interval_ms=HEARTBEAT_MS,
            fetch_max_wait_ms=FETCH_WAIT_MS,
        )

    async def _read_and_commit(self, consumer: AIOKafkaConsumer, membership: "_Membership") -> None:
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._commit_regularly(consumer))
                tasks.create_task(self._read(consumer, membership))
        except BaseExceptionGroup as group:
            raise group.exceptions[0] from group

    async def _read(self, consumer: AIOKafkaConsumer, membership: "_Membership") -> None:
        watchdog = Watchdog(self._clock)
        while True:
            fetched = await self._fetch(consumer)
            self._refuse_old_client()  # Nothing is settled of what it has fetched: it comes again.
            if watchdog.saw_answer(consumer, membership.joined, bool(fetched)):
                self._note_answer()
            else:
                await self._check_silence(watchdog.silent_s, joining=membership.joined is None)
            if fetched:
                await self._hand_on(
                    membership, [record for records in fetched.values() for record in records]
                )
                watchdog.rest()
                await asyncio.sleep(0)  # What was fetched already comes without a wait, and may be a flood.

    async def _check_silence(self, silent_s: float, *, joining: bool) -> None:
        """Raise Stalled when the client should have had an answer by now."""
        if silent_s <= self._stall_timeout_s:
            return
        # A group may take its time to form, but only around a broker that answers.
        if not joining or silent_s > self._join_timeout_s or await probe(self._settings):
            what = "the consumer group did not form" if joining else "no fetch was answered"
            raise Stalled(f"{what} for {silent_s:.0f} s")

    async def _fetch(self, consumer: AIOKafkaConsumer) -> dict[TopicPartition, list[ConsumerRecord]]:
        """Wait for records for a moment, and choose where to start when there is no offset to start from."""
        try:
            with own_cancellation_only():
                async with asyncio.timeout(FETCH_PATIENCE_S):
                    fetched: dict[TopicPartition, list[ConsumerRecord]] = await consumer.getmany(
                        timeout_ms=POLL_MS, max_records=RECORDS_PER_POLL
                    )
        except TimeoutError:
            return {}  # The group is forming.
        except kafka.NoOffsetForPartitionError as error:
            await self._start_from_now(consumer, [error.args[0]])
            return {}
        except kafka.OffsetOutOfRangeError as error:
            await self._start_from_now(consumer, error.args[0])
            return {}
        return fetched

    async def _start_from_now(self, consumer: AIOKafkaConsumer, partitions: Iterable[TopicPartition]) -> None:
        """Skip what is too old to act on: start with the first message that may still be valid."""
        oldest_msc = self._clock.utc_msc() - int(self._settings.signal_max_age_s * 1000)
        for partition in partitions:
            with own_cancellation_only():
                found = (await consumer.offsets_for_times({partition: oldest_msc}))[partition]
                end = (await consumer.end_offsets([partition]))[partition]
            offset = end if found is None else found.offset
            consumer.seek(partition, offset)
            self._ledger.start(partition.partition, offset)
            log.info(
                "Reading signals from the present on",
                topic=partition.topic,
                partition=partition.partition,
                offset=offset,
                end=end,
            )

    async def _hand_on(self, membership: "_Membership", records: list[ConsumerRecord]) -> None:
        """Put messages into the inbox, as long as their partitions stay with this consumer."""
        revocations = membership.revocations
        for record in records:
            await self._wait_for_room()
            if membership.revocations != revocations:
                return  # They come again from the committed offset; counting them twice would skip some.
            self.received += 1
            self._ledger.read(record.partition, record.offset)
            settled = partial(self._settle, self._ledger, record.partition, record.offset)
            if is_elsewhere(record.headers, self._settings) and not self._stops_here(record):
                self._pass_over(record, settled)
            else:
                await self._hand_on_one(record, settled)

    def _stops_here(self, record: ConsumerRecord) -> bool:
        """Tell whether a record is an emergency stop that may be for this account."""
        if is_stop_elsewhere(record.headers, self._settings):
            return False
        return find_stop(record, self._clock.utc_msc()) is not None

    def _pass_over(self, record: ConsumerRecord, settled: Callable[[], None]) -> None:
        """Leave a message to the bridge of the account that it names."""
        self.elsewhere += 1
        if self.elsewhere == 1:
            log.info(
                "Signals for other accounts are passed over",
                topic=record.topic,
                account=account_of(record.headers),
                own_account=self._settings.login or self._settings.account,
            )
        settled()

    async def _hand_on_one(self, record: ConsumerRecord, settled: Callable[[], None]) -> None:
        item = decode_record(record, self._clock.utc_msc())
        if isinstance(item, MalformedReceived):
            self.malformed += 1
        if isinstance(item, EmergencyStopRequested) and item.source in self._obeyed:
            settled()
        else:
            await self._inbox.put(item, settled)

    def _settle(self, ledger: OffsetLedger, partition: int, offset: int) -> None:
        ledger.settle(partition, offset)
        self._room.set()

    async def _wait_for_room(self) -> None:
        while self._ledger.unsettled >= UNSETTLED_MAX:
            self._room.clear()
            await self._room.wait()

    async def _commit_regularly(self, consumer: AIOKafkaConsumer) -> None:
        while True:
            await self._clock.sleep(COMMIT_INTERVAL_S)
            self._former.note(consumer)
            await self._commit(consumer, COMMIT_TIMEOUT_S)

    async def _commit(self, consumer: AIOKafkaConsumer, timeout_s: float) -> None:
        """Commit what is settled; a failure is logged and costs a second delivery."""
        topic, assigned = self._settings.signal_topic, consumer.assignment()
        offsets = {
            partition: offset
            for partition, offset in self._ledger.committable().items()
            if TopicPartition(topic, partition) in assigned
        }
        if not offsets:
            return
        try:
            with own_cancellation_only():
                async with asyncio.timeout(timeout_s):
                    await consumer.commit(
                        {TopicPartition(topic, number): at for number, at in offsets.items()}
                    )
        except TROUBLE as error:
            log.info(
                "Offsets not committed, messages may come twice", topic=topic, cause=type(error).__name__
            )
        else:
            self._ledger.note_committed(offsets)
            self.commits += 1

    def note_joined(self, consumer: AIOKafkaConsumer) -> None:
        """Keep what the group knows this client by."""
        self._former.note(consumer)

    async def leave(self, consumer: AIOKafkaConsumer, partitions: set[TopicPartition]) -> None:
        """Commit and forget partitions that the group takes away."""
        await self._commit(consumer, COMMIT_TIMEOUT_S)
        self._ledger.revoke({partition.partition for partition in partitions})


class _Membership(ConsumerRebalanceListener):  # type: ignore[misc]  # aiokafka has no types.
    """What the group has assigned to this consumer.

    Attributes:
        joined: the partitions assigned; None until the group has decided.
        revocations: how often the group has taken partitions away.
    """

    def __init__(self, owner: KafkaSignalConsumer, consumer: AIOKafkaConsumer) -> None:
        self.joined: set[TopicPartition] | None = None
        self.revocations = 0
        self._owner = owner
        self._consumer = consumer

    async def on_partitions_revoked(self, revoked: set[TopicPartition]) -> None:
        """Commit what is settled before another consumer takes over."""
        self.joined = None
        self.revocations += 1
        if revoked:
            await self._owner.leave(self._consumer, revoked)

    async def on_partitions_assigned(self, assigned: set[TopicPartition]) -> None:
        """Note the group's decision."""
        self.joined = assigned
        self._owner.note_joined(self._consumer)
        if not assigned:
            log.warning(
                "No signals from Redpanda here: other consumers of the group have all partitions",
                topics=sorted(self._consumer.subscription()),
            )
