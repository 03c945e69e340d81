"""The two rhythms of the market lane: ticks on every beat, the account every few seconds.

The tick poller owns the cursors. The terminal is the spool: a cursor moves only once the sink has
acknowledged, so an outage of either side costs neither memory nor ticks. Driven by app; what outlives a
restart is in the cursor store and in the sink itself.
"""

import asyncio
import math
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import structlog

from hybrid_bridge.core.account import AccountReport
from hybrid_bridge.core.market import SequencedTick, TickCursor
from hybrid_bridge.errors import BridgeError, ChannelError, LaneError
from hybrid_bridge.ports import Clock, CursorStore, TickSink
from hybrid_bridge.settings import TerminalSettings
from hybrid_bridge.terminal import tick_track
from hybrid_bridge.terminal.backoff import Backoff
from hybrid_bridge.terminal.clock import ServerClock
from hybrid_bridge.terminal.market_lane import MarketPage, Selection
from hybrid_bridge.terminal.operations import NEWEST, TickRequest

log = structlog.get_logger(__name__)

# Rows in one call to the lane, shared by all symbols: turning them into ticks holds the event loop for some
# 10 ms at most, orders included. It also bounds memory in any backlog, which is drained page by page.
ROWS_PER_CALL = 1_024
ROWS_PER_SYMBOL_MIN = 32
SINK_BACKOFF_FIRST_S = 0.5
SINK_BACKOFF_MOST_S = 5.0  # An attempt lasts longer by itself: while Redpanda is away this is time lost.
# A burst of fills asks for the account once, not once each.
REPORT_GAP_S = 0.1


class Market(Protocol):
    """What the pollers need of the market lane."""

    def selection(self) -> Selection:
        """Return the configured symbols as the terminal knows them."""
        ...

    async def ticks(self, requests: Sequence[TickRequest]) -> list[MarketPage]:
        """Fetch one page per request."""
        ...

    async def observe_clock(self) -> None:
        """Look at every symbol's newest tick, for the server's clock."""
        ...

    async def report(self) -> AccountReport:
        """Look at the account."""
        ...


@dataclass(slots=True)
class TickFigures:
    """What the tick poller has done since its start.

    Attributes:
        published: ticks handed to the sink, repetitions after a failure included.
        acknowledged: ticks that the sink has confirmed.
        beats_late: beats that were skipped because the one before took too long.
    """

    fetched: int = 0
    published: int = 0
    acknowledged: int = 0
    beats: int = 0
    beats_late: int = 0
    last_error: str = ""


@dataclass(slots=True)
class AccountFigures:
    """What the account poller has done since its start."""

    reports: int = 0
    last_error: str = ""


class Outage:
    """Says once that something stopped working, and once that it works again.

    What is awaited is expected not to work yet at the start: until its first success that is no error.
    """

    def __init__(self, what: str, clock_s: Callable[[], float], *, awaited: bool = False) -> None:
        self._what = what
        self._clock_s = clock_s
        self._awaited = awaited
        self._since_s: float | None = None

    def begin(self, reason: str) -> None:
        """Note a failure."""
        if self._since_s is None:
            self._since_s = self._clock_s()
            if self._awaited:
                log.warning(f"{self._what} not begun yet", reason=reason)
            else:
                log.error(f"{self._what} stopped", reason=reason)

    def end(self) -> None:
        """Note a success."""
        if self._since_s is not None:
            word = "begun" if self._awaited else "resumed"
            log.info(f"{self._what} {word}", after_s=round(self._clock_s() - self._since_s, 1))
            self._since_s = None
        self._awaited = False


class Beat:
    """A steady rhythm: no drift, and beats that were missed are skipped, not made up for."""

    def __init__(self, period_s: float, clock: Clock) -> None:
        self._period_s = period_s
        self._clock = clock
        self._next_s = clock.monotonic()

    async def wait(self) -> int:
        """Wait for the next beat; return how many were missed before it."""
        now_s = self._clock.monotonic()
        missed = max(0, math.floor((now_s - self._next_s) / self._period_s))
        self._next_s += missed * self._period_s
        await self._clock.sleep(max(0.0, self._next_s - now_s))
        self._next_s += self._period_s
        return missed


