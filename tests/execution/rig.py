"""The real executor, recorder, recovery and journal on a file, around a scripted venue."""

import asyncio
import contextlib
import json
import sqlite3
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from tests.core.builders import make_limits, make_signal
from tests.execution.venue import ManualClock, Venue, until

from hybrid_bridge.core.events import Event
from hybrid_bridge.core.inputs import EmergencyStopRequested, Input, ResumeRequested
from hybrid_bridge.core.limits import Limits
from hybrid_bridge.core.orders import Channel, OrderState, Source
from hybrid_bridge.core.results import TradeResult
from hybrid_bridge.execution.clearing import EmergencyClearing
from hybrid_bridge.execution.executor import START_GRACE_S, Executor
from hybrid_bridge.execution.inbox import PriorityInbox
from hybrid_bridge.execution.recorder import Recorder
from hybrid_bridge.execution.recovery import Recovery
from hybrid_bridge.execution.settling import Settling
from hybrid_bridge.figures import ExecutorFigures
from hybrid_bridge.journal.sqlite import SqliteJournal
from hybrid_bridge.ports import OutboxEntry

CHANNELS = ("websocket",)


class WatchedJournal(SqliteJournal):
    """The real journal, with its commits counted and room for a test to act between commit and return.

    Attributes:
        commits: the events of every transaction so far.
        after_commit: called once a transaction is on disk, before anybody learns of it.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(path, "7001", CHANNELS)
        self.commits: list[list[Event]] = []
        self.after_commit: Callable[[Sequence[Event]], Coroutine[Any, Any, None]] | None = None

    async def record(self, events: Sequence[Event], outbox: Sequence[OutboxEntry]) -> None:
        await super().record(events, outbox)
        self.commits.append(list(events))
        if self.after_commit is not None:
            await self.after_commit(events)

    async def refuse_writes(self, on: bool) -> None:
        """Have SQLite refuse every write, because another program holds the file, or let it write again."""
        if on:
            await self._file.run(lambda db: db.execute("PRAGMA busy_timeout=0").fetchall())
            self._intruder = sqlite3.connect(self._file.path, isolation_level=None)
            self._intruder.execute("BEGIN IMMEDIATE")
        else:
            self._intruder.close()


class Rig:
    """One life of the bridge's executing part on one journal file."""

    def __init__(
        self,
        path: Path,
        venue: Venue,
        clock: ManualClock,
        connection: Callable[[], object] = lambda: None,
        **limits: Any,
    ) -> None:
        self.path, self.venue, self.clock = path, venue, clock
        self.limits: Limits = make_limits(**{"duplicate_window_ms": 0, **limits})
        self.journal = WatchedJournal(path)
        self.figures = ExecutorFigures()
        self.results: list[TradeResult] = []
        self.woken = 0
        self.recorder = Recorder(self.journal, self.figures, self._wake, self.results.extend, self.limits)
        self.inbox = PriorityInbox(clock.monotonic)
        self.settling = Settling(self.recorder, venue, clock, lambda _: venue.server_day)
        self.standstills = 0
        self.executor = Executor(
            self.recorder,
            self.inbox,
            venue,
            clock,
            self.figures,
            on_look=self.settling.take,
            standstills=lambda: self.standstills,
        )
        self.recovery = Recovery(
            self.recorder, self.executor, venue, clock, connection, lambda: self.standstills
        )
        self.clearing = EmergencyClearing(self.recorder, self.executor, self.inbox, venue, clock)
        self.settled: list[str] = []

    def _wake(self) -> None:
        self.woken += 1

    @contextlib.asynccontextmanager
    async def running(self, *, recover: bool = True) -> AsyncIterator["Rig"]:
        """Restore and run until the block ends; then stop as abruptly as a crash between two awaits."""
        await self.recovery.restore()
        loops = [self.executor.run_orders, self.executor.run_facts, self.clearing.run, self.settling.run]
        if recover:
            loops.append(self.recovery.run)
        tasks = [asyncio.ensure_future(loop()) for loop in loops]
        try:
            if recover and not self.venue.failing:
                await until(lambda: not self.executor.closed_because)
            else:
                await until(lambda: self.clock.sleeping)
                self.clock.advance(START_GRACE_S)
            yield self
        finally:
            for task in tasks:
                task.cancel()
            ended = await asyncio.gather(*tasks, return_exceptions=True)
            self.journal.close()
        assert [] == [error for error in ended if not isinstance(error, asyncio.CancelledError)]

    async def put(self, item: Input, name: str = "") -> None:
        """Hand over an input; its name is noted once it is settled."""
        await self.inbox.put(item, lambda: self.settled.append(name))

    async def signal(self, signal_id: str, **changes: Any) -> None:
        """Hand over a sound BUY, unless told otherwise."""
        fields = {"received_msc": self.clock.utc_msc(), "payload_hash": f"h-{signal_id}", **changes}
        await self.put(make_signal(signal_id=signal_id, **fields), signal_id)

    async def stop(self, reason: str = "test", **changes: Any) -> None:
        """Hand over an emergency stop."""
        await self.put(make_stop(reason=reason, received_msc=self.clock.utc_msc(), **changes), "stop")

    async def look(self, **account: Any) -> None:
        """Look at the account a second later; keywords change its figures."""
        self.clock.advance(1.0)
        self.venue.account = replace(self.venue.account, **account)
        await self.executor.observe(await self.venue.report())

    def sleep(self, seconds: float) -> None:
        """Have the PC sleep: time passes, and everything that is due by then comes due at once."""
        self.standstills += 1
        self.clock.advance(seconds)

    async def resume(self, reason: str, channel: Channel = Channel.LOCAL) -> None:
        """Hand over a resume, a moment after what came before it."""
        self.clock.advance(0.001)
        await self.put(ResumeRequested(reason, Source(channel), self.clock.utc_msc()), "resume")

    async def status(self, signal_id: str) -> str:
        """Wait for the first result of a signal and return its status."""
        await until(lambda: any(result.signal_id == signal_id for result in self.results))
        return next(result.status for result in self.results if result.signal_id == signal_id)

    def last(self, signal_id: str) -> TradeResult:
        """Return the latest result of a signal."""
        return next(result for result in reversed(self.results) if result.signal_id == signal_id)

    def statuses(self, signal_id: str) -> list[str]:
        """Return what was said of a signal, in order."""
        return [result.status for result in self.results if result.signal_id == signal_id]

    def state(self, signal_id: str) -> OrderState:
        """Return where a signal stands."""
        state = self.recorder.state
        return state.orders[state.numbers[signal_id]].state

    def state_known(self, signal_id: str) -> bool:
        """Tell whether a signal has its number."""
        return signal_id in self.recorder.state.numbers

    def told(self) -> list[dict[str, Any]]:
        """Read what the outbox holds, through a connection of its own."""
        return [json.loads(body) for (body,) in on_disk(self.path, "SELECT body FROM outbox ORDER BY seq")]

    def outbox_keys(self) -> list[str]:
        """Read the keys of what the outbox holds: consumers drop what comes under one they know."""
        return [key for (key,) in on_disk(self.path, "SELECT key FROM outbox ORDER BY seq")]


def make_stop(**changes: Any) -> EmergencyStopRequested:
    """Return an emergency stop that asks for nothing but the halt, unless told otherwise."""
    fields: dict[str, Any] = {
        "reason": "test",
        "close_positions": None,
        "cancel_orders": False,
        "source": Source(Channel.WEBSOCKET),
        "received_msc": 1,
    }
    return EmergencyStopRequested(**{**fields, **changes})


def on_disk(path: Path, query: str) -> list[tuple[Any, ...]]:
    """Query the journal through a connection of its own: what it shows is committed."""
    other = sqlite3.connect(path)
    try:
        return other.execute(query).fetchall()
    finally:
        other.close()
