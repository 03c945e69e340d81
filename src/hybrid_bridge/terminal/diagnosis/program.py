"""The terminal's program: is it where MT5_PATH says, is it one, does it run, does it let programs in.

Looks at files, at the processes that it is told of and at the pipe's name. Starts nothing and connects to
nothing. Called by `inspection`.
"""

import ntpath
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from hybrid_bridge.findings import Fault, Finding, Verdict, well, wrong
from hybrid_bridge.settings.path import OTHER_PROGRAMS, TERMINAL_PROGRAM
from hybrid_bridge.terminal.diagnosis import pipe
from hybrid_bridge.terminal.diagnosis.faults import fault

MT4_PROGRAM = "terminal.exe"
PROGRAM_MARK = b"MZ"  # What every Windows program begins with.
PATH_STEP, RUNS_STEP = "MT5_PATH", "terminal runs"
SHOWN_MAX = 5


@dataclass(frozen=True, slots=True)
class Installed:
    """What is on this PC.

    Attributes:
        terminals: the programs of the terminals that were found, without the one that MT5_PATH names.
        running: the programs of the terminals that run; "" for one that the system does not tell.
    """

    terminals: Sequence[str] = ()
    running: Sequence[str] = ()


@dataclass(slots=True)
class Program:
    """The terminal that is meant.

    Attributes:
        path: what initialize() is to be given; "" leaves the choice to the package.
    """

    path: str
    installed: Installed

    def look_at_path(self) -> Finding:
        """See whether MT5_PATH is a terminal's program; without one, which terminal would be taken."""
        if not self.path:
            return self._look_without_path()
        path = Path(self.path)
        try:
            if path.is_dir():
                return wrong(PATH_STEP, self._folder_fault(path))
            is_file = path.is_file()
        except (OSError, ValueError) as error:
            return wrong(PATH_STEP, fault("path_missing", f"{self.path}: {error}", known=self._known()))
        if not is_file:
            return wrong(PATH_STEP, fault("path_missing", self.path, known=self._known()))
        name = ntpath.basename(self.path).lower()
        if name in (*OTHER_PROGRAMS, MT4_PROGRAM) or not name.endswith(".exe"):
            seen = f"{self.path} is MetaTrader 4" if name == MT4_PROGRAM else self.path
            return wrong(PATH_STEP, fault("path_other", seen, known=self._known()))
        return well(PATH_STEP, self.path)

    def look_at_process(self) -> Finding:
        """See whether the terminal runs and lets programs in, without starting it as the package would."""
        for path in self._candidates():
            if pipe.listens(Path(path)):
                self.path = path
                return well(RUNS_STEP, f"{path} lets programs in")
        running = self.installed.running
        meant = [path for path in running if not path or self._is_meant(path)]
        if meant:
            seen = ", ".join(path or TERMINAL_PROGRAM for path in meant[:SHOWN_MAX])
            return wrong(RUNS_STEP, fault("terminal_shut", f"{seen} runs, no pipe for programs"))
        if self.path and not _is_program(Path(self.path)):
            return wrong(RUNS_STEP, fault("path_no_program", f"{self.path} does not begin with MZ"))
        shown = self.path or TERMINAL_PROGRAM
        return wrong(RUNS_STEP, fault("terminal_off", f"no process of {shown}{self._others()}"))

    def _look_without_path(self) -> Finding:
        found = self.installed.terminals
        if not found:
            return wrong(
                PATH_STEP, fault("terminal_none", f"MT5_PATH is empty, none was found{self._others()}")
            )
        if len(found) == 1:
            return well(PATH_STEP, f"not set; {found[0]} is the only one")
        doubt = fault("terminals_several", _listed(found))
        return Finding(PATH_STEP, Verdict.NOTE, f"{doubt}", doubt)

    def _folder_fault(self, folder: Path) -> Fault:
        program = folder / TERMINAL_PROGRAM
        if program.is_file():
            return fault("path_folder", str(folder), program=program)
        seen = f"{folder} is a folder without {TERMINAL_PROGRAM}"
        return fault("path_missing", seen, known=self._known())

    def _known(self) -> str:
        """Return what to set MT5_PATH to, as far as that can be told."""
        found = self.installed.terminals
        return f"; found on this PC: {_listed(found)}" if found else ""

    def _others(self) -> str:
        """Return what runs instead: a portable terminal is not found by itself."""
        running = [path for path in self.installed.running if path]
        return f"; {_listed(running)} runs" if running else ""

    def _candidates(self) -> Sequence[str]:
        return [self.path] if self.path else self.installed.terminals

    def _is_meant(self, running: str) -> bool:
        return ntpath.normcase(running) in {ntpath.normcase(path) for path in self._candidates()}


def _is_program(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(len(PROGRAM_MARK)) == PROGRAM_MARK
    except OSError:
        return True  # What may not be read may well be run.


def _listed(paths: Sequence[str]) -> str:
    more = f" and {len(paths) - SHOWN_MAX} more" if len(paths) > SHOWN_MAX else ""
    return ", ".join(paths[:SHOWN_MAX]) + more
