"""Whether a server takes this client's login, and which brokers it says there are.

Owns the looks that need Kafka's protocol on one connection: the login step by step, then the cluster. Called
by diagnosis after reach has found a Kafka broker.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from aiokafka import errors as kafka
from aiokafka.conn import AIOKafkaConnection
from aiokafka.protocol.admin import SaslHandShakeRequest
from aiokafka.protocol.metadata import MetadataRequest

from hybrid_bridge.findings import Fault, Finding, told, well, wrong
from hybrid_bridge.settings import StreamSettings
from hybrid_bridge.streams.clients import (
    CUT_TIMEOUT_S,
    TROUBLE,
    connection_options,
    own_cancellation_only,
)
from hybrid_bridge.streams.diagnosis.address import Address
from hybrid_bridge.streams.diagnosis.faults import fault

MECHANISMS = ("SCRAM-SHA-256", "SCRAM-SHA-512", "PLAIN")
_CONNECTION_OPTIONS = (
    "client_id",
    "request_timeout_ms",
    "security_protocol",
    "sasl_mechanism",
    "sasl_plain_username",
    "sasl_plain_password",
)
# A SCRAM proof of the broker's that does not hold is a ValueError.
_LOGIN_TROUBLE = (*TROUBLE, ValueError)


@dataclass(frozen=True, slots=True)
class Cluster:
    """What a broker says of its cluster.

    Attributes:
        id: "" when it does not say.
        brokers: host and port of each, as it advertises them.
    """

    id: str
    brokers: tuple[tuple[str, int], ...]


async def look_at_login(settings: StreamSettings, address: Address) -> Finding:
    """Log in as the bridge does; the connection is closed again."""
    security, step = settings.security, f"login {address}"
    offer = await _ask_mechanisms(settings, address)
    refused = _offer_fault(settings, address, offer)
    if refused is not None:
        return wrong(step, refused)
    try:
        async with kafka_connection(settings, address, login=True):
            pass
    except kafka.SaslAuthenticationFailed as error:
        # The broker's own words come after the name of the error.
        seen = str(error).rpartition(": ")[2] or "authentication failed"
        return wrong(step, fault("login_refused", seen, address=address, user=security.username))
    except _LOGIN_TROUBLE as error:
        names = {"address": address, "user": security.username}
        return wrong(step, fault("login_failed", told(error), **names))
    return well(step, f"{security.username} by {security.mechanism}")


async def look_at_cluster(settings: StreamSettings, address: Address) -> Cluster | Fault:
    """Ask which brokers there are."""
    try:
        async with kafka_connection(settings, address, login=True) as asked:
            answer = await asked.send(MetadataRequest([]))
    except _LOGIN_TROUBLE as error:
        offer = None if settings.security.authenticated else await _ask_mechanisms(settings, address)
        if offer is None or not offer.mechanisms:
            return fault("metadata_missing", told(error), address=address)
        seen = f"it closes a connection without one; it offers {', '.join(offer.mechanisms)}"
        protocol = "SASL_SSL" if settings.security.encrypted else "SASL_PLAINTEXT"
        return fault("login_missing", seen, address=address, protocol=protocol)
    brokers = tuple((host, port) for _, host, port, *_ in answer.brokers)
    return Cluster(getattr(answer, "cluster_id", "") or "", brokers)


@asynccontextmanager
async def kafka_connection(
    settings: StreamSettings, address: Address, *, login: bool
) -> AsyncIterator[AIOKafkaConnection]:
    """Open one connection as aiokafka's clients do and cut it at the end.

    Args:
        login: whether to log in where the settings say so.
    Raises:
        KafkaError, OSError, TimeoutError: when no connection comes about.
    """
    options = connection_options(settings, address.patience_s)
    chosen = {name: options[name] for name in _CONNECTION_OPTIONS if name in options}
    if not login:
        chosen["security_protocol"] = chosen["security_protocol"].removeprefix("SASL_")
    opened = AIOKafkaConnection(address.host, address.port, ssl_context=address.context, **chosen)
    try:
        with own_cancellation_only():
            async with asyncio.timeout(2 * address.patience_s):
                await opened.connect()
                yield opened
    finally:
        await _cut(opened)


async def _cut(opened: AIOKafkaConnection) -> None:
    """Close a connection at once, one that aiokafka is closing politely too."""
    protocol = opened._protocol
    opened.close()
    if protocol is not None and protocol._transport is not None:
        protocol._transport.abort()
        await asyncio.wait({opened._closed_fut}, timeout=CUT_TIMEOUT_S)


@dataclass(frozen=True, slots=True)
class _Offer:
    """A broker's answer to the question of how to log in."""

    error: type[kafka.KafkaError]
    mechanisms: tuple[str, ...]


async def _ask_mechanisms(settings: StreamSettings, address: Address) -> _Offer | None:
    """Ask how to log in; None when that is not answered."""
    try:
        async with kafka_connection(settings, address, login=False) as asked:
            answer = await asked.send(SaslHandShakeRequest(settings.security.mechanism))
    except TROUBLE:
        return None
    return _Offer(kafka.for_code(answer.error_code), tuple(answer.enabled_mechanisms))


def _offer_fault(settings: StreamSettings, address: Address, offer: _Offer | None) -> Fault | None:
    """Say why logging in cannot work; None when it may."""
    if offer is None or offer.error is kafka.NoError:
        return None
    wanted, offered = settings.security.mechanism, offer.mechanisms
    if not offered or wanted in offered:
        protocol = "SSL" if settings.security.encrypted else "PLAINTEXT"
        return fault("login_not_asked", offer.error.__name__, address=address, protocol=protocol)
    usable = [name for name in MECHANISMS if name in offered]
    return fault(
        "login_mechanism",
        f"it offers {', '.join(offered)}",
        address=address,
        mechanism=wanted,
        offered=" or ".join(usable) if usable else f"the bridge knows {', '.join(MECHANISMS)}",
    )
