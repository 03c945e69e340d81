"""A name server that does not answer holds up nothing but those who ask for the name."""

import asyncio
import socket
import threading
import time
from collections.abc import Iterator

import pytest

from hybrid_bridge import name_lookup

LONG_S = 20.0


@pytest.fixture
def silent(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """A name server that answers for localhost alone; the other names that it was asked for."""
    over, asked, real = threading.Event(), list[str](), socket.getaddrinfo

    def ask(host: str, *rest: object, **named: object) -> object:
        if host == "localhost":
            return real(host, *rest, **named)  # type: ignore[arg-type]
        asked.append(host)
        over.wait(LONG_S)
        return []

    monkeypatch.setattr(socket, "getaddrinfo", ask)
    yield asked
    over.set()


async def ask(host: str) -> None:
    async with asyncio.timeout(0.05):
        await asyncio.open_connection(host, 9)


async def test_what_runs_on_threads_goes_on_however_many_names_are_asked_for(silent: list[str]) -> None:
    name_lookup.use(asyncio.get_running_loop())
    for number in range(64):  # asyncio itself has at most 32 threads.
        with pytest.raises(TimeoutError):
            await ask(f"broker-{number}.example.com")
    async with asyncio.timeout(LONG_S / 2):
        assert await asyncio.to_thread(lambda: "read") == "read"
    assert len(silent) == 64


def test_nobody_waits_for_it_at_the_end(silent: list[str]) -> None:
    async def end_while_asking() -> None:
        name_lookup.use(asyncio.get_running_loop())
        with pytest.raises(TimeoutError):
            await ask("broker.example.com")

    started = time.monotonic()
    asyncio.run(end_while_asking())
    assert time.monotonic() - started < LONG_S / 2


async def test_a_name_is_asked_for_once_at_a_time(silent: list[str]) -> None:
    name_lookup.use(asyncio.get_running_loop())
    for _ in range(5):
        with pytest.raises(TimeoutError):
            await ask("broker.example.com")
    assert silent == ["broker.example.com"]


async def test_connections_by_name_come_about_and_a_name_that_is_none_is_an_error() -> None:
    name_lookup.use(asyncio.get_running_loop())
    server = await asyncio.start_server(lambda _, writer: writer.close(), "localhost", 0)
    async with server:
        _, writer = await asyncio.open_connection("localhost", server.sockets[0].getsockname()[1])
        writer.close()
    for _ in range(2):
        with pytest.raises(socket.gaierror):
            await asyncio.open_connection("no-such-host.invalid", 9)
    with pytest.raises(UnicodeError):
        await asyncio.open_connection("x" * 80 + ".example.com", 9)
