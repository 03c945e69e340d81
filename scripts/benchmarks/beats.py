"""From a beat of the poller to the broker's acknowledgement, with the terminal in between.

Poller, market lane and sink are the bridge's own; the lane is its own process, the daemon's loop is this one.
Right after each acknowledgement a bare producer sends the same bytes: what the broker costs alone.
"""

import asyncio
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from scripts.benchmarks import tick_files
from scripts.benchmarks.contenders import Bare, open_sink, stream_settings
from scripts.benchmarks.figures import Figure, Target, compare, percentile
from scripts.benchmarks.market import BEAT_MSC, Market
from scripts.benchmarks.publishing import SYMBOLS as MANY
from scripts.benchmarks.tick_files import Flood
from scripts.benchmarks.world import World

from hybrid_bridge.clock import SystemClock
from hybrid_bridge.core.market import SequencedTick, TickCursor
from hybrid_bridge.journal.cursors import SqliteCursorStore
from hybrid_bridge.settings import Settings
from hybrid_bridge.streams.tick_publisher import KafkaTickSink
from hybrid_bridge.terminal.clock import ServerClock
from hybrid_bridge.terminal.lane import Lane
from hybrid_bridge.terminal.lanes import lane_options
from hybrid_bridge.terminal.market_lane import MarketPage, TerminalMarketLane
from hybrid_bridge.terminal.operations import TickRequest
from hybrid_bridge.terminal.poller import TickPoller

SYMBOLS = (("EURUSD", "GBPUSD", "USDJPY", "XAUUSD"), MANY)
TICKS_PER_S_AND_SYMBOL = 10
SLOW_S, WATCH_S, WATCH_QUICK_S = 6, 20, 6
# What the files hold beyond the watch: start and stop take a moment.
SPARE_S = 10
MS_PER_S = 1e3


class TimedMarket(TerminalMarketLane):
    """The market lane, noting when it is asked for ticks: that is the beat.

    Attributes:
        asked_s: when it was asked last.
    """

    asked_s = 0.0

    async def ticks(self, requests: Sequence[TickRequest]) -> list[MarketPage]:
        """Fetch one page per request."""
        self.asked_s = time.perf_counter()
        return await super().ticks(requests)


class TimedSink:
    """The bridge's sink with the floor behind it; implements ports.TickSink.

    Attributes:
        beats_ms: from the beat to the acknowledgement.
        publish_ms: of that, what the sink took.
        floor_ms: the same bytes by the bare producer.
    """

    def __init__(self, sink: KafkaTickSink, floor: Bare, market: TimedMarket) -> None:
        self._sink = sink
        self._floor = floor
        self._market = market
        self.beats_ms: list[float] = []
        self.publish_ms: list[float] = []
        self.floor_ms: list[float] = []

    def forget(self) -> None:
        """Begin anew."""
        for kept in (self.beats_ms, self.publish_ms, self.floor_ms):
            kept.clear()

    async def recover(self, cursors: Sequence[TickCursor]) -> dict[str, int]:
        """Return what the sink's topic has."""
        return await self._sink.recover(cursors)

    async def publish(self, ticks: Sequence[SequencedTick]) -> None:
        """Publish to both, one after the other."""
        began_s = time.perf_counter()
        await self._sink.publish(ticks)
        done_s = time.perf_counter()
        messages = self._floor.messages(ticks)
        floor_s = time.perf_counter()
        await self._floor.send(messages)
        self.floor_ms.append((time.perf_counter() - floor_s) * MS_PER_S)
        self.beats_ms.append((done_s - self._market.asked_s) * MS_PER_S)
        self.publish_ms.append((done_s - began_s) * MS_PER_S)


async def measure_beats(folder: Path, bootstrap: str, quick: bool) -> list[Figure]:
    """Poll a simulated terminal at ten beats a second and time each beat that brings ticks."""
    watch_s = WATCH_QUICK_S if quick else WATCH_S
    figures = [await _measure(folder / str(len(symbols)), bootstrap, symbols, watch_s) for symbols in SYMBOLS]
    return [figure for group in figures for figure in group]


async def _measure(folder: Path, bootstrap: str, symbols: tuple[str, ...], watch_s: int) -> list[Figure]:
    flood = Flood(symbols, SLOW_S, watch_s + SPARE_S, TICKS_PER_S_AND_SYMBOL * len(symbols))
    files = tick_files.write(folder / "files", tick_files.draw(flood))
    async with World(folder, bootstrap) as world:
        await world.start_broker(prompt=False)
        own, bare = (stream_settings(world.broker, world.topic(name)) for name in ("own", "bare"))
        sink, floor = await open_sink(own, symbols), Bare(bare)
        try:
            # A tick to begin with: the floor takes its headers, and the poller goes on behind it.
            await sink.publish(Market(symbols[:1]).beat(1, SystemClock().utc_msc()))
            await floor.open(like=own)
            replay = [part for file in files for part in ("--ticks", str(file))]
            await world.start_simulator("--symbols", ",".join(symbols), *replay)
            return await _poll(world, sink, floor, symbols, watch_s)
        finally:
            await floor.close()
            await sink.close()


async def _poll(
    world: World, sink: KafkaTickSink, floor: Bare, symbols: tuple[str, ...], watch_s: float
) -> list[Figure]:
    settings = Settings(mt5_backend="simulator", sim_address=world.simulator, symbols=symbols)
    clock, server_clock = SystemClock(), ServerClock(None)
    lane = Lane(lane_options("market", settings.terminal))
    market = TimedMarket(lambda: lane, server_clock, clock)
    timed = TimedSink(sink, floor, market)
    cursors = SqliteCursorStore(world.folder / "cursors.sqlite")
    poller = TickPoller(market, timed, cursors, clock, server_clock, settings.terminal)
    try:
        loops = asyncio.gather(lane.run(), _when_ready(lane, poller))
        await asyncio.sleep(SLOW_S)
        timed.forget()
        late = poller.figures.beats_late
        await asyncio.sleep(watch_s)
        loops.cancel()
        with suppress(asyncio.CancelledError):
            await loops
    finally:
        cursors.close()
    return _figures(timed, len(symbols), poller.figures.beats_late - late)


async def _when_ready(lane: Lane, poller: TickPoller) -> None:
    await lane.wait_ready()
    await poller.run()


def _figures(timed: TimedSink, symbols: int, late: int) -> list[Figure]:
    name = f"beat to acknowledgement, {symbols} symbols, {TICKS_PER_S_AND_SYMBOL * symbols} ticks/s"
    asking_ms = [whole - part for whole, part in zip(timed.beats_ms, timed.publish_ms, strict=True)]
    publishing = f"{symbols} symbols: of that publishing (floor: a bare producer, the same bytes)"
    return [
        Figure(f"{name}, p50", percentile(timed.beats_ms, 50), "ms"),
        Figure(f"{name}, p99", percentile(timed.beats_ms, 99), "ms", target=Target(BEAT_MSC)),
        Figure(f"{symbols} symbols: of that asking the terminal, p50", percentile(asking_ms, 50), "ms"),
        *compare(publishing, "ms", timed.publish_ms, timed.floor_ms, {50: None, 99: None}),
        Figure(f"{name}: beats left out", late, "beats", target=Target(0)),
    ]
