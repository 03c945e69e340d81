"""Writing record batches to one topic: each once, in order, through broken connections and broker restarts.

Owns the connection, the producer id and the batches that the broker may or may not have. aiokafka's own
producer keeps retrying behind the caller's back, cannot be stopped while its broker hangs (#1101), never
asks the bootstrap servers again (#456), and forgets with its client which batches were in doubt. Here
producer id, sequence numbers and batches outlive the connection. A batch in doubt is looked for at the
topic's end and, if it is not there, sent again unchanged: should it arrive twice after all, the broker
drops the second (KIP-98). One batch per partition is in flight. Nothing runs in the background between
two calls.

Must not know what the records mean. Used by the tick and the event publisher, one producer each.
"""

import asyncio
import random
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import NamedTuple

from aiokafka import TopicPartition
from aiokafka import errors as kafka
from aiokafka.client import AIOKafkaClient
from aiokafka.protocol.produce import ProduceRequest
from aiokafka.protocol.transaction import InitProducerIdRequest
from aiokafka.record.default_records import DefaultRecordBatchBuilder

from hybrid_bridge.errors import ChannelError
from hybrid_bridge.ports import Clock
from hybrid_bridge.settings import StreamSettings, TopicPlan
from hybrid_bridge.streams.channel_state import ChannelState
from hybrid_bridge.streams.clients import (
    REQUEST_TIMEOUT_S,
    TROUBLE,
    close_client,
    connection_options,
    log_failure,
    own_cancellation_only,
)
from hybrid_bridge.streams.diagnosis.causes import explain
from hybrid_bridge.streams.headers import own_headers
from hybrid_bridge.streams.tail import find_written
from hybrid_bridge.streams.topics import require_topic

BATCH_BYTES_MAX = 262_144  # A quarter of what Kafka and Redpanda accept by default.
BACKOFF_FIRST_S = 0.1
BACKOFF_MAX_S = 2.0
MAGIC = 2  # The record format since Kafka 0.11.
ACKS_ALL = -1
CODECS = {"none": 0, "gzip": 1, "lz4": 3, "zstd": 4}  # As a record batch names them.
SEQUENCE_END = 2**31  # Sequence numbers are signed 32-bit and go on at 0.

# The broker no longer knows this producer: after an idle day, or because the topic was made anew.
_SEQUENCE_LOST = (kafka.OutOfOrderSequenceNumber, kafka.UnknownProducerId, kafka.InvalidProducerEpoch)
# Trying the same bytes again on another connection cannot help.
_HOPELESS = (
    kafka.TopicAuthorizationFailedError,
    kafka.ClusterAuthorizationFailedError,
    kafka.MessageSizeTooLargeError,
    kafka.RecordListTooLargeError,
    kafka.InvalidTopicError,
    kafka.InvalidTimestampError,
)


class Record(NamedTuple):
    """One message.

    Attributes:
        time_msc: the record's timestamp, UTC milliseconds.
        mark: the caller's own number for it, handed back with the acknowledgement.
        headers: besides those of every record.
    """

    key: bytes
    value: bytes
    time_msc: int
    mark: int
    headers: tuple[tuple[str, bytes], ...] = ()


@dataclass(slots=True)
class _Batch:
    """Records that the broker must confirm; `sent` once it may have them."""

    partition: int
    records: list[Record]
    payload: bytes = b""
    sent: bool = False


