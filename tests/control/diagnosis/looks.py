"""Looks at backends that are set up wrongly on purpose."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from pydantic import SecretStr
from tests.certificates import Certificate

from hybrid_bridge.control.diagnosis.inspection import inspect
from hybrid_bridge.findings import Fault, Finding
from hybrid_bridge.settings import ControlSettings

Answering = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


async def look(
    url: str, token: str = "", *, running: str | None = None, patience_s: float = 5.0
) -> list[Finding]:
    """Return what every look at a backend came to."""
    settings = ControlSettings(url, SecretStr(token))
    return [finding async for finding in inspect(settings, running, patience_s)]


async def fault_of(url: str, token: str = "", *, patience_s: float = 5.0) -> Fault:
    """Return the fault that stops a look."""
    found = (await look(url, token, patience_s=patience_s))[-1].fault
    assert found is not None, f"nothing is wrong with {url}"
    return found


@asynccontextmanager
async def serving(answer: Answering, context: ssl.SSLContext | None = None) -> AsyncIterator[str]:
    """Serve as told; gives host:port."""
    server = await asyncio.start_server(answer, "127.0.0.1", 0, ssl=context)
    async with server:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}"


async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer nothing."""
    await reader.read(1)
    writer.transport.abort()


async def answer_page(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer as a web server does that knows no WebSockets."""
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi")
    await writer.drain()
    writer.close()


async def answer_noise(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer as no web server does."""
    await reader.read(1)
    writer.write(b"220 mail.example.com ready\r\n")
    await writer.drain()
    writer.close()


def served_with(certificate: Certificate) -> ssl.SSLContext:
    """Return what a server with this certificate needs."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate.cert_file, certificate.key_file)
    return context
