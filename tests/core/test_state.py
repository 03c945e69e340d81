"""The fold: which moves it refuses, what it counts, and what it keeps of the past."""

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
    state_with,
)

from hybrid_bridge.core.events import (
    AccountCleared,
    BrokerDayOpened,
    Denial,
    DuplicateReceived,
    EquityPeakRaised,
    Event,
    IntentDenied,
    IntentExpired,
    IntentReceived,
    OrderApproved,
    OrderRetried,
    OrderSending,
    PositionAdopted,
    PositionChanged,
    PositionEnded,
    TradingState,
    TradingStateChanged,
)
from hybrid_bridge.core.market import Side
from hybrid_bridge.core.orders import TRANSITIONS, Channel, IntentKind, OrderState, Source
from hybrid_bridge.core.state import (
    CLOSED_ORDERS_KEPT,
    ENTRIES_KEPT_MS,
    SHOWN_LATE_MS,
    STOPS_KEPT,
    WATCH_MS,
    Clearing,
    EngineState,
    HeldPosition,
    IllegalTransition,
    apply,
)

LOCAL = Source(Channel.LOCAL)
NO = (Denial("volume", "1", "2", ""),)
INTENT = make_intent()
ORDER = make_order(INTENT)
RECEIVED = IntentReceived(INTENT, "h-1")
ANSWERS = (
    OrderState.FILLED,
    OrderState.PARTIAL,
    OrderState.PLACED,
    OrderState.REJECTED,
    OrderState.UNKNOWN,
    OrderState.NOT_EXECUTED,
    OrderState.ESCALATED,
)
MOVES: dict[OrderState, Event] = {
    OrderState.DENIED: IntentDenied(1, NO, NOW),
    OrderState.EXPIRED: IntentExpired(1, "late", NOW),
    OrderState.APPROVED: OrderApproved(ORDER, NOW),
    OrderState.SENDING: OrderSending(1, DAY, NOW),
    **{state: make_answer(1, state) for state in ANSWERS},
}
PATHS: dict[OrderState, tuple[OrderState, ...]] = {
    OrderState.RECEIVED: (),
    OrderState.DENIED: (OrderState.DENIED,),
    OrderState.EXPIRED: (OrderState.EXPIRED,),
    OrderState.APPROVED: (OrderState.APPROVED,),
    OrderState.SENDING: (OrderState.APPROVED, OrderState.SENDING),
    OrderState.ESCALATED: (
        OrderState.APPROVED,
        OrderState.SENDING,
        OrderState.UNKNOWN,
        OrderState.ESCALATED,
    ),
    **{
        state: (OrderState.APPROVED, OrderState.SENDING, state)
        for state in ANSWERS
        if state is not OrderState.ESCALATED
    },
}


def state_in(at: OrderState) -> EngineState:
    return fold(make_state(), [RECEIVED, *(MOVES[step] for step in PATHS[at])])


@pytest.mark.parametrize("at", list(OrderState))
@pytest.mark.parametrize("to", list(MOVES))
def test_the_fold_allows_exactly_the_moves_of_the_table(at: OrderState, to: OrderState) -> None:
    state = state_in(at)
    repeated_answer = at is to and to in ANSWERS

    if to in TRANSITIONS[at] or repeated_answer:
        apply(state, MOVES[to])
        assert state.orders[1].state is to
    else:
        with pytest.raises(IllegalTransition, match=f"intent 1 is {at}, cannot become {to}"):
            apply(state, MOVES[to])
        assert state.orders[1].state is at


def test_an_event_about_an_unknown_intent_is_refused() -> None:
    with pytest.raises(IllegalTransition, match="intent 9 is not known, cannot become filled"):
        apply(make_state(), make_answer(9, OrderState.FILLED))


def test_an_intent_received_twice_is_refused() -> None:
    with pytest.raises(IllegalTransition, match="intent 1 was received twice"):
        fold(make_state(), [RECEIVED, RECEIVED])


def test_numbers_go_on_after_the_highest() -> None:
    state = fold(make_state(), [IntentReceived(make_intent(41), "h"), IntentReceived(make_intent(7), "h")])

    assert state.next_number == 42
    assert state.numbers == {"s-41": 41, "s-7": 7}


