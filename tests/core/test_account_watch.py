"""What follows from a look at the account, and which looks are not believed."""

import copy
from collections import deque
from dataclasses import replace
from typing import Any

import pytest
from tests.core.builders import (
    DAY,
    INF,
    MAGIC_BASE,
    NAN,
    NOW,
    fold,
    make_account,
    make_answer,
    make_appraisal,
    make_cancel,
    make_close,
    make_intent,
    make_limits,
    make_modify,
    make_order,
    make_position,
    make_report,
    make_signal,
    make_spec,
    make_state,
    make_terminal,
    make_valuation,
    state_with,
)
from tests.core.judging import appraised, denials_of, kinds

from hybrid_bridge.core import engine
from hybrid_bridge.core.account import Position
from hybrid_bridge.core.account_watch import as_observed
from hybrid_bridge.core.events import (
    BrokerDayOpened,
    EquityPeakRaised,
    Event,
    PositionAdopted,
    PositionChanged,
    PositionEnded,
    TradingState,
    TradingStateChanged,
)
from hybrid_bridge.core.inputs import AccountObserved, OrderAppraised
from hybrid_bridge.core.market import Side
from hybrid_bridge.core.orders import OrderState
from hybrid_bridge.core.requests import make_magic
from hybrid_bridge.core.state import CLOSED_ORDERS_KEPT, EngineState

POSITION = make_position()


# The broker's day and the equity's peak


@pytest.mark.parametrize(
    ("seen", "day", "opens"),
    [(None, DAY, True), (DAY - 1, DAY, True), (DAY, DAY, False), (DAY, DAY - 1, False), (DAY, None, False)],
)
def test_the_broker_s_day_opens_when_it_is_later_than_the_last(
    seen: int | None, day: int | None, opens: bool
) -> None:
    state = make_state(server_day=seen, equity_peak=10_000.0)

    events = engine.observe(state, make_limits(), AccountObserved(make_report(server_day=day)))

    assert events == ((BrokerDayOpened(DAY, 10_000.0, NOW),) if opens else ())


@pytest.mark.parametrize(
    ("peak", "equity", "raised"),
    [
        (None, 10.0, True),
        (10_000.0, 10_000.01, True),
        (10_000.0, 10_000.0, False),
        (10_000.0, 9_000.0, False),
    ],
)
def test_the_peak_follows_the_highest_equity(peak: float | None, equity: float, raised: bool) -> None:
    report = make_report(account=make_account(equity=equity))

    events = engine.observe(make_state(equity_peak=peak), make_limits(), AccountObserved(report))

    assert events == ((EquityPeakRaised(equity, NOW),) if raised else ())


@pytest.mark.parametrize("equity", [NAN, INF, -INF, 0.0, -1.0])
def test_an_equity_that_cannot_be_is_no_peak_and_opens_no_day(equity: float) -> None:
    report = make_report(account=make_account(equity=equity), server_day=DAY + 1)

    assert engine.observe(make_state(), make_limits(), AccountObserved(report)) == ()


def test_yesterday_s_entries_do_not_count_once_the_appraisal_shows_a_new_day() -> None:
    yesterday = make_state(server_day=DAY - 1, daily_entries=9, day_equity=1e6)
    limits = make_limits(max_daily_trades=10, max_daily_loss_percent=5.0)

    events = appraised(make_signal(), yesterday, limits)

    assert kinds(events) == ["BrokerDayOpened", "IntentReceived", "OrderApproved", "OrderSending"]
    assert fold(yesterday, events).daily_entries == 1


def test_the_first_equity_ever_seen_is_its_own_peak() -> None:
    events = appraised(make_signal(), make_state(equity_peak=None), make_limits(max_drawdown_percent=5.0))

    assert kinds(events) == ["EquityPeakRaised", "IntentReceived", "OrderApproved", "OrderSending"]


# Another account at the terminal

STRANGE = [
    make_report(account=make_account(login=1, equity=1e6), server_day=DAY + 1),
    make_report(account=make_account(server="Other", equity=1e6), server_day=DAY + 1),
]


