"""The simulated Redpanda: one signal topic, its consumer group, and the client that the bridge reads it with.

`Topic` outlives the bridge. `SimulatedConsumer` offers what the real readers ask of AIOKafkaConsumer,
so offsets, redelivery, revocation and failed commits reach the real consumer code. Delivers at least once.
"""

import asyncio
import random
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from aiokafka import TopicPartition
from aiokafka import errors as kafka
from scripts.simulation.timeline import Timeline

if TYPE_CHECKING:
    from scripts.simulation.life import Life

SESSION_S = 6.0


@dataclass(frozen=True, slots=True)
class Record:
    """One message, with the attributes of aiokafka's ConsumerRecord that the bridge reads."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...] = ()


@dataclass(frozen=True, slots=True)
class OffsetAndTime:
    """What offsets_for_times finds."""

    offset: int
    timestamp: int


class Topic:
    """One partition and the group's place in it.

    Attributes:
        up: whether the broker answers.
        committed: the group's offset; None before the first commit.
        delivered: offsets that a client was given, each with the moment of the first time.
        skipped: offsets that were not committed when the group's place or the messages were lost.
        member: the client that the group has given the partition to.
    """

    def __init__(self, timeline: Timeline, draw: random.Random, name: str) -> None:
        self.timeline = timeline
        self.draw = draw
        self.name = name
        self.up = True
        self.records: list[Record] = []
        self.first = 0
        self.committed: int | None = None
        self.delivered: dict[int, float] = {}
        self.member: SimulatedConsumer | None = None
        self.member_until_s = 0.0
        self.commit_fails = 0.0
        self.deliveries = 0
        self.skipped: set[int] = set()
        self.clients: list[SimulatedConsumer] = []

    @property
    def end(self) -> int:
        """The offset that the next message gets."""
        return len(self.records)

    def append(self, value: bytes | None, utc_ms: int) -> int:
        """Take a message in; returns its offset."""
        offset = self.end
        self.records.append(Record(self.name, 0, offset, utc_ms, value))
        for client in self.clients:
            client.poke()
        return offset

    def forget_group(self) -> None:
        """Lose the group's offsets, as when its topic is damaged or its retention has passed."""
        self._skip()
        self.committed = None

    def rewind(self, offset: int) -> None:
        """Have the group read again from an offset, as an administrator may; never past what was not read."""
        self.committed = min(offset, self.committed or self.first)

    def trim(self, offset: int) -> None:
        """Drop the oldest messages."""
        self.first = max(self.first, offset)
        self._skip()

    def _skip(self) -> None:
        """Note what may now never be read: who takes messages away answers for them."""
        self.skipped.update(range(self.committed or 0, self.end))


