"""Every check of the guard: just inside its limit, at it, just outside, and with facts missing or absurd."""

from collections import deque
from typing import Any

import pytest
from tests.core.builders import (
    INF,
    NAN,
    NOW,
    fold,
    make_account,
    make_answer,
    make_appraisal,
    make_case,
    make_intent,
    make_limits,
    make_order,
    make_pending,
    make_position,
    make_quote,
    make_report,
    make_signal,
    make_spec,
    make_state,
    make_terminal,
    state_with,
)

from hybrid_bridge.core.events import TradingState
from hybrid_bridge.core.market import Side, TradeMode
from hybrid_bridge.core.orders import OrderState
from hybrid_bridge.core.risk import AppraisedCase, find_account_denial, find_stops_denial, judge, screen

ABSURD = (NAN, INF, -INF, 0.0, -1.0)


def denied(case: AppraisedCase) -> list[str]:
    return [denial.check for denial in judge(case)]


def case_with(
    *,
    signal: dict[str, Any] | None = None,
    state: dict[str, Any] | None = None,
    limits: dict[str, Any] | None = None,
    quote: dict[str, Any] | None = None,
    spec: dict[str, Any] | None = None,
    account: dict[str, Any] | None = None,
    terminal: dict[str, Any] | None = None,
    report: dict[str, Any] | None = None,
    appraisal: dict[str, Any] | None = None,
    now_msc: int = NOW,
) -> AppraisedCase:
    """Return the sound case with one layer changed."""
    seen = make_report(
        **{
            "account": make_account(**account or {}),
            "terminal": make_terminal(**terminal or {}),
            **(report or {}),
        }
    )
    facts = {"spec": make_spec(**spec or {}), "quote": make_quote(**quote or {}), "report": seen}
    return make_case(
        make_signal(**signal or {}),
        make_state(**state or {}),
        make_limits(**limits or {}),
        make_appraisal(**{**facts, **(appraisal or {})}),
        now_msc,
    )


def entries_at(*instants: int, **changes: Any) -> deque[Any]:
    return deque((at, make_intent(number, **changes)) for number, at in enumerate(instants, 1))


def test_a_sound_entry_is_denied_by_nothing() -> None:
    assert denied(make_case()) == []


