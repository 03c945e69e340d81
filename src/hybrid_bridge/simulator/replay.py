"""Replays files of ticks as if they happened now.

Owns the reading of tick files (line by line, never a whole file in memory), their merging by time and
their re-dating. A file is CSV, gzipped or not: `time_msc,bid,ask`, oldest first, a header if wanted;
its name up to the first '-' or '.' is the symbol. Ticks that share a millisecond are kept, crossed
quotes too: real files have both. Used by `feed.py`.

Times: files of different days are brought to one day, each symbol by whole days, so that they run side
by side; files of one symbol follow each other. Then one shift moves the first tick played to the start.
With a speed other than 1 the distance of two ticks is divided by it, on the clock and in their times
alike, so that a tick is never older or younger than the moment it comes.
"""

from __future__ import annotations

import gzip
import heapq
import io
import zlib
from collections.abc import Iterator, Sequence
from itertools import chain
from math import isfinite
from operator import itemgetter
from pathlib import Path
from typing import NamedTuple

DAY_MSC = 86_400_000
_HEADER = ["time_msc", "bid", "ask"]
_GZIP_MAGIC = b"\x1f\x8b"
# London opens: from here on the major markets are busy.
_DEFAULT_START_MSC = 7 * 3_600_000


class FeedError(Exception):
    """A tick file, or a wish about it, that cannot be played; says what was seen and expected."""


class FileTick(NamedTuple):
    """One line of a tick file."""

    time_msc: int
    bid: float
    ask: float


class SourceTick(NamedTuple):
    """A tick that is due at a moment of UTC."""

    utc_msc: int
    symbol: str
    bid: float
    ask: float


def symbol_of(path: Path) -> str:
    """Give the symbol a tick file is of, from its name.

    Raises:
        FeedError: if the name does not begin with one.
    """
    symbol = path.name.partition("-")[0].partition(".")[0]
    if not symbol:
        raise FeedError(f"{path}: the name must begin with the symbol, as in EURUSD-2014-05-08.csv.gz")
    return symbol


def read_ticks(path: Path) -> Iterator[FileTick]:
    """Read a tick file, line by line.

    Raises:
        FeedError: naming file and line, what was seen and what was expected.
    """
    last_msc = 0
    number = 0
    try:
        with _open(path) as lines:
            for number, line in enumerate(lines, start=1):
                columns = line.split(",")
                if number == 1 and [column.strip().lower() for column in columns] == _HEADER:
                    continue
                tick = _parse(columns)
                if tick is None:
                    raise FeedError(
                        f"{path}, line {number}: expected time_msc,bid,ask with a whole number of "
                        f"milliseconds and two prices above 0, saw {line.rstrip()[:80]!r}"
                    )
                if tick.time_msc < last_msc:
                    raise FeedError(
                        f"{path}, line {number}: expected ticks oldest first, saw {tick.time_msc} "
                        f"after {last_msc}; sort the file by time_msc"
                    )
                last_msc = tick.time_msc
                yield tick
    except (OSError, EOFError, zlib.error, UnicodeDecodeError) as error:
        raise FeedError(f"{path}, after line {number}: cannot be read: {error}") from error


def _open(path: Path) -> io.TextIOWrapper:
    with path.open("rb") as file:
        packed = file.read(len(_GZIP_MAGIC)) == _GZIP_MAGIC
    if packed:
        return io.TextIOWrapper(gzip.GzipFile(path), encoding="utf-8-sig")
    return path.open(encoding="utf-8-sig")


def _parse(columns: list[str]) -> FileTick | None:
    try:
        time_text, bid_text, ask_text = columns
        tick = FileTick(int(time_text), float(bid_text), float(ask_text))
    except ValueError:
        return None
    if tick.time_msc <= 0 or not (isfinite(tick.bid) and isfinite(tick.ask)):
        return None
    return tick if tick.bid > 0 and tick.ask > 0 else None


def parse_start(start: str) -> int:
    """Give a time of day, HH:MM or HH:MM:SS, in milliseconds.

    Raises:
        FeedError: if it is none.
    """
    parts = start.split(":")
    if len(parts) in (2, 3) and all(part.isdigit() and len(part) == 2 for part in parts):
        hours, minutes, seconds = (int(part) for part in [*parts, "00"][:3])
        if hours < 24 and minutes < 60 and seconds < 60:
            return (hours * 3600 + minutes * 60 + seconds) * 1000
    raise FeedError(f"start {start!r}: expected a time of day in UTC as HH:MM or HH:MM:SS")


