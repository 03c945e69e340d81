"""The bearer token on its way into a header. Pure; never shows the token. Called by client."""

from ipaddress import ip_address
from urllib.parse import urlsplit

from hybrid_bridge.errors import ConfigurationError


def authorization(token: str) -> dict[str, str]:
    """Return the header that carries the token, none when there is no token.

    Raises:
        ConfigurationError: when the token cannot stand in a header; says where, not what.
    """
    for place, char in enumerate(token, start=1):
        if not "!" <= char <= "~":
            raise ConfigurationError(
                f"BACKEND_AUTH_TOKEN: character {place} of {len(token)} is a blank, a control or no ASCII "
                "character, which an HTTP header cannot carry; set the token exactly as the backend gives it"
            )
    return {"Authorization": f"Bearer {token}"} if token else {}


def crosses_network_in_clear(url: str) -> bool:
    """Return whether what is sent to this address can be read on the way."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    if parts.scheme == "wss" or host == "localhost":
        return False
    try:
        return not ip_address(host).is_loopback
    except ValueError:
        return True
