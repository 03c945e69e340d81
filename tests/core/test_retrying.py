"""One more try after a certain no, judged as if the order had never been sent."""

import copy
from dataclasses import replace
from typing import Any

import pytest
from tests.core.builders import (
    DAY,
    MAGIC_BASE,
    NOW,
    fold,
    make_account,
    make_answer,
    make_appraisal,
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
)

from hybrid_bridge.core import engine
from hybrid_bridge.core.events import BrokerDayOpened, Event, OrderAnswered, OrderRetried, TradingState
from hybrid_bridge.core.inputs import OrderAppraised, OrderReplied, Wanted
from hybrid_bridge.core.market import ExecutionMode, SymbolSpec
from hybrid_bridge.core.orders import Answer, OrderState, SubmitOutcome
from hybrid_bridge.core.requests import FILLING_FOK, FILLING_IOC, FILLING_RETURN, make_magic
from hybrid_bridge.core.retrying import may_try_again, without
from hybrid_bridge.core.state import EngineState

REQUOTE = SubmitOutcome(Answer.NO, 10004, reason="requote", detail="the price moved", retriable=True)
INVALID_FILL = replace(REQUOTE, retcode=10030, reason="invalid_fill")
LATER = NOW + 300
POSITION = make_position()


def sent(wanted: Wanted, state: EngineState | None = None, position: Any = None, **facts: Any) -> EngineState:
    """Return a state in which this was approved and is being sent."""
    state = state or make_state()
    appraised = OrderAppraised(wanted, make_appraisal(**facts), position, "", NOW)
    fold(state, engine.judge_appraised(state, make_limits(), appraised))
    assert [record.state for record in state.in_doubt()][-1] is OrderState.SENDING
    return state


def again(
    state: EngineState,
    wanted: Wanted,
    outcome: SubmitOutcome = REQUOTE,
    now_msc: int = LATER,
    position: Any = None,
    limits: dict[str, Any] | None = None,
    **facts: Any,
) -> tuple[Event, ...]:
    """Judge the refused order anew on sound facts of a moment later, changed by keywords."""
    quote = make_quote(bid=1.1002, ask=1.1003, time_msc=now_msc)
    appraisal = facts["facts"] if "facts" in facts else make_appraisal(**{"quote": quote, **facts})
    appraised = OrderAppraised(wanted, appraisal, position, "lane down", now_msc)
    number = state.next_number - 1
    replied = OrderReplied(number, outcome, NOW + 10, NOW + 200)
    return engine.judge_again(state, make_limits(**(limits or {})), replied, appraised)


def retried(events: tuple[Event, ...]) -> OrderRetried:
    assert isinstance(events[-1], OrderRetried)
    return events[-1]


def ended(events: tuple[Event, ...]) -> OrderAnswered:
    assert isinstance(events[-1], OrderAnswered)
    return events[-1]


# Who may be tried again


@pytest.mark.parametrize(
    ("outcome", "expected"),
    [
        (REQUOTE, True),
        (replace(REQUOTE, retriable=False), False),
        (replace(REQUOTE, answer=Answer.UNKNOWN), False),
        (replace(REQUOTE, answer=Answer.YES), False),
    ],
)
def test_only_a_certain_no_that_may_change_is_tried_again(outcome: SubmitOutcome, expected: bool) -> None:
    (record,) = sent(make_signal()).in_doubt()

    assert may_try_again(record, outcome) == expected


def test_what_was_tried_twice_is_not_tried_again() -> None:
    state = sent(make_signal())
    fold(state, again(state, make_signal()))
    (record,) = state.in_doubt()

    assert (record.attempts, may_try_again(record, REQUOTE)) == (2, False)


# The second judgement


def test_a_requote_is_sent_again_at_the_new_price_under_the_same_intent() -> None:
    state = sent(make_signal())
    event = retried(again(state, make_signal()))

    assert (event.order.request.price, event.order.quote) == (
        1.1003,
        make_quote(bid=1.1002, ask=1.1003, time_msc=LATER),
    )
    assert event.order.request.magic == make_magic(MAGIC_BASE, 1)
    assert (event.order.intent, event.retcode, event.reason, event.at_msc) == (
        state.orders[1].intent,
        10004,
        "requote",
        LATER,
    )


def test_the_second_judgement_does_not_count_the_order_itself() -> None:
    state = sent(make_signal())
    limits = {
        "max_daily_trades": 1,
        "max_orders_per_minute": 1,
        "duplicate_window_ms": 60_000,
        "max_open_positions": 1,
        "max_positions_per_symbol": 1,
        "max_open_risk_percent": 0.25,
    }

    event = retried(again(state, make_signal(), limits=limits, spec=make_spec(volume_limit=0.1)))

    assert event.order.request.volume == 0.1


