import asyncio
import contextlib
from dataclasses import replace

import pytest
from structlog.testing import capture_logs
from tests.terminal.support import terminal_settings

from hybrid_bridge.core.market import Tick, TickCursor
from hybrid_bridge.errors import ChannelError, JournalError, LaneUnavailable
from hybrid_bridge.terminal import poller as poller_module
from hybrid_bridge.terminal.clock import ServerClock
from hybrid_bridge.terminal.market_lane import MarketPage, Selection
from hybrid_bridge.terminal.operations import NEWEST
from hybrid_bridge.terminal.poller import AccountPoller, Beat, Outage, TickPoller

PERIOD_S = 0.1
START = 1_700_000_000_000


class FastClock:
    """Time that passes only while somebody sleeps."""

    def __init__(self):
        self.now_s = 1000.0
        self.slept = []

    def utc_msc(self):
        return START + int((self.now_s - 1000) * 1000)

    def monotonic(self):
        return self.now_s

    async def sleep(self, seconds):
        self.slept.append(seconds)
        self.now_s += seconds
        await asyncio.sleep(0)


class MemoryMarket:
    """Ticks in memory, paged as the worker pages them; the server's clock is UTC plus the offset."""

    def __init__(self, symbols=("EURUSD",), offset_s=0):
        self.all = {symbol: [] for symbol in symbols}
        self.offset_s = offset_s
        self.shown = Selection(dict.fromkeys(symbols), {})
        self.failure = None
        self.calls = []
        self.looks = 0
        self.on_look = lambda: None

    def add(self, symbol, *times):
        for time in times:
            self.all[symbol].append((time, float(len(self.all[symbol]))))

    def selection(self):
        return self.shown

    async def observe_clock(self):
        self.looks += 1
        self.on_look()

    async def ticks(self, requests):
        self.calls.append(requests)
        if self.failure:
            raise self.failure
        return [self._page(request) for request in requests]

    def _page(self, request):
        rows = self.all[request.symbol]
        begin = request.from_server_msc
        if begin == NEWEST:
            begin = rows[-1][0] if rows else 0
        skip = request.skip
        found = []
        for time, bid in rows:
            if time < begin:
                continue
            if time == begin and skip:
                skip -= 1
                continue
            found.append((time, bid))
        page = found[: request.limit]
        ticks = tuple(
            Tick(request.symbol, bid, 0.0, 0.0, 0, time - self.offset_s * 1000) for time, bid in page
        )
        return MarketPage(request.symbol, ticks, tuple(time for time, _ in page), len(found) > len(page), "")


class MemorySink:
    """A log that keeps what it acknowledged, and knows how far each symbol got."""

    def __init__(self):
        self.log = []
        self.down = False
        self.accept_before_failing = None
        self.recoveries = 0
        self.batches = []

    def seqs(self, symbol="EURUSD"):
        return [tick.seq for tick in self.log if tick.tick.symbol == symbol]

    def bids(self, symbol="EURUSD"):
        return [int(tick.tick.bid) for tick in self.log if tick.tick.symbol == symbol]

    async def recover(self, cursors):
        self.recoveries += 1
        if self.down:
            raise ChannelError("the sink is down")
        return {cursor.symbol: max(self.seqs(cursor.symbol), default=0) for cursor in cursors}

    async def publish(self, ticks):
        self.batches.append(len(ticks))
        if self.accept_before_failing is not None:
            self.log += ticks[: self.accept_before_failing]
            self.accept_before_failing = None
            raise ChannelError("some were acknowledged")
        if self.down:
            raise ChannelError("the sink is down")
        self.log += ticks


class MemoryCursors:
    def __init__(self, *cursors):
        self.stored = {cursor.symbol: cursor for cursor in cursors}
        self.broken = False

    async def load(self):
        return dict(self.stored)

    async def save(self, cursors):
        if self.broken:
            raise JournalError("disk full")
        self.stored.update((cursor.symbol, cursor) for cursor in cursors)


@pytest.fixture
def clock():
    return FastClock()


@pytest.fixture
def sink():
    return MemorySink()


@contextlib.asynccontextmanager
async def polling(market, sink, cursors, clock, server_clock=None, **settings):
    poller = TickPoller(
        market, sink, cursors, clock, server_clock or ServerClock(0), terminal_settings(**settings)
    )
    task = asyncio.create_task(poller.run())
    try:
        yield poller
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def turns_until(condition):
    """Let the poller run, turn by turn, for it waits on nothing but its own fast clock."""
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110  there is no event to wait for
            await asyncio.sleep(0)


def held_until(arrived, publish):
    """Return a publishing that takes until the event."""

    async def held(ticks):
        await arrived.wait()
        await publish(ticks)

    return held


