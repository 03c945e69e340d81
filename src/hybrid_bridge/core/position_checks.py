"""The checks of the risk guard on what is open already: how many positions, and what makes them smaller.

Each sees one `AppraisedCase` and returns a Denial or None. `risk` calls them in its order; the checks on what
has been lost ask whether an entry `reduces`.
"""

from hybrid_bridge.core.cases import AppraisedCase, find_late_closes, unseen_orders
from hybrid_bridge.core.events import Denial, TradingState
from hybrid_bridge.core.portfolio import entries_of, signed


def check_open_positions(case: AppraisedCase) -> Denial | None:
    """At most so many positions in all and on the symbol; what may be open without being shown counts too."""
    limits = case.limits
    if limits.max_open_positions is None and limits.max_positions_per_symbol is None:
        return None
    held = [position.symbol for position in case.report.positions]
    held += [order.intent.symbol for order in entries_of(unseen_orders(case))]
    for name, limit, seen in (
        ("MAX_OPEN_POSITIONS", limits.max_open_positions, len(held)),
        ("MAX_POSITIONS_PER_SYMBOL", limits.max_positions_per_symbol, held.count(case.signal.symbol)),
    ):
        if limit is not None and seen >= limit:
            return Denial("open_positions", str(limit), str(seen), name)
    return None


def check_reducing(case: AppraisedCase) -> Denial | None:
    """While REDUCING only what makes the symbol's net position smaller passes."""
    if case.state.trading is not TradingState.REDUCING or reduces(case):
        return None
    limit, why = "less exposure", f"reducing only: {case.state.halt_reason}".removesuffix(": ")
    late = _find_late(case)
    if late:
        return Denial("trading_state", limit, f"net of {case.signal.symbol} not known, {late}", why)
    if case.signal.volume is None:
        return Denial("trading_state", limit, "an entry without a volume", why)
    change = signed(case.signal.side, case.signal.volume)
    return Denial("trading_state", limit, f"net {_net_lots(case):g} lots, change {change:g}", why)


def reduces(case: AppraisedCase) -> bool:
    """Tell whether the bridge is REDUCING and this entry makes its symbol's net position smaller."""
    volume = case.signal.volume
    if case.state.trading is not TradingState.REDUCING or volume is None or _find_late(case):
        return False
    net = _net_lots(case)
    return abs(net + signed(case.signal.side, volume)) < abs(net)


def _net_lots(case: AppraisedCase) -> float:
    return sum(
        signed(position.side, position.volume)
        for position in case.report.positions
        if position.symbol == case.signal.symbol
    )


def _find_late(case: AppraisedCase) -> str:
    """Name an order on the symbol whose doing the look at the account may not show yet; "" for none."""
    late = unseen_orders(case) + find_late_closes(case.state, case.report, case.now_msc)
    intents = (record.intent for record in late)
    return next(
        (f"signal {i.signal_id} is yet to show" for i in intents if i.symbol == case.signal.symbol), ""
    )
