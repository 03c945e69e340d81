"""The symbols a simulated trade server offers unless told otherwise.

Owns their figures, plausible for a retail broker and different enough from each other that a client
must read them: FX majors and crosses, yen pairs, metals, an index, crypto and a share. Prices are
only where synthetic quotes start. The exchange's configuration and the feed take them from here.
"""

from __future__ import annotations

from hybrid_bridge.simulator import constants as mt5
from hybrid_bridge.simulator.symbols import CFD_WEEK, SHARE_WEEK, WHOLE_WEEK, SymbolSpec

# name: price, spread in points, swap of a long and of a short position in points
_MAJORS: dict[str, tuple[float, int, float, float]] = {
    "EURUSD": (1.08500, 8, -6.9, 2.8),
    "GBPUSD": (1.27000, 11, -3.4, -1.2),
    "AUDUSD": (0.66000, 10, -3.1, 0.7),
    "NZDUSD": (0.61000, 13, -1.9, -0.4),
    "USDCHF": (0.89000, 12, 5.4, -10.8),
    "USDCAD": (1.36000, 13, 1.2, -6.1),
    "USDJPY": (150.000, 10, 14.6, -29.3),
}
_CROSSES: dict[str, tuple[float, int, float, float]] = {
    "EURGBP": (0.85400, 14, -5.2, 1.1),
    "EURCHF": (0.96500, 18, 2.3, -6.4),
    "EURAUD": (1.64400, 22, -8.8, 2.9),
    "EURNZD": (1.77900, 28, -9.6, 3.1),
    "EURCAD": (1.47600, 22, -6.5, 0.8),
    "EURJPY": (162.750, 16, 12.1, -26.8),
    "GBPCHF": (1.13000, 24, 7.7, -15.2),
    "GBPAUD": (1.92400, 27, -2.2, -7.5),
    "GBPNZD": (2.08200, 34, -3.0, -8.1),
    "GBPCAD": (1.72700, 28, 0.3, -8.9),
    "GBPJPY": (190.500, 22, 19.4, -38.2),
    "AUDCHF": (0.58700, 20, 3.6, -8.3),
    "AUDNZD": (1.08200, 22, -3.3, -2.1),
    "AUDCAD": (0.89800, 18, -0.9, -3.7),
    "AUDJPY": (99.000, 18, 8.1, -17.9),
    "NZDCHF": (0.54300, 22, 3.9, -8.6),
    "NZDCAD": (0.83000, 22, 0.4, -4.8),
    "NZDJPY": (91.500, 20, 7.5, -16.7),
    "CADCHF": (0.65400, 20, 3.0, -7.9),
    "CADJPY": (110.300, 18, 7.2, -16.0),
    "CHFJPY": (168.500, 20, 3.5, -12.4),
}


def _fx(
    name: str, price: float, spread: int, long: float, short: float, folder: str, stops_level: int
) -> SymbolSpec:
    return SymbolSpec(
        name=name,
        description=f"{name[:3]} against {name[3:]}",
        path=f"Forex\\{folder}\\{name}",
        digits=3 if name.endswith("JPY") else 5,
        price=price,
        spread_points=spread,
        currency_base=name[:3],
        currency_profit=name[3:],
        currency_margin=name[:3],
        contract_size=100_000.0,
        margin_hedged=100_000.0,
        stops_level=stops_level,
        swap_long=long,
        swap_short=short,
        volatility_points=1.2 if folder == "Majors" else 1.8,
    )


def _metal(name: str, price: float, spread: int, contract_size: float, **more: float) -> SymbolSpec:
    return SymbolSpec(
        name=name,
        description=f"{name[:3]} spot against {name[3:]}",
        path=f"Metals\\{name}",
        digits=3,
        price=price,
        spread_points=spread,
        currency_base=name[:3],
        currency_profit=name[3:],
        currency_margin=name[3:],
        contract_size=contract_size,
        margin_hedged=contract_size,
        calc_mode=mt5.SYMBOL_CALC_MODE_CFDLEVERAGE,
        execution=mt5.SYMBOL_TRADE_EXECUTION_INSTANT,
        filling_mode=mt5.SYMBOL_FILLING_FOK,
        stops_level=100,
        freeze_level=20,
        volume_max=50.0,
        sessions=CFD_WEEK,
        swap_long=more["swap_long"],
        swap_short=more["swap_short"],
        volatility_points=more["volatility_points"],
    )


