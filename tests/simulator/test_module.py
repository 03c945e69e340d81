"""The names of the package: all of them, and no others."""

import inspect

from hybrid_bridge.simulator import constants
from hybrid_bridge.simulator import module as mt5

FUNCTIONS = {
    *("initialize", "shutdown", "login", "version", "terminal_info", "account_info", "last_error"),
    *("copy_ticks_from", "copy_ticks_range", "copy_rates_from", "copy_rates_from_pos"),
    *("copy_rates_range", "positions_total", "positions_get", "orders_total", "orders_get"),
    *("history_orders_total", "history_orders_get", "history_deals_total", "history_deals_get"),
    *("order_check", "order_send", "order_calc_margin", "order_calc_profit", "symbol_info"),
    *("symbol_info_tick", "symbol_select", "symbols_total", "symbols_get", "market_book_add"),
    *("market_book_release", "market_book_get"),
}
TYPES = {
    *("AccountInfo", "BookInfo", "OrderCheckResult", "OrderSendResult", "SymbolInfo"),
    *("TerminalInfo", "Tick", "TradeDeal", "TradeOrder", "TradePosition", "TradeRequest"),
}


def test_it_has_the_32_functions_the_11_types_and_the_three_of_the_package() -> None:
    public = {name for name in vars(mt5) if name[0] != "_" and not name.isupper()}
    assert FUNCTIONS | TYPES | {"Buy", "Sell", "Close"} == public
    assert len(FUNCTIONS) == 32


def test_every_function_has_the_packages_docstring() -> None:
    for name in FUNCTIONS:
        doc = inspect.getdoc(getattr(mt5, name)) or ""
        assert doc.startswith(f"{name}(")


def test_it_has_the_packages_constants_with_their_values() -> None:
    assert (
        mt5.TIMEFRAME_H1,
        mt5.COPY_TICKS_ALL,
        mt5.TRADE_RETCODE_DONE,
        mt5.RES_E_INTERNAL_FAIL_TIMEOUT,
    ) == (16385, -1, 10009, -10005)
    known = {name for name in vars(constants) if name.isupper()}
    lacking = {name for name in known if not hasattr(mt5, name)}
    assert len(lacking) == 15
    assert not hasattr(mt5, "SYMBOL_FILLING_FOK")


def test_a_star_import_brings_everything() -> None:
    assert set(mt5.__all__) >= FUNCTIONS | TYPES
    assert {"TRADE_ACTION_DEAL", "Buy"} <= set(mt5.__all__)
    assert mt5.__version__ == "5.0.6231"
