"""Counters and latencies of a run, in bounded memory: for bridge_status, the status line and the summary.

Owned by whoever counts; app gathers them. Does no I/O.
"""

from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field

SAMPLES_KEPT = 10_000
# Where an order's time goes, in order: it waits, is screened, the terminal is asked, it is judged (once the
# engine is free), journaled, and answered by the venue.
STAGES = ("inbox", "screen", "appraise", "judge", "commit", "send")


class Latencies:
    """The most recent samples of one latency, in seconds."""

    def __init__(self) -> None:
        self._samples: deque[float] = deque(maxlen=SAMPLES_KEPT)
        self.count = 0

    def add(self, seconds: float) -> None:
        """Take one sample."""
        self._samples.append(seconds)
        self.count += 1

    def summary_ms(self) -> dict[str, float | int | None]:
        """Return count, p50, p95, p99 and max in milliseconds; None where there is no sample."""
        ordered = sorted(self._samples)
        return {
            "count": self.count,
            **{f"p{percent}": _percentile_ms(ordered, percent) for percent in (50, 95, 99)},
            "max": round(ordered[-1] * 1000, 3) if ordered else None,
        }


def _percentile_ms(ordered: list[float], percent: int) -> float | None:
    if not ordered:
        return None
    rank = min(len(ordered) - 1, round(percent / 100 * (len(ordered) - 1)))
    return round(ordered[rank] * 1000, 3)


class Laps:
    """The stages of one order, each timed from the end of the one before."""

    def __init__(self, monotonic: Callable[[], float], started_s: float) -> None:
        self._monotonic = monotonic
        self._at_s = started_s
        self.times_s: list[tuple[str, float]] = []

    def end(self, stage: str) -> None:
        """Note that a stage is over."""
        now_s = self._monotonic()
        self.times_s.append((stage, now_s - self._at_s))
        self._at_s = now_s


def _by_stage() -> dict[str, Latencies]:
    return {stage: Latencies() for stage in STAGES}


@dataclass(slots=True)
class ExecutorFigures:
    """What the executor has done since the start.

    Attributes:
        stages: where the time of the orders that were sent went.
        retried: orders that were sent a second time after a certain no.
    """

    received: Counter[str] = field(default_factory=Counter)
    statuses: Counter[str] = field(default_factory=Counter)
    malformed: int = 0
    signal_to_send: Latencies = field(default_factory=Latencies)
    send_to_result: Latencies = field(default_factory=Latencies)
    stages: dict[str, Latencies] = field(default_factory=_by_stage)
    retried: int = 0

    def add_laps(self, laps: Laps) -> None:
        """Take the stages of one order that was sent."""
        for stage, seconds in laps.times_s:
            self.stages[stage].add(seconds)
