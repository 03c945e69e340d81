"""What the trade lane finds out about a wanted order before the risk check: one question, one answer.

Values only. The executor asks for an appraisal right before `decide`, so every check sees the same instant.
"""

from dataclasses import dataclass

from hybrid_bridge.core.account import AccountReport, Deal, HistoricOrder, PendingOrder, Position
from hybrid_bridge.core.market import Quote, Side, SymbolSpec


@dataclass(frozen=True, slots=True)
class AppraisalQuery:
    """What to find out.

    Attributes:
        stop_loss: price the loss is calculated to; 0.0 for none.
        valued: whether the report is to be valued; costs the terminal a call for each position, pending
            order and symbol.
        entry_price: price the loss is calculated from; 0.0 for the one an order would fill at now.
    """

    symbol: str
    side: Side
    stop_loss: float
    valued: bool = True
    entry_price: float = 0.0


@dataclass(frozen=True, slots=True)
class Appraisal:
    """The facts about one symbol and the account at one instant.

    Attributes:
        spec: None when the terminal does not know the symbol.
        quote: None when there is no current quote.
        reference_volume: the lots that loss and margin below are for (the symbol's volume_max).
        loss_at_stop: money lost when `reference_volume` entered at the asked price, or now, is stopped out
            (order_calc_profit, sign turned; positive is a loss); None when it could not be calculated or no
            stop was given.
        margin: money that `reference_volume` ties up (order_calc_margin); None when not calculable.
        commission_per_lot: both sides together, from the account's past deals; 0.0 when none are known.
    """

    spec: SymbolSpec | None
    quote: Quote | None
    reference_volume: float
    loss_at_stop: float | None
    margin: float | None
    commission_per_lot: float
    report: AccountReport


def account_only(report: AccountReport) -> Appraisal:
    """Return the appraisal of something that needs no symbol: the account's report alone."""
    return Appraisal(
        spec=None,
        quote=None,
        reference_volume=0.0,
        loss_at_stop=None,
        margin=None,
        commission_per_lot=0.0,
        report=report,
    )


@dataclass(frozen=True, slots=True)
class LookQuery:
    """What to look for when an order's outcome is not known.

    Attributes:
        magic: unique to the intent; brokers keep it.
        comment: the second witness; brokers may rewrite it.
        since_msc: earliest instant it can have happened, UTC milliseconds.
        position: the ticket that a close or modify was about, or the pending order to cancel; else 0.
    """

    magic: int
    comment: str
    since_msc: int
    position: int = 0


@dataclass(frozen=True, slots=True)
class DealsQuery:
    """Which trades to look for in the account's history.

    Attributes:
        magics, comments: of the orders that opened or changed them, as in LookQuery.
        positions: tickets that they are taken to have, for deals that bear neither.
        since_msc: earliest instant that a deal can have, UTC milliseconds.
    """

    magics: tuple[int, ...]
    comments: tuple[str, ...]
    positions: tuple[int, ...]
    since_msc: int


@dataclass(frozen=True, slots=True)
class DealsFound:
    """What the history shows of trades; a question that failed raises instead.

    Attributes:
        connected: whether the terminal reached the trade server; what it lacks proves nothing otherwise.
        deals: those asked for, and all others of their positions.
    """

    connected: bool
    deals: tuple[Deal, ...]


@dataclass(frozen=True, slots=True)
class Findings:
    """What the terminal shows of an order in doubt; a query that failed raises instead.

    Attributes:
        position: the position that the query named, if it is still open.
    """

    connected: bool
    position: Position | None
    positions: tuple[Position, ...]
    orders: tuple[PendingOrder, ...]
    history_orders: tuple[HistoricOrder, ...]
    deals: tuple[Deal, ...]
    at_msc: int
