"""The limits that depend on the volume: how many lots each lets through, and when it cannot be said."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from tests.core.builders import (
    INF,
    NAN,
    NOW,
    fold,
    make_account,
    make_answer,
    make_intent,
    make_order,
    make_pending,
    make_position,
    make_state,
    make_valuation,
    state_with,
)
from tests.core.casework import case_with

from hybrid_bridge.core.account import Worth
from hybrid_bridge.core.approval import find_facts
from hybrid_bridge.core.bounds import (
    BOUNDS,
    Bound,
    Facts,
    Finding,
    above,
    below,
    bound_exposure,
    bound_margin,
    bound_open_risk,
    bound_risk,
    bound_volume,
    find_bounds,
    written,
)
from hybrid_bridge.core.events import Denial
from hybrid_bridge.core.market import Side
from hybrid_bridge.core.orders import IntentKind, OrderState

EUR = Worth("EURUSD", "EUR", "USD", 100_000.0)
GBP = Worth("GBPUSD", "GBP", "USD", 100_000.0)
JPY = Worth("USDJPY", "USD", "JPY", 100_000.0)
DAX = Worth("GER40", "EUR", "EUR", 20_000.0)
WORTHS = {worth.symbol: worth for worth in (EUR, GBP, JPY, DAX)}
SELL = {"side": Side.SELL, "stop_loss": 1.102}
ABSURD_EQUITY = (NAN, INF, -INF, 0.0, -1.0)
Make = Callable[[Facts], Iterator[Finding]]


def facts_of(**layers: Any) -> Facts:
    """Return the facts of the sound case, changed; `sent` is an order that was sent before."""
    state = layers.pop("sent", None)
    case = case_with(**layers)
    case = case if state is None else replace(case, state=state)
    assert case.appraisal.spec is not None
    quote = case.appraisal.quote
    assert quote is not None
    return find_facts(case, case.appraisal.spec, quote)


def lots(bound: Make, **layers: Any) -> list[float | str]:
    """Return the bounds in lots, to eight digits; a denial by its check."""
    found = list(bound(facts_of(**layers)))
    return [round(float(f.lots), 8) if isinstance(f, Bound) else f.check for f in found]


def in_doubt(**changes: Any) -> Any:
    """Return a state with an entry in doubt on GBPUSD, of 0.5 lots unless changed."""
    return state_with(sent_order(**changes))


def sent_order(risk: float = 100.0, margin: float = 0.0, worth: Worth | None = GBP, **changes: Any) -> Any:
    volume = changes.pop("lots", 0.5)
    intent = make_intent(**{"symbol": "GBPUSD", **changes})
    return replace(make_order(intent, risk_money=risk, volume=volume), margin=margin, worth=worth)


# Volume


@pytest.mark.parametrize(
    ("layers", "expected"),
    [
        ({}, [100.0]),
        ({"spec": {"volume_max": 7.5}}, [7.5]),
        ({"limits": {"max_volume": 0.5}}, [100.0, 0.5]),
        ({"limits": {"max_volume": 500.0}}, [100.0, 500.0]),
        ({"spec": {"volume_limit": 0.8}}, [100.0, 0.8]),
        ({"spec": {"volume_limit": 0.8}, "limits": {"max_volume": 0.5}}, [100.0, 0.5, 0.8]),
    ],
)
def test_each_limit_on_volumes_is_a_bound_of_its_own(layers: Any, expected: list[float]) -> None:
    assert expected == lots(bound_volume, **layers)


def limited(*positions: Any, orders: tuple[Any, ...] = (), **layers: Any) -> list[float | str]:
    report = {"positions": positions, "orders": orders}
    return lots(bound_volume, spec={"volume_limit": 0.8}, report=report, **layers)[1:]


@pytest.mark.parametrize(
    ("positions", "orders", "expected"),
    [
        ((), (), 0.8),
        ((make_position(volume=0.5),), (), 0.3),
        ((make_position(volume=0.5, side=Side.SELL),), (), 0.8),
        ((make_position(volume=0.5, symbol="GBPUSD"),), (), 0.8),
        *(((), (make_pending(volume=0.5, type=kind),), 0.3) for kind in (0, 2, 4, 6)),
        *(((), (make_pending(volume=0.5, type=kind),), 0.8) for kind in (1, 3, 5, 7)),
        ((), (make_pending(volume=0.5, symbol="GBPUSD"),), 0.8),
        ((make_position(volume=0.4),), (make_pending(volume=0.3),), 0.1),
        ((make_position(volume=0.5), make_position(volume=0.3)), (), 0.0),
        ((make_position(volume=0.1),) * 3, (), 0.5),  # Not 0.49999999999999994.
        ((make_position(volume=2.0),), (), -1.2),
    ],
)
def test_the_volume_limit_counts_what_is_held_and_what_waits_on_the_same_side(
    positions: tuple[Any, ...], orders: tuple[Any, ...], expected: float
) -> None:
    assert [expected] == limited(*positions, orders=orders)


def test_a_sell_is_limited_by_sells() -> None:
    held = (make_position(volume=0.5), make_position(volume=0.2, side=Side.SELL))
    waiting = (make_pending(volume=0.1, type=3), make_pending(volume=0.4, type=2))

    assert limited(*held, orders=waiting, signal=SELL) == [0.5]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"symbol": "EURUSD"}, 0.3),
        ({"symbol": "EURUSD", "side": Side.SELL}, 0.8),
        ({}, 0.8),
        ({"symbol": "EURUSD", "kind": IntentKind.CLOSE, "ticket": 1}, 0.8),
    ],
)
def test_the_volume_limit_counts_entries_that_no_look_shows(changes: Any, expected: float) -> None:
    assert [expected] == limited(sent=in_doubt(**changes))


@pytest.mark.parametrize("bad", [NAN, INF])
def test_a_volume_that_is_none_leaves_the_limit_unknown(bad: float) -> None:
    assert limited(make_position(volume=bad)) == ["volume"]


# Risk of the trade


@pytest.mark.parametrize(
    ("layers", "expected"),
    [
        ({}, [1.0]),
        ({"limits": {"max_risk_percent": 1.0}}, [0.5]),
        ({"account": {"equity": 9_999.0}}, [0.9999]),
        ({"appraisal": {"commission_per_lot": 50.0}}, [0.8]),
        ({"limits": {"slippage_reserve_points": 50.0}}, [0.8]),
        ({"appraisal": {"loss_at_stop": None}}, ["risk_per_trade"]),
        *(({"account": {"equity": bad}}, ["risk_per_trade"]) for bad in ABSURD_EQUITY),
        ({"signal": {"stop_loss": 0.0}}, []),
        ({"signal": {"stop_loss": 0.0, "volume": None}}, ["risk_per_trade"]),
        ({"account": {"equity": 1e300}}, [1e296]),
    ],
)
def test_the_risk_of_a_trade_bounds_its_lots(layers: Any, expected: list[float | str]) -> None:
    assert lots(bound_risk, **layers) == [
        pytest.approx(value) if isinstance(value, float) else value for value in expected
    ]


# Open risk


def at_risk(held: float | None = 0.0, percent: float | None = 3.0, **layers: Any) -> list[float | str]:
    report = {"positions": (make_position(),), "valuation": make_valuation(position_losses={500: held})}
    limits = {"max_open_risk_percent": percent}
    return lots(bound_open_risk, report=report, limits=limits, **layers)


@pytest.mark.parametrize(
    ("held", "expected"),
    [
        (0.0, [1.5]),
        (280.0, [0.1]),
        (280.01, [0.09995]),
        (300.0, [0.0]),
        (301.0, [-0.005]),
        (None, ["open_risk"]),
        (NAN, ["open_risk"]),
        (INF, ["open_risk"]),
    ],
)
def test_the_open_risk_leaves_room_for_so_many_lots(held: float | None, expected: list[float | str]) -> None:
    assert expected == at_risk(held)


def test_the_open_risk_is_not_asked_for_where_it_is_off() -> None:
    assert at_risk(None, None) == []


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        (in_doubt(risk=100.0), [1.0]),
        (in_doubt(risk=400.0), [-0.5]),
        (in_doubt(stop_loss=0.0), ["open_risk"]),
        (in_doubt(risk=NAN), ["open_risk"]),
        (in_doubt(kind=IntentKind.CLOSE, ticket=500), [1.5]),
        (fold(in_doubt(), [make_answer(1, OrderState.REJECTED)]), [1.5]),
        (fold(in_doubt(), [make_answer(1, OrderState.FILLED)]), [1.0]),
        (fold(in_doubt(), [make_answer(1, OrderState.FILLED, at_msc=NOW - 60_000)]), [1.5]),
    ],
)
def test_the_open_risk_counts_what_no_look_shows(sent: Any, expected: list[float | str]) -> None:
    assert expected == at_risk(sent=sent)


@pytest.mark.parametrize(
    "layers",
    [
        {"signal": {"stop_loss": 0.0}},
        {"appraisal": {"loss_at_stop": None}},
        *({"account": {"equity": bad}} for bad in ABSURD_EQUITY),
    ],
)
def test_an_entry_whose_own_loss_is_not_bounded_breaks_the_open_risk(layers: Any) -> None:
    assert at_risk(**layers) == ["open_risk"]


def test_a_report_without_valuation_leaves_the_open_risk_unknown() -> None:
    report = {"positions": (make_position(),), "valuation": None}

    assert lots(bound_open_risk, report=report, limits={"max_open_risk_percent": 3.0}) == ["open_risk"]


# Exposure: 1,000 % of 10,000 are 100,000, one lot of EURUSD


def exposed(*held: Any, percent: float | None = 1_000.0, **layers: Any) -> list[float | str]:
    orders = layers.pop("orders", ())
    report = {
        "positions": held,
        "orders": orders,
        "valuation": make_valuation(worths=layers.pop("worths", WORTHS)),
    }
    return lots(bound_exposure, report=report, limits={"max_exposure_percent": percent}, **layers)


def position(symbol: str, volume: float, ticket: int = 1) -> Any:
    side = Side.BUY if volume > 0 else Side.SELL
    return make_position(ticket=ticket, symbol=symbol, side=side, volume=abs(volume))


@pytest.mark.parametrize(
    ("held", "orders", "expected"),
    [
        ((), (), [1.0, 1.0]),
        ((position("EURUSD", 0.4),), (), [0.6, 0.6]),
        ((position("EURUSD", -0.4),), (), [1.4, 1.4]),
        ((position("EURUSD", 1.0),), (), [0.0, 0.0]),
        ((position("EURUSD", 1.5),), (), [0.0, 0.0]),  # Beyond it already, and may not grow.
        ((position("EURUSD", -1.5),), (), [3.0, 3.0]),  # May come to as much on the other side.
        ((position("GBPUSD", 0.4),), (), [1.0, 0.6]),  # The dollars meet, the pounds do not.
        ((position("USDJPY", 0.4),), (), [1.0, 1.4]),
        ((position("GER40", 1.0),), (), [1.2, 1.0]),  # An index is paid for in euros.
        ((position("EURUSD", 0.4), position("EURUSD", -0.4, 2)), (), [1.0, 1.0]),
        ((), (make_pending(volume=0.3),), [0.7, 0.7]),
        ((), (make_pending(volume=0.3, type=3),), [1.0, 1.0]),  # It may not fill.
        (
            (position("EURUSD", 0.4),),
            (make_pending(volume=0.3), make_pending(volume=9.0, type=5)),
            [7.9, 7.9],
        ),
        (
            (position("EURUSD", 0.4),),
            (make_pending(volume=0.3), make_pending(volume=1.0, type=5)),
            [0.3, 0.3],
        ),
    ],
)
def test_neither_leg_of_a_buy_may_come_to_more_than_the_limit(
    held: tuple[Any, ...], orders: tuple[Any, ...], expected: list[float]
) -> None:
    assert expected == exposed(*held, orders=orders)


@pytest.mark.parametrize(
    ("held", "expected"),
    [
        ((), [1.0, 1.0]),
        ((position("EURUSD", 0.4),), [1.4, 1.4]),
        ((position("EURUSD", -0.4),), [0.6, 0.6]),
        ((position("USDJPY", 0.4),), [1.0, 0.6]),
    ],
)
def test_a_sell_goes_the_other_way(held: tuple[Any, ...], expected: list[float]) -> None:
    assert expected == exposed(*held, signal=SELL)


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        (in_doubt(), [1.0, 0.5]),
        (in_doubt(side=Side.SELL), [1.0, 1.0]),
        (in_doubt(symbol="EURUSD", worth=EUR), [0.5, 0.5]),
        (in_doubt(worth=None), ["exposure"]),
        (fold(in_doubt(), [make_answer(1, OrderState.FILLED)]), [1.0, 0.5]),
        (fold(in_doubt(), [make_answer(1, OrderState.PLACED)]), [1.0, 0.5]),
        (fold(in_doubt(), [make_answer(1, OrderState.REJECTED)]), [1.0, 1.0]),
    ],
)
def test_the_exposure_counts_what_no_look_shows(sent: Any, expected: list[float | str]) -> None:
    assert expected == exposed(sent=sent)


@pytest.mark.parametrize("state", [OrderState.UNKNOWN, OrderState.FILLED])
def test_a_hedge_that_may_be_gone_no_longer_hedges(state: OrderState) -> None:
    held = (position("EURUSD", 0.7), position("EURUSD", -0.7, 2))
    close = sent_order(symbol="EURUSD", kind=IntentKind.CLOSE, ticket=2, side=Side.SELL, worth=None, lots=0.7)
    sent = fold(state_with(close, unknown=False), [make_answer(1, state)])

    assert exposed(*held) == [1.0, 1.0]
    assert exposed(*held, sent=sent) == [0.3, 0.3]
    assert exposed(held[0], sent=sent) == [0.3, 0.3]  # It is gone.


@pytest.mark.parametrize("bad", [None, NAN, INF, 0.0, -5.0])
def test_a_worth_that_is_not_known_denies(bad: float | None) -> None:
    unknown = Worth("EURUSD", "EUR", "USD", bad)

    assert exposed(worths={"EURUSD": unknown}) == ["exposure"]
    assert exposed(
        position("GBPUSD", 0.1), worths={"EURUSD": EUR, "GBPUSD": replace(unknown, symbol="GBPUSD")}
    ) == ["exposure"]
    assert exposed(worths={}) == ["exposure"]
    assert exposed(position("XAUUSD", 0.1)) == ["exposure"]


@pytest.mark.parametrize("equity", ABSURD_EQUITY)
def test_an_exposure_without_an_equity_to_measure_by_denies(equity: float) -> None:
    assert exposed(account={"equity": equity}) == ["exposure"]


def test_the_exposure_is_not_asked_for_where_it_is_off() -> None:
    assert exposed(position("XAUUSD", 0.1), percent=None) == []
    assert lots(bound_exposure, report={"valuation": None}) == []
    assert lots(bound_exposure, report={"valuation": None}, limits={"max_exposure_percent": 9.0}) == [
        "exposure"
    ]


# Margin: one lot ties up 1,100


@pytest.mark.parametrize(
    ("free", "expected"),
    [
        (1_100.0, [1.0]),
        (110.0, [0.1]),
        (0.0, [0.0]),
        (-11.0, [-0.01]),
        (NAN, ["margin"]),
        (INF, ["margin"]),
        (-INF, ["margin"]),
    ],
)
def test_the_free_margin_bounds_the_lots(free: float, expected: list[float | str]) -> None:
    assert expected == lots(bound_margin, account={"free_margin": free})


@pytest.mark.parametrize(
    "appraisal",
    [
        *({"margin": bad} for bad in (None, NAN, INF, -INF, -1.0)),
        *({"reference_volume": bad} for bad in (NAN, INF, 0.0, -1.0)),
    ],
)
def test_a_margin_that_is_not_known_denies(appraisal: Any) -> None:
    assert lots(bound_margin, appraisal=appraisal) == ["margin"]


@pytest.mark.parametrize(
    ("used", "least", "expected"),
    [
        (890.0, 1_000.0, 0.1),  # 10,000 of equity carry 1,000 of margin at a level of 1,000 %.
        (890.11, 1_000.0, 0.0999),
        (1_000.0, 1_000.0, 0.0),
        (1_110.0, 1_000.0, -0.1),
        (0.0, 50.0, 18.18181818),
    ],
)
def test_the_margin_level_after_the_order_bounds_the_lots(used: float, least: float, expected: float) -> None:
    found = lots(bound_margin, account={"margin": used}, limits={"min_margin_level_percent": least})

    assert found == [9.09090909, expected]


@pytest.mark.parametrize(
    "account", [*({"margin": bad} for bad in (NAN, INF, -1.0)), *({"equity": bad} for bad in ABSURD_EQUITY)]
)
def test_a_margin_level_that_is_not_known_denies(account: Any) -> None:
    limits = {"min_margin_level_percent": 100.0}

    assert lots(bound_margin, account=account, limits=limits)[1] == "margin"
    assert lots(bound_margin, account=account) == [9.09090909]


def test_what_ties_up_no_margin_is_not_bounded_by_it_unless_the_level_is_broken_already() -> None:
    free, limits = {"margin": 0.0}, {"min_margin_level_percent": 1_000.0}

    assert lots(bound_margin, appraisal=free, limits=limits) == [INF, INF]
    assert lots(bound_margin, appraisal=free, account={"free_margin": -0.01}) == [-1.0]
    assert lots(bound_margin, appraisal=free, limits=limits, account={"margin": 1_001.0}) == [INF, -1.0]


def test_margin_is_reserved_for_what_no_look_shows() -> None:
    limits = {"min_margin_level_percent": 1_000.0}

    assert lots(bound_margin, limits=limits, sent=in_doubt(margin=450.0)) == [8.68181818, 0.5]
    assert lots(bound_margin, sent=fold(in_doubt(margin=450.0), [make_answer(1, OrderState.REJECTED)])) == [
        9.09090909
    ]


def test_an_exposure_is_told_as_what_it_would_come_to() -> None:
    def told(*held: Any, **layers: Any) -> list[str]:
        report = {"valuation": make_valuation(worths=WORTHS), "positions": held}
        limits = {"max_exposure_percent": 1_000.0}
        found = list(bound_exposure(facts_of(report=report, limits=limits, **layers)))
        return [bound.seen(Decimal(2)) for bound in found if isinstance(bound, Bound)]

    assert ["2000.00 % with 2 lots"] * 2 == told() == told(signal=SELL)
    assert ["2400.00 % with 2 lots"] * 2 == told(position("EURUSD", 0.4))
    assert ["1600.00 % with 2 lots"] * 2 == told(position("EURUSD", 0.4), signal=SELL)


def test_a_share_of_no_equity_is_told_as_that() -> None:
    report = {"account": make_account(equity=NAN), "valuation": make_valuation()}

    assert list(bound_open_risk(facts_of(report=report, limits={"max_open_risk_percent": 3.0}))) == [
        Denial("open_risk", "3 % of equity", "equity nan", "no equity to measure by")
    ]
    assert list(bound_exposure(facts_of(report=report, limits={"max_exposure_percent": 300.0}))) == [
        Denial("exposure", "300 % of equity", "equity nan", "no equity to measure by")
    ]


# All of them


def test_all_bounds_are_found_in_their_order() -> None:
    facts = facts_of(
        limits={
            "max_open_risk_percent": 3.0,
            "max_exposure_percent": 900.0,
            "min_margin_level_percent": 100.0,
            "max_volume": 5.0,
        }
    )

    assert [finding.check for finding in find_bounds(facts)] == [
        *("volume", "volume", "risk_per_trade", "open_risk", "exposure", "exposure", "margin", "margin")
    ]
    assert len(BOUNDS) == 5


def test_a_bound_denies_in_its_own_words() -> None:
    bound = Bound("margin", "5 free", "not enough", Decimal("0.5"), lambda lots: f"{lots * 10} needed")

    assert bound.deny(Decimal(2), ", the least", "; really") == Denial(
        "margin", "5 free", "20 needed, the least", "not enough; really"
    )


@pytest.mark.parametrize(
    ("value", "limit", "expected"),
    [
        ("3", 2.0, "3.00"),
        ("2.004", 2.0, "2.0040"),
        ("2.00000004", 2.0, "2.00000004"),
        ("2.000000000001", 2.0, "2.00"),
        ("5E+15", 2.0, "5.000e+15"),
        ("999999999999", 2.0, "999999999999.00"),
        ("9999999999999", 2.0, "9999999999999.00"),
    ],
)
def test_what_is_above_a_limit_reads_so(value: str, limit: float, expected: str) -> None:
    assert above(Decimal(value), limit) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [("1999.999", "1999.9990"), ("150", "150.00"), ("1999.9999999999999", "2000.00")],
)
def test_what_is_below_a_limit_reads_so(value: str, expected: str) -> None:
    assert below(Decimal(value), 2_000.0) == expected


@pytest.mark.parametrize(("lots_", "expected"), [("0.10", "0.1 lots"), ("1E+2", "100 lots"), ("0", "0 lots")])
def test_lots_are_written_short(lots_: str, expected: str) -> None:
    assert written(Decimal(lots_)) == expected


def test_a_state_without_orders_reserves_nothing() -> None:
    assert facts_of(sent=make_state()).unseen == []
