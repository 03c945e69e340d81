"""Ticks out: every tick once, in order per symbol, into the tick topic.

Owns what the topic is known to hold. A tick whose sequence number the broker has confirmed is never
written again, so a caller repeats a failed call with the same ticks without harm. Nothing is kept between
calls but one batch in doubt per partition. Called by the poller; implements ports.TickSink.
"""

from collections import deque
from collections.abc import Sequence

from hybrid_bridge.core.market import SequencedTick, TickCursor
from hybrid_bridge.errors import ChannelError
from hybrid_bridge.ports import Clock
from hybrid_bridge.settings import StreamSettings
from hybrid_bridge.streams.batch_producer import BatchProducer, BatchWriter, Record
from hybrid_bridge.streams.channel_state import ChannelState
from hybrid_bridge.streams.clients import TROUBLE, own_cancellation_only
from hybrid_bridge.streams.codecs import TickEncoder
from hybrid_bridge.streams.diagnosis.causes import explain
from hybrid_bridge.streams.tail import read_last_sequences
from hybrid_bridge.streams.tick_marks import TickMarks
from hybrid_bridge.streams.topics import PartitionWatch, partition_of

PUBLISH_TIMEOUT_S = 10.0
RECOVER_TIMEOUT_S = 60.0  # Of a large topic; a broker that is silent is noticed long before.
SLICE = 2_000  # Ticks encoded at a time: about 5 ms of the loop's time.


class KafkaTickSink(BatchWriter):
    """Publishes ticks to Redpanda.

    Attributes:
        state: how the channel stands.
        repeated: ticks handed over again though the topic had them.
    """

    def __init__(
        self, settings: StreamSettings, clock: Clock, *, publish_timeout_s: float = PUBLISH_TIMEOUT_S
    ) -> None:
        """Prepare to publish; nothing is connected before the first call.

        Args:
            publish_timeout_s: after this long without all acknowledgements `publish` gives up.
        """
        self.state = ChannelState("redpanda ticks", clock)
        self.repeated = 0
        self._settings = settings
        self._publish_timeout_s = publish_timeout_s
        self._encoder = TickEncoder()
        self._last_seqs: dict[bytes, int] = {}
        self._keys: dict[str, bytes] = {}
        self._partition_of_key: dict[bytes, int] = {}
        self._partitions = 0
        self._marks = TickMarks(settings, clock)
        self._complete = False
        self._watch = PartitionWatch(settings.tick_topic, settings.tick_plan, "REDPANDA_TICK_PARTITIONS")
        self._producer = BatchProducer(
            settings,
            settings.tick_topic,
            settings.tick_plan,
            self.state,
            clock,
            self._note_acknowledged,
        )

    async def recover(self, cursors: Sequence[TickCursor]) -> dict[str, int]:
        """Return the last sequence number each symbol has in the topic already, 0 for none.

        Reads the end of the topic; creates the topic if it is absent and that is permitted.

        Raises:
            ChannelError: when the topic cannot be read; says why.
        """
        known = {cursor.symbol: cursor.seq for cursor in cursors}
        async with self._producer.deadline(RECOVER_TIMEOUT_S):
            found = await self._look_at_topic(known)
        self._producer.note_answer()
        return {symbol: found.get(symbol, 0) for symbol in known}

    async def publish(self, ticks: Sequence[SequencedTick]) -> None:
        """Return once the topic has every tick.

        Ticks whose number is confirmed already are left out.

        Raises:
            ChannelError: when any may not be there; says why. Call again with the same ticks.
        """
        if self._complete:  # The caller stores its cursors before it comes again.
            self._marks.keep(self._producer.offsets)
        self._complete = False
        for start in range(0, max(len(ticks), 1), SLICE):
            await self._publish_slice(ticks[start : start + SLICE])
        self._complete = True

    async def _publish_slice(self, ticks: Sequence[SequencedTick]) -> None:
        async with self._producer.deadline(self._publish_timeout_s):
            await self._producer.write({})  # What is in doubt first: it may contain some of these ticks.
            await self._producer.write(await self._queues(ticks))

    async def _queues(self, ticks: Sequence[SequencedTick]) -> dict[int, deque[Record]]:
        """Encode the ticks that the topic does not have yet, by partition."""
        await self._learn_partitions()
        queues: dict[int, deque[Record]] = {}
        for item in ticks:
            symbol = item.tick.symbol
            key = self._keys.get(symbol) or self._new_key(symbol)
            if item.seq <= self._last_seqs.get(key, 0):
                self.repeated += 1
                continue
            record = Record(key, self._encoder.encode(item), item.tick.time_msc, item.seq)
            queues.setdefault(self._partition_of_key[key], deque()).append(record)
        return queues

    async def _learn_partitions(self) -> None:
        partitions = await self._producer.partition_count()
        if partitions != self._partitions:
            self._partitions = partitions
            self._keys.clear()
            self._watch.note(partitions)

    def _new_key(self, symbol: str) -> bytes:
        key = self._keys[symbol] = symbol.encode()
        self._partition_of_key[key] = partition_of(key, self._partitions)
        return key

    def _note_acknowledged(self, records: Sequence[Record]) -> None:
        for record in records:
            self._last_seqs[record.key] = record.mark

    async def _look_at_topic(self, known: dict[str, int]) -> dict[str, int]:
        """Read what the topic holds and believe it."""
        partitions = await self._producer.partition_count()
        try:
            with own_cancellation_only():
                found = await read_last_sequences(self._settings, partitions, known, self._marks.offsets)
        except TROUBLE as error:
            cause = await explain(self._settings, self._settings.tick_topic, error)
            self.state.down(cause)
            raise ChannelError(f"{self._settings.tick_topic} could not be read: {cause}") from error
        for symbol in known:
            self._last_seqs[symbol.encode()] = found.get(symbol, 0)
        return found
