"""What follows from each input: signals, commands, observations, stops, replies."""

from typing import Any

import pytest
from hypothesis import settings
from tests.core.builders import (
    DAY,
    INF,
    MAGIC_BASE,
    NAN,
    NOW,
    SOURCE,
    fold,
    make_account,
    make_appraisal,
    make_cancel,
    make_close,
    make_intent,
    make_limits,
    make_modify,
    make_order,
    make_position,
    make_quote,
    make_report,
    make_signal,
    make_spec,
    make_state,
    make_terminal,
    sending_events,
    state_with,
)
from tests.core.engine_machine import EngineMachine

from hybrid_bridge.core import engine
from hybrid_bridge.core.appraisal import Appraisal, account_only
from hybrid_bridge.core.events import (
    BrokerDayOpened,
    Denial,
    DuplicateReceived,
    EquityPeakRaised,
    Event,
    IntentDenied,
    IntentExpired,
    IntentReceived,
    OrderAnswered,
    OrderApproved,
    OrderSending,
    TradingState,
    TradingStateChanged,
)
from hybrid_bridge.core.inputs import (
    AccountObserved,
    EmergencyStopRequested,
    OrderAppraised,
    OrderReplied,
    ResumeRequested,
    SendWithheld,
    Wanted,
)
from hybrid_bridge.core.limits import Limits
from hybrid_bridge.core.market import Side
from hybrid_bridge.core.orders import (
    Answer,
    Channel,
    IntentKind,
    OrderRequest,
    OrderState,
    Source,
    SubmitOutcome,
)
from hybrid_bridge.core.requests import make_magic
from hybrid_bridge.core.state import EngineState, apply

LOCAL = Source(Channel.LOCAL)
POSITION = make_position()


def kinds(events: tuple[Event, ...]) -> list[str]:
    return [type(event).__name__ for event in events]


def appraised(
    wanted: Wanted,
    state: EngineState | None = None,
    limits: Limits | None = None,
    now_msc: int = NOW,
    position: Any = None,
    **changes: Any,
) -> tuple[Event, ...]:
    """Judge a signal or command on sound facts, changed by keywords."""
    appraisal: Appraisal | None = changes["facts"] if "facts" in changes else make_appraisal(**changes)
    judged = OrderAppraised(wanted, appraisal, position, "lane down", now_msc)
    return engine.judge_appraised(state or make_state(), limits or make_limits(), judged)


def request_of(events: tuple[Event, ...]) -> OrderRequest:
    (approved,) = [event for event in events if isinstance(event, OrderApproved)]
    return approved.order.request


def denials_of(events: tuple[Event, ...]) -> list[str]:
    (denied,) = [event for event in events if isinstance(event, IntentDenied)]
    return [denial.check for denial in denied.denials]


# Signals before the terminal is asked


def test_a_signal_with_nothing_against_it_waits_for_its_appraisal() -> None:
    assert engine.receive(make_state(), make_limits(), make_signal(), NOW) == ()


def test_a_signal_that_the_screen_denies_ends_without_the_terminal() -> None:
    events = engine.receive(make_state(), make_limits(trading_enabled=False), make_signal(), NOW)

    assert kinds(events) == ["IntentReceived", "IntentDenied"]
    assert denials_of(events) == ["trading_enabled"]


@pytest.mark.parametrize(
    ("signal", "now", "expected"),
    [
        ({}, NOW + 5_000, []),
        ({}, NOW + 5_001, ["IntentReceived", "IntentExpired"]),
        ({"timestamp_msc": NOW - 5_000}, NOW, []),
        ({"timestamp_msc": NOW - 5_001}, NOW, ["IntentReceived", "IntentExpired"]),
        ({"timestamp_msc": 0}, NOW, ["IntentReceived", "IntentExpired"]),
        ({"timestamp_msc": -(10**13)}, NOW, ["IntentReceived", "IntentExpired"]),
        ({"expires_msc": NOW + 100}, NOW + 100, []),
        ({"expires_msc": NOW + 100}, NOW + 101, ["IntentReceived", "IntentExpired"]),
        # A sender cannot lengthen the life that the trader allows.
        ({"expires_msc": NOW + 60_000}, NOW + 5_001, ["IntentReceived", "IntentExpired"]),
        ({"expires_msc": NOW - 1}, NOW, ["IntentReceived", "IntentExpired"]),
        ({"timestamp_msc": NOW + 2_000}, NOW, []),
        ({"timestamp_msc": NOW + 2_001}, NOW, ["IntentReceived", "IntentDenied"]),
        ({"timestamp_msc": 10**15}, NOW, ["IntentReceived", "IntentDenied"]),
    ],
)
def test_a_signal_lives_as_long_as_sender_and_trader_both_allow(
    signal: dict[str, Any], now: int, expected: list[str]
) -> None:
    assert kinds(engine.receive(make_state(), make_limits(), make_signal(**signal), now)) == expected


