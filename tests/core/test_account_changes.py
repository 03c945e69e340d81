"""How the account's events change the state: results in any order, marks, what was closed for."""

from itertools import permutations

import pytest
from tests.core.builders import (
    DAY,
    NOW,
    fold,
    make_answer,
    make_intent,
    make_order,
    make_state,
    sending_events,
)

from hybrid_bridge.core import account_changes, records
from hybrid_bridge.core.events import (
    BrokerDayOpened,
    EntrySettled,
    EquityPeakRaised,
    EquityPeakReset,
    FundsMoved,
    LimitsRestored,
    LimitsTightened,
    TradeClosed,
    TradingState,
    TradingStateChanged,
)
from hybrid_bridge.core.orders import Channel, OrderState, Source
from hybrid_bridge.core.state import EngineState

LOCAL = Source(Channel.LOCAL)
ACTIVE, REDUCING, HALTED = TradingState


def result(at: int, profit: float, deal: int = 0, numbers: tuple[int, ...] = ()) -> TradeClosed:
    """A trade that ended `at` milliseconds from now; the deals' numbers ascend with time."""
    return TradeClosed(numbers, 700, "EURUSD", deal or at, profit, NOW + at, DAY + at, NOW + 99)


@pytest.mark.parametrize(
    ("profits", "streak"),
    [
        ([-1.0], 1),
        ([-1.0, -0.01, -5.0], 3),
        ([-1.0, 0.0, -1.0], 2),
        ([-1.0, 0.01], 0),
        ([-1.0, -1.0, 5.0, -1.0], 1),
        ([float("nan")], 0),
    ],
)
def test_losses_count_from_the_last_trade_that_won(profits: list[float], streak: int) -> None:
    state = fold(make_state(), [result(at, profit) for at, profit in enumerate(profits, start=1)])

    assert state.loss_streak == streak


def test_the_losses_in_a_row_are_the_same_in_whatever_order_their_results_are_learned() -> None:
    results = [result(1, -1.0), result(2, 3.0), result(3, -1.0), result(4, -1.0), result(4, 2.0, deal=3)]
    seen = set()
    for order in permutations(results):
        state = fold(make_state(), order)
        seen.add((state.loss_streak, state.last_loss_msc, state.last_loss_day, state.last_win))

    assert seen == {(1, NOW + 4, DAY + 4, (NOW + 4, 3))}


def test_a_win_from_before_the_latest_loss_does_not_hide_it() -> None:
    state = fold(make_state(), [result(2, -1.0), result(1, 5.0)])

    assert state.loss_streak == 1


def test_what_is_remembered_of_losses_is_bounded_and_all_of_them_count(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    state = fold(EngineState(), [result(at, -1.0) for at in range(1, records.LOSSES_KEPT + 11)])

    assert (state.loss_streak, len(state.losses)) == (records.LOSSES_KEPT + 10, records.LOSSES_KEPT)


def test_a_filled_entry_awaits_its_result_until_that_is_told() -> None:
    state = make_state()
    for number, to in ((1, OrderState.FILLED), (2, OrderState.PARTIAL), (3, OrderState.FILLED)):
        fold(state, [*sending_events(make_order(make_intent(number))), make_answer(number, to)])
    for number, to in ((4, OrderState.PLACED), (5, OrderState.REJECTED), (6, OrderState.UNKNOWN)):
        fold(state, [*sending_events(make_order(make_intent(number))), make_answer(number, to)])
    assert sorted(state.unsettled) == [1, 2, 3]

    fold(state, [result(1, -1.0, numbers=(1, 2))])
    assert sorted(state.unsettled) == [3]
    fold(state, [EntrySettled(3, None, 9, NOW)])
    assert (state.unsettled, state.orders[3].settled_deal) == ({}, 9)


@pytest.mark.parametrize("days", [1, 2, 9])
def test_a_day_s_opening_gives_no_result_up(days: int) -> None:
    state = fold(make_state(), sending_events(make_order(make_intent(1))))
    fold(state, [make_answer(1, OrderState.FILLED)])

    for day in range(1, days + 1):
        fold(state, [BrokerDayOpened(DAY + day, 10_000.0, NOW + day * 86_400_000)])

    assert list(state.unsettled) == [1]


@pytest.mark.parametrize(
    ("today", "peak", "day_equity", "equity_peak"),
    [
        (True, True, 10_500.0, 10_500.0),
        (False, True, 10_000.0, 10_500.0),
        (True, False, 10_500.0, 10_000.0),
        (False, False, 10_000.0, 10_000.0),
    ],
)
def test_a_payment_moves_the_marks_it_is_said_to_move(
    today: bool, peak: bool, day_equity: float, equity_peak: float
) -> None:
    state = fold(make_state(), [FundsMoved(5, 500.0, today, NOW, peak=peak)])

    assert (state.day_equity, state.equity_peak) == (day_equity, equity_peak)
    assert list(state.funds_moves) == [5]


def test_a_payment_before_the_first_mark_moves_none() -> None:
    state = fold(EngineState(), [FundsMoved(5, 500.0, True, NOW)])

    assert (state.day_equity, state.equity_peak) == (None, None)


def test_the_marks_know_when_they_were_set() -> None:
    state = fold(EngineState(), [EquityPeakRaised(5.0, NOW), BrokerDayOpened(DAY, 6.0, NOW + 1)])
    assert (state.equity_peak, state.peak_msc, state.day_equity, state.day_opened_msc) == (
        5.0,
        NOW,
        6.0,
        NOW + 1,
    )
    fold(state, [EquityPeakReset(4.0, NOW + 2)])
    assert (state.equity_peak, state.peak_msc) == (4.0, NOW + 2)


def latched(to: TradingState, breach: str = "", close: bool = False) -> TradingStateChanged:
    return TradingStateChanged(to, "why", LOCAL, close, NOW, close_positions=close, breach=breach)


def test_what_was_closed_for_is_known_until_trading_is_resumed() -> None:
    state = fold(make_state(), [latched(REDUCING, "drawdown")])
    assert (state.breach, state.flattened) == ("drawdown", frozenset())

    fold(state, [latched(HALTED, "drawdown", close=True), latched(HALTED, "margin", close=True)])
    assert state.flattened == {"drawdown", "margin"}
    fold(state, [TradingStateChanged(HALTED, "a stop", LOCAL, True, NOW)])
    assert (state.breach, state.flattened) == ("", {"drawdown", "margin"})
    fold(state, [latched(ACTIVE)])
    assert (state.breach, state.flattened) == ("", frozenset())


def test_a_day_s_loss_that_was_closed_for_is_over_with_the_day() -> None:
    closed = [latched(HALTED, "daily_loss", close=True), latched(HALTED, "drawdown", close=True)]

    state = fold(make_state(), [*closed, BrokerDayOpened(DAY + 1, 9_000.0, NOW)])

    assert state.flattened == {"drawdown"}
    assert account_changes.DAILY_LOSS == "daily_loss"


def test_limits_are_tightened_one_by_one_and_restored_together() -> None:
    def tightened(*limits: tuple[str, float]) -> LimitsTightened:
        return LimitsTightened(limits, "news", LOCAL, NOW)

    state = fold(EngineState(), [tightened(("max_volume", 1.0), ("max_risk_percent", 1.0))])
    fold(state, [tightened(("max_volume", 0.5))])
    assert state.tightened == {"max_volume": 0.5, "max_risk_percent": 1.0}

    fold(state, [LimitsRestored("calm", LOCAL, NOW)])
    assert (state.tightened, state.tightenings) == ({}, {})
