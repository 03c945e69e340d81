"""One life of the bridge: the real parts, put together by the real `Bridge`, on what the last life left.

Owns the process: its loop, its jobs for threads, its end. What is simulated stands at its edges only: clock,
workers, consumer client, WebSocket, event topic. A killed life is never touched again.
"""

import asyncio
import sys
import traceback
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import Executor, Future
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scripts.simulation.disk import WatchedFile
from scripts.simulation.kills import Killer, KillPlan
from scripts.simulation.loop import VirtualLoop
from scripts.simulation.points import all_points

from hybrid_bridge import bridge as bridge_module
from hybrid_bridge.core.events import Event
from hybrid_bridge.core.inputs import Input
from hybrid_bridge.errors import BridgeError
from hybrid_bridge.execution.inbox import PriorityInbox
from hybrid_bridge.journal.sqlite import SqliteJournal
from hybrid_bridge.ports import OutboxEntry

if sys.platform != "win32":
    import resource
if TYPE_CHECKING:
    from scripts.simulation.worker import SimulatedWorker
    from scripts.simulation.world import World

Tasks = Sequence[asyncio.Task[Any]]
CONVERGENCE_LOOK_S = 1.0
CAUSE_LINES = 12
DRAIN_S, FLUSH_S = 20.0, 3.0  # As the app has them.


def present_life() -> "Life":
    """Return the life whose code runs now."""
    life: Life = asyncio.get_running_loop().life  # type: ignore[attr-defined]
    return life


class SimulatedClock:
    """Implements ports.Clock: the PC's clock may jump, the monotonic one does not."""

    def __init__(self) -> None:
        self._world = present_life().world

    def utc_msc(self) -> int:
        """Return what the PC's clock shows."""
        return self._world.pc_utc_ms

    def monotonic(self) -> float:
        """Return seconds that never go back."""
        return self._world.timeline.now_s

    async def sleep(self, seconds: float) -> None:
        """Return after so many seconds."""
        await asyncio.sleep(seconds)


