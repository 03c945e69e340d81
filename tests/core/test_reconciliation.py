"""What one look at the terminal proves about an order whose outcome is not known, and what it does not."""

from dataclasses import replace
from typing import Any

import pytest
from tests.core.builders import (
    MAGIC_BASE,
    NOW,
    fold,
    make_answer,
    make_intent,
    make_order,
    make_pending,
    make_position,
    make_state,
    sending_events,
    state_with,
)

from hybrid_bridge.core.account import Deal, HistoricOrder
from hybrid_bridge.core.appraisal import Findings, LookQuery
from hybrid_bridge.core.events import IntentReceived, OrderApproved
from hybrid_bridge.core.market import Side
from hybrid_bridge.core.orders import IntentKind, OrderState
from hybrid_bridge.core.reconciliation import (
    CLEAN_LOOKS_MIN,
    CLEAN_SPAN_MS,
    HORIZON_MS,
    Doubt,
    abandon,
    describe,
    escalate,
    find_witness,
    follow,
    interrupt,
    is_over,
    look_query,
    resolve,
    shows,
    volume_shown,
    waits,
)
from hybrid_bridge.core.requests import FILLING_RETURN, make_magic
from hybrid_bridge.core.state import OrderRecord

MAGIC = make_magic(MAGIC_BASE, 1)
FILLED, PARTIAL, REJECTED = OrderState.FILLED, OrderState.PARTIAL, OrderState.REJECTED
NOT_EXECUTED = OrderState.NOT_EXECUTED
EARLY = Doubt(clean_looks=1, since_msc=NOW)
LATE = Doubt(clean_looks=CLEAN_LOOKS_MIN, since_msc=NOW - HORIZON_MS)


def record_of(kind: IntentKind = IntentKind.ENTRY, **request: Any) -> OrderRecord:
    """Return an order of 0.1 EURUSD in doubt; keywords change what was asked of the venue."""
    ticket = 0 if kind is IntentKind.ENTRY else 500
    intent = make_intent(kind=kind, ticket=ticket, comment="ai")
    return state_with(make_order(intent, **request)).orders[1]


def modify_record() -> OrderRecord:
    return record_of(IntentKind.MODIFY, action=6, volume=0.0, position=500, sl=1.095, tp=1.12, comment="")


def cancel_record() -> OrderRecord:
    return record_of(IntentKind.CANCEL, action=8, volume=0.0, order=500, comment="")


def look(**found: Any) -> Findings:
    return replace(Findings(True, None, (), (), (), (), NOW), **found)


def deal(**changes: Any) -> Deal:
    base = Deal(801, 700, 700, "EURUSD", Side.BUY, 0, 0.1, 1.1002, 0.0, -0.5, 0.0, MAGIC, "ai #1", NOW + 40)
    return replace(base, **changes)


def ended(**changes: Any) -> HistoricOrder:
    return replace(HistoricOrder(700, 700, "EURUSD", 4, 0.1, 0.0, MAGIC, "ai #1"), **changes)


