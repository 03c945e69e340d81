"""Every answer as a whole: what is journaled and told of an order, field by field.

The other tests of replies and reconciliation ask which state follows; here no number, ticket, price, instant
or word of an answer can change unnoticed.
"""

from dataclasses import replace
from typing import Any

import pytest
from tests.core.builders import (
    DAY,
    MAGIC_BASE,
    NOW,
    SOURCE,
    fold,
    make_answer,
    make_appraisal,
    make_intent,
    make_limits,
    make_order,
    make_pending,
    make_position,
    make_report,
    make_signal,
    make_state,
    sending_events,
    state_with,
)

from hybrid_bridge.core import engine
from hybrid_bridge.core.account import Deal, HistoricOrder
from hybrid_bridge.core.account_watch import find_strays
from hybrid_bridge.core.appraisal import Findings, LookQuery
from hybrid_bridge.core.events import (
    Denial,
    DuplicateReceived,
    EquityPeakRaised,
    IntentDenied,
    IntentExpired,
    IntentReceived,
    OrderAnswered,
    OrderApproved,
    OrderRetried,
    OrderSending,
)
from hybrid_bridge.core.inputs import OrderAppraised, OrderReplied, SendWithheld
from hybrid_bridge.core.market import Side
from hybrid_bridge.core.orders import Answer, IntentKind, OrderState, SubmitOutcome
from hybrid_bridge.core.reconciliation import (
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
from hybrid_bridge.core.results import TradeResult, results_of
from hybrid_bridge.core.state import IllegalTransition, OrderRecord

MAGIC = make_magic(MAGIC_BASE, 1)
AT = NOW + 61_000
SETTLED = Doubt(clean_looks=2, since_msc=NOW, clean_since_msc=NOW)
NO_TRACE = "no trace in repeated looks over 20 s or more"
NOTHING = Findings(True, None, (), (), (), (), AT)
BLANK = OrderRecord(make_intent(ticket=500), "h-1", OrderState.UNKNOWN, sending_msc=NOW)


def sent(kind: IntentKind = IntentKind.ENTRY, **request: Any) -> OrderRecord:
    """Return an order of 0.1 EURUSD whose outcome is not known; commands are about ticket 500."""
    ticket = 0 if kind is IntentKind.ENTRY else 500
    return state_with(make_order(make_intent(kind=kind, ticket=ticket), **request)).orders[1]


def look(**found: Any) -> Findings:
    return replace(NOTHING, **found)


def deal(**changes: Any) -> Deal:
    base = Deal(801, 700, 700, "EURUSD", Side.BUY, 0, 0.1, 1.1002, 0.0, 0.0, 0.0, MAGIC, "", None)
    return replace(base, **changes)


def historic(**changes: Any) -> HistoricOrder:
    return replace(HistoricOrder(700, 700, "EURUSD", 2, 0.1, 0.1, MAGIC, ""), **changes)


def answered(state: OrderState, reason: str, detail: str = "", **changes: Any) -> OrderAnswered:
    base = OrderAnswered(1, state, 0, reason, detail, 0, 0, 0.0, 0.0, NOW, AT)
    return replace(base, **changes)


CLOSE, MODIFY, CANCEL = IntentKind.CLOSE, IntentKind.MODIFY, IntentKind.CANCEL
CHANGED = {"action": 6, "sl": 1.09, "tp": 1.12}
GONE = "position 500 is gone: closed by its stop, a person or another program"
RESOLVED: list[tuple[str, OrderRecord, Findings, OrderAnswered]] = [
    (
        "an entry's deal",
        sent(),
        look(deals=(deal(),)),
        answered(OrderState.FILLED, "reconciled", ticket=700, deal=801, volume=0.1, price=1.1002),
    ),
    (
        "an entry's position, before its deal",
        sent(),
        look(positions=(make_position(volume=0.1, magic=MAGIC, ticket=77),)),
        answered(OrderState.FILLED, "reconciled", ticket=77, volume=0.1, price=1.099),
    ),
    (
        "an entry's position, and a deal without lots",
        sent(),
        look(deals=(deal(volume=0.0),), positions=(make_position(volume=0.1, magic=MAGIC),)),
        answered(OrderState.FILLED, "reconciled", ticket=700, deal=801, volume=0.1, price=1.099),
    ),
    (
        "part of an entry, after the horizon",
        sent(),
        look(deals=(deal(volume=0.04),)),
        answered(
            OrderState.PARTIAL, "reconciled", ticket=700, deal=801, volume=0.04, price=pytest.approx(1.1002)
        ),
    ),
    (
        "an entry that the venue ended",
        sent(),
        look(history_orders=(historic(),)),
        answered(OrderState.REJECTED, "reconciled", ticket=700),
    ),
    ("nothing of an entry", sent(), NOTHING, answered(OrderState.NOT_EXECUTED, "not_found", NO_TRACE)),
    (
        "a close that the venue ended",
        sent(CLOSE),
        look(history_orders=(historic(),)),
        answered(OrderState.REJECTED, "reconciled", ticket=500),
    ),
    (
        "nothing of a close, its position open",
        sent(CLOSE),
        look(position=make_position()),
        answered(OrderState.NOT_EXECUTED, "not_found", NO_TRACE, ticket=500),
    ),
    (
        "nothing of a close, its position gone",
        sent(CLOSE),
        NOTHING,
        answered(OrderState.NOT_EXECUTED, "position_closed", GONE, ticket=500),
    ),
    (
        "a close that others came before",
        sent(CLOSE),
        look(
            deals=(
                deal(ticket=1, position_id=500, magic=9),
                deal(ticket=2, position_id=500, magic=9, entry=1, volume=0.1),
                deal(ticket=3, position_id=500, magic=9, entry=1, volume=0.1),
                deal(ticket=4, position_id=501, magic=9, entry=1),
            )
        ),
        answered(OrderState.NOT_EXECUTED, "position_closed", f"{GONE}, by deal 3", ticket=500),
    ),
    (
        "a change that holds",
        sent(MODIFY, **CHANGED),
        look(position=make_position(ticket=501)),
        answered(OrderState.FILLED, "reconciled", ticket=501),
    ),
    (
        "a change that does not hold",
        sent(MODIFY, **CHANGED),
        look(position=make_position(stop_loss=1.08)),
        answered(OrderState.NOT_EXECUTED, "stops_unchanged", NO_TRACE, ticket=500),
    ),
    (
        "a change of what is gone",
        sent(MODIFY, **CHANGED),
        NOTHING,
        answered(OrderState.NOT_EXECUTED, "position_closed", NO_TRACE, ticket=500),
    ),
    (
        "an order that was cancelled",
        sent(CANCEL, action=8),
        look(history_orders=(historic(ticket=500, magic=0),)),
        answered(OrderState.FILLED, "reconciled", ticket=500),
    ),
    (
        "an order that ended before it could be cancelled",
        sent(CANCEL, action=8),
        look(history_orders=(historic(ticket=500, magic=0, state=4),)),
        answered(OrderState.REJECTED, "order_ended_first", ticket=500),
    ),
    (
        "nothing of a cancellation",
        sent(CANCEL, action=8),
        NOTHING,
        answered(OrderState.NOT_EXECUTED, "not_found", NO_TRACE, ticket=500),
    ),
    (
        "an order of which only the intent is known",
        BLANK,
        NOTHING,
        answered(OrderState.NOT_EXECUTED, "not_found", NO_TRACE, ticket=500),
    ),
]


@pytest.mark.parametrize(
    ("record", "findings", "expected"), [row[1:] for row in RESOLVED], ids=[row[0] for row in RESOLVED]
)
def test_what_a_look_proves_is_told_in_full(
    record: OrderRecord, findings: Findings, expected: OrderAnswered
) -> None:
    assert resolve(record, findings, SETTLED, AT) == expected


@pytest.mark.parametrize(("stop_loss", "same"), [(1.09 * (1 + 9e-10), True), (1.09 * (1 + 2e-9), False)])
def test_stops_are_the_same_within_a_float_s_rounding_error(stop_loss: float, same: bool) -> None:
    answer = resolve(sent(MODIFY, **CHANGED), look(position=make_position(stop_loss=stop_loss)), SETTLED, AT)

    assert answer is not None
    assert same == (answer.state is OrderState.FILLED)


NOT_EXECUTED = make_answer(1, OrderState.NOT_EXECUTED)
LATE: list[tuple[str, OrderState, Findings, OrderAnswered]] = [
    (
        "a fill of what was not executed",
        OrderState.NOT_EXECUTED,
        look(deals=(deal(),)),
        answered(
            OrderState.FILLED,
            "late_fill",
            "reported not executed before; seen at the venue 61 s after it was sent",
            ticket=700,
            deal=801,
            volume=0.1,
            price=1.1002,
        ),
    ),
    (
        "what was not executed waits",
        OrderState.NOT_EXECUTED,
        look(orders=(make_pending(magic=MAGIC),)),
        answered(
            OrderState.PLACED,
            "still_waiting",
            "reported not executed before; seen at the venue 61 s after it was sent",
            ticket=900,
        ),
    ),
    (
        "more of a part",
        OrderState.PARTIAL,
        look(deals=(deal(volume=0.04), deal(ticket=802, volume=0.06, price=1.1012))),
        answered(
            OrderState.FILLED,
            "late_fill",
            "more of it; seen at the venue 61 s after it was sent",
            ticket=700,
            deal=801,
            volume=0.1,
            price=pytest.approx(1.1008),
        ),
    ),
    (
        "a part of what waited",
        OrderState.PLACED,
        look(deals=(deal(volume=0.04),), orders=(make_pending(magic=MAGIC),)),
        answered(
            OrderState.PARTIAL,
            "late_fill",
            "more of it; seen at the venue 61 s after it was sent",
            ticket=700,
            deal=801,
            volume=0.04,
            price=pytest.approx(1.1002),
        ),
    ),
    (
        "the end of what waited",
        OrderState.PLACED,
        look(history_orders=(historic(),)),
        answered(OrderState.REJECTED, "reconciled", ticket=700),
    ),
]


@pytest.mark.parametrize(
    ("at", "findings", "expected"), [row[1:] for row in LATE], ids=[row[0] for row in LATE]
)
def test_what_shows_late_is_told_in_full(at: OrderState, findings: Findings, expected: OrderAnswered) -> None:
    state = state_with(make_order(make_intent(), type_filling=FILLING_RETURN))
    fold(state, [make_answer(1, at, volume=0.04)])

    assert follow(state.orders[1], findings, 0.0, AT) == expected


def test_how_late_is_told_in_whole_seconds() -> None:
    state = fold(state_with(make_order(make_intent())), [NOT_EXECUTED])

    answer = follow(state.orders[1], look(deals=(deal(),)), 0.0, NOW + 7_200_000)

    assert answer is not None
    assert answer.detail.endswith("seen at the venue 7200 s after it was sent")


# What only looks


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        (sent(comment="ai #1"), LookQuery(MAGIC, "ai #1", NOW, 0)),
        (sent(CLOSE, comment=""), LookQuery(MAGIC, "", NOW, 500)),
        (BLANK, LookQuery(0, "", NOW, 500)),
    ],
)
def test_what_is_looked_for(record: OrderRecord, expected: LookQuery) -> None:
    assert look_query(record) == expected


