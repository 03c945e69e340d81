"""What is traded in a session, under which limits, and what the terminal says, by seed.

Owns symbols of every kind, the account, its positions and pending orders. Judges nothing. `session` asks;
`odd_facts` bends what it says.
"""

import random
from dataclasses import dataclass, replace
from typing import Any

from hybrid_bridge.core.account import (
    Account,
    AccountReport,
    PendingOrder,
    Position,
    TerminalStatus,
    Valuation,
    Worth,
)
from hybrid_bridge.core.appraisal import Appraisal
from hybrid_bridge.core.limits import Limits
from hybrid_bridge.core.market import ExecutionMode, Quote, Side, SymbolSpec, TradeMode
from hybrid_bridge.core.orders import ApprovedOrder

LOGIN, SERVER, MAGIC = 7001, "Broker-Demo", 234_000
CURRENCIES = ("USD", "EUR", "JPY")
UNKNOWN_SYMBOL = "NOSUCH"  # In SYMBOLS, and the terminal has never heard of it.


@dataclass(slots=True)
class Instrument:
    """A symbol with its present price.

    Attributes:
        rate: what the currency of its profit is worth in the account's; None where the symbol itself tells.
    """

    spec: SymbolSpec
    bid: float
    spread: int
    rate: float | None

    @property
    def ask(self) -> float:
        """The price to buy at."""
        return round(self.bid + self.spread * self.spec.point, self.spec.digits)

    @property
    def unit(self) -> float:
        """What one lot gains in the account's currency when the price rises by 1."""
        return self.spec.contract_size * (1 / self.bid if self.rate is None else self.rate)

    def worth(self) -> Worth:
        """Return what one lot is worth."""
        spec = self.spec
        return Worth(spec.name, spec.currency_base, spec.currency_profit, self.unit * self.bid)


# name, digits, point, tick size, contract, least, most, step, limit, base, profit, price
KINDS = (
    ("EURUSD", 5, 1e-5, 1e-5, 100_000.0, 0.01, 100.0, 0.01, 0.0, "EUR", "USD", 1.1),
    ("GBPUSD", 5, 1e-5, 1e-5, 100_000.0, 0.01, 50.0, 0.01, 15.0, "GBP", "USD", 1.27),
    ("USDJPY", 3, 1e-3, 1e-3, 100_000.0, 0.1, 20.0, 0.1, 0.0, "USD", "JPY", 151.5),
    ("XAUUSD", 2, 0.01, 0.05, 100.0, 0.01, 30.0, 0.01, 40.0, "XAU", "USD", 2_345.0),
    ("GER40", 1, 0.1, 0.5, 1.0, 0.1, 250.0, 0.1, 0.0, "EUR", "EUR", 18_200.0),
    ("BTCUSD", 2, 0.01, 0.01, 1.0, 0.001, 5.0, 0.001, 3.0, "BTC", "USD", 64_000.0),
    ("ODDLOT", 4, 1e-4, 3e-4, 1_000.0, 0.15, 7.3, 0.07, 9.1, "", "USD", 12.3),
)
RATES = {"USD": 1.0, "EUR": 1.1, "JPY": 1 / 151.5}


def make_instruments(draw: random.Random, currency: str) -> dict[str, Instrument]:
    """Return every symbol at a price of this session."""
    found = {}
    for kind in KINDS:
        name, digits, point, tick, contract, least, most, step, limit, base, profit, price = kind
        spec = SymbolSpec(
            name=name,
            digits=digits,
            point=point,
            tick_size=tick,
            contract_size=contract,
            volume_min=least,
            volume_max=most,
            volume_step=step,
            volume_limit=limit,
            stops_level=draw.choice((0, 0, 10, 50)),
            freeze_level=draw.choice((0, 0, 0, 30)),
            filling_mode=draw.choice((0, 1, 2, 3)),
            execution_mode=draw.choice(list(ExecutionMode)),
            trade_mode=draw.choice((TradeMode.FULL,) * 8 + tuple(TradeMode)),
            currency_base=base,
            currency_profit=profit,
            currency_margin=base or profit,
        )
        bid = round(round(price * draw.uniform(0.97, 1.03) / tick) * tick, digits)
        rate = None if base == currency != profit else RATES[profit] / RATES[currency]
        found[name] = Instrument(spec, bid, draw.choice((0, 1, 8, 15, 20, 30)), rate)
    return found


