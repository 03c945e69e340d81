"""What the guard says of itself: plain values, the same figures that its checks read."""

import json

import pytest
from tests.core.builders import (
    DAY,
    NAN,
    NOW,
    make_account,
    make_limits,
    make_position,
    make_report,
    make_state,
)

from hybrid_bridge.configured import limits_of
from hybrid_bridge.core.account import Valuation, Worth
from hybrid_bridge.core.events import LimitsTightened
from hybrid_bridge.core.market import Side
from hybrid_bridge.core.orders import Channel, Source
from hybrid_bridge.core.state import EngineState, apply
from hybrid_bridge.core.tightening import in_force
from hybrid_bridge.guard_figures import (
    in_words,
    limits_shown,
    losses_shown,
    portfolio_shown,
    tightened_shown,
)
from hybrid_bridge.settings import Settings

SETTINGS = Settings(max_volume=1.0)
BACKEND = Source(Channel.WEBSOCKET)
TIGHTENED = LimitsTightened(
    (("max_risk_percent", 0.5), ("max_volume", 3.0), ("signal_max_age_s", 2.0), ("max_lots", 1.0)),
    "news",
    BACKEND,
    NOW,
)


@pytest.fixture
def tightened() -> EngineState:
    state = EngineState()
    apply(state, TIGHTENED)
    return state


def test_limits_are_told_as_they_are_in_force_under_the_names_of_settings(tightened):
    limits = in_force(limits_of(SETTINGS), tightened.tightened)
    told = limits_shown(SETTINGS, limits)
    assert (0.5, 1.0, 2.0, None) == (
        told["MAX_RISK_PERCENT"],
        told["MAX_VOLUME"],
        told["SIGNAL_MAX_AGE_S"],
        told["MAX_SPREAD_POINTS"],
    )
    assert "reduce" == told["OVERSIZED"]


def test_a_limit_is_told_as_tightened_only_where_that_binds(tightened):
    told = tightened_shown(SETTINGS, limits_of(SETTINGS), tightened)
    assert {"MAX_RISK_PERCENT", "SIGNAL_MAX_AGE_S"} == set(told)
    expected = {"value": 0.5, "setting": 2.0, "since": "2026-09-21T14:13:20.000Z"}
    assert {**expected, "by": "websocket", "reason": "news"} == told["MAX_RISK_PERCENT"]


def test_a_tightened_limit_has_one_line_in_the_log(tightened):
    words = in_words(tightened_shown(SETTINGS, limits_of(SETTINGS), tightened))
    assert "0.5 instead of 2 since 2026-09-21T14:13:20.000Z by websocket: news" == words["MAX_RISK_PERCENT"]


def test_the_portfolio_is_told_in_cents_and_in_percent_of_the_equity():
    report = make_report(
        account=make_account(equity=10_000.0),
        positions=(make_position(ticket=500, symbol="EURUSD", side=Side.SELL, volume=0.3),),
        valuation=Valuation({500: 60.123}, {}, {"EURUSD": Worth("EURUSD", "EUR", "USD", 110_000.0)}),
    )
    told = portfolio_shown(make_state(), make_limits(), report, NOW)
    assert (60.12, 0.6) == (told["open_risk"], told["open_risk_percent"])
    eur = {"net": -33_000.0, "gross": 33_000.0, "worst": 33_000.0, "worst_percent": 330.0}
    assert {"EUR": eur, "USD": {**eur, "net": 33_000.0}} == told["currencies"]
    lots = {"net_lots": -0.3, "gross_lots": 0.3}
    assert {"EURUSD": {**lots, "net_money": -33_000.0, "gross_money": 33_000.0}} == told["symbols"]
    json.dumps(told, allow_nan=False)


def test_what_is_not_known_of_the_portfolio_is_none_and_no_guess():
    report = make_report(
        account=make_account(equity=NAN), positions=(make_position(),), valuation=Valuation({}, {}, {})
    )
    told = portfolio_shown(make_state(), make_limits(), report, NOW)
    assert (None, None, None) == (told["open_risk"], told["open_risk_percent"], told["currencies"])
    json.dumps(told, allow_nan=False)


def test_losses_are_told_against_their_marks():
    state = make_state(day_equity=10_000.0, equity_peak=12_000.0, breach="daily_loss", loss_streak=2)
    report = make_report(account=make_account(equity=9_700.0))
    told = losses_shown(state, make_limits(), report, NOW, DAY)
    assert (10_000.0, 3.0, 12_000.0, 19.17) == (
        told["day_equity"],
        told["day_loss_percent"],
        told["equity_peak"],
        told["drawdown_percent"],
    )
    assert (2, False, None, "daily_loss") == (
        told["streak"],
        told["paused"],
        told["paused_until"],
        told["breach"],
    )


@pytest.mark.parametrize("report", [None, make_report(account=make_account(equity=NAN))])
def test_a_loss_that_is_not_known_is_none(report):
    told = losses_shown(make_state(day_equity=10_000.0), make_limits(), report, NOW, DAY)
    assert (None, None) == (told["day_loss_percent"], told["drawdown_percent"])
    json.dumps(told, allow_nan=False)


def test_a_pause_is_told_with_its_end():
    state = make_state(loss_streak=3, last_loss_msc=NOW, last_loss_day=DAY)
    limits = make_limits(max_consecutive_losses=3, cooldown_ms=60_000)
    told = losses_shown(state, limits, None, NOW + 59_999, DAY)
    assert (True, "2026-09-21T14:14:20.000Z") == (told["paused"], told["paused_until"])
    assert not losses_shown(state, limits, None, NOW + 60_000, DAY)["paused"]
    until_tomorrow = losses_shown(state, make_limits(max_consecutive_losses=3), None, NOW, DAY)
    assert (True, None) == (until_tomorrow["paused"], until_tomorrow["paused_until"])
