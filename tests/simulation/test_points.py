"""The list of crash points is the source's own, and a suspended task is found at its place."""

import asyncio

from scripts.simulation.loop import VirtualLoop
from scripts.simulation.points import all_points
from scripts.simulation.timeline import Timeline
from tests.simulation.test_loop import NoJobs

from hybrid_bridge.execution.inbox import PriorityInbox


def test_every_await_of_the_executing_code_and_every_write_is_listed_once():
    points = all_points()
    assert len(set(points.all)) == len(points.all)
    assert any("execution/executor.Executor" in name for name in points.awaits)
    assert any("journal/sqlite.SqliteJournal.record" in name for name in points.awaits)
    assert {"write OrderSending: before", "write OrderSending: during", "write OrderSending: after"} < set(
        points.writes
    )


def test_a_suspended_task_stands_at_the_awaits_it_is_in():
    loop = VirtualLoop(Timeline(), NoJobs())
    found = []

    async def main():
        inbox = PriorityInbox(loop.time)
        waiting = loop.create_task(inbox.next_order())
        await asyncio.sleep(1)
        found.extend(all_points().standing_at(waiting.get_coro()))
        waiting.cancel()

    loop.run(main())
    assert found[0].startswith("execution/inbox.PriorityInbox.next_order: await")
    assert any("execution/inbox.PriorityInbox._next: await self._changed.wait_for" in name for name in found)


def test_entering_and_leaving_a_block_that_waits_is_a_place_too():
    loop = VirtualLoop(Timeline(), NoJobs())
    found = []

    async def main():
        inbox = PriorityInbox(loop.time)
        await inbox._changed.acquire()
        waiting = loop.create_task(inbox.next_order())
        await asyncio.sleep(1)
        found.extend(all_points().standing_at(waiting.get_coro()))
        waiting.cancel()

    loop.run(main())
    assert "execution/inbox.PriorityInbox._next: async with self._changed" in found
