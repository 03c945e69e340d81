"""Frames and commands of the pipe protocol, against bytes measured with the genuine package."""

import contextlib
import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hybrid_bridge.simulator import wire
from hybrid_bridge.simulator.records import (
    BookInfo,
    SymbolInfo,
    Tick,
    TradeDeal,
    TradeOrder,
    TradePosition,
    TradeRequest,
)
from hybrid_bridge.simulator.wire import Command
from hybrid_bridge.simulator.wire_structs import TICK, WireError

LOGIN_BYTES = (
    "22 00 00 00  05 00 00 00  00 00 00 00  7b 00 00 00 00 00 00 00  02 00 00 00 70 00 77 00"
    "03 00 00 00 73 00 72 00 76 00"
)
MEASURED_REQUESTS = [
    (
        Command.HELLO,
        (3, "Python"),
        "18 00 00 00  04 00 00 00  03 00 00 00  06 00 00 00  50 00 79 00 74 00 68 00 6f 00 6e 00",
    ),
    (Command.AUTHORISATION, (), "04 00 00 00  6d 00 00 00"),
    (
        Command.LOGIN,
        (0, 123, "pw", "srv"),
        LOGIN_BYTES,
    ),
]
MEASURED_REPLIES = [
    (Command.HELLO, 6231, "0c 00 00 00  04 00 00 00  01 00 00 00  57 18 00 00"),
    (Command.AUTHORISATION, 2, "0c 00 00 00  6d 00 00 00  01 00 00 00  02 00 00 00"),
    (Command.LOGIN, None, "08 00 00 00  05 00 00 00  01 00 00 00"),
]
PARAMETERS: dict[str, Any] = {
    "I": 4_000_000_001,
    "Q": 2**63 + 5,
    "i": -7,
    "q": -(2**40),
    "d": 1.2345,
    "?": True,
    "T": "EURUSD.ä\U0001f4c8",
    "R": TradeRequest(action=1, symbol="GBPUSD", volume=0.1, sl=1.5, comment="note", position=9),
}
REPLY_VALUES: list[tuple[Command, Any]] = [
    (Command.VERSION, (500, 6231, "26 Sep 2025")),
    (Command.POSITIONS_TOTAL, 3),
    (Command.POSITIONS_GET, (TradePosition(ticket=1), TradePosition(ticket=2, comment="b"))),
    (Command.POSITIONS_GET, ()),
    (Command.POSITIONS_GET_TICKET, TradePosition(ticket=7)),
    (Command.ORDERS_GET, (TradeOrder(ticket=5, symbol="EURUSD"),)),
    (Command.HISTORY_DEALS_GET, (TradeDeal(ticket=5, fee=-0.5),)),
    (Command.ORDER_CALC_PROFIT, -12.5),
    (Command.SYMBOL_SELECT, None),
    (Command.SYMBOLS_GET_GROUP, (SymbolInfo(name="A"), SymbolInfo(name="B", path="Forex\\B"))),
    (Command.MARKET_BOOK_GET, (BookInfo(1, 1.5, 2, 2.5),)),
    (Command.COPY_TICKS_FROM, TICK.pack(Tick(time=1)) + TICK.pack(Tick(time=2))),
]


@pytest.mark.parametrize(("command", "parameters", "measured"), MEASURED_REQUESTS)
def test_a_request_has_the_measured_bytes(
    command: Command, parameters: tuple[Any, ...], measured: str
) -> None:
    assert bytes.fromhex(measured) == wire.encode_request(command, *parameters)


@pytest.mark.parametrize(("command", "value", "measured"), MEASURED_REPLIES)
def test_a_reply_has_the_measured_bytes(command: Command, value: Any, measured: str) -> None:
    assert bytes.fromhex(measured) == wire.encode_reply(command, value)


