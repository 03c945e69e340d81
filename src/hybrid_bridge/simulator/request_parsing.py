"""The package's way of reading its arguments: which types and ranges it takes and how it says no.

Owns the conversions, and the two ways in which they fail: `ArgumentError` becomes None or False with
(-2, text) in last_error; `PendingError` becomes the SystemError that CPython raises when a C function
returns a result while an exception is set, which the package does for some wrong types.

Source: contract of the MetaTrader5 package 5.0.6231 (PyArg_ParseTuple formats and its texts).
"""

import operator
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final, SupportsFloat, SupportsIndex

from hybrid_bridge.simulator.records import TradeRequest
from hybrid_bridge.simulator.wire_structs import encode_utf16

INVALID_ARGUMENTS: Final = "Invalid arguments"
INVALID_COUNT: Final = "Invalid number of arguments"
UNNAMED: Final = "Unnamed arguments not allowed"
SYMBOL_UNITS_MAX: Final = 29
COMMENT_UNITS_MAX: Final = 29
GROUP_UNITS_MAX: Final = 1997
CREDENTIAL_UNITS_MAX: Final = 253
PATH_UNITS_MAX: Final = 257
_INT32_MIN: Final = -(2**31)
_INT32_MAX: Final = 2**31 - 1
_UINT32_MAX: Final = 2**32 - 1
_UINT64_MAX: Final = 2**64 - 1


class ArgumentError(Exception):
    """An argument that the package refuses with -2 and this text."""


class PendingError(Exception):
    """An argument that makes the package return while a Python exception is set."""

    def __init__(self, cause: Exception) -> None:
        super().__init__(cause)
        self.cause = cause


def c_int(value: object) -> int:
    """Read a C int: format `i`."""
    try:
        number = operator.index(value)  # type: ignore[arg-type]
    except TypeError as error:
        raise PendingError(error) from None
    return _in_range(number, _INT32_MIN, _INT32_MAX)


def c_unsigned_long(value: object) -> int:
    """Read an unsigned long of 32 bits, as on Windows, without a check of its range: format `k`."""
    if not isinstance(value, int):
        raise PendingError(TypeError(f"argument must be int, not {type(value).__name__}"))
    return value & _UINT32_MAX


def c_double(value: object) -> float:
    """Read a number: format `d`."""
    if not isinstance(value, SupportsFloat | SupportsIndex):
        raise PendingError(TypeError(f"must be real number, not {type(value).__name__}"))
    return float(value)


def symbol(value: object) -> str:
    """Read a symbol: a text of at most 29 UTF-16 units."""
    return text(value, SYMBOL_UNITS_MAX, INVALID_ARGUMENTS)


def date_s(value: object) -> int:
    """Read a date, in whole seconds; a naive datetime is the local time of this computer.

    The package leaves a date of 0 unset and sends whatever lies in its memory; here it is 0.
    """
    if isinstance(value, datetime):
        return _truncated(value.timestamp())
    if isinstance(value, int):
        return _in_range(value, _INT32_MIN, _INT32_MAX)
    if isinstance(value, float):
        return _truncated(value)
    raise ArgumentError(INVALID_ARGUMENTS)


def text(value: object, units_max: int, refusal: str) -> str:
    """Read a text of at most so many UTF-16 units."""
    if not isinstance(value, str) or len(encode_utf16(value)) // 2 > units_max:
        raise ArgumentError(refusal)
    return value


def uint32(value: object, refusal: str) -> int:
    """Read an unsigned int of 32 bits."""
    return _integer(value, 0, _UINT32_MAX, refusal)


def uint64(value: object, refusal: str) -> int:
    """Read an unsigned int of 64 bits."""
    return _integer(value, 0, _UINT64_MAX, refusal)


def trade_request(fields: object) -> TradeRequest:
    """Read a trade request; absent fields are zero, unknown ones are ignored.

    Raises:
        ArgumentError: if `fields` is no dict, or for a field of the wrong type: an int where a float
            is due, a float where an int is due, None anywhere, a text of more than 29 UTF-16 units.
    """
    if not isinstance(fields, dict):
        raise ArgumentError(INVALID_ARGUMENTS)
    return TradeRequest(
        **{
            name: read(fields[name], f'Invalid "{name}" argument')
            for name, read in _REQUEST_FIELDS.items()
            if name in fields
        }
    )


def order_arguments(arguments: tuple[Any, ...], keywords: Mapping[str, Any] | None) -> TradeRequest:
    """Read the arguments of order_send and order_check.

    Args:
        arguments: one dict, or none if there are keywords.
        keywords: None if the call had none; even an empty dictionary forbids unnamed arguments.
    """
    if keywords is not None:
        if arguments:
            raise ArgumentError(UNNAMED)
        return trade_request(dict(keywords))
    if len(arguments) != 1:
        raise ArgumentError(INVALID_COUNT)
    return trade_request(arguments[0])


def _float_only(value: object, refusal: str) -> float:
    if not isinstance(value, float):
        raise ArgumentError(refusal)
    return float(value)


def _int64(value: object, refusal: str) -> int:
    return _integer(value, -(2**63), 2**63 - 1, refusal)


def _request_text(value: object, refusal: str) -> str:
    return text(value, COMMENT_UNITS_MAX, refusal)


def _integer(value: object, lowest: int, highest: int, refusal: str) -> int:
    if not isinstance(value, int):
        raise ArgumentError(refusal)
    return _in_range(int(value), lowest, highest)


def _in_range(number: int, lowest: int, highest: int) -> int:
    if not lowest <= number <= highest:
        raise PendingError(OverflowError(f"{number} is not from {lowest} to {highest}"))
    return int(number)


def _truncated(seconds: float) -> int:
    # What the processor makes of a number that does not fit 32 bits, NaN included.
    return int(seconds) if _INT32_MIN <= seconds <= _INT32_MAX else _INT32_MIN


_REQUEST_FIELDS: Final[dict[str, Callable[[object, str], Any]]] = {
    "action": uint32,
    "magic": uint64,
    "order": uint64,
    "symbol": _request_text,
    "volume": _float_only,
    "price": _float_only,
    "stoplimit": _float_only,
    "sl": _float_only,
    "tp": _float_only,
    "deviation": uint64,
    "type": uint32,
    "type_filling": uint32,
    "type_time": uint32,
    "expiration": _int64,
    "comment": _request_text,
    "position": uint64,
    "position_by": uint64,
}
