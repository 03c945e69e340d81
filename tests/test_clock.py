"""The real clock."""

import asyncio
import time

from tests.clock_ticks import CLOCK_STEPS_S

from hybrid_bridge.clock import SystemClock


def test_utc_is_the_pcs_in_milliseconds():
    before = time.time_ns() // 1_000_000
    now = SystemClock().utc_msc()
    assert before <= now <= time.time_ns() // 1_000_000


def test_monotonic_seconds_do_not_go_back():
    clock = SystemClock()
    readings = [clock.monotonic() for _ in range(1000)]
    assert sorted(readings) == readings


async def test_sleep_takes_its_time_and_lets_others_run():
    clock, beats = SystemClock(), 0
    started = clock.monotonic()
    sleeping = asyncio.ensure_future(clock.sleep(0.02))
    while not sleeping.done():
        await asyncio.sleep(0)
        beats += 1
    assert clock.monotonic() - started >= 0.019 - CLOCK_STEPS_S
    assert beats > 10
