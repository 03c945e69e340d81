"""What a simulated trade server and its one account are made of.

Owns the frozen configuration of an `Exchange`; read once at its start.
"""

from __future__ import annotations

from dataclasses import dataclass

from hybrid_bridge.simulator.catalogue import CATALOGUE, MAJORS
from hybrid_bridge.simulator.server_zone import ServerZone
from hybrid_bridge.simulator.symbols import SymbolSpec

ACCOUNT_MODES = ("hedging", "netting")
# Currencies whose smallest unit is the whole one.
_WHOLE_CURRENCIES = ("JPY", "KRW", "HUF", "CLP")


@dataclass(frozen=True, kw_only=True)
class ExchangeConfig:
    """The account, the trade server and the terminal that are simulated.

    `utc_offset_s` is the server's wall clock minus UTC; `zone`, where given, goes
    before it. `commission_per_lot` and `fee_per_lot` are charged on each deal,
    in and out, in the account's currency. `margin_so_so` is the margin level in percent at which
    positions are closed. `limit_orders` is how many orders may wait at once, 0 for any number.
    `enforce_sessions` makes the market close when the symbol's sessions do; it is off by default
    because a replay and a synthetic feed are dated now, which may be a Sunday. `tick_rows` bounds the
    ticks kept for each symbol. `opened_server_s` dates the deposit and starts the server's clock.
    """

    login: int = 10000001
    password: str = ""
    server: str = "Simulator-Demo"
    company: str = "Hybrid MT5 Bridge simulator"
    name: str = "Simulated account"
    currency: str = "USD"
    balance: float = 10000.0
    leverage: int = 100
    account_mode: str = "hedging"
    symbols: tuple[SymbolSpec, ...] = CATALOGUE
    selected: tuple[str, ...] = MAJORS
    utc_offset_s: int = 10800
    zone: ServerZone | None = None
    commission_per_lot: float = 0.0
    fee_per_lot: float = 0.0
    margin_so_call: float = 100.0
    margin_so_so: float = 50.0
    limit_orders: int = 200
    enforce_sessions: bool = False
    tick_rows: int = 500_000
    max_bars: int = 100_000
    build: int = 6231
    release_date: str = "26 Sep 2025"
    terminal_name: str = "MetaTrader 5 simulator"
    terminal_path: str = "C:\\Program Files\\MetaTrader 5 Simulator"
    opened_server_s: int = 1_577_836_800
    first_order: int = 100_000_001
    first_deal: int = 200_000_001

    def __post_init__(self) -> None:
        """Refuse a configuration that makes no sense.

        Raises:
            ValueError: naming the field, what was seen and what is accepted.
        """
        if self.account_mode not in ACCOUNT_MODES:
            raise ValueError(
                f"account_mode is {self.account_mode!r}, must be one of {', '.join(ACCOUNT_MODES)}"
            )
        if self.leverage < 1:
            raise ValueError(f"leverage is {self.leverage}, must be 1 or more")
        if self.balance < 0:
            raise ValueError(f"balance is {self.balance}, must be 0 or more")
        names = [spec.name for spec in self.symbols]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"symbols: {', '.join(twice)} more than once")
        missing = [name for name in self.selected if name not in names]
        if missing:
            raise ValueError(f"selected: {', '.join(missing)} not among the symbols")

    @property
    def server_zone(self) -> ServerZone:
        """Give the server's wall clock."""
        return self.zone or ServerZone.fixed(self.utc_offset_s)

    @property
    def currency_digits(self) -> int:
        """Give the decimals of money in the account's currency."""
        return 0 if self.currency in _WHOLE_CURRENCIES else 2

    @property
    def hedging(self) -> bool:
        """Tell whether a symbol may have several positions at once."""
        return self.account_mode == "hedging"
