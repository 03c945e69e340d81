"""Tightening once more: which limits a message may make stricter, and to what. Part of the reference.

From the settings' own documentation: each limit's direction and range. `session` compares.
"""

import math
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from hybrid_bridge.core.limits import Limits

SMALLER, LARGER = -1, 1

# Setting: its field, the stricter direction, how many of the field's units one of its own is, what it is.
COUNT, YES_NO, PERCENT, AGE, AMOUNT = "count", "yes or no", "percent", "age", "amount"
TABLE: dict[str, tuple[str, int, int, str]] = {
    "trading_enabled": ("trading_enabled", SMALLER, 1, YES_NO),
    "require_stop_loss": ("require_stop_loss", LARGER, 1, YES_NO),
    "signal_max_age_s": ("signal_max_age_ms", SMALLER, 1_000, AGE),
    "max_quote_age_s": ("max_quote_age_ms", SMALLER, 1_000, AGE),
    "duplicate_window_s": ("duplicate_window_ms", LARGER, 1_000, "window"),
    "max_spread_points": ("max_spread_points", SMALLER, 1, AMOUNT),
    "max_price_drift_points": ("max_price_drift_points", SMALLER, 1, AMOUNT),
    "max_volume": ("max_volume", SMALLER, 1, AMOUNT),
    "max_exposure_percent": ("max_exposure_percent", SMALLER, 1, AMOUNT),
    "min_margin_level_percent": ("min_margin_level_percent", LARGER, 1, AMOUNT),
    "slippage_reserve_points": ("slippage_reserve_points", LARGER, 1, "reserve"),
    "max_risk_percent": ("max_risk_percent", SMALLER, 1, PERCENT),
    "max_open_risk_percent": ("max_open_risk_percent", SMALLER, 1, PERCENT),
    "max_daily_loss_percent": ("max_daily_loss_percent", SMALLER, 1, PERCENT),
    "max_drawdown_percent": ("max_drawdown_percent", SMALLER, 1, PERCENT),
    "max_daily_trades": ("max_daily_trades", SMALLER, 1, "trades"),
    "max_orders_per_minute": ("max_orders_per_minute", SMALLER, 1, "rate"),
    "max_open_positions": ("max_open_positions", SMALLER, 1, COUNT),
    "max_positions_per_symbol": ("max_positions_per_symbol", SMALLER, 1, COUNT),
    "max_consecutive_losses": ("max_consecutive_losses", SMALLER, 1, COUNT),
}
# What each kind accepts: whether whole numbers only, the least, whether that is itself too little, the most.
RANGES: dict[str, tuple[bool, float, bool, float]] = {
    COUNT: (True, 1, False, math.inf),
    "trades": (True, 0, False, 100_000),
    "rate": (True, 1, False, 100_000),
    PERCENT: (False, 0, True, 100),
    AGE: (False, 0, True, 86_400),
    "window": (False, 0, False, 86_400),
    "reserve": (False, 0, False, math.inf),
    AMOUNT: (False, 0, True, math.inf),
}


def tightened(limits: Limits, asked: Iterable[tuple[str, bool | float]]) -> Limits | None:
    """Return the limits as they are then; None where one of the wishes is refused, and so all of them."""
    changes: dict[str, Any] = {}
    for name, value in asked:
        row = TABLE.get(name)
        if row is None or row[0] in changes:
            return None
        field, way, unit, kind = row
        if (kind == YES_NO) != isinstance(value, bool) or not _accepts(kind, value):
            return None
        present = getattr(limits, field)
        wanted: Any = value
        if kind != YES_NO and isinstance(present, int | None) and RANGES[kind][0]:
            wanted = int(value)
        elif unit > 1:
            wanted = round(value * unit)
        if present is not None and (wanted - present) * way < 0:
            return None
        changes[field] = wanted
    return replace(limits, **changes)


def _accepts(kind: str, value: float) -> bool:
    if kind == YES_NO:
        return True
    whole, least, is_too_little, most = RANGES[kind]
    if not math.isfinite(value) or (whole and value != math.floor(value)):
        return False
    return (value > least if is_too_little else value >= least) and value <= most
