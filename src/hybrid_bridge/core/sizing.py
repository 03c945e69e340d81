"""How many lots: steps, caps and the size that keeps the worst loss inside the risk.

Pure arithmetic. Steps are computed in Decimal and always downwards: a volume is never rounded up.
Source: MQL5 reference, SYMBOL_VOLUME_MIN, _MAX, _STEP, _LIMIT.
"""

import math
from decimal import ROUND_FLOOR, Decimal

from hybrid_bridge.core.market import SymbolSpec

VOLUME_DIGITS_MAX = 8  # The platform keeps volumes in units of 1e-8 lots; beyond is a float's rounding error.


def is_positive(value: float | None) -> bool:
    """Tell whether a value is a finite number above zero; anything unknown is not."""
    return value is not None and math.isfinite(value) and value > 0


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
    steps = (Decimal(repr(volume)) / Decimal(repr(step))).to_integral_value(ROUND_FLOOR)
    return float(steps * Decimal(repr(step)))


def volume_for_risk(risk_money: float, loss_per_lot: float, step: float) -> float:
    """Find the largest volume whose loss at the stop is not above the risk.

    Args:
        risk_money: account currency, > 0.
        loss_per_lot: account currency per lot at the stop, > 0.
        step: lots, > 0.
    Returns:
        Lots, a whole number of steps; one step more would lose more than risk_money.
    """
    risk, loss, size = (Decimal(repr(value)) for value in (risk_money, loss_per_lot, step))
    return float((risk / (loss * size)).to_integral_value(ROUND_FLOOR) * size)


def largest_volume(spec: SymbolSpec, same_side_volume: float, max_volume: float | None) -> float:
    """Return the most lots that symbol, account and limits allow in one order.

    Args:
        same_side_volume: lots open or pending in the same direction (for volume_limit).
        max_volume: our own cap in lots, None for none.
    Returns:
        Lots, a whole number of steps; 0.0 where nothing is left or one of the limits is not known.
    """
    caps = [spec.volume_max]
    if max_volume is not None:
        caps.append(max_volume)
    if spec.volume_limit > 0:
        caps.append(round(spec.volume_limit - same_side_volume, VOLUME_DIGITS_MAX))
    if any(math.isnan(cap) for cap in caps):
        return 0.0
    return floor_to_step(min(caps), spec.volume_step)


def round_to_tick(price: float, spec: SymbolSpec) -> float:
    """Round a price to the symbol's tick size and digits; 0.0 stays 0.0."""
    if price <= 0:
        return 0.0
    return round(round(price / spec.tick_size) * spec.tick_size, spec.digits)
