"""The package's result types and arrays.

Owns the eleven struct sequences, with the package's names, fields and docstrings, and the read-only
arrays of ticks and bars. The module-shaped client turns every reply into one of these.

Source: the structures of the MetaTrader5 package 5.0.6231.
"""

from typing import Any, Final

import numpy as np
import numpy.typing as npt

from hybrid_bridge.simulator import records
from hybrid_bridge.simulator.native_types import struct_sequence

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


def _result_type(record: type[tuple[Any, ...]], doc: str) -> Any:
    return struct_sequence(record.__name__, doc, record._fields)  # type: ignore[attr-defined]


AccountInfo = _result_type(records.AccountInfo, "This is a structure for storing account information")
BookInfo = _result_type(records.BookInfo, "This is a structure for storing Depth of Market information")
OrderCheckResult = _result_type(records.OrderCheckResult, "order_check result structure")
OrderSendResult = _result_type(records.OrderSendResult, "order_send result structure")
SymbolInfo = _result_type(records.SymbolInfo, "This is a structure for storing symbol information")
TerminalInfo = _result_type(records.TerminalInfo, "This is a structure for storing terminal information")
Tick = _result_type(records.Tick, "This is a structure for storing latest symbol prices")
TradeDeal = _result_type(records.TradeDeal, "Trade deal structure")
TradeOrder = _result_type(records.TradeOrder, "Trade order structure")
TradePosition = _result_type(records.TradePosition, "Trade position structure")
TradeRequest = _result_type(records.TradeRequest, "Trade request structure")


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
