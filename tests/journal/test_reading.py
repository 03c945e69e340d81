"""Reading beside the bridge; how it leaves the files is tested with the command."""

import pytest
from tests.journal.version_1 import EVENTS, TIMES, write_version_1

from hybrid_bridge.errors import JournalError
from hybrid_bridge.journal import reading
from hybrid_bridge.journal.reading import find_journals, read_events
from hybrid_bridge.journal.sqlite import SqliteJournal


def test_journals_are_found_by_account_and_nothing_else_is(tmp_path):
    for name in ("journal-7001.sqlite", "journal-a.b.sqlite", "journal-7001.v1.bak", "ticks-7001.sqlite"):
        (tmp_path / name).touch()
    assert ["7001", "a.b"] == list(find_journals(tmp_path))
    assert {} == find_journals(tmp_path / "nowhere")


@pytest.mark.parametrize("page", [1, 3, 1000])
@pytest.mark.parametrize("migrated", [True, False])
def test_every_event_comes_once_in_order_whatever_the_version(tmp_path, monkeypatch, page, migrated):
    monkeypatch.setattr(reading, "EVENTS_PER_READ", page)
    path = tmp_path / "journal-7001.sqlite"
    write_version_1(path)
    if migrated:
        SqliteJournal(path, "7001", ["websocket"]).close()
    seen = [(event.seq, event.kind, event.number, event.at_msc) for event in read_events(path)]
    expected = zip(range(1, 99), EVENTS, TIMES, strict=False)
    assert [(seq, kind, number, at_msc) for seq, (kind, number, _), at_msc in expected] == seen


def test_a_missing_file_is_one_sentence(tmp_path):
    with pytest.raises(JournalError, match="nowhere"):
        list(read_events(tmp_path / "nowhere.sqlite"))
