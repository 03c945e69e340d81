"""The checks of the risk guard that depend on the volume: what each limit lets through, in lots.

Pure. `approval` takes the least of these bounds, so that an order is as large as all limits permit and no
larger. Whatever a limit needs and is not known denies.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from hybrid_bridge.core.account import Worth
from hybrid_bridge.core.cases import AppraisedCase, find_late_closes
from hybrid_bridge.core.events import Denial
from hybrid_bridge.core.market import Side, SymbolSpec
from hybrid_bridge.core.portfolio import (
    Leg,
    add_up,
    entries_of,
    find_stakes,
    find_unbounded,
    find_unknown,
    is_known,
    legs_of,
    open_risk,
    side_of,
)
from hybrid_bridge.core.sizing import VOLUME_DIGITS_MAX, exact, is_positive, most_lots, whole_steps
from hybrid_bridge.core.state import OrderRecord

DIGITS_READABLE = 12


@dataclass(frozen=True, slots=True)
class Facts:
    """What the bounds of one entry follow from.

    Attributes:
        loss_per_lot: at the stop, account currency; None without a stop, or when it is not known.
        margin_per_lot: account currency; None when it is not known.
        unseen: orders that may hold what the look at the account does not show.
    """

    case: AppraisedCase
    spec: SymbolSpec
    loss_per_lot: Decimal | None
    margin_per_lot: Decimal | None
    unseen: Sequence[OrderRecord]

    @property
    def worth(self) -> Worth | None:
        """What a lot of the wanted symbol is worth; None where no limit asked for it."""
        valuation = self.case.report.valuation
        return valuation.worths.get(self.case.signal.symbol) if valuation is not None else None


@dataclass(frozen=True, slots=True)
class Bound:
    """The most lots that one limit lets through.

    Attributes:
        lots: not cut to steps; below zero when the limit is broken without the order.
        seen: says what a number of lots would come to, in the words of the limit.
    """

    check: str
    limit: str
    detail: str
    lots: Decimal
    seen: Callable[[Decimal], str]

    def deny(self, lots: Decimal, whose: str, why: str = "") -> Denial:
        """Return the denial of so many lots.

        Args:
            whose: said after them; why: said after the detail.
        """
        return Denial(self.check, self.limit, f"{self.seen(lots)}{whose}", f"{self.detail}{why}")


Finding = Bound | Denial


def find_bounds(facts: Facts) -> list[Finding]:
    """Return what every limit says of the volume, and a denial where it cannot be said."""
    return [finding for bound in BOUNDS for finding in bound(facts)]


def bound_volume(facts: Facts) -> Iterator[Finding]:
    """The symbol's own limits and MAX_VOLUME."""
    spec, cap = facts.spec, facts.case.limits.max_volume
    caps = [("the symbol's volume_max", exact(spec.volume_max))]
    if cap is not None:
        caps.append(("MAX_VOLUME", exact(cap)))
    held = _same_side_lots(facts) if spec.volume_limit > 0 else 0.0
    if spec.volume_limit > 0 and math.isfinite(held):
        detail = f"the symbol's volume_limit of {spec.volume_limit:g}, {held:g} held or waiting"
        caps.append((detail, exact(spec.volume_limit) - exact(held)))
    for detail, lots in caps:
        allowed = max(Decimal(0), whole_steps(lots, spec.volume_step))
        yield Bound("volume", f"at most {written(allowed)}", detail, lots, written)
    if not math.isfinite(held):
        limit = f"at most {spec.volume_limit:g} lots one way"
        yield Denial("volume", limit, "not known", "a position or order shows no volume")


def bound_risk(facts: Facts) -> Iterator[Finding]:
    """The loss at the stop is at most MAX_RISK_PERCENT of equity."""
    signal, percent = facts.case.signal, facts.case.limits.max_risk_percent
    equity, per_lot = facts.case.report.account.equity, facts.loss_per_lot
    if not signal.stop_loss:
        if signal.volume is None:
            yield Denial("risk_per_trade", "a stop_loss to size from", "none", "send volume or stop_loss")
        return
    limit = f"{percent:g} % of equity"
    if per_lot is None or not is_positive(equity):
        yield Denial("risk_per_trade", limit, "not calculable", "no equity or no tick value")
        return
    room = exact(equity) * exact(percent) / 100
    detail = "loss at the stop, commission and slippage reserve included"
    yield Bound(
        "risk_per_trade",
        limit,
        detail,
        most_lots(room, per_lot),
        lambda lots: f"{above(lots * per_lot / exact(equity) * 100, percent)} % with {written(lots)}",
    )


def bound_open_risk(facts: Facts) -> Iterator[Finding]:
    """All that could be lost at once is at most MAX_OPEN_RISK_PERCENT of equity, what is unseen included."""
    percent, per_lot = facts.case.limits.max_open_risk_percent, facts.loss_per_lot
    if percent is None:
        return
    report, limit = facts.case.report, f"{percent:g} % of equity"
    unbounded = "this signal" if per_lot is None else find_unbounded(report, facts.unseen)
    held, equity = open_risk(report, facts.unseen), report.account.equity
    if unbounded or held is None or per_lot is None:
        yield Denial("open_risk", limit, f"unlimited by {unbounded}", "no stop, or a loss that is not known")
        return
    if not is_positive(equity):
        yield Denial("open_risk", limit, f"equity {equity}", "no equity to measure by")
        return
    room = exact(equity) * exact(percent) / 100 - exact(held)
    yield Bound(
        "open_risk",
        limit,
        "over all positions and orders",
        most_lots(room, per_lot),
        lambda lots: (
            f"{above((exact(held) + lots * per_lot) / exact(equity) * 100, percent)} % with {written(lots)}"
        ),
    )


