"""Limits made stricter while the bridge runs, over every way there is, and taken back by a person alone."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from tests.scenarios.harness import (
    Backend,
    BridgeProcess,
    Broker,
    Simulator,
    eventually,
    produce,
    read_topic,
    signal_body,
)

pytestmark = pytest.mark.scenario


@pytest.fixture
def bridge(
    simulator: Simulator, broker: Broker, backend: Backend, make_bridge: Callable[..., BridgeProcess]
) -> BridgeProcess:
    return make_bridge(
        **simulator.settings,
        REDPANDA_BOOTSTRAP_SERVERS=broker.address,
        BACKEND_WS_URL=backend.url,
        SYMBOLS="EURUSD,USDJPY,XAUUSD",
        DUPLICATE_WINDOW_S=0,
        SIGNAL_MAX_AGE_S=20,
        MAX_VOLUME=0.5,
    )


def tighten_message(**limits: object) -> bytes:
    return json.dumps({"type": "tighten_limits", "data": {"limits": limits, "reason": "news"}}).encode()


def shown_limits(bridge: BridgeProcess) -> dict[str, Any]:
    """What the command shows, beside a running bridge or without one."""
    typed = bridge.command("limits", "--json")
    assert (0, "") == (typed.returncode, typed.stderr)
    return json.loads(typed.stdout)


async def test_both_channels_and_a_person_tighten_and_only_a_person_restores(
    bridge: BridgeProcess, simulator: Simulator, broker: Broker, backend: Backend
) -> None:
    bridge.start()
    await backend.open_for_orders()

    # Over Redpanda.
    signal = {"symbol": "EURUSD", "action": "BUY", "stop_loss": 1.0}
    produce(broker.address, "trading_signals", tighten_message(MAX_VOLUME=0.3))
    await backend.wait_until(lambda: backend.of("bridge_status")[-1]["limits"]["MAX_VOLUME"] == 0.3)
    bodies = (signal_body(id="rp-1", volume=0.4, **signal), signal_body(id="rp-2", volume=0.2, **signal))
    produce(broker.address, "trading_signals", *bodies)
    denied = await backend.wait_for("trade_result", signal_id="rp-1", status="denied")
    assert "volume" == denied["reason"]
    assert "0.3" in denied["detail"]
    await backend.wait_for("trade_result", signal_id="rp-2", status="filled")

    # Over the WebSocket, a signal right behind it; looser is refused, and what stands beside it too.
    await backend.send("tighten_limits", limits={"max_volume": 0.1})
    await backend.send("trading_signal", id="ws-1", volume=0.2, **signal)
    await backend.wait_for("trade_result", signal_id="ws-1", status="denied")
    await backend.send("tighten_limits", limits={"MAX_VOLUME": 0.4, "MAX_DAILY_TRADES": 1})
    refused = await backend.wait_for("error", reason="limits_refused")
    assert "MAX_VOLUME: saw 0.4, in force is 0.1" in refused["detail"]
    await backend.send("restore_limits", reason="please")
    await backend.wait_until(lambda: len(backend.of("error")) == 2)
    produce(broker.address, "trading_signals", b'{"type":"restore_limits","data":{"reason":"please"}}')
    await backend.wait_until(lambda: len(backend.of("error")) == 3)
    assert {"limits_refused"} == {told["reason"] for told in backend.of("error")}
    in_topic = [message["type"] for _, message in read_topic(broker.address, "trading_events")]
    assert 3 == in_topic.count("error")
    status = backend.of("bridge_status")[-1]
    assert (0.1, 10) == (status["limits"]["MAX_VOLUME"], status["limits"]["MAX_DAILY_TRADES"])
    assert ("websocket", 0.5) == tuple(status["tightened"]["MAX_VOLUME"][name] for name in ("by", "setting"))

    # Typed on the PC, over a kill, and back.
    typed = bridge.command("limits", "--tighten", "MAX_VOLUME=0.05", "--reason", "lunch")
    assert (0, "tighten_limits: in force now: MAX_VOLUME=0.05\n") == (typed.returncode, typed.stdout)
    bridge.kill()
    assert 0.05 == shown_limits(bridge)["limits"]["MAX_VOLUME"]
    bridge.start()
    await eventually(lambda: bridge.log.count("WebSocket connected") == 2)
    backend.received.clear()
    assert "Limits are tighter than the settings" in bridge.log
    assert "0.05 instead of 0.5 since" in bridge.log
    await backend.open_for_orders()
    told = backend.of("bridge_status")[-1]
    assert (0.05, "local", "lunch") == (
        told["limits"]["MAX_VOLUME"],
        told["tightened"]["MAX_VOLUME"]["by"],
        told["tightened"]["MAX_VOLUME"]["reason"],
    )
    assert ["EURUSD"] == list(told["portfolio"]["symbols"])
    assert 0 == bridge.command("limits", "--restore", "--reason", "back").returncode
    shown = shown_limits(bridge)
    assert (0.5, {}, 1) == (shown["limits"]["MAX_VOLUME"], shown["tightened"], shown["used"]["daily_entries"])
    await backend.send("trading_signal", id="ws-2", volume=0.4, **signal)
    await backend.wait_for("trade_result", signal_id="ws-2", status="filled")
    assert [0.2, 0.4] == [deal["volume"] for deal in simulator.deals()]
    for words in ("Limits tightened", "Limits refused", "Limits restored"):
        assert words in bridge.log
    assert 0 == bridge.stop()