class SimulatedConsumer:
    """A client of the group, or of none when it was told which partitions to read."""

    def __init__(self, **options: Any) -> None:
        self._life: Life = asyncio.get_running_loop().life  # type: ignore[attr-defined]
        self._topic = self._life.world.topic
        self._partition = TopicPartition(self._topic.name, 0)
        self._grouped = options.get("group_id") is not None
        self._assigned = False
        self._listener: Any = None
        self._position: int | None = None
        self._lost = False
        self._revoking = False
        self._stopped = False
        self._polled_ms: int | None = None
        self._woken: asyncio.Future[None] | None = None

    async def start(self) -> None:
        """Connect."""
        await self._round_trip()
        self._topic.clients.append(self)

    async def stop(self) -> None:
        """Leave the group."""
        self._stopped = True
        topic = self._topic
        if self in topic.clients:
            topic.clients.remove(self)
        if topic.member is self:
            topic.member = None
            topic.member_until_s = 0.0

    def subscribe(self, topics: Iterable[str], listener: Any) -> None:
        """Join the group at the next poll."""
        self._topics = set(topics)
        self._listener = listener

    def subscription(self) -> set[str]:
        """Return the topics."""
        return self._topics

    def assignment(self) -> set[TopicPartition]:
        """Return the partitions that the group has given this client."""
        return {self._partition} if self._reads else set()

    @property
    def _reads(self) -> bool:
        return self._assigned or self._topic.member is self

    def assign(self, partitions: Iterable[TopicPartition]) -> None:
        """Read these without a group."""
        del partitions
        self._assigned = True

    def partitions_for_topic(self, topic: str) -> set[int]:
        """Return the topic's partitions."""
        del topic
        return {0}

    async def committed(self, partition: TopicPartition) -> int | None:
        """Return the group's offset."""
        del partition
        await self._round_trip()
        committed: int | None = self._topic.committed
        return committed

    async def beginning_offsets(self, partitions: Iterable[TopicPartition]) -> dict[TopicPartition, int]:
        """Return the start of the log."""
        del partitions
        await self._round_trip()
        return {self._partition: self._topic.first}

    def last_poll_timestamp(self, partition: TopicPartition) -> int | None:
        """Return when a fetch was last answered."""
        del partition
        return self._polled_ms

    async def getmany(self, timeout_ms: int, max_records: int) -> dict[TopicPartition, list[Record]]:
        """Return what is there, or what comes within a while."""
        deadline_s = self._topic.timeline.now_s + timeout_ms / 1000
        while True:
            if not await self._join(deadline_s) or not self._topic.up:
                await self._wait(deadline_s)
                return {}
            found = self._fetch(max_records)
            self._polled_ms = round(self._topic.timeline.now_s * 1000)
            if found:
                await self._sleep(self._topic.draw.uniform(0.0005, 0.004))
                if not self._reads:
                    continue  # Revoked meanwhile: what was fetched is not handed on.
                self._hand_out(found)
                return {self._partition: found}
            if self._topic.timeline.now_s >= deadline_s:
                return {}
            await self._wait(deadline_s)

    def _hand_out(self, found: list[Record]) -> None:
        topic = self._topic
        for record in found:
            topic.deliveries += 1
            if self._grouped:
                topic.delivered.setdefault(record.offset, topic.timeline.now_s)
        self._position = found[-1].offset + 1

    def _fetch(self, most: int) -> list[Record]:
        topic = self._topic
        position = self._position
        if position is None:
            if topic.committed is None:
                raise kafka.NoOffsetForPartitionError(self._partition)
            position = self._position = topic.committed
        if position < topic.first or position > topic.end:
            raise kafka.OffsetOutOfRangeError({self._partition: position})
        found: list[Record] = topic.records[position : position + most]
        return found

    async def _join(self, deadline_s: float) -> bool:
        """Become the member, once nobody else is."""
        topic = self._topic
        if self._reads:
            return True
        if self._lost:
            self._lost = False
            await self._revoke()
        while topic.member is not None or topic.timeline.now_s < topic.member_until_s:
            if topic.timeline.now_s >= deadline_s:
                return False
            await self._wait(min(deadline_s, topic.timeline.now_s + 0.5))
        await self._sleep(topic.draw.uniform(0.01, 0.3))
        if topic.member is not None or not topic.up or self._stopped:
            return False
        topic.member = self
        self._position = None
        await self._listener.on_partitions_assigned({self._partition})
        return True

    def lose(self) -> None:
        """Have the group take the partition away for a while."""
        self._lost = True
        topic = self._topic
        topic.member = None
        topic.member_until_s = topic.timeline.now_s + topic.draw.uniform(0.2, 5.0)
        self.poke()

    async def _revoke(self) -> None:
        await self._listener.on_partitions_revoked({self._partition})

    def seek(self, partition: TopicPartition, offset: int) -> None:
        """Go to an offset."""
        del partition
        self._position = offset
        if self._grouped:
            # The reader finds its place gone and goes on from the present, as it is meant to.
            self._topic.skipped.update(range(self._topic.committed or 0, offset))

    async def offsets_for_times(self, times: dict[TopicPartition, int]) -> dict[TopicPartition, Any]:
        """Return the first message at or after a time."""
        await self._round_trip()
        topic = self._topic
        wanted = next(iter(times.values()))
        found = next((record for record in topic.records[topic.first :] if record.timestamp >= wanted), None)
        return {self._partition: OffsetAndTime(found.offset, found.timestamp) if found else None}

    async def end_offsets(self, partitions: Iterable[TopicPartition]) -> dict[TopicPartition, int]:
        """Return the end of the log."""
        del partitions
        await self._round_trip()
        return {self._partition: self._topic.end}

    async def commit(self, offsets: dict[TopicPartition, int]) -> None:
        """Commit; it may fail though the broker has it, and have it though it failed."""
        topic, offset = self._topic, next(iter(offsets.values()))
        await self._sleep(topic.draw.uniform(0.0005, 0.01))
        fails = topic.draw.random() < topic.commit_fails
        if topic.member is not self:
            raise kafka.CommitFailedError()
        if not topic.up:
            raise kafka.KafkaConnectionError("no broker")
        if not fails or topic.draw.random() < 0.5:
            topic.committed = offset
            self._life.world.trace("log", f"offset {offset} committed")
        if fails:
            raise kafka.RequestTimedOutError()

    def poke(self) -> None:
        """Tell that something may have changed."""
        if self._woken is not None and not self._woken.done() and not self._life.dead:
            self._woken.set_result(None)

    async def _round_trip(self) -> None:
        await self._sleep(self._topic.draw.uniform(0.001, 0.01))
        if not self._topic.up:
            raise kafka.KafkaConnectionError("no broker")

    async def _sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    async def _wait(self, until_s: float) -> None:
        """Wait for a poke, at most until a moment."""
        loop = asyncio.get_running_loop()
        self._woken = loop.create_future()
        timer = loop.call_at(until_s, self.poke)
        try:
            await self._woken
        finally:
            timer.cancel()
            self._woken = None


class NobodyBefore:
    """Stand in for streams.former_member.FormerMember where nothing was kept: the session must run out."""

    def __init__(self, *_: object) -> None:
        pass

    def note(self, consumer: SimulatedConsumer) -> None:
        """Keep nothing."""

    async def leave(self) -> None:
        """Leave nothing."""


async def create_topic(*_: object) -> int:
    """Stand in for streams.topics.create_topic; returns the number of partitions."""
    life: Life = asyncio.get_running_loop().life  # type: ignore[attr-defined]
    await asyncio.sleep(0.005)
    if not life.world.topic.up:
        raise kafka.KafkaConnectionError("no broker")
    return 1


async def close_client(client: SimulatedConsumer) -> None:
    """Stand in for streams.clients.close_client."""
    await client.stop()


async def probe(*_: object) -> bool:
    """Stand in for streams.diagnosis.causes.probe: whether the broker answers."""
    life: Life = asyncio.get_running_loop().life  # type: ignore[attr-defined]
    await asyncio.sleep(0.01)
    return life.world.topic.up


async def explain(*arguments: object) -> str:
    """Stand in for streams.diagnosis.causes.explain."""
    return repr(arguments[-1])
