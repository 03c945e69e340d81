"""`hybrid-bridge log`: the log of this folder's settings, its last lines or the whole in Notepad.

It only reads, beside a running bridge or without one.
"""

import argparse
import subprocess
import sys
from collections import deque
from collections.abc import Sequence
from pathlib import Path

from hybrid_bridge.commands.options import add_env_file, print_lines
from hybrid_bridge.errors import BridgeError
from hybrid_bridge.settings import look_up_settings

LINES = 40
LINES_MAX = 100_000


def log(arguments: Sequence[str]) -> int:
    """Show the log and return the exit code.

    Raises:
        BridgeError: when there is none or it cannot be read.
    """
    parser = argparse.ArgumentParser("hybrid-bridge log", description="Shows the end of the log.")
    add_env_file(parser)
    parser.add_argument(
        "--lines", type=_count, default=LINES, metavar="N", help=f"how many (default {LINES})"
    )
    if sys.platform == "win32":
        parser.add_argument("--notepad", action="store_true", help="open the whole log in Notepad")
    options = parser.parse_args(arguments)
    path = Path(look_up_settings(("log_file",), options.env_file).log_file).absolute()
    if not path.is_file():
        raise BridgeError(f"no log at {path}; a bridge writes it when it is first started")
    if getattr(options, "notepad", False):
        _open(path)
    else:
        print_lines(_last(path, options.lines))
    return 0


def _count(text: str) -> int:
    count = int(text) if text.isascii() and text.isdigit() else 0
    if not 1 <= count <= LINES_MAX:
        raise argparse.ArgumentTypeError(f"must be a number from 1 to {LINES_MAX}, got {text!r}")
    return count


def _last(path: Path, count: int) -> list[str]:
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            return list(deque(file, count))
    except OSError as error:
        raise BridgeError(f"{path}: {error.strerror}; see that this user may read it") from error


def _open(path: Path) -> None:
    try:
        subprocess.Popen(["notepad", str(path)])  # noqa: S603, S607 - Windows' own, for the person who asked
    except OSError as error:
        raise BridgeError(f"Notepad cannot be started ({error}); the log is {path}") from error
