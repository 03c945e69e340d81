"""What the tests of the control client share: a clock, an inbox, and backends of several kinds."""

import asyncio
import base64
import contextlib
import hashlib
import time
from collections.abc import AsyncIterator, Callable

import pytest
from pydantic import SecretStr
from websockets.asyncio.server import Server, ServerConnection, serve

from hybrid_bridge.control.client import ControlClient
from hybrid_bridge.control.state import ControlLimits
from hybrid_bridge.core.inputs import EmergencyStopRequested, Input
from hybrid_bridge.settings import ControlSettings

QUICK = ControlLimits(backoff_low_s=0.01, backoff_high_s=0.05, dwell_s=0.2, stop_s=2.0)


class RecordingClock:
    """The real clock, which notes how long it was asked to sleep and sleeps no longer than `sleep_max_s`."""

    def __init__(self, sleep_max_s: float = 60.0) -> None:
        self.sleep_max_s = sleep_max_s
        self.slept: list[float] = []

    def utc_msc(self) -> int:
        return time.time_ns() // 1_000_000

    def monotonic(self) -> float:
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        await asyncio.sleep(min(seconds, self.sleep_max_s))


class BoundedInbox:
    """An inbox with a bound that emergency stops pass by; `closed` keeps it from taking anything else."""

    def __init__(self, room: int = 1_000_000) -> None:
        self.items: list[Input] = []
        self.room = room
        self._changed = asyncio.Condition()

    async def put(self, item: Input, settled: Callable[[], None] | None = None) -> None:
        async with self._changed:
            if not isinstance(item, EmergencyStopRequested):
                await self._changed.wait_for(lambda: len(self.items) < self.room)
            self.items.append(item)
            self._changed.notify_all()

    async def open(self, room: int = 1_000_000) -> None:
        async with self._changed:
            self.room = room
            self._changed.notify_all()

    async def received(self, count: int) -> list[Input]:
        """Wait until this many inputs have arrived."""
        async with asyncio.timeout(60), self._changed:
            await self._changed.wait_for(lambda: len(self.items) >= count)
        return list(self.items)


class Backend:
    """A trading backend: a WebSocket server whose connections the test takes one by one."""

    def __init__(self) -> None:
        self.connections: asyncio.Queue[ServerConnection] = asyncio.Queue()
        self.server: Server

    @property
    def port(self) -> int:
        return int(next(iter(self.server.sockets)).getsockname()[1])

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.port}/ws/mt5"

    async def connection(self) -> ServerConnection:
        """Wait for the next connection."""
        async with asyncio.timeout(20):
            return await self.connections.get()

    async def serve_connection(self, connection: ServerConnection) -> None:
        self.connections.put_nowait(connection)
        await connection.wait_closed()


@pytest.fixture
async def start_backend() -> AsyncIterator[Callable]:
    """Give a function that starts a backend; keyword arguments go to `serve`."""
    async with contextlib.AsyncExitStack() as stack:

        async def start(port: int = 0, **options) -> Backend:
            backend = Backend()
            options = {"close_timeout": 0.5} | options
            server = serve(backend.serve_connection, "127.0.0.1", port, **options)
            backend.server = await stack.enter_async_context(server)
            return backend

        yield start


@pytest.fixture
async def backend(start_backend) -> Backend:
    return await start_backend()


@pytest.fixture
def clock() -> RecordingClock:
    return RecordingClock()


@pytest.fixture
def hasty_clock() -> RecordingClock:
    """A clock that notes every sleep but hardly sleeps."""
    return RecordingClock(sleep_max_s=0.01)


@pytest.fixture
def inbox() -> BoundedInbox:
    return BoundedInbox()


@pytest.fixture
def small_inbox() -> BoundedInbox:
    """An inbox that takes nothing until the test opens it."""
    return BoundedInbox(room=0)


@pytest.fixture
async def start_client(inbox, clock) -> AsyncIterator[Callable]:
    """Give a function that starts a client against an address; returns it with its running task."""
    tasks: list[asyncio.Task[None]] = []

    def start(url: str, token: str = "", limits=QUICK, answer=lambda query: [], **options):
        settings = ControlSettings(url, SecretStr(token))
        chosen = {"inbox": inbox, "clock": clock} | options
        client = ControlClient(
            settings, answer_query=answer, limits=limits, draw=chosen.pop("draw", lambda: 0.0), **chosen
        )
        task = asyncio.get_running_loop().create_task(client.run())
        tasks.append(task)
        return client, task

    yield start
    running = [task for task in tasks if not task.done()]  # One that ended was the test's own affair.
    for task in running:
        task.cancel()
    for outcome in await asyncio.gather(*running, return_exceptions=True):
        if isinstance(outcome, Exception):
            raise outcome


@pytest.fixture
def until() -> Callable:
    """Give a function that waits until a condition holds, for at most ten seconds."""

    async def wait(condition: Callable[[], object]) -> None:
        async with asyncio.timeout(10):
            while not condition():  # noqa: ASYNC110 -- the product has no event for it
                await asyncio.sleep(0.001)

    return wait


@pytest.fixture
async def hung_tcp() -> AsyncIterator[str]:
    """A server that accepts connections and never says a word; its ws:// address."""
    async with _raw_server(lambda reader, writer: asyncio.sleep(0)) as url:
        yield url


@pytest.fixture
async def deaf_backend() -> AsyncIterator[str]:
    """A server that makes the WebSocket handshake and then reads nothing; its address."""
    async with _raw_server(_shake_hands) as url:
        yield url


@contextlib.asynccontextmanager
async def _raw_server(greet) -> AsyncIterator[str]:
    done = asyncio.Event()

    async def serve_one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await greet(reader, writer)
        writer.transport.pause_reading()
        await done.wait()
        writer.transport.abort()

    server = await asyncio.start_server(serve_one, "127.0.0.1", 0)
    try:
        yield f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/ws/mt5"
    finally:
        done.set()
        server.close()
        await server.wait_closed()
        await asyncio.sleep(0)


async def _shake_hands(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    request = (await reader.readuntil(b"\r\n\r\n")).decode()
    key = next(line.split(": ")[1] for line in request.split("\r\n") if line.startswith("Sec-WebSocket-Key"))
    digest = hashlib.sha1(f"{key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11".encode(), usedforsecurity=False)
    accept = base64.b64encode(digest.digest()).decode()
    writer.write(
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        + f"Sec-WebSocket-Accept: {accept}\r\n\r\n".encode()
    )
    await writer.drain()
