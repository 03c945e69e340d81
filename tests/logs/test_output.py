"""Logging as a whole: console and file, text and JSON, secrets, libraries, troubles."""

import asyncio
import io
import json
import logging
import os
import subprocess
import sys
import warnings
from pathlib import Path

import pytest
import structlog
from pydantic import SecretStr

from hybrid_bridge.errors import ConfigurationError
from hybrid_bridge.logs import set_up
from hybrid_bridge.settings import LogSettings

log = structlog.get_logger("hybrid_bridge.execution.executor")


@pytest.fixture
def settings(tmp_path: Path) -> LogSettings:
    return LogSettings(tmp_path / "bridge.log", "INFO", 1_000_000, 2)


class Terminal(io.StringIO):
    """A console that people sit at."""

    def isatty(self) -> bool:
        return True


def test_console_and_file_get_every_line_that_people_look_for(settings: LogSettings) -> None:
    stream = io.StringIO()
    with set_up(settings, stream=stream):
        log.info("Order placed", signal_id="s-1", volume=0.1)
        log.info("Position closed", signal_id="s-1")
        log.error("No answer")
        log.debug("not at this level")
    lines = settings.file.read_text(encoding="utf-8").splitlines()
    assert lines == stream.getvalue().splitlines()
    assert [line[25:60].rstrip() for line in lines] == [
        "INFO     Order placed",
        "INFO     Position closed",
        "ERROR    No answer",
    ]
    assert lines[0].endswith("signal_id=s-1 volume=0.1 [execution.executor]")
    assert lines[0][23] == "Z"


def test_json_is_written_to_both_on_request(settings: LogSettings) -> None:
    stream = io.StringIO()
    with set_up(settings, log_format="json", stream=stream):
        log.warning("Order placed", volume=0.1)
    (line,) = settings.file.read_text(encoding="utf-8").splitlines()
    entry = json.loads(line)
    assert line + "\n" == stream.getvalue()
    assert (entry["level"], entry["event"], entry["volume"]) == ("WARNING", "Order placed", 0.1)


