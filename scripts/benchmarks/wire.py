"""What goes over the wire, as the kernel counts it: bytes and packets of this process's own TCP connections.

Linux alone. Owns nothing: it looks at the sockets that are open, whoever opened them, so that every client is
measured the same way. A connection that ends between two looks is counted up to the first of them.
"""

import contextlib
import os
import socket
import struct
from dataclasses import dataclass
from pathlib import Path

OWN_SOCKETS = Path("/proc/self/fd")
# struct tcp_info of linux/tcp.h: bytes acknowledged and received at 120, packets out and in behind them.
_COUNTS = struct.Struct("=QQII")
_COUNTS_AT = 120
# Ethernet, IPv4 and TCP with the timestamps that every present system sends.
PACKET_BYTES = 14 + 20 + 32


@dataclass(frozen=True, slots=True)
class Traffic:
    """Bytes and packets.

    Attributes:
        sent: bytes of the streams, without the packets' own headers; the peer has confirmed them.
        packets: in both directions, acknowledgements without contents among them.
    """

    sent: int = 0
    received: int = 0
    packets: int = 0

    def __add__(self, other: "Traffic") -> "Traffic":
        return Traffic(self.sent + other.sent, self.received + other.received, self.packets + other.packets)

    def __sub__(self, other: "Traffic") -> "Traffic":
        return Traffic(self.sent - other.sent, self.received - other.received, self.packets - other.packets)

    @property
    def total(self) -> int:
        """Bytes on an Ethernet wire, both ways, headers included."""
        return self.sent + self.received + self.packets * PACKET_BYTES


class Wire:
    """The connections of this process to one port, from a first look on."""

    def __init__(self, peer_port: int) -> None:
        """Take the first look."""
        self._peer_port = peer_port
        self._before = self._look()

    def since(self) -> Traffic:
        """Return what went over the connections that are open now since the first look."""
        nothing = Traffic()
        traffic = nothing
        for name, now in self._look().items():
            traffic += now - self._before.get(name, nothing)
        return traffic

    def connections(self) -> int:
        """Count the connections that are open now."""
        return len(self._look())

    def _look(self) -> dict[str, Traffic]:
        """Return the traffic of each connection by the kernel's name for its socket."""
        found: dict[str, Traffic] = {}
        for entry in OWN_SOCKETS.iterdir():
            with contextlib.suppress(OSError):
                name = str(entry.readlink())
                if name.startswith("socket:") and name not in found:
                    traffic = _traffic(int(entry.name), self._peer_port)
                    if traffic is not None:
                        found[name] = traffic
        return found


def _traffic(number: int, peer_port: int) -> Traffic | None:
    """Return a socket's traffic; None where it is no TCP connection to that port."""
    with socket.socket(fileno=os.dup(number)) as connection:
        if connection.family not in (socket.AF_INET, socket.AF_INET6):
            return None
        if connection.getpeername()[1] != peer_port:
            return None
        facts = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 256)
    confirmed, received, packets_out, packets_in = _COUNTS.unpack_from(facts, _COUNTS_AT)
    sent = max(confirmed - 1, 0)  # The connection's own beginning is confirmed as if it were a byte.
    return Traffic(sent, received, packets_out + packets_in)
