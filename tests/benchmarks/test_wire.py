"""Bytes on the wire, as the kernel counts them for this process."""

import contextlib
import socket
import sys
from collections.abc import Iterator

import pytest
from scripts.benchmarks.wire import PACKET_BYTES, Traffic, Wire

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the kernel is asked in Linux' way")


@contextlib.contextmanager
def connected() -> Iterator[tuple[int, socket.socket, socket.socket]]:
    """Give a port with one connection to it: the client's end and the server's."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        client = socket.create_connection(server.getsockname())
        peer, _ = server.accept()
        with client, peer:
            yield server.getsockname()[1], client, peer


def exchange(client: socket.socket, peer: socket.socket, there: int, back: int) -> None:
    client.sendall(b"x" * there)
    assert there == len(peer.recv(there, socket.MSG_WAITALL))
    peer.sendall(b"y" * back)
    assert back == len(client.recv(back, socket.MSG_WAITALL))


def test_what_goes_both_ways_since_the_first_look_is_counted() -> None:
    with connected() as (port, client, peer):
        exchange(client, peer, 5_000, 700)
        wire = Wire(port)
        exchange(client, peer, 1_000, 50)
        traffic = wire.since()
    # The answer carries the confirmation of what went before it.
    assert (1_000, 50) == (traffic.sent, traffic.received)
    assert traffic.packets >= 2
    assert 1_050 + traffic.packets * PACKET_BYTES == traffic.total


def test_only_connections_to_the_port_are_counted() -> None:
    with connected() as (port, client, peer), connected() as (_, other, other_peer):
        wire = Wire(port)
        exchange(other, other_peer, 3_000, 3_000)
        assert 1 == wire.connections()
        assert Traffic() == wire.since()
        exchange(client, peer, 10, 10)
        assert 10 == wire.since().received


def test_a_connection_made_after_the_first_look_counts_whole() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        wire = Wire(server.getsockname()[1])
        assert 0 == wire.connections()
        with socket.create_connection(server.getsockname()) as client:
            peer, _ = server.accept()
            with peer:
                exchange(client, peer, 300, 20)
                assert (300, 20) == (wire.since().sent, wire.since().received)
