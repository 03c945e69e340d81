"""From a command and its parameters to the exchange, without a socket."""

from typing import Any

import pytest

from hybrid_bridge.simulator import wire
from hybrid_bridge.simulator.catalogue import catalogue_symbol
from hybrid_bridge.simulator.commands import TerminalCommands
from hybrid_bridge.simulator.config import ExchangeConfig
from hybrid_bridge.simulator.exchange import Exchange
from hybrid_bridge.simulator.records import TradeRequest
from hybrid_bridge.simulator.terminal_error import TerminalError
from hybrid_bridge.simulator.wire import Command

NOW_MSC = 1_758_888_000_000
NOW_S = NOW_MSC // 1000
NAMES = ("EURUSD", "GBPUSD", "USDJPY")
PARAMETERS: dict[str, Any] = {"I": 0, "Q": 5, "i": 1, "q": NOW_S, "d": 1.0, "?": True, "T": "X"}


@pytest.fixture
def commands() -> TerminalCommands:
    symbols = tuple(catalogue_symbol(name) for name in NAMES)
    exchange = Exchange(ExchangeConfig(symbols=symbols, selected=NAMES))
    exchange.on_tick("USDJPY", NOW_MSC, 150.0, 150.01)
    exchange.on_tick("EURUSD", NOW_MSC, 1.1, 1.1001)
    exchange.on_tick("GBPUSD", NOW_MSC, 1.3, 1.3001)
    return TerminalCommands(exchange)


def trade(symbol: str, **more: Any) -> TradeRequest:
    return TradeRequest(action=1, symbol=symbol, volume=0.1, type_filling=1, **more)


def pending(symbol: str) -> TradeRequest:
    return TradeRequest(action=5, symbol=symbol, volume=0.1, type=2, price=1.05, type_filling=2)


@pytest.mark.parametrize("command", Command)
def test_every_command_has_an_answer_that_fits_its_reply(
    commands: TerminalCommands, command: Command
) -> None:
    codes = wire._SPECS[command].parameters
    parameters = tuple(PARAMETERS.get(code, trade("EURUSD")) for code in codes)
    if command is not Command.SYMBOLS_GET_GROUP and "T" in codes:
        parameters = tuple("EURUSD" if value == "X" else value for value in parameters)
    try:
        answer = commands.answer(command, parameters)
    except TerminalError as refusal:
        assert command in {
            *(Command.LOGIN, Command.MARKET_BOOK_ADD, Command.MARKET_BOOK_RELEASE),
            *(Command.MARKET_BOOK_GET, Command.POSITIONS_GET_TICKET, Command.ORDERS_GET_TICKET),
            *(Command.HISTORY_ORDERS_GET_TICKET, Command.HISTORY_DEALS_GET_TICKET),
            *(Command.COPY_RATES_FROM_POS,),
        }, f"{command.name}: {refusal.code}"
        return
    assert wire.encode_reply(command, answer)


def test_positions_are_found_by_symbol_and_ticket(commands: TerminalCommands) -> None:
    first = commands.answer(Command.ORDER_SEND, (trade("EURUSD"),))
    second = commands.answer(Command.ORDER_SEND, (trade("GBPUSD"),))
    assert (first.retcode, second.retcode) == (10009, 10009)
    assert commands.answer(Command.POSITIONS_TOTAL, ()) == 2
    assert len(commands.answer(Command.POSITIONS_GET, ())) == 2
    (found,) = commands.answer(Command.POSITIONS_GET_SYMBOL, ("GBPUSD",))
    assert second.order == found.ticket
    assert found == commands.answer(Command.POSITIONS_GET_TICKET, (second.order,))
    assert commands.answer(Command.POSITIONS_GET_SYMBOL, ("USDJPY",)) == ()
    with pytest.raises(TerminalError) as caught:
        commands.answer(Command.POSITIONS_GET_TICKET, (1,))
    assert caught.value.code == -4


def test_orders_are_found_by_symbol_and_ticket(commands: TerminalCommands) -> None:
    placed = commands.answer(Command.ORDER_SEND, (pending("EURUSD"),))
    assert placed.retcode == 10009
    assert commands.answer(Command.ORDERS_TOTAL, ()) == 1
    (found,) = commands.answer(Command.ORDERS_GET_SYMBOL, ("EURUSD",))
    assert placed.order == found.ticket
    assert found == commands.answer(Command.ORDERS_GET_TICKET, (placed.order,))
    assert commands.answer(Command.ORDERS_GET_SYMBOL, ("GBPUSD",)) == ()
    with pytest.raises(TerminalError) as caught:
        commands.answer(Command.ORDERS_GET_TICKET, (1,))
    assert caught.value.code == -4


def test_history_is_found_by_dates_position_and_ticket(commands: TerminalCommands) -> None:
    opened = commands.answer(Command.ORDER_SEND, (trade("EURUSD"),))
    dates = (NOW_S - 60, NOW_S + 60)
    (deal,) = commands.answer(Command.HISTORY_DEALS_GET, dates)
    (order,) = commands.answer(Command.HISTORY_ORDERS_GET, dates)
    assert (opened.deal, opened.order) == (deal.ticket, order.ticket)
    assert commands.answer(Command.HISTORY_DEALS_TOTAL, dates) == 1
    assert commands.answer(Command.HISTORY_ORDERS_TOTAL, dates) == 1
    assert (deal,) == commands.answer(Command.HISTORY_DEALS_GET_POSITION, (opened.order,))
    assert (order,) == commands.answer(Command.HISTORY_ORDERS_GET_POSITION, (opened.order,))
    assert deal == commands.answer(Command.HISTORY_DEALS_GET_TICKET, (opened.deal,))
    assert order == commands.answer(Command.HISTORY_ORDERS_GET_TICKET, (opened.order,))


def test_symbols_are_filtered_by_group(commands: TerminalCommands) -> None:
    found = commands.answer(Command.SYMBOLS_GET_GROUP, ("*USD, !GBP*",))
    assert [info.name for info in found] == ["EURUSD"]
    assert list(NAMES) == [info.name for info in commands.answer(Command.SYMBOLS_GET, ())]
    assert commands.answer(Command.SYMBOLS_TOTAL, ()) == 3
