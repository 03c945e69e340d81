"""How long the event loop stands still: the longest delay of a task that only sleeps.

app drives `run`; bridge_status and the summary show the figures.
"""

from hybrid_bridge.ports import Clock

BEAT_S = 0.02


class LoopLag:
    """The delay between when a sleep should end and when it does.

    Attributes:
        max_ms: the longest since the start.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.max_ms = 0.0

    async def run(self) -> None:
        """Measure, for ever."""
        while True:
            before = self._clock.monotonic()
            await self._clock.sleep(BEAT_S)
            late_ms = (self._clock.monotonic() - before - BEAT_S) * 1000
            self.max_ms = max(self.max_ms, late_ms)