def test_a_signal_from_the_future_is_denied_by_name() -> None:
    events = engine.receive(make_state(), make_limits(), make_signal(timestamp_msc=NOW + 9_000), NOW)

    assert denials_of(events) == ["expiry"]


def test_expiry_is_judged_again_on_the_appraisal() -> None:
    assert kinds(appraised(make_signal(), now_msc=NOW + 5_000)) == [
        "IntentReceived",
        "OrderApproved",
        "OrderSending",
    ]
    assert kinds(appraised(make_signal(), now_msc=NOW + 5_001)) == ["IntentReceived", "IntentExpired"]


@pytest.mark.parametrize(("payload", "conflict"), [("h-1", False), ("other", True)])
def test_an_id_that_came_before_is_a_duplicate_whatever_became_of_it(payload: str, conflict: bool) -> None:
    state = state_with(make_order(make_intent()))
    again = make_signal(payload_hash=payload)

    expected = (DuplicateReceived(1, "s-1", conflict, SOURCE, NOW + 90_000),)
    assert engine.receive(state, make_limits(), again, NOW + 90_000) == expected
    assert appraised(again, state, now_msc=NOW + 90_000) == expected


def test_a_command_shares_the_ids_of_signals() -> None:
    state = state_with(make_order(make_intent()))

    (event,) = engine.receive(state, make_limits(), make_close(command_id="s-1"), NOW)

    assert isinstance(event, DuplicateReceived)
    assert event.conflict


# Signals on the terminal's facts


def test_a_sound_signal_is_approved_and_sent_in_one_decision() -> None:
    events = appraised(make_signal())

    assert kinds(events) == ["IntentReceived", "OrderApproved", "OrderSending"]
    assert request_of(events).magic == make_magic(MAGIC_BASE, 1)
    assert events[-1] == OrderSending(1, DAY, NOW)


def test_the_intent_keeps_the_signal_as_it_came() -> None:
    signal = make_signal(volume=None, take_profit=1.2, price=1.1, comment="ai", timestamp_msc=NOW - 10)

    received = appraised(signal, make_state(next_number=9))[0]

    assert received == IntentReceived(
        make_intent(
            9,
            signal_id="s-1",
            volume=None,
            take_profit=1.2,
            price=1.1,
            comment="ai",
            created_msc=NOW - 10,
            expires_msc=NOW + 4_990,
        ),
        "h-1",
    )


def test_a_terminal_that_does_not_answer_denies() -> None:
    for wanted in (make_signal(), make_close(), make_modify(), make_cancel()):
        events = appraised(wanted, facts=None)

        assert kinds(events) == ["IntentReceived", "IntentDenied"]
        assert denials_of(events) == ["account"]


def test_facts_without_the_symbol_deny() -> None:
    assert "symbol_allowed" in denials_of(appraised(make_signal(), facts=account_only(make_report())))


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


def test_an_account_that_halts_keeps_the_emergency_latched() -> None:
    state = make_state(emergency=True, trading=TradingState.REDUCING)

    (event,) = engine.observe(state, make_limits(), AccountObserved(STRANGE[0]))

    assert isinstance(event, TradingStateChanged)
    assert event.emergency


# Closes


@pytest.mark.parametrize(
    ("asked", "held", "expected"),
    [
        (None, 0.5, 0.5),
        (None, 0.005, 0.005),
        (0.5, 0.5, 0.5),
        (0.2, 0.5, 0.2),
        (0.209, 0.5, 0.2),
        (0.01, 0.5, 0.01),
        (0.509, 0.5, 0.5),
    ],
)
def test_a_close_is_for_what_was_asked_in_whole_steps(
    asked: float | None, held: float, expected: float
) -> None:
    request = request_of(appraised(make_close(volume=asked), position=make_position(volume=held)))

    assert (request.volume, request.position, request.type) == (expected, 500, 1)


@pytest.mark.parametrize("asked", [0.51, 0.009, 1e300, 1e-9, NAN, INF])
def test_a_close_of_more_than_is_held_or_less_than_the_least_is_denied(asked: float) -> None:
    assert denials_of(appraised(make_close(volume=asked), position=POSITION)) == ["volume"]


def test_closes_and_changes_need_an_open_position() -> None:
    for wanted in (make_close(), make_modify()):
        assert denials_of(appraised(wanted)) == ["position"]