OTHER = {"volume": 0.7}
HELD = make_position()
TABLE: list[tuple[str, dict[str, Any], str | None]] = [
    ("trading off", {"limits": {"trading_enabled": False}}, "trading_enabled"),
    ("stopped by the setting", {"limits": {"emergency_stop": True}}, "emergency_stop"),
    ("stopped by a command", {"state": {"emergency": True}}, "emergency_stop"),
    ("halted", {"state": {"trading": TradingState.HALTED}}, "trading_state"),
    # account named by the signal
    ("signal for this account", {"signal": {"account": 7001}}, None),
    ("signal for another account", {"signal": {"account": 7002}}, "account"),
    ("signal for account 0", {"signal": {"account": 0}}, "account"),
    ("any login, signal names one", {"signal": {"account": 1}, "limits": {"login": None}}, None),
    # account at the terminal
    ("another login", {"account": {"login": 7002}}, "account"),
    ("any login allowed", {"account": {"login": 7002}, "limits": {"login": None}}, None),
    ("another server", {"account": {"server": "Broker-Live"}}, "account"),
    ("any server allowed", {"account": {"server": "Broker-Live"}, "limits": {"server": ""}}, None),
    ("another terminal", {"limits": {"terminal_path": "C:/Other/terminal64.exe"}}, "account"),
    ("investor login", {"account": {"trade_allowed": False}}, "account"),
    ("experts forbidden", {"account": {"trade_expert": False}}, "account"),
    ("python api disabled", {"terminal": {"api_disabled": True}}, "account"),
    ("autotrading off", {"terminal": {"trade_allowed": False}}, "account"),
    ("no link to the broker", {"terminal": {"connected": False}}, "account"),
    # symbol
    ("symbol not listed", {"limits": {"symbols": frozenset({"GBPUSD"})}}, "symbol_allowed"),
    ("no symbol listed", {"limits": {"symbols": frozenset()}}, "symbol_allowed"),
    ("symbol in other case", {"signal": {"symbol": "eurusd"}}, "symbol_allowed"),
    ("symbol not known", {"appraisal": {"spec": None}}, "symbol_allowed"),
    ("trading of the symbol disabled", {"spec": {"trade_mode": TradeMode.DISABLED}}, "symbol_allowed"),
    ("close only", {"spec": {"trade_mode": TradeMode.CLOSE_ONLY}}, "symbol_allowed"),
    ("long only, buying", {"spec": {"trade_mode": TradeMode.LONG_ONLY}}, None),
    ("short only, buying", {"spec": {"trade_mode": TradeMode.SHORT_ONLY}}, "symbol_allowed"),
    (
        "long only, selling",
        {"spec": {"trade_mode": TradeMode.LONG_ONLY}, "signal": {"side": Side.SELL, "stop_loss": 1.102}},
        "symbol_allowed",
    ),
    (
        "short only, selling",
        {"spec": {"trade_mode": TradeMode.SHORT_ONLY}, "signal": {"side": Side.SELL, "stop_loss": 1.102}},
        None,
    ),
    ("a trade mode that we do not know", {"spec": {"trade_mode": 9}}, "symbol_allowed"),
    *(
        (f"{fact} {bad}", {"spec": {fact: bad}}, "symbol_allowed")
        for fact in ("point", "tick_size", "volume_min", "volume_max", "volume_step")
        for bad in ABSURD
    ),
    ("volume limit not known", {"spec": {"volume_limit": NAN}}, "symbol_allowed"),
    ("volume limit below zero", {"spec": {"volume_limit": -1.0}}, "symbol_allowed"),
    # the like within the window
    ("the like 999 ms ago", {"state": {"entries": entries_at(NOW - 999)}}, "duplicate_signal"),
    ("the like 1000 ms ago", {"state": {"entries": entries_at(NOW - 1000)}}, None),
    ("the like in the future", {"state": {"entries": entries_at(NOW + 50)}}, "duplicate_signal"),
    ("other symbol just now", {"state": {"entries": entries_at(NOW, symbol="GBPUSD")}}, None),
    ("other side just now", {"state": {"entries": entries_at(NOW, side=Side.SELL)}}, None),
    ("other volume just now", {"state": {"entries": entries_at(NOW, **OTHER)}}, None),
    ("window off", {"state": {"entries": entries_at(NOW)}, "limits": {"duplicate_window_ms": 0}}, None),
    # daily trades
    ("nine of ten today", {"state": {"daily_entries": 9}}, None),
    ("ten of ten today", {"state": {"daily_entries": 10}}, "daily_trades"),
    ("eleven of ten today", {"state": {"daily_entries": 11}}, "daily_trades"),
    ("none allowed", {"limits": {"max_daily_trades": 0}}, "daily_trades"),
    # order rate
    (
        "one below the rate",
        {"state": {"entries": entries_at(NOW - 9, NOW - 8, **OTHER)}, "limits": {"max_orders_per_minute": 3}},
        None,
    ),
    (
        "at the rate",
        {"state": {"entries": entries_at(NOW - 9, NOW - 8, **OTHER)}, "limits": {"max_orders_per_minute": 2}},
        "order_rate",
    ),
    (
        "oldest 59,999 ms ago",
        {
            "state": {"entries": entries_at(NOW - 59_999, NOW - 8, **OTHER)},
            "limits": {"max_orders_per_minute": 2},
        },
        "order_rate",
    ),
    (
        "oldest a minute ago",
        {
            "state": {"entries": entries_at(NOW - 60_000, NOW - 8, **OTHER)},
            "limits": {"max_orders_per_minute": 2},
        },
        None,
    ),
    # quote
    ("no quote", {"appraisal": {"quote": None}}, "quote_fresh"),
    ("quote 5000 ms old", {"quote": {"time_msc": NOW - 5000}}, None),
    ("quote 5001 ms old", {"quote": {"time_msc": NOW - 5001}}, "quote_fresh"),
    ("quote 2000 ms ahead", {"quote": {"time_msc": NOW + 2000}}, None),
    ("quote 2001 ms ahead", {"quote": {"time_msc": NOW + 2001}}, "quote_fresh"),
    ("quote of unknown age", {"quote": {"time_msc": None}}, "quote_fresh"),
    ("quote at time 0", {"quote": {"time_msc": 0}}, "quote_fresh"),
    ("locked quote", {"quote": {"ask": 1.1}}, None),
    ("crossed quote", {"quote": {"ask": 1.09999}}, "quote_fresh"),
    *((f"bid {bad}", {"quote": {"bid": bad}}, "quote_fresh") for bad in ABSURD),
    *((f"ask {bad}", {"quote": {"ask": bad}}, "quote_fresh") for bad in ABSURD),
    # spread of 10 points
    ("spread off, a whole price wide", {"quote": {"ask": 2.2}}, None),
    ("spread below the limit", {"limits": {"max_spread_points": 10.1}}, None),
    ("spread at the limit", {"limits": {"max_spread_points": 10.0}}, None),
    ("spread above the limit", {"limits": {"max_spread_points": 9.9}}, "spread"),
    ("spread with a point of 0", {"limits": {"max_spread_points": 10.0}, "spec": {"point": 0.0}}, "spread"),
    ("spread with a bid of nan", {"limits": {"max_spread_points": 10.0}, "quote": {"bid": NAN}}, "spread"),
    (
        "no quote to measure",
        {"limits": {"max_spread_points": 10.0}, "appraisal": {"quote": None}},
        "quote_fresh",
    ),
    (
        "no point to measure in",
        {"limits": {"max_spread_points": 10.0}, "appraisal": {"spec": None}},
        "symbol_allowed",
    ),
    # collar: entry at 1.10010
    ("collar off", {"signal": {"price": 9.0}}, None),
    ("no price in the signal", {"limits": {"max_price_drift_points": 5.0}}, None),
    ("5 points up", {"signal": {"price": 1.10005}, "limits": {"max_price_drift_points": 5.0}}, None),
    ("5 points down", {"signal": {"price": 1.10015}, "limits": {"max_price_drift_points": 5.0}}, None),
    (
        "6 points up",
        {"signal": {"price": 1.10004}, "limits": {"max_price_drift_points": 5.0}},
        "price_collar",
    ),
    (
        "6 points down",
        {"signal": {"price": 1.10016}, "limits": {"max_price_drift_points": 5.0}},
        "price_collar",
    ),
    *(
        (
            f"collar at {bad}",
            {"signal": {"price": bad}, "limits": {"max_price_drift_points": 5.0}},
            "price_collar",
        )
        for bad in ABSURD
    ),
    (
        "collar with a point of 0",
        {"signal": {"price": 1.1}, "limits": {"max_price_drift_points": 5.0}, "spec": {"point": 0.0}},
        "price_collar",
    ),
    (
        "collar without a quote",
        {"signal": {"price": 1.1}, "limits": {"max_price_drift_points": 5.0}, "appraisal": {"quote": None}},
        "quote_fresh",
    ),
    (
        "collar without a symbol",
        {"signal": {"price": 1.1}, "limits": {"max_price_drift_points": 5.0}, "appraisal": {"spec": None}},
        "symbol_allowed",
    ),
    # stops of a BUY, against the bid of 1.10000
    ("no stop where one is required", {"signal": {"stop_loss": 0.0}}, "stop_loss"),
    ("no stop, none required", {"signal": {"stop_loss": 0.0}, "limits": {"require_stop_loss": False}}, None),
    ("stop one point below the bid", {"signal": {"stop_loss": 1.09999}}, None),
    ("stop at the bid", {"signal": {"stop_loss": 1.1}}, "stop_loss"),
    ("stop between bid and ask", {"signal": {"stop_loss": 1.10005}}, "stop_loss"),
    ("stop above the ask", {"signal": {"stop_loss": 1.2}}, "stop_loss"),
    ("stop at the level", {"signal": {"stop_loss": 1.0995}, "spec": {"stops_level": 50}}, None),
    ("stop inside the level", {"signal": {"stop_loss": 1.09951}, "spec": {"stops_level": 50}}, "stop_loss"),
    ("target above the bid", {"signal": {"take_profit": 1.10001}}, None),
    ("target at the bid", {"signal": {"take_profit": 1.1}}, "stop_loss"),
    ("target below the bid", {"signal": {"take_profit": 1.0}}, "stop_loss"),
    ("target at the level", {"signal": {"take_profit": 1.1005}, "spec": {"stops_level": 50}}, None),
    (
        "target inside the level",
        {"signal": {"take_profit": 1.10049}, "spec": {"stops_level": 50}},
        "stop_loss",
    ),
    *((f"stop {bad}", {"signal": {"stop_loss": bad}}, "stop_loss") for bad in ABSURD),
    ("a stop that rounds to none", {"signal": {"stop_loss": 1e-9}}, "stop_loss"),
    *((f"target {bad}", {"signal": {"take_profit": bad}}, "stop_loss") for bad in (NAN, INF, -INF, -1.0)),
    # positions
    ("limit of one, none held", {"limits": {"max_open_positions": 1}}, None),
    (
        "limit of one, one held",
        {"limits": {"max_open_positions": 1}, "report": {"positions": (HELD,)}},
        "open_positions",
    ),
    ("limit of two, one held", {"limits": {"max_open_positions": 2}, "report": {"positions": (HELD,)}}, None),
    (
        "one a symbol, another symbol held",
        {
            "limits": {"max_positions_per_symbol": 1},
            "report": {"positions": (make_position(symbol="GBPUSD"),)},
        },
        None,
    ),
    (
        "one a symbol, this symbol held",
        {"limits": {"max_positions_per_symbol": 1}, "report": {"positions": (HELD,)}},
        "open_positions",
    ),
    ("no position allowed", {"limits": {"max_open_positions": 0}}, "open_positions"),
    # daily loss and drawdown from 10,000
    ("loss off", {"account": {"equity": 1.0}}, None),
    ("loss 2.99 %", {"account": {"equity": 9_701.0}, "limits": {"max_daily_loss_percent": 3.0}}, None),
    ("loss 3 %", {"account": {"equity": 9_700.0}, "limits": {"max_daily_loss_percent": 3.0}}, "daily_loss"),
    (
        "loss 3.01 %",
        {"account": {"equity": 9_699.0}, "limits": {"max_daily_loss_percent": 3.0}},
        "daily_loss",
    ),
    ("a gain", {"account": {"equity": 20_000.0}, "limits": {"max_daily_loss_percent": 3.0}}, None),
    (
        "day's equity not known",
        {"state": {"day_equity": None}, "limits": {"max_daily_loss_percent": 3.0}},
        "daily_loss",
    ),
    *(
        (
            f"day's equity {bad}",
            {"state": {"day_equity": bad}, "limits": {"max_daily_loss_percent": 3.0}},
            "daily_loss",
        )
        for bad in ABSURD
    ),
    *(
        (
            f"equity {bad}, daily loss",
            {"account": {"equity": bad}, "limits": {"max_daily_loss_percent": 3.0}},
            "daily_loss",
        )
        for bad in ABSURD
    ),
    ("fall 9.99 %", {"account": {"equity": 9_001.0}, "limits": {"max_drawdown_percent": 10.0}}, None),
    ("fall 10 %", {"account": {"equity": 9_000.0}, "limits": {"max_drawdown_percent": 10.0}}, "drawdown"),
    (
        "peak not known",
        {"state": {"equity_peak": None}, "limits": {"max_drawdown_percent": 10.0}},
        "drawdown",
    ),
    *(
        (
            f"equity {bad}, drawdown",
            {"account": {"equity": bad}, "limits": {"max_drawdown_percent": 10.0}},
            "drawdown",
        )
        for bad in ABSURD
    ),
]


