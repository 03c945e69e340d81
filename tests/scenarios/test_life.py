"""Starting, stopping, crashing and starting again, as a user would see it."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.scenarios.harness import Backend, BridgeProcess, Broker, Simulator, eventually, read_topic

pytestmark = pytest.mark.scenario


def settings(simulator: Simulator, broker: Broker, backend: Backend) -> dict[str, object]:
    return {
        **simulator.settings,
        "REDPANDA_BOOTSTRAP_SERVERS": broker.address,
        "BACKEND_WS_URL": backend.url,
        "SYMBOLS": "EURUSD,XAUUSD",
    }


async def test_a_killed_bridge_takes_its_lanes_along_and_goes_on_where_it_was(
    simulator: Simulator, broker: Broker, backend: Backend, make_bridge: Callable[..., BridgeProcess]
) -> None:
    bridge = make_bridge(**settings(simulator, broker, backend)).start()
    await backend.open_for_orders()
    await backend.send("trading_signal", id="one", symbol="EURUSD", action="BUY", stop_loss=0.5, volume=0.01)
    await backend.wait_for("trade_result", signal_id="one", status="filled")
    lanes = bridge.lanes()
    assert len(lanes) == 2
    bridge.kill()
    await eventually(lambda: not any(lane.is_running() for lane in lanes), 5)

    await backend.forget()
    bridge.start()
    await backend.open_for_orders()
    await backend.send("trading_signal", id="one", symbol="EURUSD", action="BUY", stop_loss=0.5, volume=0.01)
    again = await backend.wait_for("trade_result", signal_id="one", status="duplicate")
    assert "filled" in again["detail"]
    assert len(simulator.deals()) == 1
    numbers = [
        message["data"]["seq"]
        for _, message in read_topic(broker.address, "market_ticks")
        if message["data"]["symbol"] == "EURUSD"
    ]
    assert numbers == list(range(1, len(numbers) + 1))


async def test_a_second_bridge_on_the_same_state_is_refused(
    simulator: Simulator, broker: Broker, backend: Backend, make_bridge: Callable[..., BridgeProcess]
) -> None:
    bridge = make_bridge(**settings(simulator, broker, backend)).start()
    await backend.open_for_orders()
    second = make_bridge(**settings(simulator, broker, backend)).start()
    assert second.process is not None
    assert second.process.wait(30) == 4
    assert f"another bridge (process {bridge.process.pid})" in second.console
    assert bridge.stop() == 0


async def test_a_second_bridge_on_the_same_account_is_refused_wherever_it_keeps_its_state(
    simulator: Simulator,
    broker: Broker,
    backend: Backend,
    make_bridge: Callable[..., BridgeProcess],
    tmp_path: Path,
) -> None:
    bridge = make_bridge(**settings(simulator, broker, backend)).start()
    await backend.open_for_orders()
    elsewhere = {"STATE_DIR": tmp_path / "elsewhere", "LOG_FILE": tmp_path / "elsewhere.log"}
    second = make_bridge(**settings(simulator, broker, backend), **elsewhere).start()
    assert second.process is not None
    assert second.process.wait(30) == 4
    assert f"another bridge (process {bridge.process.pid}, STATE_DIR " in second.console
    assert bridge.stop() == 0


async def test_the_trader_stops_and_resumes_at_the_pc_with_every_channel_down(
    simulator: Simulator, backend: Backend, make_bridge: Callable[..., BridgeProcess]
) -> None:
    bridge = make_bridge(
        "run_bridge.py", **simulator.settings, BACKEND_WS_URL=backend.url, SYMBOLS="EURUSD"
    ).start()
    await backend.open_for_orders()

    assert bridge.command("stop", "--reason", "dinner").returncode == 0
    await backend.send("trading_signal", id="x", symbol="EURUSD", action="BUY", stop_loss=0.5, volume=0.01)
    await backend.wait_for("trade_result", signal_id="x", status="denied", reason="emergency_stop")
    assert bridge.command("resume", "--reason", "back").returncode == 0
    await backend.send("trading_signal", id="y", symbol="EURUSD", action="BUY", stop_loss=0.5, volume=0.01)
    await backend.wait_for("trade_result", signal_id="y", status="filled")
    assert "EMERGENCY STOP" in bridge.log


# A name server that is away for the whole test; every Python program reads this file at its start.
SILENT_NAMES = """
import socket, time
ask = socket.getaddrinfo
def answer(host, *rest, **named):
    if str(host).endswith(".example.com"):
        time.sleep(60)
    return ask(host, *rest, **named)
socket.getaddrinfo = answer
"""


async def test_a_stop_and_the_end_do_not_wait_for_a_name_server(
    simulator: Simulator,
    make_bridge: Callable[..., BridgeProcess],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "names").mkdir()
    (tmp_path / "names" / "sitecustomize.py").write_text(SILENT_NAMES, encoding="utf-8")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "names"))
    servers = ",".join(f"broker-{number}.example.com:9092" for number in range(9))
    bridge = make_bridge(
        **simulator.settings,
        SYMBOLS="EURUSD",
        REDPANDA_BOOTSTRAP_SERVERS=servers,
        BACKEND_WS_URL="ws://backend.example.com:8000/ws/mt5",
    ).start()
    await eventually(lambda: "no name server has told this PC the address of broker-" in bridge.log)
    stopped = await asyncio.to_thread(bridge.command, "stop")
    assert (stopped.returncode, stopped.stderr) == (0, "")
    assert "EMERGENCY STOP" in bridge.log
    assert bridge.stop() == 0


def test_wrong_settings_are_all_told_at_once_and_exit_with_2(
    make_bridge: Callable[..., BridgeProcess],
) -> None:
    bridge = make_bridge(MAX_RISK_PERCENT="-1", TICK_RATE_HZ="fast", SYMBOLS="").start()
    assert bridge.process is not None
    assert bridge.process.wait(30) == 2
    for name in ("MAX_RISK_PERCENT", "TICK_RATE_HZ"):
        assert name in bridge.console