@pytest.mark.parametrize(
    "state",
    [
        make_state(trading=TradingState.HALTED, emergency=True),
        make_state(trading=TradingState.HALTED),
        make_state(daily_entries=99),
        state_with(make_order(make_intent())),
    ],
)
@pytest.mark.parametrize(
    "limits",
    [
        make_limits(trading_enabled=False),
        make_limits(emergency_stop=True),
        make_limits(max_daily_trades=0, max_open_positions=0, symbols=frozenset()),
    ],
)
def test_closes_changes_and_cancellations_pass_whatever_stops_entries(
    state: EngineState, limits: Limits
) -> None:
    for wanted in (make_close(), make_modify(), make_cancel()):
        events = appraised(wanted, state, limits, position=POSITION)

        assert kinds(events)[-2:] == ["OrderApproved", "OrderSending"]


def test_a_close_passes_on_stale_crossed_and_missing_quotes() -> None:
    for quote in (make_quote(time_msc=0), make_quote(bid=1.2), make_quote(time_msc=None), None):
        assert request_of(appraised(make_close(), position=POSITION, quote=quote)).volume == 0.5


def test_a_close_without_a_quote_takes_the_position_s_price() -> None:
    assert request_of(appraised(make_close(), position=POSITION, quote=None)).price == 1.1


def test_a_command_takes_symbol_and_side_from_its_position() -> None:
    received = appraised(make_close(), position=make_position(symbol="GBPUSD", side=Side.SELL))[0]

    assert isinstance(received, IntentReceived)
    intent = received.intent
    assert (intent.kind, intent.symbol, intent.side, intent.ticket) == (
        IntentKind.CLOSE,
        "GBPUSD",
        Side.SELL,
        500,
    )
    assert intent.expires_msc == NOW + 60_000


@pytest.mark.parametrize(("age_ms", "expired"), [(60_000, False), (60_001, True)])
def test_a_command_that_waited_a_minute_is_reported_not_sent(age_ms: int, expired: bool) -> None:
    for wanted in (make_close(), make_modify(), make_cancel()):
        events = appraised(wanted, now_msc=NOW + age_ms, position=POSITION)

        assert expired == (kinds(events)[-1] == "IntentExpired")


# Changes of stops


@pytest.mark.parametrize(
    ("stop_loss", "take_profit", "expected"),
    [
        (1.095, None, (1.095, 1.12)),
        (None, 1.13, (1.09, 1.13)),
        (1.095, 1.13, (1.095, 1.13)),
        (0.0, None, (0.0, 1.12)),
        (None, 0.0, (1.09, 0.0)),
        (0.0, 0.0, (0.0, 0.0)),
    ],
)
def test_a_change_sends_both_stops_and_keeps_the_one_that_was_not_named(
    stop_loss: float | None, take_profit: float | None, expected: tuple[float, float]
) -> None:
    wanted = make_modify(stop_loss=stop_loss, take_profit=take_profit)

    request = request_of(appraised(wanted, position=POSITION))

    assert (request.sl, request.tp) == expected
    assert (request.action, request.position) == (6, 500)


@pytest.mark.parametrize(
    ("changes", "spec"),
    [
        ({"stop_loss": 1.1}, {}),
        ({"stop_loss": 1.3}, {}),
        ({"take_profit": 1.05}, {}),
        ({"stop_loss": 1.0999}, {"stops_level": 20}),
        ({"stop_loss": 1e-9}, {}),
        ({"stop_loss": NAN}, {}),
        ({"take_profit": INF}, {}),
        ({}, {"tick_size": 0.0}),
        ({}, {"point": 0.0}),
    ],
)
def test_a_change_to_impossible_stops_is_denied(changes: dict[str, Any], spec: dict[str, Any]) -> None:
    events = appraised(make_modify(**changes), position=POSITION, spec=make_spec(**spec))

    assert denials_of(events) == ["stop_loss"]


def test_a_change_on_a_sell_is_measured_from_the_ask() -> None:
    sell = make_position(side=Side.SELL, stop_loss=1.11, take_profit=1.08)

    assert denials_of(appraised(make_modify(stop_loss=1.1001), position=sell)) == ["stop_loss"]
    assert request_of(appraised(make_modify(stop_loss=1.1002), position=sell)).sl == 1.1002


def test_a_change_without_a_quote_is_measured_from_the_position_s_price() -> None:
    assert denials_of(appraised(make_modify(stop_loss=1.1), position=POSITION, quote=None)) == ["stop_loss"]


