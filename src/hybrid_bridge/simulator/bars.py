"""Bars of one symbol, built from its ticks as they come.

Owns the one-minute bars (bid prices, the newest `max_bars`) and their grouping into every other
timeframe. It reads no tick store. The exchange feeds it and serves copy_rates_* from it.

Source: the rates array of the MetaTrader5 package 5.0.6231; its field-measured errors.
"""

from __future__ import annotations

import struct
from collections import deque
from collections.abc import Iterable
from datetime import UTC, datetime

from hybrid_bridge.simulator import constants as mt5
from hybrid_bridge.simulator.terminal_error import TerminalError

ROW = struct.Struct("<qddddQiQ")
_MINUTE_S = 60
_DAY_S = 86400
_WEEK_S = 7 * _DAY_S
# The first Sunday after the epoch: weekly bars open on Sundays.
_FIRST_SUNDAY_S = 3 * _DAY_S
_LONGEST_MONTH_S = 31 * _DAY_S

_PERIODS_S = {
    **{
        getattr(mt5, f"TIMEFRAME_M{minutes}"): minutes * _MINUTE_S
        for minutes in (1, 2, 3, 4, 5, 6, 10, 12, 15, 20, 30)
    },
    **{getattr(mt5, f"TIMEFRAME_H{hours}"): hours * 3600 for hours in (1, 2, 3, 4, 6, 8, 12)},
    mt5.TIMEFRAME_D1: _DAY_S,
    mt5.TIMEFRAME_W1: _WEEK_S,
    mt5.TIMEFRAME_MN1: _LONGEST_MONTH_S,
}


class Bar:
    """Open, high, low, close of the bid from `time_s` on; `spread` is the least seen, in points."""

    __slots__ = ("close", "high", "low", "open", "spread", "tick_volume", "time_s")

    def __init__(self, time_s: int, price: float, spread: int) -> None:
        self.time_s = time_s
        self.open = self.high = self.low = self.close = price
        self.tick_volume = 1
        self.spread = spread

    def add_tick(self, price: float, spread: int) -> None:
        """Take one more tick into the bar."""
        self.close = price
        self.high = max(self.high, price)
        self.low = min(self.low, price)
        self.tick_volume += 1
        self.spread = min(self.spread, spread)

    def add_bar(self, later: Bar) -> None:
        """Take a later bar into this one."""
        self.close = later.close
        self.high = max(self.high, later.high)
        self.low = min(self.low, later.low)
        self.tick_volume += later.tick_volume
        self.spread = min(self.spread, later.spread)

    def copy_at(self, time_s: int) -> Bar:
        """Give a bar with the same prices that opens at another time."""
        bar = Bar(time_s, self.open, self.spread)
        bar.high, bar.low, bar.close = self.high, self.low, self.close
        bar.tick_volume = self.tick_volume
        return bar

    def pack(self) -> bytes:
        """Give the row a terminal hands out."""
        return ROW.pack(
            self.time_s,
            self.open,
            self.high,
            self.low,
            self.close,
            self.tick_volume,
            self.spread,
            0,
        )


class BarSeries:
    """The one-minute bars of a symbol and the answers of copy_rates_*."""

    def __init__(self, max_bars: int) -> None:
        self._max_bars = max_bars
        self._minutes: deque[Bar] = deque(maxlen=max_bars)
        self._next_minute_s = 0

    def add_tick(self, time_s: int, bid: float, spread: int) -> None:
        """Take one tick; `spread` in points."""
        if time_s < self._next_minute_s:
            self._minutes[-1].add_tick(bid, spread)
            return
        opens = time_s - time_s % _MINUTE_S
        self._next_minute_s = opens + _MINUTE_S
        self._minutes.append(Bar(opens, bid, spread))

    def copy_from(self, timeframe: int, from_s: int, count: int) -> bytes:
        """Give the last `count` bars that open at or before a moment, oldest first.

        Raises:
            TerminalError: -2 for an unknown timeframe or a count beyond the terminal's maximum.
        """
        self._check_count(timeframe, count)
        bars = [bar for bar in self._bars(timeframe) if bar.time_s <= from_s]
        return _pack(bars[max(len(bars) - count, 0) :])

    def copy_from_pos(self, timeframe: int, start: int, count: int) -> bytes:
        """Give `count` bars that end `start` bars before the newest, oldest first.

        Raises:
            TerminalError: -2 as for copy_from; -1 if there are no bars that far back.
        """
        self._check_count(timeframe, count)
        if start < 0:
            raise TerminalError(mt5.RES_E_INVALID_PARAMS)
        bars = self._bars(timeframe)
        end = len(bars) - start
        if end <= 0:
            raise TerminalError(mt5.RES_E_FAIL)
        return _pack(bars[max(end - count, 0) : end])

    def copy_range(self, timeframe: int, from_s: int, to_s: int) -> bytes:
        """Give the bars that open within a span, both ends included, oldest first.

        Raises:
            TerminalError: -2 for an unknown timeframe or a span beyond the terminal's maximum.
        """
        span = self._max_bars * _period_s(timeframe)
        if to_s < from_s or to_s - from_s >= span:
            raise TerminalError(mt5.RES_E_INVALID_PARAMS)
        return _pack(bar for bar in self._bars(timeframe) if from_s <= bar.time_s <= to_s)

    def _check_count(self, timeframe: int, count: int) -> None:
        _period_s(timeframe)
        if count <= 0 or count >= self._max_bars:
            raise TerminalError(mt5.RES_E_INVALID_PARAMS)

    def _bars(self, timeframe: int) -> list[Bar]:
        if timeframe == mt5.TIMEFRAME_M1:
            return list(self._minutes)
        grouped: list[Bar] = []
        for minute in self._minutes:
            opens = bar_opens_s(timeframe, minute.time_s)
            if grouped and grouped[-1].time_s == opens:
                grouped[-1].add_bar(minute)
            else:
                grouped.append(minute.copy_at(opens))
        return grouped


def bar_opens_s(timeframe: int, time_s: int) -> int:
    """Give the moment at which the bar that holds a moment opens (server clock, seconds)."""
    if timeframe == mt5.TIMEFRAME_MN1:
        month = datetime.fromtimestamp(time_s, UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
        return int(month.timestamp())
    since = _FIRST_SUNDAY_S if timeframe == mt5.TIMEFRAME_W1 else 0
    return time_s - (time_s - since) % _period_s(timeframe)


def _period_s(timeframe: int) -> int:
    period_s = _PERIODS_S.get(timeframe)
    if period_s is None:
        raise TerminalError(mt5.RES_E_INVALID_PARAMS)
    return period_s


def _pack(bars: Iterable[Bar]) -> bytes:
    return b"".join(bar.pack() for bar in bars)