@pytest.mark.parametrize(("changes", "expected"), [row[1:] for row in TABLE], ids=[row[0] for row in TABLE])
def test_a_check_denies_exactly_what_is_outside_its_limit(
    changes: dict[str, Any], expected: str | None
) -> None:
    found = denied(case_with(**changes))

    if expected is None:
        assert found == []
    else:
        assert expected in found


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"limits": {"trading_enabled": False, "max_daily_trades": 0}}, ["trading_enabled", "daily_trades"]),
        ({"quote": {"ask": 1.0}, "limits": {"max_open_positions": 0}}, ["quote_fresh", "open_positions"]),
    ],
)
def test_every_denial_that_can_be_known_is_reported(changes: dict[str, Any], expected: list[str]) -> None:
    assert denied(case_with(**changes)) == expected


def test_a_denial_names_the_limit_and_the_observed_value() -> None:
    (denial,) = judge(case_with(state={"daily_entries": 10}))

    assert (denial.check, denial.limit, denial.observed) == ("daily_trades", "10 a day", "10")


def test_stops_of_a_sell_are_measured_from_the_ask() -> None:
    sell = {"side": Side.SELL, "stop_loss": 1.1001, "take_profit": 0.0}

    assert denied(case_with(signal=sell)) == ["stop_loss"]
    assert denied(case_with(signal={**sell, "stop_loss": 1.10011})) == []
    assert denied(case_with(signal={**sell, "stop_loss": 1.11, "take_profit": 1.1001})) == ["stop_loss"]
    assert denied(case_with(signal={**sell, "stop_loss": 1.11, "take_profit": 1.10009})) == []


