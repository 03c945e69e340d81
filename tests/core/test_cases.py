"""Which orders may have done what a look at the account does not show."""

from typing import Any

import pytest
from tests.core.builders import (
    MAGIC_BASE,
    NOW,
    fold,
    make_answer,
    make_appraisal,
    make_case,
    make_intent,
    make_limits,
    make_order,
    make_pending,
    make_position,
    make_report,
    make_state,
    state_with,
)

from hybrid_bridge.core.cases import ANSWERED_LATEST_MS, find_late_closes, find_unseen, unseen_orders
from hybrid_bridge.core.events import PositionAdopted
from hybrid_bridge.core.market import Side
from hybrid_bridge.core.orders import IntentKind, OrderState
from hybrid_bridge.core.requests import FILLING_RETURN, make_magic
from hybrid_bridge.core.state import SHOWN_LATE_MS, EngineState

MINE = make_magic(MAGIC_BASE, 1)


def numbers(state: EngineState, **report: Any) -> list[int]:
    unseen = find_unseen(state, make_limits(), make_report(**report), NOW)
    return [record.intent.number for record in unseen]


def answered(state: OrderState, ago_ms: int = 0, **request: Any) -> EngineState:
    before = state_with(make_order(make_intent(), **request), unknown=False, at_msc=NOW - ago_ms)
    return fold(before, [make_answer(1, state, volume=0.04, at_msc=NOW - ago_ms)])


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        (make_state(), []),
        (state_with(make_order(make_intent()), unknown=False), [1]),
        (answered(OrderState.UNKNOWN), [1]),
        (answered(OrderState.UNKNOWN, 3_600_000), [1]),
        (answered(OrderState.FILLED), [1]),
        (answered(OrderState.FILLED, SHOWN_LATE_MS), [1]),
        (answered(OrderState.FILLED, SHOWN_LATE_MS + 1), []),
        (answered(OrderState.PARTIAL), [1]),
        (answered(OrderState.PLACED), [1]),
        (answered(OrderState.PLACED, 3_600_000), [1]),
        (answered(OrderState.REJECTED), []),
        (answered(OrderState.NOT_EXECUTED), []),
    ],
)
def test_what_may_be_held_without_being_shown_is_found(state: EngineState, expected: list[int]) -> None:
    assert expected == numbers(state)


@pytest.mark.parametrize(
    ("report", "expected"),
    [
        ({"orders": (make_pending(magic=MINE),)}, []),
        ({"orders": (make_pending(magic=MINE + 1),)}, [1]),
        ({"orders": (make_pending(magic=1),)}, [1]),
        ({"positions": (make_position(magic=MINE),)}, []),
        ({"positions": (make_position(magic=0),)}, [1]),
    ],
)
def test_what_waits_at_the_venue_is_seen_once_it_is_listed_or_held(
    report: dict[str, Any], expected: list[int]
) -> None:
    assert expected == numbers(answered(OrderState.PLACED), **report)


@pytest.mark.parametrize(
    ("ago_ms", "report", "expected"),
    [
        (0, {}, [1]),
        (SHOWN_LATE_MS, {}, [1]),
        (SHOWN_LATE_MS + 1, {}, []),
        (0, {"orders": (make_pending(magic=MINE),)}, []),
        (0, {"positions": (make_position(magic=MINE),)}, [1]),
    ],
)
def test_the_rest_of_a_part_counts_until_it_would_be_listed(
    ago_ms: int, report: dict[str, Any], expected: list[int]
) -> None:
    state = answered(OrderState.PARTIAL, ago_ms, type_filling=FILLING_RETURN)
    fold(state, [PositionAdopted(500, "EURUSD", Side.BUY, 0.04, 1.1, 1, NOW - ago_ms)])

    assert expected == numbers(state, **report)


def test_a_part_that_is_not_shown_at_all_counts_once() -> None:
    assert numbers(answered(OrderState.PARTIAL, type_filling=FILLING_RETURN)) == [1]


def test_the_guard_asks_by_its_own_case() -> None:
    state = answered(OrderState.FILLED)

    assert unseen_orders(make_case(state=state)) == [state.orders[1]]
    assert unseen_orders(make_case(state=state, now_msc=NOW + SHOWN_LATE_MS + 1)) == []


def closed(
    state: OrderState = OrderState.FILLED, *, ago_ms: int = 0, kind: IntentKind = IntentKind.CLOSE
) -> EngineState:
    intent = make_intent(kind=kind, ticket=500, received_msc=NOW - ago_ms)
    before = state_with(make_order(intent), unknown=False, at_msc=NOW - ago_ms)
    return fold(before, [make_answer(1, state, at_msc=NOW - ago_ms)])


@pytest.mark.parametrize(
    ("state", "tickets", "expected"),
    [
        (closed(), (500,), [1]),
        (closed(), (501, 500), [1]),
        (closed(), (501,), []),
        (closed(), (), []),
        (closed(OrderState.PARTIAL), (500,), [1]),
        (closed(OrderState.REJECTED), (500,), []),
        (closed(OrderState.UNKNOWN), (500,), []),  # In doubt, and found as that.
        (closed(kind=IntentKind.MODIFY), (500,), []),
        (closed(ago_ms=SHOWN_LATE_MS), (500,), [1]),
        (closed(ago_ms=SHOWN_LATE_MS + 1), (500,), []),
    ],
)
def test_a_close_of_a_moment_ago_is_found_while_its_position_shows(
    state: EngineState, tickets: tuple[int, ...], expected: list[int]
) -> None:
    report = make_report(positions=tuple(make_position(ticket=ticket) for ticket in tickets))

    assert expected == [record.intent.number for record in find_late_closes(state, report, NOW)]


@pytest.mark.parametrize(("ago_ms", "expected"), [(ANSWERED_LATEST_MS, [1]), (ANSWERED_LATEST_MS + 1, [])])
def test_what_was_asked_for_long_ago_is_not_searched(ago_ms: int, expected: list[int]) -> None:
    intent = make_intent(kind=IntentKind.CLOSE, ticket=500, received_msc=NOW - ago_ms)
    state = fold(state_with(make_order(intent), unknown=False), [make_answer(1, OrderState.FILLED)])
    report = make_report(positions=(make_position(),))

    assert expected == [record.intent.number for record in find_late_closes(state, report, NOW)]


def test_later_orders_do_not_hide_a_close() -> None:
    state = closed()
    entry = make_order(make_intent(2, symbol="GBPUSD"))
    other = state_with(entry, unknown=False)
    state.orders[2] = other.orders[2]
    report = make_report(positions=(make_position(),))

    assert [record.intent.number for record in find_late_closes(state, report, NOW)] == [1]


def test_a_case_knows_what_waits_at_the_venue_by_its_own_magic() -> None:
    placed = answered(OrderState.PLACED)
    listed = make_appraisal(report=make_report(orders=(make_pending(magic=MINE),)))

    assert [1] == [record.intent.number for record in unseen_orders(make_case(state=placed))]
    assert unseen_orders(make_case(state=placed, appraisal=listed)) == []
