"""How far one address can be reached: its name, TCP, TLS, Kafka's protocol.

Owns the looks at the network that need no Kafka client: own sockets show what a client's errors hide. Each
look opens a connection of its own and closes it again. Called by diagnosis, for the daemon and for
`hybrid-bridge check`.
"""

import asyncio
import socket
import ssl
import struct
import sys
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace

from hybrid_bridge.findings import Fault, Finding, well, wrong
from hybrid_bridge.streams.diagnosis.address import Address, connection
from hybrid_bridge.streams.diagnosis.certificates import find_tls_fault, tls_answers
from hybrid_bridge.streams.diagnosis.faults import fault

GREETING_ID = 6_231  # Comes back in the answer.
ANSWER_BYTES_MAX = 100_000
SHOWN_BYTES_MAX = 40
# Windows knocks several times at a port that refuses, about 2 s long, and localhost has two addresses.
CONNECT_S_MIN = 5.0 if sys.platform == "win32" else 0.0


async def look_at_network(address: Address) -> AsyncIterator[Finding]:
    """Yield what each look came to, up to the first fault: name, TCP, TLS, Kafka."""
    looks = [_look_up_name, _look_at_tcp]
    if address.context is not None:
        looks.append(_look_at_tls)
    for look in [*looks, _look_at_kafka]:
        finding = await look(address)
        yield finding
        if finding.fault is not None:
            return


async def _look_up_name(address: Address) -> Finding:
    step, loop = f"name {address.host}", asyncio.get_running_loop()
    try:
        async with asyncio.timeout(address.patience_s):
            found = await loop.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM)
    except TimeoutError:
        seen = f"no answer within {address.patience_s:g} s"
        return wrong(step, fault("name_silent", seen, host=address.host))
    except (OSError, UnicodeError) as error:
        reason = str(getattr(error, "strerror", None) or error)
        return wrong(step, fault("name_unknown", reason, host=address.host))
    return well(step, "is " + ", ".join(dict.fromkeys(str(place[4][0]) for place in found)))


async def _look_at_tcp(address: Address) -> Finding:
    step, started = f"TCP {address}", time.monotonic()
    patience_s = max(address.patience_s, CONNECT_S_MIN)
    try:
        async with connection(replace(address, patience_s=patience_s), None):
            took_ms = (time.monotonic() - started) * 1000
    except TimeoutError:
        return wrong(step, fault("tcp_silent", f"none within {patience_s:g} s", address=address))
    except ConnectionRefusedError:
        return wrong(step, fault("tcp_refused", "connection refused", address=address))
    except OSError as error:
        return wrong(step, fault("tcp_unreachable", _reason(error), address=address))
    return well(step, f"connects in {took_ms:.1f} ms")


def _reason(error: OSError) -> str:
    """Return what the operating system says; asyncio puts several addresses' errors into one text."""
    return error.strerror or str(error) or type(error).__name__


async def _look_at_tls(address: Address) -> Finding:
    step = f"TLS {address}"
    try:
        async with connection(address, address.context) as (_, writer):
            session: ssl.SSLObject = writer.get_extra_info("ssl_object")
            seen = f"{session.version()}, certificate trusted"
    except (OSError, TimeoutError) as error:  # ssl.SSLError is an OSError.
        return wrong(step, await _tls_fault(address, error))
    return well(step, seen)


async def _tls_fault(address: Address, error: OSError | TimeoutError) -> Fault:
    """Say why no TLS connection came about; a listener that speaks plain text is found by trying."""
    known = await find_tls_fault(address, error)
    if known is not None:
        return known
    if (await _greet(address, None)).is_kafka:
        protocol = "SASL_PLAINTEXT" if address.logs_in else "PLAINTEXT"
        seen = "it answers Kafka's protocol unencrypted"
        return fault("tls_not_spoken", seen, address=address, protocol=protocol)
    if isinstance(error, TimeoutError):
        seen = f"no answer to a TLS greeting within {address.patience_s:g} s"
    else:
        seen = str(error).strip() or type(error).__name__
    return fault("tls_failed", seen, address=address)


@dataclass(frozen=True, slots=True)
class _Greeting:
    """What was answered to a first Kafka request.

    Attributes:
        answer: the beginning of what came; b"" for nothing.
        error: what broke off the wait for more, None for nothing.
    """

    answer: bytes = b""
    error: Exception | None = None

    @property
    def is_kafka(self) -> bool:
        if len(self.answer) < 8:
            return False
        size, number = (int(part) for part in struct.unpack(">ii", self.answer[:8]))
        return 4 < size < ANSWER_BYTES_MAX and number == GREETING_ID


async def _greet(address: Address, context: ssl.SSLContext | None) -> _Greeting:
    """Ask which versions of Kafka's protocol are spoken, as every client does first."""
    client_id = b"hybrid-mt5-bridge"
    request = struct.pack(">hhih", 18, 0, GREETING_ID, len(client_id)) + client_id
    answer = b""
    try:
        async with connection(address, context) as (reader, writer):
            writer.write(struct.pack(">i", len(request)) + request)
            async with asyncio.timeout(address.patience_s):
                while not _Greeting(answer).is_kafka and len(answer) < SHOWN_BYTES_MAX:
                    more = await reader.read(SHOWN_BYTES_MAX)
                    if not more:
                        break
                    answer += more
    except (OSError, TimeoutError) as error:
        return _Greeting(answer, error)
    return _Greeting(answer)


async def _look_at_kafka(address: Address) -> Finding:
    step = f"Kafka {address}"
    greeting = await _greet(address, address.context)
    if greeting.is_kafka:
        return well(step, "answers as a Kafka broker")
    return wrong(step, await _kafka_fault(address, greeting))


async def _kafka_fault(address: Address, greeting: _Greeting) -> Fault:
    if address.context is not None:
        # A client's certificate is judged after the handshake: the alert comes instead of an answer.
        known = await find_tls_fault(address, greeting.error) if greeting.error is not None else None
        if known is not None:
            return known
    elif await tls_answers(replace(address, patience_s=address.patience_s / 2)):
        return fault("tls_spoken", "it answers a TLS greeting", address=address)
    if greeting.answer:
        line = greeting.answer[:SHOWN_BYTES_MAX].splitlines()[0]
        text = "".join(chr(byte) if 32 <= byte < 127 else "?" for byte in line)
        return fault("kafka_other", f"it answered '{text}'", address=address)
    if isinstance(greeting.error, TimeoutError):
        seen = f"no answer to a Kafka request within {address.patience_s:g} s"
        return fault("kafka_silent", seen, address=address)
    key = "kafka_closed" if address.context is None else "tls_closed"
    return fault(key, "no answer to a Kafka request before that", address=address)
