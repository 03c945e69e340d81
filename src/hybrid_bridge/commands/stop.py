"""`hybrid-bridge stop` and `hybrid-bridge resume`: left in STATE_DIR, where the bridge finds them.

They need no channel, no running bridge and no settings but STATE_DIR.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from hybrid_bridge.commands.options import add_env_file, state_dir_of

TAKEN_TIMEOUT_S = 5.0
REASON_CHARS_MAX = 500
ANSWERS = {
    "emergency_stop": "'EMERGENCY STOP'",
    "resume_trading": "'Trading resumed', or 'Resume refused' and why, or nothing if there was no halt",
}


def stop(arguments: Sequence[str]) -> int:
    """Halt trading and return the exit code: 1 when no bridge took it yet."""
    parser = argparse.ArgumentParser(
        "hybrid-bridge stop", description="Halt trading at once; it stays halted."
    )
    add_env_file(parser)
    parser.add_argument("--reason", default="hybrid-bridge stop", help="kept in the journal and the log")
    parser.add_argument(
        "--close-positions",
        action="store_true",
        help="close every position of the account too, those opened by hand as well",
    )
    options = parser.parse_args(arguments)
    body: dict[str, object] = {"reason": _sent(options.reason), "cancel_orders": True}
    if options.close_positions:
        body["close_positions"] = True
    return _leave(state_dir_of(options), "emergency_stop", body)


def resume(arguments: Sequence[str]) -> int:
    """Lift a halt and return the exit code: 1 when no bridge took it yet."""
    parser = argparse.ArgumentParser("hybrid-bridge resume", description="Lift a halt.")
    add_env_file(parser)
    parser.add_argument(
        "--reason", type=_why, required=True, help="why it is safe again; kept in the journal"
    )
    options = parser.parse_args(arguments)
    return _leave(state_dir_of(options), "resume_trading", {"reason": _sent(options.reason)})


def _why(text: str) -> str:
    if not text.strip():
        raise argparse.ArgumentTypeError("must say why it is safe again, got nothing")
    return text


def _sent(reason: str) -> str:
    """Return a reason as a bridge takes it: a console may hand over what is no text at all."""
    return reason.encode("utf-8", "replace").decode("utf-8")[:REASON_CHARS_MAX]


def _leave(state_dir: Path, kind: str, body: dict[str, object]) -> int:
    from hybrid_bridge.control.local_commands import leave_command, wait_taken

    command = leave_command(state_dir, kind, body)
    if wait_taken(command, TAKEN_TIMEOUT_S):
        print(f"{kind}: the bridge has taken it; its log says {ANSWERS[kind]}")  # noqa: T201
        return 0
    print(  # noqa: T201
        f"{kind}: no bridge with STATE_DIR {state_dir.absolute()} took it within {TAKEN_TIMEOUT_S:g} s; "
        "it will be obeyed before anything else at the next start",
        file=sys.stderr,
    )
    return 1
