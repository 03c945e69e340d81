"""Which fault hits which call, and how faults are worded."""

from typing import Any

import pytest

from hybrid_bridge.simulator.faults import SWITCHES, FaultBoard, FaultError
from hybrid_bridge.simulator.terms import USUAL, Terms
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
        ("reject:retcode=10018,command=any", "reject: command must be order_send or order_check"),
        ("reject:retcode=-1", "reject: retcode must be positive, got -1"),
        ("error:code=5", "error: code must be negative, got 5"),
        ("latency:ms=200..80", "a range must not end before it starts"),
    ],
)
def test_a_fault_that_makes_no_sense_is_refused(spec: str, reason: str) -> None:
    with pytest.raises(FaultError, match=reason):
        FaultBoard().add_text(spec)


def test_a_fault_by_chance_follows_the_seed() -> None:
    runs = []
    for seed in (7, 7, 8):
        board = FaultBoard(seed)
        board.add_text("error:code=-1,chance=0.2,times=0")
        runs.append(hits(board, 500))
    assert runs[0] == runs[1] != runs[2]
    assert 60 <= runs[0].count("error") <= 140


def test_states_last_until_they_are_cleared_but_a_jump_of_the_clock_stays() -> None:
    board = FaultBoard()
    board.add_text("slow_start:seconds=3; history_lag:seconds=2,back_s=9; other_account:login=5,balance=7")
    board.add_text("clock_jump:seconds=60; clock_jump:seconds=-90")
    assert (3.0, (2.0, 9.0), (5, 7.0)) == (board.slow_start_s, board.history_lag, board.other_account)
    board.clear()
    assert (0.0, None, None, -30.0) == (
        board.slow_start_s,
        board.history_lag,
        board.other_account,
        board.clock_jump_s,
    )


def test_orders_within_a_second_are_counted() -> None:
    board = FaultBoard()
    board.add_text("rate_limit:per_second=2")
    times_s = (0.0, 0.4, 0.9, 1.1, 1.2, 1.5)
    assert [False, False, True, False, True, False] == [board.is_too_many(int(s * 1e9)) for s in times_s]


def test_a_fault_says_how_an_order_is_carried_out() -> None:
    board = FaultBoard()
    board.add_text("placed:seconds=0.2; partial:share=0.3; rewrite:comment=x; zero_price")
    terms = [fault.terms for fault in (board.take(Command.ORDER_SEND) for _ in range(4)) if fault]
    assert [Terms(held_msc=200), Terms(fill_share=0.3), Terms(comment="x"), USUAL] == terms
