"""Starting and stopping: from settings to a running bridge, and back in order.

Owns every task of the process, the signals that end it, and the order of a stop: first what comes in, then
the executor's last order, then what goes out, then what everything stands on. A task that fails ends the
process with its reason. cli calls `run`.
"""

import asyncio
import json
import signal
import sys
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import structlog

from hybrid_bridge import logs
from hybrid_bridge.bridge import Bridge, Loop
from hybrid_bridge.children import Child
from hybrid_bridge.demo.simulated_terminal import SimulatedTerminal
from hybrid_bridge.demo.stage import Stage, clear_demo_dir
from hybrid_bridge.errors import BridgeError
from hybrid_bridge.journal.instance_lock import InstanceLock
from hybrid_bridge.loop_lag import LoopLag
from hybrid_bridge.settings import Settings
from hybrid_bridge.summary import Summary

log = structlog.get_logger(__name__)

DRAIN_TIMEOUT_S = 20.0  # A little more than the trade lane's own deadline for an order on its way.
FLUSH_TIMEOUT_S = 3.0
STATUS_LINE_S = 5.0
STATUS_LINE_DEMO_S = 3.0


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


async def run(settings: Settings, plan: RunPlan) -> int:
    """Run the bridge until it is asked to stop.

    Returns:
        The exit code: 0 asked to stop, otherwise the error's own.
    Raises:
        ConfigurationError: when the log file cannot be written.
    """
    if plan.demo:
        clear_demo_dir()
    with logs.set_up(settings.logs, log_format=plan.log_format, secrets=settings.secret_texts):
        for warning in settings.warnings:
            log.warning(warning)
        try:
            await _Session(settings, plan).run()
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
    """One run, from the lock to its release."""

    def __init__(self, settings: Settings, plan: RunPlan) -> None:
        self._settings = settings
        self._plan = plan
        self._asked = asyncio.Event()
        self._stop_signals = 0
        self._children: list[Child | SimulatedTerminal] = []
        self._simulator_control = ""

    async def run(self) -> None:
        loop = asyncio.get_running_loop()
        _on_stop_signals(loop, self._ask_to_stop)
        async with AsyncExitStack() as stack:
            lock = InstanceLock(Path(self._settings.state_dir))
            stack.callback(lock.release)
            settings = await self._start_programs(stack)
            bridge = Bridge(settings, hybrid=self._plan.hybrid)
            stack.push_async_callback(bridge.close)
            await self._live(bridge)

    def _ask_to_stop(self) -> None:
        self._stop_signals += 1
        if self._stop_signals == 1:
            log.info("Stopping; once more forces it")
            self._asked.set()
            return
        log.warning("Stop forced; an order on its way will be looked for at the next start")
        for task in asyncio.all_tasks():
            task.cancel()

    async def _start_programs(self, stack: AsyncExitStack) -> Settings:
        """Start what the run needs beside the bridge; returns the settings with the addresses."""
        settings = self._settings
        if self._plan.demo:
            stage = Stage(settings, hybrid=self._plan.hybrid)
            stack.push_async_callback(stage.stop)
            settings = await stage.start()
            self._children += stage.running()
        if settings.simulated and not settings.sim_address:
            terminal = SimulatedTerminal(settings)
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
        lag = LoopLag(bridge.clock)
        summary = Summary(bridge, lag, self._settings.symbols, self._simulator_control)
        await bridge.restore()
        bridge.board.phase = "running"
        loops = [lag.run, lambda: self._status_lines(bridge), *(child.watch for child in self._children)]
        async with asyncio.TaskGroup() as tasks:
            base = _start(tasks, [*bridge.base(), *loops])
            outgoing = _start(tasks, bridge.outgoing())
            core = _start(tasks, bridge.core())
            intake = _start(tasks, bridge.intake())
            await self._until_asked()
            bridge.board.phase = "stopping"
            bridge.post_status()
            await _end(intake)
            await _within(DRAIN_TIMEOUT_S, bridge.executor.drain(), "the order on its way")
            await _end(core)
            flushes = (pump.wait_empty() for pump in bridge.pumps)
            await _within(FLUSH_TIMEOUT_S, asyncio.gather(*flushes), "results on their way")
            figures = await summary.gather()
            await _end(outgoing)
            await _end(base)
        self._tell(figures)

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
        text = json.dumps(figures, indent=2)
        if self._plan.summary is not None:
            self._plan.summary.write_text(text + "\n", encoding="utf-8")
        if self._plan.demo:
            print(text)  # noqa: T201 - the end of the story, for the person at the console


def _start(tasks: asyncio.TaskGroup, loops: Sequence[Loop]) -> list[asyncio.Task[None]]:
    return [tasks.create_task(loop(), name=getattr(loop, "__qualname__", "task")) for loop in loops]


async def _end(tasks: Sequence[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def _within(timeout_s: float, work: Awaitable[object], what: str) -> None:
    """Wait for something at the end, but not for ever."""
    try:
        async with asyncio.timeout(timeout_s):
            await work
    except TimeoutError:
        log.warning("Not waited for any longer", what=what, timeout_s=timeout_s)


def _on_stop_signals(loop: asyncio.AbstractEventLoop, ask: Callable[[], None]) -> None:
    """Have SIGINT, SIGTERM and (Windows) SIGBREAK ask for a stop."""
    if sys.platform == "win32":
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGBREAK):
            signal.signal(number, lambda *_: loop.call_soon_threadsafe(ask))
    else:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, ask)
