"""One bridge per STATE_DIR and one per account, across processes."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from hybrid_bridge.errors import AlreadyRunning, JournalError
from hybrid_bridge.journal import instance_lock
from hybrid_bridge.journal.instance_lock import (
    AccountLock,
    BridgeLocks,
    InstanceLock,
    find_holder,
    shared_folder,
)
from hybrid_bridge.settings import Settings

SOURCE = Path(__file__).parents[2] / "src"
HOLDER = """
import subprocess, sys
from pathlib import Path
from hybrid_bridge.journal.instance_lock import InstanceLock
lock = InstanceLock(Path(sys.argv[1]))
orphan = subprocess.Popen([sys.executable, "-c", "import sys; sys.stdin.read()"], stdin=subprocess.PIPE)
print(orphan.pid, flush=True)
sys.stdin.read()
"""


def start_holder(state_dir: Path) -> subprocess.Popen[bytes]:
    """Start a process that takes the lock, starts a child of its own and waits."""
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(state_dir)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(SOURCE)},
    )
    assert holder.stdout is not None
    assert holder.stdout.readline()
    return holder


def end(holder: subprocess.Popen[bytes]) -> None:
    holder.kill()
    holder.communicate(timeout=10)


def test_a_second_bridge_is_refused_and_told_which_process_holds_the_folder(tmp_path):
    holder = start_holder(tmp_path)
    try:
        with pytest.raises(
            AlreadyRunning, match=rf"another bridge \(process {holder.pid}\).*{tmp_path.name}"
        ):
            InstanceLock(tmp_path)
    finally:
        end(holder)


def test_kill_minus_nine_frees_the_folder_although_a_child_of_it_lives_on(tmp_path):
    holder = start_holder(tmp_path)
    holder.kill()
    holder.wait(timeout=10)
    lock = InstanceLock(tmp_path)
    assert (tmp_path / "bridge.lock").read_bytes() == f"process {os.getpid()}".encode()
    lock.release()
    end(holder)


def test_a_released_lock_can_be_taken_again_and_the_refused_attempt_cost_nothing(tmp_path):
    first = InstanceLock(tmp_path / "state")
    with pytest.raises(AlreadyRunning):
        InstanceLock(tmp_path / "state")
    with pytest.raises(AlreadyRunning):
        InstanceLock(tmp_path / "state")
    first.release()
    InstanceLock(tmp_path / "state").release()


def test_a_look_tells_who_holds_the_folder_and_leaves_it_free(tmp_path):
    assert find_holder(tmp_path / "absent") is None
    holder = start_holder(tmp_path)
    try:
        assert find_holder(tmp_path) == f"process {holder.pid}"
    finally:
        end(holder)
    assert find_holder(tmp_path) is None
    InstanceLock(tmp_path).release()


def test_a_start_that_meets_a_look_is_not_refused(tmp_path, monkeypatch):
    InstanceLock(tmp_path).release()
    looking = (tmp_path / "bridge.lock").open("rb", buffering=0)
    assert instance_lock._try_lock(looking)
    monkeypatch.setattr(instance_lock.time, "sleep", lambda _: looking.close())
    InstanceLock(tmp_path).release()


@pytest.mark.skipif(sys.platform != "win32", reason="only Windows has one folder under several spellings")
@pytest.mark.parametrize("spell", [str.upper, lambda path: path + ".", lambda path: path.replace("\\", "/")])
def test_another_spelling_of_the_folder_is_the_same_folder(tmp_path, spell):
    folder = tmp_path / "Иван Петров" / "state"
    lock = InstanceLock(folder)
    with pytest.raises(AlreadyRunning, match="another bridge"):
        InstanceLock(Path(spell(str(folder))))
    lock.release()


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "state").write_text("a file")
    with pytest.raises(JournalError, match=r"STATE_DIR .*state: .*choose a folder that can be written"):
        InstanceLock(tmp_path / "state")


@pytest.mark.not_on_windows("needs /dev/full")
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_is_said_in_words(tmp_path):
    (tmp_path / "bridge.lock").symlink_to("/dev/full")
    with pytest.raises(JournalError, match=r"bridge\.lock.*free space on the disk"):
        InstanceLock(tmp_path)


# One account, whatever STATE_DIR.

ACCOUNT_HOLDER = """
import sys
from pathlib import Path
from hybrid_bridge.journal.instance_lock import AccountLock
login, server, state_dir, folder = sys.argv[1:]
try:
    lock = AccountLock(login, server, Path(state_dir), Path(folder))
except Exception as error:
    print(f"{type(error).__name__}: {error}", flush=True)
else:
    print("taken", flush=True)
    sys.stdin.read()
"""


def start_bridge(folder: Path, login: str, server: str, state_dir: str = "a") -> subprocess.Popen[bytes]:
    """Start a process that takes an account's lock and holds it."""
    return subprocess.Popen(
        [sys.executable, "-c", ACCOUNT_HOLDER, login, server, state_dir, str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(SOURCE)},
    )


