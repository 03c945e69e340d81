"""The watch on the limits on losses: what one look does, what several in a row do, and what ends it."""

import copy
from dataclasses import replace
from typing import Any

import pytest
from tests.core.builders import (
    DAY,
    INF,
    NAN,
    NOW,
    fold,
    make_account,
    make_appraisal,
    make_limits,
    make_report,
    make_signal,
    make_state,
    make_terminal,
)
from tests.core.judging import appraised, denials_of, kinds

from hybrid_bridge.core import engine
from hybrid_bridge.core.account import AccountReport, BalanceOperation
from hybrid_bridge.core.account_watch import take_in
from hybrid_bridge.core.breaches import Readings, find_breaches, is_believed, is_watching, watch
from hybrid_bridge.core.events import (
    BrokerDayOpened,
    Denial,
    EquityPeakReset,
    Event,
    FundsMoved,
    TradingState,
    TradingStateChanged,
)
from hybrid_bridge.core.inputs import AccountObserved, EmergencyStopRequested, OrderAppraised, ResumeRequested
from hybrid_bridge.core.limits import Limits
from hybrid_bridge.core.orders import Channel, Source
from hybrid_bridge.core.state import Clearing, EngineState

LOCAL, REMOTE = Source(Channel.LOCAL), Source(Channel.WEBSOCKET)
LIMITS = make_limits(max_daily_loss_percent=5.0, max_drawdown_percent=10.0, min_margin_level_percent=200.0)
FLATTEN = replace(LIMITS, flatten_on_breach=True, breach_readings=3)
ACTIVE, REDUCING, HALTED = TradingState


def look(equity: float = 10_000.0, at_msc: int = NOW, day: int | None = DAY, **account: Any) -> AccountReport:
    return make_report(account=make_account(equity=equity, **account), at_msc=at_msc, server_day=day)


def seen(state: EngineState, report: AccountReport, limits: Limits = LIMITS) -> tuple[Event, ...]:
    """What a look gives; it is folded in."""
    events = engine.observe(state, limits, AccountObserved(report))
    fold(state, events)
    return events


class Watcher:
    """What the executor does with each look."""

    def __init__(self, limits: Limits = FLATTEN, **state: Any) -> None:
        self.state, self.limits, self.readings = make_state(**state), limits, Readings()
        self.at_msc = NOW

    def look(self, *equities: float, **changes: Any) -> tuple[Event, ...]:
        events: tuple[Event, ...] = ()
        for equity in equities:
            self.at_msc += 1_000
            report = replace(look(equity, self.at_msc), **changes)
            events = engine.observe(self.state, self.limits, AccountObserved(report))
            after = engine.as_observed(self.state, events)
            events += engine.flatten(after, self.limits, report, self.readings)
            fold(self.state, events)
        return events

    def restart(self) -> None:
        self.readings = Readings()

    def resume(self) -> None:
        fold(self.state, [TradingStateChanged(ACTIVE, "go", LOCAL, False, self.at_msc)])


def latches(events: Any) -> list[tuple[TradingState, str]]:
    return [(event.state, event.breach) for event in events if isinstance(event, TradingStateChanged)]


# One look


@pytest.mark.parametrize(
    ("equity", "account", "breach"),
    [
        (9_500.01, {}, ""),
        (9_500.0, {}, "daily_loss"),
        (9_000.0, {}, "drawdown"),
        (-1.0, {}, "drawdown"),
        (10_000.0, {"margin": 5_001.0, "margin_level": 199.9}, "margin"),
        (9_500.0, {"margin": 5_000.0, "margin_level": 190.0}, "margin"),
        (NAN, {}, ""),
        (INF, {}, ""),
        (0.0, {}, ""),
    ],
)
def test_the_first_look_that_shows_a_limit_broken_lets_only_what_reduces_pass(
    equity: float, account: dict[str, Any], breach: str
) -> None:
    state = make_state(equity_peak=10_000.0)

    events = [
        event for event in seen(state, look(equity, **account)) if isinstance(event, TradingStateChanged)
    ]

    assert latches(events) == ([(REDUCING, breach)] if breach else [])
    assert (state.trading, state.breach) == ((REDUCING, breach) if breach else (ACTIVE, ""))
    assert seen(state, look(equity, **account)) == ()