def draw_limits(draw: random.Random) -> Limits:
    """Return limits of which some are off, some loose and some tight."""

    def perhaps(*values: Any) -> Any:
        return draw.choice(values) if draw.random() < 0.35 else None

    return Limits(
        login=draw.choice((LOGIN, LOGIN, LOGIN, None)),
        server=draw.choice((SERVER, SERVER, "")),
        terminal_path="",
        symbols=frozenset([kind[0] for kind in KINDS if draw.random() < 0.9] + [UNKNOWN_SYMBOL]),
        magic=MAGIC,
        trading_enabled=draw.random() > 0.02,
        emergency_stop=draw.random() < 0.02,
        signal_max_age_ms=draw.choice((1_000, 5_000, 5_000, 60_000)),
        duplicate_window_ms=draw.choice((0, 1_000, 1_000, 60_000)),
        max_quote_age_ms=draw.choice((1_000, 5_000)),
        max_spread_points=perhaps(8.0, 15.0, 20.0, 14.5),
        max_price_drift_points=perhaps(1.0, 20.0, 100.0, 7.5),
        require_stop_loss=draw.random() < 0.7,
        max_volume=perhaps(0.01, 0.3, 1.0, 5.05, 40.0),
        max_risk_percent=draw.choice((0.1, 0.5, 1.0, 2.0, 2.0, 10.0, 100.0)),
        reduce_oversized=draw.random() < 0.65,
        max_open_risk_percent=perhaps(1.0, 6.0, 20.0, 100.0),
        max_daily_trades=draw.choice((0, 1, 10, 50, *(1_000,) * 8)),
        max_daily_loss_percent=perhaps(1.0, 3.0, 5.0, 50.0, 50.0),
        max_drawdown_percent=perhaps(2.0, 10.0, 60.0, 60.0),
        max_open_positions=perhaps(1, 3, 10, 10, 10),
        max_positions_per_symbol=perhaps(1, 2, 5, 5, 5),
        max_exposure_percent=perhaps(50.0, 300.0, 1_000.0, 20_000.0),
        min_margin_level_percent=perhaps(100.0, 150.0, 500.0),
        max_orders_per_minute=draw.choice((1, 5, *(120,) * 8)),
        max_consecutive_losses=perhaps(1, 2, 4, 8),
        cooldown_ms=draw.choice((None, 60_000, 3_600_000)),
        slippage_reserve_points=draw.choice((0.0, 0.0, 5.0, 30.0, 0.5)),
        flatten_on_breach=draw.random() < 0.3,
        breach_readings=3,
        close_positions_on_stop=draw.random() < 0.5,
        allow_remote_resume=draw.random() < 0.5,
    )


