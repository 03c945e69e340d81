"""Takes log entries without ever making the caller wait, and writes them in a thread of its own.

Used by logs only, once for the console and once for the file: a console that stands still (text selected in a
Windows console window stops every writer) or a full disk must stop neither trading nor the other of the two.
"""

import queue
import threading
from collections.abc import Callable
from typing import Protocol

from hybrid_bridge.logs.lines import Entry

CAPACITY = 5_000
CLOSE_TIMEOUT_S = 1.0


class Sink(Protocol):
    """Where lines end up."""

    @property
    def name(self) -> str:
        """What messages call it."""
        ...

    def write(self, line: str) -> None:
        """Write a line; OSError or ValueError when that fails."""
        ...

    def close(self) -> None:
        """Let go of it."""
        ...


class Outlet:
    """A bounded queue in front of a sink; when it is full, new entries are left out and counted.

    Args:
        render: makes a line of an entry.
        on_trouble: told an event and its fields when writing starts to fail, once until it works again.
    """

    def __init__(
        self,
        sink: Sink,
        render: Callable[[Entry], str],
        on_trouble: Callable[[str, dict[str, object]], None],
        capacity: int = CAPACITY,
    ) -> None:
        self._sink = sink
        self._render = render
        self._on_trouble = on_trouble
        # The quickest queue to put into; the bound is kept in `put`.
        self._queue: queue.SimpleQueue[Entry | threading.Event | None] = queue.SimpleQueue()
        self._capacity = capacity
        self._left_out = 0
        self._lost = 0
        self._thread = threading.Thread(target=self._run, name=f"log {sink.name}", daemon=True)
        self._thread.start()

    def put(self, entry: Entry) -> None:
        """Take an entry; returns at once."""
        if self._queue.qsize() < self._capacity:
            self._queue.put(entry)
        else:
            self._left_out += 1

    def flush(self, timeout_s: float = CLOSE_TIMEOUT_S) -> None:
        """Wait until everything queued so far is written, at most this long."""
        reached = threading.Event()
        self._queue.put(reached)
        reached.wait(timeout_s)

    def close(self, timeout_s: float = CLOSE_TIMEOUT_S) -> None:
        """Write what is queued and let go of the sink; a sink that stands still is left behind."""
        self._queue.put(None)
        self._thread.join(timeout_s)

    def _run(self) -> None:
        while (entry := self._queue.get()) is not None:
            if isinstance(entry, threading.Event):
                entry.set()
            else:
                self._write(entry)
        self._sink.close()

    def _write(self, entry: Entry) -> None:
        try:
            self._sink.write(self._render(self._noting_gaps(entry)))
        except (OSError, ValueError) as error:
            self._lost += 1
            if self._lost == 1:
                self._on_trouble(
                    "The log cannot be written; the bridge goes on without it",
                    {"log": self._sink.name, "problem": str(error)},
                )
            return
        if self._lost:
            self._on_trouble(
                "The log can be written again", {"log": self._sink.name, "lines_lost": self._lost}
            )
            self._lost = 0

    def _noting_gaps(self, entry: Entry) -> Entry:
        left_out, self._left_out = self._left_out, 0
        return {**entry, "lines_left_out_before": left_out} if left_out else entry
