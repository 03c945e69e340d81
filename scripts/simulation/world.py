"""Everything of one seed: its market, terminal, log and backend, its traders, faults, and the bridge's lives.

Owns the course of a seed: chaos, then calm in which all must converge, then the judgement. One `World` per
seed; it runs in a folder of its own and touches nothing else.
"""

import asyncio
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from scripts.simulation.backend import Backend
from scripts.simulation.disk import WatchedFile
from scripts.simulation.faults import Faults
from scripts.simulation.fortunes import Fortunes
from scripts.simulation.hints import Hints, hints_for
from scripts.simulation.judge import Verdict, judge, what_is_open
from scripts.simulation.kills import KillPlan, aim_of, plan_kills
from scripts.simulation.life import Life
from scripts.simulation.limits import draw_limits
from scripts.simulation.market import LOGIN, SERVER, SYMBOLS, Market
from scripts.simulation.money import Money
from scripts.simulation.orders import Orders
from scripts.simulation.stage import staged
from scripts.simulation.terminal import Terminal
from scripts.simulation.timeline import Timeline
from scripts.simulation.topic import Topic
from scripts.simulation.traders import Traders
from scripts.simulation.worker import SimulatedWorker

from hybrid_bridge.settings import Settings
from hybrid_bridge.simulator.view import TerminalView

