"""One record of the signal topic as an input: where it stands, when it was written, what it says.

Owns the identity of a message on Redpanda: topic, partition, offset and the record's own time. A topic that
was deleted and made anew holds other messages at the same offsets; only their times tell them apart. No I/O.
The signal consumer and the stop watcher read the same record alike.
"""

from aiokafka import ConsumerRecord

from hybrid_bridge.core.inputs import EmergencyStopRequested, Input, MalformedReceived
from hybrid_bridge.core.orders import Channel, Source
from hybrid_bridge.messages.inbound import MESSAGE_BYTES_MAX, DataRequested, decode_or_reject, excerpt

_STOP = b"emergency_stop"
_ESCAPE = b"\\"  # JSON may spell any letter of a type as an escape.


def decode_record(record: ConsumerRecord, now_msc: int) -> Input:
    """Turn a record into an input; whatever is wrong with it becomes MalformedReceived.

    Args:
        now_msc: arrival, UTC milliseconds.
    """
    source = source_of(record)
    name = _name(source)
    if record.value is None:
        detail = "a message without a value; expected a JSON envelope"
        return MalformedReceived("empty", detail, "", source, now_msc, name)
    item = decode_or_reject(record.value, source, now_msc, name)
    if isinstance(item, DataRequested):
        detail = "get_data belongs on the WebSocket: the answer goes there"
        return MalformedReceived("wrong_channel", detail, excerpt(record.value), source, now_msc, name)
    return item


def find_stop(record: ConsumerRecord, now_msc: int) -> EmergencyStopRequested | None:
    """Return the emergency stop that a record is, else None; as a rule that is told without decoding."""
    raw = record.value
    if raw is None or len(raw) > MESSAGE_BYTES_MAX or not (_STOP in raw or _ESCAPE in raw):
        return None
    item = decode_record(record, now_msc)
    return item if isinstance(item, EmergencyStopRequested) else None


def source_of(record: ConsumerRecord) -> Source:
    """Return the place of a record, with its time; -1 where the record has none."""
    return Source(Channel.REDPANDA, record.topic, record.partition, record.offset, max(record.timestamp, -1))


def _name(source: Source) -> str:
    return source.place if source.record_msc < 0 else f"{source.place}/{source.record_msc}"
