"""A Windows Python under Wine, as a fixture for tests marked `windows`.

scripts/windows-python makes it; where it was not made, the tests are skipped, or fail if
TEST_WINDOWS=required. Import the fixture into the conftest of the folder that uses it. Where the suite
itself runs on Windows they are skipped: they start Windows' programs through Wine.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "hybrid-mt5-bridge"
HOME = Path(os.environ.get("TEST_WINDOWS_PYTHON") or CACHE / "windows-python")


def windows_path(path: Path) -> str:
    """Give a path of this computer as Windows programs under Wine see it."""
    return "Z:" + str(path.resolve()).replace("/", "\\")


class WindowsPython:
    """Run Python programs as on Windows; the genuine MetaTrader5 package is installed."""

    def command(self, *arguments: str | Path) -> list[str]:
        """Give the command that runs Windows' python.exe; paths in `arguments` are translated."""
        seen = [windows_path(item) if isinstance(item, Path) else item for item in arguments]
        return ["wine", str(HOME / "python.exe"), *seen]

    def environment(self, **extra: str) -> dict[str, str]:
        """Give the environment for it, in which the project can be imported."""
        return {
            **{name: value for name, value in os.environ.items() if not name.startswith("PYTHON")},
            "WINEPREFIX": str(HOME / "prefix"),
            "WINEARCH": "win64",
            "WINEDEBUG": "-all",
            "PYTHONPATH": windows_path(ROOT / "src"),
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONIOENCODING": "utf-8",
            **extra,
        }

    def run(self, *arguments: str | Path, timeout_s: float = 60.0) -> subprocess.CompletedProcess[str]:
        """Run python.exe to its end; its output comes with \\n as the end of lines."""
        return subprocess.run(
            self.command(*arguments),
            env=self.environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=timeout_s,
            check=False,
        )


def _why_not() -> str:
    """Return why there is none, "" when there is one."""
    if shutil.which("wine") is None:
        return "wine: not found; see scripts/windows-python"
    if not (HOME / ".installed").exists():
        return f"no Windows Python in {HOME}: run scripts/windows-python"
    return ""


@pytest.fixture(scope="session")
def windows_python() -> WindowsPython:
    """Give a Windows Python."""
    if sys.platform == "win32":
        pytest.skip("not on Windows: starts Windows' programs through Wine")
    reason = _why_not()
    if reason and os.environ.get("TEST_WINDOWS") == "required":
        pytest.fail(reason)
    if reason:
        pytest.skip(reason)
    return WindowsPython()