async def beats(poller, count=3):
    """Let this many beats pass."""
    last = poller.figures.beats + count
    await turns_until(lambda: poller.figures.beats > last)


async def test_a_first_start_begins_at_the_newest_tick_and_goes_on_from_there(sink, clock):
    market, cursors = MemoryMarket(), MemoryCursors()
    market.add("EURUSD", START, START + 1, START + 1)
    async with polling(market, sink, cursors, clock) as poller:
        await beats(poller)
        assert sink.bids() == [1, 2]
        market.add("EURUSD", START + 1, START + 9)
        await beats(poller)
    assert (sink.bids(), sink.seqs()) == ([1, 2, 3, 4], [1, 2, 3, 4])
    assert cursors.stored == {"EURUSD": TickCursor("EURUSD", START + 9, 1, 4)}
    figures = poller.figures
    assert (figures.fetched, figures.published, figures.acknowledged) == (4, 4, 4)


async def test_a_finish_waits_for_the_ticks_on_their_way_and_lets_no_other_follow(sink, clock):
    market, arrived = MemoryMarket(), asyncio.Event()
    market.add("EURUSD", START)
    sink.publish = held_until(arrived, sink.publish)
    async with polling(market, sink, MemoryCursors(TickCursor("EURUSD", START - 1, 0, 0)), clock) as poller:
        await turns_until(lambda: poller.figures.published)
        finished = asyncio.create_task(poller.finish())
        await asyncio.sleep(0)
        assert (0, False) == (poller.figures.acknowledged, finished.done())
        market.add("EURUSD", START + 1)
        arrived.set()
        await finished
        for _ in range(20):
            await asyncio.sleep(0)
        assert (1, 1) == (poller.figures.published, poller.figures.acknowledged)


async def test_a_first_start_goes_on_with_the_sinks_numbers(sink, clock):
    market = MemoryMarket()
    market.add("EURUSD", START)
    other = MemoryMarket()
    other.add("EURUSD", 1, 2, 3)
    async with polling(other, sink, MemoryCursors(TickCursor("EURUSD", 1, 0, 0)), clock) as poller:
        await beats(poller)
    async with polling(market, sink, MemoryCursors(), clock) as poller:
        await beats(poller)
    assert sink.seqs() == [1, 2, 3, 4]


async def test_one_call_for_all_symbols_on_every_beat(sink, clock):
    market = MemoryMarket(("EURUSD", "GBPUSD"))
    async with polling(market, sink, MemoryCursors(), clock, symbols="EURUSD,GBPUSD") as poller:
        await beats(poller)
    assert {tuple(request.symbol for request in call) for call in market.calls} == {("EURUSD", "GBPUSD")}
    assert len(market.calls) <= poller.figures.beats


