"""How long the journal remembers: what ended longer ago than JOURNAL_RETENTION_DAYS is removed, once a day.

Owns when. What may go is the journal's own to judge (`trimming`). app drives `run` after the state has been
restored; with a retention of 0 days it only waits.
"""

import structlog

from hybrid_bridge.errors import JournalError
from hybrid_bridge.journal.sqlite import SqliteJournal
from hybrid_bridge.ports import Clock

log = structlog.get_logger(__name__)

DAY_S = 86_400.0
DAY_MS = 86_400_000


class Retention:
    """Trims one journal at the start and once a day from then on."""

    def __init__(self, journal: SqliteJournal, days: int, clock: Clock) -> None:
        """Set how much is kept.

        Args:
            days: of the past that stay whole; 0 for all of it.
        """
        self._journal = journal
        self._days = days
        self._clock = clock

    async def run(self) -> None:
        """Trim now and once a day, for ever."""
        while True:
            if self._days:
                await self._trim()
            await self._clock.sleep(DAY_S)

    async def _trim(self) -> None:
        try:
            removed = await self._journal.retain(self._clock.utc_msc() - self._days * DAY_MS)
        except JournalError as error:
            log.warning("Journal not trimmed, trying again tomorrow", error=str(error))
        else:
            if removed:
                log.info("Journal trimmed", events=removed, older_than_days=self._days)
