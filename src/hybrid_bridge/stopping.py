"""How a stop waits: for what is still under way, but not for ever, and shorter when the system presses.

app's; it says what is waited for and in which order.
"""

import asyncio
import math
from collections.abc import Awaitable, Sequence

import structlog

log = structlog.get_logger(__name__)


class Patience:
    """How long a stop may wait; without end in sight, for as long as each thing is granted."""

    def __init__(self) -> None:
        self._by_s = math.inf
        self._keep_s = 0.0
        self._waiting: asyncio.Timeout | None = None

    def press(self, by_s: float) -> None:
        """Let every wait, the present one too, end in time for what comes after it.

        Args:
            by_s: when the process is ended, on the loop's clock.
        """
        self._by_s = min(self._by_s, by_s)
        waiting = self._waiting
        if waiting is not None and not waiting.expired():
            waiting.reschedule(min(waiting.when() or math.inf, self._by_s - self._keep_s))

    async def wait(self, timeout_s: float, work: Awaitable[object], what: str, *, keep_s: float) -> None:
        """Wait for something at the end, but not for ever.

        Args:
            keep_s: what the rest of the stop needs of the time that is left, where that is limited.
        """
        now_s = asyncio.get_running_loop().time()
        self._keep_s = keep_s
        try:
            async with asyncio.timeout_at(min(now_s + timeout_s, self._by_s - keep_s)) as self._waiting:
                await work
        except TimeoutError:
            waited_s = asyncio.get_running_loop().time() - now_s
            log.warning("Not waited for any longer", what=what, waited_s=round(waited_s, 1))
        finally:
            self._waiting = None


async def end(tasks: Sequence[asyncio.Task[None]]) -> None:
    """Cancel tasks and wait for them; what they raise is not the stop's concern."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
