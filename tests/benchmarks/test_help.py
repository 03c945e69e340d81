"""Asking a script what it does installs nothing."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.not_on_windows("scripts of development are written for bash")


@pytest.mark.parametrize("asked", [["--help"], ["--json", "x.json", "-h"]])
@pytest.mark.parametrize("name", ["bench", "endure", "scale"])
def test_help_is_told_without_making_an_environment(tmp_path: Path, name: str, asked: list[str]) -> None:
    shutil.copytree(ROOT / "scripts", tmp_path / "scripts", ignore=shutil.ignore_patterns("__pycache__"))
    environment = {"PATH": "/usr/bin:/bin", "PYTHON": sys.executable, "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [tmp_path / "scripts" / name, *asked],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (0, "") == (done.returncode, done.stderr)
    assert done.stdout.startswith(f"usage: scripts/{name} ")
    assert ["scripts"] == [path.name for path in tmp_path.iterdir()]
