"""Group filters, as measured with the genuine package."""

import pytest

from hybrid_bridge.simulator.groups import GroupFilter

NAMES = ("EURUSD", "EURJPY", "GBPUSD", "USDJPY", "eurusd", "A.B")
MEASURED = [
    ("EURUSD", ("EURUSD",)),
    ("EUR*", ("EURUSD", "EURJPY")),
    ("*USD", ("EURUSD", "GBPUSD")),
    ("*USD*", ("EURUSD", "GBPUSD", "USDJPY")),
    ("*", NAMES),
    ("EUR*, GBP*", ("EURUSD", "EURJPY", "GBPUSD")),
    ("EUR* GBP*", ()),
    ("*,!*JPY", ("EURUSD", "GBPUSD", "eurusd", "A.B")),
    ("!*JPY,*", ("EURUSD", "GBPUSD", "eurusd", "A.B")),
    ("!*JPY", ()),
    ("", ()),
    ("EURUS?", ()),
    ("A?B", ()),
    ("E*U*D", ("EURUSD",)),
]


@pytest.mark.parametrize(("group", "selected"), MEASURED)
def test_a_group_selects_what_was_measured(group: str, selected: tuple[str, ...]) -> None:
    assert selected == tuple(name for name in NAMES if GroupFilter(group).matches(name))
