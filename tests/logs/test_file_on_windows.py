"""The log file beside programs that have it open, as Windows lets them."""

import sys
from pathlib import Path

import pytest
from tests.windows_files import GENERIC_READ, GENERIC_WRITE, SHARE_NOTHING, SHARE_READ_WRITE, held_open

from hybrid_bridge.errors import ConfigurationError
from hybrid_bridge.logs.file import RotatingFile

pytestmark = pytest.mark.skipif(sys.platform != "win32", reason="only Windows locks a file that is open")


def old_files(path: Path) -> list[Path]:
    return sorted(one for one in path.parent.iterdir() if one != path)


def lines_of(path: Path) -> list[str]:
    found = [one.read_text(encoding="utf-8").splitlines() for one in [*old_files(path), path]]
    return [line for lines in found for line in lines]


@pytest.mark.parametrize("access", [GENERIC_READ, GENERIC_READ | GENERIC_WRITE], ids=["viewer", "editor"])
def test_it_rotates_and_loses_no_line_while_an_editor_has_it_open(tmp_path: Path, access: int) -> None:
    path = tmp_path / "Журнал моста.log"
    file = RotatingFile(path, 100, 50, pytest.fail)
    file.write("first")
    written = [f"line {number:03}" for number in range(40)]
    with held_open(path, SHARE_READ_WRITE, access), pytest.raises(PermissionError):
        path.rename(tmp_path / "renamed")  # What a rotation by renaming would have met.
    with held_open(path, SHARE_READ_WRITE, access):
        for line in written:
            file.write(line)
        assert len(old_files(path)) > 2
    file.close()
    assert ["first", *written] == lines_of(path)


def test_an_old_file_that_an_editor_shows_is_kept_and_removed_later(tmp_path: Path) -> None:
    path = tmp_path / "bridge.log"
    problems: list[str] = []
    file = RotatingFile(path, 10, 1, problems.append)
    for number in range(2):
        file.write(f"line {number:03}")
    (shown,) = old_files(path)
    with held_open(shown, SHARE_READ_WRITE):
        file.write("line 002")
        assert [True] == [f"{shown} is too old to be kept but cannot be removed" in said for said in problems]
    file.write("line 003")
    file.close()
    assert 1 == len(problems)
    assert ["line 002", "line 003"] == lines_of(path)


def test_a_program_that_wants_the_file_for_itself_is_refused_and_the_log_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "bridge.log"
    file = RotatingFile(path, 1000, 1, pytest.fail)
    file.write("before")
    with pytest.raises(PermissionError), held_open(path, SHARE_NOTHING):
        pass
    file.write("after")
    file.close()
    assert ["before", "after"] == lines_of(path)


def test_a_file_that_another_program_keeps_to_itself_is_said_to_be_so(tmp_path: Path) -> None:
    path = tmp_path / "bridge.log"
    path.touch()
    told = r"bridge\.log cannot be written \(Permission denied\); close it in the program"
    with held_open(path, SHARE_NOTHING), pytest.raises(ConfigurationError, match=told):
        RotatingFile(path, 100, 1, pytest.fail)
    RotatingFile(path, 100, 1, pytest.fail).close()
