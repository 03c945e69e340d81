"""Why a trade server refuses a request.

Owns the formal checks, one function each: permission, hours, volume, filling, price, levels, expiry.
Each returns nothing or raises `RefusedError` with the code a server would give. Pure: they look at the
request and the symbol, and change nothing. The desk calls them in order.

Source: MQL5 reference, trade server return codes; MQL5 article 2555; filling policies of the reference.
"""

from __future__ import annotations

from hybrid_bridge.simulator import constants as mt5
from hybrid_bridge.simulator.instruments import Instrument
from hybrid_bridge.simulator.matching import is_buy
from hybrid_bridge.simulator.positions import Position
from hybrid_bridge.simulator.records import TradeOrder, TradeRequest
from hybrid_bridge.simulator.retcodes import RefusedError
from hybrid_bridge.simulator.symbols import SymbolSpec
from hybrid_bridge.simulator.valuation import exact

PENDING_TYPES = range(mt5.ORDER_TYPE_BUY_LIMIT, mt5.ORDER_TYPE_SELL_STOP_LIMIT + 1)
_STOP_LIMIT_TYPES = (mt5.ORDER_TYPE_BUY_STOP_LIMIT, mt5.ORDER_TYPE_SELL_STOP_LIMIT)
_LIMIT_TYPES = (mt5.ORDER_TYPE_BUY_LIMIT, mt5.ORDER_TYPE_SELL_LIMIT)
# These wait below the market; the other pending types wait above it.
_BELOW_MARKET_TYPES = (
    mt5.ORDER_TYPE_BUY_LIMIT,
    mt5.ORDER_TYPE_SELL_STOP,
    mt5.ORDER_TYPE_SELL_STOP_LIMIT,
)
_PRICED_EXECUTIONS = (mt5.SYMBOL_TRADE_EXECUTION_REQUEST, mt5.SYMBOL_TRADE_EXECUTION_INSTANT)
_ORDER_BITS = {
    mt5.ORDER_TYPE_BUY: mt5.SYMBOL_ORDER_MARKET,
    mt5.ORDER_TYPE_SELL: mt5.SYMBOL_ORDER_MARKET,
    mt5.ORDER_TYPE_BUY_LIMIT: mt5.SYMBOL_ORDER_LIMIT,
    mt5.ORDER_TYPE_SELL_LIMIT: mt5.SYMBOL_ORDER_LIMIT,
    mt5.ORDER_TYPE_BUY_STOP: mt5.SYMBOL_ORDER_STOP,
    mt5.ORDER_TYPE_SELL_STOP: mt5.SYMBOL_ORDER_STOP,
    mt5.ORDER_TYPE_BUY_STOP_LIMIT: mt5.SYMBOL_ORDER_STOP_LIMIT,
    mt5.ORDER_TYPE_SELL_STOP_LIMIT: mt5.SYMBOL_ORDER_STOP_LIMIT,
}
_FILLING_BITS = {
    mt5.ORDER_FILLING_FOK: mt5.SYMBOL_FILLING_FOK,
    mt5.ORDER_FILLING_IOC: mt5.SYMBOL_FILLING_IOC,
    mt5.ORDER_FILLING_BOC: mt5.SYMBOL_FILLING_BOC,
}
_EXPIRATION_BITS = {
    mt5.ORDER_TIME_GTC: mt5.SYMBOL_EXPIRATION_GTC,
    mt5.ORDER_TIME_DAY: mt5.SYMBOL_EXPIRATION_DAY,
    mt5.ORDER_TIME_SPECIFIED: mt5.SYMBOL_EXPIRATION_SPECIFIED,
    mt5.ORDER_TIME_SPECIFIED_DAY: mt5.SYMBOL_EXPIRATION_SPECIFIED_DAY,
}
_DAY_S = 86400


def check_order_type(spec: SymbolSpec, order_type: int) -> None:
    """Refuse a type the symbol does not allow."""
    bit = _ORDER_BITS.get(order_type)
    if bit is None or not spec.order_mode & bit:
        raise RefusedError(mt5.TRADE_RETCODE_INVALID_ORDER)


