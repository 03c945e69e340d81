"""Money paid in and out moves the marks that losses are measured from, once, and hides no loss."""

from typing import Any

import pytest
from tests.core.builders import DAY, NAN, NOW, fold, make_account, make_limits, make_report, make_state

from hybrid_bridge.core import engine
from hybrid_bridge.core.account import BalanceOperation
from hybrid_bridge.core.events import BrokerDayOpened, EquityPeakRaised, Event, FundsMoved
from hybrid_bridge.core.funds import CLOCKS_DIFFER_MS, LATE_LOOK_MS, OPERATIONS_READ, shows_money
from hybrid_bridge.core.inputs import AccountObserved
from hybrid_bridge.core.records import FUNDS_MOVES_KEPT
from hybrid_bridge.core.state import EngineState

MINUTE = 60_000
LIMITS = make_limits(max_daily_loss_percent=5.0, max_drawdown_percent=10.0)


def marks(**changes: Any) -> EngineState:
    """A day opened and a peak seen ten minutes ago."""
    opened = {"day_opened_msc": NOW - 10 * MINUTE, "peak_msc": NOW - 10 * MINUTE}
    return make_state(**{**opened, **changes})


def looked(state: EngineState, equity: float, *paid: tuple[int, float, int | None], **changes: Any) -> Any:
    """Look at an account with these payments: ticket, amount, instant."""
    operations = tuple(BalanceOperation(*one) for one in paid)
    report = make_report(account=make_account(equity=equity), balance_operations=operations, **changes)
    events = engine.observe(state, LIMITS, AccountObserved(report))
    fold(state, events)
    return events


def test_what_is_paid_in_or_out_moves_both_marks_and_is_neither_profit_nor_loss() -> None:
    state = marks()

    assert looked(state, 14_800.0, (5, 5_000.0, NOW)) == (FundsMoved(5, 5_000.0, True, NOW),)
    assert (state.day_equity, state.equity_peak) == (15_000.0, 15_000.0)
    paid_out = (6, -9_000.0, NOW)
    events = looked(state, 5_800.0, (5, 5_000.0, NOW), paid_out)
    assert events == (FundsMoved(6, -9_000.0, True, NOW),)
    assert (state.day_equity, state.equity_peak) == (6_000.0, 6_000.0)


def test_a_payment_counts_once_however_often_it_is_told() -> None:
    state = marks()

    first, again = (looked(state, 15_000.0, (5, 5_000.0, NOW)) for _ in range(2))

    assert (len(first), again) == (1, ())


def test_the_look_that_opens_the_day_has_its_payments_in_its_equity() -> None:
    state = marks(server_day=DAY - 1, day_equity=9_000.0)

    events = looked(state, 15_000.0, (5, 5_000.0, NOW))

    assert events == (FundsMoved(5, 5_000.0, False, NOW), BrokerDayOpened(DAY, 15_000.0, NOW))
    assert (state.day_equity, state.equity_peak) == (15_000.0, 15_000.0)


def test_the_first_look_of_all_only_notes_what_was_paid_before() -> None:
    state = EngineState()

    events = looked(state, 15_000.0, (5, 5_000.0, NOW - MINUTE), (6, 1.0, None))

    assert events == (
        FundsMoved(5, 5_000.0, False, NOW, peak=False),
        FundsMoved(6, 1.0, False, NOW, peak=False),
        BrokerDayOpened(DAY, 15_000.0, NOW),
        EquityPeakRaised(15_000.0, NOW),
    )
    assert looked(state, 15_000.0, (5, 5_000.0, NOW - MINUTE), (6, 1.0, NOW)) == ()


