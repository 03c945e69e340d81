"""Struct sequences made by CPython itself."""

import gc
import sys
from typing import Any

import pytest

from hybrid_bridge.simulator.native_types import struct_sequence

Quote: Any = struct_sequence("Quote", "A quote", ("bid", "ask"))


def test_it_is_a_static_type_of_cpython() -> None:
    assert (Quote.__name__, Quote.__module__, Quote.__doc__) == ("Quote", "builtins", "A quote")
    assert Quote.__mro__ == (Quote, tuple, object)
    assert type(vars(Quote)["bid"]).__name__ == "member_descriptor"
    with pytest.raises(TypeError, match="cannot set 'other' attribute of immutable type 'Quote'"):
        Quote.other = 1


def test_its_values_have_names_and_become_a_dict() -> None:
    quote = Quote((1.5, 1.6))
    assert (quote.bid, quote.ask, quote) == (1.5, 1.6, (1.5, 1.6))
    assert quote._asdict() == {"bid": 1.5, "ask": 1.6}
    assert repr(quote) == "Quote(bid=1.5, ask=1.6)"
    with pytest.raises(TypeError, match=r"^Quote._asdict\(\) takes no arguments \(1 given\)$"):
        quote._asdict(1)


def test_no_reference_is_kept_or_lost() -> None:
    value = object()
    before = sys.getrefcount(value)
    for _ in range(1000):
        Quote((value, value))._asdict()
    assert before == sys.getrefcount(value)


def test_a_type_outlives_its_last_name() -> None:
    kind: Any = struct_sequence("Fleeting", "Soon gone", ("only",))
    value = kind((1,))
    del kind
    gc.collect()
    assert repr(value) == "Fleeting(only=1)"
