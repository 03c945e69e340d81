"""The watch on the limits on losses: what follows when the account itself shows that one is broken.

Pure. At once only what reduces is permitted; where the trader wishes it, everything is closed after some
looks in a row. The account's watch asks at every look, the executor keeps the `Readings` and asks when to
flatten, a resume asks what is still broken. Figures that are not known break nothing here; they deny in the
guard.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass, field

from hybrid_bridge.core.account import AccountReport
from hybrid_bridge.core.account_changes import DAILY_LOSS
from hybrid_bridge.core.events import Denial, Event, TradingState, TradingStateChanged
from hybrid_bridge.core.funds import shows_money
from hybrid_bridge.core.identity import find_account_denial
from hybrid_bridge.core.limits import Limits
from hybrid_bridge.core.losses import DRAWDOWN, MARGIN, find_daily_loss, find_drawdown, find_margin_breach
from hybrid_bridge.core.orders import Channel, Source
from hybrid_bridge.core.results import explain
from hybrid_bridge.core.sizing import is_positive
from hybrid_bridge.core.state import EngineState

# What lasts longest first: a drawdown ends by a person's act, a day's loss with the day.
LASTING = (DRAWDOWN, MARGIN, DAILY_LOSS)
LOCAL = Source(Channel.LOCAL)
DAY_MS = 86_400_000


@dataclass(slots=True)
class Readings:
    """How many looks at the account in a row have shown each limit broken.

    Attributes:
        looked_msc: when the last of them was.
        day_opened_msc: when the broker's day was opened whose loss they show.
    """

    counts: dict[str, int] = field(default_factory=dict)
    looked_msc: int = 0
    day_opened_msc: int = 0

    def count(self, broken: Iterable[Denial], at_msc: int, day_opened_msc: int) -> None:
        """Take in one look that is believed; a limit that it does not show broken begins anew."""
        if day_opened_msc != self.day_opened_msc:
            self.counts.pop(DAILY_LOSS, None)
            self.day_opened_msc = day_opened_msc
        if at_msc != self.looked_msc:
            self.counts = {one.check: self.counts.get(one.check, 0) + 1 for one in broken}
            self.looked_msc = at_msc


def is_watching(limits: Limits) -> bool:
    """Tell whether any limit is set that the account itself can break."""
    set_limits = (limits.max_daily_loss_percent, limits.max_drawdown_percent, limits.min_margin_level_percent)
    return any(limit is not None for limit in set_limits)


def is_believed(limits: Limits, report: AccountReport) -> bool:
    """Tell whether a look shows the money of the right account, as of a terminal that is connected.

    An account that is not loaded has an equity of 0; a debt is real.
    """
    equity = report.account.equity
    connected = report.terminal.connected and find_account_denial(report, limits) is None
    return connected and math.isfinite(equity) and equity != 0


def find_breaches(state: EngineState, limits: Limits, report: AccountReport) -> tuple[Denial, ...]:
    """Return every limit on losses that a look shows broken, the longest lasting first.

    Args:
        state: with the look's own marks taken in.
    """
    account = report.account
    if not is_believed(limits, report) or not shows_money(state, report):
        return ()
    found: list[Denial | None] = [find_margin_breach(limits, account)]
    if state.equity_peak is not None and is_positive(state.equity_peak):
        found.append(find_drawdown(state, limits, account))
    if state.day_equity is not None and is_positive(state.day_equity) and not _is_over(state, report):
        found.append(find_daily_loss(state, limits, account))
    return tuple(sorted((one for one in found if one is not None), key=lambda one: LASTING.index(one.check)))


def _is_over(state: EngineState, report: AccountReport) -> bool:
    """Tell whether the day whose opening is known has ended for certain, where today is not known."""
    return report.server_day is None and abs(report.at_msc - state.day_opened_msc) > DAY_MS


def watch(state: EngineState, limits: Limits, report: AccountReport) -> tuple[Event, ...]:
    """Permit only what reduces from the first look on that shows a limit broken.

    A breach that lasts longer takes the place of one that ends by itself; what holds trading more firmly, or
    for another reason, stays as it is.
    """
    broken = find_breaches(state, limits, report)
    if not broken or state.trading is TradingState.HALTED:
        return ()
    worst = broken[0]
    if state.trading is TradingState.REDUCING:
        lasts = state.breach not in LASTING or LASTING.index(state.breach) <= LASTING.index(worst.check)
        if lasts:
            return ()
    return (_latched(state, TradingState.REDUCING, worst, report.at_msc),)


def lift_daily_loss(state: EngineState, at_msc: int) -> tuple[Event, ...]:
    """Permit entries again on a new day of the broker, where only the loss of the day before stops them."""
    if state.trading is not TradingState.REDUCING or state.breach != DAILY_LOSS:
        return ()
    reason = "a new day of the broker"
    return (TradingStateChanged(TradingState.ACTIVE, reason, LOCAL, emergency=False, at_msc=at_msc),)


def flatten(
    state: EngineState, limits: Limits, report: AccountReport, readings: Readings
) -> tuple[Event, ...]:
    """Close everything once enough looks in a row have shown a limit broken, if the trader wishes that.

    Each breach has it done once, the longest lasting last, whatever else has halted trading meanwhile. It is
    another breach once a person has resumed, and a day's loss on another day.

    Args:
        state: with the look's own marks taken in.
        readings: counts this look.
    """
    if not is_believed(limits, report) or not shows_money(state, report):
        return ()
    broken = [one for one in find_breaches(state, limits, report) if one.check not in state.flattened]
    readings.count(broken, report.at_msc, state.day_opened_msc)
    if not limits.flatten_on_breach:
        return ()
    due = [one for one in broken if readings.counts.get(one.check, 0) >= limits.breach_readings]
    return tuple(_latched(state, TradingState.HALTED, one, report.at_msc) for one in reversed(due))


def _latched(state: EngineState, to: TradingState, broken: Denial, at_msc: int) -> TradingStateChanged:
    everything = to is TradingState.HALTED
    return TradingStateChanged(
        to,
        explain((broken,)),
        LOCAL,
        emergency=everything or state.emergency,
        at_msc=max(at_msc, state.latched_msc),
        close_positions=everything,
        cancel_orders=everything,
        breach=broken.check,
    )
