"""The judge's rules: hand-made ledgers and words that must be condemned, and sound ones that must not."""

from dataclasses import replace
from typing import Any

import pytest
from scripts.simulation.case import Case
from scripts.simulation.evidence import Evidence, Executed, LedgerDeal
from scripts.simulation.orders import Resume, Sent, Stop, Written
from scripts.simulation.rules import judge_case
from scripts.simulation.terminal import Arrival, Fate

from hybrid_bridge.settings import Settings
from hybrid_bridge.simulator.records import OrderSendResult, TradeRequest

START_MS = 1_772_532_000_000
DAY_MS = 86_400_000


def entry(key: str = "s1", volume: float = 0.1, **changes: Any) -> TradeRequest:
    fields = {
        "action": 1,
        "symbol": "EURUSD",
        "volume": volume,
        "sl": 1.0,
        "magic": 7,
        "comment": f"{key} #7",
    }
    return TradeRequest(**{**fields, **changes})


def executed(
    request: TradeRequest, at_s: float = 10.0, order: int = 1, volume: float | None = None, kind: int = 0
):
    """A request that the venue carried out."""
    arrival = Arrival(at_s, request, Fate(), stranger=False, results=[OrderSendResult(order=order)])
    lots = request.volume if volume is None else volume
    deal = LedgerDeal(order + 100, order, order, kind, lots, START_MS + round(at_s * 1000))
    return Executed(arrival, [deal])


def unexecuted(request: TradeRequest, at_s: float = 10.0):
    return Executed(Arrival(at_s, request, Fate(), stranger=False))


def result(status: str, volume: float = 0.0, **changes: Any) -> dict[str, Any]:
    fields = {
        "status": status, "volume": volume, "reason": "test", "action": "BUY", "symbol": "EURUSD",
        "ticket": 1, "done_at": "2026-03-03T10:00:11.000Z",
    }  # fmt: skip
    return {**fields, **changes}


def make_case(
    *requests: Executed,
    told: dict[str, list[dict[str, Any]]] | None = None,
    closes: Any = None,
    **changes: Any,
) -> Case:
    entries: dict[str, list[Executed]] = {}
    for request in requests:
        entries.setdefault(request.arrival.request.comment.partition(" #")[0], []).append(request)
    closing = [request for group in (closes or {}).values() for request in group]
    deals = [deal for request in (*requests, *closing) for deal in request.deals]
    words = {key: {"websocket": rows, "redpanda": rows} for key, rows in (told or {}).items()}
    keys = {*entries, *(told or {})}
    case = Case(
        evidence=Evidence(deals, entries, closes or {}, words),
        sent={
            key: Sent(key, {"id": key}, 9.0, True) for key in keys if key.startswith("s") and "-" not in key
        },
        delivered=frozenset(keys),
        written=[Written(request.arrival.at_s, 1, request.arrival.request) for request in requests],
        stops=[],
        resumes=[],
        settings=Settings(mt5_login=1, mt5_server="x", state_dir="x"),
        start_ms=START_MS,
        day_of_ms=lambda ms: ms // DAY_MS,
        clock_jumped=False,
        views_hidden=False,
        hedging=True,
        pending_ms={},
    )
    return replace(case, **changes)


def kinds(case: Case) -> set[str]:
    return {failure.kind for failure in judge_case(case)}


def test_one_order_executed_and_told_is_well():
    assert set() == kinds(make_case(executed(entry()), told={"s1": [result("filled", 0.1)]}))


def test_two_executed_entries_of_one_signal_are_doubled():
    twice = [executed(entry(), order=1), executed(entry(), 12.0, order=2)]
    assert "doubled" in kinds(make_case(*twice, told={"s1": [result("filled", 0.2)]}))


def test_a_first_try_that_was_not_executed_doubles_nothing():
    case = make_case(unexecuted(entry()), executed(entry(), 12.0), told={"s1": [result("filled", 0.1)]})
    assert set() == kinds(case)


def test_a_fill_that_nobody_was_told_of_is_lost():
    case = make_case(executed(entry()))
    assert {"lost"} == kinds(replace(case, delivered=frozenset()))


def test_a_told_fill_that_the_ledger_does_not_have_is_lost():
    assert {"lost"} == kinds(make_case(unexecuted(entry()), told={"s1": [result("filled", 0.1)]}))


def test_a_delivered_signal_without_a_word_is_lost_and_an_undelivered_one_is_not():
    case = make_case(unexecuted(entry()))
    assert {"lost"} == kinds(case)
    assert set() == kinds(replace(case, delivered=frozenset()))


@pytest.mark.parametrize("status", ["rejected", "not_executed", "denied", "expired"])
def test_a_fill_told_to_be_none_is_unexplained(status):
    assert {"unexplained"} == kinds(make_case(executed(entry()), told={"s1": [result(status)]}))


def test_a_last_word_of_unknown_is_unexplained():
    assert {"unexplained"} == kinds(make_case(unexecuted(entry()), told={"s1": [result("unknown")]}))


def test_a_fill_told_late_is_well():
    told = {"s1": [result("unknown"), result("not_executed"), result("filled", 0.1), result("duplicate")]}
    assert set() == kinds(make_case(executed(entry()), told=told))


def test_a_wrong_volume_is_unexplained():
    case = make_case(executed(entry(), volume=0.05), told={"s1": [result("filled", 0.1)]})
    assert {"unexplained"} == kinds(case)


def test_an_entry_of_no_signal_is_unexplained():
    assert {"unexplained"} == kinds(make_case(executed(entry("x1"))))


