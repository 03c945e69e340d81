"""A small exchange with a ledger of its own, on which the guard's proofs drive the engine.

It keeps positions (hedging or netting), waiting orders, deals, payments and what every trade ended with. What
a terminal shows may lag behind it: the fill of an order shows late, everything else at once.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from tests.core.builders import make_account, make_terminal
from tests.core.guard_market import INSTRUMENTS, LEVERAGE, Market

from hybrid_bridge.core.account import (
    AccountReport,
    BalanceOperation,
    Deal,
    PendingOrder,
    Position,
    Valuation,
)
from hybrid_bridge.core.appraisal import Appraisal, AppraisalQuery
from hybrid_bridge.core.market import Side

OPERATIONS_SHOWN = 20
BUY_LIMIT, SELL_LIMIT = 2, 3


@dataclass(frozen=True)
class Held:
    """An open position; `numbers` are the bridge's own orders that opened it.

    Its ticket is that of the order that opened it or turned it over, its identifier for good the first's.
    """

    ticket: int
    identifier: int
    symbol: str
    buy: bool
    lots: float
    price: float
    stop: float
    magic: int
    numbers: tuple[int, ...]
    opened_msc: int
    banked: float  # What its deals have brought so far, costs included.

    @property
    def signed(self) -> float:
        return self.lots if self.buy else -self.lots


@dataclass(frozen=True)
class Waiting:
    ticket: int
    symbol: str
    buy: bool
    lots: float
    price: float
    stop: float
    magic: int = 0
    number: int = 0


@dataclass(frozen=True)
class Ended:
    """A trade that is over, whoever opened it."""

    numbers: tuple[int, ...]
    position: int
    profit: float
    closed_msc: int
    day: int


@dataclass
class Exchange:
    """The truth about the account, and what a terminal shows of it."""

    market: Market
    hedging: bool
    balance: float
    now: int
    day: int
    swap_per_lot: float = 0.0
    rounds: bool = True
    positions: dict[int, Held] = field(default_factory=dict)
    shown: dict[int, Held] = field(default_factory=dict)
    waiting: dict[int, Waiting] = field(default_factory=dict)
    deals: list[Deal] = field(default_factory=list)
    ended: list[Ended] = field(default_factory=list)
    payments: list[tuple[int, float, int]] = field(default_factory=list)
    # Symbols, and until when their fills do not show; own orders, and the lots of them that do not.
    hidden: dict[str, int] = field(default_factory=dict)
    unshown: dict[int, tuple[str, float]] = field(default_factory=dict)
    done: dict[int, float] = field(default_factory=dict)  # Lots filled of own orders.
    # Own orders' tickets, and the identifiers of the positions that they went into.
    tickets_of: dict[int, int] = field(default_factory=dict)
    went_into: dict[int, int] = field(default_factory=dict)
    late: set[int] = field(default_factory=set)  # Positions whose end the history does not have yet.
    tickets: int = 1_000

    def ticket(self) -> int:
        self.tickets += 1
        return self.tickets

    # What a terminal shows

    def show(self, symbol: str = "") -> None:
        """Let the terminal catch up, with one symbol or with all whose time has come."""
        late = [name for name, until in self.hidden.items() if name == symbol or until <= self.now]
        for name in late:
            del self.hidden[name]
        for name in [*late, *([symbol] if symbol else [])]:
            self.unshown = {n: fill for n, fill in self.unshown.items() if fill[0] != name}
            self.shown = {t: held for t, held in self.shown.items() if held.symbol != name}
            self.shown |= {t: held for t, held in self.positions.items() if held.symbol == name}

    def floating(self, held: Held) -> float:
        price = self.market.exit(held.symbol, held.buy)
        return self.market.money(self.market.profit(held.symbol, held.buy, held.lots, held.price, price))

    @property
    def equity(self) -> float:
        return self.market.money(
            self.balance + sum(self.floating(h) + self._swap(h) for h in self.shown.values())
        )

    @property
    def margin(self) -> float:
        return self.market.money(
            sum(self.market.margin(held.symbol, held.buy, held.lots) for held in self.shown.values())
        )

    def _swap(self, held: Held) -> float:
        return self.market.money(self.swap_per_lot * held.lots)

    def loss_at_stop(self, held: Held | Waiting) -> float | None:
        if not held.stop:
            return None
        profit = self.market.profit(held.symbol, held.buy, held.lots, held.price, held.stop)
        return max(0.0, self.market.money(-profit))

    def report(self, *, valued_for: str | None = None, clock: bool = True) -> AccountReport:
        """Look at the account.

        Args:
            valued_for: also put everything into money, this symbol included.
            clock: whether the server's clock is known.
        """
        self.show()
        equity, margin = self.equity, self.margin
        account = make_account(
            currency=self.market.currency,
            balance=self.balance,
            equity=equity,
            profit=equity - self.balance,
            margin=margin,
            free_margin=self.market.money(equity - margin),
            margin_level=equity / margin * 100 if margin else 0.0,
            leverage=LEVERAGE,
            hedging=self.hedging,
        )
        valuation = None
        if valued_for is not None:
            symbols = {held.symbol for held in (*self.shown.values(), *self.waiting.values())} | {valued_for}
            valuation = Valuation(
                {ticket: self.loss_at_stop(held) for ticket, held in self.shown.items()},
                {ticket: self.loss_at_stop(order) for ticket, order in self.waiting.items()},
                {symbol: self.market.worth(symbol) for symbol in sorted(symbols)},
            )
        return AccountReport(
            account,
            make_terminal(),
            tuple(self._position(held) for held in self.shown.values()),
            tuple(self._pending(order) for order in self.waiting.values()),
            self.now,
            self.day if clock else None,
            valuation,
            tuple(
                BalanceOperation(ticket, amount, at_msc if clock else None)
                for ticket, amount, at_msc in self.payments[-OPERATIONS_SHOWN:]
            ),
        )

    def _position(self, held: Held) -> Position:
        return Position(
            ticket=held.ticket,
            identifier=held.identifier,
            symbol=held.symbol,
            side=Side.BUY if held.buy else Side.SELL,
            volume=held.lots,
            price_open=held.price,
            price_current=self.market.exit(held.symbol, held.buy),
            stop_loss=held.stop,
            take_profit=0.0,
            profit=self.floating(held),
            swap=self._swap(held),
            magic=held.magic,
            comment="",
            time_msc=held.opened_msc,
        )

    @staticmethod
    def _pending(order: Waiting) -> PendingOrder:
        kind = BUY_LIMIT if order.buy else SELL_LIMIT
        return PendingOrder(
            order.ticket, order.symbol, kind, order.lots, order.price, order.stop, 0.0, order.magic, ""
        )

    def appraise(self, query: AppraisalQuery, quote_age_ms: int = 0) -> Appraisal:
        """Answer what the guard asks before an order, as a terminal's order_calc_* do."""
        found, buy = INSTRUMENTS[query.symbol], query.side is Side.BUY
        lots = found.largest
        entry = query.entry_price or self.market.entry(query.symbol, buy)
        loss = None
        if query.stop_loss:
            loss = self._rounded(-self.market.profit(query.symbol, buy, lots, entry, query.stop_loss))
        return Appraisal(
            spec=found.spec(),
            quote=self.market.quote(query.symbol, self.now - quote_age_ms),
            reference_volume=lots,
            loss_at_stop=loss,
            margin=self._rounded(self.market.margin(query.symbol, buy, lots)),
            commission_per_lot=-2 * self.market.commission_per_side,
            report=self.report(valued_for=query.symbol if query.valued else None),
        )

    def _rounded(self, amount: float) -> float:
        return self.market.money(amount) if self.rounds else amount

    def deals_of(self, position: int) -> Sequence[Deal]:
        """Return a position's deals, oldest first, but those of a fill that does not show yet."""
        return [
            deal
            for deal in self.deals
            if deal.position_id == position
            and not (deal.symbol in self.hidden and deal.entry == 0)
            and not (position in self.late and deal.entry != 0)
        ]

    # What happens at the venue

    def pay(self, amount: float) -> None:
        """Pay money in, or out."""
        self.balance = self.market.money(self.balance + amount)
        self.payments.append((self.ticket(), amount, self.now))

    def fill(
        self,
        symbol: str,
        buy: bool,
        lots: float,
        stop: float = 0.0,
        magic: int = 0,
        number: int = 0,
        shows_in: int = 0,
        ticket: int = 0,
    ) -> None:
        """Fill an order.

        Args:
            shows_in: milliseconds until a terminal shows it.
            ticket: the order's, where it has waited.
        """
        ticket = ticket or self.tickets_of.get(number, 0) or self.ticket()
        price = self.market.entry(symbol, buy)
        numbers = (number,) if number else ()
        if number:
            self.done[number] = round(self.done.get(number, 0.0) + lots, 8)
        held = next((h for h in self.positions.values() if h.symbol == symbol), None)
        if self.hedging or held is None:
            self._open(ticket, symbol, buy, lots, price, stop, magic, numbers)
        elif held.buy == buy:
            self._add(held, lots, price, stop, magic, numbers)
        else:
            self._against(held, ticket, lots, price, stop, magic, numbers)
        if number:
            self.tickets_of[number], self.went_into[number] = ticket, self.deals[-1].position_id
        if shows_in:
            self.hidden[symbol] = max(self.hidden.get(symbol, 0), self.now + shows_in)
            self.unshown[number] = (symbol, lots)
        else:
            self.show(symbol)

    def _open(
        self,
        ticket: int,
        symbol: str,
        buy: bool,
        lots: float,
        price: float,
        stop: float,
        magic: int,
        numbers: tuple[int, ...],
    ) -> None:
        paid = self._deal(ticket, symbol, buy, 0, lots, price, 0.0, 0.0, magic)
        self.positions[ticket] = Held(
            ticket, ticket, symbol, buy, lots, price, stop, magic, numbers, self.now, paid
        )

    def _add(
        self, held: Held, lots: float, price: float, stop: float, magic: int, numbers: tuple[int, ...]
    ) -> None:
        paid = self._deal(held.identifier, held.symbol, held.buy, 0, lots, price, 0.0, 0.0, magic)
        total = round(held.lots + lots, 8)
        self.positions[held.ticket] = replace(
            held,
            lots=total,
            price=(held.price * held.lots + price * lots) / total,
            stop=stop or held.stop,
            numbers=held.numbers + numbers,
            banked=held.banked + paid,
        )

    def _against(
        self,
        held: Held,
        ticket: int,
        lots: float,
        price: float,
        stop: float,
        magic: int,
        numbers: tuple[int, ...],
    ) -> None:
        over = round(lots - held.lots, 8)
        if over <= 0:
            self._reduce(held, lots, price, magic, numbers)
            return
        profit = self.market.money(self.market.profit(held.symbol, held.buy, held.lots, held.price, price))
        identifier, buy = held.identifier, not held.buy
        paid = self._deal(identifier, held.symbol, buy, 2, lots, price, profit, self._swap(held), magic)
        self._end(held, held.banked + paid)
        self.positions[ticket] = Held(
            ticket, identifier, held.symbol, buy, over, price, stop, magic, numbers, self.now, 0.0
        )

    def restop(self, ticket: int, stop: float) -> None:
        """Move a position's stop."""
        held = self.positions.get(ticket)
        if held is not None:
            self.positions[ticket] = replace(held, stop=stop)
            self.show(held.symbol)

    def close(
        self, ticket: int, lots: float | None = None, price: float | None = None, magic: int = 0
    ) -> None:
        """Close a position, or lots of it; the terminal shows it at once."""
        held = self.positions[ticket]
        at = self.market.exit(held.symbol, held.buy) if price is None else price
        self._reduce(held, min(held.lots, lots or held.lots), at, magic)
        self.show(held.symbol)

    def _reduce(
        self, held: Held, lots: float, price: float, magic: int, numbers: tuple[int, ...] = ()
    ) -> None:
        held = replace(held, numbers=held.numbers + numbers)
        profit = self.market.money(self.market.profit(held.symbol, held.buy, lots, held.price, price))
        left = round(held.lots - lots, 8)
        swap = self._swap(held) - self._swap(replace(held, lots=left))
        paid = self._deal(held.identifier, held.symbol, not held.buy, 1, lots, price, profit, swap, magic)
        if left:
            self.positions[held.ticket] = replace(held, lots=left, banked=held.banked + paid)
        else:
            self._end(held, held.banked + paid)

    def _end(self, held: Held, profit: float) -> None:
        del self.positions[held.ticket]
        if held.numbers:
            self.ended.append(
                Ended(held.numbers, held.identifier, self.market.money(profit), self.now, self.day)
            )

    def _deal(
        self,
        position: int,
        symbol: str,
        buy: bool,
        entry: int,
        lots: float,
        price: float,
        profit: float,
        swap: float,
        magic: int,
    ) -> float:
        """Book a deal; returns what it brings."""
        commission = self.market.money(-self.market.commission_per_side * lots)
        ticket = self.ticket()
        side = Side.BUY if buy else Side.SELL
        self.deals.append(
            Deal(
                ticket,
                ticket,
                position,
                symbol,
                side,
                entry,
                lots,
                price,
                profit,
                commission,
                swap,
                magic,
                "",
                self.now,
            )
        )
        self.balance = self.market.money(self.balance + profit + commission + swap)
        return profit + commission + swap

    def wait(self, order: Waiting) -> None:
        """Put an order into the book."""
        self.waiting[order.ticket] = order

    def move(self, symbol: str, points: int) -> None:
        """Move a price; stops and waiting orders that it passes are filled there."""
        self.market.bids[symbol] += points * INSTRUMENTS[symbol].tick
        for held in [h for h in self.positions.values() if h.symbol == symbol and h.stop]:
            price = self.market.exit(symbol, held.buy)
            if price <= held.stop if held.buy else price >= held.stop:
                self.close(held.ticket)
        for order in [o for o in self.waiting.values() if o.symbol == symbol]:
            price = self.market.entry(symbol, order.buy)
            if price <= order.price if order.buy else price >= order.price:
                del self.waiting[order.ticket]
                self.fill(
                    symbol, order.buy, order.lots, order.stop, order.magic, order.number, 0, order.ticket
                )
