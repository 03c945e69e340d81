"""What every test finds and leaves as it found it: logging and Ctrl-C, which are the whole process's."""

import asyncio
import functools
import inspect
import logging
import signal
import sys
from collections.abc import Awaitable, Callable, Iterator

import pytest
import structlog

BEFORE_THE_TIMEOUT_S = 10.0


@pytest.hookimpl(trylast=True)  # Some folders have time limits of their own.
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Have a coroutine that takes too long on Windows fail where it waits.

    There the timeout of a test ends the whole process: Windows has no signal to interrupt one test with.
    """
    for item in items if sys.platform == "win32" else ():
        if isinstance(item, pytest.Function) and inspect.iscoroutinefunction(item.obj):
            mark = item.get_closest_marker("timeout")
            limit_s = float(mark.args[0] if mark else config.getini("timeout"))
            item.obj = _limited(item.obj, limit_s - BEFORE_THE_TIMEOUT_S)


def _limited(test: Callable[..., Awaitable[None]], limit_s: float) -> Callable[..., Awaitable[None]]:
    @functools.wraps(test)
    async def limited(*arguments: object, **fixtures: object) -> None:
        async with asyncio.timeout(limit_s):
            await test(*arguments, **fixtures)

    return limited


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
    """Let signals end a program, also where the tests were started in the background, with SIGINT ignored."""
    fresh = {signal.SIGINT: signal.default_int_handler, signal.SIGTERM: signal.SIG_DFL}
    if sys.platform != "win32":
        fresh[signal.SIGHUP] = signal.SIG_DFL
    before = {number: signal.signal(number, handler) for number, handler in fresh.items()}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)
