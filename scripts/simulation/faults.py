"""What goes wrong in one seed: the fate of each order, and the disturbances that come and go.

Owns the choice, by the seed alone, which kinds are in play, when they begin and end, and the counts of what
struck. The parts they strike only ask. After `stop` nothing goes wrong any more.
"""

import random
from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from scripts.simulation.hints import Hints
from scripts.simulation.terminal import Fate

from hybrid_bridge.simulator.terms import Terms

if TYPE_CHECKING:
    from scripts.simulation.world import World

LOST_CODES = (-10001, -10002, -10005)
REFUSALS = {
    "requote": 10004,
    "rejected": 10006,
    "stops_hit": 10016,
    "price_changed": 10020,
    "price_off": 10021,
    "too_many_requests": 10024,
    "autotrading_refused": 10027,
    "frozen": 10029,
}
ENTRY_ONLY = ("partial", "placed")
FATES = (
    *REFUSALS,
    *("lost_done", "lost_never", "lost_later", "timeout_done", "timeout_later", "timeout_never"),
    *("connection_done", "connection_later", "connection_never", "error_done", "error_never"),
    *("partial", "placed", "rewritten", "zero_price", "hidden", "hung_done", "hung_later", "hung_never"),
)
# Each with the seconds that it lasts; 0 for what is over at once.
DISTURBANCES: dict[str, tuple[float, float]] = {
    "link_down": (3, 60),
    "frozen_quotes": (3, 60),
    "autotrading_off": (3, 40),
    "experts_off": (3, 40),
    "market_closed": (3, 40),
    "another_account": (2, 60),
    "terminal_restart": (1, 40),
    "worker_crash": (0, 0),
    "history_late": (5, 120),
    "queries_fail": (2, 30),
    "slow_terminal": (2, 30),
    "log_down": (1, 60),
    "rebalance": (0, 0),
    "commits_fail": (2, 60),
    "topic_replayed": (0, 0),
    "group_forgotten": (0, 0),
    "topic_trimmed": (0, 0),
    "backend_down": (1, 60),
    "backend_drops": (0, 0),
    "deliveries_fail": (2, 40),
    "disk_full": (1, 30),
    "slow_disk": (1, 20),
    "clock_jump": (2, 40),
}
CALL_S = {"submit": (0.02, 0.3), "look": (0.001, 0.02), "connect": (0.05, 0.5)}
JUMPS_S = (-120, -30, -3, 2, 5, 40, 90, 3600, -3600)


