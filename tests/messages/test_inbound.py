"""Inbound messages: what is accepted, how it is read, and that nothing else gets through or breaks."""

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from hybrid_bridge.core.inputs import (
    CloseRequested,
    EmergencyStopRequested,
    LimitsRestoreRequested,
    MalformedReceived,
    ModifyRequested,
    ResumeRequested,
    SignalReceived,
    TighteningRequested,
)
from hybrid_bridge.core.market import Side
from hybrid_bridge.core.orders import Channel, Source
from hybrid_bridge.errors import MalformedMessage
from hybrid_bridge.messages.inbound import (
    EXCERPT_CHARS,
    ID_CHARS_MAX,
    MESSAGE_BYTES_MAX,
    DataRequested,
    decode,
    decode_or_reject,
    excerpt,
)

SOURCE = Source(Channel.REDPANDA, "trading_signals", 2, 40)
NOW = 1_790_000_000_000
SIGNAL = {"symbol": "EURUSD", "action": "BUY"}


def message(kind: str, **fields: Any) -> bytes:
    return json.dumps({"type": kind, "data": fields}).encode()


def signal(**fields: Any) -> bytes:
    return message("trading_signal", **{**SIGNAL, **fields})


def read(raw: bytes) -> Any:
    return decode(raw, SOURCE, NOW, "fallback-7")


def reason_of(raw: bytes) -> str:
    with pytest.raises(MalformedMessage) as caught:
        read(raw)
    assert caught.value.detail
    return caught.value.reason


# What is accepted


def test_a_signal_with_every_field_is_read_whole() -> None:
    full = read(
        signal(
            id="abc",
            volume=0.1,
            stop_loss=1.09,
            take_profit=1.12,
            price=1.1,
            comment="momentum",
            timestamp="2026-09-21T14:13:20.125Z",
            expires_at="2026-09-21T16:13:30+02:00",
            account=7001,
        )
    )

    assert full == SignalReceived(
        signal_id="abc",
        symbol="EURUSD",
        side=Side.BUY,
        volume=0.1,
        stop_loss=1.09,
        take_profit=1.12,
        comment="momentum",
        price=1.1,
        timestamp_msc=1_790_000_000_125,
        expires_msc=1_790_000_010_000,
        account=7001,
        payload_hash=full.payload_hash,
        source=SOURCE,
        received_msc=NOW,
    )


@pytest.mark.parametrize(
    "absent",
    [
        {},
        dict.fromkeys(
            [
                "id",
                "volume",
                "stop_loss",
                "take_profit",
                "price",
                "comment",
                "timestamp",
                "expires_at",
                "account",
            ]
        ),
    ],
)
def test_a_signal_s_optional_fields_may_be_absent_or_null(absent: dict[str, Any]) -> None:
    found = read(signal(**absent))

    assert (found.signal_id, found.volume, found.stop_loss, found.take_profit) == (
        "fallback-7",
        None,
        0.0,
        0.0,
    )
    assert (found.comment, found.price, found.timestamp_msc, found.expires_msc) == ("", None, None, None)
    assert found.account is None