async def test_a_backlog_is_drained_at_once_page_by_page_in_order(sink, clock, monkeypatch):
    monkeypatch.setattr(poller_module, "ROWS_PER_CALL", 20)
    monkeypatch.setattr(poller_module, "ROWS_PER_SYMBOL_MIN", 1)
    market = MemoryMarket(("EURUSD", "GBPUSD"))
    market.add("EURUSD", *(START + number // 3 for number in range(500)))
    market.add("GBPUSD", *(START + number for number in range(30)))
    cursors = MemoryCursors(TickCursor("EURUSD", START, 0, 0), TickCursor("GBPUSD", START, 0, 0))
    async with polling(market, sink, cursors, clock, symbols="EURUSD,GBPUSD") as poller:
        await turns_until(lambda: len(sink.log) >= 530)
        assert poller.figures.beats == 1
    assert sink.bids("EURUSD") == list(range(500))
    assert sink.bids("GBPUSD") == list(range(30))
    assert max(sink.batches) <= 20


async def test_an_outage_of_the_sink_loses_nothing_and_repeats_nothing(sink, clock):
    market, cursors = MemoryMarket(), MemoryCursors(TickCursor("EURUSD", START, 0, 0))
    async with polling(market, sink, cursors, clock) as poller:
        market.add("EURUSD", START)
        await beats(poller)
        sink.down = True
        for number in range(50):
            market.add("EURUSD", START + number)
            await beats(poller, 1)
        assert sink.seqs() == [1]
        assert cursors.stored["EURUSD"].seq == 1
        sink.down = False
        await beats(poller)
    assert sink.bids() == list(range(51))
    assert sink.seqs() == list(range(1, 52))
    assert "the sink is down" in poller.figures.last_error


async def test_a_sink_that_is_down_is_tried_ever_less_often(sink, clock):
    market = MemoryMarket()
    market.add("EURUSD", START)
    sink.down = True
    async with polling(market, sink, MemoryCursors(), clock) as poller:
        await beats(poller, 12)
    waits = [seconds for seconds in clock.slept if seconds > PERIOD_S + 1e-6]
    assert max(waits) > poller_module.SINK_BACKOFF_MOST_S / 2
    assert max(waits) <= poller_module.SINK_BACKOFF_MOST_S
    assert sink.recoveries >= 10


async def test_what_was_acknowledged_before_a_failure_is_not_repeated(sink, clock):
    market, cursors = MemoryMarket(), MemoryCursors(TickCursor("EURUSD", START, 0, 0))
    market.add("EURUSD", *(START + number for number in range(10)))
    sink.accept_before_failing = 4
    async with polling(market, sink, cursors, clock) as poller:
        await beats(poller)
    assert sink.bids() == list(range(10))
    assert sink.seqs() == list(range(1, 11))
    assert (poller.figures.published, poller.figures.acknowledged) == (16, 6)


async def test_a_restart_with_an_old_cursor_skips_what_the_sink_has(sink, clock):
    market = MemoryMarket()
    market.add("EURUSD", *(START + number for number in range(10)))
    async with polling(market, sink, MemoryCursors(TickCursor("EURUSD", START, 0, 0)), clock) as poller:
        await beats(poller)
    assert len(sink.log) == 10
    market.add("EURUSD", START + 20, START + 21)
    old = MemoryCursors(TickCursor("EURUSD", START + 3, 1, 4))
    async with polling(market, sink, old, clock) as poller:
        await beats(poller)
    assert sink.bids() == list(range(12))
    assert sink.seqs() == list(range(1, 13))
    assert old.stored["EURUSD"] == TickCursor("EURUSD", START + 21, 1, 12)


async def test_a_lane_without_connection_is_waited_for(sink, clock):
    market, cursors = MemoryMarket(), MemoryCursors(TickCursor("EURUSD", START, 0, 0))
    market.add("EURUSD", START)
    market.failure = LaneUnavailable("market lane is restarting")
    async with polling(market, sink, cursors, clock) as poller:
        await beats(poller)
        assert poller.figures.last_error == "market lane is restarting"
        market.failure = None
        await beats(poller)
    assert sink.seqs() == [1]


async def test_until_the_servers_clock_is_known_ticks_stay_where_they_are(sink, clock):
    market, cursors = MemoryMarket(offset_s=10_800), MemoryCursors()
    server_clock = ServerClock()

    def look():
        newest = clock.utc_msc() + 10_800_000
        market.add("EURUSD", newest)
        if market.looks > 2:
            server_clock.observe({"EURUSD": newest}, clock.utc_msc())

    market.on_look = look
    async with polling(market, sink, cursors, clock, server_clock) as poller:
        while server_clock.offset_s is None:
            assert sink.log == []
            await asyncio.sleep(0)
        await beats(poller)
    assert server_clock.offset_s == 10_800
    assert sink.log[0].tick.time_msc < clock.utc_msc()


async def test_latest_sends_one_tick_per_symbol_and_beat_and_only_changes(sink, clock):
    market, cursors = MemoryMarket(), MemoryCursors()
    async with polling(market, sink, cursors, clock, tick_mode="latest") as poller:
        market.add("EURUSD", *(START + number for number in range(100)))
        await beats(poller, 5)
        assert sink.bids() == [99]
        market.add("EURUSD", START + 99, START + 99)
        await beats(poller, 5)
    assert (sink.bids(), sink.seqs()) == ([99, 101], [1, 2])


async def test_latest_goes_on_behind_the_sinks_numbers(sink, clock):
    market = MemoryMarket()
    market.add("EURUSD", START, START + 1)
    async with polling(market, sink, MemoryCursors(), clock, tick_mode="latest") as poller:
        await beats(poller)
        market.add("EURUSD", START + 2)
        await beats(poller)
    stale = MemoryCursors(TickCursor("EURUSD", START + 1, 1, 1))
    async with polling(market, sink, stale, clock, tick_mode="latest") as poller:
        market.add("EURUSD", START + 3)
        await beats(poller)
    assert sink.seqs() == [1, 2, 3]


async def test_a_cursor_that_cannot_be_stored_stops_nothing(sink, clock):
    market, cursors = MemoryMarket(), MemoryCursors(TickCursor("EURUSD", START, 0, 0))
    cursors.broken = True
    market.add("EURUSD", START, START + 1)
    async with polling(market, sink, cursors, clock) as poller:
        await beats(poller)
        market.add("EURUSD", START + 2)
        await beats(poller)
        assert poller.figures.last_error == "disk full"
    assert sink.seqs() == [1, 2, 3]


async def test_a_symbol_that_turns_up_later_is_taken_up(sink, clock):
    market = MemoryMarket(("EURUSD", "GBPUSD"))
    everything = market.shown
    market.shown = Selection({"EURUSD": None}, {"GBPUSD": ("GBPUSD.a",)})
    market.add("GBPUSD", START)
    async with polling(market, sink, MemoryCursors(), clock, symbols="EURUSD,GBPUSD") as poller:
        await beats(poller)
        assert sink.log == []
        market.shown = everything
        await beats(poller)
    assert sink.seqs("GBPUSD") == [1]


async def test_when_the_servers_clock_is_set_back_ticks_go_on(sink, clock):
    market, server_clock = MemoryMarket(), ServerClock(3600)
    hour = 3_600_000
    market.add("EURUSD", START + hour)
    async with polling(market, sink, MemoryCursors(), clock, server_clock) as poller:
        await beats(poller)
        market.all["EURUSD"] = [(START + 50, 7.0)]
        await beats(poller)
        assert sink.seqs() == [1]
        server_clock._transitions.append(replace(server_clock.transitions[0], from_utc_msc=START, offset_s=0))
        await beats(poller)
    assert (sink.seqs(), sink.bids()) == ([1, 2], [0, 7])


async def test_beats_keep_their_rhythm_and_missed_ones_are_skipped():
    clock = FastClock()
    beat = Beat(0.1, clock)
    assert await beat.wait() == 0
    started = clock.now_s
    for _ in range(5):
        clock.now_s += 0.03
        assert await beat.wait() == 0
    assert clock.now_s == pytest.approx(started + 0.5)
    clock.now_s += 0.47
    assert await beat.wait() == 3
    assert clock.now_s == pytest.approx(started + 0.97)
    assert await beat.wait() == 0
    assert clock.now_s == pytest.approx(started + 1.0)


class ReportingMarket:
    def __init__(self):
        self.asked = 0
        self.failure = None

    async def report(self):
        self.asked += 1
        if self.failure:
            raise self.failure
        return self.asked


@contextlib.asynccontextmanager
async def reporting(interval_s):
    market, reports = ReportingMarket(), asyncio.Queue()
    poller = AccountPoller(market, reports.put, interval_s)
    task = asyncio.create_task(poller.run())
    try:
        async with asyncio.timeout(10):
            yield market, poller, reports
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def test_the_account_is_reported_at_the_start_and_at_the_interval():
    async with reporting(0.01) as (_, poller, reports):
        assert [await reports.get() for _ in range(3)] == [1, 2, 3]
    assert poller.figures.reports >= 2


async def test_a_poke_reports_at_once_and_a_burst_of_pokes_once():
    async with reporting(3600.0) as (market, poller, reports):
        assert await reports.get() == 1
        for _ in range(100):
            poller.poke()
        assert await reports.get() == 2
        await asyncio.sleep(0)
        assert market.asked == 2


async def test_a_failed_report_is_noted_and_the_next_one_comes():
    async with reporting(0.01) as (market, poller, reports):
        await reports.get()
        market.failure = LaneUnavailable("market lane is connecting")
        await turns_until(lambda: poller.figures.last_error)
        market.failure = None
        while not reports.empty():
            reports.get_nowait()
        assert await reports.get() > 1
    assert poller.figures.last_error == "market lane is connecting"


@pytest.mark.parametrize(
    ("awaited", "first"),
    [
        (True, [("warning", "Ticks not begun yet"), ("info", "Ticks begun")]),
        (False, [("error", "Ticks stopped"), ("info", "Ticks resumed")]),
    ],
)
def test_what_did_not_work_before_the_first_success_is_no_error_where_it_is_awaited(awaited, first):
    outage = Outage("Ticks", lambda: 0.0, awaited=awaited)
    with capture_logs() as lines:
        for _ in range(2):
            outage.begin("connecting")
            outage.begin("connecting")
            outage.end()
            outage.end()
    after = [("error", "Ticks stopped"), ("info", "Ticks resumed")]
    assert [*first, *after] == [(line["log_level"], line["event"]) for line in lines]
    assert "connecting" == lines[0]["reason"]


async def test_a_lane_that_still_connects_is_no_error_in_the_log(sink, clock):
    class Connecting:
        async def report(self):
            raise LaneUnavailable("market lane is connecting")

    with capture_logs() as lines:
        poller = AccountPoller(Connecting(), None, 0.001)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(poller.run(), 0.05)
    assert ["warning"] == [line["log_level"] for line in lines]
