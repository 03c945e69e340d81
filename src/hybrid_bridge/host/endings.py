"""What the system says when it is about to end this process, from wherever it says it.

Owns passing it on: to the listener of the moment, or to the one that comes later. Whoever runs for long,
commands/run and the supervisor, watches from its first moment to its last; the bridge listens while it runs.
It decides nothing: how long a stop may take then is the listener's affair.

Windows alone says such things, and ends the process as soon as it is told that they were taken note of: so
`console` and `session_end` do not answer before the process is through. Elsewhere signals do all of it.
"""

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import NoReturn

CLOSE_TIMEOUT_S = 1.0


@dataclass(frozen=True, slots=True)
class Ending:
    """One such word.

    Attributes:
        cause: what happened, as a person would say it.
        by_s: when the process is ended whatever it does, on the scale of time.monotonic(); None when it is
            only asked to end.
    """

    cause: str
    by_s: float | None


class Endings:
    """Every such word, from the first; safe to use from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._listener: Callable[[Ending], None] | None = None
        self._waiting: list[Ending] = []
        self._listened_to = threading.Event()
        self._at_the_end: list[Callable[[], None]] = []

    def announce(self, ending: Ending) -> None:
        """Pass a word on, or keep it for who listens next."""
        with self._lock:
            if self._listener is None:
                self._waiting.append(ending)
            else:
                self._listener(ending)

    @contextmanager
    def passed_to(self, listener: Callable[[Ending], None]) -> Iterator[None]:
        """Have a listener told, beginning with what nobody has heard yet.

        Args:
            listener: called in the thread of whoever says it; must return at once.
        """
        with self._lock:
            for ending in self._waiting:
                listener(ending)
            self._waiting.clear()
            self._listener = listener
        self._listened_to.set()
        try:
            yield
        finally:
            with self._lock:
                self._listener = None

    def wait_listened_to(self) -> None:
        """Wait for the first listener: from then on there is a log."""
        self._listened_to.wait()

    def at_the_end(self, close: Callable[[], None]) -> None:
        """Have something closed by `done`."""
        self._at_the_end.append(close)

    def done(self) -> None:
        """Say that nothing is left to be done but leaving; let go of what watches."""
        for close in self._at_the_end:
            close()


def hold() -> NoReturn:
    """Never answer: it is the main thread that ends the process, with an exit code of its own."""
    while True:
        threading.Event().wait()


def watch_endings() -> Endings:
    """Begin to watch; call it after the signals are set, because the last who asked is told first.

    Returns:
        What was said; its `done` is to be called at the very end.
    """
    endings = Endings()
    if sys.platform == "win32":
        from hybrid_bridge.host import console, session_end

        console.watch(endings)
        session_end.watch(endings)
    return endings
