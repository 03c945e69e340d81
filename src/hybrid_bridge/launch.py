"""What the launchers share: start the bridge, or say in one sentence what has to be installed first.

Called by hybrid_bridge.py, run_bridge.py and config.py at the project's root and by
`python -m hybrid_bridge`. It must load without any library and on Pythons that are too old, so it imports
the rest late.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path

PYTHON_MIN = (3, 11)
ROOT = Path(__file__).resolve().parents[2]


@contextlib.contextmanager
def explained() -> Iterator[None]:
    """Turn an old Python or a library that is not there into one sentence and exit code 1."""
    if sys.version_info < PYTHON_MIN:
        sys.exit(_sentence(f"Python {PYTHON_MIN[0]}.{PYTHON_MIN[1]} or newer is needed"))
    try:
        yield
    except ModuleNotFoundError as error:
        library = (error.name or "").partition(".")[0]
        if library in ("", "hybrid_bridge"):
            raise
        sys.exit(_sentence(f"the library {library} is not installed there"))


def start(*, websocket_only: bool = False) -> int:
    """Run the command line and return its exit code."""
    with explained():
        from hybrid_bridge.cli import main

        return main(websocket_only=websocket_only)


def remedy(root: Path) -> str:
    """Return what a person should type on this computer, as the end of a sentence."""
    if not (root / "pyproject.toml").is_file():
        return "install hybrid-mt5-bridge again, with its extra demo"
    windows = sys.platform == "win32"
    environment = root / ".venv"
    python = environment / ("Scripts/python.exe" if windows else "bin/python")
    if python.is_file() and Path(sys.prefix).resolve() != environment.resolve():
        return f'type "{python}" in its place, where everything is installed'
    return f'type "{root / ("start_bridge.bat" if windows else "scripts/demo")}", which installs everything'


def _sentence(problem: str) -> str:
    return f"Cannot start with {sys.executable}: {problem}; {remedy(ROOT)}"
