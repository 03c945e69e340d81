"""How a connection to the backend is made: what it can hold, and which addresses are none."""

import socket

import pytest

from hybrid_bridge.control.opening import RECEIVE_BUFFER_BYTES, check_url, open_connection
from hybrid_bridge.control.state import ControlLimits
from hybrid_bridge.errors import ConfigurationError


async def test_the_system_holds_back_no_more_than_a_stop_may_stand_behind(backend):
    connection = await open_connection(backend.url, {}, ControlLimits())
    held = connection.transport.get_extra_info("socket").getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF)
    await connection.close()
    # Linux doubles what is asked for, for its own books.
    assert held in (RECEIVE_BUFFER_BYTES, 2 * RECEIVE_BUFFER_BYTES)


@pytest.mark.parametrize("url", ["http://localhost/", "ws://", "ws://a..b/"])
def test_an_address_that_is_none_is_refused_without_its_secrets(url):
    with pytest.raises(ConfigurationError, match="expected an address like ws://localhost:8000/ws/mt5"):
        check_url(url)


def test_an_address_is_accepted():
    check_url("wss://user:password@example.com/ws?token=1")
