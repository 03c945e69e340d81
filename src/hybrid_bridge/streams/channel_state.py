"""How a Redpanda channel stands, for bridge_status, and the one log line per change of it.

Owns the rule "a cause is logged once per outage, the recovery once", also where several channels share both.
Does no I/O. The channels of this folder report to it; the app reads it.
"""

from enum import StrEnum

import structlog

from hybrid_bridge.ports import Clock

log = structlog.get_logger(__name__)


class Phase(StrEnum):
    """Whether a channel can be used."""

    DOWN = "down"
    CONNECTING = "connecting"
    UP = "up"


class ChannelState:
    """The state of one channel.

    Attributes:
        name: as it stands in logs and in bridge_status, like "redpanda ticks".
        phase: down, connecting or up.
        since_msc: when it last came up or went down, UTC milliseconds.
        last_error: the latest cause in words, kept after the recovery; "" before the first.
        outages: how often it went from up to down.
    """

    def __init__(self, name: str, clock: Clock) -> None:
        self.name = name
        self.phase = Phase.CONNECTING
        self.since_msc = clock.utc_msc()
        self.last_error = ""
        self.outages = 0
        self._clock = clock
        self._down_at: float | None = None
        self._logged_causes: set[str] = set()
        # Who has told which cause in full, among the channels of one Redpanda.
        self._told: dict[str, str] = {}

    def connecting(self) -> None:
        """Note that a connection is being made."""
        if self.phase is Phase.DOWN:
            self.phase = Phase.CONNECTING

    def up(self) -> None:
        """Note that the other side answers."""
        if self.phase is Phase.UP:
            return
        if self._down_at is None:
            log.info("Redpanda channel is up", channel=self.name)
        else:
            outage_s = round(self._clock.monotonic() - self._down_at, 1)
            log.info("Redpanda channel is up again", channel=self.name, outage_s=outage_s)
        self._down_at = None
        for cause in self._logged_causes:
            if self._told.get(cause) == self.name:
                del self._told[cause]
        self._logged_causes.clear()
        self._enter(Phase.UP)

    def down(self, cause: str) -> None:
        """Note that the channel cannot be used, and log the cause once per outage."""
        if self.phase is Phase.UP:
            self.outages += 1
        if self._down_at is None:
            self._down_at = self._clock.monotonic()
            self._enter(Phase.DOWN)
        self.phase = Phase.DOWN
        self.last_error = cause
        if cause not in self._logged_causes:
            self._logged_causes.add(cause)
            teller = self._told.setdefault(cause, self.name)
            told = cause if teller == self.name else f"the same as of {teller}"
            log.warning("Redpanda channel is down", channel=self.name, cause=told)

    def _enter(self, phase: Phase) -> None:
        self.phase = phase
        self.since_msc = self._clock.utc_msc()


def tell_once(*channels: ChannelState) -> None:
    """Let the channels of one Redpanda log a cause in full once; that each is down is still said."""
    told: dict[str, str] = {}
    for channel in channels:
        channel._told = told
