"""The log lines that people search for, each with its signal's id."""

from dataclasses import replace

import pytest
from structlog.testing import capture_logs
from tests.core.builders import MAGIC_BASE, make_limits, make_position, make_report

from hybrid_bridge.core.events import (
    BrokerDayOpened,
    EntrySettled,
    EquityPeakRaised,
    EquityPeakReset,
    Event,
    FundsMoved,
    LimitsRestored,
    LimitsTightened,
    PositionAdopted,
    PositionChanged,
    PositionEnded,
    TradeClosed,
    TradingState,
    TradingStateChanged,
)
from hybrid_bridge.core.inputs import AccountObserved
from hybrid_bridge.core.market import Side
from hybrid_bridge.core.orders import Channel, Source
from hybrid_bridge.core.requests import make_magic
from hybrid_bridge.core.results import STATUS_OF_STATE, TradeResult
from hybrid_bridge.execution.announcements import announce_event, announce_result, announce_strays

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


def test_a_stop_is_announced_with_what_it_will_do_to_the_account():
    stop = TradingStateChanged(TradingState.HALTED, "why", Source(Channel.LOCAL), True, 1, True, False)
    with capture_logs() as logged:
        announce_event(stop)
    assert (True, False) == (logged[0]["close_positions"], logged[0]["cancel_orders"])


def test_an_outcome_that_stays_unknown_is_told_apart():
    titles = [line(replace(FILLED, status="unknown", reason=reason))["event"] for reason in ("", "escalated")]
    assert ["Order outcome unknown, asking the terminal", "Order outcome still unknown"] == titles


@pytest.mark.parametrize(("number", "level"), [(0, "info"), (7, "debug")])
def test_a_position_of_somebody_else_is_announced_and_our_own_only_for_those_who_debug(number, level):
    with capture_logs() as logged:
        announce_event(PositionAdopted(500, "EURUSD", Side.BUY, 0.5, 1.1, number, 1))
    (said,) = logged
    assert ("Position adopted", level, 500) == (said["event"], said["log_level"], said["ticket"])
    assert (number == 0) == ("external" in said)


def test_what_becomes_of_a_position_is_announced():
    with capture_logs() as logged:
        announce_event(PositionChanged(500, Side.SELL, 0.3, 1.1, 1))
        announce_event(PositionEnded(500, 2))
    assert [("Position changed", 500), ("Position ended", 500)] == [
        (said["event"], said["ticket"]) for said in logged
    ]


def test_a_position_with_our_mark_that_we_did_not_open_is_warned_of_with_what_to_do():
    stray = make_position(ticket=501, magic=make_magic(MAGIC_BASE, 9))
    report = make_report(positions=(make_position(), stray))
    adopted = tuple(PositionAdopted(ticket, "EURUSD", Side.BUY, 0.5, 1.1, 0, 1) for ticket in (500, 501))
    with capture_logs() as logged:
        announce_strays(make_limits(), adopted, AccountObserved(report))
        announce_strays(make_limits(), (), AccountObserved(report))
    (said,) = logged
    assert ("warning", 501) == (said["log_level"], said["ticket"])
    assert "give each its own MT5_MAGIC" in said["advice"]
    assert "STATE_DIR" in said["advice"]


def test_limits_that_change_are_told_with_who_and_why():
    limits = (("max_risk_percent", 1.0), ("trading_enabled", 0.0))
    with capture_logs() as logged:
        announce_event(LimitsTightened(limits, "news", Source(Channel.WEBSOCKET), 1))
        announce_event(LimitsRestored("calm", Source(Channel.LOCAL), 2))
    assert [
        {
            "event": "Limits tightened",
            "log_level": "warning",
            "MAX_RISK_PERCENT": "1",
            "TRADING_ENABLED": "false",
            "reason": "news",
            "by": "websocket",
        },
        {"event": "Limits restored", "log_level": "warning", "reason": "calm", "by": "local"},
    ] == logged


LOCAL = Source(Channel.LOCAL)


def latched(state: TradingState, breach: str, close: bool = False) -> TradingStateChanged:
    return TradingStateChanged(state, "why", LOCAL, close, 1, close_positions=close, breach=breach)


@pytest.mark.parametrize(
    ("event", "level", "words", "says"),
    [
        (
            latched(TradingState.REDUCING, "daily_loss"),
            "error",
            "LOSS LIMIT BROKEN, only what reduces is permitted",
            {"limit": "daily_loss", "reason": "why", "mend": "entries resume on the broker's next day"},
        ),
        (
            latched(TradingState.REDUCING, "drawdown"),
            "error",
            "LOSS LIMIT BROKEN, only what reduces is permitted",
            {"limit": "drawdown"},
        ),
        (
            latched(TradingState.REDUCING, "margin"),
            "error",
            "LOSS LIMIT BROKEN, only what reduces is permitted",
            {"limit": "margin"},
        ),
        (
            latched(TradingState.HALTED, "drawdown", close=True),
            "error",
            "LOSS LIMIT BROKEN, everything is closed",
            {"limit": "drawdown", "mend": "look, then type `hybrid-bridge resume`"},
        ),
        (FundsMoved(5, 100.0, True, 1), "info", "Money paid in", {"amount": 100.0}),
        (FundsMoved(5, -100.0, False, 1), "info", "Money paid out", {"amount": -100.0}),
        (FundsMoved(5, -100.0, False, 1, peak=False), "debug", "Payment of before known", {}),
        (EquityPeakReset(9.0, 1), "warning", "Drawdown is measured anew", {"equity": 9.0}),
        (TradeClosed((1,), 7, "EURUSD", 8, -5.0, 1, 1, 1), "info", "Trade lost", {"profit": -5.0}),
        (TradeClosed((1,), 7, "EURUSD", 8, 0.0, 1, 1, 1), "info", "Trade closed", {"profit": 0.0}),
        (EntrySettled(1, None, 0, 1), "debug", "Entry settled", {"intent": 1}),
    ],
)
def test_what_is_lost_and_paid_is_said_in_words_that_a_trader_understands(
    event: Event, level: str, words: str, says: dict[str, object]
) -> None:
    with capture_logs() as logged:
        announce_event(event)

    (said,) = logged
    assert (words, level) == (said["event"], said["log_level"])
    assert says.items() <= said.items()
