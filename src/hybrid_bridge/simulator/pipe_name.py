r"""The name of the pipe at which the MetaTrader5 package looks for a terminal.

Owns the name, and the check of the terminal's program that it is made of. The package asks Windows
for the final path of that file, so that every spelling of its path gives one name:

    \\.\pipe\MT5.Terminal.<SHA-256 of the lower-cased final path in UTF-16LE, in upper-case hex>

Called by `pipe`, which asks Windows. Source: measured with the genuine package 5.0.6231.
"""

import hashlib
from pathlib import Path
from typing import Final

_PREFIX: Final = "\\\\.\\pipe\\MT5.Terminal."


class PipeError(Exception):
    """A pipe that cannot be served, in words for the person who asked for it."""


def pipe_name(lowered_final_path: str) -> str:
    r"""Give the pipe's name.

    Args:
        lowered_final_path: the program's final path, beginning with `\\?\`, in the lower case of
            Windows, which differs from Python's for some letters.
    """
    units = lowered_final_path.encode("utf-16-le", "surrogatepass")
    return _PREFIX + hashlib.sha256(units).hexdigest().upper()


def require_program(program: Path) -> None:
    """Check that there is a file that clients can name; it need not hold anything, as it is never run.

    Raises:
        PipeError: if there is none; says how to make one.
    """
    if program.is_dir():
        raise PipeError(f"{program} is a folder; name the program in it, as in {program / 'terminal64.exe'}")
    if not program.parent.is_dir():
        raise PipeError(f"there is no folder {program.parent}; make it, with an empty {program.name} in it")
    if not program.is_file():
        raise PipeError(f'{program} does not exist; an empty file will do: type nul > "{program}"')
