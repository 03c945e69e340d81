"""The guard as a whole: which checks there are, in which order, and that none hides another."""

from typing import Any

import pytest
from tests.core.builders import (
    NOW,
    fold,
    make_answer,
    make_case,
    make_intent,
    make_limits,
    make_order,
    make_position,
    make_report,
    state_with,
)
from tests.core.casework import ABSURD, case_with, names_of, table

from hybrid_bridge.core.cases import AppraisedCase
from hybrid_bridge.core.events import TradingState
from hybrid_bridge.core.market import Side
from hybrid_bridge.core.orders import OrderState
from hybrid_bridge.core.risk import JUDGING, SCREENING, is_sizeable, judge, screen

HELD = make_position()


def denied(case: AppraisedCase) -> list[str]:
    return names_of(judge(case))


def test_a_sound_entry_is_denied_by_nothing() -> None:
    assert denied(make_case()) == []


def test_the_checks_stand_in_their_order() -> None:
    assert [check.__name__.removeprefix("check_") for check in (*SCREENING, *JUDGING)] == [
        "trading_enabled",
        "emergency_stop",
        "trading_state",
        "signal_account",
        "symbol_listed",
        "duplicate_signal",
        "daily_trades",
        "order_rate",
        "account",
        "symbol_tradable",
        "quote_fresh",
        "reducing",
        "stop_loss",
        "spread",
        "price_collar",
        "open_positions",
        "daily_loss",
        "drawdown",
        "loss_streak",
    ]


EVERYTHING = {
    "signal": {"account": 1, "symbol": "USDJPY", "stop_loss": 0.0, "price": 1.0},
    "limits": {
        "trading_enabled": False,
        "emergency_stop": True,
        "max_daily_trades": 0,
        "max_spread_points": 1.0,
        "max_price_drift_points": 1.0,
        "max_open_positions": 0,
        "max_daily_loss_percent": 1.0,
        "max_drawdown_percent": 1.0,
        "max_consecutive_losses": 2,
    },
    "state": {"trading": TradingState.REDUCING, "loss_streak": 2},
    "account": {"equity": 9_000.0, "trade_expert": False},
    "spec": {"trade_mode": 0},
    "quote": {"time_msc": 0},
}


def test_no_denial_hides_another() -> None:
    assert denied(case_with(**EVERYTHING)) == [
        "trading_enabled",
        "emergency_stop",
        "account",
        "symbol_allowed",
        "daily_trades",
        "account",
        "symbol_allowed",
        "quote_fresh",
        "trading_state",
        "stop_loss",
        "spread",
        "price_collar",
        "open_positions",
        "daily_loss",
        "drawdown",
        "loss_streak",
    ]


def test_another_account_s_figures_are_neither_judged_nor_told() -> None:
    limits = {
        "max_open_positions": 1,
        "max_daily_loss_percent": 1.0,
        "max_drawdown_percent": 1.0,
        "max_consecutive_losses": 2,
        "max_spread_points": 1.0,
    }
    state = {"trading": TradingState.REDUCING, "loss_streak": 2}
    theirs = {"positions": (HELD,)}
    own = {"limits": limits, "state": state, "report": theirs}

    assert denied(case_with(**own, account={"equity": 5.0, "login": 9})) == ["account", "spread"]
    assert denied(case_with(**own, account={"equity": 5.0, "trade_expert": False})) == [
        *("account", "trading_state", "spread", "open_positions", "daily_loss", "drawdown", "loss_streak")
    ]


def test_screening_needs_no_terminal_and_is_part_of_judging() -> None:
    case = case_with(limits={"trading_enabled": False, "max_daily_trades": 0})

    assert names_of(screen(case)) == ["trading_enabled", "daily_trades"]
    assert screen(case) == judge(case)


def test_a_denial_names_the_limit_and_the_observed_value() -> None:
    (denial,) = judge(case_with(state={"daily_entries": 10}))

    assert (denial.check, denial.limit, denial.observed) == ("daily_trades", "10 a day", "10")


