"""The client's own bounds fit each other."""

from hybrid_bridge.control.state import ControlLimits


def test_a_reader_held_up_to_its_limit_makes_no_delivery_or_ping_fail():
    limits = ControlLimits()
    assert limits.patience_s < min(limits.deliver_s, limits.ping_timeout_s, limits.send_s)


def test_a_backend_that_closes_at_once_never_counts_as_settled():
    limits = ControlLimits()
    assert limits.backoff_low_s < limits.dwell_s < limits.backoff_high_s
