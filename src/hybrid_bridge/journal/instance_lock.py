"""One bridge per STATE_DIR and one per account: operating-system locks that die with their process.

Owns the lock files. app takes `BridgeLocks` before anything else touches STATE_DIR. A STATE_DIR is locked in
the folder itself; an account in a folder that all users of the PC share, so that a second installation is
refused too. A bridge on another PC is not seen: nothing that both could reach is known of.
"""

import contextlib
import os
import sys
import time
from pathlib import Path
from typing import IO
from urllib.parse import quote

from hybrid_bridge.errors import AlreadyRunning, JournalError
from hybrid_bridge.settings import Settings

LOCK_FILE = "bridge.lock"
# Somebody who looks whether a bridge runs holds a free lock for a moment.
LOOKS_MAX = 5
LOOK_S = 0.02
LOCK_OFFSET = 1 << 20  # Windows locks are mandatory: a byte far behind the text, so that it stays readable.


class InstanceLock:
    """The right to use a STATE_DIR, held until `release` or the end of the process."""

    def __init__(self, state_dir: Path) -> None:
        """Take the lock, creating the folder when absent.

        Raises:
            AlreadyRunning: when another process holds it; names that process.
            JournalError: when the folder cannot be used.
        """
        path = state_dir / LOCK_FILE
        try:
            state_dir.mkdir(parents=True, exist_ok=True)
            file: IO[bytes] = path.open("a+b", buffering=0)
        except OSError as error:
            raise JournalError(
                f"STATE_DIR {state_dir}: {error}; choose a folder that can be written"
            ) from error
        if not _try_lock_patiently(file):
            holder = _read_holder(file)
            file.close()
            raise AlreadyRunning(
                f"another bridge ({holder}) uses STATE_DIR {state_dir}; stop it or choose another folder"
            )
        _name_holder(file, path, f"process {os.getpid()}")
        self._file = file

    def release(self) -> None:
        """Give the lock back."""
        self._file.close()


def find_holder(state_dir: Path) -> str | None:
    """Return who uses a STATE_DIR, like "process 4711"; None when nobody does.

    Raises:
        JournalError: when the lock cannot be looked at.
    """
    path = state_dir / LOCK_FILE
    try:
        with path.open("rb", buffering=0) as file:
            # Held for this moment where it is free: a start that meets it tries again.
            return None if _try_lock(file) else _read_holder(file)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise JournalError(f"{path}: {error}; see that this user may read it") from error


class AccountLock:
    """The right to trade an account on this PC, held until `release` or the end of the process."""

    def __init__(self, login: str, server: str, state_dir: Path, folder: Path | None = None) -> None:
        """Take the lock.

        Args:
            login: the account's number, or where its simulated terminal is reached.
            server: its trade server; "" when not known, which stands for any.
            state_dir: told to whoever is refused.
            folder: where the locks are; None for the one that all users of the PC share.
        Raises:
            AlreadyRunning: when another process holds it; names that process.
            JournalError: when the lock cannot be made.
        """
        place = folder or shared_folder()
        path = place / f"{_file_name(login)}@{_file_name(server)}.lock"
        self._file = _open_shared(path)
        try:
            self._take(path, login, server)
            _name_holder(self._file, path, f"process {os.getpid()}, STATE_DIR {state_dir.absolute()}")
        except BaseException:
            self._file.close()
            raise

    def _take(self, path: Path, login: str, server: str) -> None:
        """Lock our own file, then look at the rest: of two that start at once, one sees the other."""
        if not _try_lock(self._file):
            raise _account_taken(login, server, _read_holder(self._file))
        others = "*" if not server else ""
        for other in sorted(path.parent.glob(f"{_file_name(login)}@{others}.lock")):
            if other == path:
                continue
            with _open_shared(other) as file:
                if not _try_lock(file):
                    raise _account_taken(login, server, _read_holder(file))

    def release(self) -> None:
        """Give the lock back."""
        self._file.close()


