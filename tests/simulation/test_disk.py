"""The power-cut model: what was synced survives, what was not may go, and SQLite reads whatever is left."""

import random
import sqlite3

import pytest
from scripts.simulation.disk import WatchedFile


class File:
    """A journal-like file, written one commit at a time."""

    def __init__(self, folder, synchronous: str) -> None:
        self.watched = WatchedFile(folder / "j.sqlite")
        self.connection = sqlite3.connect(self.watched.path, isolation_level=None)
        self.connection.execute("PRAGMA journal_mode=WAL")
        self.connection.execute("CREATE TABLE rows (n INTEGER)")
        self.connection.execute("PRAGMA synchronous=FULL")
        self.commit(0)
        self.connection.execute(f"PRAGMA synchronous={synchronous}")

    def commit(self, number: int) -> None:
        self.watched.begin_job()
        with self.connection:
            self.connection.execute("BEGIN IMMEDIATE")
            self.connection.execute("INSERT INTO rows VALUES (?)", (number,))
        self.watched.end_job(self.connection)

    def survivors(self, folder, seed: int, *, power_cut: bool, in_commit: bool = False) -> list[int]:
        """Return the rows that are left after the end, as the next process reads them."""
        left, _ = self.watched.survive(random.Random(seed), power_cut=power_cut, in_commit=in_commit)
        home = folder / f"after-{seed}"
        home.mkdir()
        for path, content in left.items():
            (home / path.name).write_bytes(content)
        after = sqlite3.connect(home / "j.sqlite")
        try:
            assert [("ok",)] == after.execute("PRAGMA quick_check").fetchall()
            return [row[0] for row in after.execute("SELECT n FROM rows ORDER BY n")]
        finally:
            after.close()


@pytest.fixture
def make_file(tmp_path):
    opened = []

    def make(synchronous: str) -> File:
        opened.append(File(tmp_path, synchronous))
        return opened[-1]

    yield make
    for file in opened:
        file.connection.close()


def test_a_power_cut_takes_nothing_that_a_full_commit_returned_for(make_file, tmp_path):
    file = make_file("FULL")
    for number in range(1, 6):
        file.commit(number)
    outcomes = {tuple(file.survivors(tmp_path, seed, power_cut=True)) for seed in range(20)}
    assert {(0, 1, 2, 3, 4, 5)} == outcomes


@pytest.mark.parametrize("synchronous", ["NORMAL", "OFF"])
def test_a_power_cut_may_take_any_number_of_the_last_unsynced_commits(make_file, tmp_path, synchronous):
    file = make_file(synchronous)
    for number in range(1, 4):
        file.commit(number)
    outcomes = {tuple(file.survivors(tmp_path, seed, power_cut=True)) for seed in range(60)}
    assert {(0,), (0, 1), (0, 1, 2), (0, 1, 2, 3)} == outcomes


def test_a_later_full_commit_saves_the_unsynced_ones_before_it(make_file, tmp_path):
    file = make_file("NORMAL")
    file.commit(1)
    file.connection.execute("PRAGMA synchronous=FULL")
    file.commit(2)
    outcomes = {tuple(file.survivors(tmp_path, seed, power_cut=True)) for seed in range(20)}
    assert {(0, 1, 2)} == outcomes


def test_a_kill_takes_nothing_that_was_written(make_file, tmp_path):
    file = make_file("OFF")
    file.commit(1)
    outcomes = {tuple(file.survivors(tmp_path, seed, power_cut=False)) for seed in range(20)}
    assert {(0, 1)} == outcomes


@pytest.mark.parametrize("power_cut", [True, False])
def test_a_kill_inside_a_commit_leaves_it_whole_or_not_at_all(make_file, tmp_path, power_cut):
    file = make_file("FULL")
    file.commit(1)
    file.commit(2)
    outcomes = {
        tuple(file.survivors(tmp_path, seed, power_cut=power_cut, in_commit=True)) for seed in range(40)
    }
    assert {(0, 1), (0, 1, 2)} == outcomes
