"""Looks for the MetaTrader 5 terminals that are installed on this PC.

A leaf without foreign libraries. It looks at the file system, changes nothing and starts nothing. A terminal
that was started once leaves a folder of its own with origin.txt, which names where its program is; one that
never was is found in the folders for programs.
"""

import os
from collections.abc import Iterator
from pathlib import Path

from hybrid_bridge.settings.path import TERMINAL_PROGRAM

PROGRAM_FOLDERS = ("PROGRAMFILES", "PROGRAMW6432")
DATA_FOLDER = "APPDATA"
ORIGIN_BYTES_MAX = 10_000


def find_terminals() -> list[str]:
    """Return the path of every terminal's program that is installed here, each once."""
    found: dict[str, str] = {}
    for program in (*_usual(), *_started_once()):
        if _is_file(program):
            found.setdefault(os.path.normcase(program), str(program))
    return sorted(found.values(), key=str.casefold)


def _usual() -> Iterator[Path]:
    """Yield the terminals in the folders for programs."""
    for name in PROGRAM_FOLDERS:
        folder = os.environ.get(name)
        if folder:
            yield from _listed(Path(folder), f"*/{TERMINAL_PROGRAM}")


def _started_once() -> Iterator[Path]:
    folder = os.environ.get(DATA_FOLDER)
    if not folder:
        return
    for origin in _listed(Path(folder, "MetaQuotes", "Terminal"), "*/origin.txt"):
        text = _read(origin).strip().strip("\ufeff").strip()
        if text:
            yield Path(text, TERMINAL_PROGRAM)


def _listed(folder: Path, pattern: str) -> list[Path]:
    """Return what is there; what may not be looked at is not."""
    try:
        return sorted(folder.glob(pattern))
    except OSError:
        return []


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):  # a null character in a damaged origin.txt
        return False


def _read(origin: Path) -> str:
    """Return a text as a terminal writes it, UTF-16 with a mark; "" when it is none."""
    try:
        with origin.open("rb") as file:
            raw = file.read(ORIGIN_BYTES_MAX)
        return raw.decode("utf-16" if raw[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig")
    except (OSError, UnicodeDecodeError):
        return ""
