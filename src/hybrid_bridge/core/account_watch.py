"""What follows from a look at the account: the broker's day, the equity's marks, the positions, the identity.

Pure. Owns what is taken from a look and when a look is not to be believed: another account's figures, and
those of a terminal that has not loaded the account yet. The engine offers `observe` to the executor.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import replace

from hybrid_bridge.core.account import AccountReport, Position
from hybrid_bridge.core.breaches import is_watching, lift_daily_loss, watch
from hybrid_bridge.core.events import (
    BrokerDayOpened,
    EquityPeakRaised,
    Event,
    PositionAdopted,
    PositionChanged,
    PositionEnded,
)
from hybrid_bridge.core.funds import find_moves, shows_money
from hybrid_bridge.core.identity import find_account_denial, is_between_logins
from hybrid_bridge.core.inputs import AccountObserved
from hybrid_bridge.core.latch import halt
from hybrid_bridge.core.limits import Limits
from hybrid_bridge.core.requests import own_number
from hybrid_bridge.core.sizing import is_positive
from hybrid_bridge.core.state import CLOSED_ORDERS_KEPT, EngineState, apply


def observe(state: EngineState, limits: Limits, observed: AccountObserved) -> tuple[Event, ...]:
    """Take in a look at the account; halt when it is another account's."""
    report = observed.report
    denial = find_account_denial(report, limits)
    if denial is None:
        return take_in(state, limits, report)
    if is_between_logins(report):
        return ()  # It passes by itself; nothing is opened meanwhile.
    reason = f"{denial.detail}: {denial.observed}, expected {denial.limit}"
    return halt(state, reason, report.at_msc)


def take_in(
    state: EngineState, limits: Limits, report: AccountReport, *, latest: bool = True
) -> tuple[Event, ...]:
    """Return what a look at the account shows that is news; nothing when it is another account's.

    Args:
        latest: False when a later look has been taken in already: only the broker's day is taken from it.
    """
    if find_account_denial(report, limits) is not None:
        return ()
    events = _take_in_money(state, limits, report, latest=latest)
    if latest and shows_positions(report):
        events += _compare_positions(state, limits, report)
    return tuple(events)


def _take_in_money(state: EngineState, limits: Limits, report: AccountReport, *, latest: bool) -> list[Event]:
    """Return what a look's equity shows: payments, the broker's day, the highest mark, broken limits."""
    equity, events = report.account.equity, list[Event]()
    if not shows_money(state, report):
        return events
    # Without a link the figures are those of the last one, and none before the account is loaded: as
    # references either would last.
    if is_positive(equity) and report.terminal.connected:
        day, seen = report.server_day, state.server_day
        opens_day = day is not None and (seen is None or day > seen)
        if latest:
            events += find_moves(state, report, opens_day=opens_day)
        if opens_day and day is not None:
            events.append(BrokerDayOpened(day, equity, report.at_msc))
            events += lift_daily_loss(state, report.at_msc)
        if latest and equity > (as_observed(state, events).equity_peak or 0.0):
            events.append(EquityPeakRaised(equity, report.at_msc))
    if latest and is_watching(limits):
        events += watch(as_observed(state, events), limits, report)
    return events


def shows_positions(report: AccountReport) -> bool:
    """Tell whether a position that is not in this look is gone.

    It is not before the terminal has its link and the account's figures, nor while a floating profit says
    that there are positions and the list is still empty.
    """
    account = report.account
    loaded = report.terminal.connected and is_positive(account.equity)
    return loaded and (bool(report.positions) or account.profit == 0)


def as_observed(state: EngineState, observed: Sequence[Event]) -> EngineState:
    """Return the state as it will be once these observations are folded in; the given one stays as it is."""
    if not observed:
        return state
    seen = replace(
        state,
        orders=dict(state.orders),
        numbers=dict(state.numbers),
        watched=dict(state.watched),
        closed=deque(state.closed),
        positions=dict(state.positions),
        unshown=dict(state.unshown),
        unsettled=dict(state.unsettled),
        held_in=dict(state.held_in),
        stops_seen=state.stops_seen.copy(),
        funds_moves=state.funds_moves.copy(),
    )
    for event in observed:
        apply(seen, event)
    return seen


def find_strays(limits: Limits, events: Sequence[Event], report: AccountReport) -> list[Position]:
    """Return the positions adopted as external although their magic is made as this bridge makes them.

    Another bridge with the same MT5_MAGIC trades on the account, or an earlier STATE_DIR is lost.
    """
    external = {event.ticket for event in events if isinstance(event, PositionAdopted) and not event.number}
    return [
        position
        for position in report.positions
        if position.ticket in external and own_number(limits.magic, position.magic)
    ]


def _compare_positions(state: EngineState, limits: Limits, report: AccountReport) -> list[Event]:
    seen = {position.ticket: position for position in report.positions if position.ticket > 0}
    gone = [ticket for ticket in state.positions if ticket not in seen]
    events: list[Event] = [PositionEnded(ticket, report.at_msc) for ticket in gone]
    for ticket, position in seen.items():
        if not (is_positive(position.volume) and is_positive(position.price_open)):
            continue  # Not loaded yet; a figure that is none would differ from itself at every look.
        held = state.positions.get(ticket)
        if held is None:
            events.append(_adopt(state, limits, position, report.at_msc))
        elif (held.side, held.volume, held.price_open) != (
            position.side,
            position.volume,
            position.price_open,
        ):
            change = (position.side, position.volume, position.price_open)
            events.append(PositionChanged(ticket, *change, report.at_msc))
    return events


def _adopt(state: EngineState, limits: Limits, position: Position, at_msc: int) -> PositionAdopted:
    return PositionAdopted(
        ticket=position.ticket,
        symbol=position.symbol,
        side=position.side,
        volume=position.volume,
        price_open=position.price_open,
        number=_opened_by(state, limits, position),
        at_msc=at_msc,
    )


def _opened_by(state: EngineState, limits: Limits, position: Position) -> int:
    """Return the intent that opened a position, 0 when none of ours did."""
    number = own_number(limits.magic, position.magic)
    if not number:
        return 0
    # What memory has forgotten is older than all it holds.
    forgotten = len(state.closed) >= CLOSED_ORDERS_KEPT and number < state.next_number
    return number if number in state.orders or forgotten else 0
