"""Sets up logging once: a console for people or JSON for programs, and a file that rotates.

Called by cli, which closes it last. Everyone else only does `log = structlog.get_logger(__name__)`. Logging
never raises into its caller and never makes it wait; secrets are masked in everything that is written.
"""

import atexit
import logging
import os
import sys
from collections.abc import Callable, Iterable, Mapping, MutableMapping
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Literal, Self, TextIO

import structlog

from hybrid_bridge.logs.file import RotatingFile
from hybrid_bridge.logs.library import LibraryLines
from hybrid_bridge.logs.lines import Entry, colour_line, json_line, text_line
from hybrid_bridge.logs.mask import Mask
from hybrid_bridge.logs.outlet import Outlet
from hybrid_bridge.settings import LogSettings

LogFormat = Literal["console", "json"]
_LEVELS = {"WARN": "WARNING", "EXCEPTION": "ERROR", "FATAL": "CRITICAL", "MSG": "INFO"}


class Console:
    """The stream that people watch."""

    name = "console"

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, line: str) -> None:
        """Write a line; characters that the console does not have are spelt out."""
        encoding = self._stream.encoding or "utf-8"
        shown = line.encode(encoding, "backslashreplace").decode(encoding)
        self._stream.write(shown + "\n")
        self._stream.flush()

    def close(self) -> None:
        """Leave the stream open: it belongs to the process."""


class NamedLogger:
    """What structlog hands finished entries to: knows the module's name and passes entries on."""

    def __init__(self, name: str, deliver: Callable[[Entry], None]) -> None:
        self.name = name
        self._deliver = deliver

    def msg(self, /, **entry: object) -> None:
        """Pass an entry on."""
        self._deliver(entry)

    debug = info = warning = warn = error = exception = critical = fatal = log = msg


class LogOutput:
    """The log while it is set up; closing it writes what is queued and puts back what was before.

    Use `set_up` to make one. A context manager.
    """

    def __init__(
        self, settings: LogSettings, log_format: LogFormat, secrets: Iterable[str], stream: TextIO | None
    ) -> None:
        self._mask = Mask(secrets)
        self._outlets: list[Outlet] = []
        file = RotatingFile(settings.file, settings.max_bytes, settings.backups, self._on_rotation)
        self._file = Outlet(file, self._masked(_renderer(log_format, None)), self._on_file_trouble)
        self._outlets.append(self._file)
        self._console: Outlet | None = None
        if stream is not None:
            render = self._masked(_renderer(log_format, stream))
            self._console = Outlet(Console(stream), render, self._on_console_trouble)
            self._outlets.append(self._console)
        self._before = structlog.get_config()
        self._root_level = logging.getLogger().level
        self._library_lines = LibraryLines(self._write_library)
        self._install(settings.level)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Write what is queued, within a bounded time, and undo the set-up; a second call does nothing."""
        atexit.unregister(self.close)
        root = logging.getLogger()
        if self._library_lines in root.handlers:
            root.removeHandler(self._library_lines)
            root.setLevel(self._root_level)
            logging.captureWarnings(False)
            structlog.configure(**self._before)
        for outlet in self._outlets:  # what one has to tell of its trouble goes to the other
            outlet.flush()
        for outlet in self._outlets:
            outlet.close()

    def _install(self, level: str) -> None:
        structlog.configure(
            processors=[
                structlog.contextvars.merge_contextvars,
                _add_name_level_and_time,
                structlog.processors.StackInfoRenderer(),
                structlog.processors.format_exc_info,
            ],
            wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level]),
            logger_factory=lambda *names: NamedLogger(str(names[0]) if names else "", self._deliver),
            cache_logger_on_first_use=False,  # modules keep their loggers; a later set-up must reach them
        )
        root = logging.getLogger()
        root.addHandler(self._library_lines)
        # Libraries tell every step at INFO; people want that only when they look for a fault.
        root.setLevel(logging.INFO if level == "DEBUG" else logging.WARNING)
        logging.captureWarnings(True)
        atexit.register(self.close)

    def _masked(self, render: Callable[[Entry], str]) -> Callable[[Entry], str]:
        return lambda entry: self._mask.text(render(entry))

    def _deliver(self, entry: Entry) -> None:
        masked = self._mask.entry(entry)
        for outlet in self._outlets:
            outlet.put(masked)

    def _write_library(self, logger: str, level: str, event: str, fields: dict[str, object]) -> None:
        entry = {**_head(logger, level), "event": event, **fields}
        self._deliver(structlog.processors.format_exc_info(None, "", entry))

    def _on_rotation(self, problem: str) -> None:
        self._on_file_trouble("The log file cannot rotate", {"problem": problem})

    def _on_file_trouble(self, event: str, fields: Mapping[str, object]) -> None:
        if self._console:
            self._console.put(self._mask.entry({**_head(__name__, "ERROR"), "event": event, **fields}))

    def _on_console_trouble(self, event: str, fields: Mapping[str, object]) -> None:
        self._file.put(self._mask.entry({**_head(__name__, "ERROR"), "event": event, **fields}))


def set_up(
    settings: LogSettings,
    *,
    log_format: LogFormat = "console",
    secrets: Iterable[str] = (),
    stream: TextIO | None = None,
) -> LogOutput:
    """Set up logging for this process until the result is closed.

    Args:
        log_format: "json" writes JSON lines to console and file, "console" lines of text to both.
        secrets: texts to mask, `Settings.secret_texts`.
        stream: the console, standard error when None (which a windowless program lacks).
    Raises:
        ConfigurationError: if LOG_FILE cannot be written.
    """
    return LogOutput(settings, log_format, secrets, stream or sys.stderr)


def _add_name_level_and_time(
    logger: NamedLogger, method: str, entry: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    level = method.upper()
    entry.update(_head(logger.name, _LEVELS.get(level, level)))
    return entry


def _head(logger: str, level: str) -> dict[str, object]:
    now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return {"timestamp": now, "level": level, "logger": logger}


def _renderer(log_format: LogFormat, stream: TextIO | None) -> Callable[[Entry], str]:
    if log_format == "json":
        return json_line
    return colour_line if stream is not None and _takes_colours(stream) else text_line


def _takes_colours(stream: TextIO) -> bool:
    if not stream.isatty() or os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        return False
    if sys.platform == "win32":
        return _enable_windows_colours()
    return True


def _enable_windows_colours() -> bool:
    """Ask a Windows console to understand colour codes; False when it cannot."""
    if sys.platform != "win32":
        return True
    import ctypes

    kernel = ctypes.windll.kernel32
    handle = kernel.GetStdHandle(-12)  # STD_ERROR_HANDLE
    mode = ctypes.c_uint32()
    if not kernel.GetConsoleMode(handle, ctypes.byref(mode)):
        return False
    return bool(kernel.SetConsoleMode(handle, mode.value | 0x0004))  # ENABLE_VIRTUAL_TERMINAL_PROCESSING
