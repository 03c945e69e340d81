"""Reading the tick topic with another client than the bridge's: as a whole for the judge, live for freshness.

Owns its consumers. `Ear` listens in a thread of its own for as long as the trial runs.
"""

import json
import threading
import time
from collections.abc import Iterator

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaException, TopicPartition
from confluent_kafka import Message as Record
from scripts.endurance.judge import Message

PATIENCE_S = 30.0
BATCH = 1_000
FRESH_S = 1.0


def read(bootstrap: str, topic: str) -> list[Message]:
    """Read all that the topic holds at this moment, partition by partition.

    Raises:
        RuntimeError: when it gives nothing for too long.
    """
    consumer = _new_consumer(bootstrap)
    try:
        partitions = consumer.list_topics(topic, PATIENCE_S).topics[topic].partitions
        return [message for number in partitions for message in _read_partition(consumer, topic, number)]
    finally:
        consumer.close()


def _new_consumer(bootstrap: str) -> Consumer:
    options = {"group.id": f"endurance-{time.time_ns()}", "enable.auto.commit": False, "log_level": 0}
    return Consumer({"bootstrap.servers": bootstrap, **options})


def _read_partition(consumer: Consumer, topic: str, number: int) -> Iterator[Message]:
    first, end = consumer.get_watermark_offsets(TopicPartition(topic, number), PATIENCE_S)
    consumer.assign([TopicPartition(topic, number, first)])
    offset, deadline = first, time.monotonic() + PATIENCE_S
    while offset < end:
        for record in consumer.consume(BATCH, timeout=0.5):
            if record.error() is None:
                offset, deadline = int(record.offset() or 0) + 1, time.monotonic() + PATIENCE_S
                yield decode(record.value() or b"")
        if time.monotonic() > deadline:
            raise RuntimeError(f"{topic}/{number} gave nothing after offset {offset} of {end}")


def decode(value: bytes) -> Message:
    """Turn a record's value into what the judge compares."""
    fields = json.loads(value)["data"]
    return Message(fields["symbol"], fields["seq"], fields["time_msc"], fields["bid"], fields["ask"])


def count(bootstrap: str, topic: str) -> int:
    """Return how many records the topic has, 0 while it or its broker is not there."""
    consumer = _new_consumer(bootstrap)
    try:
        partitions = consumer.list_topics(topic, PATIENCE_S).topics[topic].partitions
        places = [TopicPartition(topic, number) for number in partitions]
        marks = [consumer.get_watermark_offsets(place, PATIENCE_S) for place in places]
        return sum(end - first for first, end in marks)
    except KafkaException:
        return 0
    finally:
        consumer.close()


class Ear:
    """A subscriber that notes how old the newest tick was as it arrived, second by second.

    Attributes:
        heard: ticks so far, repetitions that the subscriber itself causes included.
    """

    def __init__(self, bootstrap: str, topic: str) -> None:
        """Prepare; the topic must be there when `start` is called."""
        self.heard = 0
        self._bootstrap, self._topic = bootstrap, topic
        self._fresh_at: list[float] = []  # seconds since 1970, of every second with a fresh tick
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._listen, daemon=True)

    def start(self) -> None:
        """Begin to listen."""
        self._thread.start()

    def stop(self) -> None:
        """End; returns when the thread has."""
        self._ended.set()
        self._thread.join(PATIENCE_S)

    @property
    def fresh_at_s(self) -> float:
        """When a fresh tick was heard last, seconds since 1970; 0 before the first."""
        return self._fresh_at[-1] if self._fresh_at else 0.0

    def fresh_after(self, moment_s: float) -> float | None:
        """Return how long after a moment the first fresh tick came, None when none did."""
        return next((at - moment_s for at in self._fresh_at if at >= moment_s), None)

    def _listen(self) -> None:
        consumer = _new_consumer(self._bootstrap)
        try:
            partitions = consumer.list_topics(self._topic, PATIENCE_S).topics[self._topic].partitions
            consumer.assign([TopicPartition(self._topic, number, OFFSET_BEGINNING) for number in partitions])
            while not self._ended.is_set():
                records = [record for record in consumer.consume(BATCH, 0.1) if record.error() is None]
                self.heard += len(records)
                self._note(records)
        finally:
            consumer.close()

    def _note(self, records: list[Record]) -> None:
        now_s = time.time()
        newest_s = max((record.timestamp()[1] / 1000 for record in records), default=0.0)
        if now_s - newest_s < FRESH_S:
            self._fresh_at.append(now_s)
