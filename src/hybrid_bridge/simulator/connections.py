"""The connections of a terminal's clients: requests come in, answers go out, each in one write.

Owns the framing, the clients' number and their end. Each client's requests are answered one after the
other; one client's slow order delays nobody else. What is answered is decided in `answering`.

A port's clients are served without a task each, which halves what a call costs; those of a pipe come as
asyncio's streams.
"""

import asyncio
import time
from typing import Final, Protocol, cast

import structlog

from hybrid_bridge.simulator import wire
from hybrid_bridge.simulator.answering import Answer, Answering
from hybrid_bridge.simulator.wire_structs import WireError

log = structlog.get_logger(__name__)

# A terminal has few clients; more than this is a client that leaks connections.
CLIENTS_MAX: Final = 64
_HEAD: Final = wire.LENGTH.size
# So much of what a client sends ahead of its answers is kept.
_AHEAD_MAX: Final = 4 * wire.MAX_REQUEST_BYTES


class _Client(Protocol):
    def close(self) -> None: ...


class Clients:
    """The clients that are connected."""

    def __init__(self) -> None:
        self._connected: set[_Client] = set()
        self._none_left = asyncio.Event()
        self._none_left.set()

    def __len__(self) -> int:
        return len(self._connected)

    def admit(self, client: _Client) -> bool:
        """Take a client in; tell whether there was room."""
        if len(self._connected) >= CLIENTS_MAX:
            log.warning("Too many clients, refusing one.", clients_max=CLIENTS_MAX)
            return False
        self._connected.add(client)
        self._none_left.clear()
        return True

    def forget(self, client: _Client) -> None:
        """Take a client out; one that was never in is none."""
        self._connected.discard(client)
        if not self._connected:
            self._none_left.set()

    def hang_up(self) -> None:
        """Close every connection."""
        for client in list(self._connected):
            client.close()

    async def gone(self) -> None:
        """Wait until no client is left."""
        await self._none_left.wait()


def frame_size(head: bytes | bytearray) -> int:
    """Read a request's length, in bytes.

    Raises:
        WireError: if no request is so long or so short.
    """
    size: int = wire.LENGTH.unpack(head)[0]
    if not _HEAD <= size <= wire.MAX_REQUEST_BYTES:
        raise WireError(f"a request of {size} bytes, expected {_HEAD} to {wire.MAX_REQUEST_BYTES}")
    return size


class PortClient(asyncio.Protocol):
    """A client of the port."""

    def __init__(self, clients: Clients, answering: Answering) -> None:
        self._clients = clients
        self._answering = answering
        self._transport: asyncio.Transport | None = None
        self._connected_s = time.monotonic()
        self._received = bytearray()
        self._is_answering = self._is_taking = self._answers_pile_up = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin, unless there are too many."""
        self._transport = cast("asyncio.Transport", transport)
        if not self._clients.admit(self):
            self._transport.close()

    def connection_lost(self, _: Exception | None) -> None:
        """End; what was asked is done all the same."""
        self._transport = None
        self._clients.forget(self)
        log.debug("A client left.")

    def data_received(self, data: bytes) -> None:
        """Answer what has come in whole."""
        self._received += data
        if self._is_answering and len(self._received) > _AHEAD_MAX and self._transport is not None:
            self._transport.pause_reading()
        self._take_requests()

    def pause_writing(self) -> None:
        """Read no more from a client that does not read its answers."""
        self._answers_pile_up = True
        if self._transport is not None:
            self._transport.pause_reading()

    def resume_writing(self) -> None:
        """Read on."""
        self._answers_pile_up = False
        if self._transport is not None:
            self._transport.resume_reading()

    def close(self) -> None:
        """Close the connection."""
        if self._transport is not None:
            self._transport.close()

    def _take_requests(self) -> None:
        # A reply that comes at once must not take the next request inside the one before.
        if self._is_taking:
            return
        self._is_taking = True
        try:
            while not self._is_answering and (body := self._next_request()) is not None:
                self._is_answering = True
                self._answering.answer(body, self._connected_s, self._reply)
        finally:
            self._is_taking = False

    def _next_request(self) -> bytes | None:
        received, transport = self._received, self._transport
        if len(received) < _HEAD or transport is None or transport.is_closing():
            return None
        try:
            end = _HEAD + frame_size(received[:_HEAD])
        except WireError as error:
            log.warning("Closing a client that does not speak the protocol.", reason=str(error))
            transport.close()
            return None
        if len(received) < end:
            return None
        body = bytes(received[_HEAD:end])
        del received[:end]
        return body

    def _reply(self, answer: Answer) -> None:
        self._is_answering = False
        transport = self._transport
        if transport is None or transport.is_closing():
            return
        if answer.frame:
            transport.write(answer.frame)
        if answer.hang_up:
            transport.close()
            return
        if len(self._received) <= _AHEAD_MAX and not self._answers_pile_up:
            transport.resume_reading()
        self._take_requests()


class _StreamClient:
    """A client of a pipe, for as long as its task runs."""

    def __init__(self, task: asyncio.Task[None]) -> None:
        self._task = task

    def close(self) -> None:
        self._task.cancel()


async def serve_streams(
    clients: Clients, answering: Answering, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    """Answer one client that comes as streams, until it leaves or the terminal ends."""
    task = asyncio.current_task()
    client = _StreamClient(task) if task is not None else None
    if client is None or not clients.admit(client):
        writer.close()
        return
    try:
        await _serve_streams(answering, reader, writer)
    except (asyncio.IncompleteReadError, ConnectionError):
        log.debug("A client left.")
    except WireError as error:
        log.warning("Closing a client that does not speak the protocol.", reason=str(error))
    finally:
        clients.forget(client)
        writer.close()


async def _serve_streams(
    answering: Answering, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    connected_s, loop = time.monotonic(), asyncio.get_running_loop()
    while True:
        body = await reader.readexactly(frame_size(await reader.readexactly(_HEAD)))
        answered: asyncio.Future[Answer] = loop.create_future()

        def reply(answer: Answer, answered: asyncio.Future[Answer] = answered) -> None:
            if not answered.done():
                answered.set_result(answer)

        answering.answer(body, connected_s, reply)
        answer = await answered
        if answer.frame:
            writer.write(answer.frame)
            await writer.drain()
        if answer.hang_up:
            return
