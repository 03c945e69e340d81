"""The market lane as the pollers see it: ticks, the look at the account, and which symbols there are.

Owns the translation of packed tick rows and feeds the server's clock with every look at newest ticks. The way
to the terminal is a `Lane`, chosen anew for each call because both kinds of work may share one.
"""

import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from hybrid_bridge.core.account import AccountReport
from hybrid_bridge.core.market import SymbolSpec, Tick
from hybrid_bridge.errors import LaneUnavailable
from hybrid_bridge.ports import Clock
from hybrid_bridge.terminal import values
from hybrid_bridge.terminal.clock import ServerClock
from hybrid_bridge.terminal.lane import Lane
from hybrid_bridge.terminal.operations import (
    NEWEST_TICKS,
    REPORT,
    TICKS,
    Nothing,
    ReportArgs,
    SelectReply,
    TickPage,
    TickRequest,
    TicksArgs,
)

# time, bid, ask, last, volume, time_msc, flags, volume_real; 60 bytes, packed.
TICK_ROW = struct.Struct("<qdddQqId")
_LAST_TIME = struct.Struct("<q")
_TIME_MSC_OFFSET = 40


@dataclass(frozen=True, slots=True)
class MarketPage:
    """One symbol's ticks, oldest first.

    Attributes:
        server_times_msc: of each tick, on the broker's wall clock.
        more: whether there are later ticks already.
        problem: the terminal's words when it gave no page, else empty.
    """

    symbol: str
    ticks: tuple[Tick, ...]
    server_times_msc: tuple[int, ...]
    more: bool
    problem: str


@dataclass(frozen=True, slots=True)
class Selection:
    """The configured symbols as the terminal knows them.

    Attributes:
        unknown: names it does not have, each with the most similar ones it has.
    """

    specs: dict[str, SymbolSpec]
    unknown: dict[str, tuple[str, ...]]


class TerminalMarketLane:
    """Ticks and account, through the terminal."""

    def __init__(self, route: Callable[[], Lane], server_clock: ServerClock, clock: Clock) -> None:
        """Use the lane that `route` names at each call."""
        self._route = route
        self._server_clock = server_clock
        self._clock = clock
        self._selected: SelectReply | None = None
        self._selection = Selection({}, {})

    def selection(self) -> Selection:
        """Return what the terminal said to the configured symbols at the last connect."""
        reply = self._route().selection
        if reply is not self._selected:
            self._selected = reply
            self._selection = Selection(
                specs={row.name: values.symbol_spec(row) for row in reply.specs},
                unknown={name: tuple(near) for name, near in reply.unknown.items()},
            )
        return self._selection

    async def ticks(self, requests: Sequence[TickRequest]) -> list[MarketPage]:
        """Fetch one page per request.

        Raises:
            LaneUnavailable: also while the server's clock offset is unknown, for ticks need UTC times.
            LaneError: when the pages cannot be had.
        """
        reply = await self._route().call(TICKS, TicksArgs(list(requests)))
        # A page with more behind it does not hold the newest tick and says nothing about the clock.
        newest = {
            page.symbol: _last_time_msc(page.rows) for page in reply.pages if page.rows and not page.more
        }
        self._server_clock.observe(newest, self._clock.utc_msc())
        return [self._page(page) for page in reply.pages]

    async def observe_clock(self) -> None:
        """Look at every symbol's newest tick, only for the server's clock.

        Raises:
            LaneError: when the terminal cannot be asked.
        """
        reply = await self._route().call(NEWEST_TICKS, Nothing())
        self._server_clock.observe(reply.newest, self._clock.utc_msc())

    async def report(self) -> AccountReport:
        """Look at account, positions and orders, with what is open valued.

        Raises:
            LaneError: when it cannot be had.
        """
        reply = await self._route().call(REPORT, ReportArgs(valued=True))
        utc_msc = self._clock.utc_msc()
        self._server_clock.observe(reply.newest, utc_msc)
        return values.account_report(reply, self._server_clock, utc_msc)

    def _page(self, page: TickPage) -> MarketPage:
        ticks, times = decode_ticks(page.symbol, page.rows, self._server_clock)
        problem = f"{page.text} ({page.code})" if page.text else ""
        return MarketPage(page.symbol, ticks, times, page.more, problem)


def decode_ticks(
    symbol: str, rows: bytes, server_clock: ServerClock
) -> tuple[tuple[Tick, ...], tuple[int, ...]]:
    """Return the ticks of packed rows and their times on the server's clock.

    Raises:
        LaneUnavailable: while the server's clock offset is unknown.
    """
    ticks: list[Tick] = []
    times: list[int] = []
    for _, bid, ask, last, volume, server_msc, _, _ in TICK_ROW.iter_unpack(rows):
        utc_msc = server_clock.to_utc_msc(server_msc)
        if utc_msc is None:
            raise LaneUnavailable("the offset of the server's clock is not known yet")
        ticks.append(Tick(symbol, bid, ask, last, volume, utc_msc))
        times.append(server_msc)
    return tuple(ticks), tuple(times)


def _last_time_msc(rows: bytes) -> int:
    time_msc: int = _LAST_TIME.unpack_from(rows, len(rows) - TICK_ROW.size + _TIME_MSC_OFFSET)[0]
    return time_msc
