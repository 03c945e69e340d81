"""What the account holds, seen as a whole: what it could lose at its stops, and what it is exposed to.

Pure, and free of correlations: every symbol and currency stands for itself. The guard's checks and the
bridge's status read the same figures here. A figure that cannot be known is None, never a guess.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from hybrid_bridge.core.account import AccountReport, Position, Worth
from hybrid_bridge.core.market import Side
from hybrid_bridge.core.orders import ApprovedOrder, IntentKind
from hybrid_bridge.core.sizing import VOLUME_DIGITS_MAX, is_positive
from hybrid_bridge.core.state import OrderRecord

NOTHING = Decimal(0)


@dataclass(frozen=True, slots=True)
class Stake:
    """Something that is held, or may come to be.

    Attributes:
        lots: negative for a sell.
        certain: a position; not an order that may or may not fill.
        worth: None where it was not asked for.
    """

    symbol: str
    lots: float
    certain: bool
    worth: Worth | None


@dataclass(frozen=True, slots=True)
class Leg:
    """What is held of one currency, or of what a symbol consists of; account currency.

    Attributes:
        held: of the positions, what was bought less what was sold.
        gross: of the positions, both added up.
        buying, selling: what may come to be held; the second is not above zero.
    """

    held: Decimal = NOTHING
    gross: Decimal = NOTHING
    buying: Decimal = NOTHING
    selling: Decimal = NOTHING

    @property
    def worst(self) -> Decimal:
        """The most that it may come to, whichever orders fill."""
        return max(abs(self.held + self.buying), abs(self.held + self.selling))

    def room(self, side: Side, limit: Decimal) -> Decimal:
        """Return how much more may be bought or sold of it; no more than nothing where there is none.

        Args:
            limit: what `worst` may come to; where it is above that already, it may not rise.
        """
        most = max(limit, self.worst)
        return most - (self.held + self.buying) if side is Side.BUY else most + (self.held + self.selling)


@dataclass(frozen=True, slots=True)
class CurrencyExposure:
    """What is held of one currency, account currency; `worst` counts what may still fill."""

    net: float
    gross: float
    worst: float


@dataclass(frozen=True, slots=True)
class SymbolHolding:
    """The positions of one symbol; money in account currency, None where its worth is not known."""

    net_lots: float
    gross_lots: float
    net_money: float | None
    gross_money: float | None


@dataclass(frozen=True, slots=True)
class Portfolio:
    """All that is open, as a person reads it.

    Attributes:
        open_risk: what is lost if all of it ends at its stops, account currency; None when that is not
            bounded or not known.
        currencies: None when the worth of something is not known.
    """

    open_risk: float | None
    open_risk_percent: float | None
    currencies: Mapping[str, CurrencyExposure] | None
    symbols: Mapping[str, SymbolHolding]


def view(report: AccountReport, unseen: Sequence[OrderRecord] = ()) -> Portfolio:
    """Return the portfolio that a look at the account shows.

    Args:
        unseen: orders that may hold what the look does not show; see `cases.find_unseen`.
    """
    risk, equity = open_risk(report, unseen), report.account.equity
    stakes = find_stakes(report, unseen)
    legs = add_up(stakes)
    return Portfolio(
        open_risk=risk,
        open_risk_percent=risk / equity * 100 if risk is not None and is_positive(equity) else None,
        currencies=None
        if legs is None
        else {
            name: CurrencyExposure(float(leg.held), float(leg.gross), float(leg.worst))
            for name, leg in sorted(legs.items())
        },
        symbols={
            symbol: _holding([stake for stake in stakes if stake.certain and stake.symbol == symbol])
            for symbol in sorted({stake.symbol for stake in stakes if stake.certain})
        },
    )


def open_risk(report: AccountReport, unseen: Sequence[OrderRecord] = ()) -> float | None:
    """Add up what is lost if every position and order ends at its stop.

    Returns:
        Account currency; None when one of them has no stop or could not be calculated.
    """
    if find_unbounded(report, unseen):
        return None
    losses = [0.0 if loss is None else max(0.0, loss) for _, loss in _losses(report, unseen)]
    return float(sum((Decimal(repr(loss)) for loss in losses), NOTHING))


def find_unbounded(report: AccountReport, unseen: Sequence[OrderRecord] = ()) -> str:
    """Name the first thing whose loss has no bound or is not known; "" when there is none."""
    losses = _losses(report, unseen)
    return next((name for name, loss in losses if loss is None or not math.isfinite(loss)), "")


def _losses(report: AccountReport, unseen: Sequence[OrderRecord]) -> Iterable[tuple[str, float | None]]:
    valued = report.valuation
    positions = valued.position_losses if valued is not None else {}
    orders = valued.order_losses if valued is not None else {}
    for position in report.positions:
        yield f"position {position.ticket}", positions.get(position.ticket)
    for order in report.orders:
        yield f"pending order {order.ticket}", orders.get(order.ticket)
    for sent in entries_of(unseen):
        yield f"signal {sent.intent.signal_id}", sent.risk_money if sent.request.sl else None


def entries_of(records: Iterable[OrderRecord]) -> list[ApprovedOrder]:
    """Return the orders of those records that open something."""
    return [
        record.order
        for record in records
        if record.order is not None and record.intent.kind is IntentKind.ENTRY
    ]


def find_stakes(report: AccountReport, unseen: Sequence[OrderRecord] = ()) -> list[Stake]:
    """Return all that is held, waits, or was sent and is not shown yet.

    A close of unknown outcome counts as what it may take away of a position that is still shown.
    """
    worths = report.valuation.worths if report.valuation is not None else {}
    shown = {position.ticket: position for position in report.positions}
    stakes = [
        Stake(position.symbol, signed(position.side, position.volume), True, worths.get(position.symbol))
        for position in report.positions
    ]
    stakes += [
        Stake(order.symbol, signed(side_of(order.type), order.volume), False, worths.get(order.symbol))
        for order in report.orders
    ]
    for record in unseen:
        position, order = shown.get(record.intent.ticket), record.order
        if order is None or record.intent.side is None:
            continue
        if record.intent.kind is IntentKind.ENTRY:
            lots = signed(record.intent.side, order.request.volume)
            stakes.append(Stake(record.intent.symbol, lots, False, order.worth))
        elif record.intent.kind is IntentKind.CLOSE and position is not None:
            stakes.append(_closing(position, order, worths.get(position.symbol)))
    return stakes


def _closing(position: Position, order: ApprovedOrder, worth: Worth | None) -> Stake:
    lots = min(order.request.volume, position.volume)
    return Stake(position.symbol, signed(position.side.opposite, lots), False, worth)


def signed(side: Side, lots: float) -> float:
    """Return lots as they count in a net position: those of a sell below zero."""
    return lots if side is Side.BUY else -lots


def side_of(order_type: int) -> Side:
    """Return the side of an order at the venue; even types buy. Source: MQL5 reference, ENUM_ORDER_TYPE."""
    return Side.BUY if order_type % 2 == 0 else Side.SELL


def find_unknown(stakes: Iterable[Stake]) -> str:
    """Name the first symbol whose stake cannot be put into money; "" when there is none."""
    return next((stake.symbol for stake in stakes if not _is_known(stake)), "")


def _is_known(stake: Stake) -> bool:
    return stake.worth is not None and is_known(stake.worth) and math.isfinite(stake.lots)


def is_known(worth: Worth) -> bool:
    """Tell whether a lot can be put into money and into currencies."""
    return is_positive(worth.money_per_lot) and bool(worth.currency_profit)


def legs_of(worth: Worth) -> tuple[str, str]:
    """Return what buying the symbol buys, and what it is paid for with.

    An index or a share names no currency of its own to buy, and stands for itself.
    """
    base = worth.currency_base
    own = worth.symbol if not base or base == worth.currency_profit else base
    return own, worth.currency_profit


def add_up(stakes: Sequence[Stake]) -> dict[str, Leg] | None:
    """Add up what is held and may come to be held, by currency.

    Returns:
        None when the worth of something is not known.
    """
    if find_unknown(stakes):
        return None
    sums: dict[str, list[Decimal]] = {}
    for stake in stakes:
        assert stake.worth is not None  # noqa: S101 - asked right above
        money = Decimal(repr(stake.lots)) * Decimal(repr(stake.worth.money_per_lot))
        bought, paid = legs_of(stake.worth)
        for name, amount in ((bought, money), (paid, -money)):
            _add(sums.setdefault(name, [NOTHING] * 4), amount, certain=stake.certain)
    return {name: Leg(*amounts) for name, amounts in sums.items()}


def _add(sums: list[Decimal], amount: Decimal, *, certain: bool) -> None:
    """Add an amount to the four sums of a Leg, in its fields' order."""
    if certain:
        sums[0] += amount
        sums[1] += abs(amount)
    else:
        sums[2 if amount > 0 else 3] += amount


def _holding(stakes: Sequence[Stake]) -> SymbolHolding:
    net = round(sum(stake.lots for stake in stakes), VOLUME_DIGITS_MAX)
    gross = round(sum(abs(stake.lots) for stake in stakes), VOLUME_DIGITS_MAX)
    worth = stakes[0].worth
    if worth is None or worth.money_per_lot is None or not is_known(worth):
        return SymbolHolding(net, gross, None, None)
    return SymbolHolding(net, gross, net * worth.money_per_lot, gross * worth.money_per_lot)
