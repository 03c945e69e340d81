"""Why Redpanda does not answer, in words with a cause and what to do about it.

Owns the order of the looks: each configured server step by step, then every address that it advertises.
`explain` turns an error of a client into words and looks at the network where the error alone does not tell;
it never raises and takes a few seconds at most. Called by the channels when something fails, and by
inspection for `hybrid-bridge check`.
"""

from collections.abc import AsyncIterator, Iterator

from aiokafka import errors as kafka

from hybrid_bridge.findings import Fault, Finding, told, well, wrong
from hybrid_bridge.settings import StreamSettings
from hybrid_bridge.streams.clients import connection_options
from hybrid_bridge.streams.diagnosis.address import Address
from hybrid_bridge.streams.diagnosis.faults import fault
from hybrid_bridge.streams.diagnosis.login import Cluster, look_at_cluster, look_at_login
from hybrid_bridge.streams.diagnosis.reach import look_at_network
from hybrid_bridge.streams.security import CertificateUnusable

PROBE_TIMEOUT_S = 2.0
PROBED_ADDRESSES_MAX = 3

_KNOWN: dict[type[kafka.KafkaError], str] = {
    kafka.TopicAuthorizationFailedError: "topic_forbidden",
    kafka.GroupAuthorizationFailedError: "group_forbidden",
    kafka.ClusterAuthorizationFailedError: "idempotent_forbidden",
    kafka.UnknownTopicOrPartitionError: "topic_absent",
    kafka.MessageSizeTooLargeError: "batch_too_large",
    kafka.RecordListTooLargeError: "segment_too_small",
    kafka.NotEnoughReplicasError: "too_few_replicas",
    kafka.UnsupportedCodecError: "codec_missing",
    kafka.CorruptRecordException: "batch_damaged",
    kafka.KafkaStorageError: "disk_failed",
    kafka.InvalidTimestampError: "time_refused",
}


async def explain(settings: StreamSettings, topic: str, error: BaseException) -> str:
    """Say what an error of a Kafka client means and what to do about it.

    Args:
        error: as raised by aiokafka or the operating system.
    Returns:
        Cause, what was seen, and the mend; the network is probed when the error itself does not tell.
    """
    return "; ".join(str(found) for found in await find_faults(settings, topic, error))


async def find_faults(settings: StreamSettings, topic: str, error: BaseException) -> list[Fault]:
    """Return what is wrong, at least one fault; one for each server where none can be used."""
    for kind, key in _KNOWN.items():
        if isinstance(error, kind):
            names = {"topic": topic, "group": settings.group_id}
            return [fault(key, **names, **who(settings))]
    unknown = fault("unknown", told(error), servers=settings.bootstrap_servers, topic=topic)
    return await _probe(settings) or [unknown]


def who(settings: StreamSettings) -> dict[str, str]:
    """Return as whom the bridge is known to the broker: in words, and as its permissions name it."""
    security = settings.security
    if security.authenticated:
        return {"user": f"user {security.username}", "principal": f"User:{security.username}"}
    if security.encrypted and security.cert_file:
        return {"user": "the holder of this client's certificate", "principal": "User:CN=..."}
    return {"user": "a client without a login", "principal": "User:ANONYMOUS"}


async def probe(settings: StreamSettings) -> str:
    """Look at the configured servers from this PC; return what is wrong, or "" when one answers."""
    return "; ".join(str(found) for found in await _probe(settings))


async def _probe(settings: StreamSettings) -> list[Fault]:
    try:
        servers = addresses(settings, PROBE_TIMEOUT_S)[:PROBED_ADDRESSES_MAX]
    except CertificateUnusable as error:
        return [certificate_fault(error)]
    faults = []
    for address in servers:
        found = await _first_fault(settings, address)
        if found is None:
            return []
        faults.append(found)
    return faults


def certificate_fault(error: CertificateUnusable) -> Fault:
    """Return what is wrong with the files of the settings."""
    return fault("tls_files", error.cause, mend=error.mend)


def addresses(settings: StreamSettings, patience_s: float) -> list[Address]:
    """Return the configured servers.

    Raises:
        CertificateUnusable: when the certificates that are set cannot be used.
    """
    security = settings.security
    context = connection_options(settings).get("ssl_context")
    return [
        Address(host, port, context, patience_s, security.authenticated, bool(security.cert_file))
        for host, port in _servers(settings.bootstrap_servers)
    ]


def _servers(servers: str) -> Iterator[tuple[str, int]]:
    for server in servers.split(","):
        host, _, port = server.strip().rpartition(":")
        yield host.strip("[]"), int(port)


class ServerLook:
    """A look at one server, step by step.

    Attributes:
        cluster: what it says of its cluster; None until it has said so.
        fault: what stopped the look; None while nothing has.
    """

    def __init__(self, settings: StreamSettings, address: Address) -> None:
        self.address = address
        self.cluster: Cluster | None = None
        self.fault: Fault | None = None
        self._settings = settings

    async def findings(self) -> AsyncIterator[Finding]:
        """Yield what each step came to, up to the first fault."""
        async for finding in self._steps():
            self.fault = finding.fault
            yield finding

    async def run(self) -> list[Finding]:
        """Return what every step came to."""
        return [finding async for finding in self.findings()]

    async def _steps(self) -> AsyncIterator[Finding]:
        async for finding in look_at_network(self.address):
            yield finding
            if finding.fault is not None:
                return
        if self._settings.security.authenticated:
            finding = await look_at_login(self._settings, self.address)
            yield finding
            if finding.fault is not None:
                return
        yield await self._look_at_cluster()

    async def _look_at_cluster(self) -> Finding:
        step = f"cluster {self.address}"
        found = await look_at_cluster(self._settings, self.address)
        if isinstance(found, Fault):
            return wrong(step, found)
        self.cluster = found
        named = ", ".join(_shown(host, port) for host, port in found.brokers)
        return well(step, f"its brokers are {named}" if named else "it names no broker yet")


def _shown(host: str, port: int) -> str:
    return str(Address(host, port, None, 0))


async def _first_fault(settings: StreamSettings, address: Address) -> Fault | None:
    look = ServerLook(settings, address)
    await look.run()
    if look.fault is not None or look.cluster is None:
        return look.fault
    for broker in advertised_elsewhere(look)[:PROBED_ADDRESSES_MAX]:
        finding = await look_at_advertised(settings, look, broker)
        if finding.fault is not None:
            return finding.fault
    return None


def advertised_elsewhere(look: ServerLook) -> list[Address]:
    """Return the addresses that a server sends its clients on to, without that at which it was asked."""
    asked = look.address
    brokers = look.cluster.brokers if look.cluster is not None else ()
    return [
        Address(host, port, asked.context, asked.patience_s, asked.logs_in, asked.has_certificate)
        for host, port in brokers
        if (host, port) != (asked.host, asked.port)
    ]


async def look_at_advertised(settings: StreamSettings, asked: ServerLook, broker: Address) -> Finding:
    """Look at an advertised address as a client does that is sent there."""
    step = f"advertised {broker}"
    look = ServerLook(settings, broker)
    await look.run()
    names = {"asked": asked.address, "address": broker}
    if look.fault is not None:
        return wrong(step, fault("advertised", look.fault.brief, **names))
    if asked.cluster is None or look.cluster is None or look.cluster.id == asked.cluster.id:
        return well(step, "answers this PC")
    seen = f"cluster {look.cluster.id or 'without a name'} instead of {asked.cluster.id}"
    return wrong(step, fault("advertised_other", seen, **names))