class TickPoller:
    """Moves ticks from the terminal into a sink: each once, in order, numbered without holes."""

    def __init__(
        self,
        market: Market,
        sink: TickSink,
        cursors: CursorStore,
        clock: Clock,
        server_clock: ServerClock,
        settings: TerminalSettings,
    ) -> None:
        """Take over nothing yet; `run` loads the cursors."""
        self.figures = TickFigures()
        self._market = market
        self._sink = sink
        self._store = cursors
        self._clock = clock
        self._server_clock = server_clock
        self._period_s = 1 / settings.tick_rate_hz
        self._round_under_way = asyncio.Lock()
        self._latest_only = settings.tick_mode == "latest"
        self._cursors: dict[str, TickCursor] = {}
        self._in_sink: Mapping[str, int] = {}
        self._recovered: frozenset[str] = frozenset()
        self._offset_s: int | None = None
        self._selection = Selection({}, {})
        self._problems: dict[str, str] = {}
        self._sink_backoff = Backoff(SINK_BACKOFF_FIRST_S, SINK_BACKOFF_MOST_S)
        self._terminal_outage = Outage("Ticks from the terminal", clock.monotonic, awaited=True)
        self._sink_outage = Outage("Publishing of ticks", clock.monotonic)
        self._store_outage = Outage("Storing of tick cursors", clock.monotonic)

    async def run(self) -> None:
        """Poll until cancelled."""
        self._cursors = await self._store.load()
        beat = Beat(self._period_s, self._clock)
        while True:
            missed = await beat.wait()
            self.figures.beats += 1
            self.figures.beats_late += missed
            async with self._round_under_way:
                pause_s = await self._guarded_round()
            if pause_s:
                await self._clock.sleep(pause_s)

    async def finish(self) -> None:
        """Return once the round under way is over, its ticks acknowledged; no other is begun."""
        await self._round_under_way.acquire()

    async def _guarded_round(self) -> float:
        """Make one round; what fails outside is noted, and the cursors stay where they are.

        Returns:
            How long to leave the sink alone, in seconds.
        """
        try:
            await self._round()
        except LaneError as error:
            self._fail(self._terminal_outage, error)
        except ChannelError as error:
            self._fail(self._sink_outage, error)
            self._recovered = frozenset()
            return self._sink_backoff.next_s()
        return 0.0

    async def _round(self) -> None:
        """Publish everything that the terminal has beyond the cursors."""
        if self._server_clock.offset_s is None:
            await self._wait_for_offset()
            return
        symbols = self._symbols()
        if not self._recovered.issuperset(symbols):
            await self._recover(symbols)
        self._follow_clock()
        more = bool(symbols)
        while more:
            pages = await self._market.ticks(self._requests(symbols))
            self._terminal_outage.end()
            await self._publish(pages)
            more = not self._latest_only and any(page.more for page in pages)

    async def _wait_for_offset(self) -> None:
        """Feed the server's clock; ticks stay in the terminal until their times can be told."""
        await self._market.observe_clock()
        self._terminal_outage.end()

    def _symbols(self) -> list[str]:
        """Return the symbols to poll, and name in the log those that the terminal does not have."""
        selection = self._market.selection()
        if selection is not self._selection:
            for symbol, near in selection.unknown.items():
                if symbol not in self._selection.unknown:
                    log.error(
                        "Symbol unknown to the terminal; correct SYMBOLS",
                        symbol=symbol,
                        similar=", ".join(near) or "none",
                    )
            self._selection = selection
        return list(selection.specs)

    async def _recover(self, symbols: Sequence[str]) -> None:
        """Ask the sink how far it got, so that nothing is repeated and numbers go on."""
        asked = [self._cursors.get(symbol) or tick_track.fresh_cursor(symbol, 0) for symbol in symbols]
        self._in_sink = await self._sink.recover(asked)
        for symbol in symbols:
            sink_seq = self._in_sink.get(symbol, 0)
            cursor = self._cursors.get(symbol)
            if cursor is None:
                self._cursors[symbol] = tick_track.fresh_cursor(symbol, sink_seq)
            elif self._latest_only and sink_seq > cursor.seq:
                self._cursors[symbol] = replace(cursor, seq=sink_seq)
        self._recovered = frozenset(symbols)

    def _follow_clock(self) -> None:
        """Go on at the newest tick when the server's clock was set back: its hour comes twice."""
        offset_s, previous_s = self._server_clock.offset_s, self._offset_s
        self._offset_s = offset_s
        if offset_s is None or previous_s is None or offset_s >= previous_s:
            return
        log.warning("The server's clock was set back; ticks go on at the newest", offset_s=offset_s)
        self._cursors = {symbol: tick_track.reanchored(cursor) for symbol, cursor in self._cursors.items()}

    def _requests(self, symbols: Sequence[str]) -> list[TickRequest]:
        limit = max(ROWS_PER_SYMBOL_MIN, ROWS_PER_CALL // len(symbols))
        if self._latest_only:
            return [TickRequest(symbol, NEWEST, 0, limit) for symbol in symbols]
        return [tick_track.request_after(self._cursors[symbol], limit) for symbol in symbols]

    async def _publish(self, pages: Sequence[MarketPage]) -> None:
        """Publish pages and, once acknowledged, move the cursors behind them."""
        follow = tick_track.follow_latest if self._latest_only else tick_track.follow
        batch: list[SequencedTick] = []
        moved: list[TickCursor] = []
        for page in pages:
            self._note_problem(page)
            before = self._cursors[page.symbol]
            ticks, after = follow(before, page)
            self.figures.fetched += len(page.ticks)
            batch += tick_track.not_in_sink(ticks, self._in_sink.get(page.symbol, 0))
            if after != before:
                moved.append(after)
        if batch:
            self.figures.published += len(batch)
            await self._sink.publish(batch)
            self.figures.acknowledged += len(batch)
            self._sink_backoff.reset()
            self._sink_outage.end()
        await self._move(moved)

    async def _move(self, moved: Sequence[TickCursor]) -> None:
        if not moved:
            return
        self._cursors.update((cursor.symbol, cursor) for cursor in moved)
        try:
            await self._store.save(moved)
        except BridgeError as error:
            # The sink knows how far it got: a restart asks it and repeats nothing.
            self._fail(self._store_outage, error)
        else:
            self._store_outage.end()

    def _note_problem(self, page: MarketPage) -> None:
        if page.problem and page.problem != self._problems.get(page.symbol):
            log.error("No ticks of a symbol", symbol=page.symbol, reason=page.problem)
        self._problems[page.symbol] = page.problem

    def _fail(self, outage: Outage, error: BridgeError) -> None:
        self.figures.last_error = str(error)
        outage.begin(str(error))


class AccountPoller:
    """Looks at the account at an interval, and at once when poked."""

    def __init__(
        self, market: Market, publish: Callable[[AccountReport], Awaitable[None]], interval_s: float
    ) -> None:
        self.figures = AccountFigures()
        self._market = market
        self._publish = publish
        self._interval_s = interval_s
        self._poked = asyncio.Event()
        self._outage = Outage("Account reports", lambda: asyncio.get_running_loop().time(), awaited=True)

    def poke(self) -> None:
        """Have the account looked at now, after a fill for instance."""
        self._poked.set()

    async def run(self) -> None:
        """Report until cancelled."""
        while True:
            self._poked.clear()
            await self._report()
            await asyncio.sleep(min(REPORT_GAP_S, self._interval_s))
            try:
                async with asyncio.timeout(self._interval_s):
                    await self._poked.wait()
            except TimeoutError:
                pass

    async def _report(self) -> None:
        try:
            report = await self._market.report()
        except LaneError as error:
            self.figures.last_error = str(error)
            self._outage.begin(str(error))
            return
        self._outage.end()
        await self._publish(report)
        self.figures.reports += 1
