"""Counters and latencies of a run, in bounded memory: for bridge_status, the status line and the summary.

Owned by whoever counts; app gathers them. Does no I/O.
"""

from collections import Counter, deque
from dataclasses import dataclass, field

SAMPLES_KEPT = 10_000


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


@dataclass(slots=True)
class ExecutorFigures:
    """What the executor has done since the start."""

    received: Counter[str] = field(default_factory=Counter)
    statuses: Counter[str] = field(default_factory=Counter)
    malformed: int = 0
    signal_to_send: Latencies = field(default_factory=Latencies)
    send_to_result: Latencies = field(default_factory=Latencies)
