"""`hybrid-bridge update`: a newer version of the bridge, where this folder was made by git.

It changes files only, and nothing while a bridge runs out of this folder. What the new version needs is
installed at the next start, by start_bridge.bat or the scripts.
"""

import argparse
import re
import shutil
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from hybrid_bridge.commands.options import print_lines
from hybrid_bridge.errors import BridgeError, ConfigurationError
from hybrid_bridge.journal.instance_lock import LOCK_FILE, find_holder
from hybrid_bridge.settings import find_state_dir

ROOT = Path(__file__).resolve().parents[3]
VERSION_FILE = Path("src") / "hybrid_bridge" / "__init__.py"
VERSION = re.compile(r'^__version__ = "([^"]+)"$', re.MULTILINE)
GIT_TIMEOUT_S = 300.0
CHANGES_MAX = 15
BY_HAND = """This folder was not made by git, so it cannot update itself. By hand:
  1. Stop the bridge, if one runs.
  2. Get the new version as a ZIP from where you got this one.
  3. Delete the folder {src}
  4. Unpack the ZIP over {root}, replacing the files there. Your settings (.env), the folder state and the
     log are not in the ZIP and stay as they are.
  5. Start start_bridge.bat again: it installs what is new."""
NO_GIT = (
    "git is not installed; get it from https://git-scm.com/downloads, then open a new window and try again"
)
ADVICE = {
    "Not possible to fast-forward": "the files of this folder were changed by commits of your own",
    "local changes": "files of the bridge were changed here; `git status` lists them",
    "untracked working tree files": "files of yours are where the new version has some; move them away",
    "no tracking information": "this branch follows none: `git branch --set-upstream-to=origin/main`",
    "Could not resolve host": "is this PC connected to the internet?",
    "unable to access": "is this PC connected to the internet?",
    "dubious ownership": "the folder belongs to another user; update as that user",
}


def update(arguments: Sequence[str]) -> int:
    """Bring the newest version and return the exit code."""
    parser = argparse.ArgumentParser(
        "hybrid-bridge update",
        description="Brings the newest version into this folder, with git. Refuses while a bridge runs.",
    )
    parser.parse_args(arguments)
    return update_folder(ROOT)


def update_folder(root: Path) -> int:
    """Bring the newest version into a folder.

    Raises:
        BridgeError: when it cannot be brought; nothing was changed then.
    """
    running = find_running(root)
    if running:
        raise BridgeError(f"a bridge runs ({running}): stop it first, then update")
    if not (root / ".git").exists():
        raise BridgeError(BY_HAND.format(root=root, src=root / "src"))
    if shutil.which("git") is None:
        raise BridgeError(NO_GIT)
    old_version, old = _version(root), _git(root, "rev-parse", "HEAD")
    _git(root, "pull", "--ff-only", "--quiet")
    new_version, new = _version(root), _git(root, "rev-parse", "HEAD")
    if new == old:
        print_lines([f"This is the newest version already: {old_version} ({old[:8]})\n"])
        return 0
    subjects = _git(root, "log", "--format=%s", f"{old}..{new}").splitlines()
    print_lines([f"Updated from {old_version} ({old[:8]}) to {new_version} ({new[:8]}):\n"])
    print_lines(f"  - {subject}\n" for subject in subjects[:CHANGES_MAX])
    if len(subjects) > CHANGES_MAX:
        print_lines([f"  and {len(subjects) - CHANGES_MAX} more\n"])
    print_lines(["What the new version needs is installed at the next start.\n"])
    return 0


def find_running(root: Path) -> str:
    """Return which process runs a bridge out of a folder; "" for none.

    Raises:
        BridgeError: when that cannot be told.
    """
    env_file = root / ".env"
    folders = {path.parent for pattern in ("*", "*/*") for path in root.glob(f"{pattern}/{LOCK_FILE}")}
    with suppress(ConfigurationError):  # A STATE_DIR that cannot be used is used by none.
        folders.add(root / find_state_dir(env_file if env_file.is_file() else None))
    for folder in sorted(folders):
        holder = find_holder(folder)
        if holder:
            return f"{holder}, {folder}"
    return ""


def _version(root: Path) -> str:
    found = VERSION.search((root / VERSION_FILE).read_text(encoding="utf-8"))
    return found[1] if found else "unknown"


def _git(root: Path, *words: str) -> str:
    """Run git and return what it says.

    Raises:
        BridgeError: with its words and what to do, when it fails.
    """
    try:
        done = subprocess.run(  # noqa: S603 - words of our own
            ["git", "-C", str(root), *words],  # noqa: S607 - the one that the user has installed
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=GIT_TIMEOUT_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise BridgeError(f"git {words[0]}: {error}") from error
    if done.returncode:
        said = done.stderr.strip() or done.stdout.strip() or f"exit code {done.returncode}"
        advice = next((f"\n{text}" for sign, text in ADVICE.items() if sign in said), "")
        raise BridgeError(f"git {words[0]}: {said}{advice}")
    return done.stdout.strip()