GOLD = _metal("XAUUSD", 2350.000, 200, 100.0, swap_long=-350.0, swap_short=120.0, volatility_points=40.0)
SILVER = _metal("XAGUSD", 28.000, 18, 5000.0, swap_long=-4.1, swap_short=1.3, volatility_points=4.0)
INDEX = SymbolSpec(
    name="US500",
    description="US 500 index",
    path="Indices\\US500",
    digits=2,
    price=5200.00,
    spread_points=50,
    currency_base="USD",
    currency_profit="USD",
    currency_margin="USD",
    contract_size=10.0,
    tick_size=0.25,
    margin_hedged=10.0,
    calc_mode=mt5.SYMBOL_CALC_MODE_CFD,
    margin_rate=0.05,
    execution=mt5.SYMBOL_TRADE_EXECUTION_MARKET,
    filling_mode=mt5.SYMBOL_FILLING_IOC,
    volume_min=0.1,
    volume_max=250.0,
    volume_step=0.1,
    volume_limit=500.0,
    stops_level=100,
    swap_mode=mt5.SYMBOL_SWAP_MODE_INTEREST_CURRENT,
    swap_long=-7.8,
    swap_short=2.1,
    swap_triple_day=mt5.DAY_OF_WEEK_FRIDAY,
    sessions=CFD_WEEK,
    volatility_points=25.0,
)
CRYPTO = SymbolSpec(
    name="BTCUSD",
    description="Bitcoin against USD",
    path="Crypto\\BTCUSD",
    digits=2,
    price=64000.00,
    spread_points=1800,
    currency_base="BTC",
    currency_profit="USD",
    currency_margin="USD",
    contract_size=1.0,
    margin_hedged=0.0,
    calc_mode=mt5.SYMBOL_CALC_MODE_CFD,
    margin_rate=0.5,
    filling_mode=mt5.SYMBOL_FILLING_IOC,
    volume_max=10.0,
    volume_limit=20.0,
    swap_mode=mt5.SYMBOL_SWAP_MODE_INTEREST_CURRENT,
    swap_long=-20.0,
    swap_short=-5.0,
    swap_triple_day=mt5.DAY_OF_WEEK_FRIDAY,
    sessions=WHOLE_WEEK,
    volatility_points=350.0,
)
SHARE = SymbolSpec(
    name="AAPL",
    description="Apple Inc.",
    path="Shares\\US\\AAPL",
    digits=2,
    price=190.00,
    spread_points=2,
    currency_base="USD",
    currency_profit="USD",
    currency_margin="USD",
    contract_size=1.0,
    margin_hedged=0.0,
    calc_mode=mt5.SYMBOL_CALC_MODE_EXCH_STOCKS,
    execution=mt5.SYMBOL_TRADE_EXECUTION_EXCHANGE,
    filling_mode=mt5.SYMBOL_FILLING_FOK | mt5.SYMBOL_FILLING_IOC | mt5.SYMBOL_FILLING_BOC,
    volume_min=1.0,
    volume_max=10_000.0,
    volume_step=1.0,
    swap_mode=mt5.SYMBOL_SWAP_MODE_DISABLED,
    sessions=SHARE_WEEK,
    book_depth=5,
    volatility_points=1.5,
    ticks_per_second=2.0,
)

CATALOGUE: tuple[SymbolSpec, ...] = (
    *(_fx(name, *figures, "Majors", 0) for name, figures in _MAJORS.items()),
    *(_fx(name, *figures, "Crosses", 20) for name, figures in _CROSSES.items()),
    GOLD,
    SILVER,
    INDEX,
    CRYPTO,
    SHARE,
)
MAJORS: tuple[str, ...] = tuple(_MAJORS)
# What an account can be in: each of these has a pair with the dollar, so that all money converts to it.
CURRENCIES: tuple[str, ...] = tuple(sorted({name for pair in _MAJORS for name in (pair[:3], pair[3:])}))


def catalogue_symbol(name: str) -> SymbolSpec:
    """Give the catalogue's description of a symbol.

    Raises:
        KeyError: if the catalogue has no such symbol; the message names those it has.
    """
    for spec in CATALOGUE:
        if spec.name == name:
            return spec
    known = ", ".join(spec.name for spec in CATALOGUE)
    raise KeyError(f"{name}: not in the catalogue of the simulated terminal; it has {known}")