ENTRY_TABLE: list[tuple[str, dict[str, Any], OrderState | None, OrderState | None]] = [
    # what is seen, proven at the first look, proven after the horizon
    ("nothing", {}, None, NOT_EXECUTED),
    ("nothing, broker link down", {"connected": False}, None, None),
    ("its deal", {"deals": (deal(),)}, FILLED, FILLED),
    ("its deal, link down again", {"deals": (deal(),), "connected": False}, FILLED, FILLED),
    ("its deal under another comment", {"deals": (deal(comment="[broker]"),)}, FILLED, FILLED),
    ("its deal without a magic", {"deals": (deal(magic=0),)}, FILLED, FILLED),
    ("its deal without either", {"deals": (deal(magic=0, comment=""),)}, None, NOT_EXECUTED),
    ("another bridge's deal, same comment", {"deals": (deal(magic=MAGIC + 2**32),)}, None, NOT_EXECUTED),
    ("the next intent's deal", {"deals": (deal(magic=MAGIC + 1),)}, None, NOT_EXECUTED),
    ("part of it", {"deals": (deal(volume=0.04),)}, None, PARTIAL),
    ("all of it in two deals", {"deals": (deal(volume=0.04), deal(volume=0.06, ticket=802))}, FILLED, FILLED),
    (
        "its position, history lagging",
        {"positions": (make_position(volume=0.1, magic=MAGIC),)},
        FILLED,
        FILLED,
    ),
    ("a smaller position", {"positions": (make_position(volume=0.05, magic=MAGIC),)}, None, PARTIAL),
    (
        "part of it, the rest waiting",
        {"deals": (deal(volume=0.04),), "orders": (make_pending(magic=MAGIC),)},
        None,
        None,
    ),
    (
        "part of it, the order says more",
        {"deals": (deal(volume=0.04),), "history_orders": (ended(),)},
        None,
        FILLED,
    ),
    ("somebody else's position", {"positions": (make_position(volume=0.1),)}, None, NOT_EXECUTED),
    ("its order, still waiting", {"orders": (make_pending(type=0, magic=MAGIC),)}, None, None),
    ("its order without a magic", {"orders": (make_pending(type=0, comment="ai #1"),)}, None, None),
    ("somebody else's order", {"orders": (make_pending(),)}, None, NOT_EXECUTED),
    ("its order filled, deals lagging", {"history_orders": (ended(),)}, None, FILLED),
    ("the same, link down", {"history_orders": (ended(),), "connected": False}, None, None),
    ("its order cancelled", {"history_orders": (ended(state=2, volume_current=0.1),)}, REJECTED, REJECTED),
    ("its order rejected", {"history_orders": (ended(state=5, volume_current=0.1),)}, REJECTED, REJECTED),
    ("its order expired", {"history_orders": (ended(state=6, volume_current=0.1),)}, REJECTED, REJECTED),
    (
        "cancelled after a part, deals lagging",
        {"history_orders": (ended(state=2, volume_current=0.06),)},
        None,
        PARTIAL,
    ),
    (
        "cancelled after a part",
        {"history_orders": (ended(state=2, volume_current=0.06),), "deals": (deal(volume=0.04),)},
        PARTIAL,
        PARTIAL,
    ),
    ("another's order rejected", {"history_orders": (ended(state=5, magic=9),)}, None, NOT_EXECUTED),
]


@pytest.mark.parametrize(
    ("found", "first", "last"), [row[1:] for row in ENTRY_TABLE], ids=[row[0] for row in ENTRY_TABLE]
)
def test_what_is_seen_of_an_entry_decides_its_state(
    found: dict[str, Any], first: OrderState | None, last: OrderState | None
) -> None:
    for doubt, expected in ((EARLY, first), (LATE, last)):
        answer = resolve(record_of(), look(**found), doubt, NOW)

        assert (None if answer is None else answer.state) == expected


@pytest.mark.parametrize(
    ("looks", "age_ms", "proven"),
    [
        (CLEAN_LOOKS_MIN, HORIZON_MS, True),
        (CLEAN_LOOKS_MIN, HORIZON_MS - 1, False),
        (CLEAN_LOOKS_MIN - 1, HORIZON_MS * 9, False),
        (99, 0, False),
    ],
)
def test_absence_is_proven_by_enough_looks_and_enough_time_only(
    looks: int, age_ms: int, proven: bool
) -> None:
    answer = resolve(record_of(), look(), Doubt(looks, NOW - age_ms), NOW)

    assert proven == (answer is not None)


def test_the_facts_come_from_the_deals() -> None:
    deals = (deal(volume=0.04, price=1.1), deal(volume=0.06, price=1.101, ticket=802))

    answer = resolve(record_of(), look(deals=deals), EARLY, NOW + 5)

    assert answer is not None
    assert (answer.number, answer.ticket, answer.deal, answer.reason) == (1, 700, 801, "reconciled")
    assert answer.volume == pytest.approx(0.1)
    assert answer.price == pytest.approx(1.1006)
    assert (answer.sent_msc, answer.at_msc) == (NOW, NOW + 5)


def test_the_order_s_own_word_gives_the_volume_when_deals_never_show() -> None:
    answer = resolve(record_of(), look(history_orders=(ended(volume_current=0.07),)), LATE, NOW)

    assert answer is not None
    assert (answer.state, answer.ticket, answer.price) == (PARTIAL, 700, 0.0)
    assert answer.volume == pytest.approx(0.03)