def test_of_an_order_of_which_only_the_intent_is_known_nothing_can_be_seen() -> None:
    part = replace(BLANK, state=OrderState.PARTIAL)
    all_of_it = look(deals=(deal(),), history_orders=(historic(volume_current=0.0),))

    assert volume_shown(BLANK, all_of_it) == 0.0
    assert not waits(BLANK, look(orders=(make_pending(magic=MAGIC),)))
    assert not is_over(part, all_of_it)
    assert follow(part, all_of_it, 0.0, AT) is None
    assert describe(BLANK, all_of_it) == "it cannot be told from what the terminal shows"


def test_of_a_change_the_terminal_shows_no_mark() -> None:
    told = describe(sent(MODIFY, **CHANGED), look(deals=(deal(),)))

    assert told == "it cannot be told from what the terminal shows"


LOOKS_ON = "the bridge looks on and tells what it finds"
UNTIL = "EURUSD takes no entries until then"
WHERE = "look at the terminal's Trade and History tabs for"
LONG = "not known for 15 min or more; last look: no trace of it"


@pytest.mark.parametrize(
    ("record", "ticket", "told"),
    [
        (sent(comment="ai #1"), 0, [LONG, f"{WHERE} magic {MAGIC} or comment 'ai #1'", LOOKS_ON, UNTIL]),
        (sent(MODIFY, **CHANGED), 500, [LONG, f"{WHERE} ticket 500", LOOKS_ON, UNTIL]),
        (BLANK, 500, [LONG, f"{WHERE} ticket 500", LOOKS_ON, UNTIL]),
        (replace(BLANK, intent=make_intent(symbol="")), 0, [LONG, f"{WHERE} ", LOOKS_ON]),
    ],
)
def test_an_escalation_says_what_is_known_and_where_to_look(
    record: OrderRecord, ticket: int, told: list[str]
) -> None:
    expected = answered(OrderState.ESCALATED, "escalated", "; ".join(told), ticket=ticket)

    assert escalate(record, "no trace of it", AT) == expected


