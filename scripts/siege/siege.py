"""One siege from its start to its evidence: the programs, the links between them, traffic, assault, peace.

Owns the order of things: everything up, then signals and blows together, then peace until everything has
converged (or patience ends), then the end and the gathering of evidence.
"""

import asyncio
import random
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import psutil
from scripts.siege import evidence as gathering
from scripts.siege.assault import KILL_WEIGHTS, Assault
from scripts.siege.backend_program import read_lines
from scripts.siege.ears import BackendEar, TopicEar
from scripts.siege.evidence import Evidence
from scripts.siege.judge import DAY_MSC
from scripts.siege.link import Link
from scripts.siege.programs import (
    LOGIN,
    BackendProgram,
    BridgeProgram,
    EmbeddedBroker,
    Kafka,
    Program,
    Terminal,
    free_port,
)
from scripts.siege.stops import EmergencyStops
from scripts.siege.traffic import WEBSOCKET, Traffic, Ways, until_acknowledged
from scripts.siege.wanted import SYMBOLS, Diary

TICK_TOPIC, SIGNAL_TOPIC, EVENT_TOPIC = "market_ticks", "trading_signals", "trading_events"
GROUP = "siege"
OPEN_TIMEOUT_S = 60.0
ACKNOWLEDGE_TIMEOUT_S = 60.0
PEACE_PATIENCE_S = 120.0
LANES_PATIENCE_S = 10.0
LOOK_S = 0.2
TELL_EVERY_S = 30.0
DAILY_LIMIT_FROM = 0.9  # Share of the kills after which MAX_DAILY_TRADES is within reach.
DAILY_LIMIT_SHARE = 0.03  # Of all signals may still enter from then on.
LONG_SIGNALS = 300
ORDERS_PER_MINUTE = 400
OPEN_POSITIONS = 120


@dataclass(frozen=True, slots=True)
class Plan:
    """What a siege is to be.

    Attributes:
        broker: kafka or embedded.
        gap_s: the mean time between two kills.
        targets: what may be killed; empty: everything.
        patience_s: how long everything may take to be answered once there is peace.
    """

    kills: int
    signals: int
    seed: int
    broker: str
    gap_s: float
    folder: Path
    targets: tuple[str, ...] = ()
    patience_s: float = PEACE_PATIENCE_S


@dataclass(slots=True)
class Outcome:
    """What came of it."""

    evidence: Evidence
    assault: Assault
    stops: EmergencyStops
    ways: Ways
    seconds: float
    converged: bool
    peace_s: float
    waiting: list[str] = field(default_factory=list)


