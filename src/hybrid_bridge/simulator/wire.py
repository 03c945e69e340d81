"""The terminal's pipe protocol: frames, the parameters of every command, the data of every reply.

Owns the table of commands and both directions of the codec, for the server and for the
module-shaped client alike. Opens no socket and decides nothing.

    request   u32 length | u32 command | parameters              length = 4 + size of the parameters
    reply     u32 length | u32 command | i32 result | data       length = 8 + size of the data

A negative result is an error and its data is ignored; the data of any other must have exactly the
expected size.

Source: measured with the genuine package 5.0.6231 (cp311).
"""

import struct
from enum import IntEnum
from typing import Any, Final, NamedTuple, Protocol

from hybrid_bridge.simulator import wire_structs as structs
from hybrid_bridge.simulator.wire_structs import (
    StructLayout,
    WireError,
    decode_utf16,
    encode_utf16,
)

API_VERSION: Final = 3
CLIENT_NAME: Final = "Python"
AUTHORISED: Final = 2
REFUSED: Final = 3
# The largest request of the genuine package is symbols_get with a group of 1997 units: 4 kB.
MAX_REQUEST_BYTES: Final = 16_384

LENGTH: Final = struct.Struct("<I")
_REQUEST_HEAD: Final = struct.Struct("<II")
_REPLY_HEAD: Final = struct.Struct("<IIi")
_REPLY_BODY: Final = struct.Struct("<Ii")
_COUNT: Final = LENGTH
_VERSION: Final = struct.Struct("<ii")
_SUCCESS: Final = 1


class Command(IntEnum):
    """The commands that the package sends."""

    VERSION = 1
    HELLO = 4
    LOGIN = 5
    COPY_TICKS_FROM = 104
    COPY_TICKS_RANGE = 105
    COPY_RATES_FROM = 106
    COPY_RATES_RANGE = 107
    COPY_RATES_FROM_POS = 108
    AUTHORISATION = 109
    POSITIONS_TOTAL = 120
    POSITIONS_GET = 121
    POSITIONS_GET_SYMBOL = 122
    POSITIONS_GET_TICKET = 123
    ORDERS_TOTAL = 130
    ORDERS_GET = 131
    ORDERS_GET_SYMBOL = 132
    ORDERS_GET_TICKET = 133
    HISTORY_ORDERS_TOTAL = 140
    HISTORY_ORDERS_GET = 141
    HISTORY_ORDERS_GET_POSITION = 142
    HISTORY_ORDERS_GET_TICKET = 143
    HISTORY_DEALS_TOTAL = 150
    HISTORY_DEALS_GET = 151
    HISTORY_DEALS_GET_POSITION = 152
    HISTORY_DEALS_GET_TICKET = 153
    ORDER_CHECK = 160
    ORDER_SEND = 161
    ORDER_CALC_MARGIN = 162
    ORDER_CALC_PROFIT = 163
    SYMBOL_INFO = 170
    SYMBOL_SELECT = 171
    SYMBOL_INFO_TICK = 172
    SYMBOLS_TOTAL = 173
    SYMBOLS_GET = 174
    SYMBOLS_GET_GROUP = 175
    TERMINAL_INFO = 180
    ACCOUNT_INFO = 190
    MARKET_BOOK_ADD = 191
    MARKET_BOOK_RELEASE = 192
    MARKET_BOOK_GET = 193


class ReplyForm(Protocol):
    """How the data of a reply is laid out."""

    def encode(self, value: Any) -> bytes: ...

    def decode(self, data: bytes) -> Any: ...


class _Nothing:
    def encode(self, value: None) -> bytes:
        if value is not None:
            raise WireError(f"the reply carries no data, got {value!r}")
        return b""

    def decode(self, data: bytes) -> None:
        _require_size(data, 0)


