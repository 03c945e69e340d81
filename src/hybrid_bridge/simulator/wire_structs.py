"""The packed structures of the terminal's pipe: where each field of a record lies, both ways.

Owns the tables of offsets and the packing of one record. Knows no command, no frame: `wire` does.
All structures are little-endian without padding; a text sits in a slot of fixed width, in UTF-16
units, and always ends in a NUL, because the package reads on until it finds one.

Source: measured with the genuine package 5.0.6231 (cp311), every field with a value of its own.
"""

import struct
from collections.abc import Callable, Iterable
from operator import itemgetter
from typing import Any, Final, Generic, NamedTuple, TypeVar

from hybrid_bridge.simulator.records import (
    AccountInfo,
    BookInfo,
    OrderCheckResult,
    OrderSendResult,
    SymbolInfo,
    TerminalInfo,
    Tick,
    TradeDeal,
    TradeOrder,
    TradePosition,
    TradeRequest,
)

RecordT = TypeVar("RecordT", bound=tuple[Any, ...])

_UTF16: Final = "utf-16-le"
_Fields = tuple[tuple[str, str], ...]


class WireError(Exception):
    """Bytes that do not follow the pipe protocol, or a value that does not fit its field."""


class Rate(NamedTuple):
    """One bar, as the rows of copy_rates hold it."""

    time: int = 0
    open: float = 0.0
    high: float = 0.0
    low: float = 0.0
    close: float = 0.0
    tick_volume: int = 0
    spread: int = 0
    real_volume: int = 0


def encode_utf16(text: str) -> bytes:
    """Turn a text into UTF-16 units; a lone surrogate passes, as it does in the package."""
    return text.encode(_UTF16, "surrogatepass")


def decode_utf16(units: bytes) -> str:
    """Turn UTF-16 units into a text; a lone surrogate passes, as it does in the package."""
    return units.decode(_UTF16, "surrogatepass")


def _encode_slot(text: str, slot_bytes: int) -> bytes:
    """Cut a text to what its slot holds beside the NUL, never through a surrogate pair."""
    units = encode_utf16(text)
    room = slot_bytes - 2
    if len(units) <= room:
        return units
    last_unit = int.from_bytes(units[room - 2 : room], "little")
    return units[: room - 2] if 0xD800 <= last_unit < 0xDC00 else units[:room]


def _decode_slot(slot: bytes) -> str:
    return decode_utf16(slot).partition("\0")[0]


class StructLayout(Generic[RecordT]):
    """Pack and unpack one kind of record.

    Args:
        record: the named tuple type; its own field order is the package's.
        fields: runs of fields in wire order, each a type code and the names that have it. Codes are
            those of the struct module, `w<n>` for a text of n UTF-16 units and `x<n>` for n bytes
            that the package never reads.
    """

    def __init__(self, record: type[RecordT], fields: _Fields) -> None:
        self._make: Callable[[Iterable[Any]], RecordT] = record._make  # type: ignore[attr-defined]
        own_order: tuple[str, ...] = record._fields  # type: ignore[attr-defined]
        self.name = record.__name__
        self.offsets: dict[str, int] = {}
        codes, names, self._texts = _read_fields(fields, self.offsets)
        self._struct = struct.Struct("<" + "".join(codes))
        self._field_codes = dict(zip(names, (c for c in codes if "x" not in c), strict=True))
        self._to_wire = itemgetter(*(own_order.index(name) for name in names))
        shown = [name for name in own_order if name in self.offsets]
        self._from_wire = itemgetter(*(names.index(name) for name in shown))
        self.size = self._struct.size

    def pack(self, record: RecordT) -> bytes:
        """Pack a record.

        Returns:
            Exactly `size` bytes.
        Raises:
            WireError: if a value has the wrong type or does not fit its field.
        """
        values = list(self._to_wire(record))
        try:
            for position, slot_bytes in self._texts:
                values[position] = _encode_slot(values[position], slot_bytes)
            return self._struct.pack(*values)
        except (struct.error, AttributeError, TypeError) as error:
            raise WireError(self._explain(values, error)) from error

    def unpack(self, buffer: bytes, offset: int = 0) -> RecordT:
        """Read one record at an offset; fields that are not on the wire keep their defaults.

        Raises:
            WireError: if the buffer ends before the record does.
        """
        try:
            values = list(self._struct.unpack_from(buffer, offset))
        except struct.error as error:
            raise WireError(
                f"{self.name} needs {self.size} bytes at offset {offset}, the data has {len(buffer)} in all"
            ) from error
        for position, _ in self._texts:
            values[position] = _decode_slot(values[position])
        return self._build(self._from_wire(values))

    def unpack_all(self, buffer: bytes, offset: int, count: int) -> tuple[RecordT, ...]:
        """Read `count` records that lie one behind the other."""
        end = offset + count * self.size
        return tuple(self.unpack(buffer, at) for at in range(offset, end, self.size))

    def _build(self, values: tuple[Any, ...]) -> RecordT:
        return self._make(values)

    def _explain(self, values: list[Any], error: Exception) -> str:
        for value, (name, code) in zip(values, self._field_codes.items(), strict=True):
            try:
                struct.pack("<" + code, value)
            except struct.error:
                return f"{self.name}.{name}: {value!r} does not fit the field ({error})"
        return f"{self.name}: {error}"


