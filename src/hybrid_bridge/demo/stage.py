"""The demonstration: simulated terminal, embedded broker and demo backend beside the bridge, each a process.

Owns what `--demo` changes in the settings, the folder it keeps, and two of the child programs (the third is
in simulated_terminal). It never reads a trader's own account settings: everything that could reach a real
account is overridden. What these programs hold is gone when one of them ends, so that ends the demonstration.
app drives it.
"""

import shutil
from collections.abc import Sequence
from pathlib import Path

from hybrid_bridge.children import Child
from hybrid_bridge.errors import BridgeError
from hybrid_bridge.settings import Settings

DEMO_DIR = Path("state") / "demo"
EMBEDDED_PARTITIONS = 4  # Of every topic of librdkafka's mock cluster.
LOCK = "bridge.lock"  # Held by the bridge that clears the folder.


def demo_overrides(tick_files: Sequence[str]) -> dict[str, object]:
    """Return the settings that `--demo` fixes before anything is started."""
    return {
        "simulation_mode": True,
        "mt5_login": None,
        "mt5_password": "",
        "mt5_server": "",
        "mt5_path": "",
        "mt5_server_utc_offset": "auto",
        "sim_address": "",
        "sim_ticks": tuple(tick_files),
        "redpanda_group_id": "hybrid-bridge-demo",
        "redpanda_security_protocol": "PLAINTEXT",
        "redpanda_sasl_username": "",
        "redpanda_sasl_password": "",
        "redpanda_tls_ca_file": "",
        "redpanda_tls_cert_file": "",
        "redpanda_tls_key_file": "",
        "redpanda_tick_partitions": EMBEDDED_PARTITIONS,
        "redpanda_signal_partitions": EMBEDDED_PARTITIONS,
        "redpanda_event_partitions": EMBEDDED_PARTITIONS,
        "backend_auth_token": "",
        "trading_enabled": True,
        "emergency_stop": False,
        "max_daily_trades": 1000,
        "max_risk_percent": 0.5,  # small enough that the margin lasts for a story of a minute or two
        "state_dir": str(DEMO_DIR),
        "log_file": str(DEMO_DIR / "mt5_bridge.log"),
    }


def clear_demo_dir() -> None:
    """Forget the last demonstration; its lock must be held, and stays.

    Raises:
        BridgeError: when something of it cannot be removed.
    """
    try:
        for path in DEMO_DIR.iterdir():
            if path.is_dir():
                shutil.rmtree(path)
            elif path.name != LOCK:
                path.unlink()
    except OSError as error:
        text = f"the last demonstration cannot be removed: {error}; close the program that has it open"
        raise BridgeError(text) from error


class Stage:
    """The demonstration's broker and backend."""

    def __init__(self, settings: Settings, *, hybrid: bool) -> None:
        self._settings = settings
        self._hybrid = hybrid
        self.broker = Child("embedded broker", "hybrid_bridge.streams.embedded", ["--die-with-parent"])
        self.backend: Child | None = None

    async def start(self) -> Settings:
        """Start broker and backend.

        Returns:
            The settings with their addresses.
        Raises:
            BridgeError: when one of them does not start; says why.
        """
        addresses: dict[str, object] = {}
        arguments = ["--port", "0", "--die-with-parent"]
        if self._hybrid:
            ready = await self.broker.start()
            addresses["redpanda_bootstrap_servers"] = str(ready["broker"])
            arguments += ["--bootstrap", str(ready["broker"])]
            arguments += ["--tick-topic", self._settings.redpanda_tick_topic]
            arguments += ["--signal-topic", self._settings.redpanda_signal_topic]
            arguments += ["--event-topic", self._settings.redpanda_event_topic]
        self.backend = Child("demo backend", "hybrid_bridge.demo.backend", arguments)
        ready = await self.backend.start()
        addresses["backend_ws_url"] = str(ready["backend"])
        return self._settings.model_copy(update=addresses)

    def running(self) -> list[Child]:
        """Return the programs that were started."""
        return [child for child in (self.broker, self.backend) if child is not None and child.pid]

    async def stop(self) -> None:
        """Stop what was started."""
        if self.backend is not None:
            await self.backend.stop()
        await self.broker.stop()