class InlineExecutor(Executor):
    """Runs what is submitted at once; stands in for the journal's own thread."""

    def __init__(self, *_: object, **__: object) -> None:
        """Take what ThreadPoolExecutor takes."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **keywords: Any) -> Future[Any]:
        """Run it."""
        done: Future[Any] = Future()
        try:
            done.set_result(fn(*args, **keywords))
        except BaseException as error:  # noqa: BLE001 - it belongs to whoever waits for the result
            done.set_exception(error)
        return done


class WatchedInbox(PriorityInbox):
    """The real inbox; the world notes when a stop, a resume or a limit was received."""

    async def put(self, item: Input, settled: Callable[[], None] | None = None) -> None:
        """Hand over one input."""
        settled = present_life().world.orders.note_received(item, present_life(), settled)
        await super().put(item, settled)


class WatchedJournal(SqliteJournal):
    """The real journal; its writes are crash points."""

    def __init__(self, path: Path, *args: Any, **keywords: Any) -> None:
        life = present_life()
        life.file = WatchedFile(path)
        super().__init__(path, *args, **keywords)
        life.file.end_job(self._file._connection)
        life.journal = self

    async def record(self, events: Sequence[Event], outbox: Sequence[OutboxEntry]) -> None:
        """Commit events and messages."""
        kinds = tuple(dict.fromkeys(type(event).__name__ for event in events)) or ("messages",)
        present_life().jobs.label = kinds
        await super().record(events, outbox)

    async def mark_delivered(self, channel: str, seq: int) -> None:
        """Record a delivery."""
        present_life().jobs.label = ("delivered",)
        await super().mark_delivered(channel, seq)


class ThreadJobs:
    """What the process gives to threads: done one after the other per thread, each at a later moment."""

    def __init__(self, life: "Life") -> None:
        self.label: tuple[str, ...] = ()
        self._life = life
        self._free_s: dict[int, float] = {}

    def submit(self, loop: VirtualLoop, executor: object, work: Callable[[], Any]) -> asyncio.Future[Any]:
        """Queue work."""
        label, self.label = self.label, ()
        future = loop.create_future()
        world = self._life.world
        begins_s = max(loop.time(), self._free_s.get(id(executor), 0.0)) + world.faults.disk_delay_s()
        self._free_s[id(executor)] = begins_s
        run = self._run if executor is not None else self._run_plainly
        loop.call_at(begins_s, run, loop, future, work, label)
        return future

    def _run_plainly(
        self, loop: VirtualLoop, future: asyncio.Future[Any], work: Callable[[], Any], _: tuple[str, ...]
    ) -> None:
        self._finish(loop, future, *_outcome(work))

    def _run(
        self, loop: VirtualLoop, future: asyncio.Future[Any], work: Callable[[], Any], label: tuple[str, ...]
    ) -> None:
        life = self._life
        if life.killer.at_write(label, "before"):
            return
        life.file.begin_job()
        limits = resource.getrlimit(resource.RLIMIT_FSIZE)
        if life.world.faults.disk_is_full and label:
            # The real way in which SQLite meets a full disk: a write that the system refuses.
            resource.setrlimit(resource.RLIMIT_FSIZE, (life.file.log_size, limits[1]))
        try:
            result, error = _outcome(work)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        life.file.end_job(life.journal._file._connection)
        if life.killer.at_write(label, "during") or life.killer.at_write(label, "after"):
            return
        self._finish(loop, future, result, error)

    def _finish(
        self, loop: VirtualLoop, future: asyncio.Future[Any], result: Any, error: BaseException | None
    ) -> None:
        def tell() -> None:
            if future.done():
                return
            if error is not None:
                future.set_exception(error)
            else:
                future.set_result(result)

        loop.call_later(self._life.world.draw.uniform(0.00005, 0.0003), tell)


def _outcome(work: Callable[[], Any]) -> tuple[Any, BaseException | None]:
    try:
        return work(), None
    except BaseException as error:  # noqa: BLE001 - it belongs to whoever waits for the result
        return None, error


class Life:
    """One process.

    Attributes:
        number: 1 for the first.
        dead: whether it was killed or ended; nothing that it does counts any more.
        finished: whether it lived to the end of the seed.
        ended_by: an error that ended it, else None.
    """

    def __init__(self, world: "World", number: int, plan: KillPlan, patience_s: float) -> None:
        self.world = world
        self.number = number
        self.dead = False
        self.finished = False
        self.ended_by: BaseException | None = None
        self.workers: list[SimulatedWorker] = []
        self.bridge: Any = None
        self.journal: Any = None
        self.file: WatchedFile = WatchedFile(world.state_dir / "none")
        self.jobs = ThreadJobs(self)
        self.loop = VirtualLoop(world.timeline, self.jobs)  # type: ignore[abstract]
        self.loop.life = self  # type: ignore[attr-defined]
        self.written_at: list[str] = []
        self.killer = Killer(self, plan, patience_s)
        self._pids = 100 * number
        self._asked: asyncio.Future[None] = self.loop.create_future()

    def next_pid(self) -> int:
        """Number a worker."""
        self._pids += 1
        return self._pids

    def run(self) -> None:
        """Live until killed or until the world has nothing more to ask."""
        try:
            self.loop.run(self._main())
        except BridgeError as error:
            self.ended_by = error
            self.world.note("bridge", f"ends: {error}")
        except Exception as error:  # noqa: BLE001 - whatever it is, the bridge must not end by it
            self.ended_by = error
            self.world.broken.append("".join(traceback.format_exception(error)[-CAUSE_LINES:]))
        if not self.dead:
            self._die()

    def kill(self, words: str, *, power_cut: bool, in_commit: bool) -> None:
        """End the process here and now."""
        world = self.world
        world.kills += 1
        world.power_cuts += power_cut
        reached = list(self.written_at)
        for task in self.loop.tasks.values():
            reached += all_points().standing_at(task.get_coro())
        world.reached.update(reached)
        world.note(
            "KILL", f"{'power cut' if power_cut else 'kill -9'} {words}; it stood at: {_shown(reached)}"
        )
        self._die(power_cut=power_cut, in_commit=in_commit)

    def _die(self, *, power_cut: bool = False, in_commit: bool = False) -> None:
        self.dead = True
        self.loop.stop_dead()
        if self.world.backend.control is not None and self.world.backend.control.life is self:
            self.world.backend.control = None
        topic = self.world.topic
        topic.clients.clear()
        if topic.member is not None:
            # The group waits for the dead member's session to end.
            topic.member = None
            topic.member_until_s = self.world.timeline.now_s + (
                6.0 if self.world.calm else topic.draw.uniform(0, 6)
            )
        if self.journal is not None:
            self.world.leave_files(self.file, self.journal, power_cut=power_cut, in_commit=in_commit)
        self.world.orders.note_death(self)
        self.world.money.ends_s[self.number] = self.world.timeline.now_s

    async def _main(self) -> None:
        world = self.world
        self.bridge = bridge = bridge_module.Bridge(world.settings, hybrid=True)
        await bridge.restore()
        create = self.loop.create_task
        core = [create(loop()) for loop in bridge.core()]
        await bridge.obey_what_was_typed()
        base = [create(loop()) for loop in bridge.base()]
        outgoing = [create(loop()) for loop in bridge.outgoing() if loop != bridge.ticks.run]
        intake = [create(loop()) for loop in bridge.intake()]
        over = create(self._until_converged())
        tasks = [over, self._asked, *core, *base, *outgoing, *intake]
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
        if over.done():
            self.finished = True
        elif self._asked.done():
            over.cancel()
            await self._stop_in_order(intake, core, outgoing, base)
        else:
            raise BridgeError("a loop ended though nobody asked it to")

    def ask_to_stop(self) -> None:
        """Ask for an orderly end, as a signal does."""
        if not self._asked.done():
            self.world.note("bridge", "is asked to stop")
            self._asked.set_result(None)

    async def _stop_in_order(self, intake: Tasks, core: Tasks, outgoing: Tasks, base: Tasks) -> None:
        """End as the app does: what comes in, the order on its way, what goes out, the rest."""
        await _end(intake)
        await _within(DRAIN_S, self.bridge.executor.drain())
        await _within(FLUSH_S, asyncio.gather(*(pump.wait_empty() for pump in self.bridge.pumps)))
        for tasks in (core, outgoing, base):
            await _end(tasks)
        await self.bridge.close()
        self.world.note("bridge", "has stopped in order")

    async def _until_converged(self) -> None:
        await self.world.wait_for_calm(self)
        while not self.world.has_converged(self):  # noqa: ASYNC110 - it looks from outside
            await asyncio.sleep(CONVERGENCE_LOOK_S)


async def _end(tasks: Tasks) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def _within(seconds: float, work: Awaitable[object]) -> None:
    try:
        async with asyncio.timeout(seconds):
            await work
    except TimeoutError:
        pass


def _shown(points: list[str]) -> str:
    inner = [name for name in points if not name.endswith(("next_order()", "next_fact()"))]
    return "; ".join(dict.fromkeys(inner)) or "rest"
