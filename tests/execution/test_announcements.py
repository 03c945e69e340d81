"""The log lines that people search for, each with its signal's id."""

from dataclasses import replace

import pytest
from structlog.testing import capture_logs

from hybrid_bridge.core.events import BrokerDayOpened, EquityPeakRaised, TradingState, TradingStateChanged
from hybrid_bridge.core.orders import Channel, Source
from hybrid_bridge.core.results import STATUS_OF_STATE, TradeResult
from hybrid_bridge.execution.announcements import announce_event, announce_result

FILLED = TradeResult("s-1", "filled", "EURUSD", "BUY", 0.1, 0.1, 1.1, 77, 10009, "", "", 1, 2, 3)


def line(result: TradeResult) -> dict[str, object]:
    with capture_logs() as logged:
        announce_result(result)
    (only,) = logged
    return dict(only)


@pytest.mark.parametrize(
    ("action", "expected"),
    [
        ("BUY", "Order placed"),
        ("SELL", "Order placed"),
        ("CLOSE", "Position closed"),
        ("MODIFY", "Position modified"),
        ("CANCEL", "Order cancelled"),
    ],
)
def test_what_was_done_is_said_in_the_words_people_search_for(action, expected):
    said = line(replace(FILLED, action=action))
    assert (expected, "info", "s-1", 77) == (said["event"], said["log_level"], said["signal"], said["ticket"])


@pytest.mark.parametrize("status", sorted({*STATUS_OF_STATE.values(), "denied", "expired", "duplicate"}))
def test_every_status_is_announced_with_its_signal(status):
    said = line(replace(FILLED, status=status, reason="why"))
    assert ("s-1", "why") == (said["signal"], said["reason"])
    done, doubtful = status in ("filled", "partial", "placed"), status == "unknown"
    assert ("info" if done else "error" if doubtful else "warning") == said["log_level"]


def test_what_is_not_known_is_left_out():
    said = line(
        replace(FILLED, status="denied", volume=0.0, requested_volume=None, price=0.0, ticket=0, retcode=0)
    )
    assert {"event", "log_level", "signal", "symbol", "action"} == set(said)


@pytest.mark.parametrize(
    ("state", "emergency", "expected"),
    [
        (TradingState.HALTED, True, ("EMERGENCY STOP", "error")),
        (TradingState.HALTED, False, ("Trading halted", "error")),
        (TradingState.ACTIVE, False, ("Trading resumed", "warning")),
    ],
)
def test_the_latch_is_announced(state, emergency, expected):
    with capture_logs() as logged:
        announce_event(TradingStateChanged(state, "why", Source(Channel.LOCAL), emergency, 1))
    assert [expected] == [(said["event"], said["log_level"]) for said in logged]
    assert ("why", "local") == (logged[0]["reason"], logged[0]["by"])


def test_other_events_are_for_those_who_debug():
    with capture_logs() as logged:
        announce_event(BrokerDayOpened(1, 2.0, 3))
        announce_event(EquityPeakRaised(2.0, 3))
    assert [("Broker day opened", "info"), ("EquityPeakRaised", "debug")] == [
        (said["event"], said["log_level"]) for said in logged
    ]
