"""What the account was worth, what the terminal told of it, and what was paid in and out, for the judge.

Owns the figures as they were at the trade server and at the terminal's door, noted from outside; nothing here
is read from the bridge. Money is in the account's currency, times are seconds of the world.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hybrid_bridge.simulator import constants as mt5

if TYPE_CHECKING:
    from scripts.simulation.market import Market

LOTS = 100_000.0  # What a lot of each of the market's symbols consists of.
OWN_MAGIC = 234_000 << 32  # The smallest magic of a bridge with the default MT5_MAGIC.


@dataclass(frozen=True, slots=True)
class Holding:
    """A position or an order that waits, as the trade server had it.

    Attributes:
        stop_loss: price, 0.0 for none.
        since_s: when it was opened or placed.
        own: whether the bridge asked for it.
    """

    symbol: str
    buy: bool
    volume: float
    price_open: float
    stop_loss: float
    since_s: float
    own: bool


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The account at the moment at which an entry reached the terminal.

    Attributes:
        added_margin: what the entry alone would block.
        bids: by symbol.
    """

    equity: float
    margin: float
    added_margin: float
    positions: tuple[Holding, ...]
    waiting: tuple[Holding, ...]
    bids: dict[str, float]


@dataclass(frozen=True, slots=True)
class Look:
    """The account's figures that the terminal handed to a bridge that lived on.

    Attributes:
        life: which process got them.
        watch: whether it was a look at the account alone, none for an order.
        funds: what had been paid in so far, less what had been paid out.
    """

    at_s: float
    life: int
    watch: bool
    equity: float
    margin_level: float
    funds: float

    @property
    def earned(self) -> float:
        """The equity less all that was paid in since the beginning."""
        return self.equity - self.funds


class Money:
    """The book of one seed.

    Attributes:
        looks: oldest first.
        worths: the true equity less what was paid in, (moment, amount), oldest first.
        moves: what was paid in and out, (moment, amount), oldest first.
        ends_s: when each life ended, by its number.
    """

    def __init__(self) -> None:
        self.looks: list[Look] = []
        self.worths: list[tuple[float, float]] = []
        self.moves: list[tuple[float, float]] = []
        self.ends_s: dict[int, float] = {}

    def funds(self, at_s: float) -> float:
        """Return what had been paid in by a moment, less what had been paid out."""
        return sum(amount for moment_s, amount in self.moves if moment_s <= at_s)

    def note_look(self, at_s: float, life: int, equity: float, margin_level: float, *, watch: bool) -> None:
        """Note figures that were handed to a bridge."""
        self.looks.append(Look(at_s, life, watch, equity, margin_level, self.funds(at_s)))

    def note_worth(self, at_s: float, equity: float) -> None:
        """Note what the account is worth."""
        self.worths.append((at_s, equity - self.funds(at_s)))

    def best_equity(self, at_s: float, within_s: float) -> float:
        """Return the most that the account was worth in a span that ends at a moment."""
        span = [worth for moment_s, worth in self.worths if at_s - within_s <= moment_s <= at_s]
        return max(span, default=0.0) + self.funds(at_s)


def snapshot(market: "Market", order_type: int, symbol: str, volume: float) -> Snapshot:
    """Take down the account as the trade server has it."""
    exchange = market.exchange
    account = exchange.account_info()
    ticks = {name: exchange.symbol_info_tick(name) for name in market.prices}
    entry = ticks[symbol].bid if order_type % 2 else ticks[symbol].ask
    return Snapshot(
        equity=account.equity,
        margin=account.margin,
        added_margin=exchange.order_calc_margin(order_type % 2, symbol, volume, entry),
        positions=tuple(
            Holding(
                row.symbol, row.type == mt5.POSITION_TYPE_BUY, row.volume, row.price_open, row.sl,
                market.moment_of(row.time_msc), row.magic >= OWN_MAGIC,
            )
            for row in exchange.positions()
        ),
        waiting=tuple(
            Holding(
                row.symbol, row.type % 2 == 0, row.volume_current, row.price_open, row.sl,
                market.moment_of(row.time_setup_msc), row.magic >= OWN_MAGIC,
            )
            for row in exchange.orders()
        ),
        bids={name: tick.bid for name, tick in ticks.items()},
    )  # fmt: skip


def worth_of(symbol: str, volume: float, bid: float) -> float:
    """Return what lots of a symbol are worth, in US dollars."""
    return volume * LOTS * (1.0 if symbol.startswith("USD") else bid)


def loss_between(symbol: str, volume: float, distance: float, rate: float) -> float:
    """Return what lots lose over a distance of the price, in US dollars.

    Args:
        rate: the price at which a loss in another currency is paid.
    """
    return volume * LOTS * distance * (1.0 if symbol.endswith("USD") else 1.0 / rate)


def loss_at_stop(holding: Holding, bid: float) -> float | None:
    """Return what a holding loses from its price to its stop, a profit counted as 0; None without a stop."""
    if not holding.stop_loss:
        return None
    fall = (holding.price_open - holding.stop_loss) * (1 if holding.buy else -1)
    return max(0.0, loss_between(holding.symbol, holding.volume, fall, bid))


def net_lots(holdings: Sequence[Holding], symbol: str) -> float:
    """Return the lots bought less those sold."""
    return sum(held.volume * (1 if held.buy else -1) for held in holdings if held.symbol == symbol)


def legs_of(symbol: str, buy: bool, volume: float, bid: float) -> dict[str, float]:
    """Return what a holding adds to the exposure of its two currencies, in US dollars."""
    worth = worth_of(symbol, volume, bid) * (1 if buy else -1)
    return {symbol[:3]: worth, symbol[3:]: -worth}
