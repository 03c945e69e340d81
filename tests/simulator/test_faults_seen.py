"""Every fault as a program sees it that uses the package's functions, against a real terminal process."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.clock_ticks import CLOCK_STEPS_S
from tests.simulator.conftest import forget_session
from tests.simulator.process import SOURCE, Simulator

from hybrid_bridge.simulator import module as mt5
from hybrid_bridge.simulator.control_client import ControlError, SimulatorControl

CONTROL = ("--control", "127.0.0.1:0")


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    simulator = Simulator(*CONTROL, "--balance", "1000000")
    yield simulator
    simulator.end()


@pytest.fixture
def control(simulator: Simulator) -> Iterator[SimulatorControl]:
    forget_session()
    with SimulatorControl(simulator.ready["control"]) as control:
        connect(simulator)
        until(lambda: mt5.symbol_info_tick("EURUSD") is not None)
        yield control
        control.clear()
        control.resume()
    forget_session()


def connect(simulator: Simulator, **more: Any) -> None:
    assert mt5.initialize(simulator.ready["simulator"], **more), mt5.last_error()


def until(condition: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + 15
    while not (found := condition()):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return found


def buy(**more: Any) -> Any:
    request = {
        "action": mt5.TRADE_ACTION_DEAL,
        "symbol": "EURUSD",
        "volume": 0.1,
        "type": mt5.ORDER_TYPE_BUY,
        "type_filling": mt5.ORDER_FILLING_IOC,
        "magic": 9,
        "comment": "faults",
    }
    return mt5.order_send({**request, **more})


def test_orders_take_their_time_and_some_much_longer(control: SimulatorControl) -> None:
    control.fault("latency", ms="30..40", tail=1, tail_ms="150..160")
    started = time.monotonic()
    assert buy().retcode == mt5.TRADE_RETCODE_DONE
    assert 0.15 - CLOCK_STEPS_S <= time.monotonic() - started


def test_a_call_blocks_for_some_seconds(control: SimulatorControl) -> None:
    control.fault("stall", command="account_info", seconds=0.3)
    started = time.monotonic()
    assert mt5.account_info() is not None
    assert 0.3 - CLOCK_STEPS_S <= time.monotonic() - started


def test_a_blocked_call_stops_every_thread_of_its_caller(
    control: SimulatorControl, simulator: Simulator
) -> None:
    program = (
        "import sys, threading, time\n"
        "from hybrid_bridge.simulator import module as mt5\n"
        "assert mt5.initialize(sys.argv[1])\n"
        "beats = []\n"
        "def beat():\n"
        "    while True:\n"
        "        beats.append(time.monotonic())\n"
        "        time.sleep(0.01)\n"
        "threading.Thread(target=beat, daemon=True).start()\n"
        "time.sleep(0.1)\n"
        "assert mt5.account_info() is not None\n"
        "time.sleep(0.05)\n"
        "print(max(b - a for a, b in zip(beats, beats[1:])))\n"
    )
    gaps = {}
    for holds in ("1", "0"):
        control.fault("stall", command="account_info", seconds=0.6)
        ended = subprocess.run(
            [sys.executable, "-c", program, simulator.ready["simulator"]],
            env={**os.environ, "PYTHONPATH": str(SOURCE), "SIM_HOLD_GIL": holds},
            capture_output=True,
            text=True,
            timeout=30,
            check=True,
        )
        gaps[holds] = float(ended.stdout)
    assert gaps["1"] >= 0.55 > gaps["0"]


def test_a_reply_lost_after_the_fill_is_recv_failed_and_the_deal_is_there(
    control: SimulatorControl, simulator: Simulator
) -> None:
    before = mt5.positions_total()
    control.fault("lose_reply")
    assert (None, -10002) == (buy(comment="lost"), mt5.last_error()[0])
    assert (None, -10004) == (mt5.positions_total(), mt5.last_error()[0])
    connect(simulator)
    assert before + 1 == mt5.positions_total()
    assert "lost" == mt5.positions_get()[-1].comment


def test_what_a_lost_reply_did_is_shown_late(control: SimulatorControl, simulator: Simulator) -> None:
    before = mt5.positions_total()
    control.fault("lose_reply", shown=0.5)
    assert buy() is None
    connect(simulator)
    assert before == mt5.positions_total()
    until(lambda: mt5.positions_total() == before + 1)


def test_what_a_lost_reply_did_is_never_shown(control: SimulatorControl, simulator: Simulator) -> None:
    before, deals = mt5.positions_total(), mt5.history_deals_total(0, 2**31 - 1)
    control.fault("lose_reply", shown="never")
    assert buy() is None
    connect(simulator)
    assert (before, deals) == (mt5.positions_total(), mt5.history_deals_total(0, 2**31 - 1))


@pytest.mark.parametrize(
    ("name", "options", "outcome"),
    [("error", {"code": -10005}, -10005), ("reject", {"retcode": 10012}, 10012)],
)
def test_a_timeout_may_have_filled(
    control: SimulatorControl, name: str, options: dict[str, int], outcome: int
) -> None:
    before = mt5.positions_total()
    control.fault(name, executed="yes", **options)
    result = buy()
    assert outcome == (mt5.last_error()[0] if result is None else result.retcode)
    assert before + 1 == mt5.positions_total()


def test_an_order_is_placed_first_and_filled_later(control: SimulatorControl) -> None:
    control.fault("placed", seconds=0.2)
    result = buy()
    assert (mt5.TRADE_RETCODE_PLACED, 0) == (result.retcode, result.deal)
    assert (result.order,) == tuple(order.ticket for order in mt5.orders_get(ticket=result.order))
    until(lambda: mt5.positions_get(ticket=result.order))
    assert result.order == mt5.history_deals_get(position=result.order)[0].order


@pytest.mark.parametrize("retcode", [10004, 10006, 10020, 10021])
def test_an_order_is_refused_with_the_prices_to_come_back_with(
    control: SimulatorControl, retcode: int
) -> None:
    control.fault("reject", retcode=retcode)
    result = buy()
    assert (retcode, 0, 0, 0.0) == (result.retcode, result.deal, result.order, result.price)
    assert 0 < result.bid < result.ask


def test_an_order_s_check_is_refused_and_the_order_is_not(control: SimulatorControl) -> None:
    control.fault("reject", retcode=10018, command="order_check")
    request = {"action": mt5.TRADE_ACTION_DEAL, "symbol": "EURUSD", "volume": 0.1, "type_filling": 1}
    checked = mt5.order_check(request)
    assert (10018, "Market closed", "EURUSD") == (checked.retcode, checked.comment, checked.request.symbol)
    assert buy().retcode == mt5.TRADE_RETCODE_DONE


def test_an_order_is_filled_in_part(control: SimulatorControl) -> None:
    control.fault("partial", share=0.5)
    result = buy(volume=0.2)
    assert (mt5.TRADE_RETCODE_DONE_PARTIAL, 0.1) == (result.retcode, result.volume)
    assert 0.1 == mt5.positions_get(ticket=result.order)[0].volume


def test_a_result_has_no_price_and_a_comment_is_not_ones_own(control: SimulatorControl) -> None:
    control.fault("zero_price")
    control.fault("rewrite", comment="broker says")
    priceless = buy()
    assert (mt5.TRADE_RETCODE_DONE, 0.0) == (priceless.retcode, priceless.price)
    assert 0 < mt5.positions_get(ticket=priceless.order)[0].price_open
    assert "broker says" == mt5.positions_get(ticket=buy().order)[0].comment


def test_history_lags_after_a_reconnect(control: SimulatorControl, simulator: Simulator) -> None:
    ticket = buy().order
    control.fault("history_lag", seconds=0.5)
    connect(simulator)
    assert () == mt5.history_deals_get(position=ticket)
    assert 1 == len(mt5.positions_get(ticket=ticket))
    until(lambda: len(mt5.history_deals_get(position=ticket)) == 1)


@pytest.mark.parametrize(
    ("switch", "outcome"),
    [
        ("autotrading_off", 10027),
        ("experts_off", 10026),
        ("trading_off", 10017),
        ("api_off", -8),
        ("link_down", 10031),
        ("market_closed", 10018),
    ],
)
def test_trading_is_switched_off(control: SimulatorControl, switch: str, outcome: int) -> None:
    control.fault(switch)
    result = buy()
    assert outcome == (mt5.last_error()[0] if result is None else result.retcode)
    control.clear()
    assert mt5.TRADE_RETCODE_DONE == buy().retcode


def test_a_broken_link_shows_and_stops_the_prices(control: SimulatorControl) -> None:
    control.fault("link_down")
    assert mt5.terminal_info().connected is False
    tick = mt5.symbol_info_tick("EURUSD")
    time.sleep(0.6)
    assert tick == mt5.symbol_info_tick("EURUSD")
    control.clear()
    until(lambda: mt5.symbol_info_tick("EURUSD").time_msc > tick.time_msc)


def test_ticks_are_frozen_and_crossed(control: SimulatorControl) -> None:
    control.fault("cross_ticks")
    crossed = until(lambda: (tick := mt5.symbol_info_tick("EURUSD")).bid > tick.ask and tick)
    control.fault("freeze_ticks")
    frozen = mt5.symbol_info_tick("EURUSD")
    assert frozen.bid > frozen.ask
    assert crossed.time_msc <= frozen.time_msc
    control.clear()
    until(lambda: (tick := mt5.symbol_info_tick("EURUSD")).bid < tick.ask)


def test_a_terminal_starts_slowly_or_not_in_time(control: SimulatorControl, simulator: Simulator) -> None:
    control.fault("slow_start", seconds=0.4)
    started = time.monotonic()
    connect(simulator)
    assert 0.4 <= time.monotonic() - started
    control.fault("slow_start", seconds=60)
    assert mt5.initialize(simulator.ready["simulator"], timeout=300) is False
    assert -10005 == mt5.last_error()[0]


def test_another_account_is_logged_in(control: SimulatorControl) -> None:
    own = mt5.account_info().login
    buy()
    control.fault("other_account", login=4711, balance=5)
    assert (4711, 5.0, ()) == (mt5.account_info().login, mt5.account_info().balance, mt5.positions_get())
    control.clear()
    assert own == mt5.account_info().login
    assert mt5.positions_get() != ()


def test_trades_are_made_by_hand(control: SimulatorControl) -> None:
    control.fault("autotrading_off")
    request = {"symbol": "EURUSD", "type_filling": mt5.ORDER_FILLING_IOC}
    opened = control.trade(action=mt5.TRADE_ACTION_DEAL, volume=0.3, **request)
    (position,) = mt5.positions_get(ticket=opened["order"])
    assert (0, mt5.POSITION_REASON_CLIENT) == (position.magic, position.reason)
    sl = round(position.price_open - 0.05, 5)
    assert 10009 == control.trade(action=mt5.TRADE_ACTION_SLTP, position=position.ticket, sl=sl)["retcode"]
    assert sl == mt5.positions_get(ticket=position.ticket)[0].sl
    closing = {"volume": 0.3, "type": mt5.ORDER_TYPE_SELL, "position": position.ticket}
    assert 10009 == control.trade(action=mt5.TRADE_ACTION_DEAL, **closing, **request)["retcode"]
    assert mt5.DEAL_REASON_CLIENT == mt5.history_deals_get(position=position.ticket)[-1].reason
    with pytest.raises(ControlError, match="a request has no colour"):
        control.trade(colour="red")


def test_too_many_orders_are_refused(control: SimulatorControl) -> None:
    control.fault("rate_limit", per_second=1)
    assert [mt5.TRADE_RETCODE_DONE, mt5.TRADE_RETCODE_TOO_MANY_REQUESTS] == [buy().retcode, buy().retcode]


def test_the_clock_jumps(control: SimulatorControl) -> None:
    before = mt5.symbol_info_tick("EURUSD").time
    control.fault("clock_jump", seconds=7200)
    until(lambda: mt5.symbol_info_tick("EURUSD").time >= before + 7200)
    control.fault("clock_jump", seconds=-7200)
    # A clock put back: the terminal's time stands until it is reached again.
    frozen = mt5.symbol_info_tick("EURUSD").time
    assert frozen >= before + 7200


def test_prices_are_paused_and_stepped(control: SimulatorControl) -> None:
    control.pause()
    count = control.stats()["ticks"]
    time.sleep(0.5)
    assert count == control.stats()["ticks"]
    stepped = control.step(5)
    assert stepped >= 5
    assert sum(count.values()) + stepped == sum(control.stats()["ticks"].values())
    control.change_speed(50)
    control.resume()
    ticks = sum(control.stats()["ticks"].values())
    started = time.monotonic()
    until(lambda: sum(control.stats()["ticks"].values()) > ticks + 600)
    # Seven symbols make 28 ticks a second at their usual speed.
    assert time.monotonic() - started < 15
    control.change_speed(1)
    with pytest.raises(ControlError, match="speed 0"):
        control.change_speed(0)


def test_a_reply_cut_short_leaves_send_failed_for_ever(control: SimulatorControl) -> None:
    control.fault("lose_reply", command="account_info", cut="yes")
    assert (None, -10002) == (mt5.account_info(), mt5.last_error()[0])
    for _ in range(3):
        assert (None, -10001) == (mt5.account_info(), mt5.last_error()[0])


def test_a_connection_ended_between_two_calls_is_send_failed_for_ever(control: SimulatorControl) -> None:
    control.hang_up()
    time.sleep(0.1)
    for _ in range(3):
        assert (None, -10001) == (mt5.account_info(), mt5.last_error()[0])


@pytest.mark.usefixtures("fresh_session")
def test_a_killed_terminal_started_again_still_knows_its_account(tmp_path: Path) -> None:
    options = ("--state", str(tmp_path / "account.jsonl"), "--ledger", str(tmp_path / "l.jsonl"))
    first = Simulator(*options)
    try:
        connect(first)
        until(lambda: mt5.symbol_info_tick("EURUSD") is not None)
        kept, closed = buy(), buy()
        assert True is mt5.Close("EURUSD", ticket=closed.order)
        bid = mt5.symbol_info_tick("EURUSD").bid
        placed = buy(action=mt5.TRADE_ACTION_PENDING, type=2, price=round(bid - 0.05, 5), type_filling=2)
        balance, history = mt5.account_info().balance, mt5.history_deals_get(0, 2**31 - 1)
    finally:
        first.kill()
    assert (None, -10001) == (mt5.positions_total(), mt5.last_error()[0])
    second = Simulator(*options)
    try:
        connect(second)
        assert [kept.order] == [position.ticket for position in mt5.positions_get()]
        assert [placed.order] == [order.ticket for order in mt5.orders_get()]
        assert (balance, history) == (mt5.account_info().balance, mt5.history_deals_get(0, 2**31 - 1))
        until(lambda: mt5.symbol_info_tick("EURUSD") is not None)
        assert buy().order > placed.order
    finally:
        second.end()
