"""Ticks read back from the bytes that the bridge wrote: for whoever judges what stands in the topic.

Owns no part of the contract (`outbound` does), but the shape by which ticks are written fast and read back.
It forgives nothing: a message that the bridge would not have written is refused. Does no I/O.
"""

from typing import TYPE_CHECKING

import msgspec

from hybrid_bridge.errors import MalformedMessage
from hybrid_bridge.messages.outbound import iso_utc

if TYPE_CHECKING:
    from hybrid_bridge.core.tick_matching import Row

TEXT_MAX = 100


class TickFields(msgspec.Struct):
    """The data of a tick_data message, in the order in which it is written."""

    symbol: str
    bid: float
    ask: float
    last: float
    volume: int
    time: str
    time_msc: int
    seq: int


class TickEnvelope(msgspec.Struct):
    """A tick_data message."""

    type: str
    data: TickFields


_decode = msgspec.json.Decoder(TickEnvelope).decode


def decode_tick(raw: bytes | None) -> "tuple[str, int, Row]":
    """Return symbol, sequence number and tick of a tick_data message.

    Raises:
        MalformedMessage: when it is none, or contradicts itself.
    """
    if raw is None:
        raise MalformedMessage("empty", "a message without a value; expected tick_data")
    try:
        envelope = _decode(raw)
    except msgspec.MsgspecError as error:
        raise MalformedMessage("no_tick", f"{error}: {raw[:TEXT_MAX]!r}") from error
    fields = envelope.data
    if envelope.type != "tick_data" or fields.seq < 1:
        raise MalformedMessage(
            "no_tick", f"type {envelope.type!r}, seq {fields.seq}; expected tick_data, 1 on"
        )
    if fields.time != _text(fields.time_msc):
        detail = f"time {fields.time!r} and time_msc {fields.time_msc} are not the same instant"
        raise MalformedMessage("times_differ", detail)
    row = (fields.time_msc, fields.bid, fields.ask, fields.last, fields.volume)
    return fields.symbol, fields.seq, row


def _text(time_msc: int) -> str:
    try:
        return iso_utc(time_msc)
    except OverflowError:
        return "no instant"
