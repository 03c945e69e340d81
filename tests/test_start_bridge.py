"""start_bridge.bat, as far as it can be judged without Windows."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
CONTENT = (ROOT / "start_bridge.bat").read_bytes()
LINES = CONTENT.decode("ascii").splitlines()


def test_its_lines_end_as_windows_wants_them() -> None:
    # cmd.exe loses labels in files whose lines end in a line feed alone.
    assert CONTENT.count(b"\n") == CONTENT.count(b"\r\n") == len(LINES)


def test_every_jump_has_its_label_once_and_every_label_is_reached() -> None:
    labels = [line[1:].strip() for line in LINES if re.match(r":[a-z]", line)]
    code = [line for line in LINES if not line.startswith("rem")]
    jumps = {match[1] for line in code for match in re.finditer(r"\b(?:goto |call :)(\w+)", line)}
    fallen_into = {"menu", "chosen", "have_venv", "done"}
    assert sorted(set(labels)) == sorted(labels)
    assert jumps <= set(labels)
    assert set(labels) - jumps <= fallen_into


@pytest.mark.parametrize(
    ("word", "command"),
    [
        ("hybrid", "hybrid_bridge.py %OPTIONS%"),
        ("websocket", "run_bridge.py %OPTIONS%"),
        ("demo", "hybrid_bridge.py --demo %OPTIONS%"),
        ("limits", "hybrid_bridge.py limits %OPTIONS%"),
        ("settings", 'start "" notepad .env'),
        ("log", 'start "" notepad "%LOG_FILE%"'),
    ],
)
def test_each_choice_leads_to_its_command(word: str, command: str) -> None:
    assert any(re.fullmatch(rf'if /i "%CHOICE%"=="{word}" +goto {word}', line) for line in LINES)
    start = LINES.index(f":{word}")
    assert [line for line in LINES[start : start + 12] if line.endswith(command)]


def test_the_files_that_it_starts_and_copies_are_there() -> None:
    for name in ("hybrid_bridge.py", "run_bridge.py", ".env.example", "pyproject.toml"):
        assert (ROOT / name).is_file()
        assert any(name in line for line in LINES)
