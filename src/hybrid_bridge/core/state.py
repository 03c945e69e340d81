"""The engine's state and how events change it; the only code that writes it.

`apply` is a fold: the same events in the same order give the same state, live and in recovery. It decides
nothing and checks only that a move is legal.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from hybrid_bridge.core.account_changes import ACCOUNT_CHANGES, open_day
from hybrid_bridge.core.events import (
    BrokerDayOpened,
    DuplicateReceived,
    Event,
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
from hybrid_bridge.core.market import Side
from hybrid_bridge.core.orders import IN_DOUBT_STATES, OPEN_STATES, TRANSITIONS, IntentKind, OrderState
from hybrid_bridge.core.records import (
    FUNDS_MOVES_KEPT,
    SHOWN_LATE_MS,
    STOPS_KEPT,
    Clearing,
    EngineState,
    HeldPosition,
    OrderRecord,
    is_of_late,
)
from hybrid_bridge.core.requests import FILLING_RETURN
from hybrid_bridge.core.traces import VOLUME_TOLERANCE

__all__ = [
    "AT_THE_VENUE",
    "CLOSED_ORDERS_KEPT",
    "ENTRIES_KEPT_MS",
    "FUNDS_MOVES_KEPT",
    "SHOWN_LATE_MS",
    "STOPS_KEPT",
    "WATCH_MS",
    "Clearing",
    "EngineState",
    "HeldPosition",
    "IllegalTransition",
    "OrderRecord",
    "apply",
]

CLOSED_ORDERS_KEPT = 5_000
ENTRIES_KEPT_MS = 86_400_000  # The longest DUPLICATE_WINDOW_S; the order rate needs a minute of it.
WATCH_MS = 86_400_000  # A late fill is looked for through the broker's day, at most this long into the next.
AT_THE_VENUE = frozenset({OrderState.FILLED, OrderState.PARTIAL, OrderState.PLACED})


class IllegalTransition(Exception):
    """An event asked for a move that TRANSITIONS does not have: a bug or a damaged journal."""


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
    for number in [n for n, filled in state.unshown.items() if not is_of_late(filled, at_msc)]:
        del state.unshown[number]
    number = record.intent.number
    held = next((held for held in state.positions.values() if held.number == number), None)
    if held is None:
        state.unshown[number] = record
    else:
        state.held_in.setdefault(number, held.ticket)


def _note_shown(state: EngineState, held: HeldPosition, change: float, *, is_new: bool) -> None:
    """Note which fill a look shows.

    Args:
        change: lots by which the look shows the symbol's position to have grown, negative for a sale. Where
            no mark tells, on a netting account say, that is the symbol's oldest fill on that side.
        is_new: whether no look has shown the position before.
    """
    shown = held.number if held.number in state.unshown else 0
    if not shown and change:
        place = (held.symbol, Side.BUY if change > 0 else Side.SELL)
        fills = (record for record in state.unshown.values() if _may_be_in(record, held, is_new=is_new))
        intents = (record.intent for record in fills)
        shown = next((i.number for i in intents if (i.symbol, i.side) == place), 0)
    if state.unshown.pop(shown, None) is not None:
        state.held_in[shown] = held.ticket


def _may_be_in(record: OrderRecord, held: HeldPosition, *, is_new: bool) -> bool:
    """Tell whether a fill may have gone into a position.

    A position bears the ticket of the order that opened it, or turned it over (MQL5 reference,
    POSITION_TICKET). No look before the fill's own order showed one that is new: it is that order's, or
    somebody else's who traded since. Into one that was opened after that order the fill cannot have gone.
    """
    ticket = record.answer.ticket if record.answer is not None else 0
    return not ticket or held.ticket == ticket or (held.ticket < ticket and not is_new)


def _signed(side: Side, volume: float) -> float:
    return volume if side is Side.BUY else -volume


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


def _adopt(state: EngineState, event: PositionAdopted) -> None:
    state.positions[event.ticket] = held = HeldPosition(
        event.ticket, event.symbol, event.side, event.volume, event.price_open, event.number
    )
    _note_shown(state, held, 0.0 if event.number else _signed(event.side, event.volume), is_new=True)
    if event.number in state.unsettled:
        state.held_in[event.number] = event.ticket


def _change_position(state: EngineState, event: PositionChanged) -> None:
    before = state.positions.get(event.ticket)
    if before is None:
        raise IllegalTransition(f"position {event.ticket} is not known, cannot change")
    state.positions[event.ticket] = held = replace(
        before, side=event.side, volume=event.volume, price_open=event.price_open
    )
    if held.side is not before.side:
        _leave(state, event.ticket)  # It was turned over: what was in it has ended.
    change = _signed(event.side, event.volume) - _signed(before.side, before.volume)
    _note_shown(state, held, change, is_new=False)


def _end_position(state: EngineState, event: PositionEnded) -> None:
    if state.positions.pop(event.ticket, None) is None:
        raise IllegalTransition(f"position {event.ticket} is not known, cannot end")
    _leave(state, event.ticket)


def _leave(state: EngineState, ticket: int) -> None:
    """Note that the entries seen in a position are in it no more."""
    for number in [number for number, held_in in state.held_in.items() if held_in == ticket]:
        del state.held_in[number]


def _open_day(state: EngineState, event: BrokerDayOpened) -> None:
    open_day(state, event)
    oldest_msc = event.at_msc - WATCH_MS
    for number in [number for number, record in state.watched.items() if record.sending_msc < oldest_msc]:
        del state.watched[number]
        _forget_oldest(state, number)


def _keep_for_the_record(state: EngineState, event: DuplicateReceived) -> None:
    """Change nothing: the journal alone remembers a duplicate."""


_CHANGES: dict[type, Callable[[EngineState, Any], None]] = {
    **ACCOUNT_CHANGES,
    IntentReceived: _add,
    IntentDenied: _deny,
    IntentExpired: _expire,
    DuplicateReceived: _keep_for_the_record,
    OrderApproved: _approve,
    OrderSending: _send,
    OrderRetried: _retry,
    OrderAnswered: _answer,
    PositionAdopted: _adopt,
    PositionChanged: _change_position,
    PositionEnded: _end_position,
    BrokerDayOpened: _open_day,
}
