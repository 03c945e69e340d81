"""The simulated trade server and terminal behind one face.

Owns the joining of its parts and the terminal's functions as plain calls: ticks go in, requests go
in, records come out. Pure and deterministic: what it does follows from its configuration, the ticks,
the calls and their order alone; it reads no clock and no random source, and knows nothing of sockets.
The server calls it synchronously, one call at a time.

All times are the trade server's wall clock; `*_msc` milliseconds, others seconds. A call that the
terminal refuses raises `TerminalError` with the code the package would show in last_error.
"""

from __future__ import annotations

from hybrid_bridge.simulator import constants as mt5
from hybrid_bridge.simulator import reports
from hybrid_bridge.simulator.books import Books
from hybrid_bridge.simulator.config import ExchangeConfig
from hybrid_bridge.simulator.desk import Desk, Permissions
from hybrid_bridge.simulator.funds import Funds
from hybrid_bridge.simulator.instruments import Instrument
from hybrid_bridge.simulator.ledger import Ledger
from hybrid_bridge.simulator.matching import Matching
from hybrid_bridge.simulator.records import (
    AccountInfo,
    BookInfo,
    OrderCheckResult,
    OrderSendResult,
    SymbolInfo,
    TerminalInfo,
    Tick,
    TradeDeal,
    TradeOrder,
    TradePosition,
    TradeRequest,
)
from hybrid_bridge.simulator.rollover import Rollover
from hybrid_bridge.simulator.savedstate import SavedState
from hybrid_bridge.simulator.terminal_error import TerminalError
from hybrid_bridge.simulator.terms import USUAL, Terms
from hybrid_bridge.simulator.triggers import run_stop_out, run_triggers
from hybrid_bridge.simulator.valuation import Valuation, exact
from hybrid_bridge.simulator.venue import Venue

_TERMINAL_VERSION = 500
_MARKET_TYPES = (mt5.ORDER_TYPE_BUY, mt5.ORDER_TYPE_SELL)


