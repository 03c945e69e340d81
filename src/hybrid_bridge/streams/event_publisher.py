"""Events out: every outbox message into the event topic, at least once, in order per intent.

A record's key is what consumers drop repetitions by, another for each news of an intent; its partition is
chosen by the intent's id, so that all the news of one order stays in one partition and in order.

Owns its own producer, so that a flood of ticks never delays a result. Messages are read again from the
outbox after a failure; those the broker confirmed meanwhile are left out. Called by the app's outbox
loop; implements ports.OutboxChannel.
"""

from collections import deque
from collections.abc import Sequence

from hybrid_bridge.ports import Clock, OutboxMessage
from hybrid_bridge.settings import StreamSettings
from hybrid_bridge.streams.batch_producer import BatchProducer, BatchWriter, Record
from hybrid_bridge.streams.channel_state import ChannelState
from hybrid_bridge.streams.headers import intent_headers
from hybrid_bridge.streams.topics import PartitionWatch, partition_of

DELIVER_TIMEOUT_S = 10.0


class KafkaEventChannel(BatchWriter):
    """Delivers outbox messages to Redpanda.

    Attributes:
        name: under which the outbox records what was delivered.
        state: how the channel stands.
    """

    name = "redpanda"

    def __init__(
        self, settings: StreamSettings, clock: Clock, *, deliver_timeout_s: float = DELIVER_TIMEOUT_S
    ) -> None:
        """Prepare to deliver; nothing is connected before the first call."""
        self.state = ChannelState("redpanda events", clock)
        self._clock = clock
        self._deliver_timeout_s = deliver_timeout_s
        self._confirmed: set[int] = set()
        self._watch = PartitionWatch(settings.event_topic, settings.event_plan, "REDPANDA_EVENT_PARTITIONS")
        self._producer = BatchProducer(
            settings,
            settings.event_topic,
            settings.event_plan,
            self.state,
            clock,
            self._note_acknowledged,
        )

    async def deliver(self, messages: Sequence[OutboxMessage]) -> None:
        """Return once the topic has all messages.

        Raises:
            ChannelError: when any may not be there; says why. Call again with the same messages.
        """
        async with self._producer.deadline(self._deliver_timeout_s):
            await self._write(messages)
        self._confirmed.clear()

    async def _write(self, messages: Sequence[OutboxMessage]) -> None:
        await self._producer.write({})  # What an earlier call left in doubt.
        partitions = await self._producer.partition_count()
        self._watch.note(partitions)
        now_msc = self._clock.utc_msc()
        queues: dict[int, deque[Record]] = {}
        for message in messages:
            if message.seq in self._confirmed:
                continue
            partition = partition_of((message.intent_id or message.key).encode(), partitions)
            headers = intent_headers(message.intent_id)
            record = Record(message.key.encode(), message.body, now_msc, message.seq, headers)
            queues.setdefault(partition, deque()).append(record)
        await self._producer.write(queues)

    def _note_acknowledged(self, records: Sequence[Record]) -> None:
        self._confirmed.update(record.mark for record in records)