def test_a_breach_says_what_was_seen_and_allowed() -> None:
    (event,) = seen(make_state(), look(9_400.0))

    reason = "daily_loss: saw 6.00 %, allowed 5 % (equity 9400.00 from 10000.00)"
    assert event == TradingStateChanged(REDUCING, reason, LOCAL, False, NOW, breach="daily_loss")


@pytest.mark.parametrize(
    "report",
    [
        replace(look(5_000.0), terminal=make_terminal(connected=False)),
        look(5_000.0, login=0),
        replace(look(5_000.0), balance_operations=(BalanceOperation(9, -5_000.0, None),)),
    ],
)
def test_a_look_that_is_not_believed_breaks_nothing(report: AccountReport) -> None:
    assert latches(seen(make_state(), report)) == []


def test_nothing_is_watched_where_no_limit_is_set() -> None:
    assert seen(make_state(), look(10.0), make_limits()) == ()
    one_each = ("max_daily_loss_percent", "max_drawdown_percent", "min_margin_level_percent")
    assert [True, True, True] == [is_watching(make_limits(**{name: 5.0})) for name in one_each]
    assert not is_watching(make_limits())


@pytest.mark.parametrize(("ago_h", "broken"), [(24, True), (25, False)])
def test_while_the_broker_s_day_is_not_known_a_day_that_is_over_breaks_nothing(
    ago_h: int, broken: bool
) -> None:
    watcher = Watcher(day_opened_msc=NOW + 1_000 - ago_h * 3_600_000)

    assert broken is bool(latches(watcher.look(9_400.0, server_day=None)))
    assert [(REDUCING, "drawdown")] == latches(watcher.look(8_900.0, server_day=None))


def test_without_marks_there_is_no_breach_to_watch_for() -> None:
    assert find_breaches(EngineState(), LIMITS, look(5.0)) == ()
    assert find_breaches(make_state(day_equity=NAN, equity_peak=0.0), LIMITS, look(5.0)) == ()


@pytest.mark.parametrize(
    ("held", "worse", "replaced"),
    [
        ("daily_loss", 9_000.0, True),
        ("margin", 9_000.0, True),
        ("drawdown", 9_000.0, False),
        ("margin", 9_400.0, False),
        ("", 9_000.0, False),
    ],
)
def test_a_breach_that_lasts_longer_takes_the_place_of_the_reason(
    held: str, worse: float, replaced: bool
) -> None:
    state = make_state(trading=REDUCING, breach=held)

    assert (latches(seen(state, look(worse))) != []) is replaced
    assert state.trading is REDUCING


def test_a_halt_is_not_loosened_by_a_breach() -> None:
    state = make_state(trading=HALTED)

    assert seen(state, look(5_000.0)) == ()


def test_a_breach_that_an_appraisal_shows_denies_that_very_entry_and_is_latched() -> None:
    events = appraised(make_signal(), make_state(), LIMITS, report=look(9_400.0))

    assert kinds(events) == ["TradingStateChanged", "IntentReceived", "IntentDenied"]
    assert denials_of(events) == ["trading_state", "daily_loss"]


def test_an_appraisal_that_a_later_look_has_overtaken_says_nothing_of_money() -> None:
    state = make_state(equity_peak=5_000.0, day_equity=5_000.0)
    overtaken = OrderAppraised(
        make_signal(), make_appraisal(report=look(10_000.0)), None, "", NOW, superseded=True
    )

    assert "EquityPeakRaised" not in kinds(engine.judge_appraised(state, LIMITS, overtaken))


# What ends it


