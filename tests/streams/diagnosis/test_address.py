"""A bare connection: within its patience, and gone at the end."""

import asyncio
import time

import pytest

from hybrid_bridge.streams.diagnosis.address import Address, connection


def test_an_address_is_shown_as_it_is_written() -> None:
    assert "broker:9092" == str(Address("broker", 9092, None, 1))
    assert "[::1]:9092" == str(Address("::1", 9092, None, 1))


async def test_a_connection_ends_with_its_block() -> None:
    ended = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with pytest.raises((ConnectionResetError, asyncio.IncompleteReadError)):
            await reader.readexactly(1)
        ended.set()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server, asyncio.timeout(5):
        async with connection(Address("127.0.0.1", port_of(server), None, 1), None):
            pass
        await ended.wait()


async def test_nobody_is_waited_for_longer_than_the_patience(full_address: str) -> None:
    host, _, port = full_address.rpartition(":")
    started = time.monotonic()
    with pytest.raises(TimeoutError):
        async with connection(Address(host, int(port), None, 0.2), None):
            pass
    assert time.monotonic() - started < 1


def port_of(server: asyncio.Server) -> int:
    return int(server.sockets[0].getsockname()[1])
