"""Following a symbol's ticks: which were taken, which number each has, where to go on.

Pure. The cursor names the last acknowledged tick by its server time and its place among the ticks of that
very millisecond, so that several in one are neither lost nor repeated. Used by `poller`.
"""

from collections.abc import Iterable
from dataclasses import replace

from hybrid_bridge.core.market import SequencedTick, TickCursor
from hybrid_bridge.terminal.market_lane import MarketPage
from hybrid_bridge.terminal.operations import NEWEST, TickRequest


def fresh_cursor(symbol: str, seq: int) -> TickCursor:
    """Return the cursor of a symbol that begins at the newest tick, its numbers going on after `seq`."""
    return TickCursor(symbol, NEWEST, 0, seq)


def request_after(cursor: TickCursor, limit: int) -> TickRequest:
    """Return the request for the ticks that follow a cursor, `limit` of them at most."""
    return TickRequest(cursor.symbol, cursor.server_time_msc, cursor.taken, limit)


def follow(cursor: TickCursor, page: MarketPage) -> tuple[list[SequencedTick], TickCursor]:
    """Number a page's ticks and move the cursor behind them.

    Args:
        page: what `request_after(cursor)` brought.
    """
    if not page.ticks:
        return [], cursor
    numbered = [SequencedTick(tick, cursor.seq + place) for place, tick in enumerate(page.ticks, 1)]
    last_msc = page.server_times_msc[-1]
    taken = page.server_times_msc.count(last_msc)
    if last_msc == cursor.server_time_msc:
        taken += cursor.taken
    return numbered, TickCursor(cursor.symbol, last_msc, taken, cursor.seq + len(numbered))


def follow_latest(cursor: TickCursor, page: MarketPage) -> tuple[list[SequencedTick], TickCursor]:
    """Take only the newest tick of a page, and only if it is not the one taken last.

    Args:
        page: what a request for NEWEST brought.
    """
    if not page.ticks:
        return [], cursor
    last_msc = page.server_times_msc[-1]
    seen = page.server_times_msc.count(last_msc)
    if (last_msc, seen) == (cursor.server_time_msc, cursor.taken):
        return [], cursor
    numbered = SequencedTick(page.ticks[-1], cursor.seq + 1)
    return [numbered], TickCursor(cursor.symbol, last_msc, seen, numbered.seq)


def not_in_sink(ticks: Iterable[SequencedTick], sink_seq: int) -> list[SequencedTick]:
    """Return the ticks that the sink does not hold yet."""
    return [tick for tick in ticks if tick.seq > sink_seq]


def reanchored(cursor: TickCursor) -> TickCursor:
    """Return a cursor that goes on at the newest tick: the server's clock was set back over its place."""
    return replace(cursor, server_time_msc=NEWEST, taken=0)
