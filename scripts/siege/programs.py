"""The programs of a siege: each a real process that can be killed, hung and started again where it was.

Owns starting and ending them. Whether a program is killed, and when, others decide; they hold its `lock`
from the kill to the next start, so that nobody kills what is not there. Everything a program writes is in
the siege's folder.
"""

import asyncio
import contextlib
import json
import os
import random
import signal
import socket
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

ROOT = Path(__file__).resolve().parents[2]
READY_TIMEOUT_S = 60.0
END_TIMEOUT_S = 20.0
STOP_TIMEOUT_S = 30.0
LOGIN = 10_000_001
LANE_MODULE = "hybrid_bridge.terminal.worker"


class ProgramError(Exception):
    """A program that did not start or end as it should; says which and what it wrote last."""


@dataclass(slots=True)
class Life:
    """One life of a program, times in seconds since 1970.

    Attributes:
        ended_by: kill, stop, or the exit code with which it ended by itself; empty while it lives.
        rss: resident bytes by age in seconds.
    """

    began_s: float
    pid: int
    ended_s: float = 0.0
    ended_by: str = ""
    rss: dict[float, int] | None = None


class Program:
    """A program that says one JSON line once it is ready.

    Attributes:
        lock: held by whoever has it down.
        lives: one per start.
        ready: what it said.
    """

    says_ready = True

    def __init__(self, name: str, folder: Path) -> None:
        self.name = name
        self.folder = folder
        self.lock = asyncio.Lock()
        self.lives: list[Life] = []
        self.ready: dict[str, Any] = {}
        self._process: asyncio.subprocess.Process | None = None

    def command(self) -> list[str]:
        """Return what is run."""
        raise NotImplementedError

    @property
    def pid(self) -> int:
        """Return its process id, 0 while it does not run."""
        return self._process.pid if self.runs and self._process is not None else 0

    @property
    def runs(self) -> bool:
        """Tell whether it was started and has not ended."""
        return self._process is not None and self._process.returncode is None

    async def start(self) -> None:
        """Start it and wait until it is ready.

        Raises:
            ProgramError: when it ends instead, or says nothing.
        """
        with (self.folder / f"{self.name}.out").open("ab") as output:
            self._process = await asyncio.create_subprocess_exec(
                *self.command(),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE if self.says_ready else output,
                stderr=output,
                cwd=self.folder,
                env=environment(),
                start_new_session=True,
            )
        self.lives.append(Life(time.time(), self._process.pid))
        if self.says_ready:
            await self._wait_ready(self._process)

    async def _wait_ready(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdout is not None  # noqa: S101 - a pipe was asked for
        try:
            async with asyncio.timeout(READY_TIMEOUT_S):
                self.ready = json.loads(await process.stdout.readline())
        except (TimeoutError, ValueError) as error:
            raise ProgramError(f"{self.name} did not start: {self.last_words()}") from error

    def last_words(self) -> str:
        """Return the end of what it wrote."""
        path = self.folder / f"{self.name}.out"
        return path.read_bytes()[-2_000:].decode(errors="replace") if path.exists() else ""

    async def kill(self) -> None:
        """End it, and whatever it runs in its own group, as a power cut would."""
        if self._process is None or not self.runs:
            return
        self._note_end("kill")
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        await self._process.wait()

    async def stop(self) -> int:
        """Ask it to end and return its exit code; kill it when it takes too long."""
        if self._process is None:
            return 0
        if self.runs:
            self._note_end("stop")
            self._process.send_signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(STOP_TIMEOUT_S):
                return await self._process.wait()
        except TimeoutError:
            self._process.kill()
            return await self._process.wait()

    def _note_end(self, how: str) -> None:
        self.lives[-1].ended_by, self.lives[-1].ended_s = how, time.time()

    def note_own_end(self) -> str:
        """Note that it ended by itself, once; return its exit code, "" when it did not."""
        if self._process is None or self.runs or self.lives[-1].ended_by:
            return ""
        self._note_end(str(self._process.returncode))
        return str(self._process.returncode)


def environment() -> dict[str, str]:
    """Return every program's environment: the package first, for the root holds a launcher of its name."""
    return {
        **os.environ,
        "PYTHONPATH": os.pathsep.join((str(ROOT / "src"), str(ROOT))),
        "PYTHONUNBUFFERED": "1",
    }


async def hang(pid: int, seconds: float) -> bool:
    """Stop a process in the middle of whatever it does, and let it go on; False when it was not there."""
    try:
        os.kill(pid, signal.SIGSTOP)
    except ProcessLookupError:
        return False
    try:
        await asyncio.sleep(seconds)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)
    return True


def free_port() -> int:
    """Return a port that nothing listens on, below those that outgoing connections are given."""
    while True:
        port = random.randrange(20_000, 30_000)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