@pytest.mark.parametrize("command", Command)
def test_the_parameters_of_every_command_come_back_as_they_were(command: Command) -> None:
    parameters = tuple(PARAMETERS[code] for code in wire._SPECS[command].parameters)
    frame = wire.encode_request(command, *parameters)
    assert len(frame) - 4 == struct.unpack_from("<I", frame)[0]
    assert (command, parameters) == wire.decode_request(frame[4:])


@pytest.mark.parametrize("command", Command)
def test_a_request_cut_short_or_too_long_is_refused(command: Command) -> None:
    parameters = tuple(PARAMETERS[code] for code in wire._SPECS[command].parameters)
    body = wire.encode_request(command, *parameters)[4:]
    for broken in [*(body[:size] for size in range(len(body))), body + b"\0"]:
        with pytest.raises(WireError):
            wire.decode_request(broken)


def test_a_text_may_not_run_past_its_frame() -> None:
    body = struct.pack("<II", Command.SYMBOL_INFO, 0xFFFFFFFF) + b"E\0"
    with pytest.raises(WireError, match="a text runs to byte 8589934598, the frame has 10"):
        wire.decode_request(body)


def test_an_unknown_command_is_named() -> None:
    with pytest.raises(wire.UnknownCommandError, match="unknown command 999"):
        wire.decode_request(struct.pack("<I", 999))


def test_the_count_of_parameters_is_checked() -> None:
    with pytest.raises(WireError, match="SYMBOL_SELECT takes 2 parameters, got 1"):
        wire.encode_request(Command.SYMBOL_SELECT, "EURUSD")


def test_a_parameter_out_of_range_is_refused() -> None:
    with pytest.raises(WireError, match="POSITIONS_GET_TICKET: a parameter does not fit"):
        wire.encode_request(Command.POSITIONS_GET_TICKET, -1)


@pytest.mark.parametrize(("command", "value"), REPLY_VALUES)
def test_the_data_of_a_reply_comes_back_as_it_was(command: Command, value: Any) -> None:
    frame = wire.encode_reply(command, value)
    number, result, data = wire.decode_reply(frame[4:])
    assert len(frame) - 4 == struct.unpack_from("<I", frame)[0]
    assert (command, 1) == (number, result)
    assert value == wire.decode_reply_data(command, data)


@pytest.mark.parametrize(("command", "value"), REPLY_VALUES)
def test_one_byte_less_or_more_of_data_is_refused(command: Command, value: Any) -> None:
    data = wire.decode_reply(wire.encode_reply(command, value)[4:])[2]
    for broken in (data[:-1], data + b"\0"):
        if broken != data:
            with pytest.raises(WireError):
                wire.decode_reply_data(command, broken)


def test_an_error_carries_its_code_and_no_data() -> None:
    frame = wire.encode_error(Command.SYMBOL_INFO, -4)
    assert bytes.fromhex("08 00 00 00  aa 00 00 00  fc ff ff ff") == frame
    assert wire.decode_reply(frame[4:]) == (Command.SYMBOL_INFO, -4, b"")


def test_a_release_date_of_128_units_reads_as_none() -> None:
    for units, shown in ((127, "d" * 127), (128, "")):
        frame = wire.encode_reply(Command.VERSION, (1, 2, "d" * units))
        data = wire.decode_reply(frame[4:])[2]
        assert (1, 2, shown) == wire.decode_reply_data(Command.VERSION, data)


def test_rows_that_are_no_whole_number_of_rows_are_refused() -> None:
    with pytest.raises(WireError, match="rows of 60 bytes expected, got 61"):
        wire.encode_reply(Command.COPY_TICKS_FROM, bytes(61))


@given(st.binary(max_size=400), st.sampled_from(Command))
def test_no_bytes_at_all_raise_anything_but_a_wire_error(noise: bytes, command: Command) -> None:
    with contextlib.suppress(WireError):
        wire.decode_request(noise)
    with contextlib.suppress(WireError):
        wire.decode_request(struct.pack("<I", command) + noise)
    with contextlib.suppress(WireError):
        wire.decode_reply_data(command, noise)
