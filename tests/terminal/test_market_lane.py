import asyncio
import struct

import pytest
from tests.terminal.support import WallClock

from hybrid_bridge.core.account import BalanceOperation
from hybrid_bridge.errors import LaneUnavailable
from hybrid_bridge.terminal.clock import ServerClock
from hybrid_bridge.terminal.market_lane import TICK_ROW, TerminalMarketLane, decode_ticks
from hybrid_bridge.terminal.operations import NEWEST, TickRequest

H = 3_600_000


@pytest.fixture
async def lane(start_lane, script):
    script.say(symbols=["EURUSD", "GBPUSD", "XAUUSD.m"])
    lane = start_lane(symbols="EURUSD,GBPUSD,XAUUSD")
    async with asyncio.timeout(10):
        await lane.wait_ready()
    return lane


def market(lane, clock):
    return TerminalMarketLane(lambda: lane, clock, WallClock())


def test_a_row_has_the_packages_sixty_bytes():
    assert TICK_ROW.size == 60


async def test_ticks_come_as_core_values_in_utc(lane, script):
    script.say(
        ticks={"EURUSD": [[3 * H + 1, 1.1, 1.2], [3 * H + 1, 1.3, 1.4]], "GBPUSD": [[3 * H + 2, 2.1, 2.2]]}
    )
    requests = [TickRequest("EURUSD", 3 * H, 0, 1), TickRequest("GBPUSD", NEWEST, 0, 10)]
    euro, pound = await market(lane, ServerClock(10_800)).ticks(requests)
    assert [(tick.symbol, tick.bid, tick.ask, tick.time_msc) for tick in euro.ticks] == [
        ("EURUSD", 1.1, 1.2, 1)
    ]
    assert (euro.server_times_msc, euro.more, euro.problem) == ((3 * H + 1,), True, "")
    assert ([tick.time_msc for tick in pound.ticks], pound.more) == ([2], False)


async def test_a_symbols_problem_is_in_its_page(lane, script):
    script.say(errors={"copy_ticks_from": [-4, "Terminal: Not found"]})
    (page,) = await market(lane, ServerClock(0)).ticks([TickRequest("EURUSD", 1000, 0, 1)])
    assert (page.ticks, page.problem) == ((), "Terminal: Not found (-4)")


async def test_ticks_are_not_told_while_their_instant_is_unknown(lane, script):
    script.say(ticks={"EURUSD": [[1000, 1.1, 1.2]]})
    with pytest.raises(LaneUnavailable, match="offset"):
        await market(lane, ServerClock()).ticks([TickRequest("EURUSD", 1000, 0, 1)])


@pytest.mark.parametrize("way", ["newest", "report"])
async def test_looks_teach_the_servers_clock(lane, script, way):
    clock = ServerClock()
    view = market(lane, clock)
    for _ in range(4):
        script.say(ticks={"EURUSD": [[WallClock().utc_msc() + 3 * H, 1.1, 1.2]]})
        await (view.observe_clock() if way == "newest" else view.report())
        await asyncio.sleep(0.002)
    assert clock.offset_s == 10_800
    assert (await view.report()).server_day is not None


async def test_the_look_at_the_account_is_valued_and_tells_what_was_paid_in(lane, script):
    script.say(
        balance=10_500.0,
        ticks={"EURUSD": [[1000, 1.1, 1.2]]},
        positions=[{"sl": 1.09, "volume": 0.1}],
        deals=[{"ticket": 9, "type": 2, "profit": 500.0, "time_msc": 3 * H + 1}],
    )
    report = await market(lane, ServerClock(10_800)).report()
    assert report.valuation.position_losses == {1: pytest.approx(100.0)}
    assert report.valuation.worths["EURUSD"].money_per_lot == pytest.approx(110_000.0)
    assert report.balance_operations == (BalanceOperation(9, 500.0, 1),)


async def test_only_pages_that_reach_the_newest_tick_teach_the_clock(lane, script):
    clock = ServerClock(0)
    seen = []
    clock.observe = lambda newest, utc_msc: seen.append(newest)
    script.say(ticks={"EURUSD": [[1000, 1.1, 1.2], [2000, 1.1, 1.2]]})
    view = market(lane, clock)
    await view.ticks([TickRequest("EURUSD", 1000, 0, 1)])
    await view.ticks([TickRequest("EURUSD", 1000, 0, 5)])
    assert seen == [{}, {"EURUSD": 2000}]


async def test_the_selection_names_rules_and_near_matches(lane):
    view = market(lane, ServerClock(0))
    selection = view.selection()
    assert list(selection.specs) == ["EURUSD", "GBPUSD"]
    assert selection.unknown == {"XAUUSD": ("XAUUSD.m",)}
    assert view.selection() is selection


def test_torn_rows_are_refused():
    with pytest.raises(struct.error):
        decode_ticks("EURUSD", b"x" * 59, ServerClock(0))
