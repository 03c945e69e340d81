"""What the bridge does when the PC wakes: says so, trusts nothing from before, looks anew, goes on.

Owns the order of these steps. What must not be acted upon in the very instant of waking is not its business:
each part asks the meter itself, and by then this has not had its turn yet. `bridge` builds it and app drives
`run`. An emergency stop waits for none of it.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence

import structlog

from hybrid_bridge.host.power import KeepAwake
from hybrid_bridge.host.sleep import SleepMeter, Standstill

log = structlog.get_logger(__name__)

RELEARN_AFTER_S = 60.0  # A server's clock changes by an hour twice a year; shorter gaps its own rules cover.


class Waking:
    """Brings the bridge from a standstill back to work."""

    def __init__(
        self,
        meter: SleepMeter,
        forget: Sequence[Callable[[], None]],
        doubt_clock: Callable[[], None],
        see_anew: Callable[[], Awaitable[None]],
        reconnect: Sequence[Callable[[], Awaitable[None]]] = (),
    ) -> None:
        """Wire it.

        Args:
            forget: each drops what was known, or connected, before; quickly.
            doubt_clock: has the server's clock learned anew.
            see_anew: returns once the account was seen and orders are accepted again.
            reconnect: each closes a connection that is made anew when it is next used.
        """
        self._meter = meter
        self._forget = forget
        self._doubt_clock = doubt_clock
        self._see_anew = see_anew
        self._reconnect = reconnect

    async def run(self) -> None:
        """Do it after each standstill, for ever; a terminal out of sight holds up nothing but orders."""
        async with asyncio.TaskGroup() as loops:
            loops.create_task(self._renew())
            loops.create_task(self._look())

    async def _renew(self) -> None:
        done = 0
        while True:
            standstill = await self._meter.wait(done)
            done = self._meter.count
            self._tell(standstill)
            for forget in self._forget:
                forget()
            if standstill.lasted_s >= RELEARN_AFTER_S:
                self._doubt_clock()
            for reconnect in self._reconnect:
                await reconnect()

    async def _look(self) -> None:
        done = 0
        while True:
            await self._meter.wait(done)
            done = self._meter.count
            await self._see_anew()

    def _tell(self, standstill: Standstill) -> None:
        log.warning(
            "Awake again: " + standstill.in_words,
            since=standstill.since,
            signals="those of before are refused when too old; emergency stops are obeyed",
            next="the account is looked at anew and connections are made anew",
        )


def power_shown(meter: SleepMeter, power: KeepAwake) -> Mapping[str, object]:
    """Return what bridge_status says of sleep: whether it is held off, and how often there was some."""
    last = meter.last
    shown = None if last is None else {"what": last.in_words, "since": last.since}
    return {"kept_awake": power.held, "standstills": meter.count, "last_standstill": shown}
