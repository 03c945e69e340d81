"""Requests about open positions that trade nothing at the market: their levels, and closing by.

Owns the checks and the execution of SLTP and CLOSE_BY requests. Called by the desk.

Source: MQL5 reference, TRADE_ACTION_SLTP and TRADE_ACTION_CLOSE_BY.
"""

from __future__ import annotations

from dataclasses import replace

from hybrid_bridge.simulator import checks
from hybrid_bridge.simulator import constants as mt5
from hybrid_bridge.simulator.positions import Position
from hybrid_bridge.simulator.records import OrderSendResult, TradeOrder, TradeRequest
from hybrid_bridge.simulator.retcodes import RefusedError
from hybrid_bridge.simulator.terms import USUAL, Terms
from hybrid_bridge.simulator.venue import Venue


def plan_levels(venue: Venue, request: TradeRequest, *, live: bool) -> Position:
    """Check new levels of a position and give its new state.

    Raises:
        RefusedError: with the reason.
    """
    position = _position_of(venue, request)
    instrument = venue.instrument(position.symbol)
    if live:
        venue.check_open(instrument)
    if (request.sl, request.tp) == (position.sl, position.tp):
        raise RefusedError(mt5.TRADE_RETCODE_NO_CHANGES)
    checks.check_position_frozen(instrument, position)
    current = instrument.closing_price(position)
    # A level that stays as it is needs no new distance from the market.
    sl = 0.0 if request.sl == position.sl else request.sl
    tp = 0.0 if request.tp == position.tp else request.tp
    checks.check_stops(instrument, position.is_buy, current, sl, tp)
    return replace(position, sl=request.sl, tp=request.tp, time_update_msc=venue.books.now_msc)


def _position_of(venue: Venue, request: TradeRequest) -> Position:
    """Give the position a request means: by ticket, or by symbol where there is but one."""
    position = venue.books.positions.get(request.position)
    if position is None and not request.position and not venue.config.hedging:
        instrument = venue.instrument(request.symbol)
        position = next(iter(instrument.positions.values()), None)
    if position is None:
        raise RefusedError(mt5.TRADE_RETCODE_POSITION_CLOSED)
    return position


def change_levels(venue: Venue, changed: Position) -> OrderSendResult:
    """Put a position's planned levels in place."""
    venue.books.change_position(venue.books.positions[changed.ticket], changed)
    return OrderSendResult(retcode=mt5.TRADE_RETCODE_DONE)


def plan_close_by(venue: Venue, request: TradeRequest, *, live: bool) -> tuple[Position, Position]:
    """Check that two positions can be closed against each other and give them.

    Raises:
        RefusedError: with the reason.
    """
    if not venue.config.hedging:
        raise RefusedError(mt5.TRADE_RETCODE_INVALID)
    pair = []
    for ticket in (request.position, request.position_by):
        position = venue.books.positions.get(ticket)
        if position is None:
            raise RefusedError(mt5.TRADE_RETCODE_POSITION_CLOSED)
        pair.append(position)
    first, second = pair
    instrument = venue.instrument(first.symbol)
    if not instrument.spec.order_mode & mt5.SYMBOL_ORDER_CLOSEBY:
        raise RefusedError(mt5.TRADE_RETCODE_INVALID_ORDER)
    if first.symbol != second.symbol or first.type == second.type:
        raise RefusedError(mt5.TRADE_RETCODE_INVALID)
    if live:
        venue.check_open(instrument)
    for position in pair:
        checks.check_position_frozen(instrument, position)
    return first, second


def close_by(
    venue: Venue, pair: tuple[Position, Position], request: TradeRequest, terms: Terms = USUAL
) -> OrderSendResult:
    """Close two positions against each other."""
    position, opposite = pair
    volume = float(min(position.volume, opposite.volume))
    instrument = venue.instruments[position.symbol]
    order = TradeOrder(
        ticket=venue.books.next_order(),
        time_setup=venue.now_s,
        time_setup_msc=venue.books.now_msc,
        type=mt5.ORDER_TYPE_CLOSE_BY,
        magic=request.magic,
        position_id=position.identifier,
        position_by_id=opposite.identifier,
        reason=terms.reason,
        volume_initial=volume,
        volume_current=volume,
        price_open=float(opposite.price_open),
        symbol=position.symbol,
        comment=request.comment,
    )
    deal = venue.matching.close_by(order, position, opposite)
    return OrderSendResult(
        retcode=mt5.TRADE_RETCODE_DONE,
        deal=deal.ticket,
        order=order.ticket,
        volume=volume,
        price=deal.price,
        bid=instrument.bid,
        ask=instrument.ask,
    )
