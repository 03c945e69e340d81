"""Limits on what has been lost, over real processes: what is closed, what is denied, what a restart keeps."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.scenarios.harness import Backend, BridgeProcess, Simulator, eventually

from hybrid_bridge.simulator.control_client import SimulatorControl

pytestmark = pytest.mark.scenario

LOOK_S = 0.3
READINGS = 3
REMOVE, DONE = 8, 10009


@pytest.fixture
def simulator(tmp_path: Path) -> Iterator[Simulator]:
    """A terminal whose prices stand still until a test moves them; it has 10,000 USD."""
    program = Simulator(tmp_path, "--symbols", "EURUSD")
    try:
        program.start()
        yield program
    finally:
        program.kill()


@pytest.fixture
def market(simulator: Simulator) -> Iterator[SimulatorControl]:
    with simulator.control() as control:
        yield control


Start = Callable[..., BridgeProcess]
Answer = dict[str, Any]


@pytest.fixture
def start(
    simulator: Simulator, backend: Backend, make_bridge: Callable[..., BridgeProcess]
) -> Callable[..., BridgeProcess]:
    def begin(**settings: object) -> BridgeProcess:
        return make_bridge(
            "run_bridge.py",
            **simulator.settings,
            BACKEND_WS_URL=backend.url,
            SYMBOLS="EURUSD",
            ACCOUNT_INTERVAL_S=LOOK_S,
            BREACH_READINGS=READINGS,
            DUPLICATE_WINDOW_S=0,
            MAX_QUOTE_AGE_S=600,
            MT5_SERVER_UTC_OFFSET=10_800,
            **settings,
        ).start()

    return begin


def stand_at(market: SimulatorControl, bid: float) -> None:
    """Bring a price and let it stand."""
    market.pause()
    market.quote("EURUSD", bid, round(bid + 0.0001, 5))


async def answer(backend: Backend, signal_id: str, kind: str = "trading_signal", **data: Any) -> Answer:
    """Send something and return what became of it."""
    await backend.send(kind, id=signal_id, **data)
    await backend.wait_until(lambda: bool(backend.results(signal_id)))
    return backend.results(signal_id)[-1]


async def order(backend: Backend, signal_id: str, action: str = "BUY", **data: Any) -> Answer:
    stop = 1.05 if action == "BUY" else 1.15
    fields = {"symbol": "EURUSD", "action": action, "stop_loss": stop, "volume": 0.5, **data}
    return await answer(backend, signal_id, **fields)


async def looks(backend: Backend, count: int) -> None:
    """Wait until the bridge has looked at the account so many times more."""
    before = len(backend.of("account_info"))
    await backend.wait_until(lambda: len(backend.of("account_info")) >= before + count)


def status(backend: Backend) -> dict[str, Any]:
    statuses = backend.of("bridge_status")
    return statuses[-1] if statuses else {"trading_state": "", "reason": ""}


def told_of(message: dict[str, Any]) -> str:
    """Return a message's type, or the state of trading that it tells."""
    kind = str(message["type"])
    return str(message["data"]["trading_state"]) if kind == "bridge_status" else kind


async def until_state(backend: Backend, state: str) -> dict[str, Any]:
    await backend.wait_until(lambda: status(backend)["trading_state"] == state)
    return status(backend)


async def restart(bridge: BridgeProcess, backend: Backend) -> None:
    """Kill the bridge and start it again."""
    bridge.kill()
    await backend.forget()
    bridge.start()
    await backend.wait_until(lambda: bool(backend.of("account_info") and backend.of("bridge_status")))


