"""The judge of a siege: each kind of wrong is found in evidence made by hand, and none where nothing is."""

from typing import Any

import pytest
from scripts.siege.evidence import Evidence, Record
from scripts.siege.judge import CONTRADICTED, DOUBLED, FORBIDDEN, LOST, Verdict, judge
from scripts.siege.programs import Life
from scripts.siege.stops import StopWindow
from scripts.siege.wanted import Wanted, envelope

AT_S = 1_800_000_000.0
AT = "2027-01-15T08:00:00.000Z"
FIRST_NUMBER = 7
MEGABYTE = 1_000_000


def wanted(
    signal_id: str = "s1", way: str = "websocket", kind: str = "entry", comment: str = "s1", **changes: Any
) -> Wanted:
    data = {"id": signal_id, "comment": comment} if signal_id else {"comment": comment}
    facts: dict[str, Any] = {"flavour": "plain", "volume": 0.02, "may_act": True, "at_s": AT_S}
    facts["body"] = envelope("trading_signal", data)
    return Wanted(id=signal_id, kind=kind, way=way, comment=comment, **(facts | changes))


def deal(number: int = FIRST_NUMBER, order: int = 100, **changes: Any) -> dict[str, Any]:
    return {
        "deal": order,
        "order": order,
        "position": 100,
        "entry": 0,
        "volume": 0.02,
        "magic": 234_000 << 32 | number,
        "comment": f"s1 #{number:x}",
        "time_msc": int(AT_S * 1000) + 10_800_000,
        "utc_msc": int(AT_S * 1000),
        **changes,
    }


def result(signal_id: str = "s1", status: str = "filled", **changes: Any) -> dict[str, Any]:
    acted = status in ("filled", "partial")
    data = {
        "signal_id": signal_id,
        "status": status,
        "volume": 0.02 if acted else 0.0,
        "ticket": 100 if acted else 0,
        "reason": "",
        "sent_at": AT if acted else None,
        "done_at": AT,
        **changes,
    }
    return {"type": "trade_result", "data": data}


def evidence(**changes: Any) -> Evidence:
    """One signal that was filled, told of on both channels, and nothing wrong."""
    events = changes.pop("events", [result()])
    heard = changes.pop("heard", events)
    facts: dict[str, Any] = {
        "wanted": [wanted()],
        "deals": [deal()],
        "numbers": {"s1": FIRST_NUMBER},
        "events": events,
        "heard": [{"at": AT_S, "message": message} for message in heard],
    }
    return Evidence(**(facts | changes))


def faults(verdict: Verdict) -> list[tuple[str, str]]:
    return [(case.id, kind) for case in verdict.failed for kind, _ in case.faults]


def test_one_signal_with_one_effect_and_its_word_on_both_channels_is_well() -> None:
    verdict = judge(evidence())
    assert ([], []) == (faults(verdict), verdict.breaches)
    assert verdict.passed


def test_words_that_come_twice_and_duplicates_are_well() -> None:
    said = [result(status="unknown"), result(), result(), result(status="duplicate")]
    assert judge(evidence(events=said)).passed


def test_a_second_order_for_one_signal_is_doubled() -> None:
    verdict = judge(evidence(deals=[deal(), deal(order=101, position=101)]))
    assert 1 == verdict.count(DOUBLED)


def test_a_second_order_under_another_magic_is_known_by_its_comment() -> None:
    again = deal(number=FIRST_NUMBER + 1, order=101, position=101)
    assert 1 == judge(evidence(deals=[deal(), again])).count(DOUBLED)


def test_a_second_order_whose_comment_was_rewritten_is_known_by_its_magic() -> None:
    again = deal(order=101, position=101, comment="filled by venue")
    assert 1 == judge(evidence(deals=[deal(), again])).count(DOUBLED)


def test_two_deals_of_one_order_are_one_effect() -> None:
    halves = [deal(volume=0.01), deal(volume=0.01)]
    assert judge(evidence(deals=halves)).passed


def test_more_lots_than_asked_are_doubled() -> None:
    halves = [deal(volume=0.02), deal(volume=0.02)]
    assert 1 == judge(evidence(deals=halves)).count(DOUBLED)


