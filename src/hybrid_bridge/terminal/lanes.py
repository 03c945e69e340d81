"""The two lanes of a bridge: market and trade, and what happens when only one of them can connect.

Several clients on one terminal are common practice, but no document promises it. When one lane cannot connect
while the other works, both kinds of work share the one that works (orders go before ticks in its queue).
`run` is driven by app; the adapters ask `for_orders` and `for_market` before each call.
"""

import asyncio
import dataclasses
from collections.abc import Callable
from typing import Any

import structlog

from hybrid_bridge.settings import TerminalSettings
from hybrid_bridge.terminal.lane import Lane, LaneOptions

log = structlog.get_logger(__name__)

TERMINAL_MODULE = "MetaTrader5"
SIMULATOR_MODULE = "hybrid_bridge.simulator.module"
# One failure may be chance (a terminal that is just starting); the third in a row is a rule.
SHARE_AFTER_FAILURES = 3


class Lanes:
    """Market lane and trade lane."""

    def __init__(self, settings: TerminalSettings, standstills: Callable[[], int] = lambda: 0) -> None:
        """Make both.

        Args:
            standstills: how often the PC slept, or this process was held up, until this very instant.
        """
        self._changed = asyncio.Event()
        self._was_shared = False
        self.market, self.trade = (
            Lane(lane_options(name, settings), on_change=self._lane_changed, standstills=standstills)
            for name in ("market", "trade")
        )

    async def run(self) -> None:
        """Keep both lanes running until cancelled."""
        async with asyncio.TaskGroup() as lanes:
            lanes.create_task(self.market.run())
            lanes.create_task(self.trade.run())

    async def wait_ready(self) -> None:
        """Return once orders and ticks have a way to the terminal, be it the same."""
        while not (self.for_orders().ready and self.for_market().ready):
            self._changed.clear()
            await self._changed.wait()

    def for_orders(self) -> Lane:
        """Return the lane that orders take now."""
        return _route(self.trade, self.market)

    def for_market(self) -> Lane:
        """Return the lane that ticks and account reports take now."""
        return _route(self.market, self.trade)

    @property
    def shared(self) -> bool:
        """Whether both kinds of work share one lane."""
        return self.for_orders() is self.for_market()

    @property
    def connects(self) -> int:
        """Connections made so far by either lane: what a terminal shows right after one may be incomplete."""
        return self.market.state.connects + self.trade.state.connects

    def status(self) -> dict[str, Any]:
        """Return what bridge_status says about the lanes."""
        return {
            "market": dataclasses.asdict(self.market.state),
            "trade": dataclasses.asdict(self.trade.state),
            "shared": self.shared,
        }

    def _lane_changed(self) -> None:
        self._changed.set()
        shared = self.shared
        if shared == self._was_shared:
            return
        self._was_shared = shared
        if shared:
            log.warning("Orders and ticks share one lane, orders first", lane=self.for_orders().state.name)
        else:
            log.info("Orders and ticks have a lane each again")


def lane_options(name: str, settings: TerminalSettings) -> LaneOptions:
    """Return how a lane is made for the configured backend."""
    if settings.backend == "simulator":
        return LaneOptions(name, SIMULATOR_MODULE, settings, {"SIM_ADDRESS": settings.simulator_address})
    return LaneOptions(name, TERMINAL_MODULE, settings)


def _route(own: Lane, other: Lane) -> Lane:
    cannot_connect = not own.ready and own.connect_failures >= SHARE_AFTER_FAILURES
    return other if cannot_connect and other.ready else own
