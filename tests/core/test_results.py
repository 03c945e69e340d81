"""What senders are told: one result for each decisive event, in the words of the contract."""

import pytest
from tests.core.builders import (
    NOW,
    SOURCE,
    make_answer,
    make_intent,
    make_order,
    make_state,
    sending_events,
    state_with,
)

from hybrid_bridge.core.events import (
    BrokerDayOpened,
    Denial,
    DuplicateReceived,
    EquityPeakRaised,
    Event,
    IntentDenied,
    IntentExpired,
    IntentReceived,
    TradingState,
    TradingStateChanged,
)
from hybrid_bridge.core.market import Side
from hybrid_bridge.core.orders import Channel, IntentKind, OrderState, Source
from hybrid_bridge.core.results import STATUS_OF_STATE, TradeResult, explain, results_of

STATUSES = {"filled", "partial", "placed", "rejected", "unknown", "not_executed"}
VOLUME = Denial("volume", "at most 1 lots", "2", "MAX_VOLUME")
SPREAD = Denial("spread", "9 points", "12.0 points", "wait")


def test_every_answer_has_a_status_of_the_contract() -> None:
    answerable = set(OrderState) - {
        OrderState.RECEIVED,
        OrderState.DENIED,
        OrderState.EXPIRED,
        OrderState.APPROVED,
        OrderState.SENDING,
    }

    assert set(STATUS_OF_STATE) == answerable
    assert set(STATUS_OF_STATE.values()) == STATUSES
    assert STATUS_OF_STATE[OrderState.ESCALATED] == "unknown"


def test_a_denial_is_told_with_its_first_check_and_all_reasons() -> None:
    events = (IntentReceived(make_intent(volume=2.0), "h"), IntentDenied(1, (VOLUME, SPREAD), NOW + 3))

    assert results_of(make_state(), events) == [
        TradeResult(
            signal_id="s-1",
            status="denied",
            symbol="EURUSD",
            action="BUY",
            requested_volume=2.0,
            volume=0.0,
            price=0.0,
            ticket=0,
            retcode=0,
            reason="volume",
            detail="volume: saw 2, allowed at most 1 lots (MAX_VOLUME); "
            "spread: saw 12.0 points, allowed 9 points (wait)",
            received_msc=NOW,
            sent_msc=0,
            done_msc=NOW + 3,
            key="s-1:denied",
        )
    ]


def test_an_expiry_is_told() -> None:
    (result,) = results_of(
        make_state(), (IntentReceived(make_intent(), "h"), IntentExpired(1, "250 ms too late", NOW + 9))
    )

    assert (result.status, result.reason, result.detail) == ("expired", "expiry", "250 ms too late")
    assert result.done_msc == NOW + 9


def test_an_answer_is_told_with_the_venue_s_facts() -> None:
    state = state_with(make_order(make_intent(volume=None, side=Side.SELL)))
    answer = make_answer(
        1,
        OrderState.PARTIAL,
        retcode=10010,
        reason="done_partial",
        detail="Only part",
        ticket=700,
        volume=0.04,
        price=1.1002,
        sent_msc=NOW + 1,
        at_msc=NOW + 90,
    )

    assert results_of(state, (answer,)) == [
        TradeResult(
            "s-1",
            "partial",
            "EURUSD",
            "SELL",
            None,
            0.04,
            1.1002,
            700,
            10010,
            "done_partial",
            "Only part",
            NOW,
            NOW + 1,
            NOW + 90,
            "s-1:partial:0.04",
        )
    ]


@pytest.mark.parametrize("state", sorted(STATUS_OF_STATE))
def test_each_state_is_told_by_its_status(state: OrderState) -> None:
    (result,) = results_of(state_with(make_order(make_intent())), (make_answer(1, state),))

    assert result.status == STATUS_OF_STATE[state]


@pytest.mark.parametrize(
    ("kind", "action"),
    [
        (IntentKind.ENTRY, "BUY"),
        (IntentKind.CLOSE, "CLOSE"),
        (IntentKind.MODIFY, "MODIFY"),
        (IntentKind.CANCEL, "CANCEL"),
    ],
)
def test_the_action_names_what_was_wanted(kind: IntentKind, action: str) -> None:
    events = (IntentReceived(make_intent(kind=kind, ticket=500), "h"), IntentDenied(1, (VOLUME,), NOW))

    (result,) = results_of(make_state(), events)

    assert (result.action, result.ticket) == (action, 500)


