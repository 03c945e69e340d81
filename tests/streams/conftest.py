"""What the tests of the Redpanda channels share: a broker process, a clock, an independent client."""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack

import pytest
from tests.certificates import Authority
from tests.kafka_broker import kafka_address, kafka_process, kafka_session, secure_broker, secure_session
from tests.streams.support import EmbeddedBroker, SystemClock, stream_settings

from hybrid_bridge.settings import StreamSettings

__all__ = ["kafka_address", "kafka_process", "kafka_session", "secure_broker", "secure_session"]


@pytest.fixture
async def broker() -> AsyncIterator[EmbeddedBroker]:
    """Run an embedded broker as a process of its own."""
    embedded = EmbeddedBroker()
    await embedded.start()
    yield embedded
    await embedded.stop()


@pytest.fixture
def settings(broker: EmbeddedBroker) -> StreamSettings:
    """Point the channels at the embedded broker."""
    return stream_settings(broker.address)


@pytest.fixture
def clock() -> SystemClock:
    """Give real time."""
    return SystemClock()


@pytest.fixture
def refused_address() -> str:
    """Return an address that nothing listens on."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{taken.getsockname()[1]}"


@pytest.fixture
def silent_address() -> Iterator[str]:
    """Return an address that accepts connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"127.0.0.1:{server.getsockname()[1]}"


@pytest.fixture
def full_address() -> Iterator[str]:
    """Return an address that answers no attempt to connect, like one behind a firewall."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as server, ExitStack() as waiting:
        # Two fill the queue of a system that takes one more than it is told; later ones are dropped.
        for _ in range(2):
            client = waiting.enter_context(socket.socket())
            client.setblocking(False)
            client.connect_ex(server.getsockname())
        yield f"127.0.0.1:{server.getsockname()[1]}"


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Sign the certificates of a test's own servers."""
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="session")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Sign what those servers do not trust."""
    return Authority(tmp_path_factory.mktemp("stranger"))


@pytest.fixture(autouse=True)
async def no_task_left_behind() -> AsyncIterator[None]:
    """Fail a test after which tasks of the clients still run."""
    yield
    others = asyncio.all_tasks() - {asyncio.current_task()}
    left = (await asyncio.wait(others, timeout=0.2))[1] if others else set()
    assert [] == [task.get_coro().__qualname__ for task in left]
