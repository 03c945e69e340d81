"""Each way in which a login fails, made on purpose at a real broker, in the words that are read."""

from dataclasses import replace

import pytest
from pydantic import SecretStr
from tests.kafka_broker import SecureBroker
from tests.streams.diagnosis.looks import cutting
from tests.streams.support import stream_settings

from hybrid_bridge.settings import SecuritySettings, StreamSettings
from hybrid_bridge.streams.diagnosis.causes import ServerLook, addresses

pytestmark = pytest.mark.kafka

METADATA, SASL_AUTHENTICATE = 3, 36
WRONG_LOGIN = (
    "correct REDPANDA_SASL_USERNAME and REDPANDA_SASL_PASSWORD; a user made for another"
    " REDPANDA_SASL_MECHANISM is refused too"
)


def settings_for(address: str, security: SecuritySettings) -> StreamSettings:
    return replace(stream_settings(address), security=security)


async def look_at(settings: StreamSettings) -> ServerLook:
    look = ServerLook(settings, addresses(settings, 5)[0])
    await look.run()
    return look


async def told_of(settings: StreamSettings) -> str:
    return str((await look_at(settings)).fault)


@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"])
@pytest.mark.parametrize("listener", ["SASL_PLAINTEXT", "SASL_SSL"])
async def test_a_login_that_is_right(secure_broker: SecureBroker, listener: str, mechanism: str) -> None:
    address = secure_broker.listeners[listener]
    settings = settings_for(address, secure_broker.security(listener, mechanism))
    look = ServerLook(settings, addresses(settings, 5)[0])
    findings = {finding.step: finding.seen for finding in await look.run()}
    assert look.fault is None
    assert f"admin by {mechanism}" == findings[f"login {address}"]
    assert f"its brokers are {address}" == findings[f"cluster {address}"]
    assert look.cluster is not None
    assert look.cluster.id


@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"])
async def test_a_wrong_password(secure_broker: SecureBroker, mechanism: str) -> None:
    address = secure_broker.listeners["SASL_SSL"]
    right = secure_broker.security("SASL_SSL", mechanism)
    told = await told_of(settings_for(address, replace(right, password=SecretStr("not-it"))))
    assert told.startswith(f"{address} refuses the login of admin (")
    assert told.endswith(f"); {WRONG_LOGIN}")
    assert "not-it" not in told


async def test_a_user_who_does_not_exist(secure_broker: SecureBroker) -> None:
    address = secure_broker.listeners["SASL_PLAINTEXT"]
    right = secure_broker.security("SASL_PLAINTEXT", "PLAIN")
    told = await told_of(settings_for(address, replace(right, username="stranger")))
    assert f"{address} refuses the login of stranger (Invalid username or password); {WRONG_LOGIN}" == told


async def test_a_mechanism_that_is_not_offered(secure_broker: SecureBroker) -> None:
    address = secure_broker.listeners["SASL_SSL-PLAIN"]
    told = await told_of(settings_for(address, secure_broker.security("SASL_SSL", "SCRAM-SHA-256")))
    assert (
        f"{address} does not know the way to log in that is set, SCRAM-SHA-256 (it offers PLAIN); set"
        " REDPANDA_SASL_MECHANISM to one that it offers: PLAIN"
    ) == told


@pytest.mark.parametrize(
    ("listener", "without", "protocol"),
    [("SASL_PLAINTEXT", "PLAINTEXT", "SASL_PLAINTEXT"), ("SASL_SSL", "SSL", "SASL_SSL")],
)
async def test_a_listener_that_wants_a_login_spoken_to_without_one(
    secure_broker: SecureBroker, listener: str, without: str, protocol: str
) -> None:
    address = secure_broker.listeners[listener]
    look = await look_at(settings_for(address, secure_broker.security(without)))
    assert look.fault is not None
    assert f"{address} wants a login, and none is set" == look.fault.cause
    assert look.fault.seen.startswith("it closes a connection without one; it offers ")
    offered = look.fault.seen.rpartition("offers ")[2].split(", ")
    assert ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] == sorted(offered)
    assert (
        f"set REDPANDA_SECURITY_PROTOCOL={protocol}, REDPANDA_SASL_USERNAME and REDPANDA_SASL_PASSWORD"
    ) == look.fault.mend


@pytest.mark.parametrize(("listener", "protocol"), [("PLAINTEXT", "SASL_PLAINTEXT"), ("SSL", "SASL_SSL")])
async def test_a_login_at_a_listener_that_logs_nobody_in(
    secure_broker: SecureBroker, listener: str, protocol: str
) -> None:
    address = secure_broker.listeners.get(listener, secure_broker.address)
    told = await told_of(settings_for(address, secure_broker.security(protocol)))
    assert (
        f"{address} logs nobody in, but this PC was told to log in (IllegalSaslStateError); set"
        f" REDPANDA_SECURITY_PROTOCOL={listener} and take REDPANDA_SASL_USERNAME and REDPANDA_SASL_PASSWORD"
        " out, or give the port that logs in"
    ) == told


async def test_a_login_that_breaks_off(secure_broker: SecureBroker) -> None:
    async with cutting(secure_broker.listeners["SASL_PLAINTEXT"], SASL_AUTHENTICATE) as text:
        told = await told_of(settings_for(text, secure_broker.security("SASL_PLAINTEXT", "PLAIN")))
    assert (
        f"{text} breaks the login of admin off (KafkaConnectionError: Connection at {text} closed);"
        " compare with the broker's log; is REDPANDA_SASL_MECHANISM right?"
    ) == told


async def test_a_broker_that_does_not_tell_of_its_cluster(secure_broker: SecureBroker) -> None:
    async with cutting(secure_broker.address, METADATA) as text:
        told = await told_of(stream_settings(text))
    assert (
        f"{text} does not say which brokers there are (KafkaConnectionError: Connection at {text} closed);"
        " look at the broker's log: it may still be starting, or its cluster has no leader"
    ) == told
