"""The account as a file, so that a restarted terminal still knows its positions and its history.

Owns the file (JSON lines, append only) and reading it back into the books. One line holds all that
one request, tick or midnight changed, and is in the hands of the operating system before the client
hears of it; a line cut short by a kill is what the client never heard of, and is dropped. It decides
nothing. The exchange notes changes through the books and commits after each event.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from decimal import Decimal
from pathlib import Path
from typing import Any, Self

from hybrid_bridge.simulator.books import Books
from hybrid_bridge.simulator.config import ExchangeConfig
from hybrid_bridge.simulator.positions import Position
from hybrid_bridge.simulator.records import TradeDeal, TradeOrder

_DECIMALS = ("volume", "price_open", "margin_per_lot", "swap")


class SavedStateError(Exception):
    """A state file that cannot be gone on with; says why."""


class SavedState:
    """Notes every change of the books; use it as a context or close it.

    It is a `ChangeLog`.
    """

    def __init__(self, path: Path | str, config: ExchangeConfig) -> None:
        """Open the file, or begin it.

        Raises:
            SavedStateError: if it is no state file, or one of another account.
            OSError: if it cannot be opened for append.
        """
        self._path = Path(path)
        self._owner = {
            "login": config.login,
            "currency": config.currency,
            "account_mode": config.account_mode,
        }
        self._changes: list[tuple[str, Any]] = []
        self._events = self._read()
        self._file = self._path.open("a", encoding="utf-8", newline="\n")
        if not self._path.stat().st_size:
            self._write(self._owner)

    @property
    def is_new(self) -> bool:
        """Tell whether there was nothing to go on with."""
        return not self._events

    def _read(self) -> list[list[tuple[str, Any]]]:
        if not self._path.exists():
            return []
        whole, _, cut_short = self._path.read_bytes().rpartition(b"\n")
        if cut_short:
            self._cut_to(len(whole) + 1 if whole else 0)
        events: list[list[tuple[str, Any]]] = []
        for number, line in enumerate(whole.splitlines(), start=1):
            try:
                row = json.loads(line)
            except ValueError as error:
                raise SavedStateError(
                    f"{self._path}, line {number}: expected JSON, saw {line[:80]!r}; "
                    "move the file away to begin a new account"
                ) from error
            if number > 1:
                events.append(row)
            elif row != self._owner:
                raise SavedStateError(
                    f"{self._path} is of {row}, expected {self._owner}; "
                    "move the file away or start with its account"
                )
        return events

    def _cut_to(self, size: int) -> None:
        with self._path.open("r+b") as file:
            file.truncate(size)

    def restore(self, books: Books) -> None:
        """Bring what the file holds into empty books.

        Raises:
            SavedStateError: if a line does not fit what came before it.
        """
        restorers: dict[str, Callable[[Any], None]] = {
            "position": lambda values: _restore_position(books, values),
            "position_gone": lambda ticket: books.remove_position(books.positions[ticket]),
            "order": lambda values: books.keep_order(TradeOrder(*values)),
            "order_done": lambda values: books.enter_done_order(TradeOrder(*values)),
            "deal": lambda values: books.enter_deal(TradeDeal(*values)),
        }
        for number, event in enumerate(self._events, start=2):
            try:
                for kind, values in event:
                    restorers[kind](values)
            except (KeyError, TypeError, ValueError) as error:
                raise SavedStateError(
                    f"{self._path}, line {number}: does not fit what came before it ({error!r}); "
                    "move the file away to begin a new account"
                ) from error
        self._events = []

    def position(self, position: Position) -> None:
        """Note a position's new state."""
        values = asdict(position)
        values.update((name, str(values[name])) for name in _DECIMALS)
        self._changes.append(("position", values))

    def position_gone(self, ticket: int) -> None:
        """Note that a position is closed."""
        self._changes.append(("position_gone", ticket))

    def order(self, order: TradeOrder) -> None:
        """Note a working order's new state."""
        self._changes.append(("order", order))

    def order_done(self, order: TradeOrder) -> None:
        """Note that an order has gone into history."""
        self._changes.append(("order_done", order))

    def deal(self, deal: TradeDeal) -> None:
        """Note a deal."""
        self._changes.append(("deal", deal))

    def commit(self) -> None:
        """Write what was noted since the last time as one line."""
        if self._changes:
            self._write(self._changes)
            self._changes = []

    def _write(self, row: object) -> None:
        self._file.write(json.dumps(row, separators=(",", ":")) + "\n")
        self._file.flush()

    def close(self) -> None:
        """Close the file; a second time does nothing."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _restore_position(books: Books, values: dict[str, Any]) -> None:
    position = Position(**{**values, **{name: Decimal(values[name]) for name in _DECIMALS}})
    known = books.positions.get(position.ticket)
    if known:
        books.change_position(known, position)
    else:
        books.add_position(position)