def test_two_signals_of_one_magic_are_unexplained():
    both = executed(entry("s1"), order=1), executed(entry("s2"), 11.0, order=2)
    told = {"s1": [result("filled", 0.1)], "s2": [result("filled", 0.1)]}
    assert {"unexplained"} == kinds(make_case(*both, told=told))


@pytest.mark.parametrize(
    ("changes", "limits"),
    [
        ({"sl": 0.0}, {}),
        ({}, {"max_volume": 0.05}),
        ({}, {"max_daily_trades": 0}),
    ],
)
def test_a_single_entry_against_a_limit_is_a_breach(changes, limits):
    case = make_case(executed(entry(**changes)), told={"s1": [result("filled", 0.1)]})
    settings = case.settings.model_copy(update=limits)
    assert {"limit"} == kinds(replace(case, settings=settings))


@pytest.mark.parametrize(("limits", "apart_s", "breach"), [
    ({"max_orders_per_minute": 1}, 30.0, True),
    ({"max_orders_per_minute": 1}, 61.0, False),
    ({"max_open_positions": 1}, 30.0, True),
    ({"max_open_positions": 2}, 30.0, False),
])  # fmt: skip
def test_a_second_entry_is_counted(limits, apart_s, breach):
    first = executed(entry("s1", magic=1), order=1)
    second = executed(entry("s2", magic=2), 10.0 + apart_s, order=2)
    told = {"s1": [result("filled", 0.1)], "s2": [result("filled", 0.1)]}
    case = make_case(first, second, told=told)
    assert ({"limit"} if breach else set()) == kinds(
        replace(case, settings=case.settings.model_copy(update=limits))
    )


def stop(at_s: float, **changes: Any) -> Stop:
    return Stop(
        **{
            "at_s": at_s,
            "first_s": at_s,
            "obeyed_s": at_s,
            "life": 1,
            "reason": "stop",
            "close": False,
            "cancel": True,
            **changes,
        }
    )


def test_an_entry_after_a_stop_is_a_failure_and_after_the_resume_it_is_not():
    case = make_case(executed(entry()), told={"s1": [result("filled", 0.1)]}, stops=[stop(9.0)])
    assert {"stop"} == kinds(case)
    assert set() == kinds(replace(case, resumes=[Resume(9.5, 1, "go on", local=True)]))
    assert {"stop"} == kinds(replace(case, resumes=[Resume(9.5, 1, "go on", local=False)]))


def test_a_stop_that_died_with_its_process_unsettled_binds_nobody():
    case = make_case(executed(entry()), told={"s1": [result("filled", 0.1)]}, stops=[stop(9.0, lost_s=9.5)])
    assert set() == kinds(case)


def test_a_position_that_a_stop_was_to_close_must_be_gone():
    opened = executed(entry(), 5.0)
    case = make_case(opened, told={"s1": [result("filled", 0.1)]}, stops=[stop(9.0, close=True)])
    assert {"stop"} == kinds(case)
    assert set() == kinds(replace(case, stops=[stop(9.0, close=False)]))


def test_a_stop_that_comes_again_closes_nothing_that_was_opened_after_it_was_obeyed():
    opened = executed(entry(), 5.0)
    again = stop(9.0, close=True, obeyed_s=4.0)
    assert set() == kinds(make_case(opened, told={"s1": [result("filled", 0.1)]}, stops=[again]))


def test_an_order_that_a_stop_was_to_cancel_must_be_gone():
    case = make_case(stops=[stop(9.0)], pending_ms={5: START_MS})
    assert {"stop"} == kinds(case)
    assert set() == kinds(replace(case, stops=[stop(9.0, cancel=False)]))


def close(volume: float, at_s: float = 20.0, order: int = 9, kind: int = 1) -> Executed:
    request = TradeRequest(action=1, symbol="EURUSD", volume=volume, position=1, magic=8, comment="#8")
    made = executed(request, at_s, order, kind=kind)
    return Executed(made.arrival, [replace(made.deals[0], position=1)])


def test_a_close_told_once_and_done_twice_is_unexplained():
    opened, told = executed(entry()), {
        "s1": [result("filled", 0.1)], "stop-1": [result("filled", 0.05, action="CLOSE")]
    }  # fmt: skip
    assert set() == kinds(make_case(opened, told=told, closes={1: [close(0.05)]}))
    assert "unexplained" in kinds(
        make_case(opened, told=told, closes={1: [close(0.05), close(0.05, 21.0, 10)]})
    )


def test_a_close_that_opens_a_position_is_doubled():
    opened, told = executed(entry()), {
        "s1": [result("filled", 0.1)], "stop-1": [result("filled", 0.1, action="CLOSE")]
    }  # fmt: skip
    assert "doubled" in kinds(make_case(opened, told=told, closes={1: [close(0.1, kind=0)]}))


def test_an_entry_beside_one_in_doubt_is_a_breach():
    doubtful, other = unexecuted(entry("s1", magic=1)), executed(entry("s2", magic=2), 15.0)
    told = {
        "s1": [result("unknown"), result("not_executed", done_at="2026-03-03T10:00:40.000Z")],
        "s2": [result("filled", 0.1)],
    }
    assert {"limit"} == kinds(make_case(doubtful, other, told=told))
    told["s1"][1]["done_at"] = "2026-03-03T10:00:14.000Z"
    assert set() == kinds(make_case(doubtful, other, told=told))


def test_not_found_while_the_link_was_down_is_unexplained():
    told = {"s1": [result("not_executed", reason="not_found")]}
    case = make_case(unexecuted(entry()), told=told)
    assert set() == kinds(case)
    assert {"unexplained"} == kinds(replace(case, link_down_s=((5.0, 30.0),)))