@pytest.mark.parametrize(("conflict", "reason"), [(False, "duplicate_signal"), (True, "conflict")])
def test_a_duplicate_is_told_where_the_first_stands(conflict: bool, reason: str) -> None:
    state = state_with(make_order(make_intent()))

    (result,) = results_of(state, (DuplicateReceived(1, "s-1", conflict, SOURCE, NOW + 5),))

    assert (result.signal_id, result.status, result.reason) == ("s-1", "duplicate", reason)
    assert result.detail.endswith("it is unknown")
    assert (result.symbol, result.done_msc) == ("EURUSD", NOW + 5)


def test_a_duplicate_of_what_memory_has_forgotten_is_told_too() -> None:
    (result,) = results_of(make_state(), (DuplicateReceived(3, "old", False, SOURCE, NOW),))

    assert (result.signal_id, result.status, result.detail) == (
        "old",
        "duplicate",
        "already received; it ended long ago",
    )


def test_what_decides_nothing_for_a_sender_is_not_told() -> None:
    events = (
        *sending_events(make_order(make_intent())),
        BrokerDayOpened(1, 1.0, NOW),
        EquityPeakRaised(1.0, NOW),
        TradingStateChanged(TradingState.HALTED, "", SOURCE, True, NOW),
    )

    assert results_of(make_state(), events) == []


def test_several_events_are_told_in_their_order() -> None:
    state = state_with(make_order(make_intent()))
    events = (
        IntentReceived(make_intent(2), "h"),
        IntentDenied(2, (SPREAD,), NOW),
        make_answer(1, OrderState.FILLED),
    )

    assert [(r.signal_id, r.status) for r in results_of(state, events)] == [
        ("s-2", "denied"),
        ("s-1", "filled"),
    ]


def test_denials_are_explained_one_sentence_each() -> None:
    assert explain(()) == ""
    assert explain((SPREAD,)) == "spread: saw 12.0 points, allowed 9 points (wait)"


# What consumers drop repetitions by


def keys(*events: Event) -> list[str]:
    return [result.key for result in results_of(state_with(make_order(make_intent())), events)]


def test_every_news_of_a_signal_has_a_key_of_its_own() -> None:
    told = keys(
        *(make_answer(1, state) for state in STATUS_OF_STATE if state is not OrderState.PARTIAL),
        make_answer(1, OrderState.PARTIAL, volume=0.04),
        make_answer(1, OrderState.PARTIAL, volume=0.07),
    )

    assert len(set(told)) == len(told) == len(STATUS_OF_STATE) + 1
    assert {"s-1:unknown", "s-1:escalated", "s-1:filled", "s-1:partial:0.07"} <= set(told)


def test_the_same_news_twice_has_the_same_key() -> None:
    again = make_answer(1, OrderState.UNKNOWN, detail="other words", at_msc=NOW + 9)

    assert ["s-1:unknown"] * 2 == keys(make_answer(1, OrderState.UNKNOWN), again)
    assert ["s-1:filled"] == keys(make_answer(1, OrderState.FILLED, volume=0.1))


def test_every_duplicate_is_answered_for_itself_and_its_redelivery_is_the_same() -> None:
    read = Source(Channel.REDPANDA, "signals", 2, 41)

    told = keys(
        DuplicateReceived(1, "s-1", False, SOURCE, NOW + 5),
        DuplicateReceived(1, "s-1", False, SOURCE, NOW + 6),
        DuplicateReceived(1, "s-1", False, read, NOW + 7),
        DuplicateReceived(1, "s-1", False, read, NOW + 8),
        DuplicateReceived(9, "old", False, read, NOW + 9),
    )

    assert [f"s-1:duplicate:{NOW + 5}", f"s-1:duplicate:{NOW + 6}"] == told[:2]
    assert ["s-1:duplicate:signals/2/41"] * 2 == told[2:4]
    assert told[4] == "old:duplicate:signals/2/41"


def test_an_order_that_was_escalated_is_told_as_unknown_with_what_to_do() -> None:
    answer = make_answer(1, OrderState.ESCALATED, reason="escalated", detail="look at the terminal's tabs")

    (result,) = results_of(state_with(make_order(make_intent())), (answer,))

    assert (result.status, result.reason) == ("unknown", "escalated")
    assert result.detail == "look at the terminal's tabs"
