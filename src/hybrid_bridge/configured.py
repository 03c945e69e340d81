"""What the settings mean to the rest: the limits as the core reads them, whether a bridge can run at all.

Pure. The bridge builds its parts with it; `hybrid-bridge limits` tells by it what is in force, beside a
running bridge or without one. commands/run asks it before anything is started.
"""

import sys

from hybrid_bridge.core.limits import Limits
from hybrid_bridge.core.tightening import RULES
from hybrid_bridge.errors import ConfigurationError
from hybrid_bridge.settings import Settings

# The settings that decide what may be traded, in the order in which a person meets them.
TRADING_SETTINGS = (
    *("trading_enabled", "emergency_stop", "emergency_close_positions", "allow_remote_resume"),
    *("signal_max_age_s", "duplicate_window_s", "max_quote_age_s", "max_spread_points"),
    *("max_price_drift_points", "require_stop_loss", "max_volume", "max_risk_percent", "oversized"),
    *("slippage_reserve_points", "max_open_risk_percent", "max_daily_trades", "max_daily_loss_percent"),
    *("max_drawdown_percent", "max_open_positions", "max_positions_per_symbol", "max_exposure_percent"),
    *("min_margin_level_percent", "max_orders_per_minute", "max_consecutive_losses", "cooldown_minutes"),
    *("on_breach", "breach_readings"),
)

SettingValue = bool | int | float | str | None


def check_runnable(settings: Settings) -> None:
    """Refuse what could never become a bridge at work, though each setting is right by itself.

    Raises:
        ConfigurationError: says what was seen and what to do.
    """
    if not settings.simulated and sys.platform != "win32":
        raise ConfigurationError(
            "MT5_BACKEND=terminal: MetaTrader 5 and its Python package run on Windows only, and this is"
            f" {sys.platform}; start the bridge on the terminal's Windows PC, or use the simulated terminal:"
            " SIMULATION_MODE=true, or --demo"
        )
    if settings.simulated and not settings.sim_address and settings.sim_faults:
        _check_faults(settings.sim_faults)


def _check_faults(spec: str) -> None:
    from hybrid_bridge.simulator.faults import FaultBoard, FaultError

    try:
        FaultBoard().add_text(spec)
    except FaultError as error:
        raise ConfigurationError(f"SIM_FAULTS: {error}") from error


def trading_values(settings: Settings, limits: Limits) -> dict[str, SettingValue]:
    """Return what is in force, by the setting's name in lower case and in its units.

    Args:
        limits: those in force; what cannot be tightened comes from the settings.
    """
    found: dict[str, SettingValue] = {name: getattr(settings, name) for name in TRADING_SETTINGS}
    for name, rule in RULES.items():
        found[name] = rule.to_setting(getattr(limits, rule.field))
    return found


def limits_of(settings: Settings) -> Limits:
    """Return the limits in force as the core reads them."""
    return Limits(
        login=settings.mt5_login,
        server=settings.mt5_server,
        terminal_path="" if settings.simulated else settings.mt5_path,
        symbols=frozenset(settings.symbols),
        magic=settings.mt5_magic,
        trading_enabled=settings.trading_enabled,
        emergency_stop=settings.emergency_stop,
        signal_max_age_ms=round(settings.signal_max_age_s * 1000),
        duplicate_window_ms=round(settings.duplicate_window_s * 1000),
        max_quote_age_ms=round(settings.max_quote_age_s * 1000),
        max_spread_points=settings.max_spread_points,
        max_price_drift_points=settings.max_price_drift_points,
        require_stop_loss=settings.require_stop_loss,
        max_volume=settings.max_volume,
        max_risk_percent=settings.max_risk_percent,
        reduce_oversized=settings.oversized == "reduce",
        max_open_risk_percent=settings.max_open_risk_percent,
        max_daily_trades=settings.max_daily_trades,
        max_daily_loss_percent=settings.max_daily_loss_percent,
        max_drawdown_percent=settings.max_drawdown_percent,
        max_open_positions=settings.max_open_positions,
        max_positions_per_symbol=settings.max_positions_per_symbol,
        max_exposure_percent=settings.max_exposure_percent,
        min_margin_level_percent=settings.min_margin_level_percent,
        max_orders_per_minute=settings.max_orders_per_minute,
        max_consecutive_losses=settings.max_consecutive_losses,
        cooldown_ms=None if settings.cooldown_minutes is None else round(settings.cooldown_minutes * 60_000),
        slippage_reserve_points=settings.slippage_reserve_points,
        flatten_on_breach=settings.on_breach == "flatten",
        breach_readings=settings.breach_readings,
        close_positions_on_stop=settings.emergency_close_positions,
        allow_remote_resume=settings.allow_remote_resume,
    )
