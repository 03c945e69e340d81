"""Whether a Python can make .venv, and whether the .venv of this folder holds what the bridge needs.

start_bridge.bat runs this file itself, by the Python in question, before anything is installed: it needs no
library to load. It changes nothing but its own notes in .venv.

    installation.py suitable    0 yes, 10 for want of a better one, 1 no; says why
    installation.py state       0 ready, 3 to make anew, 4 a bridge that runs is in the way, 5 to install
    installation.py done        notes that everything is installed
"""

import filecmp
import importlib.util
import shutil
import sys
import sysconfig
from pathlib import Path

PYTHON_MIN = (3, 11)
PLATFORMS = ("win-amd64",)  # What the MetaTrader5 package is made for.
STORE = "PythonSoftwareFoundation.Python"  # In the path of every Python out of the Microsoft Store.
SUITABLE, UNSUITABLE, SECOND_CHOICE = 0, 1, 10
# 1 and 2 are what Python itself ends with when it cannot even start.
READY, TO_MAKE, BRIDGE_RUNS, TO_INSTALL = 0, 3, 4, 5
FOLDER_NOTE = "made-in.txt"
INSTALLED_NOTE = "installed.toml"


def judge(version: tuple[int, int], platform: str, prefix: str, *, complete: bool) -> tuple[int, str]:
    """Say whether a Python can make .venv.

    Args:
        platform: as sysconfig.get_platform() says it.
        prefix: the folder it is installed in.
        complete: whether it brings venv and pip.
    Returns:
        SUITABLE, UNSUITABLE or SECOND_CHOICE, and why; "" when it is suitable.
    """
    if version < PYTHON_MIN:
        return UNSUITABLE, f"is older than {PYTHON_MIN[0]}.{PYTHON_MIN[1]}"
    if platform.startswith("win") and platform not in PLATFORMS:
        return (
            UNSUITABLE,
            f"is for {platform}; MetaTrader 5 needs the 64-bit one for Intel and AMD, win-amd64",
        )
    if not complete:
        return UNSUITABLE, "comes without venv and pip (the embeddable package is not enough)"
    if STORE.lower() in prefix.lower():
        why = "is the Microsoft Store's: its folders are kept apart, which troubles the MetaTrader5 package"
        return SECOND_CHOICE, why
    return SUITABLE, ""


def find_state(root: Path, venv: Path) -> int:
    """Say what has to be done so that a folder's .venv, which runs this, can be used.

    Returns:
        READY, TO_INSTALL, TO_MAKE, or BRIDGE_RUNS: something is to be done, but a bridge uses it.
    """
    try:
        moved = not Path((venv / FOLDER_NOTE).read_text(encoding="utf-8")).samefile(root)
    except FileNotFoundError:
        # Made by hand or by an earlier version, or the folder that the note names is no more.
        moved = (venv / FOLDER_NOTE).exists()
    except (OSError, ValueError):
        moved = True
    if sys.version_info[:2] < PYTHON_MIN:
        return TO_MAKE  # No bridge can run by it.
    note = venv / INSTALLED_NOTE
    if not moved and note.is_file() and filecmp.cmp(root / "pyproject.toml", note, shallow=False):
        return READY
    return BRIDGE_RUNS if _is_used(root) else TO_MAKE if moved else TO_INSTALL


def note_done(root: Path, venv: Path) -> None:
    """Note what was installed, and where."""
    (venv / FOLDER_NOTE).write_text(str(root), encoding="utf-8")
    shutil.copyfile(root / "pyproject.toml", venv / INSTALLED_NOTE)


def main(arguments: list[str]) -> int:
    """Obey start_bridge.bat and return the exit code."""
    root, venv = Path(__file__).resolve().parents[2], Path(sys.prefix)
    if arguments == ["suitable"]:
        complete = all(importlib.util.find_spec(name) for name in ("venv", "ensurepip"))
        code, why = judge(sys.version_info[:2], sysconfig.get_platform(), sys.base_prefix, complete=complete)
        if why:
            version = ".".join(map(str, sys.version_info[:3]))
            _say(f"Python {version} in {sys.base_prefix} {why}")
        return code
    if arguments == ["state"]:
        return find_state(root, venv)
    if arguments == ["done"]:
        note_done(root, venv)
        return 0
    _say(f"installation.py takes suitable, state or done, got {arguments}")
    return 2


def _is_used(root: Path) -> bool:
    """Tell whether a bridge runs out of this folder, or may: from under one nothing is to be taken."""
    sys.path.insert(0, str(root / "src"))
    try:
        from hybrid_bridge.commands.update import find_running
        from hybrid_bridge.errors import BridgeError
    except ImportError:
        return False  # What a bridge cannot do without is not installed.
    try:
        holder = find_running(root)
    except BridgeError as error:
        _say(f"Something new has to be installed, but whether a bridge runs cannot be told: {error}")
        return True
    if holder:
        _say(f"A bridge runs in this folder ({holder}), and something new has to be installed: stop it first")
    return bool(holder)


def _say(text: str) -> None:
    sys.stdout.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]  # A path in any language.
    sys.stdout.write(text + "\n")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
