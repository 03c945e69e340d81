"""One trial from its start to its evidence: terminal, broker and bridge as programs, and what befalls them.

Owns the order of things: everything up, kills while ticks flow, one long stop, calm until ticks are fresh
again, then the terminal's prices stand still, the rest arrives, and the topic is read. Others judge.
"""

import asyncio
import contextlib
import json
import random
import sys
import time
from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import cycle
from pathlib import Path
from typing import Any

from scripts.endurance import played, topic
from scripts.endurance.judge import Message
from scripts.endurance.played import Quote
from scripts.siege.programs import LOGIN, BridgeProgram, Kafka, Program, environment, free_port

from hybrid_bridge.simulator.control_client import SimulatorControl

TICK_TOPIC, SIGNAL_TOPIC, EVENT_TOPIC = "market_ticks", "trading_signals", "trading_events"
BEGIN_S = 5.0  # Of ticks before the first blow.
CALM_S = 5.0  # Of fresh ticks without a gap: everything has caught up.
PATIENCE_S = 180.0
QUIET_S = 3.0  # Nothing more has come for so long: everything is there.
SPARE_S = 300.0  # Ticks made beyond what the plan takes, for waits on a busy machine.
DOWN_S = 2.0
WEIGH_S = 2.0
LOOK_S = 0.2
TELL_S = 30.0
CONTROL_TIMEOUT_S = 5.0


@dataclass(frozen=True, slots=True)
class Plan:
    """What a trial is to be.

    Attributes:
        targets: what is killed in turn, and stopped: broker, bridge.
        kills: SIGKILLs, spread over `over_s`.
        stop_s: how long the first target is stopped once, 0 for not at all.
        ticks: files to play; none: they are made.
        per_second: ticks of all symbols together, where they are made.
    """

    targets: tuple[str, ...]
    kills: int
    over_s: float
    stop_s: float
    symbols: tuple[str, ...]
    per_second: float
    ticks: tuple[Path, ...]
    seed: int
    folder: Path


@dataclass(slots=True)
class Blow:
    """One outage that was made.

    Attributes:
        what: kill or stop.
        down_s: how long the program was away.
        back_s: when it was there again, seconds since 1970; a bridge when it was started.
        fresh_after_s: how long after that a subscriber had a fresh tick; None when it had none any more.
    """

    what: str
    whom: str
    down_s: float
    back_s: float
    fresh_after_s: float | None = None


@dataclass(slots=True)
class Outcome:
    """What came of it.

    Attributes:
        played: by symbol what the terminal has played.
        ended_alone: exit codes of a bridge that ended by itself.
        rss_peak: the most memory that the bridge's daemon took, bytes.
        calm: whether ticks became fresh again after the last blow, and stayed so.
        audit: what `hybrid-bridge audit-ticks` said, and its exit code as `exit_code`.
    """

    messages: list[Message]
    played: dict[str, list[Quote]]
    blows: list[Blow]
    seconds: float
    ended_alone: list[str] = field(default_factory=list)
    exit_code: int = 0
    rss_peak: int = 0
    audit: dict[str, Any] = field(default_factory=dict)
    calm: bool = True


class PlayedTerminal(Program):
    """The simulated terminal, which plays files."""

    def __init__(self, folder: Path, files: tuple[Path, ...]) -> None:
        super().__init__("terminal", folder)
        self._files = files

    def command(self) -> list[str]:
        """Return what is run."""
        symbols = ",".join(played.symbol_of(file) for file in self._files)
        fixed = ["--listen", "127.0.0.1:0", "--control", "127.0.0.1:0", "--start", played.START]
        files = [part for file in self._files for part in ("--ticks", str(file))]
        program = [sys.executable, "-m", "hybrid_bridge.simulator", "--die-with-parent"]
        return [*program, *fixed, "--symbols", symbols, *files]

    def pause(self) -> dict[str, int]:
        """Let prices stand still; return how many ticks of each symbol were played."""
        with SimulatorControl(self.ready["control"], CONTROL_TIMEOUT_S) as control:
            control.pause()
            return dict(control.stats()["ticks"])


