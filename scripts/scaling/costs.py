"""From what a broker was seen to do to what an account costs, and what so many accounts need.

Pure. `run` measures and shows; docs/scaling.md has the same arithmetic in words.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy
import numpy.typing

SECONDS_A_DAY = 86_400
US, MB, GB = 1e6, 1e6, 1e9


@dataclass(frozen=True, slots=True)
class Observation:
    """One phase, all bridges together; rates are per second.

    Attributes:
        publishes: produce requests with ticks.
        signals: signals sent, of all accounts.
        deliveries: times that a reader of a bridge was sent a signal, its own or another's.
        broker_cpu: processor time of the broker through time, 1 for a whole core.
        wire_bytes: both ways, packet headers included.
        disk_bytes: of the tick topics.
    """

    phase: str
    bridges: int
    ticks: float
    publishes: float
    signals: float
    deliveries: float
    broker_cpu: float
    wire_bytes: float
    disk_bytes: float


@dataclass(frozen=True, slots=True)
class Prices:
    """What the parts of an account's traffic cost the broker in processor time.

    Attributes:
        idle_us: a second of a bridge that is connected and has nothing to say.
        publish_us: a produce request.
        tick_us: each tick in it.
        delivery_us: a signal that one reader of one bridge is sent.
    """

    idle_us: float
    publish_us: float
    tick_us: float
    delivery_us: float

    def cpu(self, bridges: int, publishes: float, ticks: float, deliveries: float) -> float:
        """Return the cores that a load keeps busy."""
        parts = (
            bridges * self.idle_us,
            publishes * self.publish_us,
            ticks * self.tick_us,
            deliveries * self.delivery_us,
        )
        return sum(parts) / US


def prices_of(observations: Sequence[Observation], base_cpu: float) -> Prices:
    """Return the prices that explain the phases best, by least squares; none is negative.

    Args:
        base_cpu: of the broker with nobody connected.
    """
    loads = numpy.array(
        [[seen.bridges, seen.publishes, seen.ticks, seen.deliveries] for seen in observations]
    )
    costs = numpy.array([seen.broker_cpu - base_cpu for seen in observations]) * US
    return Prices(*_least_squares(loads, costs))


def _least_squares(loads: "numpy.typing.NDArray[Any]", costs: "numpy.typing.NDArray[Any]") -> list[float]:
    """Solve; what comes out below zero is noise around nothing, and is left out one after the other."""
    kept = list(range(loads.shape[1]))
    # A bridge's second and a tick differ by orders of magnitude: equal scales keep the solution sound.
    scales = numpy.maximum(loads.max(axis=0), 1e-12)
    while True:
        found = numpy.linalg.lstsq(loads[:, kept] / scales[kept], costs, rcond=None)[0] / scales[kept]
        if not kept or found.min() >= 0:
            break
        del kept[int((found * scales[kept]).argmin())]
    prices = [0.0] * loads.shape[1]
    for column, price in zip(kept, found, strict=True):
        prices[column] = float(price)
    return prices


@dataclass(frozen=True, slots=True)
class Account:
    """What one account does; rates are per second.

    Attributes:
        tick_bytes: of a tick on disk, compressed.
        signal_bytes: of a signal on the wire to one reader, and on disk.
    """

    ticks: float
    publishes: float
    signals: float
    tick_bytes: float
    signal_bytes: float = 500.0


@dataclass(frozen=True, slots=True)
class Need:
    """What so many accounts need of a cluster.

    Attributes:
        cores: busy ones; followers that copy what a leader has are left out.
        disk_gb: with all copies.
        egress_mb_s: signals going out to bridges.
    """

    accounts: int
    shared_signals: bool
    ticks: float
    cores: float
    ingress_mb_s: float
    egress_mb_s: float
    disk_gb: float
    partitions: int


def need_of(
    accounts: int,
    account: Account,
    prices: Prices,
    *,
    shared_signals: bool,
    retention_days: float,
    replicas: int = 3,
    partitions_each: int = 3,
) -> Need:
    """Return what accounts of one kind need together.

    Args:
        shared_signals: whether all read one signal topic, and so each other's signals.
        partitions_each: of an account with topics of its own.
    """
    signals = accounts * account.signals
    readers = 2 * (accounts if shared_signals else 1)
    deliveries = signals * readers
    written = accounts * (account.ticks * account.tick_bytes + 2 * account.signals * account.signal_bytes)
    return Need(
        accounts=accounts,
        shared_signals=shared_signals,
        ticks=accounts * account.ticks,
        cores=prices.cpu(accounts, accounts * account.publishes, accounts * account.ticks, deliveries),
        ingress_mb_s=written / MB,
        egress_mb_s=deliveries * account.signal_bytes / MB,
        disk_gb=written * SECONDS_A_DAY * retention_days * replicas / GB,
        partitions=(accounts if not shared_signals else 1) * partitions_each * replicas,
    )


def needs(account: Account, prices: Prices, counts: Sequence[int], retention_days: float) -> list[Need]:
    """Return the needs of each count of accounts, with one signal topic for all and with one each."""
    return [
        need_of(count, account, prices, shared_signals=shared, retention_days=retention_days)
        for count in counts
        for shared in (True, False)
    ]
