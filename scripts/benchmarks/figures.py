"""The arithmetic of the bench: percentiles, ratios to a floor, targets and whether they are met.

Pure. Measurements give rows of `Figure`; `table` and `run` show and keep them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Target:
    """What a figure should be.

    Attributes:
        limit: the last value that meets it.
        at_least: whether more is better; otherwise less is.
        of_ratio: whether it limits the ratio to the floor and not the value.
    """

    limit: float
    at_least: bool = False
    of_ratio: bool = False

    def met_by(self, value: float) -> bool:
        """Tell whether a value or ratio meets it."""
        return value >= self.limit if self.at_least else value <= self.limit

    def __str__(self) -> str:
        """Show it as in the table."""
        return f"{'>=' if self.at_least else '<='} {self.limit:g}{'x' if self.of_ratio else ''}"


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured value.

    Attributes:
        value: None where there is none, as the slowest of no signals.
        floor: the same of the bare client libraries in the same run; None where there is no floor.
    """

    name: str
    value: float | None
    unit: str = ""
    floor: float | None = None
    target: Target | None = None

    @property
    def ratio(self) -> float | None:
        """Return value through floor, None where it makes no sense."""
        if self.value is None or not self.floor:
            return None
        return self.value / self.floor

    @property
    def met(self) -> bool | None:
        """Tell whether the target is met; None without one. What could not be measured meets nothing."""
        if self.target is None:
            return None
        judged = self.ratio if self.target.of_ratio else self.value
        return judged is not None and self.target.met_by(judged)

    def to_json(self) -> dict[str, Any]:
        """Return it as plain values."""
        return {
            "name": self.name,
            "value": _rounded(self.value),
            "unit": self.unit,
            "floor": _rounded(self.floor),
            "ratio": _rounded(self.ratio),
            "target": None if self.target is None else str(self.target),
            "met": self.met,
        }


def percentile(samples: Sequence[float], percent: float) -> float | None:
    """Return a percentile by linear interpolation, None of no samples."""
    if not samples:
        return None
    ordered = sorted(samples)
    place = percent / 100 * (len(ordered) - 1)
    below = int(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (place - below)


def compare(
    name: str, unit: str, own: Sequence[float], floor: Sequence[float], targets: dict[int, Target | None]
) -> list[Figure]:
    """Return one figure per percentile of `own`, each beside the floor's.

    Args:
        targets: by percentile.
    """
    return [
        Figure(f"{name}, p{percent}", percentile(own, percent), unit, percentile(floor, percent), target)
        for percent, target in targets.items()
    ]


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 3)
