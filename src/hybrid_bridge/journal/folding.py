"""What a journal's events come to, for a command that looks beside a running bridge or without one.

Only reads. The bridge itself restores its state through its recorder.
"""

from pathlib import Path

from hybrid_bridge.core.state import EngineState, IllegalTransition, apply
from hybrid_bridge.errors import JournalError
from hybrid_bridge.journal.reading import read_events


def fold_journal(path: Path) -> EngineState:
    """Return what the journal's events come to.

    Raises:
        JournalError: when they do not add up, or are those of a later version.
    """
    state = EngineState()
    for stored in read_events(path):
        if stored.event is None:
            raise JournalError(f"{path}: a {stored.kind} that this version cannot read; use the bridge's own")
        try:
            apply(state, stored.event)
        except IllegalTransition as error:
            raise JournalError(f"{path} does not add up: {error}; no bridge would start with it") from error
    return state
