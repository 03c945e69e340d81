"""The engine's state and how events change it; the only code that writes it.

`apply` is a fold: the same events in the same order give the same state, live and in recovery. It decides
nothing and checks only that a move is legal.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from hybrid_bridge.core.events import (
    AccountCleared,
    BrokerDayOpened,
    DuplicateReceived,
    EquityPeakRaised,
    EquityPeakReset,
    Event,
    FundsMoved,
    IntentDenied,
    IntentExpired,
    IntentReceived,
    LimitsRestored,
    LimitsTightened,
    OrderAnswered,
    OrderApproved,
    OrderRetried,
    OrderSending,
    PositionAdopted,
    PositionChanged,
    PositionEnded,
    TradeClosed,
    TradingState,
    TradingStateChanged,
)
from hybrid_bridge.core.market import Side
from hybrid_bridge.core.orders import (
    IN_DOUBT_STATES,
    OPEN_STATES,
    TRANSITIONS,
    ApprovedOrder,
    Intent,
    IntentKind,
    OrderState,
    Source,
)
from hybrid_bridge.core.requests import FILLING_RETURN
from hybrid_bridge.core.traces import VOLUME_TOLERANCE

CLOSED_ORDERS_KEPT = 5_000
ENTRIES_KEPT_MS = 86_400_000  # The longest DUPLICATE_WINDOW_S; the order rate needs a minute of it.
WATCH_MS = 86_400_000  # A late fill is looked for through the broker's day, at most this long into the next.
STOPS_KEPT = 100
FUNDS_MOVES_KEPT = 1_000
# The reply to an order may come before the terminal shows what it did; "poll up to a few seconds" (MQL5
# book, on OrderSend).
SHOWN_LATE_MS = 5_000
AT_THE_VENUE = frozenset({OrderState.FILLED, OrderState.PARTIAL, OrderState.PLACED})


class IllegalTransition(Exception):
    """An event asked for a move that TRANSITIONS does not have: a bug or a damaged journal."""


@dataclass(slots=True)
class OrderRecord:
    """All that is known of one intent.

    Attributes:
        sending_msc: when it was first about to be sent, UTC milliseconds.
        attempts: how often it was about to be sent; more than once only after a certain no.
        counted_day: the broker's day that an entry counted for last; None while none was known.
    """

    intent: Intent
    payload_hash: str
    state: OrderState = OrderState.RECEIVED
    order: ApprovedOrder | None = None
    sending_msc: int = 0
    attempts: int = 0
    counted_day: int | None = None
    answer: OrderAnswered | None = None


@dataclass(frozen=True, slots=True)
class HeldPosition:
    """A position as it was last seen.

    Attributes:
        number: the intent that opened it, 0 when it is external.
    """

    ticket: int
    symbol: str
    side: Side
    volume: float
    price_open: float
    number: int


@dataclass(frozen=True, slots=True)
class Clearing:
    """What an emergency stop is still to do to the account.

    Attributes:
        since_msc: when the stop was latched, UTC milliseconds.
        late: the account was clear once; only what had been sent before the stop and has come to light
            since is to go, nothing that was opened by hand.
    """

    since_msc: int
    close_positions: bool
    cancel_orders: bool
    late: bool = False


@dataclass(slots=True)
class EngineState:
    """Everything decisions depend on, besides limits and the input itself.

    Attributes:
        orders: by intent number; closed ones are forgotten after CLOSED_ORDERS_KEPT.
        numbers: signal id to intent number, for the orders above.
        doubtful: those of the orders whose outcome is not known, by intent number.
        watched: those that may still show a fill: not executed for all that could be seen, or waiting at
            the venue, wholly or for the rest.
        clearing: None when no emergency stop has anything left to do.
        cleared: what the stop that holds will do again should an entry from before it show late.
        stops_seen: where the latest emergency stops from Redpanda were read, oldest first.
        positions: by ticket, as last seen.
        unshown: entries that were filled and whose position no look has shown yet, the latest only.
        unsettled: entries that were filled and whose trade's result is not known, by intent number: most
            are open still.
        latched_msc: when the trading state last changed, UTC milliseconds.
        breach: the limit on losses whose breach is the reason of `trading`, "" when none is.
        daily_entries: entries that reached SENDING on `server_day`.
        day_equity: at the first look on `server_day`, account currency; what was paid in or out since is in.
        equity_peak: the highest equity, account currency; what was paid in or out since is in.
        funds_moves: deals that moved funds and are counted, by ticket, the latest only.
        loss_streak: trades of this bridge that lost, since the last that won.
        last_loss_msc, last_loss_day: when the latest of them ended, UTC milliseconds and broker's day.
        tightened: limits made stricter while the bridge ran, by the setting's name in lower case.
        tightenings: the event that did it, by the same names.
        entries: instants (UTC ms) and intents of recent entries that reached SENDING, oldest first.
    """

    orders: dict[int, OrderRecord] = field(default_factory=dict)
    numbers: dict[str, int] = field(default_factory=dict)
    doubtful: dict[int, OrderRecord] = field(default_factory=dict)
    watched: dict[int, OrderRecord] = field(default_factory=dict)
    closed: deque[int] = field(default_factory=deque)
    next_number: int = 1
    trading: TradingState = TradingState.ACTIVE
    halt_reason: str = ""
    emergency: bool = False
    latched_msc: int = 0
    breach: str = ""
    clearing: Clearing | None = None
    cleared: Clearing | None = None
    stops_seen: deque[Source] = field(default_factory=lambda: deque(maxlen=STOPS_KEPT))
    positions: dict[int, HeldPosition] = field(default_factory=dict)
    unshown: dict[int, OrderRecord] = field(default_factory=dict)
    unsettled: dict[int, OrderRecord] = field(default_factory=dict)
    server_day: int | None = None
    daily_entries: int = 0
    day_equity: float | None = None
    equity_peak: float | None = None
    funds_moves: deque[int] = field(default_factory=lambda: deque(maxlen=FUNDS_MOVES_KEPT))
    loss_streak: int = 0
    last_loss_msc: int = 0
    last_loss_day: int | None = None
    tightened: dict[str, float] = field(default_factory=dict)
    tightenings: dict[str, LimitsTightened] = field(default_factory=dict)
    entries: deque[tuple[int, Intent]] = field(default_factory=deque)

    def in_doubt(self) -> list[OrderRecord]:
        """Return the orders whose outcome is not known."""
        return list(self.doubtful.values())

    def unshown_fills(self, now_msc: int) -> list[OrderRecord]:
        """Return the entries filled a moment ago whose position is still to show."""
        return [record for record in self.unshown.values() if _is_of_late(record, now_msc)]


def _is_of_late(record: OrderRecord, now_msc: int) -> bool:
    return record.answer is not None and abs(now_msc - record.answer.at_msc) <= SHOWN_LATE_MS


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
    record.attempts = 1
    if record.intent.kind is not IntentKind.ENTRY:
        return
    state.entries.append((event.at_msc, record.intent))
    while state.entries and state.entries[0][0] < event.at_msc - ENTRIES_KEPT_MS:
        state.entries.popleft()
    # Whatever day the event names: a broker's clock that goes back must not open a day without a limit.
    state.daily_entries += 1
    record.counted_day = state.server_day


def _retry(state: EngineState, event: OrderRetried) -> None:
    number = event.order.intent.number
    record = state.orders.get(number)
    if record is None or record.state is not OrderState.SENDING:
        found = "not known" if record is None else record.state
        raise IllegalTransition(f"intent {number} is {found}, cannot be sent once more")
    record.order = event.order
    record.attempts += 1
    if record.intent.kind is IntentKind.ENTRY and record.counted_day != state.server_day:
        state.daily_entries += 1  # The day changed between refusal and second try.
        record.counted_day = state.server_day


def _answer(state: EngineState, event: OrderAnswered) -> None:
    record = state.orders.get(event.number)
    before = record.state if record is not None else None
    if record is None or before is not event.state:
        record = _move(state, event.number, event.state)
    record.answer = event
    watch_is_over = False
    if _may_still_fill(record, before):
        state.watched[event.number] = record
    else:
        watch_is_over = state.watched.pop(event.number, None) is not None
    if watch_is_over or (event.state not in OPEN_STATES and before in OPEN_STATES):
        _forget_oldest(state, event.number)
    if record.intent.kind is not IntentKind.ENTRY or event.state not in AT_THE_VENUE:
        return
    if state.clearing is None:
        state.clearing = state.cleared
    if event.state is not OrderState.PLACED:
        state.unsettled[event.number] = record
        _await_position(state, record, event.at_msc)


def _await_position(state: EngineState, record: OrderRecord, at_msc: int) -> None:
    for number in [n for n, filled in state.unshown.items() if not _is_of_late(filled, at_msc)]:
        del state.unshown[number]
    if all(held.number != record.intent.number for held in state.positions.values()):
        state.unshown[record.intent.number] = record


def _note_shown(state: EngineState, symbol: str, number: int) -> None:
    """Note which fill a look shows; where no magic tells, on a netting account say, the symbol's oldest."""
    if not number:
        filled = (n for n, record in state.unshown.items() if record.intent.symbol == symbol)
        number = next(filled, 0)
    state.unshown.pop(number, None)


