"""The ticks of one symbol, kept as the rows a terminal hands out.

Owns the packed rows (60 bytes each, oldest first, the newest `max_rows` of them) and the questions
asked of them: from a moment, within a range, by kind. It judges no price and knows no symbol.
The exchange appends and reads.

Source: the ticks array of the MetaTrader5 package 5.0.6231, MQL5 reference CopyTicks.
"""

from __future__ import annotations

import struct
from bisect import bisect_left, bisect_right

from hybrid_bridge.simulator import constants as mt5
from hybrid_bridge.simulator.terminal_error import TerminalError

ROW = struct.Struct("<qdddQqId")
_TIME_MSC = struct.Struct("<q")
_TIME_MSC_OFFSET = 40
_FLAGS = struct.Struct("<I")
_FLAGS_OFFSET = 48
QUOTE_FLAGS = mt5.TICK_FLAG_BID | mt5.TICK_FLAG_ASK
_TRADE_FLAGS = mt5.TICK_FLAG_LAST | mt5.TICK_FLAG_VOLUME | mt5.TICK_FLAG_BUY | mt5.TICK_FLAG_SELL
_KINDS = {
    mt5.COPY_TICKS_INFO: QUOTE_FLAGS,
    mt5.COPY_TICKS_TRADE: _TRADE_FLAGS,
}


class TickStore:
    """The newest ticks of one symbol, oldest first; ticks of one millisecond keep their order."""

    def __init__(self, max_rows: int) -> None:
        if max_rows < 1:
            raise ValueError(f"max_rows is {max_rows}, must be 1 or more")
        self._max_rows = max_rows
        # Rows are dropped in chunks: dropping each one alone would move the whole store each time.
        self._trim_at = max_rows + max(max_rows // 8, 1)
        self._rows = bytearray()
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def append(self, time_msc: int, bid: float, ask: float, flags: int) -> None:
        """Keep one tick; its time must not be before the last one's."""
        self._rows += ROW.pack(time_msc // 1000, bid, ask, 0.0, 0, time_msc, flags, 0.0)
        self._count += 1
        if self._count >= self._trim_at:
            surplus = self._count - self._max_rows
            del self._rows[: surplus * ROW.size]
            self._count = self._max_rows

    def copy_from(self, from_msc: int, count: int, flags: int) -> bytes:
        """Give at most `count` rows at or after a moment.

        Raises:
            TerminalError: -2 for a negative count or an unknown kind of ticks.
        """
        if count < 0:
            raise TerminalError(mt5.RES_E_INVALID_PARAMS)
        first = bisect_left(range(self._count), from_msc, key=self._time_msc)
        if wanted_flags(flags) is None:
            return self._slice(first, min(first + count, self._count))
        return self._filtered(first, self._count, count, flags)

    def copy_range(self, from_msc: int, to_msc: int, flags: int) -> bytes:
        """Give all rows from one moment to another, both included.

        Raises:
            TerminalError: -2 for a range that ends before it begins or an unknown kind of ticks.
        """
        if to_msc < from_msc:
            raise TerminalError(mt5.RES_E_INVALID_PARAMS)
        first = bisect_left(range(self._count), from_msc, key=self._time_msc)
        end = bisect_right(range(self._count), to_msc, key=self._time_msc)
        if wanted_flags(flags) is None:
            return self._slice(first, end)
        return self._filtered(first, end, end - first, flags)

    def _time_msc(self, row: int) -> int:
        time_msc: int = _TIME_MSC.unpack_from(self._rows, row * ROW.size + _TIME_MSC_OFFSET)[0]
        return time_msc

    def _slice(self, first: int, end: int) -> bytes:
        return bytes(memoryview(self._rows)[first * ROW.size : end * ROW.size])

    def _filtered(self, first: int, end: int, count: int, flags: int) -> bytes:
        wanted = wanted_flags(flags) or 0
        found = bytearray()
        for row in range(first, end):
            if len(found) >= count * ROW.size:
                break
            start = row * ROW.size
            if _FLAGS.unpack_from(self._rows, start + _FLAGS_OFFSET)[0] & wanted:
                found += self._rows[start : start + ROW.size]
        return bytes(found)


def wanted_flags(flags: int) -> int | None:
    """Give the tick flags that a COPY_TICKS kind selects; None when it selects every tick.

    Raises:
        TerminalError: -2 when it is no known kind.
    """
    if flags == mt5.COPY_TICKS_ALL or flags == (mt5.COPY_TICKS_INFO | mt5.COPY_TICKS_TRADE):
        return None
    if flags not in _KINDS:
        raise TerminalError(mt5.RES_E_INVALID_PARAMS)
    return _KINDS[flags]
