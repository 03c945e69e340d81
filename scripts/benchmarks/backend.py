"""The trading backend of the bench: a WebSocket server that sends signals and notes when results come.

Bridge and floor connect to paths of their own. Owned by `world`; the measurements send and wait.
"""

import asyncio
import json
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import msgspec
import websockets
from scripts.benchmarks.patience import PATIENCE_S
from websockets.asyncio.server import Server, ServerConnection, serve

BRIDGE, FLOOR = "/ws/mt5", "/floor"
PING_GAP_S = 0.005


class _Message(msgspec.Struct):
    type: str
    data: msgspec.Raw


class _Result(msgspec.Struct):
    signal_id: str
    status: str


_envelope = msgspec.json.Decoder(_Message).decode
_result = msgspec.json.Decoder(_Result).decode


class Backend:
    """A server at a free port.

    Attributes:
        done_ns: by signal id, when its first result arrived (wall clock).
        statuses: by signal id, what it said.
        status: the bridge's latest bridge_status.
    """

    def __init__(self) -> None:
        self.done_ns: dict[str, int] = {}
        self.statuses: dict[str, str] = {}
        self.status: dict[str, Any] = {}
        self._has_account = False
        self._server: Server | None = None
        self._port = 0
        self._connections: dict[str, ServerConnection] = {}
        self._changed = asyncio.Event()

    def url(self, path: str) -> str:
        """Return the address of one of the paths."""
        return f"ws://127.0.0.1:{self._port}{path}"

    async def start(self) -> None:
        """Open the port."""
        self._server = await serve(self._serve, "127.0.0.1", 0, compression=None)
        self._port = next(iter(self._server.sockets)).getsockname()[1]

    async def stop(self) -> None:
        """Close every connection and the port."""
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()

    async def send(self, path: str, body: bytes) -> None:
        """Send one message to whoever is connected at a path."""
        await self._connections[path].send(body, text=True)

    async def slowest_ping_ms(self, seconds: float) -> float:
        """Ping the bridge for a while; return the longest time that it took to answer."""
        connection, slowest_s = self._connections[BRIDGE], 0.0
        end_s = time.monotonic() + seconds
        while (began_s := time.monotonic()) < end_s:
            await (await connection.ping())
            slowest_s = max(slowest_s, time.monotonic() - began_s)
            await asyncio.sleep(PING_GAP_S)
        return slowest_s * 1000

    async def until(self, test: Callable[[], bool], what: str, timeout_s: float = PATIENCE_S) -> None:
        """Wait until something holds that messages bring about.

        Raises:
            TimeoutError: naming what did not come.
        """
        try:
            async with asyncio.timeout(timeout_s):
                while not test():
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError as error:
            raise TimeoutError(f"{what} did not come within {timeout_s:g} s; status {self.status}") from error

    async def until_open(self) -> None:
        """Wait until the bridge accepts orders and its channels are up."""
        await self.until(self._is_open, "an open bridge")

    def forget_bridge(self) -> None:
        """Take the next bridge for a new one."""
        self.status, self._has_account = {}, False
        self._connections.pop(BRIDGE, None)

    def _is_open(self) -> bool:
        if not self.status or self.status["reason"] or not self._has_account:
            return False
        channels = self.status["channels"]
        return all(channels[name]["state"] == "up" for name in ("websocket", "redpanda") if name in channels)

    async def _serve(self, connection: ServerConnection) -> None:
        path = connection.request.path if connection.request is not None else ""
        self._connections[path] = connection
        self._changed.set()
        with suppress(websockets.ConnectionClosed):
            async for raw in connection:
                self._take(raw, time.time_ns())

    def _take(self, raw: str | bytes, now_ns: int) -> None:
        message = _envelope(raw)
        if message.type == "trade_result":
            result = _result(message.data)
            if result.signal_id not in self.done_ns:
                self.done_ns[result.signal_id] = now_ns
                self.statuses[result.signal_id] = result.status
        elif message.type == "bridge_status":
            self.status = json.loads(bytes(message.data))
        elif message.type == "account_info":
            self._has_account = True
        self._changed.set()