DAY_LOSS, FALL = {"max_daily_loss_percent": 3.0}, {"max_drawdown_percent": 10.0}


@table(
    ("loss off", {"account": {"equity": 1.0}}, None),
    ("loss 2.99 %", {"account": {"equity": 9_701.0}, "limits": DAY_LOSS}, None),
    ("loss 3 %", {"account": {"equity": 9_700.0}, "limits": DAY_LOSS}, "daily_loss"),
    ("loss 3.01 %", {"account": {"equity": 9_699.0}, "limits": DAY_LOSS}, "daily_loss"),
    ("a gain", {"account": {"equity": 20_000.0}, "limits": DAY_LOSS}, None),
    ("day's equity not known", {"state": {"day_equity": None}, "limits": DAY_LOSS}, "daily_loss"),
    *(
        (f"day's equity {bad}", {"state": {"day_equity": bad}, "limits": DAY_LOSS}, "daily_loss")
        for bad in ABSURD
    ),
    *((f"equity {bad}", {"account": {"equity": bad}, "limits": DAY_LOSS}, "daily_loss") for bad in ABSURD),
    ("fall 9.99 %", {"account": {"equity": 9_001.0}, "limits": FALL}, None),
    ("fall 10 %", {"account": {"equity": 9_000.0}, "limits": FALL}, "drawdown"),
    ("peak not known", {"state": {"equity_peak": None}, "limits": FALL}, "drawdown"),
    *(
        (f"equity {bad}, drawdown", {"account": {"equity": bad}, "limits": FALL}, "drawdown")
        for bad in ABSURD
    ),
)
def test_what_has_been_lost_denies_entries(changes: Any, expected: str | None) -> None:
    assert denied(case_with(**changes)) == ([] if expected is None else [expected])


def test_what_makes_the_exposure_smaller_passes_a_limit_on_losses_while_reducing() -> None:
    broken = {"limits": {**DAY_LOSS, **FALL}, "account": {"equity": 5_000.0}}
    sell = {"side": Side.SELL, "stop_loss": 1.102, "volume": 0.3}
    held = {"report": {"positions": (HELD,)}}

    active = case_with(signal=sell, **broken)
    assert denied(active) == ["daily_loss", "drawdown"]
    report = make_report(account=active.report.account, positions=(HELD,))
    reducing = case_with(
        signal=sell,
        limits=broken["limits"],
        state={"trading": TradingState.REDUCING},
        appraisal={"report": report},
    )
    assert denied(reducing) == []
    buy = case_with(state={"trading": TradingState.REDUCING}, **held)
    assert denied(buy) == ["trading_state"]


def test_an_order_in_doubt_is_met_by_symbol_and_by_number_of_positions() -> None:
    state = state_with(make_order(make_intent(symbol="GBPUSD")))
    limits = make_limits(max_open_positions=1)

    assert denied(make_case(state=state, limits=limits, now_msc=NOW + 2_000)) == ["open_positions"]
    filled = fold(state, [make_answer(1, OrderState.FILLED)])
    assert denied(make_case(state=filled, limits=limits)) == ["open_positions"]


@pytest.mark.parametrize(
    ("changes", "sizeable"),
    [
        ({}, True),
        ({"limits": {"trading_enabled": False}}, True),
        ({"account": {"trade_allowed": False}}, True),
        ({"spec": {"trade_mode": 0}}, True),
        ({"signal": {"stop_loss": 0.0}, "limits": {"require_stop_loss": False}}, True),
        ({"appraisal": {"spec": None}}, False),
        ({"appraisal": {"quote": None}}, False),
        ({"spec": {"volume_step": 0.0}}, False),
        ({"quote": {"time_msc": 0}}, False),
        ({"account": {"login": 9}}, False),
        ({"signal": {"stop_loss": 1.2}}, False),
        ({"signal": {"stop_loss": 0.0}}, False),
    ],
)
def test_an_entry_is_sized_where_its_facts_can_be_used_denied_or_not(changes: Any, sizeable: bool) -> None:
    assert sizeable == is_sizeable(case_with(**changes))
