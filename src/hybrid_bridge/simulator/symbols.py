"""What a symbol of the simulated trade server is: its contract, its levels, its hours.

Owns the frozen description of a symbol and the rules that follow from it alone (grid of prices and
volumes, sessions by the server's clock). It holds no quotes and no account. The catalogue of ready
symbols is `catalogue.py`; the exchange and the synthetic feed read these.

Source: MQL5 reference, symbol properties.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from hybrid_bridge.simulator import constants as mt5

MINUTES_PER_DAY = 1440
MINUTES_PER_WEEK = 7 * MINUTES_PER_DAY
# 1970-01-01 was a Thursday; the server counts days of the week from Sunday.
_EPOCH_DAY_OF_WEEK = mt5.DAY_OF_WEEK_THURSDAY

ALL_ORDERS = (
    mt5.SYMBOL_ORDER_MARKET
    | mt5.SYMBOL_ORDER_LIMIT
    | mt5.SYMBOL_ORDER_STOP
    | mt5.SYMBOL_ORDER_STOP_LIMIT
    | mt5.SYMBOL_ORDER_SL
    | mt5.SYMBOL_ORDER_TP
    | mt5.SYMBOL_ORDER_CLOSEBY
)
ALL_EXPIRATIONS = (
    mt5.SYMBOL_EXPIRATION_GTC
    | mt5.SYMBOL_EXPIRATION_DAY
    | mt5.SYMBOL_EXPIRATION_SPECIFIED
    | mt5.SYMBOL_EXPIRATION_SPECIFIED_DAY
)


@dataclass(frozen=True)
class Session:
    """One span of trading in a week, in minutes since Sunday 00:00 of the server's clock."""

    opens: int
    closes: int


def daily_sessions(first_day: int, last_day: int, opens: int, closes: int) -> tuple[Session, ...]:
    """Give one session a day from `first_day` to `last_day` (0 is Sunday), minutes of the day."""
    return tuple(
        Session(day * MINUTES_PER_DAY + opens, day * MINUTES_PER_DAY + closes)
        for day in range(first_day, last_day + 1)
    )


FX_WEEK = daily_sessions(mt5.DAY_OF_WEEK_MONDAY, mt5.DAY_OF_WEEK_FRIDAY, 0, MINUTES_PER_DAY)
# Metals and index contracts pause for the hour after the New York close.
CFD_WEEK = daily_sessions(mt5.DAY_OF_WEEK_MONDAY, mt5.DAY_OF_WEEK_FRIDAY, 60, MINUTES_PER_DAY)
# 09:30 to 16:00 in New York on a server clock of New York plus seven hours.
SHARE_WEEK = daily_sessions(mt5.DAY_OF_WEEK_MONDAY, mt5.DAY_OF_WEEK_FRIDAY, 990, 1380)
WHOLE_WEEK = (Session(0, MINUTES_PER_WEEK),)

_SIMULATED_CALC_MODES = (
    mt5.SYMBOL_CALC_MODE_FOREX,
    mt5.SYMBOL_CALC_MODE_FOREX_NO_LEVERAGE,
    mt5.SYMBOL_CALC_MODE_FUTURES,
    mt5.SYMBOL_CALC_MODE_CFD,
    mt5.SYMBOL_CALC_MODE_CFDINDEX,
    mt5.SYMBOL_CALC_MODE_CFDLEVERAGE,
    mt5.SYMBOL_CALC_MODE_EXCH_STOCKS,
    mt5.SYMBOL_CALC_MODE_EXCH_FUTURES,
)
_SIMULATED_SWAP_MODES = range(mt5.SYMBOL_SWAP_MODE_REOPEN_BID + 1)