@pytest.mark.parametrize("report", STRANGE)
def test_another_account_halts_and_its_figures_are_not_taken(report: Any) -> None:
    (event,) = engine.observe(make_state(), make_limits(), AccountObserved(report))

    assert isinstance(event, TradingStateChanged)
    assert (event.state, event.emergency) == (TradingState.HALTED, False)
    assert "expected" in event.reason
    halted = fold(make_state(), [event])
    assert engine.observe(halted, make_limits(), AccountObserved(report)) == ()


@pytest.mark.parametrize("report", STRANGE)
def test_on_another_account_nothing_passes_and_its_figures_are_not_taken(report: Any) -> None:
    for wanted in (make_signal(), make_close(), make_modify(), make_cancel()):
        events = appraised(wanted, position=POSITION, report=report)

        assert kinds(events) == ["IntentReceived", "IntentDenied"]
        assert denials_of(events) == ["account"]


def test_a_terminal_elsewhere_is_another_account() -> None:
    report = make_report(terminal=make_terminal(path="D:\\MT5"))
    limits = make_limits(terminal_path="C:\\MT5\\terminal64.exe")

    (event,) = engine.observe(make_state(), limits, AccountObserved(report))

    assert isinstance(event, TradingStateChanged)


@pytest.mark.parametrize("login", [7001, None])
def test_nobody_s_account_between_two_logins_denies_and_latches_nothing(login: int | None) -> None:
    limits = make_limits(login=login, server="")
    report = make_report(account=make_account(login=0, equity=1e6), server_day=DAY + 1)

    assert engine.observe(make_state(), limits, AccountObserved(report)) == ()
    assert "account" in denials_of(appraised(make_signal(), limits=limits, report=report))


def test_an_account_that_halts_keeps_the_emergency_latched() -> None:
    state = make_state(emergency=True, trading=TradingState.REDUCING)

    (event,) = engine.observe(state, make_limits(), AccountObserved(STRANGE[0]))

    assert isinstance(event, TradingStateChanged)
    assert event.emergency


# Positions

EXTERNAL = make_position(magic=0)


def seen(state: EngineState, *positions: Position, **changes: Any) -> tuple[Event, ...]:
    """Observe an account with these positions."""
    report = make_report(positions=positions, **changes)
    return engine.observe(state, make_limits(), AccountObserved(report))


def holding(*positions: Position) -> EngineState:
    return fold(make_state(), seen(make_state(), *positions))


def test_a_position_is_adopted_when_it_is_first_seen_and_then_nothing_is_said_of_it() -> None:
    events = seen(make_state(), EXTERNAL)

    assert events == (PositionAdopted(500, "EURUSD", Side.BUY, 0.5, 1.099, 0, NOW),)
    assert seen(holding(EXTERNAL), EXTERNAL) == ()
    assert seen(holding(EXTERNAL), replace(EXTERNAL, price_current=1.2, profit=7.0, stop_loss=1.0)) == ()


@pytest.mark.parametrize("change", [{"volume": 0.3}, {"side": Side.SELL}, {"price_open": 1.2}])
def test_a_position_that_changed_is_told_once(change: dict[str, Any]) -> None:
    other = replace(EXTERNAL, **change)
    state = holding(EXTERNAL)
    events = seen(state, other)

    assert events == (PositionChanged(500, other.side, other.volume, other.price_open, NOW),)
    assert seen(fold(state, events), other) == ()


def test_a_position_that_is_gone_has_ended() -> None:
    state = holding(EXTERNAL, make_position(ticket=501))
    events = seen(state, EXTERNAL)

    assert events == (PositionEnded(501, NOW),)
    assert seen(fold(state, events), EXTERNAL) == ()


@pytest.mark.parametrize(
    "changes",
    [
        {"terminal": make_terminal(connected=False)},
        {"account": make_account(equity=0.0)},
        {"account": make_account(equity=NAN)},
        {"account": make_account(profit=12.5)},
        {"account": make_account(login=1)},
    ],
)
def test_a_terminal_that_has_not_loaded_the_account_ends_no_position(changes: dict[str, Any]) -> None:
    events = seen(holding(EXTERNAL), **changes)

    assert [event for event in events if isinstance(event, PositionEnded)] == []


