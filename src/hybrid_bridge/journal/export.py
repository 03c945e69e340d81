"""Orders and events as JSON lines and CSV, with every field.

A field that ends in _msc (UTC milliseconds) is preceded by the same instant in ISO 8601. Numbers are as exact
as they were journaled; those that JSON has no sign for are spelt out ("nan", "inf"). In CSV a nested field is
named by its path (intent.source.topic), lists are JSON, the columns are the same in every export, and a text
that a spreadsheet would take for a formula has an apostrophe in front.
"""

import csv
import io
import types
import typing
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import fields, is_dataclass
from typing import Any

import msgspec

from hybrid_bridge.journal.lives import Life
from hybrid_bridge.journal.reading import StoredEvent
from hybrid_bridge.journal.rows import KINDS, spell_out
from hybrid_bridge.journal.words import iso

FORMULA_BEGINNINGS = ("=", "+", "-", "@", "\t", "\r")
EVENT_HEAD = ("seq", "event", "number", "at", "at_msc")


def order_records(lives: Iterable[Life]) -> Iterator[dict[str, Any]]:
    """Yield every order with all that is known of it, but its single events."""
    for life in lives:
        named = {field.name: getattr(life, field.name) for field in fields(Life) if field.name != "events"}
        yield _with_times(spell_out(msgspec.to_builtins(named)))


def event_records(events: Iterable[StoredEvent]) -> Iterator[dict[str, Any]]:
    """Yield every event with all its fields."""
    for stored in events:
        head = {"seq": stored.seq, "event": stored.kind, "number": stored.number, "at_msc": stored.at_msc}
        yield _with_times({**head, **stored.body})


def json_lines(records: Iterable[dict[str, Any]]) -> Iterator[str]:
    """Yield one line of JSON a record."""
    for record in records:
        yield msgspec.json.encode(record).decode() + "\n"


def order_csv(lives: Iterable[Life]) -> Iterator[str]:
    """Yield the lines of a CSV file of orders."""
    columns = [column for column in _columns(Life) if not column.startswith("events")]
    return _csv(columns, order_records(lives))


def event_csv(events: Iterable[StoredEvent]) -> Iterator[str]:
    """Yield the lines of a CSV file of events."""
    columns = [*EVENT_HEAD, *(name for kind in KINDS.values() for name in _columns(kind)), "unreadable"]
    return _csv(list(dict.fromkeys(columns)), event_records(events))


def _csv(columns: Sequence[str], records: Iterable[dict[str, Any]]) -> Iterator[str]:
    line = io.StringIO()
    writer = csv.writer(line, lineterminator="\n")
    for row in _rows(columns, records):
        writer.writerow(row)
        yield line.getvalue()
        line.seek(0)
        line.truncate()


def _rows(columns: Sequence[str], records: Iterable[dict[str, Any]]) -> Iterator[Sequence[str]]:
    yield columns
    for record in records:
        flat = dict(_flat(record, ""))
        yield [_cell(flat.get(column)) for column in columns]


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return f"'{value}" if value.startswith(FORMULA_BEGINNINGS) else value
    if isinstance(value, list):
        return msgspec.json.encode(value).decode()
    return repr(value)


def _flat(record: dict[str, Any], prefix: str) -> Iterator[tuple[str, Any]]:
    for name, value in record.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield prefix + name, value


def _with_times(record: dict[str, Any]) -> dict[str, Any]:
    """Put the same instant in ISO 8601 before every field of milliseconds, at any depth."""
    told: dict[str, Any] = {}
    for name, value in record.items():
        if name.endswith("_msc") and isinstance(value, int):
            told[name.removesuffix("_msc")] = iso(value) or None
        told[name] = _with_times(value) if isinstance(value, dict) else value
    return told


def _columns(kind: type) -> Iterator[str]:
    """Yield the columns of a dataclass: its fields, those of nested ones by their path."""
    hints = typing.get_type_hints(kind)
    for field in fields(kind):
        nested = _nested(hints[field.name])
        if nested is not None:
            yield from (f"{field.name}.{name}" for name in _columns(nested))
            continue
        if field.name.endswith("_msc"):
            yield field.name.removesuffix("_msc")
        yield field.name


def _nested(hint: Any) -> type | None:
    """Return the dataclass that a field holds, with or without None; None when it holds something else."""
    parts = typing.get_args(hint) if isinstance(hint, types.UnionType) else (hint,)
    return next((part for part in parts if is_dataclass(part) and isinstance(part, type)), None)
