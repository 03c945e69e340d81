"""Calls that hang, workers that die, terminals that change: the bridge as a process, the ledger as judge."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from tests.scenarios.harness import Backend, BridgeProcess, Simulator, eventually

from hybrid_bridge.simulator.control_client import SimulatorControl
from hybrid_bridge.terminal.operations import IDENTITY, SUBMIT

pytestmark = pytest.mark.scenario

# How long an answer may take on a machine that is busy with other things; a loop that hangs gives none.
ANSWER_S_MAX = 3.0
# From a death or a hang to a lane that serves again, apart from the deadlines themselves.
RESTART_S = 15.0


@pytest.fixture
def simulator(tmp_path: Path) -> Iterator[Simulator]:
    """A terminal that keeps its account, so that it can be started again."""
    kept = ("--state", str(tmp_path / "account.state"))
    program = Simulator(tmp_path, "--symbols", "EURUSD,XAUUSD", "--seed", "7", *kept)
    try:
        program.start()
        yield program
    finally:
        program.kill()


@pytest.fixture
def control(simulator: Simulator) -> Iterator[SimulatorControl]:
    with SimulatorControl(str(simulator.ready["control"])) as client:
        yield client


@pytest.fixture
async def bridge(
    simulator: Simulator, backend: Backend, make_bridge: Callable[..., BridgeProcess]
) -> BridgeProcess:
    started = make_bridge(
        "run_bridge.py",
        **simulator.settings,
        BACKEND_WS_URL=backend.url,
        SYMBOLS="EURUSD,XAUUSD",
        DUPLICATE_WINDOW_S=0,
        SIGNAL_MAX_AGE_S=60,
        ALLOW_REMOTE_RESUME="true",
    ).start()
    await backend.open_for_orders()
    return started


def lane(backend: Backend, name: str) -> dict[str, Any]:
    """Return a lane as the latest status shows it."""
    found: dict[str, Any] = backend.of("bridge_status")[-1]["channels"]["terminal"][name]
    return found


async def buy(backend: Backend, signal_id: str, **wanted: object) -> None:
    order = {"symbol": "EURUSD", "action": "BUY", "stop_loss": 0.5, "volume": 0.01}
    await backend.send("trading_signal", id=signal_id, **(order | wanted))


async def statuses(backend: Backend, signal_id: str, last: str, timeout_s: float) -> list[str]:
    """Return all that was said of a signal, once this was."""
    await backend.wait_for("trade_result", timeout_s, signal_id=signal_id, status=last)
    return [result["status"] for result in backend.results(signal_id)]


async def answer_s(backend: Backend) -> float:
    """Ask the bridge something and return how long the answer takes."""
    before, asked_s = len(backend.of("account_info")), time.monotonic()
    await backend.send("get_data", request="account_info")
    await backend.wait_until(lambda: len(backend.of("account_info")) > before)
    return time.monotonic() - asked_s


async def test_an_order_that_hangs_costs_the_trade_lane_and_is_adopted_while_ticks_go_on(
    bridge: BridgeProcess, simulator: Simulator, control: SimulatorControl, backend: Backend
) -> None:
    market = lane(backend, "market")
    control.fault("stall", command="order_send", executed="yes")
    sent_s = time.monotonic()
    await buy(backend, "hung")
    await eventually(lambda: len(simulator.deals()) == 1)

    slowest_s = 0.0
    while not backend.results("hung"):
        ticks = len(backend.of("tick_data"))
        slowest_s = max(slowest_s, await answer_s(backend))
        await backend.wait_until(lambda seen=ticks: len(backend.of("tick_data")) > seen, ANSWER_S_MAX)
        assert time.monotonic() - sent_s < SUBMIT.timeout_s + RESTART_S
    assert slowest_s < ANSWER_S_MAX
    unknown = backend.results("hung")[0]
    assert (unknown["status"], unknown["reason"]) == ("unknown", "lane_interrupted")
    assert f"took longer than {SUBMIT.timeout_s:g} s" in unknown["detail"]
    assert time.monotonic() - sent_s > SUBMIT.timeout_s - 1

    assert await statuses(backend, "hung", "filled", RESTART_S) == ["unknown", "filled"]
    assert lane(backend, "trade")["restarts"] == 1
    assert lane(backend, "market")["restarts"] == market["restarts"] == 0
    await buy(backend, "next")
    assert await statuses(backend, "next", "filled", RESTART_S) == ["filled"]
    assert len(simulator.deals()) == 2


async def test_an_order_that_fills_after_its_lane_was_killed_is_adopted(
    bridge: BridgeProcess, simulator: Simulator, control: SimulatorControl, backend: Backend
) -> None:
    control.fault("stall", command="order_send")
    await buy(backend, "late")
    await eventually(lambda: len(control.arrivals()) == 1)
    psutil.Process(lane(backend, "trade")["pid"]).kill()
    await backend.wait_for("trade_result", signal_id="late", status="unknown", reason="lane_interrupted")
    await backend.wait_until(lambda: lane(backend, "trade")["phase"] == "ready", RESTART_S)
    assert simulator.deals() == []
    control.clear()
    assert await statuses(backend, "late", "filled", RESTART_S) == ["unknown", "filled"]
    assert len(simulator.deals()) == len(control.arrivals()) == 1


async def test_a_terminal_that_restarts_while_nothing_is_ordered_takes_the_next_order(
    tmp_path: Path, bridge: BridgeProcess, simulator: Simulator, backend: Backend
) -> None:
    connects = lane(backend, "trade")["connects"]
    simulator.kill()
    await backend.wait_until(lambda: lane(backend, "trade")["phase"] != "ready", RESTART_S)
    kept = ("--state", str(tmp_path / "account.state"))
    again = Simulator(tmp_path, "--symbols", "EURUSD,XAUUSD", "--seed", "8", *kept, place=simulator.place)
    again.start()
    try:
        await backend.wait_until(lambda: lane(backend, "trade")["connects"] > connects, RESTART_S)
        ticks = len(backend.of("tick_data"))
        await backend.wait_until(lambda: len(backend.of("tick_data")) > ticks + 5)
        await buy(backend, "first")
        assert await statuses(backend, "first", "filled", RESTART_S) == ["filled"]
    finally:
        again.kill()


async def test_a_worker_that_stands_still_while_nothing_is_ordered_is_replaced_before_the_next_order(
    bridge: BridgeProcess, simulator: Simulator, backend: Backend
) -> None:
    stopped = lane(backend, "trade")["pid"]
    psutil.Process(stopped).suspend()

    def replaced() -> bool:
        shown = lane(backend, "trade")
        return bool(shown["phase"] == "ready" and shown["pid"] != stopped)

    await backend.wait_until(replaced, IDENTITY.timeout_s + RESTART_S)
    await buy(backend, "first")
    assert await statuses(backend, "first", "filled", RESTART_S) == ["filled"]
    assert len(simulator.deals()) == 1


async def test_another_account_halts_trading_until_a_person_resumes_it_on_the_right_one(
    bridge: BridgeProcess, simulator: Simulator, control: SimulatorControl, backend: Backend
) -> None:
    control.fault("other_account", login=7)
    await backend.wait_until(lambda: backend.of("bridge_status")[-1]["trading_state"] == "halted", RESTART_S)
    for name in ("market", "trade"):
        await backend.wait_until(lambda name=name: lane(backend, name)["phase"] == "mismatch", RESTART_S)
    assert "account 7" in lane(backend, "trade")["reason"]
    await buy(backend, "foreign")
    await backend.wait_for("trade_result", signal_id="foreign", status="denied")

    control.clear()
    for name in ("market", "trade"):
        await backend.wait_until(lambda name=name: lane(backend, name)["phase"] == "ready", RESTART_S)
    await buy(backend, "halted")
    denied = await backend.wait_for("trade_result", signal_id="halted", status="denied")
    assert denied["reason"] == "trading_state"
    await backend.send("resume_trading", reason="the right account is back")
    await backend.open_for_orders()
    await buy(backend, "right")
    assert await statuses(backend, "right", "filled", RESTART_S) == ["filled"]
    assert len(simulator.deals()) == len(control.arrivals()) == 1


async def test_without_a_link_to_the_broker_entries_are_denied_until_it_is_back(
    bridge: BridgeProcess, simulator: Simulator, control: SimulatorControl, backend: Backend
) -> None:
    control.fault("link_down")
    await buy(backend, "down")
    denied = await backend.wait_for("trade_result", signal_id="down", status="denied")
    assert "link to the broker" in denied["detail"]
    assert control.arrivals() == []
    control.clear()
    ticks = len(backend.of("tick_data"))
    await backend.wait_until(lambda: len(backend.of("tick_data")) > ticks + 5)
    await buy(backend, "up")
    assert await statuses(backend, "up", "filled", RESTART_S) == ["filled"]
    assert len(simulator.deals()) == 1


async def test_automated_trading_switched_off_halts_with_advice_until_a_person_resumes(
    bridge: BridgeProcess, simulator: Simulator, control: SimulatorControl, backend: Backend
) -> None:
    await buy(backend, "open")
    ticket = (await backend.wait_for("trade_result", signal_id="open", status="filled"))["ticket"]
    control.fault("autotrading_off")
    await backend.send("close_position", id="close", ticket=ticket)
    refused = await backend.wait_for("trade_result", signal_id="close", status="rejected")
    assert (refused["retcode"], refused["reason"]) == (10027, "client_disables_at")
    assert "Algo Trading button" in refused["detail"]

    def halted() -> bool:
        shown = backend.of("bridge_status")[-1]
        return bool(shown["trading_state"] == "halted" and "Algo Trading button" in shown["reason"])

    await backend.wait_until(halted)
    control.clear()
    await buy(backend, "early")
    denied = await backend.wait_for("trade_result", signal_id="early", status="denied")
    assert denied["reason"] == "trading_state"
    assert "hybrid-bridge resume" in denied["detail"]
    # What takes risk away is done all the same.
    await backend.send("close_position", id="close-again", ticket=ticket)
    assert await statuses(backend, "close-again", "filled", RESTART_S) == ["filled"]
    await backend.send("resume_trading", reason="the button is green")
    await backend.open_for_orders()
    await buy(backend, "after")
    assert await statuses(backend, "after", "filled", RESTART_S) == ["filled"]
    assert [(deal["entry"], deal["volume"]) for deal in simulator.deals()] == [
        (0, 0.01),
        (1, 0.01),
        (0, 0.01),
    ]
