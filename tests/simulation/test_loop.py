"""The simulated clock and loop: time passes only by events, in one order, and a dead process stays dead."""

import asyncio

import pytest
from scripts.simulation.loop import Spinning, VirtualLoop
from scripts.simulation.timeline import Timeline


class NoJobs:
    """Nothing here goes to threads."""

    def submit(self, loop, executor, work):
        raise AssertionError("nobody was to ask for a thread")


def make_loop() -> VirtualLoop:
    return VirtualLoop(Timeline(), NoJobs())


def test_an_hour_of_sleep_passes_at_once():
    loop, seen = make_loop(), []

    async def main():
        await asyncio.sleep(3600)
        seen.append(loop.time())

    loop.run(main())
    assert [3600.0] == seen


def test_timers_and_the_world_take_turns_by_their_time():
    loop, seen = make_loop(), []
    loop.timeline.at(2.0, lambda: seen.append("world at 2"))

    async def sleeper(seconds):
        await asyncio.sleep(seconds)
        seen.append(f"process at {seconds}")

    async def main():
        async with asyncio.TaskGroup() as group:
            for seconds in (3, 1):
                group.create_task(sleeper(seconds))

    loop.run(main())
    assert ["process at 1", "world at 2", "process at 3"] == seen


def test_a_timeout_strikes_at_its_moment():
    loop, seen = make_loop(), []

    async def main():
        try:
            async with asyncio.timeout(5):
                await asyncio.sleep(100)
        except TimeoutError:
            seen.append(loop.time())

    loop.run(main())
    assert [5.0] == seen


def test_nothing_of_a_dead_process_runs_again_not_even_its_finally_blocks_in_the_world():
    loop, seen = make_loop(), []
    loop.timeline.at(1.0, loop.stop_dead)

    async def main():
        try:
            await asyncio.sleep(2)
            seen.append("woke up")
        finally:
            await asyncio.sleep(1)
            seen.append("cleaned up")

    loop.run(main())
    loop.timeline.run_until(10)
    loop.bury()
    assert [] == seen


def test_what_the_world_does_goes_on_without_a_process():
    timeline, seen = Timeline(), []
    timeline.after(5, lambda: seen.append(timeline.now_s))
    timeline.run_until(7)
    assert ([5.0], 7) == (seen, timeline.now_s)


def test_a_process_that_spins_is_noticed():
    async def main():
        while True:  # noqa: ASYNC110 - a spinning process is the point
            await asyncio.sleep(0)

    loop = make_loop()
    with pytest.raises(Spinning, match="no time passed"):
        loop.run(main())
    loop.stop_dead()
    loop.bury()


def test_sets_of_tasks_have_one_order():
    def order() -> list[int]:
        loop, found = make_loop(), []

        async def main():
            tasks = {loop.create_task(asyncio.sleep(1)) for _ in range(20)}
            found.extend(task.number for task in tasks)
            await asyncio.wait(tasks)

        loop.run(main())
        return found

    assert order() == order()


def test_what_main_raises_comes_out():
    async def main():
        await asyncio.sleep(1)
        raise LookupError("gone")

    with pytest.raises(LookupError, match="gone"):
        make_loop().run(main())
