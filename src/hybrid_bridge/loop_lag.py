"""How long the event loop stands still: the longest delay of a task that only sleeps.

That the PC slept is no lag of the loop's own and does not count. A process that was suspended does: nothing
tells it from a loop that blocked itself. app drives `run`; bridge_status and the summary show the figures.
"""

from collections.abc import Callable

from hybrid_bridge.ports import Clock

BEAT_S = 0.02


class LoopLag:
    """The delay between when a sleep should end and when it does.

    Attributes:
        max_ms: the longest since the start.
    """

    def __init__(self, clock: Clock, sleeps: Callable[[], int] = lambda: 0) -> None:
        """Begin with none.

        Args:
            sleeps: how often the PC slept until this very instant.
        """
        self._clock = clock
        self._sleeps = sleeps
        self.max_ms = 0.0

    async def run(self) -> None:
        """Measure, for ever."""
        while True:
            sleeps, before = self._sleeps(), self._clock.monotonic()
            await self._clock.sleep(BEAT_S)
            late_ms = (self._clock.monotonic() - before - BEAT_S) * 1000
            if self._sleeps() == sleeps:
                self.max_ms = max(self.max_ms, late_ms)
