"""Which arguments the package takes, and how it refuses the others."""

import enum
import math
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import numpy as np
import pytest

from hybrid_bridge.simulator import request_parsing as parsing
from hybrid_bridge.simulator.records import TradeRequest
from hybrid_bridge.simulator.request_parsing import ArgumentError, PendingError


class Side(enum.IntEnum):
    SELL = 1


@pytest.mark.parametrize("name", ["volume", "price", "stoplimit", "sl", "tp"])
@pytest.mark.parametrize("value", [1, None, Decimal("1.0"), np.float32(1.0), "1.0"])
def test_a_float_field_takes_floats_only(name: str, value: Any) -> None:
    with pytest.raises(ArgumentError, match=f'^Invalid "{name}" argument$'):
        parsing.trade_request({name: value})


@pytest.mark.parametrize(
    "name",
    [
        *("action", "magic", "order", "deviation", "type", "type_filling", "type_time"),
        *("expiration", "position", "position_by"),
    ],
)
@pytest.mark.parametrize("value", [1.0, None, np.int64(1), "1", datetime.now(tz=UTC)])
def test_an_int_field_takes_ints_only(name: str, value: Any) -> None:
    with pytest.raises(ArgumentError, match=f'^Invalid "{name}" argument$'):
        parsing.trade_request({name: value})


def test_subclasses_of_int_and_float_are_taken() -> None:
    request = parsing.trade_request({"type": Side.SELL, "action": True, "sl": np.float64(1.5)})
    assert TradeRequest(action=1, type=1, sl=1.5) == request
    assert [int, int, float] == [type(request.action), type(request.type), type(request.sl)]


def test_absent_fields_are_zero_and_unknown_ones_are_ignored() -> None:
    assert TradeRequest(magic=2**64 - 1) == parsing.trade_request({"magic": 2**64 - 1, "stop_loss": object()})


@pytest.mark.parametrize("name", ["symbol", "comment"])
def test_a_text_has_at_most_29_utf16_units(name: str) -> None:
    for accepted in ("x" * 29, "x" * 27 + "\U0001f4c8"):
        assert accepted == getattr(parsing.trade_request({name: accepted}), name)
    for refused in ("x" * 30, "x" * 28 + "\U0001f4c8", b"x", None):
        with pytest.raises(ArgumentError, match=f'^Invalid "{name}" argument$'):
            parsing.trade_request({name: refused})


def test_a_number_out_of_range_leaves_an_exception_pending() -> None:
    for fields in ({"magic": -1}, {"type": 2**32}, {"position": 2**64}):
        with pytest.raises(PendingError) as caught:
            parsing.trade_request(fields)
        assert isinstance(caught.value.cause, OverflowError)


def test_orders_take_one_dict_or_keywords() -> None:
    fields = {"symbol": "EURUSD"}
    expected = TradeRequest(symbol="EURUSD")
    assert expected == parsing.order_arguments((fields,), None)
    assert expected == parsing.order_arguments((), fields)
    for arguments, keywords, refusal in (
        ((fields,), {}, "Unnamed arguments not allowed"),
        ((fields,), {"sl": 1.0}, "Unnamed arguments not allowed"),
        ((), None, "Invalid number of arguments"),
        ((fields, fields), None, "Invalid number of arguments"),
        (([],), None, "Invalid arguments"),
    ):
        with pytest.raises(ArgumentError, match=f"^{refusal}$"):
            parsing.order_arguments(arguments, keywords)


def test_a_date_is_whole_seconds() -> None:
    aware = datetime(2025, 9, 26, 12, 0, 0, 999_999, tzinfo=UTC)
    assert parsing.date_s(aware) == 1758888000
    assert parsing.date_s(1758888000.9) == 1758888000
    assert parsing.date_s(-1) == -1
    assert -(2**31) == parsing.date_s(math.inf) == parsing.date_s(math.nan)


def test_a_naive_date_is_local_time() -> None:
    naive = datetime(2025, 9, 26, 12)  # noqa: DTZ001 - this is what the test is about
    assert int(naive.timestamp()) == parsing.date_s(naive)


def test_an_int_date_beyond_32_bits_leaves_an_exception_pending() -> None:
    dates, pending = parsing.dates_s([2**31, 5])
    assert [-1, 5] == dates
    assert str(pending) == "Python int too large to convert to C long"
    assert ([1, 2], None) == parsing.dates_s([1, 2])


def test_no_date_after_an_exception_that_is_pending_is_refused_with_it() -> None:
    with pytest.raises(PendingError) as caught:
        parsing.dates_s([2**31, "2025-01-01"])
    assert isinstance(caught.value.cause, OverflowError)
    assert caught.value.last_error == (-2, "Invalid arguments")


def test_no_date_is_refused() -> None:
    for refused in ("2025-01-01", None, np.int64(1)):
        with pytest.raises(ArgumentError, match="Invalid arguments"):
            parsing.date_s(refused)


@pytest.mark.parametrize(
    ("value", "name"),
    [
        (Decimal(1), "decimal.Decimal"),
        (datetime.now(tz=UTC), "datetime.datetime"),
        (np.int64(1), "numpy.int64"),
        ("text", "str"),
        (Side, "EnumType"),
        ([], "list"),
    ],
)
def test_a_type_has_its_module_in_its_name_only_if_made_in_c(value: Any, name: str) -> None:
    assert name == parsing.c_type_name(value)


def test_c_numbers_convert_as_the_formats_do() -> None:
    assert [parsing.c_int(value) for value in (np.int64(7), True, -1)] == [7, 1, -1]
    assert [parsing.c_unsigned_long(value) for value in (-1, 2**32)] == [2**32 - 1, 0]
    assert [parsing.c_double(value) for value in (1, Decimal("0.5"))] == [1.0, 0.5]


@pytest.mark.parametrize(
    ("read", "value", "cause"),
    [
        (parsing.c_int, 10.0, TypeError),
        (parsing.c_int, 2**31, OverflowError),
        (parsing.c_int, -(2**31) - 1, OverflowError),
        (parsing.c_unsigned_long, 1.0, TypeError),
        (parsing.c_double, "1", TypeError),
    ],
)
def test_a_number_of_the_wrong_kind_leaves_an_exception_pending(
    read: Any, value: Any, cause: type[Exception]
) -> None:
    with pytest.raises(PendingError) as caught:
        read(value)
    assert isinstance(caught.value.cause, cause)
