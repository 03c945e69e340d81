"""The packed structures: every field at its measured place, both ways."""

import struct
from typing import Any

import pytest

from hybrid_bridge.simulator import wire_structs
from hybrid_bridge.simulator.records import (
    OrderSendResult,
    SymbolInfo,
    TradePosition,
    TradeRequest,
)
from hybrid_bridge.simulator.wire_structs import StructLayout, WireError

LAYOUTS = {layout.name: layout for layout in vars(wire_structs).values() if isinstance(layout, StructLayout)}
SIZES = {
    "SymbolInfo": 2993,
    "TerminalInfo": 3162,
    "AccountInfo": 851,
    "TradePosition": 320,
    "TradeOrder": 340,
    "TradeDeal": 300,
    "TradeRequest": 232,
    "OrderSendResult": 260,
    "OrderCheckResult": 252,
    "Tick": 60,
    "Rate": 60,
    "BookInfo": 28,
}
# (structure, field, offset, code) as measured; chosen at the ends of runs, where a slip would show.
PLACES = [
    ("Tick", "flags", 48, "<I"),
    ("Tick", "volume_real", 52, "<d"),
    ("TerminalInfo", "build", 0, "<I"),
    ("TerminalInfo", "notifications_enabled", 11, "<?"),
    ("TerminalInfo", "mqid", 16, "<?"),
    ("TerminalInfo", "ping_last", 21, "<i"),
    ("TerminalInfo", "retransmission", 33, "<d"),
    ("TerminalInfo", "tradeapi_disabled", 3161, "<?"),
    ("AccountInfo", "margin_so_mode", 20, "<I"),
    ("AccountInfo", "fifo_close", 34, "<?"),
    ("AccountInfo", "commission_blocked", 139, "<d"),
    ("SymbolInfo", "volumelow", 47, "<Q"),
    ("SymbolInfo", "spread_float", 71, "<?"),
    ("SymbolInfo", "order_mode", 129, "<i"),
    ("SymbolInfo", "option_right", 141, "<I"),
    ("SymbolInfo", "bid", 145, "<d"),
    ("SymbolInfo", "price_sensitivity", 553, "<d"),
    ("TradePosition", "reason", 60, "<I"),
    ("TradePosition", "price_current", 96, "<d"),
    ("TradePosition", "swap", 112, "<d"),
    ("TradeOrder", "position_by_id", 80, "<Q"),
    ("TradeOrder", "price_stoplimit", 140, "<d"),
    ("TradeDeal", "fee", 100, "<d"),
    ("TradeRequest", "deviation", 124, "<Q"),
    ("TradeRequest", "expiration", 144, "<q"),
    ("TradeRequest", "position_by", 224, "<Q"),
    ("OrderSendResult", "ask", 44, "<d"),
    ("OrderSendResult", "request_id", 252, "<I"),
    ("OrderSendResult", "retcode_external", 256, "<i"),
    ("OrderCheckResult", "margin_level", 44, "<d"),
    ("BookInfo", "volume_dbl", 20, "<d"),
    ("Rate", "spread", 48, "<i"),
]
TEXT_PLACES = [
    ("SymbolInfo", "basis", 561),
    ("SymbolInfo", "currency_margin", 817),
    ("SymbolInfo", "formula", 1617),
    ("SymbolInfo", "path", 2673),
    ("SymbolInfo", "name", 2929),
    ("TerminalInfo", "company", 41),
    ("TerminalInfo", "commondata_path", 2641),
    ("AccountInfo", "name", 147),
    ("AccountInfo", "company", 595),
    ("TradePosition", "external_id", 256),
    ("TradeOrder", "symbol", 148),
    ("TradeDeal", "comment", 172),
    ("TradeRequest", "symbol", 20),
    ("TradeRequest", "comment", 152),
    ("OrderSendResult", "comment", 52),
]


def distinct(layout: StructLayout[Any]) -> Any:
    """Build a record in which every field that is on the wire has a value of its own."""
    values: dict[str, Any] = {}
    for number, name in enumerate(layout.offsets, start=1):
        default = layout.unpack(bytes(layout.size))._asdict()[name]
        values[name] = {
            bool: number % 2 == 1,
            int: 1000 + number,
            float: number + 0.25,
            str: f"text {number}",
        }[type(default)]
    return layout.unpack(bytes(layout.size))._replace(**values)


