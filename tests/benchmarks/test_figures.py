"""Percentiles, ratios and targets of the bench."""

import pytest
from scripts.benchmarks.figures import Figure, Target, compare, percentile


def test_percentiles_lie_between_the_samples() -> None:
    samples = [30.0, 10.0, 20.0, 40.0]
    assert [10.0, 25.0, 40.0] == [percentile(samples, percent) for percent in (0, 50, 100)]
    assert 39.7 == pytest.approx(percentile(samples, 99))
    assert [7.0, 7.0] == [percentile([7.0], percent) for percent in (0, 99)]
    assert percentile([], 50) is None


def test_a_ratio_is_judged_where_the_target_is_of_the_ratio() -> None:
    target = Target(2, of_ratio=True)
    assert (True, 2.0) == (Figure("f", 8.0, floor=4.0, target=target).met, Figure("f", 8.0, floor=4.0).ratio)
    assert Figure("f", 8.1, floor=4.0, target=target).met is False
    assert Figure("f", 8.1, floor=4.0, target=Target(9)).met is True


@pytest.mark.parametrize(("value", "met"), [(99.9, False), (100.0, True), (100.1, True)])
def test_more_is_better_where_the_target_says_at_least(value: float, met: bool) -> None:
    assert met == Figure("f", value, target=Target(100, at_least=True)).met


def test_what_could_not_be_measured_meets_nothing() -> None:
    assert Figure("f", None, target=Target(1)).met is False
    assert Figure("f", 1.0, floor=0.0, target=Target(1, of_ratio=True)).met is False
    assert Figure("f", None).met is None


def test_percentiles_stand_beside_the_same_of_the_floor() -> None:
    target = Target(3, of_ratio=True)
    figures = compare("way", "ms", [2.0, 4.0], [1.0, 1.0], {50: None, 100: target})
    assert [("way, p50", 3.0, 1.0, None), ("way, p100", 4.0, 1.0, target)] == [
        (figure.name, figure.value, figure.floor, figure.target) for figure in figures
    ]


def test_a_figure_is_kept_with_its_verdict() -> None:
    kept = Figure("way", 3.00049, "ms", 2.0, Target(2, of_ratio=True)).to_json()
    expected = {"name": "way", "value": 3.0, "unit": "ms", "floor": 2.0, "ratio": 1.5}
    assert {**expected, "target": "<= 2x", "met": True} == kept
