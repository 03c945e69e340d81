"""Two accounts of one stretch of time, set against each other: the topic's ticks and the terminal's.

Pure. A tick is the same one when its time and every price agree; what remains on both sides at one place is
one tick told differently. It knows neither numbers nor topics: `tick_audit` does, and calls it.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

# time_msc (UTC milliseconds), bid, ask, last, volume.
Row = tuple[int, float, float, float, int]

_BEFORE_ALL = -1


@dataclass(frozen=True, slots=True)
class Matching:
    """What came of it.

    Attributes:
        matched: ticks that both have.
        displaced: those of them that stand in another order than the terminal's.
        differing: one tick told differently, as (the topic's, the terminal's).
        missing: the terminal's alone, oldest first, with a topic's tick behind them.
        trailing: the terminal's alone, behind the last tick that the topic has.
        doubled: in the topic more often than in the terminal.
        unknown: in the topic alone.
    """

    matched: int
    displaced: int
    differing: tuple[tuple[Row, Row], ...]
    missing: tuple[Row, ...]
    trailing: tuple[Row, ...]
    doubled: tuple[Row, ...]
    unknown: tuple[Row, ...]


def match(topic: Sequence[Row], history: Sequence[Row]) -> Matching:
    """Set the topic's ticks against the terminal's.

    Args:
        topic: in the order of their numbers.
        history: in the terminal's order.
    """
    if topic == history:
        return Matching(len(topic), 0, (), (), (), (), ())
    places = _places(topic, history)
    found = [place for place in places if place is not None]
    taken = set(found)
    left = _left_by_gap(history, taken)
    rows = set(history)
    differing: list[tuple[Row, Row]] = []
    doubled: list[Row] = []
    unknown: list[Row] = []
    gap = _BEFORE_ALL
    for row, place in zip(topic, places, strict=True):
        if place is not None:
            gap = place
        elif row in rows:
            doubled.append(row)
        elif left.get(gap):
            differing.append((row, history[left[gap].pop(0)]))
        else:
            unknown.append(row)
    trailing = left.pop(max(taken, default=_BEFORE_ALL), [])
    missing = [history[index] for gap in sorted(left) for index in left[gap]]
    return Matching(
        len(found),
        len(found) - _longest_rise(found),
        tuple(differing),
        tuple(missing),
        tuple(history[index] for index in trailing),
        tuple(doubled),
        tuple(unknown),
    )


def count_common(topic: Sequence[Row], history: Sequence[Row]) -> int:
    """Return how many of the topic's ticks the terminal has too."""
    return (Counter(topic) & Counter(history)).total()


def _places(topic: Sequence[Row], history: Sequence[Row]) -> list[int | None]:
    """Return where in the history each of the topic's ticks is; twins take their places in turn."""
    free: dict[Row, list[int]] = {}
    for index in range(len(history) - 1, -1, -1):
        free.setdefault(history[index], []).append(index)
    return [places.pop() if (places := free.get(row)) else None for row in topic]


def _left_by_gap(history: Sequence[Row], taken: set[int]) -> dict[int, list[int]]:
    """Return the places that were not found, by the last place before them that was."""
    left: dict[int, list[int]] = {}
    gap = _BEFORE_ALL
    for index in range(len(history)):
        if index in taken:
            gap = index
        else:
            left.setdefault(gap, []).append(index)
    return left


def _longest_rise(places: Sequence[int]) -> int:
    """Return how many places can be kept so that each stands behind the one before it."""
    ends: list[int] = []
    for place in places:
        at = bisect_left(ends, place)
        ends[at : at + 1] = [place]
    return len(ends)
