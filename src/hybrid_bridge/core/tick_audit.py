"""One symbol's ticks in the topic judged by the terminal's own history, piece by piece.

Pure, and bounded in memory: ticks are taken as they stand in the topic and kept until their stretch of time
is complete; then the terminal's history of that stretch is asked for (by the caller) and both are compared
and forgotten. Called by the command that audits.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from hybrid_bridge.core.tick_matching import Matching, Row, match

WINDOW_MSC = 300_000
QUIET_MSC = 1_800_000  # Of stretches without a tick in the topic, so much is asked for at once.
GRACE_TICKS = 256  # So many later ticks must have come before a stretch counts as complete.
LATE_MAX = 100_000
LOST_MAX = 100_000
GAPS_MAX = 10_000
EXAMPLES_MAX = 3


class Span(NamedTuple):
    """A stretch of time, UTC milliseconds, its end not included."""

    from_msc: int
    to_msc: int


@dataclass(slots=True)
class TickFigures:
    """What was found.

    Attributes:
        compared: the topic's ticks that were set against a tick of the terminal.
        missing: the terminal has them, the topic has not, though it has later ones.
        doubled: in the topic more often than in the terminal.
        out_of_order: at a place in the topic, or with a number, that is not theirs.
        differing: with another price, volume or time than the terminal has at that place.
        unknown: in the topic, and nothing in the terminal that they could be.
        holes: numbers that the sequence leaves out.
        unsent: after the newest tick in the topic: not sent yet, which is no fault.
    """

    compared: int = 0
    missing: int = 0
    doubled: int = 0
    out_of_order: int = 0
    differing: int = 0
    unknown: int = 0
    holes: int = 0
    unsent: int = 0

    @property
    def faults(self) -> int:
        """How much is wrong."""
        wrong = (self.missing, self.doubled, self.out_of_order, self.differing, self.unknown, self.holes)
        return sum(wrong)


class Example(NamedTuple):
    """One fault to look at.

    Attributes:
        kind: the figure's name.
        topic, terminal: the tick as each has it, None where one has none.
    """

    kind: str
    topic: Row | None
    terminal: Row | None


class _Kept(NamedTuple):
    """A tick that waits: numbers may begin anew, each time one round later."""

    round: int
    seq: int
    row: Row


class _Late(NamedTuple):
    """A tick that came when its stretch was compared already."""

    row: Row
    counted: bool  # As out of order, by its number.


@dataclass(slots=True)
class _Numbers:
    """The sequence so far: its lowest and highest number, and the gaps between them."""

    lowest: int = 0
    highest: int = 0
    round: int = 0
    gaps: list[list[int]] = field(default_factory=list)

    def leave_out(self, first: int, last: int) -> None:
        self.gaps.append([first, last])
        del self.gaps[:-GAPS_MAX]

    def fill(self, seq: int) -> bool:
        """Note a number that was left out before; tells whether it was."""
        for place, (first, last) in enumerate(self.gaps):
            if first <= seq <= last:
                parts = [[first, seq - 1], [seq + 1, last]]
                self.gaps[place : place + 1] = [part for part in parts if part[0] <= part[1]]
                return True
        return False


class SymbolAudit:
    """The audit of one symbol.

    Use: `take` every tick in the topic's order; whenever `due` names a span, hand its history to `settle`;
    after the last tick `end`, and `settle` until nothing is due; then `settle_late` what `late_spans` names.

    Attributes:
        begins_msc: from when on the terminal's history is held against the topic; None before that is known.
        cut: whether the topic begins within the range, later than the bridge did.
        reached_msc: when the newest tick in the topic happened, one after the range too; 0 before any.
        unsent_msc: when the oldest of the unsent ticks happened; None where there is none.
    """

    def __init__(self, symbol: str, span: Span) -> None:
        self.symbol = symbol
        self.figures = TickFigures()
        self.examples: list[Example] = []
        self.begins_msc: int | None = None
        self.cut = False
        self.reached_msc = 0
        self.unsent_msc: int | None = None
        self._span = span
        self._numbers = _Numbers()
        self._newest_msc = 0
        self._kept: dict[int, list[_Kept]] = {}
        self._count = 0
        self._cursor_msc = span.from_msc
        self._first: Row | None = None
        self._later = False
        self._ended = False
        self._late: dict[int, list[_Late]] = {}
        self._late_count = 0
        self._lost: Counter[Row] = Counter()

    @property
    def waiting(self) -> int:
        """How many ticks wait for their history."""
        return self._count

    @property
    def seen(self) -> bool:
        """Whether the topic has any tick of the symbol in the range."""
        return self._numbers.highest > 0

    def take(self, seq: int, row: Row) -> None:
        """Take note of a tick as it stands in the topic."""
        time_msc = row[0]
        self.reached_msc = max(self.reached_msc, time_msc)
        if time_msc >= self._span.to_msc:
            self._later = True
            return
        if time_msc < self._span.from_msc:
            return
        counted = self._note_number(seq, time_msc)
        self._newest_msc = max(self._newest_msc, time_msc)
        if time_msc < self._cursor_msc:
            self._take_late(row, counted)
            return
        self._kept.setdefault(time_msc // WINDOW_MSC, []).append(_Kept(self._numbers.round, seq, row))
        self._count += 1

    def due(self, reaches_back: bool) -> Span | None:
        """Return the next span whose history is wanted; None while there is none.

        Args:
            reaches_back: whether the topic still holds what was written before the range began.
        """
        if self._cursor_msc >= self._span.to_msc or not (self._ended or self._count > GRACE_TICKS):
            return None
        if self.begins_msc is None:
            self._begin(reaches_back)
        here = self._cursor_msc // WINDOW_MSC
        first = min(self._kept, default=None)
        if first == here:
            end_msc = (here + 1) * WINDOW_MSC
        else:
            end_msc = self._cursor_msc + QUIET_MSC
            end_msc = end_msc if first is None else min(end_msc, first * WINDOW_MSC)
        if not self._ended and self._count - len(self._kept.get(here, ())) < GRACE_TICKS:
            return None
        return Span(self._cursor_msc, min(end_msc, self._span.to_msc))

    def rows(self, span: Span) -> list[Row]:
        """Return the waiting ticks of a span, in the order of their numbers."""
        windows = range(span.from_msc // WINDOW_MSC, (span.to_msc - 1) // WINDOW_MSC + 1)
        kept = [
            tick
            for window in windows
            for tick in self._kept.get(window, ())
            if span.from_msc <= tick.row[0] < span.to_msc
        ]
        return [tick.row for tick in sorted(kept, key=_order)]

    def sample(self, count: int) -> list[Row]:
        """Return the first waiting ticks, none of them a window or more behind the first."""
        first = min(self._kept, default=None)
        if first is None:
            return []
        rows = sorted(tick.row for tick in self._kept[first])
        return rows[:count]

    def settle(self, to_msc: int, history: Sequence[Row], set_back_msc: int = 0) -> None:
        """Compare everything from where the last comparison ended up to an instant, and forget it.

        Args:
            history: the terminal's ticks of that span, in its order.
            set_back_msc: how far the server's clock was set back a moment ago, 0 where it was not: its hour
                came twice, and by the former offset these very ticks were the terminal's before already.
        """
        span = Span(self._cursor_msc, to_msc)
        topic = self.rows(span)
        if set_back_msc:
            for row in topic:
                self._find_lost((row[0] - set_back_msc, *row[1:]))
        if self._first is not None:
            history, self._first = _from_first(history, self._first), None
        self._forget(to_msc)
        self._cursor_msc = to_msc
        self._count_up(match(topic, history))

    def end(self, begins_msc: int | None = None) -> None:
        """Note that the topic has no more ticks.

        Args:
            begins_msc: from when on the topic should have held the symbol, where it holds none of it.
        """
        self._ended = True
        if not self.seen and begins_msc is not None:
            self.begins_msc = self._cursor_msc = max(begins_msc, self._span.from_msc)

    def late_spans(self) -> list[Span]:
        """Return the spans whose history is wanted once more, for what came after their comparison."""
        return [Span(window * WINDOW_MSC, (window + 1) * WINDOW_MSC) for window in sorted(self._late)]

    def settle_late(self, span: Span, history: Sequence[Row]) -> None:
        """Judge what came late within one of `late_spans`."""
        rows = set(history)
        for row, counted in self._late.pop(span.from_msc // WINDOW_MSC):
            if self._find_lost(row):
                self.figures.compared += 1
                self.figures.out_of_order += not counted
                self._show("out_of_order", row, row)
            elif row in rows:
                self.figures.doubled += 1
                self._show("doubled", row, row)
            else:
                self.figures.unknown += 1
                self._show("unknown", row, None)

    def _find_lost(self, row: Row) -> bool:
        """Take back that a tick of the terminal is missing; tells whether that had been said."""
        if not self._lost[row]:
            return False
        self._lost[row] -= 1
        self.figures.missing -= 1
        said = Example("missing", None, row)
        if said in self.examples:
            self.examples.remove(said)
        return True

    def _note_number(self, seq: int, time_msc: int) -> bool:
        """Follow the sequence; tells whether the tick was counted as out of order."""
        numbers = self._numbers
        if seq > numbers.highest:
            if numbers.highest and seq > numbers.highest + 1:
                self.figures.holes += seq - numbers.highest - 1
                numbers.leave_out(numbers.highest + 1, seq - 1)
            numbers.highest = seq
            numbers.lowest = numbers.lowest or seq
            return False
        if numbers.fill(seq):
            self.figures.holes -= 1
            self.figures.out_of_order += 1
            return True
        if time_msc > self._newest_msc:
            # No repetition but news under an old number: the sequence began anew.
            self.figures.out_of_order += 1
            self._numbers = _Numbers(seq, seq, numbers.round + 1)
            return True
        if seq < numbers.lowest:
            numbers.lowest = seq
            self.figures.out_of_order += 1
            return True
        return False

    def _take_late(self, row: Row, counted: bool) -> None:
        if self.begins_msc is not None and row[0] < self.begins_msc:
            self.figures.unknown += 1  # Before all that the range begins with: there is nothing to ask for.
            self._show("unknown", row, None)
        elif self._late_count < LATE_MAX:
            self._late.setdefault(row[0] // WINDOW_MSC, []).append(_Late(row, counted))
            self._late_count += 1
        else:
            self.figures.doubled += 1

    def _begin(self, reaches_back: bool) -> None:
        """Decide from where on the terminal's history counts."""
        self.begins_msc = self._span.from_msc
        if not self._kept:
            return
        first = min((tick for ticks in self._kept.values() for tick in ticks), key=_order)
        self.cut = first.seq > 1 and not reaches_back
        if first.seq == 1 or self.cut:
            self._first = first.row
            self.begins_msc = self._cursor_msc = first.row[0]
            for row in self._forget(self._cursor_msc):
                self._take_late(row, counted=True)

    def _forget(self, to_msc: int) -> list[Row]:
        """Keep no tick from before an instant any longer; return those that were."""
        rows: list[Row] = []
        for window in [window for window in self._kept if window * WINDOW_MSC < to_msc]:
            ticks = self._kept.pop(window)
            rows += [tick.row for tick in ticks if tick.row[0] < to_msc]
            if left := [tick for tick in ticks if tick.row[0] >= to_msc]:
                self._kept[window] = left
        self._count -= len(rows)
        return rows

    def _count_up(self, found: Matching) -> None:
        figures = self.figures
        figures.compared += found.matched + len(found.differing)
        figures.out_of_order += found.displaced
        figures.differing += len(found.differing)
        figures.doubled += len(found.doubled)
        figures.unknown += len(found.unknown)
        missing = found.missing
        if self._later or self._count:
            missing += found.trailing
        elif found.trailing:
            figures.unsent += len(found.trailing)
            self.unsent_msc = self.unsent_msc or found.trailing[0][0]
        figures.missing += len(missing)
        if self._lost.total() < LOST_MAX:
            self._lost.update(missing)
        for topic, terminal in found.differing:
            self._show("differing", topic, terminal)
        for row in missing[:EXAMPLES_MAX]:
            self._show("missing", None, row)
        for row in found.doubled[:EXAMPLES_MAX]:
            self._show("doubled", row, row)
        for row in found.unknown[:EXAMPLES_MAX]:
            self._show("unknown", row, None)

    def _show(self, kind: str, topic: Row | None, terminal: Row | None) -> None:
        if sum(example.kind == kind for example in self.examples) < EXAMPLES_MAX:
            self.examples.append(Example(kind, topic, terminal))


def _order(tick: _Kept) -> tuple[int, int]:
    return tick.round, tick.seq


def _from_first(history: Sequence[Row], first: Row) -> Sequence[Row]:
    """Leave out what the terminal has of the first tick's own millisecond before that tick."""
    for place, row in enumerate(history):
        if row == first:
            return history[place:]
        if row[0] > first[0]:
            break
    return history
