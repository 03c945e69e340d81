"""From an appraised entry to an ApprovedOrder: the checks, then the size, then what the size costs.

Pure; the engine calls `approve`. This is the only place that makes an ApprovedOrder for an entry.
"""

import math
from dataclasses import dataclass

from hybrid_bridge.core.cases import AppraisedCase, unseen_orders
from hybrid_bridge.core.events import Denial
from hybrid_bridge.core.market import Quote, SymbolSpec
from hybrid_bridge.core.orders import ApprovedOrder, Intent, IntentKind
from hybrid_bridge.core.portfolio import open_risk
from hybrid_bridge.core.requests import entry_request, make_magic
from hybrid_bridge.core.risk import judge
from hybrid_bridge.core.sizing import (
    floor_to_step,
    is_positive,
    largest_volume,
    round_to_tick,
    volume_for_risk,
)


@dataclass(frozen=True, slots=True)
class Sized:
    """A volume and the worst loss at its stop (account currency; 0.0 when there is no stop)."""

    volume: float
    risk_money: float


def approve(case: AppraisedCase, intent: Intent) -> ApprovedOrder | tuple[Denial, ...]:
    """Judge one entry on one set of facts.

    Returns:
        The order to send, or every denial that could be found.
    """
    denials = judge(case)
    spec, quote = case.appraisal.spec, case.appraisal.quote
    if denials or spec is None or quote is None:
        return denials
    sized = size(case, spec)
    if isinstance(sized, Denial):
        return (sized,)
    denials = tuple(
        denial for check in (_check_margin, _check_open_risk) if (denial := check(case, sized)) is not None
    )
    return denials or _approved(case, intent, sized, spec, quote)


def _approved(
    case: AppraisedCase, intent: Intent, sized: Sized, spec: SymbolSpec, quote: Quote
) -> ApprovedOrder:
    magic = make_magic(case.limits.magic, intent.number)
    request = entry_request(intent, sized.volume, spec, quote, magic)
    return ApprovedOrder(intent, request, quote, sized.risk_money)


def size(case: AppraisedCase, spec: SymbolSpec) -> Sized | Denial:
    """Find the volume to send: as asked or from the risk, inside every volume limit."""
    cap = largest_volume(spec, _same_side_volume(case), case.limits.max_volume)
    wanted = case.signal.volume
    if wanted is not None and floor_to_step(wanted, spec.volume_step) > cap:
        return Denial("volume", f"at most {cap:g} lots", f"{wanted:g}", "symbol's limits or MAX_VOLUME")
    if not case.signal.stop_loss:
        sized = _size_without_stop(wanted, spec)
    else:
        sized = _size_with_stop(case, wanted, cap, spec)
    if isinstance(sized, Sized) and sized.volume < spec.volume_min:
        seen = f"{sized.volume:g}" if wanted is None else f"{sized.volume:g} (asked {wanted:g})"
        return Denial("volume", f"at least {spec.volume_min:g} lots", seen, "never rounded up")
    return sized


def _size_without_stop(wanted: float | None, spec: SymbolSpec) -> Sized | Denial:
    if wanted is None:
        return Denial("risk_per_trade", "a stop_loss to size from", "none", "send volume or stop_loss")
    return Sized(floor_to_step(wanted, spec.volume_step), 0.0)


def _size_with_stop(
    case: AppraisedCase, wanted: float | None, cap: float, spec: SymbolSpec
) -> Sized | Denial:
    equity, percent = case.report.account.equity, case.limits.max_risk_percent
    loss_per_lot = _loss_per_lot(case, spec)
    if loss_per_lot is None or not is_positive(equity):
        return Denial(
            "risk_per_trade", f"{percent:g} % of equity", "not calculable", "no equity or no tick value"
        )
    affordable = min(volume_for_risk(equity * percent / 100, loss_per_lot, spec.volume_step), cap)
    volume = affordable if wanted is None else floor_to_step(wanted, spec.volume_step)
    if volume > affordable:
        if not case.limits.reduce_oversized:
            risk = volume * loss_per_lot / equity * 100
            return Denial("risk_per_trade", f"{percent:g} % of equity", f"{risk:.2f} %", "OVERSIZED=deny")
        volume = affordable
    return Sized(volume, volume * loss_per_lot)


