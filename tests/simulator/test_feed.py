"""The feed as the server sees it."""

from pathlib import Path

import pytest

from hybrid_bridge.simulator.catalogue import CATALOGUE, catalogue_symbol
from hybrid_bridge.simulator.feed import Feed, FeedError, FeedOptions, FeedTick, make_feed
from hybrid_bridge.simulator.server_zone import ServerZone

START = 1_800_000_000_123
OFFSET = 10_800_000
EURUSD, GBPUSD = catalogue_symbol("EURUSD"), catalogue_symbol("GBPUSD")
# 2014-05-08 08:00 UTC
FILE_MSC = 1_399_536_000_000


def feed(**options: object) -> Feed:
    return make_feed(FeedOptions(start_utc_msc=START, **options))  # type: ignore[arg-type]


@pytest.fixture
def euro_file(tmp_path: Path) -> Path:
    path = tmp_path / "EURUSD-2014-05-08.csv"
    lines = (f"{FILE_MSC + msc},1.39147,1.39149" for msc in (0, 0, 500, 1500, 1500, 4000))
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def drained(source: Feed, until: int) -> list[FeedTick]:
    ticks: list[FeedTick] = []
    while (due := source.next_due_utc_msc()) is not None and due <= until:
        ticks += source.next_batch(until)
    return ticks


def test_times_are_the_servers_wall_clock(euro_file: Path) -> None:
    source = feed(files=(euro_file,))
    ticks = source.next_batch(START + 10_000)
    assert ("EURUSD", START + OFFSET, 1.39147, 1.39149) == ticks[0]
    assert START - FILE_MSC == source.shift_msc
    assert [FILE_MSC + msc + source.shift_msc + OFFSET for msc in (0, 0, 500, 1500, 1500, 4000)] == [
        tick[1] for tick in ticks
    ]


def test_a_replay_ends_and_says_so(euro_file: Path) -> None:
    source = feed(files=(str(euro_file),))
    assert START == source.next_due_utc_msc()
    assert not source.exhausted
    assert [] == source.next_batch(START - 1)
    assert 5 == len(source.next_batch(START + 1500))
    assert START + 4000 == source.next_due_utc_msc()
    assert 1 == len(source.next_batch(START + 4000))
    assert source.exhausted
    assert [] == source.next_batch(START + 10_000)
    assert {"EURUSD": 6} == source.generated


def test_made_ticks_never_end_and_are_counted() -> None:
    source = feed(symbols=CATALOGUE[:3])
    ticks = source.next_batch(START + 20_000)
    assert not source.exhausted
    assert 0 == source.shift_msc
    assert len(ticks) == sum(source.generated.values()) > 100
    assert {"EURUSD", "GBPUSD", "AUDUSD"} == set(source.generated)


def test_one_seed_gives_one_feed() -> None:
    first, second = feed(symbols=CATALOGUE, seed=5), feed(symbols=CATALOGUE, seed=5)
    assert drained(first, START + 9000) == [
        tick for end in range(0, 9001, 13) for tick in second.next_batch(START + end)
    ] + second.next_batch(START + 9000)


def test_a_file_takes_the_place_of_made_ticks_of_its_symbol(euro_file: Path) -> None:
    source = feed(files=(euro_file,), symbols=(EURUSD, GBPUSD))
    ticks = source.next_batch(START + 60_000)
    assert 6 == source.generated["EURUSD"]
    assert source.generated["GBPUSD"] > 100
    times = [tick[1] for tick in ticks]
    assert sorted(times) == times
    assert not source.exhausted


def test_a_long_pause_comes_in_several_batches_that_miss_nothing() -> None:
    source, watched = feed(symbols=CATALOGUE), feed(symbols=CATALOGUE)
    until = START + 10 * 60_000
    first = source.next_batch(until)
    assert 20_000 <= len(first) < 25_000
    rest = drained(source, until)
    expected = [tick for end in range(0, 10 * 60_000 + 1, 5000) for tick in watched.next_batch(START + end)]
    assert expected == first + rest


