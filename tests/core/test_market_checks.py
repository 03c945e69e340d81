"""The checks on symbol, quote and prices: just inside each limit, at it, just outside, and absurd figures."""

from typing import Any

import pytest
from tests.core.builders import INF, NAN, NOW, make_spec
from tests.core.casework import ABSURD, case_with, name_of, table

from hybrid_bridge.core.events import Denial
from hybrid_bridge.core.market import Side, TradeMode
from hybrid_bridge.core.market_checks import (
    check_price_collar,
    check_quote_fresh,
    check_spread,
    check_stop_loss,
    check_symbol_tradable,
    find_frozen,
    find_lacking,
    find_stops_denial,
)

SELL = {"side": Side.SELL, "stop_loss": 1.102}


def mode(trade_mode: int, **signal: Any) -> dict[str, Any]:
    return {"spec": {"trade_mode": trade_mode}, "signal": signal}


@table(
    ("known and open", {}, None),
    ("not known to the terminal", {"appraisal": {"spec": None}}, "symbol_allowed"),
    ("disabled", mode(TradeMode.DISABLED), "symbol_allowed"),
    ("close only", mode(TradeMode.CLOSE_ONLY), "symbol_allowed"),
    ("long only, buying", mode(TradeMode.LONG_ONLY), None),
    ("long only, selling", mode(TradeMode.LONG_ONLY, **SELL), "symbol_allowed"),
    ("short only, buying", mode(TradeMode.SHORT_ONLY), "symbol_allowed"),
    ("short only, selling", mode(TradeMode.SHORT_ONLY, **SELL), None),
    ("full, selling", mode(TradeMode.FULL, **SELL), None),
    ("a trade mode that nobody knows", mode(9), "symbol_allowed"),
    *(
        (f"{fact} {bad}", {"spec": {fact: bad}}, "symbol_allowed")
        for fact in ("point", "tick_size", "volume_min", "volume_max", "volume_step")
        for bad in ABSURD
    ),
    ("no volume limit", {"spec": {"volume_limit": 0.0}}, None),
    ("volume limit not known", {"spec": {"volume_limit": NAN}}, "symbol_allowed"),
    ("volume limit below zero", {"spec": {"volume_limit": -1.0}}, "symbol_allowed"),
)
def test_a_symbol_is_traded_when_its_rules_are_known_and_permit_it(
    changes: Any, expected: str | None
) -> None:
    assert expected == name_of(check_symbol_tradable(case_with(**changes)))


def test_what_a_symbol_lacks_is_named() -> None:
    assert find_lacking(make_spec()) == []
    assert find_lacking(make_spec(point=0.0, volume_step=NAN, volume_limit=NAN)) == [
        "point",
        "volume_step",
        "volume_limit",
    ]


@table(
    ("now", {}, None),
    ("none", {"appraisal": {"quote": None}}, "quote_fresh"),
    ("5000 ms old", {"quote": {"time_msc": NOW - 5000}}, None),
    ("5001 ms old", {"quote": {"time_msc": NOW - 5001}}, "quote_fresh"),
    ("2000 ms ahead", {"quote": {"time_msc": NOW + 2000}}, None),
    ("2001 ms ahead", {"quote": {"time_msc": NOW + 2001}}, "quote_fresh"),
    ("of unknown age", {"quote": {"time_msc": None}}, "quote_fresh"),
    ("at time 0", {"quote": {"time_msc": 0}}, "quote_fresh"),
    ("locked", {"quote": {"ask": 1.1}}, None),
    ("crossed", {"quote": {"ask": 1.09999}}, "quote_fresh"),
    *((f"bid {bad}", {"quote": {"bid": bad}}, "quote_fresh") for bad in ABSURD),
    *((f"ask {bad}", {"quote": {"ask": bad}}, "quote_fresh") for bad in ABSURD),
)
def test_a_quote_is_present_positive_uncrossed_and_fresh(changes: Any, expected: str | None) -> None:
    assert expected == name_of(check_quote_fresh(case_with(**changes)))


