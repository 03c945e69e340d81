"""Tick files for the simulated terminal to replay: a slow beginning, then a steady flood.

Pure but for the writing. Each tick of a symbol has a price of its own, so that a judge knows which one it
sees.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

START_MSC = 1_399_532_400_000  # 2014-05-08 07:00 UTC, where a replay begins.
SLOW_GAP_MS = 500
SPREAD = 0.0002


@dataclass(frozen=True, slots=True)
class Flood:
    """Ticks of several symbols.

    Attributes:
        slow_s: length of the beginning, in which a bridge can start.
        flood_s: length of the flood.
        per_second: ticks of all symbols together in the flood.
    """

    symbols: tuple[str, ...]
    slow_s: int
    flood_s: int
    per_second: int


def draw(flood: Flood) -> dict[str, list[int]]:
    """Return by symbol the times of its ticks, milliseconds, oldest first; always the same."""
    chance = random.Random(1)
    times: dict[str, list[int]] = {symbol: [] for symbol in flood.symbols}
    for symbol in flood.symbols:
        times[symbol] += range(START_MSC, START_MSC + flood.slow_s * 1000, SLOW_GAP_MS)
    begin = START_MSC + flood.slow_s * 1000
    for number in range(flood.flood_s * flood.per_second):
        times[chance.choice(flood.symbols)].append(begin + number * 1000 // flood.per_second)
    return times


def bid(number: int) -> float:
    """Return the bid of a symbol's tick, which is its number in disguise."""
    return round(1 + number * 1e-5, 5)


def number_of(bid_price: float) -> int:
    """Return which tick of its symbol a bid belongs to."""
    return round((bid_price - 1) * 1e5)


def write(folder: Path, times: dict[str, list[int]]) -> list[Path]:
    """Write one file a symbol and return their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    return [_write(folder / f"{symbol}-flood.csv", moments) for symbol, moments in times.items()]


def _write(path: Path, moments: Sequence[int]) -> Path:
    rows = (f"{time},{bid(number)},{round(bid(number) + SPREAD, 5)}\n" for number, time in enumerate(moments))
    path.write_text("".join(rows), encoding="utf-8")
    return path
