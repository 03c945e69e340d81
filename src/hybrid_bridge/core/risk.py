"""The risk guard: every pre-trade check by its name, in the order in which they are asked.

`screen` runs the checks that need no terminal, `judge` all but those that depend on the volume: these are
`bounds`, in their order, and `approval` sizes by them. Each check sees one case and returns a Denial or None;
every denial that can be known is reported, not only the first. The engine calls these; nobody else approves
an order.
"""

from hybrid_bridge.core.cases import AppraisedCase, AppraisedCheck, Case, Check
from hybrid_bridge.core.events import Denial
from hybrid_bridge.core.identity import check_account, find_account_denial
from hybrid_bridge.core.losses import check_daily_loss, check_drawdown, check_loss_streak
from hybrid_bridge.core.market_checks import (
    check_price_collar,
    check_quote_fresh,
    check_spread,
    check_stop_loss,
    check_symbol_tradable,
    find_lacking,
)
from hybrid_bridge.core.position_checks import check_open_positions, check_reducing
from hybrid_bridge.core.screening import (
    check_daily_trades,
    check_duplicate_signal,
    check_emergency_stop,
    check_order_rate,
    check_signal_account,
    check_symbol_listed,
    check_trading_enabled,
    check_trading_state,
)

SCREENING: tuple[Check, ...] = (
    check_trading_enabled,
    check_emergency_stop,
    check_trading_state,
    check_signal_account,
    check_symbol_listed,
    check_duplicate_signal,
    check_daily_trades,
    check_order_rate,
)

JUDGING: tuple[AppraisedCheck, ...] = (
    check_account,
    check_symbol_tradable,
    check_quote_fresh,
    check_reducing,
    check_stop_loss,
    check_spread,
    check_price_collar,
    check_open_positions,
    check_daily_loss,
    check_drawdown,
    check_loss_streak,
)

# They say something of our account only by our account's figures.
OF_THE_ACCOUNT: frozenset[AppraisedCheck] = frozenset(
    {check_reducing, check_open_positions, check_daily_loss, check_drawdown, check_loss_streak}
)


def screen(case: Case) -> tuple[Denial, ...]:
    """Run the checks that need nothing from the terminal; empty means nothing against it so far."""
    return tuple(denial for check in SCREENING if (denial := check(case)) is not None)


def judge(case: AppraisedCase) -> tuple[Denial, ...]:
    """Run every check but those that depend on the volume; empty means nothing against the entry so far.

    Where another account is logged in, nothing is said of its positions and losses.
    """
    foreign = find_account_denial(case.report, case.limits) is not None
    checks = (check for check in JUDGING if not (foreign and check in OF_THE_ACCOUNT))
    return screen(case) + tuple(denial for check in checks if (denial := check(case)) is not None)


def is_sizeable(case: AppraisedCase) -> bool:
    """Tell whether symbol, quote, stops and account are known well enough to find a volume, denied or not."""
    spec = case.appraisal.spec
    return (
        spec is not None
        and not find_lacking(spec)
        and find_account_denial(case.report, case.limits) is None
        and check_quote_fresh(case) is None
        and check_stop_loss(case) is None
    )
