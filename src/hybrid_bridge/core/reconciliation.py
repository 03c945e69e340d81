"""What became of an order whose outcome is not known: the terminal's view against the journal's.

Pure. Only questions are asked, never a second entry is sent: `resolve` turns one look at the terminal into an
answer or into "not yet". The executor counts the looks; recovery calls `interrupt` after a crash.
"""

from dataclasses import dataclass

from hybrid_bridge.core.appraisal import Findings, LookQuery
from hybrid_bridge.core.events import OrderAnswered
from hybrid_bridge.core.orders import IntentKind, OrderState
from hybrid_bridge.core.requests import ACTION_DEAL
from hybrid_bridge.core.state import EngineState, OrderRecord

CLEAN_LOOKS_MIN = 2
HORIZON_MS = 20_000  # A venue that has shown nothing this long after the send has not acted on it.
POSITION_VOLUME_TOLERANCE = 1e-8  # Lots; far below any volume step.
ORDER_STATE_REJECTED_LIKE = frozenset({2, 5, 6})  # cancelled, rejected, expired (ENUM_ORDER_STATE)


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
        The answer, or None while nothing is proven.
    """
    found = _find_deal(record, findings, now_msc) or _find_order(record, findings, now_msc)
    if found is not None:
        return found
    if record.intent.kind is IntentKind.MODIFY:
        return _judge_modify(record, findings, now_msc)
    horizon_passed = now_msc - doubt.since_msc >= HORIZON_MS
    if not findings.connected or doubt.clean_looks < CLEAN_LOOKS_MIN or not horizon_passed:
        return None
    detail = f"no trace after {doubt.clean_looks} looks over {(now_msc - doubt.since_msc) / 1000:.0f} s"
    return _answer(record, OrderState.NOT_EXECUTED, now_msc, reason="not_found", detail=detail)


def _find_deal(record: OrderRecord, findings: Findings, now_msc: int) -> OrderAnswered | None:
    """Take the facts from the deals that carry the intent's magic, or from its position."""
    request = record.order.request if record.order is not None else None
    if request is None or request.action != ACTION_DEAL:
        return None
    deals = [deal for deal in findings.deals if deal.magic == request.magic]
    if not deals:
        return _find_position(record, findings, now_msc)
    volume = sum(deal.volume for deal in deals)
    price = sum(deal.price * deal.volume for deal in deals) / volume if volume else 0.0
    whole = volume >= request.volume - POSITION_VOLUME_TOLERANCE
    state = OrderState.FILLED if whole else OrderState.PARTIAL
    ticket = record.intent.ticket or deals[0].position_id
    return _answer(
        record,
        state,
        now_msc,
        reason="reconciled",
        ticket=ticket,
        deal=deals[0].ticket,
        volume=volume,
        price=price,
    )


def _find_position(record: OrderRecord, findings: Findings, now_msc: int) -> OrderAnswered | None:
    request = record.order.request if record.order is not None else None
    if request is None or record.intent.kind is not IntentKind.ENTRY:
        return None
    for position in findings.positions:
        if position.magic == request.magic:
            return _answer(
                record,
                OrderState.FILLED,
                now_msc,
                reason="reconciled",
                ticket=position.ticket,
                volume=position.volume,
                price=position.price_open,
            )
    return None


def _find_order(record: OrderRecord, findings: Findings, now_msc: int) -> OrderAnswered | None:
    """Take an order's own word: it waits at the venue, or the venue ended it."""
    request = record.order.request if record.order is not None else None
    if request is None or request.action != ACTION_DEAL:
        return None
    for order in findings.orders:
        if order.magic == request.magic:
            return _answer(record, OrderState.PLACED, now_msc, reason="reconciled", ticket=order.ticket)
    for ended in findings.history_orders:
        if ended.magic == request.magic and ended.state in ORDER_STATE_REJECTED_LIKE:
            return _answer(record, OrderState.REJECTED, now_msc, reason="reconciled", ticket=ended.ticket)
    return None


def _judge_modify(record: OrderRecord, findings: Findings, now_msc: int) -> OrderAnswered | None:
    """Compare the position's stops with the asked ones; a change leaves no deal behind."""
    request = record.order.request if record.order is not None else None
    if request is None or not findings.connected:
        return None
    position = findings.position
    if position is None:
        return _answer(record, OrderState.NOT_EXECUTED, now_msc, reason="position_closed")
    if (position.stop_loss, position.take_profit) == (request.sl, request.tp):
        return _answer(record, OrderState.FILLED, now_msc, reason="reconciled", ticket=position.ticket)
    return _answer(record, OrderState.NOT_EXECUTED, now_msc, reason="stops_unchanged", ticket=position.ticket)


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
