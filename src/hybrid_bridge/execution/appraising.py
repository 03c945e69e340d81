"""What the terminal is asked before an order is judged, for its first try and for its second.

Owns which question belongs to which kind of order; judges nothing. The executor and the sender call it.
"""

from collections.abc import Callable

from hybrid_bridge.core.account import AccountReport, Position
from hybrid_bridge.core.appraisal import Appraisal, AppraisalQuery, account_only
from hybrid_bridge.core.inputs import (
    CancelRequested,
    ModifyRequested,
    OrderAppraised,
    SignalReceived,
    Wanted,
)
from hybrid_bridge.core.limits import Limits
from hybrid_bridge.errors import LaneError
from hybrid_bridge.ports import TradeLane


async def appraise(
    lane: TradeLane, limits: Limits, wanted: Wanted, now_msc: Callable[[], int]
) -> OrderAppraised:
    """Ask for everything that a signal or command is judged on; a terminal that is silent is part of it.

    Args:
        now_msc: read once the terminal has answered.
    """
    appraisal: Appraisal | None = None
    position: Position | None = None
    problem = ""
    try:
        if isinstance(wanted, SignalReceived):
            query = AppraisalQuery(wanted.symbol, wanted.side, wanted.stop_loss, limits.need_valuation)
            appraisal = await lane.appraise(query)
        else:
            report = await lane.report()
            position = _find_position(report, wanted)
            appraisal = account_only(report)
            if position is not None:
                appraisal = await lane.appraise(_query(limits, wanted, position))
                position = _find_position(appraisal.report, wanted) or position
    except LaneError as error:
        appraisal, problem = None, str(error)
    return OrderAppraised(wanted, appraisal, position, problem, now_msc())


def _query(limits: Limits, wanted: Wanted, position: Position) -> AppraisalQuery:
    """Ask about a new stop as of the position's opening, about anything else as of what closes it."""
    if not isinstance(wanted, ModifyRequested):
        return AppraisalQuery(position.symbol, position.side.opposite, 0.0, valued=False)
    return AppraisalQuery(
        position.symbol,
        position.side,
        wanted.stop_loss or 0.0,
        valued=limits.max_open_risk_percent is not None,
        entry_price=position.price_open,
    )


def _find_position(report: AccountReport, wanted: Wanted) -> Position | None:
    ticket = wanted.ticket if not isinstance(wanted, SignalReceived | CancelRequested) else 0
    return next((position for position in report.positions if position.ticket == ticket), None)
