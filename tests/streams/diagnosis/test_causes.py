"""From an error or a wrong set-up to its cause and mend, as the daemon logs them."""

import time
from dataclasses import replace
from pathlib import Path

import pytest
from aiokafka import errors as kafka
from pydantic import SecretStr
from tests.kafka_broker import SecureBroker
from tests.streams.support import EmbeddedBroker, frozen, lying_proxy, stream_settings

from hybrid_bridge.settings import SecuritySettings, StreamSettings
from hybrid_bridge.streams.diagnosis.causes import addresses, explain, probe, who

ADVERTISE = (
    "make the broker advertise an address that this PC reaches, like {}"
    " (Redpanda: --advertise-kafka-addr; Kafka: advertised.listeners)"
)


async def test_a_healthy_broker_has_no_problem(settings: StreamSettings) -> None:
    assert await probe(settings) == ""


async def test_a_refused_port(refused_address: str) -> None:
    expected = (
        f"nothing listens on {refused_address} (connection refused);"
        " start Redpanda (start-redpanda does that on this PC) or correct REDPANDA_BOOTSTRAP_SERVERS"
    )
    assert expected == await probe(stream_settings(refused_address))


async def test_a_name_that_does_not_resolve() -> None:
    words = await probe(stream_settings("no-such-host.invalid:9092"))

    assert words.startswith("the name no-such-host.invalid cannot be resolved on this PC (")


async def test_a_broker_that_hangs(broker: EmbeddedBroker, settings: StreamSettings) -> None:
    with frozen(broker.pid):
        words = await probe(settings)

    assert "does not answer as a Kafka broker (no answer to a Kafka request within 2 s)" in words


async def test_a_broker_that_advertises_an_address_out_of_reach(
    broker: EmbeddedBroker, refused_address: str
) -> None:
    async with lying_proxy(broker.address, refused_address) as asked:
        words = await probe(stream_settings(asked))

    assert (
        f"connected to {asked}, but it advertises {refused_address}, which this PC cannot use"
        f" (nothing listens on {refused_address} (connection refused)); {ADVERTISE.format(asked)}"
    ) == words


@pytest.mark.kafka
@pytest.mark.parametrize("listener", ["PLAINTEXT", "SSL"])
async def test_a_broker_in_docker_that_advertises_its_name_in_there(
    secure_broker: SecureBroker, listener: str
) -> None:
    """The commonest: connected, then nothing."""
    asked = secure_broker.listeners[f"{listener}-AWAY"]
    away = secure_broker.away
    words = await probe(replace(stream_settings(asked), security=secure_broker.security(listener)))

    name = away.partition(":")[0]
    assert words.startswith(
        f"connected to {asked}, but it advertises {away}, which this PC cannot use"
        f" (the name {name} cannot be resolved on this PC ("
    )
    assert words.endswith(f")); {ADVERTISE.format(asked)}")


@pytest.mark.kafka
async def test_a_broker_that_advertises_where_another_answers(
    secure_broker: SecureBroker, broker: EmbeddedBroker
) -> None:
    """Redpanda on another PC that advertises localhost, while one runs on this PC too."""
    async with lying_proxy(secure_broker.address, broker.address) as asked:
        words = await probe(stream_settings(asked))

    assert words.startswith(
        f"connected to {asked}, but it advertises {broker.address}, where another cluster answers (cluster "
    )
    assert words.endswith(
        f"; make the broker advertise an address of its own that this PC reaches, like {asked}"
        " (Redpanda: --advertise-kafka-addr; Kafka: advertised.listeners)"
    )


async def test_one_answering_server_of_several_is_enough(
    settings: StreamSettings, refused_address: str
) -> None:
    assert await probe(stream_settings(f"{refused_address},{settings.bootstrap_servers}")) == ""


async def test_all_servers_are_named_when_none_answers(refused_address: str) -> None:
    words = await probe(stream_settings(f"{refused_address},no-such-host.invalid:9092"))

    assert f"nothing listens on {refused_address}" in words
    assert "no-such-host.invalid cannot be resolved" in words


