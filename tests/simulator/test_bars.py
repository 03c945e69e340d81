"""Bars built from ticks."""

from datetime import UTC, datetime

import pytest

from hybrid_bridge.simulator import constants as mt5
from hybrid_bridge.simulator.bars import ROW, BarSeries, bar_opens_s
from hybrid_bridge.simulator.terminal_error import TerminalError

# Monday 2026-06-01 10:00.
START_S = 1_780_308_000
M1, M5, H1 = mt5.TIMEFRAME_M1, mt5.TIMEFRAME_M5, mt5.TIMEFRAME_H1


def rows(packed: bytes) -> list[tuple[float, ...]]:
    return list(ROW.iter_unpack(packed))


def series(max_bars: int = 100) -> BarSeries:
    """Give three minutes, of which the second has no tick."""
    bars = BarSeries(max_bars)
    for second, bid, spread in ((0, 1.5, 9), (20, 1.7, 8), (59, 1.4, 12), (120, 1.6, 7)):
        bars.add_tick(START_S + second, bid, spread)
    return bars


def test_a_minute_holds_its_ticks_and_a_minute_without_one_has_no_bar() -> None:
    assert 60 == ROW.size
    assert [
        (START_S, 1.5, 1.7, 1.4, 1.4, 3, 8, 0),
        (START_S + 120, 1.6, 1.6, 1.6, 1.6, 1, 7, 0),
    ] == rows(series().copy_from_pos(M1, 0, 10))


def test_longer_bars_are_made_of_minutes() -> None:
    bars = series()
    bars.add_tick(START_S + 300, 1.9, 5)
    assert [
        (START_S, 1.5, 1.7, 1.4, 1.6, 4, 7, 0),
        (START_S + 300, 1.9, 1.9, 1.9, 1.9, 1, 5, 0),
    ] == rows(bars.copy_from_pos(M5, 0, 10))
    assert [(START_S, 1.5, 1.9, 1.4, 1.9, 5, 5, 0)] == rows(bars.copy_from_pos(H1, 0, 10))
    # Grouping leaves the minutes as they were.
    assert 3 == len(rows(bars.copy_from_pos(M1, 0, 10)))
    assert (START_S, 1.5, 1.7, 1.4, 1.4, 3, 8, 0) == rows(bars.copy_from_pos(M1, 0, 10))[0]


def test_positions_count_back_from_the_newest_bar() -> None:
    bars = series()
    assert [START_S + 120] == [row[0] for row in rows(bars.copy_from_pos(M1, 0, 1))]
    assert [START_S] == [row[0] for row in rows(bars.copy_from_pos(M1, 1, 5))]


def test_from_gives_the_last_bars_up_to_a_moment() -> None:
    bars = series()
    assert [START_S] == [row[0] for row in rows(bars.copy_from(M1, START_S + 119, 5))]
    assert [START_S + 120] == [row[0] for row in rows(bars.copy_from(M1, START_S + 9999, 1))]
    assert b"" == bars.copy_from(M1, START_S - 1, 5)


def test_a_range_includes_both_ends() -> None:
    bars = series()
    assert 2 == len(rows(bars.copy_range(M1, START_S, START_S + 120)))
    assert b"" == bars.copy_range(M1, START_S + 1, START_S + 119)


def test_what_a_terminal_refuses_is_refused() -> None:
    bars = series(max_bars=100)
    refusals = {
        mt5.RES_E_INVALID_PARAMS: (
            lambda: bars.copy_from(7, START_S, 1),
            lambda: bars.copy_from(M1, START_S, 100),
            lambda: bars.copy_from_pos(M1, 0, 100),
            lambda: bars.copy_from_pos(M1, 0, 0),
            lambda: bars.copy_from_pos(M1, -1, 1),
            lambda: bars.copy_range(M1, START_S, START_S + 6000),
            lambda: bars.copy_range(M1, START_S, START_S - 1),
        ),
        mt5.RES_E_FAIL: (lambda: bars.copy_from_pos(M1, 2, 1),),
    }
    for code, calls in refusals.items():
        for call in calls:
            with pytest.raises(TerminalError) as refused:
                call()
            assert code == refused.value.code


def test_only_the_newest_minutes_are_kept() -> None:
    bars = BarSeries(3)
    for minute in range(10):
        bars.add_tick(START_S + minute * 60, 1.0, 1)
    times = [row[0] for row in rows(bars.copy_from_pos(M1, 0, 2))]
    assert [START_S + 480, START_S + 540] == times


@pytest.mark.parametrize(
    ("timeframe", "opens"),
    [
        (mt5.TIMEFRAME_M15, "2026-06-03T10:45"),
        (mt5.TIMEFRAME_H4, "2026-06-03T08:00"),
        (mt5.TIMEFRAME_D1, "2026-06-03T00:00"),
        (mt5.TIMEFRAME_W1, "2026-05-31T00:00"),  # a Sunday
        (mt5.TIMEFRAME_MN1, "2026-06-01T00:00"),
    ],
)
def test_every_timeframe_opens_where_a_terminal_opens_it(timeframe: int, opens: str) -> None:
    moment = int(datetime(2026, 6, 3, 10, 59, 59, tzinfo=UTC).timestamp())
    opened = datetime.fromtimestamp(bar_opens_s(timeframe, moment), UTC)
    assert datetime.fromisoformat(opens).replace(tzinfo=UTC) == opened
