"""Reading from Redpanda for as long as the bridge runs: one client after another, through every outage.

Owns the waits between clients and what is said of an outage. The signal consumer and the stop watcher are
such readers; the app runs them.
"""

import random
from abc import ABC, abstractmethod

from aiokafka import errors as kafka

from hybrid_bridge.ports import Clock
from hybrid_bridge.settings import StreamSettings
from hybrid_bridge.streams.channel_state import ChannelState
from hybrid_bridge.streams.clients import TROUBLE, log_failure, own_cancellation_only
from hybrid_bridge.streams.diagnosis.causes import explain

BACKOFF_FIRST_S = 0.5
BACKOFF_MAX_S = 5.0


class Stalled(Exception):
    """The client reports no error, yet nothing was fetched for too long."""


class Reader(ABC):
    """Reads the signal topic.

    Attributes:
        state: how the channel stands.
        rebuilds: clients thrown away because of trouble.
    """

    def __init__(self, name: str, settings: StreamSettings, clock: Clock) -> None:
        self.state = ChannelState(name, clock)
        self.rebuilds = 0
        self._settings = settings
        self._clock = clock
        self._answered = False

    async def run(self) -> None:
        """Read until cancelled, through every outage."""
        backoff_s = BACKOFF_FIRST_S
        while True:
            self._answered = False
            try:
                with own_cancellation_only():
                    await self._session()
            except (*TROUBLE, Stalled) as error:
                self.rebuilds += 1
                self.state.down(await self._words(error))
                log_failure(self.state.name, error)
            backoff_s = BACKOFF_FIRST_S if self._answered else min(backoff_s * 2, BACKOFF_MAX_S)
            await self._clock.sleep(backoff_s * random.uniform(0.5, 1.0))  # noqa: S311  Not a secret.
            self.state.connecting()

    @abstractmethod
    async def _session(self) -> None:
        """Read with one client until something fails."""

    def _note_answer(self) -> None:
        """Note that the broker answers, so the next wait is a short one."""
        self._answered = True
        self.state.up()

    async def _words(self, error: BaseException) -> str:
        if isinstance(error, Stalled):
            error = kafka.KafkaTimeoutError(str(error))
        return await explain(self._settings, self._settings.signal_topic, error)
