"""What the guard has to say of itself in bridge_status: limits in force, the portfolio, what has been lost.

Pure gathering, as plain values ready for JSON; the figures themselves are the core's, the same that its
checks read. The bridge puts them on the status board.
"""

from collections.abc import Mapping
from dataclasses import asdict
from typing import TypedDict

from hybrid_bridge.configured import SettingValue, trading_values
from hybrid_bridge.core import portfolio
from hybrid_bridge.core.account import AccountReport
from hybrid_bridge.core.cases import find_unseen
from hybrid_bridge.core.limits import Limits
from hybrid_bridge.core.losses import fall_percent, is_paused, paused_until_msc
from hybrid_bridge.core.sizing import is_positive
from hybrid_bridge.core.state import EngineState
from hybrid_bridge.core.tightening import RULES, is_stricter, shown_value
from hybrid_bridge.messages.outbound import iso_utc
from hybrid_bridge.settings import Settings

Facts = Mapping[str, object]


class Tightened(TypedDict):
    """One limit that is stricter than the setting, in the setting's units."""

    value: SettingValue
    setting: SettingValue
    since: str
    by: str
    reason: str


def limits_shown(settings: Settings, limits: Limits) -> Facts:
    """Return the limits in force by the names that settings have."""
    return {name.upper(): value for name, value in trading_values(settings, limits).items()}


def tightened_shown(settings: Settings, of_settings: Limits, state: EngineState) -> dict[str, Tightened]:
    """Return the limits that are stricter than the settings because somebody tightened them.

    Args:
        of_settings: the limits as the settings give them.
    """
    found: dict[str, Tightened] = {}
    for name, event in state.tightenings.items():
        rule = RULES.get(name)
        if rule is None:
            continue
        value = rule.to_limit(state.tightened[name])
        if is_stricter(rule, value, getattr(of_settings, rule.field)):
            found[name.upper()] = {
                "value": rule.to_setting(value),
                "setting": getattr(settings, name),
                "since": iso_utc(event.at_msc),
                "by": event.source.channel.value,
                "reason": event.reason,
            }
    return found


def in_words(tightened: Mapping[str, Tightened]) -> dict[str, str]:
    """Return each tightened limit as a log line has it."""
    return {
        name: f"{shown_value(one['value'])} instead of {shown_value(one['setting'])} since {one['since']} "
        f"by {one['by']}: {one['reason']}"
        for name, one in tightened.items()
    }


def portfolio_shown(state: EngineState, limits: Limits, report: AccountReport, now_msc: int) -> Facts:
    """Return what is open as a whole, what no look shows yet included; money in the account's currency."""
    seen = portfolio.view(report, find_unseen(state, limits, report, now_msc))
    equity = report.account.equity
    currencies = None
    if seen.currencies is not None:
        currencies = {
            name: {
                **_rounded(asdict(leg)),
                "worst_percent": round(leg.worst / equity * 100, 2) if is_positive(equity) else None,
            }
            for name, leg in seen.currencies.items()
        }
    return {
        "open_risk": _cents(seen.open_risk),
        "open_risk_percent": _cents(seen.open_risk_percent),
        "currencies": currencies,
        "symbols": {name: _rounded(asdict(held)) for name, held in seen.symbols.items()},
    }


def losses_shown(
    state: EngineState, limits: Limits, report: AccountReport | None, now_msc: int, server_day: int | None
) -> Facts:
    """Return what has been lost, against the marks that the limits on losses are measured from.

    Args:
        report: the latest look, None where none is to be believed.
        server_day: the broker's calendar day now; None while its clock is unknown.
    """
    equity = float("nan") if report is None else report.account.equity
    paused = is_paused(state, limits, now_msc, server_day)
    until_msc = paused_until_msc(state, limits) if paused else None
    return {
        "day_equity": state.day_equity,
        "day_loss_percent": _cents(fall_percent(state.day_equity, equity)),
        "equity_peak": state.equity_peak,
        "drawdown_percent": _cents(fall_percent(state.equity_peak, equity)),
        "streak": state.loss_streak,
        "paused": paused,
        "paused_until": None if until_msc is None else iso_utc(until_msc),
        "breach": state.breach,
    }


def _cents(value: float | None) -> float | None:
    return None if value is None else round(value, 2)


def _rounded(values: Mapping[str, float | None]) -> dict[str, float | None]:
    """Round money to what a person reads; lots are exact already."""
    return {name: value if name.endswith("lots") else _cents(value) for name, value in values.items()}
