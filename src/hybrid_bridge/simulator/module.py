"""The MetaTrader5 package's own functions, constants and types, for the simulated terminal.

Owns nothing but the names: `import hybrid_bridge.simulator.module as mt5` stands in for
`import MetaTrader5 as mt5`, with the package's calling conventions, quirks and errors. The work is
done by `module_session`, `module_market` and `module_trade`, over TCP, blocking, one call at a time.

Where it differs from the genuine package, which needs its terminal for it:

- `initialize` finds a simulated terminal by its address (see there) and never starts one.
- A blocked call lets the other threads of the process run; the genuine package stops them all. With
  SIM_HOLD_GIL=1 in the environment it does so here too.
- CPython says some things in other words from version to version; here those of 3.11 are used.
- A date of 0 is sent as 0; the genuine package sends garbage.

Source: contract of the MetaTrader5 package 5.0.6231.
"""

from hybrid_bridge.simulator import constants as _constants
from hybrid_bridge.simulator.module_market import (
    copy_rates_from,
    copy_rates_from_pos,
    copy_rates_range,
    copy_ticks_from,
    copy_ticks_range,
    market_book_add,
    market_book_get,
    market_book_release,
    symbol_info,
    symbol_info_tick,
    symbol_select,
    symbols_get,
    symbols_total,
)
from hybrid_bridge.simulator.module_session import (
    account_info,
    initialize,
    last_error,
    login,
    shutdown,
    terminal_info,
    version,
)
from hybrid_bridge.simulator.module_trade import (
    Buy,
    Close,
    Sell,
    history_deals_get,
    history_deals_total,
    history_orders_get,
    history_orders_total,
    order_calc_margin,
    order_calc_profit,
    order_check,
    order_send,
    orders_get,
    orders_total,
    positions_get,
    positions_total,
)
from hybrid_bridge.simulator.result_types import (
    AccountInfo,
    BookInfo,
    OrderCheckResult,
    OrderSendResult,
    SymbolInfo,
    TerminalInfo,
    Tick,
    TradeDeal,
    TradeOrder,
    TradePosition,
    TradeRequest,
)

__version__ = "5.0.6231"
__author__ = "MetaQuotes Ltd."

_FUNCTIONS_AND_TYPES = (
    *(initialize, login, shutdown, version, last_error, terminal_info, account_info),
    *(symbols_total, symbols_get, symbol_info, symbol_info_tick, symbol_select),
    *(market_book_add, market_book_release, market_book_get, copy_ticks_from, copy_ticks_range),
    *(copy_rates_from, copy_rates_from_pos, copy_rates_range, order_check, order_send),
    *(order_calc_margin, order_calc_profit, orders_total, orders_get, positions_total),
    *(positions_get, history_orders_total, history_orders_get, history_deals_total),
    *(history_deals_get, Buy, Sell, Close, AccountInfo, BookInfo, OrderCheckResult),
    *(OrderSendResult, SymbolInfo, TerminalInfo, Tick, TradeDeal, TradeOrder, TradePosition),
    TradeRequest,
)
# The package lacks these; a program that leans on them must fail here as it would there.
_NOT_IN_THE_PACKAGE = ("SYMBOL_FILLING_", "SYMBOL_EXPIRATION_", "SYMBOL_ORDER_")
_CONSTANTS = {
    name: value
    for name, value in vars(_constants).items()
    if name.isupper()
    and not name.startswith(_NOT_IN_THE_PACKAGE)
    and name != "TRADE_RETCODE_HEDGE_PROHIBITED"
}
globals().update(_CONSTANTS)
__all__ = ["__author__", "__version__", *_CONSTANTS, *(item.__name__ for item in _FUNCTIONS_AND_TYPES)]
