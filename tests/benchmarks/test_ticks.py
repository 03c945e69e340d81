"""How the bench judges ticks at the topic."""

import pytest
from scripts.benchmarks.tick_files import START_MSC, Flood
from scripts.benchmarks.ticks import Seen, flooded, middle_rate, verdict


def seen(symbol: str, *numbers: int, first_seq: int = 1) -> list[Seen]:
    return [Seen(0, symbol, first_seq + place, number, 0) for place, number in enumerate(numbers)]


@pytest.mark.parametrize(
    ("numbers", "lost", "disordered"),
    [
        ((1, 2, 3, 4), 0, 0),
        ((3, 4), 0, 0),
        ((2, 4), 1, 1),
        ((2, 3), 1, 0),
        ((), 2, 0),
        ((2, 3, 3, 4), 0, 1),
        ((2, 4, 3), 0, 2),
    ],
)
def test_lost_repeated_and_misplaced_ticks_are_counted(
    numbers: tuple[int, ...], lost: int, disordered: int
) -> None:
    assert (lost, disordered) == verdict(seen("EURUSD", *numbers), {"EURUSD": 5}, {"EURUSD": 3})


def test_a_gap_in_the_sequence_is_out_of_order() -> None:
    ticks = [*seen("EURUSD", 0, 1), *seen("EURUSD", 2, first_seq=4)]
    assert (0, 1) == verdict(ticks, {"EURUSD": 3}, {"EURUSD": 0})


def test_symbols_are_judged_each_for_itself() -> None:
    mixed = [tick for pair in zip(seen("A", 0, 1), seen("B", 0, 1), strict=True) for tick in pair]
    assert (1, 0) == verdict(mixed, {"A": 2, "B": 3}, {"A": 0, "B": 0})


def test_the_flood_begins_behind_the_slow_ticks() -> None:
    times = {"A": [START_MSC, START_MSC + 999, START_MSC + 1_000], "B": [START_MSC + 2_000]}
    assert {"A": 2, "B": 0} == flooded(times, Flood(("A", "B"), slow_s=1, flood_s=1, per_second=1))


def test_the_rate_is_that_of_the_middle() -> None:
    steady = [number * 10_000_000 for number in range(100)]
    # A slow beginning and a late straggler change nothing.
    assert 100.0 == pytest.approx(middle_rate([-5_000_000_000, *steady[1:-1], 9_000_000_000]))
    assert middle_rate([1, 2, 3]) is None
