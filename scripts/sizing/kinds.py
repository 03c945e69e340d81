"""The symbols of every kind that sizes are compared for, and the accounts that hold them.

Values only: the simulator's own catalogue, with a future and a tick that is worth nothing beside it.
"""

from dataclasses import dataclass, replace

from hybrid_bridge.simulator import constants as mt5
from hybrid_bridge.simulator.catalogue import CATALOGUE, INDEX
from hybrid_bridge.simulator.symbols import SymbolSpec

FUTURE = SymbolSpec(
    name="FDAX",
    description="DAX future",
    path="Futures\\FDAX",
    digits=1,
    price=18_400.0,
    spread_points=10,
    currency_base="EUR",
    currency_profit="EUR",
    currency_margin="EUR",
    contract_size=1.0,
    tick_size=0.5,
    tick_value=2.5,
    calc_mode=mt5.SYMBOL_CALC_MODE_FUTURES,
    margin_initial=4_000.0,
    volume_min=0.1,
    volume_step=0.1,
    stops_level=20,
)
# What a tick of a lot is worth is lost in the rounding: order_calc_profit answers 0.
WORTHLESS = replace(INDEX, name="ZERO", path="Indices\\ZERO", tick_value=1e-12, volume_limit=0.0)
WORTHLESS_KIND = "zero tick value"

KINDS: dict[str, str] = {
    "EURUSD": "forex",
    "USDCHF": "forex, dollar first",
    "EURGBP": "cross",
    "USDJPY": "yen pair",
    "EURJPY": "yen cross",
    "XAUUSD": "metal",
    "US500": "index",
    "BTCUSD": "crypto",
    "AAPL": "share",
    "FDAX": "future",
    "ZERO": WORTHLESS_KIND,
}
SYMBOLS: tuple[SymbolSpec, ...] = (*CATALOGUE, FUTURE, WORTHLESS)


@dataclass(frozen=True, slots=True)
class AccountKind:
    """An account to trade on.

    Attributes:
        balance, commission_per_lot: in its currency; the commission is charged for each deal.
        unit: its smallest amount of money.
    """

    currency: str
    balance: float
    commission_per_lot: float
    unit: float


ACCOUNTS = (
    AccountKind("USD", 1_000_000.0, 3.5, 0.01),
    AccountKind("EUR", 1_000_000.0, 3.0, 0.01),
    AccountKind("JPY", 150_000_000.0, 450.0, 1.0),
)
