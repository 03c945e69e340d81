"""A TCP link that can be cut, held up and slowed: what stands between the bridge and its broker or backend.

Owns the listening port and every connection through it. Knows nothing of what flows. The siege puts one in
front of the broker and one in front of the backend; both ends believe that they talk to each other.
"""

import asyncio
import socket
import struct
from contextlib import suppress
from dataclasses import dataclass, field

CHUNK_BYTES = 65_536
CONNECT_TIMEOUT_S = 5.0
HOST = "127.0.0.1"
_RESET_AT_CLOSE = struct.pack("ii", 1, 0)


@dataclass(eq=False, slots=True)
class _Pair:
    """One connection: the client's side and the server's."""

    writers: list[asyncio.StreamWriter] = field(default_factory=list)

    def reset(self) -> None:
        """End it as a cut cable is noticed: by RST, what is under way is lost."""
        for writer in self.writers:
            wire = writer.get_extra_info("socket")
            with suppress(OSError):
                wire.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_AT_CLOSE)
            writer.transport.abort()


class Link:
    """Forwards one port to another, as well or as badly as it is told.

    Attributes:
        port: where it listens.
        target_port: where it forwards to; may change while it runs.
        connections: how many were forwarded so far.
    """

    def __init__(self, target_port: int, port: int = 0) -> None:
        """Prepare; nothing listens yet.

        Args:
            port: where to listen; 0 picks a free one.
        """
        self.port = port
        self.target_port = target_port
        self.connections = 0
        self._latency_s = 0.0
        self._bytes_per_s = 0.0
        self._refuses = False
        self._passes = asyncio.Event()
        self._passes.set()
        self._pairs: set[_Pair] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    @property
    def address(self) -> str:
        """Return host:port."""
        return f"{HOST}:{self.port}"

    async def start(self) -> None:
        """Begin to listen."""
        self._server = await asyncio.start_server(self._accept, HOST, self.port, limit=CHUNK_BYTES)
        self.port = int(self._server.sockets[0].getsockname()[1])

    async def stop(self) -> None:
        """End every connection and stop listening."""
        if self._server is not None:
            self._server.close()
        self.reset()
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def reset(self) -> None:
        """End every connection by RST; new ones are served."""
        for pair in tuple(self._pairs):
            pair.reset()

    def cut(self) -> None:
        """End every connection and each new one until healed."""
        self._refuses = True
        self.reset()

    def hold(self) -> None:
        """Let nothing through and tell nobody: connections are accepted and stay silent until healed."""
        self._passes.clear()

    def slow(self, latency_s: float, bytes_per_s: float = 0.0) -> None:
        """Delay whatever flows.

        Args:
            latency_s: of each piece, each way.
            bytes_per_s: of each connection, each way; 0: as many as come.
        """
        self._latency_s, self._bytes_per_s = latency_s, bytes_per_s

    def heal(self) -> None:
        """Forward again without delay; what was held up flows on."""
        self._latency_s = self._bytes_per_s = 0.0
        self._refuses = False
        self._passes.set()

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._serve(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        pair = _Pair([writer])
        self._pairs.add(pair)
        try:
            if not self._refuses:
                await self._forward(pair, reader, writer)
        except (OSError, TimeoutError):
            pass  # The other side is away; the client sees its connection end.
        finally:
            pair.reset()
            self._pairs.discard(pair)

    async def _forward(self, pair: _Pair, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await self._passes.wait()
        async with asyncio.timeout(CONNECT_TIMEOUT_S):
            upstream = await asyncio.open_connection(HOST, self.target_port, limit=CHUNK_BYTES)
        pair.writers.append(upstream[1])
        self.connections += 1
        ways = [
            asyncio.create_task(self._pump(reader, upstream[1])),
            asyncio.create_task(self._pump(upstream[0], writer)),
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_EXCEPTION)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Pass on what comes until it ends; then tell the other side that nothing more comes."""
        while chunk := await reader.read(CHUNK_BYTES):
            if self._latency_s or self._bytes_per_s:
                await asyncio.sleep(self._delay_s(len(chunk)))
            await self._passes.wait()
            writer.write(chunk)
            await writer.drain()
        writer.write_eof()

    def _delay_s(self, size: int) -> float:
        return self._latency_s + (size / self._bytes_per_s if self._bytes_per_s else 0.0)
