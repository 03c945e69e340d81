"""Lots: exact to the step, the largest that fits, never rounded up."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.core.builders import INF, NAN, make_spec

from hybrid_bridge.core.sizing import (
    exact,
    floor_to_step,
    is_positive,
    least_volume,
    most_lots,
    round_to_tick,
    whole_steps,
)

STEPS = st.sampled_from([0.001, 0.01, 0.1, 1.0, 0.25, 5.0])
LOTS = st.decimals(min_value="0", max_value="10000", places=8, allow_nan=False).map(float)
# From a micro lot of an index to a JPY-quoted loss of a large contract.
LOSSES = st.decimals(min_value="0.01", max_value="10000000", places=6, allow_nan=False).map(float)
RISKS = st.decimals(min_value="0.01", max_value="100000000", places=4, allow_nan=False).map(float)


def rational(value: float) -> Fraction:
    """Return what a float says in decimal: 0.1 is a tenth."""
    return Fraction(repr(value))


@pytest.mark.parametrize(
    ("volume", "step", "expected"),
    [
        (0.3, 0.1, 0.3),
        (0.30000000000000004, 0.1, 0.3),
        (0.29999999999999999, 0.1, 0.3),
        (0.2999999999999999, 0.1, 0.2),
        (0.29, 0.01, 0.29),
        (0.57, 0.01, 0.57),
        (1.15, 0.01, 1.15),
        (0.019, 0.01, 0.01),
        (0.009, 0.01, 0.0),
        (0.0, 0.01, 0.0),
        (-0.5, 0.01, 0.0),
        (7.9, 1.0, 7.0),
        (1e-320, 0.01, 0.0),
        (1e12, 0.01, 1e12),
    ],
)
def test_a_volume_is_rounded_down_to_whole_steps(volume: float, step: float, expected: float) -> None:
    assert floor_to_step(volume, step) == expected


@pytest.mark.parametrize(
    ("volume", "step"),
    [(NAN, 0.01), (INF, 0.01), (-INF, 0.01), (1.0, 0.0), (1.0, -0.01), (1.0, NAN), (1.0, INF)],
)
def test_a_volume_or_step_that_is_no_number_gives_no_lots(volume: float, step: float) -> None:
    assert floor_to_step(volume, step) == 0.0


@given(volume=LOTS, step=STEPS)
def test_flooring_gives_the_greatest_multiple_that_is_not_above(volume: float, step: float) -> None:
    floored = rational(floor_to_step(volume, step))

    assert (floored / rational(step)).denominator == 1
    assert floored <= rational(volume) < floored + rational(step)


@given(volume=LOTS, step=STEPS)
def test_flooring_twice_changes_nothing(volume: float, step: float) -> None:
    once = floor_to_step(volume, step)

    assert floor_to_step(once, step) == once


@pytest.mark.parametrize(
    ("lots", "step", "expected"),
    [
        ("0.3", 0.1, "0.3"),
        ("0.2999999999999999999", 0.1, "0.3"),  # Nineteen digits: a division's rounding.
        ("0.29999999999999999", 0.1, "0.2"),
        ("-0.01", 0.1, "-0.1"),
        ("0", 0.1, "0"),
        ("Infinity", 0.1, "Infinity"),
        ("1E+30", 0.01, "1E+30"),
    ],
)
def test_lots_are_cut_to_whole_steps_exactly(lots: str, step: float, expected: str) -> None:
    assert whole_steps(Decimal(lots), step) == Decimal(expected)


@pytest.mark.parametrize(
    ("least", "step", "expected"),
    [
        (0.01, 0.01, "0.01"),
        (0.1, 0.01, "0.10"),
        (0.015, 0.01, "0.02"),
        (0.5, 1.0, "1"),
        (0.1, 0.1, "0.1"),
        (0.001, 0.01, "0.01"),
    ],
)
def test_the_least_volume_is_the_first_whole_step_that_the_symbol_takes(
    least: float, step: float, expected: str
) -> None:
    assert least_volume(make_spec(volume_min=least, volume_step=step)) == Decimal(expected)


@pytest.mark.parametrize(
    ("room", "per_lot", "expected"),
    [
        ("200", "200", "1"),
        ("200", "400", "0.5"),
        ("0", "200", "0"),
        ("-5", "200", "-0.025"),
        ("200", "0", "Infinity"),
        ("0", "0", "Infinity"),
        ("-0.01", "0", "-1"),
    ],
)
def test_what_fits_into_what_a_limit_has_left(room: str, per_lot: str, expected: str) -> None:
    assert most_lots(Decimal(room), Decimal(per_lot)) == Decimal(expected)


@pytest.mark.parametrize(
    ("risk", "loss", "step", "expected"),
    [
        (200.0, 200.0, 0.01, 1.0),
        (199.99, 200.0, 0.01, 0.99),
        (200.0, 200.01, 0.01, 0.99),
        (200.0, 1000.0 / 3, 0.01, 0.6),
        (0.3, 0.1, 1.0, 3.0),
        (1.1, 1.1, 0.1, 1.0),
        (20_000.0, 158_730.0, 0.01, 0.12),
        (1.0, 200.0, 0.01, 0.0),
    ],
)
def test_the_volume_for_a_risk_is_exact_at_the_limit(
    risk: float, loss: float, step: float, expected: float
) -> None:
    assert float(whole_steps(most_lots(exact(risk), exact(loss)), step)) == expected


@pytest.mark.parametrize("reference", [3, 7, 30, 49, 70])
def test_what_divides_to_no_end_still_fits_exactly(reference: int) -> None:
    # As many lots as were appraised lose exactly the appraised loss, however a lot's share is rounded.
    for loss in range(1, 400):
        per_lot = Decimal(loss) / Decimal(reference)
        assert whole_steps(most_lots(Decimal(loss), per_lot), 0.01) == reference


@given(risk=RISKS, loss=LOSSES, step=STEPS)
def test_one_step_more_would_lose_more_than_the_risk(risk: float, loss: float, step: float) -> None:
    volume = Fraction(whole_steps(most_lots(exact(risk), exact(loss)), step))

    assert (volume / rational(step)).denominator == 1
    assert volume * rational(loss) <= rational(risk) * (1 + Fraction(1, 10**15))
    assert (volume + rational(step)) * rational(loss) > rational(risk)


@pytest.mark.parametrize(
    ("price", "tick", "digits", "expected"),
    [
        (1.098104, 1e-5, 5, 1.0981),
        (1.098106, 1e-5, 5, 1.09811),
        (1.0980000000000003, 1e-5, 5, 1.098),
        (4812.37, 0.25, 2, 4812.25),
        (4812.38, 0.25, 2, 4812.5),
        (151.2344, 1e-3, 3, 151.234),
        (17.0, 5.0, 0, 15.0),
        (0.0, 1e-5, 5, 0.0),
        (-1.0, 1e-5, 5, 0.0),
        (1.1, 5e-324, 5, 0.0),
        (1e300, 1e-9, 9, 0.0),
        (NAN, 1e-5, 5, 0.0),
        (INF, 1e-5, 5, 0.0),
        (1.1, 1e300, 5, 0.0),
    ],
)
def test_a_price_is_rounded_to_the_nearest_tick(
    price: float, tick: float, digits: int, expected: float
) -> None:
    assert round_to_tick(price, make_spec(tick_size=tick, digits=digits)) == expected


def test_no_stop_stays_none_while_the_tick_size_is_not_known() -> None:
    assert round_to_tick(0.0, make_spec(tick_size=0.0)) == 0.0


@pytest.mark.parametrize(
    ("value", "expected"),
    [(1.0, True), (1e-300, True), (0.0, False), (-1.0, False), (NAN, False), (INF, False), (None, False)],
)
def test_only_a_finite_number_above_zero_is_positive(value: float | None, expected: bool) -> None:
    assert is_positive(value) is expected
