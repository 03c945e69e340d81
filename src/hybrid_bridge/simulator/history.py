"""The finished orders and the deals of the simulated account.

Owns both lists, oldest first, and their look-ups by time, ticket and position. It changes nothing
that is in it. The books append; the exchange answers history calls from it.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Callable
from typing import Generic, TypeVar

from hybrid_bridge.simulator.records import TradeDeal, TradeOrder

Record = TypeVar("Record", TradeDeal, TradeOrder)


class Archive(Generic[Record]):
    """Records of one kind, appended in the order of time."""

    def __init__(self, time_s: Callable[[Record], int]) -> None:
        self._time_s: Callable[[Record], int] = time_s
        self._records: list[Record] = []
        self._by_ticket: dict[int, Record] = {}
        self._by_position: defaultdict[int, list[Record]] = defaultdict(list)

    def append(self, record: Record) -> None:
        """Add the newest record."""
        self._records.append(record)
        self._by_ticket[record.ticket] = record
        if record.position_id:
            self._by_position[record.position_id].append(record)

    def all(self) -> tuple[Record, ...]:
        """Give every record, oldest first."""
        return tuple(self._records)

    def between(self, from_s: int, to_s: int) -> tuple[Record, ...]:
        """Give the records of a span of the server's clock (seconds, both ends included)."""
        first = bisect_left(self._records, from_s, key=self._time_s)
        end = bisect_right(self._records, to_s, key=self._time_s)
        return tuple(self._records[first:end])

    def of_position(self, position: int) -> tuple[Record, ...]:
        """Give the records that belong to a position's identifier."""
        return tuple(self._by_position.get(position, ()))

    def by_ticket(self, ticket: int) -> Record | None:
        """Give one record, or None."""
        return self._by_ticket.get(ticket)


class History:
    """Finished orders by the time they were done, deals by the time they were made."""

    def __init__(self) -> None:
        self.orders: Archive[TradeOrder] = Archive(lambda order: order.time_done)
        self.deals: Archive[TradeDeal] = Archive(lambda deal: deal.time)
        self._first_deals: dict[int, TradeDeal] = {}

    def add_deal(self, deal: TradeDeal) -> None:
        """Add the newest deal."""
        self.deals.append(deal)
        if deal.order:
            self._first_deals.setdefault(deal.order, deal)

    def deal(self, ticket: int) -> TradeDeal | None:
        """Give the deal of a ticket, which may also be that of the order that made it.

        Source: MetaTrader5 for Python, history_deals_get: "ticket of an order (stored in DEAL_ORDER)".
        """
        return self.deals.by_ticket(ticket) or self._first_deals.get(ticket)
