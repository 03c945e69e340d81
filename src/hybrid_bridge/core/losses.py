"""The limits on what has been lost: the day's loss, the drawdown, the margin level, losses in a row.

Pure. The guard asks for each entry, the watch at every look at the account, a resume by the last look's
figures, the status for what to show; all read the same figures here.
"""

import math

from hybrid_bridge.core.account import Account
from hybrid_bridge.core.account_changes import DAILY_LOSS
from hybrid_bridge.core.cases import AppraisedCase
from hybrid_bridge.core.events import Denial
from hybrid_bridge.core.funds import shows_money
from hybrid_bridge.core.limits import Limits
from hybrid_bridge.core.position_checks import reduces
from hybrid_bridge.core.sizing import is_positive
from hybrid_bridge.core.state import EngineState
from hybrid_bridge.core.trades import find_unknown_results

DRAWDOWN, MARGIN = "drawdown", "margin"


def check_daily_loss(case: AppraisedCase) -> Denial | None:
    """The loss since the broker day's opening equity, floating included, is inside the limit."""
    if reduces(case):
        return None
    limit = case.limits.max_daily_loss_percent
    return _find_unexplained(case, DAILY_LOSS, limit) or find_daily_loss(
        case.state, case.limits, case.report.account
    )


def check_drawdown(case: AppraisedCase) -> Denial | None:
    """The fall from the equity's highest mark is inside the limit."""
    if reduces(case):
        return None
    limit = case.limits.max_drawdown_percent
    return _find_unexplained(case, DRAWDOWN, limit) or find_drawdown(
        case.state, case.limits, case.report.account
    )


def check_loss_streak(case: AppraisedCase) -> Denial | None:
    """Not so many trades in a row were lost that entries pause, whatever is not known yet included."""
    limit, streak = case.limits.max_consecutive_losses, case.state.loss_streak
    if limit is None:
        return None
    allowed = f"fewer than {limit} losses in a row"
    if streak >= limit and is_paused(case.state, case.limits, case.now_msc, case.server_day):
        return Denial("loss_streak", allowed, str(streak), _explain_pause(case))
    unknown = find_unknown_results(case.state, case.limits, case.report)
    if not unknown or streak + len(unknown) < limit:
        return None
    seen = f"{streak}, and {len(unknown)} of unknown result"
    detail = f"the result of signal {unknown[0].intent.signal_id} is not known yet"
    return Denial("loss_streak", allowed, seen, detail)


def find_daily_loss(state: EngineState, limits: Limits, account: Account) -> Denial | None:
    """Compare what was lost since the broker's day was opened with its limit; what is not known is denied."""
    return _find_fall(DAILY_LOSS, limits.max_daily_loss_percent, state.day_equity, account.equity)


def find_drawdown(state: EngineState, limits: Limits, account: Account) -> Denial | None:
    """Compare the fall from the highest equity with its limit; what is not known is denied."""
    return _find_fall(DRAWDOWN, limits.max_drawdown_percent, state.equity_peak, account.equity)


def find_margin_breach(limits: Limits, account: Account) -> Denial | None:
    """Compare the margin level of all that is open with its limit; what is not known breaks nothing."""
    least, level = limits.min_margin_level_percent, account.margin_level
    if least is None or not is_positive(account.margin) or not math.isfinite(level) or level == 0:
        return None
    if level >= least:
        return None
    detail = f"equity {account.equity:.2f}, margin {account.margin:.2f}"
    return Denial(MARGIN, f"level {least:g} %", f"{level:.2f} %", detail)


def fall_percent(start: float | None, equity: float) -> float | None:
    """Return how far the equity is below a mark, in percent of the mark; negative above it.

    Returns:
        None when either is not known.
    """
    if start is None or not is_positive(start) or not math.isfinite(equity):
        return None
    return (start - equity) / start * 100


def is_paused(state: EngineState, limits: Limits, now_msc: int, server_day: int | None) -> bool:
    """Tell whether the pause after so many losses in a row lasts still.

    Args:
        server_day: the broker's calendar day now; None while its clock is unknown.
    """
    limit = limits.max_consecutive_losses
    if limit is None or state.loss_streak < limit:
        return False
    until_msc = paused_until_msc(state, limits)
    if until_msc is not None:
        return now_msc < until_msc
    # On a day that is not known it may be the same one still.
    return server_day is None or state.last_loss_day is None or server_day <= state.last_loss_day


def paused_until_msc(state: EngineState, limits: Limits) -> int | None:
    """Return when a pause after losses in a row ends, UTC milliseconds; None for the broker's next day."""
    return None if limits.cooldown_ms is None else state.last_loss_msc + limits.cooldown_ms


def _find_fall(name: str, limit: float | None, start: float | None, equity: float) -> Denial | None:
    if limit is None:
        return None
    fall = fall_percent(start, equity)
    if fall is None or start is None:
        return Denial(name, f"{limit:g} %", f"equity {equity}, reference {start}", "the loss is not known")
    if (start - equity) * 100 < start * limit:  # Undivided, so that at the limit is at the limit.
        return None
    return Denial(name, f"{limit:g} %", f"{fall:.2f} %", f"equity {equity:.2f} from {start:.2f}")


def _find_unexplained(case: AppraisedCase, name: str, limit: float | None) -> Denial | None:
    """Refuse to measure by money that may have been paid: it could hide a loss, or look like one."""
    if limit is None or shows_money(case.state, case.report):
        return None
    detail = "the account's history does not explain its money yet; the loss is not known"
    return Denial(name, f"{limit:g} %", f"equity {case.report.account.equity:.2f}", detail)


def _explain_pause(case: AppraisedCase) -> str:
    until_msc = paused_until_msc(case.state, case.limits)
    if until_msc is None:
        return "entries resume on the broker's next day"
    minute_of_day, second = divmod(math.ceil(until_msc / 1000) % 86_400, 60)
    clock = f"{minute_of_day // 60:02}:{minute_of_day % 60:02}:{second:02} UTC"
    return f"entries resume at {clock}, in {math.ceil((until_msc - case.now_msc) / 60_000)} min"
