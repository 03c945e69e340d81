"""How long the loop stands still."""

import asyncio
import time

import pytest

from hybrid_bridge.clock import SystemClock
from hybrid_bridge.host.sleep import Reading, SleepMeter
from hybrid_bridge.loop_lag import BEAT_S, LoopLag


class LateClock:
    """A clock whose sleeps take the extra time that a test gives, then end the measuring."""

    def __init__(self, extra_s: list[float]) -> None:
        self._extra_s = iter(extra_s)
        self._now_s = 100.0

    def utc_msc(self) -> int:
        return 0

    def monotonic(self) -> float:
        return self._now_s

    async def sleep(self, seconds: float) -> None:
        extra_s = next(self._extra_s, None)
        if extra_s is None:
            raise asyncio.CancelledError
        self._now_s += seconds + extra_s


async def test_the_longest_delay_is_kept_in_milliseconds():
    lag = LoopLag(LateClock([0.001, 0.25, 0.01]))
    with pytest.raises(asyncio.CancelledError):
        await lag.run()
    assert lag.max_ms == pytest.approx(250.0)


async def test_a_sleep_that_ends_early_is_no_delay():
    lag = LoopLag(LateClock([-0.001]))
    with pytest.raises(asyncio.CancelledError):
        await lag.run()
    assert lag.max_ms == 0.0


async def test_a_sleep_of_the_pc_is_no_lag():
    counts = iter([0, 1, 1, 1, 1])
    lag = LoopLag(LateClock([3_600.0, 0.25]), lambda: next(counts))
    with pytest.raises(asyncio.CancelledError):
        await lag.run()
    assert lag.max_ms == pytest.approx(250.0)


async def test_a_loop_that_stands_still_for_long_is_seen_though_it_looks_like_a_process_held_up():
    clock = LateClock([6.0])
    meter = SleepMeter(clock, lambda: Reading(clock.monotonic(), clock.monotonic(), clock.monotonic()))
    lag = LoopLag(clock, meter.sleeps)
    with pytest.raises(asyncio.CancelledError):
        await lag.run()
    assert (1, 0) == (meter.count, meter.sleeps())
    assert lag.max_ms == pytest.approx(6_000.0)


async def test_a_loop_that_is_really_blocked_is_seen():
    lag = LoopLag(SystemClock())
    measuring = asyncio.ensure_future(lag.run())
    await asyncio.sleep(BEAT_S / 4)
    time.sleep(0.1)
    while lag.max_ms == 0.0:  # noqa: ASYNC110 - the next beat is all there is to wait for
        await asyncio.sleep(BEAT_S)
    measuring.cancel()
    assert 60 <= lag.max_ms
