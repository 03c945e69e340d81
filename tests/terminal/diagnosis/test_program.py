"""The terminal's program: files and processes as they may stand on a PC, made for real."""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from hybrid_bridge.findings import Verdict
from hybrid_bridge.health import HealthChecker
from hybrid_bridge.terminal.diagnosis.program import Installed, Program


@pytest.fixture
def program(tmp_path: Path) -> Path:
    """A file that begins like a Windows program."""
    path = tmp_path / "My Broker Ü" / "terminal64.exe"
    path.parent.mkdir()
    path.write_bytes(b"MZ and more")
    return path


def path_fault(path: object, *known: str):
    finding = Program(str(path), Installed(known)).look_at_path()
    assert finding.fault is not None
    return finding.fault


def process_fault(path: object, running: list[str]):
    finding = Program(str(path), Installed((), running)).look_at_process()
    assert finding.fault is not None
    return finding.fault


def test_a_program_that_is_there(program):
    finding = Program(str(program), Installed()).look_at_path()
    assert (Verdict.OK, str(program)) == (finding.verdict, finding.seen)


def test_no_such_path_comes_with_the_ones_that_there_are(tmp_path):
    fault = path_fault(tmp_path / "terminal64.exe", r"C:\A\terminal64.exe")
    assert ("path_missing", str(tmp_path / "terminal64.exe")) == (fault.key, fault.seen)
    assert fault.mend == (
        "set MT5_PATH to the terminal64.exe that you log in with; found on this PC: C:\\A\\terminal64.exe"
    )
    assert "path_missing" == path_fault("\0").key


def test_a_folder_with_and_without_the_program(program, tmp_path):
    fault = path_fault(program.parent)
    assert ("path_folder", f"set it to the program in that folder, MT5_PATH={program}") == (
        fault.key,
        fault.mend,
    )
    assert "path_missing" == path_fault(tmp_path).key


@pytest.mark.parametrize("name", ["metaeditor64.exe", "terminal.exe", "MetaTrader 5.lnk"])
def test_another_file_than_the_terminal(tmp_path, name):
    (tmp_path / name).touch()
    fault = path_fault(tmp_path / name)
    assert "path_other" == fault.key
    assert ("is MetaTrader 4" in fault.seen) is (name == "terminal.exe")


def test_without_a_path_the_terminals_that_are_installed_decide():
    none = Program("", Installed()).look_at_path()
    assert none.fault is not None
    assert ("terminal_none", "MT5_PATH is empty, none was found") == (none.fault.key, none.fault.seen)
    portable = Program("", Installed((), [r"D:\Portable\terminal64.exe"])).look_at_path()
    assert portable.seen.endswith(r"none was found; D:\Portable\terminal64.exe runs)")
    one = Program("", Installed((r"C:\A\terminal64.exe",))).look_at_path()
    assert (Verdict.OK, r"not set; C:\A\terminal64.exe is the only one") == (one.verdict, one.seen)
    many = Program("", Installed([f"C:\\{letter}\\terminal64.exe" for letter in "ABCDEFG"])).look_at_path()
    assert many.fault is not None
    assert (Verdict.NOTE, "terminals_several") == (many.verdict, many.fault.key)
    assert many.fault.seen.endswith(r"C:\E\terminal64.exe and 2 more")


def test_a_terminal_that_does_not_run(program):
    fault = process_fault(program, [])
    assert ("terminal_off", f"no process of {program}") == (fault.key, fault.seen)
    other = process_fault(program, [r"C:\Other\terminal64.exe"])
    assert other.seen == f"no process of {program}; C:\\Other\\terminal64.exe runs"


def test_a_file_that_is_no_program(program):
    program.write_bytes(b"")
    fault = process_fault(program, [])
    assert ("path_no_program", f"{program} does not begin with MZ") == (fault.key, fault.seen)


@pytest.fixture
def running(program: Path) -> Iterator[str]:
    """A process of a program called terminal64.exe that lets nobody in."""
    sleeper = shutil.which("sleep")
    assert sleeper is not None
    shutil.copy(sleeper, program)
    with subprocess.Popen([program, "60"]) as process:
        yield str(program)
        process.kill()


@pytest.mark.not_on_windows("Wine tells no names of processes, and sleep is no program of Windows")
def test_a_terminal_that_runs_and_lets_no_program_in(running: str):
    found = [terminal["path"] for terminal in HealthChecker.check_mt5_process()["terminals"]]
    assert running in found
    fault = process_fault(running, found)
    assert ("terminal_shut", f"{running} runs, no pipe for programs") == (fault.key, fault.seen)
    assert "Tools > Options > Community" in fault.mend


def test_a_terminal_whose_program_is_not_told_may_be_the_one(program):
    assert "terminal_shut" == process_fault(program, [""]).key


def test_upper_and_lower_case_are_one_on_windows():
    finding = Program(r"C:\MT5\terminal64.exe", Installed((), [r"c:\mt5\TERMINAL64.EXE"])).look_at_process()
    assert finding.fault is not None
    assert "terminal_shut" == finding.fault.key