def test_a_netting_position_that_holds_more_proves_the_order_and_no_more() -> None:
    position = make_position(volume=1.3, magic=MAGIC, price_open=1.097)

    answer = resolve(record_of(), look(positions=(position,)), EARLY, NOW)

    assert answer is not None
    assert (answer.state, answer.volume, answer.ticket, answer.price) == (FILLED, 0.1, 500, 1.097)


def test_a_close_is_found_by_its_own_deal_not_by_the_position_s_other_deals() -> None:
    record = record_of(IntentKind.CLOSE, position=500, sl=0.0)
    opening = deal(position_id=500, magic=77, comment="")
    closing = deal(position_id=500, side=Side.SELL, entry=1, ticket=803)
    by_hand = deal(position_id=500, side=Side.SELL, entry=1, magic=0, comment="")

    found = resolve(record, look(deals=(opening, closing)), EARLY, NOW)

    assert found is not None
    assert (found.state, found.ticket, found.deal) == (FILLED, 500, 803)
    assert resolve(record, look(deals=(opening, by_hand)), EARLY, NOW) is None


def test_a_close_whose_position_is_gone_without_our_deal_was_not_executed() -> None:
    record = record_of(IntentKind.CLOSE, position=500, sl=0.0)

    answer = resolve(record, look(), LATE, NOW)

    assert answer is not None
    assert (answer.state, answer.ticket) == (NOT_EXECUTED, 500)


def test_an_open_position_with_a_close_s_magic_is_no_proof_of_the_close() -> None:
    record = record_of(IntentKind.CLOSE, position=500, sl=0.0)
    held = make_position(magic=MAGIC)

    assert resolve(record, look(position=held, positions=(held,)), EARLY, NOW) is None


CHANGED = make_position(stop_loss=1.095, take_profit=1.12)
MODIFY_TABLE: list[tuple[str, dict[str, Any], OrderState | None, OrderState | None]] = [
    ("the stops as asked", {"position": CHANGED}, FILLED, FILLED),
    (
        "as asked but for a float's last bit",
        {"position": replace(CHANGED, stop_loss=1.0950000000000002)},
        FILLED,
        FILLED,
    ),
    ("as asked, link down", {"position": CHANGED, "connected": False}, FILLED, FILLED),
    ("the stop of before", {"position": make_position(take_profit=1.12)}, None, NOT_EXECUTED),
    (
        "the target of before",
        {"position": make_position(stop_loss=1.095, take_profit=1.13)},
        None,
        NOT_EXECUTED,
    ),
    ("a point beside", {"position": replace(CHANGED, stop_loss=1.09501)}, None, NOT_EXECUTED),
    ("the position gone", {}, None, NOT_EXECUTED),
    ("link down", {"connected": False}, None, None),
]


@pytest.mark.parametrize(
    ("found", "first", "last"), [row[1:] for row in MODIFY_TABLE], ids=[row[0] for row in MODIFY_TABLE]
)
def test_a_change_of_stops_is_judged_by_the_position_s_stops(
    found: dict[str, Any], first: OrderState | None, last: OrderState | None
) -> None:
    for doubt, expected in ((EARLY, first), (LATE, last)):
        answer = resolve(modify_record(), look(**found), doubt, NOW)

        assert (None if answer is None else answer.state) == expected


CANCEL_TABLE: list[tuple[str, dict[str, Any], OrderState | None, OrderState | None]] = [
    ("the order waits", {"orders": (make_pending(ticket=500),)}, None, NOT_EXECUTED),
    ("the order was cancelled", {"history_orders": (ended(ticket=500, state=2, magic=0),)}, FILLED, FILLED),
    (
        "the order filled first",
        {"history_orders": (ended(ticket=500, state=4, magic=0),)},
        REJECTED,
        REJECTED,
    ),
    (
        "the order expired first",
        {"history_orders": (ended(ticket=500, state=6, magic=0),)},
        REJECTED,
        REJECTED,
    ),
    (
        "another order was cancelled",
        {"history_orders": (ended(ticket=501, state=2, magic=0),)},
        None,
        NOT_EXECUTED,
    ),
    ("nothing", {}, None, NOT_EXECUTED),
    ("nothing, link down", {"connected": False}, None, None),
]


@pytest.mark.parametrize(
    ("found", "first", "last"), [row[1:] for row in CANCEL_TABLE], ids=[row[0] for row in CANCEL_TABLE]
)
def test_a_cancellation_is_judged_by_the_order_s_end(
    found: dict[str, Any], first: OrderState | None, last: OrderState | None
) -> None:
    for doubt, expected in ((EARLY, first), (LATE, last)):
        answer = resolve(cancel_record(), look(**found), doubt, NOW)

        assert (None if answer is None else answer.state) == expected