def spread(limit: float | None, **layers: Any) -> dict[str, Any]:
    return {"limits": {"max_spread_points": limit}, **layers}


@table(
    ("off, a whole price wide", spread(None, quote={"ask": 2.2}), None),
    ("just below", spread(10.1), None),
    ("at the limit", spread(10.0), None),
    ("just above", spread(9.9), "spread"),
    ("a point of 0", spread(10.0, spec={"point": 0.0}), "spread"),
    ("a point that is none", spread(10.0, spec={"point": NAN}), "spread"),
    ("a bid of nan", spread(10.0, quote={"bid": NAN}), "spread"),
    ("an ask of inf", spread(10.0, quote={"ask": INF}), "spread"),
    # quote_fresh and symbol_allowed deny these.
    ("no quote", spread(10.0, appraisal={"quote": None}), None),
    ("no symbol", spread(10.0, appraisal={"spec": None}), None),
    ("none allowed, a locked quote", spread(0.0, quote={"ask": 1.1}), None),
)
def test_the_spread_of_ten_points_is_bounded(changes: Any, expected: str | None) -> None:
    assert expected == name_of(check_spread(case_with(**changes)))


def collar(price: float | None, limit: float | None = 5.0, **layers: Any) -> dict[str, Any]:
    return {"limits": {"max_price_drift_points": limit}, "signal": {"price": price}, **layers}


def selling(price: float, limit: float) -> dict[str, Any]:
    changes = collar(price, limit)
    return {**changes, "signal": {**changes["signal"], **SELL}}


@table(
    ("off", collar(9.0, None), None),
    ("no price in the signal", collar(None), None),
    ("5 points up", collar(1.10005), None),
    ("5 points down", collar(1.10015), None),
    ("6 points up", collar(1.10004), "price_collar"),
    ("6 points down", collar(1.10016), "price_collar"),
    *((f"a price of {bad}", collar(bad), "price_collar") for bad in ABSURD),
    ("a point of 0", collar(1.1, spec={"point": 0.0}), "price_collar"),
    ("an ask of nan", collar(1.1, quote={"ask": NAN}), "price_collar"),
    ("no quote", collar(1.1, appraisal={"quote": None}), None),
    ("no symbol", collar(1.1, appraisal={"spec": None}), None),
    ("a sell from the bid", selling(1.1, 1.0), None),
    ("a sell 10 points off the bid", selling(1.1001, 1.0), "price_collar"),
)
def test_the_market_stays_near_the_price_that_the_signal_saw(changes: Any, expected: str | None) -> None:
    assert expected == name_of(check_price_collar(case_with(**changes)))


def buy(stop_loss: float, take_profit: float = 0.0, **spec: Any) -> dict[str, Any]:
    return {"signal": {"stop_loss": stop_loss, "take_profit": take_profit}, "spec": spec}


def sell(stop_loss: float, take_profit: float = 0.0, **spec: Any) -> dict[str, Any]:
    signal = {"side": Side.SELL, "stop_loss": stop_loss, "take_profit": take_profit}
    return {"signal": signal, "spec": spec}