def test_a_close_that_closes_more_than_asked_is_doubled() -> None:
    sent = [wanted("c1", kind="close", comment="", volume=0.01)]
    closes = [
        deal(entry=1, volume=0.01, comment="#7"),
        deal(order=101, entry=1, volume=0.01, comment="#7"),
    ]
    verdict = judge(
        evidence(wanted=sent, deals=closes, numbers={"c1": FIRST_NUMBER}, events=[result("c1", volume=0.02)])
    )
    assert [("c1", DOUBLED)] == faults(verdict)


@pytest.mark.parametrize("channel", ["events", "heard"])
def test_a_final_result_missing_on_one_channel_is_lost(channel: str) -> None:
    there = {"events": [result()], "heard": [result()]} | {channel: [result(status="unknown")]}
    assert [("s1", LOST)] == faults(judge(evidence(**there)))


def test_a_fill_that_is_promised_and_not_in_the_ledger_is_lost() -> None:
    assert 1 == judge(evidence(deals=[])).count(LOST)


@pytest.mark.parametrize("status", ["not_executed", "denied", "rejected", "expired"])
def test_a_deal_behind_a_no_is_contradicted(status: str) -> None:
    assert 1 == judge(evidence(events=[result(status=status)])).count(CONTRADICTED)


@pytest.mark.parametrize("wrong", [{"volume": 0.01}, {"ticket": 99}])
def test_a_result_that_differs_from_the_ledger_is_contradicted(wrong: dict[str, float]) -> None:
    assert 1 == judge(evidence(events=[result(**wrong)])).count(CONTRADICTED)


def test_channels_that_end_differently_are_contradicted() -> None:
    verdict = judge(evidence(events=[result()], heard=[result(), result(status="not_executed")]))
    assert 1 == verdict.count(CONTRADICTED)


def test_a_signal_with_a_clear_no_is_well() -> None:
    assert judge(evidence(deals=[], events=[result(status="expired")])).passed


def test_a_signal_that_may_not_act_and_does_is_forbidden() -> None:
    assert 1 == judge(evidence(wanted=[wanted(may_act=False)])).count(FORBIDDEN)


def test_what_redpanda_never_had_needs_no_word() -> None:
    assert judge(evidence(wanted=[wanted(way="redpanda")], deals=[], events=[])).passed


def test_what_redpanda_has_needs_its_word() -> None:
    sent = wanted(way="redpanda")
    there = [Record(0, 0, sent.body.encode())]
    verdict = judge(evidence(wanted=[sent], signals=there, signal_end=1, committed=1, deals=[], events=[]))
    assert {("s1", LOST)} == set(faults(verdict))


def test_a_signal_without_an_id_goes_by_its_place_in_the_topic() -> None:
    sent = wanted("", way="redpanda")
    copies = [Record(0, offset, sent.body.encode()) for offset in (4, 5)]
    places = [f"trading_signals/0/{offset}/1795379381335" for offset in (4, 5)]
    verdict = judge(
        evidence(
            wanted=[sent],
            signals=copies,
            deals=[deal(), deal(number=8, order=101, position=101)],
            numbers={places[0]: 7, places[1]: 8},
            events=[result(places[0]), result(places[1], ticket=101)],
        )
    )
    assert ([], []) == (faults(verdict), verdict.breaches)
    assert {"trading_signals/0/4", "trading_signals/0/5"} == set(verdict.cases)


def test_a_signal_without_an_id_over_the_websocket_acts_once_at_most() -> None:
    sent = wanted("", comment="s1")
    assert judge(evidence(wanted=[sent], numbers={}, events=[])).passed
    twice = [deal(), deal(number=8, order=101, position=101)]
    assert 1 == judge(evidence(wanted=[sent], numbers={}, events=[], deals=twice)).count(DOUBLED)


def test_such_a_signal_whose_comment_was_rewritten_is_known_by_the_name_that_the_bridge_gave_it() -> None:
    rewritten = [deal(comment=""), deal(comment="", order=101)]
    given: dict[str, Any] = {"wanted": [wanted("")], "numbers": {"ws-ab-33": FIRST_NUMBER}, "events": []}
    assert judge(evidence(**given, deals=rewritten[:1])).passed
    assert 1 == judge(evidence(**given, deals=rewritten)).count(DOUBLED)


