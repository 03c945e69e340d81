"""Symbols, ticks, bars and the Depth of Market: what is asked and what comes back."""

from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest

from hybrid_bridge.simulator import module as mt5
from hybrid_bridge.simulator import wire
from hybrid_bridge.simulator.records import BookInfo, SymbolInfo, Tick
from hybrid_bridge.simulator.wire import Command
from hybrid_bridge.simulator.wire_structs import RATE, TICK, Rate

SUCCESS = (1, "Success")
NOON_S = 1758888000
NOON = datetime.fromtimestamp(NOON_S, tz=UTC)
TICKS = [Tick(1, 1.1, 1.2, time_msc=1001), Tick(2, 1.3, 1.4, time_msc=2001)]
TICK_ROWS = b"".join(map(TICK.pack, TICKS))
BAR = Rate(60, 1.0, 2.0, 0.5, 1.5, 7, 12, 9)
SYMBOLS = (SymbolInfo(name="EURUSD", digits=5), SymbolInfo(name="USDJPY", digits=3))


@pytest.fixture
def terminal(scripted: Any) -> Any:
    replies: dict[Command, Any] = {
        Command.COPY_TICKS_FROM: TICK_ROWS,
        Command.COPY_TICKS_RANGE: b"",
        Command.COPY_RATES_FROM: RATE.pack(BAR),
        Command.COPY_RATES_RANGE: RATE.pack(BAR),
        Command.COPY_RATES_FROM_POS: RATE.pack(BAR),
        Command.SYMBOL_INFO: SYMBOLS[0],
        Command.SYMBOL_INFO_TICK: TICKS[0],
        Command.SYMBOL_SELECT: None,
        Command.SYMBOLS_TOTAL: 2,
        Command.SYMBOLS_GET: SYMBOLS,
        Command.SYMBOLS_GET_GROUP: SYMBOLS[:1],
        Command.MARKET_BOOK_ADD: None,
        Command.MARKET_BOOK_RELEASE: None,
        Command.MARKET_BOOK_GET: (BookInfo(1, 1.5, 2, 2.0),),
    }
    scripted.script = lambda command, _: wire.encode_reply(command, replies[command])
    assert mt5.initialize(scripted.address)
    scripted.requests.clear()
    return scripted


ASKED = [
    (
        lambda: mt5.copy_ticks_from("EURUSD", NOON, 100, mt5.COPY_TICKS_ALL),
        (Command.COPY_TICKS_FROM, ("EURUSD", NOON_S * 1000, 100, -1)),
    ),
    (
        lambda: mt5.copy_ticks_range("EURUSD", NOON_S, NOON_S + 9.9, np.int64(1)),
        (Command.COPY_TICKS_RANGE, ("EURUSD", NOON_S * 1000, NOON_S * 1000 + 9000, 1)),
    ),
    (
        lambda: mt5.copy_rates_from("EURUSD", mt5.TIMEFRAME_H1, NOON, -5),
        (Command.COPY_RATES_FROM, ("EURUSD", 16385, NOON_S, -5)),
    ),
    (
        lambda: mt5.copy_rates_range("EURUSD", 1, NOON, NOON_S + 60),
        (Command.COPY_RATES_RANGE, ("EURUSD", 1, NOON_S, NOON_S + 60)),
    ),
    (
        lambda: mt5.copy_rates_from_pos("EURUSD", 5, 10, 20),
        (Command.COPY_RATES_FROM_POS, ("EURUSD", 5, 10, 20)),
    ),
    (lambda: mt5.symbol_info("EURUSD"), (Command.SYMBOL_INFO, ("EURUSD",))),
    (lambda: mt5.symbol_info_tick("EURUSD"), (Command.SYMBOL_INFO_TICK, ("EURUSD",))),
    (lambda: mt5.symbol_select("EURUSD"), (Command.SYMBOL_SELECT, ("EURUSD", True))),
    (lambda: mt5.symbol_select("EURUSD", []), (Command.SYMBOL_SELECT, ("EURUSD", False))),
    (lambda: mt5.symbol_select("EURUSD", "yes"), (Command.SYMBOL_SELECT, ("EURUSD", True))),
    (mt5.symbols_total, (Command.SYMBOLS_TOTAL, ())),
    (mt5.symbols_get, (Command.SYMBOLS_GET, ())),
    (lambda: mt5.symbols_get(""), (Command.SYMBOLS_GET, ())),
    (lambda: mt5.symbols_get("EUR*"), (Command.SYMBOLS_GET_GROUP, ("EUR*",))),
    (lambda: mt5.symbols_get(group="EUR*"), (Command.SYMBOLS_GET_GROUP, ("EUR*",))),
    (lambda: mt5.symbols_get(groups="EUR*"), (Command.SYMBOLS_GET, ())),
    (lambda: mt5.market_book_add("EURUSD"), (Command.MARKET_BOOK_ADD, ("EURUSD",))),
    (lambda: mt5.market_book_release("EURUSD"), (Command.MARKET_BOOK_RELEASE, ("EURUSD",))),
    (lambda: mt5.market_book_get("EURUSD"), (Command.MARKET_BOOK_GET, ("EURUSD",))),
]


