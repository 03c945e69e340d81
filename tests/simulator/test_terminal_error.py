"""The exception by which the exchange refuses a call."""

import pytest

from hybrid_bridge.simulator.terminal_error import TerminalError


def test_it_carries_its_code() -> None:
    assert TerminalError(-4).code == -4


def test_a_code_that_would_mean_success_is_refused() -> None:
    with pytest.raises(ValueError, match="must be negative, got 0"):
        TerminalError(0)
