"""start_bridge.bat: what can be read off it, and what it does in the cmd.exe of Wine."""

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.windows_python import WindowsPython, windows_path, windows_python

__all__ = ["windows_python"]

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
        ("redpanda", "start-redpanda.bat start"),
        ("redpanda", "start-redpanda.bat %OPTIONS%"),
        ("check", "hybrid_bridge.py check %OPTIONS%"),
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
    names = ("hybrid_bridge.py", "run_bridge.py", "start-redpanda.bat", ".env.example", "pyproject.toml")
    for name in names:
        assert (ROOT / name).is_file()
        assert any(name in line for line in LINES)


# What stands in for Python: it writes down its command line and ends as it is told.
PYTHON = """
#include <stdio.h>
#include <stdlib.h>
int main(int count, char **words) {
  FILE *calls = fopen(getenv("CALLS"), "a");
  fputs("python", calls);
  for (int i = 1; i < count; i++) fprintf(calls, " %s", words[i]);
  fputs("\\n", calls);
  fclose(calls);
  return count > 1 && words[1][0] != '-' ? atoi(getenv("CODE_TO_END_WITH")) : 0;
}
"""
REDPANDA = '@echo off\r\necho start-redpanda %*>>"%CALLS%"\r\nexit /b 0\r\n'


def wait_for(words: str, process: subprocess.Popen[str]) -> None:
    """Wait until a program has said these words; it must not end before."""
    assert process.stdout
    said = ""
    while not said.endswith(words):
        letter = process.stdout.read(1)
        assert letter, said
        said += letter


@dataclass
class Bench:
    """A copy of the script, with stand-ins for Python and for start-redpanda.bat."""

    folder: Path
    windows: WindowsPython

    def start(self, *words: str, code: int = 0) -> subprocess.Popen[str]:
        told = {"CALLS": windows_path(self.folder / "calls"), "CODE_TO_END_WITH": str(code)}
        return subprocess.Popen(
            ["wine", "cmd", "/c", windows_path(self.folder / "start_bridge.bat"), *words],
            env={**os.environ, **self.windows.environment(**told)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="replace",
        )

    def run(self, *words: str, code: int = 0) -> tuple[int, str]:
        """Run it to its end; return its exit code and what it said."""
        with self.start(*words, code=code) as process:
            said, _ = process.communicate(timeout=100)
        return process.returncode, said

    def choose(self, *choices: str) -> int:
        """Type a choice each time the menu comes; return the exit code."""
        with self.start() as process:
            assert process.stdin
            for choice in choices:
                wait_for("Your choice: ", process)
                process.stdin.write(f"{choice}\n")
                process.stdin.flush()
            process.communicate(timeout=100)
        return process.returncode

    @property
    def calls(self) -> list[str]:
        """What was started, except for the question whether everything is installed."""
        lines = (self.folder / "calls").read_text(encoding="utf-8").splitlines()
        return [line.replace('"', "").rstrip() for line in lines if not line.startswith("python -c")]


@pytest.fixture
def bench(windows_python: WindowsPython, tmp_path: Path) -> Bench:
    folder = tmp_path / "my bridge"
    (folder / ".venv" / "Scripts").mkdir(parents=True)
    shutil.copy2(ROOT / "start_bridge.bat", folder)
    (folder / ".env").write_text("LOG_LEVEL=INFO\n", encoding="utf-8")
    (folder / "start-redpanda.bat").write_bytes(REDPANDA.encode())
    source = tmp_path / "python.c"
    source.write_text(PYTHON, encoding="utf-8")
    program = folder / ".venv" / "Scripts" / "python.exe"
    subprocess.run(["x86_64-w64-mingw32-gcc", "-o", str(program), str(source)], check=True, timeout=60)
    return Bench(folder, windows_python)


@pytest.mark.windows
def test_options_and_exit_codes_are_passed_on(bench: Bench) -> None:
    code, said = bench.run("check", "--json", "--env-file", "my.env", code=2)
    assert (code, bench.calls) == (2, ["python hybrid_bridge.py check --json --env-file my.env"])
    assert "The settings need a correction, see above." in said
    assert (bench.run("redpanda", "status")[0], bench.calls[1:]) == (0, ["start-redpanda status"])


@pytest.mark.windows
def test_the_menu_comes_again_until_one_quits(bench: Bench) -> None:
    assert (bench.choose("4", "5", "1", "9"), bench.calls) == (
        0,
        ["start-redpanda start", "python hybrid_bridge.py check", "python hybrid_bridge.py"],
    )