def test_the_collar_of_a_sell_is_measured_from_the_bid() -> None:
    sell = {"side": Side.SELL, "stop_loss": 1.11, "price": 1.1}
    limits = {"max_price_drift_points": 1.0}

    assert denied(case_with(signal=sell, limits=limits)) == []
    assert denied(case_with(signal={**sell, "price": 1.1001}, limits=limits)) == ["price_collar"]


def test_an_order_in_doubt_blocks_entries_on_its_symbol_only() -> None:
    for unknown in (True, False):
        state = state_with(make_order(make_intent(volume=0.7)), unknown=unknown)

        assert denied(make_case(state=state, now_msc=NOW + 2_000)) == ["symbol_allowed"]
        gbp = make_signal(symbol="GBPUSD")
        assert denied(make_case(gbp, state, now_msc=NOW + 2_000)) == []


def test_an_order_in_doubt_counts_as_an_open_position() -> None:
    state = state_with(make_order(make_intent(symbol="GBPUSD")))
    limits = make_limits(max_open_positions=1)

    assert denied(make_case(state=state, limits=limits)) == ["open_positions"]


def test_a_fill_that_no_look_has_shown_yet_counts_as_an_open_position() -> None:
    order = make_order(make_intent(symbol="GBPUSD"))
    state = fold(state_with(order, unknown=False), [make_answer(1, OrderState.FILLED)])
    limits = make_limits(max_open_positions=1)

    assert denied(make_case(state=state, limits=limits)) == ["open_positions"]
    assert denied(make_case(state=make_state(), limits=limits)) == []


