"""Which account the terminal is logged in to: its own, or another one as if by a person's hand.

Owns the accounts' trade servers side by side: all get every tick, the terminal shows one. The other
account has positions, history and money of its own and no ledger. Used by `answering` and the server.
"""

from collections.abc import Iterator
from dataclasses import replace

from hybrid_bridge.simulator.commands import TerminalCommands
from hybrid_bridge.simulator.exchange import Exchange
from hybrid_bridge.simulator.view import TerminalView


class Account:
    """One account as the terminal shows it.

    Attributes:
        exchange: the trade server with the account.
        view: what the terminal shows of it.
        commands: what the terminal answers about it.
    """

    def __init__(self, exchange: Exchange) -> None:
        self.exchange = exchange
        self.view = TerminalView(exchange)
        self.commands = TerminalCommands(exchange, self.view)


class Accounts:
    """The terminal's own account and the others.

    Args:
        exchange: the trade server with the terminal's own account.

    Attributes:
        current: the account that is logged in.
    """

    def __init__(self, exchange: Exchange) -> None:
        self._own = self.current = Account(exchange)
        self._others: dict[int, Account] = {}

    def __iter__(self) -> Iterator[Account]:
        yield self._own
        yield from self._others.values()

    def log_in(self, other: tuple[int, float] | None) -> None:
        """Log in to another account, opening it the first time, or to the own one.

        Args:
            other: login and deposit; None: the own account.
        """
        if other is None:
            self.current = self._own
            return
        login, balance = other
        if login not in self._others:
            self._others[login] = Account(self._opened(login, balance))
        self.current = self._others[login]

    def _opened(self, login: int, balance: float) -> Exchange:
        own = self._own.exchange
        config = replace(own.config, login=login, balance=balance, name="Another account", password="")
        exchange = Exchange(config)
        for info in own.symbols():
            if info.time:
                exchange.on_tick(info.name, info.time * 1000, info.bid, info.ask)
        exchange.permissions = own.permissions
        return exchange

    def on_tick(self, symbol: str, time_msc: int, bid: float, ask: float) -> None:
        """Bring a tick to every account."""
        for account in self:
            account.exchange.on_tick(symbol, time_msc, bid, ask)

    def advance_clock(self, server_msc: int) -> None:
        """Move every account's clock."""
        for account in self:
            account.exchange.advance_clock(server_msc)
