"""One simulated bridge: the real one's clients of Redpanda, with a drawn market and no terminal.

Owns what the poller, the executor and the outbox would do around the clients: beats of ticks, and an answer
to each signal. Journals nothing and trades nothing. A `fleet` runs many of them in one process.
"""

import asyncio
import math
import random
from collections.abc import Callable
from dataclasses import dataclass, field

from scripts.benchmarks.market import Market

from hybrid_bridge.clock import SystemClock
from hybrid_bridge.core.inputs import Input, SignalReceived
from hybrid_bridge.core.market import TickCursor
from hybrid_bridge.core.results import TradeResult
from hybrid_bridge.errors import ChannelError
from hybrid_bridge.messages.outbound import encode_trade_result
from hybrid_bridge.ports import OutboxMessage
from hybrid_bridge.settings import StreamSettings
from hybrid_bridge.streams.channel_state import Phase
from hybrid_bridge.streams.event_publisher import KafkaEventChannel
from hybrid_bridge.streams.signal_consumer import KafkaSignalConsumer
from hybrid_bridge.streams.stop_watcher import StopWatcher
from hybrid_bridge.streams.tick_publisher import KafkaTickSink

SYMBOLS = ("EURUSD", "GBPUSD", "USDJPY", "XAUUSD")
RESULTS_WAITING_MAX = 1_000
DONE = 10009
PAUSE_S = 1.0


@dataclass(frozen=True, slots=True)
class Pace:
    """What an account's market does.

    Attributes:
        ticks_per_s: of all its symbols together, on average; they come at random.
        beats_per_s: how often they are published.
    """

    ticks_per_s: float = 0.0
    beats_per_s: float = 10.0


@dataclass(slots=True)
class Seen:
    """What happened since it was asked last.

    Attributes:
        publishes: beats that had ticks; each is one request to each broker that leads a partition.
        late: beats that began after they should have ended.
        beat_ms: from each such beat to its acknowledgement.
        signal_ms: from the broker's or sender's time of each own signal to its place in the inbox.
    """

    ticks: int = 0
    publishes: int = 0
    late: int = 0
    failures: int = 0
    beat_ms: list[float] = field(default_factory=list)
    signal_ms: list[float] = field(default_factory=list)


class Member:
    """One account's bridge.

    Attributes:
        seen: counts since they were last taken.
        pace: may be changed while it runs.
    """

    def __init__(self, settings: StreamSettings, seed: int) -> None:
        self.seen = Seen()
        self.pace = Pace()
        self._clock = SystemClock()
        self._market = Market(SYMBOLS, seed)
        self._chance = random.Random(seed)
        self._results: asyncio.Queue[SignalReceived] = asyncio.Queue(RESULTS_WAITING_MAX)
        self._sink = KafkaTickSink(settings, self._clock)
        self._events = KafkaEventChannel(settings, self._clock)
        self._stops = StopWatcher(settings, self, self._clock)
        self._consumer = KafkaSignalConsumer(settings, self, self._clock, obeyed=self._stops.obeyed)

    async def open(self) -> None:
        """Connect the tick sink; the readers connect when they run."""
        await self._sink.recover([TickCursor(symbol, 0, 0, 0) for symbol in SYMBOLS])

    @property
    def is_up(self) -> bool:
        """Whether both readers have had an answer."""
        return all(part.state.phase is Phase.UP for part in (self._consumer, self._stops))

    @property
    def batch_bytes(self) -> int:
        """Bytes of the tick batches that were acknowledged."""
        return self._sink.bytes_sent

    @property
    def received(self) -> int:
        """Messages that the signal consumer has read, those for other accounts left out."""
        return self._consumer.received

    async def run(self) -> None:
        """Be a bridge until cancelled."""
        try:
            async with asyncio.TaskGroup() as tasks:
                for loop in (self._stops.run, self._consumer.run, self._beat, self._answer):
                    tasks.create_task(loop())
        finally:
            await self._sink.close()
            await self._events.close()

    async def put(self, item: Input, settled: Callable[[], None] | None = None) -> None:
        """Take a message in; implements ports.Inbox."""
        if isinstance(item, SignalReceived):
            self.seen.signal_ms.append(item.received_msc - item.source.record_msc)
            await self._results.put(item)
        if settled is not None:
            settled()

    async def _beat(self) -> None:
        # Bridges start at any moment; their beats do not fall together.
        await self._clock.sleep(self._chance.random() / self.pace.beats_per_s)
        next_s = self._clock.monotonic()
        while True:
            period_s = 1 / self.pace.beats_per_s
            next_s += period_s
            now_s = self._clock.monotonic()
            if now_s > next_s:
                self.seen.late += 1
                next_s = now_s
            await self._clock.sleep(next_s - now_s)
            count = draw_count(self._chance, self.pace.ticks_per_s * period_s)
            if count:
                await self._publish(count)

    async def _publish(self, count: int) -> None:
        began_s = self._clock.monotonic()
        try:
            await self._sink.publish(self._market.beat(count, self._clock.utc_msc()))
        except ChannelError:
            self.seen.failures += 1
            await self._clock.sleep(PAUSE_S)
            return
        self.seen.beat_ms.append((self._clock.monotonic() - began_s) * 1e3)
        self.seen.publishes += 1
        self.seen.ticks += count

    async def _answer(self) -> None:
        seq = 0
        while True:
            signal = await self._results.get()
            seq += 1
            key = f"{signal.signal_id}/filled"
            message = OutboxMessage(seq, key, self._result(signal, seq), signal.signal_id)
            try:
                await self._events.deliver([message])
            except ChannelError:
                self.seen.failures += 1

    def _result(self, signal: SignalReceived, ticket: int) -> bytes:
        now_msc = self._clock.utc_msc()
        return encode_trade_result(
            TradeResult(
                signal_id=signal.signal_id,
                status="filled",
                symbol=signal.symbol,
                action=signal.side,
                requested_volume=signal.volume,
                volume=signal.volume or 0.01,
                price=1.08502,
                ticket=ticket,
                retcode=DONE,
                reason="",
                detail="",
                received_msc=signal.received_msc,
                sent_msc=now_msc,
                done_msc=now_msc,
            )
        )


def draw_count(chance: random.Random, mean: float) -> int:
    """Return how many independent events fall into a time in which so many are to be expected (Poisson)."""
    if mean <= 0:
        return 0
    limit, product, count = math.exp(-mean), chance.random(), 0
    while product > limit:
        product *= chance.random()
        count += 1
    return count