class _Number:
    def __init__(self, code: str) -> None:
        self._struct = struct.Struct("<" + code)

    def encode(self, value: float) -> bytes:
        try:
            return self._struct.pack(value)
        except struct.error as error:
            raise WireError(f"a number of the reply does not fit: {value!r} ({error})") from error

    def decode(self, data: bytes) -> Any:
        _require_size(data, self._struct.size)
        return self._struct.unpack(data)[0]


class _One:
    def __init__(self, layout: StructLayout[Any]) -> None:
        self._layout = layout
        self.encode = layout.pack

    def decode(self, data: bytes) -> Any:
        _require_size(data, self._layout.size)
        return self._layout.unpack(data)


class _Many:
    def __init__(self, layout: StructLayout[Any]) -> None:
        self._layout = layout

    def encode(self, value: tuple[Any, ...]) -> bytes:
        return _COUNT.pack(len(value)) + b"".join(map(self._layout.pack, value))

    def decode(self, data: bytes) -> tuple[Any, ...]:
        count = _require_rows(data, self._layout.size)
        return self._layout.unpack_all(data, _COUNT.size, count)


class _Rows:
    """Rows that stay bytes on both sides: the arrays of ticks and bars."""

    def __init__(self, layout: StructLayout[Any]) -> None:
        self._size = layout.size

    def encode(self, value: bytes) -> bytes:
        count, rest = divmod(len(value), self._size)
        if rest:
            raise WireError(f"rows of {self._size} bytes expected, got {len(value)} bytes")
        return _COUNT.pack(count) + value

    def decode(self, data: bytes) -> bytes:
        _require_rows(data, self._size)
        return data[_COUNT.size :]


class _Version:
    def encode(self, value: tuple[int, int, str]) -> bytes:
        version, build, date = value
        return _VERSION.pack(version, build) + _encode_text(date)

    def decode(self, data: bytes) -> tuple[int, int, str]:
        if len(data) < _VERSION.size:
            raise WireError(f"at least {_VERSION.size} bytes of data expected, got {len(data)}")
        version, build = _VERSION.unpack_from(data)
        date, end = _decode_text(data, _VERSION.size)
        _require_size(data, end)
        # The package has room for 127 units and a NUL; a longer date it shows as no date at all.
        shown = date.partition("\0")[0] if len(encode_utf16(date)) <= 254 else ""
        return version, build, shown


class _Spec(NamedTuple):
    parameters: str
    reply: ReplyForm


_U32: Final = _Number("I")
_F64: Final = _Number("d")
_NOTHING: Final = _Nothing()
_TICK_ROWS: Final = _Rows(structs.TICK)
_RATE_ROWS: Final = _Rows(structs.RATE)
_POSITIONS: Final = _Many(structs.TRADE_POSITION)
_ORDERS: Final = _Many(structs.TRADE_ORDER)
_DEALS: Final = _Many(structs.TRADE_DEAL)
_SYMBOLS: Final = _Many(structs.SYMBOL_INFO)

