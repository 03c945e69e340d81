"""One bridge per STATE_DIR, across processes."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from hybrid_bridge.errors import AlreadyRunning, JournalError
from hybrid_bridge.journal.instance_lock import InstanceLock

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


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "state").write_text("a file")
    with pytest.raises(JournalError, match=r"STATE_DIR .*state: .*choose a folder that can be written"):
        InstanceLock(tmp_path / "state")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_is_said_in_words(tmp_path):
    (tmp_path / "bridge.lock").symlink_to("/dev/full")
    with pytest.raises(JournalError, match=r"bridge\.lock.*free space on the disk"):
        InstanceLock(tmp_path)
