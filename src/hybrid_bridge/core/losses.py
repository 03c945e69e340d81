"""The limits on what has been lost: the day's loss, the drawdown, the margin level, losses in a row.

Pure. The guard asks for each entry, the watch at every look at the account; both read the same figures here.
"""

import math

from hybrid_bridge.core.cases import AppraisedCase
from hybrid_bridge.core.events import Denial
from hybrid_bridge.core.sizing import is_positive


def check_daily_loss(case: AppraisedCase) -> Denial | None:
    """The loss since the broker day's opening equity, floating included, is inside the limit."""
    return _check_fall("daily_loss", case.limits.max_daily_loss_percent, case.state.day_equity, case)


def check_drawdown(case: AppraisedCase) -> Denial | None:
    """The fall from the equity's highest mark is inside the limit."""
    return _check_fall("drawdown", case.limits.max_drawdown_percent, case.state.equity_peak, case)


def _check_fall(name: str, limit: float | None, start: float | None, case: AppraisedCase) -> Denial | None:
    if limit is None:
        return None
    equity = case.report.account.equity
    if start is None or not is_positive(start) or not math.isfinite(equity):
        return Denial(name, f"{limit:g} %", f"equity {equity}, reference {start}", "the loss is not known")
    fall = (start - equity) / start * 100
    if fall < limit:
        return None
    return Denial(name, f"{limit:g} %", f"{fall:.2f} %", f"equity {equity:.2f} from {start:.2f}")