class Terminal(Program):
    """The simulated terminal; its account outlives it."""

    def __init__(self, folder: Path, symbols: Sequence[str], seed: int, latency_ms: str) -> None:
        super().__init__("terminal", folder)
        self.ledger = folder / "ledger.jsonl"
        self._symbols, self._seed, self._latency_ms = symbols, seed, latency_ms
        self._port, self._control_port = free_port(), free_port()

    def command(self) -> list[str]:
        """Return what is run; every life has ticks of its own."""
        options = {
            "--listen": self.address,
            "--control": self.control,
            "--ledger": str(self.ledger),
            "--state": str(self.folder / "account.state"),
            "--symbols": ",".join(self._symbols),
            "--balance": "10000000",
            "--order-latency-ms": self._latency_ms,
            "--seed": str(self._seed + len(self.lives)),
        }
        pairs = [part for pair in options.items() for part in pair]
        return [sys.executable, "-m", "hybrid_bridge.simulator", "--die-with-parent", *pairs]

    @property
    def address(self) -> str:
        """Return where the bridge connects."""
        return f"127.0.0.1:{self._port}"

    @property
    def control(self) -> str:
        """Return where faults are asked for."""
        return f"127.0.0.1:{self._control_port}"


class Kafka(Program):
    """An Apache Kafka of one node, which keeps its data."""

    def __init__(self, folder: Path, port: int, advertised: str) -> None:
        super().__init__("broker", folder)
        self._port, self._advertised = port, advertised

    def command(self) -> list[str]:
        """Return what is run."""
        where = ["--port", str(self._port), "--data", str(self.folder / "kafka")]
        return [sys.executable, str(ROOT / "scripts" / "kafka"), *where, "--advertise", self._advertised]


class EmbeddedBroker(Program):
    """The embedded broker; what it holds dies with it, so it is hung but not killed."""

    def __init__(self, folder: Path) -> None:
        super().__init__("broker", folder)

    def command(self) -> list[str]:
        """Return what is run."""
        return [sys.executable, "-m", "hybrid_bridge.streams.embedded", "--die-with-parent"]


class BackendProgram(Program):
    """The backend."""

    def __init__(self, folder: Path) -> None:
        super().__init__("backend", folder)
        self.port = free_port()

    def command(self) -> list[str]:
        """Return what is run."""
        where = ["--folder", str(self.folder), "--port", str(self.port)]
        return [sys.executable, "-m", "scripts.siege.backend_program", *where]


class BridgeProgram(Program):
    """The bridge, started as a user starts it.

    Attributes:
        settings: written to its settings file at each start.
        lanes_seen: the process ids of all its lanes so far.
        before_start: may change the settings before each start.
    """

    says_ready = False

    def __init__(self, folder: Path, settings: Mapping[str, object]) -> None:
        super().__init__("bridge", folder)
        self.settings = dict(settings)
        self.lanes_seen: set[int] = set()
        self.before_start: Callable[[], None] | None = None
        self.state_dir = folder / "state"

    def command(self) -> list[str]:
        """Return what is run."""
        return [*self.typed(), "--duration", "14400", "--log-format", "json"]

    def typed(self, *arguments: str) -> list[str]:
        """Return a command of the bridge's own command line, for this bridge."""
        command = [sys.executable, str(ROOT / "hybrid_bridge.py"), *arguments]
        return [*command, "--env-file", str(self.folder / "bridge.env")]

    async def start(self) -> None:
        """Write the settings and start; it is not waited for."""
        if self.before_start is not None:
            self.before_start()
        text = "".join(f"{name}={value}\n" for name, value in self.settings.items())
        (self.folder / "bridge.env").write_text(text, encoding="utf-8")
        await super().start()

    async def type_in(self, *arguments: str) -> int:
        """Run one of the bridge's own commands, as the trader would; return its exit code."""
        with (self.folder / "typed.out").open("ab") as output:
            process = await asyncio.create_subprocess_exec(
                *self.typed(*arguments), stdout=output, stderr=output, cwd=self.folder, env=environment()
            )
        return await process.wait()

    def lane(self, name: str) -> int:
        """Return the process id of a lane, 0 when it is not there now."""
        return self.lanes().get(name, 0)

    def lanes(self) -> dict[str, int]:
        """Return the lanes' process ids by name."""
        found: dict[str, int] = {}
        with contextlib.suppress(psutil.Error):
            for child in psutil.Process(self.pid).children() if self.pid else ():
                line = child.cmdline()
                if LANE_MODULE in line and "--name" in line:
                    found[line[line.index("--name") + 1]] = child.pid
        self.lanes_seen.update(found.values())
        return found

    def weigh(self) -> None:
        """Keep how much memory it takes at its present age."""
        with contextlib.suppress(psutil.Error):
            if self.pid:
                life = self.lives[-1]
                life.rss = life.rss or {}
                life.rss[time.time() - life.began_s] = psutil.Process(self.pid).memory_info().rss
