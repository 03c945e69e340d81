"""The table of an order's states, judged as a whole."""

import pytest

from hybrid_bridge.core.orders import IN_DOUBT_STATES, OPEN_STATES, TRANSITIONS, Channel, OrderState, Source

FINAL = {OrderState.FILLED, OrderState.REJECTED, OrderState.DENIED, OrderState.EXPIRED}
SENT = {
    OrderState.SENDING,
    OrderState.UNKNOWN,
    OrderState.FILLED,
    OrderState.PARTIAL,
    OrderState.PLACED,
    OrderState.REJECTED,
    OrderState.NOT_EXECUTED,
    OrderState.ESCALATED,
}


def reachable(start: OrderState) -> set[OrderState]:
    """Return every state that can follow, however late."""
    seen: set[OrderState] = set()
    ahead = [start]
    while ahead:
        following = TRANSITIONS[ahead.pop()] - seen
        seen |= following
        ahead += following
    return seen


def test_every_state_has_a_row_and_can_be_reached() -> None:
    assert set(TRANSITIONS) == set(OrderState)
    assert reachable(OrderState.RECEIVED) == set(OrderState) - {OrderState.RECEIVED}


def test_nothing_follows_a_final_state() -> None:
    assert {state for state, following in TRANSITIONS.items() if not following} == FINAL


@pytest.mark.parametrize("state", sorted(SENT))
def test_what_was_sent_is_never_sent_again_nor_denied_nor_expired(state: OrderState) -> None:
    forbidden = {
        OrderState.RECEIVED,
        OrderState.APPROVED,
        OrderState.SENDING,
        OrderState.DENIED,
        OrderState.EXPIRED,
    }

    assert reachable(state) & forbidden == set()


def test_only_an_approved_order_can_be_sent() -> None:
    assert {state for state, following in TRANSITIONS.items() if OrderState.SENDING in following} == {
        OrderState.APPROVED
    }


def test_a_fill_can_come_to_light_after_every_outcome_that_is_not_certain() -> None:
    for state in (OrderState.UNKNOWN, OrderState.NOT_EXECUTED, OrderState.ESCALATED, OrderState.PLACED):
        assert OrderState.FILLED in TRANSITIONS[state]


def test_what_is_in_doubt_is_open() -> None:
    assert {OrderState.SENDING, OrderState.UNKNOWN, OrderState.ESCALATED} == IN_DOUBT_STATES
    assert IN_DOUBT_STATES < OPEN_STATES
    assert set() == OPEN_STATES & FINAL


def test_a_place_is_named_where_there_is_a_topic() -> None:
    assert Source(Channel.REDPANDA, "signals", 2, 41, 1_790_000_000_000).place == "signals/2/41"
    assert Source(Channel.WEBSOCKET).place == ""
