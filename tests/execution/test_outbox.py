"""The outbox pump: in order, at least once, through every failure of its channel."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Sequence

import pytest
from tests.execution.rig import on_disk
from tests.execution.venue import ManualClock, until

from hybrid_bridge.errors import ChannelError
from hybrid_bridge.execution.outbox import BATCH, RETRY_FIRST_S, RETRY_MAX_S, OutboxPump
from hybrid_bridge.journal.sqlite import SqliteJournal
from hybrid_bridge.ports import OutboxEntry, OutboxMessage


class Channel:
    """An OutboxChannel whose failures a test decides.

    Attributes:
        down: every delivery fails.
        break_after: the next delivery passes this many messages and fails then.
        during: called in the middle of each delivery.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.down = False
        self.break_after: int | None = None
        self.got: list[str] = []
        self.batches: list[int] = []
        self.tries = 0
        self.during: Callable[[], None] | None = None

    async def deliver(self, messages: Sequence[OutboxMessage]) -> None:
        self.tries += 1
        await asyncio.sleep(0)
        if self.during is not None:
            self.during()
        if self.down:
            raise ChannelError(f"{self.name} is down")
        passed, self.break_after = self.break_after, None
        self.got += [message.key for message in messages[:passed]]
        if passed is not None:
            raise ChannelError(f"{self.name} broke")
        self.batches.append(len(messages))


@pytest.fixture
def path(tmp_path):
    return tmp_path / "journal.sqlite"


@pytest.fixture
def journal(path):
    journal = SqliteJournal(path, "7001", ["websocket", "redpanda"])
    yield journal
    journal.close()


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@contextlib.asynccontextmanager
async def pumping(
    journal: SqliteJournal, *channels: Channel, clock: ManualClock | None = None
) -> AsyncIterator[list[OutboxPump]]:
    pumps = [OutboxPump(journal, channel, clock or ManualClock()) for channel in channels]
    tasks = [asyncio.ensure_future(pump.run()) for pump in pumps]
    try:
        yield pumps
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def tell(journal: SqliteJournal, *keys: str) -> None:
    await journal.record([], [OutboxEntry(key, b"m") for key in keys])


async def quiet() -> None:
    """Give everybody turns enough to do what they would do, the journal's thread included."""
    for _ in range(20):
        await asyncio.sleep(0.001)


async def test_messages_go_out_in_order_on_every_channel_and_are_then_forgotten(journal, path):
    websocket, redpanda = Channel("websocket"), Channel("redpanda")
    await tell(journal, "a", "b")
    async with pumping(journal, websocket, redpanda) as pumps:
        await until(lambda: websocket.got == redpanda.got == ["a", "b"])
        await tell(journal, "c")
        for pump in pumps:
            pump.wake()
        await until(lambda: websocket.got == redpanda.got == ["a", "b", "c"])
        await until(lambda: on_disk(path, "SELECT * FROM outbox") == [])


async def test_a_backlog_goes_out_in_batches(journal):
    channel = Channel("websocket")
    await tell(journal, *(str(number) for number in range(2 * BATCH + 5)))
    async with pumping(journal, channel):
        await until(lambda: channel.batches == [BATCH, BATCH, 5])
    assert [str(number) for number in range(2 * BATCH + 5)] == channel.got


async def test_a_broken_delivery_is_repeated_whole_and_nothing_is_skipped(journal):
    channel = Channel("websocket")
    channel.break_after = 2
    await tell(journal, "a", "b", "c")
    async with pumping(journal, channel) as (pump,):
        await until(lambda: channel.tries == 1)
        pump.channel_up()
        await until(lambda: len(channel.got) == 5)
    assert ["a", "b", "a", "b", "c"] == channel.got


async def test_a_channel_that_is_down_holds_up_no_other_and_loses_nothing(journal, path):
    websocket, redpanda = Channel("websocket"), Channel("redpanda")
    websocket.down = True
    await tell(journal, "a")
    async with pumping(journal, websocket, redpanda) as (pump, _):
        await until(lambda: redpanda.got == ["a"] and websocket.tries)
        assert [("a",)] == on_disk(path, "SELECT key FROM outbox")
        websocket.down = False
        pump.channel_up()
        await until(lambda: websocket.got == ["a"])


async def test_a_channel_that_is_down_is_tried_again_by_itself_after_waits_that_grow(journal, clock):
    channel = Channel("websocket")
    channel.down = True
    await tell(journal, "a")
    waits = [RETRY_FIRST_S, 1.0, 2.0, 4.0, 8.0, RETRY_MAX_S, RETRY_MAX_S]
    async with pumping(journal, channel, clock=clock):
        for tries, wait_s in enumerate(waits, 1):
            await until(lambda n=tries: channel.tries == n and clock.sleeping)
            clock.advance(wait_s - 0.01)
            await quiet()
            assert channel.tries == tries
            clock.advance(0.02)
        channel.down = False
        await until(lambda: channel.tries == len(waits) + 1)
        clock.advance(RETRY_MAX_S)
        await until(lambda: channel.got == ["a"])


async def test_news_do_not_hurry_a_channel_that_is_down(journal, clock):
    channel = Channel("websocket")
    channel.down = True
    await tell(journal, "a")
    async with pumping(journal, channel, clock=clock) as (pump,):
        await until(lambda: clock.sleeping)
        for key in "bcdef":
            await tell(journal, key)
            pump.wake()
            await quiet()
        assert channel.tries == 1
        channel.down = False
        pump.channel_up()
        await until(lambda: channel.got == list("abcdef"))
    assert channel.tries == 2


async def test_a_channel_that_comes_up_during_an_attempt_that_fails_is_tried_at_once(journal, clock):
    channel = Channel("websocket")
    await tell(journal, "a")
    async with pumping(journal, channel, clock=clock) as (pump,):
        channel.break_after = 0
        channel.during = pump.channel_up
        await until(lambda: channel.got == ["a"])
    assert channel.tries == 2


async def test_a_restart_delivers_what_was_not_marked_and_only_that(path):
    first = SqliteJournal(path, "7001", ["websocket"])
    channel = Channel("websocket")
    await tell(first, "a", "b")
    async with pumping(first, channel) as (pump,):
        await pump.wait_empty()
        channel.down = True
        await tell(first, "c")
        pump.wake()
        await until(lambda: channel.tries == 2)
    first.close()
    second = SqliteJournal(path, "7001", ["websocket"])
    channel.down = False
    async with pumping(second, channel):
        await until(lambda: channel.got == ["a", "b", "c"])
    second.close()


async def test_waiting_for_empty_waits_for_what_was_just_announced(journal):
    channel = Channel("websocket")
    async with pumping(journal, channel) as (pump,):
        await pump.wait_empty()
        await tell(journal, "a")
        pump.wake()
        await pump.wait_empty()
        assert channel.got == ["a"]
        channel.down = True
        await tell(journal, "b")
        pump.wake()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await pump.wait_empty()
