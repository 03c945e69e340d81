"""The look-alikes of the package's struct sequences and its arrays."""

import copy
import pickle
from typing import Any

import numpy as np
import pytest

from hybrid_bridge.simulator import records, result_types
from hybrid_bridge.simulator.wire_structs import RATE, TICK, Rate

COUNTS = {
    "AccountInfo": 28,
    "TerminalInfo": 22,
    "SymbolInfo": 96,
    "Tick": 8,
    "TradePosition": 19,
    "TradeOrder": 24,
    "TradeDeal": 18,
    "TradeRequest": 17,
    "OrderSendResult": 11,
    "OrderCheckResult": 9,
    "BookInfo": 4,
}


@pytest.mark.parametrize(("name", "count"), COUNTS.items())
def test_a_type_has_the_packages_fields_in_their_order(name: str, count: int) -> None:
    made: Any = getattr(result_types, name)
    names = getattr(records, name)._fields
    assert (count, count, 0) == (made.n_fields, made.n_sequence_fields, made.n_unnamed_fields)
    assert names == made.__match_args__
    value = made(range(count))
    assert list(range(count)) == [getattr(value, field) for field in names]
    assert dict(zip(names, range(count), strict=True)) == value._asdict()


def test_it_is_a_tuple_in_every_other_way() -> None:
    book: Any = result_types.BookInfo((1, 1.5, 2, 2.0))
    assert isinstance(book, tuple)
    assert book == (1, 1.5, 2, 2.0)
    assert hash((1, 1.5, 2, 2.0)) == hash(book)
    assert repr(book) == "BookInfo(type=1, price=1.5, volume=2, volume_dbl=2.0)"
    assert repr(type(book)) == "<class 'BookInfo'>"
    assert book == copy.copy(book)
    match book:
        case result_types.BookInfo(kind, price):
            assert (kind, price) == (1, 1.5)


def test_it_is_made_from_one_sequence_of_the_right_length() -> None:
    with pytest.raises(TypeError, match=r"^BookInfo\(\) takes a 4-sequence \(3-sequence given\)$"):
        result_types.BookInfo((1, 2, 3))
    with pytest.raises(TypeError, match="constructor requires a sequence"):
        result_types.BookInfo(5)
    with pytest.raises(TypeError):
        result_types.BookInfo(type=1)


def test_it_is_no_named_tuple() -> None:
    for absent in ("_fields", "_replace", "_make"):
        assert not hasattr(result_types.Tick, absent)


def test_it_is_read_only() -> None:
    tick: Any = result_types.Tick(range(8))
    with pytest.raises(AttributeError):
        tick.bid = 1.0
    with pytest.raises(AttributeError):
        tick.other = 1.0
    with pytest.raises(TypeError, match="not an acceptable base type"):
        type("Mine", (result_types.Tick,), {})


def test_it_cannot_be_pickled() -> None:
    with pytest.raises(pickle.PicklingError, match="attribute lookup Tick on builtins failed"):
        pickle.dumps(result_types.Tick(range(8)))


def test_asdict_is_shallow() -> None:
    request = result_types.TradeRequest(range(17))
    result: Any = result_types.OrderCheckResult((*range(8), request))
    assert request is result._asdict()["request"]


def test_an_array_holds_the_rows_and_is_read_only() -> None:
    rows = [records.Tick(1, 1.5, 1.6, 0.0, 3, 1001, 6, 0.5), records.Tick(2, 1.7)]
    array = result_types.tick_array(b"".join(map(TICK.pack, rows)))
    assert array.dtype.itemsize == 60
    assert rows == [records.Tick(*row) for row in array.tolist()]
    assert not array.flags.writeable
    assert array.flags.owndata
    with pytest.raises(ValueError, match="read-only"):
        array["bid"][0] = 1.0


def test_an_array_of_bars_has_the_packages_columns() -> None:
    bar = Rate(60, 1.0, 2.0, 0.5, 1.5, 7, 12, 9)
    array = result_types.rate_array(RATE.pack(bar))
    assert array.dtype.itemsize == 60
    assert bar._fields == array.dtype.names
    assert bar == Rate(*array[0].tolist())
    assert np.dtype("<i4") == array.dtype["spread"]


def test_no_rows_are_an_empty_array() -> None:
    assert len(result_types.tick_array(b"")) == 0
