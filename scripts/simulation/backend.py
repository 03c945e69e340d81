"""The simulated trading backend and the two ways out: the WebSocket and the event topic.

Owns what the bridge has told, and what the backend has asked over the WebSocket and not been answered: that
it sends again under the same id until it is. `SimulatedControl` stands in for control.ControlClient,
`SimulatedEvents` for streams.KafkaEventChannel, `SimulatedTicks` for streams.KafkaTickSink.
"""

import asyncio
import json
import random
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from scripts.simulation.timeline import Timeline

from hybrid_bridge.control.state import ControlState, Link
from hybrid_bridge.core.inputs import EmergencyStopRequested, ResumeRequested, TighteningRequested
from hybrid_bridge.core.market import SequencedTick, TickCursor
from hybrid_bridge.core.orders import Channel, Source
from hybrid_bridge.errors import ChannelError
from hybrid_bridge.messages.inbound import DataRequested, decode_or_reject
from hybrid_bridge.ports import Clock, Inbox, OutboxMessage
from hybrid_bridge.streams.channel_state import ChannelState

if TYPE_CHECKING:
    from scripts.simulation.life import Life

PATIENCE_S = (2.0, 6.0)  # Between two sendings of what was not answered.
DELIVER_S = 15.0


@dataclass(frozen=True, slots=True)
class Told:
    """One message that arrived from the bridge."""

    at_s: float
    channel: str
    body: bytes


class Backend:
    """The other side of the WebSocket, and who reads the event topic.

    Attributes:
        told: every outbox message that arrived, on either channel, oldest first.
        up: whether it takes connections.
        open: what was asked over the WebSocket and not answered yet, by id.
        control: the bridge's present connection.
    """

    def __init__(self, timeline: Timeline, draw: random.Random, note: Callable[..., None]) -> None:
        self.timeline = timeline
        self.draw = draw
        self.note = note
        self.up = True
        self.events_up = True
        self.told: list[Told] = []
        self.positions: dict[int, str] = {}
        self.open: dict[str, bytes] = {}
        self._asked: set[str] = set()
        self._asked_once: dict[str, Life] = {}
        self.control: SimulatedControl | None = None

    def ask(self, key: str, body: bytes, *, until_answered: bool = True) -> None:
        """Send something now and again until it is answered."""
        if until_answered:
            self.open[key] = body
        else:
            self._send(key, body, once=True)
            return
        self._send_again(key)

    def owes_an_answer(self, key: str) -> bool:
        """Tell whether the bridge must answer it: what was sent once may die with the life that had it."""
        life = self._asked_once.get(key)
        return key in self._asked or (life is not None and not life.dead)

    def _send_again(self, key: str) -> None:
        body = self.open.get(key)
        if body is None:
            return
        self._send(key, body)
        self.timeline.after(self.draw.uniform(*PATIENCE_S), lambda: self._send_again(key))

    def _send(self, key: str, body: bytes, *, once: bool = False) -> None:
        control = self.control
        if control is None:
            return
        delay_s = self.draw.uniform(0.0005, 0.02)

        def arrive() -> None:
            if control is self.control and control.connected and not control.life.dead:
                if once:
                    self._asked_once[key] = control.life
                else:
                    self._asked.add(key)
                control.receive(body)

        self.timeline.after(delay_s, arrive)

    def settle(self, key: str) -> None:
        """Note that something needs no further sending."""
        self.open.pop(key, None)

    def take(self, channel: str, messages: Sequence[OutboxMessage]) -> None:
        """Receive outbox messages."""
        for message in messages:
            self.told.append(Told(self.timeline.now_s, channel, message.body))
            envelope = json.loads(message.body)
            if envelope["type"] != "trade_result":
                continue
            result = envelope["data"]
            text = f"{result['signal_id']} {result['status']} {result['volume']:g} lots ({result['reason']})"
            self.note("told", f"{channel}: {text}")
            if channel == "websocket":
                self.open.pop(result["signal_id"], None)
            if result["status"] in ("filled", "partial") and result["action"] in ("BUY", "SELL"):
                self.positions[result["ticket"]] = result["signal_id"]

    def drop_connection(self) -> None:
        """Close the connection from this side."""
        if self.control is not None:
            self.control.hang_up()


