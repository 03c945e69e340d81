"""The tick files of the bench."""

from pathlib import Path

from scripts.benchmarks import tick_files
from scripts.benchmarks.tick_files import START_MSC, Flood

FLOOD = Flood(("EURUSD", "USDJPY"), slow_s=2, flood_s=3, per_second=100)


def test_a_flood_has_so_many_ticks_a_second_over_all_symbols() -> None:
    times = tick_files.draw(FLOOD)
    begin = START_MSC + 2_000
    flooded = sorted(moment for moments in times.values() for moment in moments if moment >= begin)
    assert 300 == len(flooded)
    seconds = [sum((moment - begin) // 1000 == second for moment in flooded) for second in range(3)]
    assert [100, 100, 100] == seconds
    assert all(moments == sorted(moments) for moments in times.values())
    assert [4, 4] == [sum(moment < begin for moment in moments) for moments in times.values()]


def test_the_same_flood_is_drawn_again() -> None:
    assert tick_files.draw(FLOOD) == tick_files.draw(FLOOD)


def test_a_tick_is_known_by_its_bid() -> None:
    numbers = [0, 1, 29, 57, 99_999, 250_003]
    assert numbers == [tick_files.number_of(float(str(tick_files.bid(number)))) for number in numbers]


def test_files_are_of_their_symbols_and_in_the_replays_form(tmp_path: Path) -> None:
    paths = tick_files.write(tmp_path / "files", {"EURUSD": [START_MSC, START_MSC + 7]})
    assert ["EURUSD-flood.csv"] == [path.name for path in paths]
    assert f"{START_MSC},1.0,1.0002\n{START_MSC + 7},1.00001,1.00021\n" == paths[0].read_text()
