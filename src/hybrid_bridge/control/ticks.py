"""Ticks over the WebSocket, for a bridge without Redpanda: the latest per symbol and beat.

Never waits for the backend, and a tick that could not be sent in time is replaced by the next. The holes this
leaves in `seq` tell the receiver how many it has missed. Called by the poller through ports.TickSink.
"""

from collections.abc import Sequence

from hybrid_bridge.control.client import ControlClient
from hybrid_bridge.core.market import SequencedTick, TickCursor
from hybrid_bridge.messages.outbound import encode_tick


class WebSocketTickSink:
    """A ports.TickSink that posts to the control client."""

    def __init__(self, client: ControlClient) -> None:
        self._client = client

    async def recover(self, cursors: Sequence[TickCursor]) -> dict[str, int]:
        """Return 0 for every symbol: a WebSocket keeps no ticks."""
        return {cursor.symbol: 0 for cursor in cursors}

    async def publish(self, ticks: Sequence[SequencedTick]) -> None:
        """Post the latest tick of each symbol; returns at once, connected or not."""
        latest = {entry.tick.symbol: entry for entry in ticks}
        for symbol, entry in latest.items():
            self._client.post_latest(f"tick:{symbol}", encode_tick(entry.tick, entry.seq), keep=False)
