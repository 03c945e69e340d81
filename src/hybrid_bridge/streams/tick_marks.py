"""Where in the tick topic this bridge was writing, so that its last ticks are found behind those of others.

Several bridges may share the topic. While one of them is down the others write on, and the end of the topic
says nothing of it any more. So a place is kept in STATE_DIR now and then: every tick before it was handed
over with its cursor stored, and what came behind it, until the bridge died, is a few seconds' worth.

Used by the tick publisher. Without the file a search from the topic's end remains.
"""

from collections.abc import Mapping

from hybrid_bridge.ports import Clock
from hybrid_bridge.settings import StreamSettings
from hybrid_bridge.streams.kept_file import KeptFile

KEEP_INTERVAL_S = 5.0


class TickMarks:
    """By partition, an offset that the bridge has written up to.

    Attributes:
        offsets: as they were kept last; those of this file's topic only.
    """

    def __init__(self, settings: StreamSettings, clock: Clock) -> None:
        """Read what the bridge before this one has kept."""
        self._topic = settings.tick_topic
        self._clock = clock
        self._file = KeptFile(settings, "marks")
        self._kept_at = clock.monotonic() - KEEP_INTERVAL_S
        self.offsets = self._read()

    def keep(self, offsets: Mapping[int, int]) -> None:
        """Keep these offsets, if the last ones are old enough.

        Args:
            offsets: where batches were confirmed whose ticks' cursors are stored.
        """
        now_s = self._clock.monotonic()
        if now_s - self._kept_at < KEEP_INTERVAL_S or not offsets.items() - self.offsets.items():
            return
        self._kept_at = now_s
        self.offsets = {**self.offsets, **offsets}
        self._file.write({"topic": self._topic, "offsets": sorted(self.offsets.items())})

    def _read(self) -> dict[int, int]:
        kept = self._file.read()
        if kept.get("topic") != self._topic:
            return {}
        try:
            return {int(partition): int(offset) for partition, offset in kept["offsets"]}
        except (KeyError, TypeError, ValueError, OverflowError):
            return {}
