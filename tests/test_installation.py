"""What start_bridge.bat asks of a Python before anything is installed."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from hybrid_bridge import installation
from hybrid_bridge.installation import (
    BRIDGE_RUNS,
    FOLDER_NOTE,
    INSTALLED_NOTE,
    READY,
    SECOND_CHOICE,
    SUITABLE,
    TO_INSTALL,
    TO_MAKE,
    UNSUITABLE,
    find_state,
    judge,
    note_done,
)
from hybrid_bridge.journal.instance_lock import LOCK_FILE, InstanceLock

HOME = r"C:\Users\me\AppData\Local\Programs\Python\Python312"
STORE = r"C:\Program Files\WindowsApps\PythonSoftwareFoundation.Python.3.12_3.12.2800.0_x64__qbz5n2kfra8p0"
FILE = Path(installation.__file__)


@pytest.mark.parametrize(
    ("version", "platform", "prefix", "complete", "code", "why"),
    [
        ((3, 11), "win-amd64", HOME, True, SUITABLE, ""),
        ((3, 14), "win-amd64", HOME, True, SUITABLE, ""),
        ((3, 11), "linux-x86_64", "/usr", True, SUITABLE, ""),
        ((3, 10), "win-amd64", HOME, True, UNSUITABLE, "older than 3.11"),
        ((3, 12), "win32", HOME, True, UNSUITABLE, "is for win32"),
        ((3, 12), "win-arm64", HOME, True, UNSUITABLE, "is for win-arm64"),
        ((3, 12), "win-amd64", HOME, False, UNSUITABLE, "without venv and pip"),
        ((3, 12), "win-amd64", STORE, True, SECOND_CHOICE, "Microsoft Store"),
        ((3, 10), "win-amd64", STORE, True, UNSUITABLE, "older than 3.11"),
    ],
)
def test_which_python_can_make_the_environment(version, platform, prefix, complete, code, why):
    found, said = judge(version, platform, prefix, complete=complete)
    assert (code, True, bool(why)) == (found, why in said, bool(said))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "Мой мост & Co"
    (folder / ".venv").mkdir(parents=True)
    (folder / "pyproject.toml").write_text("a", encoding="utf-8")
    return folder


class TestState:
    def test_what_was_noted_is_ready(self, root):
        assert TO_INSTALL == find_state(root, root / ".venv")
        note_done(root, root / ".venv")
        assert READY == find_state(root, root / ".venv")

    def test_what_the_project_needs_may_change(self, root):
        note_done(root, root / ".venv")
        (root / "pyproject.toml").write_text("b", encoding="utf-8")
        assert TO_INSTALL == find_state(root, root / ".venv")

    @pytest.mark.parametrize("remains", [True, False])
    def test_a_folder_that_was_moved_or_copied_needs_it_anew(self, root, remains):
        note_done(root, root / ".venv")
        other = root.with_name("elsewhere")
        shutil.copytree(root, other)
        if not remains:
            shutil.rmtree(root)
        assert TO_MAKE == find_state(other, other / ".venv")

    def test_a_note_that_cannot_be_read_is_as_good_as_none(self, root):
        note_done(root, root / ".venv")
        (root / ".venv" / FOLDER_NOTE).write_bytes(b"\xff\xfe\x00")
        assert TO_MAKE == find_state(root, root / ".venv")

    def test_one_that_was_made_by_hand_is_filled(self, root):
        assert not (root / ".venv" / INSTALLED_NOTE).exists()
        assert TO_INSTALL == find_state(root, root / ".venv")

    def test_a_bridge_that_runs_is_not_installed_over(self, root, capsys):
        lock = InstanceLock(root / "state" / "demo")
        try:
            assert BRIDGE_RUNS == find_state(root, root / ".venv")
            assert "A bridge runs in this folder (process" in capsys.readouterr().out
            note_done(root, root / ".venv")
            assert READY == find_state(root, root / ".venv")
        finally:
            lock.release()

    @pytest.mark.parametrize("needed", [TO_MAKE, TO_INSTALL])
    def test_where_nobody_can_tell_whether_a_bridge_runs_nothing_is_taken_from_under_it(
        self, root, capsys, needed
    ):
        if needed == TO_MAKE:
            (root / ".venv" / FOLDER_NOTE).write_text(str(root.parent), encoding="utf-8")
        assert find_state(root, root / ".venv") == needed
        (root / "state" / LOCK_FILE).mkdir(parents=True)  # As one that this user may not read.
        assert BRIDGE_RUNS == find_state(root, root / ".venv")
        assert LOCK_FILE in capsys.readouterr().out

    def test_an_environment_that_a_bridge_uses_is_not_made_anew(self, root):
        (root / ".venv" / FOLDER_NOTE).write_bytes(b"\xff\xfe\x00")
        lock = InstanceLock(root / "state")
        try:
            assert BRIDGE_RUNS == find_state(root, root / ".venv")
        finally:
            lock.release()


def run(*words: str) -> subprocess.CompletedProcess[str]:
    """Run it as start_bridge.bat does."""
    command = [sys.executable, "-I", str(FILE), *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_this_python_is_asked_as_a_program():
    done = run("suitable")
    assert (0, "", "") == (done.returncode, done.stdout, done.stderr)


def test_it_needs_no_library_of_any_kind():
    program = (
        f"import runpy, sys; sys.argv = ['x', 'suitable']; runpy.run_path({str(FILE)!r}, run_name='__main__')"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", program], capture_output=True, text=True, timeout=60, check=False
    )
    assert (0, "") == (done.returncode, done.stderr)


def test_another_word_is_refused():
    done = run("suited")
    assert (2, "installation.py takes suitable, state or done, got ['suited']\n") == (
        done.returncode,
        done.stdout,
    )
