"""A deadline that passes while the PC sleeps begins anew."""

import asyncio

import pytest

from hybrid_bridge.terminal.deadline import within


class Pc:
    """Counts sleeps; the loop's timers that came due meanwhile are served first on waking, as on Windows."""

    def __init__(self) -> None:
        self.standstills = 0

    def count(self) -> int:
        return self.standstills


async def test_what_is_done_in_time_is_returned():
    assert 7 == await within(5.0, asyncio.sleep(0.01, 7), Pc().count)


async def test_what_takes_longer_is_cancelled():
    ended = asyncio.Event()

    async def work() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            ended.set()

    with pytest.raises(TimeoutError):
        await within(0.05, work(), Pc().count)
    await asyncio.wait_for(ended.wait(), 5)


async def test_a_sleep_gives_it_its_time_anew_and_no_more():
    pc, reply = Pc(), asyncio.get_running_loop().create_future()

    async def work() -> str:
        return await reply

    waiting = asyncio.ensure_future(within(0.2, work(), pc.count))
    await asyncio.sleep(0.05)
    pc.standstills += 1
    await asyncio.sleep(0.25)
    assert not waiting.done()
    reply.set_result("in the pipe since before")
    assert "in the pipe since before" == await waiting

    waiting = asyncio.ensure_future(within(0.1, asyncio.sleep(60), pc.count))
    await asyncio.sleep(0.05)
    pc.standstills += 1
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(waiting, 5)


async def test_an_error_of_the_work_is_the_callers():
    async def work() -> None:
        raise ConnectionResetError("gone")

    with pytest.raises(ConnectionResetError):
        await within(5.0, work(), Pc().count)


async def test_the_callers_end_is_the_works():
    ended = asyncio.Event()

    async def work() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            ended.set()

    waiting = asyncio.ensure_future(within(5.0, work(), Pc().count))
    await asyncio.sleep(0.01)
    waiting.cancel()
    await asyncio.wait_for(ended.wait(), 5)
    assert waiting.cancelled()
