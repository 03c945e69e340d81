"""What a look at something came to: a step, a verdict, and for a fault its cause, what was seen and its mend.

Owns the shape of findings, which the checks of the terminal, of Redpanda and of the backend have in common.
Which faults there are and their words is each one's own. Does no I/O.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple


class Words(NamedTuple):
    """A fault's words, with names in braces for what differs from case to case."""

    cause: str
    mend: str


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong.

    Attributes:
        key: its name in the table of its words.
        seen: what was observed, "" when the cause says it all.
    """

    key: str
    cause: str
    seen: str
    mend: str

    def __str__(self) -> str:
        return f"{self.brief}; {self.mend}"

    @property
    def brief(self) -> str:
        """Cause and what was seen, without the mend."""
        return f"{self.cause} ({self.seen})" if self.seen else self.cause


class Verdict(StrEnum):
    """What came of one look."""

    OK = "ok"
    NOTE = "note"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Finding:
    """What one look came to.

    Attributes:
        step: what was looked at, like "TLS localhost:9092".
        seen: what was observed, in words.
        fault: what is wrong; None unless the verdict is failed, or a note about something wrong.
    """

    step: str
    verdict: Verdict
    seen: str = ""
    fault: Fault | None = None


@dataclass(frozen=True, slots=True)
class FaultTable:
    """The faults of one check; called with a fault's key it returns that fault, its words filled in."""

    words: Mapping[str, Words]

    def __call__(self, key: str, seen: str = "", **names: object) -> Fault:
        """Return a fault with its words filled in.

        Args:
            names: for each name in braces of its words, what stands there.
        """
        cause, mend = self.words[key]
        return Fault(key, cause.format(**names), seen, mend.format(**names))


def well(step: str, seen: str) -> Finding:
    """Return a finding that all is well."""
    return Finding(step, Verdict.OK, seen)


def wrong(step: str, what: Fault) -> Finding:
    """Return a finding of a fault."""
    return Finding(step, Verdict.FAILED, what.brief, what)


def told(error: BaseException) -> str:
    """Return an error as a short text that names its kind."""
    text, name = str(error).strip(), type(error).__name__
    return text if name in text else f"{name}: {text}".rstrip(": ")