def test_unknown_fields_are_ignored_at_every_level() -> None:
    raw = json.dumps({"type": "trading_signal", "v": 2, "data": {**SIGNAL, "model": {"name": "x"}}}).encode()

    assert read(raw) == read(signal())


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (
            message("close_position", ticket=500),
            CloseRequested("fallback-7", 500, None, "*", SOURCE, NOW),
        ),
        (
            message("close_position", ticket=2**63 - 1, volume=0.2, id=9),
            CloseRequested("9", 2**63 - 1, 0.2, "*", SOURCE, NOW),
        ),
        (
            message("modify_position", ticket=500, stop_loss=0, take_profit=1.2, id="m"),
            ModifyRequested("m", 500, 0.0, 1.2, "*", SOURCE, NOW),
        ),
        (
            message("modify_position", ticket=500, take_profit=1.2),
            ModifyRequested("fallback-7", 500, None, 1.2, "*", SOURCE, NOW),
        ),
        (
            message("emergency_stop"),
            EmergencyStopRequested("emergency_stop fallback-7", None, True, SOURCE, NOW),
        ),
        (
            message("emergency_stop", close_positions=True, cancel_orders=False, reason="panic"),
            EmergencyStopRequested("panic", True, False, SOURCE, NOW),
        ),
        (
            b'{"type":"emergency_stop"}',
            EmergencyStopRequested("emergency_stop fallback-7", None, True, SOURCE, NOW),
        ),
        (message("resume_trading", reason="checked"), ResumeRequested("checked", SOURCE, NOW)),
        (
            message(
                "tighten_limits", limits={"MAX_RISK_PERCENT": 1, "trading_enabled": False}, reason="news"
            ),
            TighteningRequested((("max_risk_percent", 1.0), ("trading_enabled", False)), "news", SOURCE, NOW),
        ),
        (
            message("tighten_limits", limits={"Max_Lots": -0.5}),
            TighteningRequested((("max_lots", -0.5),), "tighten_limits fallback-7", SOURCE, NOW),
        ),
        (message("restore_limits", reason="calm"), LimitsRestoreRequested("calm", SOURCE, NOW)),
        (message("get_data", request="account_info"), DataRequested("account_info")),
        (message("get_data", request="positions"), DataRequested("positions")),
        (message("get_data", request="status"), DataRequested("status")),
    ],
)
def test_every_command_is_read(raw: bytes, expected: Any) -> None:
    found = read(raw)

    if isinstance(found, CloseRequested | ModifyRequested):
        assert found.payload_hash
        expected = type(expected)(
            **{field: getattr(expected, field) for field in expected.__slots__ if field != "payload_hash"},
            payload_hash=found.payload_hash,
        )
    assert found == expected


@pytest.mark.parametrize(
    ("given_id", "expected"),
    [
        ("a", "a"),
        (5, "5"),
        (0, "0"),
        (-5, "-5"),
        (10**30, "1" + "0" * 30),
        ("x" * ID_CHARS_MAX, "x" * ID_CHARS_MAX),
    ],
)
def test_an_id_is_text_or_a_whole_number(given_id: Any, expected: str) -> None:
    assert read(signal(id=given_id)).signal_id == expected
    assert read(message("close_position", ticket=1, id=given_id)).command_id == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-09-21T14:13:20Z", NOW),
        ("2026-09-21T14:13:20+00:00", NOW),
        ("2026-09-21T17:13:20+03:00", NOW),
        ("2026-09-21T19:43:20+05:30", NOW),
        ("2026-09-21T07:13:20-07:00", NOW),
        ("2026-09-21 14:13:20z", NOW),
        ("2026-09-21T14:13:20.001Z", NOW + 1),
        ("2026-09-21T14:13:20.001999Z", NOW + 1),
        ("1970-01-01T00:00:00Z", 0),
        ("1969-12-31T23:59:59.999Z", -1),
        ("0001-01-01T00:00:00+23:59", -62_135_683_140_000),
        ("9999-12-31T23:59:59.999-23:59", 253_402_387_139_999),
    ],
)
def test_a_moment_is_read_as_utc_milliseconds_whatever_its_offset(text: str, expected: int) -> None:
    assert read(signal(timestamp=text)).timestamp_msc == expected
    assert read(signal(expires_at=text)).expires_msc == expected


def test_a_long_topic_makes_a_long_id_and_no_refusal() -> None:
    place = "t" * 249 + "/0/123456"

    assert decode(signal(), SOURCE, NOW, place).signal_id == place  # type: ignore[union-attr]


# How old a message is

RECORDED = replace(SOURCE, record_msc=NOW - 3_600_000)
AHEAD = replace(SOURCE, record_msc=NOW + 10_000)


def read_from(source: Source, raw: bytes) -> Any:
    return decode(raw, source, NOW, "fallback-7")


def test_a_signal_that_does_not_tell_its_age_is_as_old_as_its_record() -> None:
    assert read_from(RECORDED, signal()).timestamp_msc == NOW - 3_600_000
    assert read_from(AHEAD, signal()).timestamp_msc == NOW + 10_000  # It is for the guard to doubt the clock.
    assert read_from(replace(SOURCE, record_msc=0), signal()).timestamp_msc == 0
    assert read_from(replace(SOURCE, record_msc=-1), signal()).timestamp_msc is None


def test_a_signal_s_own_timestamp_counts_before_its_record_s() -> None:
    assert read_from(RECORDED, signal(timestamp="2026-09-21T14:13:20Z")).timestamp_msc == NOW