class Market:
    """The account and the symbols of one session, as the terminal would tell of them."""

    def __init__(self, draw: random.Random) -> None:
        self._draw = draw
        self.currency = draw.choice(CURRENCIES)
        self.hedging = draw.random() < 0.85
        self.instruments = make_instruments(draw, self.currency)
        self.balance = 10_000.0 / RATES[self.currency]
        self.equity = self.balance
        self.peak = self.balance
        self.positions: dict[int, Position] = {}
        self.orders: dict[int, PendingOrder] = {}
        self._ticket = 1_000

    def step(self) -> None:
        """Let prices, equity and what others opened change."""
        draw = self._draw
        instrument = draw.choice(list(self.instruments.values()))
        tick = instrument.spec.tick_size
        moved = instrument.bid + draw.randint(-8, 8) * tick
        instrument.bid = round(round(moved / tick) * tick, instrument.spec.digits)
        if draw.random() < 0.3:
            instrument.spread = draw.choice((0, 1, 8, 15, 16, 20, 21))
        if draw.random() < 0.2:
            self.equity = self.balance * draw.choice((0.5, 0.9, 0.95, 0.97, 0.98, 0.99, 1.0, 1.0, 1.0, 1.02))
        if draw.random() < 0.05 and len(self.positions) < 12:
            self.open(draw.choice(list(self.instruments)), draw.choice(list(Side)), draw.randint(1, 30), 0)
        if draw.random() < 0.06 and self.positions:
            self.positions.pop(draw.choice(list(self.positions)))
        if draw.random() < 0.03:
            self.orders.clear() if self.orders else self._place()

    def open(self, symbol: str, side: Side, steps: int, magic: int, stop: float | None = None) -> int:
        """Open a position, as a fill does or somebody else; return its ticket."""
        instrument = self.instruments[symbol]
        spec = instrument.spec
        self._ticket += 1
        price = instrument.ask if side is Side.BUY else instrument.bid
        away = self._draw.choice((50, 200)) * spec.tick_size * (-1 if side is Side.BUY else 1)
        if stop is None:
            stop = 0.0 if self._draw.random() < 0.1 else round(price + away, spec.digits)
        self.positions[self._ticket] = Position(
            ticket=self._ticket,
            identifier=self._ticket,
            symbol=symbol,
            side=side,
            volume=round(steps * spec.volume_step, 8),
            price_open=price,
            price_current=instrument.bid if side is Side.BUY else instrument.ask,
            stop_loss=stop,
            take_profit=0.0,
            profit=0.0,
            swap=0.0,
            magic=magic,
            comment="",
            time_msc=None,
        )
        return self._ticket

    def fill(self, order: ApprovedOrder) -> None:
        """Open what an entry was filled with; on a netting account it joins what is held of the symbol."""
        request, side = order.request, Side.BUY if order.request.type == 0 else Side.SELL
        held = next((p for p in self.positions.values() if p.symbol == request.symbol), None)
        if self.hedging or held is None:
            ticket = self.open(request.symbol, side, 1, request.magic, request.sl)
            self.positions[ticket] = replace(self.positions[ticket], volume=request.volume)
        elif held.side is side:
            self.positions[held.ticket] = replace(held, volume=round(held.volume + request.volume, 8))
        elif request.volume <= held.volume:
            self.reduce(held.ticket, request.volume)
        else:
            left = round(request.volume - held.volume, 8)
            self.positions[held.ticket] = replace(held, side=side, volume=left, stop_loss=request.sl)

    def reduce(self, ticket: int, volume: float) -> None:
        """Close so many lots of a position."""
        held = self.positions[ticket]
        left = round(held.volume - volume, 8)
        if left > 0:
            self.positions[ticket] = replace(held, volume=left)
        else:
            del self.positions[ticket]

    def set_stops(self, ticket: int, stop: float, target: float) -> None:
        """Change a position's stops."""
        self.positions[ticket] = replace(self.positions[ticket], stop_loss=stop, take_profit=target)

    def end(self, number: int) -> None:
        """Close what an intent opened, if it is open still."""
        for ticket, position in list(self.positions.items()):
            if position.magic == MAGIC << 32 | number:
                del self.positions[ticket]

    def _place(self) -> None:
        for _ in range(self._draw.randint(1, 3)):
            self._ticket += 1
            instrument = self._draw.choice(list(self.instruments.values()))
            volume = round(self._draw.randint(1, 20) * instrument.spec.volume_step, 8)
            kind = self._draw.randint(2, 7)
            stop = round(instrument.bid * 0.99, instrument.spec.digits)
            self.orders[self._ticket] = PendingOrder(
                self._ticket, instrument.spec.name, kind, volume, instrument.bid, stop, 0.0, 0, ""
            )

    def report(self, now_msc: int, day: int | None, *, valued: bool, symbol: str = "") -> AccountReport:
        """Return a look at the account without anything odd in it."""
        positions = tuple(self.positions.values())
        margin = round(sum(self._margin(position) for position in positions), 2)
        account = Account(
            login=LOGIN,
            server=SERVER,
            currency=self.currency,
            balance=self.balance,
            equity=self.equity,
            profit=self.equity - self.balance if positions else 0.0,
            margin=margin,
            free_margin=self.equity - margin,
            margin_level=self.equity / margin * 100 if margin else 0.0,
            leverage=100,
            trade_allowed=True,
            trade_expert=True,
            hedging=self.hedging,
        )
        terminal = TerminalStatus("C:\\MT5", 6231, True, True, False)
        valuation = self._valuation(symbol) if valued else None
        orders = tuple(self.orders.values())
        return AccountReport(account, terminal, positions, orders, now_msc, day, valuation)

    def _margin(self, position: Position) -> float:
        instrument = self.instruments[position.symbol]
        return position.volume * instrument.unit * instrument.bid / 100

    def _valuation(self, symbol: str) -> Valuation:
        names = {symbol, *(held.symbol for held in self.positions.values())}
        names |= {order.symbol for order in self.orders.values()}
        worths = {name: self.instruments[name].worth() for name in names if name in self.instruments}
        losses = {position.ticket: self._loss(position) for position in self.positions.values()}
        waiting: dict[int, float | None] = {
            order.ticket: abs(order.price_open - order.stop_loss)
            * order.volume
            * self.instruments[order.symbol].unit
            for order in self.orders.values()
        }
        return Valuation(losses, waiting, worths)

    def _loss(self, position: Position) -> float | None:
        if not position.stop_loss:
            return None
        fall = position.price_open - position.stop_loss
        gone = (fall if position.side is Side.BUY else -fall) * position.volume
        return max(0.0, gone * self.instruments[position.symbol].unit)

    def appraise(
        self, symbol: str, side: Side, stop: float, report: AccountReport, now_msc: int, entry: float = 0.0
    ) -> Appraisal:
        """Return what the trade lane would find out, without anything odd in it."""
        instrument = self.instruments.get(symbol)
        if instrument is None:
            return Appraisal(None, None, 0.0, None, None, 0.0, report)
        spec, draw = instrument.spec, self._draw
        quote = Quote(symbol, instrument.bid, instrument.ask, now_msc - draw.choice((0, 3, 400)))
        entry = entry or quote.entry_price(side)
        fall = entry - stop if side is Side.BUY else stop - entry
        reference = spec.volume_max
        return Appraisal(
            spec=spec,
            quote=quote,
            reference_volume=reference,
            loss_at_stop=fall * reference * instrument.unit if stop else None,
            margin=reference * instrument.unit * instrument.bid / draw.choice((30, 100, 100, 500)),
            commission_per_lot=draw.choice((0.0, 0.0, 7.0, -7.0)),
            report=report,
        )
