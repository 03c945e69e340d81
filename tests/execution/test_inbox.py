"""The inbox: bounded, orders behind orders, facts beside them, and a stop before all."""

import asyncio
from functools import partial

import pytest
from tests.core.builders import make_account, make_close, make_report, make_signal
from tests.execution.rig import make_stop

from hybrid_bridge.core.inputs import (
    AccountObserved,
    Input,
    MalformedReceived,
    ResumeRequested,
    TighteningRequested,
)
from hybrid_bridge.core.orders import Channel, Source
from hybrid_bridge.execution.inbox import FACTS_MAX, ORDERS_MAX, STOPS_MAX, PriorityInbox

SOURCE = Source(Channel.WEBSOCKET)


class Ticking:
    """A monotonic clock that counts its readings."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        self.now_s += 1.0
        return self.now_s


@pytest.fixture
def inbox() -> PriorityInbox:
    return PriorityInbox(Ticking())


def malformed(number: int) -> MalformedReceived:
    return MalformedReceived("not_json", "", str(number), SOURCE, number)


def resume(reason: str) -> ResumeRequested:
    return ResumeRequested(reason, SOURCE, 1)


async def take_facts(inbox: PriorityInbox, count: int) -> list[Input]:
    return [(await inbox.next_fact()).item for _ in range(count)]


async def take_orders(inbox: PriorityInbox, count: int) -> list[Input]:
    return [(await inbox.next_order()).item for _ in range(count)]


async def blocked(waiting: "asyncio.Future[None]") -> bool:
    """Tell whether something still waits after everybody had a turn."""
    for _ in range(10):
        await asyncio.sleep(0)
    return not waiting.done()


async def test_orders_keep_their_order_with_their_arrival_and_callback(inbox):
    settled: list[str] = []
    await inbox.put(make_signal(signal_id="a"), lambda: settled.append("a"))
    await inbox.put(make_close())
    first, second = await inbox.next_order(), await inbox.next_order()
    assert [make_signal(signal_id="a"), make_close()] == [first.item, second.item]
    assert (first.received_s, second.received_s, first.urgent) == (1.0, 2.0, False)
    first.settled()
    second.settled()
    assert settled == ["a"]


async def test_whoever_takes_waits_until_something_comes(inbox):
    taking = asyncio.ensure_future(inbox.next_order())
    await inbox.put(malformed(1))
    assert await blocked(taking)
    await inbox.put(make_close())
    assert make_close() == (await taking).item


async def test_putting_orders_waits_while_they_are_full_and_facts_pass(inbox):
    for number in range(ORDERS_MAX):
        await inbox.put(make_signal(signal_id=str(number)))
    waiting = asyncio.ensure_future(inbox.put(make_signal(signal_id="one more")))
    assert await blocked(waiting)
    await inbox.put(malformed(1))
    await inbox.put(AccountObserved(make_report()))
    await inbox.put(make_stop())
    assert inbox.orders_waiting == ORDERS_MAX
    await inbox.next_order()
    await waiting
    assert inbox.orders_waiting == ORDERS_MAX
    (*_, last) = await take_orders(inbox, ORDERS_MAX)
    assert make_signal(signal_id="one more") == last


async def test_facts_have_a_bound_that_stops_and_observations_pass(inbox):
    for number in range(FACTS_MAX):
        await inbox.put(malformed(number))
    waiting = asyncio.ensure_future(inbox.put(malformed(-1)))
    assert await blocked(waiting)
    await inbox.put(AccountObserved(make_report()))
    await inbox.put(make_stop())
    assert make_stop() == (await inbox.next_fact()).item
    await take_facts(inbox, FACTS_MAX + 1)
    await waiting
    assert [malformed(-1)] == await take_facts(inbox, 1)


async def test_a_crowd_of_stops_has_a_bound_too(inbox):
    for _ in range(STOPS_MAX):
        await inbox.put(make_stop())
    waiting = asyncio.ensure_future(inbox.put(make_stop()))
    assert await blocked(waiting)
    await inbox.next_fact()
    await waiting


async def test_of_observations_only_the_latest_waits_in_the_place_of_the_first(inbox):
    reports = [make_report(account=make_account(equity=equity)) for equity in (1.0, 2.0, 3.0)]
    await inbox.put(AccountObserved(reports[0]))
    await inbox.put(malformed(1))
    await inbox.put(AccountObserved(reports[1]))
    await inbox.put(AccountObserved(reports[2]))
    assert [AccountObserved(reports[2]), malformed(1)] == await take_facts(inbox, 2)
    await inbox.put(AccountObserved(reports[0]))
    assert [AccountObserved(reports[0])] == await take_facts(inbox, 1)


async def test_what_came_after_a_tightening_can_wait_until_it_is_done(inbox):
    await inbox.tightenings_done()
    for item in (malformed(1), TighteningRequested((), "", SOURCE, 1), malformed(2)):
        await inbox.put(item)
    waiting = asyncio.ensure_future(inbox.tightenings_done())
    await take_facts(inbox, 2)
    await asyncio.sleep(0)
    assert not waiting.done(), "whoever took it is at work on it"
    await take_facts(inbox, 1)
    async with asyncio.timeout(10):
        await waiting


async def test_a_flood_of_tightenings_holds_up_nothing_that_came_before_it(inbox):
    await inbox.put(TighteningRequested((), "", SOURCE, 1))
    waiting = asyncio.ensure_future(inbox.tightenings_done())
    await asyncio.sleep(0)
    for number in range(2, 5):
        await inbox.put(TighteningRequested((), "", SOURCE, number))
    await take_facts(inbox, 2)
    async with asyncio.timeout(10):
        await waiting


async def test_a_stop_overtakes_facts_but_neither_stops_nor_resumes_that_came_before(inbox):
    for item in (malformed(1), resume("early"), malformed(2), make_stop(reason="first")):
        await inbox.put(item)
    assert inbox.stop_waits
    await inbox.put(make_stop(reason="second"))
    await inbox.put(resume("late"))
    expected = [malformed(1), resume("early"), make_stop(reason="first"), make_stop(reason="second")]
    assert expected == await take_facts(inbox, 4)
    assert not inbox.stop_waits
    assert [malformed(2), resume("late")] == await take_facts(inbox, 2)


async def test_what_follows_from_a_stop_goes_before_every_order_in_its_own_order(inbox):
    await inbox.put(make_signal())
    steps = [make_close(command_id="x"), make_close(command_id="y")]
    settled = []
    await inbox.put_first([(step, partial(settled.append, step.command_id)) for step in steps])
    deliveries = [await inbox.next_order() for _ in range(3)]
    deliveries[1].settled()
    assert ["y"] == settled
    assert [*steps, make_signal()] == [delivery.item for delivery in deliveries]
    assert [True, True, False] == [delivery.urgent for delivery in deliveries]


async def test_a_cancelled_put_leaves_the_inbox_sound(inbox):
    for number in range(ORDERS_MAX):
        await inbox.put(make_signal(signal_id=str(number)))
    given_up = asyncio.ensure_future(inbox.put(make_signal(signal_id="given up")))
    patient = asyncio.ensure_future(inbox.put(make_signal(signal_id="patient")))
    assert await blocked(patient)
    given_up.cancel()
    with pytest.raises(asyncio.CancelledError):
        await given_up
    await inbox.next_order()
    await patient
    ids = [order.signal_id for order in await take_orders(inbox, ORDERS_MAX)]
    assert (ids[-1], "given up" in ids) == ("patient", False)


async def test_a_put_that_is_cancelled_in_the_moment_it_gets_room_passes_the_room_on(inbox):
    for number in range(ORDERS_MAX):
        await inbox.put(make_signal(signal_id=str(number)))
    given_up = asyncio.ensure_future(inbox.put(make_signal(signal_id="given up")))
    patient = asyncio.ensure_future(inbox.put(make_signal(signal_id="patient")))
    assert await blocked(patient)
    await inbox.next_order()
    given_up.cancel()
    async with asyncio.timeout(5):
        await patient
    assert inbox.orders_waiting == ORDERS_MAX


async def test_a_cancelled_taker_loses_nothing(inbox):
    given_up = asyncio.ensure_future(inbox.next_order())
    patient = asyncio.ensure_future(inbox.next_order())
    assert await blocked(patient)
    await inbox.put(make_close())
    given_up.cancel()
    async with asyncio.timeout(5):
        assert make_close() == (await patient).item
    assert inbox.orders_waiting == 0