@pytest.mark.parametrize(
    "raw", [message("close_position", ticket=5), message("modify_position", ticket=5, stop_loss=1.0)]
)
def test_a_close_and_a_change_are_as_old_as_their_record_and_never_newer_than_their_arrival(
    raw: bytes,
) -> None:
    assert (read_from(RECORDED, raw).created_msc, read_from(RECORDED, raw).received_msc) == (
        NOW - 3_600_000,
        NOW,
    )
    assert read_from(AHEAD, raw).created_msc == NOW
    assert read_from(SOURCE, raw).created_msc is None


def test_a_resume_was_given_when_it_was_recorded_and_never_after_its_arrival() -> None:
    raw = message("resume_trading", reason="checked")

    assert read_from(RECORDED, raw).received_msc == NOW - 3_600_000
    assert read_from(AHEAD, raw).received_msc == NOW
    assert read_from(SOURCE, raw).received_msc == NOW


def test_an_emergency_stop_has_no_age() -> None:
    assert read_from(RECORDED, message("emergency_stop")).received_msc == NOW


def test_an_emergency_stop_is_not_refused_for_a_long_reason() -> None:
    assert read_from(SOURCE, message("emergency_stop", reason="x" * 501)).reason == "x" * 500


def test_a_tightening_has_no_age_and_is_not_refused_for_a_long_reason() -> None:
    found = read_from(RECORDED, message("tighten_limits", limits={"a": 1}, reason="x" * 501))

    assert (found.received_msc, found.reason) == (NOW, "x" * 500)


def test_names_that_differ_in_case_alone_are_both_kept_for_the_judgement() -> None:
    found = read(message("tighten_limits", limits={"MAX_VOLUME": 1, "max_volume": 2}))

    assert found.limits == (("max_volume", 1.0), ("max_volume", 2.0))


def test_true_stays_true_and_one_a_number() -> None:
    found = read(message("tighten_limits", limits={"a": True, "b": 1}))

    assert [True, 1.0] == [value for _, value in found.limits]
    assert [bool, float] == [type(value) for _, value in found.limits]


# What tells a repetition from a conflict


@pytest.mark.parametrize(
    "change",
    [
        {"symbol": "GBPUSD"},
        {"action": "SELL"},
        {"volume": 0.2},
        {"stop_loss": 1.08},
        {"take_profit": 1.3},
        {"account": 7},
    ],
)
def test_what_would_change_the_order_changes_the_payload_hash(change: dict[str, Any]) -> None:
    base = {"volume": 0.1, "stop_loss": 1.09, "take_profit": 1.2}

    assert read(signal(**base)).payload_hash != read(signal(**{**base, **change})).payload_hash


def test_what_does_not_change_the_order_leaves_the_payload_hash() -> None:
    first = read(signal(id="a", volume=1))
    again = read(signal(id="b", volume=1.0, comment="again", timestamp="2026-09-21T14:13:20Z", price=1.1))

    assert first.payload_hash == again.payload_hash


def test_commands_have_hashes_of_their_own() -> None:
    raws = [
        message("close_position", ticket=5),
        message("close_position", ticket=6),
        message("close_position", ticket=5, volume=0.1),
        message("modify_position", ticket=5, stop_loss=1.0),
        message("modify_position", ticket=5, take_profit=1.0),
        message("modify_position", ticket=5, stop_loss=0.0),
        message("modify_position", ticket=6, stop_loss=1.0),
    ]

    assert len({read(raw).payload_hash for raw in raws}) == len(raws)


# What is refused

NOT_JSON = [
    b"",
    b" ",
    b"{",
    b"nonsense",
    b"{'type':'get_data'}",
    b'{"type":"get_data","data":{"request":"status"}} x',
    b'{"type":"get_data","data":{"request":"status"}}{}',
    b'{"type":"get_data","data":{"request":"status",}}',
    b'{"type":"get_data","data":{"request":"sta\ntus"}}',
    b'\xef\xbb\xbf{"type":"get_data","data":{"request":"status"}}',
    signal(volume=float("nan")),
    signal(volume=float("inf")),
    signal(volume=float("-inf")),
    b'{"type":"get_data","data":{"request":"status","x":' + b"[" * 5_000 + b"]" * 5_000 + b"}}",
    b'{"type":"get_data","data":{"request":"status","x":' + b'{"a":' * 5_000 + b"1" + b"}" * 5_000 + b"}}",
    b'{"type":"get_data","data":{"request":"\\ud800"}}',
    b'{"type":"get_data","data":{"request":"status","n":1' + b"0" * 5_000 + b"}}",
]