def test_a_day_s_loss_ends_with_the_broker_s_day() -> None:
    state = make_state()
    seen(state, look(9_400.0))

    events = seen(state, look(9_400.0, day=DAY + 1))

    assert kinds(events) == ["BrokerDayOpened", "TradingStateChanged"]
    assert latches(events) == [(ACTIVE, "")]
    assert (state.trading, state.halt_reason) == (ACTIVE, "a new day of the broker")


def test_who_lifts_a_day_s_loss_and_that_it_lifts_no_stop_is_told() -> None:
    state = make_state()
    seen(state, look(9_500.0))

    lifted = seen(state, look(9_500.0, NOW + 1, DAY + 1))[1]

    why = "a new day of the broker"
    assert lifted == TradingStateChanged(ACTIVE, why, LOCAL, emergency=False, at_msc=NOW + 1)


@pytest.mark.parametrize(
    ("state", "equity"),
    [
        ({"trading": REDUCING, "breach": "drawdown"}, 8_000.0),
        ({"trading": REDUCING, "breach": ""}, 10_000.0),
        ({"trading": HALTED, "breach": "daily_loss"}, 10_000.0),
        ({"trading": HALTED, "emergency": True}, 10_000.0),
    ],
)
def test_nothing_else_ends_with_the_day(state: dict[str, Any], equity: float) -> None:
    held = make_state(**state)

    assert kinds(seen(held, look(equity, day=DAY + 1))) == ["BrokerDayOpened"]


def test_a_new_day_in_a_drawdown_stays_reduced() -> None:
    state = make_state(trading=REDUCING, breach="daily_loss")

    seen(state, look(9_000.0, day=DAY + 1))

    assert (state.trading, state.breach) == (REDUCING, "drawdown")


def resumed(state: EngineState, report: AccountReport | None, source: Source = LOCAL) -> Any:
    limits = replace(LIMITS, allow_remote_resume=True)
    return engine.resume(state, limits, ResumeRequested("go", source, NOW + 9), NOW + 9, report)


@pytest.mark.parametrize(
    ("report", "breach"),
    [
        (look(9_400.0), "daily_loss"),
        (look(10_000.0, margin=5_100.0, margin_level=196.0), "margin"),
        (look(9_000.0, margin=5_100.0, margin_level=176.0), "margin"),
    ],
)
@pytest.mark.parametrize("trading", [REDUCING, HALTED])
def test_trading_is_not_resumed_while_a_limit_is_broken(
    report: AccountReport, breach: str, trading: TradingState
) -> None:
    state = make_state(trading=trading, day_equity=10_000.0 if breach == "daily_loss" else 9_000.0)

    verdict = resumed(state, report)

    assert isinstance(verdict, Denial)
    assert verdict.check == breach


def test_a_drawdown_is_measured_anew_when_a_person_here_resumes() -> None:
    state = make_state(trading=REDUCING, breach="drawdown", day_equity=9_000.0)

    verdict = resumed(state, look(9_000.0))

    assert verdict == (
        EquityPeakReset(9_000.0, NOW),
        TradingStateChanged(ACTIVE, "go", LOCAL, False, NOW + 9),
    )
    fold(state, verdict)
    assert (state.equity_peak, state.peak_msc) == (9_000.0, NOW)
    assert seen(state, look(9_000.0)) == ()


def test_a_drawdown_is_not_resumed_from_afar() -> None:
    state = make_state(trading=REDUCING, breach="drawdown", day_equity=9_000.0)

    verdict = resumed(state, look(9_000.0), REMOTE)

    assert isinstance(verdict, Denial)
    assert (verdict.check, "on the trading PC" in verdict.detail) == ("drawdown", True)


@pytest.mark.parametrize(("breach", "lifted"), [("", True), ("drawdown", False)])
def test_a_look_from_before_a_payment_says_nothing_of_what_is_broken(breach: str, lifted: bool) -> None:
    """An appraisal has shown the payment, and the equity that goes with it was not looked at since."""
    state = make_state(trading=HALTED, breach=breach)
    fold(state, [FundsMoved(5, 3_000.0, True, NOW)])

    verdict = resumed(state, look(10_000.0, at_msc=NOW - 1))

    assert lifted is (not isinstance(verdict, Denial))
    assert lifted or "send it again" in verdict.detail


