"""A lane over a sleep of the PC: what was asked before, what was being sent, what had no turn yet."""

import asyncio

import psutil
import pytest
from tests.terminal.support import PLAIN, until

from hybrid_bridge.errors import LaneInterrupted, LaneUnavailable
from hybrid_bridge.terminal.operations import REPORT, SUBMIT, TICKS, Operation, SubmitArgs, TicksArgs

CLOSE = SubmitArgs(1, "EURUSD", 0.1, 1.1, 0.0, 0.0, 10, 1, 1, 0, 42, 0, 5, "note")


class Pc:
    standstills = 0

    def count(self) -> int:
        return self.standstills


def quick(operation: Operation, timeout_s: float, wait_s: float = 5.0) -> Operation:
    return Operation(
        operation.name,
        operation.args,
        operation.reply,
        operation.priority,
        timeout_s,
        wait_s,
        operation.shows_account,
    )


@pytest.fixture
def pc() -> Pc:
    return Pc()


@pytest.fixture
async def lane(start_lane, pc):
    lane = start_lane(standstills=pc.count)
    async with asyncio.timeout(20):
        await lane.wait_ready()
    return lane


async def sleep_during(lane, pc, operation, args) -> asyncio.Task:
    """Have an operation under way while worker and PC sleep, until its deadline has passed by the clock."""
    worker = psutil.Process(lane.state.pid)
    worker.suspend()
    call = asyncio.create_task(lane.call(operation, args))
    await asyncio.sleep(0.1)
    pc.standstills += 1
    await asyncio.sleep(0.4)
    worker.resume()
    return call


async def test_an_order_that_was_being_sent_over_a_sleep_gets_its_answer_and_keeps_its_worker(
    lane, pc, script
):
    first = lane.state.pid
    reply = await (await sleep_during(lane, pc, quick(SUBMIT, 0.3), CLOSE))
    assert (True, 1, first) == (reply.sent, len(script.orders_sent()), lane.state.pid)


async def test_what_was_asked_about_the_account_before_a_sleep_is_no_answer_after_it(lane, pc):
    first = lane.state.pid
    with pytest.raises(LaneInterrupted, match="before the PC slept"):
        await (await sleep_during(lane, pc, quick(REPORT, 0.3), PLAIN))
    await lane.call(REPORT, PLAIN)
    assert lane.state.pid == first


async def test_ticks_of_before_a_sleep_are_ticks_all_the_same(lane, pc):
    reply = await (await sleep_during(lane, pc, quick(TICKS, 0.3), TicksArgs([])))
    assert reply.pages == []


async def test_a_terminal_that_hangs_after_a_sleep_too_is_given_up(lane, pc, script):
    script.say(stall=["order_send"])
    call = asyncio.create_task(lane.call(quick(SUBMIT, 0.3), CLOSE))
    await until(lambda: script.stalled)
    pc.standstills += 1
    with pytest.raises(LaneInterrupted, match="took longer"):
        await call
    script.say(stall=None)
    await lane.call(REPORT, PLAIN)


async def test_an_order_that_got_no_turn_over_a_sleep_is_certainly_not_written(lane, pc, script):
    script.say(stall=["positions_get"])
    asking = asyncio.create_task(lane.call(quick(REPORT, 2.0), PLAIN))
    await until(lambda: script.stalled)
    ordering = asyncio.create_task(lane.call(quick(SUBMIT, 5.0, wait_s=0.2), CLOSE))
    await asyncio.sleep(0.1)
    pc.standstills += 1
    with pytest.raises(LaneUnavailable):
        await ordering
    script.say(stall=None)
    with pytest.raises(LaneInterrupted):
        await asking
    await lane.call(REPORT, PLAIN)
    assert script.orders_sent() == []
