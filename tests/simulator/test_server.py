"""The simulated terminal as a process, traded with through the package's functions."""

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.simulator.process import SOURCE, Simulator

from hybrid_bridge.simulator import module as mt5
from hybrid_bridge.simulator.control_client import SimulatorControl
from hybrid_bridge.simulator.server import BAD_OPTIONS, ENDED_IN_ORDER, main

pytestmark = pytest.mark.usefixtures("fresh_session")
OFFSET_S = 7200
Start = Callable[..., Simulator]


@pytest.fixture
def start() -> Iterator[Start]:
    running: list[Simulator] = []

    def begin(*options: str) -> Simulator:
        running.append(Simulator(*options))
        return running[-1]

    yield begin
    for simulator in running:
        simulator.kill()


def first_tick(symbol: str) -> Any:
    deadline = time.monotonic() + 10
    while (tick := mt5.symbol_info_tick(symbol)) is None:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return tick


def now_server_s() -> int:
    return int(time.time()) + OFFSET_S


def buy(tick: Any) -> dict[str, Any]:
    return {
        "action": mt5.TRADE_ACTION_DEAL,
        "symbol": "EURUSD",
        "volume": 0.1,
        "type": mt5.ORDER_TYPE_BUY,
        "price": tick.ask,
        "sl": round(tick.bid - 0.01, 5),
        "tp": round(tick.bid + 0.01, 5),
        "deviation": 50,
        "magic": 77,
        "comment": "sim test",
        "type_filling": mt5.ORDER_FILLING_IOC,
    }


def test_a_trade_from_login_to_history(start: Start, tmp_path: Path) -> None:
    ledger = tmp_path / "ledger.jsonl"
    simulator = start("--ledger", str(ledger), "--balance", "5000", "--utc-offset", str(OFFSET_S))
    assert mt5.initialize(
        simulator.ready["simulator"], login=10000001, password="pw", server="Simulator-Demo"
    )
    assert mt5.version() == (500, 6231, "26 Sep 2025")
    assert (mt5.account_info().balance, mt5.account_info().currency) == (5000.0, "USD")
    assert mt5.terminal_info().connected is True
    tick = first_tick("EURUSD")
    assert abs(tick.time - now_server_s()) < 10
    ticks = mt5.copy_ticks_from("EURUSD", now_server_s() - 60, 1000, mt5.COPY_TICKS_ALL)
    assert len(ticks) >= 1

    request = buy(tick)
    assert mt5.order_check(request).retcode == 0
    opened = mt5.order_send(request)
    assert (opened.retcode, opened.volume) == (mt5.TRADE_RETCODE_DONE, 0.1)
    (position,) = mt5.positions_get(symbol="EURUSD")
    assert (position.ticket, position.magic, position.comment) == (opened.order, 77, "sim test")
    assert (position.sl, position.tp) == (request["sl"], request["tp"])

    assert mt5.Close("EURUSD") is True
    assert mt5.positions_get() == ()
    entry, leave = mt5.history_deals_get(position=opened.order)
    assert (entry.entry, leave.entry) == (mt5.DEAL_ENTRY_IN, mt5.DEAL_ENTRY_OUT)
    in_range = mt5.history_deals_get(now_server_s() - 3600, now_server_s() + 60, group="EUR*")
    assert in_range == (entry, leave)
    written = [json.loads(line) for line in ledger.read_text().splitlines()]
    assert [entry.ticket, leave.ticket] == [row["deal"] for row in written]
    assert written[-1]["balance"] == mt5.account_info().balance


def test_an_account_in_yen_counts_its_money_in_yen(start: Start) -> None:
    simulator = start("--currency", "JPY", "--balance", "1000000", "--symbols", "EURUSD,USDJPY")
    assert mt5.initialize(simulator.ready["simulator"])
    info = mt5.account_info()
    assert (info.currency, info.currency_digits, info.balance) == ("JPY", 0, 1_000_000.0)
    first_tick("USDJPY")
    gained = mt5.order_calc_profit(mt5.ORDER_TYPE_BUY, "EURUSD", 1.0, 1.08, 1.09)
    # 1000 USD at about 150
    assert 140_000 < gained < 160_000
    assert gained == int(gained)


def test_a_terminal_of_another_build_and_a_symbol_that_is_only_closed(start: Start) -> None:
    simulator = start("--build", "4000", "--trade-mode", "EURUSD=close_only")
    assert mt5.initialize(simulator.ready["simulator"])
    assert 4000 == mt5.terminal_info().build == mt5.version()[1]
    assert mt5.SYMBOL_TRADE_MODE_CLOSEONLY == mt5.symbol_info("EURUSD").trade_mode
    assert mt5.SYMBOL_TRADE_MODE_FULL == mt5.symbol_info("GBPUSD").trade_mode
    tick = first_tick("EURUSD")
    assert mt5.TRADE_RETCODE_CLOSE_ONLY == mt5.order_check(buy(tick)).retcode


