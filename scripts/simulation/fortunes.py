"""What befalls the money: prices leap, it is paid in and out; and who tightens limits and lifts halts.

Owns what of it happens and when, by the seed. It has sequences of its own: without it, a seed is the same.
"""

import random
from typing import TYPE_CHECKING, Any

from scripts.simulation.market import SYMBOLS

if TYPE_CHECKING:
    from scripts.simulation.traders import Traders
    from scripts.simulation.world import World

LEAP_POINTS = (200, 600, 1_500)
PAID = (300.0, 2_000.0, 8_000.0)
TIGHTER: dict[str, tuple[float, ...]] = {
    "MAX_VOLUME": (0.5, 0.2, 0.05),
    "MAX_RISK_PERCENT": (1.0, 0.4, 0.1),
    "MAX_DAILY_TRADES": (8, 4, 1),
    "MAX_OPEN_POSITIONS": (3, 1),
    "MAX_ORDERS_PER_MINUTE": (4, 1),
    "MAX_DAILY_LOSS_PERCENT": (1.0, 0.2),
}


class Fortunes:
    """Good and bad luck, and prudence."""

    def __init__(self, world: "World", traders: "Traders", draw: random.Random) -> None:
        self._world = world
        self._traders = traders
        self._draw = draw
        self._numbers = 0

    def schedule(self, until_s: float) -> None:
        """Plan what happens up to a moment."""
        draw, timeline = self._draw, self._world.timeline
        plans = (
            (self._leap, draw.choice((0, 0, 1, 3, 6))),
            (self._pay, draw.choice((0, 0, 1, 2))),
            (self._tighten, draw.choice((0, 0, 1, 3))),
            (self._restore, draw.choice((0, 0, 0, 1))),
            (self._resume, draw.choice((0, 1, 2))),
        )
        for act, times in plans:
            for _ in range(times):
                timeline.at(draw.uniform(5.0, until_s), act)

    def _leap(self) -> None:
        """Let a price leap over everything between."""
        market, draw = self._world.market, self._draw
        market.catch_up()
        name, points = draw.choice(SYMBOLS), draw.choice(LEAP_POINTS) * draw.choice((-1, 1))
        market.prices[name].bid += points
        self._world.note("market", f"{name} leaps {points:+} points")

    def _pay(self) -> None:
        """Pay money in or out."""
        draw, world = self._draw, self._world
        amount = draw.choice(PAID) * draw.choice((-1, 1))
        world.market.catch_up()
        world.market.exchange.deposit(amount)
        world.money.moves.append((world.timeline.now_s, amount))
        world.note("money", f"{amount:+,.2f}")

    def _tighten(self) -> None:
        draw = self._draw
        self._numbers += 1
        reason = f"tighten {self._numbers}"
        names = draw.sample(sorted(TIGHTER), draw.choice((1, 1, 2)))
        limits = {name: draw.choice(TIGHTER[name]) for name in names}
        data: dict[str, Any] = {"limits": limits, "reason": reason}
        self._traders.by_any_channel("tighten_limits", reason, data)

    def _restore(self) -> None:
        self._numbers += 1
        reason = f"restore {self._numbers}"
        self._traders.by_file("restore_limits", {"reason": reason})

    def _resume(self) -> None:
        self._traders.resume_by_file()
