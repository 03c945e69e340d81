"""The market of one seed: prices that wander, and the trade server that they reach.

Owns the true time of the world in milliseconds and the ticks, which are made when somebody looks: what passed
unseen is made in a few steps. The exchange is the simulator's own, with its ledger on a file.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from scripts.simulation.timeline import Timeline

from hybrid_bridge.simulator import constants as mt5
from hybrid_bridge.simulator.accounts import Accounts
from hybrid_bridge.simulator.catalogue import CATALOGUE
from hybrid_bridge.simulator.config import ExchangeConfig
from hybrid_bridge.simulator.exchange import Exchange
from hybrid_bridge.simulator.ledger import Ledger

SYMBOLS = ("EURUSD", "GBPUSD", "USDJPY")
POINTS = {spec.name: spec.point for spec in CATALOGUE if spec.name in SYMBOLS}
LOGIN, SERVER = 7001, "Simulator-Demo"
STRANGER = (7002, 5_000.0)
TICK_MS = 1_000
STEPS_UNSEEN_MAX = 4  # Ticks that stand for a long time in which nobody looked.
STEP_POINTS = 2.0


@dataclass(slots=True)
class Price:
    """One symbol's walk, in points."""

    bid: float
    spread: int
    point: float
    digits: int


class Market:
    """Prices and trade server.

    Attributes:
        accounts: the account under test and the stranger that may be logged in instead.
        flowing: whether new prices come.
    """

    def __init__(
        self,
        timeline: Timeline,
        draw: random.Random,
        folder: Path,
        *,
        hedging: bool,
        start_utc_ms: int,
        offset_s: int,
        only_ioc: bool,
        note_worth: Callable[[float, float], None],
    ) -> None:
        self._note_worth = note_worth
        self._timeline = timeline
        self._draw = draw
        self.start_utc_ms = start_utc_ms
        self._offset_ms = offset_s * 1000
        specs = [spec for spec in CATALOGUE if spec.name in SYMBOLS]
        if only_ioc:
            specs = [replace(spec, filling_mode=mt5.SYMBOL_FILLING_IOC) for spec in specs]
        self.ledger_path = folder / "ledger.jsonl"
        self._ledger = Ledger(self.ledger_path)
        config = ExchangeConfig(
            login=LOGIN,
            server=SERVER,
            balance=100_000.0,
            account_mode="hedging" if hedging else "netting",
            symbols=tuple(specs),
            selected=SYMBOLS,
            utc_offset_s=offset_s,
            opened_server_s=(start_utc_ms + self._offset_ms) // 1000 - 60,
        )
        self.exchange = Exchange(config, self._ledger)
        self.accounts = Accounts(self.exchange)
        self.flowing = True
        self.prices = {
            spec.name: Price(spec.price / spec.point, spec.spread_points, spec.point, spec.digits)
            for spec in specs
        }
        self._last_ms = self.utc_ms - 10 * TICK_MS
        self.catch_up()

    @property
    def utc_ms(self) -> int:
        """The true time, UTC milliseconds."""
        return self.start_utc_ms + round(self._timeline.now_s * 1000)

    def moment_of(self, server_msc: int) -> float:
        """The moment, seconds of the world, at which the server's clock showed a time."""
        return (server_msc - self._offset_ms - self.start_utc_ms) / 1000

    def day_of(self, utc_ms: int) -> int:
        """The broker's day at an instant."""
        return (utc_ms + self._offset_ms) // 86_400_000

    def pending_since_ms(self) -> dict[int, int]:
        """Since when the orders wait that wait at the venue, UTC milliseconds by ticket."""
        return {order.ticket: order.time_setup_msc - self._offset_ms for order in self.exchange.orders()}

    @property
    def holds_orders(self) -> bool:
        """Whether a market order waits at the venue to be filled."""
        self.catch_up()
        return any(
            order.type in (mt5.ORDER_TYPE_BUY, mt5.ORDER_TYPE_SELL) for order in self.exchange.orders()
        )

    def catch_up(self) -> None:
        """Make the ticks that are due by now."""
        now_ms = self.utc_ms
        count = (now_ms - self._last_ms) // TICK_MS
        if count <= 0:
            return
        if not self.flowing:
            self._last_ms = now_ms
            self.accounts.advance_clock(now_ms + self._offset_ms)
            self._note_worth(self._timeline.now_s, self.exchange.account_info().equity)
            return
        steps = min(count, STEPS_UNSEEN_MAX)
        stretch = (count / steps) ** 0.5
        for step in range(steps):
            at_ms = now_ms - (steps - 1 - step) * TICK_MS
            for name in SYMBOLS:
                self._tick(name, at_ms, stretch)
        self._last_ms = now_ms
        self._note_worth(self._timeline.now_s, self.exchange.account_info().equity)

    def _tick(self, name: str, at_ms: int, stretch: float) -> None:
        price = self.prices[name]
        price.bid += self._draw.gauss(0.0, STEP_POINTS * stretch)
        bid = round(price.bid)
        ask = bid + max(1, price.spread + self._draw.randrange(-1, 2))
        lag_ms = self._draw.randrange(300)
        self.accounts.on_tick(
            name,
            at_ms - lag_ms + self._offset_ms,
            round(bid * price.point, price.digits),
            round(ask * price.point, price.digits),
        )

    def close(self) -> None:
        """Close the ledger's file."""
        self._ledger.close()
