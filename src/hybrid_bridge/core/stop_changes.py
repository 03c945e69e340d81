"""May a position's stops be changed like this? What raises its loss at the stop is judged like an entry.

Pure; `verdict` asks. A change that does not raise the loss passes whatever stops entries.
"""

from collections.abc import Iterator
from dataclasses import replace

from hybrid_bridge.core.account import Position
from hybrid_bridge.core.appraisal import Appraisal
from hybrid_bridge.core.bounds import above
from hybrid_bridge.core.cases import find_unseen
from hybrid_bridge.core.events import Denial, TradingState
from hybrid_bridge.core.limits import Limits
from hybrid_bridge.core.market import Side, SymbolSpec
from hybrid_bridge.core.market_checks import find_frozen, find_stops_denial
from hybrid_bridge.core.orders import Intent
from hybrid_bridge.core.portfolio import find_unbounded, open_risk
from hybrid_bridge.core.sizing import exact, is_positive, round_to_tick
from hybrid_bridge.core.state import EngineState
from hybrid_bridge.core.stop_money import loss_per_lot


def find_change_denials(
    state: EngineState,
    limits: Limits,
    appraisal: Appraisal,
    spec: SymbolSpec,
    position: Position,
    intent: Intent,
    now_msc: int,
) -> tuple[Denial, ...]:
    """Judge a change of a position's stops.

    Args:
        appraisal: of the new stop, from the price the position was opened at.
        intent: with the stops as both will be.
    Returns:
        Every denial that could be found; none when it may be sent.
    """
    quote = appraisal.quote
    price = quote.exit_price(position.side) if quote is not None else position.price_current
    stops = (
        find_stops_denial(position.side, intent.stop_loss, intent.take_profit, price, spec),
        find_frozen(position.stop_loss, position.take_profit, price, spec),
    )
    denials = tuple(denial for denial in stops if denial is not None)
    if stops[0] is not None or not raises_loss(position, intent.stop_loss, spec):
        return denials
    raised = _find_raised(state, limits, appraisal, position, intent.stop_loss, now_msc)
    return (*denials, *raised)


def raises_loss(position: Position, stop_loss: float, spec: SymbolSpec) -> bool:
    """Tell whether a new stop may cost more, from the opening price, than the one that is there.

    No stop costs without bound; one in profit costs nothing. What is not known counts as more.
    """
    old, new = position.stop_loss, round_to_tick(stop_loss, spec)
    if not old or not new:
        return bool(old) and not new
    direction = 1 if position.side is Side.BUY else -1
    nearer = direction * (new - old) >= -spec.tick_size * 1e-6  # A rounding error, far below one tick.
    in_profit = direction * (new - position.price_open) >= 0
    return not (nearer or in_profit)


def _find_raised(
    state: EngineState,
    limits: Limits,
    appraisal: Appraisal,
    position: Position,
    stop_loss: float,
    now_msc: int,
) -> Iterator[Denial]:
    """Judge a change that raises the loss at the stop."""
    if state.trading is not TradingState.ACTIVE:
        seen = f"{state.trading}, and the loss would rise"
        yield Denial("trading_state", "active, or a loss that does not rise", seen, state.halt_reason)
    if not stop_loss and limits.require_stop_loss:
        detail = "a stop may be moved but not taken away while REQUIRE_STOP_LOSS=true"
        yield Denial("stop_loss", "a stop_loss", "none", detail)
    loss = _loss_at(stop_loss, limits, appraisal, position) if stop_loss else None
    equity, volume = appraisal.report.account.equity, f"{position.volume:g} lots"
    if stop_loss and (loss is None or not is_positive(equity)):
        limit = f"{limits.max_risk_percent:g} % of equity"
        yield Denial("risk_per_trade", limit, "not calculable", "no equity or no tick value")
    elif loss is not None and exact(loss) > exact(equity) * exact(limits.max_risk_percent) / 100:
        limit = f"{limits.max_risk_percent:g} % of equity"
        seen = f"{above(exact(loss) / exact(equity) * 100, limits.max_risk_percent)} % with {volume}"
        yield Denial("risk_per_trade", limit, seen, f"loss of position {position.ticket} at the new stop")
    total = _find_open_risk(state, limits, appraisal, position, loss, now_msc)
    if total is not None:
        yield total


def _loss_at(stop_loss: float, limits: Limits, appraisal: Appraisal, position: Position) -> float | None:
    """Return what the position loses at a stop, account currency; None when it is not known."""
    if not (is_positive(position.price_open) and is_positive(position.volume)):
        return None
    reserve = limits.slippage_reserve_points
    per_lot = loss_per_lot(appraisal, position.side, position.price_open, stop_loss, reserve)
    return None if per_lot is None else float(per_lot * exact(position.volume))


def _find_open_risk(
    state: EngineState,
    limits: Limits,
    appraisal: Appraisal,
    position: Position,
    loss: float | None,
    now_msc: int,
) -> Denial | None:
    """Judge all that could be lost at once, with the position at its new stop."""
    percent, report = limits.max_open_risk_percent, appraisal.report
    if percent is None:
        return None
    limit, equity = f"{percent:g} % of equity", report.account.equity
    others = replace(report, positions=tuple(p for p in report.positions if p.ticket != position.ticket))
    unseen = find_unseen(state, limits, report, now_msc)
    unbounded = f"position {position.ticket}" if loss is None else find_unbounded(others, unseen)
    held = open_risk(others, unseen)
    if unbounded or held is None or loss is None:
        return Denial("open_risk", limit, f"unlimited by {unbounded}", "no stop, or a loss that is not known")
    if not is_positive(equity):
        return Denial("open_risk", limit, f"equity {equity}", "no equity to measure by")
    total = exact(held) + exact(loss)
    if total <= exact(equity) * exact(percent) / 100:
        return None
    seen = f"{above(total / exact(equity) * 100, percent)} %"
    return Denial("open_risk", limit, seen, "over all positions and orders")
