"""Orders, positions, deals and history, and the package's Buy, Sell and Close."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import pytest

from hybrid_bridge.simulator import module as mt5
from hybrid_bridge.simulator import wire
from hybrid_bridge.simulator.records import (
    OrderCheckResult,
    OrderSendResult,
    Tick,
    TradeDeal,
    TradeOrder,
    TradePosition,
    TradeRequest,
)
from hybrid_bridge.simulator.wire import Command

SUCCESS = (1, "Success")
NOON_S = 1758888000
NOON = datetime.fromtimestamp(NOON_S, tz=UTC)
POSITIONS = (
    TradePosition(ticket=1, symbol="EURUSD", volume=0.1, type=0),
    TradePosition(ticket=2, symbol="EURJPY", volume=0.2, type=1),
)
ORDERS = (TradeOrder(ticket=3, symbol="EURUSD"), TradeOrder(ticket=4, symbol="GBPUSD"))
DEALS = (TradeDeal(ticket=5, symbol="EURUSD"), TradeDeal(ticket=6, symbol=""))
DONE = OrderSendResult(retcode=10009, deal=7, order=8, volume=0.1, price=1.2, request_id=9)
REQUEST = {"action": 1, "symbol": "EURUSD", "volume": 0.1, "type": 0, "price": 1.2, "magic": 5}
SENT = TradeRequest(action=1, symbol="EURUSD", volume=0.1, price=1.2, magic=5)


@pytest.fixture
def replies() -> dict[Command, Any]:
    return {
        Command.POSITIONS_TOTAL: 2,
        Command.POSITIONS_GET: POSITIONS,
        Command.POSITIONS_GET_SYMBOL: POSITIONS[:1],
        Command.POSITIONS_GET_TICKET: POSITIONS[0],
        Command.ORDERS_TOTAL: 2,
        Command.ORDERS_GET: ORDERS,
        Command.ORDERS_GET_SYMBOL: ORDERS[:1],
        Command.ORDERS_GET_TICKET: ORDERS[0],
        Command.HISTORY_ORDERS_TOTAL: 2,
        Command.HISTORY_ORDERS_GET: ORDERS,
        Command.HISTORY_ORDERS_GET_POSITION: ORDERS[:1],
        Command.HISTORY_ORDERS_GET_TICKET: ORDERS[1],
        Command.HISTORY_DEALS_TOTAL: 2,
        Command.HISTORY_DEALS_GET: DEALS,
        Command.HISTORY_DEALS_GET_POSITION: DEALS[:1],
        Command.HISTORY_DEALS_GET_TICKET: DEALS[1],
        Command.ORDER_CHECK: OrderCheckResult(balance=10.0, comment="Done"),
        Command.ORDER_SEND: DONE,
        Command.ORDER_CALC_MARGIN: 12.5,
        Command.ORDER_CALC_PROFIT: -12.5,
        Command.SYMBOL_INFO_TICK: Tick(bid=1.1, ask=1.2),
    }


@pytest.fixture
def terminal(scripted: Any, replies: dict[Command, Any]) -> Any:
    scripted.script = lambda command, _: wire.encode_reply(command, replies[command])
    assert mt5.initialize(scripted.address)
    scripted.requests.clear()
    return scripted


ASKED = [
    (mt5.positions_total, (Command.POSITIONS_TOTAL, ()), 2),
    (mt5.positions_get, (Command.POSITIONS_GET, ()), POSITIONS),
    (lambda: mt5.positions_get(symbols="X"), (Command.POSITIONS_GET, ()), POSITIONS),
    (lambda: mt5.positions_get(group="*JPY"), (Command.POSITIONS_GET, ()), POSITIONS[1:]),
    (lambda: mt5.positions_get(group=""), (Command.POSITIONS_GET, ()), ()),
    (
        lambda: mt5.positions_get(symbol="EURUSD", group="*JPY"),
        (Command.POSITIONS_GET_SYMBOL, ("EURUSD",)),
        POSITIONS[:1],
    ),
    (lambda: mt5.positions_get(symbol=""), (Command.POSITIONS_GET_SYMBOL, ("",)), POSITIONS[:1]),
    (
        lambda: mt5.positions_get(ticket=1, symbol="EURUSD"),
        (Command.POSITIONS_GET_TICKET, (1,)),
        POSITIONS[:1],
    ),
    (lambda: mt5.positions_get(ticket=0), (Command.POSITIONS_GET_TICKET, (0,)), POSITIONS[:1]),
    (mt5.orders_total, (Command.ORDERS_TOTAL, ()), 2),
    (mt5.orders_get, (Command.ORDERS_GET, ()), ORDERS),
    (lambda: mt5.orders_get(group="GBP*"), (Command.ORDERS_GET, ()), ORDERS[1:]),
    (lambda: mt5.orders_get(symbol="X"), (Command.ORDERS_GET_SYMBOL, ("X",)), ORDERS[:1]),
    (lambda: mt5.orders_get(ticket=3), (Command.ORDERS_GET_TICKET, (3,)), ORDERS[:1]),
    (
        lambda: mt5.history_orders_total(NOON, NOON_S + 1),
        (Command.HISTORY_ORDERS_TOTAL, (NOON_S, NOON_S + 1)),
        2,
    ),
    (
        lambda: mt5.history_orders_get(NOON, NOON_S + 1, ticket=5),
        (Command.HISTORY_ORDERS_GET, (NOON_S, NOON_S + 1)),
        ORDERS,
    ),
    (
        lambda: mt5.history_orders_get(position=3),
        (Command.HISTORY_ORDERS_GET_POSITION, (3,)),
        ORDERS[:1],
    ),
    (
        lambda: mt5.history_orders_get(position=3, ticket=4),
        (Command.HISTORY_ORDERS_GET_TICKET, (4,)),
        ORDERS[1:],
    ),
    (
        lambda: mt5.history_deals_total(-1, 2.9),
        (Command.HISTORY_DEALS_TOTAL, (-1, 2)),
        2,
    ),
    (
        lambda: mt5.history_deals_get(1, 2, group="*,!EURUSD"),
        (Command.HISTORY_DEALS_GET, (1, 2)),
        DEALS[1:],
    ),
    (
        lambda: mt5.history_deals_get(position=2**64 - 1),
        (Command.HISTORY_DEALS_GET_POSITION, (2**64 - 1,)),
        DEALS[:1],
    ),
    (
        lambda: mt5.history_deals_get(ticket=6),
        (Command.HISTORY_DEALS_GET_TICKET, (6,)),
        DEALS[1:],
    ),
    (
        lambda: mt5.order_calc_margin(0, "EURUSD", 1, 1.5),
        (Command.ORDER_CALC_MARGIN, (0, "EURUSD", 1.0, 1.5)),
        12.5,
    ),
    (
        lambda: mt5.order_calc_profit(1, "EURUSD", 0.1, 1, 2),
        (Command.ORDER_CALC_PROFIT, (1, "EURUSD", 0.1, 1.0, 2.0)),
        -12.5,
    ),
]


@pytest.mark.parametrize(("ask", "request_sent", "expected"), ASKED)
def test_a_function_sends_its_command_and_returns_its_reply(
    terminal: Any, ask: Callable[[], Any], request_sent: Any, expected: Any
) -> None:
    assert expected == ask()
    assert mt5.last_error() == SUCCESS
    assert [request_sent] == terminal.requests


def test_replies_become_the_packages_types(terminal: Any) -> None:
    assert mt5.TradePosition is type(mt5.positions_get()[0])
    assert mt5.TradeOrder is type(mt5.orders_get()[0])
    assert mt5.TradeOrder is type(mt5.history_orders_get(1, 2)[0])
    assert mt5.TradeDeal is type(mt5.history_deals_get(ticket=6)[0])


@pytest.mark.parametrize(
    "ask",
    [
        lambda: mt5.positions_get(ticket=1),
        lambda: mt5.orders_get(ticket=1),
        lambda: mt5.history_orders_get(ticket=1),
        lambda: mt5.history_deals_get(ticket=1),
    ],
)
def test_a_ticket_that_is_not_found_is_an_empty_tuple(terminal: Any, ask: Callable[[], Any]) -> None:
    terminal.script = lambda command, _: wire.encode_error(command, -4)
    assert ask() == ()
    assert mt5.last_error() == SUCCESS
    terminal.script = lambda command, _: wire.encode_error(command, -1)
    assert ask() is None
    assert mt5.last_error() == (-1, "Terminal: Call failed")


def test_a_result_of_zero_by_ticket_is_an_empty_tuple(terminal: Any) -> None:
    def zero(command: Command, _: Any) -> bytes:
        frame = bytearray(wire.encode_reply(command, POSITIONS[0]))
        frame[8:12] = bytes(4)
        return bytes(frame)

    terminal.script = zero
    assert mt5.positions_get(ticket=1) == ()


@pytest.mark.parametrize(
    ("ask", "text"),
    [
        (lambda: mt5.positions_get("EURUSD"), "Unnamed arguments not allowed"),
        (lambda: mt5.positions_get(ticket="1"), 'Invalid "ticket" argument'),
        (lambda: mt5.positions_get(symbol="S" * 30), 'Invalid "symbol" argument'),
        (lambda: mt5.positions_get(symbol=None), 'Invalid "symbol" argument'),
        (lambda: mt5.positions_get(group=5), 'Invalid "group" argument'),
        (lambda: mt5.orders_get(1), "Unnamed arguments not allowed"),
        (lambda: mt5.history_orders_get(1), "Invalid arguments"),
        (lambda: mt5.history_orders_get(1, 2, 3), "Invalid arguments"),
        (lambda: mt5.history_orders_get(1, group="*"), "Unnamed arguments not allowed"),
        (lambda: mt5.history_orders_get(1, "2"), "Invalid arguments"),
        (mt5.history_orders_get, "Invalid arguments"),
        (lambda: mt5.history_deals_get(1, 2, group=None), 'Invalid "group" argument'),
        (lambda: mt5.history_deals_get(ticket=1.0), 'Invalid "ticket" argument'),
        (lambda: mt5.history_deals_get(position="1"), 'Invalid "position" argument'),
        (lambda: mt5.history_deals_total(1), "Invalid arguments"),
        (lambda: mt5.order_calc_margin(0, 5, 1.0, 1.0), "Invalid arguments"),
        (lambda: mt5.order_send(), "Invalid number of arguments"),
        (lambda: mt5.order_send(REQUEST, REQUEST), "Invalid number of arguments"),
        (lambda: mt5.order_send(5), "Invalid arguments"),
        (lambda: mt5.order_send(REQUEST, symbol="X"), "Unnamed arguments not allowed"),
        (lambda: mt5.order_send({**REQUEST, "volume": 1}), 'Invalid "volume" argument'),
        (lambda: mt5.order_check(comment="c" * 30), 'Invalid "comment" argument'),
    ],
)
def test_a_bad_argument_is_minus_2_without_asking(terminal: Any, ask: Callable[[], Any], text: str) -> None:
    assert ask() is None
    assert (-2, text) == mt5.last_error()
    assert terminal.requests == []


def test_numbers_of_the_wrong_kind_are_system_errors(terminal: Any) -> None:
    for ask in (
        lambda: mt5.order_calc_margin(0.0, "EURUSD", 1.0, 1.0),
        lambda: mt5.order_calc_profit(0, "EURUSD", "1", 1.0, 1.0),
        lambda: mt5.history_deals_total(2**31, 1),
        lambda: mt5.positions_get(ticket=-1),
        lambda: mt5.order_send({"type": -1}),
    ):
        with pytest.raises(SystemError, match="returned a result with an exception set"):
            ask()


def test_keywords_where_none_are_taken_are_type_errors(terminal: Any) -> None:
    with pytest.raises(TypeError, match="takes no keyword arguments"):
        mt5.history_deals_total(1, 2, group="*")
    with pytest.raises(TypeError, match="takes no keyword arguments"):
        mt5.order_calc_margin(action=1)


def test_an_order_comes_back_with_its_own_request(terminal: Any) -> None:
    result = mt5.order_send(REQUEST)
    assert terminal.requests == [(Command.ORDER_SEND, (SENT,))]
    assert (result.retcode, result.deal, result.order, result.request_id) == (10009, 7, 8, 9)
    assert (mt5.OrderSendResult, mt5.TradeRequest) == (type(result), type(result.request))
    assert SENT == result.request == result._asdict()["request"]


def test_an_order_may_be_given_as_keywords(terminal: Any) -> None:
    assert mt5.order_check(**REQUEST).request == SENT
    assert mt5.order_check(REQUEST).comment == "Done"
    assert terminal.requests == [(Command.ORDER_CHECK, (SENT,))] * 2


async def test_an_empty_dictionary_of_keywords_beside_a_request_is_refused(terminal: Any) -> None:
    with ThreadPoolExecutor(1) as pool:
        for function in (mt5.order_send, mt5.order_check):
            assert pool.submit(function, REQUEST).result(5) is None
            assert mt5.last_error() == (-2, "Unnamed arguments not allowed")
        assert pool.submit(lambda: mt5.order_send(REQUEST)).result(5) is not None
    assert await asyncio.to_thread(mt5.order_send, REQUEST) is not None


def test_a_disabled_api_has_words_of_its_own_for_orders_only(terminal: Any) -> None:
    terminal.script = lambda command, _: wire.encode_error(command, -8)
    assert mt5.order_send(REQUEST) is None
    assert mt5.last_error() == (-8, "Auto-Trading using Python API disabled in Terminal")
    assert mt5.order_check(REQUEST) is None
    assert mt5.last_error() == (-8, "Terminal: Call failed")


def test_an_order_whose_reply_is_lost_is_minus_10002_then_no_connection(terminal: Any) -> None:
    terminal.script = lambda *_: None
    assert mt5.order_send(REQUEST) is None
    assert mt5.last_error() == (-10002, "IPC recv failed")
    assert mt5.order_send(REQUEST) is None
    assert mt5.last_error() == (-10004, "No IPC connection")


def sent_orders(terminal: Any) -> list[TradeRequest]:
    return [given[0] for command, given in terminal.requests if command is Command.ORDER_SEND]


def test_buy_and_sell_take_the_price_of_their_side(terminal: Any) -> None:
    assert mt5.Buy("EURUSD", 0.1).retcode == 10009
    assert mt5.Sell("EURUSD", 0.1, comment="c", ticket=4).retcode == 10009
    assert mt5.Buy("EURUSD", 0.1, 1.15).retcode == 10009
    deal = TradeRequest(action=1, symbol="EURUSD", volume=0.1, deviation=10)
    assert [
        deal._replace(price=1.2),
        deal._replace(type=1, price=1.1, comment="c", position=4),
        deal._replace(price=1.15),
    ] == sent_orders(terminal)


def test_buy_asks_ten_times_when_the_price_moves_away(terminal: Any, replies: dict[Command, Any]) -> None:
    replies[Command.ORDER_SEND] = DONE._replace(retcode=mt5.TRADE_RETCODE_REQUOTE)
    assert mt5.Buy("EURUSD", 0.1).retcode == mt5.TRADE_RETCODE_REQUOTE
    assert len(sent_orders(terminal)) == 10


def test_buy_without_a_tick_is_an_attribute_error(terminal: Any, replies: dict[Command, Any]) -> None:
    terminal.script = lambda command, _: wire.encode_error(command, -4)
    with pytest.raises(AttributeError):
        mt5.Buy("EURUSD", 0.1)
    assert mt5.Buy("EURUSD", 0.1, 1.2) is None


def test_close_closes_every_position_of_the_symbol(terminal: Any, replies: dict[Command, Any]) -> None:
    replies[Command.POSITIONS_GET_SYMBOL] = POSITIONS
    assert mt5.Close("EURUSD", comment="bye") is True
    deal = TradeRequest(action=1, symbol="EURUSD", deviation=10, comment="bye")
    assert [
        deal._replace(volume=0.1, type=1, price=1.1, position=1),
        deal._replace(volume=0.2, type=0, price=1.2, position=2),
    ] == sent_orders(terminal)


def test_close_says_how_far_it_came(terminal: Any, replies: dict[Command, Any]) -> None:
    replies[Command.POSITIONS_GET_SYMBOL] = POSITIONS
    outcomes = [DONE, DONE._replace(retcode=10006)]

    def answer(command: Command, _: Any) -> bytes:
        reply = outcomes.pop(0) if command is Command.ORDER_SEND else replies[command]
        return wire.encode_reply(command, reply)

    terminal.script = answer
    assert mt5.Close("EURUSD") == "Partially"
    replies[Command.POSITIONS_GET_SYMBOL] = ()
    assert mt5.Close("EURUSD") is False
    outcomes.append(DONE._replace(retcode=10006))
    assert mt5.Close("EURUSD", ticket=1) is False


def test_close_is_none_when_a_call_fails(terminal: Any, replies: dict[Command, Any]) -> None:
    for failing in (Command.SYMBOL_INFO_TICK, Command.ORDER_SEND):

        def answer(command: Command, _: Any, failing: Command = failing) -> bytes:
            if command is failing:
                return wire.encode_error(command, -1)
            return wire.encode_reply(command, replies[command])

        terminal.script = answer
        assert mt5.Close("EURUSD") is None
    terminal.script = lambda command, _: wire.encode_error(command, -1)
    with pytest.raises(TypeError):
        mt5.Close("EURUSD")