async def test_a_daily_loss_flattens_the_account_and_halts_until_a_person_lifts_it(
    start: Start, simulator: Simulator, market: SimulatorControl, backend: Backend
) -> None:
    bridge = start(MAX_DAILY_LOSS_PERCENT=1, ON_BREACH="flatten")
    await backend.open_for_orders()
    stand_at(market, 1.1)
    assert (await order(backend, "own"))["status"] == "filled"
    market.trade(action=1, symbol="EURUSD", volume=0.1, type=0, price=1.1001)
    waiting = market.trade(action=5, symbol="EURUSD", volume=0.1, type=2, price=1.0, type_filling=2)["order"]
    await backend.wait_until(lambda: len((backend.of("positions") or [[]])[-1]) == 2)

    stand_at(market, 1.0985)  # 0.6 lots lose 96 USD: not yet 1 %.
    await looks(backend, 2 * READINGS)
    assert status(backend)["trading_state"] == "active"
    before = len(backend.received)
    stand_at(market, 1.0980)
    halted = await until_state(backend, "halted")
    assert "daily_loss" in halted["reason"]
    await eventually(lambda: len(simulator.deals()) == 4)
    closes = [deal for deal in simulator.deals() if deal["entry"] == 1]
    assert sorted(deal["volume"] for deal in closes) == [0.1, 0.5]
    told = [told_of(message) for message in backend.received[before:]]
    assert told.index("reducing") < told.index("halted")
    assert told[: told.index("halted")].count("account_info") >= READINGS
    await backend.wait_until(lambda: status(backend)["clearing"] is None)
    assert market.trade(action=REMOVE, order=waiting)["retcode"] != DONE
    assert "daily_loss" in bridge.log

    denied = await order(backend, "after")
    assert (denied["status"], "daily_loss" in denied["detail"]) == ("denied", True)
    await restart(bridge, backend)
    assert status(backend)["trading_state"] == "halted"
    market.deposit(300.0)  # More than was lost, and hides nothing of it.
    await looks(backend, 2)
    refused = bridge.command("resume", "--reason", "try")
    assert (refused.returncode, "trading is still halted" in refused.stderr) == (1, True)
    await eventually(lambda: "daily_loss: saw 1.22 %" in bridge.log)
    assert "Resume refused" in bridge.log
    assert (await order(backend, "still"))["status"] == "denied"
    assert len(simulator.deals()) == 4


async def test_a_daily_loss_blocks_entries_and_lets_closes_pass(
    start: Start, simulator: Simulator, market: SimulatorControl, backend: Backend
) -> None:
    bridge = start(MAX_DAILY_LOSS_PERCENT=1, ON_BREACH="block")
    await backend.open_for_orders()
    stand_at(market, 1.1)
    opened = [await order(backend, name, volume=0.3) for name in ("one", "two")]
    assert [result["status"] for result in opened] == ["filled"] * 2
    market.deposit(-1_000.0)  # No loss.
    await looks(backend, 2)
    assert status(backend)["trading_state"] == "active"
    market.deposit(6_000.0)  # No profit that a loss could hide behind.
    await looks(backend, 2)

    stand_at(market, 1.0960)  # 0.6 lots lose 246 USD of 15,000.
    reducing = await until_state(backend, "reducing")
    assert "daily_loss" in reducing["reason"]
    denied = await order(backend, "more", volume=0.1)
    assert (denied["status"], "daily_loss" in denied["detail"]) == ("denied", True)
    closed = await answer(backend, "close", "close_position", ticket=opened[0]["ticket"])
    assert closed["status"] == "filled"
    await restart(bridge, backend)
    assert status(backend)["trading_state"] == "reducing"
    smaller = await order(backend, "smaller", "SELL", volume=0.1)
    assert smaller["status"] == "filled"
    assert [deal["volume"] for deal in simulator.deals()] == [0.3, 0.3, 0.3, 0.1]


async def test_losses_in_a_row_pause_entries_and_a_tightened_limit_holds_over_a_restart(
    start: Start, simulator: Simulator, market: SimulatorControl, backend: Backend
) -> None:
    bridge = start(MAX_CONSECUTIVE_LOSSES=2, MAX_RISK_PERCENT=2, SLIPPAGE_RESERVE_POINTS=0)
    await backend.open_for_orders()
    stand_at(market, 1.1)
    await backend.send("tighten_limits", limits={"max_risk_percent": 1, "MAX_VOLUME": 0.15}, reason="calm")
    await backend.wait_until(lambda: "max_volume" in str(status(backend).get("tightened", "")).lower())
    await backend.send("tighten_limits", limits={"MAX_VOLUME": 0.5}, reason="loose")
    await backend.wait_for("error", reason="limits_refused")

    for number, bid in enumerate((1.0995, 1.0985)):
        opened = await order(backend, f"loss-{number}", stop_loss=bid, volume=None)
        assert (opened["status"], opened["volume"]) == ("filled", 0.15)
        stand_at(market, bid)
        await eventually(lambda n=number: len(simulator.deals()) == 2 * n + 2)
    paused = await order(backend, "third", stop_loss=1.05, volume=0.01)
    assert (paused["status"], "loss_streak" in paused["detail"]) == ("denied", True)
    await eventually(lambda: bridge.log.count("Trade lost") == 2)

    await restart(bridge, backend)
    await backend.wait_until(lambda: "max_volume" in str(status(backend).get("tightened", "")).lower())
    still = await order(backend, "fourth", stop_loss=1.05, volume=0.2)
    assert still["status"] == "denied"
    assert "loss_streak" in still["detail"]
    assert len(simulator.deals()) == 4
    shown = bridge.command("limits").stdout
    assert "MAX_VOLUME" in shown
    assert "calm" in shown
