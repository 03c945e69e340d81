"""An asyncio event loop whose time is simulated: it never waits, it goes to the next timer.

Owns one process's callbacks and timers. It interleaves them with the world's own events on the shared
`Timeline`, always in the same order, and can be stopped dead between any two callbacks: what is left is
dropped, and nothing of it runs again. Work for threads is handed to `jobs`, which runs it at a later moment.
"""

import asyncio
import contextvars
import heapq
import itertools
from collections import deque
from collections.abc import Callable, Coroutine
from typing import Any, Protocol

from scripts.simulation.timeline import Timeline

# A process that does so much without time passing spins.
STEPS_AT_ONE_MOMENT_MAX = 100_000

CLOSE_TRIES = 50


class Spinning(Exception):
    """The process keeps calling itself and time stands still."""


class Jobs(Protocol):
    """Where blocking work goes."""

    def submit(self, loop: "VirtualLoop", executor: object, work: Callable[[], Any]) -> asyncio.Future[Any]:
        """Run work at a later moment; the future has its result."""
        ...


class SimulatedTask(asyncio.Task[Any]):
    """A task whose place in a set does not depend on its address: a seed must replay alike."""

    def __init__(self, coroutine: Any, loop: "VirtualLoop", name: str, context: Any) -> None:
        self.number = loop.next_number()
        super().__init__(coroutine, loop=loop, name=name, context=context)

    def __hash__(self) -> int:
        return self.number

    def __eq__(self, other: object) -> bool:
        return self is other


