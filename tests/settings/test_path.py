"""Paths of terminals as people type them."""

import sys
from pathlib import Path

import pytest

from hybrid_bridge.settings.path import clean_path, validate_mt5_path


@pytest.fixture
def terminal(tmp_path: Path) -> Path:
    folder = tmp_path / "MetaTrader 5"
    folder.mkdir()
    program = folder / "terminal64.exe"
    program.touch()
    return program


@pytest.mark.parametrize("around", ["{}", '"{}"', "'{}'", '  "{}" ', " {} ", "“{}”"])
def test_quotes_and_blanks_around_the_path_do_not_matter(terminal: Path, around: str) -> None:
    check = validate_mt5_path(around.format(terminal))
    assert (check.ok, bool(check), check.path) == (True, True, str(terminal))
    assert str(check) == f"OK: {terminal} is a terminal program"


def test_what_dotenv_made_of_backslashes_in_double_quotes_is_undone() -> None:
    assert clean_path("C:\new\terminal64.exe") == r"C:\new\terminal64.exe"
    assert clean_path("D:\broker\alpha\format\version\right.exe") == (
        r"D:\broker\alpha\format\version\right.exe"
    )


def test_the_folder_of_a_terminal_is_answered_with_the_path_of_its_program(terminal: Path) -> None:
    check = validate_mt5_path(terminal.parent)
    assert not check
    assert str(check) == (
        f"Not usable: {terminal.parent} is a folder; add the program's name to it: {terminal}"
    )


def test_any_other_folder_is_said_to_be_one(tmp_path: Path) -> None:
    assert f"{tmp_path} is a folder without terminal64.exe" in str(validate_mt5_path(tmp_path))


@pytest.mark.parametrize("name", ["metaeditor64.exe", "MetaTester64.exe", "MetaTrader 5.lnk"])
def test_programs_beside_the_terminal_are_not_taken_for_it(terminal: Path, name: str) -> None:
    other = terminal.with_name(name)
    other.touch()
    check = validate_mt5_path(other)
    assert (check.ok, check.detail) == (
        False,
        f"{other} is not the terminal; give the full path of terminal64.exe instead",
    )


def test_a_missing_file_is_named_with_what_to_do() -> None:
    check = validate_mt5_path("C:/Program Files/Nowhere/terminal64.exe")
    assert not check.ok
    assert check.detail.startswith("no file at C:/Program Files/Nowhere/terminal64.exe; ")
    if sys.platform != "win32":
        assert check.detail.endswith("use the simulated terminal")


@pytest.mark.parametrize("path", ["", "  ", '""'])
def test_an_empty_path_is_said_to_be_empty(path: str) -> None:
    assert validate_mt5_path(path).detail == "the path is empty; give the full path of terminal64.exe"


def test_a_path_that_no_system_can_hold_is_no_exception() -> None:
    assert not validate_mt5_path("C:/a\0b/terminal64.exe")
    assert not validate_mt5_path("x" * 100_000)
