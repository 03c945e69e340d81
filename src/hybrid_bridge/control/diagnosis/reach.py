"""The network below the WebSocket: name, TCP, TLS, each looked at by itself.

Opens a connection for each look and closes it again. Called by `inspection`.
"""

import asyncio
import socket
import ssl
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass

from hybrid_bridge.control.diagnosis.faults import fault
from hybrid_bridge.findings import Fault, Finding, told, well, wrong

# OpenSSL's codes of certificates that were not accepted (x509_vfy.h).
DATES = (9, 10)
NAMES = (62, 64)
AUTHORITIES = (2, 18, 19, 20, 21)
_HTTP = b"HTTP/"


@dataclass(frozen=True, slots=True)
class Address:
    """Where the backend is.

    Attributes:
        patience_s: how long one look may take.
    """

    host: str
    port: int
    secure: bool
    patience_s: float

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


async def look_at_network(address: Address) -> AsyncIterator[Finding]:
    """Yield what name, TCP and TLS come to; ends with the first fault."""
    looks = (_look_at_name, _look_at_tcp, _look_at_tls) if address.secure else (_look_at_name, _look_at_tcp)
    for look in looks:
        finding = await look(address)
        yield finding
        if finding.fault is not None:
            return


def since(started_s: float) -> str:
    """Return how long something took."""
    return f"{(time.monotonic() - started_s) * 1000:.0f} ms"


async def speaks_tls(address: Address) -> bool:
    """Return whether a TLS greeting is answered there, whatever its certificate."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    try:
        await _connect(address, context)
    except (OSError, TimeoutError):
        return False
    return True


async def _look_at_name(address: Address) -> Finding:
    step, started_s = f"name {address.host}", time.monotonic()
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(address.patience_s):
            found = await loop.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM)
    except TimeoutError:
        seen = f"no answer within {address.patience_s:g} s"
        return wrong(step, fault("name_silent", seen, host=address.host))
    except (OSError, UnicodeError) as error:
        return wrong(step, fault("name_unknown", told(error), host=address.host))
    numbers = dict.fromkeys(str(entry[4][0]) for entry in found)
    return well(step, f"is {', '.join(numbers)} ({since(started_s)})")


async def _look_at_tcp(address: Address) -> Finding:
    step, started_s = f"TCP {address}", time.monotonic()
    try:
        await _connect(address, None)
    except TimeoutError:
        seen = f"no answer within {address.patience_s:g} s"
        return wrong(step, fault("tcp_silent", seen, address=address))
    except ConnectionRefusedError:
        return wrong(step, fault("tcp_refused", "connection refused", address=address))
    except OSError as error:
        return wrong(step, fault("tcp_unreachable", told(error), address=address))
    return well(step, f"connects ({since(started_s)})")


async def _look_at_tls(address: Address) -> Finding:
    step, started_s = f"TLS {address}", time.monotonic()
    try:
        await _connect(address, ssl.create_default_context())
    except (OSError, TimeoutError) as error:
        return wrong(step, await _tls_fault(address, error))
    return well(step, f"encrypted, certificate accepted ({since(started_s)})")


async def _tls_fault(address: Address, error: Exception) -> Fault:
    if isinstance(error, ssl.SSLCertVerificationError):
        known = ((DATES, "tls_dates"), (NAMES, "tls_name"), (AUTHORITIES, "tls_authority"))
        keys = (key for codes, key in known if error.verify_code in codes)
        key = next(keys, "tls_failed")
        return fault(key, error.verify_message, address=address, host=address.host)
    if isinstance(error, ssl.SSLError) and error.reason in ("WRONG_VERSION_NUMBER", "HTTP_REQUEST"):
        return fault("tls_not_spoken", "its answer to a TLS greeting is not TLS", address=address)
    if await _answers_in_clear(address):
        return fault("tls_not_spoken", "it answers without TLS", address=address)
    return fault("tls_failed", told(error), address=address)


async def _answers_in_clear(address: Address) -> bool:
    """Return whether a question in plain HTTP is answered there: some hang up on a TLS greeting."""
    try:
        async with asyncio.timeout(address.patience_s):
            reader, writer = await asyncio.open_connection(address.host, address.port)
            try:
                writer.write(f"GET / HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n".encode())
                return await reader.read(len(_HTTP)) == _HTTP
            finally:
                writer.transport.abort()
    except (OSError, TimeoutError):
        return False


async def _connect(address: Address, context: ssl.SSLContext | None) -> None:
    """Connect and hang up.

    Raises:
        OSError, TimeoutError: when no connection comes about.
    """
    async with asyncio.timeout(address.patience_s):
        _, writer = await asyncio.open_connection(address.host, address.port, ssl=context)
    writer.transport.abort()