@table(
    ("none where one is required", buy(0.0), "stop_loss"),
    ("none, none required", {**buy(0.0), "limits": {"require_stop_loss": False}}, None),
    ("a target alone, none required", {**buy(0.0, 1.2), "limits": {"require_stop_loss": False}}, None),
    ("one point below the bid", buy(1.09999), None),
    ("at the bid", buy(1.1), "stop_loss"),
    ("between bid and ask", buy(1.10005), "stop_loss"),
    ("above the ask", buy(1.2), "stop_loss"),
    ("at the stops level", buy(1.0995, stops_level=50), None),
    ("inside the stops level", buy(1.09951, stops_level=50), "stop_loss"),
    ("at the freeze level", buy(1.0995, freeze_level=50), None),
    ("inside the freeze level", buy(1.09951, freeze_level=50), "stop_loss"),
    ("inside the greater of both", buy(1.0996, stops_level=30, freeze_level=50), "stop_loss"),
    ("inside the greater of both, turned", buy(1.0996, stops_level=50, freeze_level=30), "stop_loss"),
    ("target above the bid", buy(1.0981, 1.10001), None),
    ("target at the bid", buy(1.0981, 1.1), "stop_loss"),
    ("target below the bid", buy(1.0981, 1.0), "stop_loss"),
    ("target at the level", buy(1.0981, 1.1005, stops_level=50), None),
    ("target inside the level", buy(1.0981, 1.10049, stops_level=50), "stop_loss"),
    ("target inside the freeze level", buy(1.0981, 1.10049, freeze_level=50), "stop_loss"),
    *((f"stop {bad}", buy(bad), "stop_loss") for bad in ABSURD),
    ("a stop that rounds to none", buy(1e-9), "stop_loss"),
    *((f"target {bad}", buy(1.0981, bad), "stop_loss") for bad in (NAN, INF, -INF, -1.0)),
    ("of a sell, at the ask", sell(1.1001), "stop_loss"),
    ("of a sell, one point above", sell(1.10011), None),
    ("of a sell, target at the ask", sell(1.11, 1.1001), "stop_loss"),
    ("of a sell, target one point below", sell(1.11, 1.10009), None),
    ("of a sell, inside the freeze level", sell(1.10059, freeze_level=50), "stop_loss"),
    ("of a sell, at the freeze level", sell(1.1006, freeze_level=50), None),
    ("no quote", {"appraisal": {"quote": None}}, None),
    ("no symbol", {"appraisal": {"spec": None}}, None),
)
def test_stops_are_present_on_their_side_and_outside_the_venue_s_levels(
    changes: Any, expected: str | None
) -> None:
    assert expected == name_of(check_stop_loss(case_with(**changes)))


@pytest.mark.parametrize("side", list(Side))
@pytest.mark.parametrize("bad", [NAN, INF, -INF, -1.0])
def test_a_stop_that_is_no_price_is_denied_on_either_side(side: Side, bad: float) -> None:
    for stop_loss, take_profit in ((bad, 0.0), (0.0, bad)):
        assert name_of(find_stops_denial(side, stop_loss, take_profit, 1.1, make_spec())) == "stop_loss"


@pytest.mark.parametrize(
    ("stop_loss", "take_profit", "freeze_level", "frozen"),
    [
        (1.0995, 0.0, 0, False),
        (1.0995, 0.0, 49, False),
        (1.0995, 0.0, 50, True),
        (1.0995, 0.0, 51, True),
        (0.0, 1.1005, 49, False),
        (0.0, 1.1005, 50, True),
        (1.05, 1.1005, 50, True),
        (1.1001, 0.0, 50, True),  # The price has passed it: it is being hit.
        (0.0, 0.0, 200_000, False),
    ],
)
def test_what_is_about_to_be_hit_is_frozen(
    stop_loss: float, take_profit: float, freeze_level: int, frozen: bool
) -> None:
    denial = find_frozen(stop_loss, take_profit, 1.1, make_spec(freeze_level=freeze_level))

    assert frozen == (name_of(denial) == "stop_loss")


@pytest.mark.parametrize(
    ("stops", "name"),
    [((1.0995, 0.0), "stop_loss"), ((0.0, 1.1005), "take_profit"), ((1.09, 1.1005), "take_profit")],
)
def test_what_is_frozen_is_named(stops: tuple[float, float], name: str) -> None:
    assert find_frozen(*stops, 1.1, make_spec(freeze_level=50)) == Denial(
        "stop_loss", f"{name} more than 50 points away", "50.0 points", "frozen: it is about to be hit"
    )


def test_nothing_is_frozen_while_the_size_of_a_point_is_not_known() -> None:
    assert find_frozen(1.0995, 0.0, 1.1, make_spec(freeze_level=50, point=0.0)) is None
