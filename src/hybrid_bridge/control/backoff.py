"""How long to wait before connecting again. Pure: the randomness is handed in. Called by client."""

from collections.abc import Callable


def reconnect_delay_s(failures: int, draw: Callable[[], float], low_s: float, high_s: float) -> float:
    """Return the wait before the next attempt: exponential, with half of it random.

    The random half keeps many bridges from returning to a restarted backend at the same instant.

    Args:
        failures: attempts in a row that came to nothing before this one, 0 for the first.
        draw: gives a random number in [0, 1).
        low_s: the shortest wait, seconds.
        high_s: the longest wait, seconds.
    Returns:
        Seconds between low_s and high_s, inclusive.
    """
    doublings = min(failures + 1, 32)
    ceiling = min(high_s, low_s * 2.0**doublings)
    return max(low_s, ceiling / 2 * (1 + draw()))
