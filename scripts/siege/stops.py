"""Emergency stops in the middle of the siege: noted when they were in force, so that nothing may enter then.

Owns giving the stop on one of three ways, knowing from outside that it is in force, and lifting it again as
the trader does. A stop that comes back, because its message was delivered once more, is lifted again and
counted.
"""

import asyncio
import random
import time
from dataclasses import dataclass

from scripts.siege.ears import BackendEar
from scripts.siege.programs import BridgeProgram
from scripts.siege.traffic import REDPANDA, WAYS, Ways
from scripts.siege.wanted import envelope

LOOK_S = 0.2
AGAIN_S = 4.0
PATIENCE_S = 60.0
HOLD_S = (2.0, 6.0)
STATUS_SETTLES_S = 4.0


@dataclass(frozen=True, slots=True)
class StopWindow:
    """A time in which an emergency stop was certainly in force, seconds since 1970.

    Attributes:
        way: websocket, redpanda or typed.
        closes: whether positions were to be closed.
    """

    began_s: float
    ended_s: float
    way: str
    closes: bool


class EmergencyStops:
    """Stops and resumes.

    Attributes:
        windows: the times in which nothing might enter.
        unheeded: stops that were not in force after a minute: time and way.
        came_back: stops that were in force again after they had been lifted.
    """

    def __init__(self, draw: random.Random, bridge: BridgeProgram, ways: Ways, ear: BackendEar) -> None:
        self.windows: list[StopWindow] = []
        self.unheeded: list[tuple[float, str]] = []
        self.came_back = 0
        self._draw, self._bridge, self._ways, self._ear = draw, bridge, ways, ear
        self._lifted_at_s = 0.0

    async def now_and_then(self, gap_s: float) -> None:
        """Stop, hold and resume, for ever; lift what comes back in between."""
        while True:
            next_at = time.monotonic() + self._draw.uniform(0.6, 1.4) * gap_s
            while time.monotonic() < next_at:
                await asyncio.sleep(LOOK_S)
                await self.lift_what_came_back()
            await self._stop_once()

    async def lift_what_came_back(self) -> None:
        """Resume if the bridge says that it is halted long after the last resume."""
        if self._ear.halted and self._ear.status_at_s > self._lifted_at_s + STATUS_SETTLES_S:
            self.came_back += 1
            await self._lift()

    async def _stop_once(self) -> None:
        way = self._draw.choice((*WAYS, "typed"))
        closes = self._draw.random() < 0.4
        began_s = await self._give(way, closes)
        if began_s:
            await asyncio.sleep(self._draw.uniform(*HOLD_S))
            self.windows.append(StopWindow(began_s, time.time(), way, closes))
        else:
            self.unheeded.append((time.time(), way))
        await self._lift()

    async def _give(self, way: str, closes: bool) -> float:
        """Give a stop until it is in force; return since when it certainly is, 0 if it never was."""
        began_s = time.time()
        while time.time() < began_s + PATIENCE_S:
            if way == "typed":
                options = ["--close-positions"] if closes else []
                if await self._bridge.type_in("stop", "--reason", "siege", *options) == 0:
                    return time.time()
            else:
                self._say(way, closes)
            given_at_s = time.time()
            while time.time() < given_at_s + AGAIN_S:
                if self._ear.halted and self._ear.status_at_s > began_s:
                    return self._ear.status_at_s
                await asyncio.sleep(LOOK_S)
        return 0.0

    def _say(self, way: str, closes: bool) -> None:
        body = envelope("emergency_stop", {"reason": "siege", "close_positions": closes})
        send = self._ways.redpanda if way == REDPANDA else self._ways.websocket
        send(body, "")

    async def _lift(self) -> None:
        await self._bridge.type_in("resume", "--reason", "siege")
        self._lifted_at_s = time.time()