def test_an_entry_counts_for_the_day_when_it_reaches_sending() -> None:
    state = fold(make_state(), [RECEIVED, OrderApproved(ORDER, NOW)])
    assert state.daily_entries == 0

    fold(state, [OrderSending(1, DAY, NOW)])
    assert (state.daily_entries, list(state.entries)) == (1, [(NOW, INTENT)])


@pytest.mark.parametrize("day", [DAY, None, DAY - 1])
def test_an_entry_counts_even_when_the_broker_s_clock_went_back_or_is_not_known(day: int | None) -> None:
    assert fold(make_state(), sending_events(ORDER, day=day)).daily_entries == 1


@pytest.mark.parametrize("kind", [IntentKind.CLOSE, IntentKind.MODIFY, IntentKind.CANCEL])
def test_only_entries_count(kind: IntentKind) -> None:
    state = fold(make_state(), sending_events(make_order(make_intent(kind=kind))))

    assert (state.daily_entries, len(state.entries)) == (0, 0)


@pytest.mark.parametrize("outcome", [state for state in ANSWERS if state is not OrderState.ESCALATED])
def test_no_outcome_gives_an_entry_back(outcome: OrderState) -> None:
    state = fold(make_state(), [*sending_events(ORDER), make_answer(1, outcome)])

    assert state.daily_entries == 1


def test_a_new_broker_day_starts_the_count_anew() -> None:
    state = fold(state_with(ORDER), [BrokerDayOpened(DAY + 1, 9_500.0, NOW)])

    assert (state.server_day, state.daily_entries, state.day_equity) == (DAY + 1, 0, 9_500.0)


def test_entries_are_kept_as_long_as_the_longest_duplicate_window() -> None:
    day_ms = 86_400_000
    state = fold(make_state(), sending_events(ORDER))
    fold(state, sending_events(make_order(make_intent(2)), NOW + day_ms))
    assert [at for at, _ in state.entries] == [NOW, NOW + day_ms]

    fold(state, sending_events(make_order(make_intent(3)), NOW + day_ms + 1))
    assert [at for at, _ in state.entries] == [NOW + day_ms, NOW + day_ms + 1]
    assert day_ms == ENTRIES_KEPT_MS


def test_the_latch_keeps_state_reason_and_emergency() -> None:
    state = fold(make_state(), [TradingStateChanged(TradingState.HALTED, "by hand", LOCAL, True, NOW)])

    assert (state.trading, state.halt_reason, state.emergency) == (TradingState.HALTED, "by hand", True)
    fold(state, [TradingStateChanged(TradingState.ACTIVE, "checked", LOCAL, False, NOW)])
    assert (state.trading, state.emergency) == (TradingState.ACTIVE, False)


def test_the_peak_is_kept() -> None:
    assert fold(make_state(), [EquityPeakRaised(12_000.0, NOW)]).equity_peak == 12_000.0


def test_a_duplicate_changes_nothing() -> None:
    state, other = state_with(ORDER), state_with(ORDER)

    apply(state, DuplicateReceived(1, "s-1", False, LOCAL, NOW))

    assert state == other


def test_the_answer_that_came_last_is_kept() -> None:
    late = make_answer(1, OrderState.FILLED, price=1.2)
    state = fold(state_with(ORDER), [late])

    assert state.orders[1].answer == late


def test_orders_whose_outcome_is_not_known_are_in_doubt() -> None:
    for at in OrderState:
        expected = [1] if at in (OrderState.SENDING, OrderState.UNKNOWN, OrderState.ESCALATED) else []

        assert [record.intent.number for record in state_in(at).in_doubt()] == expected


def deny_many(state: EngineState, first: int, count: int) -> None:
    """Fold in this many denied intents, whose records may be forgotten first."""
    for number in range(first, first + count):
        fold(state, [IntentReceived(make_intent(number), "h"), IntentDenied(number, NO, NOW)])


