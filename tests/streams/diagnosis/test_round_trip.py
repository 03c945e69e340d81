"""The clock and the way there and back, measured at a real broker."""

from dataclasses import replace

import pytest
from aiokafka.client import AIOKafkaClient
from confluent_kafka.admin import AdminClient
from tests.kafka_broker import SecureBroker
from tests.streams.front import FETCH, Front
from tests.streams.support import WAIT_S, EmbeddedBroker, SystemClock, stream_settings, unique_prefix

from hybrid_bridge.findings import Finding, Verdict
from hybrid_bridge.settings import StreamSettings, TopicPlan
from hybrid_bridge.streams.clients import close_client, connection_options
from hybrid_bridge.streams.diagnosis.round_trip import RoundTrip
from hybrid_bridge.streams.topics import create_topic

ACCOUNT = "7001"
TOPIC = f"hybrid-bridge-check-{ACCOUNT}"


class ShiftedClock(SystemClock):
    """A clock that is wrong."""

    def __init__(self, by_s: float) -> None:
        self._by_s = by_s

    def utc_msc(self) -> int:
        return super().utc_msc() + round(self._by_s * 1000)


@pytest.fixture
def settings(secure_broker: SecureBroker) -> StreamSettings:
    """Settings of somebody who may do everything."""
    return replace(stream_settings(secure_broker.address, prefix=unique_prefix()), account=ACCOUNT)


async def measure(settings: StreamSettings, clock: SystemClock) -> dict[str, Finding]:
    client = AIOKafkaClient(**connection_options(settings))
    try:
        await client.bootstrap()
        return {finding.step: finding async for finding in RoundTrip(client, settings, clock).findings()}
    finally:
        await close_client(client)


def topics(broker: SecureBroker) -> set[str]:
    return set(AdminClient({"bootstrap.servers": broker.address}).list_topics(timeout=WAIT_S).topics)


@pytest.mark.kafka
async def test_a_message_there_and_back_is_timed_and_its_topic_deleted(
    secure_broker: SecureBroker, settings: StreamSettings
) -> None:
    found = await measure(settings, SystemClock())
    assert {"clock": Verdict.OK, "round trip": Verdict.OK} == {
        step: finding.verdict for step, finding in found.items()
    }
    assert found["round trip"].seen.startswith("a message is confirmed in ")
    assert TOPIC not in topics(secure_broker)


@pytest.mark.kafka
async def test_a_topic_left_behind_by_an_earlier_check_is_used_and_deleted(
    secure_broker: SecureBroker, settings: StreamSettings
) -> None:
    await create_topic(settings, TOPIC, TopicPlan(1))
    found = await measure(settings, SystemClock())
    # That one was not made to be stamped by the broker's clock.
    assert {"clock": Verdict.SKIPPED, "round trip": Verdict.OK} == {
        step: finding.verdict for step, finding in found.items()
    }
    assert "not measured: the broker puts no time of its own on messages" == found["clock"].seen
    assert TOPIC not in topics(secure_broker)


@pytest.mark.kafka
@pytest.mark.parametrize(("shift_s", "way"), [(60.0, "behind"), (-60.0, "ahead")])
async def test_a_clock_that_is_off(settings: StreamSettings, shift_s: float, way: str) -> None:
    found = (await measure(settings, ShiftedClock(shift_s)))["clock"].fault
    assert found is not None
    assert (
        "this PC's clock and the broker's are 60.0 s apart, which spoils the 5 s that a signal may be old"
        " (SIGNAL_MAX_AGE_S)"
    ) == found.cause
    assert found.seen.startswith(("the broker's is 60.0", "the broker's is 59.9"))
    assert found.seen.endswith(f" s {way}")
    assert (
        "let Windows set its clock (Settings, Time & language, Sync now); Docker's clock stands still while a"
        " PC sleeps: restart Docker after that"
    ) == found.mend


@pytest.mark.kafka
async def test_a_clock_that_is_a_little_off_is_worth_a_note(settings: StreamSettings) -> None:
    found = (await measure(settings, ShiftedClock(1.5)))["clock"]
    assert Verdict.NOTE is found.verdict
    assert found.seen.endswith(" s behind; have both set by an internet time server")


@pytest.mark.kafka
async def test_where_the_topic_may_not_be_made_nothing_is_measured_and_that_is_no_fault(
    secure_broker: SecureBroker, settings: StreamSettings
) -> None:
    secure_broker.forbid("trader")
    address = secure_broker.listeners["SASL_PLAINTEXT"]
    trader = secure_broker.security("SASL_PLAINTEXT", user="trader")
    found = await measure(replace(settings, bootstrap_servers=address, security=trader), SystemClock())
    why = f"not measured: topic {TOPIC} may not be made by user trader"
    assert {step: Finding(step, Verdict.SKIPPED, why) for step in ("clock", "round trip")} == found


@pytest.mark.kafka
async def test_a_topic_that_may_not_be_deleted_is_named(
    secure_broker: SecureBroker, settings: StreamSettings
) -> None:
    secure_broker.forbid("trader")
    secure_broker.permit("trader", "TOPIC", TOPIC, "CREATE", "READ", "WRITE")
    address = secure_broker.listeners["SASL_PLAINTEXT"]
    trader = secure_broker.security("SASL_PLAINTEXT", user="trader")
    found = await measure(replace(settings, bootstrap_servers=address, security=trader), SystemClock())
    assert (
        "could not be deleted again: the broker answers TOPIC_AUTHORIZATION_FAILED"
        == found[f"topic {TOPIC}"].seen
    )
    assert Verdict.OK is found["round trip"].verdict
    assert {"clock": Verdict.OK, "round trip": Verdict.OK} == {
        step: finding.verdict for step, finding in (await measure(settings, SystemClock())).items()
    }
    assert TOPIC not in topics(secure_broker)


@pytest.mark.kafka
async def test_a_message_that_does_not_come_back(
    secure_broker: SecureBroker, settings: StreamSettings
) -> None:
    front = Front(secure_broker.address)
    await front.open()
    front.lose = [FETCH]
    found = await measure(replace(settings, bootstrap_servers=front.address), SystemClock())
    await front.close()
    assert ["round trip"] == list(found)
    assert (
        f"a message could not be written to topic {TOPIC} and read back (KafkaConnectionError: Connection at"
        f" {front.address} closed); check again in a minute, for a topic takes a moment to be made and"
        " deleted; if it stays, look at the broker's log"
    ) == str(found["round trip"].fault)
    assert TOPIC not in topics(secure_broker)


async def test_a_broker_that_makes_no_topics_on_request(broker: EmbeddedBroker) -> None:
    found = await measure(stream_settings(broker.address), SystemClock())
    assert (
        "not measured: topic hybrid-bridge-check-simulator cannot be made: this broker makes none on request"
        == found["clock"].seen
    )
