from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.terminal.scripted_terminal import TICK_TYPE

from hybrid_bridge.core.market import SequencedTick, Tick, TickCursor
from hybrid_bridge.terminal import tick_pages, tick_track
from hybrid_bridge.terminal.clock import ServerClock
from hybrid_bridge.terminal.market_lane import MarketPage, decode_ticks
from hybrid_bridge.terminal.operations import NEWEST
from hybrid_bridge.terminal.package import Package

CLOCK = ServerClock(0)


class Terminal:
    """Ticks that become visible little by little, through the package's copy_ticks_from."""

    def __init__(self, times):
        rows = [(time // 1000, float(place), 0.0, 0.0, 0, time, 6, 0.0) for place, time in enumerate(times)]
        self._rows = np.array(rows, dtype=TICK_TYPE)
        self.visible = 0

    def last_error(self):
        return (1, "Success")

    def copy_ticks_from(self, symbol, from_s, count, flags):
        shown = self._rows[: self.visible]
        return shown[shown["time_msc"] >= from_s * 1000][:count]

    def symbol_info_tick(self, symbol):
        return SimpleNamespace(time_msc=int(self._rows[self.visible - 1]["time_msc"]))


def fetch(package, cursor, limit):
    page = tick_pages.read_page(package, tick_track.request_after(cursor, limit))
    ticks, times = decode_ticks(page.symbol, page.rows, CLOCK)
    return MarketPage(page.symbol, ticks, times, page.more, "")


times_lists = st.lists(
    st.sampled_from([0, 0, 0, 0, 1, 1, 3, 400, 999, 1000, 2500]), min_size=1, max_size=60
).map(lambda gaps: [5_000 + sum(gaps[: place + 1]) for place in range(len(gaps))])


@given(times=times_lists, choices=st.data(), reread=st.integers(0, 3))
def test_any_split_of_ticks_into_polls_delivers_each_exactly_once_in_order(times, choices, reread):
    terminal = Terminal(times)
    package = Package(terminal)
    cursor = TickCursor("EURUSD", times[0], 0, 0)
    delivered = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tick_pages, "REREAD_ROWS", reread)
        more = True
        while more or terminal.visible < len(times):
            if choices.draw(st.booleans()) or not more:
                terminal.visible = min(len(times), terminal.visible + choices.draw(st.integers(1, 9)))
            page = fetch(package, cursor, choices.draw(st.integers(1, 6)))
            more = page.more
            numbered, after = tick_track.follow(cursor, page)
            if choices.draw(st.sampled_from(["accepted", "accepted", "refused"])) == "accepted":
                delivered += numbered
                cursor = after
            else:
                more = True
    assert [tick.tick.bid for tick in delivered] == [float(place) for place in range(len(times))]
    assert [tick.seq for tick in delivered] == list(range(1, len(times) + 1))
    assert cursor.seq == len(times)


@given(times=times_lists, start=st.integers(1, 60))
def test_a_first_start_begins_at_the_newest_millisecond_and_loses_nothing_after_it(times, start):
    terminal = Terminal(times)
    package = Package(terminal)
    terminal.visible = min(start, len(times))
    first, cursor = tick_track.follow(
        tick_track.fresh_cursor("EURUSD", 41), fetch(package, tick_track.fresh_cursor("EURUSD", 41), 100)
    )
    newest = times[terminal.visible - 1]
    begin = times.index(newest)
    terminal.visible = len(times)
    rest, _ = tick_track.follow(cursor, fetch(package, cursor, 100))
    assert [int(tick.tick.bid) for tick in first + rest] == list(range(begin, len(times)))
    assert [tick.seq for tick in first + rest] == list(range(42, 42 + len(times) - begin))


def page(*times):
    ticks = tuple(Tick("EURUSD", float(place), 0.0, 0.0, 0, time) for place, time in enumerate(times))
    return MarketPage("EURUSD", ticks, times, False, "")


def test_the_latest_tick_is_taken_once_and_again_when_its_millisecond_grows():
    cursor = tick_track.fresh_cursor("EURUSD", 7)
    taken, cursor = tick_track.follow_latest(cursor, page(1000, 1000))
    assert [(tick.tick.bid, tick.seq) for tick in taken] == [(1.0, 8)]
    assert tick_track.follow_latest(cursor, page(1000, 1000)) == ([], cursor)
    taken, cursor = tick_track.follow_latest(cursor, page(1000, 1000, 1000))
    assert [(tick.tick.bid, tick.seq) for tick in taken] == [(2.0, 9)]
    taken, cursor = tick_track.follow_latest(cursor, page(2000))
    assert cursor == TickCursor("EURUSD", 2000, 1, 10)


def test_an_empty_page_moves_nothing():
    cursor = TickCursor("EURUSD", 5, 1, 9)
    assert tick_track.follow(cursor, page()) == ([], cursor)
    assert tick_track.follow_latest(cursor, page()) == ([], cursor)


def test_what_the_sink_holds_is_left_out():
    ticks = [SequencedTick(Tick("EURUSD", 0.0, 0.0, 0.0, 0, 0), seq) for seq in (4, 5, 6)]
    assert [tick.seq for tick in tick_track.not_in_sink(ticks, 5)] == [6]


def test_a_reanchored_cursor_keeps_its_number():
    assert tick_track.reanchored(TickCursor("EURUSD", 5, 1, 9)) == TickCursor("EURUSD", NEWEST, 0, 9)