@pytest.mark.parametrize(
    ("limits", "check"),
    [
        ({"max_daily_trades": 1}, "daily_trades"),
        ({"max_orders_per_minute": 1}, "order_rate"),
        ({"max_open_positions": 1}, "open_positions"),
        ({"max_open_risk_percent": 0.25, "reduce_oversized": False}, "open_risk"),
    ],
)
def test_the_second_judgement_counts_every_other_order(limits: dict[str, Any], check: str) -> None:
    other = make_order(make_intent(1, signal_id="other", symbol="GBPUSD", volume=0.2))
    state = fold(make_state(), [*sending_events(other), make_answer(1, OrderState.UNKNOWN)])
    sent(make_signal(), state)

    event = ended(again(state, make_signal(), limits=limits))

    assert (event.number, event.state) == (2, OrderState.REJECTED)
    assert check in event.detail


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ({"limits": {"trading_enabled": False}}, "trading_enabled"),
        ({"limits": {"max_spread_points": 5.0}}, "spread"),
        ({"quote": make_quote(time_msc=NOW - 60_000)}, "quote_fresh"),
        ({"quote": make_quote(bid=1.0970, ask=1.0971, time_msc=LATER)}, "stop_loss"),
        ({"facts": None}, "the terminal could not be asked: lane down"),
        ({"now_msc": NOW + 5_001}, "1 ms too late"),
        ({"report": make_report(account=make_account(login=9))}, "another account is logged in"),
    ],
)
def test_a_second_no_of_the_guard_is_the_venue_s_refusal_with_the_reason_it_was_not_tried_again(
    facts: dict[str, Any], words: str
) -> None:
    state = sent(make_signal())
    event = ended(again(state, make_signal(), **facts))

    assert (event.state, event.retcode, event.reason) == (OrderState.REJECTED, 10004, "requote")
    assert event.detail.startswith("the price moved; not tried again: ")
    assert words in event.detail
    assert fold(state, (event,)).in_doubt() == []


def test_it_is_tried_again_until_the_last_moment_of_its_life() -> None:
    assert retried(again(sent(make_signal()), make_signal(), now_msc=NOW + 5_000)).at_msc == NOW + 5_000


@pytest.mark.parametrize("changes", [{"emergency": True}, {"trading": TradingState.HALTED}])
def test_nothing_is_opened_again_after_a_stop_or_a_halt(changes: dict[str, Any]) -> None:
    state = sent(make_signal())
    for name, value in changes.items():
        setattr(state, name, value)

    assert ended(again(state, make_signal())).state is OrderState.REJECTED


def test_a_second_look_is_taken_in_and_a_new_day_owes_nothing_to_the_first_try() -> None:
    state = sent(make_signal())
    events = again(
        state, make_signal(), limits={"max_daily_trades": 1}, report=make_report(server_day=DAY + 1)
    )

    assert isinstance(events[0], BrokerDayOpened)
    retried(events)
    assert without(fold(state, events[:1]), 1).daily_entries == 0


def test_taking_an_order_out_of_the_state_leaves_the_state_as_it_is() -> None:
    state = sent(make_signal())
    before = copy.deepcopy(state)
    seen = without(state, 1)

    assert state == before
    assert (seen.in_doubt(), list(seen.entries), seen.daily_entries) == ([], [], 0)
    again(state, make_signal(), report=make_report(server_day=DAY + 1, positions=(POSITION,)))
    assert state == before


# Fillings


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        (make_spec(filling_mode=3), FILLING_IOC),
        (make_spec(filling_mode=1, execution_mode=ExecutionMode.EXCHANGE), FILLING_RETURN),
        (make_spec(filling_mode=2, execution_mode=ExecutionMode.INSTANT), FILLING_IOC),
    ],
)
def test_a_filling_that_was_refused_is_replaced_by_another_that_the_symbol_permits(
    spec: SymbolSpec, expected: int
) -> None:
    for wanted, position in ((make_signal(), None), (make_close(), POSITION)):
        state = sent(wanted, position=position, spec=spec)
        event = retried(again(state, wanted, INVALID_FILL, position=position, spec=spec))
        assert event.order.request.type_filling == expected


@pytest.mark.parametrize(
    "spec", [make_spec(filling_mode=1), make_spec(filling_mode=2), make_spec(filling_mode=0)]
)
def test_a_symbol_without_another_filling_leaves_the_refusal(spec: SymbolSpec) -> None:
    state = sent(make_signal(), spec=spec)

    assert "permits no other filling" in ended(again(state, make_signal(), INVALID_FILL, spec=spec)).detail


def test_a_requote_keeps_its_filling() -> None:
    assert retried(again(sent(make_signal()), make_signal())).order.request.type_filling == FILLING_FOK


# Closes and changes


def test_a_close_is_tried_again_at_the_fresh_price_for_the_same_ticket() -> None:
    state = sent(make_close(), position=POSITION)
    request = retried(again(state, make_close(), position=POSITION)).order.request

    assert (request.price, request.position, request.volume) == (1.1002, 500, 0.5)


