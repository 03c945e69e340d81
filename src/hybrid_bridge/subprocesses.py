"""Child processes whose pipes end with them.

Owns that alone; what is started and how it is stopped is its callers' affair: children, and the lanes'
worker_process.
"""

import asyncio
from collections.abc import Callable
from typing import Any

# How long what an ended process wrote last may take to come through its pipes.
LAST_WORDS_S = 0.5


class _Pipes(asyncio.subprocess.SubprocessStreamProtocol):
    """Closes an ended process's pipes, though a program that it started may hold their other ends.

    Then neither the pipes nor, before Python 3.13, the wait for the process would come to an end while that
    program runs; on Windows it holds them all, wherever its own output goes.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, limit: int) -> None:
        super().__init__(limit=limit, loop=loop)
        self._events = loop
        self._close: Callable[[], None] = lambda: None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the transport that is to be closed."""
        self._close = transport.close
        super().connection_made(transport)

    def process_exited(self) -> None:
        """Close the pipes soon, unless they end by themselves before."""
        super().process_exited()
        self._events.call_later(LAST_WORDS_S, self._close)


async def start(
    *command: str, limit: int, **options: Any
) -> tuple[asyncio.subprocess.Process, asyncio.SubprocessTransport]:
    """Start a process; its pipes end LAST_WORDS_S after it at the latest.

    A cancellation takes effect once the process has been started and is ended again: asyncio, cancelled while
    it connects the pipes, leaves them open, and on Windows waits for ever.

    Args:
        limit: of a line that is read from its pipes, in bytes.
        options: those of `loop.subprocess_exec`.
    Raises:
        OSError: when it cannot be started.
    """
    loop = asyncio.get_running_loop()
    starting = loop.create_task(loop.subprocess_exec(lambda: _Pipes(loop, limit), *command, **options))
    cancelled = await _until_done(starting)
    if cancelled is not None and starting.exception() is not None:
        raise cancelled
    transport, protocol = starting.result()
    process = asyncio.subprocess.Process(transport, protocol, loop)
    if cancelled is not None:
        transport.close()  # which ends the process, too
        await _until_done(loop.create_task(process.wait()))
        raise cancelled
    return process, transport


async def _until_done(task: asyncio.Task[Any]) -> asyncio.CancelledError | None:
    """Wait for a task of bounded length; return the last cancellation that came meanwhile."""
    cancelled = None
    while not task.done():
        try:
            await asyncio.wait((task,))
        except asyncio.CancelledError as error:
            cancelled = error
    return cancelled
