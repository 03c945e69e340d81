"""One account with a bridge and both floors on it, and the sending of signals to each of them.

Owns the world of the order measurements. The account is a netting one and signals buy and sell in turn, so
that positions do not pile up and the hundredth order costs what the first did.
"""

import asyncio
import time
from dataclasses import dataclass
from pathlib import Path

import msgspec
from confluent_kafka import KafkaException, Message, Producer
from confluent_kafka.admin import AdminClient, NewTopic
from scripts.benchmarks.backend import BRIDGE, FLOOR
from scripts.benchmarks.world import LAUNCHER, Bridge, World

SYMBOL, FLOOR_SYMBOL = "EURUSD", "GBPUSD"
SYMBOLS = (SYMBOL, FLOOR_SYMBOL, "USDJPY", "XAUUSD")
VOLUME = 0.01
# Far from any price of these symbols: stops that never trigger.
STOP_BELOW, STOP_ABOVE = 0.5, 2.5
PRODUCE_TIMEOUT_S = 10.0


@dataclass(frozen=True, slots=True)
class Sent:
    """When a signal was given out, wall clock.

    Attributes:
        called_ns: when the client library was called.
        there_ns: when the broker had confirmed it; for the WebSocket the same as called_ns.
    """

    called_ns: int
    there_ns: int


class Desk(World):
    """A world in which signals can be sent over both channels, to the bridge and to the floors."""

    def __init__(self, folder: Path, bootstrap: str = "") -> None:
        super().__init__(folder, bootstrap)
        self._producer: Producer | None = None
        self._confirmed_ns = 0
        self._count = 0

    async def open(self) -> None:
        """Start everything but the bridge and the floors."""
        await self.start_broker(prompt=True)
        account = ("--account-mode", "netting", "--balance", "10000000")
        await self.start_simulator("--symbols", ",".join(SYMBOLS), *account)
        self._producer = Producer({"bootstrap.servers": self.broker, "linger.ms": 0, "log_level": 0})
        await asyncio.to_thread(self._make_topics, self._producer)

    def _make_topics(self, producer: Producer) -> None:
        """Have the topics there before anybody reads them: the embedded broker makes them at a write."""
        names = [self.topic(name) for name in ("signals", "floor")]
        if self.broker_is_own:
            for name in names:
                producer.produce(name, b'{"type":"warm_up","data":{}}')
            producer.flush(PRODUCE_TIMEOUT_S)
            return
        admin = AdminClient({"bootstrap.servers": self.broker, "log_level": 0})
        for made in admin.create_topics([NewTopic(name, 1) for name in names]).values():
            made.result(PRODUCE_TIMEOUT_S)

    async def trade(self, *arguments: str, launcher: Path = LAUNCHER) -> Bridge:
        """Start a bridge that takes every signal."""
        return await self.start_bridge(
            *arguments,
            launcher=launcher,
            SYMBOLS=",".join(SYMBOLS),
            MAX_RISK_PERCENT=100,
            MAX_DAILY_TRADES=100_000,
            MAX_ORDERS_PER_MINUTE=100_000,
            DUPLICATE_WINDOW_S=0,
            SIGNAL_MAX_AGE_S=60,
        )

    async def start_floors(self) -> None:
        """Start the floors of both channels."""
        common = ("--simulator", self.simulator, "--symbol", FLOOR_SYMBOL)
        redpanda = ("redpanda", "--bootstrap", self.broker, "--topic", self.topic("floor"))
        await self.program("redpanda floor", "scripts.benchmarks.floor", *redpanda, *common)
        websocket = ("websocket", "--url", self.backend.url(FLOOR))
        await self.program("websocket floor", "scripts.benchmarks.floor", *websocket, *common)

    def next_id(self) -> str:
        """Return an id that no signal of this world had."""
        self._count += 1
        return f"n{self._count}"

    def over_redpanda(self, signal_id: str, *, buy: bool, floor: bool = False) -> Sent:
        """Send a signal over the broker, wait until it has it, and tell when."""
        body = encode_signal(signal_id, FLOOR_SYMBOL if floor else SYMBOL, buy=buy)
        producer = self._opened()
        self._confirmed_ns = 0
        called_ns = time.time_ns()
        producer.produce(self.topic("floor" if floor else "signals"), body, on_delivery=self._on_delivery)
        producer.flush(PRODUCE_TIMEOUT_S)
        return Sent(called_ns, self._confirmed_ns)

    def post_over_redpanda(self, signal_id: str, *, buy: bool) -> int:
        """Send a signal over the broker without waiting; return when the client library was called."""
        producer = self._opened()
        called_ns = time.time_ns()
        producer.produce(self.topic("signals"), encode_signal(signal_id, SYMBOL, buy=buy))
        producer.poll(0)
        return called_ns

    async def over_websocket(self, signal_id: str, *, buy: bool, floor: bool = False) -> Sent:
        """Send a signal over the WebSocket and tell when."""
        body = encode_signal(signal_id, FLOOR_SYMBOL if floor else SYMBOL, buy=buy)
        called_ns = time.time_ns()
        await self.backend.send(FLOOR if floor else BRIDGE, body)
        return Sent(called_ns, called_ns)

    def arrivals_ns(self) -> dict[str, int]:
        """Return by signal id when its order reached the terminal."""
        arrivals = self.ask_simulator(lambda control: control.arrivals())
        return {comment.partition(" ")[0]: time_ns for _, comment, time_ns in arrivals}

    def orders(self) -> int:
        """Count the orders that have reached the terminal."""
        return int(self.ask_simulator(lambda control: control.stats())["orders"])

    def _opened(self) -> Producer:
        if self._producer is None:
            raise RuntimeError("the desk is not open")
        return self._producer

    def _on_delivery(self, error: object, _: Message) -> None:
        if error is not None:
            raise KafkaException(error)
        self._confirmed_ns = time.time_ns()


def encode_signal(signal_id: str, symbol: str, *, buy: bool) -> bytes:
    """Return a trading_signal as a backend sends it."""
    data = {
        "id": signal_id,
        "symbol": symbol,
        "action": "BUY" if buy else "SELL",
        "volume": VOLUME,
        "stop_loss": STOP_BELOW if buy else STOP_ABOVE,
        "comment": signal_id,
    }
    return msgspec.json.encode({"type": "trading_signal", "data": data})
