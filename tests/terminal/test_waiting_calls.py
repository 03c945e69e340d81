import asyncio

import pytest

from hybrid_bridge.errors import LaneUnavailable
from hybrid_bridge.terminal.operations import APPRAISE, LOOK, REPORT, SUBMIT, TICKS, Nothing
from hybrid_bridge.terminal.waiting_calls import WAITING_MAX, Call, WaitingCalls


async def test_the_most_urgent_goes_first_and_equals_by_age():
    waiting = WaitingCalls()
    order = [TICKS, REPORT, SUBMIT, LOOK, TICKS, APPRAISE, SUBMIT]
    for number, operation in enumerate(order):
        waiting.add(Call(number, operation, Nothing()))
    taken = [await waiting.next() for _ in order]
    assert [call.number for call in taken] == [2, 6, 5, 3, 1, 0, 4]
    assert all(call.taken for call in taken)


async def test_who_waits_for_a_call_is_woken_by_the_next():
    waiting = WaitingCalls()
    taker = asyncio.create_task(waiting.next())
    await asyncio.sleep(0)
    call = Call(1, TICKS, Nothing())
    waiting.add(call)
    assert await taker is call


async def test_a_withdrawn_call_is_never_taken_and_frees_its_place():
    waiting = WaitingCalls()
    calls = [Call(number, TICKS, Nothing()) for number in range(WAITING_MAX)]
    for call in calls:
        waiting.add(call)
    assert waiting.full
    waiting.withdraw(calls[0])
    assert not waiting.full
    assert (await waiting.next()) is calls[1]


async def test_all_waiting_callers_learn_of_the_end():
    waiting = WaitingCalls()
    calls = [Call(number, TICKS, Nothing()) for number in range(3)]
    for call in calls:
        waiting.add(call)
    waiting.fail_all(LaneUnavailable("stopped"))
    for call in calls:
        with pytest.raises(LaneUnavailable):
            await call.result


async def test_a_caller_that_gave_up_is_left_alone():
    call = Call(1, TICKS, Nothing())
    call.result.cancel()
    call.succeed(1)
    call.fail(LaneUnavailable("late"))
    assert call.result.cancelled()
