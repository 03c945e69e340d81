"""Limits made stricter while the bridge runs: which can be, in which direction, and what is then in force.

Pure. Never loosens: a value that is looser than the one in force is refused, and with it all that was asked
for in the same breath. The settings' own limit holds wherever it is the stricter one. Only a person on this
PC takes a tightening back. The executor asks; the recorder keeps what is in force.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from hybrid_bridge.core.events import Event, LimitsRestored, LimitsTightened
from hybrid_bridge.core.inputs import LimitsRestoreRequested, TighteningRequested
from hybrid_bridge.core.limits import Limits
from hybrid_bridge.core.orders import Channel
from hybrid_bridge.core.state import EngineState

NAME_CHARS_SHOWN = 60


@dataclass(frozen=True, slots=True)
class Rule:
    """How one limit is made stricter.

    Attributes:
        field: its name in Limits.
        lower: whether a smaller value is the stricter one.
        unit: what one of the setting's units is in those of Limits.
        kind: of the value in Limits.
        above, least, most: what the setting accepts; None where it has no such bound.
    """

    field: str
    lower: bool = True
    unit: int = 1
    kind: type = float
    above: float | None = None
    least: float | None = None
    most: float | None = None

    @property
    def whole(self) -> bool:
        """Whether the setting takes whole numbers only."""
        return self.kind is int and self.unit == 1

    @property
    def accepted(self) -> str:
        """What the setting accepts, in words."""
        if self.kind is bool:
            return "true or false"
        words = "a whole number" if self.whole else "a number"
        if self.least is not None and self.most is not None:
            return f"{words} from {self.least:g} to {self.most:.0f}"
        if self.above is not None:
            words += f" above {self.above:g}"
        elif self.least is not None:
            words += f" of at least {self.least:g}"
        return words if self.most is None else f"{words}, at most {self.most:.0f}"

    def accepts(self, value: float) -> bool:
        """Tell whether the setting could have this value."""
        if isinstance(value, bool) or self.kind is bool:
            return isinstance(value, bool) and self.kind is bool
        if not math.isfinite(value) or (self.whole and value != int(value)):
            return False
        low = (self.above is None or value > self.above) and (self.least is None or value >= self.least)
        return low and (self.most is None or value <= self.most)

    def to_limit(self, value: float) -> Any:
        """Return a setting's value as Limits has it."""
        return self.kind(round(value * self.unit) if self.kind is int else value)

    def to_setting(self, limit: Any) -> Any:
        """Return a limit in the setting's units."""
        return limit if self.unit == 1 else limit / self.unit


def _percent(field: str) -> Rule:
    return Rule(field, above=0, most=100)


def _count(field: str) -> Rule:
    return Rule(field, kind=int, least=1)


def _age(field: str) -> Rule:
    return Rule(field, unit=1_000, kind=int, above=0, most=86_400)


# By the setting's name in lower case.
RULES: dict[str, Rule] = {
    "trading_enabled": Rule("trading_enabled", kind=bool),
    "signal_max_age_s": _age("signal_max_age_ms"),
    "duplicate_window_s": Rule(
        "duplicate_window_ms", lower=False, unit=1_000, kind=int, least=0, most=86_400
    ),
    "max_quote_age_s": _age("max_quote_age_ms"),
    "max_spread_points": Rule("max_spread_points", above=0),
    "max_price_drift_points": Rule("max_price_drift_points", above=0),
    "require_stop_loss": Rule("require_stop_loss", lower=False, kind=bool),
    "max_volume": Rule("max_volume", above=0),
    "max_risk_percent": _percent("max_risk_percent"),
    "slippage_reserve_points": Rule("slippage_reserve_points", lower=False, least=0),
    "max_open_risk_percent": _percent("max_open_risk_percent"),
    "max_daily_trades": Rule("max_daily_trades", kind=int, least=0, most=100_000),
    "max_daily_loss_percent": _percent("max_daily_loss_percent"),
    "max_drawdown_percent": _percent("max_drawdown_percent"),
    "max_open_positions": _count("max_open_positions"),
    "max_positions_per_symbol": _count("max_positions_per_symbol"),
    "max_exposure_percent": Rule("max_exposure_percent", above=0),
    "min_margin_level_percent": Rule("min_margin_level_percent", lower=False, above=0),
    "max_orders_per_minute": Rule("max_orders_per_minute", kind=int, least=1, most=100_000),
    "max_consecutive_losses": _count("max_consecutive_losses"),
}


