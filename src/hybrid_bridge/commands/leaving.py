"""A command that is left in STATE_DIR for the bridge, and the wait until it has acted on it.

`stop`, `resume` and `limits` leave theirs through it. It needs no channel and no running bridge.
"""

import argparse
from pathlib import Path

TAKEN_TIMEOUT_S = 5.0
REASON_CHARS_MAX = 500


def why(text: str) -> str:
    """Take a reason from the command line; an empty one is none."""
    if not text.strip():
        raise argparse.ArgumentTypeError("must say why it is safe again, got nothing")
    return text


def as_sent(reason: str) -> str:
    """Return a reason as a bridge takes it: a console may hand over what is no text at all."""
    return reason.encode("utf-8", "replace").decode("utf-8")[:REASON_CHARS_MAX]


def leave(state_dir: Path, kind: str, body: dict[str, object]) -> bool:
    """Leave a command; tells whether a bridge has acted on it within TAKEN_TIMEOUT_S."""
    from hybrid_bridge.control.local_commands import leave_command, wait_taken

    return wait_taken(leave_command(state_dir, kind, body), TAKEN_TIMEOUT_S)


def not_taken(state_dir: Path, kind: str) -> str:
    """Return what to say when no bridge has acted on it yet."""
    return (
        f"{kind}: no bridge with STATE_DIR {state_dir.absolute()} took it within {TAKEN_TIMEOUT_S:g} s; "
        "it will be obeyed before anything else at the next start"
    )