class Siege:
    """Runs one siege.

    Attributes:
        terminal, backend, bridge: its programs; the bridge is there once `war` runs.
        ear: what the backend hears.
    """

    def __init__(self, plan: Plan, tell: Callable[[str], None]) -> None:
        """Build everything; nothing runs yet.

        Args:
            tell: is given a line on how it goes now and then.
        """
        self._plan, self._tell = plan, tell
        plan.folder.mkdir(parents=True, exist_ok=True)
        self._stack = AsyncExitStack()
        self._limits = {"MAX_ORDERS_PER_MINUTE": ORDERS_PER_MINUTE, "MAX_OPEN_POSITIONS": OPEN_POSITIONS}
        folder, seed = plan.folder, plan.seed
        self.terminal = Terminal(folder, SYMBOLS, seed, "20..120")
        self.backend = BackendProgram(folder)
        self._backend_link = Link(self.backend.port)
        self._broker_link = Link(free_port())
        self.ear = BackendEar(folder / "heard.jsonl")
        self._diary = Diary(folder / "wanted.jsonl")
        for file in (self.ear, self._diary):
            self._stack.callback(file.close)

    def _draw(self, name: str) -> random.Random:
        return random.Random(f"{self._plan.seed}/{name}")

    async def run(self) -> Outcome:
        """Run it all."""
        began = time.monotonic()
        async with self._stack:
            programs = await self._start()
            ways = Ways(self._bootstrap, SIGNAL_TOPIC, self._plan.folder / "commands.jsonl")
            self._stack.callback(ways.close)
            traffic = Traffic(self._draw("traffic"), ways, self._diary, self.ear)
            assault = Assault(
                self._draw("assault"),
                programs,
                self._links,
                self.ear,
                traffic.burst,
                targets=self._targets(),
            )
            self.bridge.before_start = partial(self._bring_daily_limit_near, assault)
            stops = EmergencyStops(self._draw("stops"), self.bridge, ways, self.ear)
            always = [self._listen(), ways.run(), assault.watch(), self._report(traffic, assault)]
            background = [asyncio.create_task(each) for each in always]
            self._stack.push_async_callback(_cancel, background)
            await self._until_open(background)
            await self.war(traffic, assault, stops)
            outcome = await self._peace(assault, stops, ways)
            outcome.seconds = time.monotonic() - began
            return outcome

    def _targets(self) -> set[str]:
        """What may be killed; what the embedded broker holds would die with it."""
        mortal = set(KILL_WEIGHTS) - ({"broker"} if self._plan.broker == "embedded" else set())
        return mortal & set(self._plan.targets or KILL_WEIGHTS)

    async def _start(self) -> dict[str, Program]:
        """Start every program."""
        broker = await self._start_broker()
        await self._backend_link.start()
        self._stack.push_async_callback(self._backend_link.stop)
        self.bridge = BridgeProgram(self._plan.folder, self._settings())
        programs: dict[str, Program] = {
            "broker": broker,
            "terminal": self.terminal,
            "backend": self.backend,
            "bridge": self.bridge,
        }
        for program in programs.values():
            if not program.runs:
                self._stack.push_async_callback(program.kill)
                await program.start()
        return programs

    async def _start_broker(self) -> Program:
        """Start the broker behind its link; the embedded one tells its clients its own address."""
        broker: Program
        self._links = {"backend": self._backend_link}
        if self._plan.broker == "kafka":
            await self._broker_link.start()
            self._stack.push_async_callback(self._broker_link.stop)
            broker = Kafka(self._plan.folder, self._broker_link.target_port, self._broker_link.address)
            self._links["broker"] = self._broker_link
        else:
            broker = EmbeddedBroker(self._plan.folder)
        self._stack.push_async_callback(broker.kill)
        await broker.start()
        behind = self._plan.broker == "kafka"
        self._bootstrap = self._broker_link.address if behind else str(broker.ready["broker"])
        return broker

    def _settings(self) -> dict[str, object]:
        return {
            "MT5_BACKEND": "simulator",
            "MT5_LOGIN": LOGIN,
            "SIM_ADDRESS": self.terminal.address,
            "SYMBOLS": ",".join(SYMBOLS),
            "BACKEND_WS_URL": f"ws://{self._backend_link.address}/ws/mt5",
            "REDPANDA_BOOTSTRAP_SERVERS": self._bootstrap,
            "REDPANDA_TICK_TOPIC": TICK_TOPIC,
            "REDPANDA_SIGNAL_TOPIC": SIGNAL_TOPIC,
            "REDPANDA_EVENT_TOPIC": EVENT_TOPIC,
            "REDPANDA_GROUP_ID": GROUP,
            "STATE_DIR": self._plan.folder / "state",
            "LOG_FILE": self._plan.folder / "mt5_bridge.log",
            "LOG_MAX_BYTES": 1_000_000_000,
            "TRADING_ENABLED": "true",
            "ACCOUNT_INTERVAL_S": 1,
            "MAX_RISK_PERCENT": 90,  # The stops are far away, so that prices never reach them.
            "MAX_DAILY_TRADES": 100_000,
            "DUPLICATE_WINDOW_S": 0,
            "SIGNAL_MAX_AGE_S": 60,
            **self._limits,
        }

    async def _listen(self) -> None:
        while True:
            self.ear.look()
            await asyncio.sleep(LOOK_S)

    async def _report(self, traffic: Traffic, assault: Assault) -> None:
        while True:
            await asyncio.sleep(TELL_EVERY_S)
            self._tell(f"{assault.kills().total()} kills, {traffic.signals} signals")

    async def _until_open(self, background: list[asyncio.Task[None]]) -> None:
        deadline = time.monotonic() + OPEN_TIMEOUT_S
        while not self.ear.open_for_orders:
            _raise_failure(background)
            if time.monotonic() > deadline:
                raise RuntimeError(f"the bridge did not open: {self.bridge.last_words()}")
            await asyncio.sleep(LOOK_S)

    async def war(self, traffic: Traffic, assault: Assault, stops: EmergencyStops) -> None:
        """Signals and blows together, until enough of both were given."""
        plan, gap_s = self._plan, self._plan.gap_s

        def done() -> float:
            return assault.kills().total() / plan.kills

        beside = [
            assault.change_weather(gap_s),
            assault.hang_now_and_then(gap_s * 3),
            assault.disturb_links(gap_s * 3),
            assault.trade_by_hand(),
            stops.now_and_then(gap_s * 10),
        ]
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(each) for each in beside]
            async with asyncio.TaskGroup() as war:
                war.create_task(assault.kill_all(plan.kills, gap_s))
                war.create_task(traffic.run(plan.signals, done))
            for task in tasks:
                task.cancel()

    def _bring_daily_limit_near(self, assault: Assault) -> None:
        """As the bridge starts late in a long siege, set MAX_DAILY_TRADES within reach, once."""
        if self._plan.signals < LONG_SIGNALS:
            return
        if (
            assault.kills().total() < DAILY_LIMIT_FROM * self._plan.kills
            or "MAX_DAILY_TRADES" in self._limits
        ):
            return
        day, today = 0, 0
        for deal in gathering.read_ledger(self.terminal.ledger):
            if deal["entry"] == 0:
                today = today + 1 if deal["time_msc"] // DAY_MSC == day else 1
                day = deal["time_msc"] // DAY_MSC
        # The bridge counts what it sent, which may be more than what was filled.
        counted = int(self.ear.status["counters"]["daily_entries"]) if self.ear.status else 0
        limit = max(today, counted) + int(self._plan.signals * DAILY_LIMIT_SHARE)
        self.bridge.settings["MAX_DAILY_TRADES"] = self._limits["MAX_DAILY_TRADES"] = limit

    async def _peace(self, assault: Assault, stops: EmergencyStops, ways: Ways) -> Outcome:
        """Let everything converge, end the bridge in order, and gather what is left."""
        self._tell("peace: waiting until everything is answered")
        began = time.monotonic()
        await assault.end()
        await until_acknowledged(ways, ACKNOWLEDGE_TIMEOUT_S)
        waiting = await self._until_answered(stops, ways)
        peace_s = time.monotonic() - began
        self.bridge.lanes()
        async with self.bridge.lock:
            exit_code = await self.bridge.stop()
        lanes_left = await self._lanes_left()
        evidence = await asyncio.to_thread(self._gather)
        evidence.stops, evidence.unheeded = stops.windows, stops.unheeded
        evidence.ended_alone, evidence.exit_code = assault.ended_alone, exit_code
        evidence.lanes_left = lanes_left
        return Outcome(evidence, assault, stops, ways, 0.0, not waiting, peace_s, waiting)

    async def _until_answered(self, stops: EmergencyStops, ways: Ways) -> list[str]:
        """Wait for a final word on everything on both channels; return what is still without."""
        # In a thread: the links that it needs are served by this loop.
        topic_ear = await asyncio.to_thread(TopicEar, self._bootstrap, EVENT_TOPIC)
        deadline = time.monotonic() + self._plan.patience_s
        try:
            while True:
                await stops.lift_what_came_back()
                topic_ear.look()
                # Reading goes on in between; what is given to the backend is asked for until answered.
                expected = {entry.id for entry in self._diary.entries if entry.way == WEBSOCKET} - {""}
                answered = topic_ear.finals.keys() & self.ear.finals.keys()
                waiting = sorted((expected | ways.acknowledged) - answered)
                if not waiting or time.monotonic() > deadline:
                    return waiting
                await asyncio.sleep(LOOK_S)
        finally:
            await asyncio.to_thread(topic_ear.close)

    async def _lanes_left(self) -> list[int]:
        deadline = time.monotonic() + LANES_PATIENCE_S
        while True:
            left = [pid for pid in self.bridge.lanes_seen if _is_lane(pid)]
            if not left or time.monotonic() > deadline:
                return left
            await asyncio.sleep(LOOK_S)

    def _gather(self) -> Evidence:
        committed, end = gathering.read_committed(self._bootstrap, GROUP, SIGNAL_TOPIC)
        return Evidence(
            wanted=self._diary.entries,
            deals=gathering.read_ledger(self.terminal.ledger),
            signals=gathering.read_topic(self._bootstrap, SIGNAL_TOPIC),
            events=gathering.values(gathering.read_topic(self._bootstrap, EVENT_TOPIC)),
            ticks=gathering.values(gathering.read_topic(self._bootstrap, TICK_TOPIC)),
            heard=read_lines(self._plan.folder / "heard.jsonl"),
            numbers=gathering.read_numbers(self.bridge.state_dir),
            committed=committed,
            signal_end=end,
            limits=dict(self._limits),
            lives=self.bridge.lives,
            signal_topic=SIGNAL_TOPIC,
        )


def _is_lane(pid: int) -> bool:
    try:
        return "hybrid_bridge.terminal.worker" in psutil.Process(pid).cmdline()
    except psutil.Error:
        return False


def _raise_failure(tasks: list[asyncio.Task[None]]) -> None:
    for task in tasks:
        if task.done():
            task.result()


async def _cancel(tasks: list[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
