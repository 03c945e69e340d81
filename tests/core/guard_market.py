"""The money arithmetic of an exchange that the guard's proofs are judged by; it takes nothing from the core.

Six kinds of symbols, three account currencies. Prices are kept as whole points, so that what a step moves is
exact; money is plain arithmetic, rounded to the account currency's smallest unit where a terminal rounds.
"""

from dataclasses import dataclass

from hybrid_bridge.core.account import Worth
from hybrid_bridge.core.market import ExecutionMode, Quote, SymbolSpec, TradeMode

MONEY_DIGITS = {"USD": 2, "EUR": 2, "JPY": 0}


@dataclass(frozen=True)
class Instrument:
    """One symbol's rules; prices and distances in points."""

    name: str
    base: str
    profit: str
    contract: float
    digits: int
    price: int
    tick: int = 1
    step: float = 0.01
    largest: float = 50.0
    most: float = 0.0
    stops_level: int = 0
    freeze_level: int = 0

    @property
    def point(self) -> float:
        return round(10**-self.digits, self.digits)

    @property
    def lot_step_digits(self) -> int:
        return len(f"{self.step:g}".partition(".")[2])

    @property
    def legs(self) -> tuple[str, str]:
        """What a BUY holds more of and what it owes; a symbol that is no currency stands for itself."""
        own = self.base not in ("", self.profit)
        return (self.base if own else self.name, self.profit)

    def at(self, points: int) -> float:
        """Return a price given in points as a terminal would show it."""
        return round(points * self.point, self.digits)

    def spec(self) -> SymbolSpec:
        return SymbolSpec(
            name=self.name,
            digits=self.digits,
            point=self.point,
            tick_size=self.at(self.tick),
            contract_size=self.contract,
            volume_min=self.step,
            volume_max=self.largest,
            volume_step=self.step,
            volume_limit=self.most,
            stops_level=self.stops_level,
            freeze_level=self.freeze_level,
            filling_mode=3,
            execution_mode=ExecutionMode.MARKET,
            trade_mode=TradeMode.FULL,
            currency_base=self.base,
            currency_profit=self.profit,
            currency_margin=self.base,
        )


INSTRUMENTS = {
    found.name: found
    for found in (
        Instrument("EURUSD", "EUR", "USD", 100_000, 5, 110_000, most=3.0),
        Instrument("USDJPY", "USD", "JPY", 100_000, 3, 150_000, stops_level=20),
        Instrument("EURGBP", "EUR", "GBP", 100_000, 5, 85_000, most=1.0),
        Instrument("XAUUSD", "XAU", "USD", 100, 2, 200_000, tick=10, step=0.1, largest=20.0, freeze_level=30),
        Instrument("GER40", "EUR", "EUR", 10, 1, 180_000, tick=10, step=0.1, largest=30.0, most=6.0),
        Instrument("BTCUSD", "", "USD", 1, 2, 6_000_000, tick=500, step=0.001, largest=50.0, most=2.0),
    )
}
LEVERAGE = 100


class Market:
    """Prices now, and what lots gain, lose, tie up and are worth at them."""

    def __init__(self, currency: str, commission_per_side: float = 0.0) -> None:
        self.currency, self.commission_per_side = currency, commission_per_side
        self.bids = {name: found.price for name, found in INSTRUMENTS.items()}
        self.spreads = {name: max(2, found.tick) for name, found in INSTRUMENTS.items()}
        self.unworthy: set[str] = set()  # Symbols whose worth cannot be told now.

    def bid(self, symbol: str) -> float:
        return INSTRUMENTS[symbol].at(self.bids[symbol])

    def ask(self, symbol: str) -> float:
        return INSTRUMENTS[symbol].at(self.bids[symbol] + self.spreads[symbol])

    def entry(self, symbol: str, buy: bool) -> float:
        return self.ask(symbol) if buy else self.bid(symbol)

    def exit(self, symbol: str, buy: bool) -> float:
        return self.bid(symbol) if buy else self.ask(symbol)

    def quote(self, symbol: str, time_msc: int) -> Quote:
        return Quote(symbol, self.bid(symbol), self.ask(symbol), time_msc)

    def money(self, amount: float) -> float:
        """Round to the account currency's smallest unit, as a terminal does with what it reports."""
        return round(amount, MONEY_DIGITS[self.currency])

    @property
    def unit(self) -> float:
        return float(10 ** -MONEY_DIGITS[self.currency])

    def rate(self, currency: str) -> float:
        """Return what one unit of a currency is in the account's, by the symbol of both or by the dollar."""
        if currency == self.currency:
            return 1.0
        for found in INSTRUMENTS.values():
            if (found.base, found.profit) == (self.currency, currency):
                return 1.0 / self.bid(found.name)
            if (found.base, found.profit) == (currency, self.currency):
                return self.bid(found.name)
        return self._dollars(currency) / self._dollars(self.currency)

    def _dollars(self, currency: str) -> float:
        eurusd = self.bid("EURUSD")
        return {
            "USD": 1.0,
            "EUR": eurusd,
            "JPY": 1.0 / self.bid("USDJPY"),
            "GBP": eurusd / self.bid("EURGBP"),
        }[currency]

    def profit(self, symbol: str, buy: bool, lots: float, opened: float, closed: float) -> float:
        """Return a trade's profit without costs, at present rates and unrounded."""
        found = INSTRUMENTS[symbol]
        moved = closed - opened if buy else opened - closed
        return moved * found.contract * lots * self.rate(found.profit)

    def loss_when_stopped(
        self, symbol: str, buy: bool, lots: float, entry: float, stop: float, reserve_points: float
    ) -> float:
        """Return what is lost when the stop is hit and fills so much worse, costs included.

        Where the account is held in the symbol's own base currency the loss becomes money at the bid of
        then, which the stop tells; at every other rate one can only take today's.
        """
        found = INSTRUMENTS[symbol]
        slip, spread = reserve_points * found.point, self.spreads[symbol] * found.point
        closed = stop - slip if buy else stop + slip
        distance = entry - closed if buy else closed - entry
        rate = self.rate(found.profit)
        if found.base == self.currency != found.profit:
            rate = 1.0 / (closed if buy else closed - spread)
        return (distance * found.contract * rate + 2 * abs(self.commission_per_side)) * lots

    def lot_money(self, symbol: str) -> float:
        found = INSTRUMENTS[symbol]
        return self.bid(symbol) * found.contract * self.rate(found.profit)

    def margin(self, symbol: str, buy: bool, lots: float) -> float:
        found = INSTRUMENTS[symbol]
        return self.entry(symbol, buy) * found.contract * lots * self.rate(found.profit) / LEVERAGE

    def worth(self, symbol: str) -> Worth:
        found = INSTRUMENTS[symbol]
        told = None if symbol in self.unworthy else self.lot_money(symbol)
        return Worth(symbol, found.base, found.profit, told)
