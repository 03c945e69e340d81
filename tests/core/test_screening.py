"""The checks that need no terminal: just inside each limit, at it, just outside."""

from typing import Any

import pytest
from tests.core.builders import (
    DAY,
    NOW,
    fold,
    make_answer,
    make_case,
    make_intent,
    make_order,
    make_signal,
    state_with,
)
from tests.core.casework import case_with, entries_at, name_of, table

from hybrid_bridge.core.events import TradingState
from hybrid_bridge.core.market import Side
from hybrid_bridge.core.orders import OrderState
from hybrid_bridge.core.screening import (
    check_daily_trades,
    check_duplicate_signal,
    check_emergency_stop,
    check_order_rate,
    check_signal_account,
    check_symbol_listed,
    check_trading_enabled,
    check_trading_state,
)

OTHER = {"volume": 0.7}


@table(
    ("on", {}, None),
    ("off", {"limits": {"trading_enabled": False}}, "trading_enabled"),
    (
        "switched off while the bridge runs",
        {"limits": {"trading_enabled": False}, "state": {"tightened": {"trading_enabled": 0.0}}},
        "trading_enabled",
    ),
    ("another limit tightened", {"state": {"tightened": {"max_volume": 1.0}}}, None),
)
def test_entries_only_while_trading_is_enabled(changes: Any, expected: str | None) -> None:
    assert expected == name_of(check_trading_enabled(case_with(**changes)))


@table(
    ("no stop", {}, None),
    ("by the setting", {"limits": {"emergency_stop": True}}, "emergency_stop"),
    ("by a command", {"state": {"emergency": True}}, "emergency_stop"),
    ("halted for another reason", {"state": {"trading": TradingState.HALTED}}, None),
)
def test_nothing_is_opened_after_an_emergency_stop(changes: Any, expected: str | None) -> None:
    assert expected == name_of(check_emergency_stop(case_with(**changes)))


@table(
    ("active", {}, None),
    ("halted", {"state": {"trading": TradingState.HALTED}}, "trading_state"),
    # Which entries reduce, the terminal's facts must tell.
    ("reducing", {"state": {"trading": TradingState.REDUCING}}, None),
)
def test_nothing_is_opened_while_halted(changes: Any, expected: str | None) -> None:
    assert expected == name_of(check_trading_state(case_with(**changes)))


@table(
    ("this account", {"signal": {"account": 7001}}, None),
    ("no account named", {}, None),
    ("another account", {"signal": {"account": 7002}}, "account"),
    ("account 0", {"signal": {"account": 0}}, "account"),
    ("no login configured", {"signal": {"account": 1}, "limits": {"login": None}}, None),
)
def test_a_signal_for_another_account_is_denied(changes: Any, expected: str | None) -> None:
    assert expected == name_of(check_signal_account(case_with(**changes)))


@table(
    ("listed", {}, None),
    ("not listed", {"limits": {"symbols": frozenset({"GBPUSD"})}}, "symbol_allowed"),
    ("nothing listed", {"limits": {"symbols": frozenset()}}, "symbol_allowed"),
    ("in other case", {"signal": {"symbol": "eurusd"}}, "symbol_allowed"),
    ("with a suffix", {"signal": {"symbol": "EURUSD.r"}}, "symbol_allowed"),
)
def test_only_listed_symbols_are_traded(changes: Any, expected: str | None) -> None:
    assert expected == name_of(check_symbol_listed(case_with(**changes)))


@pytest.mark.parametrize("unknown", [True, False], ids=["unknown", "sending"])
def test_an_order_in_doubt_blocks_entries_on_its_symbol_only(unknown: bool) -> None:
    state = state_with(make_order(make_intent(volume=0.7)), unknown=unknown)

    assert name_of(check_symbol_listed(make_case(state=state))) == "symbol_allowed"
    assert check_symbol_listed(make_case(make_signal(symbol="GBPUSD"), state)) is None
    fold(state, [make_answer(1, OrderState.REJECTED)])
    assert check_symbol_listed(make_case(state=state)) is None


