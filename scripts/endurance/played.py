"""What the simulated terminal plays: tick files made here or given, and what is in them.

Owns the files that are made and the reading of both kinds. The judge compares the topic with these files, not
with anything that went through the terminal.
"""

import csv
import gzip
import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

DAY_MSC = 86_400_000
DAY_START_MSC = 1_399_507_200_000  # 2014-05-08, midnight UTC
START = "07:00"
START_MSC = 7 * 3_600_000
BURST_SHARE = 0.1  # Of the ticks share their millisecond with the one before.
SPREAD = 0.0002


class Quote(NamedTuple):
    """One tick of a file: time in milliseconds on the file's own day, prices."""

    time_msc: int
    bid: float
    ask: float


@dataclass(frozen=True, slots=True)
class Plan:
    """Ticks to make.

    Attributes:
        per_second: ticks of all symbols together.
    """

    symbols: tuple[str, ...]
    seconds: float
    per_second: float
    seed: int


def make(plan: Plan, folder: Path) -> list[Path]:
    """Write one file a symbol and return their paths.

    A symbol's ticks come at random moments, some in the same millisecond, and each bid comes once.
    """
    folder.mkdir(parents=True, exist_ok=True)
    return [_write(folder / f"{symbol}-made.csv", _draw(plan, symbol)) for symbol in plan.symbols]


def _draw(plan: Plan, symbol: str) -> Iterator[Quote]:
    draw = random.Random(f"{plan.seed}/{symbol}")
    gap_ms = 1000 * len(plan.symbols) / plan.per_second / (1 - BURST_SHARE)
    time_msc, number = float(DAY_START_MSC + START_MSC), 0
    end_msc = time_msc + plan.seconds * 1000
    while time_msc < end_msc:
        bid = round(1 + number * 1e-5, 5)
        yield Quote(int(time_msc), bid, round(bid + SPREAD, 5))
        number += 1
        time_msc += 0.0 if draw.random() < BURST_SHARE else draw.expovariate(1 / gap_ms)


def _write(path: Path, quotes: Iterator[Quote]) -> Path:
    with path.open("w", encoding="utf-8") as file:
        file.writelines(f"{time_msc},{bid},{ask}\n" for time_msc, bid, ask in quotes)
    return path


def symbol_of(path: Path) -> str:
    """Return the symbol that a file is of, which its name begins with."""
    return path.name.partition("-")[0].partition(".")[0]


def read(path: Path) -> list[Quote]:
    """Return what the terminal plays of a file: everything from START on."""
    packed = path.read_bytes()
    text = (gzip.decompress(packed) if path.suffix == ".gz" else packed).decode()
    rows = (row for row in csv.reader(text.splitlines()) if row[0].isdigit())
    quotes = [Quote(int(time_msc), float(bid), float(ask)) for time_msc, bid, ask in rows]
    begin_msc = quotes[0].time_msc // DAY_MSC * DAY_MSC + START_MSC
    return [quote for quote in quotes if quote.time_msc >= begin_msc]