class VirtualLoop(asyncio.AbstractEventLoop):
    """One process's loop.

    Attributes:
        timeline: the world's time.
        steps: callbacks run so far.
        stopped: whether the process is dead.
        on_step: called after each callback with the task that ran, if it was one.
        tasks: every task that was made and is not done.
    """

    def __init__(self, timeline: Timeline, jobs: Jobs) -> None:
        self.timeline = timeline
        self.steps = 0
        self.stopped = False
        self.on_step: Callable[[asyncio.Task[Any] | None], None] | None = None
        self.tasks: dict[int, SimulatedTask] = {}
        self.unhandled: list[dict[str, Any]] = []
        self._jobs = jobs
        self._ready: deque[asyncio.Handle] = deque()
        self._timers: list[tuple[float, int, asyncio.TimerHandle]] = []
        self._numbers = itertools.count()

    def run(self, main: Coroutine[Any, Any, None]) -> None:
        """Run a process until its main ends or it is stopped.

        Raises:
            Spinning: when time stands still for too many callbacks.
            Exception: what main raises.
        """
        asyncio._set_running_loop(self)
        try:
            task = self.create_task(main)
            while not self.stopped and not task.done():
                self._run_ready(task)
                if not self.stopped and not task.done():
                    self._pass_time()
        finally:
            asyncio._set_running_loop(None)
        if task.done() and not task.cancelled() and not self.stopped:
            task.result()

    def stop_dead(self) -> None:
        """Let nothing of this process run any more."""
        self.stopped = True
        self._ready.clear()
        self._timers.clear()

    def bury(self) -> None:
        """Take a dead process's coroutines apart, so that nobody complains of them."""
        asyncio._set_running_loop(self)
        try:
            for task in list(self.tasks.values()):
                if not task.done():
                    task._log_destroy_pending = False  # type: ignore[attr-defined]
                    _close(task.get_coro())
        finally:
            asyncio._set_running_loop(None)
        self.tasks.clear()

    def _run_ready(self, main: asyncio.Task[Any]) -> None:
        steps_before = self.steps
        while self._ready and not main.done():
            handle = self._ready.popleft()
            if handle._cancelled:
                continue
            handle._run()
            self.steps += 1
            if self.on_step is not None:
                owner = getattr(handle._callback, "__self__", None)  # type: ignore[attr-defined]
                self.on_step(owner if isinstance(owner, asyncio.Task) else None)
            if self.stopped:
                return
            if self.steps - steps_before > STEPS_AT_ONE_MOMENT_MAX:
                raise Spinning(f"{STEPS_AT_ONE_MOMENT_MAX} callbacks while no time passed")

    def _pass_time(self) -> None:
        """Go to the next moment at which anything happens, here or in the world."""
        while self._timers and self._timers[0][2]._cancelled:
            heapq.heappop(self._timers)
        own_s = self._timers[0][0] if self._timers else None
        world_s = self.timeline.next_s
        if own_s is None and world_s is None:
            raise Spinning("nothing will ever happen any more")
        if own_s is None or (world_s is not None and world_s <= own_s):
            self.timeline.step()
            return
        self.timeline.now_s = max(self.timeline.now_s, own_s)
        while self._timers and self._timers[0][0] <= own_s:
            handle = heapq.heappop(self._timers)[2]
            if not handle._cancelled:
                self._ready.append(handle)

    # What asyncio asks of a loop

    def time(self) -> float:
        """Return the simulated time."""
        return self.timeline.now_s

    def call_soon(  # type: ignore[override]
        self, callback: Callable[..., Any], *args: Any, context: contextvars.Context | None = None
    ) -> asyncio.Handle:
        """Queue a callback."""
        handle = asyncio.Handle(callback, args, self, context)
        if not self.stopped:
            self._ready.append(handle)
        return handle

    def call_later(  # type: ignore[override]
        self,
        delay: float,
        callback: Callable[..., Any],
        *args: Any,
        context: contextvars.Context | None = None,
    ) -> asyncio.TimerHandle:
        """Queue a callback for later."""
        return self.call_at(self.time() + delay, callback, *args, context=context)

    def call_at(  # type: ignore[override]
        self,
        when: float,
        callback: Callable[..., Any],
        *args: Any,
        context: contextvars.Context | None = None,
    ) -> asyncio.TimerHandle:
        """Queue a callback for a moment."""
        handle = asyncio.TimerHandle(when, callback, args, self, context)
        if not self.stopped:
            heapq.heappush(self._timers, (when, next(self._numbers), handle))
        return handle

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:
        """Leave a cancelled timer where it is: it is skipped when its time comes."""

    def create_future(self) -> asyncio.Future[Any]:
        """Make a future of this loop."""
        return asyncio.Future(loop=self)

    def create_task(self, coro: Any, *, name: str | None = None, context: Any = None) -> SimulatedTask:
        """Make a task of this loop."""
        task = SimulatedTask(coro, self, name or "task", context)
        self.tasks[task.number] = task
        task.add_done_callback(self._forget)
        return task

    def next_number(self) -> int:
        """Give a number that no task or timer of this loop has."""
        return next(self._numbers)

    def _forget(self, task: asyncio.Task[Any]) -> None:
        assert isinstance(task, SimulatedTask)  # noqa: S101 - made above
        self.tasks.pop(task.number, None)

    def run_in_executor(self, executor: Any, func: Callable[..., Any], *args: Any) -> asyncio.Future[Any]:  # type: ignore[override]
        """Have blocking work done at a later moment."""
        return self._jobs.submit(self, executor, lambda: func(*args))

    def get_debug(self) -> bool:
        """Say that nothing is debugged."""
        return False

    def is_running(self) -> bool:
        """Say whether the process lives."""
        return not self.stopped

    def is_closed(self) -> bool:
        """Say that it may be used; a dead loop only takes nothing in."""
        return False

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        """Keep what nobody handled; the judge looks at it."""
        if not self.stopped:
            self.unhandled.append(context)


def _close(coroutine: Any) -> None:
    """Close a coroutine and what it awaits, the innermost first, whatever their finally blocks await."""
    chain = []
    while hasattr(coroutine, "cr_await"):
        chain.append(coroutine)
        coroutine = coroutine.cr_await
    for part in reversed(chain):
        for _ in range(CLOSE_TRIES):
            try:
                part.close()
            except BaseException:  # noqa: BLE001, S112 - they belong to a dead process
                continue
            break