def test_what_to_look_for_is_the_request_s_magic_comment_instant_and_ticket() -> None:
    close = record_of(IntentKind.CLOSE, position=500)

    assert look_query(close) == LookQuery(MAGIC, "ai #1", NOW, 500)
    assert look_query(record_of()) == LookQuery(MAGIC, "ai #1", NOW, 0)


def test_a_crash_turns_what_was_being_sent_into_unknown() -> None:
    state = make_state()
    for number in (1, 2, 3):
        fold(state, sending_events(make_order(make_intent(number)), NOW + number))
    fold(state, [make_answer(2, OrderState.UNKNOWN), make_answer(3, OrderState.FILLED)])

    (answer,) = interrupt(state, NOW + 50)

    assert (answer.number, answer.state, answer.reason) == (1, OrderState.UNKNOWN, "restart")
    assert (answer.sent_msc, answer.at_msc) == (NOW + 1, NOW + 50)
    fold(state, [answer])
    assert interrupt(state, NOW + 60) == ()


def test_looks_that_count_span_the_time_a_terminal_needs_to_load_its_history() -> None:
    for clean_ms, proven in ((CLEAN_SPAN_MS - 1, False), (CLEAN_SPAN_MS, True)):
        doubt = Doubt(9, NOW - 9 * HORIZON_MS, NOW - clean_ms)

        assert proven == (resolve(record_of(), look(), doubt, NOW) is not None)


def test_a_close_whose_position_something_else_closed_says_what_did() -> None:
    record = record_of(IntentKind.CLOSE, position=500, sl=0.0)
    opening = deal(position_id=500, magic=77, comment="", ticket=790)
    stopped = deal(position_id=500, side=Side.SELL, entry=1, magic=77, comment="[sl]", ticket=804)

    gone = resolve(record, look(deals=(opening, stopped)), LATE, NOW)
    held = resolve(record, look(position=make_position(), deals=(opening,)), LATE, NOW)

    assert gone is not None
    assert held is not None
    assert (gone.state, gone.reason, gone.ticket) == (NOT_EXECUTED, "position_closed", 500)
    assert gone.detail.endswith("by deal 804")
    assert (held.state, held.reason) == (NOT_EXECUTED, "not_found")


def test_a_close_that_the_venue_rejected_is_rejected_though_the_position_is_gone() -> None:
    record = record_of(IntentKind.CLOSE, position=500, sl=0.0)
    rejected = ended(state=5, volume_current=0.1)

    answer = resolve(record, look(history_orders=(rejected,)), LATE, NOW)

    assert answer is not None
    assert answer.state is REJECTED


# What comes to light after the answer.


def answered_record(state: OrderState, told: float = 0.0, **request: Any) -> OrderRecord:
    record = record_of(**request)
    record.state = state
    record.answer = make_answer(1, state, volume=told)
    return record


