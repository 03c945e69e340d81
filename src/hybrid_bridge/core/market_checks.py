"""The checks of the risk guard on the market: the symbol, its quote, the distance of prices.

Each sees one `AppraisedCase` and returns a Denial or None. `risk` calls them in its order; `verdict` judges a
change of stops by the same rules. Whatever is unknown (no quote, NaN) denies.
"""

import math

from hybrid_bridge.core.cases import CLOCK_TOLERANCE_MS, AppraisedCase
from hybrid_bridge.core.events import Denial
from hybrid_bridge.core.market import Side, SymbolSpec, TradeMode
from hybrid_bridge.core.sizing import is_positive, round_to_tick

TRADE_MODES_OF_SIDE = {
    Side.BUY: {TradeMode.FULL, TradeMode.LONG_ONLY},
    Side.SELL: {TradeMode.FULL, TradeMode.SHORT_ONLY},
}
# What a symbol that has just been selected still reports as 0; nothing can be sized or rounded without them.
POSITIVE_FACTS = ("point", "tick_size", "volume_min", "volume_max", "volume_step")


def check_symbol_tradable(case: AppraisedCase) -> Denial | None:
    """The terminal knows the symbol and the venue takes this direction."""
    spec, side = case.appraisal.spec, case.signal.side
    if spec is None:
        return Denial("symbol_allowed", "a symbol the terminal knows", case.signal.symbol, "not found")
    lacking = find_lacking(spec)
    if lacking:
        return Denial("symbol_allowed", "known trading rules", f"no {', '.join(lacking)}", "not yet loaded")
    if TRADE_MODES_OF_SIDE[side] & {spec.trade_mode}:
        return None
    names = {mode.value: mode.name.lower() for mode in TradeMode}
    seen = names.get(spec.trade_mode, f"trade mode {spec.trade_mode}")
    return Denial("symbol_allowed", f"{side} permitted", seen, "venue's rule")


def find_lacking(spec: SymbolSpec) -> list[str]:
    """Name the facts that nothing can be sized or rounded without and that are not loaded."""
    lacking = [name for name in POSITIVE_FACTS if not is_positive(getattr(spec, name))]
    return lacking if spec.volume_limit >= 0 else [*lacking, "volume_limit"]


def check_quote_fresh(case: AppraisedCase) -> Denial | None:
    """A present, positive, uncrossed quote that is not old."""
    quote, limit = case.appraisal.quote, case.limits.max_quote_age_ms
    if quote is None:
        return Denial("quote_fresh", "a current quote", "none", "the terminal has no tick for the symbol")
    if not (is_positive(quote.bid) and is_positive(quote.ask) and quote.bid <= quote.ask):
        return Denial("quote_fresh", "0 < bid <= ask", f"bid {quote.bid} ask {quote.ask}", "no usable price")
    if quote.time_msc is None:
        return Denial("quote_fresh", f"at most {limit} ms old", "age not known", "server clock not known yet")
    age = case.now_msc - quote.time_msc
    if -CLOCK_TOLERANCE_MS <= age <= limit:
        return None
    return Denial(
        "quote_fresh", f"at most {limit} ms old", f"{age} ms", "market closed, link down or wrong clock"
    )


def check_spread(case: AppraisedCase) -> Denial | None:
    """The spread is not above MAX_SPREAD_POINTS."""
    limit, quote, spec = case.limits.max_spread_points, case.appraisal.quote, case.appraisal.spec
    if limit is None or quote is None or spec is None:
        return None
    points = (quote.ask - quote.bid) / spec.point if spec.point > 0 else math.inf
    if points <= limit + 1e-6:  # Half a rounding error of a price difference, far below one point.
        return None
    return Denial("spread", f"{limit:g} points", f"{points:.1f} points", "wait for a narrower spread")


def check_price_collar(case: AppraisedCase) -> Denial | None:
    """The market is not farther from the signal's price than MAX_PRICE_DRIFT_POINTS."""
    limit, quote, spec = case.limits.max_price_drift_points, case.appraisal.quote, case.appraisal.spec
    if limit is None or case.signal.price is None or quote is None or spec is None:
        return None
    drift = abs(quote.entry_price(case.signal.side) - case.signal.price)
    points = drift / spec.point if spec.point > 0 else math.inf
    if points <= limit + 1e-6:  # As above.
        return None
    return Denial(
        "price_collar", f"{limit:g} points", f"{points:.1f} points", f"signal saw {case.signal.price}"
    )


def check_stop_loss(case: AppraisedCase) -> Denial | None:
    """Stops are present, on the right side and outside the stops level."""
    signal, quote, spec = case.signal, case.appraisal.quote, case.appraisal.spec
    if not signal.stop_loss and case.limits.require_stop_loss:
        return Denial("stop_loss", "a stop_loss", "none", "send stop_loss or set REQUIRE_STOP_LOSS=false")
    if quote is None or spec is None:
        return None
    return find_stops_denial(
        signal.side, signal.stop_loss, signal.take_profit, quote.exit_price(signal.side), spec
    )


def find_stops_denial(
    side: Side, stop_loss: float, take_profit: float, exit_price: float, spec: SymbolSpec
) -> Denial | None:
    """Judge stops against the price a position would close at (bid for BUY, ask for SELL).

    Source: MQL5 reference, SYMBOL_TRADE_STOPS_LEVEL, SYMBOL_TRADE_FREEZE_LEVEL.
    """
    if (stop_loss or take_profit) and not (is_positive(spec.point) and is_positive(spec.tick_size)):
        return Denial("stop_loss", "a known tick size", f"{spec.tick_size}", f"{spec.name} is not loaded yet")
    direction = 1 if side is Side.BUY else -1
    level = max(spec.stops_level, spec.freeze_level)
    for name, price, sign in (("stop_loss", stop_loss, -1), ("take_profit", take_profit, 1)):
        if not price:
            continue
        if not is_positive(price) or not round_to_tick(price, spec):
            return Denial("stop_loss", f"{name} of a tick or more", f"{price}", "would be sent as none")
        distance = sign * direction * (price - exit_price) / spec.point
        if not distance > 0:
            where = "below" if sign * direction < 0 else "above"
            return Denial("stop_loss", f"{name} {where} {exit_price}", f"{price}", f"wrong side for {side}")
        if distance < level - 1e-6:  # A rounding error, far below one point.
            whose = "stops" if spec.stops_level == level else "freeze"
            least = f"{name} at least {level} points away"
            return Denial("stop_loss", least, f"{distance:.1f} points", f"inside the venue's {whose} level")
    return None


def find_frozen(stop_loss: float, take_profit: float, exit_price: float, spec: SymbolSpec) -> Denial | None:
    """Say which of a position's present stops is so near the price that the venue lets nobody change them.

    Source: MQL5 reference, SYMBOL_TRADE_FREEZE_LEVEL.
    """
    if not spec.freeze_level or not is_positive(spec.point):
        return None
    for name, price in (("stop_loss", stop_loss), ("take_profit", take_profit)):
        distance = abs(price - exit_price) / spec.point
        if price and distance <= spec.freeze_level + 1e-6:  # As above.
            limit = f"{name} more than {spec.freeze_level} points away"
            return Denial("stop_loss", limit, f"{distance:.1f} points", "frozen: it is about to be hit")
    return None