def test_a_restart_tells_what_it_found_half_done() -> None:
    state = fold(make_state(), sending_events(make_order(make_intent())))
    fold(state, [IntentReceived(make_intent(2), "h-2")])

    assert interrupt(state, AT) == (
        answered(OrderState.UNKNOWN, "restart", "the bridge stopped while sending"),
    )
    half = "the bridge stopped before it was sent, and what it was judged on is out of date"
    assert abandon(state, AT) == (IntentExpired(2, half, AT),)


@pytest.mark.parametrize(("age_ms", "found"), [(1_000, True), (1_001, False)])
def test_a_witness_is_an_order_of_the_time_that_the_look_covers(age_ms: int, found: bool) -> None:
    filled = make_answer(1, OrderState.FILLED, deal=801)
    state = fold(make_state(), [*sending_events(make_order(make_intent())), filled])

    assert found == (find_witness(state, NOW + age_ms, 1_000) is not None)


def test_a_witness_shows_by_its_deal_or_its_magic() -> None:
    state = fold(make_state(), sending_events(make_order(make_intent())))
    record = state.orders[1]
    unanswered = look(deals=(deal(ticket=0, magic=9), deal(ticket=1, magic=9)))

    assert shows(record, look(deals=(deal(ticket=5),)))
    assert not shows(replace(record, answer=make_answer(1, OrderState.FILLED, deal=801)), unanswered)
    assert shows(replace(record, answer=make_answer(1, OrderState.FILLED, deal=1)), unanswered)
    assert not shows(replace(record, order=None), look(deals=(deal(magic=0), deal(magic=1))))
    assert not shows(record, look(deals=(deal(ticket=1, magic=9),)))