@pytest.mark.parametrize("odd", [{"volume": NAN}, {"volume": 0.0}, {"price_open": NAN}, {"price_open": INF}])
def test_figures_that_cannot_be_neither_adopt_nor_change_nor_end_a_position(odd: dict[str, Any]) -> None:
    strange = replace(EXTERNAL, **odd)

    assert seen(make_state(), strange) == ()
    assert seen(holding(EXTERNAL), strange) == ()
    assert seen(make_state(), replace(EXTERNAL, ticket=0)) == ()


def test_a_position_names_the_intent_whose_magic_it_bears() -> None:
    state = state_with(make_order(make_intent(7)), unknown=False)
    ours = make_position(magic=make_magic(MAGIC_BASE, 7))

    assert [7] == [event.number for event in seen(state, ours) if isinstance(event, PositionAdopted)]


@pytest.mark.parametrize(
    ("magic", "stray"),
    [
        (0, False),
        (12345, False),
        (make_magic(MAGIC_BASE + 1, 1), False),
        (make_magic(MAGIC_BASE, 0), False),
        (make_magic(MAGIC_BASE, 2), True),
        (-5, False),
    ],
)
def test_what_this_bridge_did_not_open_is_external_and_a_stray_where_it_bears_its_mark(
    magic: int, stray: bool
) -> None:
    state = state_with(make_order(make_intent(1)), unknown=False)
    position = make_position(magic=magic)
    report = make_report(positions=(position,))
    events = engine.observe(state, make_limits(), AccountObserved(report))

    assert [0] == [event.number for event in events if isinstance(event, PositionAdopted)]
    assert engine.find_strays(make_limits(), events, report) == ([position] if stray else [])
    assert engine.find_strays(make_limits(), (), report) == []


def test_a_position_of_an_intent_that_memory_has_forgotten_is_still_ours() -> None:
    closed = deque(range(11, 11 + CLOSED_ORDERS_KEPT))
    state = make_state(next_number=9_000, closed=closed)

    for number, expected in ((10, 10), (8_999, 8_999), (9_000, 0)):
        position = make_position(magic=make_magic(MAGIC_BASE, number))
        assert [expected] == [event.number for event in seen(state, position)]  # type: ignore[union-attr]


def test_a_signal_s_own_look_adopts_in_the_same_decision_unless_a_later_look_came_first() -> None:
    report = make_report(positions=(EXTERNAL,))
    sound = ["IntentReceived", "OrderApproved", "OrderSending"]
    late = OrderAppraised(make_signal(), make_appraisal(report=report), None, "", NOW, superseded=True)

    assert kinds(appraised(make_signal(), report=report)) == ["PositionAdopted", *sound]
    assert kinds(engine.judge_appraised(make_state(), make_limits(), late)) == sound


def test_looking_ahead_leaves_the_state_as_it_is() -> None:
    state = state_with(make_order(make_intent()), server_day=DAY - 1)
    fold(state, [make_answer(1, OrderState.NOT_EXECUTED)])
    fold(state, seen(state, EXTERNAL, server_day=DAY - 1))
    before = copy.deepcopy(state)
    observed = (PositionEnded(500, NOW), BrokerDayOpened(DAY, 1.0, NOW + 2 * 86_400_000))

    after = as_observed(state, observed)

    assert state == before
    assert (after.positions, after.watched, after.server_day) == ({}, {}, DAY)


@pytest.mark.parametrize(
    "limits",
    [
        {"max_open_positions": 1},
        {"max_positions_per_symbol": 1},
        {"max_open_risk_percent": 5.0},
    ],
)
def test_positions_opened_by_hand_count_in_the_exposure(limits: dict[str, Any]) -> None:
    valuation = make_valuation(position_losses={EXTERNAL.ticket: 490.0})
    report = make_report(positions=(EXTERNAL,), valuation=valuation)

    events = appraised(make_signal(volume=None), limits=make_limits(**limits), report=report)

    assert events != appraised(make_signal(volume=None), limits=make_limits(), report=report)
    assert kinds(appraised(make_signal(), limits=make_limits(**limits)))[-1] == "OrderSending"


