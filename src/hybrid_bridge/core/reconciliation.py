"""What became of an order whose outcome is not known: the terminal's view against the journal's.

Pure. Only questions are asked, never a second entry is sent: `resolve` turns one look at the terminal into an
answer or into "not yet", `follow` does so for an order that has its answer and may still fill. The reconciler
counts the looks; recovery calls `interrupt` and `abandon` after a crash.
"""

import math
from dataclasses import dataclass

from hybrid_bridge.core.account import Position
from hybrid_bridge.core.appraisal import Findings, LookQuery
from hybrid_bridge.core.events import IntentExpired, OrderAnswered
from hybrid_bridge.core.orders import IntentKind, OrderRequest, OrderState
from hybrid_bridge.core.requests import ACTION_DEAL, FILLING_RETURN
from hybrid_bridge.core.results import explain_short
from hybrid_bridge.core.state import EngineState, OrderRecord
from hybrid_bridge.core.traces import ORDER_STATE_CANCELLED, VOLUME_TOLERANCE, Trace, trace_of

CLEAN_LOOKS_MIN = 2
HORIZON_MS = 20_000  # A venue that has shown nothing this long after the send has not acted on it.
CLEAN_SPAN_MS = 10_000  # A terminal that was away gets this long to load its history again.
# A terminal's restart or update and a broker's nightly break are over by then; what is still not known
# needs a person who looks.
ESCALATE_AFTER_MS = 900_000
PRICE_TOLERANCE = 1e-9  # Of the price; a float's rounding error, far below any tick.
DEAL_ENTRY_IN = 0


@dataclass(frozen=True, slots=True)
class Doubt:
    """How long and how often an order in doubt has been looked for, in this process.

    Attributes:
        clean_looks: complete looks in a row, terminal connected throughout, that showed no trace of it.
        since_msc: when it was sent, or when this process took over, UTC milliseconds.
        clean_since_msc: when the first of those looks was.
    """

    clean_looks: int
    since_msc: int
    clean_since_msc: int = 0


def interrupt(state: EngineState, now_msc: int) -> tuple[OrderAnswered, ...]:
    """Return the events that turn every order a crash left in SENDING into UNKNOWN."""
    return tuple(
        _answer(
            record, OrderState.UNKNOWN, now_msc, reason="restart", detail="the bridge stopped while sending"
        )
        for record in state.in_doubt()
        if record.state is OrderState.SENDING
    )