@pytest.mark.parametrize(
    "at",
    [
        OrderState.SENDING,
        OrderState.UNKNOWN,
        OrderState.ESCALATED,
        OrderState.RECEIVED,
        OrderState.APPROVED,
    ],
)
def test_an_open_order_is_never_forgotten(at: OrderState) -> None:
    state = state_in(at)

    deny_many(state, 2, CLOSED_ORDERS_KEPT + 10)

    assert state.numbers["s-1"] == 1
    assert state.orders[1].state is at


def test_the_oldest_closed_orders_are_forgotten_with_their_ids() -> None:
    state = make_state()

    deny_many(state, 1, CLOSED_ORDERS_KEPT + 3)

    assert len(state.orders) == len(state.numbers) == len(state.closed) == CLOSED_ORDERS_KEPT
    assert min(state.orders) == 4
    assert "s-3" not in state.numbers
    assert state.next_number == CLOSED_ORDERS_KEPT + 4


def test_an_answer_that_is_repeated_costs_no_other_order_its_record() -> None:
    state = state_in(OrderState.FILLED)

    for _ in range(CLOSED_ORDERS_KEPT + 5):
        apply(state, MOVES[OrderState.FILLED])

    assert state.orders[1].state is OrderState.FILLED
    assert len(state.closed) == 1


def test_only_a_retry_sends_an_order_again_and_it_counts_once() -> None:
    again = make_order(INTENT, price=1.1005)

    state = fold(state_in(OrderState.SENDING), [OrderRetried(again, 10004, "requote", NOW + 50)])

    record = state.orders[1]
    assert (OrderState.SENDING, again, 2, NOW) == (
        record.state,
        record.order,
        record.attempts,
        record.sending_msc,
    )
    assert state.daily_entries == len(state.entries) == 1


@pytest.mark.parametrize("at", [state for state in OrderState if state is not OrderState.SENDING])
def test_only_an_order_that_is_being_sent_can_be_retried(at: OrderState) -> None:
    with pytest.raises(IllegalTransition, match=f"intent 1 is {at}, cannot be sent once more"):
        apply(state_in(at), OrderRetried(ORDER, 10004, "requote", NOW))


def not_executed_after_doubt() -> EngineState:
    return fold(state_in(OrderState.UNKNOWN), [MOVES[OrderState.NOT_EXECUTED]])


def test_what_seemed_not_executed_after_a_doubt_is_watched_until_it_fills() -> None:
    state = not_executed_after_doubt()
    assert list(state.watched) == [1]

    apply(state, MOVES[OrderState.FILLED])
    assert not state.watched


def test_what_was_certainly_not_sent_is_not_watched() -> None:
    assert not state_in(OrderState.NOT_EXECUTED).watched


def test_a_part_is_watched_only_while_its_rest_waits_at_the_venue() -> None:
    rest_waits, rest_is_gone = make_order(INTENT, type_filling=2), make_order(INTENT, type_filling=1)

    for order, expected in ((rest_waits, [1]), (rest_is_gone, [])):
        state = fold(make_state(), [*sending_events(order), MOVES[OrderState.PARTIAL]])

        assert list(state.watched) == expected


def test_a_watch_ends_a_day_after_the_order_was_sent() -> None:
    state = not_executed_after_doubt()

    apply(state, BrokerDayOpened(DAY + 1, 10_000.0, NOW + WATCH_MS))
    assert list(state.watched) == [1]

    apply(state, BrokerDayOpened(DAY + 2, 10_000.0, NOW + WATCH_MS + 1))
    assert not state.watched


def test_a_watched_order_is_forgotten_only_after_its_watch() -> None:
    state = not_executed_after_doubt()
    deny_many(state, 2, CLOSED_ORDERS_KEPT + 10)
    assert state.orders[1].state is OrderState.NOT_EXECUTED

    apply(state, BrokerDayOpened(DAY + 2, 10_000.0, NOW + WATCH_MS + 1))
    deny_many(state, CLOSED_ORDERS_KEPT + 20, CLOSED_ORDERS_KEPT)

    assert 1 not in state.orders


def stopped(at_msc: int = NOW, **wanted: bool) -> TradingStateChanged:
    return TradingStateChanged(TradingState.HALTED, "stop", LOCAL, True, at_msc, **wanted)


