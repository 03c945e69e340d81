"""What the commands' options share: which settings, which journal, and how what they say is written out."""

import argparse
import errno
import os
import re
import sys
import time
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

from hybrid_bridge.errors import BridgeError, ConfigurationError

UNITS_S = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800}

CLOSED_PIPE = {errno.EPIPE, errno.EINVAL}  # The latter on Windows.


def add_env_file(parser: argparse.ArgumentParser) -> None:
    """Let a command be told which settings to read."""
    parser.add_argument(
        "--env-file", type=Path, metavar="PATH", help="settings file (default: .env, if there)"
    )


def add_account(parser: argparse.ArgumentParser) -> None:
    """Let a command be told which journal to read."""
    parser.add_argument("--account", metavar="NAME", help="whose journal, when there are several")


def instant(text: str) -> int:
    """Read a point in time as UTC milliseconds: ISO 8601, or how long ago.

    Raises:
        ArgumentTypeError: when it is neither.
    """
    ago = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?)([smhdw])", text.strip())
    if ago:
        return round((time.time() - float(ago[1]) * UNITS_S[ago[2]]) * 1000)
    try:
        at = datetime.fromisoformat(text.strip())
    except ValueError as error:
        accepted = "a time like 2026-11-22T13:00 (UTC) or how long ago, like 2h or 3d"
        raise argparse.ArgumentTypeError(f"must be {accepted}, got {text!r}") from error
    return round((at if at.tzinfo is not None else at.replace(tzinfo=UTC)).timestamp() * 1000)


def state_dir_of(options: argparse.Namespace) -> Path:
    """Return STATE_DIR, whatever else is wrong with the settings.

    Raises:
        ConfigurationError: when it cannot be told.
    """
    from hybrid_bridge.settings import find_state_dir

    return find_state_dir(options.env_file)


def choose_journal(state_dir: Path, account: str | None) -> Path:
    """Return the journal that is meant.

    Raises:
        ConfigurationError: when that is not clear.
        BridgeError: when there is none.
    """
    from hybrid_bridge.journal.reading import find_journals

    journals = find_journals(state_dir)
    where = f"STATE_DIR {state_dir.absolute()}"
    if not journals:
        when = "a bridge makes it when it is first started"
        raise BridgeError(f"no journal in {where}; {when}. Is STATE_DIR that of the bridge you mean?")
    names = ", ".join(journals)
    if account is not None:
        if account not in journals:
            raise ConfigurationError(f"--account: no journal of {account} in {where}; there is {names}")
        return journals[account]
    if len(journals) > 1:
        raise ConfigurationError(f"--account: several journals in {where}; say which: {names}")
    return next(iter(journals.values()))


def print_lines(lines: Iterable[str]) -> None:
    """Print lines that bring their own ends, whatever the console can show and however early it closes."""
    reconfigure = getattr(sys.stdout, "reconfigure", None)
    if reconfigure is not None:
        reconfigure(errors="backslashreplace")  # A console may lack the letters of a comment.
    try:
        sys.stdout.writelines(lines)
        sys.stdout.flush()
    except OSError as error:
        if error.errno not in CLOSED_PIPE:
            raise
        # Whoever reads has seen enough, like `head`; nothing is to be said at the interpreter's end either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