class _ResultLayout(StructLayout[RecordT]):
    """A trade result: its `request` is the client's own copy and is not on the wire."""

    def _build(self, values: tuple[Any, ...]) -> RecordT:
        return self._make((*values, TradeRequest()))


def _read_fields(
    fields: _Fields, offsets: dict[str, int]
) -> tuple[list[str], list[str], list[tuple[int, int]]]:
    codes: list[str] = []
    names: list[str] = []
    texts: list[tuple[int, int]] = []
    offset = 0
    for kind, run in fields:
        for name in run.split() or [""]:
            code = f"{2 * int(kind[1:])}s" if kind[0] == "w" else kind[1:] + kind[0]
            codes.append(code)
            if kind[0] != "x":
                if kind[0] == "w":
                    texts.append((len(names), 2 * int(kind[1:])))
                offsets[name] = offset
                names.append(name)
            offset += struct.calcsize("<" + code)
    return codes, names, texts


TICK: Final = StructLayout(
    Tick,
    (
        ("q", "time"),
        ("d", "bid ask last"),
        ("Q", "volume"),
        ("q", "time_msc"),
        ("I", "flags"),
        ("d", "volume_real"),
    ),
)
RATE: Final = StructLayout(
    Rate,
    (
        ("q", "time"),
        ("d", "open high low close"),
        ("Q", "tick_volume"),
        ("i", "spread"),
        ("Q", "real_volume"),
    ),
)
BOOK_INFO: Final = StructLayout(
    BookInfo, (("I", "type"), ("d", "price"), ("Q", "volume"), ("d", "volume_dbl"))
)
TRADE_REQUEST: Final = StructLayout(
    TradeRequest,
    (
        ("I", "action"),
        ("Q", "magic order"),
        ("w32", "symbol"),
        ("d", "volume price stoplimit sl tp"),
        ("Q", "deviation"),
        ("I", "type type_filling type_time"),
        ("q", "expiration"),
        ("w32", "comment"),
        ("Q", "position position_by"),
    ),
)
ORDER_CHECK_RESULT: Final = _ResultLayout(
    OrderCheckResult,
    (
        ("I", "retcode"),
        ("d", "balance equity profit margin margin_free margin_level"),
        ("w100", "comment"),
    ),
)
ORDER_SEND_RESULT: Final = _ResultLayout(
    OrderSendResult,
    (
        ("I", "retcode"),
        ("Q", "deal order"),
        ("d", "volume price bid ask"),
        ("w100", "comment"),
        ("I", "request_id"),
        ("i", "retcode_external"),
    ),
)
ACCOUNT_INFO: Final = StructLayout(
    AccountInfo,
    (
        ("Q", "login"),
        ("I", "trade_mode leverage limit_orders margin_so_mode"),
        ("?", "trade_allowed trade_expert"),
        ("I", "margin_mode currency_digits"),
        ("?", "fifo_close"),
        ("d", "balance credit profit equity margin margin_free margin_level margin_so_call"),
        ("d", "margin_so_so margin_initial margin_maintenance assets liabilities"),
        ("d", "commission_blocked"),
        ("w128", "name"),
        ("w64", "server"),
        ("w32", "currency"),
        ("w128", "company"),
    ),
)
TERMINAL_INFO: Final = StructLayout(
    TerminalInfo,
    (
        ("I", "build"),
        ("?", "community_account community_connection connected dlls_allowed trade_allowed"),
        ("?", "email_enabled ftp_enabled notifications_enabled"),
        ("I", "maxbars"),
        ("?", "mqid"),
        ("i", "codepage ping_last"),
        ("d", "community_balance retransmission"),
        ("w260", "company name language path data_path commondata_path"),
        ("?", "tradeapi_disabled"),
    ),
)
TRADE_POSITION: Final = StructLayout(
    TradePosition,
    (
        ("Q", "ticket"),
        ("q", "time time_msc time_update time_update_msc"),
        ("I", "type"),
        ("Q", "magic identifier"),
        ("I", "reason"),
        ("d", "volume price_open sl tp price_current"),
        ("x8", ""),
        ("d", "swap profit"),
        ("w32", "symbol comment external_id"),
    ),
)
TRADE_ORDER: Final = StructLayout(
    TradeOrder,
    (
        ("Q", "ticket"),
        ("q", "time_setup time_setup_msc time_done time_done_msc time_expiration"),
        ("I", "type type_time type_filling state"),
        ("Q", "magic position_id position_by_id"),
        ("I", "reason"),
        ("d", "volume_initial volume_current price_open sl tp price_current price_stoplimit"),
        ("w32", "symbol comment external_id"),
    ),
)
TRADE_DEAL: Final = StructLayout(
    TradeDeal,
    (
        ("Q", "ticket order"),
        ("q", "time time_msc"),
        ("I", "type entry"),
        ("Q", "magic position_id"),
        ("I", "reason"),
        ("d", "volume price commission swap profit fee"),
        ("w32", "symbol comment external_id"),
    ),
)
SYMBOL_INFO: Final = StructLayout(
    SymbolInfo,
    (
        ("?", "custom"),
        ("I", "chart_mode"),
        ("?", "select visible"),
        ("Q", "session_deals session_buy_orders session_sell_orders volume volumehigh volumelow"),
        ("q", "time"),
        ("I", "digits"),
        ("i", "spread"),
        ("?", "spread_float"),
        ("I", "ticks_bookdepth trade_calc_mode trade_mode"),
        ("q", "start_time expiration_time"),
        ("i", "trade_stops_level trade_freeze_level"),
        ("I", "trade_exemode swap_mode swap_rollover3days"),
        ("?", "margin_hedged_use_leg"),
        ("i", "expiration_mode filling_mode order_mode"),
        ("I", "order_gtc_mode option_mode option_right"),
        ("d", "bid bidhigh bidlow ask askhigh asklow last lasthigh lastlow volume_real"),
        ("d", "volumehigh_real volumelow_real option_strike point trade_tick_value"),
        ("d", "trade_tick_value_profit trade_tick_value_loss trade_tick_size"),
        ("d", "trade_contract_size trade_accrued_interest trade_face_value"),
        ("d", "trade_liquidity_rate volume_min volume_max volume_step volume_limit"),
        ("d", "swap_long swap_short margin_initial margin_maintenance session_volume"),
        ("d", "session_turnover session_interest session_buy_orders_volume"),
        ("d", "session_sell_orders_volume session_open session_close session_aw"),
        ("d", "session_price_settlement session_price_limit_min session_price_limit_max"),
        ("d", "margin_hedged price_change price_volatility price_theoretical"),
        ("d", "price_greeks_delta price_greeks_theta price_greeks_gamma price_greeks_vega"),
        ("d", "price_greeks_rho price_greeks_omega price_sensitivity"),
        ("w32", "basis"),
        ("w64", "category"),
        ("w16", "currency_base currency_profit currency_margin"),
        ("w256", "bank"),
        ("w64", "description exchange"),
        ("w256", "formula"),
        ("w16", "isin"),
        ("w256", "page"),
        ("w128", "path"),
        ("w32", "name"),
    ),
)