@pytest.mark.parametrize(("ask", "request_sent"), ASKED)
def test_a_function_sends_its_command(terminal: Any, ask: Any, request_sent: Any) -> None:
    assert ask() is not None
    assert mt5.last_error() == SUCCESS
    assert [request_sent] == terminal.requests


def test_replies_become_the_packages_types(terminal: Any) -> None:
    info = mt5.symbol_info("EURUSD")
    assert (mt5.SymbolInfo, "EURUSD", 5) == (type(info), info.name, info.digits)
    tick = mt5.symbol_info_tick("EURUSD")
    assert (mt5.Tick, TICKS[0]) == (type(tick), tick)
    symbols = mt5.symbols_get()
    assert [mt5.SymbolInfo] * 2 == [type(symbol) for symbol in symbols]
    assert symbols == SYMBOLS
    book = mt5.market_book_get("EURUSD")
    assert (mt5.BookInfo, (1, 1.5, 2, 2.0)) == (type(book[0]), book[0])
    assert [
        mt5.symbol_select("EURUSD"),
        mt5.market_book_add("EURUSD"),
        mt5.market_book_release("EURUSD"),
    ] == [True, True, True]


def test_ticks_and_bars_are_arrays(terminal: Any) -> None:
    ticks = mt5.copy_ticks_from("EURUSD", NOON, 100, mt5.COPY_TICKS_ALL)
    assert ticks["time_msc"].tolist() == [1001, 2001]
    assert not ticks.flags.writeable
    assert len(mt5.copy_ticks_range("EURUSD", 1, 2, 1)) == 0
    assert mt5.copy_rates_from("EURUSD", 1, 1, 1).tolist()[0] == BAR


FAILING: list[tuple[Any, tuple[Any, ...], Any]] = [
    (mt5.copy_ticks_from, ("EURUSD", 1, 1, 1), None),
    (mt5.copy_ticks_range, ("EURUSD", 1, 1, 1), None),
    (mt5.copy_rates_from, ("EURUSD", 1, 1, 1), None),
    (mt5.copy_rates_from_pos, ("EURUSD", 1, 1, 1), None),
    (mt5.copy_rates_range, ("EURUSD", 1, 1, 1), None),
    (mt5.symbol_info, ("EURUSD",), None),
    (mt5.symbol_info_tick, ("EURUSD",), None),
    (mt5.symbol_select, ("EURUSD",), False),
    (mt5.market_book_get, ("EURUSD",), None),
]


@pytest.mark.parametrize(("function", "arguments", "failed"), FAILING)
def test_a_refusal_is_the_functions_failure(
    terminal: Any, function: Any, arguments: tuple[Any, ...], failed: Any
) -> None:
    terminal.script = lambda command, _: wire.encode_error(command, -4)
    assert failed is function(*arguments)
    assert mt5.last_error() == (-4, "Terminal: Not found")


@pytest.mark.parametrize(("function", "arguments", "failed"), FAILING)
def test_a_wrong_count_or_a_bad_symbol_is_refused_without_asking(
    terminal: Any, function: Any, arguments: tuple[Any, ...], failed: Any
) -> None:
    for bad in ((), (*arguments, 1, 1), (5, *arguments[1:]), ("S" * 30, *arguments[1:])):
        assert failed is function(*bad)
        assert mt5.last_error() == (-2, "Invalid arguments")
    assert terminal.requests == []


