"""A terminal64.exe for tests on Windows, which the genuine package starts as it starts a terminal.

It is this Python under that name, without arguments: it does what the test wants as soon as it is up, and
nothing when it is started under its own name.
"""

import os
import shutil
import sys
from pathlib import Path

import psutil

START = """
import os, sys
if os.path.basename(sys.executable).lower() == "terminal64.exe":
    with open(os.environ["TERMINAL_STARTS"], "a") as starts:
        starts.write(f"{os.getpid()}\\n")
    os.add_dll_directory(os.environ["PYTHONHOME"])
"""


class TerminalProgram:
    """The program and the processes that it was started as.

    Attributes:
        path: of the program.
        environment: what the process needs that starts it.
    """

    def __init__(self, folder: Path, does: str) -> None:
        """Make it.

        Args:
            does: its Python code.
        """
        folder.mkdir(exist_ok=True)
        self.path = folder / "terminal64.exe"
        self._starts = folder / "starts"
        shutil.copy(Path(sys.base_prefix) / "python.exe", self.path)
        body = "".join(f"    {line}\n" for line in does.strip().splitlines())
        (folder / "sitecustomize.py").write_text(START + body, encoding="utf-8")
        self.environment = {
            "PATH": os.pathsep.join([sys.base_prefix, os.environ.get("PATH", "")]),
            "PYTHONHOME": sys.base_prefix,
            "PYTHONPATH": os.pathsep.join([str(folder), os.environ.get("PYTHONPATH", "")]),
            "TERMINAL_STARTS": str(self._starts),
        }

    def starts(self) -> list[int]:
        """Return the process of each start."""
        text = self._starts.read_text(encoding="utf-8") if self._starts.exists() else ""
        return [int(line) for line in text.splitlines()]

    def running(self) -> list[int]:
        """Return the processes that live."""
        return [pid for pid in self.starts() if psutil.pid_exists(pid)]

    def end(self) -> None:
        """End them at once."""
        for pid in self.running():
            psutil.Process(pid).kill()
