"""How faults are worded."""

import pytest

from hybrid_bridge.simulator import fault_options as read
from hybrid_bridge.simulator.wire import Command


def test_a_text_names_faults_with_their_options() -> None:
    expected = [("stall", {"seconds": "2", "skip": "1"}), ("api_off", {})]
    assert expected == read.split_text(" stall: seconds=2, skip=1 ; api_off;")


def test_values_are_read_as_texts_or_numbers() -> None:
    assert (80.0, 200.0) == read.read_range("80..200")
    assert (150.0, 150.0) == read.read_range(150)
    assert (None, 2.5) == (read.read_time_or_never("never"), read.read_time_or_never("2.5"))
    assert (True, False) == (read.read_truth({"a": "yes"}, "a", False), read.read_truth({}, "a", False))
    assert (None, Command.ORDER_SEND) == (read.read_command({"command": "any"}), read.read_command({}))


@pytest.mark.parametrize("share", ["-0.1", "1.1", "half", "nan"])
def test_a_share_is_between_nothing_and_all(share: str) -> None:
    with pytest.raises(read.FaultError, match="chance must be a number from 0 to 1, got"):
        read.read_share({"chance": share}, "chance", 1.0)
