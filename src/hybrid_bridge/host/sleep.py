"""When this process did not run for a while: the PC slept, a virtual machine was paused, it was suspended.

Owns the clocks that tell, and the count of such standstills. Decides nothing: `waking` says what the bridge
does about one, and the parts that must not act on old facts compare the count from before with the one after.
For them `look` reads the clocks anew at each call, so that what is about to be done in the very instant of
waking knows of it already, before any timer or task has had its turn.

A sleep shows by the difference of two clocks of the system, one that goes on meanwhile and one that does not
(Windows: GetTickCount64 and QueryUnbiasedInterruptTime; Linux: CLOCK_BOOTTIME and CLOCK_MONOTONIC). A process
that was suspended shows by a beat that did not come. A virtual machine that was paused may show by neither,
only by a wall clock that is set right afterwards; a clock that a person sets ahead looks the same, and is
taken for it: to look anew costs nothing.
"""

import asyncio
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import NamedTuple

from hybrid_bridge.ports import Clock

BEAT_S = 1.0
SLEPT_S = 1.0  # Clocks of the system differ by some milliseconds only.
STOOD_S = 5.0  # A PC that is short of memory or busy may hold the bridge up for less.


class Reading(NamedTuple):
    """The clocks at one instant; the zeros of the first two are the system's own.

    Attributes:
        awake_s: goes on while the PC is awake.
        passed_s: goes on while the PC sleeps too.
        utc_s: the PC's wall clock.
    """

    awake_s: float
    passed_s: float
    utc_s: float


if sys.platform == "win32":
    import ctypes

    _kernel32 = ctypes.WinDLL("kernel32", use_last_error=True)
    _kernel32.GetTickCount64.restype = ctypes.c_uint64

    def read_clocks() -> Reading:
        """Return what the clocks show now."""
        ticks = ctypes.c_uint64()
        # The one that stands still first: a sleep between the two is seen at once.
        _kernel32.QueryUnbiasedInterruptTime(ctypes.byref(ticks))
        return Reading(ticks.value / 1e7, _kernel32.GetTickCount64() / 1e3, time.time())

elif sys.platform == "linux":

    def read_clocks() -> Reading:
        """Return what the clocks show now."""
        # The one that stands still first: a sleep between the two is seen at once.
        awake_s = time.clock_gettime(time.CLOCK_MONOTONIC)
        return Reading(awake_s, time.clock_gettime(time.CLOCK_BOOTTIME), time.time())

else:

    def read_clocks() -> Reading:
        """Return what the clocks show now; a sleep is told by the wall clock here."""
        awake_s = time.monotonic()
        return Reading(awake_s, awake_s, time.time())


class Cause(StrEnum):
    """What a standstill was, as far as the clocks can tell."""

    SLEPT = "the PC slept"
    STOOD = "the bridge was held up"
    AHEAD = "the PC's clock went ahead"


@dataclass(frozen=True, slots=True)
class Standstill:
    """A while in which this process did not run.

    Attributes:
        began_msc: when it ran for certain for the last time before, UTC milliseconds.
    """

    cause: Cause
    began_msc: int
    lasted_s: float

    @property
    def since(self) -> str:
        """Return when it began: UTC, to the second."""
        return datetime.fromtimestamp(self.began_msc // 1000, UTC).isoformat().replace("+00:00", "Z")

    @property
    def in_words(self) -> str:
        """Say what it was, and how long."""
        return f"{self.cause} for {self.lasted_s:.0f} s" if self.cause is not Cause.AHEAD else self._ahead

    @property
    def _ahead(self) -> str:
        return f"{self.cause} by {self.lasted_s:.0f} s (a virtual machine was paused, or the clock was set)"


class SleepMeter:
    """Counts standstills.

    Attributes:
        count: how many there were.
        last: the latest, None before the first.
    """

    def __init__(self, clock: Clock, read: Callable[[], Reading] = read_clocks) -> None:
        """Begin to measure at the first look.

        Args:
            clock: sleeps between two beats.
            read: gives the clocks' readings.
        """
        self.count = 0
        self.last: Standstill | None = None
        self._clock = clock
        self._read = read
        self._before: Reading | None = None
        self._sleeps = 0
        self._noticed = asyncio.Event()

    def look(self) -> int:
        """Read the clocks; return how many standstills there were until this instant."""
        now = self._read()
        before, self._before = self._before, now
        found = None if before is None else _find(before, now)
        if found is not None:
            self.count += 1
            self._sleeps += found.cause is Cause.SLEPT
            self.last = found
            self._noticed.set()
        return self.count

    def sleeps(self) -> int:
        """Read the clocks; return how often the PC slept: a process held up may have held itself up."""
        self.look()
        return self._sleeps

    def before_msc(self) -> int:
        """Return when this process ran before the last standstill, UTC milliseconds; 0 before the first."""
        return self.last.began_msc if self.last is not None else 0

    async def run(self) -> None:
        """Look at every beat, for ever: what keeps no beat stands still."""
        while True:
            self.look()
            await self._clock.sleep(BEAT_S)

    async def wait(self, seen: int) -> Standstill:
        """Wait until there were more standstills than `seen`; return the latest."""
        while self.last is None or self.count <= seen:
            self._noticed.clear()
            await self._noticed.wait()
        return self.last


def _find(before: Reading, now: Reading) -> Standstill | None:
    """Say what two readings show that follow one another."""
    passed_s, awake_s = now.passed_s - before.passed_s, now.awake_s - before.awake_s
    ahead_s = now.utc_s - before.utc_s - passed_s
    began_msc = int(before.utc_s * 1000)
    if passed_s - awake_s >= SLEPT_S:
        return Standstill(Cause.SLEPT, began_msc, passed_s)
    if passed_s >= STOOD_S:
        return Standstill(Cause.STOOD, began_msc, passed_s)
    if ahead_s >= STOOD_S:
        return Standstill(Cause.AHEAD, began_msc, ahead_s)
    return None