def test_rates_can_be_set_per_symbol() -> None:
    source = feed(symbols=(EURUSD, GBPUSD), ticks_per_second={"EURUSD": 50.0})
    drained(source, START + 60_000)
    assert 3000 == pytest.approx(source.generated["EURUSD"], rel=0.15)
    assert 240 == pytest.approx(source.generated["GBPUSD"], rel=0.4)


@pytest.mark.parametrize("rate", [0.0, -1.0, float("nan"), float("inf")])
def test_a_rate_must_be_above_zero(rate: float) -> None:
    with pytest.raises(FeedError, match="ticks_per_second of EURUSD"):
        feed(symbols=(EURUSD,), ticks_per_second={"EURUSD": rate})


def test_made_ticks_pause_for_the_weekend_where_sessions_are_kept() -> None:
    # Friday 2026-06-05 20:59 UTC is 23:59 by the server.
    friday = 1_780_693_140_000
    options = {
        "start_utc_msc": friday,
        "symbols": (EURUSD, catalogue_symbol("BTCUSD")),
        "ticks_per_second": {"BTCUSD": 0.05},
    }
    source = make_feed(FeedOptions(enforce_sessions=True, **options))  # type: ignore[arg-type]
    drained(source, friday + 2 * 86_400_000)
    weekend = source.generated["EURUSD"]
    assert 50 < weekend < 1000
    assert source.generated["BTCUSD"] > 5000
    drained(source, friday + 2 * 86_400_000 + 180_000)
    assert source.generated["EURUSD"] > weekend + 200


def test_a_bad_line_comes_up_when_it_is_reached(tmp_path: Path) -> None:
    path = tmp_path / "EURUSD.csv"
    path.write_text(f"{FILE_MSC},1.1,1.2\n{FILE_MSC + 1},1.1,1.2\n{FILE_MSC + 2},oops,1.2\n", "utf-8")
    source = feed(files=(path,))
    with pytest.raises(FeedError, match="line 3"):
        source.next_batch(START + 1000)


def test_a_pause_delays_what_is_to_come_and_loses_nothing(euro_file: Path) -> None:
    source = feed(files=(euro_file,), symbols=(GBPUSD,))
    unpaused = drained(feed(files=(euro_file,), symbols=(GBPUSD,)), START + 9000)
    begun = drained(source, START + 600)
    source.pause(START + 600)
    source.pause(START + 700)
    assert source.is_paused
    source.resume(START + 5600)
    assert not source.is_paused
    rest = drained(source, START + 14_000)
    late = [(symbol, msc - 5000, bid, ask) for symbol, msc, bid, ask in rest]
    assert unpaused == begun + late


def test_steps_give_the_ticks_of_one_moment_each(euro_file: Path) -> None:
    source = feed(files=(euro_file,))
    now = START + 50
    assert [2, 1, 2] == [len(source.step(1, now)) for _ in range(3)]
    assert source.is_paused
    source.resume(now)
    (last,) = drained(source, now + 2500)
    assert now + 2500 + OFFSET == last[1]
    assert [] == source.step(5, now)


def test_the_speed_may_change_on_the_way(euro_file: Path) -> None:
    source = feed(files=(euro_file,))
    assert 3 == len(drained(source, START + 500))
    source.change_speed(10, START + 500)
    ticks = drained(source, START + 2000)
    assert [START + OFFSET + msc for msc in (600, 600, 850)] == [tick[1] for tick in ticks]
    with pytest.raises(FeedError, match="speed -1: expected a number above 0"):
        source.change_speed(-1, START)


def test_made_ticks_may_come_faster() -> None:
    source = feed(symbols=(EURUSD,))
    usual = len(drained(source, START + 60_000))
    source.change_speed(20, START + 60_000)
    assert len(drained(source, START + 120_000)) > 10 * usual


def test_the_servers_clock_follows_the_season() -> None:
    # 2026-03-29 01:00 UTC, when Athens goes from two to three hours ahead.
    change = 1_774_746_000_000
    options = FeedOptions(start_utc_msc=change - 60_000, symbols=(EURUSD,), zone=ServerZone.read("EET"))
    times = [tick[1] for tick in drained(make_feed(options), change + 60_000)]
    before = [msc for msc in times if msc < change + 2 * 3_600_000]
    assert before
    assert min(msc for msc in times if msc not in before) >= change + 3 * 3_600_000
