"""What can be wrong between the bridge and the trading backend, in the words that a person reads.

Owns the wording: for each fault its cause and its mend. Does no I/O. Called by the modules of this folder
that look at the connection; docs/check.md has the same words.
"""

from hybrid_bridge.findings import FaultTable, Words

URL = "BACKEND_WS_URL"
TOKEN = "BACKEND_AUTH_TOKEN"  # noqa: S105 - the setting's name

FAULTS: dict[str, Words] = {
    "address_bad": Words(
        f"{URL} is no address of a WebSocket",
        "set it to one like ws://localhost:8000/ws/mt5",
    ),
    "token_bad": Words(
        f"{TOKEN} cannot be sent",
        "set the token exactly as the backend gives it, without blanks",
    ),
    "token_in_clear": Words(
        f"{TOKEN} crosses the network unencrypted",
        f"use wss:// in {URL}; the backend must speak TLS for that",
    ),
    "name_unknown": Words(
        "the name {host} cannot be resolved on this PC",
        f"correct {URL}; a name from inside Docker is not known outside of it: there it is localhost",
    ),
    "name_silent": Words(
        "no name server has told this PC the address of {host}",
        "check this PC's network and VPN, then the name servers (DNS) that it is told to use",
    ),
    "tcp_refused": Words(
        "nothing listens at {address}",
        f"start the backend, or correct {URL}",
    ),
    "tcp_silent": Words(
        "no answer from {address}",
        f"look for a firewall on the way, for a computer that is off, and for a wrong address in {URL}",
    ),
    "tcp_unreachable": Words(
        "{address} cannot be reached from this PC",
        f"check the network, a VPN if you use one, and {URL}",
    ),
    "tls_not_spoken": Words(
        f"{{address}} does not encrypt, but {URL} begins with wss://",
        f"begin {URL} with ws://, or give the port that speaks TLS",
    ),
    "tls_spoken": Words(
        f"{{address}} speaks TLS, but {URL} begins with ws://",
        f"begin {URL} with wss://",
    ),
    "tls_authority": Words(
        "the certificate of {address} is signed by nobody whom this PC trusts",
        "have the backend use one that is signed by a known authority, or have Windows trust its own",
    ),
    "tls_name": Words(
        "the certificate of {address} was not made for the name {host}",
        f"use a name that the certificate has in {URL}, or have one made for {{host}}",
    ),
    "tls_dates": Words(
        "the certificate of {address} has expired or is not valid yet",
        "have it renewed at the backend; if this PC's date is wrong, set its clock",
    ),
    "tls_failed": Words(
        "no TLS connection with {address} comes about",
        f"compare with the backend's log; is it the port that speaks TLS in {URL}?",
    ),
    "token_missing": Words(
        f"the backend wants a token, and {TOKEN} is empty",
        f"set {TOKEN} to the one that the backend gives",
    ),
    "token_refused": Words(
        f"the backend refuses the token of {TOKEN}",
        "set the one that the backend gives; look in its log why it refuses this one",
    ),
    "path_unknown": Words(
        "the backend has nothing at this path",
        f"correct the path in {URL}, which is the part after the port, like /ws/mt5",
    ),
    "too_many": Words(
        "the backend counts too many connections",
        "check again in a minute; look whether another bridge connects with the same token",
    ),
    "not_ready": Words(
        "the backend, or a proxy before it, is not ready",
        "wait until the backend has started, and look at its log",
    ),
    "not_websocket": Words(
        "{address} answers, and not as a WebSocket",
        f"correct port and path in {URL}; a proxy before the backend must let WebSockets through",
    ),
    "silent": Words(
        "{address} accepts connections and does not answer",
        f"look whether the backend hangs; is the port in {URL} its own?",
    ),
    "hung_up": Words(
        "{address} accepts connections and closes them without an answer",
        f"look at the backend's log; is the port in {URL} its own?",
    ),
    "closed": Words(
        "the backend accepted the WebSocket and closed it at once",
        "look at the backend's log for the reason",
    ),
    "deaf": Words(
        "the backend accepted the WebSocket and does not answer a ping",
        "look whether the backend hangs; the bridge would give the connection up",
    ),
}

fault = FaultTable(FAULTS)
