"""Whether the topics are there and what this client may do with them, asked without doing it.

Owns the questions: a request for a partition that cannot exist is refused by the access list before the
partition is looked for, and leaves nothing behind. Called by inspection.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, NamedTuple

from aiokafka import errors as kafka
from aiokafka.client import AIOKafkaClient
from aiokafka.protocol.fetch import FetchRequest
from aiokafka.protocol.group import HeartbeatRequest
from aiokafka.protocol.metadata import MetadataRequest
from aiokafka.protocol.produce import ProduceRequest
from aiokafka.protocol.transaction import InitProducerIdRequest
from aiokafka.record.default_records import DefaultRecordBatchBuilder

from hybrid_bridge.findings import Finding, Verdict, well, wrong
from hybrid_bridge.settings import StreamSettings, TopicPlan
from hybrid_bridge.streams.diagnosis.causes import who
from hybrid_bridge.streams.diagnosis.faults import fault
from hybrid_bridge.streams.topics import ask_to_create

NO_PARTITION = 2**31 - 1
NO_MEMBER = "hybrid-bridge-check"
ACKS_ALL = -1
MAGIC = 2
ANSWER_MS = 4_000
ASK_AGAIN_S = 0.2
PATIENCE_S = 10.0


class _Topic(NamedTuple):
    """One of the three topics.

    Attributes:
        setting: how the names of its settings begin.
        written: whether the bridge writes to it; it reads all three.
    """

    setting: str
    name: str
    plan: TopicPlan
    written: bool


class Permissions:
    """What the broker lets this client do."""

    def __init__(self, client: AIOKafkaClient, settings: StreamSettings) -> None:
        """Ask over a client that has bootstrapped."""
        self._client = client
        self._settings = settings
        self._who = who(settings)
        self._topics = (
            _Topic("REDPANDA_TICK", settings.tick_topic, settings.tick_plan, True),
            _Topic("REDPANDA_SIGNAL", settings.signal_topic, settings.signal_plan, False),
            _Topic("REDPANDA_EVENT", settings.event_topic, settings.event_plan, True),
        )

    async def findings(self) -> AsyncIterator[Finding]:
        """Yield what each question came to.

        Raises:
            KafkaError, OSError, TimeoutError: when the connection breaks.
        """
        for topic in self._topics:
            yield await self._look_at_topic(topic)
        for topic in self._topics:
            if topic.written:
                yield await self._ask("write", topic.name, self._write_nothing)
        yield await self._ask_idempotence()
        for topic in self._topics:
            yield await self._ask("read", topic.name, self._read_nothing)
        yield await self._ask_group()

    async def _look_at_topic(self, topic: _Topic) -> Finding:
        step = f"topic {topic.name}"
        code, partitions = await find_topic(self._client, topic.name)
        if code is kafka.UnknownTopicOrPartitionError:
            return await self._ask_creation(step, topic)
        if code is kafka.TopicAuthorizationFailedError:
            return wrong(step, fault("topic_forbidden", answered(code), topic=topic.name, **self._who))
        if any(partition[2] == -1 for partition in partitions):
            without = ", ".join(str(partition[1]) for partition in partitions if partition[2] == -1)
            return wrong(step, fault("no_leader", f"partitions {without}", topic=topic.name))
        if not partitions:  # Being made or deleted at this moment.
            return wrong(step, fault("no_leader", answered(code), topic=topic.name))
        count, asked = len(partitions), topic.plan.partitions
        seen = f"there, with {count} partition{'s' if count != 1 else ''}"
        if count == asked:
            return well(step, seen)
        setting = f"{topic.setting}_PARTITIONS={asked} is for a topic that the bridge makes itself"
        return Finding(step, Verdict.NOTE, f"{seen}; {setting}, one that exists keeps its own")

    async def _ask_creation(self, step: str, topic: _Topic) -> Finding:
        """Tell whether the bridge could make a topic, without making it."""
        try:
            error = await ask_to_create(self._client, topic.name, topic.plan.partitions, validate_only=True)
        except kafka.IncompatibleBrokerVersion:
            return Finding(
                step, Verdict.NOTE, "not there yet; whether it can be made, this broker cannot say"
            )
        if error in (kafka.NoError, kafka.TopicAlreadyExistsError):
            made = f"the bridge makes it when it starts ({topic.setting}_PARTITIONS={topic.plan.partitions})"
            return well(step, f"not there yet; {made}")
        return wrong(step, fault("topic_absent", answered(error), topic=topic.name, **self._who))

    async def _ask(
        self, verb: str, topic: str, attempt: Callable[[str], Awaitable[type[kafka.KafkaError]]]
    ) -> Finding:
        """Try what cannot succeed and see whether the access list or the missing partition stops it."""
        step, error = f"{verb} {topic}", await attempt(topic)
        if error is kafka.TopicAuthorizationFailedError:
            return wrong(step, fault(f"{verb}_forbidden", answered(error), topic=topic, **self._who))
        if error is kafka.UnknownTopicOrPartitionError:
            return well(step, "permitted")
        return Finding(step, Verdict.NOTE, f"not forbidden; {answered(error)}")

    async def _write_nothing(self, topic: str) -> type[kafka.KafkaError]:
        request = ProduceRequest(None, ACKS_ALL, ANSWER_MS, [(topic, [(NO_PARTITION, batch_of(b"", 0))])])
        response = await self._client.send(_any_node(self._client), request)
        return _error(response.topics[0][1][0][1])

    async def _read_nothing(self, topic: str) -> type[kafka.KafkaError]:
        request = FetchRequest(0, 0, 1, 0, [(topic, [(NO_PARTITION, 0, 1)])])
        response = await self._client.send(_any_node(self._client), request)
        return _error(response.topics[0][1][0][1])

    async def _ask_idempotence(self) -> Finding:
        step = "write each message once"
        error = await self._new_producer()
        if error is kafka.NoError:
            return well(step, "permitted")
        if error is kafka.ClusterAuthorizationFailedError:
            return wrong(step, fault("idempotent_forbidden", answered(error), **self._who))
        return Finding(step, Verdict.NOTE, f"not forbidden; {answered(error)}")

    async def _new_producer(self) -> type[kafka.KafkaError]:
        """Ask for a producer id, which is never used; a broker that has just started needs a moment."""
        deadline = time.monotonic() + PATIENCE_S
        while True:
            response = await self._client.send(_any_node(self._client), InitProducerIdRequest(None, -1))
            error: type[kafka.KafkaError] = kafka.for_code(response.error_code)
            if not error.retriable or time.monotonic() > deadline:
                return error
            await asyncio.sleep(ASK_AGAIN_S)

    async def _ask_group(self) -> Finding:
        """Tell whether the consumer group may be used, as a member that the group does not have."""
        group = self._settings.group_id
        step = f"group {group}"
        try:
            async with asyncio.timeout(PATIENCE_S):
                error = await self._knock(group)
        except TimeoutError:
            return wrong(step, fault("no_coordinator", f"none within {PATIENCE_S:g} s", group=group))
        if error is kafka.GroupAuthorizationFailedError:
            return wrong(step, fault("group_forbidden", answered(error), group=group, **self._who))
        # A broker that still reads its groups answers every heartbeat that it permits with NoError.
        if error in (kafka.UnknownMemberIdError, kafka.NoError):
            return well(step, "permitted")
        return Finding(step, Verdict.NOTE, f"not forbidden; {answered(error)}")

    async def _knock(self, group: str) -> type[kafka.KafkaError]:
        """Speak to the group as a member that it does not have; its broker may need a moment."""
        while True:
            try:
                coordinator = await self._client.coordinator_lookup(0, group)
                response = await self._client.send(coordinator, HeartbeatRequest(group, 1, NO_MEMBER))
                error = _error(response.error_code)
            except (kafka.GroupCoordinatorNotAvailableError, kafka.GroupAuthorizationFailedError) as refused:
                error = type(refused)
            if not error.retriable:
                return error
            await asyncio.sleep(ASK_AGAIN_S)


async def find_topic(client: AIOKafkaClient, topic: str) -> tuple[type[kafka.KafkaError], list[Any]]:
    """Return what the broker says of a topic, and its partitions: error, number, leader and more of each."""
    response = await client.send(_any_node(client), MetadataRequest([topic], False))
    code, *_, partitions = response.topics[0]
    return kafka.for_code(code), partitions


def answered(error: type[kafka.KafkaError]) -> str:
    """Return what the broker's answer is called in Kafka's protocol."""
    return f"the broker answers {error.message}"


def _error(code: int) -> type[kafka.KafkaError]:
    error: type[kafka.KafkaError] = kafka.for_code(code)
    return error


def batch_of(value: bytes, time_msc: int) -> bytes:
    """Return a record batch with one message."""
    builder = DefaultRecordBatchBuilder(
        MAGIC,
        0,
        is_transactional=0,
        producer_id=-1,
        producer_epoch=-1,
        base_sequence=-1,
        batch_size=1_000,
    )
    builder.append(0, time_msc, key=None, value=value, headers=[])
    return bytes(builder.build())


def _any_node(client: AIOKafkaClient) -> Any:
    return client.get_random_node()
