"""A log file that starts anew without being renamed."""

import errno
import os
from datetime import datetime, tzinfo
from pathlib import Path

import pytest

from hybrid_bridge.errors import ConfigurationError
from hybrid_bridge.logs import file as file_module
from hybrid_bridge.logs.file import RotatingFile


def old_files(path: Path) -> list[Path]:
    return sorted(one for one in path.parent.iterdir() if one != path)


def lines_of(paths: list[Path]) -> list[str]:
    return [line for path in paths for line in path.read_text(encoding="utf-8").splitlines()]


def test_a_full_file_is_put_aside_and_every_line_is_kept_once(tmp_path: Path) -> None:
    path = tmp_path / "bridge.log"
    file = RotatingFile(path, 100, 50, pytest.fail)
    written = [f"line {number:03} ü" for number in range(60)]
    for line in written:
        file.write(line)
    file.close()
    assert max(one.stat().st_size for one in [path, *old_files(path)]) <= 100
    assert lines_of([*old_files(path), path]) == written


def test_the_file_itself_is_the_same_file_after_it_started_anew(tmp_path: Path) -> None:
    path = tmp_path / "bridge.log"
    file = RotatingFile(path, 20, 5, pytest.fail)
    file.write("a" * 15)
    with path.open("rb") as an_editor:
        before = os.fstat(an_editor.fileno()).st_ino
        file.write("b" * 15)
        assert an_editor.read() == b"b" * 15 + b"\n"
    file.close()
    assert path.stat().st_ino == before


def test_contents_put_aside_within_one_step_of_the_clock_are_all_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class StoppedClock(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> "StoppedClock":
            return cls(2026, 1, 2, 3, 4, 5, 678_900, tz)

    monkeypatch.setattr(file_module, "datetime", StoppedClock)
    path = tmp_path / "bridge.log"
    file = RotatingFile(path, 10, 50, pytest.fail)
    written = [f"line {number}" for number in range(9)]
    for line in written:
        file.write(line)
    file.close()
    assert lines_of([*old_files(path), path]) == written


def test_only_so_many_old_files_are_kept_and_others_are_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "bridge[1].log"
    (tmp_path / "bridge[1].log.notes").touch()
    (tmp_path / "bridge1.log.20200101T000000.000000Z").touch()
    file = RotatingFile(path, 10, 2, pytest.fail)
    for number in range(6):
        file.write(f"line {number}")
    file.close()
    names = {one.name for one in old_files(path)}
    assert len([name for name in names if name.startswith("bridge[1].log.2")]) == 2
    assert {"bridge[1].log.notes", "bridge1.log.20200101T000000.000000Z"} < names
    assert lines_of([one for one in old_files(path) if one.name.startswith("bridge[1].log.2")]) == [
        "line 3",
        "line 4",
    ]


def test_a_file_of_an_earlier_run_is_continued(tmp_path: Path) -> None:
    path = tmp_path / "bridge.log"
    path.write_text("before\n", encoding="utf-8")
    file = RotatingFile(path, 100, 1, pytest.fail)
    file.write("after")
    file.close()
    assert path.read_text(encoding="utf-8") == "before\nafter\n"


def test_contents_that_cannot_be_put_aside_stay_and_the_log_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "bridge.log"
    problems: list[str] = []
    file = RotatingFile(path, 100, 10, problems.append)

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("shutil.copyfileobj", full)
    for number in range(12):
        file.write(f"line {number:03}:")
    assert path.read_text(encoding="utf-8").count("line") == 12
    assert len(problems) == 2, "once when full, once after another tenth"
    assert "No space left on device" in problems[0]
    assert old_files(path) == []
    monkeypatch.undo()
    for number in range(12, 24):
        file.write(f"line {number:03}:")
    file.close()
    assert lines_of([*old_files(path), path]) == [f"line {number:03}:" for number in range(24)]


def test_a_file_that_cannot_be_opened_is_a_configuration_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigurationError, match=r"LOG_FILE: .*cannot be written"):
        RotatingFile(tmp_path / "file" / "bridge.log", 100, 1, pytest.fail)


def test_folders_are_made(tmp_path: Path) -> None:
    file = RotatingFile(tmp_path / "a" / "b" / "bridge.log", 100, 1, pytest.fail)
    file.close()
    assert (tmp_path / "a" / "b" / "bridge.log").exists()


def test_what_utf8_cannot_hold_is_spelt_out(tmp_path: Path) -> None:
    file = RotatingFile(tmp_path / "bridge.log", 100, 1, pytest.fail)
    file.write("broken \ud800 surrogate")
    file.close()
    assert (tmp_path / "bridge.log").read_text(encoding="utf-8") == "broken \\ud800 surrogate\n"
