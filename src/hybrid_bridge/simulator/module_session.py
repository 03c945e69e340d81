"""The package's functions about the connection, the terminal and the account.

Owns initialize, login, shutdown, version, last_error, terminal_info and account_info. Called through
`module`, whose docstring says what they stand in for.

The terminal is a simulated one. Its address is the path given to initialize, if that reads "host:port"
or "tcp://host:port", else the environment variable SIM_ADDRESS, else 127.0.0.1:18812; any other path is
accepted and says nothing. If nobody listens there, initialize tries again for as long as a `timeout` was
given for, else it fails at once; the genuine package takes 100 s.
"""

import os
import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from hybrid_bridge.simulator import request_parsing as parsing
from hybrid_bridge.simulator import result_types
from hybrid_bridge.simulator.package_call import (
    finish,
    no_arguments,
    session,
    untouched,
    with_keywords,
)
from hybrid_bridge.simulator.request_parsing import ArgumentError
from hybrid_bridge.simulator.session import Address, CallError
from hybrid_bridge.simulator.wire import Command

DEFAULT_ADDRESS: Final = ("127.0.0.1", 18812)
ADDRESS_VARIABLE: Final = "SIM_ADDRESS"
_DEFAULT_TIMEOUT_MS: Final = 60_000
# At least two characters before the colon, so that C:/terminal64.exe stays a path.
_ADDRESS: Final = re.compile(r"(?:tcp://)?(\[[0-9A-Fa-f:.]+\]|[\w.-]{2,}):(\d{1,5})")


@with_keywords(on_failure=False)
def initialize(arguments: tuple[Any, ...], keywords: Mapping[str, Any] | None) -> Any:
    """initialize([path],[server="SERVER"],[login=LOGIN],[password="PASSWORD"])

    Establish connection to MetaTrader 5 terminal
    """
    session.close()
    values = keywords or {}
    path = _read_path(arguments, values)
    number = _read_number(values, "login", parsing.uint64)
    account = (number, _read_credential(values, "password"), _read_credential(values, "server"))
    timeout_ms = _read_number(values, "timeout", parsing.uint32)
    return finish(_pending_of_portable(values), lambda: _connect(path, account, timeout_ms))


def _connect(path: str, account: tuple[int, str, str], timeout_ms: int) -> bool:
    session.connect(_find_terminal(path), retry_ms=timeout_ms)
    try:
        session.authorise(account if any(account) else None, timeout_ms or _DEFAULT_TIMEOUT_MS)
    except CallError:
        session.close()
        raise
    return True


@with_keywords(on_failure=False)
def login(arguments: tuple[Any, ...], keywords: Mapping[str, Any] | None) -> bool:
    """login(login,[server="SERVER"],[password="PASSWORD"])

    Log in to specific account
    """
    # The second unnamed argument is the password and the third the server, whatever the line above says:
    # it is the package's own.
    if len(arguments) > 3:
        raise ArgumentError(parsing.INVALID_COUNT)
    named = dict(zip(("login", "password", "server"), arguments, strict=False))
    refusals = {
        name: f"Invalid {ordinal} unnamed argument"
        for name, ordinal in zip(named, ("1st", "2nd", "3rd"), strict=False)
    }
    values = {**(keywords or {}), **named}
    number = _read_number(values, "login", parsing.uint64, refusals.get("login"))
    password = _read_credential(values, "password", refusals.get("password"))
    server = _read_credential(values, "server", refusals.get("server"))
    timeout_ms = _read_number(values, "timeout", parsing.uint32) or _DEFAULT_TIMEOUT_MS
    if not number:
        raise ArgumentError('Invalid "login" argument')
    session.authorise((number, password, server), timeout_ms)
    return True


@no_arguments()
def shutdown() -> bool:
    """shutdown()

    Disconnect from MetaTrader 5 terminal
    """
    session.close()
    return True


@no_arguments(on_failure=(0, 0, ""))
def version() -> Any:
    """version()

    Get MetaTrader 5 terminal version
    """
    return session.call(Command.VERSION, 0)


@no_arguments()
def terminal_info() -> Any:
    """terminal_info()

    Get parameters of MetaTrader 5 terminal
    """
    return result_types.TerminalInfo(session.call(Command.TERMINAL_INFO))


@no_arguments()
def account_info() -> Any:
    """account_info()

    Return information on the current account
    """
    return result_types.AccountInfo(session.call(Command.ACCOUNT_INFO))


@untouched
def last_error() -> tuple[int, str]:
    """last_error()

    Return last error code and description
    """
    return session.last_error


def _read_path(arguments: tuple[Any, ...], keywords: Mapping[str, Any]) -> str:
    if len(arguments) > 1:
        raise ArgumentError(parsing.INVALID_COUNT)
    if arguments:
        return parsing.text(arguments[0], parsing.PATH_UNITS_MAX, "Invalid 1st unnamed argument")
    path = keywords.get("path", "")
    return parsing.text(path, parsing.PATH_UNITS_MAX, 'Invalid "path" argument')


def _read_number(
    values: Mapping[str, Any],
    name: str,
    read: Callable[[object, str], int],
    refusal: str | None = None,
) -> int:
    return read(values[name], refusal or f'Invalid "{name}" argument') if name in values else 0


def _read_credential(values: Mapping[str, Any], name: str, refusal: str | None = None) -> str:
    return parsing.text(
        values.get(name, ""),
        parsing.CREDENTIAL_UNITS_MAX,
        refusal or f'Invalid "{name}" argument',
    )


def _pending_of_portable(values: Mapping[str, Any]) -> Exception | None:
    """Ask for the truth value of `portable`, of which nothing follows here, as the package does."""
    try:
        bool(values.get("portable"))
    except Exception as error:  # noqa: BLE001 - whatever the object's own code raises
        return error
    return None


def _find_terminal(path: str) -> Address:
    match = _ADDRESS.fullmatch(path)
    named = os.environ.get(ADDRESS_VARIABLE, "")
    if match is None and named:
        match = _ADDRESS.fullmatch(named)
        if match is None:
            raise ValueError(f"{ADDRESS_VARIABLE} must read host:port, got {named!r}")
    if match is None:
        return DEFAULT_ADDRESS
    return match[1].strip("[]"), int(match[2])
