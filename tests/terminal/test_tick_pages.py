import numpy as np
import pytest

from hybrid_bridge.terminal import tick_pages
from hybrid_bridge.terminal.framing import FRAME_BYTES_MAX
from hybrid_bridge.terminal.market_lane import TICK_ROW
from hybrid_bridge.terminal.operations import NEWEST, HistoryArgs, TickRequest, TicksArgs
from hybrid_bridge.terminal.package import PackageError

S = 1000


def ticks(script, times):
    script.say(ticks={"EURUSD": [[time, 1 + place / 1000, 2.0] for place, time in enumerate(times)]})


def read(package, from_msc, skip=0, limit=100):
    page = tick_pages.read_page(package, TickRequest("EURUSD", from_msc, skip, limit))
    rows = [(row[5], round((row[1] - 1) * 1000)) for row in TICK_ROW.iter_unpack(page.rows)]
    return rows, page.more


def test_the_page_begins_behind_the_known_ticks_of_the_cursors_millisecond(package, script):
    ticks(script, [1 * S + 1, 1 * S + 5, 1 * S + 5, 1 * S + 5, 1 * S + 9])
    assert read(package, 1 * S + 5, skip=2) == ([(1005, 3), (1009, 4)], False)


def test_what_is_earlier_in_the_same_second_is_dropped(package, script):
    ticks(script, [1 * S, 1 * S + 999, 2 * S])
    assert read(package, 1 * S + 999) == ([(1999, 1), (2000, 2)], False)


def test_skip_never_reaches_beyond_the_cursors_millisecond(package, script):
    ticks(script, [1 * S + 5, 1 * S + 6])
    assert read(package, 1 * S + 5, skip=9) == ([(1006, 1)], False)


def test_a_page_is_cut_at_its_limit_and_says_so(package, script):
    ticks(script, range(1 * S, 1 * S + 10))
    rows, more = read(package, 1 * S, limit=4)
    assert ([time for time, _ in rows], more) == ([1000, 1001, 1002, 1003], True)
    rows, more = read(package, 1 * S, limit=10)
    assert (len(rows), more) == (10, False)


def test_a_full_reply_without_news_is_asked_again_for_more(package, script, monkeypatch):
    monkeypatch.setattr(tick_pages, "REREAD_ROWS", 0)
    ticks(script, [*([1 * S + 1] * 500), 1 * S + 2])
    rows, more = read(package, 1 * S + 2, limit=10)
    assert (rows, more) == ([(1002, 500)], False)


def test_asking_for_more_has_an_end(package, script, monkeypatch):
    monkeypatch.setattr(tick_pages, "REREAD_ROWS", 0)
    monkeypatch.setattr(tick_pages, "COUNT_MAX", 64)
    ticks(script, [1 * S + 1] * 500)
    with pytest.raises(PackageError, match="more than 64 ticks"):
        read(package, 1 * S + 2, limit=10)


def test_newest_begins_at_the_newest_ticks_millisecond(package, script):
    ticks(script, [1 * S, 1 * S + 7, 1 * S + 7])
    assert read(package, NEWEST) == ([(1007, 1), (1007, 2)], False)


def test_a_symbol_without_ticks_has_an_empty_page(package):
    assert read(package, NEWEST) == ([], False)
    assert read(package, 5 * S) == ([], False)


def test_one_symbols_error_leaves_the_others_their_pages(script, package, module, monkeypatch):
    ticks(script, [1 * S])
    original = module.copy_ticks_from

    def refuse_gold(name, *args):
        if name == "XAUUSD":
            module._error = (-4, "Terminal: Not found")
            return None
        return original(name, *args)

    monkeypatch.setattr(module, "copy_ticks_from", refuse_gold)
    args = TicksArgs([TickRequest("XAUUSD", 1 * S, 0, 10), TickRequest("EURUSD", 1 * S, 0, 10)])
    gold, euro = tick_pages.read_pages(package, args).pages
    assert (gold.rows, gold.code, gold.text) == (b"", -4, "Terminal: Not found")
    assert (len(euro.rows), euro.code) == (60, 0)


def test_a_lost_connection_fails_all(script, package):
    script.say(errors={"copy_ticks_from": [-10001, "IPC send failed"]})
    with pytest.raises(PackageError):
        tick_pages.read_pages(package, TicksArgs([TickRequest("EURUSD", 1 * S, 0, 10)]))


def test_rows_are_found_by_time_alone():
    times = np.array([1, 3, 3, 3, 8])
    expected = {(0, 0): 0, (1, 0): 0, (1, 1): 1, (3, 0): 1, (3, 2): 3, (3, 5): 4, (4, 0): 4, (9, 0): 5}
    assert expected == {key: tick_pages.first_new_row(times, *key) for key in expected}


def span(package, from_msc, to_msc):
    reply = tick_pages.read_span(package, HistoryArgs("EURUSD", from_msc, to_msc))
    return [(row[5], round((row[1] - 1) * 1000)) for row in TICK_ROW.iter_unpack(reply.rows)]


def test_a_span_holds_every_tick_from_its_beginning_to_before_its_end(package, script):
    ticks(script, [1 * S, 1 * S + 499, 1 * S + 500, 1 * S + 500, 2 * S, 3 * S - 1, 3 * S, 3 * S, 3 * S + 1])
    assert [(1500, 2), (1500, 3), (2000, 4), (2999, 5)] == span(package, 1 * S + 500, 3 * S)
    assert [(2999, 5), (3000, 6), (3000, 7)] == span(package, 2 * S + 1, 3 * S + 1)


def test_a_span_without_ticks_is_empty(package, script):
    ticks(script, [1 * S, 9 * S])
    assert [] == span(package, 2 * S, 3 * S)


def test_a_span_that_the_terminal_refuses_is_an_error(package, script):
    script.say(errors={"copy_ticks_range": [-4, "Terminal: Not found"]})
    with pytest.raises(PackageError, match="copy_ticks_range: Terminal: Not found"):
        span(package, 1 * S, 2 * S)


def test_a_span_with_more_ticks_than_a_reply_can_carry_is_an_error(package, script, monkeypatch):
    monkeypatch.setattr(tick_pages, "SPAN_ROWS_MAX", 3)
    ticks(script, range(1 * S, 1 * S + 4))
    assert 3 == len(span(package, 1 * S, 1 * S + 3))
    with pytest.raises(PackageError, match="4 ticks from 1 s to 3 s, more than 3"):
        span(package, 1 * S, 2 * S)


def test_the_largest_span_fits_into_a_frame():
    assert tick_pages.SPAN_ROWS_MAX * TICK_ROW.size < FRAME_BYTES_MAX
