"""start_bridge.bat in a folder of its own, in the cmd.exe of Wine, with stand-ins for what it starts.

The stand-ins write down how they were called. What they answer is set by `Door.answer`: the exit code of
every call whose command line holds some words. `Door.start` gives a running program with a keyboard:
`read_until` and `type_line`.
"""

import os
import shutil
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

from tests.windows_python import WindowsPython, windows_path

ROOT = Path(__file__).parent.parent
SCRIPT = "start_bridge.bat"
# Python, py and Notepad in one: which it is, its name tells.
STAND_IN = r"""
#include <windows.h>
#include <stdio.h>
#include <wchar.h>

static wchar_t line[8192], own[4096];

static int answer_to_line(void) {
  FILE *answers = _wfopen(_wgetenv(L"ANSWERS"), L"rt, ccs=UTF-8");
  wchar_t read[1024];
  int code = 0;
  while (answers && fgetws(read, 1024, answers)) {
    wchar_t *words = wcschr(read, L'\t');
    if (!words) continue;
    *words++ = 0;
    words[wcscspn(words, L"\r\n")] = 0;
    if (wcsstr(line, words)) code = _wtoi(read);
  }
  if (answers) fclose(answers);
  return code;
}

int wmain(int count, wchar_t **words) {
  GetModuleFileNameW(NULL, own, 4096);
  wchar_t *name = wcsrchr(own, L'\\') + 1;
  wcscat(line, wcsstr(own, L".venv") ? L"venv" : name);
  for (int i = 1; i < count; i++) { wcscat(line, L" "); wcscat(line, words[i]); }
  FILE *calls = _wfopen(_wgetenv(L"CALLS"), L"at, ccs=UTF-8");
  fwprintf(calls, L"%ls\n", line);
  fclose(calls);
  int code = answer_to_line();
  if (wcsstr(line, L"-m venv") && !code) {
    CreateDirectoryW(L".venv", NULL);
    CreateDirectoryW(L".venv\\Scripts", NULL);
    CopyFileW(own, L".venv\\Scripts\\python.exe", FALSE);
  }
  if (wcsstr(line, L"hybrid_bridge.py update") && !code) CopyFileW(L"new.bat", L"start_bridge.bat", FALSE);
  return code;
}
"""
REDPANDA = '@echo off\r\necho start-redpanda %*>>"%CALLS%"\r\nexit /b 0\r\n'
# What Windows' own timeout does where nobody can press a key.
TIMEOUT = '@echo off\r\necho timeout %*>>"%CALLS%"\r\nexit /b 1\r\n'


def compile_stand_in(folder: Path) -> Path:
    """Make the program that stands in for others."""
    source, program = folder / "stand_in.c", folder / "stand_in.exe"
    source.write_text(STAND_IN, encoding="utf-8")
    command = ["x86_64-w64-mingw32-gcc", "-municode", "-O1", "-s", "-o", str(program), str(source)]
    subprocess.run(command, check=True, timeout=60)
    return program


@dataclass
class Run:
    """A program that is being typed to."""

    process: subprocess.Popen[str]
    said: str = ""

    def read_until(self, words: str) -> None:
        """Wait until it has said these words; it must not end before."""
        assert self.process.stdout
        heard = ""
        while not heard.endswith(words):
            letter = self.process.stdout.read(1)
            assert letter, f"it ended before it said {words!r}: {self.said}"
            heard += letter
            self.said += letter

    def type_line(self, text: str = "") -> None:
        """Type something and press Enter."""
        assert self.process.stdin
        self.process.stdin.write(f"{text}\n")
        self.process.stdin.flush()

    def choose(self, *choices: str) -> None:
        """Make a choice whenever the menu comes."""
        for choice in choices:
            self.read_until("Your choice: ")
            self.type_line(choice)

    def end(self) -> int:
        """Wait for its end, with no more keys; return its exit code."""
        rest, _ = self.process.communicate(timeout=100)
        self.said += rest
        return self.process.returncode


