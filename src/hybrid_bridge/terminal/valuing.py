"""What all that is open on the account could lose and is worth, for the limits on the whole of it.

Runs inside the worker only: looks at the account and asks the terminal's own calculator. Judges nothing.
Called by `worker` and by `trading`.
"""

import math
from collections.abc import Mapping
from typing import Any

import msgspec

from hybrid_bridge.terminal.operations import ReportArgs, ReportReply, ValuationReply
from hybrid_bridge.terminal.package import Package
from hybrid_bridge.terminal.rows import OrderRow, PositionRow, WorthRow
from hybrid_bridge.terminal.session import Session

ORDER_TYPE_BUY = 0
# Pending types alternate between buying (even) and selling; these two enter at their second price.
STOP_LIMIT_TYPES = (6, 7)


def report(session: Session, args: ReportArgs) -> ReportReply:
    """Look at account, terminal, positions, orders and every selected symbol's newest tick."""
    ticks = session.ticks()
    found = session.look_at_account({name: tick.time_msc for name, tick in ticks.items()})
    bids = {name: tick.bid for name, tick in ticks.items()}
    return valued(session, found, bids) if args.valued else found


def valued(session: Session, report: ReportReply, bids: Mapping[str, float], symbol: str = "") -> ReportReply:
    """Return a look at the account together with what is open on it valued.

    Args:
        bids: of the symbols whose price is known already.
        symbol: one more to give the worth of, empty for none.
    """
    package = session.package
    held = [position.symbol for position in report.positions] + [order.symbol for order in report.orders]
    symbols = dict.fromkeys([*held, symbol] if symbol else held)
    valuation = ValuationReply(
        position_losses={position.ticket: _position_loss(package, position) for position in report.positions},
        order_losses={order.ticket: _order_loss(package, order) for order in report.orders},
        worths=[_worth(session, name, bids.get(name, 0.0)) for name in symbols],
    )
    return msgspec.structs.replace(report, valuation=valuation)


def _position_loss(package: Package, position: PositionRow) -> float | None:
    entry = (position.type, position.symbol, position.volume, position.price_open)
    return _loss(package, entry, position.sl)


def _order_loss(package: Package, order: OrderRow) -> float | None:
    price = order.price_stoplimit if order.type in STOP_LIMIT_TYPES else order.price_open
    return _loss(package, (order.type % 2, order.symbol, order.volume_current, price), order.sl)


def _loss(package: Package, entry: tuple[int, str, float, float], stop: float) -> float | None:
    """Return the money lost from entry to stop, a profit counted as 0; None when there is no telling."""
    if stop <= 0:
        return None
    profit = package.ask("order_calc_profit", *entry, stop)
    return None if profit is None or not math.isfinite(profit) else max(0.0, -profit)


def _worth(session: Session, symbol: str, bid: float) -> WorthRow:
    spec = session.spec(symbol)
    if spec is None:
        return WorthRow(symbol, "", "", None)
    if bid <= 0:
        tick = session.package.ask("symbol_info_tick", symbol)
        bid = spec.bid if tick is None else tick.bid
    money = _money_per_lot(session.package, spec, bid)
    return WorthRow(symbol, spec.currency_base, spec.currency_profit, money)


def _money_per_lot(package: Package, spec: Any, price: float) -> float | None:
    """Return what one lot at a price is worth in the account's currency, whatever the calculation mode.

    A purchase whose price doubles earns its own value: the terminal does the contract's arithmetic and the
    conversion. The largest volume leaves the least of it to the rounding to cents.
    """
    if price <= 0:
        return None
    for volume in dict.fromkeys((spec.volume_max, 1.0)):
        profit = package.ask("order_calc_profit", ORDER_TYPE_BUY, spec.name, volume, price, 2 * price)
        if profit is not None and 0 < profit < math.inf:
            money: float = profit / volume
            return money
    return None
