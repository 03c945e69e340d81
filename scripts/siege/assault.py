"""The assault: kills, hangs, cut links and a terminal that misbehaves, each at a moment drawn from the seed.

Owns what is done to the programs and when, and the count of it. Whatever it takes down it brings up again;
how the bridge bears it others judge. `kills` is driven to its end, the rest until they are cancelled.
"""

import asyncio
import contextlib
import os
import random
import signal
import time
from collections import Counter
from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import partial
from typing import Any

from scripts.siege.ears import BackendEar
from scripts.siege.link import Link
from scripts.siege.programs import BridgeProgram, Program, Terminal, hang

from hybrid_bridge.simulator.control_client import ControlError, SimulatorControl

AIMED_SHARE = 0.5  # Of the kills: those that follow a burst of signals, so that orders are under way.
AIM_PATIENCE_S = 6.0
AIMED_DELAY_S = 0.4
DOUBLE_SHARE = 0.1
LULL_SHARE = 0.03  # Of the kills are preceded by a lull, in which what is not known may be settled.
LULL_S = 35.0
DOWN_S = {"bridge": 1.0, "broker": 0.2, "backend": 3.0, "terminal": 2.0}
KILL_WEIGHTS = {"bridge": 30, "trade lane": 18, "market lane": 8, "broker": 7, "backend": 24, "terminal": 13}
HANG_S = {
    "trade lane": 6.0,
    "market lane": 6.0,
    "terminal": 6.0,
    "broker": 6.0,
    "backend": 5.0,
    "bridge": 3.0,
}
HAND_ROUND_S = 2.0
POSITIONS_KEPT = 30
CLOSED_PER_ROUND = 6
CONTROL_TIMEOUT_S = 2.0
WEIGH_S = 2.0

# What the terminal does wrong: name, options. Several at once, for some seconds each.
WEATHER: tuple[tuple[str, dict[str, Any]], ...] = (
    ("latency", {"ms": "20..250", "tail": 0.03, "tail_ms": "1500..4000"}),
    ("latency", {"ms": "100..600"}),
    ("lose_reply", {"times": 2, "chance": 0.5}),
    ("lose_reply", {"cut": "yes"}),
    ("lose_reply", {"executed": "no"}),
    ("lose_reply", {"command": "any", "times": 3, "chance": 0.02}),
    ("reject", {"retcode": 10012, "executed": "yes", "shown": 3}),
    ("reject", {"retcode": 10012, "executed": "yes", "shown": 8}),
    ("reject", {"retcode": 10012, "executed": "yes", "shown": 28}),
    ("reject", {"retcode": 10012}),
    ("reject", {"retcode": 10011, "executed": "yes"}),
    ("reject", {"retcode": 10031, "executed": "yes", "shown": 2}),
    ("reject", {"retcode": 10004, "times": 2}),
    ("reject", {"retcode": 10020, "times": 2}),
    ("reject", {"retcode": 10021, "times": 2}),
    ("reject", {"retcode": 10006, "times": 2}),
    ("error", {"code": -10005, "executed": "yes", "shown": 1}),
    ("error", {"code": -1, "command": "any", "times": 2, "chance": 0.05}),
    ("placed", {"seconds": 1, "times": 3}),
    ("partial", {"share": 0.5, "times": 3}),
    ("zero_price", {"times": 5}),
    ("rewrite", {"comment": "", "times": 3}),
    ("rewrite", {"comment": "filled by venue", "times": 3}),
    ("stall", {"seconds": 3}),
    ("stall", {"seconds": 20, "executed": "yes"}),
    ("stall", {"seconds": 4, "command": "any", "chance": 0.05}),
    ("history_lag", {"seconds": 4}),
    ("rate_limit", {"per_second": 4}),
    ("link_down", {}),
    ("freeze_ticks", {}),
    ("market_closed", {}),
    ("cross_ticks", {}),
)
CALM_SHARE = 0.35  # Of the time the terminal does nothing wrong, or most signals would not act.
SWITCH_S = (0.5, 3.0)
SWITCHES = {"link_down", "freeze_ticks", "market_closed", "cross_ticks"}