class SimulatedControl:
    """The bridge's end of the WebSocket."""

    name = "websocket"

    def __init__(
        self,
        settings: Any,
        inbox: Inbox,
        clock: Clock,
        answer: Callable[[DataRequested], Sequence[bytes]],
        *,
        on_connect: Callable[[], None],
        standstills: Callable[[], int],
        before_msc: Callable[[int], int],
    ) -> None:
        del settings, answer, standstills, before_msc  # Nothing of a connection outlasts a life here.
        self.life: Life = asyncio.get_running_loop().life  # type: ignore[attr-defined]
        self._backend = self.life.world.backend
        self._draw = self.life.world.draw
        self._inbox = inbox
        self._clock = clock
        self._on_connect = on_connect
        self._received: deque[bytes] = deque()
        self._news = asyncio.Event()
        self._up = asyncio.Event()
        self._ended = asyncio.Event()
        self._numbers = 0

    @property
    def connected(self) -> bool:
        """Whether the connection stands."""
        return self._up.is_set()

    @property
    def state(self) -> ControlState:
        """How the connection stands."""
        return ControlState(Link.UP if self.connected else Link.DOWN, 0, "", 0, 0, 0, 0, 0)

    def post_latest(self, slot: str, body: bytes, *, keep: bool = True) -> None:
        """Post what may be lost: nobody here reads it."""

    def receive(self, body: bytes) -> None:
        """Take a message from the backend."""
        self._received.append(body)
        self._news.set()

    def renew(self) -> None:
        """Connect anew, as after a sleep."""
        self.hang_up()

    def hang_up(self) -> None:
        """End the connection."""
        self._up.clear()
        self._ended.set()

    async def run(self) -> None:
        """Stay connected."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._hand_on())
            while True:
                await self._clock.sleep(self._draw.uniform(0.05, 1.5))
                if not self._backend.up:
                    continue
                self._ended.clear()
                self._up.set()
                self._backend.control = self
                self._on_connect()
                await self._ended.wait()

    async def _hand_on(self) -> None:
        while True:
            while not self._received:
                self._news.clear()
                await self._news.wait()
            body = self._received.popleft()
            self._numbers += 1
            source = Source(Channel.WEBSOCKET)
            fallback = f"ws-{self.life.number}-{self._numbers}"
            item = decode_or_reject(body, source, self._clock.utc_msc(), fallback)
            if isinstance(item, DataRequested):
                continue
            settled = None
            if isinstance(item, EmergencyStopRequested | ResumeRequested | TighteningRequested):
                # The status message shows the backend what became of it.
                settled = self._seen(item.reason)
            await self._inbox.put(item, settled)

    def _seen(self, key: str) -> Callable[[], None]:
        def seen() -> None:
            if not self.life.dead:
                self._backend.settle(key)

        return seen

    async def deliver(self, messages: Sequence[OutboxMessage]) -> None:
        """Send outbox messages; a connection that ends meanwhile proves nothing."""
        try:
            async with asyncio.timeout(DELIVER_S):
                await self._up.wait()
        except TimeoutError as error:
            raise ChannelError("no connection to the backend") from error
        await self._clock.sleep(self._draw.uniform(0.0005, 0.02))
        arrived = self.connected or self._draw.random() < 0.5
        if not arrived or self.life.world.faults.loses("websocket delivery"):
            raise ChannelError("the connection ended before the backend confirmed")
        self._backend.take("websocket", messages)
        await self._clock.sleep(self._draw.uniform(0.0005, 0.02))
        if not self.connected or self.life.world.faults.loses("websocket confirmation"):
            raise ChannelError("the connection ended before the backend confirmed")


class SimulatedEvents:
    """The event topic as the outbox sees it."""

    name = "redpanda"

    def __init__(self, settings: Any, clock: Clock) -> None:
        del settings
        self.state = ChannelState("redpanda events", clock)
        self._clock = clock
        self._life: Life = asyncio.get_running_loop().life  # type: ignore[attr-defined]

    async def deliver(self, messages: Sequence[OutboxMessage]) -> None:
        """Write messages into the topic."""
        world = self._life.world
        await self._clock.sleep(world.draw.uniform(0.001, 0.02))
        if not world.topic.up:
            await self._clock.sleep(world.draw.uniform(0.1, 2.0))
            raise ChannelError("no broker")
        world.backend.take("redpanda", messages)
        await self._clock.sleep(world.draw.uniform(0.0005, 0.005))
        if world.faults.loses("event confirmation"):
            raise ChannelError("the broker's answer was lost")

    async def close(self) -> None:
        """Close nothing."""


class SimulatedTicks:
    """A sink that takes ticks; the simulation has none for it."""

    def __init__(self, settings: Any, clock: Clock) -> None:
        del settings
        self.state = SimpleNamespace(phase=SimpleNamespace(value="up"), last_error="")
        self.clock = clock

    async def recover(self, cursors: Sequence[TickCursor]) -> dict[str, int]:
        """Return that nothing is there."""
        return {cursor.symbol: 0 for cursor in cursors}

    async def publish(self, ticks: Sequence[SequencedTick]) -> None:
        """Take ticks."""

    async def close(self) -> None:
        """Close nothing."""