def bound_exposure(facts: Facts) -> Iterator[Finding]:
    """Neither leg of the symbol comes to more than MAX_EXPOSURE_PERCENT of equity, whichever orders fill.

    A leg that is beyond it already may not grow.
    """
    case, percent, worth = facts.case, facts.case.limits.max_exposure_percent, facts.worth
    if percent is None:
        return
    limit, equity = f"{percent:g} % of equity", case.report.account.equity
    late = find_late_closes(case.state, case.report, case.now_msc)
    stakes = find_stakes(case.report, [*facts.unseen, *late])
    legs = add_up(stakes)
    if legs is None or worth is None or not is_known(worth):
        seen = f"worth of {find_unknown(stakes) or case.signal.symbol} not known"
        yield Denial("exposure", limit, seen, "a price or a rate to the account's currency is missing")
        return
    if not is_positive(equity):
        yield Denial("exposure", limit, f"equity {equity}", "no equity to measure by")
        return
    most, side = exact(equity) * exact(percent) / 100, case.signal.side
    for name, way in zip(legs_of(worth), (side, side.opposite), strict=True):
        yield _bound_leg(name, legs.get(name, Leg()), way, worth, most, exact(equity), percent)


def _bound_leg(
    name: str, leg: Leg, way: Side, worth: Worth, most: Decimal, equity: Decimal, percent: float
) -> Bound:
    per_lot = exact(worth.money_per_lot or 0.0)

    def seen(lots: Decimal) -> str:
        money = lots * per_lot
        grown = (
            replace(leg, buying=leg.buying + money)
            if way is Side.BUY
            else replace(leg, selling=leg.selling - money)
        )
        return f"{above(grown.worst / equity * 100, percent)} % with {written(lots)}"

    return Bound(
        "exposure",
        f"{percent:g} % of equity in {name}",
        "over all positions, and all orders that may fill",
        most_lots(leg.room(way, most), per_lot),
        seen,
    )


def bound_margin(facts: Facts) -> Iterator[Finding]:
    """The margin is free, and the margin level after it is at least MIN_MARGIN_LEVEL_PERCENT."""
    account, least = facts.case.report.account, facts.case.limits.min_margin_level_percent
    per_lot = facts.margin_per_lot
    if per_lot is None:
        yield Denial("margin", "a calculable margin", "not calculable", "order_calc_margin gave nothing")
        return
    reserved = sum((exact(order.margin) for order in entries_of(facts.unseen)), Decimal(0))
    yield _bound_free_margin(account.free_margin, reserved, per_lot)
    if not least:
        return
    limit = f"level {least:g} %"
    if not (is_positive(account.equity) and math.isfinite(account.margin) and account.margin >= 0):
        seen = f"equity {account.equity}, margin {account.margin}"
        yield Denial("margin", limit, seen, "the level is not known")
        return
    equity, used = exact(account.equity), exact(account.margin) + reserved
    yield Bound(
        "margin",
        limit,
        "MIN_MARGIN_LEVEL_PERCENT",
        most_lots(equity * 100 / exact(least) - used, per_lot),
        lambda lots: f"{below(equity * 100 / (used + lots * per_lot), least)} % with {written(lots)}",
    )


def _bound_free_margin(free_margin: float, reserved: Decimal, per_lot: Decimal) -> Finding:
    if not math.isfinite(free_margin):
        return Denial("margin", "a known free margin", f"{free_margin}", "the account is not loaded yet")
    free = exact(free_margin) - reserved
    detail = f"not enough money, {reserved:.2f} reserved for orders" if reserved else "not enough money"
    return Bound(
        "margin",
        f"{free:.2f} free",
        detail,
        most_lots(free, per_lot),
        lambda lots: f"{above(lots * per_lot, float(free))} needed with {written(lots)}",
    )


BOUNDS: tuple[Callable[[Facts], Iterator[Finding]], ...] = (
    bound_volume,
    bound_risk,
    bound_open_risk,
    bound_exposure,
    bound_margin,
)


def written(lots: Decimal) -> str:
    """Write a number of lots for a person."""
    return f"{float(lots):g} lots"


def above(value: Decimal, limit: float) -> str:
    """Write a value that is above a limit with so many digits that it reads as above it."""
    return next((text for text in _texts(value) if Decimal(text) > exact(limit)), f"{value:.2f}")


def below(value: Decimal, limit: float) -> str:
    """Write a value that is below a limit with so many digits that it reads as below it."""
    return next((text for text in _texts(value) if Decimal(text) < exact(limit)), f"{value:.2f}")


def _texts(value: Decimal) -> Iterator[str]:
    if value.adjusted() > DIGITS_READABLE:
        return iter((f"{value:.3e}",))
    return (f"{value:.{digits}f}" for digits in (2, 4, 8))


def _same_side_lots(facts: Facts) -> float:
    symbol, side, report = facts.case.signal.symbol, facts.case.signal.side, facts.case.report
    held = [
        position.volume for position in report.positions if (position.symbol, position.side) == (symbol, side)
    ]
    waiting = [
        order.volume for order in report.orders if order.symbol == symbol and side_of(order.type) is side
    ]
    unseen = [
        order.request.volume
        for order in entries_of(facts.unseen)
        if (order.intent.symbol, order.intent.side) == (symbol, side)
    ]
    return round(sum(held) + sum(waiting) + sum(unseen), VOLUME_DIGITS_MAX)