@pytest.mark.parametrize(
    ("side", "volume", "expected"),
    [
        (Side.SELL, 0.3, []),
        (Side.SELL, 0.99, []),
        (Side.SELL, 1.0, ["trading_state"]),
        (Side.SELL, 5.0, ["trading_state"]),
        (Side.SELL, None, ["trading_state"]),
        (Side.BUY, 0.01, ["trading_state"]),
    ],
)
def test_reducing_lets_through_only_what_makes_the_net_position_smaller(
    side: Side, volume: float | None, expected: list[str]
) -> None:
    stop = 1.2 if side is Side.SELL else 1.0
    other = make_position(symbol="GBPUSD", volume=9.0)

    case = case_with(
        signal={"side": side, "volume": volume, "stop_loss": stop},
        state={"trading": TradingState.REDUCING},
        report={"positions": (HELD, other)},
    )

    assert denied(case) == expected


def test_reducing_a_net_short_takes_buys() -> None:
    short = make_position(side=Side.SELL, volume=1.0)
    reducing = {"trading": TradingState.REDUCING}

    assert denied(case_with(state=reducing, report={"positions": (short,)})) == []
    assert denied(case_with(state=reducing, report={"positions": (short, make_position(volume=1.0))})) == [
        "trading_state"
    ]
    assert denied(
        case_with(state=reducing, report={"positions": (make_position(side=Side.SELL, volume=NAN),)})
    ) == ["trading_state"]


