"""A deadline that the PC's sleep does not use up: after waking every timer is due at once. `lane` uses it."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


async def within(timeout_s: float, work: Coroutine[Any, Any, T], standstills: Callable[[], int]) -> T:
    """Wait for work, for so long after the last standstill at most.

    Without that a reply which lies in the pipe since before the sleep would come too late: timers that are
    due are served before what can be read.

    Args:
        standstills: how often the PC slept, or this process was held up, until this very instant.
    Raises:
        TimeoutError: when it takes longer; the work is cancelled then.
    """
    doing = asyncio.ensure_future(work)
    try:
        while True:
            before = standstills()
            await asyncio.wait((doing,), timeout=timeout_s)
            if doing.done():
                return doing.result()
            if standstills() == before:
                raise TimeoutError
    finally:
        doing.cancel()
        doing.add_done_callback(lambda _: doing.cancelled() or doing.exception())  # Seen, whoever waits.
