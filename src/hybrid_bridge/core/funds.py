"""Money paid in and out: whether a look's equity goes with it, and which of the marks it moves.

Pure. A payment is neither profit nor loss: the day's opening equity and the highest equity move along,
each unless it was seen with the payment in it already. The account's watch calls these at every look.
"""

import math

from hybrid_bridge.core.account import AccountReport, BalanceOperation
from hybrid_bridge.core.events import FundsMoved
from hybrid_bridge.core.records import FUNDS_MOVES_KEPT
from hybrid_bridge.core.state import EngineState

# A look takes in fewer than are remembered, so that none is taken for news again.
OPERATIONS_READ = FUNDS_MOVES_KEPT // 2
# The server's clock and this PC's differ. What was paid out about when the highest equity was seen counts:
# were it in that already, the next look raises the mark again.
CLOCKS_DIFFER_MS = 60_000
# A look that lacks a payment for longer than this is not late: the history lists it no more.
LATE_LOOK_MS = 60_000


def shows_money(state: EngineState, report: AccountReport) -> bool:
    """Tell whether a look's equity goes with the payments that are known.

    It does not while its deals do not explain its money or the time of a new payment is not known, nor where
    it lacks a payment that was seen a moment before: then it is older than its time. At the first look of all
    there is nothing yet that a payment could move.
    """
    if not report.money_explained:
        return False
    if state.equity_peak is None:
        return True
    shown, known = {operation.ticket for operation in report.balance_operations}, set(state.funds_moves)
    if any(one.time_msc is None for one in report.balance_operations if one.ticket not in known):
        return False
    lacks = bool(shown) and any(ticket not in shown for ticket in known if ticket > min(shown))
    return not lacks or abs(report.at_msc - state.funds_msc) > LATE_LOOK_MS


def find_moves(state: EngineState, report: AccountReport, *, opens_day: bool) -> list[FundsMoved]:
    """Return the payments that a look shows for the first time.

    Args:
        opens_day: whether the look opens a day of the broker: its equity has them in already.
    """
    known = set(state.funds_moves)
    latest = report.balance_operations[-OPERATIONS_READ:]
    return [
        _moved(state, operation, report.at_msc, opens_day=opens_day)
        for operation in latest
        if operation.ticket not in known and math.isfinite(operation.amount)
    ]


def _moved(state: EngineState, operation: BalanceOperation, at_msc: int, *, opens_day: bool) -> FundsMoved:
    paid_msc, amount = operation.time_msc, operation.amount
    if state.equity_peak is None or paid_msc is None:
        return FundsMoved(operation.ticket, amount, today=False, at_msc=at_msc, peak=False)
    today = not opens_day and paid_msc >= state.day_opened_msc
    peak = paid_msc >= state.peak_msc - (CLOCKS_DIFFER_MS if amount < 0 else 0)
    return FundsMoved(operation.ticket, amount, today=today, at_msc=at_msc, peak=peak)
