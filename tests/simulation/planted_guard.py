"""Bugs of the guard to plant: limits that do not hold, marks that are forgotten, money that is misread.

As in `planted`: each is a part put in another's place for one seed.
"""

from collections.abc import Callable, Sequence
from typing import Any

from scripts.simulation.life import WatchedJournal
from tests.simulation.bug import Bug, Change

from hybrid_bridge.core import account_watch, approval, bounds, engine, risk, tightening
from hybrid_bridge.core.events import LimitsTightened, TradingState
from hybrid_bridge.execution.recorder import Recorder
from hybrid_bridge.ports import OutboxEntry

NOTHING = ()


def without_bound(name: str) -> Callable[[], list[Change]]:
    """Let one limit say nothing of the volume."""

    def plant() -> list[Change]:
        left_out = getattr(bounds, name)
        return [(bounds, "BOUNDS", tuple(bound for bound in bounds.BOUNDS if bound is not left_out))]

    return plant


def without_check(name: str) -> Callable[[], list[Change]]:
    """Leave one check out."""

    def plant() -> list[Change]:
        left_out = getattr(risk, name)
        return [(risk, "JUDGING", tuple(check for check in risk.JUDGING if check is not left_out))]

    return plant


def reserve_left_out() -> list[Change]:
    """Reckon a stop as if it never slipped."""
    reckon = approval.loss_per_lot
    return [(approval, "loss_per_lot", lambda *facts: reckon(*facts[:-1], 0.0))]


def loss_of_the_day_unseen() -> list[Change]:
    """Neither deny nor latch for what the day has lost."""
    return [*without_check("check_daily_loss")(), (account_watch, "watch", lambda *_: NOTHING)]


def fall_unseen() -> list[Change]:
    """Neither deny nor latch for how far the equity has fallen."""
    return [*without_check("check_drawdown")(), (account_watch, "watch", lambda *_: NOTHING)]


def marks_lost() -> list[Change]:
    """Measure losses from new marks after each start, as on a new day."""

    def forget(state: Any) -> None:
        state.equity_peak = state.day_equity = state.server_day = None
        if state.breach:
            state.trading, state.breach = TradingState.ACTIVE, ""

    return [(Recorder, "restore", _forgetful(forget))]


def streak_lost() -> list[Change]:
    """Begin to count losses in a row anew at each start."""

    def forget(state: Any) -> None:
        state.loss_streak = 0
        state.unsettled.clear()

    return [(Recorder, "restore", _forgetful(forget))]


def _forgetful(forget: Callable[[Any], None]) -> Any:
    restore = Recorder.restore

    async def restored(self: Any, *args: Any, **keywords: Any) -> int:
        count = await restore(self, *args, **keywords)
        forget(self.state)
        return count

    return restored


def payments_unseen() -> list[Change]:
    """Take what is paid out for a loss and what is paid in for a profit."""
    return [(account_watch, "find_moves", lambda *_, **__: [])]


def never_flattened() -> list[Change]:
    """Leave everything open whatever is broken."""
    return [(engine, "flatten", lambda *_: NOTHING)]


def tightening_not_persisted() -> list[Change]:
    """Keep stricter limits in memory alone."""
    record = WatchedJournal.record

    async def without(self: Any, events: Sequence[Any], outbox: Sequence[OutboxEntry]) -> None:
        await record(self, [event for event in events if not isinstance(event, LimitsTightened)], outbox)

    return [(WatchedJournal, "record", without)]


def tightening_loosens() -> list[Change]:
    """Let a looser limit take a stricter one's place."""
    return [(tightening, "_find_reason", lambda *_: "")]


GUARD_BUGS = (
    Bug("risk of an order not limited", without_bound("bound_risk"), ("limit",)),
    Bug("slippage reserve left out", reserve_left_out, ("limit",)),
    Bug("open risk not limited", without_bound("bound_open_risk"), ("limit",)),
    Bug("exposure not limited", without_bound("bound_exposure"), ("limit",)),
    Bug("margin level not kept", without_bound("bound_margin"), ("limit",)),
    Bug("the day's loss neither denied nor latched", loss_of_the_day_unseen, ("limit",)),
    Bug("a drawdown neither denied nor latched", fall_unseen, ("limit",)),
    Bug("marks of the equity forgotten at a restart", marks_lost, ("limit",)),
    Bug("losses in a row not counted", without_check("check_loss_streak"), ("limit",)),
    Bug("losses in a row forgotten at a restart", streak_lost, ("limit",)),
    Bug("payments taken for losses and profits", payments_unseen, ("unexplained", "limit")),
    Bug("a broken limit closes nothing", never_flattened, ("stop",)),
    Bug("stricter limits not persisted", tightening_not_persisted, ("limit",)),
    Bug("a looser limit taken for a stricter one", tightening_loosens, ("limit",)),
)
