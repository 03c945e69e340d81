"""Messages that come in: bytes to typed inputs, the same for Redpanda and the WebSocket.

Owns the inbound half of the contract: the envelope `{"type": T, "data": D}` and the fields of every inbound
type. Does no I/O. streams and control call `decode_or_reject`. Unknown fields are ignored, everything else
that does not follow the contract is refused with what was seen and what was expected.

How old a message is tells its sender's `timestamp`, else the time of the Redpanda record that carried it,
else its arrival: a backlog or a replayed topic is stale, whether or not its signals say so themselves. That
holds for signals, closes, changes and resumes. An emergency stop has no age: one that nobody could obey for
an hour is obeyed then; nor has a tightening of limits.
"""

import hashlib
import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, NoReturn

import msgspec

from hybrid_bridge.core.inputs import (
    CloseRequested,
    EmergencyStopRequested,
    Input,
    LimitsRestoreRequested,
    MalformedReceived,
    ModifyRequested,
    ResumeRequested,
    SignalReceived,
    TighteningRequested,
)
from hybrid_bridge.core.market import Side
from hybrid_bridge.core.orders import Source
from hybrid_bridge.errors import MalformedMessage

MESSAGE_BYTES_MAX = 65_536
EXCERPT_CHARS = 200
ID_CHARS_MAX = 128
TEXT_CHARS_MAX = 500
LIMITS_MAX = 50  # More than there are; each one that is refused is named in the answer.
DATA_REQUESTS = ("account_info", "positions", "status")

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)

Id = Annotated[str, msgspec.Meta(min_length=1, max_length=ID_CHARS_MAX)] | int
Symbol = Annotated[str, msgspec.Meta(min_length=1, max_length=29)]
Ticket = Annotated[int, msgspec.Meta(gt=0, le=2**63 - 1)]
Moment = Annotated[datetime, msgspec.Meta(tz=True)]
Text = Annotated[str, msgspec.Meta(max_length=TEXT_CHARS_MAX)]
Price = Annotated[float, msgspec.Meta(ge=0)]
Lots = Annotated[float, msgspec.Meta(gt=0)]


class _Envelope(msgspec.Struct):
    type: str
    data: msgspec.Raw = msgspec.Raw(b"{}")


class _Signal(msgspec.Struct):
    symbol: Symbol
    action: Side
    volume: Lots | None = None
    stop_loss: Price | None = None
    take_profit: Price | None = None
    price: Lots | None = None
    comment: Text | None = None
    id: Id | None = None
    timestamp: Moment | None = None
    expires_at: Moment | None = None
    account: int | None = None


class _Close(msgspec.Struct):
    ticket: Ticket
    volume: Lots | None = None
    id: Id | None = None


class _Modify(msgspec.Struct):
    ticket: Ticket
    stop_loss: Price | None = None
    take_profit: Price | None = None
    id: Id | None = None


class _Stop(msgspec.Struct):
    close_positions: bool | None = None
    cancel_orders: bool = True
    reason: str | None = None


class _Resume(msgspec.Struct):
    reason: Annotated[str, msgspec.Meta(min_length=1, max_length=TEXT_CHARS_MAX)]


class _Tighten(msgspec.Struct):
    limits: Annotated[dict[str, bool | float], msgspec.Meta(min_length=1, max_length=LIMITS_MAX)]
    reason: str | None = None


class _GetData(msgspec.Struct):
    request: str


@dataclass(frozen=True, slots=True)
class DataRequested:
    """A question that the bridge answers from what it knows: account_info, positions or status."""

    request: str


_envelopes = msgspec.json.Decoder(_Envelope)


def decode(raw: bytes, source: Source, received_msc: int, fallback_id: str) -> Input | DataRequested:
    """Turn one received message into an input.

    Args:
        raw: the message as received, UTF-8 JSON.
        source: its record_msc, where there is one, is when the message was written.
        received_msc: arrival, UTC milliseconds.
        fallback_id: the id of a signal or command that brings none; no two messages may share one.
    Raises:
        MalformedMessage: with what was seen and what was expected.
    """
    _refuse_bad_json(raw)
    envelope = _convert(_envelopes.decode, raw)
    decoder = _DECODERS.get(envelope.type)
    if decoder is None:
        known = ", ".join(sorted(_DECODERS))
        raise MalformedMessage("unknown_type", f"type {envelope.type[:60]!r}; expected one of {known}")
    return decoder(bytes(envelope.data), source, received_msc, fallback_id)


