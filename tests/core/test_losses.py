"""The limits on losses one by one: just under, at and just over each, and figures that are none."""

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
    make_case,
    make_intent,
    make_limits,
    make_order,
    make_position,
    make_report,
    make_signal,
    make_state,
    sending_events,
)

from hybrid_bridge.core.cases import AppraisedCase
from hybrid_bridge.core.events import Denial, TradingState
from hybrid_bridge.core.losses import (
    check_daily_loss,
    check_drawdown,
    check_loss_streak,
    fall_percent,
    find_margin_breach,
    is_paused,
    paused_until_msc,
)
from hybrid_bridge.core.market import Side
from hybrid_bridge.core.orders import OrderState
from hybrid_bridge.core.requests import make_magic

HOUR = 3_600_000
FALLS = [
    (check_daily_loss, "daily_loss", "max_daily_loss_percent", "day_equity"),
    (check_drawdown, "drawdown", "max_drawdown_percent", "equity_peak"),
]


def case_at(equity: float, state: dict[str, Any], limits: dict[str, Any], **changes: Any) -> AppraisedCase:
    report = make_report(account=make_account(equity=equity), positions=changes.pop("positions", ()))
    facts = make_appraisal(report=report)
    return make_case(state=make_state(**state), limits=make_limits(**limits), appraisal=facts, **changes)


@pytest.mark.parametrize(("check", "name", "limit", "mark"), FALLS)
@pytest.mark.parametrize("equity", [9_000.0, 10_000.0])
def test_money_that_is_not_explained_yet_measures_no_loss(
    check: Any, name: str, limit: str, mark: str, equity: float
) -> None:
    report = make_report(account=make_account(equity=equity), money_explained=False)
    case = make_case(
        state=make_state(**{mark: 10_000.0}),
        limits=make_limits(**{limit: 5.0}),
        appraisal=make_appraisal(report=report),
    )

    unknown = "the account's history does not explain its money yet; the loss is not known"
    assert check(case) == Denial(name, "5 %", f"equity {equity:.2f}", unknown)
    assert check(replace(case, limits=make_limits())) is None


@pytest.mark.parametrize(("check", "name", "limit", "mark"), FALLS)
@pytest.mark.parametrize(
    ("equity", "percent", "denied"),
    [
        (9_500.01, 5.0, False),
        (9_500.0, 5.0, True),
        (9_499.99, 5.0, True),
        (7_100.0, 29.0, True),  # At the limit, though 0.29 * 100 is less than 29 in floats.
        (10_500.0, 5.0, False),
        (-50.0, 100.0, True),
        (NAN, 5.0, True),
        (-INF, 5.0, True),
        (INF, 5.0, True),
    ],
)
def test_a_loss_is_denied_at_its_limit_and_where_it_is_not_known(
    check: Any, name: str, limit: str, mark: str, equity: float, percent: float, denied: bool
) -> None:
    denial = check(case_at(equity, {mark: 10_000.0}, {limit: percent}))

    assert (denial.check if denial else None) == (name if denied else None)
    assert check(case_at(equity, {mark: 10_000.0}, {})) is None


@pytest.mark.parametrize(("check", "name", "limit", "mark"), FALLS)
@pytest.mark.parametrize("start", [None, NAN, 0.0, -5.0, INF])
def test_without_a_mark_to_measure_from_the_loss_is_not_known(
    check: Any, name: str, limit: str, mark: str, start: float | None
) -> None:
    denial = check(case_at(10_000.0, {mark: start}, {limit: 5.0}))

    assert (denial.check, denial.detail) == (name, "the loss is not known")


def test_a_denied_loss_names_what_was_lost_from_where() -> None:
    denial = check_daily_loss(case_at(9_400.0, {}, {"max_daily_loss_percent": 5.0}))

    assert denial == Denial("daily_loss", "5 %", "6.00 %", "equity 9400.00 from 10000.00")


@pytest.mark.parametrize(("check", "name", "limit", "mark"), FALLS)
@pytest.mark.parametrize(
    ("trading", "volume", "denied"),
    [
        (TradingState.REDUCING, 0.1, False),
        (TradingState.REDUCING, 2.0, True),
        (TradingState.ACTIVE, 0.1, True),
    ],
)
def test_what_reduces_is_not_denied_for_the_loss_that_made_it_so(
    check: Any, name: str, limit: str, mark: str, trading: TradingState, volume: float, denied: bool
) -> None:
    held = (make_position(),)
    signal = make_signal(side=Side.SELL, volume=volume)
    case = case_at(9_000.0, {"trading": trading}, {limit: 5.0}, positions=held, signal=signal)

    assert (check(case) is not None) is denied


@pytest.mark.parametrize(
    ("start", "equity", "percent"),
    [
        (10_000.0, 9_000.0, 10.0),
        (10_000.0, 11_000.0, -10.0),
        (None, 1.0, None),
        (0.0, 1.0, None),
        (1.0, NAN, None),
    ],
)
def test_a_fall_is_in_percent_of_where_it_began(
    start: float | None, equity: float, percent: float | None
) -> None:
    assert fall_percent(start, equity) == percent


