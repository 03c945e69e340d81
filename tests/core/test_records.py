"""What the engine remembers, and the questions it answers of itself."""

import pytest
from tests.core.builders import NOW, fold, make_answer, make_intent, make_order, make_state, sending_events

from hybrid_bridge.core.events import PositionAdopted, PositionChanged
from hybrid_bridge.core.market import Side
from hybrid_bridge.core.orders import OrderState
from hybrid_bridge.core.records import SHOWN_LATE_MS, EngineState

BUY, SELL = Side.BUY, Side.SELL


def filled(*sides: Side, symbol: str = "EURUSD") -> EngineState:
    """A state in which entries were filled whose positions are still to show, numbered from 1."""
    state = make_state()
    for number, side in enumerate(sides, start=1):
        order = make_order(make_intent(number, side=side, symbol=symbol))
        fold(state, [*sending_events(order), make_answer(number, OrderState.FILLED, volume=0.1)])
    return state


def unshown(state: EngineState, now_msc: int = NOW) -> list[int]:
    return [record.intent.number for record in state.unshown_fills(now_msc)]


@pytest.mark.parametrize(
    ("later_ms", "awaited"),
    [(0, [1]), (SHOWN_LATE_MS, [1]), (SHOWN_LATE_MS + 1, []), (-SHOWN_LATE_MS - 1, [])],
)
def test_a_fill_is_awaited_for_as_long_as_a_terminal_may_be_late(later_ms: int, awaited: list[int]) -> None:
    assert unshown(filled(BUY), NOW + later_ms) == awaited


def test_in_doubt_is_what_was_sent_and_has_no_outcome() -> None:
    state = fold(make_state(), sending_events(make_order(make_intent(1))))

    assert [record.intent.number for record in state.in_doubt()] == [1]
    assert fold(state, [make_answer(1, OrderState.FILLED)]).in_doubt() == []


@pytest.mark.parametrize(
    ("number", "side", "symbol", "left"),
    [
        (2, BUY, "EURUSD", [1, 3]),
        (0, BUY, "EURUSD", [2, 3]),
        (0, SELL, "EURUSD", [1, 2]),
        (0, BUY, "GBPUSD", [1, 2, 3]),
        (9, BUY, "EURUSD", [1, 2, 3]),
    ],
)
def test_a_new_position_shows_the_fill_whose_mark_it_bears_or_the_oldest_on_its_side(
    number: int, side: Side, symbol: str, left: list[int]
) -> None:
    state = filled(BUY, BUY, SELL)

    fold(state, [PositionAdopted(500, symbol, side, 0.1, 1.1, number, NOW)])

    assert unshown(state) == left


@pytest.mark.parametrize(
    ("side", "volume", "left"),
    [(BUY, 0.6, [2]), (BUY, 0.4, [1]), (SELL, 0.1, [1]), (BUY, 0.5, [1, 2])],
)
def test_a_changed_position_shows_the_oldest_fill_in_the_direction_of_the_change(
    side: Side, volume: float, left: list[int]
) -> None:
    state = fold(make_state(), [PositionAdopted(500, "EURUSD", BUY, 0.5, 1.1, 0, NOW)])
    state.unshown.update(filled(BUY, SELL).unshown)

    fold(state, [PositionChanged(500, side, volume, 1.1, NOW)])

    assert unshown(state) == left