def _may_still_fill(record: OrderRecord, before: OrderState | None) -> bool:
    if record.state is OrderState.PLACED:
        return True
    if record.state is OrderState.NOT_EXECUTED:
        return before in IN_DOUBT_STATES and before is not OrderState.SENDING
    if record.state is not OrderState.PARTIAL or record.order is None or record.answer is None:
        return False
    request = record.order.request
    # A close that one request was too small for is a part though all of the request is done.
    left = request.volume - record.answer.volume
    return request.type_filling == FILLING_RETURN and left > VOLUME_TOLERANCE


def _finish(state: EngineState, number: int, to: OrderState) -> None:
    _move(state, number, to)
    _forget_oldest(state, number)


def _forget_oldest(state: EngineState, number: int) -> None:
    state.closed.append(number)
    while len(state.closed) > CLOSED_ORDERS_KEPT:
        oldest = state.orders.get(state.closed.popleft())
        if oldest is None or oldest.intent.number in state.watched:
            continue  # What is watched comes back here when its watch is over.
        if oldest.state not in OPEN_STATES:
            del state.orders[oldest.intent.number]
            state.numbers.pop(oldest.intent.signal_id, None)


def _deny(state: EngineState, event: IntentDenied) -> None:
    _finish(state, event.number, OrderState.DENIED)