def test_a_limit_that_is_kept_again_does_not_stand_in_the_way() -> None:
    state = make_state(trading=HALTED, emergency=True, breach="daily_loss")

    assert latches(resumed(state, look(9_501.0))) == [(ACTIVE, "")]
    assert latches(resumed(state, look(9_501.0), REMOTE)) == [(ACTIVE, "")]


@pytest.mark.parametrize(("breach", "lifted"), [("", True), ("drawdown", False), ("daily_loss", False)])
def test_a_breach_is_not_lifted_before_the_account_was_seen(breach: str, lifted: bool) -> None:
    verdict = resumed(make_state(trading=HALTED, breach=breach), None)

    assert isinstance(verdict, Denial) is not lifted


# Looks in a row


def test_everything_is_closed_after_so_many_looks_in_a_row() -> None:
    watcher = Watcher()

    assert latches(watcher.look(9_400.0)) == [(REDUCING, "daily_loss")]
    assert watcher.look(9_400.0) == ()
    (event,) = watcher.look(9_300.0)

    assert event == TradingStateChanged(
        HALTED,
        "daily_loss: saw 7.00 %, allowed 5 % (equity 9300.00 from 10000.00)",
        LOCAL,
        emergency=True,
        at_msc=NOW + 3_000,
        close_positions=True,
        cancel_orders=True,
        breach="daily_loss",
    )
    assert watcher.state.clearing == Clearing(NOW + 3_000, close_positions=True, cancel_orders=True)


def test_where_entries_are_only_to_be_blocked_nothing_is_closed() -> None:
    watcher = Watcher(LIMITS)
    watcher.look(*[9_000.0] * 9)

    assert (watcher.state.trading, watcher.state.clearing) == (REDUCING, None)


def test_a_look_without_the_breach_begins_the_count_anew() -> None:
    watcher = Watcher()

    watcher.look(9_400.0, 9_400.0, 9_600.0, 9_400.0, 9_400.0)
    assert watcher.state.trading is REDUCING
    watcher.look(9_400.0)
    assert watcher.state.trading is HALTED


def test_each_limit_is_counted_by_itself() -> None:
    watcher = Watcher()

    watcher.look(9_400.0, 9_400.0)
    fold(watcher.state, [BrokerDayOpened(DAY, 9_400.0, NOW)])
    watcher.look(9_000.0, 9_000.0)  # a drawdown now, and no loss of this day
    assert watcher.state.trading is REDUCING
    watcher.look(9_000.0)
    assert (watcher.state.trading, watcher.state.breach) == (HALTED, "drawdown")


@pytest.mark.parametrize(
    "unbelieved",
    [
        {"terminal": make_terminal(connected=False)},
        {"account": make_account(equity=0.0)},
        {"account": make_account(equity=NAN)},
        {"account": make_account(equity=9_000.0, login=0)},
    ],
)
def test_a_look_that_is_not_believed_neither_counts_nor_begins_anew(unbelieved: dict[str, Any]) -> None:
    watcher = Watcher()

    watcher.look(9_400.0, 9_400.0)
    assert watcher.look(9_400.0, **unbelieved) == ()
    assert latches(watcher.look(9_400.0)) == [(HALTED, "daily_loss")]


def test_one_look_counts_once() -> None:
    watcher = Watcher()
    report = look(9_400.0)
    for _ in range(5):
        assert engine.flatten(watcher.state, FLATTEN, report, watcher.readings) == ()


def test_a_breach_closes_everything_once() -> None:
    watcher = Watcher()
    watcher.look(*[9_400.0] * 3)

    assert watcher.look(*[9_400.0] * 5) == ()
    watcher.restart()
    assert watcher.look(*[9_400.0] * 5) == ()
    stop = EmergencyStopRequested("enough", False, False, LOCAL, watcher.at_msc + 1)
    fold(watcher.state, engine.stop(watcher.state, FLATTEN, stop))
    watcher.restart()
    assert watcher.look(*[9_400.0] * 5) == ()


