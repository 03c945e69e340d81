"""What every function of the package does around its own work.

Owns the process's one session and the three calling conventions: no arguments, unnamed arguments
only, or keywords too. All functions are builtins, as the package's own are. Each call starts by
setting last_error to (1, "Success"); a refused argument or a failed call sets it and becomes the
function's own None, False or other failure.

Source: contract of the MetaTrader5 package 5.0.6231; what CPython 3.11 says of its functions.
"""

import inspect
from collections.abc import Callable, Mapping
from typing import Any, Final

from hybrid_bridge.simulator import request_parsing as parsing
from hybrid_bridge.simulator.native_call import builtin
from hybrid_bridge.simulator.request_parsing import ArgumentError, PendingError
from hybrid_bridge.simulator.session import INVALID_PARAMS, SUCCESS, CallError, Session

# One per process, as in the package.
session: Final = Session()

_Function = Callable[..., Any]
_Keywords = Mapping[str, Any] | None
# Where the package has its functions; some of CPython's words about them name it.
_CORE: Final = "MetaTrader5._core"
# As PyArg_ParseTuple does it: numbers are read first, and only then what came in as an object.
_NUMBERS: Final[dict[str, Callable[[object, int], Any]]] = {
    "i": parsing.c_int,
    "k": parsing.c_unsigned_long,
    "d": parsing.c_double,
    "p": parsing.c_truth,
}


def no_arguments(on_failure: Any = None) -> Callable[[_Function], _Function]:
    """Make a function of the package that takes no arguments."""

    def decorate(function: _Function) -> _Function:
        name = function.__name__

        def call(arguments: tuple[Any, ...], keywords: _Keywords) -> Any:
            _refuse_arguments(name, arguments, keywords)
            return run(name, on_failure, function)

        return _builtin(function, call)

    return decorate


def untouched(function: _Function) -> _Function:
    """Make a function of the package that takes no arguments and leaves last_error as it is."""

    def call(arguments: tuple[Any, ...], keywords: _Keywords) -> Any:
        _refuse_arguments(function.__name__, arguments, keywords)
        return function()

    return _builtin(function, call)


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
        name = function.__name__

        def call(arguments: tuple[Any, ...], keywords: _Keywords) -> Any:
            if keywords:
                raise TypeError(f"{name}() takes no keyword arguments")

            def work() -> Any:
                values, pending = _read(letters, len(required), arguments)
                return finish(pending, lambda: function(*values))

            return run(name, on_failure, work)

        return _builtin(function, call)

    return decorate


def with_keywords(on_failure: Any = None, on_refusal: Any = None) -> Callable[[_Function], _Function]:
    """Make a function of the package that reads its arguments itself.

    The function is called with the tuple of unnamed arguments and with the keywords: None if the call
    had none, which some functions tell from an empty dictionary.

    Args:
        on_failure: what it returns when the terminal refuses.
        on_refusal: what it returns when the arguments are bad.
    """

    def decorate(function: _Function) -> _Function:
        name = function.__name__

        def call(arguments: tuple[Any, ...], keywords: _Keywords) -> Any:
            return run(name, on_failure, lambda: function(arguments, keywords), on_refusal)

        return _builtin(function, call)

    return decorate


def run(name: str, on_failure: Any, work: Callable[[], Any], on_refusal: Any = None) -> Any:
    """Do one call's work and leave its outcome in last_error.

    Returns:
        What `work` returns, or `on_failure`, or `on_refusal` for bad arguments.
    Raises:
        SystemError: for the wrong types that the package answers so.
    """
    session.last_error = SUCCESS
    try:
        return work()
    except ArgumentError as error:
        session.last_error = (INVALID_PARAMS, str(error))
        return on_refusal if on_refusal is not None else on_failure
    except CallError as error:
        session.last_error = (error.code, error.text)
    except PendingError as error:
        session.last_error = error.last_error
        raise parsing.set_before(f"<built-in function {name}>", error.cause) from error.cause
    return on_failure


def finish(pending: Exception | None, work: Callable[[], Any]) -> Any:
    """Do the rest of a call, at whose end the package returns with an exception set, if there is one.

    Raises:
        PendingError: if there is.
    """
    if pending is None:
        return work()
    try:
        work()
    except CallError as error:
        raise PendingError(pending, (error.code, error.text)) from None
    raise PendingError(pending, SUCCESS)


def _builtin(function: _Function, call: Callable[[tuple[Any, ...], _Keywords], Any]) -> _Function:
    return builtin(_CORE, function.__name__, inspect.cleandoc(function.__doc__ or ""), call)


def _refuse_arguments(name: str, arguments: tuple[Any, ...], keywords: _Keywords) -> None:
    if keywords:
        raise TypeError(f"{_CORE}.{name}() takes no keyword arguments")
    if arguments:
        raise TypeError(f"{_CORE}.{name}() takes no arguments ({len(arguments)} given)")


def _read(letters: str, required: int, arguments: tuple[Any, ...]) -> tuple[list[Any], Exception | None]:
    if not required <= len(arguments) <= len(letters):
        raise ArgumentError(parsing.INVALID_ARGUMENTS)
    values = list(arguments)
    given = list(enumerate(letters[: len(values)]))
    for place, letter in given:
        if letter in _NUMBERS:
            values[place] = _NUMBERS[letter](values[place], place + 1)
    for place, letter in given:
        if letter == "S":
            values[place] = parsing.symbol(values[place])
    dated = [place for place, letter in given if letter == "D"]
    dates, pending = parsing.dates_s(values[place] for place in dated)
    for place, date in zip(dated, dates, strict=True):
        values[place] = date
    return values, pending
