"""The package's functions about symbols, ticks, bars and the Depth of Market.

Owns their arguments and results; called through `module`, whose docstring says what they stand in for.
"""

from collections.abc import Mapping
from typing import Any, Final

from hybrid_bridge.simulator import request_parsing as parsing
from hybrid_bridge.simulator import result_types
from hybrid_bridge.simulator.package_call import (
    no_arguments,
    session,
    unnamed,
    with_keywords,
)
from hybrid_bridge.simulator.request_parsing import ArgumentError
from hybrid_bridge.simulator.session import INVALID_VERSION, SUCCESS, CallError, call_error
from hybrid_bridge.simulator.wire import Command

# Below this build of the terminal the package does not even ask for symbols.
_SYMBOLS_BUILD_MIN: Final = 2364


@no_arguments()
def symbols_total() -> Any:
    """symbols_total()

    Return the number of all available symbols
    """
    _require_build()
    return session.call(Command.SYMBOLS_TOTAL)


@with_keywords(on_refusal=False)
def symbols_get(arguments: tuple[Any, ...], keywords: Mapping[str, Any] | None) -> Any:
    """symbols_get([group="GROUP"])

    Return all available symbols or filtred by group
    """
    if len(arguments) > 1:
        raise ArgumentError(parsing.INVALID_COUNT)
    if arguments:
        given, refusal = arguments[0], "Invalid 1st unnamed argument"
    else:
        given, refusal = (keywords or {}).get("group", ""), 'Invalid "group" argument'
    group = parsing.text(given, parsing.GROUP_UNITS_MAX, refusal)
    _require_build()
    request = (Command.SYMBOLS_GET_GROUP, group) if group else (Command.SYMBOLS_GET,)
    return tuple(map(result_types.SymbolInfo, session.call(*request)))


@unnamed("S")
def symbol_info(symbol: str) -> Any:
    """symbol_info(symbol)

    Return full information for specified symbol
    """
    return result_types.SymbolInfo(session.call(Command.SYMBOL_INFO, symbol))


@unnamed("S")
def symbol_info_tick(symbol: str) -> Any:
    """symbol_info_tick(symbol)

    Return current prices of specified symbol
    """
    return result_types.Tick(session.call(Command.SYMBOL_INFO_TICK, symbol))


@unnamed("S|p", on_failure=False)
def symbol_select(symbol: str, enable: bool = True) -> bool:
    """symbol_select(symbol,[enable])

    Select symbol in Market Watch window or remove symbol from the window
    """
    session.call(Command.SYMBOL_SELECT, symbol, enable)
    return True


@unnamed("S")
def market_book_add(symbol: str) -> bool:
    """market_book_add(symbol)

    Opens Depth of Market for a selected symbol
    """
    return _succeeds(Command.MARKET_BOOK_ADD, symbol)


@unnamed("S")
def market_book_release(symbol: str) -> bool:
    """market_book_release(symbol)

    Closes Depth of Market for a selected symbol
    """
    return _succeeds(Command.MARKET_BOOK_RELEASE, symbol)


@unnamed("S")
def market_book_get(symbol: str) -> Any:
    """market_book_get(symbol)

    Returns Depth of Market structures of a specified symbol
    """
    return tuple(map(result_types.BookInfo, session.call(Command.MARKET_BOOK_GET, symbol)))


@unnamed("SDii")
def copy_ticks_from(symbol: str, from_s: int, count: int, flags: int) -> Any:
    """copy_ticks_from(symbol, date_from, count, flags)

    Get ticks starting from specific date
    """
    rows = session.call(Command.COPY_TICKS_FROM, symbol, from_s * 1000, count, flags)
    return result_types.tick_array(rows)


@unnamed("SDDi")
def copy_ticks_range(symbol: str, from_s: int, to_s: int, flags: int) -> Any:
    """copy_ticks_range(symbol, date_from, date_to, flags)

    Get ticks from specified period
    """
    rows = session.call(Command.COPY_TICKS_RANGE, symbol, from_s * 1000, to_s * 1000, flags)
    return result_types.tick_array(rows)


@unnamed("SiDi")
def copy_rates_from(symbol: str, timeframe: int, from_s: int, count: int) -> Any:
    """copy_rates_from(symbol, timeframe, date_from, count)

    Get bars starting from specific date
    """
    rows = session.call(Command.COPY_RATES_FROM, symbol, timeframe, from_s, count)
    return result_types.rate_array(rows)


@unnamed("Siii")
def copy_rates_from_pos(symbol: str, timeframe: int, start_pos: int, count: int) -> Any:
    """copy_rates_from_pos(symbol, timeframe, start_pos, count)

    Get bars starting from specified position
    """
    rows = session.call(Command.COPY_RATES_FROM_POS, symbol, timeframe, start_pos, count)
    return result_types.rate_array(rows)


@unnamed("SiDD")
def copy_rates_range(symbol: str, timeframe: int, from_s: int, to_s: int) -> Any:
    """copy_rates_range(symbol, timeframe, date_from, date_to)

    Get bars from specified period
    """
    rows = session.call(Command.COPY_RATES_RANGE, symbol, timeframe, from_s, to_s)
    return result_types.rate_array(rows)


def _require_build() -> None:
    if session.build < _SYMBOLS_BUILD_MIN:
        raise call_error(INVALID_VERSION)


def _succeeds(command: Command, symbol: str) -> bool:
    try:
        session.call(command, symbol)
    except CallError:
        # The package keeps these two failures to itself.
        session.last_error = SUCCESS
        return False
    return True
