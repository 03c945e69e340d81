"""What became of an order whose outcome is not known: the terminal's view against the journal's.

Pure. Only questions are asked, never a second entry is sent: `resolve` turns one look at the terminal into an
answer or into "not yet". The executor counts the looks; recovery calls `interrupt` after a crash.
"""

import math
from dataclasses import dataclass

from hybrid_bridge.core.account import Deal, HistoricOrder, PendingOrder, Position
from hybrid_bridge.core.appraisal import Findings, LookQuery
from hybrid_bridge.core.events import OrderAnswered
from hybrid_bridge.core.orders import Intent, IntentKind, OrderRequest, OrderState
from hybrid_bridge.core.requests import ACTION_DEAL
from hybrid_bridge.core.state import EngineState, OrderRecord

CLEAN_LOOKS_MIN = 2
HORIZON_MS = 20_000  # A venue that has shown nothing this long after the send has not acted on it.
VOLUME_TOLERANCE = 1e-8  # Lots; far below any volume step.
PRICE_TOLERANCE = 1e-9  # Of the price; a float's rounding error, far below any tick.
ORDER_STATE_CANCELLED = 2
ORDER_STATE_REJECTED_LIKE = frozenset(
    {ORDER_STATE_CANCELLED, 5, 6}
)  # cancelled, rejected, expired (ENUM_ORDER_STATE)


@dataclass(frozen=True, slots=True)
class Doubt:
    """How long and how often an order in doubt has been looked for, in this process.

    Attributes:
        clean_looks: complete looks, terminal connected, that showed no trace of it.
        since_msc: when it was sent, or when this process took over, UTC milliseconds.
    """

    clean_looks: int
    since_msc: int


def interrupt(state: EngineState, now_msc: int) -> tuple[OrderAnswered, ...]:
    """Return the events that turn every order a crash left in SENDING into UNKNOWN."""
    return tuple(
        _answer(
            record, OrderState.UNKNOWN, now_msc, reason="restart", detail="the bridge stopped while sending"
        )
        for record in state.in_doubt()
        if record.state is OrderState.SENDING
    )


def look_query(record: OrderRecord) -> LookQuery:
    """Return what to look for."""
    request = record.order.request if record.order is not None else None
    return LookQuery(
        magic=request.magic if request is not None else 0,
        comment=request.comment if request is not None else "",
        since_msc=record.sending_msc,
        position=record.intent.ticket,
    )


def resolve(record: OrderRecord, findings: Findings, doubt: Doubt, now_msc: int) -> OrderAnswered | None:
    """Judge one complete look.

    Returns:
        The answer, or None while nothing is proven. What is absent proves nothing before the terminal was
        connected for enough looks and the horizon has passed.
    """
    age_ms = now_msc - doubt.since_msc
    settled = findings.connected and doubt.clean_looks >= CLEAN_LOOKS_MIN and age_ms >= HORIZON_MS
    request = record.order.request if record.order is not None else None
    if request is not None and request.action == ACTION_DEAL:
        return _judge_deal(record, _trace(record.intent, request, findings), request, settled, now_msc)
    if request is not None and record.intent.kind is IntentKind.MODIFY:
        return _judge_change(record, request, findings.position, settled, now_msc)
    if record.intent.kind is IntentKind.CANCEL:
        return _judge_cancellation(record, findings, settled, now_msc)
    return _no_trace(record, "not_found", now_msc) if settled else None


@dataclass(frozen=True, slots=True)
class _Trace:
    """What bears the mark of one market order."""

    deals: tuple[Deal, ...]
    ended: HistoricOrder | None
    position: Position | None
    waits: bool

    @property
    def dealt(self) -> float:
        """Lots that visible deals add up to."""
        return sum(deal.volume for deal in self.deals)

    @property
    def shown(self) -> float:
        """Lots that deals or the resulting position show as filled."""
        return max(self.dealt, self.position.volume if self.position is not None else 0.0)

    @property
    def stated(self) -> float:
        """Lots that the ended order says were filled."""
        return self.ended.volume_initial - self.ended.volume_current if self.ended is not None else 0.0


def _trace(intent: Intent, request: OrderRequest, findings: Findings) -> _Trace:
    def ours(found: Deal | Position | PendingOrder | HistoricOrder) -> bool:
        # Brokers keep the magic; where one does not, the comment is the second witness.
        if found.magic:
            return found.magic == request.magic
        return bool(request.comment) and found.comment == request.comment

    entry = intent.kind is IntentKind.ENTRY
    return _Trace(
        deals=tuple(filter(ours, findings.deals)),
        ended=next(filter(ours, findings.history_orders), None),
        position=next(filter(ours, findings.positions), None) if entry else None,
        waits=any(map(ours, findings.orders)),
    )