# Replies


def test_an_order_that_was_withheld_is_answered_in_full() -> None:
    assert engine.withhold(SendWithheld(4, "expiry", "12 ms too late", AT)) == (
        OrderAnswered(4, OrderState.NOT_EXECUTED, 0, "expiry", "12 ms too late", 0, 0, 0.0, 0.0, 0, AT),
    )


def test_a_close_of_what_was_closed_before_is_answered_in_full() -> None:
    close = make_intent(kind=CLOSE, ticket=500)
    state = fold(make_state(), sending_events(make_order(close, position=500)))
    outcome = SubmitOutcome(Answer.NO, 10036, detail="Position with the specified ticket not found")

    assert engine.answer(state, OrderReplied(1, outcome, NOW + 1, AT)) == (
        OrderAnswered(
            1,
            OrderState.FILLED,
            10036,
            "position_closed",
            "the position was closed before: by its stop, by hand or by another order",
            500,
            0,
            0.0,
            0.0,
            NOW + 1,
            AT,
        ),
    )


def test_a_retry_is_only_of_an_order_that_is_being_sent() -> None:
    order = make_order(make_intent())

    with pytest.raises(IllegalTransition, match=r"^intent 1 is not known, cannot be sent once more$"):
        fold(make_state(), [OrderRetried(order, 10004, "requote", NOW)])
    with pytest.raises(IllegalTransition, match=r"^intent 1 is unknown, cannot be sent once more$"):
        fold(state_with(order), [OrderRetried(order, 10004, "requote", NOW)])


# What senders are told


def test_a_signal_that_is_denied_or_late_is_journaled_as_it_came() -> None:
    received = IntentReceived(make_intent(1, signal_id="s-1"), "h-1")
    off = make_limits(trading_enabled=False)
    why = Denial("trading_state", "a running bridge", "stopping", "")

    denied = engine.receive(make_state(), off, make_signal(), NOW)
    late = engine.receive(make_state(), make_limits(), make_signal(), NOW + 5_250)
    refused = engine.refuse(make_state(), make_limits(), make_signal(), why, NOW)

    assert (denied[0], late[0], refused[0]) == (received, received, received)
    assert isinstance(denied[1], IntentDenied)
    assert denied[1].at_msc == NOW
    assert refused[1] == IntentDenied(1, (why,), NOW)


