"""The command line: argv to a command and its exit code.

Owns which commands there are and what a person reads when one cannot go on. Exit codes: 0 done or asked to
stop, 2 configuration or what was typed, 3 recovery refused, 4 another bridge runs already, 1 the rest, a
forced stop among them.
"""

import sys
from collections.abc import Callable, Sequence

from hybrid_bridge.commands.run import run
from hybrid_bridge.errors import BridgeError

COMMANDS = """commands:
  status [--json]                            whether a bridge runs here, and whether it would trade
  stop [--reason TEXT] [--close-positions]   halt trading at once, with every channel down too
  resume --reason TEXT                       lift a halt
  limits [--tighten NAME=VALUE ...]          show the limits in force, make them stricter (see limits --help)
  journal [--signal ID] ...                  show or export what happened (see journal --help)
  check [terminal|redpanda|backend] [--json] look at the ways that are needed, step by step, say what is wrong
  service install|remove|status|run          start the bridge with the PC (Windows)
  audit-ticks --from TIME [--to TIME] ...    compare the tick topic with the terminal's history
  log [--lines N]                            the end of the log
  terminals                                  whether MetaTrader 5 is installed here and runs
  update                                     bring the newest version, where this folder was made by git
  simulator ...                              run the simulated terminal alone (see simulator --help)"""


def main(argv: Sequence[str] | None = None, *, websocket_only: bool = False) -> int:
    """Run a command and return its exit code."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    command = COMMAND_TABLE.get(arguments[0]) if arguments else None
    try:
        if command is not None:
            return command(arguments[1:])
        if arguments and not arguments[0].startswith("-"):
            print(f"unknown command: {arguments[0]}\n\n{COMMANDS}", file=sys.stderr)  # noqa: T201
            return 2
        return run(arguments, COMMANDS, websocket_only=websocket_only)
    except BridgeError as error:
        print(error, file=sys.stderr)  # noqa: T201 - the person at the console reads it
        return error.exit_code
    except KeyboardInterrupt:  # While a command was still being loaded.
        print("interrupted", file=sys.stderr)  # noqa: T201
        return 1


def _status(arguments: Sequence[str]) -> int:
    from hybrid_bridge.commands.status import status

    return status(arguments)


def _stop(arguments: Sequence[str]) -> int:
    from hybrid_bridge.commands.stop import stop

    return stop(arguments)


def _resume(arguments: Sequence[str]) -> int:
    from hybrid_bridge.commands.stop import resume

    return resume(arguments)


def _limits(arguments: Sequence[str]) -> int:
    from hybrid_bridge.commands.limits import limits

    return limits(arguments)


def _journal(arguments: Sequence[str]) -> int:
    from hybrid_bridge.commands.journal import journal

    return journal(arguments)


def _check(arguments: Sequence[str]) -> int:
    from hybrid_bridge.commands.check import check

    return check(arguments)


def _service(arguments: Sequence[str]) -> int:
    from hybrid_bridge.commands.service import service

    return service(arguments)


def _audit_ticks(arguments: Sequence[str]) -> int:
    from hybrid_bridge.commands.audit_ticks import audit_ticks

    return audit_ticks(arguments)


def _log(arguments: Sequence[str]) -> int:
    from hybrid_bridge.commands.log import log

    return log(arguments)


def _terminals(arguments: Sequence[str]) -> int:
    from hybrid_bridge.commands.terminals import terminals

    return terminals(arguments)


def _update(arguments: Sequence[str]) -> int:
    from hybrid_bridge.commands.update import update

    return update(arguments)


def _simulator(arguments: Sequence[str]) -> int:
    from hybrid_bridge.simulator.server import main as run_simulator

    return run_simulator(arguments)


COMMAND_TABLE: dict[str, Callable[[Sequence[str]], int]] = {
    "status": _status,
    "stop": _stop,
    "resume": _resume,
    "limits": _limits,
    "journal": _journal,
    "check": _check,
    "service": _service,
    "audit-ticks": _audit_ticks,
    "log": _log,
    "terminals": _terminals,
    "update": _update,
    "simulator": _simulator,
}
