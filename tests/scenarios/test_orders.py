"""Signals and commands through the whole bridge: real processes, real sockets, the ledger as judge."""

from collections.abc import Callable

import pytest
from tests.scenarios.harness import (
    TOKEN,
    Backend,
    BridgeProcess,
    Broker,
    Simulator,
    eventually,
    produce,
    read_topic,
    signal_body,
    utc_now,
)

pytestmark = pytest.mark.scenario


@pytest.fixture
async def bridge(
    simulator: Simulator, broker: Broker, backend: Backend, make_bridge: Callable[..., BridgeProcess]
) -> BridgeProcess:
    started = make_bridge(
        **simulator.settings,
        REDPANDA_BOOTSTRAP_SERVERS=broker.address,
        BACKEND_WS_URL=backend.url,
        SYMBOLS="EURUSD,USDJPY,XAUUSD",
        DUPLICATE_WINDOW_S=0,
        SIGNAL_MAX_AGE_S=20,
    ).start()
    await backend.open_for_orders()
    return started


async def test_a_signal_on_each_channel_becomes_one_position_each(
    bridge: BridgeProcess, simulator: Simulator, broker: Broker, backend: Backend
) -> None:
    await backend.send(
        "trading_signal",
        id="ws-1",
        symbol="EURUSD",
        action="BUY",
        stop_loss=0.5,
        volume=0.01,
        timestamp=utc_now(),
    )
    body = signal_body(id="rp-1", symbol="USDJPY", action="SELL", stop_loss=500.0, volume=0.01)
    produce(broker.address, "trading_signals", body, body)
    over_websocket = await backend.wait_for("trade_result", signal_id="ws-1", status="filled")
    over_redpanda = await backend.wait_for("trade_result", signal_id="rp-1", status="filled")
    await backend.wait_for("trade_result", signal_id="rp-1", status="duplicate")

    deals = simulator.deals()
    assert [(deal["symbol"], deal["entry"], deal["volume"]) for deal in deals] == [
        ("EURUSD", 0, 0.01),
        ("USDJPY", 0, 0.01),
    ]
    assert [deal["position"] for deal in deals] == [over_websocket["ticket"], over_redpanda["ticket"]]
    assert over_websocket["price"] == deals[0]["price"]
    await backend.wait_until(lambda: len(backend.of("positions")[-1]) == 2)
    assert backend.tokens == [f"Bearer {TOKEN}"]

    in_topic = [
        (message["data"]["signal_id"], message["data"]["status"])
        for _, message in read_topic(broker.address, "trading_events")
    ]
    assert sorted(in_topic) == [("rp-1", "duplicate"), ("rp-1", "filled"), ("ws-1", "filled")]
    assert "Order placed" in bridge.log
    assert TOKEN not in bridge.log + bridge.console


async def test_the_same_signal_over_both_channels_acts_once(
    bridge: BridgeProcess, simulator: Simulator, broker: Broker, backend: Backend
) -> None:
    wanted = {"id": "both", "symbol": "EURUSD", "action": "BUY", "stop_loss": 0.5, "volume": 0.02}
    produce(broker.address, "trading_signals", signal_body(**wanted))
    await backend.send("trading_signal", **wanted)
    await backend.wait_for("trade_result", signal_id="both", status="filled")
    await backend.wait_for("trade_result", signal_id="both", status="duplicate")
    assert [deal["volume"] for deal in simulator.deals()] == [0.02]


