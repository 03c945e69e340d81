"""Tick cursors on disk."""

import pytest

from hybrid_bridge.core.market import TickCursor
from hybrid_bridge.errors import JournalError
from hybrid_bridge.journal.cursors import SqliteCursorStore

EURUSD = TickCursor("EURUSD", 1_790_000_000_123, 3, 41)
GBPUSD = TickCursor("GBPUSD", 1_790_000_000_456, 1, 7)


async def test_cursors_are_there_after_a_restart(tmp_path):
    store = SqliteCursorStore(tmp_path / "ticks.sqlite")
    assert await store.load() == {}
    await store.save([EURUSD, GBPUSD])
    store.close()
    again = SqliteCursorStore(tmp_path / "ticks.sqlite")
    assert await again.load() == {"EURUSD": EURUSD, "GBPUSD": GBPUSD}
    again.close()


async def test_saving_one_symbol_leaves_the_others_as_they_are(tmp_path):
    store = SqliteCursorStore(tmp_path / "ticks.sqlite")
    await store.save([EURUSD, GBPUSD])
    later = TickCursor("EURUSD", 1_790_000_000_999, 1, 42)
    await store.save([later])
    assert await store.load() == {"EURUSD": later, "GBPUSD": GBPUSD}
    store.close()


def test_a_damaged_file_does_not_cost_the_journal(tmp_path):
    """The advice must not be a new STATE_DIR: that would lose the orders' journal and the latch."""
    path = tmp_path / "ticks.sqlite"
    path.write_bytes(b"\x00garbage" * 600)
    with pytest.raises(JournalError, match="move this one file away"):
        SqliteCursorStore(path)
