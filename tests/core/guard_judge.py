"""May this order be sent? Worked out once more, plainly, from the exchange's ledger and the limits.

Written from the documentation of the limits; shares nothing with the core but its values. Where the guard has
a closed form this tries every case: every subset of the orders that may fill.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, combinations

from tests.core.guard_exchange import Exchange, Held, Waiting
from tests.core.guard_market import INSTRUMENTS

from hybrid_bridge.core.limits import Limits

Above = Callable[[float, float], bool]
SAME = 1e-9  # Two ways of adding up floats differ by less.


@dataclass(frozen=True)
class Stake:
    """What is open or may come to be.

    Attributes:
        kind: "position", "waiting", "unseen" (sent, and no look shows what became of it) or "closing" (a
            close of unknown outcome).
        legs: what a BUY of it holds more of, and what it owes.
        loss: at its stop; None when nothing bounds it.
        margin: that no look shows yet.
    """

    kind: str
    symbol: str
    buy: bool
    lots: float
    legs: tuple[str, str]
    lot_money: float | None
    loss: float | None
    margin: float = 0.0

    @property
    def signed(self) -> float:
        return self.lots if self.buy else -self.lots


@dataclass(frozen=True)
class Facts:
    """Everything that bears on one entry; money in account currency.

    Attributes:
        unit: the account currency's smallest; figures that a terminal rounded may be off by it.
        loss_per_lot: at the stop that is sent; None without one.
    """

    limits: Limits
    equity: float
    margin: float
    free_margin: float
    unit: float
    day_start: float | None
    peak: float | None
    reducing: bool
    hedging: bool
    stakes: Sequence[Stake]
    symbol: str
    buy: bool
    legs: tuple[str, str]
    lot_money: float | None
    step: float
    largest: float
    most: float
    loss_per_lot: float | None
    margin_per_lot: float

    def of(self, *kinds: str) -> list[Stake]:
        return [stake for stake in self.stakes if stake.kind in kinds]


def broken(facts: Facts, lots: float, strictly: bool = False) -> set[str]:
    """Name every limit that an order of so many lots breaks.

    Args:
        strictly: also what would be broken if a figure were off by its rounding; else only what is broken
            even so.
    """
    sign = -1 if strictly else 1

    def above(amount: float, limit: float) -> bool:
        return not amount <= limit + sign * (facts.unit + SAME * abs(limit))

    found = {
        "volume": _breaks_volume(facts, lots),
        "risk_per_trade": _breaks_risk(facts, lots, above),
        "open_risk": _breaks_open_risk(facts, lots, above),
        "exposure": _breaks_exposure(facts, lots, above),
        "margin": _breaks_margin(facts, lots, above),
        "open_positions": _breaks_positions(facts),
        "daily_loss": not facts.reducing
        and fell(facts.limits.max_daily_loss_percent, facts.day_start, facts.equity),
        "drawdown": not facts.reducing and fell(facts.limits.max_drawdown_percent, facts.peak, facts.equity),
        "trading_state": facts.reducing and not _reduces(facts, lots),
    }
    return {name for name, is_broken in found.items() if is_broken}


def fell(limit: float | None, start: float | None, equity: float) -> bool:
    """Tell whether equity has fallen to a limit, in percent of where it started; what is unknown has."""
    if limit is None:
        return False
    return start is None or not start > 0 or not (start - equity) / start * 100 < limit


def _breaks_volume(facts: Facts, lots: float) -> bool:
    steps = lots / facts.step
    if not lots >= facts.step * (1 - SAME) or abs(steps - round(steps)) > 1e-6:
        return True
    if lots > facts.largest + SAME or (
        facts.limits.max_volume is not None and lots > facts.limits.max_volume + SAME
    ):
        return True
    beside = [
        s.lots
        for s in facts.of("position", "waiting", "unseen")
        if (s.symbol, s.buy) == (facts.symbol, facts.buy)
    ]
    return bool(facts.most) and lots + sum(beside) > facts.most + SAME


def _breaks_risk(facts: Facts, lots: float, above: Above) -> bool:
    if facts.loss_per_lot is None:
        return facts.limits.require_stop_loss
    return above(facts.loss_per_lot * lots, facts.equity * facts.limits.max_risk_percent / 100)


def _breaks_open_risk(facts: Facts, lots: float, above: Above) -> bool:
    percent = facts.limits.max_open_risk_percent
    if percent is None:
        return False
    losses = [stake.loss for stake in facts.of("position", "waiting", "unseen")]
    if facts.loss_per_lot is None or None in losses:
        return True
    return above(sum(losses) + facts.loss_per_lot * lots, facts.equity * percent / 100)


def _breaks_margin(facts: Facts, lots: float, above: Above) -> bool:
    needed = facts.margin_per_lot * lots + sum(stake.margin for stake in facts.of("unseen"))
    if above(needed, facts.free_margin):
        return True
    least = facts.limits.min_margin_level_percent
    return least is not None and above((facts.margin + needed) * least / 100, facts.equity)


def _breaks_positions(facts: Facts) -> bool:
    def count(stakes: list[Stake]) -> int:
        shown = [s for s in stakes if s.kind == "position"]
        coming = [s for s in stakes if s.kind == "unseen"]
        if facts.hedging:
            return len(shown) + len(coming) + 1
        return len({s.symbol for s in (*shown, *coming)} | {facts.symbol})

    alike = [stake for stake in facts.stakes if stake.symbol == facts.symbol]
    everywhere, here = facts.limits.max_open_positions, facts.limits.max_positions_per_symbol
    return (everywhere is not None and count(list(facts.stakes)) > everywhere) or (
        here is not None and count(alike) > here
    )


def _reduces(facts: Facts, lots: float) -> bool:
    """Tell whether the symbol's net position gets smaller, whatever else fills."""
    held = sum(s.signed for s in facts.of("position") if s.symbol == facts.symbol)
    coming = [s.signed for s in facts.of("unseen") if s.symbol == facts.symbol]
    change = lots if facts.buy else -lots
    return all(
        abs(held + more + change) < abs(held + more) for more in (sum(part) for part in subsets(coming))
    )


