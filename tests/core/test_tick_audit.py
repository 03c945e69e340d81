"""The audit of one symbol: faults planted in a topic, and each reported as what it is and nothing else."""

from collections.abc import Callable
from dataclasses import asdict

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hybrid_bridge.core.tick_audit import (
    EXAMPLES_MAX,
    GRACE_TICKS,
    LATE_MAX,
    QUIET_MSC,
    WINDOW_MSC,
    Example,
    Span,
    SymbolAudit,
    TickFigures,
)
from hybrid_bridge.core.tick_matching import Row

START = 1_767_225_600_000
STEP = 1_000
COUNT = 3_000
SPAN = Span(START, START + COUNT * STEP)

Topic = list[tuple[int, Row]]


def row(place: int) -> Row:
    return START + place * STEP, 1 + place / 1e5, 1.00002 + place / 1e5, 0.0, 0


HISTORY = [row(place) for place in range(COUNT)]


def whole(first: int = 0, last: int = COUNT) -> Topic:
    """Return a topic without a fault."""
    return [(place + 1, HISTORY[place]) for place in range(first, last)]


def terminal(span: Span, history: list[Row] = HISTORY) -> list[Row]:
    return [tick for tick in history if span.from_msc <= tick[0] < span.to_msc]


def audited(
    topic: Topic, *, history: list[Row] = HISTORY, span: Span = SPAN, reaches_back: bool = False
) -> SymbolAudit:
    """Let a whole audit run as the command lets it run."""
    audit = SymbolAudit("EURUSD", span)

    def settle() -> None:
        while (due := audit.due(reaches_back)) is not None:
            assert due.to_msc > due.from_msc
            audit.settle(due.to_msc, terminal(due, history))

    for seq, tick in topic:
        audit.take(seq, tick)
        settle()
    audit.end()
    settle()
    for late in audit.late_spans():
        audit.settle_late(late, terminal(late, history))
    assert 0 == audit.waiting
    return audit


def figures(topic: Topic, **options: object) -> dict[str, int]:
    """Return the figures that are not 0."""
    found = asdict(audited(topic, **options).figures)  # type: ignore[arg-type]
    return {name: count for name, count in found.items() if count}


def test_a_whole_topic_is_clean():
    assert {"compared": COUNT} == figures(whole())


PLACES = [1, 700, COUNT - GRACE_TICKS, COUNT - 2]


@pytest.mark.parametrize("place", PLACES)
def test_a_tick_left_out_is_missing_and_leaves_a_hole(place):
    topic = whole()
    del topic[place]
    assert {"compared": COUNT - 1, "missing": 1, "holes": 1} == figures(topic)


@pytest.mark.parametrize("place", PLACES)
def test_a_tick_that_was_never_numbered_is_missing_without_a_hole(place):
    topic = [(number, tick) for number, (_, tick) in enumerate(whole()[:place] + whole()[place + 1 :], 1)]
    assert {"compared": COUNT - 1, "missing": 1} == figures(topic)


@pytest.mark.parametrize("place", PLACES)
def test_a_number_left_out_is_a_hole_though_no_tick_is_missing(place):
    topic = [(seq + (seq > place), tick) for seq, tick in whole()]
    assert {"compared": COUNT, "holes": 1} == figures(topic)


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("behind", [0, 5, 2_000])
def test_a_record_written_twice_is_doubled(place, behind):
    topic = whole()
    topic.insert(place + 1 + behind, topic[place])
    assert {"compared": COUNT, "doubled": 1} == figures(topic)


@pytest.mark.parametrize("place", PLACES)
def test_a_tick_numbered_twice_is_doubled(place):
    topic = [*whole()[: place + 1], *((seq + 1, tick) for seq, tick in whole()[place:])]
    assert {"compared": COUNT, "doubled": 1} == figures(topic)


def test_ticks_sent_again_long_after_are_doubled_under_old_numbers_and_under_new_ones():
    topic = whole()
    assert {"compared": COUNT, "doubled": 100} == figures([*topic, *topic[50:150]])
    again = [(COUNT + number, tick) for number, (_, tick) in enumerate(topic[50:150], 1)]
    assert {"compared": COUNT, "doubled": 100} == figures([*topic, *again])


