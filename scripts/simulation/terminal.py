"""The simulated terminal as a worker's module sees it: the package's functions over the exchange, in process.

Owns the terminal's own state (up, restarted, who is logged in, what it shows) and the list of every order
request that reached it: the venue's side of the story. What befalls a request is its `Fate`, chosen by
`faults`. Times out nothing and delays nothing: the simulated worker does.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from scripts.simulation.market import STRANGER, Market
from scripts.simulation.money import Snapshot, snapshot
from scripts.simulation.orders import is_entry
from scripts.simulation.timeline import Timeline

from hybrid_bridge.simulator import constants as mt5
from hybrid_bridge.simulator import request_parsing as parsing
from hybrid_bridge.simulator.exchange import Exchange
from hybrid_bridge.simulator.records import OrderSendResult, TradeRequest
from hybrid_bridge.simulator.terminal_error import TerminalError
from hybrid_bridge.simulator.terms import USUAL, Terms
from hybrid_bridge.simulator.view import TerminalView

SUCCESS = (1, "Success")
BROKEN = (-10001, "IPC send failed")
NO_CONNECTION = (-10004, "No IPC connection")
NOT_THERE = (-10003, "IPC initialize failed, Process create failed")


@dataclass(frozen=True, slots=True)
class Fate:
    """What befalls one order_send.

    Attributes:
        kind: for the counts and the story.
        executes_s: how long after its arrival the venue acts on it; None: never.
        retcode: answered instead of the venue's own result, 0 for that.
        error: the package returns None with this last_error code, 0 for not.
        terms: how the venue carries it out.
        zero_price: the reply leaves the price out.
        hidden_s: for so long the terminal shows nothing of what came of it.
        hangs: the call never returns.
    """

    kind: str = "filled"
    executes_s: float | None = 0.0
    retcode: int = 0
    error: int = 0
    terms: Terms = USUAL
    zero_price: bool = False
    hidden_s: float = 0.0
    hangs: bool = False


@dataclass(slots=True)
class Arrival:
    """One order_send that reached the terminal.

    Attributes:
        at_s: when, simulated seconds.
        results: what the venue made of it, each time it acted; more than one is the venue's own doubling.
        before: the account as it found it; None for what opens nothing.
    """

    at_s: float
    request: TradeRequest
    fate: Fate
    stranger: bool
    results: list[OrderSendResult] = field(default_factory=list)
    before: Snapshot | None = None


class Terminal:
    """The terminal program on the trading PC.

    Attributes:
        up: whether it runs.
        epoch: counts its starts; a connection lives as long as one of them.
        arrivals: every order_send that reached it, oldest first.
        pending: requests that the venue has yet to act on.
        query_fails: whether a question finds its connection gone.
    """

    def __init__(
        self, timeline: Timeline, market: Market, draw: random.Random, note: Callable[..., None]
    ) -> None:
        self.timeline = timeline
        self.market = market
        self.up = True
        self.epoch = 0
        self.arrivals: list[Arrival] = []
        self.pending = 0
        self.freezes = 0
        self.query_fails: Callable[[], int] = lambda: 0
        self._draw = draw
        self._note = note

    @property
    def exchange(self) -> Exchange:
        """The trade server of the account that is logged in."""
        return self.market.accounts.current.exchange

    @property
    def view(self) -> TerminalView:
        """What is shown of it."""
        return self.market.accounts.current.view

    def go_down(self) -> None:
        """End the program."""
        self.up = False
        self.epoch += 1

    def come_up(self) -> None:
        """Start it again."""
        self.up = True

    def log_in_stranger(self, on: bool) -> None:
        """Have another account logged in, or the usual one."""
        self.market.accounts.log_in(STRANGER if on else None)

    def send(self, request: TradeRequest, fate: Fate) -> OrderSendResult | None:
        """Take an order request; None where the package returns none."""
        stranger = self.exchange is not self.market.exchange
        arrival = Arrival(self.timeline.now_s, request, fate, stranger)
        if is_entry(request) and not stranger:
            self.market.catch_up()
            arrival.before = snapshot(self.market, request.type, request.symbol, request.volume)
        self.arrivals.append(arrival)
        result: OrderSendResult | None = None
        if fate.executes_s is not None:
            if fate.hidden_s:
                self._hide(fate.hidden_s)
            if fate.executes_s:
                self.pending += 1
                self.timeline.after(fate.executes_s, lambda: self._act_late(arrival))
            else:
                result = self._act(arrival)
        if fate.error:
            return None
        if fate.retcode:
            return OrderSendResult(retcode=fate.retcode, comment="simulated", request=request)
        if result is not None and fate.zero_price:
            result = result._replace(price=0.0)
        return result

    def _act(self, arrival: Arrival) -> OrderSendResult:
        self.market.catch_up()
        exchange = self.market.exchange if not arrival.stranger else self.exchange
        result = exchange.order_send(arrival.request, arrival.fate.terms)
        arrival.results.append(result)
        done = f"{result.retcode}, order {result.order}, deal {result.deal}, {result.volume:g} lots"
        self._note("venue", f"acts on {describe(arrival.request)}: {done}")
        return result

    def _act_late(self, arrival: Arrival) -> None:
        self.pending -= 1
        try:
            self._act(arrival)
        except TerminalError as error:
            self._note("venue", f"drops {describe(arrival.request)}: {error.code}")

    def _hide(self, seconds: float) -> None:
        view = self.view
        view.freeze()
        self.freezes += 1
        number = self.freezes

        def thaw() -> None:
            if number == self.freezes:
                view.thaw()

        self.timeline.after(seconds, thaw)


def describe(request: TradeRequest) -> str:
    """Name a request in the story."""
    what = {mt5.TRADE_ACTION_DEAL: "deal", mt5.TRADE_ACTION_SLTP: "stops", mt5.TRADE_ACTION_REMOVE: "removal"}
    where = f" of position {request.position}" if request.position else ""
    side = "" if request.action != mt5.TRADE_ACTION_DEAL else (" buy", " sell")[request.type % 2]
    target = f" of order {request.order}" if request.order else ""
    return (
        f"{what.get(request.action, request.action)}{side} {request.symbol} {request.volume:g}{where}{target}"
        f" ({request.comment!r}, magic {request.magic & 0xFFFFFFFF:#x})"
    )


class Module:
    """One worker's connection: the functions of the package that the bridge calls.

    Attributes:
        fate: of the next order_send, set by the simulated worker.
    """

    def __init__(self, terminal: Terminal) -> None:
        self._terminal = terminal
        self._epoch = -1
        self._told = False
        self._error = SUCCESS
        self.fate = Fate()

    def initialize(self, **_: Any) -> bool:
        """Connect."""
        if not self._terminal.up:
            self._error = NOT_THERE
            return False
        self._epoch, self._told, self._error = self._terminal.epoch, False, SUCCESS
        return True

    def shutdown(self) -> bool:
        """Disconnect."""
        self._epoch = -1
        return True

    def last_error(self) -> tuple[int, str]:
        """Return the last call's error."""
        return self._error

    def account_info(self) -> Any:
        """Return the account."""
        return self._ask(lambda: self._terminal.view.account_info())

    def terminal_info(self) -> Any:
        """Return the terminal."""
        return self._ask(lambda: self._terminal.exchange.terminal_info())

    def symbol_info(self, symbol: str) -> Any:
        """Return a symbol's rules."""
        return self._ask(lambda: self._terminal.exchange.symbol_info(symbol))

    def symbol_info_tick(self, symbol: str) -> Any:
        """Return a symbol's last tick."""
        return self._ask(lambda: self._terminal.exchange.symbol_info_tick(symbol))

    def symbol_select(self, symbol: str, enable: bool) -> Any:
        """Put a symbol into the Market Watch."""

        def select() -> bool:
            self._terminal.exchange.symbol_select(symbol, enable)
            return True

        return self._ask(select)

    def symbols_get(self) -> Any:
        """Return every symbol."""
        return self._ask(lambda: self._terminal.exchange.symbols())

    def positions_get(self) -> Any:
        """Return the open positions."""
        return self._ask(lambda: self._terminal.view.positions())

    def orders_get(self) -> Any:
        """Return the waiting orders."""
        return self._ask(lambda: self._terminal.view.orders())

    def history_orders_get(self, from_s: int, to_s: int) -> Any:
        """Return the finished orders of a span."""
        return self._ask(lambda: self._terminal.view.history_orders(from_s, to_s))

    def history_deals_get(self, from_s: int, to_s: int) -> Any:
        """Return the deals of a span."""
        return self._ask(lambda: self._terminal.view.history_deals(from_s, to_s))

    def order_calc_margin(self, action: int, symbol: str, volume: float, price: float) -> Any:
        """Return the margin of a position."""
        return self._ask(lambda: self._terminal.exchange.order_calc_margin(action, symbol, volume, price))

    def order_calc_profit(self, action: int, symbol: str, volume: float, opened: float, closed: float) -> Any:
        """Return the profit of a position."""
        return self._ask(
            lambda: self._terminal.exchange.order_calc_profit(action, symbol, volume, opened, closed)
        )

    def copy_ticks_from(self, *_: object) -> Any:
        """Return no ticks: the simulation publishes none."""
        return self._ask(lambda: None)

    def order_check(self, request: dict[str, Any]) -> Any:
        """Check a request."""
        return self._ask(lambda: self._terminal.exchange.order_check(parsing.trade_request(request)))

    def order_send(self, request: dict[str, Any]) -> Any:
        """Send a request."""
        fate = self.fate
        if not self._linked():
            return None
        try:
            self._error = SUCCESS
            result = self._terminal.send(parsing.trade_request(request), fate)
        except TerminalError as error:
            self._error = (error.code, "Terminal: Call failed")
            return None
        if fate.error:
            self._error = (fate.error, "IPC failed")
        return result

    def _linked(self) -> bool:
        if self._epoch == self._terminal.epoch and self._terminal.up:
            return True
        self._error = NO_CONNECTION if self._told or self._epoch < 0 else BROKEN
        self._told = True
        return False

    def _ask(self, question: Callable[[], Any]) -> Any:
        if not self._linked():
            return None
        failure = self._terminal.query_fails()
        if failure:
            self._error = (failure, "IPC failed")
            return None
        self._terminal.market.catch_up()
        self._error = SUCCESS
        try:
            return question()
        except TerminalError as error:
            self._error = (error.code, "Terminal: Call failed")
            return None
