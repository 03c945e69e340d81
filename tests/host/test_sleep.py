"""What the clocks show of a sleep, of a process held up, and of a virtual machine that was paused."""

import asyncio
import subprocess
import sys
import time

import psutil
import pytest

from hybrid_bridge.clock import SystemClock
from hybrid_bridge.host.sleep import BEAT_S, Cause, Reading, SleepMeter, Standstill, read_clocks

UTC_S = 1_790_000_000.0


class Clocks:
    """The clocks of a PC that a test puts to sleep; also ports.Clock for its beat."""

    def __init__(self) -> None:
        self.awake_s, self.passed_s, self.utc_s = 50.0, 1_000.0, UTC_S
        self.beats = 0

    def read(self) -> Reading:
        return Reading(self.awake_s, self.passed_s, self.utc_s)

    def be_awake(self, seconds: float) -> None:
        self.awake_s += seconds
        self.sleep_on(seconds)

    def sleep_on(self, seconds: float) -> None:
        self.passed_s += seconds
        self.utc_s += seconds

    def utc_msc(self) -> int:
        return int(self.utc_s * 1000)

    def monotonic(self) -> float:
        return self.passed_s

    async def sleep(self, seconds: float) -> None:
        self.beats += 1
        if self.beats > 20:
            raise asyncio.CancelledError
        self.be_awake(seconds)


@pytest.fixture
def clocks() -> Clocks:
    return Clocks()


@pytest.fixture
def meter(clocks: Clocks) -> SleepMeter:
    meter = SleepMeter(clocks, clocks.read)
    meter.look()
    return meter


def test_the_first_look_begins_to_measure(clocks):
    meter = SleepMeter(clocks, clocks.read)
    clocks.sleep_on(3_600.0)
    assert (0, None) == (meter.look(), meter.last)


def test_a_sleep_is_noticed_with_its_length_and_when_it_began(clocks, meter):
    clocks.be_awake(0.7)
    clocks.sleep_on(3_600.0)
    assert meter.look() == 1
    assert meter.last == Standstill(Cause.SLEPT, int(UTC_S * 1000), pytest.approx(3_600.7))
    assert meter.last.in_words == "the PC slept for 3601 s"


def test_only_a_sleep_of_the_pc_counts_as_one(clocks, meter):
    clocks.be_awake(30.0)
    assert (0, 1) == (meter.sleeps(), meter.count)
    clocks.sleep_on(30.0)
    assert (1, 2) == (meter.sleeps(), meter.count)


def test_it_is_counted_once(clocks, meter):
    clocks.sleep_on(3_600.0)
    assert [1, 1, 1] == [meter.look(), meter.look(), meter.look()]


def test_a_sleep_too_short_for_the_beat_to_miss_is_noticed_all_the_same(clocks, meter):
    clocks.sleep_on(1.5)
    assert (1, Cause.SLEPT) == (meter.look(), meter.last.cause)


def test_a_process_that_was_suspended_shows_though_the_pc_was_awake(clocks, meter):
    clocks.be_awake(30.0)
    assert (1, Cause.STOOD) == (meter.look(), meter.last.cause)
    assert meter.last.in_words == "the bridge was held up for 30 s"


def test_a_virtual_machine_that_was_paused_shows_by_its_wall_clock(clocks, meter):
    clocks.be_awake(1.0)
    clocks.utc_s += 600.0
    assert (1, Cause.AHEAD) == (meter.look(), meter.last.cause)
    assert meter.last.in_words.startswith("the PC's clock went ahead by 600 s")


@pytest.mark.parametrize("seconds", [-3_600.0, -0.5, 0.5, 4.0])
def test_a_clock_that_is_set_right_by_little_or_set_back_is_no_standstill(clocks, meter, seconds):
    clocks.be_awake(1.0)
    clocks.utc_s += seconds
    assert meter.look() == 0


def test_a_busy_pc_is_not_taken_for_one_that_slept(clocks, meter):
    for _ in range(100):
        clocks.be_awake(4.0)
        clocks.sleep_on(0.02)  # Clocks of the system differ by a tick.
        meter.look()
    assert meter.count == 0


async def test_the_beat_looks_by_itself(clocks):
    meter = SleepMeter(clocks, clocks.read)
    running = asyncio.ensure_future(meter.run())
    await asyncio.gather(running, return_exceptions=True)
    assert (21, 0) == (clocks.beats, meter.count)
    clocks.sleep_on(60.0)
    running = asyncio.ensure_future(meter.run())
    assert Cause.SLEPT is (await meter.wait(0)).cause
    await asyncio.gather(running, return_exceptions=True)


async def test_waiting_ends_with_each_further_standstill(clocks, meter):
    waiting = asyncio.ensure_future(meter.wait(0))
    await asyncio.sleep(0)
    clocks.sleep_on(60.0)
    meter.look()
    assert pytest.approx(60.0) == (await waiting).lasted_s
    waiting = asyncio.ensure_future(meter.wait(meter.count))
    await asyncio.sleep(0)
    assert not waiting.done()
    clocks.sleep_on(120.0)
    meter.look()
    assert pytest.approx(120.0) == (await waiting).lasted_s


def test_the_clocks_of_this_system_go_on_together_while_it_is_awake():
    first, began_s = read_clocks(), time.perf_counter()
    while time.perf_counter() - began_s < 0.3:
        time.sleep(0.05)
    last, took_s = read_clocks(), time.perf_counter() - began_s
    gone = [after - before for before, after in zip(first, last, strict=True)]
    assert [pytest.approx(took_s, abs=0.1)] * 3 == gone


SUSPENDED = """
import asyncio
from hybrid_bridge.clock import SystemClock
from hybrid_bridge.host.sleep import SleepMeter

async def main():
    meter = SleepMeter(SystemClock())
    beat = asyncio.ensure_future(meter.run())
    await asyncio.sleep(0)
    print("beating", flush=True)
    print((await meter.wait(0)).in_words, flush=True)
    beat.cancel()

asyncio.run(main())
"""


def test_a_process_that_really_was_suspended_tells_how_long():
    program = subprocess.Popen([sys.executable, "-c", SUSPENDED], stdout=subprocess.PIPE, text=True)
    try:
        assert program.stdout.readline() == "beating\n"
        time.sleep(2 * BEAT_S)
        process = psutil.Process(program.pid)
        process.suspend()
        time.sleep(7.0)
        process.resume()
        assert program.stdout.readline().strip() in {f"the bridge was held up for {n} s" for n in (7, 8, 9)}
        assert program.wait(10) == 0
    finally:
        program.kill()
        program.wait(10)
        program.stdout.close()


async def test_a_beat_on_the_real_clocks_notices_nothing_where_nothing_was():
    meter = SleepMeter(SystemClock())
    running = asyncio.ensure_future(meter.run())
    await asyncio.sleep(1.5 * BEAT_S)
    running.cancel()
    assert (0, None) == (meter.look(), meter.last)
