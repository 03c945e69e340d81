"""A small AI backend to try the bridge against, and an example to write your own from.

It is a WebSocket server at /ws/mt5 that a bridge connects to and, with --bootstrap, a reader of the tick
topic. Ticks become signals (see desk and strategy), which go out over Redpanda and the WebSocket in turn.
GET /health on the same port says how it is. Knows nothing of the bridge's insides, only the messages.
`python -m hybrid_bridge.demo.backend --help`.
"""

import argparse
import asyncio
import contextlib
import hmac
import itertools
import json
import logging
import os
import signal
import sys
import threading
import time
import uuid
from collections import Counter
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from hybrid_bridge.demo.desk import Desk, Outgoing
from hybrid_bridge.demo.strategy import Momentum

if TYPE_CHECKING:
    from hybrid_bridge.demo.topics import Topics

log = logging.getLogger("demo-backend")

PATH = "/ws/mt5"
SEND_TIMEOUT_S = 5.0


class Backend:
    """The channels to the bridge, and what goes over them."""

    def __init__(self, options: argparse.Namespace) -> None:
        run_id = uuid.uuid4().hex[:8]  # So that no id comes twice, restarts included.
        ids = (f"demo-{run_id}-{number}" for number in itertools.count(1))
        self._desk = Desk(Momentum(int(options.every * 1000)), ids, options.hold)
        self._token: str = options.token
        self._listen_only: bool = options.no_signals
        self._bridge: ServerConnection | None = None
        self._topics: Topics | None = None
        self._turns = itertools.cycle(("redpanda", "websocket"))
        self.signals: Counter[str] = Counter()

    def check(self, connection: ServerConnection, request: Request) -> Response | None:
        """Answer plain HTTP, and let in only who knows the token."""
        if request.path == "/health":
            return connection.respond(200, json.dumps(self.health()) + "\n")
        if request.path != PATH:
            return connection.respond(404, f"nothing here; the bridge connects to {PATH}\n")
        given = request.headers.get("Authorization", "")
        if self._token and not hmac.compare_digest(given.encode(), f"Bearer {self._token}".encode()):
            return connection.respond(401, "a bearer token is needed\n")
        return None

    def health(self) -> dict[str, object]:
        """Return how the backend is."""
        return {
            "status": "ok",
            "bridge_connected": self._bridge is not None,
            "redpanda": self._topics is not None,
            "ticks": self._desk.ticks,
            "signals": dict(self.signals),
            "results": dict(self._desk.results),
        }

    async def serve_bridge(self, connection: ServerConnection) -> None:
        """Talk with one bridge until it leaves."""
        self._bridge = connection
        log.info("bridge connected")
        with contextlib.suppress(ConnectionClosed):
            async for message in connection:
                await self.receive(message)
        if self._bridge is connection:
            self._bridge = None
            log.info("bridge gone")

    async def receive(self, raw: str | bytes) -> None:
        """Take one message in, from either channel, and send what comes of it."""
        try:
            answers = self._desk.react(json.loads(raw), time.time_ns() // 1_000_000)
        except (ValueError, KeyError, TypeError) as error:
            log.warning("message not understood: %r in %r", error, raw[:200])
            return
        for answer in answers:
            if not self._listen_only:
                await self._send(answer)

    async def _send(self, message: Outgoing) -> None:
        body = json.dumps(message.envelope)
        channel = self._channel(message)
        if channel == "redpanda" and self._topics is not None:
            self._topics.send(message.content["symbol"], body.encode())
        elif self._bridge is not None:
            try:
                async with asyncio.timeout(SEND_TIMEOUT_S):
                    await self._bridge.send(body)
            except (ConnectionClosed, TimeoutError):
                log.warning("%s not sent: the bridge does not read", message.kind)
                return
        else:
            return
        log.info("sent %s over %s: %s", message.kind, channel, body)
        if message.kind == "trading_signal":
            self.signals[channel] += 1

    def _channel(self, message: Outgoing) -> str:
        """Return which channel's turn it is; commands go over the WebSocket only."""
        if self._topics is None or message.kind != "trading_signal":
            return "websocket"
        return "redpanda" if self._bridge is None else next(self._turns)

    @contextlib.asynccontextmanager
    async def reading(self, topics: "Topics | None") -> AsyncIterator[None]:
        """Read the topics, if there are any, for as long as this context lasts."""
        self._topics = topics
        stopping = asyncio.Event()
        async with asyncio.TaskGroup() as group:
            if topics is not None:
                group.create_task(topics.run(self.receive, stopping))
            try:
                yield
            finally:
                stopping.set()


async def run(options: argparse.Namespace) -> None:
    """Serve until SIGINT, SIGTERM or, with --die-with-parent, the end of standard input."""
    stop = _stop_event(options.die_with_parent)
    backend = Backend(options)
    async with (
        serve(backend.serve_bridge, options.host, options.port, process_request=backend.check) as server,
        backend.reading(_topics(options)),
    ):
        place = f"{options.host}:{next(iter(server.sockets)).getsockname()[1]}"
        ready = {"backend": f"ws://{place}{PATH}", "health": f"http://{place}/health"}
        sys.stdout.write(json.dumps(ready) + "\n")
        sys.stdout.flush()
        await stop.wait()


def _topics(options: argparse.Namespace) -> "Topics | None":
    if not options.bootstrap:
        return None
    from hybrid_bridge.demo.topics import Topics

    return Topics(options.bootstrap, [options.tick_topic, options.event_topic], options.signal_topic)


def _stop_event(die_with_parent: bool) -> asyncio.Event:
    """Return an event that is set when this program is asked to end."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()

    def ask(*_: object) -> None:
        loop.call_soon_threadsafe(stop.set)

    def wait_for_parent() -> None:
        while os.read(sys.stdin.fileno(), 1024):  # Not sys.stdin.read: Python aborts if it ends in that.
            pass
        ask()

    signal.signal(signal.SIGINT, ask)
    signal.signal(signal.SIGTERM, ask)
    if die_with_parent:
        threading.Thread(target=wait_for_parent, daemon=True).start()
    return stop


def parse(argv: list[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m hybrid_bridge.demo.backend",
        description="A small AI backend to try the bridge against.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    option = parser.add_argument
    option("--host", default="127.0.0.1", help="address to listen on")
    option("--port", type=int, default=8000, help="port to listen on, 0 for any")
    option("--token", default="", help="bearer token that a bridge must show")
    option("--bootstrap", default="", help="Redpanda as host:port; without it, WebSocket only")
    option("--tick-topic", default="market_ticks", help="where ticks are read")
    option("--signal-topic", default="trading_signals", help="where signals are written")
    option("--event-topic", default="trading_events", help="where results are read")
    option("--every", type=float, default=5.0, help="seconds between signals of a symbol, at least")
    option("--hold", type=float, default=20.0, help="seconds after which a position is closed")
    option("--no-signals", action="store_true", help="only listen")
    option("--die-with-parent", action="store_true", help="end when standard input ends")
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> int:
    """Run the command line; return the exit code."""
    options = parse(argv)
    logging.basicConfig(stream=sys.stderr, format="%(levelname)s %(message)s", level=logging.WARNING)
    log.setLevel(logging.INFO)
    try:
        asyncio.run(run(options))
    except ImportError as error:
        log.error("%s; --bootstrap needs the extra: pip install 'hybrid-mt5-bridge[demo]'", error)
        return 1
    except OSError as error:
        log.error("cannot listen on %s:%s: %s", options.host, options.port, error)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
