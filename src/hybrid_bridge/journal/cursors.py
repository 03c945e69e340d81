"""How far each symbol's ticks were acknowledged, kept across restarts.

Owns one small SQLite file beside the journal, synchronous=NORMAL: a power cut may take the last moments, and
the tick sink then tells which ticks it has already. The tick poller loads and saves through it.
"""

import sqlite3
from collections.abc import Sequence
from pathlib import Path

from hybrid_bridge.core.market import TickCursor
from hybrid_bridge.errors import JournalError
from hybrid_bridge.journal.sqlite_thread import DamagedFile, SqliteThread

SCHEMA = """CREATE TABLE IF NOT EXISTS cursors (
    symbol TEXT PRIMARY KEY, server_time_msc INTEGER NOT NULL, taken INTEGER NOT NULL, seq INTEGER NOT NULL
) STRICT, WITHOUT ROWID"""


class SqliteCursorStore:
    """Implements ports.CursorStore."""

    def __init__(self, path: Path) -> None:
        """Open or create the file.

        Raises:
            JournalError: when it cannot be read or written.
        """
        try:
            self._file = SqliteThread(path, "NORMAL")
            self._prepare()
        except DamagedFile as error:
            mend = "move this one file away: it holds no orders, ticks are then taken up from the present"
            raise JournalError(f"{path} is damaged; {mend}") from error

    def _prepare(self) -> None:
        try:
            self._file.run_now(lambda db: db.execute(SCHEMA))
        except BaseException:
            self._file.close()
            raise

    async def load(self) -> dict[str, TickCursor]:
        """Return the stored cursors by symbol."""
        rows = await self._file.run(lambda db: db.execute("SELECT * FROM cursors").fetchall())
        return {row[0]: TickCursor(*row) for row in rows}

    async def save(self, cursors: Sequence[TickCursor]) -> None:
        """Store these cursors, leaving other symbols' as they are."""
        rows = [(cursor.symbol, cursor.server_time_msc, cursor.taken, cursor.seq) for cursor in cursors]

        def write(db: sqlite3.Connection) -> None:
            db.executemany("INSERT OR REPLACE INTO cursors VALUES (?, ?, ?, ?)", rows)

        await self._file.run(write)

    def close(self) -> None:
        """Finish what is queued and close the file."""
        self._file.close()