WAITING = make_pending(type=0, magic=MAGIC, ticket=655)
PART = deal(volume=0.04)
PLACED = OrderState.PLACED
FOLLOW_TABLE: list[tuple[str, OrderState, dict[str, Any], float, OrderState | None]] = [
    # its state, what is seen, lots seen the time before, what is told
    ("nothing", NOT_EXECUTED, {}, 0.0, None),
    ("its deal", NOT_EXECUTED, {"deals": (deal(),)}, 0.0, FILLED),
    ("its deal, link down", NOT_EXECUTED, {"deals": (deal(),), "connected": False}, 0.0, FILLED),
    ("another's deal", NOT_EXECUTED, {"deals": (deal(magic=MAGIC + 1),)}, 0.0, None),
    ("its position", NOT_EXECUTED, {"positions": (make_position(volume=0.1, magic=MAGIC),)}, 0.0, FILLED),
    ("a part, for the first time", NOT_EXECUTED, {"deals": (PART,)}, 0.0, None),
    ("the same part again", NOT_EXECUTED, {"deals": (PART,)}, 0.04, PARTIAL),
    ("more than the time before", NOT_EXECUTED, {"deals": (PART,)}, 0.02, None),
    (
        "a part of an order that ended",
        NOT_EXECUTED,
        {"deals": (PART,), "history_orders": (ended(state=2, volume_current=0.06),)},
        0.0,
        PARTIAL,
    ),
    ("its order", NOT_EXECUTED, {"orders": (WAITING,)}, 0.0, PLACED),
    ("its order and a part", NOT_EXECUTED, {"orders": (WAITING,), "deals": (PART,)}, 0.0, None),
    ("its order, as told", PLACED, {"orders": (WAITING,)}, 0.0, None),
    ("nothing any more", PLACED, {}, 0.0, None),
    ("its deal", PLACED, {"deals": (deal(),)}, 0.0, FILLED),
    ("cancelled", PLACED, {"history_orders": (ended(state=2, volume_current=0.1),)}, 0.0, REJECTED),
    ("what was told", PARTIAL, {"deals": (PART,)}, 0.04, None),
    ("the rest", PARTIAL, {"deals": (PART, deal(volume=0.06, ticket=802))}, 0.04, FILLED),
    ("more of it, twice", PARTIAL, {"deals": (PART, deal(volume=0.02, ticket=802))}, 0.06, PARTIAL),
    ("less than was told", PARTIAL, {"deals": (deal(volume=0.01),)}, 0.01, None),
]


@pytest.mark.parametrize(
    ("state", "found", "before", "told"),
    [row[1:] for row in FOLLOW_TABLE],
    ids=[f"{row[1]}: {row[0]}" for row in FOLLOW_TABLE],
)
def test_what_shows_late_is_told_once_it_is_all_there_is(
    state: OrderState, found: dict[str, Any], before: float, told: OrderState | None
) -> None:
    record = answered_record(state, 0.04 if state is PARTIAL else 0.0)

    answer = follow(record, look(**found), before, NOW + 60_000)

    assert (None if answer is None else answer.state) == told


def test_a_part_is_told_at_once_where_the_rest_waits_by_the_order_s_own_terms() -> None:
    record = answered_record(NOT_EXECUTED, type_filling=FILLING_RETURN)

    answer = follow(record, look(orders=(WAITING,), deals=(PART,)), 0.0, NOW)

    assert answer is not None
    assert (answer.state, answer.volume) == (PARTIAL, 0.04)


def test_a_late_fill_is_told_with_its_facts_and_when_it_was_seen() -> None:
    answer = follow(answered_record(NOT_EXECUTED), look(deals=(deal(),)), 0.0, NOW + 90_000)

    assert answer is not None
    assert (answer.volume, answer.price, answer.ticket, answer.deal) == (0.1, 1.1002, 700, 801)
    assert (answer.reason, answer.at_msc) == ("late_fill", NOW + 90_000)
    assert answer.detail == "reported not executed before; seen at the venue 90 s after it was sent"


@pytest.mark.parametrize("kind", [IntentKind.MODIFY, IntentKind.CANCEL])
def test_a_change_leaves_no_mark_that_could_be_followed(kind: IntentKind) -> None:
    record = modify_record() if kind is IntentKind.MODIFY else cancel_record()
    record.state = NOT_EXECUTED
    changed = look(position=CHANGED, history_orders=(ended(ticket=500, state=2, magic=0),))

    assert follow(record, changed, 0.0, NOW) is None


def test_a_late_close_is_told_like_a_late_entry() -> None:
    record = record_of(IntentKind.CLOSE, position=500, sl=0.0)
    record.state = NOT_EXECUTED
    closing = deal(position_id=500, side=Side.SELL, entry=1, ticket=803)

    answer = follow(record, look(deals=(closing,)), 0.0, NOW)

    assert answer is not None
    assert (answer.state, answer.ticket, answer.deal) == (FILLED, 500, 803)


def test_a_part_is_over_once_its_order_has_ended_and_its_deals_are_all_seen() -> None:
    over = ended(state=2, volume_current=0.06)
    record = answered_record(PARTIAL, 0.04)

    assert is_over(record, look(deals=(PART,), history_orders=(over,)))
    assert not is_over(record, look(history_orders=(over,)))
    assert not is_over(record, look(deals=(PART,)))
    assert not is_over(record, look(deals=(PART,), history_orders=(over,), orders=(WAITING,)))
    assert not is_over(answered_record(NOT_EXECUTED), look(deals=(PART,), history_orders=(over,)))


