"""Whether topics are there and what may be done with them, asked of a real broker without doing it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from aiokafka import errors as kafka
from aiokafka.client import AIOKafkaClient
from confluent_kafka import Consumer
from confluent_kafka.admin import AdminClient
from tests.kafka_broker import SecureBroker
from tests.streams.support import WAIT_S, read_topic, stream_settings, unique_prefix

from hybrid_bridge.findings import Finding, Verdict
from hybrid_bridge.settings import StreamSettings, TopicPlan
from hybrid_bridge.streams.clients import close_client, connection_options
from hybrid_bridge.streams.diagnosis import permissions
from hybrid_bridge.streams.diagnosis.permissions import Permissions, batch_of, find_topic
from hybrid_bridge.streams.topics import controller_of, create_topic

pytestmark = pytest.mark.kafka


@pytest.fixture
def settings(secure_broker: SecureBroker) -> StreamSettings:
    """Settings of a user who may do nothing yet, with topics and a group of the test's own."""
    prefix = unique_prefix()
    secure_broker.forbid("trader")
    plain = stream_settings(secure_broker.listeners["SASL_PLAINTEXT"], prefix=prefix, group=f"{prefix}group")
    security = secure_broker.security("SASL_PLAINTEXT", user="trader")
    return replace(plain, security=security, tick_plan=TopicPlan(3))


@asynccontextmanager
async def connected(settings: StreamSettings) -> AsyncIterator[AIOKafkaClient]:
    client = AIOKafkaClient(**connection_options(settings))
    try:
        await client.bootstrap()
        yield client
    finally:
        await close_client(client)


async def ask(settings: StreamSettings) -> dict[str, Finding]:
    async with connected(settings) as client:
        return {finding.step: finding async for finding in Permissions(client, settings).findings()}


def verdicts(found: dict[str, Finding]) -> set[Verdict]:
    return {finding.verdict for finding in found.values()}


def permit_everything(broker: SecureBroker, settings: StreamSettings) -> None:
    prefix = settings.tick_topic.removesuffix("market_ticks")
    broker.permit("trader", "TOPIC", prefix, "READ", "WRITE", "CREATE", prefix=True)
    broker.permit("trader", "GROUP", settings.group_id, "READ")


async def test_everything_permitted_and_nothing_there_yet(
    secure_broker: SecureBroker, settings: StreamSettings
) -> None:
    permit_everything(secure_broker, settings)
    found = await ask(settings)
    assert [] == [finding for finding in found.values() if finding.verdict is not Verdict.OK]
    ticks, signals, events = settings.tick_topic, settings.signal_topic, settings.event_topic
    assert [
        *(f"topic {topic}" for topic in (ticks, signals, events)),
        *(f"write {topic}" for topic in (ticks, events)),
        "write each message once",
        *(f"read {topic}" for topic in (ticks, signals, events)),
        f"group {settings.group_id}",
    ] == list(found)
    assert (
        "not there yet; the bridge makes it when it starts (REDPANDA_TICK_PARTITIONS=3)"
        == found[f"topic {ticks}"].seen
    )


async def test_the_questions_leave_nothing_behind(
    secure_broker: SecureBroker, settings: StreamSettings
) -> None:
    permit_everything(secure_broker, settings)
    await ask(settings)
    admin = AdminClient({"bootstrap.servers": secure_broker.address})
    assert not {settings.tick_topic, settings.signal_topic} & set(admin.list_topics(timeout=WAIT_S).topics)
    groups = admin.list_consumer_groups(request_timeout=WAIT_S).result()
    assert settings.group_id not in [group.group_id for group in groups.valid]

    await create_topic(settings, settings.event_topic, TopicPlan(1))
    await ask(settings)
    assert [] == await read_topic(secure_broker.address, settings.event_topic, 0)


async def test_a_bridge_that_reads_in_the_group_is_not_disturbed(
    secure_broker: SecureBroker, settings: StreamSettings
) -> None:
    permit_everything(secure_broker, settings)
    await create_topic(settings, settings.signal_topic, TopicPlan(1))
    member = Consumer({"bootstrap.servers": secure_broker.address, "group.id": settings.group_id})
    member.subscribe([settings.signal_topic])
    while not member.assignment():
        await asyncio.to_thread(member.poll, 0.1)
    before = members(secure_broker, settings.group_id)
    assert (await ask(settings))[f"group {settings.group_id}"].verdict is Verdict.OK
    assert before == members(secure_broker, settings.group_id)
    assert [[settings.signal_topic]] == [topics for _, topics in before]
    member.close()


def members(broker: SecureBroker, group: str) -> list[tuple[str, list[str]]]:
    """Who is in a group, and which topics each reads."""
    admin = AdminClient({"bootstrap.servers": broker.address})
    found = admin.describe_consumer_groups([group], request_timeout=WAIT_S)[group].result()
    return [
        (member.member_id, [place.topic for place in member.assignment.topic_partitions])
        for member in found.members
    ]


