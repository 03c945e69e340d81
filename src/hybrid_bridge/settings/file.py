"""Reads a `.env` file: names, values and line numbers, and everything in it that could be misunderstood.

A leaf, called by settings only. It knows nothing of what settings exist. Values are taken as they stand:
`${NAME}` is not replaced, because passwords may hold it.
"""

import contextlib
import io
from dataclasses import dataclass, field
from pathlib import Path

from dotenv.parser import Binding, parse_stream

from hybrid_bridge.errors import ConfigurationError

ENV_FILE = ".env"


@dataclass(frozen=True, slots=True)
class EnvFile:
    """The contents of a `.env` file.

    Attributes:
        values: by name in lower case.
        lines: where each name stands, by name in lower case.
        problems: lines that cannot be taken as they are, each a sentence; never quotes a value.
    """

    path: Path
    values: dict[str, str] = field(default_factory=dict)
    lines: dict[str, int] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)


def read_env_file(path: Path | None) -> EnvFile:
    """Read a `.env` file.

    Args:
        path: None for `.env` in the current folder, which may be absent.
    Raises:
        ConfigurationError: if a path was given and nothing can be read there, or the text is not UTF-8.
    """
    chosen = Path(ENV_FILE).absolute() if path is None else path.absolute()
    if path is None and not chosen.exists():
        return EnvFile(chosen)
    found = EnvFile(chosen)
    for binding in parse_stream(io.StringIO(_read_text(chosen))):
        _take(binding, found)
    return found


def _read_text(path: Path) -> str:
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise ConfigurationError(
            f"--env-file: no file at {path}; copy .env.example to that name and fill it in"
        ) from None
    except OSError as error:
        reason = error.strerror or str(error)
        raise ConfigurationError(f"{path}: cannot be read ({reason}); give a text file") from None
    with contextlib.suppress(UnicodeDecodeError):
        text = content.decode("utf-8-sig")
        if "\0" not in text:  # UTF-16 without a mark looks like UTF-8 with a NUL behind every letter.
            return text
    raise ConfigurationError(
        f"{path}: is not UTF-8 text; save it again with the encoding UTF-8 (Notepad: File > Save as)"
    )


def _take(binding: Binding, found: EnvFile) -> None:
    text = binding.original.string
    blank = text[: len(text) - len(text.lstrip())]
    line = binding.original.line + blank.replace("\r\n", "\n").replace("\r", "\n").count("\n")
    where = f"line {line} of {found.path}"
    if binding.error:
        found.problems.append(
            f"{where}: cannot be read as NAME=value; look for a quotation mark that is not closed"
        )
    if binding.key is None:
        return
    name = binding.key.lower()
    if binding.value is None:
        found.problems.append(f"{where}: has no '=' behind the name; write NAME=value")
    elif len(text.strip().splitlines()) > 1:
        found.problems.append(
            f"{where}: the value goes on over several lines; close the quotation mark on its first line"
        )
    elif name in found.values:
        found.problems.append(
            f"{binding.key.upper()}: set twice, in lines {found.lines[name]} and {line} of {found.path}; "
            "keep one of them"
        )
    else:
        found.values[name] = binding.value
        found.lines[name] = line
