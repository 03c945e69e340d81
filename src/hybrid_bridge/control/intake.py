"""What was received and is on its way to the inbox, with a bound.

The reader offers; `run` hands on in order. When the line is full the reader waits, so nothing more is read
and TCP holds the sender back. It does not wait for ever: once the oldest input in line has waited
`patience_s` (a signal is about to expire by then), further inputs are refused, so that the reader reads on
and finds an emergency stop behind a flood that nobody takes. An emergency stop never stands in line.
Called by client.
"""

import asyncio
from collections import deque

import structlog

from hybrid_bridge.core.inputs import EmergencyStopRequested, Input, ResumeRequested
from hybrid_bridge.ports import Clock, Inbox

log = structlog.get_logger(__name__)


class Intake:
    """A bounded line of inputs in front of the inbox, which an emergency stop passes by."""

    def __init__(self, inbox: Inbox, clock: Clock, items_max: int, patience_s: float) -> None:
        self._inbox = inbox
        self._clock = clock
        self._items_max = items_max
        self._patience_s = patience_s
        self._line: deque[tuple[float, Input]] = deque()  # (monotonic arrival, input), oldest first
        self._filled = asyncio.Event()
        self._room = asyncio.Event()

    def __len__(self) -> int:
        """Return how many inputs are in line."""
        return len(self._line)

    async def offer(self, item: Input) -> bool:
        """Take an input in, waiting while the line is full.

        Returns:
            False when the line is full and its oldest input has waited too long: the input was refused.
        """
        if isinstance(item, EmergencyStopRequested):
            self._void_resumes()
            await self._inbox.put(item)
            return True
        while len(self._line) >= self._items_max:
            if not await self._wait_for_room():
                return False
        self._line.append((self._clock.monotonic(), item))
        self._filled.set()
        return True

    async def run(self) -> None:
        """Hand inputs on to the inbox, in order, until cancelled."""
        while True:
            while not self._line:
                self._filled.clear()
                await self._filled.wait()
            # It stays at the head while the inbox is full, so that its age counts.
            entry = self._line[0]
            await self._inbox.put(entry[1])
            if self._line and self._line[0] is entry:
                self._line.popleft()
            self._room.set()

    async def _wait_for_room(self) -> bool:
        left_s = self._line[0][0] + self._patience_s - self._clock.monotonic()
        if left_s <= 0:
            return False
        self._room.clear()
        try:
            async with asyncio.timeout(left_s):
                await self._room.wait()
        except TimeoutError:
            return False
        return True

    def _void_resumes(self) -> None:
        """Drop resumes that were sent before a stop which now overtakes them: the stop is the later word."""
        remaining = [entry for entry in self._line if not isinstance(entry[1], ResumeRequested)]
        voided = len(self._line) - len(remaining)
        if voided:
            log.warning("resume_trading overtaken by an emergency stop is void", count=voided)
            self._line = deque(remaining)
            self._room.set()
