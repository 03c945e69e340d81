"""One SQLite file, one connection, one thread: blocking calls kept off the event loop.

Owns opening (WAL, chosen durability), running functions on the connection in order, and closing. The journal
and the cursor store build on it; nothing else touches SQLite.
"""

import asyncio
import sqlite3
from collections.abc import Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from pathlib import Path
from typing import Literal, TypeVar

from hybrid_bridge.errors import JournalError

T = TypeVar("T")
BUSY_TIMEOUT_S = 5.0


class DamagedFile(JournalError):
    """The file is no SQLite database, or a damaged one."""


class SqliteThread:
    """A SQLite connection that lives on its own thread."""

    def __init__(
        self,
        path: Path,
        synchronous: Literal["FULL", "NORMAL"],
        executor: Executor | None = None,
        check: Callable[[sqlite3.Connection], None] = lambda _: None,
    ) -> None:
        """Open the file, creating it when absent.

        Args:
            executor: runs every call on the connection, one at a time and in order; it stays the caller's.
                None for a thread of the file's own.
            check: looks at the file before anything in it is changed, and may raise.
        Raises:
            JournalError: when the file cannot be opened; DamagedFile when it is no database.
        """
        self.path = path
        self._synchronous = synchronous
        self._owns_thread = executor is None
        self._thread = executor if executor is not None else ThreadPoolExecutor(1, path.stem)
        try:
            self._connection = self._thread.submit(_connect, path, synchronous, check).result()
        except sqlite3.Error as error:
            self._end_thread()
            raise _translate(path, error) from error
        except BaseException:
            self._end_thread()
            raise

    def run_now(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Run `work` on the connection and wait for it, blocking; for start-up only."""
        return self._thread.submit(self._guard, work).result()

    async def run(self, work: Callable[[sqlite3.Connection], T], *, durable: bool = True) -> T:
        """Run `work` on the connection in one transaction; it completes even if the caller is cancelled.

        Args:
            durable: False for what may be undone by a power cut (never in part): it does not wait for the
                disk, nor does what is queued behind it.
        Raises:
            JournalError: when SQLite cannot do it; the transaction is rolled back.
        """
        done = asyncio.get_running_loop().run_in_executor(self._thread, self._guard, work, durable)
        return await asyncio.shield(done)

    def _guard(self, work: Callable[[sqlite3.Connection], T], durable: bool = True) -> T:
        try:
            self._connection.execute(f"PRAGMA synchronous={self._synchronous if durable else 'NORMAL'}")
            with self._connection:
                self._connection.execute("BEGIN IMMEDIATE")
                return work(self._connection)
        except sqlite3.Error as error:
            raise _translate(self.path, error) from error

    def copy(self, target: Path) -> None:
        """Make a whole copy of the file as it is, blocking; for start-up only.

        Raises:
            JournalError: when it cannot be made; nothing is left of it.
        """
        try:
            self._thread.submit(_copy, self._connection, target).result()
        except sqlite3.Error as error:
            raise _translate(target, error) from error
        except OSError as error:
            raise JournalError(f"{target}: {error}; free space and make the folder writable") from error

    def close(self) -> None:
        """Finish what is queued and close the file."""
        self._thread.submit(self._connection.close).result()
        self._end_thread()

    def _end_thread(self) -> None:
        if self._owns_thread:
            self._thread.shutdown()


def _copy(source: sqlite3.Connection, target: Path) -> None:
    draft = target.with_name(f"{target.name}.draft")
    draft.unlink(missing_ok=True)
    copy = sqlite3.connect(draft)
    try:
        source.backup(copy)
        copy.close()
        draft.rename(target)
    finally:
        copy.close()
        for leftover in (draft, draft.with_name(f"{draft.name}-journal")):
            leftover.unlink(missing_ok=True)


DAMAGED = ("SQLITE_CORRUPT", "SQLITE_NOTADB")
ADVICE = {
    "SQLITE_FULL": "free space on the disk",
    "SQLITE_IOERR": "free space on the disk or check it for errors",
    "SQLITE_BUSY": "close the program that has the file open",
    "SQLITE_READONLY": "make the file and its folder writable",
    "SQLITE_CANTOPEN": "make the folder of STATE_DIR exist and writable",
    "SQLITE_CORRUPT": "keep a copy of the file and start with a new STATE_DIR",
    "SQLITE_NOTADB": "keep a copy of the file and start with a new STATE_DIR",
}


def _translate(path: Path, error: sqlite3.Error) -> JournalError:
    damaged = getattr(error, "sqlite_errorname", "").startswith(DAMAGED)
    return (DamagedFile if damaged else JournalError)(explain(path, error))


def explain(path: Path, error: sqlite3.Error) -> str:
    """Say what is wrong with the file and what to do."""
    name = getattr(error, "sqlite_errorname", "")
    # The names of details begin with that of their kind: SQLITE_IOERR_WRITE.
    advice = next((text for kind, text in ADVICE.items() if name.startswith(kind)), "")
    return f"{path}: {error} {f'({name})' if name else ''}; {advice or 'check the disk and STATE_DIR'}"


def _connect(path: Path, synchronous: str, check: Callable[[sqlite3.Connection], None]) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False)
    try:
        check(connection)
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute(f"PRAGMA synchronous={synchronous}")
    except BaseException:
        connection.close()
        raise
    return connection