@pytest.mark.parametrize(("function", "arguments", "failed"), FAILING)
def test_a_keyword_is_a_type_error(
    terminal: Any, function: Any, arguments: tuple[Any, ...], failed: Any
) -> None:
    with pytest.raises(TypeError, match=f"{function.__name__}.* takes no keyword arguments"):
        function(symbol=arguments[0])


def test_a_float_count_or_a_late_date_is_a_system_error(terminal: Any) -> None:
    for arguments in (("EURUSD", 1, 10.0, 1), ("EURUSD", 1, 2**31, 1)):
        with pytest.raises(SystemError, match="copy_ticks_from> returned a result") as caught:
            mt5.copy_ticks_from(*arguments)
        assert isinstance(caught.value.__cause__, TypeError | OverflowError)
        assert mt5.last_error() == (-2, "Invalid arguments")
    assert terminal.requests == []


def test_an_integer_date_after_2038_is_asked_for_as_minus_1_and_fails_all_the_same(terminal: Any) -> None:
    terminal.script = lambda command, _: wire.encode_reply(command, b"")
    with pytest.raises(SystemError, match="copy_ticks_from> returned a result") as caught:
        mt5.copy_ticks_from("EURUSD", 2**31, 1, 1)
    assert isinstance(caught.value.__cause__, OverflowError)
    assert terminal.requests == [(Command.COPY_TICKS_FROM, ("EURUSD", -1000, 1, 1))]
    assert mt5.last_error() == SUCCESS


def test_a_datetime_after_a_date_that_failed_is_not_read(terminal: Any) -> None:
    with pytest.raises(SystemError, match="copy_ticks_range> returned a result") as caught:
        mt5.copy_ticks_range("EURUSD", 2**31, datetime(2025, 1, 1, tzinfo=UTC), 1)
    assert "<built-in method timestamp of datetime.datetime object" in str(caught.value.__cause__)
    assert mt5.last_error() == (-2, "Invalid arguments")
    assert terminal.requests == []


def test_numbers_are_read_before_the_symbol_and_the_dates(terminal: Any) -> None:
    with pytest.raises(SystemError):
        mt5.copy_ticks_from(5, "no date", 10.0, 1)
    assert mt5.copy_ticks_from("EURUSD", "no date", 10, 1) is None
    assert mt5.last_error() == (-2, "Invalid arguments")


@pytest.mark.parametrize(
    ("arguments", "keywords", "text"),
    [
        (("a", "b"), {}, "Invalid number of arguments"),
        ((5,), {}, "Invalid 1st unnamed argument"),
        ((), {"group": 5}, 'Invalid "group" argument'),
        ((), {"group": "g" * 1998}, 'Invalid "group" argument'),
    ],
)
def test_a_bad_group_of_symbols_is_minus_2(terminal: Any, arguments: Any, keywords: Any, text: str) -> None:
    assert mt5.symbols_get(*arguments, **keywords) is False
    assert (-2, text) == mt5.last_error()


@pytest.mark.parametrize("function", [mt5.market_book_add, mt5.market_book_release])
def test_a_failure_of_the_book_leaves_no_error(terminal: Any, function: Any) -> None:
    terminal.script = lambda command, _: wire.encode_error(command, -4)
    assert function("EURUSD") is False
    assert mt5.last_error() == SUCCESS
    mt5.shutdown()
    assert function("EURUSD") is False
    assert mt5.last_error() == SUCCESS
    assert function(5) is None
    assert mt5.last_error() == (-2, "Invalid arguments")


def test_an_old_build_is_not_asked_for_symbols(terminal: Any) -> None:
    terminal.script = lambda command, _: wire.encode_reply(command, 2363)
    assert mt5.initialize(terminal.address, timeout=1) is False
    terminal.requests.clear()
    assert mt5.symbols_total() is None
    assert mt5.last_error()[0] == -5
    assert mt5.symbols_get() is None
    assert mt5.last_error()[0] == -5
    assert terminal.requests == []
