"""Writes one log entry as one line: aligned text for people, JSON for programs.

Used by logs only. Pure. An entry is a dict of plain values with `timestamp`, `level`, `event` and `logger`.
A text from outside can neither end a line nor send control codes to a console.
"""

import json
from collections.abc import Mapping

Entry = Mapping[str, object]

LEVEL_WIDTH = 8
EVENT_WIDTH = 36
OWN_PREFIX = "hybrid_bridge."
LEVEL_COLOURS = {"DEBUG": "2", "WARNING": "33", "ERROR": "31;1", "CRITICAL": "37;41;1"}
_HEAD = ("timestamp", "level", "event", "logger", "exception")


def json_line(entry: Entry) -> str:
    """Return the entry as one JSON object, the fields that every line has first."""
    ordered = {name: entry[name] for name in _HEAD[:4] if name in entry}
    return json.dumps({**ordered, **entry}, ensure_ascii=False, default=str)


def text_line(entry: Entry) -> str:
    """Return the entry as a line of text, a traceback on lines of its own below it."""
    level = str(entry.get("level", ""))
    return _text(entry, str(entry.get("timestamp", "")), level.ljust(LEVEL_WIDTH))


def colour_line(entry: Entry) -> str:
    """Return the entry as a line for a console that understands colours."""
    level = str(entry.get("level", ""))
    colour = LEVEL_COLOURS.get(level, "32")
    return _text(
        entry,
        f"\x1b[2m{entry.get('timestamp', '')}\x1b[0m",
        f"\x1b[{colour}m{level.ljust(LEVEL_WIDTH)}\x1b[0m",
    )


def _text(entry: Entry, timestamp: str, level: str) -> str:
    fields = [f"{name}={_value(value)}" for name, value in entry.items() if name not in _HEAD]
    logger = str(entry.get("logger", "")).removeprefix(OWN_PREFIX)
    if logger:
        fields.append(f"[{_printable(logger)}]")
    event = _printable(str(entry.get("event", "")))
    line = " ".join([timestamp, level, event.ljust(EVENT_WIDTH), *fields]).rstrip()
    traceback = str(entry.get("exception", ""))
    return f"{line}\n{_indented(traceback)}" if traceback else line


def _value(value: object) -> str:
    if isinstance(value, bool | None):
        return json.dumps(value)
    if isinstance(value, int | float):
        return str(value)
    if isinstance(value, str):
        bare = value and not any(char in ' "=' for char in value)
        if value.isprintable():
            return value if bare else json.dumps(value, ensure_ascii=False)
        return json.dumps(value)
    return _printable(json.dumps(value, ensure_ascii=False, default=str))


def _printable(text: str) -> str:
    return text if text.isprintable() else json.dumps(text)[1:-1]


def _indented(text: str) -> str:
    return "\n".join(f"    {_printable(line)}" for line in text.splitlines())