@pytest.mark.parametrize(("name", "size"), SIZES.items())
def test_a_structure_has_its_measured_size(name: str, size: int) -> None:
    assert size == LAYOUTS[name].size
    assert size == len(LAYOUTS[name].pack(distinct(LAYOUTS[name])))


@pytest.mark.parametrize("name", SIZES)
def test_a_record_of_distinct_values_comes_back_as_it_was(name: str) -> None:
    record = distinct(LAYOUTS[name])
    assert record == LAYOUTS[name].unpack(LAYOUTS[name].pack(record))


@pytest.mark.parametrize(("name", "field", "offset", "code"), PLACES)
def test_a_number_lies_at_its_measured_offset(name: str, field: str, offset: int, code: str) -> None:
    record = distinct(LAYOUTS[name])
    packed = LAYOUTS[name].pack(record)
    assert getattr(record, field) == struct.unpack_from(code, packed, offset)[0]


@pytest.mark.parametrize(("name", "field", "offset"), TEXT_PLACES)
def test_a_text_lies_at_its_measured_offset_and_ends_in_a_nul(name: str, field: str, offset: int) -> None:
    record = distinct(LAYOUTS[name])
    expected = (getattr(record, field) + "\0").encode("utf-16-le")
    assert expected == LAYOUTS[name].pack(record)[offset : offset + len(expected)]


def test_the_unread_bytes_of_a_position_are_zero() -> None:
    packed = LAYOUTS["TradePosition"].pack(distinct(LAYOUTS["TradePosition"]))
    assert bytes(8) == packed[104:112]


def test_a_text_too_long_for_its_slot_is_cut_before_the_nul() -> None:
    packed = wire_structs.SYMBOL_INFO.pack(SymbolInfo(name="N" * 40))
    assert wire_structs.SYMBOL_INFO.unpack(packed).name == "N" * 31
    assert packed[2929 + 62 : 2993] == b"\0\0"


def test_a_cut_never_halves_a_surrogate_pair() -> None:
    packed = wire_structs.TRADE_REQUEST.pack(TradeRequest(comment="x" * 30 + "\U0001f4c8"))
    assert wire_structs.TRADE_REQUEST.unpack(packed).comment == "x" * 30


def test_a_surrogate_pair_and_a_lone_surrogate_pass() -> None:
    comment = "\U0001f4c8 \ud800"
    packed = wire_structs.TRADE_REQUEST.pack(TradeRequest(comment=comment))
    assert comment == wire_structs.TRADE_REQUEST.unpack(packed).comment


def test_any_byte_but_zero_reads_as_true() -> None:
    data = bytearray(wire_structs.TERMINAL_INFO.size)
    data[6] = 7
    assert wire_structs.TERMINAL_INFO.unpack(bytes(data)).connected is True


def test_the_request_of_a_result_is_not_on_the_wire() -> None:
    sent = OrderSendResult(retcode=10009, request=TradeRequest(symbol="EURUSD"))
    received = wire_structs.ORDER_SEND_RESULT.unpack(wire_structs.ORDER_SEND_RESULT.pack(sent))
    assert TradeRequest() == received.request


@pytest.mark.parametrize(
    ("position", "named"),
    [
        (TradePosition(ticket=-1), "TradePosition.ticket: -1"),
        (TradePosition(type=2**32), "TradePosition.type: 4294967296"),
        (TradePosition(comment=5), "TradePosition.comment: 5"),  # type: ignore[arg-type]
        (TradePosition(sl=None), "TradePosition.sl: None"),  # type: ignore[arg-type]
    ],
)
def test_a_value_that_does_not_fit_is_named(position: TradePosition, named: str) -> None:
    with pytest.raises(WireError, match=named):
        wire_structs.TRADE_POSITION.pack(position)


def test_a_record_cut_short_is_refused() -> None:
    with pytest.raises(WireError, match="Tick needs 60 bytes at offset 0, the data has 59"):
        wire_structs.TICK.unpack(bytes(59))
