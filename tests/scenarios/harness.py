"""The world around a bridge under test: real programs, real sockets, and the judges that look from outside.

The bridge runs as its own process, started as a user starts it: on Windows with the genuine MetaTrader5
package, which finds the simulated terminal at its pipe, elsewhere with our module, over a port. The simulated
terminal's ledger is the judge of trades, a confluent-kafka consumer the judge of topics, a WebSocket server
here is the backend.
"""

import asyncio
import contextlib
import functools
import json
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil
import websockets
from confluent_kafka import Consumer, Producer, TopicPartition
from tests.stopping import own_console, type_ctrl_c

from hybrid_bridge.simulator.control_client import SimulatorControl

ROOT = Path(__file__).resolve().parents[2]
# Under Wine every program takes seconds to start, several at a time.
PATIENCE_S = 60.0 if sys.platform == "win32" else 30.0
TOKEN = "scenario-token-4711"


class Program:
    """A child process that says one JSON line when it is ready."""

    def __init__(self, *arguments: str, log: Path) -> None:
        self.arguments = [sys.executable, *arguments]
        self.log = log
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it; who needs it up asks what it said when it was."""
        environment = {**os.environ, "PYTHONPATH": str(ROOT / "src"), "PYTHONUNBUFFERED": "1"}
        with self.log.open("ab") as stderr:
            self.process = subprocess.Popen(
                self.arguments, stdout=subprocess.PIPE, stderr=stderr, cwd=self.log.parent, env=environment
            )

    @functools.cached_property
    def ready(self) -> dict[str, Any]:
        assert self.process is not None
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, f"{self.arguments} said nothing: {self.log.read_text(encoding='utf-8')}"
        said: dict[str, Any] = json.loads(line)
        return said

    def freeze(self) -> None:
        """Let it stand still, once it is up."""
        assert self.ready
        assert self.process is not None
        psutil.Process(self.process.pid).suspend()

    def thaw(self) -> None:
        assert self.process is not None
        psutil.Process(self.process.pid).resume()

    def kill(self) -> None:
        if self.process is None:
            return
        self.process.kill()
        self.process.wait(10)
        if self.process.stdout is not None:
            self.process.stdout.close()
        self.process = None


class Simulator(Program):
    """The simulated terminal, alone: at a pipe on Windows, at a port elsewhere."""

    def __init__(self, folder: Path, *arguments: str, place: str = "") -> None:
        """Describe it.

        Args:
            place: where one that was killed stood; empty for a place of its own.
        """
        self.ledger = folder / "ledger.jsonl"
        self._program = folder / "terminal64.exe"
        where = ("--listen", place or "127.0.0.1:0")
        if sys.platform == "win32":
            self._program.touch()
            where = ("--pipe", str(self._program))
        super().__init__(
            "-m",
            "hybrid_bridge.simulator",
            *where,
            "--control",
            "127.0.0.1:0",
            "--ledger",
            str(self.ledger),
            *arguments,
            log=folder / "simulator.err",
        )

    @property
    def place(self) -> str:
        return str(self._program if sys.platform == "win32" else self.ready["simulator"])

    @property
    def settings(self) -> dict[str, object]:
        """What the bridge must be told to find it; it is up then."""
        assert self.ready
        if sys.platform == "win32":
            return {"MT5_BACKEND": "terminal", "MT5_PATH": self.place}
        return {"MT5_BACKEND": "simulator", "SIM_ADDRESS": self.place}

    def control(self) -> SimulatorControl:
        return SimulatorControl(str(self.ready["control"]))

    def deals(self) -> list[dict[str, Any]]:
        if not self.ledger.exists():
            return []
        return [json.loads(line) for line in self.ledger.read_text(encoding="utf-8").splitlines()]


class Broker(Program):
    """The embedded broker."""

    def __init__(self, folder: Path) -> None:
        super().__init__("-m", "hybrid_bridge.streams.embedded", log=folder / "broker.err")

    @property
    def address(self) -> str:
        return str(self.ready["broker"])


class BridgeProcess:
    """The bridge, started from the root as typed."""

    def __init__(self, folder: Path, launcher: str = "hybrid_bridge.py", **settings: object) -> None:
        self.folder = folder
        self.launcher = launcher
        self.settings: dict[str, object] = {
            "MT5_LOGIN": 10000001,
            "TRADING_ENABLED": "true",
            "STATE_DIR": folder / "state",
            "LOG_FILE": folder / "mt5_bridge.log",
            "ACCOUNT_INTERVAL_S": 0.5,
            "MAX_RISK_PERCENT": 90,  # stops in scenarios are far away, so that prices never reach them
            "BACKEND_AUTH_TOKEN": TOKEN,
            **settings,
        }
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, *arguments: str) -> "BridgeProcess":
        env_file = self.write_settings()
        with (self.folder / "bridge.err").open("ab") as errors:
            self.process = subprocess.Popen(
                [sys.executable, self.launcher, "--env-file", str(env_file), *arguments],
                cwd=ROOT,
                stdout=errors,
                stderr=errors,
                **own_console(),
            )
        return self

    def write_settings(self) -> Path:
        """Write what it reads at its start."""
        path = self.folder / "bridge.env"
        lines = [f"{name}={value}\n" for name, value in self.settings.items()]
        path.write_text("".join(lines), encoding="utf-8")
        return path

    def lanes(self) -> list[psutil.Process]:
        """Return its processes that talk to the terminal."""
        assert self.process is not None
        children = psutil.Process(self.process.pid).children(recursive=True)
        return [child for child in children if "hybrid_bridge.terminal.worker" in child.cmdline()]

    def command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Type a command of the bridge on its PC."""
        return subprocess.run(
            [sys.executable, "hybrid_bridge.py", *arguments, "--env-file", str(self.folder / "bridge.env")],
            cwd=ROOT,
            capture_output=True,
            encoding="utf-8",
            timeout=30,
            check=False,
        )

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait(10)

    def stop(self) -> int:
        assert self.process is not None
        if sys.platform == "win32":
            type_ctrl_c(self.process)
        else:
            self.process.terminate()
        return self.process.wait(30)

    def end(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait(10)

    @property
    def log(self) -> str:
        path = self.folder / "mt5_bridge.log"
        return path.read_text(encoding="utf-8") if path.exists() else ""

    @property
    def console(self) -> str:
        return (self.folder / "bridge.err").read_text(encoding="utf-8")


@dataclass
class Backend:
    """A WebSocket server that plays the trading backend."""

    received: list[dict[str, Any]] = field(default_factory=list)
    tokens: list[str | None] = field(default_factory=list)
    port: int = 0
    _connection: websockets.ServerConnection | None = None
    _server: websockets.Server | None = None
    _changed: asyncio.Condition = field(default_factory=asyncio.Condition)

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.port}/ws/mt5"

    async def start(self) -> "Backend":
        self._server = await websockets.serve(self._serve, "127.0.0.1", self.port)
        self.port = next(iter(self._server.sockets)).getsockname()[1]
        return self

    async def stop(self) -> None:
        assert self._server is not None
        self._server.close()
        await self._server.wait_closed()
        self._connection = None

    async def _serve(self, connection: websockets.ServerConnection) -> None:
        assert connection.request is not None
        self.tokens.append(connection.request.headers.get("Authorization"))
        async with self._changed:
            self._connection = connection
            self._changed.notify_all()
        with contextlib.suppress(websockets.ConnectionClosed):
            async for raw in connection:
                async with self._changed:
                    self.received.append(json.loads(raw))
                    self._changed.notify_all()
        async with self._changed:
            if self._connection is connection:
                self._connection = None
            self._changed.notify_all()

    async def forget(self) -> None:
        """Forget all that a bridge said which was ended, its last words included."""
        await self.wait_until(lambda: self._connection is None)
        self.received.clear()

    async def send(self, kind: str, **data: object) -> None:
        await self.send_raw(json.dumps({"type": kind, "data": data}))

    async def send_raw(self, text: str) -> None:
        async with asyncio.timeout(PATIENCE_S), self._changed:
            await self._changed.wait_for(lambda: self._connection is not None)
        assert self._connection is not None
        await self._connection.send(text)

    async def wait_for(self, kind: str, timeout_s: float = PATIENCE_S, **wanted: object) -> dict[str, Any]:
        """Return the first message of this kind whose data has these values."""
        found: dict[str, Any] = {}

        def look() -> bool:
            for data in self.of(kind):
                if isinstance(data, dict) and all(data.get(name) == value for name, value in wanted.items()):
                    found.update(data)
                    return True
            return False

        async with asyncio.timeout(timeout_s), self._changed:
            await self._changed.wait_for(look)
        return found

    async def wait_until(self, test: Callable[[], bool], timeout_s: float = PATIENCE_S) -> None:
        async with asyncio.timeout(timeout_s), self._changed:
            await self._changed.wait_for(test)

    def of(self, kind: str) -> list[Any]:
        return [message["data"] for message in self.received if message["type"] == kind]

    def results(self, signal_id: str) -> list[dict[str, Any]]:
        return [result for result in self.of("trade_result") if result["signal_id"] == signal_id]

    async def open_for_orders(self) -> None:
        """Wait until the bridge accepts orders and its channels are up."""

        def opened() -> bool:
            statuses = self.of("bridge_status")
            if not statuses or statuses[-1]["reason"] or not self.of("account_info"):
                return False
            channels = statuses[-1]["channels"]
            return all(
                channels[name]["state"] == "up" for name in ("websocket", "redpanda") if name in channels
            )

        await self.wait_until(opened)


