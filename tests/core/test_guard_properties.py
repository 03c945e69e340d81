"""What holds for every entry that the guard is asked about, whatever the account, the limits and the market.

Judged by guard_judge, which works everything out once more from an exchange's ledger. GUARD_EXAMPLES=20000 in
the environment tries more cases than a run of the tests affords.
"""

from dataclasses import replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from tests.core.builders import (
    NAN,
    NOW,
    fold,
    make_account,
    make_limits,
    make_report,
    make_state,
    make_terminal,
)
from tests.core.examples import examples, marks
from tests.core.guard_cases import Trial, on_grid, trials
from tests.core.guard_judge import broken

from hybrid_bridge.core import engine
from hybrid_bridge.core.breaches import Readings
from hybrid_bridge.core.events import TradingState
from hybrid_bridge.core.inputs import AccountObserved
from hybrid_bridge.core.orders import ApprovedOrder

SIZED = {"volume", "risk_per_trade", "open_risk", "exposure", "margin"}
many = examples("GUARD_EXAMPLES", 300)
pytestmark = marks("GUARD_EXAMPLES")


def is_sized(trial: Trial, order: ApprovedOrder) -> bool:
    """Tell whether the guard chose the volume: there was none, or it was reduced."""
    asked = trial.case.signal.volume
    return asked is None or order.request.volume < asked - trial.facts().step


@many
@given(trials())
def test_an_approved_order_breaks_no_limit(trial: Trial) -> None:
    verdict = trial.decide()

    if isinstance(verdict, ApprovedOrder):
        facts = trial.facts(stop=verdict.request.sl)
        assert set() == broken(facts, verdict.request.volume)
        assert verdict.request.sl == on_grid(facts.symbol, trial.case.signal.stop_loss)


@many
@given(trials())
def test_a_volume_that_the_guard_chose_is_the_largest_that_fits(trial: Trial) -> None:
    verdict = trial.decide()

    if isinstance(verdict, ApprovedOrder) and is_sized(trial, verdict):
        facts = trial.facts(stop=verdict.request.sl)
        assert broken(facts, round(verdict.request.volume + facts.step, 8), strictly=True)


@many
@given(trials())
def test_a_volume_that_was_asked_for_is_taken_down_to_the_step_and_no_further(trial: Trial) -> None:
    verdict, asked = trial.decide(), trial.case.signal.volume

    if isinstance(verdict, ApprovedOrder) and asked is not None and not is_sized(trial, verdict):
        assert 0 <= asked - verdict.request.volume + 1e-9 < trial.facts().step


@many
@given(trials())
def test_what_is_denied_for_its_size_would_break_a_limit_at_its_least(trial: Trial) -> None:
    verdict = trial.decide()

    if not isinstance(verdict, ApprovedOrder) and {denial.check for denial in verdict} <= SIZED:
        facts, asked = trial.facts(), trial.case.signal.volume
        may_be_sized = asked is None or trial.case.limits.reduce_oversized
        too_much = asked is not None and "volume" in broken(facts, asked // facts.step * facts.step)
        least = facts.step if may_be_sized and not too_much else asked
        assert (asked is None and not facts.loss_per_lot) or broken(facts, least, strictly=True)


def tighter(limits: Any, draw: Any) -> Any:
    """Make one limit stricter, or one habit of the guard."""
    name = draw(st.sampled_from(sorted([*LOWER, *HIGHER, *SWITCHES])))
    present = getattr(limits, name)
    if name in SWITCHES:
        return replace(limits, **{name: SWITCHES[name]})
    if name in HIGHER:
        return replace(limits, **{name: (present or HIGHER[name]) * draw(st.sampled_from([1.01, 1.5, 4.0]))})
    value = LOWER[name] if present is None else present
    value *= draw(st.sampled_from([0.99, 0.5, 0.1]))
    return replace(limits, **{name: max(1, int(value)) if isinstance(LOWER[name], int) else value})


LOWER: dict[str, float] = {
    "signal_max_age_ms": 5_000,
    "max_quote_age_ms": 5_000,
    "max_spread_points": 30.0,
    "max_price_drift_points": 30.0,
    "max_volume": 3.0,
    "max_risk_percent": 2.0,
    "max_open_risk_percent": 8.0,
    "max_daily_trades": 2,
    "max_daily_loss_percent": 8.0,
    "max_drawdown_percent": 20.0,
    "max_open_positions": 4,
    "max_positions_per_symbol": 2,
    "max_exposure_percent": 1_000.0,
    "max_orders_per_minute": 2,
    "max_consecutive_losses": 2,
}
HIGHER = {"duplicate_window_ms": 1_000, "slippage_reserve_points": 10.0, "min_margin_level_percent": 200.0}
SWITCHES = {
    "trading_enabled": False,
    "emergency_stop": True,
    "require_stop_loss": True,
    "reduce_oversized": False,
    "symbols": frozenset({"EURUSD"}),
}


@many
@given(trials(), st.data())
def test_a_stricter_limit_admits_nothing_new_and_enlarges_no_volume(trial: Trial, data: Any) -> None:
    before = trial.decide()
    after = trial.decide(tighter(trial.case.limits, data.draw))

    if isinstance(after, ApprovedOrder):
        assert isinstance(before, ApprovedOrder)
        assert after.request.volume <= before.request.volume


equities = st.sampled_from([10_000.0, 9_400.0, 9_500.0, 9_501.0, 10_200.0, 9_690.0, 0.0, NAN, -50.0])


@many
@given(
    readings=st.integers(1, 4),
    wanted=st.booleans(),
    drawdown=st.booleans(),
    looks=st.lists(st.tuples(equities, st.sampled_from([True, True, True, False])), max_size=14),
)
def test_everything_is_closed_after_so_many_believed_looks_in_a_row_and_once(
    readings: int, wanted: bool, drawdown: bool, looks: list[tuple[float, bool]]
) -> None:
    limit = {"max_drawdown_percent" if drawdown else "max_daily_loss_percent": 5.0}
    limits = make_limits(flatten_on_breach=wanted, breach_readings=readings, **limit)
    state, counter = make_state(), Readings()
    peak, in_a_row, done = 10_000.0, 0, False
    for place, (equity, connected) in enumerate(looks):
        account = make_account(equity=equity)
        report = make_report(account=account, at_msc=NOW + place, terminal=make_terminal(connected=connected))
        fold(state, engine.observe(state, limits, AccountObserved(report)))
        events = engine.flatten(state, limits, report, counter)
        fold(state, events)
        peak = max(peak, equity) if drawdown and connected and equity > 0 else peak
        if connected and equity == equity and equity != 0:
            in_a_row = in_a_row + 1 if (peak - equity) / peak * 100 >= 5.0 else 0
        due = wanted and not done and in_a_row >= readings
        done = done or due
        assert due == bool(events)
        assert not due or (state.trading, state.emergency) == (TradingState.HALTED, True)
        assert in_a_row == 0 or state.trading is not TradingState.ACTIVE
