"""What a reply of the venue makes of an order."""

from dataclasses import replace
from typing import Any

import pytest
from tests.core.builders import NOW, fold, make_intent, make_order, make_state, sending_events, state_with

from hybrid_bridge.core import engine
from hybrid_bridge.core.events import OrderAnswered, OrderRetried, TradingState, TradingStateChanged
from hybrid_bridge.core.inputs import OrderReplied, SendWithheld
from hybrid_bridge.core.orders import Answer, Channel, IntentKind, OrderState, Source, SubmitOutcome
from hybrid_bridge.core.requests import FILLING_RETURN


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


def test_a_partial_fill_without_a_volume_claims_none() -> None:
    answered = replied(SubmitOutcome(Answer.YES, retcode=10_010))
    assert (answered.state, answered.volume) == (OrderState.PARTIAL, 0.0)


# Automated trading switched off


def test_a_reply_that_automated_trading_is_off_halts_in_the_same_decision_and_says_how_to_mend_it() -> None:
    state = state_with(make_order(make_intent()), unknown=False)
    outcome = SubmitOutcome(Answer.NO, 10027, detail="press its Algo Trading button", halts=True)

    answered, halted = engine.answer(state, OrderReplied(1, outcome, NOW + 1, NOW + 90))

    assert isinstance(answered, OrderAnswered)
    assert answered.state is OrderState.REJECTED
    assert halted == TradingStateChanged(
        TradingState.HALTED,
        "press its Algo Trading button; when that is mended, type `hybrid-bridge resume`",
        Source(Channel.LOCAL),
        False,
        NOW + 90,
    )


def test_a_bridge_that_is_halted_already_is_not_halted_again() -> None:
    state = state_with(make_order(make_intent()), unknown=False, trading=TradingState.HALTED, emergency=True)
    outcome = SubmitOutcome(Answer.NO, 10027, halts=True)

    assert len(engine.answer(state, OrderReplied(1, outcome, NOW, NOW))) == 1


# A position that is closed already


def reply_to(kind: IntentKind, retcode: int) -> OrderAnswered:
    state = fold(make_state(), sending_events(make_order(make_intent(kind=kind, ticket=500))))
    outcome = SubmitOutcome(Answer.NO, retcode, reason="position_closed", detail="closed already")
    (event,) = engine.answer(state, OrderReplied(1, outcome, NOW, NOW))
    assert isinstance(event, OrderAnswered)
    return event


def test_a_close_of_what_is_closed_already_is_done_and_claims_no_volume() -> None:
    event = reply_to(IntentKind.CLOSE, 10036)

    assert (event.state, event.retcode, event.reason) == (OrderState.FILLED, 10036, "position_closed")
    assert (event.ticket, event.deal, event.volume, event.price) == (500, 0, 0.0, 0.0)
    assert "was closed before" in event.detail


def test_any_other_no_to_a_close_is_one_and_so_is_a_change_of_what_is_closed() -> None:
    assert reply_to(IntentKind.CLOSE, 10038).state is OrderState.REJECTED
    assert reply_to(IntentKind.MODIFY, 10036).state is OrderState.REJECTED


def test_a_change_that_the_venue_finds_made_already_is_done() -> None:
    state = fold(make_state(), sending_events(make_order(make_intent(kind=IntentKind.MODIFY, ticket=500))))
    outcome = SubmitOutcome(Answer.YES, 10025, reason="no_changes")

    (event,) = engine.answer(state, OrderReplied(1, outcome, NOW, NOW))

    assert isinstance(event, OrderAnswered)
    assert (event.state, event.reason) == (OrderState.FILLED, "no_changes")


def test_a_second_no_says_how_often_it_was_tried_and_a_first_one_does_not() -> None:
    state = state_with(make_order(make_intent()), unknown=False)
    requote = OrderReplied(1, SubmitOutcome(Answer.NO, 10004, detail="requote"), NOW, NOW)

    (first,) = engine.answer(state, requote)
    (untried,) = engine.answer(state, requote, "a stop came")
    fold(state, [OrderRetried(make_order(make_intent()), 10004, "requote", NOW)])
    (second,) = engine.answer(state, requote)

    assert ["requote", "requote; not tried again: a stop came", "requote; tried 2 times"] == [
        event.detail for event in (first, untried, second) if isinstance(event, OrderAnswered)
    ]


@pytest.mark.parametrize(
    ("outcome", "state", "volume"),
    [
        (SubmitOutcome(Answer.YES, 10009, volume=100.0), OrderState.PARTIAL, 100.0),
        (SubmitOutcome(Answer.YES, 10009), OrderState.PARTIAL, 100.0),
        (SubmitOutcome(Answer.YES, 10010, volume=40.0), OrderState.PARTIAL, 40.0),
        (SubmitOutcome(Answer.NO, 10006), OrderState.REJECTED, 0.0),
    ],
)
def test_a_close_that_one_request_was_too_small_for_closed_a_part(
    outcome: SubmitOutcome, state: OrderState, volume: float
) -> None:
    intent = make_intent(kind=IntentKind.CLOSE, ticket=500, volume=None)
    order = replace(make_order(intent, volume=100.0, type_filling=FILLING_RETURN), leaves=150.0)
    sent = state_with(order, unknown=False)
    (event,) = engine.answer(sent, OrderReplied(1, outcome, NOW + 1, NOW + 90))
    assert isinstance(event, OrderAnswered)
    assert (state, volume) == (event.state, event.volume)
    if outcome.retcode == 10009:
        assert event.detail.startswith("150 lots of the position stay open")
        assert {} == fold(sent, [event]).watched  # Nothing more can come of the request.
