"""Outbound messages: the fields of the contract, as any JSON reader sees them."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.core.builders import make_account, make_position

from hybrid_bridge.core.market import Side, Tick
from hybrid_bridge.core.results import TradeResult
from hybrid_bridge.messages.outbound import (
    encode,
    encode_account,
    encode_error,
    encode_positions,
    encode_tick,
    encode_trade_result,
    iso_utc,
)

MSC = 1_790_000_000_125
MOMENT = "2026-09-21T14:13:20.125Z"
RESULT = TradeResult(
    "abc",
    "filled",
    "EURUSD",
    "BUY",
    None,
    0.1,
    1.1002,
    700,
    10009,
    "done",
    "Request executed",
    MSC,
    MSC + 1,
    MSC + 90,
)


def plain(raw: bytes) -> Any:
    def refuse(name: str) -> None:
        raise AssertionError(f"{name} is no JSON")

    return json.loads(raw.decode("utf-8"), parse_constant=refuse)


@pytest.mark.parametrize(
    ("msc", "expected"),
    [
        (MSC, MOMENT),
        (1_790_000_000_000, "2026-09-21T14:13:20.000Z"),
        (0, "1970-01-01T00:00:00.000Z"),
        (-1, "1969-12-31T23:59:59.999Z"),
        (1_709_164_800_000, "2024-02-29T00:00:00.000Z"),
    ],
)
def test_a_moment_is_iso_utc_with_milliseconds_and_z(msc: int, expected: str) -> None:
    assert iso_utc(msc) == expected


@given(msc=st.integers(-(2**31) * 1000, 2**32 * 1000))
def test_a_moment_can_be_read_back(msc: int) -> None:
    moment = datetime.fromisoformat(iso_utc(msc))

    assert round((moment - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds() * 1000) == msc


def test_a_tick_has_the_contract_s_fields() -> None:
    tick = Tick("EURUSD", 1.10001, 1.10013, 0.0, 3, MSC)

    assert plain(encode_tick(tick, 42)) == {
        "type": "tick_data",
        "data": {
            "symbol": "EURUSD",
            "bid": 1.10001,
            "ask": 1.10013,
            "last": 0.0,
            "volume": 3,
            "time": MOMENT,
            "time_msc": MSC,
            "seq": 42,
        },
    }


@given(bid=st.floats(1e-6, 1e7), ask=st.floats(1e-6, 1e7), volume=st.integers(0, 2**64 - 1))
def test_prices_arrive_to_the_last_bit(bid: float, ask: float, volume: int) -> None:
    found = plain(encode_tick(Tick("X", bid, ask, 0.0, volume, MSC), 1))["data"]

    assert (found["bid"], found["ask"], found["volume"]) == (bid, ask, volume)


def test_an_account_has_the_contract_s_fields() -> None:
    account = make_account(
        balance=10_000.5,
        equity=9_990.25,
        profit=-10.25,
        margin=110.0,
        free_margin=9_880.25,
        margin_level=9082.05,
    )

    assert plain(encode_account(account)) == {
        "type": "account_info",
        "data": {
            "login": 7001,
            "server": "Broker-Demo",
            "currency": "USD",
            "leverage": 100,
            "balance": 10_000.5,
            "equity": 9_990.25,
            "profit": -10.25,
            "margin": 110.0,
            "free_margin": 9_880.25,
            "margin_level": 9082.05,
        },
    }


def test_positions_are_a_list_with_the_contract_s_fields() -> None:
    buy = make_position(time_msc=MSC, magic=2**62, comment="ai #1", swap=-0.4)
    sell = make_position(ticket=501, side=Side.SELL, time_msc=None)

    found = plain(encode_positions([buy, sell]))

    assert found["type"] == "positions"
    assert found["data"][0] == {
        "ticket": 500,
        "symbol": "EURUSD",
        "type": 0,
        "volume": 0.5,
        "profit": 50.0,
        "price_open": 1.099,
        "price_current": 1.1,
        "stop_loss": 1.09,
        "take_profit": 1.12,
        "swap": -0.4,
        "magic": 2**62,
        "comment": "ai #1",
        "time": MOMENT,
    }
    assert [(p["ticket"], p["type"], p["time"]) for p in found["data"]] == [(500, 0, MOMENT), (501, 1, None)]


def test_no_positions_are_an_empty_list() -> None:
    assert plain(encode_positions([])) == {"type": "positions", "data": []}


def test_a_result_has_the_contract_s_fields() -> None:
    assert plain(encode_trade_result(RESULT)) == {
        "type": "trade_result",
        "data": {
            "signal_id": "abc",
            "status": "filled",
            "symbol": "EURUSD",
            "action": "BUY",
            "requested_volume": None,
            "volume": 0.1,
            "price": 1.1002,
            "ticket": 700,
            "retcode": 10009,
            "reason": "done",
            "detail": "Request executed",
            "received_at": MOMENT,
            "sent_at": "2026-09-21T14:13:20.126Z",
            "done_at": "2026-09-21T14:13:20.215Z",
        },
    }


def test_a_result_of_what_was_never_sent_has_no_instant_of_sending() -> None:
    found = plain(encode_trade_result(replace(RESULT, sent_msc=0)))["data"]

    assert found["sent_at"] is None
    assert found["received_at"] == MOMENT


def test_an_error_has_the_contract_s_fields() -> None:
    raw = encode_error("not_json", "Expecting value", 'he said "\u202e"')

    assert plain(raw) == {
        "type": "error",
        "data": {"reason": "not_json", "detail": "Expecting value", "of": 'he said "\u202e"'},
    }


@pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf")])
def test_a_figure_that_is_no_number_is_null_never_a_broken_message(number: float) -> None:
    assert plain(encode("x", {"value": number})) == {"type": "x", "data": {"value": None}}
