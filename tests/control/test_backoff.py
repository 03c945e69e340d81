"""The wait before connecting again."""

from hypothesis import given
from hypothesis import strategies as st

from hybrid_bridge.control.backoff import reconnect_delay_s


def delays(draw_value: float, count: int) -> list[float]:
    return [reconnect_delay_s(failures, lambda: draw_value, 0.5, 30.0) for failures in range(count)]


def test_the_wait_doubles_until_it_reaches_half_the_longest_without_luck():
    assert [0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 15.0] == delays(0.0, 7)


def test_half_of_the_wait_is_random():
    assert [0.75, 1.5, 3.0, 6.0, 12.0, 22.5, 22.5] == delays(0.5, 7)


@given(failures=st.integers(0, 10**9), draw=st.floats(0, 1, exclude_max=True))
def test_the_wait_stays_between_its_bounds_however_often_it_failed(failures, draw):
    assert 0.5 <= reconnect_delay_s(failures, lambda: draw, 0.5, 30.0) <= 30.0
