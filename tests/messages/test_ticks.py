"""Ticks read back: what the bridge wrote, and nothing that it would not have written."""

import json

import pytest

from hybrid_bridge.core.market import SequencedTick, Tick
from hybrid_bridge.errors import MalformedMessage
from hybrid_bridge.messages.outbound import encode_tick
from hybrid_bridge.messages.ticks import decode_tick
from hybrid_bridge.streams.codecs import TickEncoder

TICK = Tick("EURUSD", 1.10001, 1.10003, 1.1, 7, 1_767_225_600_123)
ROW = (1_767_225_600_123, 1.10001, 1.10003, 1.1, 7)


@pytest.mark.parametrize("raw", [encode_tick(TICK, 5), TickEncoder().encode(SequencedTick(TICK, 5))])
def test_what_the_bridge_writes_comes_back(raw):
    assert ("EURUSD", 5, ROW) == decode_tick(raw)


def changed(**fields: object) -> bytes:
    message = json.loads(encode_tick(TICK, 5))
    message["data"] = {
        key: value for key, value in {**message["data"], **fields}.items() if value is not None
    }
    return json.dumps(message).encode()


def test_fields_that_later_versions_add_are_ignored():
    assert ("EURUSD", 5, ROW) == decode_tick(changed(flags=6))


@pytest.mark.parametrize("field", ["symbol", "bid", "ask", "last", "volume", "time", "time_msc", "seq"])
def test_a_tick_without_one_of_its_fields_is_refused(field):
    with pytest.raises(MalformedMessage, match=f"no_tick: .*{field}"):
        decode_tick(changed(**{field: None}))


@pytest.mark.parametrize("raw", [b"", b"hello", b"[]", b'{"type":"tick_data"}', changed(bid="1.1")])
def test_what_is_no_tick_is_refused_and_shown(raw):
    with pytest.raises(MalformedMessage, match="no_tick: "):
        decode_tick(raw)


def test_a_message_of_another_type_or_without_a_number_is_refused():
    with pytest.raises(MalformedMessage, match="type 'account_info', seq 5"):
        decode_tick(encode_tick(TICK, 5).replace(b"tick_data", b"account_info"))
    with pytest.raises(MalformedMessage, match="seq 0; expected"):
        decode_tick(changed(seq=0))


def test_a_record_without_a_value_is_refused():
    with pytest.raises(MalformedMessage, match="without a value"):
        decode_tick(None)


@pytest.mark.parametrize(
    "fields",
    [
        {"time": "2026-01-01T00:00:00.124Z"},
        {"time_msc": 1_767_225_600_124},
        {"time_msc": 10**18},
        {"time": ""},
    ],
)
def test_a_tick_with_two_times_is_refused(fields):
    with pytest.raises(MalformedMessage, match="not the same instant"):
        decode_tick(changed(**fields))
