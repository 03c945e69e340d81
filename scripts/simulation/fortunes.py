"""What befalls the money: prices leap, it is paid in and out; and who tightens limits and lifts halts.

Owns what of it happens and when, by the seed. It has sequences of its own: without it, a seed is the same.
"""

import random
from typing import TYPE_CHECKING, Any

from scripts.simulation.market import SYMBOLS
from scripts.simulation.traders import BY_HAND

from hybrid_bridge.simulator import constants as mt5
from hybrid_bridge.simulator.records import TradeRequest

if TYPE_CHECKING:
    from scripts.simulation.traders import Traders
    from scripts.simulation.world import World

LEAP_POINTS = (200, 600, 1_500)
GAMBLE_POINTS = 4_000
AGAINST = 0.7
RUINED = 0.4  # Share of the long seeds in which much is lost early, and signals come all the same.
RUIN_S, SIGNALS_AFTER_RUIN = 20.0, 6
STRATEGIES_WAIT_S, LIMITS_WAIT_S = (32.0, 70.0), (11.0, 90.0)
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
            (self._gamble, draw.choice((0, 0, 1, 2))),
            (self._leap, draw.choice((0, 1, 4, 8))),
            (self._pay, draw.choice((0, 0, 1, 2))),
            (self._tighten, draw.choice((0, 1, 1, 4))),
            (self._restore, draw.choice((0, 0, 0, 1))),
            (self._resume, draw.choice((0, 1, 2))),
        )
        for act, times in plans:
            for _ in range(times):
                timeline.at(draw.uniform(5.0, until_s), act)
        if draw.random() < RUINED and until_s > RUIN_S + STRATEGIES_WAIT_S[1]:
            timeline.at(RUIN_S / 2, self._gamble)
            for _ in range(3):
                timeline.at(draw.uniform(RUIN_S / 2, RUIN_S), self._leap)
            for _ in range(SIGNALS_AFTER_RUIN):
                timeline.at(draw.uniform(RUIN_S + STRATEGIES_WAIT_S[0], until_s), self._traders.signal)

    def _gamble(self) -> None:
        """Open much by hand, as a person does who has had enough of machines."""
        draw, market = self._draw, self._world.market
        market.catch_up()
        name, side = draw.choice(SYMBOLS), draw.choice((mt5.ORDER_TYPE_BUY, mt5.ORDER_TYPE_SELL))
        volume, price = draw.choice((0.3, 1.0, 2.0)), market.prices[name]
        away = GAMBLE_POINTS * (-1 if side == mt5.ORDER_TYPE_BUY else 1)
        request = TradeRequest(
            action=mt5.TRADE_ACTION_DEAL,
            symbol=name,
            volume=volume,
            type=side,
            sl=round((price.bid + away) * price.point, price.digits),
        )
        result = market.exchange.order_send(request, BY_HAND)
        self._world.hand_trades += 1
        self._world.note("by hand", f"{volume:g} lots of {name}: {result.retcode}")

    def _leap(self) -> None:
        """Let a price leap over everything between, most often against what is held."""
        market, draw = self._world.market, self._draw
        market.catch_up()
        name, points = draw.choice(SYMBOLS), draw.choice(LEAP_POINTS) * draw.choice((-1, 1))
        held = market.exchange.positions()
        if held and draw.random() < AGAINST:
            worst = max(held, key=lambda position: position.volume)
            name, points = worst.symbol, abs(points) * (-1 if worst.type == 0 else 1)
        market.prices[name].bid += points
        self._world.note("market", f"{name} leaps {points:+} points")
        self._signal_later(STRATEGIES_WAIT_S)

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
        # Half of them about one limit, so that some come after a stricter one.
        names = ["MAX_VOLUME"] if draw.random() < 0.5 else draw.sample(sorted(TIGHTER), draw.choice((1, 2)))
        limits = {name: draw.choice(TIGHTER[name]) for name in names}
        data: dict[str, Any] = {"limits": limits, "reason": reason}
        self._traders.by_any_channel("tighten_limits", reason, data)
        self._signal_later(LIMITS_WAIT_S)

    def _signal_later(self, wait_s: tuple[float, float]) -> None:
        """Have strategies try what they may do now."""
        for _ in range(self._draw.choice((0, 1, 2, 3))):
            self._world.timeline.after(self._draw.uniform(*wait_s), self._traders.signal)

    def _restore(self) -> None:
        self._numbers += 1
        reason = f"restore {self._numbers}"
        self._traders.by_file("restore_limits", {"reason": reason})

    def _resume(self) -> None:
        self._traders.resume_by_file()
