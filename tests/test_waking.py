"""What the bridge does after a sleep, in which order, and what it says."""

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest
from structlog.testing import capture_logs

from hybrid_bridge.clock import SystemClock
from hybrid_bridge.host.power import KeepAwake
from hybrid_bridge.host.sleep import Reading, SleepMeter
from hybrid_bridge.waking import Waking, power_shown


class Clocks:
    def __init__(self) -> None:
        self.reading = Reading(0.0, 0.0, 1_790_000_000.0)

    def sleep(self, seconds: float) -> None:
        awake_s, passed_s, utc_s = self.reading
        self.reading = Reading(awake_s, passed_s + seconds, utc_s + seconds)


class Bridge:
    """Notes what is asked of it."""

    def __init__(self) -> None:
        self.done: list[str] = []
        self.visible = asyncio.Event()
        self.visible.set()

    def note(self, what: str) -> Callable[[], None]:
        return lambda: self.done.append(what)

    async def see_anew(self) -> None:
        self.done.append("look")
        await self.visible.wait()
        self.done.append("seen")

    async def reconnect(self) -> None:
        self.done.append("reconnect")


@pytest.fixture
def clocks() -> Clocks:
    return Clocks()


@pytest.fixture
def meter(clocks: Clocks) -> SleepMeter:
    meter = SleepMeter(SystemClock(), lambda: clocks.reading)
    meter.look()
    return meter


@pytest.fixture
async def bridge(meter: SleepMeter) -> AsyncIterator[Bridge]:
    bridge = Bridge()
    waking = Waking(
        meter,
        forget=(bridge.note("forget"),),
        doubt_clock=bridge.note("doubt the clock"),
        see_anew=bridge.see_anew,
        reconnect=(bridge.reconnect,),
    )
    running = asyncio.ensure_future(waking.run())
    await asyncio.sleep(0)
    yield bridge
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - tasks make it come true
            await asyncio.sleep(0.001)


async def test_everything_is_made_anew_after_each_sleep(clocks, meter, bridge):
    for _ in range(2):
        clocks.sleep(600.0)
        meter.look()
        await until(lambda: len(bridge.done) == 5)
        assert {"forget", "doubt the clock", "reconnect", "look", "seen"} == set(bridge.done)
        assert bridge.done.index("forget") < bridge.done.index("reconnect")
        bridge.done.clear()


async def test_a_short_sleep_leaves_the_servers_clock_alone(clocks, meter, bridge):
    clocks.sleep(30.0)
    meter.look()
    await until(lambda: len(bridge.done) == 4)
    assert "doubt the clock" not in bridge.done


async def test_a_terminal_that_cannot_be_seen_holds_up_nothing_else(clocks, meter, bridge):
    bridge.visible.clear()
    for number in (1, 2):
        clocks.sleep(600.0)
        meter.look()
        await until(lambda number=number: bridge.done.count("reconnect") == number)
    assert (1, 2) == (bridge.done.count("look"), bridge.done.count("forget"))
    bridge.visible.set()
    await until(lambda: bridge.done.count("seen") == 2)


async def test_it_says_once_how_long_and_since_when(clocks, meter, bridge):
    with capture_logs() as logs:
        clocks.sleep(28_800.0)
        meter.look()
        await until(lambda: "seen" in bridge.done)
        meter.look()
        await asyncio.sleep(0.01)
    (said,) = logs
    assert ("warning", "Awake again: the PC slept for 28800 s", "2026-09-21T14:13:20Z") == (
        said["log_level"],
        said["event"],
        said["since"],
    )


async def test_the_status_shows_it(clocks, meter):
    power = KeepAwake(lambda: True, SystemClock(), None)
    assert {"kept_awake": False, "standstills": 0, "last_standstill": None} == power_shown(meter, power)
    clocks.sleep(60.0)
    meter.look()
    last = {"what": "the PC slept for 60 s", "since": "2026-09-21T14:13:20Z"}
    assert {"kept_awake": False, "standstills": 1, "last_standstill": last} == power_shown(meter, power)