def said(bridge: subprocess.Popen[bytes]) -> str:
    assert bridge.stdout is not None
    return bridge.stdout.readline().decode().strip()


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (("7001", "Broker-Demo"), ("7001", "broker-demo ")),
        (("7001", ""), ("7001", "")),
        (("7001", ""), ("7001", "Broker-Demo")),
        (("7001", "Broker-Demo"), ("7001", "")),
        (("simulator", "[::1]:18812"), ("simulator", "[::1]:18812")),
    ],
)
def test_a_second_bridge_on_the_account_is_refused_whatever_its_state_dir(tmp_path, first, second):
    one = start_bridge(tmp_path, *first, state_dir="first")
    assert "taken" == said(one)
    other = start_bridge(tmp_path, *second, state_dir="second")
    words = said(other)
    where = (Path.cwd() / "first").absolute()
    assert words.startswith(f"AlreadyRunning: another bridge (process {one.pid}, STATE_DIR {where}) trades")
    assert "two would both act on every signal; stop that one first" in words
    assert (second[1] == "") == ("set MT5_SERVER for both" in words)
    end(one)
    end(other)
    third = start_bridge(tmp_path, *second)
    assert "taken" == said(third), "the lock died with its process"
    end(third)


@pytest.mark.parametrize("second", [("7002", "Broker-Demo"), ("7001", "Other-Demo"), ("700", ""), ("*", "")])
def test_another_account_is_free(tmp_path, second):
    one = AccountLock("7001", "Broker-Demo", tmp_path, tmp_path)
    AccountLock(*second, tmp_path, tmp_path).release()
    one.release()


def test_of_many_that_start_at_once_no_two_get_the_account(tmp_path):
    bridges = [start_bridge(tmp_path, "7001", server) for server in ("", "A") * 2]
    words = [said(bridge) for bridge in bridges]
    for bridge in bridges:
        end(bridge)
    assert words.count("taken") <= 1
    assert all(
        text == "taken" or text.startswith("AlreadyRunning: another bridge (process") for text in words
    )


def test_a_file_of_another_user_that_can_only_be_read_locks_too(tmp_path, monkeypatch: pytest.MonkeyPatch):
    path = tmp_path / "7001@.lock"
    path.write_text("process 1")
    writable = os.open

    def refuse_writing(name: str, flags: int) -> int:
        if flags & os.O_RDWR:
            raise PermissionError(13, "Permission denied", name)
        return writable(name, flags)

    monkeypatch.setattr(instance_lock, "_open_plainly", refuse_writing)
    lock = AccountLock("7001", "", tmp_path, tmp_path)
    with pytest.raises(AlreadyRunning, match=r"another bridge \(process 1\) trades account 7001:"):
        AccountLock("7001", "", tmp_path, tmp_path)
    lock.release()


@pytest.mark.not_on_windows("links and modes are of POSIX")
def test_a_link_that_somebody_laid_is_not_followed(tmp_path):
    (tmp_path / "precious").write_text("mine")
    (tmp_path / "7001@.lock").symlink_to(tmp_path / "precious")
    with pytest.raises(JournalError, match=r"the account's lock .*7001@\.lock.*or delete it"):
        AccountLock("7001", "", tmp_path, tmp_path)
    assert "mine" == (tmp_path / "precious").read_text()


@pytest.mark.not_on_windows("links and modes are of POSIX")
def test_every_user_of_the_pc_can_use_what_the_first_one_made(tmp_path):
    AccountLock("7001", "", tmp_path, tmp_path / "locks").release()
    assert 0o1777 == (tmp_path / "locks").stat().st_mode & 0o7777
    assert 0o666 == (tmp_path / "locks" / "7001@.lock").stat().st_mode & 0o7777


def test_the_shared_folder_does_not_follow_a_users_own_settings(monkeypatch: pytest.MonkeyPatch, tmp_path):
    before = shared_folder()
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    assert (before, True) == (shared_folder(), before.is_absolute())


@pytest.fixture
def shared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(instance_lock, "shared_folder", lambda: tmp_path / "shared")
    return tmp_path / "shared"


@pytest.mark.parametrize(
    ("settings", "name"),
    [
        ({"mt5_login": 7001, "mt5_server": "Broker-Demo"}, "7001@broker-demo.lock"),
        ({"mt5_login": 7001}, "7001@.lock"),
        ({"mt5_login": 7001, "simulation_mode": True, "sim_address": "a:1"}, "simulator@a%3A1.lock"),
    ],
)
def test_a_bridge_locks_its_folder_and_its_account(tmp_path, shared, settings, name):
    locks = BridgeLocks(Settings(state_dir=str(tmp_path / "one"), **settings))
    assert [name] == [path.name for path in shared.iterdir()]
    with pytest.raises(AlreadyRunning, match="uses STATE_DIR"):
        BridgeLocks(Settings(state_dir=str(tmp_path / "one"), **settings))
    with pytest.raises(AlreadyRunning, match="trades account"):
        BridgeLocks(Settings(state_dir=str(tmp_path / "two"), **settings))
    locks.release()
    # Also the refused ones left nothing locked.
    BridgeLocks(Settings(state_dir=str(tmp_path / "two"), **settings)).release()


def test_bridges_with_terminals_of_their_own_share_no_account(tmp_path, shared):
    held = [BridgeLocks(Settings(state_dir=str(tmp_path / n), simulation_mode=True)) for n in ("one", "two")]
    assert not shared.exists()
    for locks in held:
        locks.release()
