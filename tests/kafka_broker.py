"""A Kafka broker that keeps its data, as a fixture for tests marked `kafka`.

Runs scripts/kafka, unless TEST_KAFKA_BOOTSTRAP names a broker (Redpanda, say) that runs already; tests
that kill the broker are then skipped. Import the fixtures into the conftest of the folder that uses them.
"""

import contextlib
import json
import os
import random
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[1] / "scripts" / "kafka"


class KafkaBroker:
    """A broker process that can be killed and started again on the same port with the same data.

    Attributes:
        address: host:port.
    """

    def __init__(self, data: Path) -> None:
        self.port = _free_port()
        self.address = f"127.0.0.1:{self.port}"
        self.pid = 0
        self._data = data
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the broker if it does not run, and return once it listens."""
        if self._process is not None:
            return
        command = [sys.executable, str(SCRIPT), "--port", str(self.port), "--data", str(self._data)]
        log = (self._data.parent / "kafka.log").open("ab")
        with log:
            self._process = subprocess.Popen(
                command, stdout=subprocess.PIPE, stderr=log, start_new_session=True
            )
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, (self._data.parent / "kafka.log").read_text()[-2000:]
        self.pid = json.loads(line)["pid"]

    def kill(self) -> None:
        """End the broker as a power cut would."""
        process, self._process = self._process, None
        if process is not None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            assert process.stdout is not None
            process.stdout.close()


def _free_port() -> int:
    """Return a port that nothing listens on, below those that outgoing connections are given.

    Among those, a client that tries again and again while the broker is away may end up connected to itself.
    """
    while True:
        port = random.randrange(20_000, 30_000)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


def _why_not() -> str:
    """Return why no broker can be run here, "" when one can."""
    done = subprocess.run(
        [sys.executable, str(SCRIPT), "--check"], capture_output=True, text=True, check=False
    )
    return done.stderr.strip()


@pytest.fixture(scope="session")
def kafka_session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaBroker]:
    """Run one broker for the whole session."""
    if os.environ.get("TEST_KAFKA_BOOTSTRAP"):
        pytest.skip("kills its broker, which TEST_KAFKA_BOOTSTRAP does not permit")
    reason = _why_not()
    if reason:
        pytest.skip(reason)
    broker = KafkaBroker(tmp_path_factory.mktemp("kafka") / "data")
    broker.start()
    yield broker
    broker.kill()


@pytest.fixture
def kafka_process(kafka_session: KafkaBroker) -> KafkaBroker:
    """Give a running broker that the test may kill."""
    kafka_session.start()
    return kafka_session


@pytest.fixture
def kafka_address(request: pytest.FixtureRequest) -> str:
    """Return the address of a broker that keeps its data."""
    given = os.environ.get("TEST_KAFKA_BOOTSTRAP")
    return given or str(request.getfixturevalue("kafka_process").address)
