"""Exports: every field of every kind has its column."""

import csv

from hybrid_bridge.journal.export import event_csv, event_records, json_lines, order_csv
from hybrid_bridge.journal.reading import StoredEvent


def test_columns_name_every_field_by_its_path():
    (events,) = csv.reader(event_csv([]))
    (orders,) = csv.reader(order_csv([]))
    for column in (
        "intent.source.record_msc",
        "order.quote.time_msc",
        "denials",
        "server_day",
        "cancel_orders",
    ):
        assert column in events
    for column in ("number", "state", "intent.received", "answer.price", "request.magic", "quote.bid"):
        assert column in orders
    assert "events" not in orders


def test_what_cannot_be_read_is_exported_as_it_stands():
    stored = StoredEvent(1, "Odd", None, 0, {"unreadable": "{"}, None)
    assert ['{"seq":1,"event":"Odd","number":null,"at":null,"at_msc":0,"unreadable":"{"}\n'] == list(
        json_lines(event_records([stored]))
    )
    head, row = csv.reader(event_csv([stored]))
    assert "{" == row[head.index("unreadable")]
