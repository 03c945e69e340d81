"""Topics: which partition a key belongs to, and that a topic exists before it is written to or read.

Owns how the bridge creates topics, and what is said when one that exists is made otherwise than the settings
would have it; it is never changed. Called by the producers and the consumer of this folder on every new
connection, and by what looks at the way to the broker.
"""

import asyncio
from collections.abc import Sequence
from typing import Any

import structlog
from aiokafka import errors as kafka
from aiokafka.client import AIOKafkaClient
from aiokafka.partitioner import murmur2
from aiokafka.protocol.admin import CreateTopicsRequest

from hybrid_bridge.settings import StreamSettings, TopicPlan
from hybrid_bridge.streams.clients import close_client, connection_options

REPLICAS_WANTED = 3
CREATE_TIMEOUT_MS = 4_000
SHOWN_ATTEMPTS = 20
SHOWN_RETRY_S = 0.1
MS_PER_HOUR = 3_600_000

log = structlog.get_logger(__name__)


def partition_of(key: bytes, partitions: int) -> int:
    """Return the partition of a key as Kafka's Java client and aiokafka choose it (murmur2)."""
    return int(murmur2(key) & 0x7FFFFFFF) % partitions


class PartitionWatch:
    """Says once when a topic has not the partitions that the settings ask for, and again when they change."""

    def __init__(self, topic: str, plan: TopicPlan, setting: str) -> None:
        """Expect the plan's partitions.

        Args:
            setting: the name under which they are set.
        """
        self._topic = topic
        self._planned = self._seen = plan.partitions
        self._setting = setting

    def note(self, found: int) -> None:
        """Look at how many partitions the topic has."""
        if found == self._seen:
            return
        self._seen = found
        if found != self._planned:
            log.warning(
                "Topic has another number of partitions than the settings say",
                topic=self._topic,
                partitions=found,
                expected=self._planned,
                mend=self._mend(found),
            )

    def _mend(self, found: int) -> str:
        agree = f"set {self._setting}={found}"
        if found > self._planned:
            return f"{agree}: a topic cannot lose partitions"
        missing = self._planned - found
        return f"{agree}, or stop every bridge and `rpk topic add-partitions {self._topic} --num {missing}`"


async def create_topic(settings: StreamSettings, topic: str, plan: TopicPlan) -> int:
    """Create a topic over a connection of its own unless it exists; return how many partitions it has."""
    client = AIOKafkaClient(**connection_options(settings))
    try:
        await client.bootstrap()
        return await require_topic(client, topic, plan)
    finally:
        await close_client(client)


async def require_topic(client: AIOKafkaClient, topic: str, plan: TopicPlan) -> int:
    """Return the number of partitions of a topic, creating it first if it is absent and that is permitted.

    Args:
        plan: of a topic created here; one that exists keeps its own.
    Raises:
        KafkaError: UnknownTopicOrPartitionError when it neither exists nor can be created.
    """
    known = await client.fetch_all_metadata()
    absent = topic not in known.topics(exclude_internal_topics=False)
    created = absent and await _create(client, topic, plan)
    # Asking for a topic by name also makes a broker create it that permits that and nothing else.
    await client.set_topics([topic])
    found = _partitions_shown(client, topic)
    if not found and created:
        found = await _wait_until_shown(client, topic)
    if not found:
        raise kafka.UnknownTopicOrPartitionError(topic)
    return found


def _partitions_shown(client: AIOKafkaClient, topic: str) -> int:
    if topic in client.cluster.unauthorized_topics:
        raise kafka.TopicAuthorizationFailedError(topic)
    return len(client.cluster.partitions_for_topic(topic) or ())


async def _wait_until_shown(client: AIOKafkaClient, topic: str) -> int:
    """Ask again: a broker creates a topic first and shows it a moment later."""
    for _ in range(SHOWN_ATTEMPTS):
        await asyncio.sleep(SHOWN_RETRY_S)
        await client.force_metadata_update()
        if found := _partitions_shown(client, topic):
            return found
    return 0


async def _create(client: AIOKafkaClient, topic: str, plan: TopicPlan) -> bool:
    """Ask the broker to create a topic; return whether it exists now, by whomever it was created."""
    try:
        error = await ask_to_create(client, topic, plan.partitions, _configuration(plan))
    except kafka.IncompatibleBrokerVersion:
        # librdkafka's mock cluster knows no such request; it creates topics when asked about them.
        return False
    if error is kafka.NoError:
        log.info("Topic created", topic=topic, partitions=plan.partitions, retention_h=plan.retention_h)
    elif error is not kafka.TopicAlreadyExistsError:
        log.warning("Topic could not be created", topic=topic, cause=error.__name__)
        return False
    return True


async def ask_to_create(
    client: AIOKafkaClient,
    topic: str,
    partitions: int,
    configuration: Sequence[tuple[str, str]] = (),
    *,
    validate_only: bool = False,
) -> type[kafka.KafkaError]:
    """Ask the broker to create a topic and return its answer.

    Args:
        validate_only: ask whether it would be created, and leave it at that.
    Raises:
        KafkaError: IncompatibleBrokerVersion where the broker knows no such request.
    """
    replicas = min(REPLICAS_WANTED, len(client.cluster.brokers()))
    nowhere: list[object] = []  # Where the replicas are: the broker chooses.
    wanted = (topic, partitions, replicas, nowhere, list(configuration))
    request = CreateTopicsRequest([wanted], CREATE_TIMEOUT_MS, validate_only=validate_only)
    response = await client.send(controller_of(client), request)
    error: type[kafka.KafkaError] = kafka.for_code(response.topic_errors[0][1])
    return error


def controller_of(client: AIOKafkaClient) -> Any:
    """Return the broker that makes and deletes topics, as far as it is known."""
    controller = client.cluster.controller
    return client.get_random_node() if controller is None else controller.nodeId


def _configuration(plan: TopicPlan) -> list[tuple[str, str]]:
    retention_ms = plan.retention_h * MS_PER_HOUR if plan.retention_h else -1
    return [("retention.ms", str(retention_ms))]
