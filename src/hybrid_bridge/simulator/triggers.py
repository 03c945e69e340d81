"""What the trade server does by itself when a price is reached.

Owns SL and TP of positions, pending orders that fall due, and the stop-out. Long positions and sell
orders go by the bid, short positions and buy orders by the ask; everything is filled at the market,
so a stop suffers a gap and a limit profits from it. Called by the exchange after each tick.

Source: MetaTrader 5 help, types of orders, stop out.
"""

from __future__ import annotations

from hybrid_bridge.simulator import constants as mt5
from hybrid_bridge.simulator.filling import fill_resting, fill_waiting
from hybrid_bridge.simulator.instruments import Instrument
from hybrid_bridge.simulator.market_orders import can_pay
from hybrid_bridge.simulator.matching import is_buy
from hybrid_bridge.simulator.positions import Position
from hybrid_bridge.simulator.records import TradeOrder
from hybrid_bridge.simulator.venue import Venue

_LIMIT_LEFT_BY = {
    mt5.ORDER_TYPE_BUY_STOP_LIMIT: mt5.ORDER_TYPE_BUY_LIMIT,
    mt5.ORDER_TYPE_SELL_STOP_LIMIT: mt5.ORDER_TYPE_SELL_LIMIT,
}
_DUE_AT_OR_BELOW = (
    mt5.ORDER_TYPE_BUY_LIMIT,
    mt5.ORDER_TYPE_SELL_STOP,
    mt5.ORDER_TYPE_SELL_STOP_LIMIT,
)
# A slot for text on the wire holds 31 characters.
_COMMENT_CHARS = 31


def run_triggers(venue: Venue, instrument: Instrument) -> None:
    """Carry out all that the symbol's quote has made due, until nothing is."""
    if instrument.resting and venue.is_open(instrument):
        fill_resting(venue, instrument)
    while instrument.something_due() and venue.is_open(instrument):
        moved = False
        for position in list(instrument.positions.values()):
            moved |= _try_levels(venue, instrument, position)
        for order in list(instrument.orders.values()):
            if order.ticket not in instrument.resting and _is_due(instrument, order):
                moved |= _activate(venue, instrument, order)
        if not moved:
            # What is due waits for a quote with more lots.
            return


def _try_levels(venue: Venue, instrument: Instrument, position: Position) -> bool:
    price = instrument.closing_price(position)
    side = 1 if position.is_buy else -1
    digits = instrument.spec.digits
    if position.sl and side * (price - position.sl) <= 0:
        comment = f"[sl {position.sl:.{digits}f}]"
        reason, level = mt5.DEAL_REASON_SL, position.sl
    elif position.tp and side * (position.tp - price) <= 0:
        comment = f"[tp {position.tp:.{digits}f}]"
        reason, level = mt5.DEAL_REASON_TP, position.tp
    else:
        return False
    venue.close_position(position, reason=reason, price_open=level, comment=comment)
    return True


def _is_due(instrument: Instrument, order: TradeOrder) -> bool:
    market = instrument.opening_price(is_buy(order.type))
    if order.type in _DUE_AT_OR_BELOW:
        return market <= order.price_open
    return market >= order.price_open


def _activate(venue: Venue, instrument: Instrument, order: TradeOrder) -> bool:
    """Turn a due order into its limit, or fill it if the account can pay; tell whether it moved."""
    if order.type in _LIMIT_LEFT_BY:
        venue.books.keep_order(
            order._replace(
                type=_LIMIT_LEFT_BY[order.type],
                price_open=order.price_stoplimit,
                price_stoplimit=0.0,
            )
        )
    elif can_pay(venue, instrument, order):
        return fill_waiting(venue, instrument, order)
    else:
        venue.books.finish_order(order, mt5.ORDER_STATE_REJECTED)
    return True


def run_stop_out(venue: Venue) -> None:
    """Close positions, the largest loss first, until the margin level is above the stop-out's."""
    while venue.funds.is_stopped_out():
        closable = [p for p in venue.books.positions.values() if _can_close(venue, p)]
        if not closable:
            return
        figures = venue.funds.figures()
        level = f"{figures.margin_level:.2f}%/{figures.equity:.0f}/{figures.margin:.0f}"
        worst = venue.funds.worst_position(closable)
        price = venue.instruments[worst.symbol].closing_price(worst)
        venue.close_position(
            worst,
            reason=mt5.DEAL_REASON_SO,
            price_open=price,
            comment=f"[so {level}"[: _COMMENT_CHARS - 1] + "]",
        )


def _can_close(venue: Venue, position: Position) -> bool:
    instrument = venue.instruments[position.symbol]
    return instrument.quoted and venue.is_open(instrument)
