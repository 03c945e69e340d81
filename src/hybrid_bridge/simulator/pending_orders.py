"""Pending orders: placing, changing and removing them.

Owns the checks and the execution of PENDING, MODIFY and REMOVE requests. What happens when an order
falls due is not here but in `triggers.py`. Called by the desk.

Source: MQL5 reference, ENUM_TRADE_REQUEST_ACTIONS.
"""

from __future__ import annotations

from hybrid_bridge.simulator import checks
from hybrid_bridge.simulator import constants as mt5
from hybrid_bridge.simulator.instruments import Instrument
from hybrid_bridge.simulator.matching import is_buy
from hybrid_bridge.simulator.records import OrderSendResult, TradeOrder, TradeRequest
from hybrid_bridge.simulator.retcodes import RefusedError
from hybrid_bridge.simulator.terms import USUAL, Terms
from hybrid_bridge.simulator.venue import Venue


def plan_pending(venue: Venue, request: TradeRequest, *, live: bool) -> TradeOrder:
    """Check a new pending order and give it, without a ticket.

    Raises:
        RefusedError: with the reason.
    """
    instrument = venue.instrument(request.symbol)
    spec = instrument.spec
    if request.type not in checks.PENDING_TYPES:
        raise RefusedError(mt5.TRADE_RETCODE_INVALID)
    checks.check_order_type(spec, request.type)
    checks.check_trade_mode(spec, request.type)
    checks.check_volume(spec, request.volume)
    checks.check_volume_limit(instrument, request.type, request.volume)
    limit = venue.config.limit_orders
    if limit and len(venue.books.orders) >= limit:
        raise RefusedError(mt5.TRADE_RETCODE_LIMIT_ORDERS)
    if live:
        venue.check_open(instrument)
    checks.check_pending_filling(spec, request.type, request.type_filling)
    volume = float(spec.exact_volume(request.volume))
    blank = TradeOrder(
        time_setup=venue.now_s,
        time_setup_msc=venue.books.now_msc,
        type=request.type,
        type_filling=request.type_filling,
        state=mt5.ORDER_STATE_PLACED,
        magic=request.magic,
        reason=mt5.ORDER_REASON_EXPERT,
        volume_initial=volume,
        volume_current=volume,
        symbol=request.symbol,
        comment=request.comment,
    )
    return _with_levels(venue, instrument, blank, request)


def _with_levels(
    venue: Venue, instrument: Instrument, order: TradeOrder, request: TradeRequest
) -> TradeOrder:
    """Give an order with the request's prices and expiry, all of them checked."""
    stop_limit = order.type in (mt5.ORDER_TYPE_BUY_STOP_LIMIT, mt5.ORDER_TYPE_SELL_STOP_LIMIT)
    stoplimit = request.stoplimit if stop_limit else 0.0
    checks.check_pending_price(instrument, order.type, request.price, stoplimit)
    opens_at = stoplimit if stop_limit else request.price
    checks.check_stops(instrument, is_buy(order.type), opens_at, request.sl, request.tp)
    last_s = checks.expiry_s(instrument.spec, request.type_time, request.expiration, venue.now_s)
    return order._replace(
        type_time=request.type_time,
        time_expiration=last_s,
        price_open=request.price,
        price_stoplimit=stoplimit,
        sl=request.sl,
        tp=request.tp,
    )


def place_order(venue: Venue, order: TradeOrder, terms: Terms = USUAL) -> OrderSendResult:
    """Put a planned order to work."""
    placed = order._replace(ticket=venue.books.next_order(), reason=terms.reason)
    instrument = venue.instruments[order.symbol]
    venue.books.keep_order(placed)
    return OrderSendResult(
        retcode=mt5.TRADE_RETCODE_DONE,
        order=placed.ticket,
        volume=placed.volume_initial,
        bid=instrument.bid,
        ask=instrument.ask,
    )


def _working(venue: Venue, request: TradeRequest) -> tuple[TradeOrder, Instrument]:
    order = venue.books.orders.get(request.order)
    if order is None:
        raise RefusedError(mt5.TRADE_RETCODE_INVALID)
    return order, venue.instrument(order.symbol)


def plan_modify(venue: Venue, request: TradeRequest, *, live: bool) -> TradeOrder:
    """Check a change of a working order and give its new state.

    Raises:
        RefusedError: with the reason.
    """
    order, instrument = _working(venue, request)
    if order.type not in checks.PENDING_TYPES:
        # The rest of a market order has no price that could be changed.
        raise RefusedError(mt5.TRADE_RETCODE_INVALID)
    if live:
        venue.check_open(instrument)
    checks.check_order_frozen(instrument, order)
    changed = _with_levels(venue, instrument, order, request)
    if changed == order:
        raise RefusedError(mt5.TRADE_RETCODE_NO_CHANGES)
    return changed


def modify_order(venue: Venue, changed: TradeOrder) -> OrderSendResult:
    """Put a working order's planned new state in place."""
    venue.books.keep_order(changed)
    return OrderSendResult(retcode=mt5.TRADE_RETCODE_DONE, order=changed.ticket)


def plan_remove(venue: Venue, request: TradeRequest, *, live: bool) -> TradeOrder:
    """Check the removal of a working order and give the order.

    Raises:
        RefusedError: with the reason.
    """
    order, instrument = _working(venue, request)
    if live:
        venue.check_open(instrument)
    checks.check_order_frozen(instrument, order)
    return order


def remove_order(venue: Venue, order: TradeOrder) -> OrderSendResult:
    """Cancel a working order."""
    venue.books.finish_order(order, mt5.ORDER_STATE_CANCELED)
    return OrderSendResult(retcode=mt5.TRADE_RETCODE_DONE, order=order.ticket)
