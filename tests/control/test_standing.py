"""How the connection stands, and what is told of it."""

import pytest
import structlog

from hybrid_bridge.control.advice import Trouble
from hybrid_bridge.control.standing import Standing
from hybrid_bridge.control.state import Link

GONE = Trouble("unreachable", "nobody there")
CLOSED = Trouble("closed_1000", "closed at once")


@pytest.fixture
def standing(clock) -> Standing:
    return Standing("ws://localhost/ws", clock)


@pytest.fixture
def told():
    """The events logged above debug, and why."""
    with structlog.testing.capture_logs() as logs:
        yield lambda: [(line["event"], line.get("why", "")) for line in logs if line["log_level"] != "debug"]


def test_the_same_trouble_twice_in_a_row_is_told_once_and_another_again(standing, told):
    for trouble in (GONE, GONE, CLOSED, GONE):
        standing.down(trouble, 1.0)
    assert ["nobody there", "closed at once", "nobody there"] == [why for _, why in told()]
    assert (4, "nobody there") == (standing.failures, standing.snapshot().last_error)


def test_a_connection_after_trouble_is_told_at_once(standing, told):
    standing.down(GONE, 1.0)
    standing.up()
    assert ("WebSocket connected", "") == told()[-1]


def test_a_flapping_connection_is_told_only_once_it_lasts_and_its_next_end_is_news(standing, told):
    for _ in range(3):
        standing.up()
        standing.down(CLOSED, 1.0)
    assert ["WebSocket connected", "WebSocket down"] == [event for event, _ in told()]
    standing.up()
    standing.settled()
    assert 0 == standing.failures
    standing.down(CLOSED, 1.0)
    assert ["WebSocket connected", "WebSocket down"] * 2 == [event for event, _ in told()]


def test_the_snapshot_counts_reconnects_and_dates_the_link(standing):
    before = standing.snapshot()
    assert (Link.DOWN, 0) == (before.link, before.reconnects)
    for _ in range(3):
        standing.up()
    after = standing.snapshot()
    assert (Link.UP, 2) == (after.link, after.reconnects)
    assert after.since_msc >= before.since_msc
