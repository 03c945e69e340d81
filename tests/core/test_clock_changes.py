"""The server's clock during a range: which offset holds when, and which changes no clock makes."""

from hybrid_bridge.core.clock_changes import HOUR_S, QUANTUM_S, ClockBook, ClockChange, candidates

DAY = 86_400_000


def book(*changes: tuple[int, int]) -> ClockBook:
    made = ClockBook()
    for from_msc, offset_s in changes:
        made.adopt(from_msc, offset_s)
    return made


def test_nothing_is_known_at_first():
    assert None is book().at(5 * DAY)


def test_the_first_offset_found_holds_from_the_beginning():
    assert 10_800 == book((5 * DAY, 10_800)).at(DAY)


def test_a_change_holds_from_its_instant_on_whatever_was_found_first():
    made = book((0, 10_800), (9 * DAY, 10_800), (5 * DAY, 7_200))
    assert [10_800, 7_200, 7_200, 10_800] == [
        made.at(at) for at in (5 * DAY - 1, 5 * DAY, 9 * DAY - 1, 9 * DAY)
    ]


def test_a_span_is_cut_where_the_offset_of_its_beginning_ends():
    made = book((0, 10_800), (5 * DAY, 7_200))
    assert 5 * DAY == made.until(4 * DAY, 6 * DAY)
    assert 6 * DAY == made.until(5 * DAY, 6 * DAY)
    assert 5 * DAY == made.until(4 * DAY, 5 * DAY)


def test_an_hour_that_comes_twice_is_known_while_it_does():
    made = book((0, 10_800), (5 * DAY, 7_200), (200 * DAY, 10_800))
    at = [5 * DAY - 1, 5 * DAY, 5 * DAY + 3_599_999, 5 * DAY + 3_600_000, 200 * DAY]
    assert [0, 3_600, 3_600, 0, 0] == [made.set_back_s(moment) for moment in at]


def test_summer_and_winter_time_are_no_doubt():
    assert [] == book((0, 7_200), (90 * DAY, 10_800), (300 * DAY, 7_200)).doubts()


def test_a_change_of_another_size_is_one():
    assert [ClockChange(5 * DAY, 7_200 + 1_800)] == book((0, 7_200), (5 * DAY, 9_000)).doubts()
    assert [ClockChange(5 * DAY, 0)] == book((0, 7_200), (5 * DAY, 0)).doubts()


def test_a_clock_that_changes_twice_within_days_is_one():
    assert [ClockChange(7 * DAY, 7_200)] == book((0, 7_200), (5 * DAY, 10_800), (7 * DAY, 7_200)).doubts()


def test_every_quarter_of_an_hour_is_tried_the_likely_ones_first():
    every = list(range(-14 * HOUR_S, 14 * HOUR_S + 1, QUANTUM_S))
    assert [10_800, 7_200, 0] == candidates(None)[:3]
    assert [7_200, 10_800, 3_600] == candidates(7_200)[:3]
    for near_s in (None, 7_200):
        assert every == sorted(candidates(near_s))