@dataclass(frozen=True, slots=True)
class Refused:
    """Nothing was changed.

    Attributes:
        reasons: each a sentence: what was asked for, and why not.
    """

    reasons: tuple[str, ...]


def tighten(limits: Limits, request: TighteningRequested, now_msc: int) -> tuple[Event, ...] | Refused:
    """Decide on limits that somebody wants stricter: all of them, or none.

    What is as strict already is neither refused nor an event, so a message may come twice.

    Args:
        limits: those in force.
    """
    reasons, changes, named = [], [], set()
    for name, value in request.limits:
        reason = "is named twice; name it once" if name in named else _find_reason(limits, name, value)
        named.add(name)
        if reason:
            reasons.append(f"{shown_name(name)}: {reason}")
        elif RULES[name].to_limit(value) != getattr(limits, RULES[name].field):
            changes.append((name, float(value)))
    if named - RULES.keys():
        reasons.append(f"those that can: {', '.join(name.upper() for name in RULES)}")
    if reasons:
        return Refused(tuple(reasons))
    if not changes:
        return ()
    return (LimitsTightened(tuple(changes), request.reason, request.source, now_msc),)


def restore(state: EngineState, request: LimitsRestoreRequested, now_msc: int) -> tuple[Event, ...] | Refused:
    """Decide on taking every tightening back; nothing follows where there is none."""
    if request.source.channel is not Channel.LOCAL:
        mend = "type `hybrid-bridge limits --restore` on the trading PC"
        return Refused(
            (f"restore_limits: limits are made looser by a person at the trading PC only; {mend}",)
        )
    if not state.tightened:
        return ()
    latest_msc = max(event.at_msc for event in state.tightenings.values())
    # A tightening from the future shows that this PC's clock was set back since.
    if request.received_msc <= latest_msc <= now_msc:
        return Refused(("restore_limits: limits were tightened after it was typed; look, and type it again",))
    return (LimitsRestored(request.reason, request.source, now_msc),)


def in_force(limits: Limits, tightened: Mapping[str, float]) -> Limits:
    """Return the limits of the settings, stricter where they were tightened.

    A name that is no limit of this version, from the journal of another one, changes nothing.
    """
    changes: dict[str, Any] = {}
    for name, value in tightened.items():
        rule = RULES.get(name)
        if rule is None:
            continue
        wanted = rule.to_limit(value)
        if is_stricter(rule, wanted, getattr(limits, rule.field)):
            changes[rule.field] = wanted
    return replace(limits, **changes)


def is_stricter(rule: Rule, wanted: float, present: float | None) -> bool:
    """Tell whether a value permits less than the present one; any value does where there is none."""
    if present is None:
        return True
    return wanted < present if rule.lower else wanted > present


def shown_name(name: str) -> str:
    """Return a setting's name as a person may see it, whatever somebody sent as one."""
    if name in RULES:
        return name.upper()
    return ascii(name[:NAME_CHARS_SHOWN]) + ("..." if len(name) > NAME_CHARS_SHOWN else "")


def shown_value(value: Any) -> str:
    """Return a setting's value as one would write it; "off" for a limit that is not set."""
    if value is None:
        return "off"
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"{value:.10g}" if isinstance(value, float) else str(value)


def shown_setting(name: str, value: float) -> str:
    """Return a journaled value as one would write it; there true is 1.0 and false 0.0."""
    rule = RULES.get(name)
    return shown_value(bool(value) if rule is not None and rule.kind is bool else value)


def find_impossible(name: str, value: float) -> str:
    """Say why no limit can have that value, whatever is in force; "" when one can."""
    rule = RULES.get(name)
    if rule is None:
        return "no limit that can be made stricter while the bridge runs"
    return "" if rule.accepts(value) else f"saw {shown_value(value)}, accepts {rule.accepted}"


def _find_reason(limits: Limits, name: str, value: float) -> str:
    """Say why a limit cannot be given a value; "" when it can, or has it already."""
    impossible = find_impossible(name, value)
    if impossible:
        return impossible
    rule = RULES[name]
    wanted, present = rule.to_limit(value), getattr(limits, rule.field)
    if wanted == present or is_stricter(rule, wanted, present):
        return ""
    in_use = shown_value(rule.to_setting(present))
    way = "smaller" if rule.lower else "larger"
    if rule.kind is bool:
        way = "false" if rule.lower else "true"
    return f"saw {shown_value(value)}, in force is {in_use}; while the bridge runs it can only be made {way}"
