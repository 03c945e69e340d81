"""The journal's contract: what is once written can be read for ever."""

from dataclasses import fields

from hybrid_bridge.core import events, market, orders

# Names and fields as journals in the field have them. A line may grow; nothing may ever be taken away.
WRITTEN: dict[type, str] = {
    events.IntentReceived: "intent payload_hash",
    events.IntentDenied: "number denials at_msc",
    events.IntentExpired: "number detail at_msc",
    events.DuplicateReceived: "number signal_id conflict source at_msc",
    events.OrderApproved: "order at_msc",
    events.OrderSending: "number server_day at_msc",
    events.OrderAnswered: "number state retcode reason detail ticket deal volume price sent_msc at_msc",
    events.TradingStateChanged: "state reason source emergency at_msc",
    events.BrokerDayOpened: "server_day equity at_msc",
    events.EquityPeakRaised: "equity at_msc",
    events.Denial: "check limit observed detail",
    orders.Source: "channel topic partition offset",
    orders.Intent: "number kind signal_id source symbol side volume stop_loss take_profit price ticket "
    "comment received_msc created_msc expires_msc",
    orders.ApprovedOrder: "intent request quote risk_money",
    orders.OrderRequest: "action symbol volume price sl tp deviation type type_filling type_time magic order "
    "position comment",
    market.Quote: "symbol bid ask time_msc",
}


def test_no_field_that_was_ever_written_is_gone() -> None:
    for kind, names in WRITTEN.items():
        present = {field.name for field in fields(kind)}

        assert set(names.split()) <= present, kind.__name__


def test_every_event_is_listed_under_the_name_it_is_written_under() -> None:
    assert {kind.__name__ for kind in events.Event.__args__} == {
        "IntentReceived",
        "IntentDenied",
        "IntentExpired",
        "DuplicateReceived",
        "OrderApproved",
        "OrderSending",
        "OrderRetried",
        "OrderAnswered",
        "TradingStateChanged",
        "AccountCleared",
        "PositionAdopted",
        "PositionChanged",
        "PositionEnded",
        "BrokerDayOpened",
        "EquityPeakRaised",
        "EquityPeakReset",
        "FundsMoved",
        "TradeClosed",
        "EntrySettled",
        "LimitsTightened",
        "LimitsRestored",
    }


def test_states_keep_their_written_names() -> None:
    assert {state.value for state in orders.OrderState} == {
        "received",
        "denied",
        "expired",
        "approved",
        "sending",
        "filled",
        "partial",
        "placed",
        "rejected",
        "unknown",
        "not_executed",
        "escalated",
    }
    assert {state.value for state in events.TradingState} == {"active", "reducing", "halted"}
    assert {kind.value for kind in orders.IntentKind} == {"entry", "close", "modify", "cancel"}
    assert {channel.value for channel in orders.Channel} == {"redpanda", "websocket", "local"}
