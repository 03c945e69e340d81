"""What happened, told: every kind of event has its sentence."""

import msgspec
import pytest
from tests.core.builders import NOW

from hybrid_bridge.core.events import (
    EntrySettled,
    EquityPeakReset,
    FundsMoved,
    LimitsRestored,
    LimitsTightened,
    TradeClosed,
    TradingState,
    TradingStateChanged,
)
from hybrid_bridge.core.orders import Channel, Source
from hybrid_bridge.journal import story
from hybrid_bridge.journal.reading import StoredEvent
from hybrid_bridge.journal.rows import KINDS, event_of, row_of

LOCAL = Source(Channel.LOCAL)


def test_every_kind_of_event_has_a_sentence():
    assert set(KINDS.values()) == set(story._SENTENCES)


def test_a_table_has_a_heading_for_every_cell():
    assert 11 == len(story.order_table([])[0].replace("TIME UTC", "TIME").split())


def test_limits_made_stricter_are_told_as_one_would_write_them():
    limits = (("max_volume", 0.5), ("trading_enabled", 0.0), ("max_\x1b[31m", 1.0))
    event = LimitsTightened(limits, "ne\x07ws", Source(Channel.WEBSOCKET), 1)
    stored = StoredEvent(1, "LimitsTightened", None, 1, {}, event)
    told = "MAX_VOLUME=0.5, TRADING_ENABLED=false, MAX_\\X1B[31M=1: ne\\x07ws (from websocket)"
    assert f"limits made stricter: {told}" in story.event_table([stored])[1]


@pytest.mark.parametrize(
    ("event", "sentence"),
    [
        (
            TradeClosed((3, 4), 700, "EURUSD", 801, -12.3, NOW, 20_717, NOW),
            (
                "trade of intent 3, 4 on EURUSD ended at 2026-09-21T14:13:20.000Z by deal 801 "
                "with -12.30 after costs, position 700"
            ),
        ),
        (EntrySettled(3, -12.3, 801, NOW), "its trade is over and brought -12.30 after costs"),
        (
            EntrySettled(3, None, 0, NOW),
            "what its trade brought could not be learned; it counts neither as a loss nor as a win",
        ),
        (
            FundsMoved(9, -500.0, True, NOW),
            "500.00 paid out (deal 9): moves the day's opening equity and the highest equity along",
        ),
        (
            FundsMoved(9, 500.0, False, NOW, peak=False),
            "500.00 paid in (deal 9): was in the figures already",
        ),
        (EquityPeakReset(9_000.0, NOW), "drawdown is measured anew from an equity of 9000"),
        (
            LimitsTightened((("max_volume", 0.5), ("max_daily_trades", 3.0)), "news", LOCAL, NOW),
            "limits made stricter: MAX_VOLUME=0.5, MAX_DAILY_TRADES=3: news (from local)",
        ),
        (LimitsRestored("calm", LOCAL, NOW), "limits are those of the settings again: calm (from local)"),
        (
            TradingStateChanged(TradingState.REDUCING, "why", LOCAL, False, NOW, breach="drawdown"),
            "drawdown is broken: trading is reducing: why (from local)",
        ),
    ],
)
def test_what_a_limit_s_events_say_on_the_way_through_the_journal(event, sentence):
    row = row_of(event)
    read = event_of(1, row.kind, row.body)
    stored = StoredEvent(1, row.kind, row.number, row.at_msc, msgspec.json.decode(row.body), read)
    assert (event, sentence) == (read, story.sentence(stored))
