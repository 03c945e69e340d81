"""How much of an order the present quote fills, and what becomes of the rest.

Owns the filling policies: all or nothing (FOK), what there is and no more (IOC), and what there is now
with the rest waiting for later quotes (RETURN). The market's own closings (SL, TP, stop-out) do not
come here: they are always filled. Called by market orders and by the triggers.

Source: MQL5 reference, ENUM_ORDER_TYPE_FILLING and ENUM_ORDER_STATE.
"""

from __future__ import annotations

from decimal import Decimal

from hybrid_bridge.simulator import constants as mt5
from hybrid_bridge.simulator.exposure import ZERO
from hybrid_bridge.simulator.instruments import Instrument
from hybrid_bridge.simulator.matching import is_buy
from hybrid_bridge.simulator.positions import Position
from hybrid_bridge.simulator.records import OrderSendResult, TradeDeal, TradeOrder
from hybrid_bridge.simulator.retcodes import RefusedError
from hybrid_bridge.simulator.valuation import exact
from hybrid_bridge.simulator.venue import Venue


def check_depth(instrument: Instrument, filling: int, volume: Decimal, found: Decimal) -> None:
    """Refuse an order that must not rest where the quote has too little for it.

    Args:
        instrument: the symbol.
        filling: the order's policy.
        volume: lots that are wanted.
        found: lots that there are.
    Raises:
        RefusedError: 10006 for all-or-nothing that gets only a part, 10021 where there is nothing.
    """
    if found == volume or _may_rest(instrument, filling):
        return
    if not found:
        raise RefusedError(mt5.TRADE_RETCODE_PRICE_OFF, instrument.bid, instrument.ask)
    if filling != mt5.ORDER_FILLING_IOC:
        raise RefusedError(mt5.TRADE_RETCODE_REJECT, instrument.bid, instrument.ask)


def _may_rest(instrument: Instrument, filling: int) -> bool:
    exchange = instrument.spec.execution == mt5.SYMBOL_TRADE_EXECUTION_EXCHANGE
    return exchange and filling == mt5.ORDER_FILLING_RETURN


def fill_market(venue: Venue, order: TradeOrder, found: Decimal, closing: Position | None) -> OrderSendResult:
    """Fill a checked market order with what there is; the rest goes on waiting or is cancelled."""
    instrument = venue.instruments[order.symbol]
    if not found:
        venue.books.keep_order(order._replace(state=mt5.ORDER_STATE_PLACED))
        return _placed(instrument, order)
    deal, rest = _fill_some(venue, instrument, order, found, closing)
    if rest is None:
        retcode = mt5.TRADE_RETCODE_DONE
    else:
        retcode = mt5.TRADE_RETCODE_DONE_PARTIAL
        if _may_rest(instrument, order.type_filling):
            venue.books.keep_order(rest)
        else:
            venue.books.finish_order(rest, mt5.ORDER_STATE_CANCELED)
    return OrderSendResult(
        retcode=retcode,
        deal=deal.ticket,
        order=order.ticket,
        volume=deal.volume,
        price=deal.price,
        bid=instrument.bid,
        ask=instrument.ask,
    )


def hold_market(venue: Venue, order: TradeOrder, held_msc: int) -> OrderSendResult:
    """Take a checked market order and fill it at the first quote after a while."""
    instrument = venue.instruments[order.symbol]
    instrument.held_until_msc[order.ticket] = venue.books.now_msc + held_msc
    venue.books.keep_order(order._replace(state=mt5.ORDER_STATE_PLACED))
    return _placed(instrument, order)


def _placed(instrument: Instrument, order: TradeOrder) -> OrderSendResult:
    return OrderSendResult(
        retcode=mt5.TRADE_RETCODE_PLACED,
        order=order.ticket,
        volume=order.volume_initial,
        bid=instrument.bid,
        ask=instrument.ask,
    )


def _fill_some(
    venue: Venue, instrument: Instrument, order: TradeOrder, found: Decimal, closing: Position | None
) -> tuple[TradeDeal, TradeOrder | None]:
    buy = is_buy(order.type)
    price = instrument.opening_price(buy)
    instrument.take_volume(buy, found)
    if found == exact(order.volume_current):
        return venue.matching.fill(order, price, closing), None
    return venue.matching.fill_part(order, found, price, closing)


def fill_resting(venue: Venue, instrument: Instrument) -> None:
    """Fill the market orders that wait on a symbol as far as its new quote goes."""
    for ticket in sorted(instrument.resting):
        order = instrument.orders[ticket]
        if venue.books.now_msc < instrument.held_until_msc.get(ticket, 0):
            continue
        closing = _position_to_close(venue, order)
        if _has_lost_its_position(venue, order, closing):
            venue.books.finish_order(order, mt5.ORDER_STATE_CANCELED)
            continue
        fill_waiting(venue, instrument, order, closing)


def _has_lost_its_position(venue: Venue, order: TradeOrder, closing: Position | None) -> bool:
    """Tell whether what an order was to close has gone, or is too little for all or nothing."""
    if closing is None:
        return venue.config.hedging and order.position_id not in (0, order.ticket)
    return order.type_filling == mt5.ORDER_FILLING_FOK and closing.volume < exact(order.volume_current)


def _position_to_close(venue: Venue, order: TradeOrder) -> Position | None:
    if not venue.config.hedging or order.position_id in (0, order.ticket):
        return None
    return venue.books.positions.get(order.position_id)


def fill_waiting(
    venue: Venue, instrument: Instrument, order: TradeOrder, closing: Position | None = None
) -> bool:
    """Fill a working order at the market as far as the quote goes.

    Returns:
        Whether anything became of it.
    """
    wanted = exact(order.volume_current)
    most = wanted if closing is None else min(wanted, closing.volume)
    found = instrument.available(is_buy(order.type), most)
    if not found or (order.type_filling == mt5.ORDER_FILLING_FOK and found < wanted):
        return False
    _, rest = _fill_some(venue, instrument, order, found, closing)
    if rest is not None:
        if order.type_filling == mt5.ORDER_FILLING_IOC:
            venue.books.finish_order(rest, mt5.ORDER_STATE_CANCELED)
        else:
            venue.books.keep_order(rest)
    return True


def found_at_quote(instrument: Instrument, order_type: int, volume: Decimal, share: float) -> Decimal:
    """Give how many lots of a market order find a counterparty now."""
    found = instrument.available(is_buy(order_type), volume)
    if share < 1:
        found = min(found, instrument.spec.whole_steps(volume * exact(share)))
    return max(found, ZERO)
