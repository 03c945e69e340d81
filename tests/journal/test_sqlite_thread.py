"""One SQLite file on its own thread."""

import asyncio
import sqlite3
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from pathlib import Path
from typing import Any

import pytest

from hybrid_bridge.errors import JournalError
from hybrid_bridge.journal.sqlite_thread import DamagedFile, SqliteThread


@pytest.fixture
def file(tmp_path: Path) -> Iterator[SqliteThread]:
    thread = SqliteThread(tmp_path / "t.sqlite", "FULL")
    thread.run_now(lambda db: db.execute("CREATE TABLE t (n INTEGER PRIMARY KEY)"))
    yield thread
    thread.close()


def numbers(db: sqlite3.Connection) -> list[int]:
    return [n for (n,) in db.execute("SELECT n FROM t ORDER BY n")]


class Inline(Executor):
    """Runs what it is given at once, in the thread that gives it."""

    def __init__(self) -> None:
        self.calls = 0
        self.is_shut_down = False

    def submit(self, work: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        self.calls += 1
        done: Future[Any] = Future()
        try:
            done.set_result(work(*args, **kwargs))
        except Exception as error:  # noqa: BLE001 - it goes to whoever waits for the result
            done.set_exception(error)
        return done

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        self.is_shut_down = True


async def test_whoever_brings_the_thread_has_everything_run_on_it_and_keeps_it(tmp_path):
    inline = Inline()
    thread = SqliteThread(tmp_path / "i.sqlite", "FULL", inline)
    where = [
        thread.run_now(lambda _: threading.get_ident()),
        await thread.run(lambda _: threading.get_ident()),
    ]
    thread.close()
    assert [threading.get_ident()] * 2 == where
    assert (4, False) == (inline.calls, inline.is_shut_down)  # Opening and closing too.


@pytest.mark.parametrize(("synchronous", "expected"), [("FULL", 2), ("NORMAL", 1)])
def test_the_chosen_durability_is_in_force_with_a_write_ahead_log(tmp_path, synchronous, expected):
    thread = SqliteThread(tmp_path / "d.sqlite", synchronous)
    assert expected == thread.run_now(lambda db: db.execute("PRAGMA synchronous").fetchone()[0])
    assert thread.run_now(lambda db: db.execute("PRAGMA journal_mode").fetchone()[0]) == "wal"
    thread.close()


async def test_what_need_not_be_durable_is_not_waited_for_and_what_follows_it_is(file):
    def synchronous(db: sqlite3.Connection) -> int:
        return int(db.execute("PRAGMA synchronous").fetchone()[0])

    def fail(db: sqlite3.Connection) -> None:
        raise LookupError("mine")

    assert await file.run(synchronous, durable=False) == 1
    assert await file.run(synchronous) == 2
    with pytest.raises(LookupError):
        await file.run(fail, durable=False)
    assert await file.run(synchronous) == 2


async def test_work_that_fails_half_way_leaves_nothing_behind(file):
    def half(db: sqlite3.Connection) -> None:
        db.execute("INSERT INTO t VALUES (1)")
        db.execute("INSERT INTO t VALUES (1)")

    with pytest.raises(JournalError, match="UNIQUE"):
        await file.run(half)
    assert await file.run(numbers) == []


async def test_an_error_of_the_caller_rolls_back_and_comes_through_as_it_is(file):
    def refuse(db: sqlite3.Connection) -> None:
        db.execute("INSERT INTO t VALUES (1)")
        raise LookupError("mine")

    with pytest.raises(LookupError, match="mine"):
        await file.run(refuse)
    assert await file.run(numbers) == []


async def test_the_loop_goes_on_while_sqlite_works(file):
    release = threading.Event()
    waiting = asyncio.ensure_future(file.run(lambda _: release.wait(10)))
    beats = 0
    while beats < 50:
        await asyncio.sleep(0)
        beats += 1
    assert not waiting.done()
    release.set()
    assert await waiting


async def test_queued_work_completes_though_its_caller_is_cancelled(file):
    release = threading.Event()
    first = asyncio.ensure_future(file.run(lambda _: release.wait(10)))
    queued = asyncio.ensure_future(file.run(lambda db: db.execute("INSERT INTO t VALUES (7)")))
    await asyncio.sleep(0)
    queued.cancel()
    with pytest.raises(asyncio.CancelledError):
        await queued
    release.set()
    await first
    assert await file.run(numbers) == [7]


async def test_closing_finishes_what_is_queued(tmp_path):
    path = tmp_path / "c.sqlite"
    file = SqliteThread(path, "FULL")
    file.run_now(lambda db: db.execute("CREATE TABLE t (n INTEGER PRIMARY KEY)"))
    release = threading.Event()
    first = asyncio.ensure_future(file.run(lambda _: release.wait(10)))
    last = asyncio.ensure_future(file.run(lambda db: db.execute("INSERT INTO t VALUES (7)")))
    await asyncio.sleep(0)
    release.set()
    file.close()
    await asyncio.gather(first, last)
    again = sqlite3.connect(path)
    assert numbers(again) == [7]
    again.close()


def test_a_file_that_is_no_database_is_left_as_it_is(tmp_path):
    path = tmp_path / "j.sqlite"
    path.write_bytes(b"not a database, but somebody's own\n" * 100)
    before = path.read_bytes()
    with pytest.raises(DamagedFile, match=r"j\.sqlite.*keep a copy of the file and start"):
        SqliteThread(path, "FULL")
    assert before == path.read_bytes()
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_that_is_not_there_is_named_with_what_to_do(tmp_path):
    with pytest.raises(JournalError, match=r"gone.*make the folder of STATE_DIR exist and writable"):
        SqliteThread(tmp_path / "gone" / "j.sqlite", "FULL")


async def test_a_full_disk_is_said_in_words_and_passes_when_there_is_room(file):
    pages = await file.run(lambda db: db.execute("PRAGMA page_count").fetchone()[0])
    await file.run(lambda db: db.execute(f"PRAGMA max_page_count={pages}").fetchall())

    def write(db: sqlite3.Connection) -> None:
        db.executemany("INSERT INTO t VALUES (?)", [(n,) for n in range(5_000)])

    with pytest.raises(JournalError, match=r"full \(SQLITE_FULL\); free space on the disk"):
        await file.run(write)
    assert await file.run(numbers) == []
    await file.run(lambda db: db.execute("PRAGMA max_page_count=1000000").fetchall())
    await file.run(write)
    assert len(await file.run(numbers)) == 5_000
