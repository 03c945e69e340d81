"""A front before a broker of one node: bad networks and moved or struggling brokers, as clients meet them.

Tells every client its own address (or another front's) where the broker would tell its own, and knows which
answer belongs to which request. A test makes it silent, slow, deaf or closed, and what the clients then do is
theirs.
"""

import asyncio
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from confluent_kafka.admin import AdminClient

PRODUCE, FETCH, METADATA, FIND_COORDINATOR, OFFSET_COMMIT = 0, 1, 3, 10, 8
FRAME_BYTES_MAX = 64 * 1024 * 1024
WAIT_S = 15

_SIZE = struct.Struct(">i")
_HEADER = struct.Struct(">hhi")  # API key, its version, correlation id


class Front:
    """One address through which a broker is reached.

    Attributes:
        address: host:port, "" before `open`.
        advertised: the address told to clients.
        delay_s: of each answer.
        lose: API keys whose next answer is lost with its connection, each once; the broker has done the work.
        ignored: API keys whose requests reach nobody and are never answered.
        requests: how many of each API key came.
    """

    def __init__(self, broker: str) -> None:
        """Prepare; nothing listens yet.

        Args:
            broker: bootstrap address of the one broker behind.
        """
        self.address = ""
        self.advertised = ""
        self.delay_s = 0.0
        self.lose: list[int] = []
        self.ignored: set[int] = set()
        self.requests: dict[int, int] = {}
        self._broker = broker
        self._told = _advertised_by(broker)
        self._flows = asyncio.Event()
        self._flows.set()
        self._server: asyncio.Server | None = None
        self._clients: set[asyncio.Task[None]] = set()

    async def open(self) -> None:
        """Listen; after `close` at the same port as before."""
        port = int(self.address.rpartition(":")[2] or 0)
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", port)
        self.address = f"127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        self.advertised = self.advertised or self.address

    async def close(self) -> None:
        """End every connection and refuse new ones."""
        if self._server is not None:
            self._server.close()
        await self.cut()

    async def cut(self) -> None:
        """End every connection."""
        clients = list(self._clients)
        for client in clients:
            client.cancel()
        await asyncio.gather(*clients, return_exceptions=True)

    def hold(self) -> None:
        """Accept everything and answer nothing until released; the broker does not hear of it."""
        self._flows.clear()

    def release(self) -> None:
        """Let flow on what was held up, also of clients that are gone."""
        self._flows.set()

    def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        client = asyncio.create_task(self._pass_on(reader, writer))
        self._clients.add(client)
        client.add_done_callback(self._clients.discard)
        client.add_done_callback(lambda _: writer.transport.abort())  # Also if it was ended before it began.

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        host, _, port = self._broker.rpartition(":")
        up_reader, up_writer = await asyncio.open_connection(host, int(port))
        asked: dict[int, int] = {}
        ways = [
            asyncio.create_task(self._requests(reader, up_writer, asked)),
            asyncio.create_task(self._answers(up_reader, writer, asked)),
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            up_writer.transport.abort()
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)

    async def _requests(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, asked: dict[int, int]
    ) -> None:
        with suppress(OSError, asyncio.IncompleteReadError):
            while True:
                frame = await _read_frame(reader)
                await self._flows.wait()
                key, _, correlation = _HEADER.unpack_from(frame)
                asked[correlation] = key
                self.requests[key] = self.requests.get(key, 0) + 1
                if key in self.ignored:
                    continue
                writer.write(_SIZE.pack(len(frame)) + frame)
                await writer.drain()

    async def _answers(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, asked: dict[int, int]
    ) -> None:
        with suppress(OSError, asyncio.IncompleteReadError):
            while True:
                frame = await _read_frame(reader)
                key = asked.pop(_SIZE.unpack_from(frame)[0], -1)
                if key in self.lose:
                    self.lose.remove(key)
                    return
                await asyncio.sleep(self.delay_s)
                await self._flows.wait()
                if key in (METADATA, FIND_COORDINATOR):
                    frame = self._with_advertised(frame)
                writer.write(_SIZE.pack(len(frame)) + frame)
                await writer.drain()

    def _with_advertised(self, frame: bytes) -> bytes:
        """Put the advertised address in place of the broker's own, as both kinds of strings."""
        for truth, told in zip(_spellings(self._told), _spellings(self.advertised), strict=True):
            frame = frame.replace(truth, told)
        return frame


def _advertised_by(broker: str) -> str:
    (node,) = AdminClient({"bootstrap.servers": broker}).list_topics(timeout=WAIT_S).brokers.values()
    return f"{node.host}:{node.port}"


def _spellings(address: str) -> tuple[bytes, bytes]:
    host, _, port = address.rpartition(":")
    rest = host.encode() + _SIZE.pack(int(port))
    return struct.pack(">h", len(host)) + rest, bytes((len(host) + 1,)) + rest


async def _read_frame(reader: asyncio.StreamReader) -> bytes:
    (size,) = _SIZE.unpack(await reader.readexactly(_SIZE.size))
    assert 0 < size <= FRAME_BYTES_MAX, f"a frame of {size} bytes"
    return await reader.readexactly(size)


@asynccontextmanager
async def fronts(broker: str, count: int = 1) -> AsyncIterator[list[Front]]:
    """Run fronts before one broker."""
    made = [await asyncio.to_thread(Front, broker) for _ in range(count)]
    for front in made:
        await front.open()
    try:
        yield made
    finally:
        for front in made:
            front.release()
            await front.close()