def _expire(state: EngineState, event: IntentExpired) -> None:
    _finish(state, event.number, OrderState.EXPIRED)


def _approve(state: EngineState, event: OrderApproved) -> None:
    _move(state, event.order.intent.number, OrderState.APPROVED).order = event.order


def _latch(state: EngineState, event: TradingStateChanged) -> None:
    if event.emergency and (event.close_positions or event.cancel_orders):
        if state.clearing is not None and state.clearing.late:
            state.cleared = state.clearing  # Its turn comes again after this one.
        state.clearing = Clearing(event.at_msc, event.close_positions, event.cancel_orders)
    elif not (event.emergency and state.emergency):
        # What asks for nothing leaves alone what an earlier stop is still doing.
        state.clearing = state.cleared = None
    state.trading = event.state
    state.halt_reason = event.reason
    state.emergency = event.emergency
    state.breach = event.breach
    state.latched_msc = event.at_msc
    if event.emergency and event.source.topic:
        state.stops_seen.append(event.source)


def _finish_clearing(state: EngineState, event: AccountCleared) -> None:
    done = state.clearing
    if done is None or done.since_msc != event.since_msc:
        return
    before = state.cleared or done
    close = done.close_positions or before.close_positions
    cancel = done.cancel_orders or before.cancel_orders
    state.cleared = Clearing(done.since_msc, close, cancel, late=True)
    more = (close, cancel) != (done.close_positions, done.cancel_orders)
    # An entry from before an earlier stop may have shown while this one, which asked for less, was at work.
    state.clearing = state.cleared if more and not done.late else None