@pytest.mark.parametrize("raw", NOT_JSON)
def test_what_is_not_json_is_refused(raw: bytes) -> None:
    assert reason_of(raw) == "not_json"


@pytest.mark.parametrize("raw", [b"\xff", b'{"type":"get_data\xc3"}', "{}".encode("utf-16"), b"\x80abc"])
def test_what_is_not_utf8_is_refused(raw: bytes) -> None:
    assert reason_of(raw) == "not_utf8"


@pytest.mark.parametrize(
    "raw",
    [
        b'{"type":"get_data","type":"get_data","data":{"request":"status"}}',
        b'{"type":"trading_signal","data":{"symbol":"EURUSD","action":"BUY","volume":0.01,"volume":10}}',
        b'{"type":"trading_signal","data":{"symbol":"EURUSD","action":"BUY","volume":1,"vol\\u0075me":2}}',
        b'{"type":"get_data","data":{"request":"status","extra":{"a":1,"a":1}}}',
        b'{"type":"get_data","data":{"request":"status","extra":[{"a":1,"a":2}]}}',
    ],
)
def test_a_key_that_stands_twice_is_refused_wherever_it_stands(raw: bytes) -> None:
    assert reason_of(raw) == "duplicate_key"


@pytest.mark.parametrize("kind", ["", "Trading_Signal", "tick_data", "error", "x" * 500])
def test_an_unknown_type_is_refused_with_the_known_ones(kind: str) -> None:
    with pytest.raises(MalformedMessage, match="close_position, emergency_stop, get_data") as caught:
        read(message(kind))

    assert caught.value.reason == "unknown_type"
    assert len(caught.value.detail) < 300


@pytest.mark.parametrize(
    "raw", [b"[]", b"1", b"null", b'"text"', b"{}", b'{"type":null}', b'{"type":1}', b'{"data":{}}']
)
def test_what_is_no_envelope_is_refused(raw: bytes) -> None:
    assert reason_of(raw) == "invalid_field"


@pytest.mark.parametrize(
    "kind",
    [
        *("trading_signal", "close_position", "modify_position", "resume_trading"),
        *("tighten_limits", "restore_limits", "get_data"),
    ],
)
@pytest.mark.parametrize("data", [b"null", b"[]", b"1", b'"text"', b"{}", b"true"])
def test_data_that_lacks_its_fields_is_refused(kind: str, data: bytes) -> None:
    assert reason_of(b'{"type":"' + kind.encode() + b'","data":' + data + b"}") == "invalid_field"
    assert reason_of(b'{"type":"' + kind.encode() + b'"}') == "invalid_field"


HUGE = "9" * 400
WRONG_FIELDS: dict[str, list[Any]] = {
    "symbol": [None, "", "x" * 30, 5, ["EURUSD"], {}, True],
    "action": [None, "", "buy", "HOLD", 0, True],
    "volume": [0, -0.1, "0.1", True, [], {}, int(HUGE)],
    "stop_loss": [-1e-9, -1, "1.1", False, [], int(HUGE)],
    "take_profit": [-1e-9, -1, "1.1", False, [], int(HUGE)],
    "price": [0, -1, "1.1", True, [], int(HUGE)],
    "comment": ["x" * 501, 5, True, []],
    "id": ["", "x" * (ID_CHARS_MAX + 1), 1.5, True, [], {}, int(HUGE), -int(HUGE)],
    "timestamp": [
        "",
        "now",
        "2026-09-21",
        "14:13:20Z",
        "2026-09-21T14:13:20",
        "2026-09-31T14:13:20Z",
        "2026-09-21T25:00:00Z",
        "10000-01-01T00:00:00Z",
        1_790_000_000,
        1_790_000_000.5,
        True,
        [],
    ],
    "account": ["7001", 1.5, True, []],
}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        pytest.param(name, value, id=f"{name}-{number}")
        for name, values in WRONG_FIELDS.items()
        for number, value in enumerate(values)
    ],
)
def test_a_signal_s_wrong_field_is_refused_by_name(name: str, value: Any) -> None:
    with pytest.raises(MalformedMessage) as caught:
        read(signal(**{name: value}))

    assert caught.value.reason == "invalid_field"
    assert name in caught.value.detail
    assert len(caught.value.detail) < 300


