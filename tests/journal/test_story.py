"""What happened, told: every kind of event has its sentence."""

from hybrid_bridge.journal import story
from hybrid_bridge.journal.rows import KINDS


def test_every_kind_of_event_has_a_sentence():
    assert set(KINDS.values()) == set(story._SENTENCES)


def test_a_table_has_a_heading_for_every_cell():
    assert 11 == len(story.order_table([])[0].replace("TIME UTC", "TIME").split())
