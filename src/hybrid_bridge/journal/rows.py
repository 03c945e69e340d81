"""Events as rows of the journal, and back: the one place that knows how an event is written down.

The journal writes and loads through it, whoever reads a journal for a person as well. A row repeats what is
searched for (intent, position, instant) beside the body, and carries a checksum: SQLite itself does not
notice a changed byte inside a text.
"""

import math
import zlib
from typing import Any, NamedTuple

import msgspec

from hybrid_bridge.core import events as event_types
from hybrid_bridge.core.events import (
    Event,
    IntentReceived,
    OrderApproved,
    OrderRetried,
    PositionAdopted,
    PositionChanged,
    PositionEnded,
)
from hybrid_bridge.errors import RecoveryRefused

KINDS: dict[str, type] = {
    name: value for name, value in vars(event_types).items() if value in event_types.Event.__args__
}


class EventRow(NamedTuple):
    """One event as the table `events` holds it, in the order of INSERT_EVENT.

    Attributes:
        number: the intent it is about, None for the account's own events.
        position: the ticket of the position it is about, None for others.
        at_msc: when it happened, UTC milliseconds.
    """

    kind: str
    number: int | None
    position: int | None
    at_msc: int
    body: str
    checksum: int


INSERT_EVENT = "INSERT INTO events (kind, number, position, at_msc, body, checksum) VALUES (?, ?, ?, ?, ?, ?)"


def row_of(event: Event) -> EventRow:
    """Return an event as a row."""
    kind, body = type(event).__name__, _encode(event).decode()
    position = event.ticket if isinstance(event, PositionAdopted | PositionChanged | PositionEnded) else None
    at_msc = event.intent.received_msc if isinstance(event, IntentReceived) else event.at_msc
    return EventRow(kind, _number(event), position, at_msc, body, checksum_of(kind, body))


def checksum_of(kind: str, body: str) -> int:
    """Return the CRC-32 of what is written of an event."""
    return zlib.crc32(f"{kind}:{body}".encode())


def event_of(seq: int, kind: str, body: str) -> Event:
    """Return the event that a row holds.

    Raises:
        RecoveryRefused: when it cannot be read.
    """
    try:
        # Not strict, so that "nan" and "inf" are read as the numbers they were.
        event: Event = msgspec.json.decode(body, type=KINDS[kind], strict=False)
    except (KeyError, msgspec.MsgspecError) as error:
        raise RecoveryRefused(
            f"journal event {seq} ({kind}) cannot be read: {error}; use the bridge that wrote it"
        ) from error
    return event


def spell_out(value: Any) -> Any:
    """Replace numbers that JSON has no sign for by their names."""
    if isinstance(value, dict):
        return {name: spell_out(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [spell_out(part) for part in value]
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value


def _number(event: Event) -> int | None:
    """Return the intent that an event is about, so that its life can be looked up; None for the account's."""
    match event:
        case IntentReceived():
            return event.intent.number
        case OrderApproved() | OrderRetried():
            return event.order.intent.number
        case _:
            return getattr(event, "number", 0) or None


def _encode(event: Event) -> bytes:
    """Encode an event so that it can be read again: JSON has no NaN or infinity, a terminal may."""
    body = msgspec.json.encode(event)
    try:
        msgspec.json.decode(body, type=type(event))
    except msgspec.ValidationError:
        return msgspec.json.encode(spell_out(msgspec.to_builtins(event)))
    return body