@pytest.mark.parametrize("field", ["volume", "stop_loss", "take_profit", "price"])
@pytest.mark.parametrize("number", ["1e309", "-1e309", "1e99999", "123456789e999"])
def test_a_number_beyond_a_double_is_refused(field: str, number: str) -> None:
    raw = f'{{"type":"trading_signal","data":{{"symbol":"EURUSD","action":"BUY","{field}":{number}}}}}'

    assert reason_of(raw.encode()) == "invalid_field"


@pytest.mark.parametrize(
    "raw",
    [
        message("close_position", ticket=0),
        message("close_position", ticket=-1),
        message("close_position", ticket=2**63),
        message("close_position", ticket="500"),
        message("close_position", ticket=500.5),
        message("close_position", ticket=True),
        message("close_position", ticket=None),
        message("close_position", ticket=500, volume=0),
        message("close_position", ticket=500, volume=-0.1),
        message("close_position", ticket=500, id=int(HUGE)),
        message("modify_position", ticket=500),
        message("modify_position", ticket=500, stop_loss=None, take_profit=None),
        message("modify_position", ticket=500, stop_loss=-1),
        message("modify_position", ticket=500, stop_loss="1.1"),
        message("emergency_stop", close_positions="yes"),
        message("emergency_stop", close_positions=1),
        message("emergency_stop", cancel_orders=None),
        message("emergency_stop", reason=5),
        message("tighten_limits"),
        message("tighten_limits", limits={}),
        message("tighten_limits", limits=None),
        message("tighten_limits", limits=[["MAX_VOLUME", 1]]),
        message("tighten_limits", limits={"MAX_VOLUME": "1"}),
        message("tighten_limits", limits={"MAX_VOLUME": None}),
        message("tighten_limits", limits={"MAX_VOLUME": [1]}),
        message("tighten_limits", limits={"MAX_VOLUME": 10**400}),
        message("tighten_limits", limits={f"name-{number}": 1 for number in range(51)}),
        message("restore_limits"),
        message("restore_limits", reason=""),
        message("resume_trading", reason=""),
        message("resume_trading", reason=None),
        message("resume_trading", reason="x" * 501),
        message("get_data", request="everything"),
        message("get_data", request=None),
        message("get_data", request=["status"]),
    ],
)
def test_a_command_s_wrong_field_is_refused(raw: bytes) -> None:
    assert reason_of(raw) == "invalid_field"


def test_a_message_is_at_most_so_long() -> None:
    room = MESSAGE_BYTES_MAX - len(signal(extra=""))

    assert read(signal(extra="x" * room)).symbol == "EURUSD"
    assert reason_of(signal(extra="x" * (room + 1))) == "too_long"


@pytest.mark.parametrize("depth", range(890, 1_010, 5))
def test_nesting_of_any_depth_is_either_read_or_refused(depth: int) -> None:
    raw = b'{"type":"get_data","data":{"request":"status","x":' + b"[" * depth + b"]" * depth + b"}}"

    found = decode_or_reject(raw, SOURCE, NOW, "f")

    assert found == DataRequested("status") or isinstance(found, MalformedReceived)


# Malformed messages as inputs, and what is shown of them


def test_a_malformed_message_becomes_an_input_with_its_reason() -> None:
    found = decode_or_reject(b'{"type":"nothing"}', SOURCE, NOW, "f")

    assert isinstance(found, MalformedReceived)
    assert (found.reason, found.excerpt) == ("unknown_type", '{"type":"nothing"}')
    assert (found.source, found.received_msc, found.message_id) == (SOURCE, NOW, "f")


