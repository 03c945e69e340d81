"""Replaying tick files: what is read, what is refused, when it is played."""

import gzip
from pathlib import Path

import pytest

from hybrid_bridge.simulator.replay import FeedError, Replay, parse_start, read_ticks, symbol_of

DAY = 86_400_000
# 2014-05-08 00:00 UTC
EIGHTH = 1_399_507_200_000
NOW = 1_800_000_000_123


def at(clock: str, day: int = 0) -> int:
    """Give a time of the file's day."""
    return EIGHTH + day * DAY + parse_start(clock)


def tick_file(folder: Path, name: str, *lines: str) -> Path:
    path = folder / name
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def ticks_at(folder: Path, name: str, *times_msc: int) -> Path:
    lines = (f"{time},{1 + i / 10:.1f},{2 + i / 10:.1f}" for i, time in enumerate(times_msc))
    return tick_file(folder, name, "time_msc,bid,ask", *lines)


def replay(*paths: Path, start: str = "", speed: float = 1.0) -> Replay:
    return Replay(paths, start_utc_msc=NOW, start=start, speed=speed)


def played(source: Replay) -> list[tuple[int, str, float, float]]:
    return [tuple(tick) for tick in source.take_until(2**60)]


def test_header_or_not_packed_or_not_the_ticks_are_the_same(tmp_path: Path) -> None:
    text = f"{EIGHTH},1.39147,1.39148\n{EIGHTH},1.39147,1.39149\n"
    plain = tmp_path / "EURUSD.csv"
    plain.write_text(text, encoding="utf-8")
    headed = tmp_path / "EURUSD-2.csv"
    headed.write_text("Time_msc, bid, ask\r\n" + text.replace("\n", "\r\n"), encoding="utf-8", newline="")
    packed = tmp_path / "EURUSD-3.csv.gz"
    packed.write_bytes(gzip.compress(("time_msc,bid,ask\n" + text).encode()))
    expected = [(EIGHTH, 1.39147, 1.39148), (EIGHTH, 1.39147, 1.39149)]
    for path in (plain, headed, packed):
        assert expected == list(read_ticks(path))


@pytest.mark.parametrize(
    ("line", "seen"),
    [
        ("1399507217007,1.39147", "1.39147"),
        ("1399507217007,1.39147,1.39148,7", "1.39148,7"),
        ("1399507217.5,1.39147,1.39148", "1399507217.5"),
        ("1399507217007,1.39147,nan", "nan"),
        ("1399507217007,1.39147,", "1.39147,"),
        ("1399507217007,0,1.39148", ",0,"),
        ("1399507217007,1.39147,-1", "-1"),
        ("-5,1.39147,1.39148", "-5"),
        ("", "''"),
        ("time_msc,bid,ask", "time_msc,bid,ask"),
    ],
)
def test_a_bad_line_is_an_error_that_names_file_line_and_what_was_seen(
    tmp_path: Path, line: str, seen: str
) -> None:
    path = tick_file(tmp_path, "EURUSD.csv", "time_msc,bid,ask", "1399507217006,1.1,1.2", line, "3,1,2")
    with pytest.raises(FeedError) as refused:
        list(read_ticks(path))
    assert f"{path}, line 3: expected time_msc,bid,ask" in str(refused.value)
    assert seen in str(refused.value)


def test_ticks_out_of_order_are_an_error(tmp_path: Path) -> None:
    path = ticks_at(tmp_path, "EURUSD.csv", EIGHTH + 1, EIGHTH)
    with pytest.raises(FeedError, match=r"line 3: expected ticks oldest first, saw .* sort"):
        list(read_ticks(path))


def test_a_file_that_is_missing_cut_short_or_no_text_is_named(tmp_path: Path) -> None:
    missing = tmp_path / "EURUSD.csv"
    cut = tmp_path / "EURUSD.csv.gz"
    lines = "".join(f"{EIGHTH + i},1.{i},2.{i}\n" for i in range(5000))
    cut.write_bytes(gzip.compress(lines.encode())[:-200])
    binary = tmp_path / "EURUSD.bin"
    binary.write_bytes(b"\xff\xfe\x00" * 50)
    for path in (missing, cut, binary):
        with pytest.raises(FeedError) as refused:
            list(read_ticks(path))
        assert str(path) in str(refused.value)
        assert "cannot be read" in str(refused.value)


def test_an_empty_file_is_an_error(tmp_path: Path) -> None:
    path = tick_file(tmp_path, "EURUSD.csv", "time_msc,bid,ask")
    with pytest.raises(FeedError, match="expected at least one tick"):
        replay(path)


def test_the_symbol_is_the_name_up_to_dash_or_dot() -> None:
    assert "EURUSD" == symbol_of(Path("a-b/EURUSD-2014-05-08.csv.gz"))
    assert "XAUUSD" == symbol_of(Path("XAUUSD.csv"))
    with pytest.raises(FeedError, match="name must begin with the symbol"):
        symbol_of(Path("-2014.csv"))


def test_all_times_move_by_one_shift_and_the_first_tick_is_now(tmp_path: Path) -> None:
    times = [at("07:00:00"), at("07:00:00") + 1, at("07:00:00") + 1, at("09:30:10"), at("23:59:59")]
    source = replay(ticks_at(tmp_path, "EURUSD.csv", *times))
    shift = source.shifts_msc["EURUSD"]
    ticks = played(source)
    assert NOW == ticks[0][0]
    assert [time + shift for time in times] == [tick[0] for tick in ticks]
    assert [1.0, 1.1, 1.2, 1.3, 1.4] == [tick[2] for tick in ticks]


