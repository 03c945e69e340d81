"""Lots: exact to the step, the largest that fits, never rounded up."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.core.builders import INF, NAN, make_spec

from hybrid_bridge.core.sizing import (
    floor_to_step,
    is_positive,
    largest_volume,
    round_to_tick,
    volume_for_risk,
)

STEPS = st.sampled_from([0.001, 0.01, 0.1, 1.0, 0.25, 5.0])
LOTS = st.decimals(min_value="0", max_value="10000", places=8, allow_nan=False).map(float)
# From a micro lot of an index to a JPY-quoted loss of a large contract.
LOSSES = st.decimals(min_value="0.01", max_value="10000000", places=6, allow_nan=False).map(float)
RISKS = st.decimals(min_value="0.01", max_value="100000000", places=4, allow_nan=False).map(float)


def exact(value: float) -> Fraction:
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
    floored = exact(floor_to_step(volume, step))

    assert (floored / exact(step)).denominator == 1
    assert floored <= exact(volume) < floored + exact(step)


@given(volume=LOTS, step=STEPS)
def test_flooring_twice_changes_nothing(volume: float, step: float) -> None:
    once = floor_to_step(volume, step)

    assert floor_to_step(once, step) == once


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
    assert volume_for_risk(risk, loss, step) == expected


@given(risk=RISKS, loss=LOSSES, step=STEPS)
def test_one_step_more_would_lose_more_than_the_risk(risk: float, loss: float, step: float) -> None:
    volume = exact(volume_for_risk(risk, loss, step))

    assert (volume / exact(step)).denominator == 1
    assert volume * exact(loss) <= exact(risk)
    assert (volume + exact(step)) * exact(loss) > exact(risk)


@pytest.mark.parametrize(
    ("limit", "held", "own_cap", "expected"),
    [
        (0.0, 0.0, None, 100.0),
        (0.0, 999.0, None, 100.0),
        (0.0, 0.0, 0.5, 0.5),
        (0.0, 0.0, 0.509, 0.5),
        (0.0, 0.0, 500.0, 100.0),
        (5.0, 0.0, None, 5.0),
        (5.0, 4.5, None, 0.5),
        (5.0, 4.999, None, 0.0),
        (5.0, 5.0, None, 0.0),
        (5.0, 6.0, None, 0.0),
        (5.0, 4.0, 0.3, 0.3),
        (5.0, 4.8, 0.3, 0.2),
        (0.5, 0.1 + 0.1 + 0.1, None, 0.2),
        (5.0, NAN, None, 0.0),
        (0.0, NAN, None, 100.0),
        (0.0, 0.0, NAN, 0.0),
    ],
)
def test_the_most_lots_are_what_the_tightest_limit_leaves(
    limit: float, held: float, own_cap: float | None, expected: float
) -> None:
    assert largest_volume(make_spec(volume_limit=limit), held, own_cap) == expected


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
