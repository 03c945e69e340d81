"""How far the server's clock was ahead of UTC during a range of time, as the ticks themselves tell it.

Pure. Owns which offsets there can be, which are tried first, and which changes are believed: clocks change by
one hour, months apart. Called by the command that audits.
"""

from dataclasses import dataclass, field

HOUR_S = 3_600
QUANTUM_S = 900  # Every time zone in use is a multiple of 15 minutes from UTC.
OFFSET_MAX_S = 14 * HOUR_S
# Two to three hours ahead: the clock of most brokers, whose day ends as New York closes.
USUAL_S = (3 * HOUR_S, 2 * HOUR_S, 0)
BETWEEN_CHANGES_MSC = 21 * 24 * HOUR_S * 1000


@dataclass(frozen=True, slots=True)
class ClockChange:
    """From this instant on the server's clock was this far ahead of UTC."""

    from_msc: int
    offset_s: int


@dataclass(slots=True)
class ClockBook:
    """The offsets found so far, oldest first.

    Attributes:
        fixed: whether the settings name the offset, so that no other is looked for.
    """

    changes: list[ClockChange] = field(default_factory=list)
    fixed: bool = False

    def at(self, utc_msc: int) -> int | None:
        """Return the offset at an instant; None while none is known."""
        found = [change.offset_s for change in self.changes if change.from_msc <= utc_msc]
        return found[-1] if found else None

    def until(self, from_msc: int, to_msc: int) -> int:
        """Return how far into a span the offset of its beginning holds."""
        within = [change.from_msc for change in self.changes if from_msc < change.from_msc < to_msc]
        return min(within, default=to_msc)

    def set_back_s(self, utc_msc: int) -> int:
        """Return by how much the clock was set back, where that is less long ago than so much; else 0."""
        for earlier, later in zip(self.changes, self.changes[1:], strict=False):
            back_s = earlier.offset_s - later.offset_s
            if 0 <= utc_msc - later.from_msc < back_s * 1000:
                return back_s
        return 0

    def adopt(self, from_msc: int, offset_s: int) -> None:
        """Note an offset that holds from an instant on; the first holds from the beginning."""
        self.changes.append(ClockChange(from_msc if self.changes else 0, offset_s))
        self.changes.sort(key=lambda change: change.from_msc)

    def doubts(self) -> list[ClockChange]:
        """Return the changes that no clock makes."""
        pairs = list(zip(self.changes, self.changes[1:], strict=False))
        return [
            later
            for number, (earlier, later) in enumerate(pairs)
            if abs(later.offset_s - earlier.offset_s) != HOUR_S
            or (number and later.from_msc - earlier.from_msc < BETWEEN_CHANGES_MSC)
        ]


def candidates(near_s: int | None) -> list[int]:
    """Return every offset that there can be, the likely ones first.

    Args:
        near_s: the offset before or after, None where nothing is known.
    """
    first = USUAL_S if near_s is None else (near_s, near_s + HOUR_S, near_s - HOUR_S)
    every = range(-OFFSET_MAX_S, OFFSET_MAX_S + 1, QUANTUM_S)
    return list(dict.fromkeys([*first, *every]))