def test_a_cancellation_needs_no_symbol() -> None:
    events = appraised(make_cancel(), facts=account_only(make_report()))

    assert request_of(events) == OrderRequest(action=8, order=900, magic=make_magic(MAGIC_BASE, 1))


# The bridge's own no


def test_a_closed_bridge_denies_with_its_reason() -> None:
    why = Denial("trading_state", "a running bridge", "stopping", "")

    events = engine.refuse(make_state(), make_limits(), make_close(), why, NOW)

    assert kinds(events) == ["IntentReceived", "IntentDenied"]
    assert events[1] == IntentDenied(1, (why,), NOW)


def test_a_closed_bridge_still_knows_duplicates_and_what_is_late() -> None:
    why = Denial("trading_state", "a running bridge", "stopping", "")
    state = state_with(make_order(make_intent()))

    assert kinds(engine.refuse(state, make_limits(), make_signal(), why, NOW)) == ["DuplicateReceived"]
    late = engine.refuse(make_state(), make_limits(), make_signal(), why, NOW + 9_000)
    assert kinds(late) == ["IntentReceived", "IntentExpired"]


# Stop and resume


def test_a_stop_latches_once() -> None:
    request = EmergencyStopRequested("panic", None, True, SOURCE, NOW)

    events = engine.stop(make_state(), make_limits(), request)

    assert events == (
        TradingStateChanged(TradingState.HALTED, "panic", SOURCE, True, NOW, cancel_orders=True),
    )
    assert engine.stop(fold(make_state(), events), make_limits(), request) == ()


def test_a_stop_on_a_halted_bridge_still_latches_the_emergency() -> None:
    halted = make_state(trading=TradingState.HALTED)

    assert (
        len(engine.stop(halted, make_limits(), EmergencyStopRequested("panic", None, True, SOURCE, NOW))) == 1
    )


@pytest.mark.parametrize(
    ("source", "limits", "lifted"),
    [
        (LOCAL, {}, True),
        (SOURCE, {}, False),
        (Source(Channel.REDPANDA), {}, False),
        (SOURCE, {"allow_remote_resume": True}, True),
        (LOCAL, {"emergency_stop": True}, False),
        (SOURCE, {"allow_remote_resume": True, "emergency_stop": True}, False),
    ],
)
def test_a_halt_is_lifted_by_a_person_or_where_the_trader_permits_it(
    source: Source, limits: dict[str, Any], lifted: bool
) -> None:
    state = make_state(trading=TradingState.HALTED, emergency=True)

    verdict = engine.resume(state, make_limits(**limits), ResumeRequested("checked", source, NOW), NOW)

    if lifted:
        assert verdict == (TradingStateChanged(TradingState.ACTIVE, "checked", source, False, NOW),)
    else:
        assert isinstance(verdict, Denial)
        assert verdict.check == "resume"


def test_a_resume_from_before_the_halt_does_not_undo_it() -> None:
    stopped = fold(
        make_state(),
        engine.stop(make_state(), make_limits(), EmergencyStopRequested("s", None, True, SOURCE, NOW)),
    )

    early = engine.resume(stopped, make_limits(), ResumeRequested("go", LOCAL, NOW), NOW + 9)
    late = engine.resume(stopped, make_limits(), ResumeRequested("go", LOCAL, NOW + 1), NOW + 9)

    assert isinstance(early, Denial)
    assert not isinstance(late, Denial)


def test_a_resume_is_undone_by_every_stop_that_came_after_it() -> None:
    # Stops overtake what waits: stop, resume, stop may arrive as stop, stop, resume.
    state = make_state()
    for at in (NOW, NOW + 5):
        fold(state, engine.stop(state, make_limits(), EmergencyStopRequested("s", None, True, SOURCE, at)))

    between = engine.resume(state, make_limits(), ResumeRequested("go", LOCAL, NOW + 3), NOW + 9)

    assert isinstance(between, Denial)
    assert state.emergency


def test_resuming_what_is_active_changes_nothing() -> None:
    assert engine.resume(make_state(), make_limits(), ResumeRequested("", LOCAL, NOW), NOW) == ()


# Replies


def replied(outcome: SubmitOutcome, **request: Any) -> OrderAnswered:
    state = state_with(make_order(make_intent(), **request), unknown=False)
    (event,) = engine.answer(state, OrderReplied(1, outcome, NOW + 1, NOW + 90))
    assert isinstance(event, OrderAnswered)
    return event


