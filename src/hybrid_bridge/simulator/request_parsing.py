"""The package's way of reading its arguments: which types and ranges it takes and how it says no.

Owns the conversions, and the two ways in which they fail: `ArgumentError` becomes None or False with
(-2, text) in last_error; `PendingError` becomes the SystemError that CPython raises when a C function
returns a result while an exception is set, which the package does for some wrong types.

Source: contract of the MetaTrader5 package 5.0.6231 (PyArg_ParseTuple formats and its texts).
"""

import math
import operator
import re
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any, Final

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
INVALID_PARAMS: Final = -2
# What the package's C code gets for an integer that does not fit.
_FAILED: Final = -1
_TYPE_IN_ERROR: Final = re.compile(r"expected str instance, (.+) found$|^'(.+)' object cannot be")
_INT32_MIN: Final = -(2**31)
_INT32_MAX: Final = 2**31 - 1
_UINT32_MAX: Final = 2**32 - 1
_UINT64_MAX: Final = 2**64 - 1


class ArgumentError(Exception):
    """An argument that the package refuses with -2 and this text."""


class PendingError(Exception):
    """An argument that makes the package return while a Python exception is set.

    Attributes:
        cause: that exception.
        last_error: what last_error shows then.
    """

    def __init__(self, cause: Exception, last_error: tuple[int, str]) -> None:
        super().__init__(cause)
        self.cause = cause
        self.last_error = last_error


def refused(cause: Exception, refusal: str) -> PendingError:
    """Make the error of an argument that is refused while an exception is set."""
    return PendingError(cause, (INVALID_PARAMS, refusal))


def c_int(value: object, _: int = 1) -> int:
    """Read a C int: format `i`."""
    try:
        number = operator.index(value)  # type: ignore[arg-type]
    except TypeError as error:
        raise refused(error, INVALID_ARGUMENTS) from None
    if not _INT32_MIN <= number <= _INT32_MAX:
        raise refused(_too_large("C long"), INVALID_ARGUMENTS)
    return int(number)


def c_unsigned_long(value: object, position: int = 1) -> int:
    """Read an unsigned long of 32 bits, as on Windows, without a check of its range: format `k`."""
    if not isinstance(value, int):
        name = "None" if value is None else c_type_name(value)
        raise refused(TypeError(f"argument {position} must be int, not {name}"), INVALID_ARGUMENTS)
    return value & _UINT32_MAX


def c_double(value: object, _: int = 1) -> float:
    """Read a number: format `d`."""
    try:
        # Takes its argument as `d` does and leaves every number as it is.
        return math.ldexp(value, 0)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError) as error:
        raise refused(error, INVALID_ARGUMENTS) from None


def c_truth(value: object, _: int = 1) -> bool:
    """Read a truth value: format `p`."""
    try:
        return bool(value)
    except Exception as error:  # noqa: BLE001 - whatever the object's own code raises
        raise refused(error, INVALID_ARGUMENTS) from None


def c_type_name(value: object) -> str:
    """Give the name of a value's type as C code knows it, with its module for a type made in C."""
    try:
        "".join([value])  # type: ignore[list-item]
        operator.index(value)  # type: ignore[arg-type]
    except TypeError as error:
        found = _TYPE_IN_ERROR.search(str(error))
        if found is not None:
            return found[1] or found[2]
    return type(value).__name__


def symbol(value: object) -> str:
    """Read a symbol: a text of at most 29 UTF-16 units."""
    return text(value, SYMBOL_UNITS_MAX, INVALID_ARGUMENTS)


def date_s(value: object) -> int:
    """Read a date, in whole seconds; a naive datetime is the local time of this computer.

    The package leaves a date of 0 unset and sends whatever lies in its memory; here it is 0.

    Raises:
        ArgumentError: if it is no date.
        OverflowError: for an integer of more than 32 bits.
    """
    if isinstance(value, datetime):
        return _truncated(value.timestamp())
    if isinstance(value, int):
        if not _INT32_MIN <= value <= _INT32_MAX:
            raise _too_large("C long")
        return int(value)
    if isinstance(value, float):
        return _truncated(value)
    raise ArgumentError(INVALID_ARGUMENTS)


def dates_s(values: Iterable[object]) -> tuple[list[int], Exception | None]:
    """Read the dates of a call.

    An integer of more than 32 bits is -1 to the package, which goes on with the call and only then
    returns with the exception set; unless a datetime follows, whose timestamp() fails of it.

    Returns:
        The dates, and the exception that is set.
    Raises:
        ArgumentError: if one is no date.
        PendingError: if one is refused while an exception is set.
    """
    dates: list[int] = []
    pending: Exception | None = None
    for value in values:
        try:
            if pending is not None and isinstance(value, datetime):
                raise refused(set_before(repr(value.timestamp), pending), INVALID_ARGUMENTS)
            dates.append(date_s(value))
        except OverflowError as error:
            pending = error
            dates.append(_FAILED)
        except ArgumentError:
            if pending is not None:
                raise refused(pending, INVALID_ARGUMENTS) from None
            raise
    return dates, pending


def set_before(function: str, cause: Exception) -> SystemError:
    """Make what CPython raises when a C function returns a result while an exception is set."""
    error = SystemError(f"{function} returned a result with an exception set")
    error.__cause__ = cause
    return error


def text(value: object, units_max: int, refusal: str) -> str:
    """Read a text of at most so many UTF-16 units."""
    if not isinstance(value, str) or len(encode_utf16(value)) // 2 > units_max:
        raise ArgumentError(refusal)
    return value


def uint32(value: object, refusal: str) -> int:
    """Read an unsigned int of 32 bits."""
    number = _integer(value, refusal)
    if number < 0:
        raise refused(OverflowError("can't convert negative value to unsigned int"), refusal)
    if number > _UINT32_MAX:
        raise refused(_too_large("C unsigned long"), refusal)
    return number


def uint64(value: object, refusal: str) -> int:
    """Read an unsigned int of 64 bits."""
    number = _integer(value, refusal)
    if number < 0:
        raise refused(OverflowError("can't convert negative int to unsigned"), refusal)
    if number > _UINT64_MAX:
        raise refused(OverflowError("int too big to convert"), refusal)
    return number


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
    number = _integer(value, refusal)
    if not -(2**63) <= number < 2**63:
        raise refused(OverflowError("int too big to convert"), refusal)
    return number


def _request_text(value: object, refusal: str) -> str:
    return text(value, COMMENT_UNITS_MAX, refusal)


def _integer(value: object, refusal: str) -> int:
    if not isinstance(value, int):
        raise ArgumentError(refusal)
    return int(value)


def _too_large(kind: str) -> OverflowError:
    return OverflowError(f"Python int too large to convert to {kind}")


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
