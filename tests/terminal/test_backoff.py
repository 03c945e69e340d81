from hybrid_bridge.terminal.backoff import Backoff


def test_the_first_attempt_is_at_once_and_the_others_double_up_to_a_bound():
    backoff = Backoff(1.0, 8.0)
    waits = [backoff.next_s() for _ in range(200)]
    assert waits[0] == 0.0
    bounds = [1.0, 2.0, 4.0, 8.0] + [8.0] * 195
    assert all(bound / 2 <= wait <= bound for wait, bound in zip(waits[1:], bounds, strict=True))
    assert len(set(waits[5:])) > 100


def test_after_a_reset_it_starts_over():
    backoff = Backoff(1.0, 8.0)
    for _ in range(5):
        backoff.next_s()
    backoff.reset()
    assert backoff.next_s() == 0.0
    assert backoff.next_s() <= 1.0
