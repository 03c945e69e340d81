"""One worker that is asked and then ended: each question has a deadline, past which the worker is killed.

Owns that process while the check lasts. A lane would connect again and again and name the account; here every
failure is an answer, and only who asks decides what is said of it.
"""

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import msgspec

from hybrid_bridge.errors import CallFailed, LaneInterrupted
from hybrid_bridge.terminal.framing import Failure
from hybrid_bridge.terminal.lane import LaneOptions
from hybrid_bridge.terminal.operations import A, Operation, R
from hybrid_bridge.terminal.worker_process import STOP_GRACE_S, Reply, WorkerGone, WorkerProcess

_FAILURE = msgspec.msgpack.Decoder(Failure)


class Silent(Exception):
    """A question was not answered within its deadline; the worker is gone."""

    def __init__(self, name: str, waited_s: float) -> None:
        super().__init__(f"no answer within {waited_s:g} s")
        self.name = name


class Asked:
    """A worker that can be asked."""

    def __init__(self, worker: WorkerProcess) -> None:
        self._worker = worker
        self._numbers = itertools.count(1)

    @property
    def pid(self) -> int:
        """The worker's process id."""
        return self._worker.pid

    async def ask(self, operation: Operation[A, R], args: A, timeout_s: float | None = None) -> R:
        """Have an operation done.

        Args:
            timeout_s: None for the operation's own.
        Raises:
            CallFailed: the package answered with an error.
            Silent: the deadline passed; nothing can be asked any more.
            LaneInterrupted: the worker ended by itself.
        """
        limit_s = operation.timeout_s if timeout_s is None else timeout_s
        try:
            async with asyncio.timeout(limit_s):
                reply = await self._request(operation.name, args)
        except TimeoutError:
            self._worker.kill()
            raise Silent(operation.name, limit_s) from None
        except WorkerGone as error:
            raise LaneInterrupted(str(error)) from error
        if not reply.ok:
            failure = _FAILURE.decode(reply.result)
            raise CallFailed(failure.call, failure.code, failure.text)
        return msgspec.msgpack.decode(reply.result, type=operation.reply)

    async def _request(self, name: str, args: msgspec.Struct) -> Reply:
        """Write a request and read until it is answered; the worker says nothing between two."""
        found: Reply | WorkerGone
        async with asyncio.TaskGroup() as group:
            readers = [group.create_task(read()) for read in (self._read_frames, self._worker.read_stderr)]
            try:
                found = await self._worker.request(next(self._numbers), name, args)
            except WorkerGone as error:
                found = error
            finally:
                for reader in readers:
                    reader.cancel()
        if isinstance(found, WorkerGone):
            raise found
        return found

    async def _read_frames(self) -> None:
        with contextlib.suppress(WorkerGone):  # Who waits for the answer is told so.
            await self._worker.read_frames()


@asynccontextmanager
async def asked_worker(options: LaneOptions) -> AsyncIterator[Asked]:
    """Start a worker, and end it afterwards in a bounded time.

    Raises:
        OSError: when the process cannot be started.
    """
    worker = await WorkerProcess.start(options.name, options.module, options.environment)
    try:
        yield Asked(worker)
    finally:
        await worker.stop(STOP_GRACE_S)
