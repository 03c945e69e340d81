"""What of a look at the terminal bears the mark of one market order, and how much of it that shows as filled.

Pure; reconciliation judges by it.
"""

from dataclasses import dataclass

from hybrid_bridge.core.account import Deal, HistoricOrder, PendingOrder, Position
from hybrid_bridge.core.appraisal import Findings
from hybrid_bridge.core.orders import Intent, IntentKind, OrderRequest

VOLUME_TOLERANCE = 1e-8  # Lots; far below any volume step.
ORDER_STATE_CANCELLED = 2
ORDER_STATE_REJECTED_LIKE = frozenset(
    {ORDER_STATE_CANCELLED, 5, 6}
)  # cancelled, rejected, expired (ENUM_ORDER_STATE)


@dataclass(frozen=True, slots=True)
class Trace:
    """What bears the mark of one market order.

    Attributes:
        asked: lots that the order was for.
    """

    deals: tuple[Deal, ...]
    ended: HistoricOrder | None
    position: Position | None
    waiting: PendingOrder | None
    asked: float

    @property
    def waits(self) -> bool:
        """Whether the order is still at the venue."""
        return self.waiting is not None

    @property
    def dealt(self) -> float:
        """Lots that visible deals add up to."""
        return sum(deal.volume for deal in self.deals)

    @property
    def held(self) -> float:
        """Lots of the resulting position; a netting one may hold more than this order brought."""
        if self.position is None:
            return 0.0
        if self.position.volume <= self.asked + VOLUME_TOLERANCE:
            return self.position.volume
        return 0.0 if self.deals else self.asked

    @property
    def stated(self) -> float:
        """Lots that the ended order says were filled."""
        return self.ended.volume_initial - self.ended.volume_current if self.ended is not None else 0.0

    @property
    def volume(self) -> float:
        """Lots that anything shows as filled."""
        return max(self.dealt, self.held, self.stated)

    @property
    def complete(self) -> bool:
        """Whether the order has ended and every deal of it is seen."""
        return self.ended is not None and abs(self.stated - self.dealt) <= VOLUME_TOLERANCE

    @property
    def ended_unfilled(self) -> bool:
        """Whether the venue ended the order without filling anything."""
        ended = self.ended is not None and self.ended.state in ORDER_STATE_REJECTED_LIKE
        return ended and not self.volume

    @property
    def ticket(self) -> int:
        """The position, or else the order, that the venue knows it by; 0 when nothing is seen."""
        tickets = [deal.position_id for deal in self.deals]
        tickets += [found.ticket for found in (self.position, self.ended, self.waiting) if found is not None]
        return next(iter(tickets), 0)


def trace_of(intent: Intent, request: OrderRequest, findings: Findings) -> Trace:
    """Pick out what bears an order's mark."""

    def ours(found: Deal | Position | PendingOrder | HistoricOrder) -> bool:
        # Brokers keep the magic; where one does not, the comment is the second witness.
        if found.magic:
            return found.magic == request.magic
        return bool(request.comment) and found.comment == request.comment

    entry = intent.kind is IntentKind.ENTRY
    # A stop that closes a position bears the position's magic: it is younger, and deals the other way.
    deals = (deal for deal in filter(ours, findings.deals) if not entry or deal.side is intent.side)
    return Trace(
        deals=tuple(deals),
        ended=min(filter(ours, findings.history_orders), key=lambda order: order.ticket, default=None),
        position=next(filter(ours, findings.positions), None) if entry else None,
        waiting=next(filter(ours, findings.orders), None),
        asked=request.volume,
    )
