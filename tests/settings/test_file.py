"""Reading `.env` files as people leave them."""

from pathlib import Path

import pytest

from hybrid_bridge.errors import ConfigurationError
from hybrid_bridge.settings.file import EnvFile, read_env_file


def read(folder: Path, content: str | bytes) -> EnvFile:
    path = folder / ".env"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_env_file(path)


def test_names_are_found_in_any_case_with_their_lines(tmp_path: Path) -> None:
    found = read(tmp_path, "\n# a comment\nMT5_LOGIN=1\n\n\nexport symbols = A,B  # mine\n")
    assert found.values == {"mt5_login": "1", "symbols": "A,B"}
    assert found.lines == {"mt5_login": 3, "symbols": 6}
    assert found.problems == []


def test_windows_line_ends_count_once(tmp_path: Path) -> None:
    assert read(tmp_path, "\r\n\r\nA=1\r\n\r\nB=2\r\n").lines == {"a": 3, "b": 5}


def test_a_name_twice_is_a_problem(tmp_path: Path) -> None:
    found = read(tmp_path, "MAX_VOLUME=1\nmax_volume=2\n")
    assert found.problems == [f"MAX_VOLUME: set twice, in lines 1 and 2 of {found.path}; keep one of them"]


def test_a_name_without_a_value_is_a_problem(tmp_path: Path) -> None:
    found = read(tmp_path, "MT5_LOGIN\n")
    assert found.problems == [f"line 1 of {found.path}: has no '=' behind the name; write NAME=value"]


def test_a_quotation_mark_left_open_is_a_problem_that_shows_no_value(tmp_path: Path) -> None:
    found = read(tmp_path, "MT5_PASSWORD='secret\nMT5_SERVER='Demo'\nMT5_LOGIN=1\n")
    assert found.problems
    assert not any("secret" in problem for problem in found.problems)


def test_a_value_over_several_lines_is_a_problem(tmp_path: Path) -> None:
    found = read(tmp_path, "MT5_PASSWORD='secret\nmore'\n")
    assert found.values == {}
    assert found.problems == [
        (
            f"line 1 of {found.path}: the value goes on over several lines; "
            "close the quotation mark on its first line"
        )
    ]


def test_a_path_in_double_quotes_is_one_line_whatever_its_backslashes_become(tmp_path: Path) -> None:
    assert read(tmp_path, r'MT5_PATH="C:\new\terminal64.exe"').problems == []


@pytest.mark.parametrize(
    "content", ["A=1".encode("utf-16"), "A=1".encode("utf-16-le"), "A=ü".encode("cp1252")]
)
def test_a_file_in_another_encoding_is_refused_with_the_remedy(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(ConfigurationError, match="is not UTF-8 text; save it again"):
        read(tmp_path, content)


def test_a_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot be read"):
        read_env_file(tmp_path)


def test_without_a_name_a_missing_file_is_an_empty_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert read_env_file(None) == EnvFile(tmp_path / ".env")
