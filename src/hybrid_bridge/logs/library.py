"""Brings the log lines of libraries (standard `logging`) into the bridge's own log, without their floods.

Used by logs only. A client library that cannot reach its server repeats the same line every second; it is
written once, then once per window with the number of repetitions.
"""

import logging
import re
import time
from collections import OrderedDict
from collections.abc import Callable

WINDOW_S = 60.0
KINDS_MAX = 200  # different lines that are remembered at a time

Write = Callable[[str, str, str, dict[str, object]], None]


class Repetitions:
    """Remembers which lines were written lately."""

    def __init__(self, clock: Callable[[], float], window_s: float = WINDOW_S) -> None:
        self._clock = clock
        self._window_s = window_s
        self._seen: OrderedDict[tuple[str, int, str], tuple[float, int]] = OrderedDict()

    def admit(self, logger: str, level: int, message: str) -> int | None:
        """Return how often the line was held back since it was last written, None to hold it back now."""
        key = (logger, level, re.sub(r"\d+", "#", message))
        now = self._clock()
        written_at, held_back = self._seen.get(key, (float("-inf"), 0))
        if now - written_at < self._window_s:
            self._seen[key] = (written_at, held_back + 1)
            return None
        self._seen[key] = (now, 0)
        self._seen.move_to_end(key)
        while len(self._seen) > KINDS_MAX:
            self._seen.popitem(last=False)
        return held_back


class LibraryLines(logging.Handler):
    """Hands every record of the standard logging to the bridge's log.

    Args:
        write: takes logger, level, event and fields.
    """

    def __init__(self, write: Write, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._write = write
        self._repetitions = Repetitions(clock)

    def emit(self, record: logging.LogRecord) -> None:
        """Write the record unless it repeats one just written."""
        message = _message(record)
        held_back = self._repetitions.admit(record.name, record.levelno, message)
        if held_back is None:
            return
        fields: dict[str, object] = {"repeated": held_back} if held_back else {}
        if record.exc_info:
            fields["exc_info"] = record.exc_info
        self._write(record.name, record.levelname, message, fields)


def _message(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    except (TypeError, ValueError, KeyError):  # a library's own mistake in its arguments
        return f"{record.msg} {record.args}"
