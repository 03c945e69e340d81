"""A worker's connection to its terminal: connect, identity, Market Watch and the look at the account.

Owns what must be known between operations (module, selected symbols, learned commission). Runs inside the
worker only; called by `worker` and by the modules of the other operations.
"""

import importlib
import math
import time
from typing import Any, Protocol

from hybrid_bridge.terminal.bookings import Bookings
from hybrid_bridge.terminal.commission import CommissionBook
from hybrid_bridge.terminal.operations import (
    ConnectArgs,
    ConnectReply,
    NewestReply,
    Nothing,
    ReportReply,
    SelectArgs,
    SelectReply,
)
from hybrid_bridge.terminal.package import Package, PackageError, row
from hybrid_bridge.terminal.rows import AccountRow, OrderRow, PositionRow, SymbolRow, TerminalRow

NEAR_MATCHES_MAX = 5
SPEC_AGE_S_MAX = 5.0


class Log(Protocol):
    """Where a worker's own remarks go."""

    def __call__(self, level: str, event: str, **fields: object) -> None:
        """Send one remark to the daemon's log."""
        ...


class Session:
    """What one worker knows of its terminal."""

    def __init__(self, module_name: str, log: Log) -> None:
        self._module_name = module_name
        self._package: Package | None = None
        self.log = log
        self.symbols: list[str] = []
        self.commission = CommissionBook()
        self._bookings = Bookings()
        self._bookings_of: tuple[int, str] | None = None
        self._specs: dict[str, tuple[float, Any]] = {}
        self._password = ""
        self._verified: tuple[int, str] | None = None
        self._stranger = ""

    @property
    def package(self) -> Package:
        """The module; imported at the first use, so that a missing one is an answer and not a crash."""
        if self._package is None:
            self._package = Package(importlib.import_module(self._module_name))
        return self._package

    @property
    def link_lost(self) -> bool:
        """Whether the operation just done found the connection gone."""
        return self._package is not None and self._package.link_lost

    @property
    def stranger(self) -> str:
        """Whom the operation just done found logged in instead; empty for nobody."""
        return self._stranger

    def spec(self, symbol: str) -> Any:
        """Return symbol_info's answer, a few seconds old at most; None when there is none.

        The largest structure of the package, and rules that hardly ever change: the venue applies its own
        in any case.
        """
        asked_s, spec = self._specs.get(symbol, (-math.inf, None))
        if spec is None or time.monotonic() - asked_s > SPEC_AGE_S_MAX:
            spec = self.package.ask("symbol_info", symbol)
            self._specs[symbol] = (time.monotonic(), spec)
        return spec

    def begin(self) -> None:
        """Forget what the operation before this one found."""
        self._stranger = ""
        if self._package is not None:
            self._package.watch_link()

    def scrub(self, text: str) -> str:
        """Return a text without the account's password."""
        return text.replace(self._password, "***") if self._password else text

    def close(self) -> None:
        """Leave the terminal."""
        if self._package is not None:
            self._package.raw("shutdown")()

    def connect(self, args: ConnectArgs) -> ConnectReply:
        """Drop any connection, connect anew and say who answered."""
        self._specs.clear()
        self._verified = None
        self._password = args.password
        package = self.package
        package.raw("shutdown")()
        package.call_with("initialize", **_initialize_keywords(args))
        package.watch_link()
        found = self.identify(Nothing())
        self._verified = found.login, found.server
        if self._verified != self._bookings_of:
            self._bookings, self._bookings_of = Bookings(), self._verified
        return found

    def identify(self, _args: Nothing) -> ConnectReply:
        """Say who and what answers now."""
        account = self.package.call("account_info")
        terminal = self.package.call("terminal_info")
        self._compare(account)
        return ConnectReply(account.login, account.server, terminal.path, terminal.build)

    def find_stranger(self) -> str:
        """Return who is logged in instead of the account at the last connect; empty when nobody is.

        All clients of a terminal share its one account: a login by hand or by another client changes it
        under a connection that stays in order.
        """
        self._compare(self.package.call("account_info"))
        return self._stranger

    def select(self, args: SelectArgs) -> SelectReply:
        """Put symbols into the Market Watch and warm what the first order and look at the account need."""
        specs = {name: self._select(name) for name in args.symbols}
        self.symbols = [name for name, spec in specs.items() if spec is not None]
        missing = [name for name, spec in specs.items() if spec is None]
        self.commission.refresh(self.package, self.log)
        self._account()
        return SelectReply(
            [row(SymbolRow, spec) for spec in specs.values() if spec is not None],
            self._near_matches(missing) if missing else {},
        )

    def newest(self, _args: Nothing) -> NewestReply:
        """Return the newest tick's time of each selected symbol that has one."""
        return NewestReply({name: tick.time_msc for name, tick in self.ticks().items()})

    def ticks(self) -> dict[str, Any]:
        """Return the newest tick of each selected symbol that has one."""
        ticks = {name: self.package.ask("symbol_info_tick", name) for name in self.symbols}
        return {name: tick for name, tick in ticks.items() if tick and tick.time_msc}

    def look_at_account(self, newest: dict[str, int]) -> ReportReply:
        """Look at account, terminal, positions and orders; every one of them must answer."""
        package = self.package
        return ReportReply(
            account=row(AccountRow, self._account()),
            terminal=row(TerminalRow, package.call("terminal_info")),
            positions=[row(PositionRow, position) for position in package.call("positions_get")],
            orders=[row(OrderRow, order) for order in package.call("orders_get")],
            newest=newest,
            bookings=self._bookings.latest,
            explained=self._bookings.explained,
        )

    def _account(self) -> Any:
        """Return the account's figures, as of the instant of the bookings that are known."""
        account = self.package.call("account_info")
        self._compare(account)
        if not self._stranger:
            account = self._bookings.catch_up(self.package, self.log, account)
            self._compare(account)
        return account

    def _compare(self, account: Any) -> None:
        if self._verified is not None and (account.login, account.server) != self._verified:
            login, server = self._verified
            self._stranger = (
                f"account {account.login} ({account.server}) is logged in, not {login} ({server})"
            )

    def _select(self, name: str) -> Any:
        info = self.package.ask("symbol_info", name)
        if info is None:
            return None
        # Prices flow for selected symbols; "selected" but not "visible" is the terminal's own doing.
        if not (info.select and info.visible):
            try:
                self.package.call("symbol_select", name, True)
            except PackageError as error:
                if self.link_lost:
                    raise
                self.log("error", "Symbol refused by the Market Watch", symbol=name, error=str(error))
                return None
        return info

    def _near_matches(self, missing: list[str]) -> dict[str, list[str]]:
        known = [symbol.name for symbol in self.package.ask("symbols_get") or ()]
        return {name: near_matches(name, known) for name in missing}


def near_matches(name: str, known: list[str]) -> list[str]:
    """Return the known names most like one: brokers add prefixes and suffixes (EURUSD.a, mEURUSD)."""
    import difflib

    wanted = name.upper()
    spelled = {symbol.upper(): symbol for symbol in reversed(known)}
    contained = sorted(
        (symbol for symbol in spelled if symbol.startswith(wanted) or symbol.endswith(wanted)), key=len
    )
    close = difflib.get_close_matches(wanted, spelled, n=NEAR_MATCHES_MAX, cutoff=0.7)
    return [spelled[symbol] for symbol in dict.fromkeys([*contained, *close])][:NEAR_MATCHES_MAX]


def _initialize_keywords(args: ConnectArgs) -> dict[str, Any]:
    keywords: dict[str, Any] = {"timeout": args.timeout_ms}
    if args.path:
        keywords["path"] = args.path
    if args.login is not None:
        keywords["login"] = args.login
    if args.password:
        keywords["password"] = args.password
    if args.server:
        keywords["server"] = args.server
    return keywords
