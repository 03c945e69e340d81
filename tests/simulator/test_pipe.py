"""The pipe of the simulated terminal, at which the genuine package connects; and no pipe elsewhere.

What clients see through it is in tests/conformance.
"""

import json
from pathlib import Path
from typing import Any

import pytest
from tests.windows_python import WindowsPython, windows_python

from hybrid_bridge.simulator.server import BAD_OPTIONS, main

__all__ = ["windows_python"]

PROGRAM = Path(__file__).with_name("pipe_clients.py")


@pytest.fixture(scope="module")
def seen(windows_python: WindowsPython) -> dict[str, Any]:
    """Give what pipe_clients.py saw in a Windows Python."""
    ended = windows_python.run(PROGRAM, timeout_s=100)
    assert ended.returncode == 0, ended.stderr[-3000:]
    found: dict[str, Any] = json.loads(ended.stdout)
    return found


@pytest.mark.windows
def test_a_program_that_is_not_there_is_explained(seen: dict[str, Any]) -> None:
    code, words = seen["missing"]
    assert code == BAD_OPTIONS
    assert "does not exist; an empty file will do: type nul > " in words
    code, words = seen["folder"]
    assert code == BAD_OPTIONS
    assert "is a folder; name the program in it" in words


@pytest.mark.windows
def test_port_and_pipe_are_served_together(seen: dict[str, Any]) -> None:
    assert seen["ready"]["simulator"].startswith("127.0.0.1:")
    assert seen["ready"]["pipe"].startswith("\\\\.\\pipe\\MT5.Terminal.")


@pytest.mark.windows
def test_every_spelling_of_the_path_finds_the_pipe(seen: dict[str, Any]) -> None:
    assert [True] * 4 == seen["spellings"]


@pytest.mark.windows
def test_the_terminal_says_that_it_lives_where_its_program_does(seen: dict[str, Any]) -> None:
    assert seen["folder of the program"] == seen["path"]


@pytest.mark.windows
def test_a_second_terminal_for_the_same_program_is_refused(seen: dict[str, Any]) -> None:
    code, words = seen["second"]
    assert code == BAD_OPTIONS
    assert "already; end it, or name another file" in words


@pytest.mark.windows
def test_clients_that_come_and_go_at_once_always_find_it(seen: dict[str, Any]) -> None:
    assert [60, 60, 60] == seen["crowd"]


@pytest.mark.windows
def test_a_terminal_may_start_again_where_one_was_killed(seen: dict[str, Any]) -> None:
    assert [True, True] == seen["after a kill"]


@pytest.mark.not_on_windows("Windows has pipes")
def test_elsewhere_a_pipe_is_refused_with_the_way_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert BAD_OPTIONS == main(["--pipe", str(tmp_path / "terminal64.exe")])
    assert (
        "--pipe: only Windows has the pipes of terminals; serve a port with --listen"
        in capsys.readouterr().err
    )
