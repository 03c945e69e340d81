"""Judges MT5_PATH: is it the program of a MetaTrader 5 terminal, and if not, what to put there.

A leaf without foreign libraries, called by settings and by people through the launcher `config.py`.
It looks at the file system and changes nothing.
"""

import sys
from dataclasses import dataclass
from pathlib import Path, PureWindowsPath

TERMINAL_PROGRAM = "terminal64.exe"
# Programs that stand beside the terminal and are picked by mistake.
OTHER_PROGRAMS = ("metaeditor64.exe", "metatester64.exe", "uninstall.exe")

# python-dotenv decodes escapes inside double quotes, so "C:\terminal64.exe" arrives with a tab in it.
# A Windows path never holds control characters: turning them back is lossless.
_UNESCAPE = str.maketrans(
    {"\a": r"\a", "\b": r"\b", "\f": r"\f", "\n": r"\n", "\r": r"\r", "\t": r"\t", "\v": r"\v"}
)
_QUOTES = "\"'“”‘’"


@dataclass(frozen=True, slots=True)
class PathCheck:
    """The verdict on a path; true when the path can be used.

    Attributes:
        path: the path as the bridge understands it, without quotes and stray blanks.
        detail: what was found and what to do, for a person.
    """

    ok: bool
    path: str
    detail: str

    def __bool__(self) -> bool:
        return self.ok

    def __str__(self) -> str:
        return f"{'OK' if self.ok else 'Not usable'}: {self.detail}"


def clean_path(text: str) -> str:
    """Undo quotes, stray blanks and the escape decoding of `.env` files in a path."""
    return text.translate(_UNESCAPE).strip().strip(_QUOTES).strip()


def validate_mt5_path(path: str | Path) -> PathCheck:
    """Say whether a path is the program of a MetaTrader 5 terminal.

    Args:
        path: as typed: quotes around it, forward or backward slashes and blanks are all accepted.
    """
    cleaned = clean_path(str(path))
    problem = _problem_of(cleaned)
    if problem:
        return PathCheck(ok=False, path=cleaned, detail=problem)
    return PathCheck(ok=True, path=cleaned, detail=f"{cleaned} is a terminal program")


def _problem_of(path: str) -> str:
    if not path:
        return f"the path is empty; give the full path of {TERMINAL_PROGRAM}"
    try:
        if Path(path).is_dir():
            return _folder_problem(path)
        is_file = Path(path).is_file()
    except (OSError, ValueError) as error:
        return f"{path!r} cannot be looked at ({error}); give the full path of {TERMINAL_PROGRAM}"
    if not is_file:
        return _missing_problem(path)
    name = PureWindowsPath(path).name.lower()
    if name in OTHER_PROGRAMS or not name.endswith(".exe"):
        return f"{path} is not the terminal; give the full path of {TERMINAL_PROGRAM} instead"
    return ""


def _folder_problem(path: str) -> str:
    program = Path(path) / TERMINAL_PROGRAM
    if program.is_file():
        return f"{path} is a folder; add the program's name to it: {program}"
    return f"{path} is a folder without {TERMINAL_PROGRAM}; give the full path of that program"


def _missing_problem(path: str) -> str:
    advice = (
        "set it to the terminal you log in with: in its menu, File > Open Data Folder shows origin.txt "
        "with the folder it is installed in"
    )
    if sys.platform != "win32":
        advice = "MetaTrader 5 runs on Windows and this is another system: use the simulated terminal"
    return f"no file at {path}; {advice}"
