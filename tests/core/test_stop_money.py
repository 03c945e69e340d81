"""What one lot loses at its stop: as it is sent, with what is reserved, in the money of that moment."""

from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from tests.core.builders import (
    INF,
    NAN,
    make_account,
    make_appraisal,
    make_quote,
    make_report,
    make_spec,
)

from hybrid_bridge.core.appraisal import Appraisal
from hybrid_bridge.core.market import Side
from hybrid_bridge.core.stop_money import loss_per_lot

ENTRY = 1.1001


def lost(
    appraisal: Appraisal | None = None,
    side: Side = Side.BUY,
    entry: float = ENTRY,
    stop_loss: float = 1.0981,
    reserve_points: float = 0.0,
) -> float | None:
    per_lot = loss_per_lot(appraisal or make_appraisal(), side, entry, stop_loss, reserve_points)
    return None if per_lot is None else float(per_lot)


def test_a_lot_loses_its_share_of_what_was_appraised() -> None:
    assert lost() == 200.0
    assert lost(make_appraisal(reference_volume=50.0)) == 400.0


@pytest.mark.parametrize(("commission", "expected"), [(0.0, 200.0), (7.0, 207.0), (-7.0, 207.0)])
def test_commission_counts_as_loss_whatever_its_sign(commission: float, expected: float) -> None:
    assert lost(make_appraisal(commission_per_lot=commission)) == expected


@pytest.mark.parametrize(
    "changes",
    [
        {"spec": None},
        {"quote": None},
        {"loss_at_stop": None},
        *({"loss_at_stop": bad} for bad in (NAN, INF, -INF, 0.0, -50.0)),
        *({"reference_volume": bad} for bad in (NAN, INF, -INF, 0.0, -1.0)),
        *({"commission_per_lot": bad} for bad in (NAN, INF, -INF)),
        *({"quote": make_quote(bid=bad)} for bad in (NAN, INF, -INF, 0.0, -1.0)),
        *({"quote": make_quote(ask=bad)} for bad in (NAN, INF, -INF, 0.0, -1.0)),
    ],
)
def test_a_loss_that_cannot_be_known_is_none(changes: dict[str, Any]) -> None:
    assert lost(make_appraisal(**changes)) is None


@pytest.mark.parametrize("stop_loss", [NAN, INF, -INF, 0.0, -1.0, ENTRY])
def test_a_stop_that_costs_nothing_has_no_loss_to_size_by(stop_loss: float) -> None:
    assert lost(stop_loss=stop_loss) is None


@pytest.mark.parametrize("entry", [NAN, INF, -INF, 0.0, -1.0])
def test_an_entry_that_is_no_price_leaves_the_loss_unknown(entry: float) -> None:
    assert lost(entry=entry) is None


@pytest.mark.parametrize(
    ("stop_loss", "expected"),
    [
        (1.0981, 200.0),
        (1.098104, 200.0 * 2000 / 1996),  # Sent as 1.09810, farther away.
        (1.098096, 200.0 * 2000 / 2004),
        (1.0981000000000003, 200.0),  # A float's rounding error, no other price.
        (1.0980999999999999, 200.0),
    ],
)
def test_the_loss_is_that_of_the_stop_that_is_sent(stop_loss: float, expected: float) -> None:
    assert lost(stop_loss=stop_loss) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(("reserve", "expected"), [(0.0, 200.0), (1.0, 201.0), (20.0, 220.0), (0.5, 200.5)])
def test_the_reserve_for_slippage_makes_the_loss_larger_by_its_points(
    reserve: float, expected: float
) -> None:
    assert lost(reserve_points=reserve) == expected
    assert lost(side=Side.SELL, entry=1.1, stop_loss=1.102, reserve_points=reserve) == expected


def test_points_and_ticks_are_two_things() -> None:
    coarse = make_appraisal(
        spec=make_spec(point=0.01, tick_size=0.25, digits=2), quote=make_quote(bid=4812.0)
    )
    # 4800.10 is sent as 4800.00: 12 away instead of 11.90, and 25 points more are 0.25.
    assert lost(coarse, entry=4812.0, stop_loss=4800.1, reserve_points=25.0) == pytest.approx(
        200.0 * 12.25 / 11.9, rel=1e-12
    )


