"""Where both channels leave what they received, and where the executor takes it from.

Owns two bounded queues: wanted orders, in order, and facts (stops, resumes, observations, malformed
messages), which never wait behind orders. A full queue makes the channel wait, so it stops reading; an
emergency stop waits for nothing but a crowd of other stops.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from hybrid_bridge.core.inputs import (
    AccountObserved,
    EmergencyStopRequested,
    Input,
    ResumeRequested,
    TighteningRequested,
    Wanted,
)
from hybrid_bridge.ports import Clock

ORDERS_MAX = 1_000
FACTS_MAX = 1_000
STOPS_MAX = 100


def _nobody_waits() -> None:
    """Stand in for a settled callback where the channel gave none."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """One received input and the callback that tells its channel it needs no second delivery.

    Attributes:
        urgent: it follows from an emergency stop, so it passes a door that is closed for others.
        standstills: how many there were when the facts were asked for on which it is judged.
    """

    item: Input
    settled: Callable[[], None]
    received_s: float
    urgent: bool = False
    standstills: int = 0

    def now_msc(self, clock: Clock, received_msc: int) -> int:
        """Return the time by which it may be too late: a PC clock set back makes nothing fresh again."""
        waited_s = clock.monotonic() - self.received_s
        return max(clock.utc_msc(), received_msc + int(waited_s * 1000))


def _tightens(delivery: Delivery | None) -> bool:
    return delivery is not None and isinstance(delivery.item, TighteningRequested)


class PriorityInbox:
    """Implements ports.Inbox."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._orders: deque[Delivery] = deque()
        self._facts: deque[Delivery] = deque()
        self._in_hand: Delivery | None = None
        self._changed = asyncio.Condition()

    async def put(self, item: Input, settled: Callable[[], None] | None = None) -> None:
        """Hand over one input; waits while its queue is full."""
        delivery = Delivery(item, settled or _nobody_waits, self._monotonic())
        async with self._changed:
            if isinstance(item, EmergencyStopRequested):
                await self._changed.wait_for(lambda: self._stops_waiting < STOPS_MAX)
                self._insert_stop(delivery)
            elif isinstance(item, AccountObserved):
                self._replace_observation(delivery)
            elif isinstance(item, Wanted):
                await self._changed.wait_for(lambda: len(self._orders) < ORDERS_MAX)
                self._orders.append(delivery)
            else:
                await self._changed.wait_for(lambda: len(self._facts) < FACTS_MAX)
                self._facts.append(delivery)
            self._changed.notify_all()

    async def put_first(self, items: Sequence[tuple[Wanted, Callable[[], None]]]) -> None:
        """Queue what follows from an emergency stop, each with its settled callback, ahead of what waits."""
        async with self._changed:
            now = self._monotonic()
            self._orders.extendleft(Delivery(item, settled, now, True) for item, settled in reversed(items))
            self._changed.notify_all()

    async def next_order(self) -> Delivery:
        """Wait for the next signal or command."""
        return await self._next(self._orders)

    async def next_fact(self) -> Delivery:
        """Wait for the next fact; the one before is done then."""
        async with self._changed:
            self._in_hand = None
            self._changed.notify_all()
        self._in_hand = await self._next(self._facts)
        return self._in_hand

    async def tightenings_done(self) -> None:
        """Wait until every tightening of limits that is here now is done: what came after is judged by it.

        Not for those that come meanwhile: a flood of them would hold up all orders for ever.
        """
        async with self._changed:
            left = [delivery for delivery in (self._in_hand, *self._facts) if _tightens(delivery)]
            await self._changed.wait_for(lambda: not any(map(self._is_left, left)))

    def _is_left(self, delivery: Delivery | None) -> bool:
        return any(delivery is one for one in (self._in_hand, *self._facts))

    @property
    def orders_waiting(self) -> int:
        """How many signals and commands wait."""
        return len(self._orders)

    @property
    def stop_waits(self) -> bool:
        """Whether an emergency stop was received that nobody has taken yet."""
        return self._stops_waiting > 0

    @property
    def _stops_waiting(self) -> int:
        return sum(isinstance(waiting.item, EmergencyStopRequested) for waiting in self._facts)

    async def _next(self, queue: deque[Delivery]) -> Delivery:
        async with self._changed:
            await self._changed.wait_for(lambda: bool(queue))
            delivery = queue.popleft()
            self._changed.notify_all()
            return delivery

    def _insert_stop(self, delivery: Delivery) -> None:
        """Overtake everything but earlier stops and resumes: whichever of them came last must win."""
        place = 0
        for index, waiting in enumerate(self._facts, 1):
            if isinstance(waiting.item, EmergencyStopRequested | ResumeRequested):
                place = index
        self._facts.insert(place, delivery)

    def _replace_observation(self, delivery: Delivery) -> None:
        """Keep only the latest look at the account."""
        for place, waiting in enumerate(self._facts):
            if isinstance(waiting.item, AccountObserved):
                self._facts[place] = delivery
                return
        self._facts.append(delivery)