# Parameters: codes of the struct module, `T` a counted text, `R` a whole trade request.
_SPECS: Final[dict[Command, _Spec]] = {
    Command.VERSION: _Spec("I", _Version()),
    Command.HELLO: _Spec("IT", _U32),
    Command.LOGIN: _Spec("IQTT", _NOTHING),
    Command.COPY_TICKS_FROM: _Spec("Tqii", _TICK_ROWS),
    Command.COPY_TICKS_RANGE: _Spec("Tqqi", _TICK_ROWS),
    Command.COPY_RATES_FROM: _Spec("Tiqi", _RATE_ROWS),
    Command.COPY_RATES_RANGE: _Spec("Tiqq", _RATE_ROWS),
    Command.COPY_RATES_FROM_POS: _Spec("Tiii", _RATE_ROWS),
    Command.AUTHORISATION: _Spec("", _U32),
    Command.POSITIONS_TOTAL: _Spec("", _U32),
    Command.POSITIONS_GET: _Spec("", _POSITIONS),
    Command.POSITIONS_GET_SYMBOL: _Spec("T", _POSITIONS),
    Command.POSITIONS_GET_TICKET: _Spec("Q", _One(structs.TRADE_POSITION)),
    Command.ORDERS_TOTAL: _Spec("", _U32),
    Command.ORDERS_GET: _Spec("", _ORDERS),
    Command.ORDERS_GET_SYMBOL: _Spec("T", _ORDERS),
    Command.ORDERS_GET_TICKET: _Spec("Q", _One(structs.TRADE_ORDER)),
    Command.HISTORY_ORDERS_TOTAL: _Spec("qq", _U32),
    Command.HISTORY_ORDERS_GET: _Spec("qq", _ORDERS),
    Command.HISTORY_ORDERS_GET_POSITION: _Spec("Q", _ORDERS),
    Command.HISTORY_ORDERS_GET_TICKET: _Spec("Q", _One(structs.TRADE_ORDER)),
    Command.HISTORY_DEALS_TOTAL: _Spec("qq", _U32),
    Command.HISTORY_DEALS_GET: _Spec("qq", _DEALS),
    Command.HISTORY_DEALS_GET_POSITION: _Spec("Q", _DEALS),
    Command.HISTORY_DEALS_GET_TICKET: _Spec("Q", _One(structs.TRADE_DEAL)),
    Command.ORDER_CHECK: _Spec("R", _One(structs.ORDER_CHECK_RESULT)),
    Command.ORDER_SEND: _Spec("R", _One(structs.ORDER_SEND_RESULT)),
    Command.ORDER_CALC_MARGIN: _Spec("ITdd", _F64),
    Command.ORDER_CALC_PROFIT: _Spec("ITddd", _F64),
    Command.SYMBOL_INFO: _Spec("T", _One(structs.SYMBOL_INFO)),
    Command.SYMBOL_SELECT: _Spec("T?", _NOTHING),
    Command.SYMBOL_INFO_TICK: _Spec("T", _One(structs.TICK)),
    Command.SYMBOLS_TOTAL: _Spec("", _U32),
    Command.SYMBOLS_GET: _Spec("", _SYMBOLS),
    Command.SYMBOLS_GET_GROUP: _Spec("T", _SYMBOLS),
    Command.TERMINAL_INFO: _Spec("", _One(structs.TERMINAL_INFO)),
    Command.ACCOUNT_INFO: _Spec("", _One(structs.ACCOUNT_INFO)),
    Command.MARKET_BOOK_ADD: _Spec("T", _NOTHING),
    Command.MARKET_BOOK_RELEASE: _Spec("T", _NOTHING),
    Command.MARKET_BOOK_GET: _Spec("T", _Many(structs.BOOK_INFO)),
}
_CODES: Final = {code: struct.Struct("<" + code) for code in "IQiqd?"}


def encode_request(command: Command, *parameters: Any) -> bytes:
    """Build the frame of a request.

    Args:
        command: what to ask for.
        parameters: its parameters, in the order of the wire.
    Returns:
        The whole frame, to be sent in one write.
    Raises:
        WireError: if a parameter is missing, surplus or does not fit.
    """
    codes = _SPECS[command].parameters
    if len(codes) != len(parameters):
        raise WireError(f"{command.name} takes {len(codes)} parameters, got {len(parameters)}")
    try:
        packed = b"".join(map(_encode_parameter, codes, parameters))
    except struct.error as error:
        raise WireError(f"{command.name}: a parameter does not fit: {error}") from error
    return _REQUEST_HEAD.pack(4 + len(packed), command) + packed


