"""Starting and stopping: from settings to a running bridge, and back in order.

Owns every task of the process, the signals that end it, and the order of a stop: first what comes in, then
the executor's last order, then what goes out, then what everything stands on. A task that fails, or ends
though nobody asked it to, ends the process with its reason. cli calls `run`.

The first signal asks for that stop. The second forces it: everything is cancelled where it stands and the
lanes are killed; a commit under way is still completed, and an order on its way is in doubt until the next
start has looked for it. The exit code is 1 then. Further signals change nothing: what is left is bounded.

When Windows ends the process soon, its window closed or the user logging off, the same stop is made to fit
the seconds that are left: nothing is waited for any longer than that allows, and it is forced before they
are over. What was cut short is in the journal, and the next start looks for it.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import structlog

from hybrid_bridge import __version__, logs, name_lookup
from hybrid_bridge.bridge import Bridge, Loop
from hybrid_bridge.children import Child
from hybrid_bridge.demo.simulated_terminal import SimulatedTerminal
from hybrid_bridge.demo.stage import Stage, clear_demo_dir
from hybrid_bridge.errors import BridgeError, ConfigurationError
from hybrid_bridge.host import stop_signals
from hybrid_bridge.host.endings import Ending, Endings
from hybrid_bridge.journal.instance_lock import BridgeLocks
from hybrid_bridge.loop_lag import LoopLag
from hybrid_bridge.settings import Settings
from hybrid_bridge.status_file import StatusFile
from hybrid_bridge.stopping import Patience, end
from hybrid_bridge.summary import Summary

log = structlog.get_logger(__name__)

DRAIN_TIMEOUT_S = 20.0  # A little more than the trade lane's own deadline for an order on its way.
FLUSH_TIMEOUT_S = 3.0
# What is kept of the seconds that Windows grants, of which there are five, for what comes after each wait.
KEEP_FOR_FLUSH_S = 3.0
KEEP_FOR_CLOSING_S = 2.5
KEEP_FOR_LEAVING_S = 1.25  # What a forced stop takes, and Python's own end.
STATUS_LINE_S = 5.0
STATUS_LINE_DEMO_S = 3.0
FORCED = 1  # The exit code of a stop that was forced.


@dataclass(frozen=True, slots=True)
class RunPlan:
    """How this run differs from others.

    Attributes:
        hybrid: with Redpanda; otherwise the WebSocket alone.
        duration_s: stop by itself after this time, None for never.
        summary: where the figures go at the end, None for nowhere.
    """

    hybrid: bool
    demo: bool = False
    duration_s: float | None = None
    summary: Path | None = None
    log_format: Literal["console", "json"] = "console"


async def run(
    settings: Settings, plan: RunPlan, stops_seen: Sequence[int] = (), endings: Endings | None = None
) -> int:
    """Run the bridge until it is asked to stop.

    Args:
        stops_seen: the signals that asked for a stop before this took them over.
        endings: where the system says that it will end this process; None when nobody watches.
    Returns:
        The exit code: 0 asked to stop, 1 forced to, otherwise the error's own.
    Raises:
        BridgeError: when nothing can begin: another bridge has this STATE_DIR or account, or a file that the
            run is to write cannot be written.
    """
    name_lookup.use(asyncio.get_running_loop())
    session = _Session(settings, plan)
    # Before the log: a bridge that is refused must not touch the files of the one that runs.
    locks = BridgeLocks(settings)
    try:
        if plan.demo:
            clear_demo_dir()
        _check_writable(plan.summary)
        with logs.set_up(settings.logs, log_format=plan.log_format, secrets=settings.secret_texts):
            for warning in settings.warnings:
                log.warning(warning)
            with (endings or Endings()).passed_to(session.end_soon):
                code = await _end_of(session, stops_seen)
    finally:
        locks.release()
    if plan.demo and session.figures:
        # Only now: a console in which text is selected makes this wait, and whatever is not closed yet.
        print(session.figures)  # noqa: T201 - the end of the story, for the person at the console
    return code


def _check_writable(summary: Path | None) -> None:
    """Find out before the run whether its figures can be written after it.

    Raises:
        ConfigurationError: when they cannot; says why.
    """
    if summary is None:
        return
    is_new = not summary.exists()
    try:
        summary.open("ab").close()
        if is_new:
            summary.unlink()
    except OSError as error:
        why = error.strerror or str(error)
        raise ConfigurationError(
            f"--summary: {summary} cannot be written ({why}); name a file in a folder that exists"
        ) from error


async def _end_of(session: "_Session", stops_seen: Sequence[int]) -> int:
    try:
        await session.run(stops_seen)
    except asyncio.CancelledError:
        if not session.forced:
            raise
        log.warning("Bridge stopped by force", exit_code=FORCED)
        return FORCED
    except Exception as error:  # noqa: BLE001 - the last words of a process that is about to end
        return _last_words(error)
    return 0


def _last_words(error: Exception) -> int:
    """Log why the bridge ends; returns its exit code."""
    first = _first(error)
    if isinstance(first, BridgeError):
        log.error("Bridge ended", reason=str(first), exit_code=first.exit_code)
        return first.exit_code
    log.critical("Bridge ended by an unforeseen error", exc_info=first)
    return 1


def _first(error: BaseException) -> BaseException:
    return _first(error.exceptions[0]) if isinstance(error, BaseExceptionGroup) else error


class _Session:
    """One run, from the first signal handler to the last figure.

    Attributes:
        forced: whether a second signal cut the stop short.
        figures: what the run came to, as JSON; empty until it has ended in order.
    """

    def __init__(self, settings: Settings, plan: RunPlan) -> None:
        self.forced = False
        self.figures = ""
        self._settings = settings
        self._plan = plan
        self._asked = asyncio.Event()
        self._patience = Patience()
        self._events = asyncio.get_running_loop()
        self._running: asyncio.Task[None] | None = None
        self._children: list[Child | SimulatedTerminal] = []
        self._simulator_control = ""

    async def run(self, stops_seen: Sequence[int]) -> None:
        self._running = asyncio.current_task()
        with stop_signals.passed_to(lambda _: self._ask_to_stop()):
            for _ in stops_seen:
                self._ask_to_stop()
            async with AsyncExitStack() as stack:
                settings = await self._start_unless_asked(stack)
                if settings is None:
                    log.info("Bridge stopped before it was up")
                    return
                bridge = Bridge(settings, hybrid=self._plan.hybrid)
                stack.push_async_callback(bridge.close)
                await self._live(bridge)

    def _ask_to_stop(self) -> None:
        if not self._asked.is_set():
            log.info("Stopping; once more forces it")
            self._asked.set()
        else:
            self._force()

    def _force(self) -> None:
        if not self.forced and self._running is not None:
            log.warning("Stop forced; an order on its way will be looked for at the next start")
            self.forced = True
            # Only this task: each task's owner cancels it in turn and sees it to its end.
            self._running.cancel()

    def end_soon(self, ending: Ending) -> None:
        """Take what the system says of this process's end; in any thread."""
        self._events.call_soon_threadsafe(self._end_soon, ending)

    def _end_soon(self, ending: Ending) -> None:
        left_s = None if ending.by_s is None else round(ending.by_s - self._events.time(), 1)
        log.warning("Stopping", because=ending.cause, seconds_left=left_s)
        self._asked.set()
        if ending.by_s is not None:
            self._patience.press(ending.by_s)
            self._events.call_at(ending.by_s - KEEP_FOR_LEAVING_S, self._force)

    async def _start_unless_asked(self, stack: AsyncExitStack) -> Settings | None:
        """Start the programs; None when a stop was asked for meanwhile."""
        async with asyncio.TaskGroup() as tasks:
            starting = tasks.create_task(self._start_programs(stack))
            giving_up = tasks.create_task(self._asked.wait())
            await asyncio.wait((starting, giving_up), return_when=asyncio.FIRST_COMPLETED)
            giving_up.cancel()
            starting.cancel()
        return None if starting.cancelled() else starting.result()

    async def _start_programs(self, stack: AsyncExitStack) -> Settings:
        """Start what the run needs beside the bridge; returns the settings with the addresses."""
        settings = self._settings
        if self._plan.demo:
            stage = Stage(settings, hybrid=self._plan.hybrid)
            stack.push_async_callback(stage.stop)
            settings = await stage.start()
            self._children += stage.running()
        if settings.simulated and not settings.sim_address:
            terminal = SimulatedTerminal(settings, outlives_bridge=not self._plan.demo)
            stack.push_async_callback(terminal.stop)
            await terminal.start()
            self._children.append(terminal)
            self._simulator_control = terminal.control
            settings = settings.model_copy(update={"sim_address": terminal.address})
        if self._plan.demo:
            log.info(
                "Demo is set up",
                terminal=settings.sim_address,
                redpanda=settings.redpanda_bootstrap_servers if self._plan.hybrid else None,
                backend=settings.backend_ws_url,
                folder=settings.state_dir,
            )
        return settings

    async def _live(self, bridge: Bridge) -> None:
        lag = LoopLag(bridge.clock, bridge.sleep.sleeps)
        summary = Summary(bridge, lag, self._settings.symbols, self._simulator_control)
        await bridge.restore()
        bridge.board.phase = "running"
        loops = [lag.run, lambda: self._status_lines(bridge), *(child.watch for child in self._children)]
        async with self._shown(bridge) as keep_shown, asyncio.TaskGroup() as tasks:
            loops.append(keep_shown)
            core = _start(tasks, bridge.core())
            await bridge.obey_what_was_typed()
            base = _start(tasks, [*bridge.base(), *loops])
            outgoing = _start(tasks, bridge.outgoing())
            intake = _start(tasks, bridge.intake())
            await self._until_asked()
            bridge.board.phase = "stopping"
            bridge.post_status()
            await end(intake)
            await self._patience.wait(
                DRAIN_TIMEOUT_S, bridge.executor.drain(), "the order on its way", keep_s=KEEP_FOR_FLUSH_S
            )
            flushes = asyncio.gather(bridge.ticks.finish(), *(pump.wait_empty() for pump in bridge.pumps))
            await self._patience.wait(
                FLUSH_TIMEOUT_S, flushes, "ticks or results on their way", keep_s=KEEP_FOR_CLOSING_S
            )
            figures = await summary.gather()
            # Not before: an emergency stop that arrives this late is still journaled.
            await end(core)
            await end(outgoing)
            await end(base)
        self._tell(figures)

    @asynccontextmanager
    async def _shown(self, bridge: Bridge) -> AsyncIterator[Loop]:
        """Give the loop that keeps the status file, and write how the bridge ended behind it."""
        settings = self._settings
        run = {
            "version": __version__,
            "mode": "hybrid" if self._plan.hybrid else "websocket",
            "demo": self._plan.demo,
            "account": settings.account,
            "log_file": str(settings.logs.file.absolute()),
        }
        file = StatusFile(Path(settings.state_dir), run)
        try:
            yield lambda: file.keep(bridge.shown, bridge.clock.sleep)
        except BaseException as error:
            how, reason = ("forced", "") if self.forced else ("failed", str(_first(error)))
            file.end(bridge.shown(), how, reason)
            raise
        file.end(bridge.shown(), "stopped")

    async def _until_asked(self) -> None:
        try:
            async with asyncio.timeout(self._plan.duration_s):
                await self._asked.wait()
        except TimeoutError:
            log.info("Stopping after the asked time", duration_s=self._plan.duration_s)

    async def _status_lines(self, bridge: Bridge) -> None:
        interval_s = STATUS_LINE_DEMO_S if self._plan.demo else STATUS_LINE_S
        level = log.info if self._plan.demo else log.debug
        while True:
            await bridge.clock.sleep(interval_s)
            level("Status", **bridge.board.line(bridge.report))

    def _tell(self, figures: dict[str, object]) -> None:
        log.info("Bridge stopped")
        self.figures = json.dumps(figures, indent=2)
        if self._plan.summary is not None:
            try:
                self._plan.summary.write_text(self.figures + "\n", encoding="utf-8")
            except OSError as error:
                raise BridgeError(f"the summary was not written: {error}") from error


def _start(tasks: asyncio.TaskGroup, loops: Sequence[Loop]) -> list[asyncio.Task[None]]:
    return [tasks.create_task(_for_ever(loop)) for loop in loops]


async def _for_ever(loop: Loop) -> None:
    """Run a loop that only its cancellation may end.

    Raises:
        BridgeError: when it ends by itself, or by a cancellation that nobody asked for.
    """
    name = getattr(loop, "__qualname__", "a task")
    task = asyncio.current_task()
    assert task is not None  # noqa: S101 - a coroutine always runs in one
    try:
        await loop()
    except asyncio.CancelledError as error:
        if task.cancelling():
            raise
        raise BridgeError(f"{name} was cancelled by something of its own") from error
    except Exception as error:
        if not task.cancelling():
            raise
        # It was ending anyway; the others still have their orderly end to come.
        log.warning("Not ended cleanly", task=name, error=repr(_first(error)))
    else:
        raise BridgeError(f"{name} ended though nobody asked it to")
