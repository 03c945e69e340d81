"""What went wrong with the connection, in words that tell a person what to do. Pure. Called by client."""

import socket
import ssl
from dataclasses import dataclass
from urllib.parse import urlsplit

REFUSED_DELAY_S = 5.0  # A refusal does not go away by asking at once.
RETRY_AFTER_MAX_S = 300.0

_SCHEMES = "wss:// for a backend that speaks TLS, ws:// for one that does not"


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why there is no connection.

    Attributes:
        cause: a short name; the same cause twice in a row is logged once.
        text: what was seen and what to do about it.
        least_delay_s: wait at least this long before the next attempt.
    """

    cause: str
    text: str
    least_delay_s: float = 0.0


def shown_url(url: str) -> str:
    """Return the address without what may be secret in it: user, password, query."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    return f"{parts.scheme}://{host}{parts.path}"


def refused(status: int, has_token: bool, retry_after: str | None) -> Trouble:
    """Explain an HTTP answer that is no WebSocket handshake."""
    least_delay_s = REFUSED_DELAY_S if status in (401, 403, 404, 429) else 0.0
    if status == 429 and retry_after is not None and retry_after.isdigit():
        least_delay_s = min(max(least_delay_s, float(retry_after)), RETRY_AFTER_MAX_S)
    return Trouble(f"http_{status}", f"HTTP {status}: {_http_advice(status, has_token)}", least_delay_s)


def _http_advice(status: int, has_token: bool) -> str:
    verb = "check" if has_token else "set"
    match status:
        case 401:
            return f"the backend wants other credentials; {verb} BACKEND_AUTH_TOKEN"
        case 403:
            return f"the backend refuses this client; {verb} BACKEND_AUTH_TOKEN, then look at its rules"
        case 404:
            return "the backend has nothing at this path; check the path in BACKEND_WS_URL"
        case 429:
            return "the backend counts too many connections; waiting longer between attempts"
        case 500 | 502 | 503 | 504:
            return "the backend, or a proxy before it, is not ready; it will be tried again"
        case _:
            return "the address answers, but not with a WebSocket; check BACKEND_WS_URL"


def unreachable(error: OSError, open_s: float) -> Trouble:
    """Explain a failure below HTTP: name, network, TLS, time."""
    if isinstance(error, ssl.SSLCertVerificationError):
        text = f"its TLS certificate is not accepted ({error.verify_message}); mend it or this PC's clock"
        return Trouble("tls_certificate", text, REFUSED_DELAY_S)
    if isinstance(error, ssl.SSLError):
        text = f"TLS failed ({error}); check BACKEND_WS_URL: {_SCHEMES}"
        return Trouble("tls", text, REFUSED_DELAY_S)
    if isinstance(error, socket.gaierror):
        return Trouble("unknown_host", f"{error.strerror}; check the host name in BACKEND_WS_URL")
    if isinstance(error, TimeoutError):
        text = f"no answer within {open_s:g} s; is the backend hung, or a firewall in between?"
        return Trouble("no_answer", text)
    if isinstance(error, ConnectionResetError | ConnectionAbortedError):
        text = "the other side hung up at once; check BACKEND_WS_URL: " + _SCHEMES
        return Trouble("hung_up", text)
    seen = str(error) or type(error).__name__
    return Trouble("unreachable", f"{seen}; start the backend or check BACKEND_WS_URL")


def not_websocket(seen: str) -> Trouble:
    """Explain an answer that breaks the handshake's rules."""
    return Trouble("not_websocket", f"{seen}; check BACKEND_WS_URL: {_SCHEMES}")


def closed_by_backend(code: int | None, reason: str) -> Trouble:
    """Explain an end that the backend, or the network, made."""
    if code is None:
        return Trouble("connection_lost", "the connection was lost; is the backend still running?")
    said = f"{code} {reason}".strip()
    if code in (1008, 4401, 4403):
        text = f"the backend closed the connection as not allowed ({said}); check BACKEND_AUTH_TOKEN"
        return Trouble(f"closed_{code}", text, REFUSED_DELAY_S)
    return Trouble(f"closed_{code}", f"the backend closed the connection ({said})")


def closed_by_bridge(code: int, reason: str) -> Trouble:
    """Explain an end that the bridge's side of the protocol made."""
    if code == 1009:
        text = f"the backend sent a message far too long ({reason}); send commands one at a time"
        return Trouble("too_long", text, REFUSED_DELAY_S)
    return Trouble(f"broken_{code}", f"the connection was given up ({code} {reason})".rstrip())
