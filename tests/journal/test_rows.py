"""An event as a row, and back: what is searched for stands beside the body."""

import pytest
from tests.core.builders import NOW, make_answer, make_intent, make_order

from hybrid_bridge.core import events
from hybrid_bridge.core.events import (
    BrokerDayOpened,
    EntrySettled,
    IntentReceived,
    OrderApproved,
    OrderRetried,
    PositionAdopted,
    PositionChanged,
    PositionEnded,
    TradeClosed,
)
from hybrid_bridge.core.market import Side
from hybrid_bridge.core.orders import OrderState
from hybrid_bridge.errors import RecoveryRefused
from hybrid_bridge.journal.rows import KINDS, checksum_of, event_of, row_of, spell_out

ORDER = make_order(make_intent(7))


def test_every_kind_of_event_has_its_name_in_the_journal():
    assert {kind.__name__: kind for kind in events.Event.__args__} == KINDS


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        (IntentReceived(make_intent(7, received_msc=5), "h"), (7, None, 5)),
        (OrderApproved(ORDER, 6), (7, None, 6)),
        (OrderRetried(ORDER, 10004, "requote", 7), (7, None, 7)),
        (make_answer(7, OrderState.FILLED, ticket=500), (7, None, NOW)),
        (PositionAdopted(500, "EURUSD", Side.BUY, 0.1, 1.1, 7, 8), (7, 500, 8)),
        (PositionAdopted(500, "EURUSD", Side.BUY, 0.1, 1.1, 0, 8), (None, 500, 8)),
        (PositionChanged(500, Side.SELL, 0.1, 1.1, 9), (None, 500, 9)),
        (PositionEnded(500, 10), (None, 500, 10)),
        (BrokerDayOpened(1, 2.0, 11), (None, None, 11)),
        (TradeClosed((7,), 500, "EURUSD", 801, -1.0, 5, 1, 12), (None, None, 12)),
        (EntrySettled(7, -1.0, 801, 13), (7, None, 13)),
    ],
)
def test_a_row_names_the_intent_the_position_and_the_instant(event, expected):
    row = row_of(event)
    assert expected == (row.number, row.position, row.at_msc)
    assert (type(event).__name__, checksum_of(row.kind, row.body)) == (row.kind, row.checksum)
    assert event == event_of(1, row.kind, row.body)


def test_the_checksum_tells_kinds_and_bodies_apart():
    assert 3 == len({checksum_of("A", "{}"), checksum_of("B", "{}"), checksum_of("A", "{ }")})


@pytest.mark.parametrize(
    ("kind", "body"), [("OrderTeleported", "{}"), ("PositionEnded", "{}"), ("PositionEnded", "{")]
)
def test_what_cannot_be_read_is_named(kind, body):
    with pytest.raises(RecoveryRefused, match=rf"journal event 3 \({kind}\) cannot be read.*use the bridge"):
        event_of(3, kind, body)


def test_numbers_without_a_sign_in_json_are_spelt_out_at_any_depth():
    value = {"a": [float("inf"), {"b": (float("nan"), 1.5)}], "c": "x"}
    assert {"a": ["inf", {"b": ["nan", 1.5]}], "c": "x"} == spell_out(value)
