"""A record of the signal topic as an input, and the quick look for an emergency stop."""

import json
from typing import Any

import pytest
from aiokafka import ConsumerRecord

from hybrid_bridge.core.inputs import EmergencyStopRequested, MalformedReceived, SignalReceived
from hybrid_bridge.core.orders import Channel, Source
from hybrid_bridge.messages.inbound import MESSAGE_BYTES_MAX
from hybrid_bridge.streams import records
from hybrid_bridge.streams.records import decode_record, find_stop, source_of

NOW = 1_790_000_000_000
WRITTEN = NOW - 250
STOP = b'{"type":"emergency_stop","data":{"reason":"drill"}}'


def record(value: bytes | None, *, offset: int = 7, written_msc: int = WRITTEN) -> ConsumerRecord[Any, Any]:
    """Return a record as the client delivers it."""
    return ConsumerRecord("signals", 2, offset, written_msc, 0, None, value, None, 0, 0, ())


def signal(**fields: Any) -> bytes:
    return json.dumps(
        {"type": "trading_signal", "data": {"symbol": "EURUSD", "action": "BUY"} | fields}
    ).encode()


def test_a_record_without_an_id_is_named_by_its_place_and_its_time() -> None:
    found = decode_record(record(signal()), NOW)

    assert isinstance(found, SignalReceived)
    assert ("signals/2/7/1789999999750", WRITTEN, NOW) == (
        found.signal_id,
        found.timestamp_msc,
        found.received_msc,
    )
    assert Source(Channel.REDPANDA, "signals", 2, 7, WRITTEN) == found.source


def test_the_same_place_in_a_topic_made_anew_is_another_message() -> None:
    before, after = (decode_record(record(signal(), written_msc=at), NOW) for at in (WRITTEN, WRITTEN + 1))

    assert isinstance(before, SignalReceived)
    assert isinstance(after, SignalReceived)
    assert before.signal_id != after.signal_id
    assert before.source != after.source


def test_a_record_without_a_time_is_named_by_its_place_alone() -> None:
    found = decode_record(record(signal(), written_msc=-1), NOW)

    assert isinstance(found, SignalReceived)
    assert ("signals/2/7", None, -1) == (found.signal_id, found.timestamp_msc, found.source.record_msc)


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (None, "empty"),
        (b"{", "not_json"),
        (b'{"type":"get_data","data":{"request":"status"}}', "wrong_channel"),
    ],
)
def test_what_is_refused_bears_the_name_of_its_record(value: bytes | None, reason: str) -> None:
    found = decode_record(record(value), NOW)

    assert isinstance(found, MalformedReceived)
    assert (reason, "signals/2/7/1789999999750") == (found.reason, found.message_id)


@pytest.mark.parametrize(
    "value",
    [
        STOP,
        b'{"type":"emergency_stop"}',
        b'{ "data" : {}, "type" : "emergency_stop" }',
        b'{"type":"emergency\\u005fstop"}',
        b'{"type":"\\u0065mergency_stop","data":{"close_positions":true}}',
    ],
)
def test_a_stop_is_found_however_it_is_spelt(value: bytes) -> None:
    found = find_stop(record(value), NOW)

    assert isinstance(found, EmergencyStopRequested)
    assert decode_record(record(value), NOW) == found


@pytest.mark.parametrize(
    "value",
    [
        None,
        b"",
        signal(),
        signal(comment="emergency_stop"),
        b'{"type":"emergency_stop","type":"emergency_stop"}',
        b'{"type":"emergency_stop","data":{"close_positions":"yes"}}',
        STOP[:-1],
        STOP[:-2] + b',"pad":"' + b"x" * MESSAGE_BYTES_MAX + b'"}}',
    ],
)
def test_nothing_else_is_taken_for_a_stop(value: bytes | None) -> None:
    assert find_stop(record(value), NOW) is None


def test_an_ordinary_signal_is_not_decoded_to_see_that_it_is_no_stop(monkeypatch: pytest.MonkeyPatch) -> None:
    decoded: list[object] = []
    monkeypatch.setattr(records, "decode_record", lambda record, now: decoded.append(record))
    find_stop(record(signal()), NOW)
    find_stop(record(b"x" * (MESSAGE_BYTES_MAX + 1) + STOP), NOW)

    assert [] == decoded
    find_stop(record(STOP), NOW)
    assert 1 == len(decoded)


def test_a_time_before_1970_is_none() -> None:
    assert source_of(record(b"", written_msc=-5)).record_msc == -1