@contextlib.asynccontextmanager
async def running_backend(port: int = 0) -> AsyncIterator[Backend]:
    backend = await Backend(port=port).start()
    try:
        yield backend
    finally:
        await backend.stop()


def produce(broker: str, topic: str, *bodies: bytes) -> None:
    """Write messages as another program would."""
    producer = Producer({"bootstrap.servers": broker, "log_level": 0})
    failures: list[object] = []
    for body in bodies:
        producer.produce(topic, body, on_delivery=lambda error, _: failures.append(error) if error else None)
    assert producer.flush(10) == 0
    assert failures == []


def signal_body(**data: object) -> bytes:
    return json.dumps({"type": "trading_signal", "data": data}).encode()


def read_topic(broker: str, topic: str) -> list[tuple[bytes, dict[str, Any]]]:
    """Read with another client all that a topic holds at this moment."""
    consumer = Consumer({"bootstrap.servers": broker, "group.id": f"judge-{time.time_ns()}", "log_level": 0})
    try:
        partitions = consumer.list_topics(topic, 10).topics[topic].partitions
        found: list[tuple[bytes, dict[str, Any]]] = []
        for number in partitions:
            _, end = consumer.get_watermark_offsets(TopicPartition(topic, number), 10)
            consumer.assign([TopicPartition(topic, number, 0)])
            found += _read_until(consumer, end)
        return found
    finally:
        consumer.close()


def _read_until(consumer: Consumer, end: int) -> Iterator[tuple[bytes, dict[str, Any]]]:
    offset = 0
    while offset < end:
        message = consumer.poll(PATIENCE_S)
        assert message is not None, "the topic ended before its end"
        if message.error() is None:
            offset = message.offset() + 1
            yield message.key(), json.loads(message.value())


def utc_now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


async def eventually(test: Callable[[], bool], timeout_s: float = PATIENCE_S) -> None:
    """Wait for something that only looking can tell."""
    deadline = time.monotonic() + timeout_s
    while not test():
        assert time.monotonic() < deadline, "it did not come to pass"
        await asyncio.sleep(0.05)
