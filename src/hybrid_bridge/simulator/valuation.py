"""Profit and margin in the account's currency.

Owns the formulas of the trade calculation modes and the conversion between currencies through the
symbols the server has. Money is exact decimals, rounded half up to the currency's digits where it
becomes money. `order_calc_*` and the books use the same functions, so they agree.

Source: MQL5 reference, ENUM_SYMBOL_CALC_MODE; MetaTrader 5 help, margin calculation.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from functools import lru_cache

from hybrid_bridge.simulator import constants as mt5
from hybrid_bridge.simulator.config import ExchangeConfig
from hybrid_bridge.simulator.exposure import units_per_lot
from hybrid_bridge.simulator.instruments import Instrument
from hybrid_bridge.simulator.positions import Position
from hybrid_bridge.simulator.symbols import SymbolSpec

_FOREX = (mt5.SYMBOL_CALC_MODE_FOREX, mt5.SYMBOL_CALC_MODE_FOREX_NO_LEVERAGE)
_FUTURES = (mt5.SYMBOL_CALC_MODE_FUTURES, mt5.SYMBOL_CALC_MODE_EXCH_FUTURES)
_LEVERAGED = (mt5.SYMBOL_CALC_MODE_FOREX, mt5.SYMBOL_CALC_MODE_CFDLEVERAGE)
_BRIDGE_CURRENCY = "USD"
# Averages and margins per lot are kept finer than any price or cent, yet short enough that sums of
# their products stay exact.
SHORT = Decimal("1e-10")
# Everything that what is open on a symbol is worth depends on.
Quotes = tuple[float, ...]


@lru_cache(maxsize=4096, typed=True)
def exact(value: float) -> Decimal:
    """Give a float as the decimal number it is written as."""
    return Decimal(repr(value))


@dataclass(frozen=True)
class _Step:
    """One conversion: through a pair, from its base to its quote currency or back."""

    pair: Instrument
    inverse: bool

    def convert(self, amount: Decimal, buying: bool) -> Decimal:
        # Buying a currency costs the dear side of the pair, selling it earns the cheap one.
        price = exact(self.price(buying != self.inverse))
        return amount / price if self.inverse else amount * price

    def price(self, ask: bool) -> float:
        if not self.pair.quoted:
            return self.pair.spec.price
        return self.pair.ask if ask else self.pair.bid


class Valuation:
    """What volumes and prices are worth to the account."""

    def __init__(self, config: ExchangeConfig, instruments: Mapping[str, Instrument]) -> None:
        """Find the conversions that the symbols need.

        Raises:
            ValueError: if a symbol's money cannot be converted into the account's currency.
        """
        self._currency = config.currency
        self._leverage = Decimal(config.leverage)
        self._cent = Decimal(1).scaleb(-config.currency_digits)
        self._pairs = {
            (i.spec.currency_base, i.spec.currency_profit): i
            for i in instruments.values()
            if i.spec.calc_mode in _FOREX
        }
        self._routes: dict[str, tuple[_Step, ...]] = {}
        for instrument in instruments.values():
            for currency in _currencies(instrument.spec):
                self._routes[currency] = self._route(instrument.spec.name, currency)

    def _route(self, symbol: str, currency: str) -> tuple[_Step, ...]:
        direct = self._direct(currency, self._currency)
        if direct is not None:
            return direct
        first = self._direct(currency, _BRIDGE_CURRENCY)
        second = self._direct(_BRIDGE_CURRENCY, self._currency)
        if first is None or second is None:
            raise ValueError(
                f"{symbol}: no symbol converts {currency} into the account's {self._currency}; "
                f"add {currency}{self._currency} or {self._currency}{currency}"
            )
        return (*first, *second)

    def _direct(self, source: str, target: str) -> tuple[_Step, ...] | None:
        if source == target:
            return ()
        if pair := self._pairs.get((source, target)):
            return (_Step(pair, inverse=False),)
        if pair := self._pairs.get((target, source)):
            return (_Step(pair, inverse=True),)
        return None

    def money(self, amount: Decimal) -> Decimal:
        """Round an amount of the account's currency to its digits, half up."""
        return amount.quantize(self._cent, rounding=ROUND_HALF_UP)

    def convert(self, amount: Decimal, currency: str, *, buying: bool) -> Decimal:
        """Give an amount of a currency in the account's; `buying` takes the dear side of the pairs."""
        for step in self._routes[currency]:
            amount = step.convert(amount, buying)
        return amount

    def quotes(self, instrument: Instrument) -> Quotes:
        """Give the prices that a symbol's profit in the account's currency follows from."""
        route = self._routes[instrument.spec.currency_profit]
        own = (float(instrument.quoted), instrument.bid, instrument.ask)
        return own + tuple(price for step in route for price in (step.price(True), step.price(False)))

    def is_converted(self, currency: str) -> bool:
        """Tell whether a currency is another one than the account's."""
        return bool(self._routes[currency])

    def estimate(self, amount: float, currency: str) -> float:
        """Convert quickly, with binary noise."""
        for step in self._routes[currency]:
            price = step.price((amount < 0) != step.inverse)
            amount = amount / price if step.inverse else amount * price
        return amount

    def profit(
        self,
        instrument: Instrument,
        buy: bool,
        volume: Decimal,
        price_open: Decimal,
        price_close: Decimal,
    ) -> Decimal:
        """Give the profit of a closed volume in the account's currency, rounded."""
        move = price_close - price_open if buy else price_open - price_close
        amount = move * volume * exact(units_per_lot(instrument.spec))
        # A loss is paid by buying the profit currency, a gain is sold.
        currency = instrument.spec.currency_profit
        return self.money(self.convert(amount, currency, buying=amount < 0))

    def floating(self, instrument: Instrument, position: Position) -> Decimal:
        """Give an open position's profit at the current quote, without swap, rounded.

        Without a quote, as just after a restart, nothing has moved yet: 0.
        """
        if not instrument.quoted:
            return Decimal(0)
        close = instrument.closing_price(position)
        return self.profit(instrument, position.is_buy, position.volume, position.price_open, exact(close))

    def margin_per_lot(self, instrument: Instrument, buy: bool, price: Decimal) -> Decimal:
        """Give the margin one lot opened at a price blocks, in the account's currency, unrounded."""
        spec = instrument.spec
        contract = exact(spec.contract_size)
        if spec.calc_mode in _FUTURES:
            amount = exact(spec.margin_initial)
        elif spec.calc_mode in _FOREX:
            amount = contract
        elif spec.calc_mode == mt5.SYMBOL_CALC_MODE_CFDINDEX:
            amount = contract * price * exact(spec.tick_value) / exact(spec.tick_size)
        else:
            amount = contract * price
        if spec.calc_mode in _LEVERAGED:
            amount /= self._leverage
        amount *= exact(spec.margin_rate)
        converted = self.convert(amount, spec.currency_margin, buying=buy)
        return converted.quantize(SHORT, rounding=ROUND_HALF_UP)

    def margin(self, instrument: Instrument, buy: bool, volume: Decimal, price: Decimal) -> Decimal:
        """Give the margin a new position alone would block, in the account's currency, rounded."""
        return self.money(self.margin_per_lot(instrument, buy, price) * volume)

    def tick_value(self, instrument: Instrument, *, gain: bool) -> float:
        """Give what one tick is worth for one lot in the account's currency."""
        spec = instrument.spec
        amount = exact(spec.tick_size) * exact(units_per_lot(spec))
        return float(self.convert(amount, spec.currency_profit, buying=not gain))


def _currencies(spec: SymbolSpec) -> set[str]:
    """Give the currencies in which a symbol's profit, margin and swap are counted."""
    currencies = {spec.currency_profit, spec.currency_margin}
    if spec.swap_mode == mt5.SYMBOL_SWAP_MODE_CURRENCY_SYMBOL:
        currencies.add(spec.currency_base)
    return currencies
