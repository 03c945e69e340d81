"""The real clock: the one place of the daemon's own code that reads time."""

import asyncio
import time


class SystemClock:
    """Implements ports.Clock with the PC's clock and the event loop's sleep."""

    def utc_msc(self) -> int:
        """Return UTC milliseconds since the epoch."""
        return time.time_ns() // 1_000_000

    def monotonic(self) -> float:
        """Return seconds that never go back."""
        return time.perf_counter()  # Windows' time.monotonic goes in steps of 16 ms before Python 3.13.

    async def sleep(self, seconds: float) -> None:
        """Return after this many seconds."""
        await asyncio.sleep(seconds)
