"""What every function of the package does around its own work.

Owns the process's one session and the three calling conventions: no arguments, unnamed arguments
only, or keywords too. Each call starts by setting last_error to (1, "Success"); a refused argument
or a failed call sets it and becomes the function's own None, False or other failure.

Source: contract of the MetaTrader5 package 5.0.6231.
"""

import functools
from collections.abc import Callable
from typing import Any, Final

from hybrid_bridge.simulator import request_parsing as parsing
from hybrid_bridge.simulator.request_parsing import ArgumentError, PendingError
from hybrid_bridge.simulator.session import INVALID_PARAMS, SUCCESS, CallError, Session

# One per process, as in the package.
session: Final = Session()

_Function = Callable[..., Any]
# As PyArg_ParseTuple does it: numbers are read first, and only then what came in as an object.
_NUMBERS: Final[dict[str, Callable[[object], Any]]] = {
    "i": parsing.c_int,
    "k": parsing.c_unsigned_long,
    "d": parsing.c_double,
    "p": bool,
}
_OBJECTS: Final[dict[str, Callable[[object], Any]]] = {
    "S": parsing.symbol,
    "D": parsing.date_s,
}


def no_arguments(on_failure: Any = None) -> Callable[[_Function], _Function]:
    """Make a function of the package that takes no arguments."""

    def decorate(function: _Function) -> _Function:
        @functools.wraps(function)
        def call(*arguments: Any, **keywords: Any) -> Any:
            _refuse_keywords(function, keywords)
            if arguments:
                given = len(arguments)
                raise TypeError(f"{function.__name__}() takes no arguments ({given} given)")
            return run(function.__name__, on_failure, function)

        return call

    return decorate


def unnamed(formats: str, on_failure: Any = None) -> Callable[[_Function], _Function]:
    """Make a function of the package that takes unnamed arguments only.

    Args:
        formats: one letter per argument: S symbol, D date, i int, k unsigned long, d number, p truth
            value; those behind a `|` may be left out.
        on_failure: what it returns when it fails.
    """
    required, _, optional = formats.partition("|")
    letters = required + optional

    def decorate(function: _Function) -> _Function:
        @functools.wraps(function)
        def call(*arguments: Any, **keywords: Any) -> Any:
            _refuse_keywords(function, keywords)
            return run(
                function.__name__,
                on_failure,
                lambda: function(*_read(letters, len(required), arguments)),
            )

        return call

    return decorate


def with_keywords(on_failure: Any = None) -> Callable[[_Function], _Function]:
    """Make a function of the package that reads its unnamed and named arguments itself."""

    def decorate(function: _Function) -> _Function:
        @functools.wraps(function)
        def call(*arguments: Any, **keywords: Any) -> Any:
            return run(function.__name__, on_failure, lambda: function(*arguments, **keywords))

        return call

    return decorate


def run(name: str, on_failure: Any, work: Callable[[], Any]) -> Any:
    """Do one call's work and leave its outcome in last_error.

    Returns:
        What `work` returns, or `on_failure`.
    Raises:
        SystemError: for the wrong types that the package answers so.
    """
    session.last_error = SUCCESS
    try:
        return work()
    except ArgumentError as error:
        session.last_error = (INVALID_PARAMS, str(error))
    except CallError as error:
        session.last_error = (error.code, error.text)
    except PendingError as error:
        raise SystemError(
            f"<built-in function {name}> returned a result with an exception set"
        ) from error.cause
    return on_failure


def _refuse_keywords(function: _Function, keywords: dict[str, Any]) -> None:
    if keywords:
        raise TypeError(f"{function.__name__}() takes no keyword arguments")


def _read(letters: str, required: int, arguments: tuple[Any, ...]) -> list[Any]:
    if not required <= len(arguments) <= len(letters):
        raise ArgumentError(parsing.INVALID_ARGUMENTS)
    values = list(arguments)
    for read in (_NUMBERS, _OBJECTS):
        for position, letter in enumerate(letters[: len(values)]):
            if letter in read:
                values[position] = read[letter](values[position])
    return values
