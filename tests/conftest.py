"""What every test finds and leaves as it found it: logging and Ctrl-C, which are the whole process's."""

import logging
import signal
import sys
from collections.abc import Iterator

import pytest
import structlog


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip what cannot run on Windows, with the reason that it gives."""
    mark = item.get_closest_marker("not_on_windows")
    if mark is None:
        return
    (reason,) = mark.args
    if sys.platform == "win32":
        pytest.skip(f"not on Windows: {reason}")


@pytest.fixture(autouse=True)
def logging_as_before() -> Iterator[None]:
    """Undo what a program run inside the test did to logging; its streams end with the test."""
    loggers = [logging.getLogger(name) for name in ("", "aiokafka", "aiokafka.conn", "websockets", "asyncio")]
    before = [(logger, logger.level, logger.disabled, logger.propagate) for logger in loggers]
    yield
    structlog.reset_defaults()
    for logger, level, disabled, propagate in before:
        logger.setLevel(level)
        logger.disabled, logger.propagate = disabled, propagate


@pytest.fixture(autouse=True)
def interruptible() -> Iterator[None]:
    """Let SIGINT interrupt, also where the tests were started in the background, with SIGINT ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)