class Faults:
    """The faults of one seed.

    Attributes:
        struck: how often each kind struck.
        link_down_s, disk_full_s: from when to when it was so.
        disk_is_full: whether the journal's disk takes nothing more.
    """

    def __init__(self, world: "World", draw: random.Random, hints: Hints) -> None:
        self.struck: Counter[str] = Counter()
        self.disk_is_full = False
        self.link_down_s: list[tuple[float, float]] = []
        self.disk_full_s: list[tuple[float, float]] = []
        self._since_s: dict[str, float] = {}
        self._world = world
        self._draw = draw
        self._on = True
        self._active: Counter[str] = Counter()
        # Not every kind in every seed: some faults hide others.
        self._fates = draw.sample(FATES, draw.randrange(1, len(FATES) + 1))
        self._kinds = draw.sample(sorted(DISTURBANCES), draw.randrange(0, len(DISTURBANCES) + 1))
        self._fate_share = draw.choice((0.1, 0.3, 0.6, 0.9))
        if hints.fates:
            self._fates, self._fate_share = list(hints.fates), 0.7
        self._kinds += [kind for kind in hints.disturbances for _ in range(4)]
        self._rewrites = "rewritten" in self._fates and draw.random() < 0.5
        self._late_s = (
            draw.choice(((0.5, 18), (0.5, 60), (15, 90), (20, 600))) if draw.random() < 0.95 else (60, 3600)
        )

    def schedule(self, until_s: float, mean_gap_s: float) -> None:
        """Plan the disturbances up to a moment."""
        if not self._kinds:
            return
        at_s = self._draw.expovariate(1 / mean_gap_s)
        while at_s < until_s:
            kind = self._draw.choice(self._kinds)
            low_s, high_s = DISTURBANCES[kind]
            lasts_s = low_s + (high_s - low_s) * self._draw.random() ** 2
            self._world.timeline.at(at_s, self._beginner(kind, lasts_s))
            at_s += self._draw.expovariate(1 / mean_gap_s)

    def silence(self, at_s: float, lasts_s: float) -> None:
        """Plan one long absence of the terminal."""
        self._world.timeline.at(at_s, self._beginner("terminal_restart", lasts_s))

    def _beginner(self, kind: str, lasts_s: float) -> Callable[[], None]:
        return lambda: self._begin(kind, lasts_s)

    def stop(self) -> None:
        """Let everything be well from now on."""
        self._on = False
        under_way = [kind for kind, count in self._active.items() if count]
        self._active.clear()
        for kind in under_way:
            self._set(kind, on=False)

    # What the parts ask

    def fate_of(self, args: Any) -> Fate:
        """Choose what befalls one order request."""
        draw = self._draw
        if not self._on or draw.random() >= self._fate_share:
            return Fate(terms=Terms(comment="[sl]")) if self._rewrites and self._on else Fate()
        entry = args.action == 1 and not args.position
        kinds = [kind for kind in self._fates if entry or kind not in ENTRY_ONLY]
        if not kinds:
            return Fate()
        kind = draw.choice(kinds)
        self.struck[kind] += 1
        return self._make(kind)

    def _make(self, kind: str) -> Fate:
        draw = self._draw
        terms = Terms(comment="broker") if self._rewrites else Terms()
        if kind in REFUSALS:
            return Fate(kind, None, retcode=REFUSALS[kind])
        if kind == "partial":
            return Fate(kind, terms=Terms(fill_share=draw.choice((0.0, 0.3, 0.5, 0.7))))
        if kind == "placed":
            return Fate(kind, terms=Terms(held_msc=round(draw.uniform(*self._late_s) * 1000)))
        if kind in ("rewritten", "zero_price"):
            return Fate(kind, terms=Terms(comment="broker"), zero_price=kind == "zero_price")
        if kind == "hidden":
            return Fate(kind, error=draw.choice(LOST_CODES), hidden_s=draw.uniform(1, 19), terms=terms)
        cause, _, what = kind.partition("_")
        executes_s = {"done": 0.0, "never": None, "later": draw.uniform(*self._late_s)}[what]
        retcode = {"timeout": 10012, "connection": 10031, "error": 10011}.get(cause, 0)
        error = draw.choice(LOST_CODES) if cause == "lost" else 0
        if cause == "connection" and draw.random() < 0.6:
            # What the venue says then is true: the link is gone, and often for longer than one looks.
            lasts_s = draw.uniform(2, 60)
            self._world.timeline.after(0.5, lambda: self._begin("link_down", lasts_s))
        return Fate(kind, executes_s, retcode, error, terms, hangs=cause == "hung")

    def call_delay_s(self, name: str) -> float:
        """Draw how long the terminal takes for a call."""
        low_s, high_s = CALL_S.get(name, (0.0005, 0.005))
        usual_s = low_s + (high_s - low_s) * self._draw.random()
        return usual_s + self._draw.uniform(0.2, 12.0) if self._active["slow_terminal"] else usual_s

    def disk_delay_s(self) -> float:
        """Draw how long the disk takes."""
        slow = self._active["slow_disk"] and self._draw.random() < 0.5
        return self._draw.uniform(0.1, 3.0) if slow else self._draw.uniform(0.0001, 0.002)

    def query_fails(self) -> int:
        """Return the error that a question meets, 0 for none."""
        if self._active["queries_fail"] and self._draw.random() < 0.3:
            return self._draw.choice((-1, -10005, -10002))
        return 0

    def loses(self, what: str) -> bool:
        """Say whether this delivery or confirmation is lost."""
        lost = bool(self._active["deliveries_fail"]) and self._draw.random() < 0.5
        if lost:
            self.struck[f"lost {what}"] += 1
        return lost

    # Disturbances

    def _begin(self, kind: str, lasts_s: float) -> None:
        if not self._on:
            return
        self.struck[kind] += 1
        self._world.note("fault", f"{kind} begins" if lasts_s else kind)
        if not lasts_s:
            self._strike_once(kind)
            return
        self._active[kind] += 1
        if self._active[kind] == 1:
            self._set(kind, on=True)
        self._world.timeline.after(lasts_s, lambda: self._end(kind))

    def _end(self, kind: str) -> None:
        if self._active[kind] == 0:
            return
        self._active[kind] -= 1
        if self._active[kind] == 0:
            self._set(kind, on=False)
            self._world.note("fault", f"{kind} ends")

    def _set(self, kind: str, *, on: bool) -> None:
        """Switch a disturbance; what only the parts ask about needs no switch."""
        switch = getattr(self, f"_set_{kind}", None)
        if switch is not None:
            switch(on)

    def _set_link_down(self, on: bool) -> None:
        self._note_span("link_down", self.link_down_s, on=on)
        self._set_prices()

    def _set_frozen_quotes(self, _: bool) -> None:
        self._set_prices()

    def _set_prices(self) -> None:
        market = self._world.market
        market.catch_up()
        market.exchange.permissions.connected = not self._active["link_down"]
        market.flowing = not (self._active["link_down"] or self._active["frozen_quotes"])

    def _set_autotrading_off(self, on: bool) -> None:
        self._world.market.exchange.permissions.terminal_trading = not on

    def _set_experts_off(self, on: bool) -> None:
        self._world.market.exchange.permissions.account_experts = not on

    def _set_market_closed(self, on: bool) -> None:
        self._world.market.exchange.permissions.market_open = not on

    def _set_another_account(self, on: bool) -> None:
        self._world.terminal.log_in_stranger(on)

    def _set_terminal_restart(self, on: bool) -> None:
        terminal = self._world.terminal
        terminal.go_down() if on else terminal.come_up()

    def _set_history_late(self, on: bool) -> None:
        view = self._world.market_view
        view.cut_history(30) if on else view.heal_history()

    def _set_log_down(self, on: bool) -> None:
        self._world.topic.up = not on

    def _set_commits_fail(self, on: bool) -> None:
        self._world.topic.commit_fails = 0.7 if on else 0.0

    def _set_backend_down(self, on: bool) -> None:
        self._world.backend.up = not on
        if on:
            self._world.backend.drop_connection()

    def _set_clock_jump(self, on: bool) -> None:
        self._world.set_clock(self._draw.choice(JUMPS_S) * self._draw.random() if on else 0.0)

    def _set_disk_full(self, on: bool) -> None:
        self.disk_is_full = on
        self._note_span("disk_full", self.disk_full_s, on=on)

    def _note_span(self, kind: str, spans: list[tuple[float, float]], *, on: bool) -> None:
        now_s = self._world.timeline.now_s
        if on:
            self._since_s[kind] = now_s
        else:
            spans.append((self._since_s[kind], now_s))

    def _strike_once(self, kind: str) -> None:
        world, draw = self._world, self._draw
        topic = world.topic
        match kind:
            case "worker_crash":
                alive = [worker for worker in world.workers() if not worker.dead]
                if alive:
                    draw.choice(alive).die()
            case "rebalance":
                if topic.member is not None:
                    topic.member.lose()
            case "topic_replayed":
                topic.rewind(draw.choice((topic.first, max(topic.first, topic.end - 5))))
                self._rejoin()
            case "group_forgotten":
                topic.forget_group()
                self._rejoin()
            case "topic_trimmed":
                topic.trim(draw.randrange(topic.first, topic.end + 1))
                self._rejoin()
            case "backend_drops":
                world.backend.drop_connection()

    def _rejoin(self) -> None:
        """An administrator changes a group's offsets only while it has no members."""
        if self._world.topic.member is not None:
            self._world.topic.member.lose()