def test_ticks_come_when_they_are_due_and_not_before(tmp_path: Path) -> None:
    source = replay(ticks_at(tmp_path, "EURUSD.csv", EIGHTH, EIGHTH, EIGHTH + 50, EIGHTH + 51))
    assert NOW == source.next_due_utc_msc()
    assert [] == source.take_until(NOW - 1)
    assert 2 == len(source.take_until(NOW))
    assert NOW + 50 == source.next_due_utc_msc()
    assert 1 == len(source.take_until(NOW + 50))
    assert 1 == len(source.take_until(NOW + 5000))
    assert source.next_due_utc_msc() is None


@pytest.mark.parametrize(
    ("start", "first"),
    [("08:30", "08:30:00"), ("08:30:01", "12:00:00"), ("", "07:00:00"), ("00:00", "06:00:00")],
)
def test_a_replay_begins_at_its_start(tmp_path: Path, start: str, first: str) -> None:
    clocks = ("06:00:00", "07:00:00", "08:30:00", "12:00:00")
    source = replay(ticks_at(tmp_path, "EURUSD.csv", *map(at, clocks)), start=start)
    assert NOW - at(first) == source.shifts_msc["EURUSD"]
    assert NOW == played(source)[0][0]


def test_a_file_that_ends_before_seven_begins_with_its_first_tick(tmp_path: Path) -> None:
    source = replay(ticks_at(tmp_path, "EURUSD.csv", at("02:00"), at("06:59:59")))
    assert 2 == len(played(source))


def test_a_start_after_the_last_tick_is_an_error_that_says_when_it_was(tmp_path: Path) -> None:
    path = ticks_at(tmp_path, "EURUSD.csv", at("02:00"), at("16:59:58"))
    with pytest.raises(FeedError, match=r"start 17:00: EURUSD has no tick .* at 16:59:58"):
        replay(path, start="17:00")


@pytest.mark.parametrize("start", ["7:00", "24:00", "12:60", "noon", "12", "12:00:60", "12:00:00:00"])
def test_a_start_that_is_no_time_of_day_is_an_error(start: str) -> None:
    with pytest.raises(FeedError, match="HH:MM"):
        parse_start(start)


@pytest.mark.parametrize("speed", [0.0, -1.0, float("nan"), float("inf")])
def test_a_speed_must_be_above_zero(tmp_path: Path, speed: float) -> None:
    with pytest.raises(FeedError, match="speed"):
        replay(ticks_at(tmp_path, "EURUSD.csv", EIGHTH), speed=speed)


def test_a_speed_divides_the_distances(tmp_path: Path) -> None:
    times = (EIGHTH, EIGHTH + 1, EIGHTH + 1000, EIGHTH + 1000, EIGHTH + 60_000)
    source = replay(ticks_at(tmp_path, "EURUSD.csv", *times), speed=10)
    assert [0, 0, 100, 100, 6000] == [tick[0] - NOW for tick in played(source)]


def test_files_of_one_day_are_merged_by_time(tmp_path: Path) -> None:
    euro = ticks_at(tmp_path, "EURUSD.csv", at("07:00:00"), at("07:00:02"), at("07:00:02"))
    gold = ticks_at(tmp_path, "XAUUSD.csv", at("07:00:01"), at("07:00:02"), at("07:00:03"))
    merged = [(tick[0] - NOW, tick[1]) for tick in played(replay(euro, gold))]
    assert [
        (0, "EURUSD"),
        (1000, "XAUUSD"),
        (2000, "EURUSD"),
        (2000, "EURUSD"),
        (2000, "XAUUSD"),
        (3000, "XAUUSD"),
    ] == merged


def test_files_of_different_days_run_side_by_side(tmp_path: Path) -> None:
    euro = ticks_at(tmp_path, "EURUSD.csv", at("07:00:00"), at("08:00:00"))
    gold = ticks_at(tmp_path, "XAUUSD.csv", at("07:30:00", day=-3), at("08:30:00", day=-3))
    source = replay(euro, gold)
    assert ["EURUSD", "XAUUSD", "EURUSD", "XAUUSD"] == [tick[1] for tick in played(source)]
    assert 3 * DAY == source.shifts_msc["XAUUSD"] - source.shifts_msc["EURUSD"]


def test_files_of_one_symbol_follow_each_other(tmp_path: Path) -> None:
    second = ticks_at(tmp_path, "EURUSD-b.csv", at("00:00:01", day=1), at("01:00:00", day=1))
    first = ticks_at(tmp_path, "EURUSD-a.csv", at("23:00:00"), at("23:59:59"))
    ticks = played(replay(second, first))
    assert [0, 3_599_000, 3_601_000, 7_200_000] == [tick[0] - NOW for tick in ticks]


def test_files_of_one_symbol_must_not_overlap(tmp_path: Path) -> None:
    first = ticks_at(tmp_path, "EURUSD-a.csv", at("07:00"), at("09:00"))
    second = ticks_at(tmp_path, "EURUSD-b.csv", at("08:00"), at("10:00"))
    with pytest.raises(FeedError, match="must not overlap"):
        played(replay(first, second))


def test_crossed_quotes_and_repeated_ticks_are_played_as_they_are(tmp_path: Path) -> None:
    path = tick_file(tmp_path, "EURUSD.csv", *[f"{EIGHTH},1.2,1.1"] * 3)
    assert [(NOW, "EURUSD", 1.2, 1.1)] * 3 == played(replay(path))
