"""What a reply of the venue, or its certain absence, makes of an order that was being sent.

Pure. The engine offers these to the executor. What an outcome that stays unknown becomes is decided in
`reconciliation`.
"""

from hybrid_bridge.core.events import Event, OrderAnswered
from hybrid_bridge.core.inputs import OrderReplied, SendWithheld
from hybrid_bridge.core.latch import halt
from hybrid_bridge.core.orders import Answer, IntentKind, OrderState, SubmitOutcome
from hybrid_bridge.core.results import explain_short
from hybrid_bridge.core.state import EngineState, OrderRecord

RETCODE_DONE_PARTIAL = 10_010
RETCODE_POSITION_CLOSED = 10_036


def answer(state: EngineState, replied: OrderReplied, not_again: str = "") -> tuple[Event, ...]:
    """Turn the venue's reply into what is now known, and halt when it says that automated trading is off.

    Args:
        not_again: why a refusal that may be tried once more was not; "" for every other reply.
    """
    outcome, record = replied.outcome, state.orders[replied.number]
    if outcome.retcode == RETCODE_POSITION_CLOSED and record.intent.kind is IntentKind.CLOSE:
        return already_closed(state, replied)
    to, order = _state_of(outcome), record.order
    asked = order.request.volume if order is not None else 0.0
    filled = to in (OrderState.FILLED, OrderState.PARTIAL)
    volume = (outcome.volume or (asked if to is OrderState.FILLED else 0.0)) if filled else 0.0
    short = explain_short(order) if to is OrderState.FILLED and order is not None else ""
    answered = OrderAnswered(
        number=replied.number,
        state=OrderState.PARTIAL if short else to,
        retcode=outcome.retcode or outcome.error_code,
        reason=outcome.reason,
        detail=short or _detail(record, outcome, not_again),
        ticket=record.intent.ticket or outcome.order,
        deal=outcome.deal,
        volume=volume,
        price=outcome.price,
        sent_msc=replied.sent_msc,
        at_msc=replied.now_msc,
    )
    if not outcome.halts:
        return (answered,)
    reason = f"{outcome.detail}; when that is mended, type `hybrid-bridge resume`"
    return (answered, *halt(state, reason, replied.now_msc))


def already_closed(state: EngineState, replied: OrderReplied) -> tuple[Event, ...]:
    """Answer a close whose position is gone: what was wanted is so, though not by this order."""
    record, outcome = state.orders[replied.number], replied.outcome
    return (
        OrderAnswered(
            number=replied.number,
            state=OrderState.FILLED,
            retcode=outcome.retcode,
            reason="position_closed",
            detail="the position was closed before: by its stop, by hand or by another order",
            ticket=record.intent.ticket,
            deal=0,
            volume=0.0,
            price=0.0,
            sent_msc=replied.sent_msc,
            at_msc=replied.now_msc,
        ),
    )


def withhold(withheld: SendWithheld) -> tuple[Event, ...]:
    """Record that a journaled order was certainly not written."""
    return (
        OrderAnswered(
            number=withheld.number,
            state=OrderState.NOT_EXECUTED,
            retcode=0,
            reason=withheld.reason,
            detail=withheld.detail,
            ticket=0,
            deal=0,
            volume=0.0,
            price=0.0,
            sent_msc=0,
            at_msc=withheld.now_msc,
        ),
    )


def _state_of(outcome: SubmitOutcome) -> OrderState:
    if outcome.answer is Answer.UNKNOWN:
        return OrderState.UNKNOWN
    if outcome.answer is Answer.NO:
        return OrderState.NOT_EXECUTED if outcome.never_asked else OrderState.REJECTED
    if outcome.placed:
        return OrderState.PLACED
    return OrderState.PARTIAL if outcome.retcode == RETCODE_DONE_PARTIAL else OrderState.FILLED


def _detail(record: OrderRecord, outcome: SubmitOutcome, not_again: str) -> str:
    if not_again:
        return f"{outcome.detail}; not tried again: {not_again}"
    if outcome.answer is Answer.NO and record.attempts > 1:
        return f"{outcome.detail}; tried {record.attempts} times"
    return outcome.detail