class BridgeLocks:
    """Everything that only one bridge may have."""

    def __init__(self, settings: Settings) -> None:
        """Take the lock on STATE_DIR and, unless the bridge makes its own terminal, the account's.

        Raises:
            AlreadyRunning: when another process holds one of them; names that process.
            JournalError: when a lock cannot be made.
        """
        state_dir = Path(settings.state_dir)
        self._state_dir = InstanceLock(state_dir)
        self._account: AccountLock | None = None
        try:
            if not settings.simulated:
                self._account = AccountLock(str(settings.mt5_login), settings.mt5_server, state_dir)
            elif settings.sim_address:
                self._account = AccountLock("simulator", settings.sim_address, state_dir)
        except BaseException:
            self._state_dir.release()
            raise

    def release(self) -> None:
        """Give all of them back."""
        if self._account is not None:
            self._account.release()
        self._state_dir.release()


def shared_folder() -> Path:
    """Return where the accounts' locks are: a folder that every user of this PC can write to.

    Not tempfile.gettempdir(): on Windows it is each user's own, elsewhere TMPDIR may make it so.
    """
    if sys.platform == "win32":
        return Path(os.environ.get("PROGRAMDATA", r"C:\ProgramData")) / "HybridMT5Bridge"
    return Path("/tmp/hybrid-mt5-bridge")  # noqa: S108 - shared on purpose, see _open_shared


def _try_lock_patiently(file: IO[bytes]) -> bool:
    for _ in range(LOOKS_MAX):
        if _try_lock(file):
            return True
        time.sleep(LOOK_S)
    return False


def _account_taken(login: str, server: str, holder: str) -> AlreadyRunning:
    unnamed = "" if server else "; if that is another broker's account, set MT5_SERVER for both"
    account = f"{login} on {server}" if server else login
    return AlreadyRunning(
        f"another bridge ({holder}) trades account {account}: two would both act on every signal; "
        f"stop that one first{unnamed}"
    )


def _file_name(text: str) -> str:
    """Spell a name so that it is one file's on every system, and no other name's."""
    return quote(text.strip().lower(), safe="")


def _open_shared(path: Path) -> IO[bytes]:
    """Open a lock's file, whichever user of the PC made it.

    Raises:
        JournalError: when it cannot be opened.
    """
    try:
        with contextlib.suppress(FileExistsError):
            path.parent.mkdir(parents=True)
            path.parent.chmod(0o1777)  # Like /tmp: everyone may add files, each removes only their own.
        with contextlib.suppress(FileExistsError):
            path.open("xb").close()
            path.chmod(0o666)
        try:
            return open(path, "r+b", 0, opener=_open_plainly)
        except PermissionError:
            return open(path, "rb", 0, opener=_open_plainly)
    except OSError as error:
        mend = "make it readable and writable for the users who run the bridge, or delete it"
        raise JournalError(f"the account's lock {path}: {error}; {mend}") from error


def _open_plainly(path: str, flags: int) -> int:
    """Open a file in a folder that others write to: no link of theirs may lead us elsewhere."""
    return os.open(path, flags | getattr(os, "O_NOFOLLOW", 0))


def _name_holder(file: IO[bytes], path: Path, holder: str) -> None:
    """Write who holds a lock, for whoever is refused."""
    if not file.writable():
        return  # Another user's file: the lock holds, and the one who is refused is told less.
    try:
        file.truncate(0)
        file.seek(0)
        file.write(holder.encode())
    except OSError as error:
        file.close()
        raise JournalError(f"{path}: {error}; free space on the disk") from error


def _read_holder(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read(1000).decode(errors="replace") or "process not known"


if sys.platform == "win32":
    import msvcrt

    def _try_lock(file: IO[bytes]) -> bool:
        file.seek(LOCK_OFFSET)
        try:
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        file.seek(0)
        return True
else:
    import fcntl

    def _try_lock(file: IO[bytes]) -> bool:
        try:
            fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        return True