def check_trade_mode(spec: SymbolSpec, order_type: int) -> None:
    """Refuse to open what the symbol's trade mode forbids."""
    mode = spec.trade_mode
    if mode == mt5.SYMBOL_TRADE_MODE_DISABLED:
        raise RefusedError(mt5.TRADE_RETCODE_TRADE_DISABLED)
    if mode == mt5.SYMBOL_TRADE_MODE_CLOSEONLY:
        raise RefusedError(mt5.TRADE_RETCODE_CLOSE_ONLY)
    if mode == mt5.SYMBOL_TRADE_MODE_LONGONLY and not is_buy(order_type):
        raise RefusedError(mt5.TRADE_RETCODE_LONG_ONLY)
    if mode == mt5.SYMBOL_TRADE_MODE_SHORTONLY and is_buy(order_type):
        raise RefusedError(mt5.TRADE_RETCODE_SHORT_ONLY)


def check_volume(spec: SymbolSpec, volume: float) -> None:
    """Refuse lots outside the limits or off the step."""
    if not spec.volume_is_valid(volume):
        raise RefusedError(mt5.TRADE_RETCODE_INVALID_VOLUME)


def check_volume_limit(instrument: Instrument, order_type: int, volume: float) -> None:
    """Refuse more lots in one direction than the symbol allows."""
    limit = instrument.spec.volume_limit
    if not limit:
        return
    if instrument.volume_in_direction(is_buy(order_type)) + exact(volume) > exact(limit):
        raise RefusedError(mt5.TRADE_RETCODE_LIMIT_VOLUME)


def check_close_volume(spec: SymbolSpec, position: Position, volume: float) -> None:
    """Refuse to close more than there is, or off the step."""
    if volume <= 0 or not spec.volume_on_step(volume):
        raise RefusedError(mt5.TRADE_RETCODE_INVALID_VOLUME)
    if spec.exact_volume(volume) > position.volume:
        raise RefusedError(mt5.TRADE_RETCODE_INVALID_CLOSE_VOLUME)


def check_market_filling(spec: SymbolSpec, filling: int) -> None:
    """Refuse a filling policy that a market order on the symbol cannot have."""
    if spec.execution == mt5.SYMBOL_TRADE_EXECUTION_EXCHANGE and (filling == mt5.ORDER_FILLING_RETURN):
        return
    # Where the price is agreed on first, all or nothing is always possible.
    if spec.execution in _PRICED_EXECUTIONS and filling == mt5.ORDER_FILLING_FOK:
        return
    if filling == mt5.ORDER_FILLING_BOC or not spec.filling_mode & _FILLING_BITS.get(filling, 0):
        raise RefusedError(mt5.TRADE_RETCODE_INVALID_FILL)


def check_pending_filling(spec: SymbolSpec, order_type: int, filling: int) -> None:
    """Refuse a filling policy that a pending order on the symbol cannot have."""
    if filling == mt5.ORDER_FILLING_RETURN:
        return
    if filling == mt5.ORDER_FILLING_BOC and order_type not in _LIMIT_TYPES:
        raise RefusedError(mt5.TRADE_RETCODE_INVALID_FILL)
    if not spec.filling_mode & _FILLING_BITS.get(filling, 0):
        raise RefusedError(mt5.TRADE_RETCODE_INVALID_FILL)


def check_instant_price(instrument: Instrument, request: TradeRequest) -> None:
    """Refuse a price the market has moved away from, where the symbol asks for one."""
    spec = instrument.spec
    if spec.execution not in _PRICED_EXECUTIONS:
        return
    current = instrument.opening_price(is_buy(request.type))
    # A replayed quote may be finer than the symbol's grid; its own price is always good.
    if request.price != current and not spec.price_is_aligned(request.price):
        raise RefusedError(mt5.TRADE_RETCODE_INVALID_PRICE)
    if request.price <= 0:
        raise RefusedError(mt5.TRADE_RETCODE_INVALID_PRICE)
    if instrument.points(abs(current - request.price)) > request.deviation:
        raise RefusedError(mt5.TRADE_RETCODE_REQUOTE, instrument.bid, instrument.ask)