def test_the_lots_that_a_look_shows_are_those_of_its_own_deals() -> None:
    assert volume_shown(record_of(), look(deals=(PART, deal(magic=MAGIC + 1)))) == 0.04


def test_an_order_waits_while_a_look_shows_it_at_the_venue() -> None:
    assert [True, False, False] == [
        waits(record_of(), look(orders=(WAITING,))),
        waits(record_of(), look(orders=(make_pending(),))),
        waits(record_of(), look(deals=(deal(),))),
    ]


# Whether the history can be believed.


def test_the_witness_is_the_newest_fill_of_the_last_day() -> None:
    state = make_state()
    for number, at_msc in ((1, NOW - 90_000_000), (2, NOW - 3_000), (3, NOW - 2_000), (4, NOW - 1_000)):
        fold(state, sending_events(make_order(make_intent(number)), at_msc))
    day_ms = 86_400_000
    assert find_witness(state, NOW, day_ms) is None
    fold(state, [make_answer(1, OrderState.FILLED, deal=11)])
    assert find_witness(state, NOW, day_ms) is None
    fold(state, [make_answer(2, OrderState.FILLED, deal=12), make_answer(3, OrderState.FILLED)])
    fold(state, [make_answer(4, OrderState.UNKNOWN)])

    witness = find_witness(state, NOW, day_ms)

    assert witness is state.orders[2]


def test_a_history_that_shows_the_witness_s_deal_is_believed() -> None:
    record = answered_record(FILLED)
    record.answer = make_answer(1, FILLED, deal=801)

    assert [True, True, False, False] == [
        shows(record, look(deals=(deal(magic=0),))),
        shows(record, look(deals=(deal(ticket=5),))),
        shows(record, look(deals=(deal(ticket=5, magic=0),))),
        shows(record, look()),
    ]


# A person must look.


def test_an_escalation_names_what_was_seen_and_what_to_look_for() -> None:
    entry, change = escalate(record_of(), "no trace of it", NOW), escalate(modify_record(), "nothing", NOW)

    assert (entry.state, entry.reason) == (OrderState.ESCALATED, "escalated")
    assert entry.detail == (
        "not known for 15 min or more; last look: no trace of it; look at the terminal's Trade and History "
        f"tabs for magic {MAGIC} or comment 'ai #1'; the bridge looks on and tells what it finds; "
        "EURUSD takes no entries until then"
    )
    assert "tabs for ticket 500" in change.detail


@pytest.mark.parametrize(
    ("found", "words"),
    [
        ({}, "no trace of it"),
        ({"connected": False}, "the terminal has no connection to the broker"),
        ({"orders": (WAITING,)}, "it still waits at the venue"),
        ({"deals": (PART,)}, "0.04 of 0.1 lots filled, not known to be all"),
    ],
)
def test_what_a_look_shows_can_be_said_to_a_person(found: dict[str, Any], words: str) -> None:
    assert words == describe(record_of(), look(**found))


def test_what_was_decided_on_by_half_expires_and_nothing_else_does() -> None:
    state = make_state()
    order = make_order(make_intent(2))
    fold(state, [IntentReceived(make_intent(1), "h"), IntentReceived(order.intent, "h")])
    fold(state, [OrderApproved(order, NOW)])
    fold(state, sending_events(make_order(make_intent(3))))

    events = abandon(state, NOW + 9)

    assert [(1, NOW + 9), (2, NOW + 9)] == [(event.number, event.at_msc) for event in events]
    fold(state, events)
    assert [OrderState.EXPIRED, OrderState.EXPIRED, OrderState.SENDING] == [
        state.orders[number].state for number in (1, 2, 3)
    ]
    assert abandon(state, NOW + 10) == ()


def test_a_close_that_one_request_was_too_small_for_is_found_to_have_closed_a_part() -> None:
    intent = make_intent(kind=IntentKind.CLOSE, ticket=500, volume=None)
    order = replace(make_order(intent, volume=0.1, position=500, type_filling=FILLING_RETURN), leaves=0.4)
    record = state_with(order).orders[1]

    found = resolve(record, look(deals=(deal(position_id=500, entry=1),)), EARLY, NOW)

    assert found is not None
    assert (found.state, found.volume) == (PARTIAL, 0.1)
    assert found.detail.startswith("0.4 lots of the position stay open")