def _breaks_exposure(facts: Facts, lots: float, above: Above) -> bool:
    percent = facts.limits.max_exposure_percent
    if percent is None:
        return False
    if facts.lot_money is None or any(stake.lot_money is None for stake in facts.stakes):
        return True
    limit = facts.equity * percent / 100
    order = Stake("unseen", facts.symbol, facts.buy, lots, facts.legs, facts.lot_money, None)
    for leg in facts.legs:
        before = worst_net(facts.stakes, leg)
        if above(worst_net([*facts.stakes, order], leg), max(limit, before)):
            return True
    return False


def worst_net(stakes: Sequence[Stake], leg: str) -> float:
    """Return the most that may come to be held or owed of one leg, over every subset of what may fill."""
    certain, uncertain = 0.0, []
    for stake in stakes:
        money = stake.signed * stake.lot_money * ((stake.legs[0] == leg) - (stake.legs[1] == leg))
        if stake.kind == "position":
            certain += money
        elif money:
            uncertain.append(money)
    return max(abs(certain + sum(part)) for part in subsets(uncertain))


def subsets(things: Sequence[float]) -> Iterator[tuple[float, ...]]:
    return chain.from_iterable(combinations(things, size) for size in range(len(things) + 1))


def weigh(
    exchange: Exchange,
    limits: Limits,
    symbol: str,
    buy: bool,
    stop: float,
    unseen: Sequence[Stake] = (),
    *,
    day_start: float | None,
    peak: float | None,
    reducing: bool,
) -> Facts:
    """Read from the exchange what bears on an entry there.

    Args:
        stop: the price that is sent, 0.0 for none.
        unseen: what was sent and does not show; only the sender can know of it.
    """
    market, found = exchange.market, INSTRUMENTS[symbol]
    loss = None
    if stop:
        entry = market.entry(symbol, buy)
        loss = market.loss_when_stopped(symbol, buy, 1.0, entry, stop, limits.slippage_reserve_points)
    return Facts(
        limits=limits,
        equity=exchange.equity,
        margin=exchange.margin,
        free_margin=market.money(exchange.equity - exchange.margin),
        unit=market.unit if exchange.rounds else 0.0,
        day_start=day_start,
        peak=peak,
        reducing=reducing,
        hedging=exchange.hedging,
        stakes=(
            *(stake_of(exchange, "position", held) for held in exchange.shown.values()),
            *(stake_of(exchange, "waiting", order) for order in exchange.waiting.values()),
            *unseen,
        ),
        symbol=symbol,
        buy=buy,
        legs=found.legs,
        lot_money=market.worth(symbol).money_per_lot,
        step=found.step,
        largest=found.largest,
        most=found.most,
        loss_per_lot=loss,
        margin_per_lot=market.margin(symbol, buy, 1.0),
    )


def stake_of(exchange: Exchange, kind: str, held: Held | Waiting) -> Stake:
    return Stake(
        kind,
        held.symbol,
        held.buy,
        held.lots,
        INSTRUMENTS[held.symbol].legs,
        exchange.market.worth(held.symbol).money_per_lot,
        exchange.loss_at_stop(held),
    )
