"""What the sender of a signal or command is told: one result per decisive event.

Pure. The executor turns events into results before it journals both together; messages.outbound encodes them.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from hybrid_bridge.core.events import (
    Denial,
    DuplicateReceived,
    Event,
    IntentDenied,
    IntentExpired,
    IntentReceived,
    OrderAnswered,
)
from hybrid_bridge.core.orders import ApprovedOrder, Intent, IntentKind, OrderState
from hybrid_bridge.core.state import EngineState

STATUS_OF_STATE = {
    OrderState.FILLED: "filled",
    OrderState.PARTIAL: "partial",
    OrderState.PLACED: "placed",
    OrderState.REJECTED: "rejected",
    OrderState.UNKNOWN: "unknown",
    OrderState.NOT_EXECUTED: "not_executed",
    OrderState.ESCALATED: "unknown",
}


@dataclass(frozen=True, slots=True)
class TradeResult:
    """The fields of one `trade_result`; times are UTC milliseconds, 0 where there is none.

    Attributes:
        key: what consumers drop repetitions by: another for every news of a signal, the same for each
            delivery of one.
    """

    signal_id: str
    status: str
    symbol: str
    action: str
    requested_volume: float | None
    volume: float
    price: float
    ticket: int
    retcode: int
    reason: str
    detail: str
    received_msc: int
    sent_msc: int
    done_msc: int
    key: str = ""


def results_of(state: EngineState, events: Iterable[Event]) -> list[TradeResult]:
    """Return what senders must be told of these events, given the state before them."""
    intents: dict[int, Intent] = {}
    results = []
    for event in events:
        match event:
            case IntentReceived(intent=intent):
                intents[intent.number] = intent
            case IntentDenied() | IntentExpired() | OrderAnswered():
                intent = intents.get(event.number) or state.orders[event.number].intent
                results.append(_decided(intent, event))
            case DuplicateReceived():
                results.append(_duplicate(state, event))
    return results


def explain(denials: Iterable[Denial]) -> str:
    """Put denials into one sentence each: which limit, what was seen, what was allowed."""
    return "; ".join(
        f"{denial.check}: saw {denial.observed}, allowed {denial.limit} ({denial.detail})"
        for denial in denials
    )


def explain_short(order: ApprovedOrder) -> str:
    """Say what a close of all left open; "" when it was to leave nothing."""
    if not order.short:
        return ""
    sent = f"at most {order.request.volume:g} lots of {order.request.symbol} in one order"
    return f"{order.short:g} lots of the position stay open: {sent}; close it again for the rest"


def _action(intent: Intent) -> str:
    if intent.kind is IntentKind.ENTRY and intent.side is not None:
        return intent.side.value
    return intent.kind.value.upper()


def _result(intent: Intent, status: str, reason: str, detail: str, done_msc: int) -> TradeResult:
    return TradeResult(
        signal_id=intent.signal_id,
        status=status,
        symbol=intent.symbol,
        action=_action(intent),
        requested_volume=intent.volume,
        volume=0.0,
        price=0.0,
        ticket=intent.ticket,
        retcode=0,
        reason=reason,
        detail=detail,
        received_msc=intent.received_msc,
        sent_msc=0,
        done_msc=done_msc,
        key=f"{intent.signal_id}:{status}",
    )


def _decided(intent: Intent, event: IntentDenied | IntentExpired | OrderAnswered) -> TradeResult:
    match event:
        case IntentDenied():
            return _result(intent, "denied", event.denials[0].check, explain(event.denials), event.at_msc)
        case IntentExpired():
            return _result(intent, "expired", "expiry", event.detail, event.at_msc)
        case OrderAnswered():
            return _answered(intent, event)


def _answered(intent: Intent, event: OrderAnswered) -> TradeResult:
    return TradeResult(
        signal_id=intent.signal_id,
        status=STATUS_OF_STATE[event.state],
        symbol=intent.symbol,
        action=_action(intent),
        requested_volume=intent.volume,
        volume=event.volume,
        price=event.price,
        ticket=event.ticket,
        retcode=event.retcode,
        reason=event.reason,
        detail=event.detail,
        received_msc=intent.received_msc,
        sent_msc=event.sent_msc,
        done_msc=event.at_msc,
        key=f"{intent.signal_id}:{_news(event)}",
    )


def _news(event: OrderAnswered) -> str:
    """Return what tells an answer from the others about the same order: only a part can come twice."""
    return f"partial:{event.volume:g}" if event.state is OrderState.PARTIAL else event.state.value


def _duplicate(state: EngineState, event: DuplicateReceived) -> TradeResult:
    record = state.orders.get(event.number)
    known = f"it is {record.state}" if record is not None else "it ended long ago"
    if event.conflict:
        reason, detail = "conflict", f"the id came before with another content; {known}"
    else:
        reason, detail = "duplicate_signal", f"already received; {known}"
    key = f"{event.signal_id}:duplicate:{event.source.place or event.at_msc}"
    if record is not None:
        return replace(_result(record.intent, "duplicate", reason, detail, event.at_msc), key=key)
    return TradeResult(
        signal_id=event.signal_id,
        status="duplicate",
        symbol="",
        action="",
        requested_volume=None,
        volume=0.0,
        price=0.0,
        ticket=0,
        retcode=0,
        reason=reason,
        detail=detail,
        received_msc=event.at_msc,
        sent_msc=0,
        done_msc=event.at_msc,
        key=key,
    )
