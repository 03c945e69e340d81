"""What a terminal does later."""

import asyncio

from hybrid_bridge.simulator.waits import Waits


async def test_what_is_held_is_done_in_order_when_released() -> None:
    waits, done = Waits(), []
    waits.hold(None, lambda: done.append(1))
    waits.hold(60, lambda: done.append(2))
    waits.after(60, lambda: done.append(3))
    waits.release()
    assert [1, 2] == done
    waits.cancel()


async def test_a_wait_ends_by_itself_and_only_once() -> None:
    waits, over = Waits(), asyncio.Event()
    waits.hold(0.01, over.set)
    await asyncio.wait_for(over.wait(), 5)
    over.clear()
    waits.release()
    assert not over.is_set()


async def test_what_is_cancelled_is_never_done() -> None:
    waits, done = Waits(), []
    waits.after(0.0, lambda: done.append(1))
    waits.cancel()
    await asyncio.sleep(0.02)
    assert [] == done
