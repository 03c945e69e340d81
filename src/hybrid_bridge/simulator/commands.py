"""What the terminal answers to each command of the pipe.

Owns the way from a command and its parameters to the exchange's methods, with the counts and filters
of lists. Waits for nothing and encodes nothing; the server calls `answer` once per request.
"""

from collections.abc import Callable, Iterable
from typing import Any, Final, TypeVar

from hybrid_bridge.simulator import constants, wire
from hybrid_bridge.simulator.exchange import Exchange
from hybrid_bridge.simulator.groups import GroupFilter
from hybrid_bridge.simulator.records import (
    OrderCheckResult,
    OrderSendResult,
    SymbolInfo,
    TradeDeal,
    TradeOrder,
    TradePosition,
    TradeRequest,
)
from hybrid_bridge.simulator.retcodes import COMMENTS
from hybrid_bridge.simulator.terminal_error import TerminalError
from hybrid_bridge.simulator.terms import USUAL, Terms
from hybrid_bridge.simulator.view import TerminalView
from hybrid_bridge.simulator.wire import Command

_REJECTED: Final = COMMENTS[constants.TRADE_RETCODE_REJECT]
_FoundT = TypeVar("_FoundT")


class TerminalCommands:
    """Answer the commands of the pipe out of an exchange.

    Args:
        exchange: the simulated trade server with its account.
        view: what the terminal shows of the account; None: all there is.
    """

    def __init__(self, exchange: Exchange, view: TerminalView | None = None) -> None:
        self._exchange = exchange
        self._view = view or TerminalView(exchange)
        self._answers: dict[Command, Callable[..., Any]] = {
            **self._session_answers(),
            **self._market_answers(),
            **self._trade_answers(),
            **self._history_answers(),
        }

    def answer(self, command: Command, parameters: tuple[Any, ...]) -> Any:
        """Do what a command asks for.

        Returns:
            The value of its reply, as `wire.encode_reply` takes it.
        Raises:
            TerminalError: if the terminal refuses.
        """
        return self._answers[command](*parameters)

    def send_order(self, request: TradeRequest, terms: Terms = USUAL) -> OrderSendResult:
        """Carry out an order under special terms.

        Raises:
            TerminalError: if the terminal refuses.
        """
        return self._exchange.order_send(request, terms)

    def reject_check(self, request: TradeRequest, retcode: int) -> OrderCheckResult:
        """Tell of an order that it would be refused."""
        return OrderCheckResult(retcode=retcode, comment=COMMENTS.get(retcode, _REJECTED), request=request)

    def reject(self, request: TradeRequest, retcode: int) -> OrderSendResult:
        """Refuse an order as the trade server would, with the prices that it may be repeated at."""
        result = OrderSendResult(retcode=retcode, comment=COMMENTS.get(retcode, _REJECTED))
        try:
            tick = self._exchange.symbol_info_tick(request.symbol)
        except TerminalError:
            return result
        return result._replace(bid=tick.bid, ask=tick.ask)

    def _session_answers(self) -> dict[Command, Callable[..., Any]]:
        exchange = self._exchange
        return {
            Command.VERSION: lambda _: exchange.version(),
            Command.HELLO: lambda _api, _client: exchange.version()[1],
            Command.LOGIN: lambda _, login, password, server: exchange.login(login, password, server),
            Command.AUTHORISATION: lambda: wire.AUTHORISED,
            Command.TERMINAL_INFO: exchange.terminal_info,
            Command.ACCOUNT_INFO: self._view.account_info,
        }

    def _market_answers(self) -> dict[Command, Callable[..., Any]]:
        exchange = self._exchange
        return {
            Command.COPY_TICKS_FROM: exchange.copy_ticks_from,
            Command.COPY_TICKS_RANGE: exchange.copy_ticks_range,
            Command.COPY_RATES_FROM: exchange.copy_rates_from,
            Command.COPY_RATES_FROM_POS: exchange.copy_rates_from_pos,
            Command.COPY_RATES_RANGE: exchange.copy_rates_range,
            Command.SYMBOL_INFO: exchange.symbol_info,
            Command.SYMBOL_SELECT: exchange.symbol_select,
            Command.SYMBOL_INFO_TICK: exchange.symbol_info_tick,
            Command.SYMBOLS_TOTAL: exchange.symbol_count,
            Command.SYMBOLS_GET: exchange.symbols,
            Command.SYMBOLS_GET_GROUP: self._symbols_of_group,
            Command.MARKET_BOOK_ADD: exchange.market_book_add,
            Command.MARKET_BOOK_RELEASE: exchange.market_book_release,
            Command.MARKET_BOOK_GET: exchange.market_book_get,
        }

    def _trade_answers(self) -> dict[Command, Callable[..., Any]]:
        exchange, view = self._exchange, self._view
        return {
            Command.POSITIONS_TOTAL: view.position_count,
            Command.POSITIONS_GET: view.positions,
            Command.POSITIONS_GET_SYMBOL: self._positions_of_symbol,
            Command.POSITIONS_GET_TICKET: self._position,
            Command.ORDERS_TOTAL: lambda: len(view.orders()),
            Command.ORDERS_GET: view.orders,
            Command.ORDERS_GET_SYMBOL: self._orders_of_symbol,
            Command.ORDERS_GET_TICKET: self._order,
            Command.ORDER_CHECK: exchange.order_check,
            Command.ORDER_SEND: exchange.order_send,
            Command.ORDER_CALC_MARGIN: exchange.order_calc_margin,
            Command.ORDER_CALC_PROFIT: exchange.order_calc_profit,
        }

    def _history_answers(self) -> dict[Command, Callable[..., Any]]:
        view = self._view
        return {
            Command.HISTORY_ORDERS_TOTAL: lambda *dates: len(view.history_orders(*dates)),
            Command.HISTORY_ORDERS_GET: view.history_orders,
            Command.HISTORY_ORDERS_GET_POSITION: view.history_orders_of_position,
            Command.HISTORY_ORDERS_GET_TICKET: lambda ticket: _found(view.history_order(ticket)),
            Command.HISTORY_DEALS_TOTAL: lambda *dates: len(view.history_deals(*dates)),
            Command.HISTORY_DEALS_GET: view.history_deals,
            Command.HISTORY_DEALS_GET_POSITION: view.history_deals_of_position,
            Command.HISTORY_DEALS_GET_TICKET: lambda ticket: _found(view.history_deal(ticket)),
        }

    def _symbols_of_group(self, group: str) -> tuple[SymbolInfo, ...]:
        wanted = GroupFilter(group)
        return tuple(info for info in self._exchange.symbols() if wanted.matches(info.name))

    def _positions_of_symbol(self, symbol: str) -> tuple[TradePosition, ...]:
        return tuple(found for found in self._view.positions() if found.symbol == symbol)

    def _position(self, ticket: int) -> TradePosition:
        return _found(_by_ticket(self._view.positions(), ticket))

    def _orders_of_symbol(self, symbol: str) -> tuple[TradeOrder, ...]:
        return tuple(found for found in self._view.orders() if found.symbol == symbol)

    def _order(self, ticket: int) -> TradeOrder:
        return _found(_by_ticket(self._view.orders(), ticket))


_RecordT = TypeVar("_RecordT", TradePosition, TradeOrder, TradeDeal)


def _by_ticket(records: Iterable[_RecordT], ticket: int) -> _RecordT | None:
    return next((record for record in records if record.ticket == ticket), None)


def _found(record: _FoundT | None) -> _FoundT:
    if record is None:
        raise TerminalError(constants.RES_E_NOT_FOUND)
    return record
