"""The bearer token on its way into a header."""

import pytest

from hybrid_bridge.control.credentials import authorization, crosses_network_in_clear
from hybrid_bridge.errors import ConfigurationError


def test_a_token_becomes_a_bearer_header_and_none_becomes_none():
    assert {"Authorization": "Bearer abc.DEF-1"} == authorization("abc.DEF-1")
    assert {} == authorization("")


@pytest.mark.parametrize("token", ["good\nX-Evil: 1", "two words", "schlüssel", "tail\r"])
def test_a_token_no_header_can_carry_is_refused_without_being_shown(token):
    with pytest.raises(ConfigurationError, match=r"BACKEND_AUTH_TOKEN: character \d+ of \d+") as caught:
        authorization(token)
    assert token not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "in_clear"),
    [
        ("ws://localhost:8000/ws", False),
        ("ws://127.0.0.1:8000/ws", False),
        ("ws://[::1]:8000/ws", False),
        ("wss://backend.example/ws", False),
        ("ws://backend.example/ws", True),
        ("ws://192.168.1.5/ws", True),
    ],
)
def test_what_goes_to_another_computer_without_tls_is_in_clear(url, in_clear):
    assert in_clear is crosses_network_in_clear(url)
