"""Which fault hits which call, and how faults are worded."""

from typing import Any

import pytest

from hybrid_bridge.simulator.faults import SWITCHES, FaultBoard, FaultError
from hybrid_bridge.simulator.wire import Command


def hits(board: FaultBoard, calls: int, command: Command = Command.ORDER_SEND) -> list[Any]:
    taken = [board.take(command) for _ in range(calls)]
    return [fault and fault.kind for fault in taken]


def test_no_fault_hits_nothing() -> None:
    board = FaultBoard()
    assert hits(board, 2) == [None, None]
    assert (board.ticks_flow, board.latency_s(Command.ORDER_SEND)) == (True, 0.0)


def test_a_fault_hits_the_next_order_once() -> None:
    board = FaultBoard()
    board.add("stall", {"seconds": 2})
    assert board.take(Command.POSITIONS_GET) is None
    assert hits(board, 2) == ["stall", None]


def test_a_fault_may_let_calls_pass_and_hit_several() -> None:
    board = FaultBoard()
    board.add_text("lose_reply: skip=1, times=2")
    assert hits(board, 4) == [None, "lose_reply", "lose_reply", None]


def test_a_fault_may_hit_for_ever_and_every_command() -> None:
    board = FaultBoard()
    board.add("error", {"command": "any", "code": -1, "times": 0})
    assert hits(board, 5, Command.ACCOUNT_INFO) == ["error"] * 5
    board.clear()
    assert hits(board, 1, Command.ACCOUNT_INFO) == [None]


def test_the_first_of_two_faults_hits_first() -> None:
    board = FaultBoard()
    board.add_text("reject:retcode=10004; reject:retcode=10006;")
    first, second = board.take(Command.ORDER_SEND), board.take(Command.ORDER_SEND)
    assert first is not None
    assert second is not None
    assert (first.code, second.code) == (10004, 10006)


def test_a_lost_reply_is_executed_and_a_stall_is_not_unless_told() -> None:
    board = FaultBoard()
    board.add_text("lose_reply; lose_reply:executed=no; stall; stall:executed=yes")
    taken = [board.take(Command.ORDER_SEND) for _ in range(4)]
    assert [fault.executed for fault in taken if fault] == [True, False, False, True]


def test_a_control_request_and_a_text_mean_the_same() -> None:
    written, asked = FaultBoard(), FaultBoard()
    written.add_text("stall:command=positions_get,seconds=1.5,skip=2,times=3,executed=yes")
    options = {"seconds": 1.5, "skip": 2, "times": 3, "executed": True}
    asked.add("stall", {"command": "positions_get", **options})
    assert written._calls == asked._calls


def test_switches_stay_on_until_cleared() -> None:
    board = FaultBoard()
    board.add_text(";".join(SWITCHES))
    assert all(board.is_on(switch) for switch in SWITCHES)
    board.clear()
    assert not any(board.is_on(switch) for switch in SWITCHES)


@pytest.mark.parametrize(
    ("switch", "flow"), [("link_down", False), ("freeze_ticks", False), ("api_off", True)]
)
def test_some_switches_stop_the_ticks(switch: str, flow: bool) -> None:
    board = FaultBoard()
    board.add(switch, {})
    assert flow is board.ticks_flow


def test_a_latency_is_fixed_or_drawn_from_a_range_that_can_be_repeated() -> None:
    board = FaultBoard()
    board.add_text("latency:ms=150")
    assert board.latency_s(Command.ORDER_SEND) == 0.15
    draws = []
    for _ in range(2):
        board = FaultBoard(seed=7)
        board.add("latency", {"ms": "80..200"})
        draws.append([board.latency_s(Command.ORDER_SEND) for _ in range(20)])
    assert draws[0] == draws[1]
    assert len(set(draws[0])) == 20
    assert all(0.08 <= drawn <= 0.2 for drawn in draws[0])


@pytest.mark.parametrize(
    ("spec", "reason"),
    [
        ("stal", "unknown fault 'stal'; known are latency, stall"),
        ("stall:command=nothing", "unknown command 'nothing'; known are any, version"),
        ("stall:for=3", "stall has no option 'for'; it takes command, skip, times, chance, seconds"),
        ("api_off:times=1", "api_off has no option 'times'; it takes none"),
        ("stall:seconds", "'seconds' must read option=value"),
        ("stall:seconds=-1", "a time must be 0 or more, got '-1'"),
        ("stall:seconds=inf", "a time must be 0 or more, got 'inf'"),
        ("stall:seconds=soon", "a time must be a number, got 'soon'"),
        ("stall:times=1.5", "times must be a whole number, got '1.5'"),
        ("stall:skip=-1", "skip must be 0 or more, got -1"),
        ("stall:executed=maybe", "executed must be yes or no, got 'maybe'"),
        ("reject", "reject needs retcode"),
        ("reject:retcode=-1", "reject: retcode must be positive, got -1"),
        ("error:code=5", "error: code must be negative, got 5"),
        ("latency:ms=200..80", "a range must not end before it starts"),
    ],
)
def test_a_fault_that_makes_no_sense_is_refused(spec: str, reason: str) -> None:
    with pytest.raises(FaultError, match=reason):
        FaultBoard().add_text(spec)
