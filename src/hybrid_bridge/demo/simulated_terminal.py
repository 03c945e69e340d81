"""The simulated terminal as a program beside the bridge, for SIMULATION_MODE and the demo.

Owns starting it, finding it again after the bridge was killed, starting it again when it dies, and stopping
it when the bridge is asked to stop. It outlives a killed bridge, as a real terminal does (the demo's does
not); its ledger and log stand in STATE_DIR.

Its death does not end the bridge: the lanes lose their connection and find it again, as with a real terminal,
which the MetaTrader5 package starts again when it does not run. What starts again has the same address but a
fresh account.
"""

import asyncio
import contextlib
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import structlog

from hybrid_bridge.children import Child
from hybrid_bridge.errors import BridgeError
from hybrid_bridge.settings import Settings

log = structlog.get_logger(__name__)

RECORD = "simulator.json"
LEDGER = "ledger.jsonl"
REACH_TIMEOUT_S = 2.0
STOP_TIMEOUT_S = 3.0
RESTART_FIRST_S = 1.0
RESTART_MAX_S = 30.0


class SimulatedTerminal:
    """The terminal's program, started or found running.

    Attributes:
        address: host:port for the lanes; stays the same when it is started again.
        control: host:port for faults and figures.
    """

    def __init__(self, settings: Settings, *, outlives_bridge: bool = True) -> None:
        self._state_dir = Path(settings.state_dir)
        self._record = self._state_dir / RECORD
        self._options = _options(settings, self._state_dir / LEDGER)
        self._ties = [] if outlives_bridge else ["--die-with-parent"]
        self._child: Child | None = None
        self._pid = 0
        self._found_options = ""
        self.address = ""
        self.control = ""

    async def find(self) -> bool:
        """Look for a terminal that runs already, and start none; tells whether there is one."""
        found = await self._find()
        if found is None:
            return False
        self.address, self.control, self._pid = found["simulator"], found["control"], int(found["pid"])
        self._found_options = found["options"]
        return True

    async def start(self) -> None:
        """Find the terminal that a killed bridge left behind, or start one.

        Raises:
            BridgeError: when it does not start; says why.
        """
        if not await self.find():
            await self._launch("127.0.0.1:0", "127.0.0.1:0")
            return
        log.info("Simulated terminal found running", address=self.address, pid=self._pid)
        if self._found_options != json.dumps(self._options):
            log.warning(
                "Simulated terminal keeps the settings that it was started with", mend="stop the bridge once"
            )

    async def watch(self) -> None:
        """Start it again whenever it ends, for ever."""
        while True:
            reason = await self._until_it_ends()
            log.error("Simulated terminal ended, starting it again", reason=reason)
            await self._launch_until_up()

    async def stop(self) -> None:
        """Stop it, whoever started it, in a bounded time."""
        if self._child is not None:
            await self._child.stop()
        elif self._pid:
            await self._stop_found()
        self._record.unlink(missing_ok=True)

    async def _launch(self, address: str, control: str) -> None:
        arguments = ["--listen", address, "--control", control, *self._options, *self._ties]
        log_path = self._state_dir / "simulator.log"
        self._child = Child("simulated terminal", "hybrid_bridge.simulator", arguments, log_path=log_path)
        ready = await self._child.start()
        self.address, self.control = str(ready["simulator"]), str(ready["control"])
        self._pid = self._child.pid
        record = {**ready, "pid": self._pid, "options": json.dumps(self._options)}
        self._record.write_text(json.dumps(record), encoding="utf-8")

    async def _launch_until_up(self) -> None:
        pause_s = RESTART_FIRST_S
        while True:
            await asyncio.sleep(pause_s)
            pause_s = min(pause_s * 2, RESTART_MAX_S)
            try:
                await self._launch(self.address, self.control)
            except (BridgeError, OSError) as error:
                log.error("Simulated terminal not started, trying again", reason=str(error), pause_s=pause_s)
            else:
                return

    async def _until_it_ends(self) -> str:
        """Return why it ended, once it has."""
        if self._child is not None:
            try:
                await self._child.watch()
            except BridgeError as error:
                return str(error)
            return "it was stopped"
        try:
            async with _connection(self.control) as (reader, _):
                await reader.read()
        except OSError as error:
            return str(error)
        return "it closed its control port"

    async def _find(self) -> dict[str, str] | None:
        """Return the record of a terminal that runs and answers, None for none."""
        try:
            read: Mapping[str, object] = json.loads(self._record.read_text(encoding="utf-8"))
            found = {name: str(read[name]) for name in ("simulator", "control", "pid", "options")}
            # Whatever else may listen there after a restart of the PC does not know this question.
            async with asyncio.timeout(REACH_TIMEOUT_S), _connection(found["control"]) as (reader, writer):
                answer = await _ask(reader, writer, "stats")
        except (OSError, ValueError, LookupError, TypeError, TimeoutError):
            return None
        return found if isinstance(answer, dict) and answer.get("ok") is True else None

    async def _stop_found(self) -> None:
        """Ask it to stop and wait until it has; kill it when it does not."""
        try:
            async with asyncio.timeout(STOP_TIMEOUT_S), _connection(self.control) as (reader, writer):
                await _ask(reader, writer, "stop")
                await reader.read()
        except TimeoutError:
            with contextlib.suppress(OSError):
                _kill(self._pid)
        except (OSError, ValueError):
            log.info("Simulated terminal was gone already", pid=self._pid)


@contextlib.asynccontextmanager
async def _connection(address: str) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    host, _, port = address.rpartition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    try:
        yield reader, writer
    finally:
        writer.close()


async def _ask(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, what: str) -> object:
    writer.write(json.dumps({"do": what}).encode() + b"\n")
    return json.loads(await reader.readline())


def _kill(pid: int) -> None:
    if sys.platform == "win32":
        os.kill(pid, signal.SIGTERM)  # Ends it at once there.
    else:
        os.kill(pid, signal.SIGKILL)


def _options(settings: Settings, ledger: Path) -> list[str]:
    simulator = settings.simulator
    options = ["--ledger", str(ledger)]
    options += ["--symbols", ",".join(settings.symbols), "--speed", str(simulator.speed)]
    options += ["--seed", str(simulator.seed), "--balance", str(simulator.balance)]
    options += ["--account-mode", simulator.account_mode]
    for file in simulator.ticks:
        options += ["--ticks", file]
    if simulator.order_latency_ms:
        options += ["--order-latency-ms", str(simulator.order_latency_ms)]
    if simulator.faults:
        options += ["--faults", simulator.faults]
    if settings.mt5_login is not None:
        options += ["--login", str(settings.mt5_login)]
    if settings.mt5_server:
        options += ["--server", settings.mt5_server]
    return options
