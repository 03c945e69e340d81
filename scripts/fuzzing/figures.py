"""Numbers that may be none: what is known of them, and comparisons that allow for a float's rounding."""

import math
from decimal import Decimal

STEPS_MAX = 10**400
CLOSE = 1e-9  # Relative; what two honest ways of computing with doubles differ by at most.


def known(value: float | None) -> bool:
    """Tell whether a value is a number at all."""
    return value is not None and math.isfinite(value)


def above_zero(value: float | None) -> bool:
    """Tell whether a value is a number above zero."""
    return value is not None and math.isfinite(value) and value > 0


def has_fallen(start: float | None, now: float, percent: float | None) -> bool:
    """Tell whether so many percent of a mark are gone; not where one of the three is not known."""
    if percent is None or start is None or not above_zero(start) or not math.isfinite(now):
        return False
    return (start - now) * 100 >= start * percent


def lots_of(steps: int, step: float) -> float:
    """Return what so many steps are, in decimals."""
    return float(steps * Decimal(repr(step)))


def whole_steps(amount: float, step: float, *, rounding: float = 0.0) -> tuple[int, int]:
    """Return how many whole steps fit, at least and at most, where rounding may decide.

    Args:
        rounding: how far the amount may be from the truth besides, for what it was made of.
    """
    steps = amount / step
    margin = abs(steps) * CLOSE + 1e-12 + rounding / step
    if not math.isfinite(steps) or not math.isfinite(margin):
        return 0, STEPS_MAX  # Beyond what doubles can tell.
    return math.floor(steps - margin), math.floor(steps + margin)