def test_it_is_another_breach_after_a_resume_and_a_day_s_loss_on_another_day() -> None:
    watcher = Watcher()
    watcher.look(*[9_400.0] * 4)
    watcher.resume()
    assert latches(watcher.look(*[9_400.0] * 3)) == [(HALTED, "daily_loss")]
    watcher.look(9_400.0)
    fold(watcher.state, [BrokerDayOpened(DAY, 10_000.0, NOW)])
    assert latches(watcher.look(*[9_400.0] * 3)) == [(HALTED, "daily_loss")]


def test_figures_of_a_terminal_without_its_link_are_no_marks() -> None:
    """They are those of its last link: of before a withdrawal, say."""
    watcher, paid = Watcher(), (BalanceOperation(9, -3_000.0, NOW - 60_000),)
    away = make_terminal(connected=False)
    watcher.look(10_000.0, 11_000.0, server_day=DAY + 1, terminal=away)

    events = [watcher.look(7_000.0, server_day=DAY + 1, balance_operations=paid) for _ in range(4)]

    assert [] == [latch for looked in events for latch in latches(looked)]
    assert (7_000.0, 7_000.0) == (watcher.state.day_equity, watcher.state.equity_peak)


def test_what_was_read_of_one_day_s_loss_does_not_count_for_the_next() -> None:
    watcher = Watcher()
    watcher.look(9_400.0, 9_400.0, 9_400.0)
    # An appraisal's look opens the day, which counts for nothing.
    fold(watcher.state, take_in(watcher.state, FLATTEN, look(9_900.0, watcher.at_msc + 1, DAY + 1)))

    assert [] == latches(watcher.look(9_300.0, 9_300.0, server_day=DAY + 1))
    assert [(HALTED, "daily_loss")] == latches(watcher.look(9_300.0, server_day=DAY + 1))


def test_two_limits_broken_at_once_are_both_told_and_close_once() -> None:
    watcher = Watcher()

    events = watcher.look(*[9_000.0] * 3)

    assert latches(events) == [(HALTED, "daily_loss"), (HALTED, "drawdown")]
    assert watcher.state.breach == "drawdown"
    assert watcher.look(*[9_000.0] * 3) == ()


@pytest.mark.parametrize(
    "held", [{"trading": HALTED, "emergency": True}, {"trading": HALTED}, {"trading": REDUCING}]
)
def test_what_holds_trading_already_does_not_keep_the_standing_order_from_closing(
    held: dict[str, Any],
) -> None:
    watcher = Watcher(**held)

    watcher.look(*[9_400.0] * 3)

    assert watcher.state.clearing is not None
    assert watcher.state.emergency


def test_a_breach_moves_the_latch_so_that_no_earlier_resume_undoes_it() -> None:
    watcher = Watcher(latched_msc=NOW + 99_000, trading=HALTED)

    watcher.look(*[9_400.0] * 3)

    assert watcher.state.latched_msc == NOW + 99_000


def test_looking_ahead_at_a_breach_leaves_the_state_as_it_is() -> None:
    state = make_state(trading=REDUCING, breach="daily_loss")
    state.stops_seen.append(REMOTE)
    before = copy.deepcopy(state)
    report = replace(look(8_000.0, day=DAY + 1), balance_operations=(BalanceOperation(5, -100.0, NOW),))

    events = engine.observe(state, LIMITS, AccountObserved(report))
    engine.as_observed(state, events)

    assert kinds(events) == [
        "FundsMoved",
        "BrokerDayOpened",
        "TradingStateChanged",
        "TradingStateChanged",
    ]
    assert state == before


def test_a_debt_is_believed_and_nothing_else_that_is_no_equity() -> None:
    assert [True, True, False, False] == [
        is_believed(LIMITS, look(equity)) for equity in (1.0, -1.0, 0.0, INF)
    ]
    assert watch(make_state(), LIMITS, look(-1.0)) != ()
