"""Things that a terminal does later: after a while, or when it is let go on.

Owns the timers and the stalled calls of one server, so that faults can be lifted and the server can
end. Runs nothing at once. Used by `answering` inside the event loop.
"""

import asyncio
from collections.abc import Callable
from itertools import count

Step = Callable[[], None]


class Waits:
    """Steps that wait."""

    def __init__(self) -> None:
        self._numbers = count()
        self._waiting: dict[int, tuple[Step, asyncio.TimerHandle | None]] = {}
        self._held: set[int] = set()

    def after(self, seconds: float, step: Step) -> None:
        """Do a step after a while, whatever happens to the faults meanwhile."""
        number = next(self._numbers)
        timer = asyncio.get_running_loop().call_later(seconds, self._do, number)
        self._waiting[number] = step, timer

    def hold(self, seconds: float | None, step: Step) -> None:
        """Do a step after a while, or when the faults are lifted if that is sooner.

        Args:
            seconds: how long it waits; None: until the faults are lifted.
            step: what is done then.
        """
        number = next(self._numbers)
        timer = None
        if seconds is not None:
            timer = asyncio.get_running_loop().call_later(seconds, self._do, number)
        self._waiting[number] = step, timer
        self._held.add(number)

    def release(self) -> None:
        """Do what is held, now, in its order."""
        for number in sorted(self._held):
            self._do(number)

    def cancel(self) -> None:
        """Forget everything that waits."""
        for _, timer in self._waiting.values():
            if timer is not None:
                timer.cancel()
        self._waiting.clear()
        self._held.clear()

    def _do(self, number: int) -> None:
        step, timer = self._waiting.pop(number)
        self._held.discard(number)
        if timer is not None:
            timer.cancel()
        step()
