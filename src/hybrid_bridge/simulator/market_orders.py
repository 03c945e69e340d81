"""Market orders: opening, closing, reducing and reversing at the current price.

Owns the checks of a DEAL request in a server's order and its execution. `plan_deal` alone serves
order_check, followed by `execute_deal` it serves order_send. Called by the desk.

Source: MQL5 reference, TRADE_ACTION_DEAL.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from hybrid_bridge.simulator import checks
from hybrid_bridge.simulator import constants as mt5
from hybrid_bridge.simulator.exposure import ZERO
from hybrid_bridge.simulator.filling import check_depth, fill_market, found_at_quote, hold_market
from hybrid_bridge.simulator.instruments import Instrument
from hybrid_bridge.simulator.matching import is_buy
from hybrid_bridge.simulator.positions import Position
from hybrid_bridge.simulator.records import OrderSendResult, TradeOrder, TradeRequest
from hybrid_bridge.simulator.retcodes import RefusedError
from hybrid_bridge.simulator.terms import USUAL, Terms
from hybrid_bridge.simulator.valuation import exact
from hybrid_bridge.simulator.venue import Venue

_MARKET_TYPES = (mt5.ORDER_TYPE_BUY, mt5.ORDER_TYPE_SELL)


@dataclass(frozen=True)
class DealPlan:
    """A DEAL request that passed its checks. `margin` is the account's margin after it."""

    instrument: Instrument
    closing: Position | None
    volume: Decimal
    margin: Decimal | None


def plan_deal(venue: Venue, request: TradeRequest, *, live: bool) -> DealPlan:
    """Check a market order.

    Args:
        venue: the trade server.
        request: a DEAL request.
        live: whether it is about to be sent: hours and price count only then.
    Raises:
        RefusedError: with the reason.
    """
    instrument = venue.instrument(request.symbol)
    spec = instrument.spec
    if request.type not in _MARKET_TYPES:
        raise RefusedError(mt5.TRADE_RETCODE_INVALID)
    checks.check_order_type(spec, request.type)
    closing = _closing_position(venue, instrument, request)
    if closing:
        _check_closing(instrument, closing, request)
    else:
        checks.check_volume(spec, request.volume)
    volume = spec.exact_volume(request.volume)
    opened = ZERO if closing else _opened_volume(venue, instrument, request.type, volume)
    if opened:
        checks.check_trade_mode(spec, request.type)
        checks.check_volume_limit(instrument, request.type, float(opened))
    if live:
        venue.check_open(instrument)
    checks.check_market_filling(spec, request.type_filling)
    if live:
        checks.check_instant_price(instrument, request)
    if opened:
        buy = is_buy(request.type)
        checks.check_stops(instrument, buy, instrument.opening_price(not buy), request.sl, request.tp)
    margin = _check_money(venue, instrument, request.type, volume, opened) if opened else None
    return DealPlan(instrument, closing, volume, margin)


def _closing_position(venue: Venue, instrument: Instrument, request: TradeRequest) -> Position | None:
    """Give the position that the request names to be closed."""
    if not request.position:
        return None
    position = venue.books.positions.get(request.position)
    if position is None:
        raise RefusedError(mt5.TRADE_RETCODE_POSITION_CLOSED)
    if position.symbol != instrument.spec.name:
        raise RefusedError(mt5.TRADE_RETCODE_INVALID)
    if position.closing_type == request.type:
        return position
    if venue.config.hedging:
        raise RefusedError(mt5.TRADE_RETCODE_INVALID)
    return None


def _check_closing(instrument: Instrument, position: Position, request: TradeRequest) -> None:
    if instrument.spec.trade_mode == mt5.SYMBOL_TRADE_MODE_DISABLED:
        raise RefusedError(mt5.TRADE_RETCODE_TRADE_DISABLED)
    checks.check_close_volume(instrument.spec, position, request.volume)
    checks.check_position_frozen(instrument, position)


def _netted(venue: Venue, instrument: Instrument, order_type: int) -> Position | None:
    """Give the position that an order would reduce or reverse, on a netting account."""
    if venue.config.hedging or not instrument.positions:
        return None
    position = next(iter(instrument.positions.values()))
    return position if position.closing_type == order_type else None


def _opened_volume(venue: Venue, instrument: Instrument, order_type: int, volume: Decimal) -> Decimal:
    """Give how many of an order's lots would be new exposure."""
    netted = _netted(venue, instrument, order_type)
    return max(volume - netted.volume, ZERO) if netted else volume


def _check_money(
    venue: Venue, instrument: Instrument, order_type: int, volume: Decimal, opened: Decimal
) -> Decimal:
    """Refuse what the account cannot pay for; give its margin afterwards."""
    margin = margin_after(venue, instrument, order_type, opened)
    if not venue.funds.can_afford(margin, venue.matching.cost(volume)):
        raise RefusedError(mt5.TRADE_RETCODE_NO_MONEY)
    return margin


def margin_after(venue: Venue, instrument: Instrument, order_type: int, opened: Decimal) -> Decimal:
    """Give the account's margin after a fill at the market opened so many lots."""
    buy = is_buy(order_type)
    price = exact(instrument.opening_price(buy))
    reversing = _netted(venue, instrument, order_type) is not None
    return venue.funds.margin_with(instrument, buy, opened, price, reversing=reversing)


def can_pay(venue: Venue, instrument: Instrument, order: TradeOrder) -> bool:
    """Tell whether the account can pay for a pending order that is due."""
    volume = exact(order.volume_current)
    opened = _opened_volume(venue, instrument, order.type, volume)
    if not opened:
        return True
    margin = margin_after(venue, instrument, order.type, opened)
    return venue.funds.can_afford(margin, venue.matching.cost(volume))


def execute_deal(
    venue: Venue, plan: DealPlan, request: TradeRequest, terms: Terms = USUAL
) -> OrderSendResult:
    """Fill a planned market order at the current price, as far as there is a counterparty.

    Raises:
        RefusedError: if there is too little for its filling policy.
    """
    instrument = plan.instrument
    found = found_at_quote(instrument, request.type, plan.volume, terms.fill_share)
    if terms.held_msc is None:
        check_depth(instrument, request.type_filling, plan.volume, found)
    order = _market_order(venue, plan, request, terms)
    if terms.held_msc is not None:
        return hold_market(venue, order, terms.held_msc)
    return fill_market(venue, order, found, plan.closing)


def _market_order(venue: Venue, plan: DealPlan, request: TradeRequest, terms: Terms) -> TradeOrder:
    price = plan.instrument.opening_price(is_buy(request.type))
    volume = float(plan.volume)
    return TradeOrder(
        ticket=venue.books.next_order(),
        time_setup=venue.now_s,
        time_setup_msc=venue.books.now_msc,
        type=request.type,
        type_time=request.type_time,
        type_filling=request.type_filling,
        magic=request.magic,
        position_id=plan.closing.identifier if plan.closing else 0,
        reason=terms.reason,
        volume_initial=volume,
        volume_current=volume,
        price_open=price,
        sl=request.sl,
        tp=request.tp,
        price_current=price,
        symbol=request.symbol,
        comment=request.comment,
    )
