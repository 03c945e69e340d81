"""The way into the terminal: the Python package, initialize() and what its failures mean.

Owns the reading of the package's codes and texts. Asks through a worker with a deadline. Called by
`inspection`.
"""

import sys

from hybrid_bridge.errors import CallFailed, LaneError
from hybrid_bridge.findings import Fault, Finding, well, wrong
from hybrid_bridge.settings import TerminalSettings
from hybrid_bridge.terminal.diagnosis.asking import Asked, Silent
from hybrid_bridge.terminal.diagnosis.faults import fault
from hybrid_bridge.terminal.diagnosis.operations import PACKAGE
from hybrid_bridge.terminal.operations import CONNECT, ConnectArgs, ConnectReply, Nothing

PACKAGE_STEP, CONNECT_STEP = "Python package", "connection"
# How long initialize() may poll for the terminal's login; a person waits.
LOGIN_POLL_MS_MAX = 15_000
# How much longer than that a terminal may take that answers at all.
PATIENCE_S = 10.0

# initialize()'s codes and what distinguishes the -10003 ones. Source: measured with the package 5.0.6231.
INIT_FAILED, NOT_AUTHORISED, REFUSED = -10003, -10005, -6
_INIT_TEXTS = (
    ("Process create failed", "init_program"),
    ("not found", "terminal_none"),
    ("No MQL5 folder", "terminal_none"),
    ("No origin.txt", "terminal_none"),
    ("Pipe server didn't answer", "init_silent"),
)
_CODES = {
    -2: "init_parameters",
    -5: "init_version",
    REFUSED: "init_refused",
    -7: "login_kind",
    NOT_AUTHORISED: "init_waiting",
}
LINK_CODES = (-10001, -10002, -10004)


async def look_at_package(asked: Asked) -> Finding:
    """See whether the Python package can be loaded."""
    try:
        found = await asked.ask(PACKAGE, Nothing())
    except (LaneError, Silent) as error:
        return wrong(PACKAGE_STEP, package_fault(error))
    numpy = f", NumPy {found.numpy}" if found.numpy else ""
    return well(PACKAGE_STEP, f"MetaTrader5 {found.version or 'of unknown version'}{numpy}")


def package_fault(error: LaneError | Silent) -> Fault:
    """Say why the package cannot be loaded."""
    if not isinstance(error, CallFailed):
        return failure(error)
    key = "package_missing" if "No module named 'MetaTrader5'" in error.text else "package_broken"
    return fault(key, error.text, python=sys.executable)


async def connect(
    asked: Asked, settings: TerminalSettings, path: str, patience_s: float = PATIENCE_S
) -> ConnectReply | Fault:
    """Connect as who only looks; name the account only where the terminal is logged in to none.

    All clients of a terminal share its one account: naming another would switch it for a bridge that runs.
    """
    try:
        return await _initialize(asked, _arguments(settings, path, named=False), patience_s)
    except CallFailed as error:
        named = settings.login is not None and settings.password.get_secret_value()
        if error.code not in (NOT_AUTHORISED, REFUSED) or not named:
            return connect_fault(error)
    except (LaneError, Silent) as error:
        return failure(error)
    try:
        return await _initialize(asked, _arguments(settings, path, named=True), patience_s)
    except CallFailed as error:
        if error.code == REFUSED:
            return fault("login_refused", str(error), login=settings.login)
        return connect_fault(error)
    except (LaneError, Silent) as error:
        return failure(error)


async def _initialize(asked: Asked, args: ConnectArgs, patience_s: float) -> ConnectReply:
    return await asked.ask(CONNECT, args, args.timeout_ms / 1000 + patience_s)


def _arguments(settings: TerminalSettings, path: str, *, named: bool) -> ConnectArgs:
    return ConnectArgs(
        path=path,
        login=settings.login if named else None,
        password=settings.password.get_secret_value() if named else "",
        server=settings.server if named else "",
        timeout_ms=min(settings.timeout_ms, LOGIN_POLL_MS_MAX),
    )


def connect_fault(error: CallFailed) -> Fault:
    """Say what an error of connecting means."""
    if error.code == INIT_FAILED:
        keys = (key for part, key in _INIT_TEXTS if part in error.text)
        return fault(next(keys, "init_failed"), str(error))
    if error.code in LINK_CODES:
        return failure(error)
    return fault(_CODES.get(error.code, "init_failed"), str(error), python=sys.executable)


def failure(error: LaneError | Silent) -> Fault:
    """Say what it means that a question got no answer."""
    if isinstance(error, Silent):
        if error.name == CONNECT.name:
            return fault("init_hung", str(error))
        return fault("call_hung", str(error), call=error.name)
    if not isinstance(error, CallFailed):
        return fault("worker_failed", str(error))
    if error.code in LINK_CODES:
        return fault("link_lost", str(error))
    return fault("call_failed", str(error), call=error.call)