class BatchProducer:
    """The one writer of a topic in this process.

    Attributes:
        sent: records put into batches, each counted once however often its batch is sent.
        acknowledged: records the broker has confirmed.
        batches: batches the broker has confirmed.
        bytes_sent: size of those batches.
        connections: connections made.
        offsets: by partition, where the last batch stands that was written there.
    """

    def __init__(
        self,
        settings: StreamSettings,
        topic: str,
        plan: TopicPlan,
        state: ChannelState,
        clock: Clock,
        on_acknowledged: Callable[[Sequence[Record]], None],
    ) -> None:
        """Prepare to write; nothing is connected before the first call.

        Args:
            plan: of the topic if it has to be created.
            on_acknowledged: called with the records of each batch that the broker has confirmed.
        """
        self.sent = 0
        self.acknowledged = 0
        self.batches = 0
        self.bytes_sent = 0
        self.connections = 0
        self.offsets: dict[int, int] = {}
        self._settings = settings
        self._topic = topic
        self._plan = plan
        self._state = state
        self._clock = clock
        self._on_acknowledged = on_acknowledged
        self._headers = list(own_headers(settings.account))
        self._client: AIOKafkaClient | None = None
        self._partitions = 0
        self._producer_id: tuple[int, int] | None = None
        self._sequences: dict[int, int] = {}
        self._sequences_of = (-1, -1)
        self._in_doubt: dict[int, _Batch] = {}
        self._cause = ""

    @asynccontextmanager
    async def deadline(self, seconds: float) -> AsyncIterator[None]:
        """Bound everything done inside.

        Raises:
            ChannelError: when it takes longer; says what the last attempt failed at.
        """
        self._cause = ""
        try:
            async with asyncio.timeout(seconds):
                yield
        except TimeoutError as error:
            cause = self._cause or f"no answer from {self._settings.bootstrap_servers}"
            self._state.down(cause)
            await self.close()
            raise ChannelError(f"{self._topic}: not done within {seconds:g} s: {cause}") from error

    async def partition_count(self) -> int:
        """Return how many partitions the topic has, connecting first if need be; tries until it is known."""
        await self._repeat_until_done(self._connected)
        return self._partitions

    def note_answer(self) -> None:
        """Note that the channel is up, unless a batch has still to show whether the broker takes it."""
        if not self._in_doubt:
            self._state.up()

    async def write(self, queues: Mapping[int, deque[Record]]) -> None:
        """Return once the broker has every record given, and what earlier calls left in doubt.

        Args:
            queues: records by partition, in order; emptied as they are put into batches.
        Raises:
            ChannelError: when trying again is of no use; what is in doubt is sent again by the next call.
        """
        while self._in_doubt or any(queues.values()):
            await self._repeat_until_done(lambda: self._write_round(queues))

    async def close(self) -> None:
        """Close the connection in bounded time; a later call connects again."""
        client, self._client = self._client, None
        if client is not None:
            await close_client(client)

    async def _repeat_until_done(self, attempt: Callable[[], Awaitable[object]]) -> None:
        backoff_s = BACKOFF_FIRST_S
        while True:
            try:
                with own_cancellation_only():
                    await attempt()
            except TROUBLE as error:
                await self._recover_from(error, backoff_s)
                backoff_s = min(backoff_s * 2, BACKOFF_MAX_S)
            else:
                return

    async def _write_round(self, queues: Mapping[int, deque[Record]]) -> None:
        client = await self._connected()
        self._give_up_lost_partitions()
        await self._look_for_sent_batches()
        if self._producer_id is None:
            self._producer_id = await _new_producer_id(client)
        self._fill(queues, *self._producer_id)
        await self._exchange(client)
        self.note_answer()

    async def _recover_from(self, error: BaseException, backoff_s: float) -> None:
        """Drop the connection, name the cause and wait; raise where trying again is of no use."""
        log_failure(self._state.name, error)
        await self.close()
        if isinstance(error, _SEQUENCE_LOST):
            self._producer_id = None
            return
        if backoff_s > BACKOFF_FIRST_S or not _is_passing(error):
            self._cause = await explain(self._settings, self._topic, error)
            self._state.down(self._cause)
        if isinstance(error, _HOPELESS):
            raise ChannelError(f"{self._topic}: {self._cause}") from error
        await self._clock.sleep(backoff_s * random.uniform(0.5, 1.0))  # noqa: S311  Not a secret.

    def _give_up_lost_partitions(self) -> None:
        """Forget batches of partitions that the topic no longer has; the caller then asks what it holds."""
        lost = [number for number in self._in_doubt if number >= self._partitions]
        for number in lost:
            del self._in_doubt[number]
        if lost:
            raise ChannelError(f"{self._topic} was made anew with fewer partitions; its end is not known")

    async def _look_for_sent_batches(self) -> None:
        """Confirm batches that an earlier connection carried to the topic before it broke.

        The broker drops a batch that it has, but only as long as it remembers the producer.
        """
        sent = {batch.partition: batch for batch in self._in_doubt.values() if batch.sent}
        if not sent:
            return
        wanted = {number: (batch.records[-1].value, len(batch.records)) for number, batch in sent.items()}
        for partition in await find_written(self._settings, self._topic, wanted, self.offsets):
            self._confirm(self._in_doubt.pop(partition))

    async def _connected(self) -> AIOKafkaClient:
        """Return a client that knows the topic's partitions."""
        if self._client is not None:
            return self._client
        self._state.connecting()
        client = AIOKafkaClient(**connection_options(self._settings))
        try:
            await client.bootstrap()
            self._partitions = await require_topic(client, self._topic, self._plan)
        except BaseException:
            await close_client(client)
            raise
        self._client = client
        self.connections += 1
        return client

    def _fill(self, queues: Mapping[int, deque[Record]], producer_id: int, epoch: int) -> None:
        """Have one batch for each partition that has records waiting or in doubt."""
        if (producer_id, epoch) != self._sequences_of:
            self._sequences_of = (producer_id, epoch)
            self._sequences.clear()
            for batch in self._in_doubt.values():
                self._build(batch, deque(batch.records))
        for partition, queue in queues.items():
            if queue and partition not in self._in_doubt:
                self._in_doubt[partition] = batch = _Batch(partition, [])
                self._build(batch, queue)
                self.sent += len(batch.records)

    def _build(self, batch: _Batch, queue: deque[Record]) -> None:
        """Move as many records as fit from the queue into the batch."""
        first = self._sequences.get(batch.partition, 0)
        producer_id, epoch = self._sequences_of
        builder = DefaultRecordBatchBuilder(
            MAGIC,
            CODECS[self._settings.compression],
            is_transactional=0,
            producer_id=producer_id,
            producer_epoch=epoch,
            base_sequence=first,
            batch_size=BATCH_BYTES_MAX,
        )
        records: list[Record] = []
        while queue:
            key, value, time_msc, _, further = queue[0]
            headers = [*self._headers, *further] if further else self._headers
            if builder.append(len(records), time_msc, key=key, value=value, headers=headers) is None:
                break
            records.append(queue.popleft())
        batch.records, batch.payload = records, bytes(builder.build())
        self._sequences[batch.partition] = (first + len(records)) % SEQUENCE_END

    async def _exchange(self, client: AIOKafkaClient) -> None:
        """Send every batch in doubt once and keep those in doubt that the broker did not confirm."""
        results = await asyncio.gather(
            *(self._send(client, leader, batches) for leader, batches in self._by_leader(client).items()),
            return_exceptions=True,
        )
        for result in results:
            if result is not None:
                raise result

    def _by_leader(self, client: AIOKafkaClient) -> dict[int, list[_Batch]]:
        by_leader: dict[int, list[_Batch]] = {}
        for batch in self._in_doubt.values():
            leader = client.cluster.leader_for_partition(TopicPartition(self._topic, batch.partition))
            if leader is None or leader == -1:  # None: the topic is gone for now, or for good.
                raise kafka.LeaderNotAvailableError
            by_leader.setdefault(leader, []).append(batch)
        return by_leader

    async def _send(self, client: AIOKafkaClient, leader: int, batches: list[_Batch]) -> None:
        payloads = [(batch.partition, batch.payload) for batch in batches]
        request = ProduceRequest(
            required_acks=ACKS_ALL,
            timeout=int(REQUEST_TIMEOUT_S * 1000),
            topics=[(self._topic, payloads)],
            transactional_id=None,
        )
        for batch in batches:
            batch.sent = True
        response = await client.send(leader, request)
        failed: type[kafka.KafkaError] | None = None
        for _, answers in response.topics:
            for partition, code, offset, *_ in answers:
                error = kafka.for_code(code)
                if error in (kafka.NoError, kafka.DuplicateSequenceNumber):
                    if offset >= 0:  # A batch that was there already may be confirmed without its place.
                        self.offsets[partition] = offset
                    self._confirm(self._in_doubt.pop(partition))
                else:
                    failed = error
        if failed is not None:
            raise failed

    def _confirm(self, batch: _Batch) -> None:
        self.acknowledged += len(batch.records)
        self.batches += 1
        self.bytes_sent += len(batch.payload)
        self._on_acknowledged(batch.records)


def _is_passing(error: BaseException) -> bool:
    """Tell whether the broker itself asks for a moment, as after its start or when a leader moves."""
    return isinstance(error, kafka.BrokerResponseError) and bool(error.retriable)


class BatchWriter:
    """What every channel with a producer of its own shows of it, and how it ends."""

    _producer: BatchProducer

    @property
    def published(self) -> int:
        """Records put into batches, each counted once however often its batch is sent."""
        return self._producer.sent

    @property
    def acknowledged(self) -> int:
        """Records that the broker has confirmed."""
        return self._producer.acknowledged

    @property
    def batches(self) -> int:
        """Batches that the broker has confirmed."""
        return self._producer.batches

    @property
    def bytes_sent(self) -> int:
        """Bytes of those batches."""
        return self._producer.bytes_sent

    async def close(self) -> None:
        """Close the connection in bounded time."""
        await self._producer.close()


async def _new_producer_id(client: AIOKafkaClient) -> tuple[int, int]:
    response = await client.send(client.get_random_node(), InitProducerIdRequest(None, -1))
    error = kafka.for_code(response.error_code)
    if error is not kafka.NoError:
        raise error
    return response.producer_id, response.producer_epoch
