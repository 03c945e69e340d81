"""Running the bridge: its options, and the signals that end it before it can listen itself.

Imports late what takes long, so that a signal at any moment after the start ends the bridge as it should.
"""

import argparse
import signal
from collections.abc import Callable, Sequence
from pathlib import Path

from hybrid_bridge import __version__
from hybrid_bridge.commands.options import add_env_file
from hybrid_bridge.host import stop_signals
from hybrid_bridge.host.endings import Endings, watch_endings

HYBRID = """Joins a MetaTrader 5 terminal to an AI trading backend over Redpanda and a WebSocket.

Without a command it runs the bridge with the settings of the environment and of .env."""
WEBSOCKET_ONLY = """Joins a MetaTrader 5 terminal to an AI trading backend over a WebSocket alone: without
Redpanda, ticks are the present price and signals come from the backend.

Without a command it runs the bridge with the settings of the environment and of .env."""


def run(arguments: Sequence[str], commands: str, *, websocket_only: bool) -> int:
    """Run the bridge until it is asked to stop.

    Args:
        commands: what the help says of them.
    """
    return _run_until_asked(_parse(arguments, commands, websocket_only), websocket_only=websocket_only)


def _parse(arguments: Sequence[str], commands: str, websocket_only: bool) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        "run_bridge.py" if websocket_only else "hybrid-bridge",
        description=WEBSOCKET_ONLY if websocket_only else HYBRID,
        epilog=commands,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_env_file(parser)
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
    endings = watch_endings()
    try:
        return _run_bridge(options, stops_seen, endings, websocket_only=websocket_only)
    finally:
        _on_stop_signals(signal.SIG_IGN)  # It is ending already.
        endings.done()


def _on_stop_signals(action: "Callable[[int, object], None] | signal.Handlers") -> None:
    for number in stop_signals.numbers():
        signal.signal(number, action)


def _run_bridge(
    options: argparse.Namespace, stops_seen: Sequence[int], endings: Endings, *, websocket_only: bool
) -> int:
    import asyncio

    from hybrid_bridge import app
    from hybrid_bridge.configured import check_runnable
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
    check_runnable(settings)
    return asyncio.run(app.run(settings, plan, stops_seen, endings))
