"""Whether the terminal that answered is the one that the settings mean: login, server and program folder.

Pure, but for asking the file system whether two existing folders are the same. Used by `lane` after every
connect: all clients of a terminal share its one account, and a login by hand or elsewhere switches it.
"""

import ntpath
import posixpath
import re
from pathlib import Path

from hybrid_bridge.settings import TerminalSettings
from hybrid_bridge.terminal.operations import ConnectReply

_WINDOWS_PATH = re.compile(r"[A-Za-z]:[\\/]|\\\\")


def mismatch(found: ConnectReply, wanted: TerminalSettings) -> str:
    """Say what is wrong with the terminal that answered, and what to do; empty when nothing is.

    The simulated terminal has no program folder, so MT5_PATH does not count there.
    """
    problems = []
    if wanted.login is not None and found.login != wanted.login:
        problems.append(f"account {found.login} is logged in, MT5_LOGIN expects {wanted.login}")
    if wanted.server and found.server.lower() != wanted.server.lower():
        problems.append(f"the account is on server {found.server!r}, MT5_SERVER expects {wanted.server!r}")
    if wanted.backend == "terminal" and wanted.path and not same_folder(wanted.path, found.path):
        problems.append(f"the terminal in {found.path!r} answered, MT5_PATH expects {wanted.path!r}")
    if not problems:
        return ""
    return "; ".join(problems) + "; log in to the expected account in that terminal, or correct the settings"


def same_folder(program: str, folder: str) -> bool:
    """Whether a program's file (or its folder) lies in this folder, whatever the spelling."""
    if _plain(folder) in (_plain(program), _plain_parent(program)):
        return True
    try:
        return Path(program).parent.samefile(folder)  # 8.3 names, junctions and links
    except (OSError, ValueError):
        return False


def _plain(path: str) -> str:
    if _WINDOWS_PATH.match(path):
        return ntpath.normcase(ntpath.normpath(path))
    return posixpath.normpath(path)


def _plain_parent(path: str) -> str:
    plain = _plain(path)
    return ntpath.dirname(plain) if _WINDOWS_PATH.match(path) else posixpath.dirname(plain)
