"""What disks do to files: cut, zeroed, missing, full, read-only. Nothing is lost silently or written over."""

import asyncio
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.core.builders import make_intent, make_order, sending_events

from hybrid_bridge.core.events import Event
from hybrid_bridge.errors import JournalError, RecoveryRefused
from hybrid_bridge.journal.sqlite import SqliteJournal
from hybrid_bridge.ports import OutboxEntry

COMMITS = 12
ROOT = Path(__file__).parents[2]
RAM = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # noqa: S108 - nothing here is to last


def commit(number: int) -> list[Event]:
    return sending_events(make_order(make_intent(number)))


def expected(count: int) -> list[Event]:
    return [event for number in range(1, count + 1) for event in commit(number)]


def opened(path: Path) -> list[Event] | None:
    """What the journal holds; None when it is refused with words that say what to do."""
    try:
        journal = SqliteJournal(path, "7001", ["websocket"])
    except RecoveryRefused as refused:
        assert "STATE_DIR" in str(refused)
        return None
    try:
        return asyncio.run(journal.load())
    except RecoveryRefused as refused:
        assert "STATE_DIR" in str(refused)
        return None
    finally:
        journal.close()


@pytest.fixture(scope="module")
def crashed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a journal as a killed process leaves it: half in the file, half in its log."""
    folder = tmp_path_factory.mktemp("crashed")
    path = folder / "live" / "journal.sqlite"
    path.parent.mkdir()
    journal = SqliteJournal(path, "7001", ["websocket"])
    for number in range(1, COMMITS + 1):
        asyncio.run(journal.record(commit(number), [OutboxEntry(f"s-{number}", b"m" * 300)]))
        if number == COMMITS // 2:
            other = sqlite3.connect(path)
            other.execute("PRAGMA wal_checkpoint(RESTART)")
            other.close()
    for part in path.parent.iterdir():
        shutil.copyfile(part, folder / part.name)
    journal.close()
    shutil.copyfile(path, folder / "closed.sqlite")
    return folder


def damaged_copy(crashed: Path, folder: str, name: str, damage: object) -> Path:
    path = Path(folder) / "journal.sqlite"
    for part in crashed.glob("journal.sqlite*"):
        shutil.copyfile(part, Path(folder) / part.name)
    content = bytearray((crashed / name).read_bytes())
    assert callable(damage)
    (Path(folder) / name).write_bytes(damage(content))
    return path


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_log_cut_at_any_byte_leaves_a_prefix_of_what_was_committed(crashed, data):
    length = data.draw(st.integers(0, (crashed / "journal.sqlite-wal").stat().st_size))
    with tempfile.TemporaryDirectory(dir=RAM) as folder:
        path = damaged_copy(crashed, folder, "journal.sqlite-wal", lambda content: content[:length])
        events = opened(path)
    assert events is not None
    assert len(events) % 3 == 0
    assert expected(len(events) // 3) == events
    assert COMMITS // 2 <= len(events) // 3 <= COMMITS


def test_an_uncut_log_holds_everything_and_a_missing_one_what_the_file_has(crashed, tmp_path):
    for part in crashed.glob("journal.sqlite*"):
        shutil.copyfile(part, tmp_path / part.name)
    (tmp_path / "journal.sqlite-wal").unlink()
    assert expected(COMMITS // 2) == opened(tmp_path / "journal.sqlite")
    for part in crashed.glob("journal.sqlite*"):
        shutil.copyfile(part, tmp_path / part.name)
    assert expected(COMMITS) == opened(tmp_path / "journal.sqlite")


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_flipped_bit_in_the_log_leaves_a_prefix_too(crashed, data):
    place = data.draw(st.integers(0, (crashed / "journal.sqlite-wal").stat().st_size - 1))
    bit = data.draw(st.integers(0, 7))

    def flip(content: bytearray) -> bytearray:
        content[place] ^= 1 << bit
        return content

    with tempfile.TemporaryDirectory(dir=RAM) as folder:
        events = opened(damaged_copy(crashed, folder, "journal.sqlite-wal", flip))
    assert events is not None
    assert expected(len(events) // 3) == events


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_file_cut_at_any_byte_is_refused(crashed, data):
    whole = (crashed / "closed.sqlite").read_bytes()
    length = data.draw(st.integers(0, len(whole) - 1))
    with tempfile.TemporaryDirectory(dir=RAM) as folder:
        path = Path(folder) / "journal.sqlite"
        path.write_bytes(whole[:length])
        assert opened(path) is None
        assert whole[:length] == path.read_bytes(), "a refused file is left as it is"


def test_any_zeroed_page_is_refused(crashed, tmp_path):
    whole = (crashed / "closed.sqlite").read_bytes()
    path = tmp_path / "journal.sqlite"
    for page in range(len(whole) // 4096):
        path.write_bytes(whole[: page * 4096] + bytes(4096) + whole[(page + 1) * 4096 :])
        assert opened(path) is None, page


def test_a_log_without_its_file_is_refused_and_kept(crashed, tmp_path):
    shutil.copyfile(crashed / "journal.sqlite-wal", tmp_path / "journal.sqlite-wal")
    with pytest.raises(RecoveryRefused, match=r"journal\.sqlite is gone while journal\.sqlite-wal"):
        SqliteJournal(tmp_path / "journal.sqlite", "7001", ["websocket"])
    assert ["journal.sqlite-wal"] == [part.name for part in tmp_path.iterdir()]


# A full disk: the system itself refuses to let files grow.

FULL_AT_START = """
import resource, sys
from pathlib import Path
from hybrid_bridge.errors import JournalError
from hybrid_bridge.journal.sqlite import SqliteJournal
path = Path(sys.argv[1])
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), resource.RLIM_INFINITY))
try:
    SqliteJournal(path, "7001", ["websocket"])
