"""The programs around a measurement: simulated terminal, broker, backend, and the bridge as users start it.

Owns starting and stopping them; each is a process of its own but the backend, which is the bench itself.
Folders and files are temporary. Measurements enter a `World`, which ends whatever it started.
"""

import asyncio
import os
import signal
import sys
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from scripts.benchmarks.backend import BRIDGE, Backend
from scripts.benchmarks.patience import PATIENCE_S

from hybrid_bridge.children import Child
from hybrid_bridge.settings import Settings
from hybrid_bridge.simulator.control_client import SimulatorControl

ROOT = Path(__file__).resolve().parents[2]
LAUNCHER = ROOT / "hybrid_bridge.py"
# Should the bench be killed, its bridge ends by itself after this time.
BRIDGE_LIFE_S = 900
STOP_TIMEOUT_S = 30.0
LOGIN = 10_000_001
LOG_TAIL_BYTES = 2_000

T = TypeVar("T")


class World:
    """Everything a bridge needs, on free ports.

    Attributes:
        broker: host:port; empty before `start_broker`.
        broker_is_own: whether it is the embedded one, started here.
    """

    def __init__(self, folder: Path, bootstrap: str = "") -> None:
        """Prepare; nothing runs yet.

        Args:
            bootstrap: a Kafka or Redpanda that runs already; empty starts the embedded broker.
        """
        self.folder = folder
        self.backend = Backend()
        self.broker = bootstrap
        self.broker_is_own = not bootstrap
        self._run = f"{os.getpid()}-{folder.name}"
        self._stack = AsyncExitStack()
        self._simulator: dict[str, str] = {}

    async def __aenter__(self) -> Self:
        """Start the backend."""
        self.folder.mkdir(parents=True, exist_ok=True)
        await self.backend.start()
        self._stack.push_async_callback(self.backend.stop)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End whatever runs."""
        await self._stack.__aexit__(kind, error, trace)

    @property
    def simulator(self) -> str:
        """Return the simulated terminal's address."""
        return self._simulator["simulator"]

    def topic(self, name: str) -> str:
        """Return this run's own name of a topic: a broker that ran before keeps what earlier runs wrote."""
        return f"bench.{self._run}.{name}"

    async def program(self, name: str, module: str, *arguments: str) -> dict[str, Any]:
        """Start a program that says one JSON line when it is ready; return what it said."""
        log_path = self.folder / f"{name.replace(' ', '-')}.log"
        child = Child(name, module, arguments, log_path=log_path)
        self._stack.push_async_callback(child.stop)
        return dict(await child.start())

    async def start_broker(self, *, prompt: bool) -> None:
        """Start the embedded broker unless one was named.

        Args:
            prompt: with the front that answers fetches at once; without it for throughput alone.
        """
        if not self.broker_is_own:
            return
        said = await self.program("broker", "hybrid_bridge.streams.embedded", "--die-with-parent")
        if prompt:
            upstream = ("--upstream", said["broker"])
            said = await self.program("broker front", "scripts.benchmarks.broker_front", *upstream)
        self.broker = said["broker"]

    async def start_simulator(self, *arguments: str) -> None:
        """Start the simulated terminal."""
        where = ("--listen", "127.0.0.1:0", "--control", "127.0.0.1:0", "--die-with-parent")
        ledger = ("--ledger", str(self.folder / "ledger.jsonl"))
        self._simulator = await self.program(
            "simulated terminal", "hybrid_bridge.simulator", *where, *ledger, *arguments
        )

    def ask_simulator(self, question: Callable[[SimulatorControl], T]) -> T:
        """Ask the simulated terminal something through its control port, blocking."""
        with SimulatorControl(self._simulator["control"], PATIENCE_S) as control:
            return question(control)

    def deals(self) -> int:
        """Count the deals in the simulated terminal's ledger."""
        path = self.folder / "ledger.jsonl"
        return len(path.read_bytes().splitlines()) if path.exists() else 0

    async def start_bridge(self, *arguments: str, launcher: Path = LAUNCHER, **settings: object) -> "Bridge":
        """Start the bridge and wait until it accepts orders on both channels."""
        self.backend.forget_bridge()
        bridge = Bridge(self.folder, {**self._bridge_settings(), **settings}, launcher)
        self._stack.push_async_callback(bridge.stop)
        await bridge.start(*arguments)
        try:
            await self.backend.until_open()
        except TimeoutError as error:
            raise RuntimeError(f"the bridge did not open: {error}\n{bridge.last_words()}") from error
        return bridge

    def _bridge_settings(self) -> dict[str, object]:
        return {
            "MT5_BACKEND": "simulator",
            "MT5_LOGIN": LOGIN,
            "SIM_ADDRESS": self.simulator,
            "BACKEND_WS_URL": self.backend.url(BRIDGE),
            "REDPANDA_BOOTSTRAP_SERVERS": self.broker,
            "REDPANDA_TICK_TOPIC": self.topic("ticks"),
            "REDPANDA_SIGNAL_TOPIC": self.topic("signals"),
            "REDPANDA_EVENT_TOPIC": self.topic("events"),
            "REDPANDA_GROUP_ID": f"bench-{self._run}",
            "STATE_DIR": self.folder / "state",
            "LOG_FILE": self.folder / "mt5_bridge.log",
            "TRADING_ENABLED": "true",
            "ACCOUNT_INTERVAL_S": 1,
        }


class Bridge:
    """The bridge as its own process, with settings of its own and none of the environment's."""

    def __init__(self, folder: Path, settings: dict[str, object], launcher: Path) -> None:
        self._folder = folder
        self._launcher = launcher
        self._settings = settings
        self._process: asyncio.subprocess.Process | None = None

    @property
    def pid(self) -> int:
        """Return its process id."""
        return self._process.pid if self._process is not None else 0

    async def start(self, *arguments: str) -> None:
        """Start `python hybrid_bridge.py`, or what stands in for it."""
        env_file = self._folder / "bridge.env"
        env_file.write_text("".join(f"{name}={value}\n" for name, value in self._settings.items()))
        foreign = {name.upper() for name in Settings.model_fields}
        environment = {name: value for name, value in os.environ.items() if name.upper() not in foreign}
        command = [sys.executable, str(self._launcher), "--env-file", str(env_file)]
        with (self._folder / "bridge.out").open("ab") as output:
            self._process = await asyncio.create_subprocess_exec(
                *command,
                "--duration",
                str(BRIDGE_LIFE_S),
                *arguments,
                stdout=output,
                stderr=output,
                cwd=self._folder,
                env=environment,
            )

    def last_words(self) -> str:
        """Return the end of what it wrote to the console."""
        written = (self._folder / "bridge.out").read_bytes()
        return written[-LOG_TAIL_BYTES:].decode(errors="replace")

    async def stop(self) -> None:
        """Ask it to stop; kill it when it takes too long."""
        process = self._process
        if process is None or process.returncode is not None:
            return
        process.send_signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(STOP_TIMEOUT_S):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()
