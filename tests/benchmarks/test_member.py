"""Simulated bridges: how their ticks fall into beats, and how their accounts lie on topics."""

import random

import pytest
from scripts.scaling.layout import settings_of, signal_topic, tick_prefix
from scripts.scaling.member import draw_count


@pytest.mark.parametrize("mean", [0.8, 8.0, 40.0])
def test_ticks_of_a_beat_are_as_many_as_expected_on_average_and_vary_as_independent_ones_do(
    mean: float,
) -> None:
    chance = random.Random(7)
    counts = [draw_count(chance, mean) for _ in range(20_000)]
    average = sum(counts) / len(counts)
    variance = sum((count - average) ** 2 for count in counts) / len(counts)
    assert mean == pytest.approx(average, rel=0.03)
    assert mean == pytest.approx(variance, rel=0.05)


def test_a_market_that_stands_still_has_no_ticks() -> None:
    assert 0 == draw_count(random.Random(1), 0.0)


def test_accounts_share_three_topics_or_have_three_each_but_never_a_group() -> None:
    first, second = (settings_of("127.0.0.1:1", "run", "shared", number) for number in (0, 1))
    topics = [(one.tick_topic, one.signal_topic, one.event_topic) for one in (first, second)]
    assert topics[0] == topics[1]
    assert first.group_id != second.group_id
    assert first.account != second.account
    own = [settings_of("127.0.0.1:1", "run", "own", number) for number in (0, 1)]
    names = [name for one in own for name in (one.tick_topic, one.signal_topic, one.event_topic)]
    assert 6 == len(set(names))
    assert [one.signal_topic for one in own] == [signal_topic("run", "own", number) for number in (0, 1)]
    assert all(one.tick_topic.startswith(tick_prefix("run")) for one in (first, *own))
