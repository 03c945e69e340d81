"""The command line: argv to a command and its exit code.

Owns options, exit codes and what a person reads when the bridge cannot start. Exit codes: 0 asked to stop,
2 configuration, 3 recovery refused, 1 the rest, a forced stop among them. Imports late what takes long, so
that a signal at any moment after the start ends the bridge as it should.
"""

import argparse
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from hybrid_bridge import __version__
from hybrid_bridge.errors import BridgeError

TAKEN_TIMEOUT_S = 5.0

DESCRIPTION = """Joins a MetaTrader 5 terminal to an AI trading backend over Redpanda and a WebSocket.

Without a command it runs the bridge with the settings of the environment and of .env."""
COMMANDS = """commands:
  stop [--reason TEXT] [--close-positions]   halt trading at once, with every channel down too
  resume --reason TEXT                       lift a halt
  simulator ...                              run the simulated terminal alone (see simulator --help)"""


def main(argv: Sequence[str] | None = None, *, websocket_only: bool = False) -> int:
    """Run a command and return its exit code."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    command = COMMAND_TABLE.get(arguments[0]) if arguments else None
    try:
        if command is not None:
            return command(arguments[1:])
        return _run_until_asked(_parse_run(arguments), websocket_only=websocket_only)
    except BridgeError as error:
        print(error, file=sys.stderr)  # noqa: T201 - the person at the console reads it
        return error.exit_code


def _common(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--env-file", type=Path, metavar="PATH", help="settings file (default: .env, if there)"
    )


def _parse_run(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        "hybrid-bridge",
        description=DESCRIPTION,
        epilog=COMMANDS,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    _common(parser)
    parser.add_argument("--demo", action="store_true", help="terminal, broker and backend simulated here")
    parser.add_argument(
        "--ticks", action="append", default=[], metavar="FILE", help="tick file to replay (repeatable)"
    )
    parser.add_argument("--duration", type=_seconds, metavar="SECONDS", help="stop by itself after this time")
    parser.add_argument("--summary", type=Path, metavar="FILE", help="write figures as JSON at the end")
    parser.add_argument("--log-format", choices=("console", "json"), default="console")
    parser.add_argument("--version", action="version", version=f"hybrid-bridge {__version__}")
    return parser.parse_args(arguments)


def _seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < 1e9:
        raise argparse.ArgumentTypeError(f"must be a positive number of seconds, got {text!r}")
    return value


def _run_until_asked(options: argparse.Namespace, *, websocket_only: bool) -> int:
    """Run the bridge; whoever asks for a stop before it can listen is obeyed as soon as it can."""
    stops_seen: list[int] = []

    def note(number: int, _frame: object) -> None:
        stops_seen.append(number)

    _on_stop_signals(note)
    try:
        return _run_bridge(options, stops_seen, websocket_only=websocket_only)
    finally:
        _on_stop_signals(signal.SIG_IGN)  # It is ending already.


def _on_stop_signals(action: "Callable[[int, object], None] | signal.Handlers") -> None:
    signal.signal(signal.SIGINT, action)
    signal.signal(signal.SIGTERM, action)
    if sys.platform == "win32":
        signal.signal(signal.SIGBREAK, action)


def _run_bridge(options: argparse.Namespace, stops_seen: Sequence[int], *, websocket_only: bool) -> int:
    import asyncio

    from hybrid_bridge import app
    from hybrid_bridge.settings import load_settings

    overrides: dict[str, object] = {"simulation_mode": True} if options.ticks or options.demo else {}
    if options.ticks:
        # Played by a terminal of this run's own, not by one that may be running with other ticks.
        overrides |= {"sim_ticks": tuple(options.ticks), "sim_address": ""}
    plan = app.RunPlan(
        hybrid=not websocket_only,
        demo=options.demo,
        duration_s=options.duration,
        summary=options.summary,
        log_format=options.log_format,
    )
    if options.demo:
        from hybrid_bridge.demo.stage import demo_overrides

        overrides |= demo_overrides(options.ticks)
    settings = load_settings(options.env_file, overrides)
    return asyncio.run(app.run(settings, plan, stops_seen))


def _stop(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(
        "hybrid-bridge stop", description="Halt trading at once; it stays halted."
    )
    _common(parser)
    parser.add_argument("--reason", default="hybrid-bridge stop", help="kept in the journal and the log")
    parser.add_argument("--close-positions", action="store_true", help="close every open position too")
    options = parser.parse_args(arguments)
    body: dict[str, object] = {"reason": options.reason, "cancel_orders": True}
    if options.close_positions:
        body["close_positions"] = True
    return _leave(_state_dir(options), "emergency_stop", body)


def _resume(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser("hybrid-bridge resume", description="Lift a halt.")
    _common(parser)
    parser.add_argument("--reason", required=True, help="why it is safe again; kept in the journal")
    options = parser.parse_args(arguments)
    return _leave(_state_dir(options), "resume_trading", {"reason": options.reason})


def _state_dir(options: argparse.Namespace) -> Path:
    from hybrid_bridge.settings import find_state_dir

    return find_state_dir(options.env_file)


def _leave(state_dir: Path, kind: str, body: dict[str, object]) -> int:
    from hybrid_bridge.control.local_commands import leave_command, wait_taken

    command = leave_command(state_dir, kind, body)
    if wait_taken(command, TAKEN_TIMEOUT_S):
        print(f"{kind}: the bridge has taken it; see its log for what it did")  # noqa: T201
        return 0
    print(  # noqa: T201
        f"{kind}: no bridge with STATE_DIR {state_dir.absolute()} took it within {TAKEN_TIMEOUT_S:g} s; "
        "it will be obeyed before anything else at the next start",
        file=sys.stderr,
    )
    return 1


def _simulator(arguments: Sequence[str]) -> int:
    from hybrid_bridge.simulator.server import main as run_simulator

    return run_simulator(arguments)


COMMAND_TABLE: dict[str, Callable[[Sequence[str]], int]] = {
    "stop": _stop,
    "resume": _resume,
    "simulator": _simulator,
}