def test_an_entry_that_nobody_asked_for_is_a_breach() -> None:
    stranger = deal(number=99, order=105, comment="#63")
    assert ["an entry that nobody asked for"] == [
        breach.partition(":")[0] for breach in judge(evidence(deals=[deal(), stranger])).breaches
    ]


def test_deals_of_others_and_closes_by_the_bridge_itself_are_well() -> None:
    by_hand = deal(magic=0, order=101, entry=1)
    by_stop = deal(number=50, order=102, entry=1, comment="#32")
    verdict = judge(evidence(deals=[deal(), by_hand, by_stop]))
    assert (True, 1) == (verdict.passed, verdict.closed_by_stops)


def test_an_entry_sent_while_a_stop_is_in_force_is_forbidden() -> None:
    assert 1 == judge(evidence(stops=[StopWindow(AT_S - 1, AT_S + 1, "typed", closes=False)])).count(
        FORBIDDEN
    )
    assert judge(evidence(stops=[StopWindow(AT_S + 0.001, AT_S + 1, "typed", closes=False)])).passed


@pytest.mark.parametrize("name", ["MAX_DAILY_TRADES", "MAX_OPEN_POSITIONS", "MAX_ORDERS_PER_MINUTE"])
def test_a_limit_that_the_ledger_oversteps_is_a_breach(name: str) -> None:
    two = [deal(), deal(number=8, order=101, position=101, comment="s2 #8")]
    given: dict[str, Any] = {
        "wanted": [wanted(), wanted("s2", comment="s2")],
        "deals": two,
        "numbers": {"s1": 7, "s2": 8},
        "events": [result(), result("s2", ticket=101)],
    }
    assert judge(evidence(**given, limits={name: 2})).passed
    assert [f"{name} is 1, the ledger has 2"] == judge(evidence(**given, limits={name: 1})).breaches


def test_a_malformed_message_needs_its_error() -> None:
    sent = wanted("", kind="nonsense", way="redpanda", body="{not json")
    there: dict[str, Any] = {"wanted": [wanted(), sent], "signals": [Record(0, 3, b"{not json")]}
    told = {"type": "error", "data": {"detail": "what (from trading_signals/0/3)"}}
    assert judge(evidence(**there, events=[result(), told])).passed
    assert 1 == len(judge(evidence(**there)).breaches)


def tick(seq: int, bid: float = 1.1, symbol: str = "EURUSD") -> dict[str, Any]:
    return {
        "type": "tick_data",
        "data": {"symbol": symbol, "seq": seq, "time_msc": 1, "bid": bid, "ask": 1.2},
    }


def test_ticks_in_order_and_repeated_as_they_were_are_well() -> None:
    verdict = judge(evidence(ticks=[tick(1), tick(1, symbol="USDJPY"), tick(2), tick(2), tick(3)]))
    assert (True, 4, 1) == (verdict.passed, verdict.ticks, verdict.tick_repeats)


def test_a_hole_in_the_ticks_is_a_breach() -> None:
    verdict = judge(evidence(ticks=[tick(1), tick(3)]))
    assert (False, 1) == (verdict.passed, verdict.tick_holes)


def test_two_ticks_under_one_number_are_a_breach() -> None:
    assert 1 == len(judge(evidence(ticks=[tick(1), tick(1, bid=1.15)])).breaches)


@pytest.mark.parametrize(
    "left",
    [
        {"committed": 3, "signal_end": 4},
        {"lanes_left": [4711]},
        {"exit_code": -9},
        {"ended_alone": [(AT_S, "bridge", "1")]},
        {"unheeded": [(AT_S, "typed")]},
        {"lives": [Life(AT_S, 1, rss={5.0: 50 * MEGABYTE}), Life(AT_S, 2, rss={5.0: 150 * MEGABYTE})]},
    ],
)
def test_whatever_is_left_over_at_the_end_is_a_breach(left: dict[str, Any]) -> None:
    assert 1 == len(judge(evidence(**left)).breaches)


def test_the_longest_time_from_a_start_to_a_decision_is_told() -> None:
    lives = [Life(AT_S - 60, 1, ended_s=AT_S - 50), Life(AT_S - 3, 2)]
    assert 3.0 == judge(evidence(lives=lives)).longest_recovery_s