def test_an_answer_is_told_with_what_was_asked_for() -> None:
    state = state_with(make_order(make_intent(volume=0.25)))

    (result,) = results_of(state, (make_answer(1, OrderState.FILLED, volume=0.25),))

    assert (result.requested_volume, result.volume) == (0.25, 0.25)


@pytest.mark.parametrize(
    ("conflict", "reason", "detail"),
    [
        (False, "duplicate_signal", "already received; it ended long ago"),
        (True, "conflict", "the id came before with another content; it ended long ago"),
    ],
)
def test_a_duplicate_of_what_is_forgotten_is_told_in_full(conflict: bool, reason: str, detail: str) -> None:
    duplicate = DuplicateReceived(3, "old", conflict, SOURCE, AT)

    (result,) = results_of(make_state(), (duplicate,))

    assert result == TradeResult(
        signal_id="old",
        status="duplicate",
        symbol="",
        action="",
        requested_volume=None,
        volume=0.0,
        price=0.0,
        ticket=0,
        retcode=0,
        reason=reason,
        detail=detail,
        received_msc=AT,
        sent_msc=0,
        done_msc=AT,
        key=f"old:duplicate:{AT}",
    )


def test_strays_are_found_among_the_adopted_only() -> None:
    report = make_report(positions=(make_position(magic=MAGIC),))

    assert find_strays(make_limits(), (EquityPeakRaised(1.0, NOW),), report) == []


def test_a_decision_on_the_terminal_s_facts_is_journaled_in_full() -> None:
    facts = make_appraisal()
    case = OrderAppraised(make_signal(), facts, None, "", NOW + 40)
    crossed = OrderAppraised(make_signal(), make_appraisal(quote=None), None, "", NOW + 40)

    _, approved, sending = engine.judge_appraised(make_state(), make_limits(), case)
    _, denied = engine.judge_appraised(make_state(), make_limits(), crossed)

    assert isinstance(approved, OrderApproved)
    assert isinstance(denied, IntentDenied)
    assert (approved.at_msc, sending) == (NOW + 40, OrderSending(1, DAY, NOW + 40))
    assert (denied.number, denied.at_msc) == (1, NOW + 40)


@pytest.mark.parametrize(
    ("looks", "waited_ms", "clean_ms", "settled"),
    [
        (2, 20_000, 10_000, True),
        (1, 20_000, 10_000, False),
        (2, 19_999, 10_000, False),
        (2, 20_000, 9_999, False),
    ],
)
def test_nothing_is_taken_for_not_executed_before_two_looks_ten_seconds_and_the_horizon(
    looks: int, waited_ms: int, clean_ms: int, settled: bool
) -> None:
    doubt = Doubt(looks, AT - waited_ms, AT - clean_ms)

    assert settled == (resolve(sent(), NOTHING, doubt, AT) is not None)
    assert settled == (resolve(BLANK, NOTHING, doubt, AT) is not None)
    assert resolve(sent(), look(connected=False), doubt, AT) is None


# What is left of a position that one request was too small for

SHORT = (
    "0.3 lots of the position stay open: at most 0.1 lots of EURUSD in one order; close it again for the rest"
)


def too_large() -> OrderRecord:
    """Return a close of all, of 0.1 lots, that leaves 0.3 open."""
    close = make_intent(kind=CLOSE, ticket=500, volume=None)
    return state_with(replace(make_order(close, position=500), leaves=0.3)).orders[1]


def test_a_close_that_leaves_a_rest_says_how_much() -> None:
    whole = resolve(too_large(), look(deals=(deal(entry=1),)), SETTLED, AT)
    part = resolve(too_large(), look(deals=(deal(entry=1, volume=0.04),)), SETTLED, AT)

    assert whole is not None
    assert part is not None
    assert (whole.state, whole.detail, whole.volume) == (OrderState.PARTIAL, SHORT, 0.1)
    assert (part.state, part.detail, part.volume) == (OrderState.PARTIAL, "", 0.04)


def test_a_late_close_that_leaves_a_rest_says_both() -> None:
    record = replace(too_large(), state=OrderState.NOT_EXECUTED)

    answer = follow(record, look(deals=(deal(entry=1),)), 0.0, AT)

    assert answer is not None
    late = "reported not executed before; seen at the venue 61 s after it was sent"
    assert (answer.state, answer.detail) == (OrderState.PARTIAL, f"{late}; {SHORT}")