def test_a_sound_message_passes_through_unchanged() -> None:
    assert decode_or_reject(signal(id="a"), SOURCE, NOW, "f") == decode(signal(id="a"), SOURCE, NOW, "f")


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (b"", ""),
        (b"plain", "plain"),
        (b"a\nb\r\tc\x00\x1b[31m", "a\\nb\\r\\tc\\x00\\x1b[31m"),
        ("\u202e\u2028\x85".encode(), "\\u202e\\u2028\\x85"),
        ("Grüße \N{ROCKET}".encode(), "Grüße \N{ROCKET}"),
        (b"\xff\xfe", "\ufffd\ufffd"),
        (b"x" * EXCERPT_CHARS, "x" * EXCERPT_CHARS),
        (b"x" * (EXCERPT_CHARS + 1), "x" * EXCERPT_CHARS + f"... ({EXCERPT_CHARS + 1} bytes)"),
    ],
)
def test_an_excerpt_is_short_and_printable(raw: bytes, expected: str) -> None:
    assert excerpt(raw) == expected


@given(raw=st.binary(max_size=2_000))
def test_an_excerpt_of_anything_is_one_printable_line(raw: bytes) -> None:
    shown = excerpt(raw)

    assert all(char.isprintable() for char in shown)
    # The longest escape is ten characters for one.
    assert len(shown) <= EXCERPT_CHARS * 10 + 20


# Anything at all

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=12,
)
FIELDS = st.sampled_from(
    [*WRONG_FIELDS, "expires_at", "ticket", "close_positions", "cancel_orders", "reason", "request", "limits"]
)
KINDS = st.sampled_from(
    [
        "trading_signal",
        "close_position",
        "modify_position",
        "emergency_stop",
        "resume_trading",
        "tighten_limits",
        "restore_limits",
        "get_data",
        "other",
    ]
)
ENVELOPES = st.fixed_dictionaries({"type": KINDS, "data": st.dictionaries(FIELDS, JSON, max_size=8) | JSON})


def is_input_or_malformed(raw: bytes) -> None:
    try:
        read(raw)
    except MalformedMessage as error:
        assert error.reason in {
            "not_json",
            "not_utf8",
            "duplicate_key",
            "unknown_type",
            "invalid_field",
            "too_long",
        }


@given(raw=st.binary(max_size=200))
def test_no_bytes_raise_anything_but_malformed(raw: bytes) -> None:
    is_input_or_malformed(raw)


@given(text=st.text(alphabet=st.sampled_from('{}[]":,.-+eE019tfn\\u \n"'), max_size=60))
def test_no_near_json_raises_anything_but_malformed(text: str) -> None:
    is_input_or_malformed(text.encode())


@given(envelope=ENVELOPES)
@example({"type": "trading_signal", "data": {**SIGNAL, "id": 10**4000}})
@example({"type": "trading_signal", "data": {**SIGNAL, "account": 10**4000}})
def test_no_json_raises_anything_but_malformed(envelope: Any) -> None:
    is_input_or_malformed(json.dumps(envelope).encode())


@given(
    raw=st.builds(
        lambda at, byte, raw: raw[:at] + bytes([byte]) + raw[at + 1 :],
        st.integers(0, 120),
        st.integers(0, 255),
        st.just(signal(volume=0.1, stop_loss=1.09, timestamp="2026-09-21T14:13:20Z", id="abc")),
    )
)
def test_no_damaged_byte_raises_anything_but_malformed(raw: bytes) -> None:
    is_input_or_malformed(raw)


PRICES = st.floats(0, 1e9, allow_nan=False)


@given(
    symbol=st.text(min_size=1, max_size=29),
    action=st.sampled_from(["BUY", "SELL"]),
    volume=st.none() | st.floats(1e-3, 1e6),
    stop_loss=PRICES,
    take_profit=PRICES,
    comment=st.text(max_size=100),
    signal_id=st.text(min_size=1, max_size=ID_CHARS_MAX),
    account=st.none() | st.integers(0, 2**63),
)
def test_what_a_sender_encodes_is_what_is_decoded(
    symbol: str,
    action: str,
    volume: float | None,
    stop_loss: float,
    take_profit: float,
    comment: str,
    signal_id: str,
    account: int | None,
) -> None:
    found = read(
        signal(
            symbol=symbol,
            action=action,
            volume=volume,
            stop_loss=stop_loss,
            take_profit=take_profit,
            comment=comment,
            id=signal_id,
            account=account,
        )
    )

    assert (found.symbol, found.side, found.volume) == (symbol, action, volume)
    assert (found.stop_loss, found.take_profit, found.comment) == (stop_loss, take_profit, comment)
    assert (found.signal_id, found.account) == (signal_id, account)
