"""The books of the simulated account: what it holds, what it owes, what it did.

Owns balance, open positions, working orders, history, ticket numbers and the server's clock, and
keeps the symbols' exposures in step. Every change passes here, so that the ledger and the saved
state miss none. It decides nothing: matching, the desk and the rollover do.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Protocol

from hybrid_bridge.simulator import constants as mt5
from hybrid_bridge.simulator.config import ExchangeConfig
from hybrid_bridge.simulator.history import History
from hybrid_bridge.simulator.instruments import Instrument
from hybrid_bridge.simulator.ledger import Ledger
from hybrid_bridge.simulator.positions import Position
from hybrid_bridge.simulator.records import TradeDeal, TradeOrder

_NEVER_S = 2**62


class ChangeLog(Protocol):
    """Where every change of the books is noted, so that a restarted terminal still knows it."""

    def position(self, position: Position) -> None:
        """Note a position's new state."""

    def position_gone(self, ticket: int) -> None:
        """Note that a position is closed."""

    def order(self, order: TradeOrder) -> None:
        """Note a working order's new state."""

    def order_done(self, order: TradeOrder) -> None:
        """Note that an order has gone into history."""

    def deal(self, deal: TradeDeal) -> None:
        """Note a deal."""

    def commit(self) -> None:
        """Keep what was noted since the last time, as one event."""


class Books:
    """State of one account; money in its currency, exact decimals."""

    def __init__(
        self,
        config: ExchangeConfig,
        instruments: Mapping[str, Instrument],
        ledger: Ledger | None,
    ) -> None:
        self._zone = config.server_zone
        self._instruments = instruments
        self._ledger = ledger
        self._log: ChangeLog | None = None
        self.now_msc = config.opened_server_s * 1000
        self.balance = Decimal(0)
        self.credit = Decimal(0)
        # Counts changes of positions; what is derived from them is renewed when it moves.
        self.revision = 0
        self.positions: dict[int, Position] = {}
        self.orders: dict[int, TradeOrder] = {}
        self.history = History()
        # No working order expires before this moment (seconds); it may have gone meanwhile.
        self.next_expiry_s = _NEVER_S
        self.last_order = max(config.first_order - 1, ledger.last_order if ledger else 0)
        self.last_deal = max(config.first_deal - 1, ledger.last_deal if ledger else 0)

    def note_changes(self, log: ChangeLog) -> None:
        """Note every change from now on."""
        self._log = log

    def commit(self) -> None:
        """Keep what one request or tick has changed; the caller answers only afterwards."""
        if self._log:
            self._log.commit()

    def next_order(self) -> int:
        """Give a new order ticket; tickets are never used twice."""
        self.last_order += 1
        return self.last_order

    def next_deal(self) -> int:
        """Give a new deal ticket."""
        self.last_deal += 1
        return self.last_deal

    def add_position(self, position: Position) -> None:
        """Add a new position."""
        instrument = self._instruments[position.symbol]
        self.positions[position.ticket] = position
        instrument.positions[position.ticket] = position
        self._count_in(instrument, position)

    def remove_position(self, position: Position) -> None:
        """Take a position out of the books."""
        instrument = self._instruments[position.symbol]
        del self.positions[position.ticket]
        del instrument.positions[position.ticket]
        instrument.exposure.remove(position)
        self.revision += 1
        if self._log:
            self._log.position_gone(position.ticket)

    def change_position(self, position: Position, changed: Position) -> None:
        """Put a position's new state, which may have another ticket, in the old one's place."""
        if changed.ticket != position.ticket:
            self.remove_position(position)
            self.add_position(changed)
            return
        instrument = self._instruments[position.symbol]
        instrument.exposure.remove(position)
        self.positions[position.ticket] = changed
        instrument.positions[position.ticket] = changed
        self._count_in(instrument, changed)

    def _count_in(self, instrument: Instrument, position: Position) -> None:
        instrument.selected = True
        instrument.exposure.add(position)
        instrument.watch_position(position)
        self.revision += 1
        if self._log:
            self._log.position(position)

    def keep_order(self, order: TradeOrder) -> None:
        """Add a working order or replace it by its new state."""
        instrument = self._instruments[order.symbol]
        instrument.selected = True
        self.last_order = max(self.last_order, order.ticket)
        self.orders[order.ticket] = order
        instrument.orders[order.ticket] = order
        if order.time_expiration:
            self.next_expiry_s = min(self.next_expiry_s, order.time_expiration)
        instrument.watch_order(order)
        if self._log:
            self._log.order(order)

    def finish_order(self, order: TradeOrder, state: int, position_id: int = 0) -> TradeOrder:
        """Move an order into history in its last state, filled entirely or not at all."""
        done = order._replace(
            state=state,
            time_done=self.now_msc // 1000,
            time_done_msc=self.now_msc,
            volume_current=0.0 if state == mt5.ORDER_STATE_FILLED else order.volume_current,
            position_id=position_id or order.position_id,
        )
        self.enter_done_order(done)
        if self._log:
            self._log.order_done(done)
        return done

    def enter_done_order(self, order: TradeOrder) -> None:
        """Put an order into history, out of the working ones."""
        if self.orders.pop(order.ticket, None):
            self._instruments[order.symbol].forget_order(order.ticket)
        self.history.orders.append(order)
        self.last_order = max(self.last_order, order.ticket)
        self.now_msc = max(self.now_msc, order.time_done_msc)

    def expired_orders(self) -> list[TradeOrder]:
        """Give the working orders whose time is up, the earliest first, and note when to ask again."""
        now_s = self.now_msc // 1000
        timed = [order for order in self.orders.values() if order.time_expiration]
        self.next_expiry_s = min(
            (o.time_expiration for o in timed if o.time_expiration > now_s), default=_NEVER_S
        )
        due = [order for order in timed if order.time_expiration <= now_s]
        return sorted(due, key=lambda order: (order.time_expiration, order.ticket))

    def record_deal(self, deal: TradeDeal) -> None:
        """Book a deal: history, balance, ledger."""
        self.enter_deal(deal)
        if self._log:
            self._log.deal(deal)
        if self._ledger and deal.type in (mt5.DEAL_TYPE_BUY, mt5.DEAL_TYPE_SELL):
            utc_msc = self._zone.utc_msc(deal.time_msc)
            self._ledger.write(deal, utc_msc=utc_msc, balance=float(self.balance))

    def enter_deal(self, deal: TradeDeal) -> None:
        """Put a deal into history and its money into the balance, or into the credit if it is one."""
        self.history.add_deal(deal)
        money = sum(
            (Decimal(repr(part)) for part in (deal.profit, deal.commission, deal.swap, deal.fee)),
            Decimal(0),
        )
        if deal.type == mt5.DEAL_TYPE_CREDIT:
            self.credit += money
        else:
            self.balance += money
        self.last_deal = max(self.last_deal, deal.ticket)
        self.now_msc = max(self.now_msc, deal.time_msc)

    def deposit(self, amount: Decimal, *, credit: bool = False) -> None:
        """Book money that comes in, or goes out where the amount is negative; the broker's own as credit."""
        paid = "Deposit" if amount >= 0 else "Withdrawal"
        self.record_deal(
            TradeDeal(
                ticket=self.next_deal(),
                time=self.now_msc // 1000,
                time_msc=self.now_msc,
                type=mt5.DEAL_TYPE_CREDIT if credit else mt5.DEAL_TYPE_BALANCE,
                profit=float(amount),
                comment="Credit" if credit else paid,
            )
        )
