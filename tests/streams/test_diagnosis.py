"""Each wrong set-up, made on purpose, is named with its cause and what to do."""

import asyncio
import time

import pytest
from aiokafka import errors as kafka
from tests.streams.support import EmbeddedBroker, frozen, lying_proxy, stream_settings

from hybrid_bridge.settings import StreamSettings
from hybrid_bridge.streams.diagnosis import explain, probe


async def test_a_healthy_broker_has_no_problem(settings: StreamSettings) -> None:
    assert await probe(settings) == ""


async def test_a_refused_port(refused_address: str) -> None:
    expected = (
        f"nothing listens on {refused_address} (connection refused);"
        " start Redpanda or set REDPANDA_BOOTSTRAP_SERVERS"
    )
    assert expected == await probe(stream_settings(refused_address))


async def test_a_name_that_does_not_resolve() -> None:
    words = await probe(stream_settings("no-such-host.invalid:9092"))

    assert words.startswith("the name no-such-host.invalid cannot be resolved on this PC")


async def test_a_server_that_accepts_and_stays_silent(silent_address: str) -> None:
    words = await probe(stream_settings(silent_address))

    assert words.startswith(f"{silent_address} accepts connections but does not answer as a Kafka broker")


async def test_a_server_that_speaks_something_else() -> None:
    async def greet(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(greet, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server:
        words = await probe(stream_settings(f"127.0.0.1:{port}"))

    assert words.startswith(f"127.0.0.1:{port} accepts connections but does not answer as a Kafka broker")


async def test_a_broker_that_hangs(broker: EmbeddedBroker, settings: StreamSettings) -> None:
    with frozen(broker.pid):
        words = await probe(settings)

    assert "does not answer as a Kafka broker" in words


async def test_a_broker_that_advertises_an_address_out_of_reach(
    broker: EmbeddedBroker, refused_address: str
) -> None:
    async with lying_proxy(broker.address, refused_address) as asked:
        words = await probe(stream_settings(asked))

    assert words.startswith(
        f"connected to {asked}, but it advertises {refused_address}, which this PC cannot reach"
        f" (nothing listens on {refused_address} (connection refused))"
    )
    assert "--advertise-kafka-addr" in words


async def test_one_answering_server_of_several_is_enough(
    settings: StreamSettings, refused_address: str
) -> None:
    assert await probe(stream_settings(f"{refused_address},{settings.bootstrap_servers}")) == ""


async def test_all_servers_are_named_when_none_answers(refused_address: str) -> None:
    words = await probe(stream_settings(f"{refused_address},no-such-host.invalid:9092"))

    assert f"nothing listens on {refused_address}" in words
    assert "no-such-host.invalid cannot be resolved" in words


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (kafka.TopicAuthorizationFailedError("t"), "forbids access to topic market_ticks"),
        (kafka.GroupAuthorizationFailedError("g"), "forbids consumer group hybrid-bridge-test"),
        (kafka.UnknownTopicOrPartitionError(), "rpk topic create market_ticks"),
        (kafka.MessageSizeTooLargeError(), "max.message.bytes of topic market_ticks"),
        (kafka.UnsupportedCodecError("lz4"), "pip install cramjam"),
    ],
)
async def test_what_the_broker_says_itself_needs_no_look_at_the_network(
    silent_address: str, error: kafka.KafkaError, words: str
) -> None:
    started = time.monotonic()

    assert words in await explain(stream_settings(silent_address), "market_ticks", error)
    assert time.monotonic() - started < 1


async def test_an_error_that_nothing_explains_is_told_as_it_is(settings: StreamSettings) -> None:
    told = await explain(settings, "market_ticks", kafka.KafkaError("strange"))

    assert f"KafkaError: strange (topic market_ticks, {settings.bootstrap_servers})" == told
