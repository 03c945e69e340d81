"""How the connection stands, its figures, and the log lines of its ups and downs.

Owns the rule that the same trouble twice in a row is told once, and that a backend which closes connections
as soon as they are made is told of once, not at every attempt. Does no I/O. One client owns one.
"""

import logging

import structlog

from hybrid_bridge.control.advice import Trouble
from hybrid_bridge.control.state import ControlState, Link
from hybrid_bridge.ports import Clock

log = structlog.get_logger(__name__)


class Standing:
    """What is known of the connection, up to now.

    Attributes:
        failures: attempts and short connections in a row.
        last_error: why the last connection or attempt ended.
    """

    def __init__(self, shown_url: str, clock: Clock) -> None:
        self._shown_url = shown_url
        self._clock = clock
        self._link = Link.DOWN
        self._since_msc = clock.utc_msc()
        self._last_cause = ""
        self._connects = 0
        self.failures = 0
        self.last_error = ""
        self.sent = 0
        self.received = 0
        self.malformed = 0
        self.refused = 0

    def snapshot(self) -> ControlState:
        """Return all of it as a value."""
        return ControlState(
            self._link,
            self._since_msc,
            self.last_error,
            self.sent,
            self.received,
            self.malformed,
            self.refused,
            max(0, self._connects - 1),
        )

    def enter(self, link: Link) -> None:
        """Note what the connection is from now on."""
        if link is not self._link:
            self._link = link
            self._since_msc = self._clock.utc_msc()

    def up(self) -> None:
        """Note a new connection."""
        self._connects += 1
        self._tell_connected(logging.DEBUG if self._flapping else logging.INFO)
        self.enter(Link.UP)

    def settled(self) -> None:
        """Note that the connection has lasted, so it counts as good."""
        if self._flapping:
            self._tell_connected(logging.INFO)
        self.failures, self._last_cause = 0, ""

    def down(self, trouble: Trouble, retry_in_s: float) -> None:
        """Note why there is no connection, and when the next attempt comes."""
        self.failures += 1
        self.last_error = trouble.text
        level = logging.DEBUG if trouble.cause == self._last_cause else logging.WARNING
        self._last_cause = trouble.cause
        log.log(
            level,
            "WebSocket down",
            url=self._shown_url,
            why=trouble.text,
            retry_in_s=round(retry_in_s, 1),
        )

    @property
    def _flapping(self) -> bool:
        """Whether the backend keeps closing connections as soon as they are made."""
        return self.failures > 0 and self._last_cause.startswith("closed_")

    def _tell_connected(self, level: int) -> None:
        log.log(level, "WebSocket connected", url=self._shown_url, connections=self._connects)