def _loss_per_lot(case: AppraisedCase, spec: SymbolSpec) -> float | None:
    """Return what one lot loses at the stop, both sides' commission included; None when unknown."""
    loss, volume = case.appraisal.loss_at_stop, case.appraisal.reference_volume
    commission, stretch = case.appraisal.commission_per_lot, _stretch(case, spec)
    if loss is None or not is_positive(loss) or not is_positive(volume) or not math.isfinite(commission):
        return None
    return loss / volume * stretch + abs(commission)


def _stretch(case: AppraisedCase, spec: SymbolSpec) -> float:
    """Return how much farther away the stop is that is sent, rounded to a tick, than the one appraised."""
    quote, stop_loss = case.appraisal.quote, case.signal.stop_loss
    if quote is None:
        return 1.0
    entry, sent = quote.entry_price(case.signal.side), round_to_tick(stop_loss, spec)
    if abs(sent - stop_loss) < spec.tick_size * 1e-6:  # A float's rounding error, no other price.
        return 1.0
    return abs(entry - sent) / abs(entry - stop_loss)


def _same_side_volume(case: AppraisedCase) -> float:
    symbol, side = case.signal.symbol, case.signal.side
    held = [
        position.volume
        for position in case.report.positions
        if (position.symbol, position.side) == (symbol, side)
    ]
    # ORDER_TYPE_* of waiting orders: even numbers buy, odd ones sell (2 to 7).
    waiting = [
        order.volume
        for order in case.report.orders
        if order.symbol == symbol and order.type % 2 == (0 if side == "BUY" else 1)
    ]
    unseen = [
        record.order.request.volume
        for record in unseen_orders(case)
        if record.order is not None and (record.intent.symbol, record.intent.side) == (symbol, side)
    ]
    return sum(held) + sum(waiting) + sum(unseen)


def _check_margin(case: AppraisedCase, sized: Sized) -> Denial | None:
    """The order's margin is free, and the margin level after it stays above the limit."""
    account, margin = case.report.account, case.appraisal.margin
    known = margin is not None and math.isfinite(margin) and margin >= 0
    if margin is None or not known or not is_positive(case.appraisal.reference_volume):
        return Denial("margin", "a calculable margin", "not calculable", "order_calc_margin gave nothing")
    needed = margin / case.appraisal.reference_volume * sized.volume
    if not needed <= account.free_margin:
        return Denial("margin", f"{account.free_margin:.2f} free", f"{needed:.2f} needed", "not enough money")
    least, used = case.limits.min_margin_level_percent, account.margin + needed
    level = account.equity / used * 100 if used else math.inf
    if least is None or level >= least:
        return None
    return Denial("margin", f"level {least:g} %", f"{level:.0f} %", "MIN_MARGIN_LEVEL_PERCENT")


def _check_open_risk(case: AppraisedCase, sized: Sized) -> Denial | None:
    """All that could be lost at once is inside the limit, this order and what no look shows yet included."""
    percent, held, equity = (
        case.limits.max_open_risk_percent,
        open_risk(case.report),
        case.report.account.equity,
    )
    if percent is None:
        return None
    unseen = [
        record.order
        for record in unseen_orders(case)
        if record.order is not None and record.intent.kind is IntentKind.ENTRY
    ]
    stopless = not case.signal.stop_loss or any(not order.request.sl for order in unseen)
    if held is None or not math.isfinite(held) or stopless:
        return Denial("open_risk", f"{percent:g} %", "unlimited", "a position or order has no stop")
    total = held + sum(order.risk_money for order in unseen) + sized.risk_money
    if total <= equity * percent / 100:
        return None
    return Denial(
        "open_risk", f"{percent:g} %", f"{total / equity * 100:.2f} %", "over all positions and orders"
    )
