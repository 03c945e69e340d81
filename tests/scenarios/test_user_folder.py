"""A user whose name is not written in Latin letters, in a folder with spaces: everything is found there."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.scenarios.harness import ROOT, Backend, BridgeProcess, Simulator

pytestmark = pytest.mark.scenario

# What Windows names after the user, and what stands for it elsewhere.
OF_THE_USER = ("USERPROFILE", "APPDATA", "LOCALAPPDATA", "TEMP", "TMP", "TMPDIR", "HOME", "ProgramData")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's folder for the bridge; all that Windows names after the user lies around it."""
    home = tmp_path / "Иван Петров & Söhne (100%)"
    for name in OF_THE_USER:
        place = home / name
        place.mkdir(parents=True, exist_ok=True)
        monkeypatch.setenv(name, str(place))
    made = home / "Мой мост"
    made.mkdir()
    return made


@pytest.fixture
def simulator(folder: Path) -> Iterator[Simulator]:
    program = Simulator(folder, "--symbols", "EURUSD", "--seed", "7")
    try:
        program.start()
        yield program
    finally:
        program.kill()


async def test_orders_journal_log_and_commands_work_there(
    folder: Path, simulator: Simulator, backend: Backend
) -> None:
    bridge = BridgeProcess(
        folder, "run_bridge.py", **simulator.settings, BACKEND_WS_URL=backend.url, SYMBOLS="EURUSD"
    )
    try:
        bridge.start("--summary", str(folder / "итог.json"))
        await backend.open_for_orders()
        order = {"symbol": "EURUSD", "action": "BUY", "stop_loss": 0.5, "volume": 0.01}
        await backend.send("trading_signal", id="сигнал-1", comment="вход", **order)
        await backend.wait_for("trade_result", signal_id="сигнал-1", status="filled")
        status = bridge.command("status", "--json")
        assert 0 == bridge.stop()
    finally:
        bridge.end()

    assert (0, "") == (status.returncode, status.stderr)
    assert simulator.deals()[0]["comment"].startswith("вход #")
    assert "сигнал-1" in bridge.log
    assert json.loads((folder / "итог.json").read_text(encoding="utf-8"))
    assert sorted(path.name for path in (folder / "state").iterdir() if "journal" in path.name)
    # A console or a file of any code page: what it lacks is spelt out, and nothing fails.
    command = [sys.executable, "hybrid_bridge.py", "journal", "--env-file", str(folder / "bridge.env")]
    for encoding, shown in (("utf-8", "сигнал-1"), ("cp866", "сигнал-1"), ("cp1252", r"\u0441\u0438")):
        environment = {**os.environ, "PYTHONIOENCODING": encoding}
        told = subprocess.run(
            command,
            cwd=ROOT,
            env=environment,
            capture_output=True,
            encoding=encoding,
            timeout=30,
            check=False,
        )
        assert (0, "") == (told.returncode, told.stderr)
        assert shown in told.stdout
