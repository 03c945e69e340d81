"""`python run_bridge.py`: the WebSocket alone, with no Kafka anywhere."""

from collections.abc import Callable

import pytest
from tests.scenarios.harness import Backend, BridgeProcess, Simulator

pytestmark = pytest.mark.scenario


async def test_ticks_orders_and_account_go_over_the_websocket_alone(
    simulator: Simulator, backend: Backend, make_bridge: Callable[..., BridgeProcess]
) -> None:
    bridge = make_bridge(
        "run_bridge.py",
        **simulator.settings,
        BACKEND_WS_URL=backend.url,
        REDPANDA_BOOTSTRAP_SERVERS="127.0.0.1:1",
        SYMBOLS="EURUSD,XAUUSD",
    ).start()
    await backend.open_for_orders()
    await backend.wait_for("tick_data", symbol="XAUUSD")
    await backend.wait_until(lambda: len(backend.of("tick_data")) >= 10)
    await backend.send("trading_signal", id="w", symbol="EURUSD", action="BUY", stop_loss=0.5, volume=0.01)
    await backend.wait_for("trade_result", signal_id="w", status="filled")

    ticks = [tick for tick in backend.of("tick_data") if tick["symbol"] == "EURUSD"]
    numbers = [tick["seq"] for tick in ticks]
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
    assert "redpanda" not in backend.of("bridge_status")[-1]["channels"]
    assert len(simulator.deals()) == 1
    assert bridge.stop() == 0
    assert "127.0.0.1:1" not in bridge.log
