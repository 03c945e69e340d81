"""Adds up many seeds: what was simulated, what struck, which crash points were reached, what was found.

Owns the figures and their layout. Called by `run` with one outcome after the other.
"""

from collections import Counter

from scripts.simulation.points import all_points
from scripts.simulation.world import Outcome

FAILURES = ("lost", "doubled", "unexplained", "limit", "stop", "unconverged", "broken")


class Report:
    """The figures of a run."""

    def __init__(self) -> None:
        self.seeds = 0
        self.failed: list[int] = []
        self._sums: Counter[str] = Counter()
        self._struck: Counter[str] = Counter()
        self._found: Counter[str] = Counter()
        self._reached: set[str] = set()
        self._simulated_s = 0.0
        self._longest = (0.0, 0)

    def add(self, outcome: Outcome) -> None:
        """Count a seed in."""
        self.seeds += 1
        self._simulated_s += outcome.simulated_s
        self._sums["lives"] += outcome.lives
        self._sums["kills"] += outcome.kills
        self._sums["power cuts"] += outcome.power_cuts
        self._sums["signals"] += outcome.signals
        self._sums["orders"] += outcome.orders_sent
        self._sums["fills"] += outcome.fills
        self._sums["by hand"] += outcome.hand_trades
        self._struck.update(outcome.struck)
        self._reached |= outcome.reached
        self._longest = max(self._longest, (outcome.recovery_s, outcome.seed))
        if outcome.verdict.failures:
            self.failed.append(outcome.seed)
            self._found.update({failure.kind for failure in outcome.verdict.failures})

    def text(self, wall_s: float) -> str:
        """Lay the figures out."""
        points = all_points()
        sums = self._sums
        missing = [point for point in points.all if point not in self._reached]
        rows = [
            ("seeds", f"{self.seeds}"),
            ("simulated", f"{self._simulated_s / 3600:.1f} hours in {wall_s:.0f} s"),
            ("signals and commands", f"{sums['signals']}, by hand {sums['by hand']}"),
            ("entries sent, fills", f"{sums['orders']}, {sums['fills']}"),
            ("lives, kills", f"{sums['lives']}, {sums['kills']} (of them power cuts {sums['power cuts']})"),
            ("crash points reached", f"{len(points.all) - len(missing)} of {len(points.all)}"),
            ("faults", f"{sum(self._struck.values())} of {len(self._struck)} kinds"),
            ("longest recovery", f"{self._longest[0]:.0f} s (seed {self._longest[1]})"),
        ]
        rows += [(f"seeds with {kind}", f"{self._found[kind]}") for kind in FAILURES]
        lines = [f"{name:28}{value}" for name, value in rows]
        lines += ["faults by kind:"]
        lines += [f"  {name:26}{count}" for name, count in sorted(self._struck.items())]
        if missing:
            lines += ["crash points not reached:", *(f"  {point}" for point in missing)]
        return "\n".join(lines)
