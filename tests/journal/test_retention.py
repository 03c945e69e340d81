"""When the journal is trimmed: at the start, once a day, and not at all when all is to be kept."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.core.builders import NOW

from hybrid_bridge.core.events import EquityPeakRaised
from hybrid_bridge.journal.retention import Retention
from hybrid_bridge.journal.sqlite import SqliteJournal

DAY_MS = 86_400_000


class SteppedClock:
    """Time that goes on when the test says so."""

    def __init__(self) -> None:
        self.now_msc = NOW
        self.slept: list[float] = []
        self._asleep = asyncio.Event()
        self._wake = asyncio.Event()

    def utc_msc(self) -> int:
        return self.now_msc

    def monotonic(self) -> float:
        return self.now_msc / 1000

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self._asleep.set()
        await self._wake.wait()
        self._wake.clear()
        self.now_msc += round(seconds * 1000)

    async def until_asleep(self) -> None:
        await asyncio.wait_for(self._asleep.wait(), 10)
        self._asleep.clear()

    async def next_day(self) -> None:
        self._wake.set()
        await self.until_asleep()


@pytest.fixture
async def journal(tmp_path: Path) -> AsyncIterator[SqliteJournal]:
    """One peak a day, the first 8 days ago."""
    opened = SqliteJournal(tmp_path / "j.sqlite", "7001", ["websocket"])
    await opened.record([EquityPeakRaised(float(n), NOW - (8 - n) * DAY_MS) for n in range(9)], [])
    yield opened
    opened.close()


def change(path: Path, statement: str) -> None:
    other = sqlite3.connect(path, isolation_level=None)
    other.execute(statement)
    other.close()


async def test_the_start_and_every_day_trim_what_is_older_than_the_days_kept(journal):
    clock = SteppedClock()
    running = asyncio.ensure_future(Retention(journal, 7, clock).run())
    left = []
    for _ in range(3):
        await (clock.until_asleep() if not left else clock.next_day())
        left.append(len(await journal.load()))
    running.cancel()
    assert [8, 7, 6] == left
    assert [86_400.0] * 3 == clock.slept


async def test_0_days_keep_everything(journal):
    clock = SteppedClock()
    running = asyncio.ensure_future(Retention(journal, 0, clock).run())
    await clock.until_asleep()
    await clock.next_day()
    running.cancel()
    assert 9 == len(await journal.load())


async def test_a_journal_that_cannot_be_trimmed_is_tried_again_the_next_day(journal, tmp_path, capsys):
    path = tmp_path / "j.sqlite"
    change(path, "CREATE TRIGGER full BEFORE DELETE ON events BEGIN SELECT RAISE(ABORT, 'no space'); END")
    clock = SteppedClock()
    running = asyncio.ensure_future(Retention(journal, 7, clock).run())
    await clock.until_asleep()
    assert "Journal not trimmed" in capsys.readouterr().out
    change(path, "DROP TRIGGER full")
    await clock.next_day()
    running.cancel()
    assert 7 == len(await journal.load())
