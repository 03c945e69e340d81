"""The bridge with a journal that forgets, for the bench alone: beside it is seen what a commit costs.

Takes the options of `hybrid_bridge.py`. Nothing survives it, so nothing may be traded with it.
"""

import sys
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hybrid_bridge import bridge, cli
from hybrid_bridge.core.events import Event
from hybrid_bridge.journal.sqlite import SqliteJournal
from hybrid_bridge.ports import OutboxEntry, OutboxMessage


class ForgetfulJournal(SqliteJournal):
    """Keeps what waits for its channels in memory and everything else nowhere."""

    def __init__(self, path: Path, account: str, channels: Sequence[str], **options: Any) -> None:
        super().__init__(path, account, channels, **options)
        self._waiting: deque[OutboxMessage] = deque()
        self._marks = dict.fromkeys(channels, 0)
        self._seq = 0

    async def record(self, events: Sequence[Event], outbox: Sequence[OutboxEntry]) -> None:
        """Keep the messages until they are delivered; forget the events."""
        del events
        for entry in outbox:
            self._seq += 1
            self._waiting.append(OutboxMessage(self._seq, *entry))

    async def undelivered(self, channel: str, limit: int) -> list[OutboxMessage]:
        """Return the oldest messages this channel has not delivered."""
        mark = self._marks[channel]
        return [message for message in self._waiting if message.seq > mark][:limit]

    async def mark_delivered(self, channel: str, seq: int) -> None:
        """Note a delivery and forget what every channel has delivered."""
        self._marks[channel] = seq
        while self._waiting and self._waiting[0].seq <= min(self._marks.values()):
            self._waiting.popleft()


if __name__ == "__main__":
    bridge.SqliteJournal = ForgetfulJournal  # type: ignore[misc]  # That is the point.
    sys.exit(cli.main())
