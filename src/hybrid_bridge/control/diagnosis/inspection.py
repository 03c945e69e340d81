"""The whole way to the trading backend, looked at step by step: what `hybrid-bridge check backend` reports.

Owns the order of the steps and what a fault leaves out. Connects exactly as the bridge does, sends nothing
but a ping and hangs up. Called by the command.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import replace
from urllib.parse import urlsplit

from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus, InvalidURI

from hybrid_bridge.control.advice import shown_url
from hybrid_bridge.control.credentials import authorization, crosses_network_in_clear
from hybrid_bridge.control.diagnosis.faults import fault
from hybrid_bridge.control.diagnosis.reach import Address, look_at_network, since, speaks_tls
from hybrid_bridge.control.opening import check_url, open_connection
from hybrid_bridge.control.state import ControlLimits
from hybrid_bridge.errors import ConfigurationError
from hybrid_bridge.findings import Fault, Finding, Verdict, told, well, wrong
from hybrid_bridge.settings import ControlSettings

PATIENCE_S = 5.0
# A backend that refuses a token after the handshake does so at once.
SETTLE_S = 0.5
PORTS = {"ws": 80, "wss": 443}
OVER = 1000  # RFC 6455, section 7.4.1
NOT_ALLOWED = (1008, 4401, 4403)
_STATUS = {404: "path_unknown", 429: "too_many", 500: "not_ready", 502: "not_ready", 503: "not_ready"}
_STEP = "WebSocket"


async def inspect(
    settings: ControlSettings, running: str | None, patience_s: float = PATIENCE_S
) -> AsyncIterator[Finding]:
    """Yield what each step came to; what a fault makes pointless is left out.

    Args:
        running: which bridge is connected now; the WebSocket is left to it, for some backends hang up on the
            first who connects when a second comes. None for no bridge.
        patience_s: how long one look may take.
    """
    failed = False
    for finding in _look_at_settings(settings):
        yield finding
        failed = failed or finding.verdict is Verdict.FAILED
    if failed:
        return
    address = _address(settings.ws_url, patience_s)
    async for finding in look_at_network(address):
        yield finding
        if finding.fault is not None:
            return
    if running is not None:
        text = f"a bridge runs ({running}) and has the connection; `hybrid-bridge status` tells how it stands"
        yield Finding(_STEP, Verdict.SKIPPED, text)
        return
    yield await _look_at_websocket(settings, address)


def _look_at_settings(settings: ControlSettings) -> Iterator[Finding]:
    try:
        check_url(settings.ws_url)
    except ConfigurationError as error:
        yield wrong("address", fault("address_bad", str(error)))
        return
    yield well("address", shown_url(settings.ws_url))
    try:
        headers = authorization(settings.auth_token.get_secret_value())
    except ConfigurationError as error:
        yield wrong("token", fault("token_bad", str(error)))
        return
    if headers and crosses_network_in_clear(settings.ws_url):
        doubt = fault("token_in_clear")
        yield Finding("token", Verdict.NOTE, str(doubt), doubt)


def _address(url: str, patience_s: float) -> Address:
    parts = urlsplit(url)
    return Address(parts.hostname or "", parts.port or PORTS[parts.scheme], parts.scheme == "wss", patience_s)


async def _look_at_websocket(settings: ControlSettings, address: Address) -> Finding:
    started_s = time.monotonic()
    headers = authorization(settings.auth_token.get_secret_value())
    limits = replace(ControlLimits(), open_s=address.patience_s)
    try:
        connection = await open_connection(settings.ws_url, headers, limits)
    except InvalidStatus as error:
        return wrong(_STEP, _refusal(error.response.status_code, headers, address))
    except (InvalidHandshake, InvalidURI, OSError, EOFError) as error:
        return wrong(_STEP, await _no_handshake(error, address))
    opened, started_s = since(started_s), time.monotonic()
    try:
        what = await _look_at_connection(connection, address.patience_s)
        answered = since(started_s)
        await _keep_for_a_while(connection)
    except ConnectionClosed as error:
        what = _closing(error, headers)
    finally:
        await _hang_up(connection, limits.stop_s)
    if what is not None:
        return wrong(_STEP, what)
    return well(_STEP, f"accepted in {opened}, answers a ping in {answered}")


async def _look_at_connection(connection: ClientConnection, patience_s: float) -> Fault | None:
    """Ask for a sign of life.

    Raises:
        ConnectionClosed: when the backend ends the connection instead.
    """
    try:
        async with asyncio.timeout(patience_s):
            await (await connection.ping())
    except TimeoutError:
        return fault("deaf", f"no pong within {patience_s:g} s")
    return None


async def _keep_for_a_while(connection: ClientConnection) -> None:
    """Wait whether the backend ends it.

    Raises:
        ConnectionClosed: when it does.
    """
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(SETTLE_S):
            await connection.wait_closed()
            await connection.ping()


async def _hang_up(connection: ClientConnection, patience_s: float) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(patience_s):
            await connection.close(OVER, "the check is over")
    connection.transport.abort()


def _closing(error: ConnectionClosed, headers: Mapping[str, str]) -> Fault:
    received = error.rcvd
    seen = f"{received.code} {received.reason}".strip() if received else "without a word"
    if received and received.code in NOT_ALLOWED:
        return fault("token_refused" if headers else "token_missing", f"it closed with {seen}")
    return fault("closed", seen)


def _refusal(status: int, headers: Mapping[str, str], address: Address) -> Fault:
    seen = f"HTTP {status}"
    if status in (401, 403):
        return fault("token_refused" if headers else "token_missing", seen)
    return fault(_STATUS.get(status, "not_websocket"), seen, address=address)


async def _no_handshake(error: Exception, address: Address) -> Fault:
    if isinstance(error, TimeoutError):
        return fault("silent", f"no answer within {address.patience_s:g} s", address=address)
    if not address.secure and await speaks_tls(address):
        return fault("tls_spoken", "it answers a TLS greeting", address=address)
    if _cut_short(error):
        return fault("hung_up", told(error), address=address)
    return fault("not_websocket", told(error), address=address)


def _cut_short(error: Exception) -> bool:
    """Return whether the other side ended the connection before it had answered."""
    return isinstance(error, ConnectionError | EOFError) or isinstance(error.__cause__, EOFError)