@table(
    ("none before", {}, None),
    ("the like 999 ms ago", {"state": {"entries": entries_at(NOW - 999)}}, "duplicate_signal"),
    ("the like 1000 ms ago", {"state": {"entries": entries_at(NOW - 1000)}}, None),
    ("the like 1001 ms ago", {"state": {"entries": entries_at(NOW - 1001)}}, None),
    ("the like in the future", {"state": {"entries": entries_at(NOW + 50)}}, "duplicate_signal"),
    ("other symbol just now", {"state": {"entries": entries_at(NOW, symbol="GBPUSD")}}, None),
    ("other side just now", {"state": {"entries": entries_at(NOW, side=Side.SELL)}}, None),
    ("other volume just now", {"state": {"entries": entries_at(NOW, **OTHER)}}, None),
    (
        "the like without a volume",
        {"signal": {"volume": None}, "state": {"entries": entries_at(NOW, volume=None)}},
        "duplicate_signal",
    ),
    ("window off", {"state": {"entries": entries_at(NOW)}, "limits": {"duplicate_window_ms": 0}}, None),
)
def test_the_like_of_an_entry_is_denied_within_the_window(changes: Any, expected: str | None) -> None:
    assert expected == name_of(check_duplicate_signal(case_with(**changes)))


def test_the_like_is_found_behind_others() -> None:
    entries = entries_at(NOW - 900)
    entries.extend(entries_at(NOW - 10, **OTHER))

    assert name_of(check_duplicate_signal(case_with(state={"entries": entries}))) == "duplicate_signal"


FULL = {"daily_entries": 10}


@table(
    ("none of ten", {}, None),
    ("nine of ten", {"state": {"daily_entries": 9}}, None),
    ("ten of ten", {"state": FULL}, "daily_trades"),
    ("eleven of ten", {"state": {"daily_entries": 11}}, "daily_trades"),
    ("none allowed", {"limits": {"max_daily_trades": 0}}, "daily_trades"),
    ("ten of ten, the next day", {"state": FULL, "server_day": DAY + 1}, None),
    (
        "one of one, the next day",
        {"state": FULL, "limits": {"max_daily_trades": 1}, "server_day": DAY + 1},
        None,
    ),
    ("ten of ten, the day before", {"state": FULL, "server_day": DAY - 1}, "daily_trades"),
    ("ten of ten, the day not known", {"state": FULL, "server_day": None}, "daily_trades"),
    ("ten of ten before any day was opened", {"state": {**FULL, "server_day": None}}, None),
    (
        "ten of ten, no day was ever known",
        {"state": {**FULL, "server_day": None}, "server_day": None},
        "daily_trades",
    ),
    (
        "none allowed, the next day",
        {"limits": {"max_daily_trades": 0}, "server_day": DAY + 1},
        "daily_trades",
    ),
)
def test_entries_are_counted_by_the_broker_s_day(changes: Any, expected: str | None) -> None:
    assert expected == name_of(check_daily_trades(case_with(**changes)))


def rated(limit: int, *ages_ms: int) -> dict[str, Any]:
    entries = entries_at(*(NOW - age for age in ages_ms), **OTHER)
    return {"state": {"entries": entries}, "limits": {"max_orders_per_minute": limit}}


@table(
    ("none", rated(1), None),
    ("one below the rate", rated(3, 9, 8), None),
    ("at the rate", rated(2, 9, 8), "order_rate"),
    ("above the rate", rated(2, 9, 8, 7), "order_rate"),
    ("the oldest 59,999 ms ago", rated(2, 59_999, 8), "order_rate"),
    ("the oldest a minute ago", rated(2, 60_000, 8), None),
    ("many, but all long ago", rated(2, 90_000, 80_000, 70_000), None),
    ("the clock went back", rated(2, -10, -20), "order_rate"),
)
def test_entries_of_any_minute_are_bounded(changes: Any, expected: str | None) -> None:
    assert expected == name_of(check_order_rate(case_with(**changes)))


def test_the_order_rate_says_how_many_there_were() -> None:
    denial = check_order_rate(case_with(**rated(2, 70_000, 9, 8, 7)))

    assert denial is not None
    assert (denial.limit, denial.observed) == ("2 a minute", "3")