@pytest.mark.parametrize(
    ("amount", "paid_msc", "today", "peak"),
    [
        (500.0, NOW - 10 * MINUTE, True, True),
        (500.0, NOW - 10 * MINUTE - 1, False, False),
        (-500.0, NOW - 10 * MINUTE - 1, False, True),
        (-500.0, NOW - 10 * MINUTE - CLOCKS_DIFFER_MS, False, True),
        (-500.0, NOW - 10 * MINUTE - CLOCKS_DIFFER_MS - 1, False, False),
    ],
)
def test_a_payment_told_late_moves_only_the_marks_that_were_set_before_it(
    amount: float, paid_msc: int, today: bool, peak: bool
) -> None:
    events = looked(marks(), 10_000.0, (5, amount, paid_msc))

    assert events[0] == FundsMoved(5, amount, today, NOW, peak=peak)


def test_a_deposit_whose_booking_shows_a_look_later_is_not_counted_twice() -> None:
    state = marks()
    assert looked(state, 15_000.0) == (EquityPeakRaised(15_000.0, NOW),)

    looked(state, 15_000.0, (5, 5_000.0, NOW - 1_000))

    assert (state.equity_peak, state.trading.value) == (15_000.0, "active")


@pytest.mark.parametrize("equity", [5_000.0, 15_000.0])
def test_while_the_time_of_a_payment_is_not_known_the_equity_says_nothing(equity: float) -> None:
    state = marks()

    assert looked(state, equity, (5, equity - 10_000.0, None)) == ()
    assert kinds(looked(state, equity, (5, equity - 10_000.0, NOW))) == ["FundsMoved"]
    assert state.trading.value == "active"


def kinds(events: tuple[Event, ...]) -> list[str]:
    return [type(event).__name__ for event in events]


def test_a_look_from_before_a_payment_that_is_counted_says_nothing_of_money() -> None:
    state = marks()
    looked(state, 10_000.0, (4, 1.0, NOW - MINUTE))
    looked(state, 5_001.0, (4, 1.0, NOW - MINUTE), (5, -5_000.0, NOW))

    assert looked(state, 10_001.0, (4, 1.0, NOW - MINUTE)) == ()
    assert state.equity_peak == 5_001.0


def test_a_payment_that_the_history_lists_no_more_blinds_the_watch_for_a_moment_only() -> None:
    state, listed = marks(), ((4, 1.0, NOW - MINUTE), (5, 1.0, NOW), (6, 1.0, NOW))
    looked(state, 10_003.0, *listed)
    without = (listed[0], listed[2])

    assert looked(state, 9_000.0, *without, at_msc=NOW + LATE_LOOK_MS) == ()
    assert kinds(looked(state, 9_000.0, *without, at_msc=NOW + LATE_LOOK_MS + 1)) == ["TradingStateChanged"]


@pytest.mark.parametrize("equity", [5_000.0, 15_000.0])
def test_money_that_no_deal_explains_says_nothing(equity: float) -> None:
    state = marks()

    assert looked(state, equity, money_explained=False) == ()
    assert looked(EngineState(), equity, money_explained=False) == ()


def test_payments_too_old_to_be_listed_any_more_make_no_look_late() -> None:
    state = marks()
    looked(state, 10_001.0, (4, 1.0, NOW - MINUTE), (5, 0.0, NOW))

    assert shows_money(state, make_report(balance_operations=(BalanceOperation(5, 0.0, NOW),)))
    assert shows_money(state, make_report())


def test_an_amount_that_is_no_number_is_not_counted() -> None:
    assert looked(marks(), 10_000.0, (5, NAN, NOW)) == ()


def test_what_is_remembered_of_payments_is_bounded_and_none_of_a_long_list_is_news_twice() -> None:
    state = marks()
    payments = [(n, 0.0, NOW) for n in range(1, 3 * FUNDS_MOVES_KEPT)]
    seen = [len(looked(state, 10_000.0, *payments[: n * OPERATIONS_READ])) for n in (1, 2, 3, 4, 4, 4)]

    assert seen == [OPERATIONS_READ] * 4 + [0, 0]
    assert len(state.funds_moves) == FUNDS_MOVES_KEPT
