"""From what a broker was seen to do to what an account costs, and what so many accounts need.

Pure. `run` measures and shows; docs/scaling.md has the same arithmetic in words.
"""

import operator
from collections.abc import Sequence
from dataclasses import astuple, dataclass
from typing import Any

import numpy
import numpy.typing

SECONDS_A_DAY = 86_400
US, MB, GB = 1e6, 1e6, 1e9
READERS = 2  # Of signals: the consumer, and the watcher for emergency stops.
TOPICS = 3


@dataclass(frozen=True, slots=True)
class Observation:
    """One phase, all bridges together; rates are per second.

    Attributes:
        shared: whether all are on the same topics.
        publishes: produce requests with ticks.
        signals: signals sent, of all accounts.
        deliveries: times that a reader of a bridge was sent a signal, its own or another's.
        broker_cpu: processor time of the broker through time, 1 for a whole core.
        wire_bytes: both ways, packet headers included.
        disk_bytes: of the tick topics.
    """

    shared: bool
    bridges: int
    ticks: float
    publishes: float
    signals: float
    deliveries: float
    broker_cpu: float = 0.0
    wire_bytes: float = 0.0
    disk_bytes: float = 0.0


@dataclass(frozen=True, slots=True)
class Prices:
    """What the parts of an account's traffic cost the broker in processor time.

    Attributes:
        idle_us: a second of a bridge that is connected and has nothing to say.
        publish_us: a produce request to a topic of the account's own, of one partition.
        shared_publish_us: a produce request to a topic of many partitions that all share.
        tick_us: each tick in it.
        signal_us: a signal to its own bridge: written, its result written, its offset committed.
        delivery_us: a signal that one reader of one bridge is sent, its own or another's.
    """

    idle_us: float
    publish_us: float
    shared_publish_us: float
    tick_us: float
    signal_us: float
    delivery_us: float

    def cpu(self, seen: Observation) -> float:
        """Return the cores that a load keeps busy; what was seen of them is not looked at."""
        return sum(map(operator.mul, _load(seen), astuple(self))) / US


def prices_of(observations: Sequence[Observation], base_cpu: float) -> Prices:
    """Return the prices that explain the phases best, by least squares; none is negative.

    Args:
        base_cpu: of the broker with nobody connected.
    """
    loads = numpy.array([_load(seen) for seen in observations])
    costs = numpy.array([seen.broker_cpu - base_cpu for seen in observations]) * US
    return Prices(*_least_squares(loads, costs))


def _load(seen: Observation) -> tuple[float, ...]:
    """Return how often each price is paid, in the order of `Prices`."""
    own, shared = (0.0, seen.publishes) if seen.shared else (seen.publishes, 0.0)
    return (seen.bridges, own, shared, seen.ticks, seen.signals, seen.deliveries)


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
        replicas: of partitions, the least: one partition to a topic.
    """

    accounts: int
    shared: bool
    ticks: float
    cores: float
    ingress_mb_s: float
    egress_mb_s: float
    disk_gb: float
    replicas: int


def need_of(
    accounts: int,
    account: Account,
    prices: Prices,
    *,
    shared: bool,
    retention_days: float,
    replicas: int = 3,
) -> Need:
    """Return what accounts of one kind need together.

    Args:
        shared: whether all are on the same three topics, and so read each other's signals.
    """
    signals = accounts * account.signals
    readers = READERS * (accounts if shared else 1)
    written = accounts * (account.ticks * account.tick_bytes + 2 * account.signals * account.signal_bytes)
    load = Observation(
        shared=shared,
        bridges=accounts,
        ticks=accounts * account.ticks,
        publishes=accounts * account.publishes,
        signals=signals,
        deliveries=signals * readers,
    )
    return Need(
        accounts=accounts,
        shared=shared,
        ticks=load.ticks,
        cores=prices.cpu(load),
        ingress_mb_s=written / MB,
        egress_mb_s=load.deliveries * account.signal_bytes / MB,
        disk_gb=written * SECONDS_A_DAY * retention_days * replicas / GB,
        replicas=(1 if shared else accounts) * TOPICS * replicas,
    )


def needs(account: Account, prices: Prices, counts: Sequence[int], retention_days: float) -> list[Need]:
    """Return the needs of each count of accounts, with one signal topic for all and with one each."""
    return [
        need_of(count, account, prices, shared=shared, retention_days=retention_days)
        for count in counts
        for shared in (True, False)
    ]
