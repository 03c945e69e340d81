"""The lives of orders: whatever a journal holds is shown."""

from tests.core.builders import NOW, make_answer, make_intent, make_order, sending_events

from hybrid_bridge.core.events import (
    DuplicateReceived,
    Event,
    IntentExpired,
    IntentReceived,
    OrderRetried,
    PositionAdopted,
    PositionEnded,
)
from hybrid_bridge.core.market import Side
from hybrid_bridge.core.orders import Channel, OrderState, Source
from hybrid_bridge.journal.lives import lives_of
from hybrid_bridge.journal.reading import StoredEvent
from hybrid_bridge.journal.rows import row_of


def stored(events: list[Event]) -> list[StoredEvent]:
    rows = [row_of(event) for event in events]
    return [
        StoredEvent(seq, row.kind, row.number, row.at_msc, {}, event)
        for seq, (row, event) in enumerate(zip(rows, events, strict=True), 1)
    ]


def test_a_life_has_its_order_its_answer_and_its_position():
    order = make_order(make_intent(1))
    retried = make_order(make_intent(1), price=1.2)
    answer = make_answer(1, OrderState.FILLED, reason="done", at_msc=NOW + 9)
    events = [
        *sending_events(order),
        OrderRetried(retried, 10004, "requote", NOW + 5),
        answer,
        PositionAdopted(500, "EURUSD", Side.BUY, 0.1, 1.2, 1, NOW + 10),
        PositionEnded(500, NOW + 20),
    ]
    (life,) = lives_of(stored(events))
    assert (OrderState.FILLED, "done", 2, NOW) == (life.state, life.reason, life.attempts, life.sending_msc)
    assert (retried.request, answer, (500,)) == (life.request, life.answer, life.positions)
    assert (7, NOW + 20, NOW) == (len(life.events), life.last_msc, life.received_msc)


def test_other_peoples_positions_are_nobodys_life():
    adopted = PositionAdopted(500, "EURUSD", Side.BUY, 0.1, 1.2, 0, NOW)
    assert [] == lives_of(stored([adopted, PositionEnded(500, NOW)]))


def test_repetitions_of_a_forgotten_signal_are_shown_under_its_id():
    local = Source(Channel.LOCAL)
    events: list[Event] = [DuplicateReceived(3, "s-3", conflict, local, NOW) for conflict in (True, False)]
    (life,) = lives_of(stored(events))
    assert ("s-3", 2, 1, None, NOW) == (
        life.signal_id,
        life.duplicates,
        life.conflicts,
        life.intent,
        life.received_msc,
    )


def test_lives_are_in_the_order_of_their_numbers_and_keep_their_end():
    events = [
        IntentReceived(make_intent(2), "h"),
        IntentReceived(make_intent(1), "h"),
        IntentExpired(1, "late", NOW),
    ]
    one, two = lives_of(stored(events))
    assert (1, OrderState.EXPIRED, "late") == (one.number, one.state, one.detail)
    assert (2, OrderState.RECEIVED) == (two.number, two.state)
