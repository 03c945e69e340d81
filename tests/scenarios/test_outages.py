"""Broker, backend and terminal go away in the middle: the rest goes on, and nothing is lost or repeated."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.scenarios.harness import (
    Backend,
    BridgeProcess,
    Broker,
    Simulator,
    eventually,
    produce,
    read_topic,
    running_backend,
    signal_body,
)

pytestmark = pytest.mark.scenario

OUTAGE_S = 8.0


def bridge_settings(simulator: Simulator, broker: Broker, backend: Backend) -> dict[str, object]:
    return {
        **simulator.settings,
        "REDPANDA_BOOTSTRAP_SERVERS": broker.address,
        "BACKEND_WS_URL": backend.url,
        "SYMBOLS": "EURUSD,XAUUSD",
        "DUPLICATE_WINDOW_S": 0,
        "SIGNAL_MAX_AGE_S": 30,
    }


def sequences(broker: Broker) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for _, message in read_topic(broker.address, "market_ticks"):
        found.setdefault(message["data"]["symbol"], []).append(message["data"]["seq"])
    return found


def without_holes(numbers: list[int]) -> bool:
    return numbers == list(range(1, len(numbers) + 1))


async def order(backend: Backend, signal_id: str, action: str = "BUY") -> dict[str, object]:
    stop = 0.5 if action == "BUY" else 9.0
    await backend.send(
        "trading_signal", id=signal_id, symbol="EURUSD", action=action, stop_loss=stop, volume=0.01
    )
    return await backend.wait_for("trade_result", signal_id=signal_id, status="filled")


async def test_trading_goes_on_while_the_broker_hangs_and_no_tick_is_lost(
    simulator: Simulator, broker: Broker, backend: Backend, make_bridge: Callable[..., BridgeProcess]
) -> None:
    make_bridge(**bridge_settings(simulator, broker, backend)).start()
    await backend.open_for_orders()
    await eventually(lambda: len(sequences(broker)) == 2)

    broker.freeze()
    await asyncio.gather(asyncio.sleep(OUTAGE_S), order(backend, "during"))
    broker.thaw()
    produce(
        broker.address,
        "trading_signals",
        signal_body(id="after", symbol="EURUSD", action="SELL", stop_loss=9.0, volume=0.01),
    )
    await backend.wait_for("trade_result", signal_id="after", status="filled")

    before = sum(map(len, sequences(broker).values()))
    await eventually(lambda: sum(map(len, sequences(broker).values())) > before)
    assert all(without_holes(numbers) for numbers in sequences(broker).values())
    statuses = [
        (message["data"]["signal_id"], message["data"]["status"])
        for _, message in read_topic(broker.address, "trading_events")
    ]
    assert sorted(statuses) == [("after", "filled"), ("during", "filled")]
    assert len(simulator.deals()) == 2


async def test_redpanda_signals_are_obeyed_while_the_backend_is_away_and_results_follow_later(
    simulator: Simulator, broker: Broker, make_bridge: Callable[..., BridgeProcess]
) -> None:
    async with running_backend() as first:
        make_bridge(**bridge_settings(simulator, broker, first)).start()
        await first.open_for_orders()
        port = first.port
    produce(
        broker.address,
        "trading_signals",
        signal_body(id="alone", symbol="EURUSD", action="BUY", stop_loss=0.5, volume=0.01),
    )
    await eventually(lambda: len(simulator.deals()) == 1)
    await asyncio.sleep(OUTAGE_S)
    async with running_backend(port) as second:
        result = await second.wait_for("trade_result", signal_id="alone", status="filled")
        assert result["volume"] == 0.01
        await second.wait_for("account_info")
        assert len(second.results("alone")) == 1


async def test_a_killed_terminal_is_found_again_and_nothing_is_sent_twice(
    tmp_path: Path,
    simulator: Simulator,
    broker: Broker,
    backend: Backend,
    make_bridge: Callable[..., BridgeProcess],
) -> None:
    make_bridge(**bridge_settings(simulator, broker, backend)).start()
    await backend.open_for_orders()
    await order(backend, "before")
    simulator.kill()
    await backend.send("trading_signal", id="gone", symbol="EURUSD", action="BUY", stop_loss=0.5, volume=0.01)
    denied = await backend.wait_for("trade_result", signal_id="gone", status="denied")
    assert denied["reason"] == "account"
    await asyncio.sleep(OUTAGE_S)

    again = Simulator(tmp_path, "--symbols", "EURUSD,USDJPY,XAUUSD", "--seed", "8", place=simulator.place)
    again.start()
    try:
        await eventually_orders(backend, "again")
        assert [deal["magic"] >> 32 for deal in again.deals()] == [234000, 234000]
        assert without_holes(sequences(broker)["EURUSD"])
    finally:
        again.kill()


async def eventually_orders(backend: Backend, stem: str) -> None:
    """Send signals, each under its own id, until the bridge trades again."""
    for number in range(30):
        await backend.send(
            "trading_signal", id=f"{stem}-{number}", symbol="EURUSD", action="BUY", stop_loss=0.5, volume=0.01
        )
        await backend.wait_until(lambda n=number: bool(backend.results(f"{stem}-{n}")))
        if backend.results(f"{stem}-{number}")[-1]["status"] == "filled":
            return
        await asyncio.sleep(0.5)
    raise AssertionError("the bridge did not trade again")


async def test_the_bridge_starts_with_both_channels_down_and_joins_them_later(
    simulator: Simulator, broker: Broker, make_bridge: Callable[..., BridgeProcess]
) -> None:
    async with running_backend() as placeholder:
        port = placeholder.port
    broker.freeze()
    bridge = make_bridge(**bridge_settings(simulator, broker, placeholder)).start()
    await eventually(lambda: "Open for orders" in bridge.log)
    broker.thaw()
    async with running_backend(port) as backend:
        await backend.open_for_orders()
        await order(backend, "late")
        await eventually(lambda: len(sequences(broker)) == 2)
