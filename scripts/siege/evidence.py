"""What is left after a siege, gathered from outside: ledger, topics, the backend's notes.

Owns reading, not judging. The bridge's own memory is asked for nothing but which number it gave to which
signal, which its orders' magic carries; the comment of each deal is the second witness.
"""

import json
import sqlite3
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from confluent_kafka import Consumer, TopicPartition
from scripts.siege.backend_program import read_lines
from scripts.siege.programs import Life
from scripts.siege.stops import StopWindow
from scripts.siege.wanted import Wanted

READ_PATIENCE_S = 30.0
BATCH = 2_000


@dataclass(frozen=True, slots=True)
class Record:
    """One message of a topic."""

    partition: int
    offset: int
    value: bytes


@dataclass(slots=True)
class Evidence:
    """Everything the judge looks at; times are seconds since 1970.

    Attributes:
        wanted: what was sent.
        deals: the ledger.
        signals, events, ticks: the topics.
        heard: the backend's notes: {"at": ..., "message": ...}.
        numbers: the number that the journal gave to each signal id.
        committed, signal_end: the group's committed offsets and the ends of the signal topic, added up.
        limits: settings that the ledger must not overstep.
        lanes_left: processes of lanes that were still there at the end.
        lives: the bridge's.
        exit_code: of the bridge when it was asked to stop.
        ended_alone: programs that ended by themselves: time, name, exit code.
        unheeded: emergency stops that never came into force: time, way.
        signal_topic: its name, as the ids of anonymous signals carry it.
    """

    wanted: list[Wanted]
    deals: list[dict[str, Any]]
    signals: list[Record] = field(default_factory=list)
    events: list[dict[str, Any]] = field(default_factory=list)
    ticks: list[dict[str, Any]] = field(default_factory=list)
    heard: list[dict[str, Any]] = field(default_factory=list)
    numbers: dict[str, int] = field(default_factory=dict)
    committed: int = 0
    signal_end: int = 0
    stops: list[StopWindow] = field(default_factory=list)
    limits: dict[str, int] = field(default_factory=dict)
    lanes_left: list[int] = field(default_factory=list)
    lives: list[Life] = field(default_factory=list)
    exit_code: int = 0
    ended_alone: list[tuple[float, str, str]] = field(default_factory=list)
    unheeded: list[tuple[float, str]] = field(default_factory=list)
    signal_topic: str = "trading_signals"


def read_topic(bootstrap: str, topic: str) -> list[Record]:
    """Read all that a topic holds.

    Raises:
        RuntimeError: when it ends before its end.
    """
    consumer = Consumer(
        {"bootstrap.servers": bootstrap, "group.id": f"siege-{time.time_ns()}", "log_level": 0}
    )
    try:
        found: list[Record] = []
        for partition in consumer.list_topics(topic, READ_PATIENCE_S).topics[topic].partitions:
            found += _read_partition(consumer, topic, partition)
        return found
    finally:
        consumer.close()


def _read_partition(consumer: Consumer, topic: str, partition: int) -> Iterator[Record]:
    first, end = consumer.get_watermark_offsets(TopicPartition(topic, partition), READ_PATIENCE_S)
    consumer.assign([TopicPartition(topic, partition, first)])
    offset, deadline = first, time.monotonic() + READ_PATIENCE_S
    while offset < end:
        for message in consumer.consume(BATCH, timeout=0.5):
            at = message.offset()
            if message.error() is None and at is not None and at >= offset:
                offset, deadline = at + 1, time.monotonic() + READ_PATIENCE_S
                yield Record(partition, at, message.value() or b"")
        if time.monotonic() > deadline:
            raise RuntimeError(f"{topic}/{partition} gave nothing after offset {offset} of {end}")


def read_committed(bootstrap: str, group: str, topic: str) -> tuple[int, int]:
    """Return a group's committed offsets in a topic and its ends, each added up over the partitions."""
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": group, "log_level": 0})
    try:
        partitions = consumer.list_topics(topic, READ_PATIENCE_S).topics[topic].partitions
        places = [TopicPartition(topic, number) for number in partitions]
        committed = sum(max(place.offset, 0) for place in consumer.committed(places, READ_PATIENCE_S))
        ends = [consumer.get_watermark_offsets(place, READ_PATIENCE_S)[1] for place in places]
        return committed, sum(ends)
    finally:
        consumer.close()


def read_ledger(path: Path) -> list[dict[str, Any]]:
    """Read the simulated terminal's ledger."""
    return read_lines(path)


def read_numbers(state_dir: Path) -> dict[str, int]:
    """Read from the journal which number each signal id was given."""
    numbers: dict[str, int] = {}
    for path in sorted(state_dir.glob("journal-*.sqlite")):
        with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as journal:
            numbers.update(journal.execute("SELECT signal_id, number FROM inbox"))
    return numbers


def values(records: list[Record]) -> list[dict[str, Any]]:
    """Decode the messages of a topic that the bridge writes."""
    return [json.loads(record.value) for record in records]
