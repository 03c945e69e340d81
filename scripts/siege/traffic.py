"""The traffic of a siege: signals and commands over both channels, in bursts, in every shape that is sent.

Owns the drawing of shapes and the two ways of sending. Over Redpanda a message counts once the broker has
acknowledged it; one that failed is sent again, so some stand in the topic twice, as a careful sender's do.
"""

import asyncio
import json
import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from confluent_kafka import Producer
from scripts.siege.ears import BackendEar
from scripts.siege.wanted import (
    FORBIDDEN_SYMBOL,
    NONSENSE,
    STALE_S,
    VOLUMES,
    Diary,
    Maker,
    Wanted,
    envelope,
    moment,
)

WEBSOCKET, REDPANDA = "websocket", "redpanda"
BY_PLACE = "(by its place)"
WAYS = (WEBSOCKET, REDPANDA)
BURST_MAX = 8
REPLAY_AFTER_S = (2.0, 40.0)
CONFLICT_AFTER_S = (0.0, 2.0)
SHORT_LIFE_S = 2.0
POLL_S = 0.05
BRIDGE_MAGIC = 234_000
SLEEP_MAX_S = 5.0


class Ways:
    """Sends over both channels.

    Attributes:
        acknowledged: ids of signals and commands that the broker confirmed.
        failures: sends to Redpanda that failed and were repeated.
    """

    def __init__(self, bootstrap: str, topic: str, commands: Path) -> None:
        self.acknowledged: set[str] = set()
        self.failures = 0
        self._topic = topic
        self._commands = commands.open("a", encoding="utf-8")
        self._numbers = 0
        self._producer = Producer(
            {
                "bootstrap.servers": bootstrap,
                "acks": "all",
                "linger.ms": 0,
                "message.timeout.ms": 20_000,
                "reconnect.backoff.max.ms": 500,
                "log_level": 0,
            }
        )

    def websocket(self, body: str, signal_id: str) -> None:
        """Give a message to the backend to send: again until answered if it has an id, else once."""
        self._numbers += 1
        command = {"number": self._numbers, "id": signal_id, "again": bool(signal_id), "body": body}
        self._commands.write(json.dumps(command) + "\n")
        self._commands.flush()

    def redpanda(self, body: str, signal_id: str) -> None:
        """Write a message into the signal topic."""

        def settle(error: object, message: Any) -> None:
            if error is not None:
                self.failures += 1
                self.redpanda(body, signal_id)
            elif signal_id:
                # One without an id is called by its place.
                place = f"{message.topic()}/{message.partition()}/{message.offset()}"
                self.acknowledged.add(place if signal_id == BY_PLACE else signal_id)

        self._producer.produce(self._topic, body.encode(), on_delivery=settle)

    @property
    def unacknowledged(self) -> int:
        """Return how many messages the broker has not confirmed yet."""
        return len(self._producer)

    async def run(self) -> None:
        """Serve the producer, for ever."""
        while True:
            self._producer.poll(0)
            await asyncio.sleep(POLL_S)

    def close(self) -> None:
        """Close the files."""
        self._commands.close()


