"""A symbol's ticks as the terminal keeps them, for whoever holds the topic against them.

Owns the conversion between the server's clock and UTC, by an offset that the caller names. The way to the
terminal is a `Lane`. Called by the command that audits.
"""

from hybrid_bridge.core.tick_matching import Row
from hybrid_bridge.terminal.lane import Lane
from hybrid_bridge.terminal.market_lane import TICK_ROW
from hybrid_bridge.terminal.operations import HISTORY, HistoryArgs


class TickHistory:
    """The terminal's ticks of the past."""

    def __init__(self, lane: Lane) -> None:
        """Ask through this lane, which must run."""
        self._lane = lane

    async def rows(self, symbol: str, from_msc: int, to_msc: int, offset_s: int) -> list[Row]:
        """Return every tick from one instant up to another, which is not included.

        Args:
            from_msc, to_msc: UTC milliseconds.
            offset_s: how far the server's clock was ahead of UTC then.
        Returns:
            Rows with UTC times, in the terminal's order.
        Raises:
            LaneError: when they cannot be had.
        """
        ahead_msc = offset_s * 1000
        reply = await self._lane.call(HISTORY, HistoryArgs(symbol, from_msc + ahead_msc, to_msc + ahead_msc))
        return [
            (server_msc - ahead_msc, bid, ask, last, volume)
            for _, bid, ask, last, volume, server_msc, _, _ in TICK_ROW.iter_unpack(reply.rows)
        ]
