"""Servers that are set up wrongly on purpose, and looks at them."""

import asyncio
import socket
import ssl
import sys
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path

from tests.certificates import Certificate

from hybrid_bridge.findings import Fault, Finding
from hybrid_bridge.streams.diagnosis.address import Address
from hybrid_bridge.streams.diagnosis.reach import look_at_network

PATIENCE_S = 5.0
Answering = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def address_of(
    text: str, context: ssl.SSLContext | None = None, *, patience_s: float = PATIENCE_S
) -> Address:
    """Return an address to look at."""
    host, _, port = text.rpartition(":")
    return Address(host.strip("[]"), int(port), context, patience_s)


async def look(address: Address) -> list[Finding]:
    """Return what every look at an address came to."""
    return [finding async for finding in look_at_network(address)]


async def fault_of(address: Address) -> Fault:
    """Return the fault that stops a look."""
    found = (await look(address))[-1].fault
    assert found is not None, f"nothing is wrong with {address}"
    return found


async def told_of(address: Address) -> str:
    """Return what is said of the fault that stops a look."""
    return str(await fault_of(address))


@asynccontextmanager
async def serving(answer: Answering, context: ssl.SSLContext | None = None) -> AsyncIterator[str]:
    """Serve as told; gives host:port."""
    server = await asyncio.start_server(answer, "127.0.0.1", 0, ssl=context)
    async with server:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}"


async def answer_kafka(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer the question for versions as a broker does that knows none."""
    await reader.readexactly(8)
    number = await reader.readexactly(4)
    writer.write((10).to_bytes(4, "big") + number + bytes(6))
    await writer.drain()
    writer.close()


def answering_with(answer: bytes) -> Answering:
    """Serve the same answer to whatever is asked."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1_000)
        writer.write(answer)
        await writer.drain()
        writer.close()

    return serve


async def hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Close without a word."""
    writer.close()


@contextmanager
def alerting(context: ssl.SSLContext) -> Iterator[str]:
    """Serve one TLS connection after the other and tell each client why it is refused; gives host:port.

    asyncio hangs up before its alerts are on the way.
    """
    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=_alert, args=(server, context))
        thread.start()
        try:
            yield f"127.0.0.1:{server.getsockname()[1]}"
        finally:
            # What wakes the thread that accepts.
            if sys.platform == "win32":
                server.close()
            else:
                server.shutdown(socket.SHUT_RDWR)
            thread.join()


def _alert(server: socket.socket, context: ssl.SSLContext) -> None:
    while True:
        try:
            client = server.accept()[0]
        except OSError:
            return
        with context.wrap_socket(client, server_side=True, do_handshake_on_connect=False) as session:
            session.settimeout(PATIENCE_S)
            with suppress(ssl.SSLError):
                session.do_handshake()
            with suppress(OSError):
                session.shutdown(socket.SHUT_WR)  # Its alert is on the way; what is unread would overtake it.
                while session.recv(1_000):
                    pass


@asynccontextmanager
async def cutting(broker: str, api_key: int) -> AsyncIterator[str]:
    """Stand before a broker and hang up on whoever sends one kind of request; gives host:port."""
    host, _, port = broker.rpartition(":")

    async def forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        up_reader, up_writer = await asyncio.open_connection(host, int(port))
        try:
            async with asyncio.TaskGroup() as tasks:
                answers = tasks.create_task(_pass_on(up_reader, writer))
                await _requests_until(api_key, reader, up_writer)
                answers.cancel()
        finally:
            up_writer.close()
            writer.close()

    async with serving(forward) as text:
        yield text


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while some := await reader.read(65_536):
        writer.write(some)


async def _requests_until(api_key: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(asyncio.IncompleteReadError, OSError):
        while True:
            size = await reader.readexactly(4)
            request = await reader.readexactly(int.from_bytes(size, "big"))
            if int.from_bytes(request[:2], "big") == api_key:
                return
            writer.write(size + request)


def served_with(own: Certificate) -> ssl.SSLContext:
    """Return a server's context that shows a certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(own.cert_file, own.key_file)
    return context


def trusting(ca_file: Path) -> ssl.SSLContext:
    """Return a client's context that trusts an authority."""
    return ssl.create_default_context(cafile=str(ca_file))
