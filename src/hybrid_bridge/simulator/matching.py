"""Filling orders: how an order becomes a deal and a deal a position.

Owns the rules of hedging and netting, deals with their profit, commission and swap, and the link of
order, deal and position. It checks nothing: the desk does so for requests, the triggers for what
falls due. It writes through the books only.

Source: MQL5 reference, ENUM_DEAL_ENTRY and ENUM_ORDER_REASON; MetaTrader 5 help, position accounting.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal

from hybrid_bridge.simulator import constants as mt5
from hybrid_bridge.simulator.books import Books
from hybrid_bridge.simulator.config import ExchangeConfig
from hybrid_bridge.simulator.exposure import ZERO
from hybrid_bridge.simulator.instruments import Instrument
from hybrid_bridge.simulator.positions import Position
from hybrid_bridge.simulator.records import TradeDeal, TradeOrder
from hybrid_bridge.simulator.valuation import SHORT, Valuation, exact


def is_buy(order_type: int) -> bool:
    """Tell whether an order of a type buys; types alternate, the even ones buy."""
    return order_type % 2 == 0


class Matching:
    """Fills orders against the quotes and books what follows."""

    def __init__(
        self,
        config: ExchangeConfig,
        books: Books,
        valuation: Valuation,
        instruments: Mapping[str, Instrument],
    ) -> None:
        self._config = config
        self._books = books
        self._valuation = valuation
        self._instruments = instruments

    def cost(self, volume: Decimal) -> Decimal:
        """Give what a deal costs, commission and fee, as a positive amount of the account's currency."""
        return self._commission(volume) + self._fee(volume)

    def _commission(self, volume: Decimal) -> Decimal:
        return self._valuation.money(exact(self._config.commission_per_lot) * volume)

    def _fee(self, volume: Decimal) -> Decimal:
        return self._valuation.money(exact(self._config.fee_per_lot) * volume)

    def fill(self, order: TradeOrder, price: float, closing: Position | None = None) -> TradeDeal:
        """Fill an order entirely at a price.

        Args:
            order: working or just made; its `volume_current` is filled.
            price: price units.
            closing: the position that it closes, or a part of it; None for an order that stands alone.
        Returns:
            The deal it made.
        """
        deal = self._book(order, price, closing)
        self._books.finish_order(order, mt5.ORDER_STATE_FILLED, deal.position_id)
        return deal

    def fill_part(
        self, order: TradeOrder, volume: Decimal, price: float, closing: Position | None = None
    ) -> tuple[TradeDeal, TradeOrder]:
        """Fill a part of an order, in lots; else as `fill`.

        Returns:
            The deal it made, and the order as it is with what is left to fill; neither kept nor done.
        """
        deal = self._book(order._replace(volume_current=float(volume)), price, closing)
        left = order._replace(
            volume_current=float(exact(order.volume_current) - volume),
            state=mt5.ORDER_STATE_PARTIAL,
            position_id=deal.position_id,
        )
        return deal, left

    def _book(self, order: TradeOrder, price: float, closing: Position | None) -> TradeDeal:
        instrument = self._instruments[order.symbol]
        if closing is not None:
            return self._close(order, instrument, closing, exact(order.volume_current), price)
        if not self._config.hedging and instrument.positions:
            return self._net(order, instrument, price)
        begun = instrument.positions.get(order.ticket)
        if begun is not None:
            # An earlier part of the same order has opened it; its levels may have been changed since.
            kept = order._replace(sl=begun.sl, tp=begun.tp)
            return self._increase(kept, instrument, begun, price)
        return self._open(order, instrument, price)

    def _open(self, order: TradeOrder, instrument: Instrument, price: float) -> TradeDeal:
        volume = exact(order.volume_current)
        buy = is_buy(order.type)
        deal = self._deal(order, mt5.DEAL_ENTRY_IN, volume, price, order.ticket)
        self._books.add_position(
            Position(
                ticket=order.ticket,
                identifier=order.ticket,
                symbol=order.symbol,
                type=mt5.POSITION_TYPE_BUY if buy else mt5.POSITION_TYPE_SELL,
                volume=volume,
                price_open=exact(price),
                margin_per_lot=self._valuation.margin_per_lot(instrument, buy, exact(price)),
                time_msc=self._books.now_msc,
                time_update_msc=self._books.now_msc,
                sl=order.sl,
                tp=order.tp,
                magic=order.magic,
                comment=order.comment,
                reason=order.reason,
            )
        )
        return deal

    def _close(
        self,
        order: TradeOrder,
        instrument: Instrument,
        position: Position,
        volume: Decimal,
        price: float,
        entry: int = mt5.DEAL_ENTRY_OUT,
    ) -> TradeDeal:
        """Close a position or a part of it; the swap goes with the part."""
        profit = self._valuation.profit(
            instrument, position.is_buy, volume, position.price_open, exact(price)
        )
        swap = self._reduce(position, volume)
        return self._deal(order, entry, volume, price, position.identifier, profit, swap)

    def _reduce(self, position: Position, volume: Decimal) -> Decimal:
        """Take volume out of a position; give the swap that leaves with it."""
        if volume == position.volume:
            self._books.remove_position(position)
            return position.swap
        swap = self._valuation.money(position.swap * volume / position.volume)
        self._books.change_position(
            position,
            replace(
                position,
                volume=position.volume - volume,
                swap=position.swap - swap,
                time_update_msc=self._books.now_msc,
            ),
        )
        return swap

    def _net(self, order: TradeOrder, instrument: Instrument, price: float) -> TradeDeal:
        """Fill on a symbol that has its one position already."""
        position = next(iter(instrument.positions.values()))
        volume = exact(order.volume_current)
        if is_buy(order.type) == position.is_buy:
            return self._increase(order, instrument, position, price)
        if volume <= position.volume:
            return self._close(order, instrument, position, volume, price)
        return self._reverse(order, instrument, position, price)

    def _increase(
        self, order: TradeOrder, instrument: Instrument, position: Position, price: float
    ) -> TradeDeal:
        """Add to a netting position: average price, levels of the last order."""
        added = exact(order.volume_current)
        volume = position.volume + added
        cost = position.price_open * position.volume + exact(price) * added
        margin = self._valuation.margin_per_lot(instrument, position.is_buy, exact(price))
        blocked = position.margin_per_lot * position.volume + margin * added
        deal = self._deal(order, mt5.DEAL_ENTRY_IN, added, price, position.identifier)
        self._books.change_position(
            position,
            replace(
                position,
                volume=volume,
                price_open=(cost / volume).quantize(SHORT),
                margin_per_lot=(blocked / volume).quantize(SHORT),
                sl=order.sl,
                tp=order.tp,
                time_update_msc=self._books.now_msc,
            ),
        )
        return deal

    def _reverse(
        self, order: TradeOrder, instrument: Instrument, position: Position, price: float
    ) -> TradeDeal:
        """Turn a netting position round: one deal closes it and opens the rest the other way."""
        volume = exact(order.volume_current)
        buy = is_buy(order.type)
        profit = self._valuation.profit(
            instrument, position.is_buy, position.volume, position.price_open, exact(price)
        )
        deal = self._deal(
            order,
            mt5.DEAL_ENTRY_INOUT,
            volume,
            price,
            position.identifier,
            profit,
            position.swap,
        )
        self._books.change_position(
            position,
            replace(
                position,
                ticket=order.ticket,
                type=mt5.POSITION_TYPE_BUY if buy else mt5.POSITION_TYPE_SELL,
                volume=volume - position.volume,
                price_open=exact(price),
                margin_per_lot=self._valuation.margin_per_lot(instrument, buy, exact(price)),
                time_msc=self._books.now_msc,
                time_update_msc=self._books.now_msc,
                sl=order.sl,
                tp=order.tp,
                magic=order.magic,
                comment=order.comment,
                reason=order.reason,
                swap=ZERO,
            ),
        )
        return deal

    def close_by(self, order: TradeOrder, position: Position, opposite: Position) -> TradeDeal:
        """Close two opposite positions against each other; the larger keeps the rest.

        The first deal closes at the other's open price and carries the profit of both; the second
        closes at its own, so that their sum is what the pair made.
        """
        instrument = self._instruments[order.symbol]
        volume = min(position.volume, opposite.volume)
        entry = mt5.DEAL_ENTRY_OUT_BY
        price = float(opposite.price_open)
        first = order._replace(type=position.closing_type, volume_current=float(volume))
        deal = self._close(first, instrument, position, volume, price, entry)
        second = first._replace(type=opposite.closing_type)
        self._close(second, instrument, opposite, volume, price, entry)
        self._books.finish_order(order, mt5.ORDER_STATE_FILLED, position.identifier)
        return deal

    def reopen(self, position: Position, closed: Decimal, opened: Decimal) -> None:
        """Close a position and open it again on the server's own account, as a rollover does.

        It stays the same position, with its levels and its time; its profit and swap are realised. A
        reading of the reference, which has a reason for such deals and none for orders: two deals
        without an order. They cost nothing, for nobody has traded.

        Args:
            position: the position.
            closed: its closing price, price units.
            opened: its new opening price, price units.
        """
        instrument = self._instruments[position.symbol]
        buy = position.is_buy
        profit = self._valuation.profit(instrument, buy, position.volume, position.price_open, closed)
        now_msc = self._books.now_msc
        self._books.change_position(
            position,
            replace(
                position,
                price_open=opened,
                margin_per_lot=self._valuation.margin_per_lot(instrument, buy, opened),
                swap=ZERO,
                time_update_msc=now_msc,
            ),
        )
        closing = TradeDeal(
            ticket=self._books.next_deal(),
            time=now_msc // 1000,
            time_msc=now_msc,
            type=mt5.DEAL_TYPE_SELL if buy else mt5.DEAL_TYPE_BUY,
            entry=mt5.DEAL_ENTRY_OUT,
            magic=position.magic,
            position_id=position.identifier,
            reason=mt5.DEAL_REASON_ROLLOVER,
            volume=float(position.volume),
            price=float(closed),
            swap=float(position.swap),
            profit=float(profit),
            symbol=position.symbol,
            comment=position.comment,
        )
        self._books.record_deal(closing)
        reopening = closing._replace(
            ticket=self._books.next_deal(),
            type=mt5.DEAL_TYPE_BUY if buy else mt5.DEAL_TYPE_SELL,
            entry=mt5.DEAL_ENTRY_IN,
            price=float(opened),
            swap=0.0,
            profit=0.0,
        )
        self._books.record_deal(reopening)

    def _deal(
        self,
        order: TradeOrder,
        entry: int,
        volume: Decimal,
        price: float,
        position_id: int,
        profit: Decimal = ZERO,
        swap: Decimal = ZERO,
    ) -> TradeDeal:
        now_msc = self._books.now_msc
        deal = TradeDeal(
            ticket=self._books.next_deal(),
            order=order.ticket,
            time=now_msc // 1000,
            time_msc=now_msc,
            type=mt5.DEAL_TYPE_BUY if is_buy(order.type) else mt5.DEAL_TYPE_SELL,
            entry=entry,
            magic=order.magic,
            position_id=position_id,
            reason=order.reason,
            volume=float(volume),
            price=price,
            commission=float(-self._commission(volume)),
            fee=float(-self._fee(volume)),
            swap=float(swap),
            profit=float(profit),
            symbol=order.symbol,
            comment=order.comment,
        )
        self._books.record_deal(deal)
        return deal