async def test_a_user_who_may_do_nothing(settings: StreamSettings) -> None:
    found = await ask(settings)
    assert {Verdict.FAILED} == verdicts(found)
    ticks, group = settings.tick_topic, settings.group_id
    permit = "permit it: `rpk security acl create --allow-principal User:trader --operation"
    answer = "the broker answers TOPIC_AUTHORIZATION_FAILED"
    assert {
        f"topic {ticks}": (
            f"the broker forbids access to topic {ticks} ({answer}); give user trader the right to read,"
            " write and describe it"
        ),
        f"write {ticks}": (
            f"user trader may not write to topic {ticks} ({answer}); {permit} write --topic {ticks}`"
        ),
        f"read {ticks}": (
            f"user trader may not read topic {ticks} ({answer}); {permit} read --topic {ticks}`"
        ),
        "write each message once": (
            "the broker forbids this client to write each message once only (idempotently)"
            " (the broker answers CLUSTER_AUTHORIZATION_FAILED); permit it to write to the topics, which is"
            " enough for brokers since Kafka 3.0; older ones want `rpk security acl create --allow-principal"
            " User:trader --operation"
            " idempotent_write --cluster`; Redpanda also says so while its enable_idempotence is false"
        ),
        f"group {group}": (
            f"the broker forbids consumer group {group} (the broker answers GROUP_AUTHORIZATION_FAILED);"
            f" {permit} read --group {group}`, or set REDPANDA_GROUP_ID to one that"
            " user trader may use"
        ),
    }.items() <= {step: str(finding.fault) for step, finding in found.items()}.items()


async def test_a_topic_that_is_absent_and_may_not_be_made(
    secure_broker: SecureBroker, settings: StreamSettings
) -> None:
    secure_broker.permit("trader", "TOPIC", settings.tick_topic, "DESCRIBE")
    found = (await ask(settings))[f"topic {settings.tick_topic}"]
    assert (
        f"topic {settings.tick_topic} does not exist and could not be created (the broker answers"
        f" TOPIC_AUTHORIZATION_FAILED); create it, for example with `rpk topic create {settings.tick_topic}`,"
        " or permit user trader to create topics"
    ) == str(found.fault)


async def test_a_group_that_may_be_looked_at_and_not_used(
    secure_broker: SecureBroker, settings: StreamSettings
) -> None:
    secure_broker.permit("trader", "GROUP", settings.group_id, "DESCRIBE")
    found = (await ask(settings))[f"group {settings.group_id}"]
    assert found.fault is not None
    assert "group_forbidden" == found.fault.key


async def test_a_topic_with_the_partitions_of_the_settings(
    secure_broker: SecureBroker, settings: StreamSettings
) -> None:
    permit_everything(secure_broker, settings)
    await create_topic(settings, settings.tick_topic, settings.tick_plan)
    await create_topic(settings, settings.event_topic, TopicPlan(1))
    found = await ask(settings)
    assert {Verdict.OK} == verdicts(found)
    assert "there, with 3 partitions" == found[f"topic {settings.tick_topic}"].seen
    assert "there, with 1 partition" == found[f"topic {settings.event_topic}"].seen


async def test_a_topic_with_other_partitions_is_worth_a_note(
    secure_broker: SecureBroker, settings: StreamSettings
) -> None:
    permit_everything(secure_broker, settings)
    await create_topic(settings, settings.tick_topic, TopicPlan(2))
    found = (await ask(settings))[f"topic {settings.tick_topic}"]
    assert (
        Finding(
            f"topic {settings.tick_topic}",
            Verdict.NOTE,
            "there, with 2 partitions; REDPANDA_TICK_PARTITIONS=3 is for a topic that the bridge makes"
            " itself, one that exists keeps its own",
        )
        == found
    )


async def test_a_group_that_no_broker_takes_care_of(
    secure_broker: SecureBroker, settings: StreamSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where the topic __consumer_offsets cannot be made."""
    permit_everything(secure_broker, settings)

    async def refuse(*_: object) -> int:
        raise kafka.GroupCoordinatorNotAvailableError

    monkeypatch.setattr(AIOKafkaClient, "coordinator_lookup", refuse)
    monkeypatch.setattr(permissions, "PATIENCE_S", 0.3)
    found = (await ask(settings))[f"group {settings.group_id}"]
    assert (
        f"no broker takes care of consumer group {settings.group_id} (none within 0.3 s); wait a minute if"
        " the broker has just started; then look at its log for the topic __consumer_offsets"
    ) == str(found.fault)


async def test_a_partition_that_no_broker_leads(
    secure_broker: SecureBroker, settings: StreamSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where one of several brokers is down; here there is only one."""

    async def half(*_: object) -> object:
        return kafka.NoError, [(0, 0, 1, [1], [1]), (5, 1, -1, [2], [2]), (5, 2, -1, [2], [2])]

    permit_everything(secure_broker, settings)
    monkeypatch.setattr(permissions, "find_topic", half)
    found = (await ask(settings))[f"topic {settings.tick_topic}"]
    assert (
        f"topic {settings.tick_topic} has no broker in charge of some of its partitions (partitions 1, 2);"
        " start the broker that is down; `rpk cluster health` names it"
    ) == str(found.fault)


async def test_a_topic_that_is_just_being_made(
    secure_broker: SecureBroker, settings: StreamSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def nothing_yet(*_: object) -> object:
        return kafka.LeaderNotAvailableError, []

    permit_everything(secure_broker, settings)
    monkeypatch.setattr(permissions, "find_topic", nothing_yet)
    found = (await ask(settings))[f"topic {settings.tick_topic}"]
    assert "the broker answers LEADER_NOT_AVAILABLE" in str(found.fault)


async def test_what_a_broker_says_of_a_topic(secure_broker: SecureBroker, settings: StreamSettings) -> None:
    permit_everything(secure_broker, settings)
    async with connected(settings) as client:
        assert (kafka.UnknownTopicOrPartitionError, []) == await find_topic(client, settings.tick_topic)
        await create_topic(settings, settings.tick_topic, TopicPlan(2))
        error, partitions = await find_topic(client, settings.tick_topic)
        assert (kafka.NoError, {0, 1}) == (error, {partition[1] for partition in partitions})
        assert 1 == controller_of(client)


def test_a_batch_holds_its_message() -> None:
    assert b"the message" in batch_of(b"the message", 1)