class Traffic:
    """Draws and sends.

    Attributes:
        signals: entry signals sent so far, each id or anonymous message counted once.
        diary: what was sent.
        burst: set at the end of each burst, for whoever wants to strike while orders are under way.
    """

    def __init__(self, draw: random.Random, ways: Ways, diary: Diary, ear: BackendEar) -> None:
        self.signals = 0
        self.burst = asyncio.Event()
        self.diary = diary
        self._draw, self._ways, self._ear = draw, ways, ear
        self._maker = Maker(draw)
        self._later: list[tuple[float, Callable[[], None]]] = []
        self._shapes: tuple[tuple[int, Callable[[], None]], ...] = (
            (44, self.plain),
            (14, self._on_both),
            (10, self._twice),
            (10, self._replayed),
            (5, self._conflicting),
            (7, self._anonymous),
            (3, self._stale),
            (3, self._short_lived),
            (4, self._forbidden),
            (4, self._nonsense),
            (14, self._close),
            (6, self._modify),
        )

    async def run(self, goal: int, kills_done: Callable[[], float]) -> None:
        """Send until the goal is reached and all kills are done, in step with the kills.

        Args:
            goal: of signals.
            kills_done: tells which share of the kills is done.
        """
        weights = [weight for weight, _ in self._shapes]
        shapes = [shape for _, shape in self._shapes]
        while self.signals < goal or kills_done() < 1:
            self._send_later_ones()
            for shape in self._draw.choices(shapes, weights, k=self._draw.randint(1, BURST_MAX)):
                shape()
            self.burst.set()
            self.burst.clear()
            ahead = self.signals / goal - kills_done()
            usual_s = self._draw.expovariate(1.0)
            # Ahead of the kills it rests longer, behind them it hurries.
            await asyncio.sleep(min(usual_s * (4 if ahead > 0.02 else 0.5), SLEEP_MAX_S))
        for _, send in self._later:
            send()

    def _send_later_ones(self) -> None:
        now = time.monotonic()
        due = [entry for entry in self._later if entry[0] <= now]
        self._later = [entry for entry in self._later if entry[0] > now]
        for _, send in due:
            send()

    def _after(self, bounds_s: tuple[float, float], send: Callable[[], None]) -> None:
        self._later.append((time.monotonic() + self._draw.uniform(*bounds_s), send))

    def _send(self, way: str, kind: str, flavour: str, data: dict[str, Any], *, may_act: bool = True) -> None:
        wording = {"entry": "trading_signal", "close": "close_position", "modify": "modify_position"}[kind]
        body = envelope(wording, data)
        volume, comment = data.get("volume", 0.0), data.get("comment", "")
        signal_id = data.get("id", "")
        self.send(Wanted(signal_id, kind, way, flavour, comment, volume, may_act, body, time.time()))

    def send(self, wanted: Wanted) -> None:
        """Send one message, and keep that it was sent."""
        self.diary.note(wanted)
        send = self._ways.websocket if wanted.way == WEBSOCKET else self._ways.redpanda
        anonymous = wanted.kind == "entry" and not wanted.id and wanted.way == REDPANDA
        send(wanted.body, BY_PLACE if anonymous else wanted.id)

    def _new(self, **changes: object) -> dict[str, Any]:
        self.signals += 1
        signal_id = self._maker.next_id("s")
        return self._maker.signal(signal_id, signal_id, **changes)

    def _way(self) -> str:
        return self._draw.choice(WAYS)

    def plain(self) -> None:
        """Send one new signal on one way."""
        self._send(self._way(), "entry", "plain", self._new())

    def _on_both(self) -> None:
        data = self._new()
        for way in self._draw.sample(WAYS, 2):
            self._send(way, "entry", "on both ways", data)

    def _twice(self) -> None:
        way, data = self._way(), self._new()
        self._send(way, "entry", "twice", data)
        self._send(way, "entry", "twice", data)

    def _replayed(self) -> None:
        first, second, data = self._way(), self._way(), self._new()
        self._send(first, "entry", "replayed", data)
        self._after(REPLAY_AFTER_S, lambda: self._send(second, "entry", "replayed", data))

    def _conflicting(self) -> None:
        data = self._new()
        other = {**data, "volume": self._draw.choice([each for each in VOLUMES if each != data["volume"]])}
        first, second = self._way(), self._way()
        self._send(first, "entry", "conflicting", data)
        self._after(CONFLICT_AFTER_S, lambda: self._send(second, "entry", "conflicting", other))

    def _anonymous(self) -> None:
        data = self._new()
        del data["id"]
        self._send(self._way(), "entry", "without id", data)

    def _stale(self) -> None:
        self._send(self._way(), "entry", "stale", self._new(timestamp=moment(-STALE_S)), may_act=False)

    def _short_lived(self) -> None:
        self._send(self._way(), "entry", "short-lived", self._new(expires_at=moment(SHORT_LIFE_S)))

    def _forbidden(self) -> None:
        changes: dict[str, object] = dict(
            [self._draw.choice((("symbol", FORBIDDEN_SYMBOL), ("stop_loss", None)))]
        )
        self._send(self._way(), "entry", "forbidden", self._new(**changes), may_act=False)

    def _nonsense(self) -> None:
        body = self._draw.choice(NONSENSE)
        self.send(Wanted("", "nonsense", self._way(), "nonsense", "", 0.0, False, body, time.time()))

    def _position(self) -> dict[str, Any] | None:
        ours = [position for position in self._ear.positions if position["magic"] >> 32 == BRIDGE_MAGIC]
        return self._draw.choice(ours) if ours else None

    def _close(self) -> None:
        position = self._position()
        if position is None:
            return self.plain()
        data: dict[str, Any] = {"id": self._maker.next_id("c"), "ticket": position["ticket"]}
        if position["volume"] >= 0.02 and self._draw.random() < 0.4:
            data["volume"] = 0.01
        for way in self._draw.sample(WAYS, self._draw.choice((1, 1, 2))):
            self._send(way, "close", "close in part" if "volume" in data else "close", data)
        return None

    def _modify(self) -> None:
        position = self._position()
        if position is None:
            return self.plain()
        far = 900.0 if position["symbol"].endswith("JPY") else 15.0
        profit = far if position["type"] == 0 else 0.1
        data = {
            "id": self._maker.next_id("m"),
            "ticket": position["ticket"],
            "take_profit": round(profit * self._draw.uniform(0.9, 1.0), 2),
        }
        self._send(self._way(), "modify", "modify", data)
        return None


async def until_acknowledged(ways: Ways, timeout_s: float) -> bool:
    """Wait until the broker has confirmed every message; False when it did not in time."""
    deadline = time.monotonic() + timeout_s
    while ways.unacknowledged and time.monotonic() < deadline:  # noqa: ASYNC110 - looked at, not told
        await asyncio.sleep(POLL_S)
    return not ways.unacknowledged