@dataclass(frozen=True, kw_only=True)
class SymbolSpec:
    """A symbol's contract as the trade server defines it. Prices in price units, volumes in lots.

    `price` and `spread_points` are where synthetic quotes start; `price` also serves as the last
    close for currency conversion until the symbol has a quote.
    `liquidity` is how many lots each side of a quote takes before the next tick; 0: any volume.
    `volatility_points` is the typical move of one synthetic tick; `ticks_per_second` their mean rate.
    """

    name: str
    description: str
    path: str
    digits: int
    price: float
    spread_points: int
    currency_base: str
    currency_profit: str
    currency_margin: str
    contract_size: float
    tick_size: float = 0.0
    tick_value: float = 0.0
    calc_mode: int = mt5.SYMBOL_CALC_MODE_FOREX
    margin_rate: float = 1.0
    margin_initial: float = 0.0
    margin_hedged: float = 0.0
    trade_mode: int = mt5.SYMBOL_TRADE_MODE_FULL
    execution: int = mt5.SYMBOL_TRADE_EXECUTION_MARKET
    filling_mode: int = mt5.SYMBOL_FILLING_FOK | mt5.SYMBOL_FILLING_IOC
    order_mode: int = ALL_ORDERS
    expiration_mode: int = ALL_EXPIRATIONS
    volume_min: float = 0.01
    volume_max: float = 100.0
    volume_step: float = 0.01
    volume_limit: float = 0.0
    stops_level: int = 0
    freeze_level: int = 0
    swap_mode: int = mt5.SYMBOL_SWAP_MODE_POINTS
    swap_long: float = 0.0
    swap_short: float = 0.0
    swap_triple_day: int = mt5.DAY_OF_WEEK_WEDNESDAY
    sessions: tuple[Session, ...] = FX_WEEK
    book_depth: int = 0
    liquidity: float = 0.0
    volatility_points: float = 1.0
    ticks_per_second: float = 4.0

    def __post_init__(self) -> None:
        """Refuse a description that the simulation could not keep its books with.

        Raises:
            ValueError: naming the symbol, the field, what was seen and what is accepted.
        """
        if self.tick_size == 0.0:
            object.__setattr__(self, "tick_size", self.point)
        for field in ("price", "contract_size", "tick_size", "volume_min", "volume_step"):
            if not getattr(self, field) > 0:
                raise ValueError(f"{self.name}: {field} is {getattr(self, field)}, must be above 0")
        if self.liquidity < 0:
            raise ValueError(f"{self.name}: liquidity is {self.liquidity}, must be 0 or more")
        if self.volume_max < self.volume_min:
            raise ValueError(f"{self.name}: volume_max {self.volume_max} is below volume_min")
        if self.calc_mode not in _SIMULATED_CALC_MODES:
            raise ValueError(
                f"{self.name}: calc_mode {self.calc_mode} is not simulated; "
                f"use one of {', '.join(map(str, _SIMULATED_CALC_MODES))}"
            )
        if self.swap_mode not in _SIMULATED_SWAP_MODES:
            raise ValueError(f"{self.name}: swap_mode {self.swap_mode} is not simulated; use 0 to 8")
        if not self.sessions:
            raise ValueError(f"{self.name}: sessions are empty; a symbol trades at some time")
        if len(self.name) > 29:
            raise ValueError(f"{self.name}: a symbol's name has at most 29 characters")

    @property
    def point(self) -> float:
        """Give the smallest step of the last digit shown, in price units."""
        return float(Decimal(1).scaleb(-self.digits))

    def is_open(self, server_s: int) -> bool:
        """Tell whether the symbol trades at a moment of the server's clock (seconds)."""
        minute = minute_of_week(server_s)
        return any(session.opens <= minute < session.closes for session in self.sessions)

    def closed_for_s(self, server_s: int) -> int:
        """Give the seconds until the symbol trades again; 0 while it does."""
        if self.is_open(server_s):
            return 0
        minute = minute_of_week(server_s)
        waits = [(session.opens - minute) % MINUTES_PER_WEEK for session in self.sessions]
        return min(waits) * 60 - server_s % 60

    def volume_is_valid(self, volume: float) -> bool:
        """Tell whether lots are within the limits and on the step."""
        if not self.volume_min - 1e-9 <= volume <= self.volume_max + 1e-9:
            return False
        return self.volume_on_step(volume)

    def volume_on_step(self, volume: float) -> bool:
        """Tell whether lots are a whole number of steps."""
        steps = volume / self.volume_step
        return abs(steps - round(steps)) < 1e-6

    def exact_volume(self, volume: float) -> Decimal:
        """Give lots on the step without binary noise."""
        return round(volume / self.volume_step) * Decimal(repr(self.volume_step))

    def whole_steps(self, volume: Decimal) -> Decimal:
        """Give the largest volume on the step that is not above one; 0 at least."""
        step = Decimal(repr(self.volume_step))
        return max(volume // step, Decimal(0)) * step

    def price_is_aligned(self, price: float) -> bool:
        """Tell whether a price lies on the tick grid."""
        ticks = price / self.tick_size
        return abs(ticks - round(ticks)) < 1e-4


def minute_of_week(server_s: int) -> int:
    """Give the minute since Sunday 00:00 of a moment of the server's clock (seconds)."""
    return (server_s // 60 + _EPOCH_DAY_OF_WEEK * MINUTES_PER_DAY) % MINUTES_PER_WEEK


def day_of_week(server_s: int) -> int:
    """Give the day of the week, 0 is Sunday, of a moment of the server's clock (seconds)."""
    return minute_of_week(server_s) // MINUTES_PER_DAY
