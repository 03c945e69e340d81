"""Two lists of ticks set against each other: each way of being wrong, told as what it is."""

import pytest

from hybrid_bridge.core.tick_matching import Matching, Row, count_common, match


def row(time_msc: int, price: int = 0) -> Row:
    return time_msc, 1 + price / 1e5, 1.00002 + price / 1e5, 0.0, 0


HISTORY = [row(10 * number, number) for number in range(1, 8)]


def found(topic: list[Row], history: list[Row] | None = None) -> dict[str, object]:
    """Return what a match says beside what it says of equal lists."""
    matching = match(topic, HISTORY if history is None else history)
    nothing = Matching(0, 0, (), (), (), (), ())
    return {
        name: getattr(matching, name)
        for name in Matching.__slots__
        if getattr(matching, name) != getattr(nothing, name)
    }


def test_equal_lists_match_wholly():
    assert {"matched": 7} == found(list(HISTORY))
    assert {} == found([], [])


def test_what_the_topic_lacks_between_its_ticks_is_missing():
    topic = [*HISTORY[:2], *HISTORY[4:]]
    assert {"matched": 5, "missing": (HISTORY[2], HISTORY[3])} == found(topic)
    assert {"matched": 6, "missing": (HISTORY[0],)} == found(HISTORY[1:])


def test_what_the_topic_lacks_behind_its_last_tick_is_told_apart():
    topic = [*HISTORY[:2], HISTORY[3]]
    expected = {"matched": 3, "missing": (HISTORY[2],), "trailing": tuple(HISTORY[4:])}
    assert expected == found(topic)
    assert {"trailing": tuple(HISTORY)} == found([])


def test_a_tick_that_stands_there_twice_is_doubled():
    assert {"matched": 7, "doubled": (HISTORY[3],)} == found([*HISTORY[:4], *HISTORY[3:]])
    assert {"matched": 7, "doubled": (HISTORY[1],)} == found([*HISTORY, HISTORY[1]])


def test_twins_that_the_terminal_has_too_are_not_doubled():
    twins = [*HISTORY[:4], *HISTORY[3:]]
    assert {"matched": 8} == found(list(twins), twins)
    assert {"matched": 7, "missing": (HISTORY[3],)} == found(list(HISTORY), twins)
    assert {"matched": 8, "doubled": (HISTORY[3],)} == found([*HISTORY[:4], HISTORY[3], *HISTORY[3:]], twins)


@pytest.mark.parametrize("place", range(7))
@pytest.mark.parametrize("field", range(1, 5))
def test_another_price_or_volume_is_one_tick_that_differs(place, field):
    wrong = list(HISTORY[place])
    wrong[field] += 1
    topic = [*HISTORY[:place], tuple(wrong), *HISTORY[place + 1 :]]
    assert {"matched": 6, "differing": ((tuple(wrong), HISTORY[place]),)} == found(topic)


@pytest.mark.parametrize("shift", [1, -1, 25, -25, 500_000])
def test_another_time_is_one_tick_that_differs(shift):
    wrong = (HISTORY[3][0] + shift, *HISTORY[3][1:])
    topic = [*HISTORY[:3], wrong, *HISTORY[4:]]
    assert {"matched": 6, "differing": ((wrong, HISTORY[3]),)} == found(topic)


def test_a_tick_that_nothing_in_the_terminal_stands_for_is_unknown():
    strange = row(35, 99)
    assert {"matched": 7, "unknown": (strange,)} == found([*HISTORY[:3], strange, *HISTORY[3:]])
    assert {"unknown": tuple(HISTORY)} == found(list(HISTORY), [])


def test_each_tick_of_the_terminal_stands_for_one_of_the_topic_only():
    strange, stranger = row(35, 99), row(36, 98)
    topic = [*HISTORY[:3], strange, stranger, *HISTORY[4:]]
    expected = {"matched": 6, "differing": ((strange, HISTORY[3]),), "unknown": (stranger,)}
    assert expected == found(topic)


def test_a_strange_tick_here_does_not_stand_for_one_missing_there():
    strange = row(15, 99)
    topic = [HISTORY[0], strange, *HISTORY[1:4], *HISTORY[5:]]
    assert {"matched": 6, "unknown": (strange,), "missing": (HISTORY[4],)} == found(topic)


def test_ticks_in_another_order_are_counted_by_those_that_have_to_move():
    swapped = [*HISTORY[:2], HISTORY[3], HISTORY[2], *HISTORY[4:]]
    assert {"matched": 7, "displaced": 1} == found(swapped)
    assert {"matched": 7, "displaced": 6} == found(HISTORY[::-1])


def test_the_order_within_one_millisecond_counts_too():
    history = [row(10, 1), row(10, 2), row(10, 3)]
    assert {"matched": 3, "displaced": 1} == found([history[1], history[0], history[2]], history)


def test_common_ticks_are_counted_as_often_as_both_have_them():
    assert 0 == count_common([], HISTORY)
    assert 2 == count_common([HISTORY[0], HISTORY[0], HISTORY[1], row(9, 9)], HISTORY)
