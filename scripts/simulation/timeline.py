"""Simulated time and what happens in it outside the bridge's process.

Owns the clock that everything of one seed lives by, and the events of the world: ticks' arrival, a venue that
fills late, a backend that sends again. They go on while no process runs. Knows nothing of asyncio.
"""

import heapq
import itertools
from collections.abc import Callable


class Timeline:
    """Seconds since the world began, and what is due when.

    Attributes:
        now_s: the present moment.
    """

    def __init__(self) -> None:
        self.now_s = 0.0
        self._due: list[tuple[float, int, Callable[[], None]]] = []
        self._numbers = itertools.count()

    def at(self, when_s: float, act: Callable[[], None]) -> None:
        """Have something done at a moment; what is already past is done next."""
        heapq.heappush(self._due, (max(when_s, self.now_s), next(self._numbers), act))

    def after(self, delay_s: float, act: Callable[[], None]) -> None:
        """Have something done so many seconds from now."""
        self.at(self.now_s + delay_s, act)

    @property
    def next_s(self) -> float | None:
        """When the next event is due; None when there is none."""
        return self._due[0][0] if self._due else None

    def step(self) -> None:
        """Go to the next event and do it."""
        when_s, _, act = heapq.heappop(self._due)
        self.now_s = when_s
        act()

    def run_until(self, moment_s: float) -> None:
        """Do everything that is due up to a moment, and end there."""
        while self._due and self._due[0][0] <= moment_s:
            self.step()
        self.now_s = max(self.now_s, moment_s)
