"""The demo backend's side of Redpanda: reads ticks and results, writes signals.

Uses confluent-kafka, another client than the bridge's own, so the two prove to each other that they keep to
the protocol. Called by backend, which does without it when there is no Redpanda.
"""

import asyncio
import logging
import uuid
from collections.abc import Awaitable, Callable, Sequence

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, Producer

log = logging.getLogger("demo-backend")

BATCH = 500
WAIT_S = 0.2
FLUSH_S = 2.0
ASK_S = 5.0


class Topics:
    """One consumer and one producer on one Redpanda."""

    def __init__(self, servers: str, read: Sequence[str], signal_topic: str) -> None:
        self._signal_topic = signal_topic
        self._complaints: set[str] = set()
        common = {"bootstrap.servers": servers, "error_cb": self._complain, "log_level": 2}
        self._consumer = Consumer(
            common
            | {
                "group.id": f"demo-backend-{uuid.uuid4()}",  # Its own group: every backend sees everything.
                "auto.offset.reset": "latest",
                "enable.auto.commit": False,
                "topic.metadata.refresh.interval.ms": 2_000,  # So that a topic made later is found soon.
            }
        )
        self._producer = Producer(common | {"acks": "all", "message.timeout.ms": 5_000})
        self._read = list(read)

    async def run(self, receive: Callable[[bytes], Awaitable[None]], stopping: asyncio.Event) -> None:
        """Hand every message to `receive`, in order, until stopping is set; then close."""
        await asyncio.to_thread(self._subscribe)
        while not stopping.is_set():
            for message in await asyncio.to_thread(self._consumer.consume, BATCH, WAIT_S):
                if (error := message.error()) is not None:
                    self._complain(error)
                elif (value := message.value()) is not None:
                    await receive(value)
        await asyncio.to_thread(self._producer.flush, FLUSH_S)
        await asyncio.to_thread(self._consumer.close)

    def _subscribe(self) -> None:
        """Ask for the topics, which has them made where that is permitted, and join the group.

        A topic that came into being after the joining would cost a rebalance.
        """
        try:
            for topic in self._read:
                self._producer.list_topics(topic, ASK_S)
        except KafkaException as error:
            self._complain(error.args[0])
        self._consumer.subscribe(self._read)

    def send(self, key: str, body: bytes) -> None:
        """Write a signal; its arrival is reported later, failures to the log."""
        try:
            self._producer.produce(self._signal_topic, body, key, on_delivery=self._delivered)
            self._producer.poll(0)
        except BufferError:
            log.warning("signal not sent: Redpanda has taken none for too long")

    def _delivered(self, error: KafkaError | None, _: Message) -> None:
        if error is not None:
            log.warning("signal not sent: %s", error.str())

    def _complain(self, error: KafkaError) -> None:
        """Log what is wrong, each kind once."""
        if error.name() not in self._complaints:
            self._complaints.add(error.name())
            log.warning("redpanda: %s", error.str())
