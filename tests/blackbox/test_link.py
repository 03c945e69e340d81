"""The link between the bridge and what it talks to."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator

import pytest
from scripts.siege.link import Link

PATIENCE_S = 5.0
Ends = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError):
        while chunk := await reader.read(65_536):
            writer.write(chunk)
            await writer.drain()
    writer.close()


@pytest.fixture
async def link() -> AsyncIterator[Link]:
    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    made = Link(server.sockets[0].getsockname()[1])
    await made.start()
    yield made
    await made.stop()
    server.close()


@contextlib.asynccontextmanager
async def connected(link: Link) -> AsyncIterator[Ends]:
    reader, writer = await asyncio.open_connection("127.0.0.1", link.port)
    try:
        yield reader, writer
    finally:
        writer.transport.abort()


async def ask(ends: Ends, words: bytes) -> bytes:
    ends[1].write(words)
    async with asyncio.timeout(PATIENCE_S):
        return await ends[0].readexactly(len(words))


async def test_a_whole_link_passes_on_every_byte_both_ways(link: Link) -> None:
    words = bytes(range(256)) * 2_000
    async with connected(link) as ends:
        assert words == await ask(ends, words)
    assert 1 == link.connections


async def test_the_end_of_one_side_is_passed_on(link: Link) -> None:
    async with connected(link) as (reader, writer):
        writer.write(b"last words")
        writer.write_eof()
        async with asyncio.timeout(PATIENCE_S):
            assert b"last words" == await reader.read()


@pytest.mark.not_on_windows("Wine ends in order what Windows resets")
async def test_a_reset_ends_connections_hard_and_serves_new_ones(link: Link) -> None:
    async with connected(link) as ends:
        await ask(ends, b"hello")
        link.reset()
        async with asyncio.timeout(PATIENCE_S):
            with pytest.raises(ConnectionResetError):
                await ends[0].readexactly(1)
    async with connected(link) as ends:
        assert b"again" == await ask(ends, b"again")


async def test_a_cut_link_ends_new_connections_too_until_it_is_healed(link: Link) -> None:
    link.cut()
    async with connected(link) as ends:
        with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
            await ask(ends, b"anybody?")
    link.heal()
    async with connected(link) as ends:
        assert b"healed" == await ask(ends, b"healed")


async def test_a_held_link_is_silent_and_loses_nothing(link: Link) -> None:
    async with connected(link) as ends:
        await ask(ends, b"before")
        link.hold()
        answer = asyncio.create_task(ask(ends, b"during"))
        done, _ = await asyncio.wait([answer], timeout=0.3)
        assert set() == done
        link.heal()
        assert b"during" == await answer


async def test_a_slow_link_delays_each_piece(link: Link) -> None:
    async with connected(link) as ends:
        link.slow(latency_s=0.1)
        began = time.monotonic()
        await ask(ends, b"slow")
        assert 0.2 <= time.monotonic() - began < 2.0


async def test_a_narrow_link_passes_so_many_bytes_a_second(link: Link) -> None:
    async with connected(link) as ends:
        link.slow(latency_s=0.0, bytes_per_s=100_000)
        began = time.monotonic()
        await ask(ends, bytes(20_000))
        assert 0.4 <= time.monotonic() - began < 3.0


async def test_a_target_that_is_away_ends_the_connection(link: Link) -> None:
    link.target_port = 1
    async with connected(link) as ends:
        with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
            await ask(ends, b"nobody")
