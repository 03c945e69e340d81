"""`update`: with a real git between two folders, and what is said where there is none."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from hybrid_bridge import cli
from hybrid_bridge.commands import update as module
from hybrid_bridge.commands.update import find_running, update_folder
from hybrid_bridge.errors import BridgeError
from hybrid_bridge.journal.instance_lock import InstanceLock

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="needs git")


@pytest.fixture(autouse=True)
def quiet_git(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Git without this computer's own settings."""
    for name in [name for name in os.environ if name.startswith("GIT_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / "gitconfig"))
    (tmp_path / "gitconfig").write_text("[user]\nname=me\nemail=me@here\n[init]\ndefaultBranch=main\n")


def git(folder: Path, *words: str) -> None:
    subprocess.run(["git", "-C", str(folder), *words], check=True, capture_output=True, timeout=60)


def release(folder: Path, version: str, *subjects: str) -> None:
    """Make a version, with commits of these subjects."""
    file = folder / module.VERSION_FILE
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(f'"""Bridge."""\n\n__version__ = "{version}"\n', encoding="utf-8")
    for subject in subjects:
        with (folder / "CHANGELOG.md").open("a") as changelog:
            changelog.write(f"{subject}\n")
        git(folder, "add", ".")
        git(folder, "commit", "-q", "-m", subject)


@pytest.fixture
def origin(tmp_path: Path) -> Path:
    folder = tmp_path / "origin"
    folder.mkdir()
    git(folder, "init", "-q")
    release(folder, "1.0.0", "Begin.")
    return folder


@pytest.fixture
def root(origin: Path, tmp_path: Path) -> Path:
    folder = tmp_path / "Мой мост & Co"
    git(tmp_path, "clone", "-q", str(origin), str(folder))
    return folder


def test_the_old_and_the_new_version_and_what_changed_are_told(origin, root, capsys):
    release(origin, "1.1.0", *(f"Mend {n}." for n in range(17)))
    assert 0 == update_folder(root)
    said = capsys.readouterr().out.splitlines()
    assert said[0].startswith("Updated from 1.0.0 (")
    assert ") to 1.1.0 (" in said[0]
    assert ["  - Mend 16.", "  - Mend 15."] == said[1:3]
    assert "  and 2 more" == said[-2]
    assert '__version__ = "1.1.0"' in (root / module.VERSION_FILE).read_text()


def test_the_newest_stays_as_it_is(root, capsys):
    assert 0 == update_folder(root)
    assert capsys.readouterr().out.startswith("This is the newest version already: 1.0.0 (")


def test_while_a_bridge_runs_nothing_is_changed(origin, root):
    release(origin, "1.1.0", "Mend.")
    lock = InstanceLock(root / "state")
    try:
        with pytest.raises(BridgeError, match=rf"a bridge runs \(process {os.getpid()}, .*\): stop it first"):
            update_folder(root)
    finally:
        lock.release()
    assert '__version__ = "1.0.0"' in (root / module.VERSION_FILE).read_text()


@pytest.mark.parametrize("state_dir", ["demo/state", "far/away/state"])
def test_a_bridge_is_found_wherever_its_state_is(root, state_dir):
    (root / ".env").write_text("STATE_DIR=far/away/state\nMAX_RISK_PERCENT=a lot\n")
    assert "" == find_running(root)
    lock = InstanceLock(root / state_dir)
    assert f"process {os.getpid()}, {root / state_dir}" == find_running(root)
    lock.release()


def test_a_state_dir_that_cannot_be_is_used_by_nobody(root):
    (root / ".env").write_bytes(b"STATE_DIR=\xff\xfe\n")
    assert "" == find_running(root)


def test_changes_of_ones_own_are_kept_and_named(origin, root):
    release(origin, "1.1.0", "Mend.")
    (root / "CHANGELOG.md").write_text("mine\n")
    with pytest.raises(BridgeError, match="files of the bridge were changed here; `git status` lists them"):
        update_folder(root)
    assert "mine\n" == (root / "CHANGELOG.md").read_text()


def test_commits_of_ones_own_are_kept_and_named(origin, root):
    release(origin, "1.1.0", "Mend.")
    release(root, "1.0.1", "My own.")
    with pytest.raises(BridgeError, match="were changed by commits of your own"):
        update_folder(root)


def test_a_repository_that_is_away_changes_nothing(origin, root):
    shutil.rmtree(origin)
    with pytest.raises(BridgeError, match=r"git pull: .*origin"):
        update_folder(root)


def test_a_folder_without_git_is_told_how_it_is_done_by_hand(tmp_path):
    with pytest.raises(BridgeError) as refused:
        update_folder(tmp_path)
    assert f"Delete the folder {tmp_path / 'src'}\n" in str(refused.value)
    assert "Your settings (.env)" in str(refused.value)


def test_where_git_is_missing_that_is_told(root, monkeypatch):
    monkeypatch.setenv("PATH", str(root))
    with pytest.raises(BridgeError, match=r"https://git-scm\.com/downloads"):
        update_folder(root)


def test_the_command_takes_no_words_and_says_why_not(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(module, "ROOT", tmp_path)
    assert 1 == cli.main(["update"])
    assert "was not made by git" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        cli.main(["update", "now"])
