"""Parts that the tests of the Redpanda channels are built from."""

import asyncio
import json
import struct
import sys
import time
import uuid
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil
from confluent_kafka import OFFSET_BEGINNING, Consumer, Message, Producer, TopicPartition

from hybrid_bridge.children import Child
from hybrid_bridge.core.inputs import Input
from hybrid_bridge.core.market import SequencedTick, Tick
from hybrid_bridge.settings import StreamSettings, TopicPlan

WAIT_S = 15.0
READ_S = 40.0
LASTING = TopicPlan(partitions=4, retention_h=0)  # What the tests write is of a day that is long over.
OFFSET_COMMIT = 8  # The request's number in the Kafka protocol.


class SystemClock:
    """Real time."""

    def utc_msc(self) -> int:
        return time.time_ns() // 1_000_000

    def monotonic(self) -> float:
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


class LiveClock(SystemClock):
    """Real time; `advance` is there for a rig that would turn the clock itself."""

    def advance(self, seconds: float) -> None:
        """Time passes by itself."""


class EmbeddedBroker:
    """The embedded broker as a process.

    Attributes:
        address: host:port, "" before the start.
    """

    def __init__(self) -> None:
        self.address = ""
        self._child = Child("embedded broker", "hybrid_bridge.streams.embedded", ["--die-with-parent"])

    @property
    def pid(self) -> int:
        return self._child.pid

    async def start(self) -> None:
        self.address = str((await self._child.start())["broker"])

    async def stop(self) -> None:
        await self._child.stop()


class RecordingInbox:
    """An inbox that keeps everything, settles on demand and can be made to be full."""

    def __init__(self) -> None:
        self.items: list[tuple[Input, Callable[[], None] | None]] = []
        self.settle_at_once = True
        self.open = asyncio.Event()
        self.open.set()

    async def put(self, item: Input, settled: Callable[[], None] | None = None) -> None:
        await self.open.wait()
        self.items.append((item, settled))
        if self.settle_at_once and settled is not None:
            settled()

    def settle(self, index: int) -> None:
        settled = self.items[index][1]
        assert settled is not None
        settled()


def stream_settings(
    address: str, *, group: str = "hybrid-bridge-test", signal_max_age_s: float = 5.0, prefix: str = ""
) -> StreamSettings:
    """Return settings for one broker; `prefix` keeps the topics of several tests apart."""
    return StreamSettings(
        address,
        f"{prefix}market_ticks",
        f"{prefix}trading_signals",
        f"{prefix}trading_events",
        group,
        signal_max_age_s,
        tick_plan=LASTING,
    )


def unique_prefix() -> str:
    """Return a prefix for topics on a broker that outlives the test."""
    return f"t{uuid.uuid4().hex[:8]}."


def make_ticks(symbol: str, first_seq: int, count: int) -> list[SequencedTick]:
    """Return consecutive ticks of a symbol, told apart by their prices."""
    return [
        SequencedTick(Tick(symbol, 1 + seq / 1e5, 1.00002 + seq / 1e5, 0.0, 0, 1_767_225_600_000 + seq), seq)
        for seq in range(first_seq, first_seq + count)
    ]


async def eventually(condition: Callable[[], Any], what: str, timeout_s: float = WAIT_S) -> None:
    """Return once the condition holds; it is looked at every 10 ms."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, f"not within {timeout_s} s: {what}"
        await asyncio.sleep(0.01)


@contextmanager
def frozen(pid: int) -> Iterator[None]:
    """Stop a process as a hung machine would, and let it go on afterwards."""
    with frozen_at_will(pid) as freeze:
        freeze()
        yield


@contextmanager
def frozen_at_will(pid: int) -> Iterator[Callable[[], None]]:
    """Give a function that stops a process; let it go on at the end."""
    try:
        yield lambda: _freeze(pid)
    finally:
        psutil.Process(pid).resume()


def _freeze(pid: int) -> None:
    """Stop it and return once that has reached every thread, which takes a moment on Linux."""
    psutil.Process(pid).suspend()
    if sys.platform != "linux":
        return
    threads = Path(f"/proc/{pid}/task")
    deadline = time.monotonic() + WAIT_S
    while not all("State:\tT" in status.read_text() for status in threads.glob("*/status")):
        assert time.monotonic() < deadline, "the process does not stop"


@asynccontextmanager
async def lying_proxy(broker: str, advertised: str) -> AsyncIterator[str]:
    """Forward to a broker and put another port in place of the one that it advertises."""
    host, _, port = broker.rpartition(":")
    truth, lie = (struct.pack(">i", int(address.rpartition(":")[2])) for address in (broker, advertised))

    async def forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        up_reader, up_writer = await asyncio.open_connection(host, int(port))
        await asyncio.gather(_pump(reader, up_writer, b"", b""), _pump(up_reader, writer, truth, lie))

    server = await asyncio.start_server(forward, "127.0.0.1", 0)
    async with server:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}"


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, truth: bytes, lie: bytes) -> None:
    with suppress(OSError):
        while chunk := await reader.read(65_536):
            writer.write(chunk.replace(truth, lie) if truth else chunk)
            await writer.drain()
    writer.close()


class CommitGate:
    """A way to a broker that lets no commit of offsets through while it is closed.

    Attributes:
        address: host:port.
        closed: whether it cuts connections that bring a commit.
        cut: how many it has cut.
    """

    def __init__(self) -> None:
        self.address = ""
        self.closed = False
        self.cut = 0

    @asynccontextmanager
    async def before(self, broker: str) -> AsyncIterator["CommitGate"]:
        """Stand between clients and a broker, also where the broker tells its address."""
        host, _, port = broker.rpartition(":")

        async def forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            up_reader, up_writer = await asyncio.open_connection(host, int(port))
            truth, own = (struct.pack(">i", int(one)) for one in (port, self.address.rpartition(":")[2]))
            await asyncio.gather(self._requests(reader, up_writer), _pump(up_reader, writer, truth, own))

        server = await asyncio.start_server(forward, "127.0.0.1", 0)
        async with server:
            self.address = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
            yield self

    async def _requests(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.IncompleteReadError):
            while True:
                size = await reader.readexactly(4)
                request = await reader.readexactly(int.from_bytes(size, "big"))
                if self.closed and int.from_bytes(request[:2], "big") == OFFSET_COMMIT:
                    self.cut += 1
                    break
                writer.write(size + request)
                await writer.drain()
        writer.close()


async def send(address: str, topic: str, values: Iterable[bytes | None], **record: Any) -> None:
    """Write messages with librdkafka, in order."""
    producer = Producer({"bootstrap.servers": address, "enable.idempotence": True})
    for value in values:
        producer.produce(topic, value=value, **({"partition": 0} | record))
    left = await asyncio.to_thread(producer.flush, WAIT_S)
    assert left == 0


async def read_topic(address: str, topic: str, count: int, extra_s: float = 0.5) -> list[Message]:
    """Return a topic's messages with librdkafka; waits until `count` are there, then a moment for more."""
    return await asyncio.to_thread(_read_topic, address, topic, count, extra_s)


