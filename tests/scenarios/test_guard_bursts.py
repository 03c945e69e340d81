"""A thousand signals at once against MAX_DAILY_TRADES=10: ten orders, whatever channel, whatever restart."""

import asyncio
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.scenarios.harness import (
    Backend,
    BridgeProcess,
    Broker,
    Simulator,
    eventually,
    produce,
    signal_body,
)

pytestmark = pytest.mark.scenario

SIGNALS = 1_000
TRADES = 10


@pytest.fixture
def simulator(tmp_path: Path) -> Iterator[Simulator]:
    """A terminal that takes its time, so that something is always on its way."""
    program = Simulator(tmp_path, "--symbols", "EURUSD", "--seed", "7", "--order-latency-ms", "60")
    try:
        program.start()
        yield program
    finally:
        program.kill()


@pytest.fixture
async def bridge(
    simulator: Simulator, broker: Broker, backend: Backend, make_bridge: Callable[..., BridgeProcess]
) -> BridgeProcess:
    made = make_bridge(
        **simulator.settings,
        REDPANDA_BOOTSTRAP_SERVERS=broker.address,
        BACKEND_WS_URL=backend.url,
        SYMBOLS="EURUSD",
        MAX_DAILY_TRADES=TRADES,
        MAX_ORDERS_PER_MINUTE=10_000,
        DUPLICATE_WINDOW_S=0,
        SIGNAL_MAX_AGE_S=60,
        MT5_SERVER_UTC_OFFSET=10_800,
    ).start()
    await backend.open_for_orders()
    return made


def wanted(number: int) -> dict[str, Any]:
    return {"id": f"s{number}", "symbol": "EURUSD", "action": "BUY", "stop_loss": 0.5, "volume": 0.01}


def over_redpanda(broker: Broker, numbers: range) -> None:
    produce(broker.address, "trading_signals", *(signal_body(**wanted(number)) for number in numbers))


async def over_websocket(backend: Backend, numbers: range) -> None:
    for number in numbers:
        await backend.send("trading_signal", **wanted(number))


def answers(backend: Backend) -> dict[str, list[dict[str, Any]]]:
    """Return what was told of each signal, duplicates left out."""
    told: dict[str, list[dict[str, Any]]] = {}
    for result in backend.of("trade_result"):
        if result["status"] != "duplicate":
            told.setdefault(result["signal_id"], []).append(result)
    return told


def statuses(backend: Backend) -> list[str]:
    return [results[-1]["status"] for results in answers(backend).values()]


async def all_answered(backend: Backend, signals: int) -> None:
    final = ("filled", "denied", "not_executed")
    await backend.wait_until(lambda: sum(status in final for status in statuses(backend)) >= signals, 60)


async def test_a_thousand_signals_half_of_them_on_both_channels_at_once_give_ten_orders(
    bridge: BridgeProcess, simulator: Simulator, broker: Broker, backend: Backend
) -> None:
    begun_s = time.monotonic()
    await asyncio.gather(
        asyncio.to_thread(over_redpanda, broker, range(SIGNALS * 3 // 4)),
        over_websocket(backend, range(SIGNALS // 4, SIGNALS)),
    )
    sent_s = time.monotonic() - begun_s
    await all_answered(backend, SIGNALS)
    await backend.wait_until(lambda: len(backend.of("trade_result")) >= SIGNALS * 3 // 2, 60)
    assert sent_s < 5.0  # A second where the machine has nothing else to do.

    assert len(simulator.deals()) == TRADES
    told = [results[-1] for results in answers(backend).values()]
    denied = [result for result in told if result["status"] == "denied"]
    assert len([result for result in told if result["status"] == "filled"]) == TRADES
    assert len(denied) == SIGNALS - TRADES
    assert all("daily_trades: saw 10, allowed 10 a day" in result["detail"] for result in denied)


async def test_a_bridge_that_is_killed_amid_a_thousand_signals_sends_ten_in_all(
    bridge: BridgeProcess, simulator: Simulator, broker: Broker, backend: Backend
) -> None:
    over_redpanda(broker, range(SIGNALS))
    await eventually(lambda: len(simulator.deals()) >= 4)
    bridge.kill()
    assert 4 <= len(simulator.deals()) < TRADES

    bridge.start()
    await all_answered(backend, SIGNALS)
    # While the order that was on its way is in doubt, the rest is denied for that.
    await over_websocket(backend, range(SIGNALS, SIGNALS + TRADES))
    await all_answered(backend, SIGNALS + TRADES)
    told = statuses(backend)
    # What was journaled and never written counts as one of the ten, and is told to be nothing.
    lost = told.count("not_executed")
    assert lost <= 1
    assert len(simulator.deals()) == told.count("filled") == TRADES - lost
    assert told.count("denied") == SIGNALS