@dataclass
class Door:
    """A copy of start_bridge.bat with what it needs beside it."""

    folder: Path
    windows: WindowsPython
    stand_in: Path
    runs: list[Run] = field(default_factory=list)

    def __post_init__(self) -> None:
        (self.folder / "src" / "hybrid_bridge").mkdir(parents=True)
        (self.folder / "src" / "hybrid_bridge" / "installation.py").touch()
        self.bin.mkdir()
        shutil.copy2(ROOT / SCRIPT, self.folder)
        (self.folder / ".env.example").write_text("#MT5_LOGIN=\n", encoding="utf-8")
        (self.folder / "start-redpanda.bat").write_bytes(REDPANDA.encode())
        (self.bin / "timeout.bat").write_bytes(TIMEOUT.encode())
        shutil.copy2(self.stand_in, self.folder / "notepad.exe")
        self.calls_file = self.bin / "calls"
        self.answers_file = self.bin / "answers"

    @property
    def bin(self) -> Path:
        return self.folder.parent / "bin"

    def set_up(self) -> None:
        """Leave what a first start leaves."""
        (self.folder / ".env").write_text("LOG_LEVEL=INFO\n", encoding="utf-8")
        scripts = self.folder / ".venv" / "Scripts"
        scripts.mkdir(parents=True)
        shutil.copy2(self.stand_in, scripts / "python.exe")

    def offer(self, name: str) -> None:
        """Put a Python, or the launcher of Pythons, on PATH."""
        shutil.copy2(self.stand_in, self.bin / name)

    def answer(self, code: int, words: str) -> None:
        """Let every call whose command line holds these words end so; later answers go first."""
        with self.answers_file.open("a", encoding="utf-8") as file:
            file.write(f"{code}\t{words}\n")

    def start(self, *words: str, before: str = "", **environment: str) -> Run:
        """Start it with these words.

        Args:
            before: a line that is typed to cmd before it.
        """
        # Wine's cmd takes what begins with "start" for its own command, unless a folder stands before it.
        typed = ["@echo off", before, f".\\{SCRIPT} {' '.join(words)}"]
        (self.bin / "typed.bat").write_bytes("".join(f"{line}\r\n" for line in typed).encode())
        told = {
            "CALLS": windows_path(self.calls_file),
            "ANSWERS": windows_path(self.answers_file),
            "WINEPATH": windows_path(self.bin),
            **environment,
        }
        process = subprocess.Popen(
            ["wine", "cmd", "/c", "typed.bat"],
            cwd=self.folder,
            env={**os.environ, **self.windows.environment(**told)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="replace",
        )
        self.runs.append(Run(process))
        return self.runs[-1]

    def run(self, *words: str, before: str = "", **environment: str) -> tuple[int, str]:
        """Run it to its end, with no keyboard; return its exit code and what it said."""
        run = self.start(*words, before=before, **environment)
        return run.end(), run.said

    @property
    def calls(self) -> list[str]:
        """What was started, in order, without the looks at .venv that found it ready."""
        if not self.calls_file.exists():
            return []
        lines = self.calls_file.read_text(encoding="utf-8-sig").splitlines()
        return [line.rstrip() for line in lines if line.rstrip() not in LOOKS]

    def close(self) -> None:
        """End what a failed test left behind."""
        for run in self.runs:
            if run.process.poll() is None:
                run.process.kill()
                run.process.communicate(timeout=30)

    def wait_for_calls(self, count: int) -> list[str]:
        """Wait for programs that start_bridge.bat starts and does not wait for."""
        deadline = time.monotonic() + 20
        while len(self.calls) < count and time.monotonic() < deadline:
            time.sleep(0.02)
        return self.calls


INSTALLATION = r"-I src\hybrid_bridge\installation.py"
LOOKS = {f"venv {INSTALLATION} state", "venv -c import hybrid_bridge.settings, structlog"}
