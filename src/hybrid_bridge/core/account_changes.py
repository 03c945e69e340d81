"""How the account's events change the state: the latch, the broker's day, the equity's marks, the limits.

Part of `state`, which alone calls these. What happens to orders and positions is its own.
"""

from collections.abc import Callable
from typing import Any

from hybrid_bridge.core.events import (
    AccountCleared,
    BrokerDayOpened,
    EntrySettled,
    EquityPeakRaised,
    EquityPeakReset,
    FundsMoved,
    LimitsRestored,
    LimitsTightened,
    TradeClosed,
    TradingStateChanged,
)
from hybrid_bridge.core.records import Clearing, EngineState

DAILY_LOSS = "daily_loss"


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
    if not event.emergency:
        state.flattened = frozenset()
    elif event.breach and event.close_positions:
        state.flattened |= {event.breach}
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


def open_day(state: EngineState, event: BrokerDayOpened) -> None:
    """Begin the counts and the equity of a broker's day."""
    state.server_day = event.server_day
    state.day_equity = event.equity
    state.day_opened_msc = event.at_msc
    state.daily_entries = 0
    state.flattened -= {DAILY_LOSS}  # What is lost today is another breach.


def _mark_peak(state: EngineState, event: EquityPeakRaised | EquityPeakReset) -> None:
    state.equity_peak = event.equity
    state.peak_msc = event.at_msc


def _move_funds(state: EngineState, event: FundsMoved) -> None:
    state.funds_moves.append(event.ticket)
    state.funds_msc = event.at_msc
    if event.today and state.day_equity is not None:
        state.day_equity += event.amount
    if event.peak and state.equity_peak is not None:
        state.equity_peak += event.amount


def _count_trade(state: EngineState, event: TradeClosed) -> None:
    """Count a trade's result; of trades that ended before the last win, no loss is in a row any more."""
    for number in event.numbers:
        _await_no_more(state, number)
    ended = (event.closed_msc, event.deal)
    if event.profit > 0 and ended > state.last_win:
        state.last_win = ended
        later = [loss for loss in state.losses if loss > ended]
        state.losses.clear()
        state.losses.extend(later)
        state.loss_streak = len(later)
    elif event.profit < 0:
        if ended > state.last_win:
            state.losses.append(ended)
            state.loss_streak += 1
        if event.closed_msc >= state.last_loss_msc:
            state.last_loss_msc, state.last_loss_day = event.closed_msc, event.server_day


def _settle(state: EngineState, event: EntrySettled) -> None:
    _await_no_more(state, event.number)
    record = state.orders.get(event.number)
    if record is not None:
        record.settled_deal = event.deal


def _await_no_more(state: EngineState, number: int) -> None:
    for awaited in (state.unsettled, state.unshown, state.held_in):
        awaited.pop(number, None)


def _tighten(state: EngineState, event: LimitsTightened) -> None:
    state.tightened.update(event.limits)
    state.tightenings.update((name, event) for name, _ in event.limits)


def _restore_limits(state: EngineState, _: LimitsRestored) -> None:
    state.tightened.clear()
    state.tightenings.clear()


ACCOUNT_CHANGES: dict[type, Callable[[EngineState, Any], None]] = {
    TradingStateChanged: _latch,
    AccountCleared: _finish_clearing,
    EquityPeakRaised: _mark_peak,
    EquityPeakReset: _mark_peak,
    FundsMoved: _move_funds,
    TradeClosed: _count_trade,
    EntrySettled: _settle,
    LimitsTightened: _tighten,
    LimitsRestored: _restore_limits,
}
