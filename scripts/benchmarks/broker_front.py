"""A front for the embedded broker that answers fetches as soon as there is something to fetch.

Real brokers hold a fetch until a record comes; librdkafka's mock cluster answers an empty one only when the
whole wait is over, whatever comes meanwhile, so that latencies through it say nothing but the wait. This
program stands between: it asks the mock for what is there, and asks again once it has seen a record written.

    python -m scripts.benchmarks.broker_front --upstream HOST:PORT

Owns no data. Bridge and floor go through the same front. Holds fetches in the formats that aiokafka speaks;
those of a newer client pass as they are.
"""

import argparse
import asyncio
import json
import struct
import sys
from contextlib import suppress
from io import BytesIO
from typing import Any

from aiokafka.protocol import fetch
from aiokafka.protocol.api import Response

PRODUCE, FETCH, METADATA, FIND_COORDINATOR = 0, 1, 3, 10
RESPONSES: dict[int, Any] = {
    vars(kind)["API_VERSION"]: kind
    for kind in vars(fetch).values()
    if isinstance(kind, type) and issubclass(kind, Response) and kind is not Response
}
HOST = b"127.0.0.1"
FRAME_BYTES_MAX = 64 * 1024 * 1024

_SIZE = struct.Struct(">i")
_HEADER = struct.Struct(">hhih")
_WAIT = struct.Struct(">i")


class Front:
    """Connects every client to the broker behind it."""

    def __init__(self, upstream_port: int) -> None:
        self._upstream_port = upstream_port
        self._port = 0
        self._news = asyncio.Event()
        self._server: asyncio.Server | None = None
        self._clients: set[asyncio.Task[None]] = set()

    async def listen(self) -> int:
        """Open a free port and return it."""
        self._server = await asyncio.start_server(self._serve, HOST.decode(), 0)
        self._port = int(self._server.sockets[0].getsockname()[1])
        return self._port

    async def close(self) -> None:
        """Close the port and every connection."""
        if self._server is not None:
            self._server.close()
        for client in tuple(self._clients):
            client.cancel()
        await asyncio.gather(*self._clients, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        client = asyncio.ensure_future(self._pass_on(reader, writer))
        self._clients.add(client)
        client.add_done_callback(self._clients.discard)
        with suppress(asyncio.CancelledError):
            await client
        writer.close()

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one client until it or the broker leaves."""
        upstream_reader, upstream_writer = await asyncio.open_connection(HOST.decode(), self._upstream_port)
        broker = _Upstream(upstream_reader, upstream_writer)
        try:
            while True:
                answer = await self._answer(broker, await _read_frame(reader))
                writer.write(_SIZE.pack(len(answer)) + answer)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            return
        finally:
            upstream_writer.close()

    async def _answer(self, broker: "_Upstream", request: bytes) -> bytes:
        key, version, _, client_size = _HEADER.unpack_from(request)
        if key == FETCH and version in RESPONSES:
            return await self._fetch(broker, request, version, _HEADER.size + max(client_size, 0))
        answer = await broker.ask(request)
        if key == PRODUCE:
            news, self._news = self._news, asyncio.Event()
            news.set()
        if key in (METADATA, FIND_COORDINATOR):
            own = HOST + _SIZE.pack(self._port)
            return answer.replace(HOST + _SIZE.pack(self._upstream_port), own)
        return answer

    async def _fetch(self, broker: "_Upstream", request: bytes, version: int, body: int) -> bytes:
        """Fetch now; while there is nothing, fetch again at each news until the client's wait is over."""
        wait_at = body + _SIZE.size  # Behind the replica's id.
        (wait_ms,) = _WAIT.unpack_from(request, wait_at)
        at_once = request[:wait_at] + _WAIT.pack(0) + request[wait_at + _WAIT.size :]
        until = asyncio.get_running_loop().time() + wait_ms / 1000
        while True:
            news = self._news
            answer = await broker.ask(at_once)
            if _says_something(answer, version):
                return answer
            try:
                async with asyncio.timeout_at(until):
                    await news.wait()
            except TimeoutError:
                return answer


def _says_something(answer: bytes, version: int) -> bool:
    """Tell whether a fetch brought records or an error."""
    response = RESPONSES[version].decode(BytesIO(answer[_SIZE.size :]))
    return any(
        partition[-1] or partition[1] for _, partitions in response.topics or () for partition in partitions
    )


class _Upstream:
    """One client's own connection to the broker."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def ask(self, request: bytes) -> bytes:
        """Pass one request on and return its answer."""
        self._writer.write(_SIZE.pack(len(request)) + request)
        return await _read_frame(self._reader)


async def _read_frame(reader: asyncio.StreamReader) -> bytes:
    (size,) = _SIZE.unpack(await reader.readexactly(_SIZE.size))
    if not _SIZE.size <= size <= FRAME_BYTES_MAX:
        raise ConnectionError(f"a frame of {size} bytes")
    return await reader.readexactly(size)


async def serve(upstream: str) -> None:
    """Run until the program that started this one closes its end of standard input."""
    front = Front(int(upstream.rpartition(":")[2]))
    print(json.dumps({"broker": f"{HOST.decode()}:{await front.listen()}"}), flush=True)
    await asyncio.to_thread(sys.stdin.buffer.read)


def main() -> None:
    """Read the command line and serve."""
    parser = argparse.ArgumentParser(prog="python -m scripts.benchmarks.broker_front")
    parser.add_argument("--upstream", required=True, metavar="HOST:PORT")
    asyncio.run(serve(parser.parse_args().upstream))


if __name__ == "__main__":
    main()
