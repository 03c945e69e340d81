"""The terminals that are installed on a PC, in folders as MetaTrader leaves them."""

from collections.abc import Callable
from pathlib import Path

import pytest

from hybrid_bridge.settings.terminals import DATA_FOLDER, PROGRAM_FOLDERS, find_terminals

Make = Callable[..., str]


@pytest.fixture(autouse=True)
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in PROGRAM_FOLDERS:
        monkeypatch.setenv(name, str(tmp_path / "Program Files"))
    monkeypatch.setenv(DATA_FOLDER, str(tmp_path / "Roaming"))


@pytest.fixture
def install(tmp_path: Path) -> Make:
    def make(folder: Path, *, program: str = "terminal64.exe") -> str:
        folder.mkdir(parents=True)
        (folder / program).write_bytes(b"MZ")
        return str(folder / program)

    return make


def was_started(tmp_path: Path, folder: Path | str, name: str = "D0E8", encoding: str = "utf-16") -> None:
    data = tmp_path / "Roaming" / "MetaQuotes" / "Terminal" / name
    data.mkdir(parents=True)
    (data / "origin.txt").write_bytes(str(folder).encode(encoding))


def test_none_where_nothing_is_installed():
    assert [] == find_terminals()


def test_without_the_folders_of_windows_there_is_none(monkeypatch):
    for name in (*PROGRAM_FOLDERS, DATA_FOLDER):
        monkeypatch.delenv(name)
    assert [] == find_terminals()


def test_one_in_the_programs_folder_is_found_before_its_first_start(tmp_path, install):
    found = install(tmp_path / "Program Files" / "MetaTrader 5")
    install(tmp_path / "Program Files" / "MetaTrader 4", program="terminal.exe")
    assert [found] == find_terminals()


@pytest.mark.parametrize("encoding", ["utf-16", "utf-8-sig", "utf-8"])
def test_one_anywhere_is_found_after_its_first_start(tmp_path, install, encoding):
    found = install(tmp_path / "D" / "Мой брокер & Co")
    was_started(tmp_path, tmp_path / "D" / "Мой брокер & Co", encoding=encoding)
    assert [found] == find_terminals()


def test_one_that_is_found_both_ways_is_one(tmp_path, install):
    found = install(tmp_path / "Program Files" / "MetaTrader 5")
    was_started(tmp_path, tmp_path / "Program Files" / "MetaTrader 5")
    other = install(tmp_path / "Program Files" / "A Broker MT5")
    assert [other, found] == find_terminals()


def test_one_that_was_removed_is_not_found(tmp_path):
    was_started(tmp_path, tmp_path / "gone")
    assert [] == find_terminals()


@pytest.mark.parametrize("content", [b"", b"\xff\xfe\x00", b"\xff", b"a\x00b", b"\xff\xfe\x00\x00\x41\x00"])
def test_a_damaged_note_hides_no_other_terminal(tmp_path, install, content):
    found = install(tmp_path / "D")
    was_started(tmp_path, tmp_path / "D")
    was_started(tmp_path, "", "FFFF")
    (tmp_path / "Roaming" / "MetaQuotes" / "Terminal" / "FFFF" / "origin.txt").write_bytes(content)
    assert [found] == find_terminals()