def abandon(state: EngineState, now_msc: int) -> tuple[IntentExpired, ...]:
    """Return the events that end every intent which a restart found decided on by half and never sent.

    Decision and point of no return are one commit, so none is expected. One that is there all the same was
    judged on facts from before the restart: it is not sent on them, and never left without a word.
    """
    detail = "the bridge stopped before it was sent, and what it was judged on is out of date"
    return tuple(
        IntentExpired(record.intent.number, detail, now_msc)
        for record in state.orders.values()
        if record.state in (OrderState.RECEIVED, OrderState.APPROVED)
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
    waited = now_msc - doubt.since_msc >= HORIZON_MS and now_msc - doubt.clean_since_msc >= CLEAN_SPAN_MS
    settled = findings.connected and doubt.clean_looks >= CLEAN_LOOKS_MIN and waited
    request = record.order.request if record.order is not None else None
    if request is not None and request.action == ACTION_DEAL:
        trace = trace_of(record.intent, request, findings)
        if settled and not trace.waits and not trace.volume and record.intent.kind is IntentKind.CLOSE:
            return _unclosed(record, trace, findings, now_msc)
        return _judge_deal(record, trace, request, settled, now_msc)
    if request is not None and record.intent.kind is IntentKind.MODIFY:
        return _judge_change(record, request, findings.position, settled, now_msc)
    if record.intent.kind is IntentKind.CANCEL:
        return _judge_cancellation(record, findings, settled, now_msc)
    return _no_trace(record, "not_found", now_msc) if settled else None


def follow(
    record: OrderRecord, findings: Findings, shown_before: float, now_msc: int
) -> OrderAnswered | None:
    """Judge one look at an order that has its answer and may still fill.

    Args:
        shown_before: lots that the look before this one showed as filled; a part that does not grow from
            look to look is all there is.
    Returns:
        What more has come to light, None when nothing has. A change or cancellation leaves no mark by
        which it could be told from another's, so there is nothing to follow.
    """
    request = record.order.request if record.order is not None else None
    if request is None or request.action != ACTION_DEAL:
        return None
    trace = trace_of(record.intent, request, findings)
    told = record.answer.volume if record.answer is not None and record.state is OrderState.PARTIAL else 0.0
    if trace.volume >= request.volume - VOLUME_TOLERANCE:
        return _come_to_light(record, trace, OrderState.FILLED, now_msc)
    if trace.volume > told + VOLUME_TOLERANCE:
        steady = abs(trace.volume - shown_before) <= VOLUME_TOLERANCE
        waits_on = trace.waits and request.type_filling == FILLING_RETURN
        if waits_on or (not trace.waits and (trace.complete or steady)):
            return _come_to_light(record, trace, OrderState.PARTIAL, now_msc)
        return None
    if record.state is OrderState.NOT_EXECUTED and trace.waits:
        return _come_to_light(record, trace, OrderState.PLACED, now_msc)
    if record.state is OrderState.PLACED and not trace.waits and trace.ended_unfilled:
        return _answer(record, OrderState.REJECTED, now_msc, reason="reconciled", ticket=trace.ticket)
    return None


def volume_shown(record: OrderRecord, findings: Findings) -> float:
    """Return the lots that a look shows as filled."""
    request = record.order.request if record.order is not None else None
    return trace_of(record.intent, request, findings).volume if request is not None else 0.0


def waits(record: OrderRecord, findings: Findings) -> bool:
    """Tell whether a look shows the order itself, not done yet, at the venue."""
    request = record.order.request if record.order is not None else None
    return request is not None and trace_of(record.intent, request, findings).waits


def is_over(record: OrderRecord, findings: Findings) -> bool:
    """Tell whether an order that was filled in part has ended, so that nothing more can come of it."""
    request = record.order.request if record.order is not None else None
    if request is None or record.state is not OrderState.PARTIAL:
        return False
    trace = trace_of(record.intent, request, findings)
    return trace.complete and not trace.waits


def find_witness(state: EngineState, now_msc: int, within_ms: int) -> OrderRecord | None:
    """Return the newest order whose deal the history must show, if it is complete; None when there is none.

    Args:
        within_ms: how long ago it may have been sent: what is older the terminal need not be asked for.
    """
    for record in reversed(state.orders.values()):
        if record.sending_msc and record.sending_msc < now_msc - within_ms:
            return None
        if record.state is OrderState.FILLED and record.answer is not None and record.answer.deal:
            return record
    return None


def shows(witness: OrderRecord, findings: Findings) -> bool:
    """Tell whether a look shows the deal of an order that is known to have been filled."""
    deal = witness.answer.deal if witness.answer is not None else 0
    magic = witness.order.request.magic if witness.order is not None else 0
    return any(found.ticket == deal or (magic and found.magic == magic) for found in findings.deals)


def escalate(record: OrderRecord, seen: str, now_msc: int) -> OrderAnswered:
    """Tell the trader that looking alone has not helped, and what to look at.

    Args:
        seen: what the last look showed, or why there was none.
    """
    request = record.order.request if record.order is not None else None
    marks = f"ticket {record.intent.ticket}" if record.intent.ticket else ""
    if request is not None and request.action == ACTION_DEAL:
        marks = f"magic {request.magic} or comment '{request.comment}'"
    symbol = f"{record.intent.symbol} takes no entries until then" if record.intent.symbol else ""
    detail = "; ".join(
        part
        for part in (
            f"not known for {ESCALATE_AFTER_MS // 60_000} min or more; last look: {seen}",
            f"look at the terminal's Trade and History tabs for {marks}",
            "the bridge looks on and tells what it finds",
            symbol,
        )
        if part
    )
    return _answer(record, OrderState.ESCALATED, now_msc, reason="escalated", detail=detail)


def describe(record: OrderRecord, findings: Findings) -> str:
    """Say for a person what a look showed of an order."""
    if not findings.connected:
        return "the terminal has no connection to the broker"
    request = record.order.request if record.order is not None else None
    if request is None or request.action != ACTION_DEAL:
        return "it cannot be told from what the terminal shows"
    trace = trace_of(record.intent, request, findings)
    if trace.volume:
        return f"{trace.volume:g} of {request.volume:g} lots filled, not known to be all"
    return "it still waits at the venue" if trace.waits else "no trace of it"


def _judge_deal(
    record: OrderRecord, trace: Trace, request: OrderRequest, settled: bool, now_msc: int
) -> OrderAnswered | None:
    """Take the facts from the deals; before the horizon, a part may be all that shows so far."""
    shown = max(trace.dealt, trace.held)
    if shown >= request.volume - VOLUME_TOLERANCE:
        return _filled(record, trace, OrderState.FILLED, now_msc)
    if trace.ended_unfilled:
        return _answer(record, OrderState.REJECTED, now_msc, reason="reconciled", ticket=trace.ticket)
    if trace.waits or not (settled or (trace.complete and trace.volume)):
        return None
    if not trace.volume:
        return _no_trace(record, "not_found", now_msc)
    whole = trace.volume >= request.volume - VOLUME_TOLERANCE
    return _filled(record, trace, OrderState.FILLED if whole else OrderState.PARTIAL, now_msc)


def _filled(
    record: OrderRecord,
    trace: Trace,
    state: OrderState,
    now_msc: int,
    reason: str = "reconciled",
    detail: str = "",
) -> OrderAnswered:
    deals, position = trace.deals, trace.position
    short = explain_short(record.order) if state is OrderState.FILLED and record.order is not None else ""
    if short:
        state, detail = OrderState.PARTIAL, "; ".join(part for part in (detail, short) if part)
    if deals and trace.dealt:
        price = sum(deal.price * deal.volume for deal in deals) / trace.dealt
    else:
        price = position.price_open if position is not None else 0.0
    return _answer(
        record,
        state,
        now_msc,
        reason=reason,
        detail=detail,
        ticket=record.intent.ticket or trace.ticket,
        deal=deals[0].ticket if deals else 0,
        volume=trace.volume,
        price=price,
    )


def _come_to_light(record: OrderRecord, trace: Trace, state: OrderState, now_msc: int) -> OrderAnswered:
    """Tell what was found of an order after its answer."""
    late_s = (now_msc - record.sending_msc) / 1000
    before = "reported not executed before" if record.state is OrderState.NOT_EXECUTED else "more of it"
    detail = f"{before}; seen at the venue {late_s:.0f} s after it was sent"
    reason = "late_fill" if trace.volume else "still_waiting"
    return _filled(record, trace, state, now_msc, reason, detail)


def _unclosed(record: OrderRecord, trace: Trace, findings: Findings, now_msc: int) -> OrderAnswered:
    """Tell what became of the position that a close did not close."""
    if trace.ended_unfilled:
        return _answer(record, OrderState.REJECTED, now_msc, reason="reconciled")
    if findings.position is not None:
        return _no_trace(record, "not_found", now_msc)
    ticket = record.intent.ticket
    others = [
        deal.ticket
        for deal in findings.deals
        if deal.position_id == ticket and deal.entry != DEAL_ENTRY_IN and deal not in trace.deals
    ]
    by = f", by deal {others[-1]}" if others else ""
    detail = f"position {ticket} is gone: closed by its stop, a person or another program{by}"
    return _answer(record, OrderState.NOT_EXECUTED, now_msc, reason="position_closed", detail=detail)


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
