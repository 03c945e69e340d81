"""The terminal's ticks of the past, through a worker process."""

import pytest

from hybrid_bridge.errors import CallFailed
from hybrid_bridge.terminal.tick_history import TickHistory

HOUR_MSC = 3_600_000
NOON_MSC = 1_767_268_800_000


async def test_a_span_of_utc_is_asked_for_on_the_servers_clock_and_comes_back_in_utc(script, start_lane):
    server_noon = NOON_MSC + 3 * HOUR_MSC
    times = [server_noon - 1, server_noon, server_noon, server_noon + 1_999, server_noon + 2_000]
    script.say(ticks={"EURUSD": [[time, 1 + place / 1000, 2.0] for place, time in enumerate(times)]})
    lane = start_lane()
    await lane.wait_ready()
    rows = await TickHistory(lane).rows("EURUSD", NOON_MSC, NOON_MSC + 2_000, 10_800)
    expected = [(NOON_MSC, 1.001), (NOON_MSC, 1.002), (NOON_MSC + 1_999, 1.003)]
    assert [(time, bid, 2.0, 0.0, 0) for time, bid in expected] == rows


async def test_a_refusal_is_an_error_with_the_terminals_words(script, start_lane):
    script.say(errors={"copy_ticks_range": [-4, "Terminal: Not found"]})
    lane = start_lane()
    await lane.wait_ready()
    with pytest.raises(CallFailed, match="Terminal: Not found"):
        await TickHistory(lane).rows("EURUSD", NOON_MSC, NOON_MSC + 2_000, 0)
