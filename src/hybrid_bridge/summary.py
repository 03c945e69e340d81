"""The figures at the end of a run: what was asked of the bridge, what it did, how fast, and what it cost.

Owned by app, which has it gathered once, before the parts are closed. Each figure comes from the part that
counted it; those of the simulated terminal are asked of the terminal itself.
"""

import asyncio
from collections.abc import Sequence
from typing import Any

from hybrid_bridge import __version__
from hybrid_bridge.bridge import Bridge
from hybrid_bridge.loop_lag import LoopLag
from hybrid_bridge.process_cost import ProcessCost
from hybrid_bridge.simulator.control_client import ControlError, SimulatorControl

STATS_TIMEOUT_S = 2.0


class Summary:
    """Gathers the figures of one run."""

    def __init__(self, bridge: Bridge, lag: LoopLag, symbols: Sequence[str], simulator_control: str) -> None:
        """Start the run's clock.

        Args:
            symbols: whose ticks count.
            simulator_control: host:port of the simulated terminal's control; empty where there is none.
        """
        self._bridge = bridge
        self._lag = lag
        self._symbols = symbols
        self._simulator_control = simulator_control
        self._cost = ProcessCost()
        self._started_s = bridge.clock.monotonic()

    async def gather(self) -> dict[str, Any]:
        """Return the figures, ready for JSON."""
        bridge = self._bridge
        generated = await self._generated()
        elapsed_s = bridge.clock.monotonic() - self._started_s
        acknowledged = bridge.ticks.figures.acknowledged
        return {
            "version": __version__,
            "duration_s": round(elapsed_s, 1),
            "ticks": {
                "generated": generated,
                "published": bridge.ticks.figures.published,
                "acknowledged": acknowledged,
                "per_second": round(acknowledged / max(elapsed_s, 1e-9), 1),
            },
            "signals": dict(bridge.figures.received),
            "malformed": bridge.figures.malformed,
            "results": dict(bridge.figures.statuses),
            "latency_ms": {
                "signal_to_send": bridge.figures.signal_to_send.summary_ms(),
                "send_to_result": bridge.figures.send_to_result.summary_ms(),
                **{f"stage_{name}": times.summary_ms() for name, times in bridge.figures.stages.items()},
            },
            "loop_lag_max_ms": round(self._lag.max_ms, 1),
            **self._cost.measure(),
            "status": bridge.board.bridge_status(),
        }

    async def _generated(self) -> int | None:
        """Ask the simulated terminal how many ticks of our symbols it made since its start.

        None where there is none, or it gives no answer.
        """
        if not self._simulator_control:
            return None
        try:
            figures = await asyncio.to_thread(_ask_stats, self._simulator_control)
        except (OSError, ControlError, ValueError):  # gone, hung, or gone in the middle of a line
            return None
        generated: dict[str, int] = figures["ticks"]
        return sum(generated.get(symbol, 0) for symbol in self._symbols)


def _ask_stats(address: str) -> dict[str, Any]:
    with SimulatorControl(address, STATS_TIMEOUT_S) as control:
        return control.stats()
