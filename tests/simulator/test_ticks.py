"""The tick store against plain lists."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hybrid_bridge.simulator import constants as mt5
from hybrid_bridge.simulator.terminal_error import TerminalError
from hybrid_bridge.simulator.ticks import ROW, TickStore

ALL = mt5.COPY_TICKS_ALL


def rows(packed: bytes) -> list[tuple[int, float, float, int]]:
    """Give time_msc, bid, ask and flags of each row."""
    return [(row[5], row[1], row[2], row[6]) for row in ROW.iter_unpack(packed)]


def store_of(*times_msc: int, max_rows: int = 1000) -> TickStore:
    store = TickStore(max_rows)
    for index, time_msc in enumerate(times_msc):
        store.append(time_msc, 1.0 + index, 2.0 + index, 6)
    return store


def test_a_row_is_the_packages_sixty_bytes() -> None:
    assert 60 == ROW.size
    store = TickStore(10)
    store.append(1_700_000_000_999, 1.1, 1.2, 4)
    (row,) = ROW.iter_unpack(store.copy_from(0, 10, ALL))
    assert (1_700_000_000, 1.1, 1.2, 0.0, 0, 1_700_000_000_999, 4, 0.0) == row


def test_ticks_of_one_millisecond_are_all_kept_in_order() -> None:
    store = store_of(1000, 1000, 1000, 1001)
    assert [1.0, 2.0, 3.0, 4.0] == [row[1] for row in rows(store.copy_from(1000, 10, ALL))]


def test_from_counts_from_the_moment_on() -> None:
    store = store_of(1000, 2000, 2000, 3000)
    assert [2000, 2000] == [row[0] for row in rows(store.copy_from(1001, 2, ALL))]
    assert b"" == store.copy_from(3001, 10, ALL)
    assert b"" == store.copy_from(0, 0, ALL)


def test_a_range_includes_both_ends() -> None:
    store = store_of(1000, 2000, 2000, 3000)
    assert [2000, 2000, 3000] == [row[0] for row in rows(store.copy_range(2000, 3000, ALL))]
    assert b"" == store.copy_range(2001, 2999, ALL)


def test_the_oldest_rows_give_way_to_new_ones() -> None:
    store = store_of(*range(1, 2001), max_rows=100)
    assert 100 <= len(store) <= 113
    times = [row[0] for row in rows(store.copy_from(0, 10_000, ALL))]
    assert list(range(2001 - len(store), 2001)) == times


def test_the_kind_selects_by_flags() -> None:
    store = TickStore(10)
    for time_msc, flags in ((1, 6), (2, 0), (3, mt5.TICK_FLAG_LAST), (4, 2)):
        store.append(time_msc, 1.0, 2.0, flags)

    def times(flags: int, count: int = 10) -> list[int]:
        return [row[0] for row in rows(store.copy_from(0, count, flags))]

    assert [1, 2, 3, 4] == times(ALL)
    assert [1, 4] == times(mt5.COPY_TICKS_INFO)
    assert [1] == times(mt5.COPY_TICKS_INFO, count=1)
    assert [3] == times(mt5.COPY_TICKS_TRADE)
    assert [1, 2, 3, 4] == times(mt5.COPY_TICKS_INFO | mt5.COPY_TICKS_TRADE)
    assert [4] == [row[0] for row in rows(store.copy_range(2, 9, mt5.COPY_TICKS_INFO))]


def test_nonsense_is_invalid_params() -> None:
    store = store_of(1000)
    for call in (
        lambda: store.copy_from(0, -1, ALL),
        lambda: store.copy_from(0, 1, 0),
        lambda: store.copy_range(2, 1, ALL),
        lambda: store.copy_range(1, 2, 64),
    ):
        with pytest.raises(TerminalError) as refused:
            call()
        assert mt5.RES_E_INVALID_PARAMS == refused.value.code


@given(
    gaps=st.lists(st.integers(0, 3), max_size=60),
    from_msc=st.integers(0, 120),
    length=st.integers(0, 60),
    count=st.integers(0, 70),
)
def test_the_store_answers_as_a_list_would(gaps: list[int], from_msc: int, length: int, count: int) -> None:
    times = [sum(gaps[: index + 1]) for index in range(len(gaps))]
    store = store_of(*times)
    expected = [time for time in times if time >= from_msc][:count]
    assert expected == [row[0] for row in rows(store.copy_from(from_msc, count, ALL))]
    until = from_msc + length
    expected = [time for time in times if from_msc <= time <= until]
    assert expected == [row[0] for row in rows(store.copy_range(from_msc, until, ALL))]
