"""When a process is killed: at a moment, after so many steps, at a named await, in a named journal write.

Owns the plan of one life's end and its carrying out. Every plan follows from the seed; the named ones go
through the list of crash points in turn, so that many seeds together visit all of them.
"""

import asyncio
import random
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from scripts.simulation.points import PHASES, all_points

if TYPE_CHECKING:
    from scripts.simulation.life import Life

Kind = Literal["moment", "steps", "await", "write", "sending", "stop", "never"]


@dataclass(frozen=True, slots=True)
class KillPlan:
    """How one life ends.

    Attributes:
        from_s: not before this moment.
        count: steps to let pass, or visits of the point.
        point: the await's or write's name.
        delay_s: between a request's writing and the kill, for "sending".
        power_cut: the whole computer, not the process alone.
    """

    kind: Kind
    from_s: float
    count: int = 1
    point: str = ""
    delay_s: float = 0.0
    power_cut: bool = False

    def __str__(self) -> str:
        what = "power cut" if self.power_cut else "kill"
        where = {"moment": "at a moment", "steps": f"after {self.count} steps", "never": "never"}
        return f"{what} {where.get(self.kind, f'at {self.point or self.kind} (visit {self.count})')}"


def aim_of(seed: int) -> str:
    """Return the crash point whose turn it is."""
    points = all_points().all
    return points[seed % len(points)]


def plan_kills(draw: random.Random, seed: int, until_s: float, count: int) -> list[KillPlan]:
    """Plan the ends of a seed's lives; the first aims at the crash point whose turn it is."""
    points = all_points()
    aim = aim_of(seed)
    moments = sorted(draw.uniform(1.0, until_s) for _ in range(count))
    plans = []
    for number, moment_s in enumerate(moments):
        kind = draw.choice(
            ("moment", "steps", "await", "await", "write", "write", "sending", "sending", "stop")
        )
        power_cut = draw.random() < 0.5
        if number == 0:
            point = aim
            kind = "write" if point.startswith("write ") else "await"
        elif kind == "await":
            point = draw.choice(points.awaits)
        else:
            point = draw.choice(points.writes)
        plans.append(
            KillPlan(
                kind=kind,  # type: ignore[arg-type]
                from_s=moment_s if number else draw.choice((0.0, draw.uniform(0.0, until_s / 2))),
                count=draw.choice((1, 1, 1, 2, 3, 5)) if kind != "steps" else draw.randrange(1, 120),
                point=point if kind in ("await", "write") else "",
                delay_s=draw.choice((0.0, 0.001, 0.01, 0.1, 1.0)) * draw.random(),
                power_cut=power_cut,
            )
        )
    return plans


class Killer:
    """Carries one plan out."""

    def __init__(self, life: "Life", plan: KillPlan, patience_s: float) -> None:
        """Watch a life.

        Args:
            patience_s: a named point that is not visited by then is given up for any moment.
        """
        self._life = life
        self._plan = plan
        self._left = plan.count
        self._points = all_points()
        timeline = life.world.timeline
        if plan.kind == "stop":
            timeline.at(plan.from_s, self._ask_to_stop)
        elif plan.kind == "moment":
            timeline.at(plan.from_s, lambda: self._strike("at this moment"))
        elif plan.kind != "never":
            timeline.at(patience_s, lambda: self._strike("at this moment, the point was not visited"))
        if plan.kind in ("steps", "await"):
            life.loop.on_step = self._on_step

    @property
    def _armed(self) -> bool:
        return self._life.world.timeline.now_s >= self._plan.from_s and not self._life.world.calm

    def _on_step(self, task: asyncio.Task[Any] | None) -> None:
        if not self._armed:
            return
        if self._plan.kind == "steps":
            self._count_down("after a step")
        elif task is not None and not task.done() and self._plan.point in self._standing_at(task):
            self._count_down(f"at {self._plan.point}")

    def _standing_at(self, task: asyncio.Task[Any]) -> list[str]:
        return self._points.standing_at(task.get_coro())

    def at_write(self, kinds: tuple[str, ...], phase: str) -> bool:
        """Strike at a journal write, if this is the one; return whether it did."""
        if self._plan.kind != "write" or not self._armed:
            return False
        if not any(f"write {kind}: {phase}" == self._plan.point for kind in kinds):
            return False
        self._left -= 1
        if self._left > 0:
            return False
        self._life.written_at = [f"write {kind}: {phase}" for kind in kinds]
        self._strike(f"at {self._plan.point}", in_commit=phase == PHASES[1])
        return True

    def _ask_to_stop(self) -> None:
        """Stop in order, as for an update; half of the stops are cut short."""
        if self._life.dead or self._life.world.calm:
            return
        self._life.ask_to_stop()
        if self._plan.count > 1:
            delay_s = self._plan.delay_s * 5
            self._life.world.timeline.after(delay_s, lambda: self._strike("while it was stopping"))

    def on_written(self) -> None:
        """Strike soon after a request was written to the worker."""
        if self._plan.kind == "sending" and self._armed and self._left > 0:
            self._left -= 1
            if self._left == 0:
                self._life.world.timeline.after(
                    self._plan.delay_s, lambda: self._strike("while an order was on its way")
                )

    def _count_down(self, words: str) -> None:
        self._left -= 1
        if self._left == 0:
            self._strike(words)

    def _strike(self, words: str, *, in_commit: bool = False) -> None:
        if not self._life.dead and not self._life.world.calm:
            self._life.kill(words, power_cut=self._plan.power_cut, in_commit=in_commit)
