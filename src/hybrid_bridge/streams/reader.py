"""Reading from Redpanda for as long as the bridge runs: one client after another, through every outage.

Owns the waits between clients and what is said of an outage. The signal consumer and the stop watcher are
such readers; the app runs them.
"""

import random
from abc import ABC, abstractmethod
from collections.abc import Callable

import structlog
from aiokafka import errors as kafka

from hybrid_bridge.ports import Clock
from hybrid_bridge.settings import StreamSettings
from hybrid_bridge.streams.channel_state import ChannelState
from hybrid_bridge.streams.clients import TROUBLE, log_failure, own_cancellation_only
from hybrid_bridge.streams.diagnosis.causes import explain

BACKOFF_FIRST_S = 0.5
BACKOFF_MAX_S = 5.0

log = structlog.get_logger(__name__)


class Stalled(Exception):
    """The client reports no error, yet nothing was fetched for too long."""


class Outslept(Exception):
    """The PC slept, or the process was held up: the client's connections are not trusted any more."""


class Reader(ABC):
    """Reads the signal topic.

    Attributes:
        state: how the channel stands.
        rebuilds: clients thrown away because of trouble.
    """

    def __init__(
        self, name: str, settings: StreamSettings, clock: Clock, standstills: Callable[[], int] = lambda: 0
    ) -> None:
        """Prepare to read.

        Args:
            standstills: how often the PC slept, or this process was held up, until this very instant.
        """
        self.state = ChannelState(name, clock)
        self.rebuilds = 0
        self._settings = settings
        self._clock = clock
        self._answered = False
        self._standstills = standstills
        self._begun_at = 0  # at how many standstills

    async def run(self) -> None:
        """Read until cancelled, through every outage."""
        backoff_s = BACKOFF_FIRST_S
        while True:
            self._answered = False
            self._begun_at = self._standstills()
            try:
                with own_cancellation_only():
                    await self._session()
            except Outslept:
                log.debug("Kafka client is replaced after a standstill", channel=self.state.name)
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

    def _refuse_old_client(self) -> None:
        """Raise Outslept when the client is from before a standstill."""
        if self._standstills() != self._begun_at:
            raise Outslept

    def _note_answer(self) -> None:
        """Note that the broker answers, so the next wait is a short one."""
        self._answered = True
        self.state.up()

    async def _words(self, error: BaseException) -> str:
        if isinstance(error, Stalled):
            error = kafka.KafkaTimeoutError(str(error))
        return await explain(self._settings, self._settings.signal_topic, error)
