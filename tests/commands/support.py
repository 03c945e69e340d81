"""A journal as a bridge leaves it, and as much of a running bridge as a typed command meets."""

import asyncio
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Self

from structlog.testing import capture_logs

from hybrid_bridge.clock import SystemClock
from hybrid_bridge.configured import limits_of
from hybrid_bridge.control.local_commands import LocalCommands
from hybrid_bridge.core.events import Event
from hybrid_bridge.execution.executor import Executor
from hybrid_bridge.execution.inbox import PriorityInbox
from hybrid_bridge.execution.recorder import Recorder
from hybrid_bridge.figures import ExecutorFigures
from hybrid_bridge.journal.sqlite import SqliteJournal
from hybrid_bridge.settings import Settings

ACCOUNT = "simulator-7001"


def keep(folder: Path, events: Sequence[Event], account: str = ACCOUNT) -> Path:
    """Leave a journal with these events in STATE_DIR."""
    path = folder / "state" / f"journal-{account}.sqlite"
    path.parent.mkdir(exist_ok=True)
    journal = SqliteJournal(path, account, ["websocket"])
    asyncio.run(journal.record(events, []))
    journal.close()
    return path


class RunningBridge(threading.Thread):
    """As much of a running bridge as a typed command meets: its end of the folder, executor and journal."""

    def __init__(self, folder: Path, settings: Settings) -> None:
        super().__init__()
        self._folder, self._settings = folder / "state", settings
        self._over: asyncio.Event | None = None
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._quiet = capture_logs()  # What it logs is not what the command says.

    def run(self) -> None:
        self._loop.run_until_complete(self._live())
        self._loop.close()

    async def _live(self) -> None:
        clock, figures = SystemClock(), ExecutorFigures()
        self._folder.mkdir(exist_ok=True)
        journal = SqliteJournal(self._folder / f"journal-{ACCOUNT}.sqlite", ACCOUNT, ["websocket"])
        recorder = Recorder(journal, figures, lambda: None, lambda _: None, limits_of(self._settings))
        await recorder.restore()
        inbox = PriorityInbox(clock.monotonic)
        executor = Executor(recorder, inbox, None, clock, figures)  # type: ignore[arg-type]
        tasks = [
            asyncio.ensure_future(loop())
            for loop in (executor.run_facts, LocalCommands(self._folder, inbox, clock).run)
        ]
        self._over = asyncio.Event()
        self._ready.set()
        await self._over.wait()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        journal.close()

    def __enter__(self) -> Self:
        self._quiet.__enter__()
        self.start()
        assert self._ready.wait(10)
        return self

    def __exit__(self, *_: object) -> None:
        assert self._over is not None
        self._loop.call_soon_threadsafe(self._over.set)
        self.join(10)
        self._quiet.__exit__(None, None, None)
