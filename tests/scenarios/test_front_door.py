"""start_bridge.bat in a folder as it is after the download, with a genuine Python of Windows, under Wine."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest
from tests.scenarios.harness import ROOT
from tests.windows_python import HOME, WindowsPython, windows_path, windows_python

__all__ = ["windows_python"]

pytestmark = [pytest.mark.scenario, pytest.mark.windows, pytest.mark.timeout(600)]

PROGRAMS = ["start_bridge.bat", "hybrid_bridge.py", "run_bridge.py", "config.py"]
REST = ["pyproject.toml", "README.md", "LICENSE", ".env.example"]


@pytest.fixture
def download(tmp_path: Path) -> Path:
    """Give what a user has unpacked, in a folder of an awkward name."""
    folder = tmp_path / "Мой bridge & Co"
    shutil.copytree(ROOT / "src", folder / "src", ignore=shutil.ignore_patterns("__pycache__"))
    for name in PROGRAMS + REST:
        shutil.copy2(ROOT / name, folder)
    return folder


def test_the_demo_comes_from_nothing_and_trades(download: Path, windows_python: WindowsPython) -> None:
    # Wine's cmd takes what begins with "start" for its own command, unless a folder stands before it.
    (download / "typed.bat").write_bytes(b"@.\\start_bridge.bat demo --duration 20 --summary out.json\r\n")
    constraint = download.parent / "constraint.txt"
    constraint.write_text("numpy<2.1\n", encoding="utf-8")  # Newer ones call what Wine 8 lacks.
    environment = windows_python.environment(
        WINEPATH=windows_path(HOME), PIP_CONSTRAINT=windows_path(constraint)
    )
    run = subprocess.run(
        ["wine", "cmd", "/c", "typed.bat"],
        cwd=download,
        env={**os.environ, **environment},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
        timeout=550,
        check=False,
    )
    assert run.returncode == 0, run.stdout
    assert (download / ".venv" / "Scripts" / "python.exe").exists()
    figures = json.loads((download / "out.json").read_text(encoding="utf-8"))
    ledger = (download / "state" / "demo" / "ledger.jsonl").read_text(encoding="utf-8").splitlines()
    assert figures["ticks"]["published"] == figures["ticks"]["acknowledged"] > 50
    assert figures["results"]["filled"] == len(ledger) > 0
    assert "Bridge stopped" in run.stdout
