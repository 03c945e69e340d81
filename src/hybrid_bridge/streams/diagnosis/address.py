"""One address of a Redpanda, and a bare connection to it that ends when it should.

Owns nothing but the socket while it is open. Called by the modules that look at the network.
"""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Address:
    """Where to look, and how a client of the bridge would connect there.

    Attributes:
        context: for TLS; None when it is not spoken.
        patience_s: how long one look may take.
        logs_in: whether a login follows, which decides the words only.
        has_certificate: whether this client shows a certificate of its own.
    """

    host: str
    port: int
    context: ssl.SSLContext | None
    patience_s: float
    logs_in: bool = False
    has_certificate: bool = False

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@asynccontextmanager
async def connection(
    address: Address, context: ssl.SSLContext | None
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """Open a connection within the address's patience and cut it at the end.

    Args:
        context: for TLS; None for plain text, whatever the address is used with otherwise.
    Raises:
        OSError, TimeoutError: when no connection comes about.
    """
    name = address.host if context is not None else None
    async with asyncio.timeout(address.patience_s):
        reader, writer = await asyncio.open_connection(
            address.host, address.port, ssl=context, server_hostname=name
        )
    try:
        yield reader, writer
    finally:
        writer.transport.abort()
