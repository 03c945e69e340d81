"""What the risk guard's checks are asked about: one entry, with the limits and the state, and the facts.

Values and what follows from them alone; every module of the guard builds on it, it builds on none of them.
"""

from collections.abc import Callable
from dataclasses import dataclass

from hybrid_bridge.core.account import AccountReport
from hybrid_bridge.core.appraisal import Appraisal
from hybrid_bridge.core.events import Denial
from hybrid_bridge.core.inputs import SignalReceived
from hybrid_bridge.core.limits import Limits
from hybrid_bridge.core.orders import IntentKind, OrderState
from hybrid_bridge.core.requests import own_number
from hybrid_bridge.core.state import SHOWN_LATE_MS, EngineState, OrderRecord

CLOCK_TOLERANCE_MS = 2_000  # A quote or a sender's clock may be this far ahead of ours.
ANSWERED_LATEST_MS = 120_000  # What was asked for before that was answered long ago, and shows.


@dataclass(frozen=True, slots=True)
class Case:
    """One entry before the guard.

    Attributes:
        server_day: the broker's calendar day now; None while its clock is unknown.
    """

    signal: SignalReceived
    state: EngineState
    limits: Limits
    now_msc: int
    server_day: int | None


@dataclass(frozen=True, slots=True)
class AppraisedCase(Case):
    """One entry together with what the terminal says of it."""

    appraisal: Appraisal

    @property
    def report(self) -> AccountReport:
        """The account at the moment of the appraisal."""
        return self.appraisal.report


Check = Callable[[Case], Denial | None]
AppraisedCheck = Callable[[AppraisedCase], Denial | None]


def unseen_orders(case: AppraisedCase) -> list[OrderRecord]:
    """Return the orders that may hold a position which the look at the account does not show."""
    return find_unseen(case.state, case.limits, case.report, case.now_msc)


def find_unseen(state: EngineState, limits: Limits, report: AccountReport, now_msc: int) -> list[OrderRecord]:
    """Return the orders that may have done what a look at the account does not show.

    Those in doubt, fills of a moment ago, and what waits at the venue without being listed there: a whole
    entry until its position shows, the rest of one that was filled in part for a moment.
    """
    unshown = state.unshown_fills(now_msc)
    return [*state.in_doubt(), *unshown, *_find_unlisted(state, limits, report, now_msc)]


def _find_unlisted(
    state: EngineState, limits: Limits, report: AccountReport, now_msc: int
) -> list[OrderRecord]:
    waiting = [
        record
        for record in state.watched.values()
        if record.state is OrderState.PLACED
        or (
            record.state is OrderState.PARTIAL
            and record.intent.number not in state.unshown
            and _is_of_late(record, now_msc)
        )
    ]
    if not waiting:
        return []
    listed = {own_number(limits.magic, order.magic) for order in report.orders}
    held = {own_number(limits.magic, position.magic) for position in report.positions}
    return [
        record
        for record in waiting
        if record.intent.number not in listed
        and (record.state is OrderState.PARTIAL or record.intent.number not in held)
    ]


def _is_of_late(record: OrderRecord, now_msc: int) -> bool:
    return record.answer is not None and abs(now_msc - record.answer.at_msc) <= SHOWN_LATE_MS


def find_late_closes(state: EngineState, report: AccountReport, now_msc: int) -> list[OrderRecord]:
    """Return the closes of a moment ago whose position a look at the account still shows.

    It may be gone already: on a netting account wholly or in part, on a hedging one by its ticket.
    """
    shown, closes = {position.ticket for position in report.positions}, list[OrderRecord]()
    if not shown:
        return closes
    for record in reversed(state.orders.values()):
        if record.intent.received_msc < now_msc - ANSWERED_LATEST_MS:
            break
        closed = record.intent.kind is IntentKind.CLOSE and record.state in (
            OrderState.FILLED,
            OrderState.PARTIAL,
        )
        if closed and _is_of_late(record, now_msc) and record.intent.ticket in shown:
            closes.append(record)
    return closes
