"""The checks of the risk guard on what is open already: how many positions, and what makes them smaller.

Each sees one `AppraisedCase` and returns a Denial or None. `risk` calls them in its order.
"""

import math

from hybrid_bridge.core.cases import AppraisedCase, unseen_orders
from hybrid_bridge.core.events import Denial, TradingState
from hybrid_bridge.core.market import Side


def check_open_positions(case: AppraisedCase) -> Denial | None:
    """At most so many positions in all and on the symbol; what may be open without being shown counts too."""
    symbol = case.signal.symbol
    unseen = [record.intent.symbol for record in unseen_orders(case)]
    held = [position.symbol for position in case.report.positions] + unseen
    limits = (
        ("MAX_OPEN_POSITIONS", case.limits.max_open_positions, len(held)),
        ("MAX_POSITIONS_PER_SYMBOL", case.limits.max_positions_per_symbol, held.count(symbol)),
    )
    for name, limit, seen in limits:
        if limit is not None and seen >= limit:
            return Denial("open_positions", str(limit), str(seen), name)
    return None


def check_reducing(case: AppraisedCase) -> Denial | None:
    """While REDUCING only what makes the symbol's net position smaller passes."""
    if case.state.trading is not TradingState.REDUCING:
        return None
    net = sum(
        position.volume if position.side is Side.BUY else -position.volume
        for position in case.report.positions
        if position.symbol == case.signal.symbol
    )
    change = (case.signal.volume or math.inf) * (1 if case.signal.side is Side.BUY else -1)
    if abs(net + change) < abs(net):
        return None
    return Denial("trading_state", "less exposure", f"net {net:g} lots, change {change:g}", "reducing only")