@pytest.mark.parametrize(
    ("outcome", "expected"),
    [
        (SubmitOutcome(Answer.YES, 10009), OrderState.FILLED),
        (SubmitOutcome(Answer.YES, 10010, volume=0.04), OrderState.PARTIAL),
        (SubmitOutcome(Answer.YES, 10008, placed=True), OrderState.PLACED),
        (SubmitOutcome(Answer.NO, 10006), OrderState.REJECTED),
        (SubmitOutcome(Answer.NO, 0, -8), OrderState.REJECTED),
        (SubmitOutcome(Answer.NO, 10004, retriable=True), OrderState.REJECTED),
        # Nobody was asked: the lane had no connection when the order's turn came.
        (SubmitOutcome(Answer.NO), OrderState.NOT_EXECUTED),
        (SubmitOutcome(Answer.UNKNOWN, 10012), OrderState.UNKNOWN),
        (SubmitOutcome(Answer.UNKNOWN, 0, -10002), OrderState.UNKNOWN),
        (SubmitOutcome(Answer.UNKNOWN), OrderState.UNKNOWN),
    ],
)
def test_a_reply_becomes_what_it_proves(outcome: SubmitOutcome, expected: OrderState) -> None:
    assert replied(outcome).state is expected


def test_a_fill_keeps_the_venue_s_facts() -> None:
    event = replied(SubmitOutcome(Answer.YES, 10009, 0, "done", "Request executed", 700, 801, 0.1, 1.1002))

    assert event == OrderAnswered(
        1, OrderState.FILLED, 10009, "done", "Request executed", 700, 801, 0.1, 1.1002, NOW + 1, NOW + 90
    )


@pytest.mark.parametrize(
    ("outcome", "volume"),
    [
        (SubmitOutcome(Answer.YES, 10009, volume=0.07), 0.07),
        (SubmitOutcome(Answer.YES, 10009), 0.1),
        (SubmitOutcome(Answer.YES, 10010, volume=0.04), 0.04),
        (SubmitOutcome(Answer.YES, 10008, placed=True), 0.0),
        (SubmitOutcome(Answer.NO, 10006, volume=0.1), 0.0),
        (SubmitOutcome(Answer.UNKNOWN, 10012, volume=0.1), 0.0),
    ],
)
def test_only_a_fill_reports_a_volume(outcome: SubmitOutcome, volume: float) -> None:
    assert replied(outcome).volume == volume


def test_a_reply_without_a_retcode_shows_the_package_s_error() -> None:
    assert replied(SubmitOutcome(Answer.UNKNOWN, 0, -10002)).retcode == -10002


def test_a_reply_to_a_close_keeps_the_position_s_ticket() -> None:
    intent = make_intent(kind=IntentKind.CLOSE, ticket=500)
    state = fold(make_state(), sending_events(make_order(intent)))

    (event,) = engine.answer(state, OrderReplied(1, SubmitOutcome(Answer.YES, 10009, order=999), NOW, NOW))

    assert isinstance(event, OrderAnswered)
    assert event.ticket == 500


def test_an_order_withheld_was_not_executed() -> None:
    state = state_with(make_order(make_intent()), unknown=False)

    events = engine.withhold(SendWithheld(1, "emergency_stop", "panic", NOW + 3))

    assert fold(state, events).orders[1].state is OrderState.NOT_EXECUTED
    assert [(event.reason, event.detail) for event in events if isinstance(event, OrderAnswered)] == [
        ("emergency_stop", "panic")
    ]


def test_late_is_told_with_how_late() -> None:
    late = engine.receive(make_state(), make_limits(), make_signal(), NOW + 5_250)[1]

    assert late == IntentExpired(1, "250 ms too late by this PC's clock", NOW + 5_250)


class TestTheEngineUnderAnyOrderOfInputs(EngineMachine.TestCase):  # type: ignore[misc, name-defined]
    """Runs the machine; its rules and invariants are the tests."""

    settings = settings(max_examples=200, stateful_step_count=40, deadline=None)


@pytest.mark.parametrize(("hedging", "denied"), [(True, False), (False, True)])
def test_a_netting_position_is_not_closed_while_a_deal_on_its_symbol_is_in_doubt(
    hedging: bool, denied: bool
) -> None:
    state = make_state()
    for event in appraised(make_signal(signal_id="doubtful"), state):
        apply(state, event)
    close = make_close(command_id="blind")
    report = make_report(account=make_account(hedging=hedging))
    events = appraised(close, state, position=make_position(), report=report)
    assert denied == (kinds(events)[-1] == "IntentDenied")


def test_a_partial_fill_without_a_volume_claims_none() -> None:
    answered = replied(SubmitOutcome(Answer.YES, retcode=10_010))
    assert (answered.state, answered.volume) == (OrderState.PARTIAL, 0.0)
