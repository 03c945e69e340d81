"""What memory keeps: of orders that are over the latest few, whatever may still fill, and what counts."""

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

from hybrid_bridge.core import state as state_module
from hybrid_bridge.core.account_watch import as_observed
from hybrid_bridge.core.events import (
    BrokerDayOpened,
    Denial,
    Event,
    IntentDenied,
    IntentReceived,
    PositionAdopted,
    PositionChanged,
)
from hybrid_bridge.core.market import Side
from hybrid_bridge.core.orders import OrderState
from hybrid_bridge.core.requests import FILLING_RETURN
from hybrid_bridge.core.state import EngineState, HeldPosition

NO = (Denial("volume", "1", "2", ""),)
DAY_MS = 86_400_000
LATE = make_answer(1, OrderState.FILLED)
WATCHED = {
    "not executed": [make_answer(1, OrderState.UNKNOWN), make_answer(1, OrderState.NOT_EXECUTED)],
    "placed": [make_answer(1, OrderState.PLACED)],
    "partly filled": [make_answer(1, OrderState.PARTIAL)],
}


@pytest.fixture(autouse=True)
def two_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(state_module, "CLOSED_ORDERS_KEPT", 2)


def denied(*numbers: int) -> list[Event]:
    return [
        event
        for number in numbers
        for event in (IntentReceived(make_intent(number), "h"), IntentDenied(number, NO, NOW))
    ]


def watching(how: str) -> EngineState:
    order = make_order(make_intent(1), type_filling=FILLING_RETURN)
    return fold(make_state(), [*sending_events(order), *WATCHED[how]])


@pytest.mark.parametrize("how", list(WATCHED))
def test_what_may_still_fill_is_kept_however_many_end_after_it(how: str) -> None:
    state = fold(watching(how), denied(2, 3, 4, 5))

    assert sorted(state.orders) == [1, 4, 5]
    assert list(state.watched) == [1]


@pytest.mark.parametrize("how", list(WATCHED))
def test_what_was_watched_is_forgotten_in_its_turn_once_it_has_filled(how: str) -> None:
    state = fold(watching(how), [*denied(2, 3, 4, 5), LATE])
    assert sorted(state.orders) == [1, 5]

    fold(state, denied(6, 7))
    assert sorted(state.orders) == [6, 7]
    assert state.numbers == {"s-6": 6, "s-7": 7}


@pytest.mark.parametrize("how", list(WATCHED))
def test_a_watch_ends_with_the_broker_s_next_day_and_then_the_order_is_forgotten_in_its_turn(
    how: str,
) -> None:
    state = watching(how)

    fold(state, [*denied(2, 3, 4, 5), BrokerDayOpened(DAY + 1, 10_000.0, NOW + DAY_MS)])
    assert list(state.watched) == [1]

    fold(state, [BrokerDayOpened(DAY + 2, 10_000.0, NOW + DAY_MS + 1)])
    assert list(state.watched) == []
    assert sorted(state.orders) == [1, 5]


def test_an_order_that_is_over_and_never_watched_is_counted_once() -> None:
    rejected = [*sending_events(make_order(make_intent(1))), make_answer(1, OrderState.REJECTED)]

    state = fold(make_state(), [*rejected, *denied(2)])

    assert (sorted(state.orders), list(state.closed)) == ([1, 2], [1, 2])


def test_an_order_that_goes_on_being_watched_keeps_one_place_among_what_is_over() -> None:
    state = fold(watching("placed"), [make_answer(1, OrderState.PARTIAL, volume=0.04)])

    assert (list(state.watched), list(state.closed)) == ([1], [1])


@pytest.mark.parametrize(("volume", "watched"), [(0.04, [1]), (0.1, [])])
def test_a_part_is_watched_for_as_long_as_something_of_the_request_is_left(
    volume: float, watched: list[int]
) -> None:
    order = make_order(make_intent(1), type_filling=FILLING_RETURN)

    state = fold(make_state(), [*sending_events(order), make_answer(1, OrderState.PARTIAL, volume=volume)])

    assert list(state.watched) == watched


def test_every_entry_counts_for_the_day() -> None:
    state = make_state()
    for number in (1, 2, 3):
        fold(state, sending_events(make_order(make_intent(number))))

    assert state.daily_entries == 3


def test_an_adopted_position_is_kept_as_it_was_seen() -> None:
    state = fold(make_state(), [PositionAdopted(500, "EURUSD", Side.SELL, 0.5, 1.1, 7, NOW)])

    assert state.positions == {500: HeldPosition(500, "EURUSD", Side.SELL, 0.5, 1.1, 7)}


def test_a_change_of_another_symbol_s_position_shows_no_fill() -> None:
    entry = make_order(make_intent(1, symbol="GBPUSD"))
    filled = [*sending_events(entry), make_answer(1, OrderState.FILLED)]
    held = PositionAdopted(500, "EURUSD", Side.BUY, 0.5, 1.1, 0, NOW)

    state = fold(make_state(), [held, *filled, PositionChanged(500, Side.BUY, 0.6, 1.1, NOW)])

    assert [record.intent.number for record in state.unshown_fills(NOW)] == [1]


def test_what_is_only_looked_at_awaits_its_position_still() -> None:
    filled = [*sending_events(make_order(make_intent(1))), make_answer(1, OrderState.FILLED)]
    state = fold(make_state(), filled)

    seen = as_observed(state, [PositionAdopted(500, "EURUSD", Side.BUY, 0.1, 1.1, 1, NOW)])

    assert (seen.unshown_fills(NOW), len(state.unshown_fills(NOW))) == ([], 1)