@pytest.mark.not_on_windows("there the console itself decides")
def test_colours_reach_a_terminal_and_never_the_file(
    settings: LogSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    stream = Terminal()
    with set_up(settings, stream=stream):
        log.info("Order placed")
    assert "\x1b[" in stream.getvalue()
    assert "\x1b" not in settings.file.read_text(encoding="utf-8")


@pytest.mark.parametrize(("name", "value"), [("NO_COLOR", "1"), ("TERM", "dumb")])
def test_a_person_can_refuse_colours(
    settings: LogSettings, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    stream = Terminal()
    with set_up(settings, stream=stream):
        log.info("Order placed")
    assert "\x1b" not in stream.getvalue()


@pytest.mark.parametrize("log_format", ["console", "json"])
def test_a_secret_reaches_neither_file_nor_console(settings: LogSettings, log_format: str) -> None:
    secret = "hunter\\22'x"
    stream = io.StringIO()
    with set_up(settings, log_format=log_format, secrets=[secret], stream=stream):  # type: ignore[arg-type]
        log.info(f"said {secret}", value=secret, nested={"a": [secret]}, password="other-one")
        log.info("kept in its wrapping", value=SecretStr(secret))
        logging.getLogger("websockets").error("handshake with %r failed", secret)
        try:
            float(secret)
        except ValueError:
            log.exception("Failed")
    everything = settings.file.read_text(encoding="utf-8") + stream.getvalue()
    assert "Failed" in everything
    assert "could not convert" in everything
    assert "hunter" not in everything
    assert "other-one" not in everything


def test_fields_bound_for_a_task_are_on_each_of_its_lines(settings: LogSettings) -> None:
    async def handle(signal_id: str) -> None:
        structlog.contextvars.bind_contextvars(signal_id=signal_id)
        await asyncio.sleep(0)
        log.info("Order placed")

    async def both() -> None:
        await asyncio.gather(handle("s-1"), handle("s-2"))

    with set_up(settings, stream=io.StringIO()):
        asyncio.run(both())
    lines = settings.file.read_text(encoding="utf-8").splitlines()
    assert [line.partition("signal_id=")[2][:3] for line in lines] == ["s-1", "s-2"]


def test_library_lines_come_through_from_warnings_on(settings: LogSettings) -> None:
    with set_up(settings, stream=io.StringIO()):
        logging.getLogger("websockets.client").info("step by step")
        for attempt in range(100):
            logging.getLogger("websockets.client").error("Unable to connect, attempt %d", attempt)
        with warnings.catch_warnings():
            warnings.simplefilter("always")
            warnings.warn("deprecated", stacklevel=1)
    lines = settings.file.read_text(encoding="utf-8").splitlines()
    assert "ERROR    Unable to connect, attempt 0" in lines[0]
    assert "[websockets.client]" in lines[0]
    assert "deprecated" in lines[1]
    assert len(lines) == 2


def test_debug_shows_what_libraries_do_without_every_step(settings: LogSettings) -> None:
    debug = LogSettings(settings.file, "DEBUG", settings.max_bytes, settings.backups)
    with set_up(debug, stream=io.StringIO()):
        log.debug("detail")
        logging.getLogger("websockets").info("connection open")
        logging.getLogger("websockets").debug("frame")
    text = settings.file.read_text(encoding="utf-8")
    assert [word for word in ("detail", "connection open", "frame") if word in text] == [
        "detail",
        "connection open",
    ]


def test_characters_that_the_console_lacks_are_spelt_out(settings: LogSettings) -> None:
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="cp1252")
    with set_up(settings, stream=stream):
        log.info("größer → Ω")
    stream.flush()
    assert b"gr\xf6\xdfer \\u2192 \\u03a9" in raw.getvalue()
    assert "größer → Ω" in settings.file.read_text(encoding="utf-8")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a disk that is full at will")
def test_a_full_disk_is_told_on_the_console_once_and_stops_nothing(settings: LogSettings) -> None:
    stream = io.StringIO()
    full = LogSettings(Path("/dev/full"), "INFO", 1_000_000, 2)
    with set_up(full, stream=stream):
        for number in range(50):
            log.info("Order placed", number=number)
    lines = stream.getvalue().splitlines()
    told = [line for line in lines if "The log cannot be written" in line]
    assert len(told) == 1
    assert "ERROR" in told[0]
    assert "No space left on device" in told[0]
    assert len([line for line in lines if "Order placed" in line]) == 50


def test_a_console_that_is_gone_is_told_in_the_file_once(settings: LogSettings) -> None:
    stream = io.StringIO()
    with set_up(settings, stream=stream):
        stream.close()
        log.info("Order placed")
        log.info("Position closed")
    text = settings.file.read_text(encoding="utf-8")
    assert "Order placed" in text
    assert "Position closed" in text
    assert text.count("The log cannot be written") == 1


def test_a_log_file_that_cannot_be_written_is_refused_at_start(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="LOG_FILE"):
        set_up(LogSettings(tmp_path, "INFO", 1_000_000, 2), stream=io.StringIO())


def test_closing_puts_back_what_was_before(settings: LogSettings) -> None:
    before = structlog.get_config(), logging.getLogger().handlers[:], logging.getLogger().level
    output = set_up(settings, stream=io.StringIO())
    assert structlog.get_config() != before[0]
    output.close()
    output.close()
    assert before == (structlog.get_config(), logging.getLogger().handlers, logging.getLogger().level)


def test_a_process_that_ends_without_closing_has_written_everything(settings: LogSettings) -> None:
    program = (
        "import sys, structlog\n"
        "from pathlib import Path\n"
        "from hybrid_bridge.logs import set_up\n"
        "from hybrid_bridge.settings import LogSettings\n"
        "output = set_up(LogSettings(Path(sys.argv[1]), 'INFO', 1_000_000, 2))\n"
        "for number in range(500): structlog.get_logger('x').info('Order placed', number=number)\n"
    )
    source = str(Path(__file__).parents[2] / "src")
    result = subprocess.run(
        [sys.executable, "-c", program, str(settings.file)],
        env={**os.environ, "PYTHONPATH": source},
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    assert result.stdout == ""
    for text in (settings.file.read_text(encoding="utf-8"), result.stderr):
        assert "number=499" in text.splitlines()[-1]
        assert len(text.splitlines()) == 500