def test_what_a_stop_has_to_clear_stays_until_that_stop_is_done() -> None:
    state = fold(make_state(), [stopped(close_positions=True)])
    assert state.clearing == Clearing(NOW, close_positions=True, cancel_orders=False)

    apply(state, AccountCleared(NOW - 1, NOW))
    assert state.clearing is not None

    apply(state, AccountCleared(NOW, NOW + 5))
    assert state.clearing is None


def test_a_resume_ends_the_clearing_and_a_stop_that_asks_for_nothing_begins_none() -> None:
    resumed = TradingStateChanged(TradingState.ACTIVE, "go", LOCAL, False, NOW + 1)

    assert fold(make_state(), [stopped(cancel_orders=True), resumed]).clearing is None
    assert fold(make_state(), [stopped()]).clearing is None


def test_a_later_stop_that_asks_for_nothing_leaves_alone_what_an_earlier_one_does() -> None:
    clearing = fold(make_state(), [stopped(cancel_orders=True), stopped(NOW + 5)])
    cleared = fold(
        make_state(), [stopped(cancel_orders=True), AccountCleared(NOW, NOW + 1), stopped(NOW + 5)]
    )

    assert clearing.clearing == Clearing(NOW, close_positions=False, cancel_orders=True)
    assert cleared.cleared == Clearing(NOW, close_positions=False, cancel_orders=True, late=True)
    assert (clearing.latched_msc, cleared.clearing) == (NOW + 5, None)


def test_the_places_of_the_latest_stops_from_redpanda_are_kept() -> None:
    state = make_state()
    places = [Source(Channel.REDPANDA, "signals", 0, offset) for offset in range(STOPS_KEPT + 5)]

    fold(state, [TradingStateChanged(TradingState.HALTED, "", place, True, NOW) for place in places])
    apply(state, stopped())

    assert list(state.stops_seen) == places[5:]


def test_positions_are_kept_as_last_seen() -> None:
    state = fold(make_state(), [PositionAdopted(7, "EURUSD", Side.BUY, 0.3, 1.1, 0, NOW)])
    apply(state, PositionChanged(7, Side.SELL, 0.2, 1.2, NOW))
    assert state.positions == {7: HeldPosition(7, "EURUSD", Side.SELL, 0.2, 1.2, 0)}

    apply(state, PositionEnded(7, NOW))
    assert not state.positions


@pytest.mark.parametrize("event", [PositionChanged(8, Side.BUY, 0.1, 1.1, NOW), PositionEnded(8, NOW)])
def test_a_change_of_a_position_that_was_never_seen_is_refused(event: Event) -> None:
    with pytest.raises(IllegalTransition, match="position 8 is not known"):
        apply(make_state(), event)


def late_entry(kind: IntentKind = IntentKind.ENTRY) -> EngineState:
    """Return a state whose stop is done, with an order from before it that was taken for not executed."""
    state = state_with(make_order(make_intent(1, kind=kind, ticket=0 if kind is IntentKind.ENTRY else 500)))
    fold(state, [stopped(close_positions=True), make_answer(1, OrderState.NOT_EXECUTED)])
    return fold(state, [AccountCleared(NOW, NOW + 5)])


@pytest.mark.parametrize("to", [OrderState.FILLED, OrderState.PARTIAL, OrderState.PLACED])
def test_an_entry_that_shows_after_the_account_was_clear_is_to_be_cleared_alone(to: OrderState) -> None:
    state = fold(late_entry(), [make_answer(1, to)])

    assert state.clearing == Clearing(NOW, close_positions=True, cancel_orders=False, late=True)
    assert fold(state, [AccountCleared(NOW, NOW + 9)]).clearing is None
    assert state.cleared is not None


def test_a_close_that_shows_late_brings_nothing_to_clear() -> None:
    assert fold(late_entry(IntentKind.CLOSE), [make_answer(1, OrderState.FILLED)]).clearing is None


def test_after_a_resume_a_late_entry_stays() -> None:
    resumed = TradingStateChanged(TradingState.ACTIVE, "fine", LOCAL, emergency=False, at_msc=NOW + 6)

    assert fold(late_entry(), [resumed, make_answer(1, OrderState.FILLED)]).clearing is None


