"""The reference reader by examples of its own, lest it be as wrong as what it judges."""

import pytest
from scripts.fuzzing.contract import Refused, read


def reasons(raw: bytes) -> set[str]:
    with pytest.raises(Refused) as refused:
        read(raw)
    return refused.value.reasons


def signal(fields: str) -> bytes:
    return f'{{"type":"trading_signal","data":{{"symbol":"EURUSD","action":"BUY"{fields}}}}}'.encode()


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"", "not_json"),
        (b"\xff", "not_utf8"),
        (b" " * 65_537, "too_long"),
        (b"[" * 300, "not_json"),
        (b'{"type":"trading_signal",}', "not_json"),
        (b'{"type":"x","type":"y"}', "duplicate_key"),
        (b'{"type":"tick_data"}', "unknown_type"),
        (b'{"type":"trading_signal","data":[]}', "invalid_field"),
        (signal(',"volume":0'), "invalid_field"),
        (signal(',"volume":NaN'), "not_json"),
        (signal(',"volume":1e999'), "invalid_field"),
        (signal(',"volume":01'), "not_json"),
        (signal(',"id":""'), "invalid_field"),
        (signal(',"id":1.0'), "invalid_field"),
        (signal(',"id":true'), "invalid_field"),
        (signal(',"timestamp":"2026-03-02T09:30:00"'), "invalid_field"),
        (signal(',"timestamp":"2026-02-29T09:30:00Z"'), "invalid_field"),
        (signal(',"comment":"\\ud800"'), "not_json"),
        (b'{"type":"close_position","data":{"ticket":0}}', "invalid_field"),
        (b'{"type":"modify_position","data":{"ticket":5}}', "invalid_field"),
        (b'{"type":"tighten_limits","data":{"limits":{}}}', "invalid_field"),
    ],
)
def test_what_is_against_the_contract_is_refused_for_what_it_is(raw: bytes, reason: str) -> None:
    assert reason in reasons(raw)


def test_a_signal_is_read_with_what_it_leaves_out() -> None:
    said = read(signal(',"volume":0.10,"id":12,"timestamp":"2026-03-02T11:30:00.125+02:00","more":{"a":[1]}'))

    assert said.given_id == "12"
    assert said.fields["volume"] == 0.1
    assert said.fields["stop_loss"] == 0.0
    assert said.fields["timestamp"] == 1_772_443_800_125
    assert said.fields["expires"] is None


def test_escapes_are_read_as_what_they_stand_for() -> None:
    assert read(b'{"type":"resume_trading","data":{"reason":"\\u00e9\\ud83d\\ude00\\n"}}').fields == {
        "reason": "é\U0001f600\n"
    }
