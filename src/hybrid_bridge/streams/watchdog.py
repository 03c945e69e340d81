"""Tells a quiet topic from a client that is stuck, for there is no other sign of it.

Owns the rule that a healthy client has its fetches answered, with records or without. Does no I/O. Used by
whoever reads from Redpanda for as long as the bridge runs.
"""

from aiokafka import AIOKafkaConsumer, TopicPartition

from hybrid_bridge.ports import Clock


class Watchdog:
    """How long one client has had no answer."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._seen: tuple[int | None, ...] = ()
        self._joined = False
        self._answer_at = clock.monotonic()

    @property
    def silent_s(self) -> float:
        """Seconds since the last answer or rest."""
        return self._clock.monotonic() - self._answer_at

    def rest(self) -> None:
        """Start to count anew, after a time without fetching."""
        self._answer_at = self._clock.monotonic()

    def saw_answer(
        self, consumer: AIOKafkaConsumer, joined: set[TopicPartition] | None, records: bool
    ) -> bool:
        """Look at the client after a poll; return whether it got an answer since the last look."""
        if joined is not None and not self._joined:
            self.rest()
        self._joined = joined is not None
        seen = tuple(consumer.last_poll_timestamp(tp) for tp in sorted(consumer.assignment()))
        answered = records or joined == set() or (self._joined and seen != self._seen and any(seen))
        self._seen = seen
        if answered:
            self.rest()
        return answered