def _judge_deal(
    record: OrderRecord, trace: _Trace, request: OrderRequest, settled: bool, now_msc: int
) -> OrderAnswered | None:
    """Take the facts from the deals; before the horizon, a part may be all that shows so far."""
    if trace.shown >= request.volume - VOLUME_TOLERANCE:
        # A netting position may hold more than this order brought.
        volume = trace.dealt if trace.deals else request.volume
        return _filled(record, trace, OrderState.FILLED, volume, now_msc)
    volume = max(trace.shown, trace.stated)
    if trace.ended is not None and trace.ended.state in ORDER_STATE_REJECTED_LIKE and not volume:
        return _answer(record, OrderState.REJECTED, now_msc, reason="reconciled", ticket=trace.ended.ticket)
    complete = trace.ended is not None and abs(trace.stated - trace.dealt) <= VOLUME_TOLERANCE
    if trace.waits or not (settled or (complete and volume)):
        return None
    if not volume:
        return _no_trace(record, "not_found", now_msc)
    whole = volume >= request.volume - VOLUME_TOLERANCE
    return _filled(record, trace, OrderState.FILLED if whole else OrderState.PARTIAL, volume, now_msc)


def _filled(
    record: OrderRecord, trace: _Trace, state: OrderState, volume: float, now_msc: int
) -> OrderAnswered:
    deals, position = trace.deals, trace.position
    if deals and trace.dealt:
        price = sum(deal.price * deal.volume for deal in deals) / trace.dealt
    else:
        price = position.price_open if position is not None else 0.0
    tickets = [deal.position_id for deal in deals] + [
        found.ticket for found in (position, trace.ended) if found
    ]
    return _answer(
        record,
        state,
        now_msc,
        reason="reconciled",
        ticket=record.intent.ticket or tickets[0],
        deal=deals[0].ticket if deals else 0,
        volume=volume,
        price=price,
    )


def _judge_change(
    record: OrderRecord, request: OrderRequest, position: Position | None, settled: bool, now_msc: int
) -> OrderAnswered | None:
    """Compare the position's stops with the asked ones; a change leaves no deal behind."""
    if position is not None and _same_stops(position, request):
        return _answer(record, OrderState.FILLED, now_msc, reason="reconciled", ticket=position.ticket)
    if not settled:
        return None
    return _no_trace(record, "position_closed" if position is None else "stops_unchanged", now_msc)


def _same_stops(position: Position, request: OrderRequest) -> bool:
    pairs = ((position.stop_loss, request.sl), (position.take_profit, request.tp))
    return all(math.isclose(held, asked, rel_tol=PRICE_TOLERANCE) for held, asked in pairs)


def _judge_cancellation(
    record: OrderRecord, findings: Findings, settled: bool, now_msc: int
) -> OrderAnswered | None:
    """Look at how the order ended that was to be taken back; a cancellation has no mark of its own."""
    ended = next((o for o in findings.history_orders if o.ticket == record.intent.ticket), None)
    if ended is not None and ended.state == ORDER_STATE_CANCELLED:
        return _answer(record, OrderState.FILLED, now_msc, reason="reconciled")
    if ended is not None:
        return _answer(record, OrderState.REJECTED, now_msc, reason="order_ended_first")
    return _no_trace(record, "not_found", now_msc) if settled else None


def _no_trace(record: OrderRecord, reason: str, now_msc: int) -> OrderAnswered:
    detail = f"no trace in repeated looks over {HORIZON_MS / 1000:.0f} s or more"
    return _answer(record, OrderState.NOT_EXECUTED, now_msc, reason=reason, detail=detail)


def _answer(
    record: OrderRecord,
    state: OrderState,
    now_msc: int,
    *,
    reason: str,
    detail: str = "",
    ticket: int = 0,
    deal: int = 0,
    volume: float = 0.0,
    price: float = 0.0,
) -> OrderAnswered:
    return OrderAnswered(
        number=record.intent.number,
        state=state,
        retcode=0,
        reason=reason,
        detail=detail,
        ticket=ticket or record.intent.ticket,
        deal=deal,
        volume=volume,
        price=price,
        sent_msc=record.sending_msc,
        at_msc=now_msc,
    )
