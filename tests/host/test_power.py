"""Keeping the PC awake: exactly while it is wanted, by a thread that holds the request."""

import asyncio
import sys
import threading
from collections.abc import AsyncIterator, Callable

import pytest
from structlog.testing import capture_logs

from hybrid_bridge.clock import SystemClock
from hybrid_bridge.host import power
from hybrid_bridge.host.power import ES_CONTINUOUS, SET_STATE, STAY_AWAKE, KeepAwake


class Windows:
    """Keeps execution states as Windows does: each thread has its own, and its end is the end of it."""

    def __init__(self, *, agrees: bool = True) -> None:
        self.agrees = agrees
        self.states: dict[threading.Thread, int] = {}

    def set_state(self, state: int) -> int:
        if not self.agrees:
            return 0
        before = self.states.get(threading.current_thread(), ES_CONTINUOUS)
        self.states[threading.current_thread()] = state
        return before

    @property
    def stays_awake(self) -> bool:
        return any(thread.is_alive() and state == STAY_AWAKE for thread, state in self.states.items())


class QuickClock(SystemClock):
    """Hardly sleeps."""

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds / 1000)


@pytest.fixture
def windows() -> Windows:
    return Windows()


@pytest.fixture
async def start() -> AsyncIterator[Callable]:
    """Give a function that runs one; all are ended afterwards."""
    tasks = []

    def begin(wanted, set_state):
        keeper = KeepAwake(wanted, QuickClock(), set_state)
        tasks.append(asyncio.ensure_future(keeper.run()))
        return keeper, tasks[-1]

    yield begin
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - another thread makes it come true
            await asyncio.sleep(0.001)


async def test_the_pc_is_kept_awake_while_that_is_wanted_and_no_longer(windows, start):
    wanted = True
    keeper, _ = start(lambda: wanted, windows.set_state)
    await until(lambda: keeper.held)
    assert windows.stays_awake
    wanted = False
    await until(lambda: not keeper.held)
    assert not windows.stays_awake
    wanted = True
    await until(lambda: keeper.held)
    assert windows.stays_awake


async def test_nothing_is_asked_for_while_it_is_not_wanted(windows, start):
    asked = 0

    def wanted() -> bool:
        nonlocal asked
        asked += 1
        return False

    start(wanted, windows.set_state)
    await until(lambda: asked > 3)
    assert {} == windows.states


async def test_the_end_of_the_bridge_lets_the_pc_sleep_again(windows, start):
    keeper, task = start(lambda: True, windows.set_state)
    await until(lambda: keeper.held)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert (False, False) == (keeper.held, windows.stays_awake)
    assert "keep-awake" not in [thread.name for thread in threading.enumerate()]


async def test_both_are_told_once_and_so_is_a_refusal(windows, start):
    wanted = True
    with capture_logs() as logs:
        keeper, _ = start(lambda: wanted, windows.set_state)
        await until(lambda: keeper.held)
        wanted = False
        await until(lambda: not keeper.held)
        _, task = start(lambda: True, Windows(agrees=False).set_state)
        await until(lambda: len(logs) == 3)
        await asyncio.sleep(5 * power.LOOK_S / 1000)
        assert not task.done()
    assert [
        "PC is kept awake while trading is enabled",
        "PC may sleep again",
        "Windows does not let the bridge keep the PC awake",
    ] == [entry["event"] for entry in logs]
    assert "Settings > System > Power" in logs[2]["mend"]


async def test_a_system_that_has_no_such_thing_is_not_asked_and_says_so_once_at_debug(start):
    with capture_logs() as logs:
        keeper, _ = start(lambda: True, None)
        await asyncio.sleep(5 * power.LOOK_S / 1000)
    assert [("debug", False)] == [(entry["log_level"], keeper.held) for entry in logs]


@pytest.mark.skipif(sys.platform != "win32", reason="asks Windows itself")
async def test_windows_agrees_and_knows_the_state_until_it_is_released(start):
    wanted, seen = True, []

    def set_state(state: int) -> int:
        seen.append((state, SET_STATE(state)))
        return seen[-1][1]

    keeper, _ = start(lambda: wanted, set_state)
    await until(lambda: keeper.held)
    wanted = False
    await until(lambda: len(seen) == 2)
    (asked, before), (released, held) = seen
    assert (STAY_AWAKE, ES_CONTINUOUS) == (asked, released)
    assert (True, STAY_AWAKE) == (before != 0, held)
