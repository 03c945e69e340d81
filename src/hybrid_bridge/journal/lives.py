"""The lives of orders, put together from events for a person to read.

Unlike the engine's state it forgets nothing, judges nothing and stumbles over nothing: whatever a journal
holds is shown. Story, table and export are made from it.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from hybrid_bridge.core.events import (
    Denial,
    DuplicateReceived,
    IntentDenied,
    IntentExpired,
    IntentReceived,
    OrderAnswered,
    OrderApproved,
    OrderRetried,
    OrderSending,
    PositionAdopted,
    PositionChanged,
    PositionEnded,
)
from hybrid_bridge.core.market import Quote
from hybrid_bridge.core.orders import ApprovedOrder, Intent, OrderRequest, OrderState
from hybrid_bridge.journal.reading import StoredEvent


@dataclass(slots=True)
class Life:
    """One intent from its receipt to what is known of it now.

    Attributes:
        events: about it, and about the position that it opened.
        signal_id: "" when its receipt is no longer in the journal.
        last_msc: of the latest event, UTC milliseconds.
        approved_msc, sending_msc: 0 when it did not come that far.
        attempts: how often it was about to be sent.
        duplicates: how often its id came again; conflicts: those with another content.
        positions: tickets of the positions it opened.
    """

    number: int
    events: list[StoredEvent] = field(default_factory=list)
    signal_id: str = ""
    state: OrderState = OrderState.RECEIVED
    reason: str = ""
    detail: str = ""
    last_msc: int = 0
    intent: Intent | None = None
    payload_hash: str = ""
    denials: tuple[Denial, ...] = ()
    approved_msc: int = 0
    request: OrderRequest | None = None
    quote: Quote | None = None
    risk_money: float = 0.0
    sending_msc: int = 0
    server_day: int | None = None
    attempts: int = 0
    answer: OrderAnswered | None = None
    duplicates: int = 0
    conflicts: int = 0
    positions: tuple[int, ...] = ()

    @property
    def received_msc(self) -> int:
        """When it came, UTC milliseconds."""
        return self.intent.received_msc if self.intent is not None else self.events[0].at_msc

    def add(self, stored: StoredEvent) -> None:
        """Take in the next event."""
        self.events.append(stored)
        self.last_msc = max(self.last_msc, stored.at_msc)
        event = stored.event
        match event:
            case IntentReceived():
                self.intent, self.payload_hash = event.intent, event.payload_hash
                self.signal_id = event.intent.signal_id
            case DuplicateReceived():
                self.duplicates += 1
                self.conflicts += event.conflict
                self.signal_id = self.signal_id or event.signal_id
            case PositionAdopted():
                self.positions = (*self.positions, event.ticket)
            case _:
                self._move(stored)

    def _move(self, stored: StoredEvent) -> None:
        event = stored.event
        match event:
            case IntentDenied():
                self.state, self.denials = OrderState.DENIED, event.denials
                self.reason = ", ".join(denial.check for denial in event.denials)
            case IntentExpired():
                self.state, self.reason, self.detail = OrderState.EXPIRED, "expiry", event.detail
            case OrderApproved():
                self.state, self.approved_msc = OrderState.APPROVED, event.at_msc
                self._approve(event.order)
            case OrderSending():
                self.state, self.sending_msc, self.attempts = OrderState.SENDING, event.at_msc, 1
                self.server_day = event.server_day
            case OrderRetried():
                self.state = OrderState.SENDING
                self.attempts += 1
                self._approve(event.order)
            case OrderAnswered():
                self.state, self.answer = event.state, event
                self.reason, self.detail = event.reason, event.detail

    def _approve(self, order: ApprovedOrder) -> None:
        self.request, self.quote, self.risk_money = order.request, order.quote, order.risk_money


def lives_of(events: Iterable[StoredEvent]) -> list[Life]:
    """Return the life of every intent that a journal tells of, in the order of their receipt."""
    lives: dict[int, Life] = {}
    opener: dict[int, Life] = {}
    for stored in events:
        if isinstance(stored.event, PositionChanged | PositionEnded):
            life = opener.get(stored.event.ticket)
            if life is not None:
                life.add(stored)
        elif stored.number is not None:
            life = lives.setdefault(stored.number, Life(stored.number))
            life.add(stored)
            if isinstance(stored.event, PositionAdopted):
                opener[stored.event.ticket] = life
    return [lives[number] for number in sorted(lives)]
