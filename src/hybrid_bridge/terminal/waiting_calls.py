"""Calls that wait for a lane: the most urgent first, within a rank the oldest first.

A leaf of `lane`, which is the only one to use it and turns callers away when `full`.
"""

import asyncio
import bisect
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from hybrid_bridge.errors import LaneError
from hybrid_bridge.terminal.operations import Operation

WAITING_MAX = 256


@dataclass(slots=True, eq=False)
class Call:
    """One request on its way.

    Attributes:
        taken: whether it has been (or may have been) written to the worker.
        still_wanted: asked right before it is written.
    """

    number: int
    operation: Operation[Any, Any]
    args: Any
    result: asyncio.Future[Any] = field(default_factory=lambda: asyncio.get_running_loop().create_future())
    taken: bool = False
    still_wanted: Callable[[], bool] = lambda: True

    def succeed(self, value: Any) -> None:
        """Give the caller its result, if it still waits."""
        if not self.result.done():
            self.result.set_result(value)

    def fail(self, error: LaneError) -> None:
        """Give the caller an error, if it still waits."""
        if not self.result.done():
            self.result.set_exception(error)
            self.result.exception()  # Seen: a caller that gave up meanwhile leaves nothing unretrieved.


class WaitingCalls:
    """The queue in front of a lane."""

    def __init__(self) -> None:
        self._calls: list[Call] = []
        self._arrived = asyncio.Event()

    def __len__(self) -> int:
        return len(self._calls)

    @property
    def full(self) -> bool:
        """Whether no further call may wait."""
        return len(self._calls) >= WAITING_MAX

    def add(self, call: Call) -> None:
        """Queue a call by its rank."""
        bisect.insort(self._calls, call, key=lambda waiting: (waiting.operation.priority, waiting.number))
        self._arrived.set()

    def withdraw(self, call: Call) -> None:
        """Forget a call that was not taken."""
        self._calls.remove(call)

    async def next(self) -> Call:
        """Wait for the most urgent call and take it."""
        while not self._calls:
            self._arrived.clear()
            await self._arrived.wait()
        call = self._calls.pop(0)
        call.taken = True
        return call

    def fail_all(self, error: LaneError) -> None:
        """Give every waiting caller an error."""
        calls, self._calls = self._calls, []
        for call in calls:
            call.fail(error)
