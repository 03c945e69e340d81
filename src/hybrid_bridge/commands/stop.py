"""`hybrid-bridge stop` and `hybrid-bridge resume`: left in STATE_DIR, where the bridge finds them.

They need no channel, no running bridge and no settings but STATE_DIR.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from hybrid_bridge.commands.leaving import as_sent, leave, not_taken, why
from hybrid_bridge.commands.options import add_env_file, state_dir_of

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
    body: dict[str, object] = {"reason": as_sent(options.reason), "cancel_orders": True}
    if options.close_positions:
        body["close_positions"] = True
    return _leave(state_dir_of(options), "emergency_stop", body)


def resume(arguments: Sequence[str]) -> int:
    """Lift a halt and return the exit code: 1 when no bridge took it yet."""
    parser = argparse.ArgumentParser("hybrid-bridge resume", description="Lift a halt.")
    add_env_file(parser)
    parser.add_argument("--reason", type=why, required=True, help="why it is safe again; kept in the journal")
    options = parser.parse_args(arguments)
    return _leave(state_dir_of(options), "resume_trading", {"reason": as_sent(options.reason)})


def _leave(state_dir: Path, kind: str, body: dict[str, object]) -> int:
    if leave(state_dir, kind, body):
        print(f"{kind}: the bridge has taken it; its log says {ANSWERS[kind]}")  # noqa: T201
        return 0
    print(not_taken(state_dir, kind), file=sys.stderr)  # noqa: T201
    return 1
