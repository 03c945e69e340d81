"""What a fuzz run came to, for a terminal: outcomes by count, and how to see each difference again.

Pure; `run` prints it.
"""

from collections import Counter

from scripts.fuzzing.session import Difference, Outcome

RAW_CHARS = 600


class Report:
    """Outcomes added up."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.sessions = 0
        self.borders = 0
        self.differences: list[Difference] = []

    @property
    def messages(self) -> int:
        """How many messages were judged, those that differ among them."""
        return self.counts.total() + len(self.differences)

    def add(self, outcome: Outcome) -> None:
        """Add one session's outcome."""
        self.sessions += 1
        self.counts += outcome.counts
        self.borders += outcome.borders
        self.differences += outcome.differences

    def text(self, seconds: float) -> str:
        """Return the whole in some lines."""
        lines = [f"{name:<26}{count:>10,}" for name, count in self.counts.most_common()]
        pace = self.messages / seconds if seconds else 0.0
        took = f"{self.sessions} seeds, {seconds:.0f} s, {pace:,.0f} a second"
        lines.append(f"{'messages':<26}{self.messages:>10,}   {took}")
        lines.append(f"{'decided by rounding':<26}{self.borders:>10,}   the reference permits either")
        lines.append(f"{'differences':<26}{len(self.differences):>10,}")
        return "\n".join(lines)


def tell(difference: Difference) -> str:
    """Return one difference with its message, and what to type to see it again."""
    return "\n".join(
        (
            f"DIFFERENCE at message {difference.index} of seed {difference.seed}: {difference.stage}",
            difference.text.rstrip(),
            f"the message, {len(difference.raw)} bytes: {difference.raw[:RAW_CHARS]!r}",
            f"again: scripts/fuzz --seed {difference.seed} --messages {difference.index + 1}",
        )
    )