@pytest.mark.parametrize("place", [0, *PLACES])
def test_two_records_that_changed_places_are_out_of_order(place):
    topic = whole()
    topic[place], topic[place + 1] = topic[place + 1], topic[place]
    assert {"compared": COUNT, "out_of_order": 1} == figures(topic)


@pytest.mark.parametrize("place", PLACES)
def test_two_ticks_numbered_the_wrong_way_round_are_out_of_order(place):
    topic = whole()
    (first, one), (second, other) = topic[place], topic[place + 1]
    topic[place : place + 2] = [(first, other), (second, one)]
    assert {"compared": COUNT, "out_of_order": 1} == figures(topic)


def test_a_record_that_comes_when_its_stretch_was_compared_is_out_of_order_and_not_missing():
    topic = whole()
    topic.append(topic.pop(40))
    audit = audited(topic)
    assert {"compared": COUNT, "out_of_order": 1} == {
        name: count for name, count in asdict(audit.figures).items() if count
    }
    assert [Example("out_of_order", HISTORY[40], HISTORY[40])] == audit.examples


def test_an_unnumbered_latecomer_is_out_of_order_once():
    late = HISTORY[40]
    topic = [(number, tick) for number, (_, tick) in enumerate(whole()[:40] + whole()[41:], 1)]
    assert {"compared": COUNT, "out_of_order": 1} == figures([*topic, (COUNT, late)])


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("field", range(1, 5))
def test_a_differing_price_is_reported_with_both_sides(place, field):
    topic = whole()
    wrong = list(topic[place][1])
    wrong[field] += 1
    topic[place] = (topic[place][0], tuple(wrong))
    audit = audited(topic)
    assert (COUNT, 1, 1) == (audit.figures.compared, audit.figures.differing, audit.figures.faults)
    assert [Example("differing", tuple(wrong), HISTORY[place])] == audit.examples


@pytest.mark.parametrize("place", [2, 710, 2_010])
@pytest.mark.parametrize("shift", [1, -1, 1_500, -1_500])
def test_a_time_that_is_a_little_wrong_is_a_tick_that_differs(place, shift):
    topic = whole()
    seq, tick = topic[place]
    topic[place] = (seq, (tick[0] + shift, *tick[1:]))
    assert {"compared": COUNT, "differing": 1} == figures(topic)