class _Series:
    """The ticks of one symbol, from one or several files, brought to the common day."""

    def __init__(self, symbol: str, paths: Sequence[Path]) -> None:
        self.symbol = symbol
        self._paths = sorted(paths, key=lambda path: _first_tick(path).time_msc)
        self.first_day = _first_tick(self._paths[0]).time_msc // DAY_MSC

    def day_shift(self, common_day: int) -> int:
        """Give what brings the symbol's first day to the common one, in milliseconds."""
        return (common_day - self.first_day) * DAY_MSC

    def covers(self, time_of_day_msc: int) -> bool:
        """Tell whether there is a tick at or after a time of the first day."""
        return next(self.ticks(self.first_day, time_of_day_msc), None) is not None

    def last_tick(self) -> FileTick:
        """Give the newest tick; reads the last file to its end."""
        *_, last = read_ticks(self._paths[-1])
        return last

    def ticks(self, common_day: int, time_of_day_msc: int) -> Iterator[SourceTick]:
        """Give the ticks from a time of the first day on, dated by the common day."""
        shift = self.day_shift(common_day)
        from_msc = common_day * DAY_MSC + time_of_day_msc
        for tick in self._all_ticks():
            time_msc = tick.time_msc + shift
            if time_msc >= from_msc:
                yield SourceTick(time_msc, self.symbol, tick.bid, tick.ask)

    def _all_ticks(self) -> Iterator[FileTick]:
        last_msc = 0
        for path in self._paths:
            ticks = read_ticks(path)
            first = next(ticks)
            if first.time_msc < last_msc:
                raise FeedError(
                    f"{path}: begins at {first.time_msc}, before the file of {self.symbol} ahead of it "
                    f"ends at {last_msc}; files of one symbol must not overlap"
                )
            for tick in chain((first,), ticks):
                last_msc = tick.time_msc
                yield tick


def _first_tick(path: Path) -> FileTick:
    first = next(read_ticks(path), None)
    if first is None:
        raise FeedError(f"{path}: expected at least one tick, saw none")
    return first


class Replay:
    """Tick files merged by time and dated from a start on.

    Attributes:
        shifts_msc: per symbol, what is added to a time of its files to get UTC now (at speed 1; at
            other speeds this holds for the first tick).
    """

    def __init__(self, paths: Sequence[Path], *, start_utc_msc: int, start: str, speed: float) -> None:
        """Open the files and find the first tick to play.

        Args:
            paths: the files; at least one.
            start_utc_msc: when the first tick is due.
            start: the time of day (UTC of the files) to begin at; "" begins at 07:00, or with the
                first tick where a file has none so late.
            speed: how many times faster than it happened; above 0.
        Raises:
            FeedError: if a file or the start cannot be played.
        """
        if not speed > 0 or not isfinite(speed):
            raise FeedError(f"speed {speed}: expected a number above 0")
        by_symbol: dict[str, list[Path]] = {}
        for path in paths:
            by_symbol.setdefault(symbol_of(path), []).append(path)
        all_series = [_Series(symbol, files) for symbol, files in by_symbol.items()]
        common_day = max(series.first_day for series in all_series)
        begins_msc = _begin(all_series, start)
        self._ticks = heapq.merge(
            *(series.ticks(common_day, begins_msc) for series in all_series), key=itemgetter(0)
        )
        self._head: SourceTick | None = next(self._ticks)
        self._first_msc = self._head.utc_msc
        self._start_utc_msc = start_utc_msc
        self._speed = speed
        self.symbols = tuple(by_symbol)
        self.shifts_msc = {
            series.symbol: series.day_shift(common_day) + start_utc_msc - self._first_msc
            for series in all_series
        }

    def delay(self, msc: int) -> None:
        """Let all that is to come be so much later."""
        self._start_utc_msc += msc

    def change_speed(self, speed: float, now_utc_msc: int) -> None:
        """Play on from now so many times faster than it happened."""
        self._first_msc += int((now_utc_msc - self._start_utc_msc) * self._speed)
        self._start_utc_msc = now_utc_msc
        self._speed = speed

    def next_due_utc_msc(self) -> int | None:
        """Give when the next tick is due; None after the last."""
        return None if self._head is None else self._due(self._head.utc_msc)

    def _due(self, time_msc: int) -> int:
        elapsed = time_msc - self._first_msc
        return self._start_utc_msc + (elapsed if self._speed == 1 else int(elapsed / self._speed))

    def take_until(self, utc_msc: int) -> list[SourceTick]:
        """Give the ticks due up to a moment, oldest first."""
        taken: list[SourceTick] = []
        while self._head is not None and (due := self._due(self._head.utc_msc)) <= utc_msc:
            _, symbol, bid, ask = self._head
            taken.append(SourceTick(due, symbol, bid, ask))
            self._head = next(self._ticks, None)
        return taken


def _begin(all_series: Sequence[_Series], start: str) -> int:
    """Give the time of day to begin at, in milliseconds."""
    if not start:
        every = all(series.covers(_DEFAULT_START_MSC) for series in all_series)
        return _DEFAULT_START_MSC if every else 0
    begins_msc = parse_start(start)
    for series in all_series:
        if not series.covers(begins_msc):
            last_s = series.last_tick().time_msc % DAY_MSC // 1000
            last = f"{last_s // 3600:02}:{last_s // 60 % 60:02}:{last_s % 60:02}"
            raise FeedError(f"start {start}: {series.symbol} has no tick so late; its last is at {last}")
    return begins_msc