def _read_topic(address: str, topic: str, count: int, extra_s: float) -> list[Message]:
    consumer = Consumer({"bootstrap.servers": address, "group.id": "judge", "enable.auto.commit": False})
    try:
        partitions = consumer.list_topics(topic, timeout=WAIT_S).topics[topic].partitions
        consumer.assign([TopicPartition(topic, number, OFFSET_BEGINNING) for number in partitions])
        found: list[Message] = []
        deadline = time.monotonic() + READ_S
        while True:
            complete = len(found) >= count
            messages = consumer.consume(1_000, extra_s if complete else 0.2)
            found += [message for message in messages if message.error() is None]
            if complete and not messages:
                break
            assert time.monotonic() < deadline, f"read {len(found)} of {count} messages within {READ_S} s"
        return found
    finally:
        consumer.close()


def signal_message(number: int, **fields: Any) -> bytes:
    """Return a trading_signal message."""
    body = {"id": f"s{number}", "symbol": "EURUSD", "action": "BUY", "volume": 0.01, "stop_loss": 1.0}
    return json.dumps({"type": "trading_signal", "data": body | fields}).encode()


def stop_message(reason: str) -> bytes:
    """Return an emergency_stop message."""
    return json.dumps({"type": "emergency_stop", "data": {"reason": reason}}).encode()


def seqs_by_symbol(messages: Iterable[Message]) -> dict[str, list[int]]:
    """Return the sequence numbers as a consumer sees them, by symbol."""
    found: dict[str, list[int]] = defaultdict(list)
    for message in messages:
        fields = json.loads(message.value())["data"]
        found[fields["symbol"]].append(fields["seq"])
    return dict(found)


def verdicts(messages: Iterable[Message], last: int) -> dict[str, str]:
    """Judge each symbol's sequence from 1 to `last`: "complete", or what is wrong with it."""
    return {symbol: _verdict(seqs, last) for symbol, seqs in seqs_by_symbol(messages).items()}


def _verdict(seqs: list[int], last: int) -> str:
    if seqs == list(range(1, last + 1)):
        return "complete"
    missing = sorted(set(range(1, last + 1)) - set(seqs))
    doubled = sorted(seq for seq, count in Counter(seqs).items() if count > 1)
    order = "in order" if seqs == sorted(seqs) else "out of order"
    return f"{len(seqs)} of {last}, {order}, missing {missing[:20]}, doubled {doubled[:20]}"


def committed(address: str, group: str, topic: str, partition: int = 0) -> int:
    """Return the offset that a group has committed, below 0 for none."""
    consumer = Consumer({"bootstrap.servers": address, "group.id": group, "log_level": 0})
    try:
        return int(consumer.committed([TopicPartition(topic, partition)], timeout=WAIT_S)[0].offset)
    finally:
        consumer.close()


def commit(settings: StreamSettings, offset: int) -> None:
    """Commit an offset of partition 0 of the signal topic in the name of the group."""
    group = Consumer(
        {"bootstrap.servers": settings.bootstrap_servers, "group.id": settings.group_id, "log_level": 0}
    )
    group.commit(offsets=[TopicPartition(settings.signal_topic, 0, offset)], asynchronous=False)
    group.close()


def count_committed(settings: StreamSettings) -> int:
    """Return the offset of partition 0 of the signal topic that the group has committed."""
    return committed(settings.bootstrap_servers, settings.group_id, settings.signal_topic)