MONDAY_MS = 1_772_409_600_000  # 2026-03-02 00:00 UTC
BOUND_S = 300.0  # From the last fault until all must have converged.
LIVES_MAX = 60
FORGETFUL = 3
SILENT_FROM_S = 50.0
SILENCE_S = 1_000.0  # Longer than an unknown outcome is waited for before a person is told.
NEVER = KillPlan("never", 0.0)


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the story."""

    at_s: float
    kind: str
    text: str


@dataclass(slots=True)
class Outcome:
    """What came of one seed.

    Attributes:
        recovery_s: from the last fault to convergence.
    """

    seed: int
    verdict: Verdict
    story: list[Line]
    simulated_s: float
    recovery_s: float
    lives: int
    kills: int
    power_cuts: int
    struck: dict[str, int]
    reached: set[str]
    orders_sent: int
    fills: int
    signals: int
    hand_trades: int
    plan: str = ""
    unhandled: list[str] = field(default_factory=list)


class World:
    """One seed's world.

    Attributes:
        calm: whether the faults have stopped.
        short_memory: whether the engine forgets what is over at once.
        broken: errors that no life of the bridge should have ended by.
        draw: for latencies; every actor has a sequence of its own, so that one changes nothing for another.
    """

    def __init__(self, seed: int, folder: Path, planted: Sequence[tuple[Any, str, Any]] = ()) -> None:
        """Lay out a seed.

        Args:
            folder: an empty one for its files.
            planted: parts of the bridge to put others in place of, (owner, name, value), so that a test can
                see a bug caught.
        """
        self.seed = seed
        self.planted = planted
        self.timeline = Timeline()
        self.story: list[Line] = []
        self.calm = False
        self.kills = self.power_cuts = self.hand_trades = 0
        self.reached: set[str] = set()
        self.broken: list[str] = []
        self.state_dir = folder / "state"
        self.state_dir.mkdir(parents=True)
        self.draw = self._sequence("latency")
        self._disk_draw = self._sequence("disk")
        plan = self._sequence("plan")
        self._clock_off_s = 0.0
        self._lives: list[Life] = []
        self._waiting: asyncio.Future[None] | None = None
        self._calm_s = 0.0
        offset_s = plan.choice((7200, 10800))
        self.money = Money()
        self.hedging = plan.random() < 0.65
        self.market = Market(
            self.timeline,
            self._sequence("market"),
            folder,
            hedging=self.hedging,
            start_utc_ms=self._start(plan, offset_s),
            offset_s=offset_s,
            only_ioc=plan.random() < 0.5,
            note_worth=self.money.note_worth,
        )
        self.market_view: TerminalView = self.market.accounts.current.view
        self.terminal = Terminal(self.timeline, self.market, self._sequence("terminal"), self.note)
        self.topic = Topic(self.timeline, self._sequence("topic"), "trading_signals")
        self.backend = Backend(self.timeline, self._sequence("backend"), self.note)
        self._hints = hints_for(aim_of(seed))
        # One seed in ten has an engine that soon forgets what is over.
        self.short_memory = self._hints.short_memory or seed % 10 == FORGETFUL
        self.faults = Faults(self, self._sequence("faults"), self._hints)
        self.terminal.query_fails = self.faults.query_fails
        self.orders = Orders(lambda: self.timeline.now_s, self.note)
        self.settings = self._settings(plan, offset_s)
        self._plan(plan)

    def _sequence(self, name: str) -> random.Random:
        return random.Random(f"{self.seed}/{name}")

    def _start(self, plan: random.Random, offset_s: int) -> int:
        """Begin at some hour of a Tuesday; often shortly before the broker's midnight."""
        if plan.random() < 0.4:
            return MONDAY_MS + 86_400_000 * 2 - offset_s * 1000 - plan.randrange(10, 300) * 1000
        return MONDAY_MS + 86_400_000 + plan.randrange(8, 18) * 3_600_000

    def _settings(self, plan: random.Random, offset_s: int) -> Settings:
        return Settings(
            mt5_login=LOGIN,
            mt5_server=SERVER,
            symbols=SYMBOLS,
            mt5_server_utc_offset=str(offset_s) if plan.random() < 0.8 else "auto",
            tick_rate_hz=0.1,
            account_interval_s=plan.choice((2.0, 5.0, 10.0)),
            trading_enabled=True,
            emergency_stop=self._hints.starts_stopped,
            emergency_close_positions=plan.random() < 0.5,
            allow_remote_resume=plan.random() < 0.5,
            duplicate_window_s=plan.choice((0.0, 0.0, 1.0)),
            max_volume=plan.choice((None, 1.0, 0.5)),
            max_daily_trades=plan.choice((3, 6, 12, 1000)),
            max_open_positions=plan.choice((None, 2, 4, 8)),
            max_positions_per_symbol=plan.choice((None, None, 1, 2)),
            max_orders_per_minute=plan.choice((2, 5, 120, 120)),
            require_stop_loss=plan.random() < 0.8,
            max_risk_percent=plan.choice((0.5, 2.0)),
            max_open_risk_percent=plan.choice((None, None, 5.0)),
            state_dir=str(self.state_dir),
            **draw_limits(self._sequence("limits")),
        )

    def _plan(self, plan: random.Random) -> None:
        hints = self._hints
        self.chaos_s = plan.choice((40.0, 90.0, 180.0, 400.0))
        if hints.long_silence:
            self.chaos_s = SILENCE_S + 200.0
            self.faults.silence(SILENT_FROM_S, SILENCE_S)
        signals = plan.randrange(4, 16)
        kills = max(plan.choice((0, 1, 1, 2, 2, 3, 5)), 1 if hints != Hints() else 0)
        self._kill_plans = plan_kills(plan, self.seed, self.chaos_s, kills)
        traders = Traders(self, self._sequence("traders"))
        commands, hands, stops = plan.randrange(0, 6), plan.randrange(0, 4), plan.choice((0, 0, 1, 2))
        hands, stops = max(hands, hints.hands), max(stops, hints.stops)
        busy_s = SILENT_FROM_S if hints.long_silence else self.chaos_s
        traders.schedule(busy_s, signals, commands, hands, stops)
        Fortunes(self, traders, self._sequence("fortunes")).schedule(busy_s)
        if hints.flood:
            traders.schedule_flood(hints.flood, plan.uniform(5.0, 30.0))
        if hints.ends_in_order:
            self.timeline.at(plan.uniform(5.0, self.chaos_s * 0.8), self._ask_to_stop)
        self.faults.schedule(self.chaos_s, 5.0 if hints.disturbances else plan.choice((8.0, 25.0, 60.0)))
        self.timeline.at(self.chaos_s, self._begin_calm)

    def _ask_to_stop(self) -> None:
        if self._lives and not self._lives[-1].dead and not self.calm:
            self._lives[-1].ask_to_stop()

    # Time and story

    @property
    def pc_utc_ms(self) -> int:
        """What the trading PC's clock shows."""
        return self.market.utc_ms + round(self._clock_off_s * 1000)

    def set_clock(self, off_s: float) -> None:
        """Set the PC's clock so far off."""
        if off_s != self._clock_off_s:
            self._clock_off_s = off_s
            self.note("clock", f"the PC's clock is {off_s:+.1f} s off")

    def note(self, kind: str, text: str) -> None:
        """Add a line to the story."""
        self.story.append(Line(self.timeline.now_s, kind, text))

    def trace(self, kind: str, text: str) -> None:
        """Add a line that only the whole story of one seed shows."""
        self.story.append(Line(self.timeline.now_s, kind, text))

    # What the lives ask

    def workers(self) -> list[SimulatedWorker]:
        """Return the workers of the present life."""
        return self._lives[-1].workers if self._lives and not self._lives[-1].dead else []

    def note_written(self, life: Life, request: Any) -> None:
        """Note an order request on its way to a worker."""
        self.orders.note_written(life, request)
        life.killer.on_written()

    def leave_files(self, file: WatchedFile, journal: Any, *, power_cut: bool, in_commit: bool) -> None:
        """Leave behind what survives a process's end."""
        left, words = file.survive(self._disk_draw, power_cut=power_cut, in_commit=in_commit)
        journal._file._connection.close()
        for path in self.state_dir.glob(file.path.name + "*"):
            path.unlink()
        for path, content in left.items():
            path.write_bytes(content)
        if words:
            self.note("disk", words)
        if power_cut:
            self.terminal.go_down()
            self.timeline.after(0.001, self.terminal.come_up)

    async def wait_for_calm(self, life: Life) -> None:
        """Return when the faults have stopped."""
        if not self.calm:
            self._waiting = life.loop.create_future()
            await self._waiting

    def _begin_calm(self) -> None:
        self.calm = True
        self._calm_s = self.timeline.now_s
        self.faults.stop()
        self.note("calm", "no more faults")
        if (
            self._waiting is not None
            and self._lives
            and not self._lives[-1].dead
            and not self._waiting.done()
        ):
            self._waiting.set_result(None)

    def has_converged(self, life: Life) -> bool:
        """Say whether nothing is left to be done; gives up at the bound."""
        if self.terminal.pending or self.market.holds_orders:
            self._calm_s = self.timeline.now_s  # The venue's own delays are faults that have not ended.
            return False
        late = self.timeline.now_s > self._calm_s + BOUND_S
        if late:
            self.note("calm", f"not converged: {what_is_open(self, life)}")
        return late or not what_is_open(self, life)

    # The course of a seed

    def run(self, *, tell: bool = False) -> Outcome:
        """Run the seed to its end and judge it."""
        with staged(self, tell=tell):
            try:
                self._live()
                return self._outcome()
            finally:
                for life in self._lives:
                    life.loop.bury()
                self.market.close()

    def _live(self) -> None:
        while len(self._lives) < LIVES_MAX:
            life = self._next_life()
            life.run()
            gives_up = self.calm and self.timeline.now_s > self._calm_s + BOUND_S
            if life.finished or gives_up:
                return
            downtime_s = self.draw.choice((0.2, 2.0, 5.0, 30.0)) * (0.5 + self.draw.random())
            self.timeline.run_until(self.timeline.now_s + downtime_s)

    def _next_life(self) -> Life:
        number = len(self._lives) + 1
        usable = self._kill_plans[number - 1 : number]
        plan = usable[0] if usable and not self.calm else NEVER
        life = Life(self, number, plan, self.chaos_s * 0.9)
        self._lives.append(life)
        self.note("bridge", f"start {number}" + (f"; will meet a {plan}" if plan.kind != "never" else ""))
        return life

    def _outcome(self) -> Outcome:
        unhandled = self.broken + [
            f"{context.get('message')}: {context.get('exception')!r}"
            for life in self._lives
            for context in life.loop.unhandled
        ]
        verdict = judge(self, self._lives[-1], unhandled)
        return Outcome(
            seed=self.seed,
            verdict=verdict,
            story=self.story,
            simulated_s=self.timeline.now_s,
            recovery_s=self.timeline.now_s - self._calm_s,
            lives=len(self._lives),
            kills=self.kills,
            power_cuts=self.power_cuts,
            struck=dict(self.faults.struck),
            reached=self.reached,
            orders_sent=sum(written.is_entry for written in self.orders.written),
            fills=verdict.fills,
            signals=len(self.orders.sent),
            hand_trades=self.hand_trades,
            unhandled=unhandled,
        )