def decode_or_reject(
    raw: bytes, source: Source, received_msc: int, fallback_id: str
) -> Input | DataRequested:
    """Like `decode`, but a message that does not follow the contract becomes MalformedReceived."""
    try:
        return decode(raw, source, received_msc, fallback_id)
    except MalformedMessage as error:
        return MalformedReceived(error.reason, error.detail, excerpt(raw), source, received_msc, fallback_id)


def excerpt(raw: bytes) -> str:
    """Return the beginning of a message as printable text."""
    text = raw[: EXCERPT_CHARS * 4].decode("utf-8", errors="replace")[:EXCERPT_CHARS]
    shown = text
    if not text.isprintable():
        shown = "".join(char if char.isprintable() else repr(char)[1:-1] for char in text)
    return shown if len(raw) <= EXCERPT_CHARS else f"{shown}... ({len(raw)} bytes)"


def _refuse_bad_json(raw: bytes) -> None:
    """Refuse what a lenient parser lets pass: too long, NaN, infinities, the same key twice."""
    if len(raw) > MESSAGE_BYTES_MAX:
        raise MalformedMessage("too_long", f"{len(raw)} bytes; at most {MESSAGE_BYTES_MAX}")
    try:
        _strict_json.decode(raw.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise MalformedMessage("not_utf8", f"byte {error.start} is not UTF-8") from error
    except RecursionError as error:
        raise MalformedMessage("not_json", "nested too deeply") from error
    except ValueError as error:
        raise MalformedMessage("not_json", str(error)) from error


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        repeated = next(name for name in names if names.count(name) > 1)
        raise MalformedMessage("duplicate_key", f"key {repeated[:60]!r} stands twice in one object")
    return found


def _refuse_constant(name: str) -> NoReturn:
    raise MalformedMessage("not_json", f"{name} is no JSON number")


def _finite_float(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise MalformedMessage("invalid_field", f"number {text[:40]} is out of range")
    return value


_strict_json = json.JSONDecoder(
    object_pairs_hook=_unique_keys, parse_constant=_refuse_constant, parse_float=_finite_float
)


def _convert(decode_with: Any, raw: bytes) -> Any:
    try:
        return decode_with(raw)
    except msgspec.ValidationError as error:
        raise MalformedMessage("invalid_field", str(error)) from error
    except msgspec.DecodeError as error:
        raise MalformedMessage("not_json", str(error)) from error


def _typed(kind: type) -> Any:
    return msgspec.json.Decoder(kind).decode


_signals, _closes, _modifies = _typed(_Signal), _typed(_Close), _typed(_Modify)
_stops, _resumes, _queries = _typed(_Stop), _typed(_Resume), _typed(_GetData)
_tightenings = _typed(_Tighten)


def _decode_signal(raw: bytes, source: Source, received_msc: int, fallback_id: str) -> SignalReceived:
    signal = _convert(_signals, raw)
    return SignalReceived(
        signal_id=_id(signal.id, fallback_id),
        symbol=signal.symbol,
        side=signal.action,
        volume=signal.volume,
        stop_loss=signal.stop_loss or 0.0,
        take_profit=signal.take_profit or 0.0,
        comment=signal.comment or "",
        price=signal.price,
        timestamp_msc=_written_msc(source) if signal.timestamp is None else _to_msc(signal.timestamp),
        expires_msc=_to_msc(signal.expires_at),
        account=signal.account,
        payload_hash=_hash(
            signal.symbol,
            signal.action,
            signal.volume,
            signal.stop_loss,
            signal.take_profit,
            signal.account,
        ),
        source=source,
        received_msc=received_msc,
    )


def _decode_close(raw: bytes, source: Source, received_msc: int, fallback_id: str) -> CloseRequested:
    close = _convert(_closes, raw)
    digest = _hash("close", close.ticket, close.volume)
    return CloseRequested(
        command_id=_id(close.id, fallback_id),
        ticket=close.ticket,
        volume=close.volume,
        payload_hash=digest,
        source=source,
        received_msc=received_msc,
        created_msc=_given_msc(source, received_msc),
    )


def _decode_modify(raw: bytes, source: Source, received_msc: int, fallback_id: str) -> ModifyRequested:
    change = _convert(_modifies, raw)
    if change.stop_loss is None and change.take_profit is None:
        raise MalformedMessage("invalid_field", "modify_position needs stop_loss, take_profit or both")
    return ModifyRequested(
        command_id=_id(change.id, fallback_id),
        ticket=change.ticket,
        stop_loss=change.stop_loss,
        take_profit=change.take_profit,
        payload_hash=_hash("modify", change.ticket, change.stop_loss, change.take_profit),
        source=source,
        received_msc=received_msc,
        created_msc=_given_msc(source, received_msc),
    )


def _decode_stop(raw: bytes, source: Source, received_msc: int, fallback_id: str) -> EmergencyStopRequested:
    stop = _convert(_stops, raw)
    # No stop is refused for the length of its reason: it is cut.
    reason = (stop.reason or f"emergency_stop {fallback_id}")[:TEXT_CHARS_MAX]
    return EmergencyStopRequested(reason, stop.close_positions, stop.cancel_orders, source, received_msc)


def _decode_resume(raw: bytes, source: Source, received_msc: int, _: str) -> ResumeRequested:
    given_msc = _given_msc(source, received_msc)
    return ResumeRequested(
        _convert(_resumes, raw).reason, source, received_msc if given_msc is None else given_msc
    )


def _decode_tightening(
    raw: bytes, source: Source, received_msc: int, fallback_id: str
) -> TighteningRequested:
    asked = _convert(_tightenings, raw)
    limits = tuple((name.lower(), value) for name, value in asked.limits.items())
    reason = (asked.reason or f"tighten_limits {fallback_id}")[:TEXT_CHARS_MAX]  # As for a stop.
    return TighteningRequested(limits, reason, source, received_msc)


def _decode_restore(raw: bytes, source: Source, received_msc: int, _: str) -> LimitsRestoreRequested:
    return LimitsRestoreRequested(_convert(_resumes, raw).reason, source, received_msc)


def _decode_query(raw: bytes, _: Source, __: int, ___: str) -> DataRequested:
    request = _convert(_queries, raw).request
    if request not in DATA_REQUESTS:
        expected = ", ".join(DATA_REQUESTS)
        raise MalformedMessage("invalid_field", f"request {request[:60]!r}; expected one of {expected}")
    return DataRequested(request)


_DECODERS: dict[str, Callable[[bytes, Source, int, str], Input | DataRequested]] = {
    "trading_signal": _decode_signal,
    "close_position": _decode_close,
    "modify_position": _decode_modify,
    "emergency_stop": _decode_stop,
    "resume_trading": _decode_resume,
    "tighten_limits": _decode_tightening,
    "restore_limits": _decode_restore,
    "get_data": _decode_query,
}


def _id(given: str | int | None, fallback: str) -> str:
    if given is None:
        return fallback
    text = str(given)
    if len(text) > ID_CHARS_MAX:
        raise MalformedMessage("invalid_field", f"id of {len(text)} characters; at most {ID_CHARS_MAX}")
    return text


def _written_msc(source: Source) -> int | None:
    """Return when the record that carried a message was written; None where nothing tells."""
    return None if source.record_msc < 0 else source.record_msc


def _given_msc(source: Source, received_msc: int) -> int | None:
    """Return when a command was given, by its record; a writer's clock that is ahead gains nothing."""
    written_msc = _written_msc(source)
    return None if written_msc is None else min(written_msc, received_msc)


def _to_msc(moment: datetime | None) -> int | None:
    return None if moment is None else (moment - _EPOCH) // _MILLISECOND


def _hash(*fields: object) -> str:
    return hashlib.sha256(repr(fields).encode()).hexdigest()[:32]
