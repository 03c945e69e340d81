"""Changes of a position's stops: what does not raise its loss passes, what does is judged like an entry."""

from dataclasses import replace
from typing import Any

import pytest
from tests.core.builders import (
    INF,
    NAN,
    NOW,
    fold,
    make_account,
    make_answer,
    make_appraisal,
    make_intent,
    make_limits,
    make_order,
    make_pending,
    make_position,
    make_quote,
    make_report,
    make_spec,
    make_state,
    make_valuation,
    state_with,
)
from tests.core.casework import names_of

from hybrid_bridge.core.account import Position
from hybrid_bridge.core.events import Denial, TradingState
from hybrid_bridge.core.market import Side
from hybrid_bridge.core.orders import IntentKind, OrderState
from hybrid_bridge.core.stop_changes import find_change_denials, raises_loss

# 0.5 lots of EURUSD, opened at 1.099 with the stop at 1.09: 900 points, 450 USD. The bid is at 1.1.
HELD = make_position(take_profit=0.0)
SHORT = make_position(side=Side.SELL, price_open=1.101, stop_loss=1.11, take_profit=0.0)


def denied(
    stop_loss: float,
    *,
    position: Position = HELD,
    take_profit: float | None = None,
    state: Any = None,
    spec: Any = None,
    report: Any = None,
    appraisal: Any = None,
    **limits: Any,
) -> list[str]:
    """Return the checks that deny a new stop; a lot loses 100,000 a unit of price from its opening."""
    target = position.take_profit if take_profit is None else take_profit
    intent = make_intent(kind=IntentKind.MODIFY, ticket=500, stop_loss=stop_loss, take_profit=target)
    loss = round(abs(position.price_open - stop_loss) * 100_000 * 100, 3)
    facts = {
        "spec": make_spec(**spec or {}),
        "loss_at_stop": loss,
        "report": report or make_report(positions=(position,)),
        **(appraisal or {}),
    }
    found = find_change_denials(
        state or make_state(),
        make_limits(**limits),
        make_appraisal(**facts),
        facts["spec"],
        position,
        intent,
        NOW,
    )
    return names_of(found)


STATES = [
    make_state(),
    make_state(trading=TradingState.REDUCING),
    make_state(trading=TradingState.HALTED, emergency=True),
]


@pytest.mark.parametrize("state", STATES, ids=lambda state: str(state.trading))
@pytest.mark.parametrize(
    ("position", "stop_loss"),
    [
        (HELD, 1.09),
        (HELD, 1.09001),
        (HELD, 1.099),
        (HELD, 1.0995),
        (make_position(stop_loss=0.0), 1.05),
        (make_position(stop_loss=0.0), 0.0),
        (make_position(stop_loss=1.0999), 1.0991),  # In profit both times.
        (make_position(stop_loss=1.0999), 1.099),
        (SHORT, 1.11),
        (SHORT, 1.10999),
        (SHORT, 1.1003),
        (replace(SHORT, stop_loss=1.1004), 1.1008),
    ],
)
def test_what_does_not_raise_the_loss_passes_whatever_stops_entries(
    state: Any, position: Position, stop_loss: float
) -> None:
    strict = {"max_risk_percent": 0.001, "max_open_risk_percent": 0.001, "trading_enabled": False}

    assert denied(stop_loss, position=replace(position, take_profit=0.0), state=state, **strict) == []


@pytest.mark.parametrize(
    ("position", "stop_loss", "raised"),
    [
        (HELD, 1.08999, True),
        (HELD, 0.0, True),
        (make_position(stop_loss=1.0999), 1.08999, True),
        (make_position(stop_loss=1.0999), 0.0, True),
        (make_position(stop_loss=1.0999), 1.0, True),
        (make_position(stop_loss=1.0999), 1.0995, False),
        (make_position(price_open=NAN), 1.08, True),
        (make_position(price_open=NAN), 1.095, False),
        (make_position(stop_loss=NAN), 1.08, True),
        (make_position(stop_loss=0.0), 1.0, False),
        (make_position(stop_loss=0.0), 0.0, False),
        (HELD, 1.089999, False),  # Sent as 1.09.
        (HELD, 1.089994, True),  # Sent as 1.08999.
        (HELD, 1.0900000000000003, False),
        (HELD, 1.0899999999999999, False),
        (SHORT, 1.11001, True),
        (SHORT, 1.10999, False),
        (SHORT, 0.0, True),
    ],
)
def test_a_stop_farther_away_or_taken_away_raises_the_loss(
    position: Position, stop_loss: float, raised: bool
) -> None:
    assert raised == raises_loss(position, stop_loss, make_spec())


