"""Equity, margin and what is left of them.

Owns the questions about the account's solvency: its figures to the cent, whether a new position can
be paid for, whether it must be stopped out. A cheap estimate answers where it is clearly enough, so
that neither a tick nor an order costs more with thousands of positions open. It changes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import NamedTuple

from hybrid_bridge.simulator.books import Books
from hybrid_bridge.simulator.config import ExchangeConfig
from hybrid_bridge.simulator.exposure import ZERO
from hybrid_bridge.simulator.instruments import Instrument
from hybrid_bridge.simulator.positions import Position
from hybrid_bridge.simulator.valuation import Quotes, Valuation

# What the estimate leaves out: each position's rounding; and, of the money that goes through another
# pair, its spread and its drift since, taken generously as a share of the whole notional value.
_ROUNDING_PER_POSITION = 0.01
_CONVERSION_SHARE = 0.001


class Figures(NamedTuple):
    """The account at the current quotes, in its currency, rounded. `profit` includes swap."""

    balance: Decimal
    credit: Decimal
    profit: Decimal
    equity: Decimal
    margin: Decimal

    @property
    def margin_free(self) -> Decimal:
        """Give the equity that no margin blocks."""
        return self.equity - self.margin

    @property
    def margin_level(self) -> Decimal:
        """Give equity in percent of margin; 0 without margin."""
        return self.equity / self.margin * 100 if self.margin else ZERO


class Estimate:
    """The floating profit, nearly: one float for each symbol, renewed by that symbol's ticks."""

    def __init__(self, books: Books, valuation: Valuation, active: list[Instrument]) -> None:
        self.revision = books.revision
        self.margin = float(sum((i.exposure.margin() for i in active), ZERO))
        self.slack = _ROUNDING_PER_POSITION * (len(books.positions) + 1)
        self._valuation = valuation
        self._parts = {i.spec.name: self._part(i) for i in active}
        self._swap = float(sum((i.exposure.swap for i in active), ZERO))
        self.floating = sum(self._parts.values()) + self._swap
        for instrument in active:
            currency = instrument.spec.currency_profit
            if valuation.is_converted(currency):
                notional = instrument.exposure.notional(instrument.bid)
                self.slack += valuation.estimate(notional, currency) * _CONVERSION_SHARE

    def renew(self, instrument: Instrument) -> None:
        """Take a symbol's new quote."""
        name = instrument.spec.name
        if name in self._parts:
            part = self._part(instrument)
            self.floating += part - self._parts[name]
            self._parts[name] = part

    def _part(self, instrument: Instrument) -> float:
        if not instrument.quoted:
            return 0.0
        amount = instrument.exposure.floating_estimate(instrument.bid, instrument.ask)
        return self._valuation.estimate(amount, instrument.spec.currency_profit)


@dataclass(slots=True)
class _Valued:
    """What is open on one symbol, to the cent, at certain quotes.

    Attributes:
        amounts: by ticket, the position and its floating profit.
        total: of all of them, with swap, when the books were at `revision`.
    """

    quotes: Quotes
    amounts: dict[int, tuple[Position, Decimal]] = field(default_factory=dict)
    revision: int = -1
    total: Decimal = ZERO


class Funds:
    """The account's solvency, from its books and the current quotes."""

    def __init__(
        self,
        config: ExchangeConfig,
        books: Books,
        valuation: Valuation,
        instruments: Mapping[str, Instrument],
    ) -> None:
        self._books = books
        self._valuation = valuation
        self._instruments = instruments
        self._stop_out = Decimal(repr(config.margin_so_so)) / 100
        self._estimate = Estimate(books, valuation, [])
        self._valued: dict[str, _Valued] = {}

    def figures(self) -> Figures:
        """Compute the account to the cent; a new quote or position costs a look at all of its symbol's."""
        profit = sum((self._open_profit(i) for i in self._active()), ZERO)
        margin = self._valuation.money(self._margin())
        books = self._books
        return Figures(books.balance, books.credit, profit, books.balance + books.credit + profit, margin)

    def floating(self, position: Position) -> Decimal:
        """Give a position's floating profit without swap; computed once at the same quotes."""
        instrument = self._instruments[position.symbol]
        return self._worth(self._valued_at_quotes(instrument), instrument, position)

    def _valued_at_quotes(self, instrument: Instrument) -> _Valued:
        name, quotes = instrument.spec.name, self._valuation.quotes(instrument)
        valued = self._valued.get(name)
        if valued is None or valued.quotes != quotes:
            # A new quote also drops what has been closed since.
            valued = self._valued[name] = _Valued(quotes)
        return valued

    def _worth(self, valued: _Valued, instrument: Instrument, position: Position) -> Decimal:
        held, amount = valued.amounts.get(position.ticket, (None, ZERO))
        if held is not position:
            amount = self._valuation.floating(instrument, position)
            valued.amounts[position.ticket] = (position, amount)
        return amount

    def _open_profit(self, instrument: Instrument) -> Decimal:
        """Give what is open on a symbol is worth, with swap."""
        valued = self._valued_at_quotes(instrument)
        if valued.revision != self._books.revision:
            amounts = (self._worth(valued, instrument, p) for p in instrument.positions.values())
            valued.total = sum(amounts, instrument.exposure.swap)
            valued.revision = self._books.revision
        return valued.total

    def result(self, position: Position) -> Decimal:
        """Give a position's floating profit with its swap."""
        return self.floating(position) + position.swap

    def _active(self) -> list[Instrument]:
        return [i for i in self._instruments.values() if i.positions]

    def _margin(self) -> Decimal:
        return sum((i.exposure.margin() for i in self._active()), ZERO)

    def margin_with(
        self,
        instrument: Instrument,
        buy: bool,
        volume: Decimal,
        price: Decimal,
        *,
        reversing: bool,
    ) -> Decimal:
        """Give the account's margin if one more position were open.

        Args:
            instrument: its symbol.
            buy: its direction.
            volume: lots.
            price: price units.
            reversing: whether it takes the place of what is open on the symbol.
        """
        own = self._valuation.margin_per_lot(instrument, buy, price) * volume
        others = self._margin() - instrument.exposure.margin()
        if not reversing:
            own = instrument.exposure.margin_with(buy, volume, own)
        return self._valuation.money(others + own)

    def can_afford(self, margin: Decimal, cost: Decimal) -> bool:
        """Tell whether the equity covers an account margin after a cost (commission) is paid."""
        needed = margin + cost
        estimate = self._current_estimate()
        spare = float(self._books.balance + self._books.credit) + estimate.floating - float(needed)
        if abs(spare) > estimate.slack:
            return spare > 0
        return self.figures().equity >= needed

    def renew(self, instrument: Instrument) -> None:
        """Take a symbol's new quote into the estimate."""
        self._estimate.renew(instrument)

    def is_stopped_out(self) -> bool:
        """Tell whether the margin level has fallen to the stop-out level."""
        if not self._books.positions:
            return False
        estimate = self._current_estimate()
        spare = float(self._books.balance + self._books.credit) + estimate.floating
        spare -= estimate.margin * float(self._stop_out)
        if spare > estimate.slack:
            return False
        figures = self.figures()
        if not figures.margin:
            return figures.equity < 0
        return figures.equity <= figures.margin * self._stop_out

    def _current_estimate(self) -> Estimate:
        if self._estimate.revision != self._books.revision:
            self._estimate = Estimate(self._books, self._valuation, self._active())
        return self._estimate

    def worst_position(self, among: list[Position]) -> Position:
        """Give the position with the largest loss; of equals the oldest."""
        return min(among, key=lambda position: (self.result(position), position.ticket))
