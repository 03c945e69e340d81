"""What comes twice, late or damaged over Redpanda, with the real executor and journal behind the readers."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.execution.rig import Rig, on_disk
from tests.execution.venue import Venue
from tests.streams.support import (
    CommitGate,
    LiveClock,
    commit,
    count_committed,
    eventually,
    send,
    signal_message,
    stop_message,
)

from hybrid_bridge.core.events import TradingState
from hybrid_bridge.core.inputs import ResumeRequested
from hybrid_bridge.core.orders import Channel, Source
from hybrid_bridge.settings import StreamSettings
from hybrid_bridge.streams.channel_state import Phase
from hybrid_bridge.streams.signal_consumer import KafkaSignalConsumer
from hybrid_bridge.streams.stop_watcher import StopWatcher

HOUR_MS = 3_600_000
MANY = 5_000


@pytest.fixture
def clock() -> LiveClock:
    return LiveClock()


@pytest.fixture
def venue(clock: LiveClock) -> Venue:
    return Venue(clock)  # type: ignore[arg-type]


class Life:
    """One life of a bridge that reads signals from Redpanda."""

    def __init__(self, settings: StreamSettings, rig: Rig, clock: LiveClock) -> None:
        self.rig = rig
        self.watcher = StopWatcher(settings, rig.inbox, clock)
        self.consumer = KafkaSignalConsumer(
            settings, rig.inbox, clock, obeyed=self.watcher.obeyed, stall_timeout_s=1.0
        )

    @property
    def trading(self) -> TradingState:
        return self.rig.recorder.state.trading

    def statuses(self) -> dict[str, int]:
        """Return how often each status was told."""
        return {status: count for status, count in self.rig.figures.statuses.items() if count}

    async def resume(self) -> None:
        """Lift the halt as the trader does at this PC."""
        now_msc = self.rig.clock.utc_msc()
        await self.rig.inbox.put(ResumeRequested("calm", Source(Channel.LOCAL), now_msc))
        await eventually(lambda: self.trading is TradingState.ACTIVE, "trading is resumed")


@asynccontextmanager
async def bridge(settings: StreamSettings, path: Path, venue: Venue, clock: LiveClock) -> AsyncIterator[Life]:
    """Run a bridge on a journal; it ends as abruptly as a crash between two awaits."""
    limits = {"max_daily_trades": MANY, "max_orders_per_minute": MANY}
    rig = Rig(path, venue, clock, **limits)  # type: ignore[arg-type]
    life = Life(settings, rig, clock)
    async with rig.running():
        readers = [life.watcher, life.consumer]
        tasks = [asyncio.create_task(reader.run()) for reader in readers]
        try:
            await eventually(lambda: all(reader.state.phase is Phase.UP for reader in readers), "all is up")
            yield life
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)


def entry(number: int, **fields: Any) -> bytes:
    return signal_message(number, stop_loss=1.0981, **fields)


def sent(venue: Venue) -> list[str]:
    return [order.intent.signal_id for order in venue.submitted]


async def write(settings: StreamSettings, *values: bytes | None, **record: Any) -> None:
    await send(settings.bootstrap_servers, settings.signal_topic, values, **record)


async def from_the_start(settings: StreamSettings) -> StreamSettings:
    """Return settings for a group that has committed nothing of the topic's messages yet."""
    again = replace(settings, group_id=f"{settings.group_id}-again")
    await asyncio.to_thread(commit, again, 0)
    return again


async def test_a_commit_that_fails_brings_the_signal_again_and_no_second_order(
    settings: StreamSettings, clock: LiveClock, venue: Venue, tmp_path: Path
) -> None:
    gate = CommitGate()
    async with gate.before(settings.bootstrap_servers):
        through_gate = replace(settings, bootstrap_servers=gate.address)
        async with bridge(through_gate, tmp_path / "journal", venue, clock) as life:
            await eventually(lambda: life.consumer.commits, "the commit of where reading starts")
            gate.closed = True
            await write(settings, entry(1))
            await eventually(lambda: life.statuses() == {"filled": 1}, "the order is filled")
            await eventually(lambda: gate.cut, "the commit fails")
        assert count_committed(settings) == 0
        gate.closed = False
        async with bridge(through_gate, tmp_path / "journal", venue, clock) as life:
            await eventually(lambda: life.statuses() == {"duplicate": 1}, "the signal comes again")
            await eventually(lambda: count_committed(settings) == 1, "the commit")

    assert ["s1"] == sent(venue)


async def test_a_whole_topic_that_is_replayed_sends_nothing_twice(
    settings: StreamSettings, clock: LiveClock, venue: Venue, tmp_path: Path
) -> None:
    async with bridge(settings, tmp_path / "journal", venue, clock):
        values = [entry(number) for number in range(20)]
        await write(settings, *values, entry(20, id=None), entry(21, id=None))
        await eventually(lambda: len(venue.submitted) == 22, "all orders")
        await eventually(lambda: count_committed(settings) == 22, "the commit")
    async with bridge(await from_the_start(settings), tmp_path / "journal", venue, clock) as life:
        await eventually(lambda: life.statuses() == {"duplicate": 22}, "every signal is known")

    assert 22 == len(set(sent(venue))) == len(venue.submitted)