@pytest.mark.parametrize("shift", [3_600_000 // 3, -3_600_000 // 3])
def test_a_time_that_is_far_wrong_is_a_missing_tick_and_an_unknown_one(shift):
    topic = whole()
    seq, tick = topic[1_500]
    topic[1_500] = (seq, (tick[0] + shift + 1, *tick[1:]))
    assert {"compared": COUNT - 1, "missing": 1, "unknown": 1} == figures(topic)


def test_a_time_outside_of_the_range_is_a_missing_tick_and_a_hole():
    topic = whole()
    for days in (-1, 1):
        seq, tick = topic[1_500]
        moved = (tick[0] + days * 86_400_000, *tick[1:])
        expected = {"compared": COUNT - 1, "missing": 1, "holes": 1}
        assert expected == figures([*topic[:1_500], (seq, moved), *topic[1_501:]])


@pytest.mark.parametrize("place", [1, 700, COUNT - 2])
def test_a_tick_that_the_terminal_never_had_is_unknown(place):
    strange = (HISTORY[place][0] + 1, 9.0, 9.1, 0.0, 0)
    topic = [*whole()[:place], (place + 1, strange), *((seq + 1, tick) for seq, tick in whole()[place:])]
    found = figures(topic)
    assert 1 == found.pop("unknown")
    assert {"compared": COUNT} == found


def test_numbers_that_begin_anew_are_out_of_order_once():
    for place in (1_500, 1_450):
        topic = [*whole(0, place), *((seq - place, tick) for seq, tick in whole(place))]
        assert {"compared": COUNT, "out_of_order": 1} == figures(topic)


def test_a_time_before_the_bridges_first_tick_is_a_missing_tick_and_an_unknown_one():
    topic = [(seq - 700, tick) for seq, tick in whole(700)]
    seq, tick = topic[5]
    topic[5] = (seq, (HISTORY[600][0] + 1, *tick[1:]))
    assert {"compared": COUNT - 701, "missing": 1, "unknown": 1} == figures(topic)


def test_of_many_gaps_the_latest_are_remembered(monkeypatch):
    monkeypatch.setattr("hybrid_bridge.core.tick_audit.GAPS_MAX", 1)
    topic = whole()
    late = [topic.pop(50), topic.pop(40)]
    assert {"compared": COUNT, "out_of_order": 2, "holes": 1} == figures([*topic, *late])


def test_of_many_missing_ticks_the_first_are_remembered(monkeypatch):
    monkeypatch.setattr("hybrid_bridge.core.tick_audit.LOST_MAX", 1)
    topic = whole()
    late = [topic.pop(900), topic.pop(40)]
    expected = {"compared": COUNT - 1, "missing": 1, "doubled": 1, "out_of_order": 2}
    assert expected == figures([*topic, *late])


def test_every_tick_from_the_range_on_is_due_when_the_topic_holds_what_was_before():
    assert {"compared": COUNT - 5, "missing": 5} == figures(whole(5), reaches_back=True)


def test_what_the_topic_does_not_hold_any_more_is_no_fault_and_said():
    audit = audited(whole(5))
    assert (COUNT - 5, 0, True) == (audit.figures.compared, audit.figures.faults, audit.cut)
    assert HISTORY[5][0] == audit.begins_msc


def test_what_was_before_the_bridges_first_tick_is_no_fault():
    topic = [(seq - 700, tick) for seq, tick in whole(700)]
    audit = audited(topic, reaches_back=True)
    assert (COUNT - 700, 0, False) == (audit.figures.compared, audit.figures.faults, audit.cut)


def test_twins_before_the_first_tick_in_its_own_millisecond_are_no_fault():
    history = [*HISTORY[:700], (HISTORY[700][0], 5.0, 5.1, 0.0, 0), *HISTORY[700:]]
    topic = [(seq - 700, tick) for seq, tick in whole(700)]
    assert {"compared": COUNT - 700} == figures(topic, history=history)


def test_what_follows_the_newest_tick_in_the_topic_is_unsent_and_no_fault():
    assert {"compared": 2_900, "unsent": 100} == figures(whole(0, 2_900))
    audit = audited(whole(0, 2_900))
    assert 0 == audit.figures.faults


def test_it_is_missing_as_soon_as_the_topic_has_a_later_tick_even_behind_the_range():
    beyond = (COUNT + 50, (SPAN.to_msc, 1.0, 1.1, 0.0, 0))
    assert {"compared": 2_900, "missing": 100} == figures([*whole(0, 2_900), beyond])


def test_ticks_before_and_after_the_range_are_not_compared():
    span = Span(START + 100 * STEP, START + 2_000 * STEP)
    assert {"compared": 1_900} == figures(whole(), span=span, reaches_back=True)


def test_quiet_hours_are_asked_for_in_pieces():
    quiet = [tick for tick in HISTORY if tick[0] < START + 10 * STEP]
    span = Span(START, START + 5 * QUIET_MSC)
    late = (START + 5 * QUIET_MSC - 1, 1.0, 1.1, 0.0, 0)
    topic = [*whole(0, 10), (11, late)]
    asked: list[Span] = []
    audit = SymbolAudit("EURUSD", span)
    for seq, tick in topic:
        audit.take(seq, tick)
    audit.end()
    while (due := audit.due(reaches_back=True)) is not None:
        asked.append(due)
        audit.settle(due.to_msc, terminal(due, [*quiet, late]))
    assert (11, 0) == (audit.figures.compared, audit.figures.faults)
    assert max(one.to_msc - one.from_msc for one in asked) <= QUIET_MSC
    assert [one.to_msc for one in asked[:-1]] == [one.from_msc for one in asked[1:]]
    assert (span.from_msc, span.to_msc) == (asked[0].from_msc, asked[-1].to_msc)


def test_a_symbol_that_the_topic_does_not_hold_is_unsent_from_when_the_others_begin():
    audit = SymbolAudit("EURUSD", SPAN)
    audit.end(START + 1_000 * STEP)
    while (due := audit.due(reaches_back=False)) is not None:
        audit.settle(due.to_msc, terminal(due))
    assert {"unsent": 2_000} == {name: count for name, count in asdict(audit.figures).items() if count}


def test_no_more_is_due_than_the_range():
    audit = SymbolAudit("EURUSD", SPAN)
    audit.end(START - 5 * QUIET_MSC)
    due = audit.due(reaches_back=False)
    assert due is not None
    assert due.from_msc == START


def test_no_more_is_kept_than_a_stretch_and_the_ticks_that_prove_it_complete():
    audit = SymbolAudit("EURUSD", SPAN)
    most = 0
    for seq, tick in whole():
        audit.take(seq, tick)
        while (due := audit.due(reaches_back=False)) is not None:
            audit.settle(due.to_msc, terminal(due))
        most = max(most, audit.waiting)
    assert most <= WINDOW_MSC // STEP + GRACE_TICKS + 1


def test_what_comes_late_is_kept_within_a_bound(monkeypatch):
    monkeypatch.setattr("hybrid_bridge.core.tick_audit.LATE_MAX", 10)
    topic = whole()
    assert LATE_MAX > 10
    assert {"compared": COUNT, "doubled": 100} == figures([*topic, *topic[50:150]])


def test_a_stretch_can_be_settled_in_parts():
    audit = SymbolAudit("EURUSD", SPAN)
    for seq, tick in whole():
        audit.take(seq, tick)
    audit.end()
    due = audit.due(reaches_back=True)
    assert due is not None
    middle = due.from_msc + 10 * STEP
    audit.settle(middle, terminal(Span(due.from_msc, middle)))
    assert Span(middle, due.to_msc) == audit.due(reaches_back=True)
    assert (10, 0) == (audit.figures.compared, audit.figures.faults)


def test_examples_are_few_of_each_kind():
    topic = whole()
    del topic[100:110]
    examples = audited(topic).examples
    assert [Example("missing", None, HISTORY[place]) for place in range(100, 100 + EXAMPLES_MAX)] == examples


def test_faults_are_all_that_is_wrong():
    names = ["missing", "doubled", "out_of_order", "differing", "unknown", "holes"]
    for name in names:
        assert 1 == TickFigures(**{name: 1}).faults
    assert 0 == TickFigures(compared=5, unsent=7).faults


Fault = Callable[[Topic, int], Topic]


def leave_out(topic: Topic, place: int) -> Topic:
    return topic[:place] + topic[place + 1 :]


def double(topic: Topic, place: int) -> Topic:
    return [*topic[: place + 1], *topic[place:]]


def swap(topic: Topic, place: int) -> Topic:
    return [*topic[:place], topic[place + 1], topic[place], *topic[place + 2 :]]


def alter(topic: Topic, place: int) -> Topic:
    seq, tick = topic[place]
    return [*topic[:place], (seq, (tick[0], tick[1] + 1e-5, *tick[2:])), *topic[place + 1 :]]


def delay(topic: Topic, place: int) -> Topic:
    seq, tick = topic[place]
    return [*topic[:place], (seq, (tick[0] + 1, *tick[1:])), *topic[place + 1 :]]


REPORTED = {
    leave_out: "missing",
    double: "doubled",
    swap: "out_of_order",
    alter: "differing",
    delay: "differing",
}


@settings(max_examples=60, deadline=None)
@given(
    gaps=st.lists(st.sampled_from([0, 0, 1, 40, 2_500, 400_000]), min_size=60, max_size=60),
    faults=st.lists(
        st.tuples(st.sampled_from(list(REPORTED)), st.integers(0, 5)),
        max_size=4,
        unique_by=lambda one: one[1],
    ),
)
def test_faults_far_enough_apart_are_each_counted_once(
    gaps: list[int], faults: list[tuple[Fault, int]]
) -> None:
    """Bursts, twins of time, quiet stretches: the counts are those of what was planted."""
    time_msc, history = START, []
    for place, gap in enumerate(gaps):
        time_msc += gap
        history.append((time_msc, 1 + place / 1e5, 2 + place / 1e5, 0.0, 0))
    span = Span(START, time_msc + 1)
    topic = list(enumerate(history, 1))
    for fault, place in sorted(faults, key=lambda one: -one[1]):
        topic = fault(topic, place * 9 + 4)
    expected = dict.fromkeys(("missing", "doubled", "out_of_order", "differing", "unknown", "unsent"), 0)
    for fault, _ in faults:
        expected[REPORTED[fault]] += 1
    found = asdict(audited(topic, history=history, span=span).figures)
    assert expected == {name: found[name] for name in expected}
    assert len([fault for fault, _ in faults if fault is leave_out]) == found["holes"]