def test_a_position_opened_by_hand_uses_up_the_symbol_s_volume_limit() -> None:
    report = make_report(positions=(EXTERNAL,))
    spec = make_spec(volume_limit=0.55)

    assert denials_of(appraised(make_signal(), report=report, spec=spec)) == ["volume"]


def test_looking_ahead_to_a_new_day_forgets_nothing_in_the_state_as_it_is() -> None:
    state = state_with(make_order(make_intent()), server_day=DAY - 1)
    fold(state, [make_answer(1, OrderState.NOT_EXECUTED)])
    state.closed.clear()
    state.closed.extend([1, *range(10_000, 10_000 + CLOSED_ORDERS_KEPT)])
    before = copy.deepcopy(state)

    after = as_observed(state, (BrokerDayOpened(DAY, 1.0, NOW + 2 * 86_400_000),))

    assert state == before
    assert (after.orders, after.numbers) == ({}, {})


def test_what_is_only_looked_at_forgets_no_order_of_the_real_state(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hybrid_bridge.core.state.CLOSED_ORDERS_KEPT", 0)
    unknown = state_with(make_order(make_intent()))
    state = fold(unknown, [make_answer(1, OrderState.NOT_EXECUTED)])
    before = copy.deepcopy(state)

    seen = as_observed(state, [BrokerDayOpened(DAY + 2, 10_000.0, NOW + 86_400_001)])

    assert (list(seen.orders), list(seen.numbers), list(seen.watched)) == ([], [], [])
    assert state == before


def test_another_account_halts_at_the_instant_of_the_look() -> None:
    report = make_report(account=make_account(login=1), at_msc=NOW + 77)

    (event,) = engine.observe(make_state(), make_limits(), AccountObserved(report))

    assert isinstance(event, TradingStateChanged)
    assert event.at_msc == NOW + 77


def test_the_first_intent_s_position_is_known_by_its_magic() -> None:
    position = make_position(magic=make_magic(MAGIC_BASE, 1))
    state = state_with(make_order(make_intent()))

    events = engine.observe(state, make_limits(), AccountObserved(make_report(positions=(position,))))

    assert [event.number for event in events if isinstance(event, PositionAdopted)] == [1]


def test_a_floating_profit_with_positions_shows_which_are_gone() -> None:
    held = fold(make_state(), [PositionAdopted(400, "EURUSD", Side.BUY, 0.5, 1.1, 0, NOW)])
    report = make_report(account=make_account(profit=12.5), positions=(POSITION,))

    events = engine.observe(held, make_limits(), AccountObserved(report))

    assert kinds(events) == ["PositionEnded", "PositionAdopted"]


def test_a_position_that_is_not_loaded_yet_hides_none_behind_it() -> None:
    report = make_report(positions=(make_position(ticket=1, volume=0.0), make_position(ticket=2)))

    events = engine.observe(make_state(), make_limits(), AccountObserved(report))

    assert [event.ticket for event in events if isinstance(event, PositionAdopted)] == [2]


@pytest.mark.parametrize(("ticket", "adopted"), [(0, []), (1, [1])])
def test_every_ticket_above_zero_is_one(ticket: int, adopted: list[int]) -> None:
    report = make_report(positions=(make_position(ticket=ticket),))

    events = engine.observe(make_state(), make_limits(), AccountObserved(report))

    assert [event.ticket for event in events if isinstance(event, PositionAdopted)] == adopted


def test_the_first_equity_is_a_peak_however_small_the_account() -> None:
    report = make_report(account=make_account(equity=0.5))

    events = engine.observe(make_state(equity_peak=None), make_limits(), AccountObserved(report))

    assert events == (EquityPeakRaised(0.5, NOW),)