@pytest.mark.parametrize("state", STATES[1:], ids=lambda state: str(state.trading))
@pytest.mark.parametrize(("position", "stop_loss"), [(HELD, 1.0899), (SHORT, 1.1101)])
def test_the_loss_is_not_raised_while_nothing_may_be_opened(
    state: Any, position: Position, stop_loss: float
) -> None:
    assert denied(stop_loss, position=position, state=state, max_risk_percent=50.0) == ["trading_state"]
    assert denied(stop_loss, position=position, max_risk_percent=50.0) == []


@pytest.mark.parametrize(
    ("require", "open_risk", "expected"),
    [
        (True, None, ["stop_loss"]),
        (False, None, []),
        (True, 50.0, ["stop_loss", "open_risk"]),
        (False, 50.0, ["open_risk"]),
    ],
)
def test_a_stop_is_not_taken_away_where_one_is_required(
    require: bool, open_risk: float | None, expected: list[str]
) -> None:
    assert expected == denied(0.0, require_stop_loss=require, max_open_risk_percent=open_risk)
    assert (
        denied(0.0, position=make_position(stop_loss=0.0, take_profit=0.0), require_stop_loss=require) == []
    )


@pytest.mark.parametrize(
    ("stop_loss", "expected"),
    [
        (1.0801, []),  # 945 of 950
        (1.08, []),  # 950: at the limit
        (1.07999, ["risk_per_trade"]),
        (1.0, ["risk_per_trade"]),
    ],
)
def test_a_stop_farther_away_is_inside_the_risk_of_a_trade(stop_loss: float, expected: list[str]) -> None:
    assert expected == denied(stop_loss, max_risk_percent=9.5)


def test_commission_and_reserve_count_here_too() -> None:
    at_limit = {"stop_loss": 1.08, "max_risk_percent": 9.5}

    assert denied(**at_limit, slippage_reserve_points=1.0) == ["risk_per_trade"]
    assert denied(**at_limit, appraisal={"commission_per_lot": 0.01}) == ["risk_per_trade"]


@pytest.mark.parametrize(
    "changes",
    [
        *({"appraisal": {"loss_at_stop": bad}} for bad in (None, NAN, INF, 0.0, -9.0)),
        {"appraisal": {"quote": None}},
        {"appraisal": {"quote": make_quote(ask=NAN)}},
        {"appraisal": {"quote": make_quote(ask=0.0)}},
        *({"report": make_report(account=make_account(equity=bad))} for bad in (NAN, INF, 0.0, -1.0)),
        {"position": make_position(take_profit=0.0, volume=NAN)},
        {"position": make_position(take_profit=0.0, price_open=INF)},
    ],
)
def test_a_raised_loss_that_is_not_known_is_denied(changes: dict[str, Any]) -> None:
    loss = {"loss_at_stop": 1.0, **changes.get("appraisal", {})}

    assert denied(1.08, **{**changes, "appraisal": loss}) == ["risk_per_trade"]


def valued(other: float | None) -> Any:
    """Return a report in which another position loses so much at its stop."""
    positions = (HELD, make_position(ticket=501, symbol="GBPUSD"))
    return make_report(
        positions=positions, valuation=make_valuation(position_losses={500: 450.0, 501: other})
    )


@pytest.mark.parametrize(
    ("other", "stop_loss", "expected"),
    [
        (49.0, 1.08, []),  # 950 and 49 of 1,000
        (50.0, 1.08, []),
        (50.01, 1.08, ["open_risk"]),
        (None, 1.08, ["open_risk"]),
        (NAN, 1.08, ["open_risk"]),
        (None, 1.095, []),
        (9_000.0, 1.095, []),
    ],
)
def test_a_raised_loss_counts_with_all_others(
    other: float | None, stop_loss: float, expected: list[str]
) -> None:
    limits = {"max_risk_percent": 50.0, "max_open_risk_percent": 10.0}

    assert expected == denied(stop_loss, report=valued(other), **limits)


