"""The waits of a stop: granted, cut short, and cut shorter when the system presses."""

import asyncio

from structlog.testing import capture_logs

from hybrid_bridge.stopping import Patience, end


async def never() -> None:
    await asyncio.Event().wait()


def now_s() -> float:
    return asyncio.get_running_loop().time()


async def waited_s(patience: Patience, timeout_s: float, keep_s: float) -> float:
    begun_s = now_s()
    await patience.wait(timeout_s, never(), "nothing", keep_s=keep_s)
    return now_s() - begun_s


async def test_what_comes_in_time_is_waited_for():
    done = []

    async def work() -> None:
        await asyncio.sleep(0)
        done.append(True)

    with capture_logs() as logged:
        await Patience().wait(5, work(), "work", keep_s=3)
    assert ([True], []) == (done, logged)


async def test_what_does_not_is_given_up_and_named():
    with capture_logs() as logged:
        assert 0.05 <= await waited_s(Patience(), 0.05, keep_s=3) < 2
    assert [("Not waited for any longer", "nothing", "warning")] == [
        (line["event"], line["what"], line["log_level"]) for line in logged
    ]


async def test_pressed_before_it_leaves_what_comes_after_its_time():
    patience = Patience()
    patience.press(now_s() + 1.1)
    assert 0.05 <= await waited_s(patience, 20, keep_s=1.0) < 1.0
    assert await waited_s(patience, 20, keep_s=5.0) < 0.2  # No time is left for this one.


async def test_pressed_during_it_ends_it_sooner():
    patience = Patience()
    asyncio.get_running_loop().call_later(0.05, lambda: patience.press(now_s() + 1.1))
    assert 0.1 <= await waited_s(patience, 20, keep_s=1.0) < 1.0


async def test_pressing_grants_no_more_than_there_was():
    patience = Patience()
    patience.press(now_s() + 0.1)
    patience.press(now_s() + 60)
    asyncio.get_running_loop().call_later(0.05, lambda: patience.press(now_s() + 60))
    assert await waited_s(patience, 20, keep_s=0.0) < 1.0


async def test_pressing_lengthens_no_wait():
    patience = Patience()
    asyncio.get_running_loop().call_soon(lambda: patience.press(now_s() + 60))
    assert await waited_s(patience, 0.05, keep_s=1.0) < 1.0


async def test_ended_tasks_have_ended_whatever_they_raise():
    async def defiant() -> None:
        try:
            await never()
        finally:
            raise ZeroDivisionError("planted")

    tasks = [asyncio.ensure_future(never()), asyncio.ensure_future(defiant())]
    await asyncio.sleep(0)
    await end(tasks)
    assert [True, True] == [task.done() for task in tasks]