@pytest.mark.parametrize(("side", "opposite"), [(Side.BUY, Side.SELL), (Side.SELL, Side.BUY)])
def test_reducing_may_turn_the_net_position_round_if_it_is_smaller_then(side: Side, opposite: Side) -> None:
    def denied_at(volume: float) -> list[str]:
        return denied(
            case_with(
                signal={"side": side, "volume": volume, "stop_loss": 1.0 if side is Side.BUY else 1.2},
                state={"trading": TradingState.REDUCING},
                report={"positions": (make_position(side=opposite, volume=0.5),)},
            )
        )

    assert denied_at(0.9) == []
    assert denied_at(1.0) == ["trading_state"]


def test_pending_orders_do_not_stand_in_for_the_net_position() -> None:
    case = case_with(
        signal={"side": Side.SELL, "stop_loss": 1.2},
        state={"trading": TradingState.REDUCING},
        report={"orders": (make_pending(),)},
    )

    assert denied(case) == ["trading_state"]


@pytest.mark.parametrize(
    ("configured", "answered", "same"),
    [
        ("C:\\Program Files\\MetaTrader 5\\terminal64.exe", "C:\\Program Files\\MetaTrader 5", True),
        ("c:/program files/metatrader 5/TERMINAL64.EXE", "C:\\Program Files\\MetaTrader 5\\", True),
        ("C:\\Program Files\\MetaTrader 5", "C:\\Program Files\\MetaTrader 5", True),
        ("C:\\MT5\\terminal64.exe", "C:\\MT5-2", False),
        ("C:\\MT5\\terminal64.exe", "D:\\MT5", False),
        ("C:\\MT5\\terminal64.exe", "", False),
        ("C:\\MT5X\\terminal64.exe", "C:\\MT5", False),
        ("C:\\MT5\\terminal64.exe", "C:\\MT5X", False),
        ("", "D:\\anything", True),
    ],
)
def test_a_terminal_is_known_by_its_folder(configured: str, answered: str, same: bool) -> None:
    report = make_report(terminal=make_terminal(path=answered))

    denial = find_account_denial(report, make_limits(terminal_path=configured))

    assert same == (denial is None)


def test_screening_needs_no_terminal_and_is_part_of_judging() -> None:
    case = case_with(limits={"trading_enabled": False, "max_daily_trades": 0})

    assert screen(case) == judge(case)


@pytest.mark.parametrize("side", list(Side))
@pytest.mark.parametrize("bad", [NAN, INF, -INF, -1.0])
def test_a_stop_that_is_no_price_is_denied_on_either_side(side: Side, bad: float) -> None:
    for stop_loss, take_profit in ((bad, 0.0), (0.0, bad)):
        denial = find_stops_denial(side, stop_loss, take_profit, 1.1, make_spec())

        assert denial is not None
        assert denial.check == "stop_loss"
