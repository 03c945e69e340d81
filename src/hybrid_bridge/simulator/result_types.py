"""The package's result types and arrays.

Owns look-alikes of the package's struct sequences: tuples with named, read-only fields, made from
one sequence, without `_fields` and `_replace`, that cannot be pickled; and the read-only arrays of
ticks and bars. The module-shaped client turns every reply into one of these.

Source: the structures of the MetaTrader5 package 5.0.6231; CPython, Objects/structseq.c.
"""

import operator
from collections.abc import Iterable
from typing import Any, Final, NoReturn, Self

import numpy as np
import numpy.typing as npt

from hybrid_bridge.simulator import records

TICK_DTYPE: Final = np.dtype(
    [
        ("time", "<i8"),
        ("bid", "<f8"),
        ("ask", "<f8"),
        ("last", "<f8"),
        ("volume", "<u8"),
        ("time_msc", "<i8"),
        ("flags", "<u4"),
        ("volume_real", "<f8"),
    ]
)
RATE_DTYPE: Final = np.dtype(
    [
        ("time", "<i8"),
        ("open", "<f8"),
        ("high", "<f8"),
        ("low", "<f8"),
        ("close", "<f8"),
        ("tick_volume", "<u8"),
        ("spread", "<i4"),
        ("real_volume", "<u8"),
    ]
)


class _StructSequence(tuple[Any, ...]):
    """What all result types have in common."""

    __slots__ = ()
    n_fields: int
    n_sequence_fields: int
    n_unnamed_fields = 0
    __match_args__: tuple[str, ...] = ()

    def __new__(cls, sequence: Iterable[Any]) -> Self:
        try:
            values = tuple(sequence)
        except TypeError:
            raise TypeError("constructor requires a sequence") from None
        if len(values) != cls.n_fields:
            raise TypeError(
                f"{cls.__name__}() takes a {cls.n_fields}-sequence ({len(values)}-sequence given)"
            )
        return tuple.__new__(cls, values)

    def __repr__(self) -> str:
        shown = zip(self.__match_args__, self, strict=True)
        return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in shown)})"

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (tuple(self),)

    def _asdict(self) -> dict[str, Any]:
        """Return the fields as a dict; a request inside stays what it is."""
        return dict(zip(self.__match_args__, self, strict=True))


def _result_type(record: type[tuple[Any, ...]]) -> type[_StructSequence]:
    names: tuple[str, ...] = record._fields  # type: ignore[attr-defined]

    def refuse_subclass(_: type) -> NoReturn:
        raise TypeError(f"type '{record.__name__}' is not an acceptable base type")

    return type(
        record.__name__,
        (_StructSequence,),
        {
            "__slots__": (),
            # As for the package's static types; it is also what keeps pickle from finding them.
            "__module__": "builtins",
            "__doc__": record.__doc__,
            "__match_args__": names,
            "__init_subclass__": classmethod(refuse_subclass),
            "n_fields": len(names),
            "n_sequence_fields": len(names),
            **{name: property(operator.itemgetter(i)) for i, name in enumerate(names)},
        },
    )


AccountInfo = _result_type(records.AccountInfo)
BookInfo = _result_type(records.BookInfo)
OrderCheckResult = _result_type(records.OrderCheckResult)
OrderSendResult = _result_type(records.OrderSendResult)
SymbolInfo = _result_type(records.SymbolInfo)
TerminalInfo = _result_type(records.TerminalInfo)
Tick = _result_type(records.Tick)
TradeDeal = _result_type(records.TradeDeal)
TradeOrder = _result_type(records.TradeOrder)
TradePosition = _result_type(records.TradePosition)
TradeRequest = _result_type(records.TradeRequest)


def tick_array(rows: bytes) -> npt.NDArray[np.void]:
    """Make the read-only array of ticks out of its rows of 60 bytes."""
    return _read_only_array(rows, TICK_DTYPE)


def rate_array(rows: bytes) -> npt.NDArray[np.void]:
    """Make the read-only array of bars out of its rows of 60 bytes."""
    return _read_only_array(rows, RATE_DTYPE)


def _read_only_array(rows: bytes, dtype: np.dtype[np.void]) -> npt.NDArray[np.void]:
    array = np.frombuffer(rows, dtype=dtype).copy()
    array.setflags(write=False)
    return array