@pytest.mark.parametrize(
    ("level", "margin", "least", "broken"),
    [
        (200.0, 100.0, 200.0, False),
        (199.99, 100.0, 200.0, True),
        (200.01, 100.0, 200.0, False),
        (-3.0, 100.0, 200.0, True),
        (50.0, 0.0, 200.0, False),
        (50.0, NAN, 200.0, False),
        (NAN, 100.0, 200.0, False),
        (INF, 100.0, 200.0, False),
        (0.0, 100.0, 200.0, False),
        (1.0, 100.0, None, False),
    ],
)
def test_the_margin_level_is_judged_while_margin_is_used(
    level: float, margin: float, least: float | None, broken: bool
) -> None:
    limits = make_limits(min_margin_level_percent=least)

    denial = find_margin_breach(limits, make_account(margin=margin, margin_level=level))

    assert (denial.check if denial else None) == ("margin" if broken else None)


# Losses in a row

STREAK: dict[str, Any] = {"loss_streak": 3, "last_loss_msc": NOW - HOUR, "last_loss_day": DAY}


@pytest.mark.parametrize(
    ("limits", "state", "paused"),
    [
        ({"max_consecutive_losses": 3}, {}, True),
        ({"max_consecutive_losses": 4}, {}, False),
        ({"max_consecutive_losses": 2}, {}, True),
        ({"max_consecutive_losses": None}, {}, False),
        ({"max_consecutive_losses": 3}, {"last_loss_day": DAY - 1}, False),
        ({"max_consecutive_losses": 3}, {"last_loss_day": DAY + 1}, True),
        ({"max_consecutive_losses": 3}, {"last_loss_day": None}, True),
        ({"max_consecutive_losses": 3, "cooldown_ms": HOUR}, {}, False),
        ({"max_consecutive_losses": 3, "cooldown_ms": HOUR + 1}, {}, True),
        ({"max_consecutive_losses": 3, "cooldown_ms": HOUR + 1}, {"last_loss_day": DAY - 1}, True),
        ({"max_consecutive_losses": 3, "cooldown_ms": 0}, {}, False),
    ],
)
def test_entries_pause_after_so_many_losses_in_a_row(
    limits: dict[str, Any], state: dict[str, Any], paused: bool
) -> None:
    case = case_at(10_000.0, {**STREAK, **state}, limits)

    denial = check_loss_streak(case)

    assert (denial.check if denial else None) == ("loss_streak" if paused else None)
    assert is_paused(case.state, case.limits, NOW, DAY) is paused


def test_on_a_day_that_is_not_known_the_pause_lasts() -> None:
    assert is_paused(make_state(**STREAK), make_limits(max_consecutive_losses=3), NOW, None)


def test_a_pause_says_until_when_it_lasts() -> None:
    limits = {"max_consecutive_losses": 3, "cooldown_ms": 2 * HOUR}
    timed = check_loss_streak(case_at(10_000.0, STREAK, limits))
    whole_day = check_loss_streak(case_at(10_000.0, STREAK, {"max_consecutive_losses": 3}))

    allowed = "fewer than 3 losses in a row"
    # 1790000000000 is 14:13:20 UTC.
    assert timed == Denial("loss_streak", allowed, "3", "entries resume at 15:13:20 UTC, in 60 min")
    assert whole_day == Denial("loss_streak", allowed, "3", "entries resume on the broker's next day")
    assert paused_until_msc(make_state(**STREAK), make_limits(**limits)) == NOW + HOUR
    assert paused_until_msc(make_state(**STREAK), make_limits()) is None


@pytest.mark.parametrize(
    ("streak", "limit", "denied"), [(2, 3, True), (1, 3, False), (0, 1, True), (5, 3, True), (2, None, False)]
)
def test_a_result_that_is_not_known_yet_counts_as_a_loss(
    streak: int, limit: int | None, denied: bool
) -> None:
    case = case_at(10_000.0, {"loss_streak": streak}, {"max_consecutive_losses": limit, "cooldown_ms": 0})
    filled = make_answer(1, OrderState.FILLED, volume=0.1)
    fold(case.state, [*sending_events(make_order(make_intent(1))), filled])

    denial = check_loss_streak(case)

    assert (denial is not None) is denied
    if denial is not None:
        assert denial.observed == f"{streak}, and 1 of unknown result"
        assert denial.detail == "the result of signal s-1 is not known yet"


def test_an_unknown_result_is_denied_in_words() -> None:
    state = make_state(loss_streak=1)
    fold(state, sending_events(make_order(make_intent(1))))
    fold(state, [make_answer(1, OrderState.FILLED, volume=0.1)])
    case = make_case(state=state, limits=make_limits(max_consecutive_losses=2))

    assert check_loss_streak(case) == Denial(
        "loss_streak",
        "fewer than 2 losses in a row",
        "1, and 1 of unknown result",
        "the result of signal s-1 is not known yet",
    )
    own = make_position(magic=make_magic(MAGIC_BASE, 1))
    shown = make_appraisal(report=make_report(positions=(own,)))
    assert check_loss_streak(replace(case, appraisal=shown)) is None


def test_a_margin_level_that_is_too_low_is_told_with_what_it_is_made_of() -> None:
    account = make_account(equity=1_500.0, margin=1_000.0, margin_level=150.0)

    assert find_margin_breach(make_limits(min_margin_level_percent=200.0), account) == Denial(
        "margin", "level 200 %", "150.00 %", "equity 1500.00, margin 1000.00"
    )
