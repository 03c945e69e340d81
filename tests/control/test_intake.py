"""The line in front of the inbox."""

import asyncio
import contextlib

import pytest
import structlog

from hybrid_bridge.control.intake import Intake
from hybrid_bridge.core.inputs import CloseRequested, EmergencyStopRequested, ResumeRequested
from hybrid_bridge.core.orders import Channel, Source

SOURCE = Source(Channel.WEBSOCKET)


def close(number: int) -> CloseRequested:
    return CloseRequested(str(number), number, None, "", SOURCE, 0)


STOP = EmergencyStopRequested("enough", None, True, SOURCE, 0)
RESUME = ResumeRequested("calm again", SOURCE, 0)


class HandClock:
    """A clock that the test turns."""

    def __init__(self) -> None:
        self.now = 0.0

    def utc_msc(self) -> int:
        return int(self.now * 1000)

    def monotonic(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def hand_clock() -> HandClock:
    return HandClock()


@contextlib.asynccontextmanager
async def running(intake: Intake):
    task = asyncio.get_running_loop().create_task(intake.run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_inputs_reach_the_inbox_in_order(inbox, hand_clock):
    intake = Intake(inbox, hand_clock, items_max=2, patience_s=5.0)
    async with running(intake):
        for number in range(100):
            assert await intake.offer(close(number))
        assert [close(number) for number in range(100)] == await inbox.received(100)


async def test_a_full_line_makes_the_reader_wait_until_there_is_room(small_inbox, hand_clock):
    intake = Intake(small_inbox, hand_clock, items_max=2, patience_s=5.0)
    async with running(intake):
        assert await intake.offer(close(0))
        assert await intake.offer(close(1))
        offering = asyncio.gather(intake.offer(close(2)))
        await asyncio.sleep(0.01)
        assert not offering.done()
        assert 2 == len(intake)
        await small_inbox.open()
        assert [True] == await offering
        assert [close(0), close(1), close(2)] == await small_inbox.received(3)


async def test_a_line_whose_oldest_waits_too_long_refuses_at_once(small_inbox, hand_clock):
    intake = Intake(small_inbox, hand_clock, items_max=2, patience_s=5.0)
    async with running(intake):
        await intake.offer(close(0))
        await intake.offer(close(1))
        hand_clock.now = 5.0
        assert not await intake.offer(close(2))
        await small_inbox.open()
        await small_inbox.received(2)
        assert await intake.offer(close(3))
        assert [close(0), close(1), close(3)] == await small_inbox.received(3)


async def test_a_line_that_moves_but_too_slowly_refuses_too(small_inbox, hand_clock):
    intake = Intake(small_inbox, hand_clock, items_max=2, patience_s=5.0)
    async with running(intake):
        await intake.offer(close(0))
        hand_clock.now = 4.0
        await intake.offer(close(1))
        await small_inbox.open(room=1)
        await small_inbox.received(1)
        await intake.offer(close(2))
        hand_clock.now = 9.0  # Only the oldest counts: it has waited five seconds, the other five less.
        assert not await intake.offer(close(3))


async def test_the_wait_of_the_reader_ends_when_patience_does(small_inbox, hand_clock):
    intake = Intake(small_inbox, hand_clock, items_max=1, patience_s=0.05)
    async with running(intake):
        await intake.offer(close(0))
        assert not await intake.offer(close(1))


async def test_an_emergency_stop_passes_a_full_line(small_inbox, hand_clock):
    intake = Intake(small_inbox, hand_clock, items_max=1, patience_s=5.0)
    async with running(intake):
        await intake.offer(close(0))
        assert await intake.offer(STOP)
        assert [STOP] == await small_inbox.received(1)


async def test_a_resume_sent_before_a_stop_that_overtakes_it_is_void(small_inbox, hand_clock):
    intake = Intake(small_inbox, hand_clock, items_max=10, patience_s=5.0)
    async with running(intake):
        for item in (close(0), RESUME, close(1)):
            await intake.offer(item)
        with structlog.testing.capture_logs() as logs:
            await intake.offer(STOP)
        await intake.offer(RESUME)
        await small_inbox.open()
        assert [STOP, close(0), close(1), RESUME] == await small_inbox.received(4)
    assert [1] == [line["count"] for line in logs]
