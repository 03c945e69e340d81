"""What the executor's tests start from."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.execution.rig import Rig
from tests.execution.venue import ManualClock, Venue


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def venue(clock: ManualClock) -> Venue:
    return Venue(clock)


@pytest.fixture
def new_rig(tmp_path: Path, venue: Venue, clock: ManualClock) -> Callable[..., Rig]:
    """Give a maker of rigs that all stand on one journal file and one venue, as restarts do."""

    def make(**limits: Any) -> Rig:
        return Rig(tmp_path / "journal.sqlite", venue, clock, **limits)

    return make


@pytest.fixture
def rig(new_rig: Callable[..., Rig]) -> Rig:
    return new_rig()
