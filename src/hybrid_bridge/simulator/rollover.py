"""What the trade server does by its clock: swap at midnight and the end of orders' lives.

Owns the moment of the next such event and the swap formulas. Swap gathers on the position and is
paid when it closes; in the two modes that reopen positions it is in the new opening price instead.
Called by the exchange whenever its clock moves.

The reference says of those two only that the position is closed at the end of the day and reopened
"by the close price" or "by the current Bid price", plus or minus the swap points. A reading of it:
both happen at midnight, at the last quote; the close price is the one that side closes at; a negative
swap worsens the new price, a positive one betters it; the points count once for each night.

Source: MQL5 reference, ENUM_SYMBOL_SWAP_MODE; symbol property SYMBOL_SWAP_ROLLOVER3DAYS.
"""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from hybrid_bridge.simulator import constants as mt5
from hybrid_bridge.simulator.exposure import units_per_lot
from hybrid_bridge.simulator.instruments import Instrument
from hybrid_bridge.simulator.positions import Position
from hybrid_bridge.simulator.symbols import SymbolSpec, day_of_week
from hybrid_bridge.simulator.valuation import Valuation, exact
from hybrid_bridge.simulator.venue import Venue

_DAY_MSC = 86_400_000
_DAYS_IN_SWAP_YEAR = 360
_REOPENING = (mt5.SYMBOL_SWAP_MODE_REOPEN_CURRENT, mt5.SYMBOL_SWAP_MODE_REOPEN_BID)
_WEEKEND = (mt5.DAY_OF_WEEK_SUNDAY, mt5.DAY_OF_WEEK_SATURDAY)


class Rollover:
    """The server's calendar."""

    def __init__(self, venue: Venue) -> None:
        self._venue = venue
        self._midnight_msc = _next_midnight(venue.books.now_msc)

    def move_clock(self, now_msc: int) -> None:
        """Move the server's clock forward, doing on the way what falls due; never back."""
        books = self._venue.books
        if now_msc <= books.now_msc:
            return
        if not books.positions:
            # Nothing gathers swap: the nights since the last tick need not be counted one by one.
            self._midnight_msc = _next_midnight(now_msc)
        while (event_msc := min(self._midnight_msc, books.next_expiry_s * 1000)) <= now_msc:
            books.now_msc = max(event_msc, books.now_msc)
            self._expire_orders()
            if event_msc == self._midnight_msc:
                self._pass_midnight()
        books.now_msc = now_msc

    def _pass_midnight(self) -> None:
        books = self._venue.books
        ended_s = books.now_msc // 1000 - 1
        self._midnight_msc = _next_midnight(books.now_msc)
        for position in list(books.positions.values()):
            instrument = self._venue.instruments[position.symbol]
            nights = swap_nights(instrument.spec, ended_s)
            if instrument.spec.swap_mode in _REOPENING:
                self._reopen(instrument, position, nights)
                continue
            amount = swap_amount(self._venue.valuation, instrument, position, nights)
            if amount:
                books.change_position(position, replace(position, swap=position.swap + amount))

    def _reopen(self, instrument: Instrument, position: Position, nights: int) -> None:
        prices = reopening_prices(instrument, position, nights)
        if prices:
            self._venue.matching.reopen(position, *prices)

    def _expire_orders(self) -> None:
        for order in self._venue.books.expired_orders():
            self._venue.books.finish_order(order, mt5.ORDER_STATE_EXPIRED)


def _next_midnight(now_msc: int) -> int:
    return now_msc - now_msc % _DAY_MSC + _DAY_MSC


def swap_nights(spec: SymbolSpec, ended_s: int) -> int:
    """Give how many nights' swap the end of a day costs: none at weekends, three once a week."""
    day = day_of_week(ended_s)
    if day in _WEEKEND:
        return 0
    return 3 if day == spec.swap_triple_day else 1


def swap_amount(valuation: Valuation, instrument: Instrument, position: Position, nights: int) -> Decimal:
    """Give the swap of a position for some nights in the account's currency, rounded."""
    spec = instrument.spec
    rate = _rate(spec, position)
    if not nights or not rate or spec.swap_mode in (mt5.SYMBOL_SWAP_MODE_DISABLED, *_REOPENING):
        return Decimal(0)
    per_lot, currency = _swap_per_lot(instrument, position, rate)
    amount = per_lot * position.volume * nights
    if currency:
        amount = valuation.convert(amount, currency, buying=amount < 0)
    return valuation.money(amount)


def reopening_prices(
    instrument: Instrument, position: Position, nights: int
) -> tuple[Decimal, Decimal] | None:
    """Give the prices at which a position is closed and reopened for its swap; None if it is not.

    Without a quote, as just after a restart, nothing has moved yet: it closes where it opened.
    """
    spec = instrument.spec
    rate = _rate(spec, position)
    if not nights or not rate:
        return None
    closed = exact(instrument.closing_price(position)) if instrument.quoted else position.price_open
    base = closed
    if spec.swap_mode == mt5.SYMBOL_SWAP_MODE_REOPEN_BID and instrument.quoted:
        base = exact(instrument.bid)
    gained = rate * exact(spec.point) * nights
    return closed, base - gained if position.is_buy else base + gained


def _rate(spec: SymbolSpec, position: Position) -> Decimal:
    return exact(spec.swap_long if position.is_buy else spec.swap_short)


def _swap_per_lot(instrument: Instrument, position: Position, rate: Decimal) -> tuple[Decimal, str]:
    """Give one lot's swap for one night and its currency; no currency means the account's."""
    spec = instrument.spec
    if spec.swap_mode == mt5.SYMBOL_SWAP_MODE_POINTS:
        return rate * exact(spec.point) * exact(units_per_lot(spec)), spec.currency_profit
    if spec.swap_mode == mt5.SYMBOL_SWAP_MODE_CURRENCY_SYMBOL:
        return rate, spec.currency_base
    if spec.swap_mode == mt5.SYMBOL_SWAP_MODE_CURRENCY_MARGIN:
        return rate, spec.currency_margin
    if spec.swap_mode == mt5.SYMBOL_SWAP_MODE_CURRENCY_DEPOSIT:
        return rate, ""
    price = position.price_open
    if spec.swap_mode == mt5.SYMBOL_SWAP_MODE_INTEREST_CURRENT and instrument.quoted:
        price = exact(instrument.closing_price(position))
    yearly = price * exact(spec.contract_size) * rate / 100
    return yearly / _DAYS_IN_SWAP_YEAR, spec.currency_profit
