"""The command line of the simulated terminal."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from hybrid_bridge.simulator.options import SimulatorOptions, parse_options


def test_no_options_are_the_defaults() -> None:
    assert SimulatorOptions() == parse_options([])


def test_every_option_is_read() -> None:
    line = (
        "--listen 0.0.0.0:0 --control [::1]:5 --ticks a.csv --ticks b.csv --ledger l.jsonl "
        "--speed 2.5 --start 13:30 --seed 7 --balance 500 --account-mode netting "
        "--symbols EURUSD,USDJPY --login 5 --password pw --server srv --utc-offset -3600 "
        "--order-latency-ms 80..200 --faults api_off --ready-file r.json --die-with-parent "
        "--zone NY+7 --at 2026-03-29T00:59:00 --enforce-sessions --liquidity 2.5 --leverage 30 "
        "--commission 3.5 --fee 0.5 --state s.jsonl --currency jpy "
        "--build 5000 --trade-mode EURUSD=close_only --trade-mode GBPUSD=disabled"
    )
    assert SimulatorOptions(
        listen=("0.0.0.0", 0),  # noqa: S104 - only read, not opened
        control=("::1", 5),
        ticks=(Path("a.csv"), Path("b.csv")),
        ledger=Path("l.jsonl"),
        speed=2.5,
        start="13:30",
        seed=7,
        balance=500.0,
        account_mode="netting",
        symbols=("EURUSD", "USDJPY"),
        login=5,
        password="pw",
        server="srv",
        build=5000,
        trade_modes=(("EURUSD", 3), ("GBPUSD", 0)),
        utc_offset_s=-3600,
        order_latency_ms="80..200",
        faults="api_off",
        ready_file=Path("r.json"),
        die_with_parent=True,
        zone="NY+7",
        at=datetime(2026, 3, 29, 0, 59, tzinfo=UTC),
        enforce_sessions=True,
        liquidity=2.5,
        leverage=30,
        commission_per_lot=3.5,
        fee_per_lot=0.5,
        state=Path("s.jsonl"),
        currency="JPY",
    ) == parse_options(line.split())


def test_faults_may_stand_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIM_FAULTS", "api_off")
    assert "api_off" == parse_options([]).faults
    assert "stall" == parse_options(["--faults", "stall"]).faults


def test_a_pipe_takes_the_place_of_the_usual_port() -> None:
    alone = parse_options(["--pipe", "C:/t.exe"])
    assert (alone.pipe, alone.listen) == (Path("C:/t.exe"), None)
    both = parse_options(["--pipe", "C:/t.exe", "--listen", "127.0.0.1:5"])
    assert (both.pipe, both.listen) == (Path("C:/t.exe"), ("127.0.0.1", 5))


@pytest.mark.parametrize(
    ("line", "error"),
    [
        ("--listen localhost", "must read HOST:PORT, got 'localhost'"),
        ("--listen localhost:99999", "must read HOST:PORT, got 'localhost:99999'"),
        ("--speed 0", "must be a number above 0, got '0'"),
        ("--speed nan", "must be a number above 0, got 'nan'"),
        ("--speed fast", "must be a number above 0, got 'fast'"),
        ("--start 25:00", "must read HH:MM or HH:MM:SS, got '25:00'"),
        ("--at noon", "must be a moment like 2026-03-29T00:59:00 in UTC, got 'noon'"),
        ("--liquidity -1", "must be a number of 0 or more, got '-1'"),
        ("--balance nan", "must be a number of 0 or more, got 'nan'"),
        (
            "--currency SEK",
            "no pair converts to 'SEK'; must be one of AUD, CAD, CHF, EUR, GBP, JPY, NZD, USD",
        ),
        ("--trade-mode EURUSD=shut", "with one of full, long_only, short_only, close_only, disabled, got"),
        ("--symbols ,", "must name symbols, comma-separated, got ','"),
        ("--order-latency-ms long", "must be milliseconds or a range a..b, got 'long'"),
        ("--account-mode exchange", "invalid choice: 'exchange'"),
        ("--speeed 1", "unrecognized arguments"),
    ],
)
def test_a_bad_option_is_explained(line: str, error: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        parse_options(line.split())
    assert caught.value.code == 2
    assert error in capsys.readouterr().err


def test_help_names_every_option(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        parse_options(["--help"])
    assert caught.value.code == 0
    shown = capsys.readouterr().out
    for option in ("--listen", "--ticks", "--ledger", "--faults", "--die-with-parent"):
        assert option in shown
