"""What the tests of the demo backend share: a broker and the backend as a real process."""

import asyncio
import json
import os
import sys
import urllib.request
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest
from confluent_kafka import Producer

SOURCE = Path(__file__).parents[2] / "src"


@pytest.fixture(scope="session")
def broker() -> Iterator[str]:
    """A Kafka broker in memory (librdkafka's mock cluster); its address."""
    owner = Producer({"bootstrap.servers": "127.0.0.1:1", "test.mock.num.brokers": 1, "log_level": 0})
    found = next(iter(owner.list_topics(timeout=15).brokers.values()))
    yield f"{found.host}:{found.port}"
    owner.flush(1)


class BackendProcess:
    """The demo backend as a program of its own."""

    def __init__(self, process: asyncio.subprocess.Process, ready: dict[str, str]) -> None:
        self.process = process
        self.ready = ready

    async def health(self) -> dict:
        """Ask GET /health."""

        def get() -> dict:
            with urllib.request.urlopen(self.ready["health"], timeout=5) as response:  # noqa: S310 -- our own
                return json.load(response)

        return await asyncio.to_thread(get)

    async def health_once(self, condition: Callable[[dict], object]) -> dict:
        """Wait until GET /health says what is wanted."""
        async with asyncio.timeout(20):
            while not condition(health := await self.health()):  # noqa: ASYNC110 -- another process's state
                await asyncio.sleep(0.05)
        return health

    async def ended(self) -> tuple[int, str]:
        """Wait until it has ended; return its exit code and what it said on stderr."""
        async with asyncio.timeout(10):
            _, said = await self.process.communicate()
        return self.process.returncode or 0, said.decode()


@pytest.fixture
async def start_backend() -> AsyncIterator[Callable]:
    """Give a function that starts the demo backend with these arguments."""
    started: list[asyncio.subprocess.Process] = []

    async def start(*arguments: str) -> BackendProcess:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "hybrid_bridge.demo.backend",
            "--port",
            "0",
            "--die-with-parent",
            *arguments,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": str(SOURCE)},
        )
        started.append(process)
        async with asyncio.timeout(20):
            line = await process.stdout.readline()
        return BackendProcess(process, json.loads(line or "{}"))

    yield start
    for process in started:
        if process.returncode is None:
            process.kill()
        await process.wait()
        process._transport.close()