def yen(currency: str = "USD", loss: float = 0.0, **spec: Any) -> Appraisal:
    """Return USDJPY at 150.00 / 150.02; the loss of one lot over one yen unless given."""
    grid = {"point": 1e-3, "tick_size": 1e-3, "digits": 3}
    return make_appraisal(
        spec=make_spec(**{"currency_base": "USD", "currency_profit": "JPY", **grid, **spec}),
        quote=make_quote(bid=150.0, ask=150.02),
        reference_volume=1.0,
        loss_at_stop=loss or 100_000.0 / 150.0,
        report=make_report(account=make_account(currency=currency)),
    )


def test_a_loss_is_converted_at_the_price_of_the_stop() -> None:
    # 100,000 yen are lost; the terminal says 666.67 dollars, at the stop of 149.02 they are 671.05.
    assert lost(yen(), entry=150.02, stop_loss=149.02) == pytest.approx(100_000 / 149.02, rel=1e-9)
    # A SELL is stopped at the ask of 151; yen are bought at the bid, 150.98.
    assert lost(yen(), Side.SELL, entry=150.0, stop_loss=151.0) == pytest.approx(100_000 / 150.98, rel=1e-9)


def test_a_rate_below_one_is_a_rate_too() -> None:
    # EURGBP on an account in EUR: 1,000 pounds are lost, 1,176.47 euros at 0.85 and 1,190.48 at 0.84.
    pounds = make_appraisal(
        spec=make_spec(currency_base="EUR", currency_profit="GBP"),
        quote=make_quote(bid=0.85, ask=0.85),
        reference_volume=1.0,
        loss_at_stop=1_000 / 0.85,
        report=make_report(account=make_account(currency="EUR")),
    )

    assert lost(pounds, entry=0.85, stop_loss=0.84) == pytest.approx(1_000 / 0.84, rel=1e-9)


def test_the_reserve_is_converted_where_it_fills() -> None:
    buy = lost(yen(), entry=150.02, stop_loss=149.02, reserve_points=100.0)
    sell = lost(yen(), Side.SELL, entry=150.0, stop_loss=151.0, reserve_points=100.0)

    assert buy == pytest.approx(110_000 / 148.92, rel=1e-9)
    assert sell == pytest.approx(110_000 / 151.08, rel=1e-9)


@pytest.mark.parametrize("currency", ["EUR", "JPY", ""])
def test_a_loss_in_other_money_is_taken_at_today_s_rate(currency: str) -> None:
    assert lost(yen(currency), entry=150.02, stop_loss=149.02) == pytest.approx(100_000 / 150, rel=1e-12)


def test_what_is_lost_in_the_account_s_own_money_is_not_converted() -> None:
    own = yen(currency_profit="USD")

    assert lost(own, entry=150.02, stop_loss=149.02) == pytest.approx(100_000 / 150, rel=1e-12)


@pytest.mark.parametrize(
    ("share", "shown"), [(1.0, True), (1.0099, True), (0.9901, True), (1.0101, False), (0.9899, False)]
)
def test_a_price_that_is_no_rate_makes_no_loss_smaller(share: float, shown: bool) -> None:
    loss = 100_000.0 / 150.0 * share
    sell = lost(yen(loss=loss), Side.SELL, entry=150.0, stop_loss=151.0)
    buy = lost(yen(loss=loss), entry=150.02, stop_loss=149.02)

    assert sell == pytest.approx(loss * (150 / 150.98 if shown else 1), rel=1e-9)
    assert buy == pytest.approx(loss * 150 / 149.02, rel=1e-9)  # What makes it larger always counts.


def test_a_stop_below_the_spread_has_no_rate_of_its_own() -> None:
    # 666.67 appraised over 150.018, and the reserve of two points reaches down to a price of 0.
    loss = lost(yen(), entry=150.02, stop_loss=0.002, reserve_points=2.0)

    assert loss == pytest.approx(100_000 / 150 * 150.02 / 150.018, rel=1e-9)


@pytest.mark.parametrize("reference", [3.0, 7.0, 70.0])
def test_a_share_is_exact_to_far_below_a_cent(reference: float) -> None:
    per_lot = loss_per_lot(make_appraisal(reference_volume=reference), Side.BUY, ENTRY, 1.0981, 0.0)

    assert isinstance(per_lot, Decimal)
    assert abs(Fraction(per_lot) - Fraction(20_000) / Fraction(reference)) < Fraction(1, 10**20)
