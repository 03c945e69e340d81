"""What a journal's events come to when a command looks at it."""

import asyncio
from pathlib import Path

import pytest
from tests.core.builders import DAY, NOW, make_intent, make_order, sending_events

from hybrid_bridge.core.events import BrokerDayOpened, Event, PositionEnded
from hybrid_bridge.core.state import EngineState, apply
from hybrid_bridge.errors import JournalError
from hybrid_bridge.journal.folding import fold_journal
from hybrid_bridge.journal.sqlite import SqliteJournal

LIFE: list[Event] = [
    BrokerDayOpened(DAY, 10_000.5, NOW - 10),
    *sending_events(make_order(make_intent(1)), NOW),
]


def kept(folder: Path, events: list[Event]) -> Path:
    path = folder / "journal-1.sqlite"
    journal = SqliteJournal(path, "1", ["websocket"])
    asyncio.run(journal.record(events, []))
    journal.close()
    return path


def test_the_events_come_to_the_state_that_a_bridge_would_have(tmp_path: Path) -> None:
    state = EngineState()
    for event in LIFE:
        apply(state, event)
    assert state == fold_journal(kept(tmp_path, LIFE))


def test_events_that_do_not_add_up_are_an_error_that_names_the_journal(tmp_path: Path) -> None:
    path = kept(tmp_path, [*LIFE, PositionEnded(9, NOW)])
    with pytest.raises(JournalError, match=r"does not add up: position 9 is not known") as caught:
        fold_journal(path)
    assert str(caught.value).startswith(str(path))
