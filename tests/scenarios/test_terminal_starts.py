"""A terminal that does not run when the bridge looks for it: the genuine package starts it, every time."""

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from tests.scenarios.harness import ROOT, Backend, BridgeProcess, eventually
from tests.terminal_program import TerminalProgram

pytestmark = [
    pytest.mark.scenario,
    pytest.mark.skipif(sys.platform != "win32", reason="the MetaTrader5 package is for Windows only"),
]

# The simulated terminal under the terminal's name; a second one ends at once, as a second terminal does.
TERMINAL = """
sys.stdout = sys.stderr = open(os.environ["TERMINAL_LOG"], "a", buffering=1)
sys.path.insert(0, os.environ["TERMINAL_SOURCE"])
from hybrid_bridge.simulator.server import main
folder = os.path.dirname(sys.executable)
kept = ["--ledger", folder + "\\\\ledger.jsonl", "--state", folder + "\\\\account.state"]
os._exit(main(["--pipe", sys.executable, "--symbols", "EURUSD", "--seed", "7", *kept]))
"""


@pytest.fixture
def terminal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[TerminalProgram]:
    program = TerminalProgram(tmp_path / "MetaTrader 5", TERMINAL)
    own = {"TERMINAL_LOG": str(tmp_path / "terminal.log"), "TERMINAL_SOURCE": str(ROOT / "src")}
    for name, value in (program.environment | own).items():
        monkeypatch.setenv(name, value)
    yield program
    program.end()


def deals(terminal: TerminalProgram) -> list[dict[str, Any]]:
    ledger = terminal.path.parent / "ledger.jsonl"
    return [json.loads(line) for line in ledger.read_text(encoding="utf-8").splitlines()]


async def buy(backend: Backend, signal_id: str) -> None:
    await backend.send(
        "trading_signal", id=signal_id, symbol="EURUSD", action="BUY", stop_loss=0.5, volume=0.01
    )
    await backend.wait_for("trade_result", signal_id=signal_id, status="filled")


async def test_the_package_starts_the_terminal_which_outlives_the_bridge_and_is_started_again_when_killed(
    terminal: TerminalProgram, backend: Backend, make_bridge: Callable[..., BridgeProcess]
) -> None:
    bridge = make_bridge(
        "run_bridge.py",
        MT5_BACKEND="terminal",
        MT5_PATH=terminal.path,
        BACKEND_WS_URL=backend.url,
        SYMBOLS="EURUSD",
        DUPLICATE_WINDOW_S=0,
    ).start()
    await backend.open_for_orders()
    await buy(backend, "first")
    # Each lane had one started for want of a pipe.
    await eventually(lambda: len(terminal.running()) == 1)
    (serving,) = terminal.running()

    bridge.kill()
    assert psutil.pid_exists(serving)
    await backend.forget()
    bridge.start()
    await backend.open_for_orders()
    await buy(backend, "second")
    assert terminal.running() == [serving]

    connected = bridge.log.count("Lane ready")
    terminal.end()
    await eventually(lambda: terminal.running() not in ([], [serving]))
    # Each lane notices for itself: the one for orders perhaps only when it looks who is there.
    await eventually(lambda: bridge.log.count("Lane ready") >= connected + 2)
    backend.received.clear()
    await backend.wait_for("tick_data")
    await backend.open_for_orders()
    await buy(backend, "third")
    assert bridge.stop() == 0
    assert terminal.running() != []
    assert [(deal["entry"], deal["volume"]) for deal in deals(terminal)] == [(0, 0.01)] * 3