def check_stops(instrument: Instrument, buy: bool, reference: float, sl: float, tp: float) -> None:
    """Refuse levels on the wrong side, off the grid or closer than the symbol's stops level.

    Args:
        buy: the direction of the position they protect.
        reference: what they are measured from: bid for a long, ask for a short position, the open
            price for a pending order.
        sl: 0 for none.
        tp: 0 for none.
    """
    side = 1.0 if buy else -1.0
    _check_level(instrument, sl, side * (reference - sl), mt5.SYMBOL_ORDER_SL)
    _check_level(instrument, tp, side * (tp - reference), mt5.SYMBOL_ORDER_TP)


def _check_level(instrument: Instrument, level: float, distance: float, order_bit: int) -> None:
    if not level:
        return
    spec = instrument.spec
    points = instrument.points(distance)
    near = points <= 0 or points < spec.stops_level
    if near or level < 0 or not spec.price_is_aligned(level) or not spec.order_mode & order_bit:
        raise RefusedError(mt5.TRADE_RETCODE_INVALID_STOPS)


def check_position_frozen(instrument: Instrument, position: Position) -> None:
    """Refuse to touch a position whose SL or TP is about to trigger."""
    current = instrument.closing_price(position)
    for level in (position.sl, position.tp):
        if level:
            _check_frozen(instrument, abs(current - level))


def check_order_frozen(instrument: Instrument, order: TradeOrder) -> None:
    """Refuse to touch a pending order that is about to trigger."""
    current = instrument.opening_price(is_buy(order.type))
    _check_frozen(instrument, abs(current - order.price_open))


def _check_frozen(instrument: Instrument, distance: float) -> None:
    freeze = instrument.spec.freeze_level
    if freeze and instrument.points(distance) <= freeze:
        raise RefusedError(mt5.TRADE_RETCODE_FROZEN)


def check_pending_price(instrument: Instrument, order_type: int, price: float, stoplimit: float) -> None:
    """Refuse a pending price on the wrong side of the market, too near it or off the grid."""
    spec = instrument.spec
    market = instrument.opening_price(is_buy(order_type))
    below = order_type in _BELOW_MARKET_TYPES
    points = instrument.points(market - price if below else price - market)
    if price <= 0 or not spec.price_is_aligned(price) or points <= 0 or points < spec.stops_level:
        raise RefusedError(mt5.TRADE_RETCODE_INVALID_PRICE)
    if order_type not in _STOP_LIMIT_TYPES:
        return
    # The limit a stop leaves behind lies on the better side of the stop.
    better = price - stoplimit if is_buy(order_type) else stoplimit - price
    if stoplimit <= 0 or not spec.price_is_aligned(stoplimit) or instrument.points(better) < 0:
        raise RefusedError(mt5.TRADE_RETCODE_INVALID_PRICE)


def expiry_s(spec: SymbolSpec, type_time: int, expiration: int, now_s: int) -> int:
    """Give the last second of a pending order's life (server clock), 0 for no end.

    Raises:
        RefusedError: 10022 for a kind of expiry the symbol does not allow or a moment already past.
    """
    bit = _EXPIRATION_BITS.get(type_time)
    if bit is None or not spec.expiration_mode & bit:
        raise RefusedError(mt5.TRADE_RETCODE_INVALID_EXPIRATION)
    if type_time == mt5.ORDER_TIME_GTC:
        return 0
    if type_time == mt5.ORDER_TIME_DAY:
        return _end_of_day(now_s)
    last_s = expiration if type_time == mt5.ORDER_TIME_SPECIFIED else _end_of_day(expiration)
    if last_s <= now_s:
        raise RefusedError(mt5.TRADE_RETCODE_INVALID_EXPIRATION)
    return last_s


def _end_of_day(server_s: int) -> int:
    return server_s - server_s % _DAY_S + _DAY_S - 1
