"""The simulated terminal as a program beside the bridge, for SIMULATION_MODE and the demo.

Owns starting it, finding it again after the bridge was killed, and stopping it when the bridge is asked to
stop. It outlives a killed bridge, as a real terminal does; its ledger and log stand in STATE_DIR.
"""

import asyncio
import contextlib
import json
import os
import signal
from pathlib import Path

import structlog

from hybrid_bridge.children import Child
from hybrid_bridge.settings import Settings

log = structlog.get_logger(__name__)

RECORD = "simulator.json"
LEDGER = "ledger.jsonl"
REACH_TIMEOUT_S = 2.0


class SimulatedTerminal:
    """The terminal's program, started or found running.

    Attributes:
        address: host:port for the lanes.
        control: host:port for faults and figures.
    """

    def __init__(self, settings: Settings) -> None:
        self._record = Path(settings.state_dir) / RECORD
        arguments = _arguments(settings, Path(settings.state_dir) / LEDGER)
        log_path = Path(settings.state_dir) / "simulator.log"
        self._child = Child("simulated terminal", "hybrid_bridge.simulator", arguments, log_path=log_path)
        self._pid = 0
        self.address = ""
        self.control = ""

    async def start(self) -> None:
        """Find the terminal that a killed bridge left behind, or start one.

        Raises:
            BridgeError: when it does not start; says why.
        """
        found = await self._find()
        if found is None:
            ready = await self._child.start()
            found = {**ready, "pid": self._child.pid}
            self._record.write_text(json.dumps(found), encoding="utf-8")
        else:
            log.info("Simulated terminal found running", **found)
        self.address, self.control = str(found["simulator"]), str(found["control"])
        self._pid = int(str(found["pid"]))

    async def watch(self) -> None:
        """Return never; raise BridgeError when a terminal that this bridge started ends by itself."""
        if self._child.pid:
            await self._child.watch()
        await asyncio.Event().wait()

    async def stop(self) -> None:
        """Stop it, whoever started it."""
        if self._child.pid:
            await self._child.stop()
        elif self._pid:
            with contextlib.suppress(OSError):
                os.kill(self._pid, signal.SIGTERM)
        self._record.unlink(missing_ok=True)

    async def _find(self) -> dict[str, object] | None:
        try:
            found: dict[str, object] = json.loads(self._record.read_text(encoding="utf-8"))
            host, _, port = str(found["simulator"]).rpartition(":")
            async with asyncio.timeout(REACH_TIMEOUT_S):
                _, writer = await asyncio.open_connection(host, int(port))
        except (OSError, ValueError, KeyError, TimeoutError):
            return None
        writer.close()
        return found


def _arguments(settings: Settings, ledger: Path) -> list[str]:
    simulator = settings.simulator
    arguments = ["--listen", "127.0.0.1:0", "--control", "127.0.0.1:0", "--ledger", str(ledger)]
    arguments += ["--symbols", ",".join(settings.symbols), "--speed", str(simulator.speed)]
    arguments += ["--seed", str(simulator.seed), "--balance", str(simulator.balance)]
    arguments += ["--account-mode", simulator.account_mode]
    for file in simulator.ticks:
        arguments += ["--ticks", file]
    if simulator.order_latency_ms:
        arguments += ["--order-latency-ms", str(simulator.order_latency_ms)]
    if simulator.faults:
        arguments += ["--faults", simulator.faults]
    if settings.mt5_login is not None:
        arguments += ["--login", str(settings.mt5_login)]
    if settings.mt5_server:
        arguments += ["--server", settings.mt5_server]
    return arguments
