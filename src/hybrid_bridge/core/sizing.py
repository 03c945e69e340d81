"""How many lots: whole steps, never rounded up; and prices on the grid of ticks.

Pure arithmetic. Steps and caps are computed in Decimal, from the numbers as they are written.
Source: MQL5 reference, SYMBOL_VOLUME_MIN, _MAX, _STEP, _LIMIT.
"""

import math
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

from hybrid_bridge.core.market import SymbolSpec

ROUNDING_OF_DIVISION = Decimal("1e-18")  # Of a step: Decimal divides to 28 digits, a third is never whole.
VOLUME_DIGITS_MAX = 8  # The platform keeps volumes in units of 1e-8 lots; beyond is a float's rounding error.


def is_positive(value: float | None) -> bool:
    """Tell whether a value is a finite number above zero; anything unknown is not."""
    return value is not None and math.isfinite(value) and value > 0


def exact(value: float) -> Decimal:
    """Return what a float says in decimal: 0.1 is a tenth."""
    return Decimal(repr(value))


def floor_to_step(volume: float, step: float) -> float:
    """Round lots down to a whole number of steps.

    Args:
        volume, step: lots.
    Returns:
        The greatest multiple of step that is not above volume; 0.0 where volume or step is no finite
        number above zero.
    """
    if not (is_positive(volume) and is_positive(step)):
        return 0.0
    return float(whole_steps(exact(volume), step))


def whole_steps(lots: Decimal, step: float) -> Decimal:
    """Return the greatest multiple of a step that is not above the lots, which may be infinite.

    Args:
        step: lots, > 0.
    """
    size = exact(step)
    return (lots / size + ROUNDING_OF_DIVISION).to_integral_value(ROUND_FLOOR) * size


def least_volume(spec: SymbolSpec) -> Decimal:
    """Return the fewest lots that the symbol takes: a whole number of steps, not below its volume_min."""
    size = exact(spec.volume_step)
    return (exact(spec.volume_min) / size).to_integral_value(ROUND_CEILING) * size


def most_lots(room: Decimal, per_lot: Decimal) -> Decimal:
    """Return the most lots that fit into what a limit has left.

    Args:
        room: what is left; below zero when the limit is broken already.
        per_lot: what one lot takes of it, in the same unit.
    Returns:
        Lots, not cut to steps; infinitely many where one takes nothing of it, and less than none where
        nothing is left for them.
    """
    if per_lot > 0:
        return room / per_lot
    return Decimal("Infinity") if room >= 0 else Decimal(-1)


def round_to_tick(price: float, spec: SymbolSpec) -> float:
    """Round a price to the symbol's tick size and digits.

    Returns:
        0.0 for none, and for a price that is no number of ticks.
    """
    if price <= 0 or not math.isfinite(ticks := price / spec.tick_size):
        return 0.0
    return round(round(ticks) * spec.tick_size, spec.digits)