@pytest.mark.not_on_windows("there SIGTERM is not sent but kills")
def test_it_prints_one_line_and_ends_in_order_at_sigterm(start: Start, tmp_path: Path) -> None:
    ready = tmp_path / "ready.json"
    simulator = start("--ready-file", str(ready))
    assert simulator.ready == json.loads(ready.read_text())
    assert simulator.ready["control"] is None
    mt5.initialize(simulator.ready["simulator"])
    code, out, err = simulator.end()
    assert (code, out) == (ENDED_IN_ORDER, "")
    assert "The simulated terminal has stopped." in err
    assert mt5.positions_total() is None
    assert mt5.last_error() == (-10001, "IPC send failed")


def test_killed_in_the_middle_of_an_order_it_leaves_the_trader_without_an_answer(
    start: Start,
) -> None:
    simulator = start("--control", "127.0.0.1:0", "--faults", "stall:seconds=0")
    assert mt5.initialize(simulator.ready["simulator"])
    with SimulatorControl(simulator.ready["control"]) as control:
        script = (
            "import sys; from hybrid_bridge.simulator import module as mt5\n"
            "mt5.initialize(sys.argv[1]); print('sending', flush=True)\n"
            "mt5.order_send(action=1, symbol='EURUSD', volume=0.1, type=0)\n"
            "print(mt5.last_error()[0]); mt5.account_info(); print(mt5.last_error()[0])\n"
        )
        trader = subprocess.Popen(
            [sys.executable, "-c", script, simulator.ready["simulator"]],
            env={**os.environ, "PYTHONPATH": str(SOURCE)},
            stdout=subprocess.PIPE,
            text=True,
        )
        while control.stats()["orders"] == 0:
            time.sleep(0.02)
        control.kill()
    out, _ = trader.communicate(timeout=10)
    assert out.split() == ["sending", "-10002", "-10004"]
    assert simulator.process.wait(10) == 137
    assert mt5.positions_total() is None
    assert mt5.last_error()[0] == -10001


def test_files_of_ticks_are_replayed_as_if_they_happened_now(start: Start, tmp_path: Path) -> None:
    noon_msc = 1_700_049_600_000
    path = tmp_path / "EURUSD-2023-11-15.csv"
    rows = [f"{noon_msc + 100 * n},{1.08 + n / 1e5:.5f},{1.0801 + n / 1e5:.5f}" for n in range(20)]
    path.write_text("time_msc,bid,ask\n" + "\n".join(rows) + "\n")
    simulator = start(
        "--ticks",
        str(path),
        "--speed",
        "10",
        "--utc-offset",
        str(OFFSET_S),
        "--start",
        "12:00",
        "--control",
        "127.0.0.1:0",
    )
    assert mt5.initialize(simulator.ready["simulator"])
    with SimulatorControl(simulator.ready["control"]) as control:
        deadline = time.monotonic() + 10
        while control.stats()["ticks"].get("EURUSD", 0) < 20:
            assert time.monotonic() < deadline
            time.sleep(0.02)
        shift_msc = control.stats()["shift_msc"]
    ticks = mt5.copy_ticks_from("EURUSD", now_server_s() - 60, 100, mt5.COPY_TICKS_ALL)
    assert [round(1.08 + n / 1e5, 5) for n in range(20)] == ticks["bid"].tolist()
    first_msc = noon_msc + shift_msc + OFFSET_S * 1000
    assert [first_msc + 10 * n for n in range(20)] == ticks["time_msc"].tolist()


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (["--faults", "stal"], "unknown fault 'stal'"),
        (["--trade-mode", "EURUSDX=full"], "the simulated trade server has no EURUSDX"),
        (["--symbols", "NOSUCH"], "NOSUCH not among the symbols"),
        (["--ticks", "/nowhere/EURUSD.csv"], "EURUSD.csv"),
        (["--ledger", "/nowhere/ledger.jsonl"], "ledger.jsonl"),
        (["--balance", "-5"], "--balance: must be a number of 0 or more, got '-5'"),
        (["--currency", "SEK"], "--currency: no pair converts to 'SEK'"),
        (["--ready-file", "/nowhere/ready.json"], "--ready-file: "),
    ],
)
def test_options_that_cannot_be_used_are_explained(options: list[str], reason: str) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "hybrid_bridge.simulator", "--listen", "127.0.0.1:0", *options],
        env={**os.environ, "PYTHONPATH": str(SOURCE)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (ended.returncode, ended.stdout) == (BAD_OPTIONS, "")
    assert reason in ended.stderr


def test_a_taken_port_is_explained(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ended = subprocess.run(
            [sys.executable, "-m", "hybrid_bridge.simulator", "--listen", f"127.0.0.1:{port}"],
            env={**os.environ, "PYTHONPATH": str(SOURCE)},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert ended.returncode == BAD_OPTIONS
    assert f"cannot listen at 127.0.0.1:{port}" in ended.stderr


def test_help_is_given(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["--help"])
    assert caught.value.code == 0
    assert "A simulated MetaTrader 5 terminal" in capsys.readouterr().out
