"""The engine's state and how events change it; the only code that writes it.

`apply` is a fold: the same events in the same order give the same state, live and in recovery. It decides
nothing and checks only that a move is legal.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from hybrid_bridge.core.events import (
    BrokerDayOpened,
    DuplicateReceived,
    EquityPeakRaised,
    Event,
    IntentDenied,
    IntentExpired,
    IntentReceived,
    OrderAnswered,
    OrderApproved,
    OrderSending,
    TradingState,
    TradingStateChanged,
)
from hybrid_bridge.core.orders import (
    IN_DOUBT_STATES,
    OPEN_STATES,
    TRANSITIONS,
    ApprovedOrder,
    Intent,
    IntentKind,
    OrderState,
)

CLOSED_ORDERS_KEPT = 5_000
ENTRIES_KEPT_MS = 86_400_000  # The longest DUPLICATE_WINDOW_S; the order rate needs a minute of it.


class IllegalTransition(Exception):
    """An event asked for a move that TRANSITIONS does not have: a bug or a damaged journal."""


@dataclass(slots=True)
class OrderRecord:
    """All that is known of one intent."""

    intent: Intent
    payload_hash: str
    state: OrderState = OrderState.RECEIVED
    order: ApprovedOrder | None = None
    sending_msc: int = 0
    answer: OrderAnswered | None = None


@dataclass(slots=True)
class EngineState:
    """Everything decisions depend on, besides limits and the input itself.

    Attributes:
        orders: by intent number; closed ones are forgotten after CLOSED_ORDERS_KEPT.
        numbers: signal id to intent number, for the orders above.
        doubtful: those of the orders whose outcome is not known, by intent number.
        latched_msc: when the trading state last changed, UTC milliseconds.
        daily_entries: entries that reached SENDING on `server_day`.
        day_equity: at the first look on `server_day`, account currency.
        entries: instants (UTC ms) and intents of recent entries that reached SENDING, oldest first.
    """

    orders: dict[int, OrderRecord] = field(default_factory=dict)
    numbers: dict[str, int] = field(default_factory=dict)
    doubtful: dict[int, OrderRecord] = field(default_factory=dict)
    closed: deque[int] = field(default_factory=deque)
    next_number: int = 1
    trading: TradingState = TradingState.ACTIVE
    halt_reason: str = ""
    emergency: bool = False
    latched_msc: int = 0
    server_day: int | None = None
    daily_entries: int = 0
    day_equity: float | None = None
    equity_peak: float | None = None
    entries: deque[tuple[int, Intent]] = field(default_factory=deque)

    def in_doubt(self) -> list[OrderRecord]:
        """Return the orders whose outcome is not known."""
        return list(self.doubtful.values())


def apply(state: EngineState, event: Event) -> None:
    """Change the state by one event.

    Raises:
        IllegalTransition: when TRANSITIONS does not allow the move.
    """
    _CHANGES[type(event)](state, event)


def _add(state: EngineState, event: IntentReceived) -> None:
    number = event.intent.number
    if number in state.orders:
        raise IllegalTransition(f"intent {number} was received twice")
    state.orders[number] = OrderRecord(event.intent, event.payload_hash)
    state.numbers[event.intent.signal_id] = number
    state.next_number = max(state.next_number, number + 1)


def _move(state: EngineState, number: int, to: OrderState) -> OrderRecord:
    record = state.orders.get(number)
    if record is None:
        raise IllegalTransition(f"intent {number} is not known, cannot become {to}")
    if to not in TRANSITIONS[record.state]:
        raise IllegalTransition(f"intent {number} is {record.state}, cannot become {to}")
    record.state = to
    if to in IN_DOUBT_STATES:
        state.doubtful[number] = record
    else:
        state.doubtful.pop(number, None)
    return record


def _send(state: EngineState, event: OrderSending) -> None:
    record = _move(state, event.number, OrderState.SENDING)
    record.sending_msc = event.at_msc
    if record.intent.kind is not IntentKind.ENTRY:
        return
    state.entries.append((event.at_msc, record.intent))
    while state.entries and state.entries[0][0] < event.at_msc - ENTRIES_KEPT_MS:
        state.entries.popleft()
    # Whatever day the event names: a broker's clock that goes back must not open a day without a limit.
    state.daily_entries += 1


def _answer(state: EngineState, event: OrderAnswered) -> None:
    record = state.orders.get(event.number)
    if record is None or record.state is not event.state:
        closed_before = record is not None and record.state not in OPEN_STATES
        record = _move(state, event.number, event.state)
        if event.state not in OPEN_STATES and not closed_before:
            _forget_oldest(state, event.number)
    record.answer = event


def _finish(state: EngineState, number: int, to: OrderState) -> None:
    _move(state, number, to)
    _forget_oldest(state, number)


def _forget_oldest(state: EngineState, number: int) -> None:
    state.closed.append(number)
    while len(state.closed) > CLOSED_ORDERS_KEPT:
        oldest = state.orders.get(state.closed.popleft())
        if oldest is not None and oldest.state not in OPEN_STATES:
            del state.orders[oldest.intent.number]
            state.numbers.pop(oldest.intent.signal_id, None)


def _deny(state: EngineState, event: IntentDenied) -> None:
    _finish(state, event.number, OrderState.DENIED)


def _expire(state: EngineState, event: IntentExpired) -> None:
    _finish(state, event.number, OrderState.EXPIRED)


def _approve(state: EngineState, event: OrderApproved) -> None:
    _move(state, event.order.intent.number, OrderState.APPROVED).order = event.order


def _latch(state: EngineState, event: TradingStateChanged) -> None:
    state.trading = event.state
    state.halt_reason = event.reason
    state.emergency = event.emergency
    state.latched_msc = event.at_msc


def _open_day(state: EngineState, event: BrokerDayOpened) -> None:
    state.server_day = event.server_day
    state.day_equity = event.equity
    state.daily_entries = 0


def _raise_peak(state: EngineState, event: EquityPeakRaised) -> None:
    state.equity_peak = event.equity


def _keep_for_the_record(state: EngineState, event: DuplicateReceived) -> None:
    """Change nothing: the journal alone remembers a duplicate."""


_CHANGES: dict[type, Callable[[EngineState, Any], None]] = {
    IntentReceived: _add,
    IntentDenied: _deny,
    IntentExpired: _expire,
    DuplicateReceived: _keep_for_the_record,
    OrderApproved: _approve,
    OrderSending: _send,
    OrderAnswered: _answer,
    TradingStateChanged: _latch,
    BrokerDayOpened: _open_day,
    EquityPeakRaised: _raise_peak,
}
