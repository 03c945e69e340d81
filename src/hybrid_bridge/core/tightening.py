"""Limits made stricter while the bridge runs: which can be, in which direction, and what is then in force.

Pure. Never loosens: a value that is not stricter than the one in force is refused, and the settings' own
limit holds wherever it is the stricter one. Only a person on this PC takes a tightening back.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from hybrid_bridge.core.limits import Limits


@dataclass(frozen=True, slots=True)
class Rule:
    """How one limit is made stricter.

    Attributes:
        field: its name in Limits.
        lower: whether a smaller value is the stricter one.
        unit: what one of the setting's units is in those of Limits.
        kind: of the value in Limits.
    """

    field: str
    lower: bool
    unit: int = 1
    kind: type = float


# By the setting's name in lower case.
RULES: dict[str, Rule] = {
    "trading_enabled": Rule("trading_enabled", lower=True, kind=bool),
    "signal_max_age_s": Rule("signal_max_age_ms", lower=True, unit=1_000, kind=int),
    "duplicate_window_s": Rule("duplicate_window_ms", lower=False, unit=1_000, kind=int),
    "max_quote_age_s": Rule("max_quote_age_ms", lower=True, unit=1_000, kind=int),
    "max_spread_points": Rule("max_spread_points", lower=True),
    "max_price_drift_points": Rule("max_price_drift_points", lower=True),
    "require_stop_loss": Rule("require_stop_loss", lower=False, kind=bool),
    "max_volume": Rule("max_volume", lower=True),
    "max_risk_percent": Rule("max_risk_percent", lower=True),
    "slippage_reserve_points": Rule("slippage_reserve_points", lower=False),
    "max_open_risk_percent": Rule("max_open_risk_percent", lower=True),
    "max_daily_trades": Rule("max_daily_trades", lower=True, kind=int),
    "max_daily_loss_percent": Rule("max_daily_loss_percent", lower=True),
    "max_drawdown_percent": Rule("max_drawdown_percent", lower=True),
    "max_open_positions": Rule("max_open_positions", lower=True, kind=int),
    "max_positions_per_symbol": Rule("max_positions_per_symbol", lower=True, kind=int),
    "max_exposure_percent": Rule("max_exposure_percent", lower=True),
    "min_margin_level_percent": Rule("min_margin_level_percent", lower=False),
    "max_orders_per_minute": Rule("max_orders_per_minute", lower=True, kind=int),
    "max_consecutive_losses": Rule("max_consecutive_losses", lower=True, kind=int),
}


def in_force(limits: Limits, tightened: Mapping[str, float]) -> Limits:
    """Return the limits of the settings, stricter where they were tightened."""
    changes: dict[str, Any] = {}
    for name, value in tightened.items():
        rule = RULES[name]
        wanted = rule.kind(round(value * rule.unit) if rule.kind is int else value)
        if is_stricter(rule, wanted, getattr(limits, rule.field)):
            changes[rule.field] = wanted
    return replace(limits, **changes)


def is_stricter(rule: Rule, wanted: float, present: float | None) -> bool:
    """Tell whether a value permits less than the present one; any value does where there is none."""
    if present is None:
        return True
    return wanted < present if rule.lower else wanted > present
