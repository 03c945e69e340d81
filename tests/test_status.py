"""What the bridge says of itself, out of the figures that its parts keep."""

import json

import pytest
from tests.core.builders import (
    make_account,
    make_intent,
    make_order,
    make_position,
    make_report,
    state_with,
)

from hybrid_bridge import __version__
from hybrid_bridge.core.events import TradingState
from hybrid_bridge.core.market import Side
from hybrid_bridge.core.state import EngineState, HeldPosition
from hybrid_bridge.figures import ExecutorFigures
from hybrid_bridge.status import StatusBoard


@pytest.fixture
def board() -> StatusBoard:
    return StatusBoard(EngineState(), ExecutorFigures())


def test_a_board_that_nothing_is_attached_to_is_starting_and_complete(board):
    status = board.bridge_status()
    assert ("starting", "active", "", False) == (
        status["state"],
        status["trading_state"],
        status["reason"],
        status["emergency_stop"],
    )
    assert {"bridge": __version__} == status["versions"]
    assert {} == status["channels"]
    json.dumps(status)


def test_the_state_is_read_when_it_is_asked_for(board):
    board.phase = "running"
    before = board.bridge_status()
    board.phase = "stopping"
    board.state.trading = TradingState.HALTED
    board.state.emergency = True
    after = board.bridge_status()
    assert ("running", "active", False) == (
        before["state"],
        before["trading_state"],
        before["emergency_stop"],
    )
    assert ("stopping", "halted", True) == (after["state"], after["trading_state"], after["emergency_stop"])


def test_the_reason_for_which_no_entry_is_accepted_is_asked_for_each_time(board):
    reasons = iter(["recovering: no terminal", ""])
    board.why_no_entries = lambda: next(reasons)
    assert ["recovering: no terminal", ""] == [board.bridge_status()["reason"] for _ in range(2)]


def test_every_channel_is_told_with_all_it_has_to_say(board):
    board.channels = {
        "terminal": lambda: {"state": "up", "shared": False},
        "websocket": lambda: {"state": "down", "error": "refused"},
    }
    assert {
        "terminal": {"state": "up", "shared": False},
        "websocket": {"state": "down", "error": "refused"},
    } == board.bridge_status()["channels"]


def test_counters_are_those_of_the_executor_the_engine_and_the_parts(board):
    board.figures.received.update(websocket=2, redpanda=1)
    board.figures.statuses.update(filled=3)
    board.figures.malformed = 4
    board.counters = {"ticks_published": lambda: 5}
    board.figures.retried = 7
    board.state.daily_entries = 6
    board.state.positions = {
        ticket: HeldPosition(ticket, "EURUSD", Side.BUY, 0.1, 1.1, number)
        for ticket, number in ((1, 0), (2, 5), (3, 0))
    }
    assert {
        "signals": {"websocket": 2, "redpanda": 1},
        "results": {"filled": 3},
        "malformed": 4,
        "daily_entries": 6,
        "retried": 7,
        "in_doubt": 0,
        "watched": 0,
        "positions_external": 2,
        "ticks_published": 5,
    } == board.bridge_status()["counters"]


def test_what_the_guard_says_of_itself_is_told_under_its_names(board):
    board.guard = {"limits": lambda: {"MAX_VOLUME": 1.0}, "portfolio": lambda: None}
    status = board.bridge_status()
    assert ({"MAX_VOLUME": 1.0}, None) == (status["limits"], status["portfolio"])


def test_a_status_once_given_does_not_change_with_the_figures(board):
    board.figures.received.update(websocket=1)
    status = board.counted()
    board.figures.received.update(websocket=1)
    assert {"websocket": 1} == status["signals"]


def test_orders_in_doubt_are_counted():
    state = state_with(make_order(make_intent(1)), make_order(make_intent(2)))
    assert 2 == StatusBoard(state, ExecutorFigures()).counted()["in_doubt"]


def test_the_status_line_tells_the_essentials_before_the_account_was_seen(board):
    board.figures.received.update(websocket=2, redpanda=1)
    board.figures.statuses.update(rejected=1, filled=2)
    board.channels = {"terminal": lambda: {"state": "down", "shared": False}}
    board.counters = {"ticks_published": lambda: 7, "orders_waiting": lambda: 8}
    assert {
        "trading": "active",
        "signals": 3,
        "results": "filled:2 rejected:1",
        "terminal": "down",
        "ticks_published": 7,
    } == board.line(None)


def test_the_status_line_shows_equity_and_positions_once_they_are_known(board):
    report = make_report(account=make_account(equity=10_012.3456), positions=(make_position(),))
    line = board.line(report)
    assert (1, 10_012.35) == (line["positions"], line["equity"])


def test_what_an_emergency_stop_still_has_to_do_is_told(board):
    assert board.bridge_status()["clearing"] is None
    board.clearing = lambda: {"positions_left": 2}
    assert {"positions_left": 2} == board.bridge_status()["clearing"]