async def test_positions_are_modified_closed_in_part_and_closed(
    bridge: BridgeProcess, simulator: Simulator, backend: Backend
) -> None:
    await backend.send("trading_signal", id="p", symbol="EURUSD", action="BUY", stop_loss=0.5, volume=0.03)
    ticket = (await backend.wait_for("trade_result", signal_id="p", status="filled"))["ticket"]

    await backend.send("modify_position", id="m", ticket=ticket, take_profit=9.0)
    await backend.wait_for("trade_result", signal_id="m", status="filled")
    await backend.wait_until(
        lambda: [(p["stop_loss"], p["take_profit"]) for p in backend.of("positions")[-1]] == [(0.5, 9.0)]
    )
    await backend.send("close_position", id="c1", ticket=ticket, volume=0.01)
    await backend.wait_for("trade_result", signal_id="c1", status="filled", volume=0.01)
    await backend.send("close_position", id="c2", ticket=ticket)
    await backend.wait_for("trade_result", signal_id="c2", status="filled", volume=0.02)
    await backend.send("close_position", id="c3", ticket=ticket)
    gone = await backend.wait_for("trade_result", signal_id="c3", status="denied")

    assert gone["reason"] == "position"
    assert [(deal["entry"], deal["volume"]) for deal in simulator.deals()] == [
        (0, 0.03),
        (1, 0.01),
        (1, 0.02),
    ]
    assert "Position closed" in bridge.log


async def test_an_emergency_stop_closes_halts_and_outlives_a_restart(
    bridge: BridgeProcess, simulator: Simulator, broker: Broker, backend: Backend
) -> None:
    await backend.send("trading_signal", id="a", symbol="EURUSD", action="BUY", stop_loss=0.5, volume=0.01)
    await backend.wait_for("trade_result", signal_id="a", status="filled")
    await backend.send("emergency_stop", close_positions=True, reason="scenario")
    await eventually(lambda: [deal["entry"] for deal in simulator.deals()] == [0, 1])
    await backend.send("trading_signal", id="b", symbol="EURUSD", action="BUY", stop_loss=0.5, volume=0.01)
    denied = await backend.wait_for("trade_result", signal_id="b", status="denied")
    assert denied["reason"] == "emergency_stop"

    assert bridge.stop() == 0
    await backend.forget()
    bridge.start()
    await backend.wait_until(lambda: bool(backend.of("account_info")))
    produce(
        broker.address, "trading_signals", signal_body(id="c", symbol="EURUSD", action="BUY", stop_loss=0.5)
    )
    still = await backend.wait_for("trade_result", signal_id="c", status="denied")
    assert "emergency_stop" in still["detail"]
    await backend.send("resume_trading", reason="from afar")
    refused = await backend.wait_for("error", reason="resume_refused")
    assert "hybrid-bridge resume" in refused["detail"]
    assert len(simulator.deals()) == 2


async def test_data_is_given_when_asked_for(bridge: BridgeProcess, backend: Backend) -> None:
    backend.received.clear()
    for request in ("account_info", "positions", "status"):
        await backend.send("get_data", request=request)
    account = await backend.wait_for("account_info")
    assert (account["login"], account["balance"], account["currency"]) == (10000001, 10000.0, "USD")
    status = await backend.wait_for("bridge_status", state="running")
    assert status["channels"]["redpanda"]["state"] == "up"
    await backend.wait_until(lambda: backend.of("positions")[:1] == [[]])


async def test_a_malformed_message_on_each_channel_costs_nothing(
    bridge: BridgeProcess, simulator: Simulator, broker: Broker, backend: Backend
) -> None:
    produce(broker.address, "trading_signals", b"{not json", b'{"type":"trading_signal","data":{"symbol":1}}')
    await backend.send_raw('{"type":"launch_rocket","data":{}}')
    await backend.wait_for("error", reason="not_json")
    await backend.wait_for("error", reason="invalid_field")
    await backend.wait_for("error", reason="unknown_type")
    letters = [message["type"] for _, message in read_topic(broker.address, "trading_events")]
    assert letters == ["error"] * 3
    produce(
        broker.address,
        "trading_signals",
        signal_body(id="after", symbol="EURUSD", action="SELL", stop_loss=9.0, volume=0.01),
    )
    await backend.wait_for("trade_result", signal_id="after", status="filled")
    assert len(simulator.deals()) == 1
