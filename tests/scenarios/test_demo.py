"""`--demo` and SIMULATION_MODE: everything from one command, and nothing left behind."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from tests.scenarios.harness import ROOT, Backend, BridgeProcess, eventually
from tests.stopping import own_console, type_ctrl_c

pytestmark = pytest.mark.scenario


def start(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, str(ROOT / "hybrid_bridge.py"), *arguments],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        **own_console(),
        env={**os.environ, "MT5_LOGIN": "424242", "BACKEND_WS_URL": "ws://example.invalid/"},
    )


def programs_of(folder: Path) -> list[psutil.Process]:
    """Return running processes that were started in this folder."""
    return [process for process in psutil.process_iter(["cwd"]) if process.info["cwd"] == str(folder)]


def test_the_demo_trades_on_both_channels_and_tells_its_figures(tmp_path: Path) -> None:
    demo = start(tmp_path, "--demo", "--duration", "30", "--summary", "out.json")
    console, _ = demo.communicate(timeout=90)
    assert demo.returncode == 0, console
    figures = json.loads((tmp_path / "out.json").read_text(encoding="utf-8"))
    ledger = (tmp_path / "state" / "demo" / "ledger.jsonl").read_text(encoding="utf-8").splitlines()

    assert figures["ticks"]["acknowledged"] == figures["ticks"]["published"] > 100
    assert figures["ticks"]["generated"] >= figures["ticks"]["acknowledged"]
    assert figures["signals"]["redpanda"] > 0
    assert figures["signals"]["websocket"] > 0
    assert figures["results"]["filled"] == len(ledger) > 0
    assert figures["latency_ms"]["signal_to_send"]["count"] >= len(ledger)  # a requote is sent, not filled
    assert figures["tree_rss_mb"] > figures["rss_mb"] > 10
    assert {"loop_lag_max_ms", "cpu_percent"} <= set(figures)
    assert "Order placed" in console
    assert "Status" in console
    assert "ERROR" not in console
    assert programs_of(tmp_path) == []


def test_ctrl_c_ends_the_demo_in_order_and_at_once(tmp_path: Path) -> None:
    demo = start(tmp_path, "--demo")
    assert demo.stdout is not None
    for line in demo.stdout:
        if "Open for orders" in line:
            break
    begun = time.monotonic()
    type_ctrl_c(demo)
    rest, _ = demo.communicate(timeout=30)
    assert demo.returncode == 0, rest
    assert "Bridge stopped" in rest
    assert "Traceback" not in rest
    assert programs_of(tmp_path) == []
    assert time.monotonic() - begun < 15


async def test_the_simulated_terminal_outlives_a_killed_bridge_and_is_found_again(
    tmp_path: Path, backend: Backend
) -> None:
    bridge = BridgeProcess(
        tmp_path, "run_bridge.py", SIMULATION_MODE="true", BACKEND_WS_URL=backend.url, SYMBOLS="EURUSD"
    ).start()
    try:
        await backend.open_for_orders()
        await backend.send(
            "trading_signal", id="k", symbol="EURUSD", action="BUY", stop_loss=0.5, volume=0.01
        )
        await backend.wait_for("trade_result", signal_id="k", status="filled")
        terminal = psutil.Process(
            json.loads((tmp_path / "state" / "simulator.json").read_text(encoding="utf-8"))["pid"]
        )
        bridge.kill()
        assert terminal.is_running()

        await backend.forget()
        bridge.start()
        await backend.open_for_orders()
        await backend.wait_until(lambda: [held["volume"] for held in backend.of("positions")[-1]] == [0.01])
        assert bridge.stop() == 0
        await eventually(lambda: not terminal.is_running(), 10)
    finally:
        bridge.end()
