"""What must arrive goes out from the journal: one pump per channel, in order, until delivered.

Owns the retrying: an attempt that failed is made again after a wait that grows, and at once only when the
channel has come up; further messages do not hurry a channel that is down. The journal keeps the messages and
each channel's mark; consumers drop repetitions by the key. app drives one `run` per channel.
"""

import asyncio

import structlog

from hybrid_bridge.errors import ChannelError, JournalError
from hybrid_bridge.ports import Clock, OutboxChannel, OutboxStore

log = structlog.get_logger(__name__)

BATCH = 100
RETRY_FIRST_S = 0.5
RETRY_MAX_S = 10.0


class OutboxPump:
    """Delivers the outbox on one channel."""

    def __init__(self, store: OutboxStore, channel: OutboxChannel, clock: Clock) -> None:
        self._store = store
        self._channel = channel
        self._clock = clock
        self._news = asyncio.Event()
        self._again = asyncio.Event()
        self._empty = asyncio.Event()

    def wake(self) -> None:
        """Tell that new messages wait."""
        self._empty.clear()
        self._news.set()

    def channel_up(self) -> None:
        """Tell that the channel has come up: what waits is tried at once."""
        self._again.set()

    async def wait_empty(self) -> None:
        """Return once this channel has delivered everything."""
        await self._empty.wait()

    async def run(self) -> None:
        """Deliver what waits, for ever."""
        retry_s = RETRY_FIRST_S
        while True:
            try:
                delivered = await self._deliver_batch()
            except (ChannelError, JournalError) as error:
                if retry_s == RETRY_FIRST_S:
                    log.warning(
                        "Results wait for their channel", channel=self._channel.name, reason=str(error)
                    )
                await self._rest(retry_s)
                retry_s = min(retry_s * 2, RETRY_MAX_S)
                continue
            retry_s = RETRY_FIRST_S
            if not delivered and not self._news.is_set():
                self._empty.set()
                await self._news.wait()

    async def _deliver_batch(self) -> int:
        self._news.clear()
        self._again.clear()
        messages = await self._store.undelivered(self._channel.name, BATCH)
        if messages:
            await self._channel.deliver(messages)
            await self._store.mark_delivered(self._channel.name, messages[-1].seq)
        return len(messages)

    async def _rest(self, seconds: float) -> None:
        """Wait so long, or until the channel comes up."""
        async with asyncio.TaskGroup() as group:
            alarm = group.create_task(self._ring_after(seconds))
            await self._again.wait()
            alarm.cancel()

    async def _ring_after(self, seconds: float) -> None:
        await self._clock.sleep(seconds)
        self._again.set()
