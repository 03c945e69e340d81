"""What is judged, and what every rule asks of it: which entries there were, which limit held when.

Values and what follows from them. `judge` makes a case, the rules go through it.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from scripts.simulation.evidence import Evidence
from scripts.simulation.money import Money
from scripts.simulation.orders import Resume, Sent, Stop, Tightening, Written

from hybrid_bridge.settings import Settings

AMID_S = 10.0  # What was decided before a limit was tightened may be written so long after it.


@dataclass(frozen=True, slots=True)
class Failure:
    """One thing that must not be.

    Attributes:
        kind: lost, doubled, unexplained, limit, stop, unconverged or broken.
        key: the signal or command that it is about; "" for none.
    """

    kind: str
    key: str
    text: str


@dataclass(frozen=True, slots=True)
class Case:
    """What is judged.

    Attributes:
        delivered: ids that certainly reached the bridge.
        start_ms: the world's beginning, UTC milliseconds.
        clock_jumped: whether the PC's clock was wrong for a while; what needs it is then not judged.
        views_hidden: whether the terminal hid what had happened for a while.
        link_down_s: when the terminal had no link to the broker.
        disk_full_s: when the journal's disk took nothing more.
        pending_ms: when orders still waiting at the venue were placed, by ticket.
    """

    evidence: Evidence
    sent: dict[str, Sent]
    delivered: frozenset[str]
    written: list[Written]
    stops: list[Stop]
    resumes: list[Resume]
    settings: Settings
    start_ms: int
    day_of_ms: Callable[[int], int]
    clock_jumped: bool
    views_hidden: bool
    hedging: bool
    pending_ms: dict[int, int]
    link_down_s: tuple[tuple[float, float], ...] = ()
    money: Money = field(default_factory=Money)
    tightenings: tuple[Tightening, ...] = ()
    disk_full_s: tuple[tuple[float, float], ...] = ()


def entries_of(case: Case) -> list[Written]:
    """Return the requests that open something, oldest first."""
    return [written for written in case.written if written.is_entry]


def lifting(case: Case) -> list[Resume]:
    """Return the resumes that the bridge obeys."""
    return [resume for resume in case.resumes if resume.local or case.settings.allow_remote_resume]


def in_force(case: Case, name: str, at_s: float) -> float | None:
    """Return the least that a setting, or who has tightened it since, certainly allows at a moment."""
    setting = getattr(case.settings, name)
    certain = dict[str, float]()
    possible = dict[str, float]()
    for change in case.tightenings:
        if change.at_s >= at_s:
            break
        if not change.limits:
            certain.clear()  # A restore; whether it came to that, the next tightening need not know.
            continue
        news = {key.lower(): float(value) for key, value in change.limits.items()}
        obeyed = all(_is_stricter(case, key, value, possible) for key, value in news.items())
        if change.settled_s is not None and change.settled_s + AMID_S < at_s and obeyed:
            certain.update(news)
        possible.update({key: min(value, possible.get(key, value)) for key, value in news.items()})
    limits = [limit for limit in (setting, certain.get(name)) if limit is not None]
    return min(limits, default=None)


def _is_stricter(case: Case, name: str, value: float, possible: dict[str, float]) -> bool:
    before = [getattr(case.settings, name), possible.get(name)]
    return all(limit is None or value <= limit for limit in before)