def decode_request(body: bytes) -> tuple[Command, tuple[Any, ...]]:
    """Read a request without its leading length.

    Returns:
        The command and its parameters, in the order of the wire.
    Raises:
        UnknownCommandError: if the number is none of the protocol's.
        WireError: if the parameters are cut short, too long or no proper text.
    """
    if len(body) < LENGTH.size:
        raise WireError(f"a request of {len(body)} bytes has no command number")
    (number,) = LENGTH.unpack_from(body)
    try:
        command = Command(number)
    except ValueError:
        raise UnknownCommandError(number) from None
    values, at = [], LENGTH.size
    for code in _SPECS[command].parameters:
        value, at = _decode_parameter(code, body, at)
        values.append(value)
    if at != len(body):
        raise WireError(f"{command.name}: {len(body) - at} surplus bytes in the request")
    return command, tuple(values)


def command_number(body: bytes) -> int:
    """Read the command number of a request, whose parameters may be malformed."""
    number: int = LENGTH.unpack_from(body)[0]
    return number


def encode_reply(command: Command, value: Any) -> bytes:
    """Build the frame of a successful reply.

    Returns:
        The whole frame, to be sent in one write: the package reads the body in one go.
    Raises:
        WireError: if the value does not fit the command's reply.
    """
    data = _SPECS[command].reply.encode(value)
    return _REPLY_HEAD.pack(8 + len(data), command, _SUCCESS) + data


def encode_error(command: int, code: int) -> bytes:
    """Build the frame of a refusal; `code` is negative."""
    return _REPLY_HEAD.pack(8, command, code)


def decode_reply(body: bytes) -> tuple[int, int, bytes]:
    """Split a reply, without its leading length, into command number, result and data.

    Raises:
        WireError: if it is too short to hold the first two.
    """
    if len(body) < _REPLY_BODY.size:
        raise WireError(f"a reply of {len(body)} bytes has no command and result")
    command, result = _REPLY_BODY.unpack_from(body)
    return command, result, body[_REPLY_BODY.size :]


def decode_reply_data(command: Command, data: bytes) -> Any:
    """Read the data of a successful reply.

    Returns:
        None, a number, a record, a tuple of records, or the bytes of rows, as the command has it.
    Raises:
        WireError: if the data does not have exactly the expected size.
    """
    return _SPECS[command].reply.decode(data)


class UnknownCommandError(WireError):
    """A request whose command number the protocol does not have."""

    def __init__(self, number: int) -> None:
        super().__init__(f"unknown command {number}")
        self.number = number


def _encode_parameter(code: str, value: Any) -> bytes:
    if code == "T":
        return _encode_text(value)
    if code == "R":
        return structs.TRADE_REQUEST.pack(value)
    return _CODES[code].pack(value)


def _decode_parameter(code: str, body: bytes, at: int) -> tuple[Any, int]:
    if code == "T":
        return _decode_text(body, at)
    if code == "R":
        return structs.TRADE_REQUEST.unpack(body, at), at + structs.TRADE_REQUEST.size
    packed = _CODES[code]
    if at + packed.size > len(body):
        raise WireError(f"{packed.size} bytes expected at offset {at}, the frame has {len(body)}")
    return packed.unpack_from(body, at)[0], at + packed.size


def _encode_text(text: str) -> bytes:
    units = encode_utf16(text)
    return _COUNT.pack(len(units) // 2) + units


def _decode_text(body: bytes, at: int) -> tuple[str, int]:
    start = at + _COUNT.size
    if start > len(body):
        raise WireError(f"a text's length expected at offset {at}, the frame has {len(body)} bytes")
    end = start + 2 * _COUNT.unpack_from(body, at)[0]
    if end > len(body):
        raise WireError(f"a text runs to byte {end}, the frame has {len(body)}")
    return decode_utf16(body[start:end]), end


def _require_size(data: bytes, size: int) -> None:
    if len(data) != size:
        raise WireError(f"{size} bytes of data expected, got {len(data)}")


def _require_rows(data: bytes, size: int) -> int:
    if len(data) < _COUNT.size:
        raise WireError(f"the count of rows expected, got {len(data)} bytes")
    count: int = _COUNT.unpack_from(data)[0]
    _require_size(data, _COUNT.size + count * size)
    return count