def _adopt(state: EngineState, event: PositionAdopted) -> None:
    state.positions[event.ticket] = HeldPosition(
        event.ticket, event.symbol, event.side, event.volume, event.price_open, event.number
    )
    _note_shown(state, event.symbol, event.number)


def _change_position(state: EngineState, event: PositionChanged) -> None:
    held = state.positions.get(event.ticket)
    if held is None:
        raise IllegalTransition(f"position {event.ticket} is not known, cannot change")
    state.positions[event.ticket] = replace(
        held, side=event.side, volume=event.volume, price_open=event.price_open
    )
    _note_shown(state, held.symbol, 0)


def _end_position(state: EngineState, event: PositionEnded) -> None:
    if state.positions.pop(event.ticket, None) is None:
        raise IllegalTransition(f"position {event.ticket} is not known, cannot end")


def _open_day(state: EngineState, event: BrokerDayOpened) -> None:
    state.server_day = event.server_day
    state.day_equity = event.equity
    state.daily_entries = 0
    oldest_msc = event.at_msc - WATCH_MS
    _give_up_unsettled(state, oldest_msc)
    for number in [number for number, record in state.watched.items() if record.sending_msc < oldest_msc]:
        del state.watched[number]
        _forget_oldest(state, number)


def _give_up_unsettled(state: EngineState, oldest_msc: int) -> None:
    """Wait no longer for the results of old trades that are not open any more."""
    numbers = {held.number for held in state.positions.values()}
    symbols = {held.symbol for held in state.positions.values()}
    for number, record in list(state.unsettled.items()):
        is_open = number in numbers or record.intent.symbol in symbols
        if record.sending_msc < oldest_msc and not is_open:
            del state.unsettled[number]


def _mark_peak(state: EngineState, event: EquityPeakRaised | EquityPeakReset) -> None:
    state.equity_peak = event.equity


def _move_funds(state: EngineState, event: FundsMoved) -> None:
    state.funds_moves.append(event.ticket)
    if event.today and state.day_equity is not None:
        state.day_equity += event.amount
    if state.equity_peak is not None:
        state.equity_peak += event.amount


def _settle(state: EngineState, event: TradeClosed) -> None:
    for number in event.numbers:
        state.unsettled.pop(number, None)
    if event.profit > 0:
        state.loss_streak = 0
    elif event.profit < 0:
        state.loss_streak += 1
        state.last_loss_msc = event.closed_msc
        state.last_loss_day = event.server_day


def _tighten(state: EngineState, event: LimitsTightened) -> None:
    state.tightened.update(event.limits)
    state.tightenings.update((name, event) for name, _ in event.limits)


def _restore_limits(state: EngineState, _: LimitsRestored) -> None:
    state.tightened.clear()
    state.tightenings.clear()


def _keep_for_the_record(state: EngineState, event: DuplicateReceived) -> None:
    """Change nothing: the journal alone remembers a duplicate."""


_CHANGES: dict[type, Callable[[EngineState, Any], None]] = {
    IntentReceived: _add,
    IntentDenied: _deny,
    IntentExpired: _expire,
    DuplicateReceived: _keep_for_the_record,
    OrderApproved: _approve,
    OrderSending: _send,
    OrderRetried: _retry,
    OrderAnswered: _answer,
    TradingStateChanged: _latch,
    AccountCleared: _finish_clearing,
    PositionAdopted: _adopt,
    PositionChanged: _change_position,
    PositionEnded: _end_position,
    BrokerDayOpened: _open_day,
    EquityPeakRaised: _mark_peak,
    EquityPeakReset: _mark_peak,
    FundsMoved: _move_funds,
    TradeClosed: _settle,
    LimitsTightened: _tighten,
    LimitsRestored: _restore_limits,
}
