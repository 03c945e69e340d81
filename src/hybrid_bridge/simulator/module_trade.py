"""The package's functions about orders, positions, deals and history, and its Buy, Sell and Close.

Owns their arguments and results; called through `module`, whose docstring says what they stand in for.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from hybrid_bridge.simulator import constants, result_types
from hybrid_bridge.simulator import request_parsing as parsing
from hybrid_bridge.simulator.groups import GroupFilter
from hybrid_bridge.simulator.module_market import symbol_info_tick
from hybrid_bridge.simulator.package_call import (
    finish,
    no_arguments,
    session,
    unnamed,
    with_keywords,
)
from hybrid_bridge.simulator.request_parsing import ArgumentError
from hybrid_bridge.simulator.session import NOT_FOUND, CallError
from hybrid_bridge.simulator.wire import Command

_Type = Callable[[Iterable[Any]], Any]
_Arguments = tuple[Any, ...]
_Keywords = Mapping[str, Any] | None
_PRICE_TRIES: Final = 10
_DEVIATION_POINTS: Final = 10
_PRICE_MOVED: Final = (constants.TRADE_RETCODE_REQUOTE, constants.TRADE_RETCODE_PRICE_OFF)


@no_arguments()
def positions_total() -> Any:
    """positions_total()

    Return the number of open positions
    """
    return session.call(Command.POSITIONS_TOTAL)


@with_keywords()
def positions_get(arguments: _Arguments, keywords: _Keywords) -> Any:
    """positions_get([symbol="SYMBOL"],[ticket=TICKET],[group="GROUP"])

    Return all open positions, can be filtered by symbol, group or ticket
    """
    return _current(
        result_types.TradePosition,
        (Command.POSITIONS_GET, Command.POSITIONS_GET_SYMBOL, Command.POSITIONS_GET_TICKET),
        arguments,
        keywords,
    )


@no_arguments()
def orders_total() -> Any:
    """orders_total()

    Return the number of orders
    """
    return session.call(Command.ORDERS_TOTAL)


@with_keywords()
def orders_get(arguments: _Arguments, keywords: _Keywords) -> Any:
    """orders_get([symbol="SYMBOL"],[ticket=TICKET],[group="GROUP"])

    Return all orders, can be filtered by symbol, group or ticket
    """
    return _current(
        result_types.TradeOrder,
        (Command.ORDERS_GET, Command.ORDERS_GET_SYMBOL, Command.ORDERS_GET_TICKET),
        arguments,
        keywords,
    )


@unnamed("DD")
def history_orders_total(from_s: int, to_s: int) -> Any:
    """history_orders_total(date_from, date_to)

    Return the number of orders in selected range from history
    """
    return session.call(Command.HISTORY_ORDERS_TOTAL, from_s, to_s)


@with_keywords()
def history_orders_get(arguments: _Arguments, keywords: _Keywords) -> Any:
    """history_orders_get([date_from, date_to, [group="GROUP"]],[position=POSITION],[ticket=TICKET])

    Return orders in selected range from history or filtered by position id, ticket
    """
    return _history(
        result_types.TradeOrder,
        (
            Command.HISTORY_ORDERS_GET,
            Command.HISTORY_ORDERS_GET_POSITION,
            Command.HISTORY_ORDERS_GET_TICKET,
        ),
        arguments,
        keywords,
    )


@unnamed("DD")
def history_deals_total(from_s: int, to_s: int) -> Any:
    """history_deals_total(date_from, date_to)

    Return the number of deals in selected range from history
    """
    return session.call(Command.HISTORY_DEALS_TOTAL, from_s, to_s)


@with_keywords()
def history_deals_get(arguments: _Arguments, keywords: _Keywords) -> Any:
    """history_deals_get([date_from, date_to, [group="GROUP"]],[position=POSITION],[ticket=TICKET])

    Return deals in selected range from history or filtered by position id, ticket
    """
    return _history(
        result_types.TradeDeal,
        (
            Command.HISTORY_DEALS_GET,
            Command.HISTORY_DEALS_GET_POSITION,
            Command.HISTORY_DEALS_GET_TICKET,
        ),
        arguments,
        keywords,
    )


@unnamed("kSdd")
def order_calc_margin(action: int, symbol: str, volume: float, price: float) -> Any:
    """order_calc_margin(action, symbol, volume, price,)

    Calculate margin required for specified order
    """
    return session.call(Command.ORDER_CALC_MARGIN, action, symbol, volume, price)


@unnamed("kSddd")
def order_calc_profit(action: int, symbol: str, volume: float, price_open: float, price_close: float) -> Any:
    """order_calc_profit(action, symbol, volume, price_open, price_close)

    Calculate profit for the current account in the current market conditions based on parameters passed
    """
    return session.call(Command.ORDER_CALC_PROFIT, action, symbol, volume, price_open, price_close)


@with_keywords()
def order_check(arguments: _Arguments, keywords: _Keywords) -> Any:
    """order_check(request)

    Check if there are enough funds to execute required trading operation
    """
    return _ask(Command.ORDER_CHECK, result_types.OrderCheckResult, arguments, keywords)


@with_keywords()
def order_send(arguments: _Arguments, keywords: _Keywords) -> Any:
    """order_send(request)

    Send trading requests to server
    """
    return _ask(Command.ORDER_SEND, result_types.OrderSendResult, arguments, keywords)


def Buy(  # noqa: N802 - the package's name
    symbol: str,
    volume: float,
    price: float | None = None,
    *,
    comment: str | None = None,
    ticket: int | None = None,
) -> Any:
    """Buy at a price, or at the current one with up to ten tries when it moves away."""
    return _trade(constants.ORDER_TYPE_BUY, symbol, volume, price, comment, ticket)


def Sell(  # noqa: N802 - the package's name
    symbol: str,
    volume: float,
    price: float | None = None,
    *,
    comment: str | None = None,
    ticket: int | None = None,
) -> Any:
    """Sell at a price, or at the current one with up to ten tries when it moves away."""
    return _trade(constants.ORDER_TYPE_SELL, symbol, volume, price, comment, ticket)


def Close(  # noqa: N802 - the package's name
    symbol: str, *, comment: str | None = None, ticket: int | None = None
) -> Any:
    """Close the positions of a symbol, or one by its ticket.

    Returns:
        True if all are closed, "Partially" if some are, False if none is, None if a call failed.
    Raises:
        TypeError: if the positions cannot be read, as the package does.
    """
    found = positions_get(ticket=ticket) if ticket is not None else positions_get(symbol=symbol)
    done = 0
    for position in found:
        was_long = position.type == constants.ORDER_TYPE_BUY
        side = constants.ORDER_TYPE_SELL if was_long else constants.ORDER_TYPE_BUY
        request = _deal(side, symbol, position.volume, comment, position.ticket)
        tick = symbol_info_tick(symbol)
        result = None if tick is None else _send_at_market(request, tick)
        if result is None:
            return None
        done += result.retcode == constants.TRADE_RETCODE_DONE
    if not done:
        return False
    return True if done == len(found) else "Partially"


# As the package's own three are.
for _helper in (Buy, Sell, Close):
    _helper.__annotations__, _helper.__doc__ = {}, None


def _ask(command: Command, result_type: _Type, arguments: _Arguments, keywords: _Keywords) -> Any:
    request = parsing.order_arguments(arguments, keywords)
    result = session.call(command, request)
    return result_type((*result[:-1], result_types.TradeRequest(request)))


def _trade(
    side: int,
    symbol: str,
    volume: float,
    price: float | None,
    comment: str | None,
    ticket: int | None,
) -> Any:
    request = _deal(side, symbol, volume, comment, ticket)
    if price is not None:
        return order_send({**request, "price": price})
    return _send_at_market(request, symbol_info_tick(symbol))


def _deal(side: int, symbol: str, volume: float, comment: str | None, ticket: int | None) -> dict[str, Any]:
    request = {
        "action": constants.TRADE_ACTION_DEAL,
        "symbol": symbol,
        "volume": volume,
        "type": side,
        "deviation": _DEVIATION_POINTS,
        "comment": comment,
        "position": ticket,
    }
    return {name: value for name, value in request.items() if value is not None}


def _send_at_market(request: dict[str, Any], tick: Any) -> Any:
    """Send at the current price, again with a new one each time that it has moved away.

    Without a tick this is an AttributeError, as in the package.
    """
    side = "ask" if request["type"] == constants.ORDER_TYPE_BUY else "bid"
    for _ in range(_PRICE_TRIES - 1):
        result = order_send({**request, "price": getattr(tick, side)})
        if result is None or result.retcode not in _PRICE_MOVED:
            return result
        tick = symbol_info_tick(request["symbol"])
    return order_send({**request, "price": getattr(tick, side)})


def _current(
    result_type: _Type,
    commands: tuple[Command, Command, Command],
    arguments: _Arguments,
    keywords: _Keywords,
) -> tuple[Any, ...]:
    everything, by_symbol, by_ticket = commands
    named = keywords or {}
    if arguments:
        raise ArgumentError(parsing.UNNAMED)
    if "ticket" in named:
        return _one(result_type, by_ticket, named["ticket"])
    if "symbol" in named:
        symbol = parsing.text(named["symbol"], parsing.SYMBOL_UNITS_MAX, 'Invalid "symbol" argument')
        return tuple(map(result_type, session.call(by_symbol, symbol)))
    group = _group(named)
    return _grouped(result_type, session.call(everything), group)


def _history(
    result_type: _Type,
    commands: tuple[Command, Command, Command],
    arguments: _Arguments,
    keywords: _Keywords,
) -> Any:
    by_dates, by_position, by_ticket = commands
    named = keywords or {}
    if len(arguments) == 2:
        dates, pending = parsing.dates_s(arguments)
        group = _group(named)
        return finish(pending, lambda: _grouped(result_type, session.call(by_dates, *dates), group))
    if arguments:
        raise ArgumentError(parsing.INVALID_ARGUMENTS if keywords is None else parsing.UNNAMED)
    if "ticket" in named:
        return _one(result_type, by_ticket, named["ticket"])
    if "position" in named:
        position = parsing.uint64(named["position"], 'Invalid "position" argument')
        return tuple(map(result_type, session.call(by_position, position)))
    raise ArgumentError(parsing.INVALID_ARGUMENTS)


def _one(result_type: _Type, command: Command, ticket: object) -> tuple[Any, ...]:
    number = parsing.uint64(ticket, 'Invalid "ticket" argument')
    try:
        result, record = session.call_with_result(command, number)
    except CallError as error:
        if error.code != NOT_FOUND:
            raise
        return ()
    return (result_type(record),) if result else ()


def _group(keywords: Mapping[str, Any]) -> GroupFilter | None:
    if "group" not in keywords:
        return None
    return GroupFilter(parsing.text(keywords["group"], parsing.GROUP_UNITS_MAX, 'Invalid "group" argument'))


def _grouped(result_type: _Type, found: Iterable[Any], group: GroupFilter | None) -> tuple[Any, ...]:
    return tuple(result_type(record) for record in found if group is None or group.matches(record.symbol))