def test_a_close_is_tried_again_whatever_stops_entries() -> None:
    state = sent(make_close(), position=POSITION)
    state.emergency, state.trading = True, TradingState.HALTED

    retried(again(state, make_close(), position=POSITION, limits={"trading_enabled": False}))


def test_a_close_on_a_netting_account_does_not_stand_in_its_own_way() -> None:
    report = make_report(account=make_account(hedging=False))
    state = sent(make_close(), position=POSITION, report=report)

    retried(again(state, make_close(), position=POSITION, report=report))


def test_a_close_whose_position_is_gone_meanwhile_is_done() -> None:
    state = sent(make_close(), position=POSITION)
    event = ended(again(state, make_close()))

    assert (event.state, event.reason, event.volume) == (OrderState.FILLED, "position_closed", 0.0)
    assert (event.retcode, event.at_msc) == (10004, LATER)


@pytest.mark.parametrize(
    "report",
    [
        make_report(terminal=make_terminal(connected=False)),
        make_report(account=make_account(equity=0.0)),
        make_report(account=make_account(login=9)),
    ],
)
def test_a_terminal_that_shows_nothing_proves_no_close(report: Any) -> None:
    state = sent(make_close(), position=POSITION)

    assert ended(again(state, make_close(), report=report)).state is OrderState.REJECTED


def test_a_change_is_tried_again_with_the_other_stop_as_it_now_is() -> None:
    state = sent(make_modify(), position=POSITION)
    moved = replace(POSITION, take_profit=1.15)
    request = retried(again(state, make_modify(), position=moved)).order.request

    assert (request.sl, request.tp) == (1.095, 1.15)


def test_a_change_of_a_position_that_is_gone_stays_refused() -> None:
    state = sent(make_modify(), position=POSITION)

    assert ended(again(state, make_modify())).state is OrderState.REJECTED


@pytest.mark.parametrize("superseded", [False, True])
def test_positions_are_taken_from_the_look_at_a_retry_unless_a_later_one_was_taken(superseded: bool) -> None:
    state = sent(make_signal())
    appraisal = make_appraisal(report=make_report(positions=(POSITION,)))
    judged = OrderAppraised(make_signal(), appraisal, None, "", LATER, superseded)

    events = engine.judge_again(state, make_limits(), OrderReplied(1, REQUOTE, NOW, NOW), judged)

    assert superseded == ("PositionAdopted" not in [type(event).__name__ for event in events])


def test_a_retry_is_judged_by_what_its_own_look_shows() -> None:
    state = sent(make_signal())
    report = make_report(account=make_account(equity=9_000.0), server_day=DAY + 1)
    limits = {"max_daily_loss_percent": 5.0}

    # The loss was yesterday's: today opens with what is left.
    assert isinstance(again(state, make_signal(), limits=limits, report=report)[-1], OrderRetried)


def test_where_no_other_filling_is_permitted_the_answer_says_so() -> None:
    rules = make_spec(filling_mode=1)
    state = sent(make_signal(), spec=rules)

    answer = ended(again(state, make_signal(), INVALID_FILL, spec=rules))

    assert answer.detail == "the price moved; not tried again: the symbol permits no other filling"


# On another day of the broker


def test_a_second_try_on_the_next_day_counts_for_that_day() -> None:
    state = sent(make_signal())
    tomorrow = make_report(server_day=DAY + 1)

    events = fold_in(state, again(state, make_signal(), report=tomorrow))

    assert [type(event) for event in events] == [BrokerDayOpened, OrderRetried]
    assert (state.daily_entries, state.orders[1].counted_day) == (1, DAY + 1)
    assert fold(state, sending_events(make_order(make_intent(2)))).daily_entries == 2


def test_a_second_try_on_the_same_day_counts_once() -> None:
    state = sent(make_signal())

    fold_in(state, again(state, make_signal()))

    assert state.daily_entries == 1


def test_a_second_try_is_no_way_around_the_next_day_s_limit() -> None:
    state = sent(make_signal())
    fold(state, [BrokerDayOpened(DAY + 1, 10_000.0, NOW + 1)])
    fold(state, sending_events(make_order(make_intent(2, symbol="GBPUSD")), day=DAY + 1))
    fold(state, [make_answer(2, OrderState.FILLED)])
    state.next_number = 2  # `again` answers the newest

    event = ended(
        again(state, make_signal(), limits={"max_daily_trades": 1}, report=make_report(server_day=DAY + 1))
    )

    assert (event.number, "daily_trades" in event.detail) == (1, True)


def test_a_limit_that_broke_since_the_first_try_forbids_the_second() -> None:
    state = sent(make_signal())
    lost = make_report(account=make_account(equity=9_000.0))

    events = again(state, make_signal(), limits={"max_daily_loss_percent": 5.0}, report=lost)

    assert "daily_loss" in ended(events).detail
    assert fold(state, events).trading is TradingState.REDUCING


def fold_in(state: EngineState, events: tuple[Event, ...]) -> tuple[Event, ...]:
    fold(state, events)
    return events
