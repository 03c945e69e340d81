"""The limits in force, as plain values; app builds them from the settings, checks read them."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """What the trader allows.

    Attributes:
        login, server, terminal_path: the account and terminal that may be traded; None or "" for any.
        symbols: names that may be traded, as the terminal spells them.
        cooldown_ms: how long entries pause after so many losses; None for the rest of the broker's day.
        slippage_reserve_points: how much worse than asked an order may fill, counted into its loss.
        flatten_on_breach: whether a loss limit that is broken closes everything.
        breach_readings: looks in a row that must show it before anything is closed for it.
        None in an optional limit means that it is off.
    """

    login: int | None
    server: str
    terminal_path: str
    symbols: frozenset[str]
    magic: int
    trading_enabled: bool
    emergency_stop: bool
    signal_max_age_ms: int
    duplicate_window_ms: int
    max_quote_age_ms: int
    max_spread_points: float | None
    max_price_drift_points: float | None
    require_stop_loss: bool
    max_volume: float | None
    max_risk_percent: float
    reduce_oversized: bool
    max_open_risk_percent: float | None
    max_daily_trades: int
    max_daily_loss_percent: float | None
    max_drawdown_percent: float | None
    max_open_positions: int | None
    max_positions_per_symbol: int | None
    max_exposure_percent: float | None
    min_margin_level_percent: float | None
    max_orders_per_minute: int
    max_consecutive_losses: int | None
    cooldown_ms: int | None
    slippage_reserve_points: float
    flatten_on_breach: bool
    breach_readings: int
    close_positions_on_stop: bool
    allow_remote_resume: bool

    @property
    def need_valuation(self) -> bool:
        """Whether a limit is set that needs what all that is open could lose or is worth."""
        return self.max_open_risk_percent is not None or self.max_exposure_percent is not None
