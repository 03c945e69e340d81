"""The whole look, as `hybrid-bridge check` reports it: its order, and what a fault leaves out."""

from dataclasses import replace
from pathlib import Path

import pytest
from tests.kafka_broker import SecureBroker
from tests.streams.support import EmbeddedBroker, SystemClock, lying_proxy, stream_settings, unique_prefix

from hybrid_bridge.findings import Finding, Verdict
from hybrid_bridge.settings import SecuritySettings, StreamSettings
from hybrid_bridge.streams.diagnosis.inspection import inspect


async def look(settings: StreamSettings, patience_s: float = 5) -> list[Finding]:
    return [finding async for finding in inspect(settings, SystemClock(), patience_s)]


def kinds(found: list[Finding]) -> list[str]:
    """What was looked at, each kind once."""
    return list(dict.fromkeys(finding.step.partition(" ")[0] for finding in found))


@pytest.mark.kafka
@pytest.mark.parametrize(
    ("listener", "steps"),
    [
        ("PLAINTEXT", ["name", "TCP", "Kafka", "cluster"]),
        ("MTLS", ["name", "TCP", "TLS", "Kafka", "cluster"]),
        ("SASL_PLAINTEXT", ["name", "TCP", "Kafka", "login", "cluster"]),
        ("SASL_SSL", ["name", "TCP", "TLS", "Kafka", "login", "cluster"]),
    ],
)
async def test_a_broker_at_which_all_is_well(
    secure_broker: SecureBroker, listener: str, steps: list[str]
) -> None:
    address = secure_broker.listeners.get(listener, secure_broker.address)
    settings = stream_settings(address, prefix=unique_prefix())
    security = secure_broker.security(listener)
    found = await look(replace(settings, security=security, account=f"check-{listener}"))
    assert [] == [finding for finding in found if finding.verdict is not Verdict.OK]
    assert [*steps, "topic", "write", "read", "group", "clock", "round"] == kinds(found)


@pytest.mark.kafka
async def test_an_advertised_address_out_of_reach_ends_the_look(secure_broker: SecureBroker) -> None:
    found = await look(stream_settings(secure_broker.listeners["PLAINTEXT-AWAY"]))
    assert ["name", "TCP", "Kafka", "cluster", "advertised"] == kinds(found)
    assert f"advertised {secure_broker.away}" == found[-1].step
    assert Verdict.FAILED is found[-1].verdict


async def test_an_advertised_address_that_answers(broker: EmbeddedBroker) -> None:
    async with lying_proxy(broker.address, broker.address) as asked:
        found = await look(stream_settings(asked))
    assert Finding(f"advertised {broker.address}", Verdict.OK, "answers this PC") in found


async def test_a_server_out_of_reach_beside_one_that_answers_is_worth_a_note(
    broker: EmbeddedBroker, refused_address: str
) -> None:
    found = await look(stream_settings(f"{refused_address},{broker.address}"))
    note = found[1]
    assert (f"TCP {refused_address}", Verdict.NOTE) == (note.step, note.verdict)
    assert note.seen.startswith(f"nothing listens on {refused_address} (connection refused); start Redpanda")
    assert note.seen.endswith(". The bridge uses the other servers")
    assert Verdict.FAILED not in {finding.verdict for finding in found}


async def test_where_no_server_answers_each_is_named_and_nothing_else_looked_at(
    refused_address: str, silent_address: str
) -> None:
    found = await look(stream_settings(f"{refused_address},{silent_address}"), 1)
    assert [f"TCP {refused_address}", f"Kafka {silent_address}"] == [
        finding.step for finding in found if finding.verdict is Verdict.FAILED
    ]
    assert ["name", "TCP", "Kafka"] == kinds(found)


async def test_the_embedded_broker_of_a_demo_can_be_used(broker: EmbeddedBroker) -> None:
    found = await look(stream_settings(broker.address))
    assert Verdict.FAILED not in {finding.verdict for finding in found}


async def test_certificates_that_cannot_be_used_end_the_look(refused_address: str, tmp_path: Path) -> None:
    security = SecuritySettings("SSL", ca_file=str(tmp_path / "gone.pem"))
    found = await look(replace(stream_settings(refused_address), security=security))
    assert [("certificates", Verdict.FAILED)] == [(finding.step, finding.verdict) for finding in found]


async def test_a_broker_that_goes_away_in_the_middle_is_told(broker: EmbeddedBroker) -> None:
    found = []
    async for finding in inspect(stream_settings(broker.address), SystemClock(), 2):
        found.append(finding)
        if finding.step.startswith("cluster"):
            await broker.stop()
    assert ("connection", Verdict.FAILED) == (found[-1].step, found[-1].verdict)
    assert found[-1].fault is not None
    assert f"nothing listens on {broker.address}" == found[-1].fault.cause