class Exchange:
    """A trade server with one account, seen through a terminal."""

    def __init__(
        self,
        config: ExchangeConfig,
        ledger: Ledger | None = None,
        state: SavedState | None = None,
    ) -> None:
        """Open the account, or go on with a saved one.

        Args:
            config: what is simulated.
            ledger: where every deal is written; None writes nowhere.
            state: where the account is kept; None forgets it at the end.
        Raises:
            SavedStateError: if the saved account cannot be gone on with.
            ValueError: if a symbol's money cannot be converted into the account's currency.
        """
        self._config = config
        self._instruments = {
            spec.name: Instrument(spec, config.tick_rows, config.max_bars) for spec in config.symbols
        }
        for name in config.selected:
            self._instruments[name].selected = True
        valuation = Valuation(config, self._instruments)
        self._books = Books(config, self._instruments, ledger)
        self._funds = Funds(config, self._books, valuation, self._instruments)
        matching = Matching(config, self._books, valuation, self._instruments)
        self._venue = Venue(config, self._instruments, self._books, valuation, self._funds, matching)
        self._desk = Desk(self._venue, Permissions())
        self._open_account(state)
        self._rollover = Rollover(self._venue)

    def _open_account(self, state: SavedState | None) -> None:
        if state is None or state.is_new:
            if state:
                self._books.note_changes(state)
            self._books.deposit(exact(self._config.balance))
            self._books.commit()
            return
        state.restore(self._books)
        self._books.note_changes(state)

    @property
    def permissions(self) -> Permissions:
        """Give what is allowed just now; it may be changed, or shared by two exchanges."""
        return self._desk.permissions

    @permissions.setter
    def permissions(self, permissions: Permissions) -> None:
        self._desk.permissions = permissions

    # Feed side

    @property
    def server_msc(self) -> int:
        """Give the server's clock."""
        return self._books.now_msc

    @property
    def config(self) -> ExchangeConfig:
        """Give what is simulated."""
        return self._config

    @property
    def last_tickets(self) -> tuple[int, int]:
        """Give the highest order and deal tickets so far."""
        return self._books.last_order, self._books.last_deal

    def on_tick(self, symbol: str, time_msc: int, bid: float, ask: float) -> None:
        """Take a tick: the clock moves, what has fallen due is carried out.

        Raises:
            ValueError: for a symbol that this server does not have.
        """
        instrument = self._instruments.get(symbol)
        if instrument is None:
            raise ValueError(f"tick of {symbol}: the simulated server has no such symbol")
        if time_msc > self._books.now_msc:
            self._rollover.move_clock(time_msc)
        instrument.take_tick(time_msc, bid, ask)
        if instrument.orders or instrument.positions:
            run_triggers(self._venue, instrument)
        if self._books.positions:
            self._funds.renew(instrument)
            run_stop_out(self._venue)
        self._books.commit()

    def advance_clock(self, server_msc: int) -> None:
        """Move the clock without a tick; orders expire and swaps are charged, it never goes back."""
        self._rollover.move_clock(server_msc)
        self._books.commit()

    def deposit(self, amount: float, *, credit: bool = False) -> None:
        """Book money paid in, or paid out where it is negative; what is no longer covered is closed."""
        self._books.deposit(self._venue.valuation.money(exact(amount)), credit=credit)
        run_stop_out(self._venue)
        self._books.commit()

    # Terminal side: session and information

    def version(self) -> tuple[int, int, str]:
        """Give terminal version, build and release date."""
        return _TERMINAL_VERSION, self._config.build, self._config.release_date

    def terminal_info(self) -> TerminalInfo:
        """Give the terminal itself."""
        return reports.terminal_report(self._venue, self.permissions)

    def account_info(self) -> AccountInfo:
        """Give the account at the current quotes."""
        return reports.account_report(self._venue, self.permissions)

    def login(self, login: int, password: str, server: str) -> None:
        """Log in; an absent login (0) or server ("") means the account's own.

        Raises:
            TerminalError: -6 when refused.
        """
        config = self._config
        known = login in (0, config.login) and server in ("", config.server)
        if not known or (config.password and password not in ("", config.password)):
            raise TerminalError(mt5.RES_E_AUTH_FAILED)

    # Terminal side: symbols

    def _instrument(self, symbol: str, code: int = mt5.RES_E_NOT_FOUND) -> Instrument:
        instrument = self._instruments.get(symbol)
        if instrument is None:
            raise TerminalError(code)
        return instrument

    def symbols(self) -> tuple[SymbolInfo, ...]:
        """Give every symbol of the server."""
        return tuple(reports.symbol_report(self._venue, i) for i in self._instruments.values())

    def symbol_count(self) -> int:
        """Give how many symbols the server has."""
        return len(self._instruments)

    def symbol_info(self, symbol: str) -> SymbolInfo:
        """Give one symbol.

        Raises:
            TerminalError: -4 when it is unknown.
        """
        return reports.symbol_report(self._venue, self._instrument(symbol))

    def symbol_info_tick(self, symbol: str) -> Tick:
        """Give a symbol's last tick.

        Raises:
            TerminalError: -4 when it is unknown, not selected or has had no tick.
        """
        instrument = self._instrument(symbol)
        if not (instrument.selected and instrument.quoted):
            raise TerminalError(mt5.RES_E_NOT_FOUND)
        return instrument.tick()

    def symbol_select(self, symbol: str, enable: bool) -> None:
        """Put a symbol into Market Watch or take it out.

        Raises:
            TerminalError: -1 when it is unknown, or still has positions or orders.
        """
        instrument = self._instrument(symbol, mt5.RES_E_FAIL)
        if not enable and (instrument.positions or instrument.orders or instrument.booked):
            raise TerminalError(mt5.RES_E_FAIL)
        instrument.selected = enable

    # Terminal side: ticks, rates, depth

    def copy_ticks_from(self, symbol: str, from_msc: int, count: int, flags: int) -> bytes:
        """Give packed ticks from a moment on, oldest first.

        Raises:
            TerminalError: -4 for an unknown symbol, -2 for a bad count or kind.
        """
        return self._instrument(symbol).ticks.copy_from(from_msc, count, flags)

    def copy_ticks_range(self, symbol: str, from_msc: int, to_msc: int, flags: int) -> bytes:
        """Give packed ticks of a span, both ends included, oldest first.

        Raises:
            TerminalError: -4 for an unknown symbol, -2 for a bad span or kind.
        """
        return self._instrument(symbol).ticks.copy_range(from_msc, to_msc, flags)

    def copy_rates_from(self, symbol: str, timeframe: int, from_s: int, count: int) -> bytes:
        """Give the last packed bars that open at or before a moment.

        Raises:
            TerminalError: -1 for an unknown symbol, -2 for a bad timeframe or count.
        """
        return self._instrument(symbol, mt5.RES_E_FAIL).bars.copy_from(timeframe, from_s, count)

    def copy_rates_from_pos(self, symbol: str, timeframe: int, start_pos: int, count: int) -> bytes:
        """Give packed bars counted back from the newest.

        Raises:
            TerminalError: -1 for an unknown symbol or a start beyond history, -2 as above.
        """
        bars = self._instrument(symbol, mt5.RES_E_FAIL).bars
        return bars.copy_from_pos(timeframe, start_pos, count)

    def copy_rates_range(self, symbol: str, timeframe: int, from_s: int, to_s: int) -> bytes:
        """Give the packed bars that open within a span.

        Raises:
            TerminalError: -1 for an unknown symbol, -2 for a bad timeframe or too long a span.
        """
        return self._instrument(symbol, mt5.RES_E_FAIL).bars.copy_range(timeframe, from_s, to_s)

    def market_book_add(self, symbol: str) -> None:
        """Subscribe to a symbol's depth of market.

        Raises:
            TerminalError: -1 when it is unknown, not selected or has no depth of market.
        """
        instrument = self._instrument(symbol, mt5.RES_E_FAIL)
        if not (instrument.selected and instrument.spec.book_depth):
            raise TerminalError(mt5.RES_E_FAIL)
        instrument.booked = True

    def market_book_release(self, symbol: str) -> None:
        """End the subscription to a symbol's depth of market.

        Raises:
            TerminalError: -1 when it is unknown or was not subscribed to.
        """
        instrument = self._instrument(symbol, mt5.RES_E_FAIL)
        if not instrument.booked:
            raise TerminalError(mt5.RES_E_FAIL)
        instrument.booked = False

    def market_book_get(self, symbol: str) -> tuple[BookInfo, ...]:
        """Give a symbol's depth of market.

        Raises:
            TerminalError: -4 when it is unknown, -1 when it was not subscribed to.
        """
        instrument = self._instrument(symbol)
        if not instrument.booked:
            raise TerminalError(mt5.RES_E_FAIL)
        return reports.book_report(instrument) if instrument.quoted else ()

    # Terminal side: positions, orders, history

    def position_count(self) -> int:
        """Give how many positions are open."""
        return len(self._books.positions)

    def positions(self) -> tuple[TradePosition, ...]:
        """Give the open positions at the current quotes, oldest first."""
        return tuple(
            position.record(
                self._instruments[position.symbol].closing_price(position),
                self._funds.floating(position),
            )
            for position in self._books.positions.values()
        )

    def orders(self) -> tuple[TradeOrder, ...]:
        """Give the working orders, oldest first, with the price each is measured by."""
        return tuple(
            order._replace(price_current=self._instruments[order.symbol].opening_price(order.type % 2 == 0))
            for order in self._books.orders.values()
        )

    def history_orders(self, from_s: int, to_s: int) -> tuple[TradeOrder, ...]:
        """Give the finished orders of a span, by the time they were done."""
        return self._books.history.orders.between(from_s, to_s)

    def history_deals(self, from_s: int, to_s: int) -> tuple[TradeDeal, ...]:
        """Give the deals of a span."""
        return self._books.history.deals.between(from_s, to_s)

    def history_orders_of_position(self, position: int) -> tuple[TradeOrder, ...]:
        """Give the finished orders of a position's identifier."""
        return self._books.history.orders.of_position(position)

    def history_deals_of_position(self, position: int) -> tuple[TradeDeal, ...]:
        """Give the deals of a position's identifier."""
        return self._books.history.deals.of_position(position)

    def history_order(self, ticket: int) -> TradeOrder | None:
        """Give one finished order, or None."""
        return self._books.history.orders.by_ticket(ticket)

    def history_deal(self, ticket: int) -> TradeDeal | None:
        """Give one deal by its own ticket or its order's, or None."""
        return self._books.history.deal(ticket)

    # Terminal side: trading

    def order_check(self, request: TradeRequest) -> OrderCheckResult:
        """Tell whether a request could be carried out; retcode 0 means yes."""
        return self._desk.check(request)

    def order_send(self, request: TradeRequest, terms: Terms = USUAL) -> OrderSendResult:
        """Carry out a request; the ledger is written before this returns.

        Args:
            request: the request.
            terms: what befalls it besides its own words.

        Raises:
            TerminalError: -8 when the terminal does not let programs trade through the package.
        """
        result = self._desk.send(request, terms)
        self._books.commit()
        return result

    def order_calc_margin(self, action: int, symbol: str, volume: float, price: float) -> float:
        """Give the margin a position alone would block, in the account's currency.

        Raises:
            TerminalError: -4 for an unknown symbol, -2 for a bad type, volume or price.
        """
        instrument = self._instrument(symbol)
        self._check_calculation(action, volume, price)
        margin = self._venue.valuation.margin(
            instrument, action == mt5.ORDER_TYPE_BUY, exact(volume), exact(price)
        )
        return float(margin)

    def order_calc_profit(
        self, action: int, symbol: str, volume: float, price_open: float, price_close: float
    ) -> float:
        """Give the profit of a position closed at a price, in the account's currency.

        Raises:
            TerminalError: -4 for an unknown symbol, -2 for a bad type, volume or price.
        """
        instrument = self._instrument(symbol)
        self._check_calculation(action, volume, price_open, price_close)
        profit = self._venue.valuation.profit(
            instrument,
            action == mt5.ORDER_TYPE_BUY,
            exact(volume),
            exact(price_open),
            exact(price_close),
        )
        return float(profit)

    def _check_calculation(self, action: int, *amounts: float) -> None:
        if action not in _MARKET_TYPES or not all(0 < amount < 1e15 for amount in amounts):
            raise TerminalError(mt5.RES_E_INVALID_PARAMS)
