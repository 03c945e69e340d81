"""Why Redpanda does not answer, in words with a cause and what to do about it.

Owns the wording. `explain` looks at the network once more (name, TCP, Kafka, advertised addresses) where
the error alone does not tell; it never raises and takes a few seconds at most. Called by the channels
when something fails.
"""

import asyncio
import socket
from collections.abc import Iterator
from dataclasses import dataclass

from aiokafka import errors as kafka
from aiokafka.client import AIOKafkaClient

from hybrid_bridge.settings import StreamSettings
from hybrid_bridge.streams.clients import TROUBLE, close_client, connection_options, own_cancellation_only

PROBE_TIMEOUT_S = 2.0
PROBED_ADDRESSES_MAX = 3
SETTING = "REDPANDA_BOOTSTRAP_SERVERS"

_WORDS: dict[type[kafka.KafkaError], str] = {
    kafka.TopicAuthorizationFailedError: (
        "the broker forbids access to topic {topic};"
        " give this client the right to read, write and describe it"
    ),
    kafka.GroupAuthorizationFailedError: (
        "the broker forbids consumer group {group}; give this client the right to it or set REDPANDA_GROUP_ID"
    ),
    kafka.ClusterAuthorizationFailedError: (
        "the broker forbids this client to write idempotently; give it IDEMPOTENT_WRITE on the cluster"
    ),
    kafka.UnknownTopicOrPartitionError: (
        "topic {topic} does not exist and could not be created; create it, for example with"
        " `rpk topic create {topic}`, or permit creating topics"
    ),
    kafka.MessageSizeTooLargeError: (
        "the broker refuses batches of the size the bridge sends; set max.message.bytes of topic {topic}"
        " to 1048576 or more"
    ),
    kafka.RecordListTooLargeError: (
        "the broker refuses batches of the size the bridge sends; set segment.bytes of topic {topic}"
        " to 1048576 or more"
    ),
    kafka.NotEnoughReplicasError: (
        "topic {topic} has fewer live replicas than min.insync.replicas asks for; start the other brokers"
    ),
    kafka.UnsupportedCodecError: (
        "topic {topic} holds messages in a compression that is not installed here; install cramjam"
        " (pip install cramjam) or send without compression or with gzip"
    ),
    kafka.CorruptRecordException: "the broker sent or received a damaged message batch of topic {topic}",
    kafka.KafkaStorageError: "the broker cannot write to its disk; look at its log and its free space",
}


@dataclass(frozen=True, slots=True)
class Reach:
    """How far a look at one address came; problem is "" when TCP connects."""

    host: str
    port: int
    problem: str


async def explain(settings: StreamSettings, topic: str, error: BaseException) -> str:
    """Say what an error of a Kafka client means and what to do about it.

    Args:
        error: as raised by aiokafka or the operating system.
    Returns:
        One sentence; the network is probed when the error itself does not tell the cause.
    """
    known = _known_words(settings, topic, error)
    if known:
        return known
    return await probe(settings) or f"{_summary(error)} (topic {topic}, {settings.bootstrap_servers})"


def _known_words(settings: StreamSettings, topic: str, error: BaseException) -> str:
    for kind, words in _WORDS.items():
        if isinstance(error, kind):
            return words.format(topic=topic, group=settings.group_id)
    return ""


def _summary(error: BaseException) -> str:
    text = str(error)
    return text if isinstance(error, kafka.KafkaError) else f"{type(error).__name__}: {text}".rstrip(": ")


async def probe(settings: StreamSettings) -> str:
    """Look at the configured servers from this PC; return what is wrong, or "" when everything answers."""
    problems = []
    for host, port in _servers(settings):
        problem = (await _reach(host, port)).problem or await _probe_kafka(settings, host, port)
        if not problem:
            return ""
        problems.append(problem)
    return "; ".join(problems)


def _servers(settings: StreamSettings) -> Iterator[tuple[str, int]]:
    for server in settings.bootstrap_servers.split(",")[:PROBED_ADDRESSES_MAX]:
        host, _, port = server.strip().rpartition(":")
        yield host.strip("[]"), int(port)


async def _reach(host: str, port: int) -> Reach:
    """Open one TCP connection and close it again."""
    try:
        async with asyncio.timeout(PROBE_TIMEOUT_S):
            _, writer = await asyncio.open_connection(host, port)
    except TimeoutError:
        problem = f"no answer from {host}:{port} within {PROBE_TIMEOUT_S:g} s; a firewall or a wrong address?"
    except socket.gaierror:
        problem = f"the name {host} cannot be resolved on this PC; correct {SETTING} or the hosts file"
    except ConnectionRefusedError:
        problem = f"nothing listens on {host}:{port} (connection refused); start Redpanda or set {SETTING}"
    except OSError as error:
        reason = error.strerror or error
        problem = f"{host}:{port} cannot be reached ({reason}); check the network and {SETTING}"
    else:
        problem = ""
        writer.transport.abort()
    return Reach(host, port, problem)


async def _probe_kafka(settings: StreamSettings, host: str, port: int) -> str:
    """Ask one reachable address for its cluster and try every address that it advertises."""
    options = connection_options(settings, PROBE_TIMEOUT_S) | {"bootstrap_servers": f"{host}:{port}"}
    client = AIOKafkaClient(**options)
    try:
        with own_cancellation_only():
            async with asyncio.timeout(PROBE_TIMEOUT_S):
                await client.bootstrap()
        advertised = [(broker.host, broker.port) for broker in client.cluster.brokers()]
    except TROUBLE:
        return (
            f"{host}:{port} accepts connections but does not answer as a Kafka broker within"
            f" {PROBE_TIMEOUT_S:g} s; it hangs, is still starting, expects TLS, or is something else"
        )
    finally:
        await close_client(client)
    return await _probe_advertised(f"{host}:{port}", advertised[:PROBED_ADDRESSES_MAX])


async def _probe_advertised(asked: str, advertised: list[tuple[str, int]]) -> str:
    for broker_host, broker_port in advertised:
        reach = await _reach(broker_host, broker_port)
        if reach.problem:
            return (
                f"connected to {asked}, but it advertises {broker_host}:{broker_port}, which this PC cannot"
                f" reach ({reach.problem.split(';')[0]}); make the broker advertise an address that this PC"
                " reaches (Redpanda: --advertise-kafka-addr; Kafka: advertised.listeners)"
            )
    return ""
