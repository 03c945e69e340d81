"""What happened, told: every kind of event has its sentence."""

from hybrid_bridge.core.events import LimitsTightened
from hybrid_bridge.core.orders import Channel, Source
from hybrid_bridge.journal import story
from hybrid_bridge.journal.reading import StoredEvent
from hybrid_bridge.journal.rows import KINDS


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
