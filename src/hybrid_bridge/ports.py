"""What the executor and the app need from the outside world, as protocols.

Nouns only; each is implemented by one folder (terminal, streams, control, journal) and wired in app.py.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from hybrid_bridge.core.account import AccountReport
from hybrid_bridge.core.appraisal import (
    Appraisal,
    AppraisalQuery,
    DealsFound,
    DealsQuery,
    Findings,
    LookQuery,
)
from hybrid_bridge.core.events import Event
from hybrid_bridge.core.inputs import Input
from hybrid_bridge.core.market import SequencedTick, TickCursor
from hybrid_bridge.core.orders import ApprovedOrder, SubmitOutcome


class Clock(Protocol):
    """Time, so that a simulation can bring its own."""

    def utc_msc(self) -> int:
        """Return UTC milliseconds since the epoch."""
        ...

    def monotonic(self) -> float:
        """Return seconds that never go back."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Return after this many seconds."""
        ...


class TradeLane(Protocol):
    """The one way to the venue for orders and for questions about them."""

    async def appraise(self, query: AppraisalQuery) -> Appraisal:
        """Ask for everything the risk check needs; LaneError when it cannot be had."""
        ...

    async def submit(self, order: ApprovedOrder, still_wanted: Callable[[], bool]) -> SubmitOutcome:
        """Send an approved order once; never raises for what the venue or the pipe does.

        Args:
            still_wanted: asked when its turn has come, right before it is written; False withdraws it.
        """
        ...

    async def look(self, query: LookQuery) -> Findings:
        """Ask what the terminal shows of an order; LaneError when the answer is not complete."""
        ...

    async def report(self) -> AccountReport:
        """Look at account, positions and orders; LaneError when it cannot be had."""
        ...


class TradeHistory(Protocol):
    """Where the results of trades are found."""

    async def deals_of(self, query: DealsQuery) -> DealsFound:
        """Ask for the deals of many trades at once; LaneError when the answer is not complete."""
        ...


class TickSink(Protocol):
    """Where ticks go."""

    async def recover(self, cursors: Sequence[TickCursor]) -> dict[str, int]:
        """Return the last sequence number each symbol has in the sink already (0 for none)."""
        ...

    async def publish(self, ticks: Sequence[SequencedTick]) -> None:
        """Return once every tick is acknowledged; ChannelError when any may not be."""
        ...


class CursorStore(Protocol):
    """Where tick cursors survive a restart."""

    async def load(self) -> dict[str, TickCursor]:
        """Return the stored cursors by symbol."""
        ...

    async def save(self, cursors: Sequence[TickCursor]) -> None:
        """Store these cursors."""
        ...


class OutboxEntry(NamedTuple):
    """A message that is to go into the outbox.

    Attributes:
        key: what consumers drop repetitions by (the signal's id and its state).
        body: the encoded envelope.
        intent_id: the id of the signal that it is about, "" for none.
    """

    key: str
    body: bytes
    intent_id: str = ""


@dataclass(frozen=True, slots=True)
class OutboxMessage:
    """A message that must arrive: journaled first, delivered at least once on every channel.

    Attributes:
        seq: its place in the outbox, ascending.
        key: as in OutboxEntry, and so are body and intent_id.
    """

    seq: int
    key: str
    body: bytes
    intent_id: str = ""


class OutboxChannel(Protocol):
    """A channel that outbox messages are delivered on."""

    @property
    def name(self) -> str:
        """Return the name under which delivery is recorded: "websocket" or "redpanda"."""
        ...

    async def deliver(self, messages: Sequence[OutboxMessage]) -> None:
        """Return once the other side has all of them; ChannelError otherwise."""
        ...


class OutboxStore(Protocol):
    """Where messages wait for their channels."""

    async def undelivered(self, channel: str, limit: int) -> list[OutboxMessage]:
        """Return the oldest messages this channel has not delivered."""
        ...

    async def mark_delivered(self, channel: str, seq: int) -> None:
        """Record that this channel has delivered everything up to and including `seq`."""
        ...


class Journal(Protocol):
    """The durable record of every decision; the only memory that recovery trusts."""

    async def load(self) -> list[Event]:
        """Return all events in order."""
        ...

    async def record(self, events: Sequence[Event], outbox: Sequence[OutboxEntry]) -> None:
        """Commit events and outbox messages in one durable transaction."""
        ...


class Inbox(Protocol):
    """Where the channels put what they received."""

    async def put(self, item: Input, settled: Callable[[], None] | None = None) -> None:
        """Hand over one input; waits while the inbox is full, so that the channel stops reading.

        Args:
            settled: called once the input needs no second delivery: its decision is durable.
        """
        ...