class Trial:
    """Runs one trial."""

    def __init__(self, plan: Plan, tell: Callable[[str], None]) -> None:
        """Build everything; nothing runs yet.

        Args:
            tell: is given a line on how it goes now and then.
        """
        self._plan, self._tell = plan, tell
        plan.folder.mkdir(parents=True, exist_ok=True)
        self._files = plan.ticks or self._make_ticks()
        self._draw = random.Random(plan.seed)
        self._blows: list[Blow] = []
        port = free_port()
        self._bootstrap = f"127.0.0.1:{port}"
        self._terminal = PlayedTerminal(plan.folder, self._files)
        self._broker = Kafka(plan.folder, port, self._bootstrap)
        self._bridge = BridgeProgram(plan.folder, {})
        self._ear = topic.Ear(self._bootstrap, TICK_TOPIC)
        self._ended_alone: list[str] = []
        self._audited_from = datetime.now(UTC)

    def _make_ticks(self) -> tuple[Path, ...]:
        plan = self._plan
        seconds = plan.over_s + plan.stop_s + SPARE_S
        wanted = played.Plan(plan.symbols, seconds, plan.per_second, plan.seed)
        return tuple(played.make(wanted, plan.folder / "ticks"))

    async def run(self) -> Outcome:
        """Run it all.

        Raises:
            ProgramError: when a program does not start.
            TimeoutError: when no ticks come before the first blow.
        """
        began = time.monotonic()
        async with AsyncExitStack() as stack:
            await self._start(stack)
            async with _beside(self._watch(), self._report()):
                await self._torment()
                self._tell("waiting until ticks are fresh")
                calm = await self._becomes_calm()
            outcome = await self._gather(began)
            outcome.calm = calm
            return outcome

    async def _start(self, stack: AsyncExitStack) -> None:
        """Start every program and wait for the first ticks in the topic."""
        for program in (self._terminal, self._broker, self._bridge):
            if program is self._bridge:
                self._bridge.settings = self._settings()
            stack.push_async_callback(program.kill)
            await program.start()
        await self._until_ticks_come()
        self._ear.start()
        stack.callback(self._ear.stop)
        self._audited_from = datetime.now(UTC)

    async def _until_ticks_come(self) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while True:
                if await asyncio.to_thread(topic.count, self._bootstrap, TICK_TOPIC):
                    return
                await asyncio.sleep(LOOK_S)

    def _settings(self) -> dict[str, object]:
        return {
            "MT5_BACKEND": "simulator",
            "MT5_LOGIN": LOGIN,
            "SIM_ADDRESS": self._terminal.ready["simulator"],
            "SYMBOLS": ",".join(played.symbol_of(file) for file in self._files),
            "BACKEND_WS_URL": f"ws://127.0.0.1:{free_port()}/ws/mt5",
            "REDPANDA_BOOTSTRAP_SERVERS": self._bootstrap,
            "REDPANDA_TICK_TOPIC": TICK_TOPIC,
            "REDPANDA_SIGNAL_TOPIC": SIGNAL_TOPIC,
            "REDPANDA_EVENT_TOPIC": EVENT_TOPIC,
            "STATE_DIR": self._plan.folder / "state",
            "LOG_FILE": self._plan.folder / "mt5_bridge.log",
            "LOG_MAX_BYTES": 1_000_000_000,
        }

    async def _torment(self) -> None:
        """Give every blow of the plan."""
        plan = self._plan
        await asyncio.sleep(BEGIN_S)
        slot_s = plan.over_s / max(plan.kills, 1)
        begin = time.monotonic()
        targets = cycle(plan.targets)
        for number in range(plan.kills):
            moment = begin + (number + self._draw.uniform(0.05, 0.4)) * slot_s
            await asyncio.sleep(max(0.0, moment - time.monotonic()))
            await self._take_down("kill", next(targets), self._draw.uniform(0.0, DOWN_S))
        await asyncio.sleep(max(0.0, begin + plan.over_s - time.monotonic()))
        if plan.stop_s:
            self._tell(f"{plan.targets[0]} stopped for {plan.stop_s:g} s")
            await self._take_down("stop", plan.targets[0], plan.stop_s)

    async def _take_down(self, what: str, whom: str, down_s: float) -> None:
        """End a program, and start it again after a time."""
        program = self._broker if whom == "broker" else self._bridge
        async with program.lock:
            await (program.kill() if what == "kill" else program.stop())
            went = time.monotonic()
            await asyncio.sleep(down_s)
            await program.start()
            self._blows.append(Blow(what, whom, time.monotonic() - went, time.time()))

    async def _becomes_calm(self) -> bool:
        """Wait until fresh ticks have come without a gap for a while; False when they do not."""
        since = began = time.monotonic()
        while time.monotonic() - since < CALM_S:
            if time.monotonic() - began > PATIENCE_S:
                return False
            if time.time() - self._ear.fresh_at_s > topic.FRESH_S:
                since = time.monotonic()
            await asyncio.sleep(LOOK_S)
        return True

    async def _watch(self) -> None:
        """Weigh the bridge, and note when it ended by itself; for ever."""
        while True:
            self._bridge.weigh()
            if not self._bridge.lock.locked() and (code := self._bridge.note_own_end()):
                self._ended_alone.append(code)
                async with self._bridge.lock:
                    await self._bridge.start()
            await asyncio.sleep(WEIGH_S)

    async def _report(self) -> None:
        while True:
            await asyncio.sleep(TELL_S)
            age_s = time.time() - self._ear.fresh_at_s
            self._tell(
                f"{len(self._blows)} outages, {self._ear.heard:,} ticks heard, fresh {age_s:.1f} s ago"
            )

    async def _gather(self, began: float) -> Outcome:
        """Let prices stand still, wait for the rest, end the bridge in order, and read the topic."""
        counts = await asyncio.to_thread(self._terminal.pause)
        still_at = datetime.now(UTC)
        await self._until_quiet()
        audit = await self._audit(still_at)
        exit_code = await self._bridge.stop()
        messages = await asyncio.to_thread(topic.read, self._bootstrap, TICK_TOPIC)
        quotes = {played.symbol_of(file): played.read(file) for file in self._files}
        self._note_freshness()
        return Outcome(
            messages,
            {symbol: rows[: counts.get(symbol, 0)] for symbol, rows in quotes.items()},
            self._blows,
            time.monotonic() - began,
            self._ended_alone,
            exit_code,
            max((rss for life in self._bridge.lives for rss in (life.rss or {}).values()), default=0),
            audit,
        )

    async def _audit(self, until: datetime) -> dict[str, Any]:
        """Have the bridge's own command compare the topic with the terminal, as its user would."""
        moments = ["--from", self._audited_from.isoformat(), "--to", until.isoformat()]
        process = await asyncio.create_subprocess_exec(
            *self._bridge.typed("audit-ticks", *moments, "--complete", "--json"),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            cwd=self._plan.folder,
            env=environment(),
        )
        said, complaint = await process.communicate()
        (self._plan.folder / "audit.json").write_bytes(said + complaint)
        try:
            findings: dict[str, Any] = json.loads(said)
        except ValueError:
            findings = {"words": (said + complaint).decode(errors="replace")}
        return findings | {"exit_code": process.returncode}

    async def _until_quiet(self) -> None:
        """Wait until the topic has not grown for a while."""
        before, since = -1, time.monotonic()
        while time.monotonic() - since < QUIET_S:
            now = await asyncio.to_thread(topic.count, self._bootstrap, TICK_TOPIC)
            if now != before:
                before, since = now, time.monotonic()
            await asyncio.sleep(LOOK_S)

    def _note_freshness(self) -> None:
        for blow in self._blows:
            blow.fresh_after_s = self._ear.fresh_after(blow.back_s)


@contextlib.asynccontextmanager
async def _beside(*coroutines: Coroutine[Any, Any, None]) -> Any:
    """Run coroutines for as long as the body takes; a failure of one ends the body."""
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(each) for each in coroutines]
        yield
        for task in tasks:
            task.cancel()