except JournalError as error:
    print(error)
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
SqliteJournal(path, "7001", ["websocket"]).close()
print("open")
"""
FULL_WHILE_RUNNING = """
import asyncio, resource, sys
from pathlib import Path
from hybrid_bridge.errors import JournalError
from hybrid_bridge.journal.sqlite import SqliteJournal
from hybrid_bridge.ports import OutboxEntry
from tests.core.builders import make_intent, make_order, sending_events

def limit(size):
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))

async def main():
    journal = SqliteJournal(Path(sys.argv[1]), "7001", ["websocket"])
    count = 0

    async def commit():
        events = sending_events(make_order(make_intent(count + 1)))
        await journal.record(events, [OutboxEntry(f"k-{count + 1}", b"m" * 2000)])

    limit(600_000)
    while True:
        try:
            await commit()
        except JournalError as error:
            print(error)
            break
        count += 1
    for _ in range(3):  # It goes on to refuse, and to know what it holds.
        try:
            await commit()
        except JournalError:
            print("refused")
    print(len(await journal.load()) == 3 * count, count > 5)
    limit(resource.RLIM_INFINITY)
    await commit()
    messages = await journal.undelivered("websocket", 999)
    print(len(await journal.load()) == 3 * (count + 1), len(messages) == count + 1)
    journal.close()

asyncio.run(main())
"""


def run(script: str, *arguments: object) -> list[str]:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join((str(ROOT / "src"), str(ROOT)))}
    command = [sys.executable, "-c", script, *map(str, arguments)]
    result = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert ("", 0) == (result.stderr, result.returncode)
    return result.stdout.splitlines()


@pytest.mark.not_on_windows("needs a limit on the size of files")
@pytest.mark.parametrize("size", [0, 4096, 12_000])
def test_a_disk_that_is_full_at_the_start_is_told_and_passes(tmp_path, size):
    told, after = run(FULL_AT_START, tmp_path / "journal.sqlite", size)
    assert "free space on the disk" in told
    assert "open" == after


@pytest.mark.not_on_windows("needs a limit on the size of files")
def test_a_disk_that_fills_up_loses_nothing_refuses_and_passes(tmp_path):
    told, *refused, held, after = run(FULL_WHILE_RUNNING, tmp_path / "journal.sqlite")
    assert "journal.sqlite: " in told
    assert "free space on the disk" in told
    assert ["refused"] * 3 == refused
    assert ["True True"] * 2 == [held, after]
    assert opened(tmp_path / "journal.sqlite") is not None


# A folder that may only be read: tried as a user to whom that means something.

READ_ONLY = """
import asyncio, os, sys
from pathlib import Path
from hybrid_bridge.errors import JournalError
from hybrid_bridge.journal.sqlite import SqliteJournal
if os.geteuid() == 0:
    os.setresgid(65534, 65534, 65534)
    os.setresuid(65534, 65534, 65534)
try:
    SqliteJournal(Path(sys.argv[1]), "7001", ["websocket"])
except JournalError as error:
    print(type(error).__name__, error)
"""


@pytest.mark.not_on_windows("modes are of POSIX")
@pytest.mark.parametrize("is_new", [True, False])
def test_a_folder_that_can_only_be_read_is_told(is_new):
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if not is_new:
            SqliteJournal(folder / "journal.sqlite", "7001", ["websocket"]).close()
            (folder / "journal.sqlite").chmod(0o444)
        before = {part.name: part.read_bytes() for part in folder.iterdir()}
        folder.chmod(0o555)
        (told,) = run(READ_ONLY, folder / "journal.sqlite")
        folder.chmod(0o755)
        assert before == {part.name: part.read_bytes() for part in folder.iterdir()}
    assert told.startswith("JournalError ")
    assert "writ" in told


def test_advice_fits_the_fault(tmp_path):
    (tmp_path / "folder.sqlite").mkdir()
    with pytest.raises(JournalError, match="make the folder of STATE_DIR exist and writable"):
        SqliteJournal(tmp_path / "folder.sqlite", "7001", ["websocket"])
