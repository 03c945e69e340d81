"""Waiting times between attempts: at once, then doubling up to a bound, spread by chance."""

import random

FIRST_S = 0.25
MOST_S = 10.0


class Backoff:
    """One sequence of attempts."""

    def __init__(self, first_s: float = FIRST_S, most_s: float = MOST_S) -> None:
        """Start before the first attempt.

        Args:
            first_s: wait before the second attempt; the first has none.
            most_s: no wait is longer.
        """
        self._first_s = first_s
        self._most_s = most_s
        self._attempts = 0

    def next_s(self) -> float:
        """Return the wait before the next attempt: 0, then between half and all of a doubling bound."""
        attempt, self._attempts = self._attempts, self._attempts + 1
        if attempt == 0:
            return 0.0
        bound_s = min(self._most_s, self._first_s * 2.0 ** min(attempt - 1, 30))
        return bound_s * random.uniform(0.5, 1.0)  # noqa: S311  spreads load, guards nothing

    def reset(self) -> None:
        """Start over after things went well."""
        self._attempts = 0
