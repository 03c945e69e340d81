"""How a connection to the backend is made: address, headers, patience, bounds.

Owns the options of the WebSocket library, so that a check connects exactly as the bridge does. Explains no
failure; `advice` does. Called by `client` and by the check of the backend.
"""

import contextlib
import logging
import socket
from collections.abc import Mapping

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidURI
from websockets.uri import parse_uri

from hybrid_bridge.control import advice
from hybrid_bridge.control.state import ControlLimits
from hybrid_bridge.errors import ConfigurationError
from hybrid_bridge.messages.inbound import MESSAGE_BYTES_MAX

# Longer than the contract allows, so that a message somewhat too long is answered with an error and costs
# nothing else; only beyond this is the connection closed (1009).
FRAME_BYTES_MAX = 4 * MESSAGE_BYTES_MAX
# What the kernel holds of unread messages. The system's own choice is megabytes: tens of thousands of signals
# that an emergency stop would stand behind while reading is held up.
RECEIVE_BUFFER_BYTES = MESSAGE_BYTES_MAX

# websockets logs whole handshakes, the bearer token included, when its logger is at DEBUG.
_library_log = logging.getLogger("hybrid_bridge.control.websockets")
_library_log.setLevel(logging.WARNING)


async def open_connection(url: str, headers: Mapping[str, str], limits: ControlLimits) -> ClientConnection:
    """Connect to the backend.

    Raises:
        OSError: below HTTP: name, network, TLS, time.
        InvalidHandshake, InvalidURI: when what answers is no WebSocket, or refuses.
    """
    connection = await connect(
        url,
        additional_headers=headers,
        proxy=None,
        compression=None,
        open_timeout=limits.open_s,
        ping_interval=limits.ping_every_s,
        ping_timeout=limits.ping_timeout_s,
        close_timeout=limits.stop_s,
        max_size=FRAME_BYTES_MAX,
        logger=_library_log,
    )
    wire = connection.transport.get_extra_info("socket")
    with contextlib.suppress(OSError):  # It is gone already, as the reader will find.
        wire.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER_BYTES)
    return connection


def check_url(url: str) -> None:
    """See that an address is one.

    Raises:
        ConfigurationError: when it is none; says what is expected.
    """
    try:
        parse_uri(url).host.encode("idna")
    except (InvalidURI, ValueError) as error:
        seen = error.msg if isinstance(error, InvalidURI) else str(error)
        raise ConfigurationError(
            f"BACKEND_WS_URL: {advice.shown_url(url)}: {seen}; "
            "expected an address like ws://localhost:8000/ws/mt5"
        ) from error