def test_a_raised_loss_counts_with_what_no_look_shows() -> None:
    limits = {"max_risk_percent": 50.0, "max_open_risk_percent": 10.0}
    inside = state_with(make_order(make_intent(symbol="USDJPY"), risk_money=50.0))
    outside = state_with(make_order(make_intent(symbol="USDJPY"), risk_money=50.01))

    assert denied(1.08, state=inside, report=valued(0.0), **limits) == []
    assert denied(1.08, state=outside, report=valued(0.0), **limits) == ["open_risk"]


def test_a_raised_loss_counts_with_what_was_filled_a_moment_ago_and_with_what_waits_unlisted() -> None:
    limits = {"max_risk_percent": 50.0, "max_open_risk_percent": 10.0}
    order = make_order(make_intent(symbol="USDJPY"), risk_money=50.01)
    placed = fold(state_with(order), [make_answer(1, OrderState.PLACED)])
    listed = make_pending(ticket=900, magic=order.request.magic)
    shown = replace(valued(0.0), orders=(listed,))
    shown = replace(shown, valuation=replace(shown.valuation, order_losses={900: 0.0}))

    filled = fold(state_with(order), [make_answer(1, OrderState.FILLED)])
    long_ago = fold(state_with(order), [make_answer(1, OrderState.FILLED, at_msc=NOW - 60_000)])

    for state, report, expected in (
        (placed, valued(0.0), ["open_risk"]),
        (placed, shown, []),
        (filled, valued(0.0), ["open_risk"]),
        (long_ago, valued(0.0), []),
    ):
        assert expected == denied(1.08, state=state, report=report, **limits)


def test_an_order_without_a_stop_leaves_the_open_risk_of_a_change_unbounded() -> None:
    limits = {"max_risk_percent": 50.0, "max_open_risk_percent": 10.0}
    state = state_with(make_order(make_intent(symbol="USDJPY", stop_loss=0.0), risk_money=0.0))

    assert denied(1.08, state=state, report=valued(0.0), **limits) == ["open_risk"]


def test_a_sell_s_loss_is_converted_at_the_price_of_its_stop() -> None:
    quote = make_quote(symbol="USDJPY", bid=150.0, ask=150.0)
    spec = {"name": "USDJPY", "digits": 3, "point": 0.001, "tick_size": 0.001}
    spec |= {"currency_base": "USD", "currency_profit": "JPY"}
    short = make_position(
        symbol="USDJPY", side=Side.SELL, volume=1.0, price_open=150.0, stop_loss=160.0, take_profit=0.0
    )
    # 50 yen farther, on 100,000: 33,333.33 USD at 150, but 25,000 at 200.
    facts = {"quote": quote, "loss_at_stop": 3_333_333.33}
    report = make_report(account=make_account(equity=100_000.0), positions=(short,))

    for percent, expected in ((25.01, []), (24.99, ["risk_per_trade"])):
        assert expected == denied(
            200.0, position=short, spec=spec, report=report, appraisal=facts, max_risk_percent=percent
        )


def test_a_buy_s_loss_is_converted_where_its_reserve_fills() -> None:
    spec = {"name": "USDJPY", "digits": 3, "point": 0.001, "tick_size": 0.001}
    spec |= {"currency_base": "USD", "currency_profit": "JPY"}
    long = make_position(symbol="USDJPY", volume=1.0, price_open=150.0, stop_loss=140.0, take_profit=0.0)
    # 50 yen and 10 reserved, on 100,000, bought back at 90: 66,666.67 USD.
    facts = {"quote": make_quote(symbol="USDJPY", bid=150.0, ask=150.0), "loss_at_stop": 3_333_333.33}
    report = make_report(account=make_account(equity=100_000.0), positions=(long,))

    for percent, expected in ((66.67, []), (66.66, ["risk_per_trade"])):
        limits = {"max_risk_percent": percent, "slippage_reserve_points": 10_000.0}
        assert expected == denied(100.0, position=long, spec=spec, report=report, appraisal=facts, **limits)


