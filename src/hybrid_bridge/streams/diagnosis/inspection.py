"""The whole way to Redpanda, looked at step by step: what `hybrid-bridge check` reports.

Owns the order of the steps and what a fault leaves out. Changes nothing but a topic of its own, which is
deleted again. Called by the command.
"""

import asyncio
from collections.abc import AsyncIterator

from aiokafka.client import AIOKafkaClient

from hybrid_bridge.findings import Finding, Verdict, wrong
from hybrid_bridge.ports import Clock
from hybrid_bridge.settings import StreamSettings
from hybrid_bridge.streams.clients import TROUBLE, close_client, connection_options, own_cancellation_only
from hybrid_bridge.streams.diagnosis.address import Address
from hybrid_bridge.streams.diagnosis.causes import (
    ServerLook,
    addresses,
    advertised_elsewhere,
    certificate_fault,
    find_faults,
    look_at_advertised,
)
from hybrid_bridge.streams.diagnosis.permissions import Permissions
from hybrid_bridge.streams.diagnosis.round_trip import RoundTrip
from hybrid_bridge.streams.security import CertificateUnusable

PATIENCE_S = 5.0
CLUSTER_S = 60.0
ADVERTISED_MAX = 20


async def inspect(
    settings: StreamSettings, clock: Clock, patience_s: float = PATIENCE_S
) -> AsyncIterator[Finding]:
    """Yield what each step came to; what a fault makes pointless is left out.

    Args:
        patience_s: how long one look at the network may take.
    """
    reached: list[ServerLook] = []
    async for finding in _look_at_servers(settings, patience_s, reached):
        yield finding
    if not reached:
        return
    faults = False
    async for finding in _look_at_advertised(settings, reached):
        faults = faults or finding.fault is not None
        yield finding
    if faults:
        return
    for finding in await _look_at_cluster(settings, clock, patience_s):
        yield finding


async def _look_at_servers(
    settings: StreamSettings, patience_s: float, reached: list[ServerLook]
) -> AsyncIterator[Finding]:
    """Look at every configured server at once; those that can be used go into `reached`."""
    try:
        looks = [ServerLook(settings, address) for address in addresses(settings, patience_s)]
    except CertificateUnusable as error:
        yield wrong("certificates", certificate_fault(error))
        return
    found = await asyncio.gather(*(look.run() for look in looks))
    reached += [look for look in looks if look.cluster is not None]
    for findings in found:
        for finding in findings:
            yield _softened(finding) if reached else finding


def _softened(finding: Finding) -> Finding:
    """A server that is out of reach stops nothing while another can be used."""
    if finding.fault is None:
        return finding
    seen = f"{finding.fault}. The bridge uses the other servers"
    return Finding(finding.step, Verdict.NOTE, seen, finding.fault)


async def _look_at_advertised(settings: StreamSettings, reached: list[ServerLook]) -> AsyncIterator[Finding]:
    """Look at every address that a server sends its clients on to, each once."""
    usable = {(look.address.host, look.address.port) for look in reached}
    told: dict[tuple[str, int], tuple[ServerLook, Address]] = {}
    for look in reached:
        for broker in advertised_elsewhere(look):
            if (broker.host, broker.port) not in usable:
                told.setdefault((broker.host, broker.port), (look, broker))
    looks = list(told.values())[:ADVERTISED_MAX]
    for finding in await asyncio.gather(
        *(look_at_advertised(settings, look, broker) for look, broker in looks)
    ):
        yield finding


async def _look_at_cluster(settings: StreamSettings, clock: Clock, patience_s: float) -> list[Finding]:
    """Look at what can be asked of a cluster once it is reached."""
    found: list[Finding] = []
    client = AIOKafkaClient(**connection_options(settings, patience_s))
    try:
        with own_cancellation_only():
            async with asyncio.timeout(CLUSTER_S):
                await client.bootstrap()
                for part in (Permissions(client, settings), RoundTrip(client, settings, clock)):
                    async for finding in part.findings():
                        found.append(finding)  # noqa: PERF401  What was found stays when the rest fails.
    except TROUBLE as error:
        faults = await find_faults(settings, settings.tick_topic, error)
        found += [wrong("connection", what) for what in faults]
    finally:
        await close_client(client)
    return found