@dataclass(frozen=True, slots=True)
class Blow:
    """One thing that was done: when (seconds since 1970), what, to whom, and details."""

    at_s: float
    what: str
    whom: str
    detail: str = ""


class Assault:
    """Does all of it.

    Attributes:
        blows: what was done, in order.
        ended_alone: programs that ended by themselves: time, name, exit code.
    """

    def __init__(
        self,
        draw: random.Random,
        programs: dict[str, Program],
        links: dict[str, Link],
        ear: BackendEar,
        burst: asyncio.Event,
        *,
        targets: Collection[str],
    ) -> None:
        """Prepare; nothing is done yet.

        Args:
            targets: what may be killed; keys of KILL_WEIGHTS.
        """
        self.blows: list[Blow] = []
        self.ended_alone: list[tuple[float, str, str]] = []
        self._draw, self._programs, self._links, self._ear, self._burst = draw, programs, links, ear, burst
        self._weights = {whom: weight for whom, weight in KILL_WEIGHTS.items() if whom in targets}

    @property
    def bridge(self) -> BridgeProgram:
        """Return the bridge."""
        program = self._programs["bridge"]
        assert isinstance(program, BridgeProgram)  # noqa: S101 - the siege built it so
        return program

    @property
    def terminal(self) -> Terminal:
        """Return the simulated terminal."""
        program = self._programs["terminal"]
        assert isinstance(program, Terminal)  # noqa: S101 - the siege built it so
        return program

    def kills(self) -> Counter[str]:
        """Count the kills by whom they hit."""
        return Counter(blow.whom for blow in self.blows if blow.what == "kill")

    def _note(self, what: str, whom: str, detail: str = "") -> None:
        self.blows.append(Blow(time.time(), what, whom, detail))

    async def kill_all(self, goal: int, gap_s: float) -> None:
        """Kill so many, one after the other; returns when the last one has been brought up again.

        Args:
            gap_s: the mean time between two.
        """
        async with asyncio.TaskGroup() as revivals:
            while self.kills().total() < goal:
                await self._wait_for_moment(gap_s)
                if self._draw.random() < LULL_SHARE:
                    await asyncio.sleep(LULL_S)
                count = 2 if self._draw.random() < DOUBLE_SHARE else 1
                for _ in range(count):
                    await self._kill_one(revivals)

    async def _wait_for_moment(self, gap_s: float) -> None:
        if self._draw.random() >= AIMED_SHARE:
            await asyncio.sleep(self._draw.uniform(0.2, 1.8) * gap_s)
            return
        await asyncio.sleep(self._draw.uniform(0.2, 1.0) * gap_s)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(AIM_PATIENCE_S):
                await self._burst.wait()
        await asyncio.sleep(self._draw.uniform(0.0, AIMED_DELAY_S))

    async def _kill_one(self, revivals: asyncio.TaskGroup) -> None:
        whom = self._draw.choices(list(self._weights), list(self._weights.values()))[0]
        if whom.endswith("lane"):
            self._kill_lane(whom)
            return
        program = self._programs[whom]
        if program.lock.locked() or not program.runs:
            return
        await program.lock.acquire()
        self._note("kill", whom, str(program.pid))
        try:
            await program.kill()
        except BaseException:
            program.lock.release()
            raise
        revivals.create_task(self._revive(program, self._draw.uniform(0.0, DOWN_S[whom])))

    def _kill_lane(self, whom: str) -> None:
        pid = self.bridge.lane(whom.partition(" ")[0])
        if pid:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
                self._note("kill", whom, str(pid))

    async def _revive(self, program: Program, after_s: float) -> None:
        try:
            await asyncio.sleep(after_s)
            await program.start()
        finally:
            program.lock.release()

    async def watch(self) -> None:
        """Weigh the bridge, and start again what ends by itself, as a service would; for ever."""
        while True:
            self.bridge.weigh()
            self.bridge.lanes()
            for program in self._programs.values():
                if program.lock.locked():
                    continue
                code = program.note_own_end()
                if code:
                    self.ended_alone.append((time.time(), program.name, code))
                    async with program.lock:
                        await program.start()
            await asyncio.sleep(WEIGH_S)

    async def hang_now_and_then(self, gap_s: float) -> None:
        """Stop programs in the middle of whatever they do and let them go on, for ever."""
        while True:
            await asyncio.sleep(self._draw.expovariate(1 / gap_s))
            whom = self._draw.choice(list(HANG_S))
            seconds = self._draw.uniform(0.3, 1.0) * HANG_S[whom]
            pid = self._pid_of(whom)
            if pid and await hang(pid, seconds):
                self._note("hang", whom, f"{seconds:.1f} s")

    def _pid_of(self, whom: str) -> int:
        if whom.endswith("lane"):
            return self.bridge.lane(whom.partition(" ")[0])
        program = self._programs[whom]
        # The script that runs Kafka says which process is the broker.
        return int(program.ready.get("pid", program.pid)) if program.runs else 0

    async def disturb_links(self, gap_s: float) -> None:
        """Cut, hold up and slow links, one at a time, for ever."""
        while True:
            await asyncio.sleep(self._draw.expovariate(1 / gap_s))
            name = self._draw.choice(list(self._links))
            await self._disturb(name, self._links[name])

    async def _disturb(self, name: str, link: Link) -> None:
        what = self._draw.choice(("reset", "cut", "hold", "slow"))
        seconds = self._draw.uniform(0.5, 6.0)
        self._note(what, f"{name} link", "" if what == "reset" else f"{seconds:.1f} s")
        match what:
            case "reset":
                link.reset()
                return
            case "cut":
                link.cut()
            case "hold":
                link.hold()
            case _:
                link.slow(self._draw.uniform(0.02, 0.3), self._draw.uniform(20_000, 200_000))
        try:
            await asyncio.sleep(seconds)
        finally:
            link.heal()

    async def change_weather(self, gap_s: float) -> None:
        """Let the terminal misbehave in changing ways, for ever."""
        while True:
            chosen = [] if self._draw.random() < CALM_SHARE else self._draw.sample(WEATHER, k=2)
            lasts_s = self._draw.uniform(0.5, 1.5) * gap_s
            if any(name in SWITCHES for name, _ in chosen):
                lasts_s = self._draw.uniform(*SWITCH_S)
            for name, options in chosen:
                self._note("fault", "terminal", name)
                await self.ask_terminal(partial(_put_fault, name, options))
            await asyncio.sleep(lasts_s)
            await self.ask_terminal(SimulatorControl.clear)

    async def trade_by_hand(self) -> None:
        """Close positions at the terminal when there are many, as its owner would; for ever."""
        while True:
            await asyncio.sleep(HAND_ROUND_S)
            surplus = len(self._ear.positions) - POSITIONS_KEPT
            for position in self._ear.positions[: max(0, min(surplus, CLOSED_PER_ROUND))]:
                request = {
                    "action": 1,
                    "symbol": position["symbol"],
                    "volume": position["volume"],
                    "type": 1 - position["type"],
                    "position": position["ticket"],
                }
                await self.ask_terminal(partial(_trade, request))

    async def ask_terminal(self, question: Callable[[SimulatorControl], object]) -> None:
        """Ask the terminal through its control port; one that is away or hung is left alone."""

        def ask() -> None:
            with (
                contextlib.suppress(OSError, ControlError, ValueError),
                SimulatorControl(self.terminal.control, CONTROL_TIMEOUT_S) as control,
            ):
                question(control)

        await asyncio.to_thread(ask)

    async def end(self) -> None:
        """Undo whatever still stands: faults, links, hung programs, programs that are down."""
        for link in self._links.values():
            link.heal()
        for whom in HANG_S:
            if pid := self._pid_of(whom):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGCONT)
        for program in self._programs.values():
            async with program.lock:
                if not program.runs:
                    await program.start()
        await self.ask_terminal(SimulatorControl.clear)


def _put_fault(name: str, options: dict[str, Any], control: SimulatorControl) -> None:
    control.fault(name, **options)


def _trade(request: dict[str, Any], control: SimulatorControl) -> None:
    control.trade(**request)