def test_what_leaves_the_open_risk_of_a_change_unbounded_is_named() -> None:
    state = state_with(make_order(make_intent(symbol="USDJPY", stop_loss=0.0), risk_money=0.0))
    intent = make_intent(kind=IntentKind.MODIFY, ticket=500, stop_loss=1.08, take_profit=0.0)
    limits = make_limits(max_risk_percent=50.0, max_open_risk_percent=10.0)
    facts = make_appraisal(report=valued(0.0), loss_at_stop=1.0)

    (found,) = find_change_denials(state, limits, facts, make_spec(), HELD, intent, NOW)

    assert found.observed == "unlimited by signal s-1"


def test_a_raised_loss_is_denied_in_words() -> None:
    def words(**changes: Any) -> list[Denial]:
        position, report = HELD, make_report(positions=(HELD,), **changes.pop("report", {}))
        intent = make_intent(kind=IntentKind.MODIFY, ticket=500, stop_loss=1.08, take_profit=0.0)
        facts = make_appraisal(report=report, **changes.pop("facts", {}))
        limits = make_limits(**changes)
        found = find_change_denials(make_state(), limits, facts, make_spec(), position, intent, NOW)
        return list(found)

    no_equity = {"account": make_account(equity=NAN), "valuation": make_valuation(position_losses={500: 0.0})}
    unknown = Denial("risk_per_trade", "2 % of equity", "not calculable", "no equity or no tick value")
    assert words(facts={"loss_at_stop": None}) == [unknown]
    assert words(report=no_equity, max_open_risk_percent=5.0) == [
        unknown,
        Denial("open_risk", "5 % of equity", "equity nan", "no equity to measure by"),
    ]


def test_without_an_equity_the_open_risk_is_not_known_either() -> None:
    report = replace(valued(0.0), account=make_account(equity=NAN))

    assert denied(1.08, report=report, max_open_risk_percent=10.0) == ["risk_per_trade", "open_risk"]


@pytest.mark.parametrize(
    ("spec", "stop_loss", "take_profit", "expected"),
    [
        ({}, 1.1, 0.0, ["stop_loss"]),
        ({}, 1.0999, 0.0, []),
        ({"stops_level": 20}, 1.0998, 0.0, []),
        ({"stops_level": 20}, 1.09981, 0.0, ["stop_loss"]),
        ({"freeze_level": 20}, 1.0998, 0.0, []),
        ({"freeze_level": 20}, 1.09981, 0.0, ["stop_loss"]),
        ({"stops_level": 30, "freeze_level": 20}, 1.0998, 0.0, ["stop_loss"]),
        ({"freeze_level": 20}, 1.09, 1.10019, ["stop_loss"]),
        ({"freeze_level": 999}, 1.09, 1.2, []),
        ({"freeze_level": 1_000}, 1.09, 1.2, ["stop_loss"]),  # The stop of now is frozen.
        ({"freeze_level": 1_000}, 1.05, 1.2, ["stop_loss", "risk_per_trade"]),
    ],
)
def test_new_stops_keep_the_venue_s_distance_and_old_ones_may_be_frozen(
    spec: dict[str, Any], stop_loss: float, take_profit: float, expected: list[str]
) -> None:
    assert expected == denied(stop_loss, take_profit=take_profit, spec=spec)


@pytest.mark.parametrize("stop_loss", [NAN, INF, -1.0, 1e-9])
def test_a_stop_that_is_no_price_is_told_as_that_alone(stop_loss: float) -> None:
    assert denied(stop_loss, state=STATES[1], max_open_risk_percent=1.0) == ["stop_loss"]


def test_a_target_that_is_about_to_be_hit_is_frozen_too() -> None:
    position = make_position(take_profit=1.1002)

    assert denied(1.095, position=position, take_profit=1.12, spec={"freeze_level": 20}) == ["stop_loss"]
    assert denied(1.095, position=position, take_profit=1.12, spec={"freeze_level": 19}) == []


def test_a_sell_is_measured_from_the_ask() -> None:
    assert denied(1.1001, position=SHORT) == ["stop_loss"]
    assert denied(1.10011, position=SHORT) == []


def test_without_a_quote_the_position_s_own_price_counts() -> None:
    no_quote = {"quote": None}
    position = replace(HELD, price_current=1.0951)

    assert denied(1.095, position=position, appraisal=no_quote) == []
    assert denied(1.0951, position=position, appraisal=no_quote) == ["stop_loss"]
    assert denied(1.0951, position=position, appraisal={"quote": make_quote()}) == []
