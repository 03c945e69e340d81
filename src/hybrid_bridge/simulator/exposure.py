"""What the open positions of one symbol add up to.

Owns the running sums of both legs, so that margin and an estimate of the floating profit cost the
same for one position and for thousands. Sums are exact decimals: adding and removing leaves no
residue. The books keep it in step with the positions.

Source: MetaTrader 5 help, margin calculation for retail hedging (covered and uncovered volume).
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from hybrid_bridge.simulator.positions import Position
from hybrid_bridge.simulator.symbols import SymbolSpec

ZERO = Decimal(0)


@dataclass(slots=True)
class Leg:
    """The long or the short side: lots, lots times open price, margin in the account's currency."""

    volume: Decimal = ZERO
    cost: Decimal = ZERO
    margin: Decimal = ZERO

    def plus(self, volume: Decimal, margin: Decimal) -> Leg:
        """Give the leg with more volume; its cost is left as it is."""
        return Leg(self.volume + volume, self.cost, self.margin + margin)


class Exposure:
    """Both legs of one symbol."""

    __slots__ = (
        "_hedged_share",
        "long",
        "long_cost",
        "long_volume",
        "short",
        "short_cost",
        "short_volume",
        "swap",
        "units",
    )

    def __init__(self, spec: SymbolSpec) -> None:
        self._hedged_share = Decimal(repr(spec.margin_hedged)) / Decimal(repr(spec.contract_size))
        self.units = units_per_lot(spec)
        self.long = Leg()
        self.short = Leg()
        self.swap = ZERO
        self.long_volume = self.long_cost = self.short_volume = self.short_cost = 0.0

    def add(self, position: Position) -> None:
        """Count a position in."""
        self._count(position, 1)

    def remove(self, position: Position) -> None:
        """Count a position out, exactly as it was counted in."""
        self._count(position, -1)

    def _count(self, position: Position, sign: int) -> None:
        leg = self.long if position.is_buy else self.short
        leg.volume += sign * position.volume
        leg.cost += sign * position.volume * position.price_open
        self.swap += sign * position.swap
        leg.margin += sign * position.margin_per_lot * position.volume
        self.long_volume, self.long_cost = float(self.long.volume), float(self.long.cost)
        self.short_volume, self.short_cost = float(self.short.volume), float(self.short.cost)

    def margin(self) -> Decimal:
        """Give the margin both legs block, not rounded."""
        return self._margin_of(self.long, self.short)

    def margin_with(self, buy: bool, volume: Decimal, margin: Decimal) -> Decimal:
        """Give the margin that would be blocked with one more position on a leg, not rounded."""
        if buy:
            return self._margin_of(self.long.plus(volume, margin), self.short)
        return self._margin_of(self.long, self.short.plus(volume, margin))

    def _margin_of(self, long: Leg, short: Leg) -> Decimal:
        covered = min(long.volume, short.volume)
        if not covered:
            return long.margin + short.margin
        larger = long if long.volume >= short.volume else short
        uncovered = larger.margin / larger.volume * (larger.volume - covered)
        average = (long.margin + short.margin) / (long.volume + short.volume)
        return uncovered + average * covered * self._hedged_share

    def floating_estimate(self, bid: float, ask: float) -> float:
        """Estimate the floating profit in the symbol's profit currency."""
        long = bid * self.long_volume - self.long_cost
        short = self.short_cost - ask * self.short_volume
        return (long + short) * self.units

    def notional(self, price: float) -> float:
        """Give what both legs are worth together in the symbol's profit currency."""
        return (self.long_volume + self.short_volume) * price * self.units


def units_per_lot(spec: SymbolSpec) -> float:
    """Give what a move of one price unit is worth for one lot, in the profit currency."""
    if spec.tick_value:
        return spec.tick_value / spec.tick_size
    return spec.contract_size