async def test_a_topic_replayed_without_a_memory_of_it_executes_nothing_stale(
    settings: StreamSettings, clock: LiveClock, venue: Venue, tmp_path: Path
) -> None:
    """STATE_DIR was lost, and nothing in the topic says how old it is but the records themselves."""
    close = b'{"type":"close_position","data":{"ticket":5}}'
    change = b'{"type":"modify_position","data":{"ticket":5,"stop_loss":1.0}}'
    values = [entry(1), entry(2, id=None), close, change]
    await write(settings, *values, timestamp=clock.utc_msc() - HOUR_MS)
    await write(settings, entry(3))
    settings = await from_the_start(settings)
    async with bridge(settings, tmp_path / "journal", venue, clock) as life:
        await eventually(lambda: life.statuses() == {"expired": 4, "filled": 1}, "all are answered")

    assert ["s3"] == sent(venue)


async def test_an_hour_old_stop_that_nobody_has_acted_on_is_obeyed_and_an_older_resume_undoes_no_stop(
    settings: StreamSettings, clock: LiveClock, venue: Venue, tmp_path: Path
) -> None:
    resume = b'{"type":"resume_trading","data":{"reason":"from the backlog"}}'
    await write(settings, stop_message("an hour ago"), resume, timestamp=clock.utc_msc() - HOUR_MS)
    settings = await from_the_start(settings)
    rig = Rig(tmp_path / "journal", venue, clock, allow_remote_resume=True)  # type: ignore[arg-type]
    life = Life(settings, rig, clock)
    async with rig.running():
        tasks = [asyncio.create_task(reader.run()) for reader in (life.watcher, life.consumer)]
        await eventually(lambda: life.consumer.received == 2, "both are read")
        await eventually(lambda: count_committed(settings) == 2, "both are settled")
        assert (TradingState.HALTED, "an hour ago") == (life.trading, rig.recorder.state.halt_reason)
        assert "resume_refused" in [told["data"].get("reason") for told in rig.told()]
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)


async def test_a_stop_that_comes_again_after_a_resume_and_a_crash_has_no_second_effect(
    settings: StreamSettings, clock: LiveClock, venue: Venue, tmp_path: Path
) -> None:
    async with bridge(settings, tmp_path / "journal", venue, clock) as life:
        await write(settings, stop_message("once"))
        await eventually(lambda: life.trading is TradingState.HALTED, "trading is halted")
        await life.resume()
        await eventually(lambda: count_committed(settings) == 1, "the second delivery is passed")
        assert life.trading is TradingState.ACTIVE
    async with bridge(await from_the_start(settings), tmp_path / "journal", venue, clock) as life:
        await eventually(
            lambda: life.watcher.found == 1 and life.consumer.received == 1, "it comes twice more"
        )
        await write(settings, entry(1))
        await eventually(lambda: life.statuses() == {"filled": 1}, "an order is sent")
        assert life.trading is TradingState.ACTIVE
        await write(settings, stop_message("again"))
        await eventually(lambda: life.trading is TradingState.HALTED, "another stop halts")


async def test_nothing_is_sent_after_a_stop_that_stands_behind_thousands_of_signals(
    settings: StreamSettings, clock: LiveClock, venue: Venue, tmp_path: Path
) -> None:
    async with bridge(settings, tmp_path / "journal", venue, clock) as life:
        await write(settings, *(entry(number) for number in range(MANY)))
        await eventually(lambda: len(venue.submitted) >= 5, "orders are being sent")
        await write(settings, stop_message("enough"))
        await eventually(lambda: life.trading is TradingState.HALTED, "trading is halted")
        sent_before = len(venue.submitted)
        answered = sum(life.statuses().values())
        await eventually(lambda: sum(life.statuses().values()) > answered + 20, "later signals are answered")
        assert sent_before == len(venue.submitted)
        assert life.consumer.received < MANY, "the stop stood behind what was not even read"


async def test_damaged_messages_are_answered_one_by_one_and_none_becomes_an_order(
    settings: StreamSettings, clock: LiveClock, venue: Venue, tmp_path: Path
) -> None:
    bad = [
        None,
        b"",
        b"\xff\xfe",
        b"{",
        b"[" * 100_000,
        b"x" * 900_000,
        entry(1).replace(b"0.01", b"NaN"),
        entry(1).replace(b"0.01", b"-Infinity"),
        entry(1).replace(b"0.01", b"1e999"),
        entry(1).replace(b"0.01", b'"0.01"'),
        entry(1).replace(b"0.01", b"true"),
        entry(1).replace(b'"volume"', b'"volume": 5, "volume"'),
        entry(1).replace(b'"BUY"', b'"LONG"'),
        b'{"type":"trading_signal","data":[]}',
        b'{"type":"trading_signal"}',
        b'{"type":"no_such_type"}',
        b'{"type":"emergency_stop","data":{"close_positions":"yes"}}',
        b'{"type":"get_data","data":{"request":"status"}}',
    ]
    async with bridge(settings, tmp_path / "journal", venue, clock) as life:
        await write(settings, *bad, entry(2))
        await eventually(lambda: life.statuses() == {"filled": 1}, "the sound one behind them")
        await eventually(lambda: count_committed(settings) == len(bad) + 1, "the commit")
        errors = [told["data"] for told in life.rig.told() if told["type"] == "error"]
        keys = {key for (key,) in on_disk(tmp_path / "journal", "SELECT key FROM outbox")}

    assert len(bad) == len(errors) == life.consumer.malformed
    assert all(error["reason"] and error["detail"] for error in errors)
    assert len(bad) + 1 == len(keys), "consumers drop repetitions by the key: each has its own"
    assert ["s2"] == sent(venue)
    assert life.trading is TradingState.ACTIVE