def test_what_waits_at_the_venue_is_watched() -> None:
    state = fold(state_with(make_order(make_intent(1))), [make_answer(1, OrderState.NOT_EXECUTED)])

    assert list(fold(state, [make_answer(1, OrderState.PLACED)]).watched) == [1]
    assert not fold(state, [make_answer(1, OrderState.FILLED)]).watched


def filled_entry(*numbers: int, at_msc: int = NOW) -> EngineState:
    state = state_with(*(make_order(make_intent(number)) for number in numbers), unknown=False)
    return fold(state, [make_answer(number, OrderState.FILLED, at_msc=at_msc) for number in numbers])


def adopted(number: int, symbol: str = "EURUSD") -> PositionAdopted:
    return PositionAdopted(900 + number, symbol, Side.BUY, 0.1, 1.1, number, NOW)


def unshown(state: EngineState, now_msc: int = NOW) -> list[int]:
    return [record.intent.number for record in state.unshown_fills(now_msc)]


def test_a_fill_awaits_its_position_for_a_moment() -> None:
    state = filled_entry(1)
    assert [1] == unshown(state, NOW + SHOWN_LATE_MS)
    assert [] == unshown(state, NOW + SHOWN_LATE_MS + 1)
    assert [] == unshown(state, NOW - SHOWN_LATE_MS - 1)  # This PC's clock was set back.


@pytest.mark.parametrize(
    ("event", "left"),
    [
        (adopted(2), [1]),
        (adopted(0), [2]),  # Without its magic it shows one of them all the same.
        (adopted(0, "GBPUSD"), [1, 2]),
        (adopted(7), [1, 2]),
    ],
)
def test_a_position_shows_the_fill_whose_magic_it_bears_or_else_the_symbol_s_oldest(
    event: PositionAdopted, left: list[int]
) -> None:
    assert left == unshown(fold(filled_entry(1, 2), [event]))


def test_on_a_netting_account_the_position_s_change_shows_the_fill() -> None:
    state = fold(make_state(), [adopted(0)])
    fold(state, [*sending_events(make_order(make_intent(1))), make_answer(1, OrderState.FILLED)])
    assert [1] == unshown(state)
    assert [] == unshown(fold(state, [PositionChanged(900, Side.BUY, 0.2, 1.1, NOW)]))


@pytest.mark.parametrize(("ticket", "left"), [(900, []), (901, [1]), (899, [1])])
def test_a_new_position_without_a_mark_shows_the_fill_of_the_order_that_opened_it(
    ticket: int, left: list[int]
) -> None:
    state = state_with(make_order(make_intent(1)), unknown=False)
    fold(state, [make_answer(1, OrderState.FILLED, ticket=ticket)])
    assert left == unshown(fold(state, [adopted(0)]))


@pytest.mark.parametrize(("ticket", "left"), [(900, []), (901, []), (899, [1])])
def test_a_position_that_grew_shows_no_fill_of_an_older_order(ticket: int, left: list[int]) -> None:
    state = fold(state_with(make_order(make_intent(1)), unknown=False), [adopted(0)])
    fold(state, [make_answer(1, OrderState.FILLED, ticket=ticket)])
    assert left == unshown(fold(state, [PositionChanged(900, Side.BUY, 0.2, 1.1, NOW)]))


def test_a_position_that_showed_before_the_answer_is_not_awaited() -> None:
    state = fold(state_with(make_order(make_intent(1)), unknown=False), [adopted(1)])
    assert [] == unshown(fold(state, [make_answer(1, OrderState.FILLED)]))


def test_only_the_latest_fills_are_remembered_as_awaited() -> None:
    state = filled_entry(1)
    fold(state, sending_events(make_order(make_intent(2))))
    fold(state, [make_answer(2, OrderState.PARTIAL, at_msc=NOW + SHOWN_LATE_MS + 1)])
    assert [2] == list(state.unshown)


@pytest.mark.parametrize("kind", [IntentKind.CLOSE, IntentKind.MODIFY])
def test_only_entries_bring_a_position(kind: IntentKind) -> None:
    state = state_with(make_order(make_intent(1, kind=kind, ticket=500)), unknown=False)
    assert {} == fold(state, [make_answer(1, OrderState.FILLED)]).unshown
