"""What a terminal shows of its account, which may be behind what the trade server knows.

Owns two ways of being behind: standing still (nothing that happens is seen until it is thawed) and a
history that lacks its newest part. Answers the package's questions about account, positions, orders and
history; everything else is asked of the exchange itself. Called by `commands`.
"""

from collections.abc import Iterable
from typing import NamedTuple, TypeVar

from hybrid_bridge.simulator.exchange import Exchange
from hybrid_bridge.simulator.records import AccountInfo, TradeDeal, TradeOrder, TradePosition

_RecordT = TypeVar("_RecordT", TradeOrder, TradeDeal)


class _Picture(NamedTuple):
    account: AccountInfo
    positions: tuple[TradePosition, ...]
    orders: tuple[TradeOrder, ...]
    last_order: int
    last_deal: int

    def shows_deal(self, deal: TradeDeal) -> bool:
        return deal.ticket <= self.last_deal

    def shows_done(self, order: TradeOrder) -> bool:
        working = any(order.ticket == known.ticket for known in self.orders)
        return order.ticket <= self.last_order and not working


class TerminalView:
    """One terminal's view of one account.

    Args:
        exchange: the trade server.
    """

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._picture: _Picture | None = None
        self._history_ends_msc: int | None = None

    def freeze(self) -> None:
        """Show nothing of what happens from now on."""
        exchange = self._exchange
        if self._picture is None:
            self._picture = _Picture(
                exchange.account_info(), exchange.positions(), exchange.orders(), *exchange.last_tickets
            )

    def thaw(self) -> None:
        """Show everything again."""
        self._picture = None

    def cut_history(self, back_s: float) -> None:
        """Lack what history holds of the last so many seconds, and all that comes."""
        self._history_ends_msc = self._exchange.server_msc - int(back_s * 1000)

    def heal_history(self) -> None:
        """Lack nothing of history any more."""
        self._history_ends_msc = None

    def account_info(self) -> AccountInfo:
        """Give the account."""
        return self._picture.account if self._picture else self._exchange.account_info()

    def position_count(self) -> int:
        """Give how many positions are open."""
        return len(self._picture.positions) if self._picture else self._exchange.position_count()

    def positions(self) -> tuple[TradePosition, ...]:
        """Give the open positions."""
        return self._picture.positions if self._picture else self._exchange.positions()

    def orders(self) -> tuple[TradeOrder, ...]:
        """Give the working orders."""
        return self._picture.orders if self._picture else self._exchange.orders()

    def history_orders(self, from_s: int, to_s: int) -> tuple[TradeOrder, ...]:
        """Give the finished orders of a span."""
        return self._done(self._exchange.history_orders(from_s, to_s))

    def history_deals(self, from_s: int, to_s: int) -> tuple[TradeDeal, ...]:
        """Give the deals of a span."""
        return self._made(self._exchange.history_deals(from_s, to_s))

    def history_orders_of_position(self, position: int) -> tuple[TradeOrder, ...]:
        """Give the finished orders of a position."""
        return self._done(self._exchange.history_orders_of_position(position))

    def history_deals_of_position(self, position: int) -> tuple[TradeDeal, ...]:
        """Give the deals of a position."""
        return self._made(self._exchange.history_deals_of_position(position))

    def history_order(self, ticket: int) -> TradeOrder | None:
        """Give one finished order, or None."""
        return _first(self._done(_some(self._exchange.history_order(ticket))))

    def history_deal(self, ticket: int) -> TradeDeal | None:
        """Give one deal, or None."""
        return _first(self._made(_some(self._exchange.history_deal(ticket))))

    def _done(self, orders: tuple[TradeOrder, ...]) -> tuple[TradeOrder, ...]:
        ends_msc, picture = self._history_ends_msc, self._picture
        if ends_msc is not None:
            orders = tuple(order for order in orders if order.time_done_msc <= ends_msc)
        return tuple(filter(picture.shows_done, orders)) if picture else orders

    def _made(self, deals: tuple[TradeDeal, ...]) -> tuple[TradeDeal, ...]:
        ends_msc, picture = self._history_ends_msc, self._picture
        if ends_msc is not None:
            deals = tuple(deal for deal in deals if deal.time_msc <= ends_msc)
        return tuple(filter(picture.shows_deal, deals)) if picture else deals


def _some(record: _RecordT | None) -> tuple[_RecordT, ...]:
    return () if record is None else (record,)


def _first(records: Iterable[_RecordT]) -> _RecordT | None:
    return next(iter(records), None)