async def test_a_certificate_that_cannot_be_used(refused_address: str, tmp_path: Path) -> None:
    security = SecuritySettings("SSL", ca_file=str(tmp_path / "gone.pem"))
    words = await explain(
        replace(stream_settings(refused_address), security=security), "market_ticks", OSError("gone")
    )

    assert words.startswith(
        "a certificate or key that is set for Redpanda cannot be used (REDPANDA_TLS_CA_FILE: "
    )
    assert f"{tmp_path / 'gone.pem'}" in words


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (
            kafka.TopicAuthorizationFailedError("t"),
            (
                "the broker forbids access to topic market_ticks; give user trader the right to read, write"
                " and describe it"
            ),
        ),
        (
            kafka.GroupAuthorizationFailedError("g"),
            (
                "the broker forbids consumer group hybrid-bridge-test; permit it: `rpk security acl create"
                " --allow-principal User:trader --operation read --group hybrid-bridge-test`, or set"
                " REDPANDA_GROUP_ID to one that user trader may use"
            ),
        ),
        (
            kafka.ClusterAuthorizationFailedError(),
            (
                "the broker forbids this client to write each message once only (idempotently); permit it to"
                " write to the topics, which is enough for brokers since Kafka 3.0; older ones want"
                " `rpk security acl create --allow-principal User:trader --operation idempotent_write"
                " --cluster`; Redpanda also says so while its enable_idempotence is false"
            ),
        ),
        (
            kafka.UnknownTopicOrPartitionError(),
            (
                "topic market_ticks does not exist and could not be created; create it, for example with"
                " `rpk topic create market_ticks`, or permit user trader to create topics"
            ),
        ),
        (
            kafka.MessageSizeTooLargeError(),
            (
                "the broker refuses batches of the size the bridge sends; set max.message.bytes of topic"
                " market_ticks to 1048576 or more"
            ),
        ),
        (
            kafka.RecordListTooLargeError(),
            (
                "the broker refuses batches of the size the bridge sends to one segment; set segment.bytes of"
                " topic market_ticks to 1048576 or more"
            ),
        ),
        (
            kafka.NotEnoughReplicasError(),
            (
                "topic market_ticks has fewer live replicas than min.insync.replicas asks for; start the"
                " other brokers"
            ),
        ),
        (
            kafka.UnsupportedCodecError("lz4"),
            (
                "topic market_ticks holds messages in a compression that is not installed here; install"
                " cramjam (pip install cramjam), or send to it without compression or with gzip"
            ),
        ),
        (
            kafka.CorruptRecordException(),
            (
                "the broker sent or received a damaged message batch of topic market_ticks; look at the"
                " broker's log and its disk; if it stays, the network on the way changes bytes"
            ),
        ),
        (
            kafka.KafkaStorageError(),
            "the broker cannot write to its disk; look at its log and its free space",
        ),
        (
            kafka.InvalidTimestampError(),
            (
                "the broker refuses messages of topic market_ticks for the time that they carry; set this"
                " PC's clock, and MT5_SERVER_UTC_OFFSET if it is set: the broker takes none from more than"
                " an hour ahead of its own clock"
            ),
        ),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
)
async def test_what_the_broker_says_itself_needs_no_look_at_the_network(
    silent_address: str, error: kafka.KafkaError, words: str
) -> None:
    security = SecuritySettings("SASL_PLAINTEXT", username="trader", password=SecretStr("secret"))
    settings = replace(stream_settings(silent_address), security=security)
    started = time.monotonic()

    assert words == await explain(settings, "market_ticks", error)
    assert time.monotonic() - started < 1


async def test_an_error_that_nothing_explains_is_told_as_it_is(settings: StreamSettings) -> None:
    told = await explain(settings, "market_ticks", kafka.KafkaError("strange"))

    assert (
        f"{settings.bootstrap_servers} can be reached, and yet topic market_ticks cannot be used"
        " (KafkaError: strange); compare with the broker's log at this time"
    ) == told


def test_who_the_bridge_is_to_the_broker() -> None:
    plain = stream_settings("a:1")
    user = replace(plain, security=SecuritySettings("SASL_SSL", username="trader"))
    certificate = replace(plain, security=SecuritySettings("SSL", cert_file="c", key_file="k"))
    assert [
        ("a client without a login", "User:ANONYMOUS"),
        ("user trader", "User:trader"),
        ("the holder of this client's certificate", "User:CN=..."),
    ] == [tuple(who(settings).values()) for settings in (plain, user, certificate)]


def test_every_configured_server_is_looked_at() -> None:
    found = addresses(stream_settings("a:1, [::1]:2 ,b.example.com:9092"), 1)
    assert ["a:1", "[::1]:2", "b.example.com:9092"] == [str(address) for address in found]
