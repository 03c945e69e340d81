"""The log lines of an order's life; every one carries its signal id.

Owns the words that people search the log for: "Order placed", "Position closed". The recorder calls these
after each commit, so that nothing is announced before it is durable.
"""

import structlog

from hybrid_bridge.core.events import BrokerDayOpened, Event, TradingState, TradingStateChanged
from hybrid_bridge.core.results import TradeResult

log = structlog.get_logger(__name__)

_DONE = {"CLOSE": "Position closed", "MODIFY": "Position modified", "CANCEL": "Order cancelled"}
_WARNINGS = {
    "rejected": "Order rejected",
    "denied": "Signal denied",
    "expired": "Signal expired",
    "duplicate": "Duplicate signal ignored",
    "not_executed": "Order not executed",
}


def announce_result(result: TradeResult) -> None:
    """Log what became of a signal or command."""
    facts = {
        "signal": result.signal_id,
        "symbol": result.symbol,
        "action": result.action,
        "volume": result.volume or result.requested_volume,
        "price": result.price or None,
        "ticket": result.ticket or None,
        "retcode": result.retcode or None,
        "reason": result.reason,
        "detail": result.detail,
    }
    shown = {name: value for name, value in facts.items() if value not in (None, "")}
    if result.status in ("filled", "partial", "placed"):
        log.info(_DONE.get(result.action, "Order placed"), status=result.status, **shown)
    elif result.status == "unknown":
        log.error("Order outcome unknown, asking the terminal", **shown)
    else:
        log.warning(_WARNINGS[result.status], **shown)


def announce_event(event: Event) -> None:
    """Log what concerns the whole account."""
    match event:
        case TradingStateChanged(state=TradingState.ACTIVE):
            log.warning("Trading resumed", reason=event.reason, by=event.source.channel.value)
        case TradingStateChanged():
            title = "EMERGENCY STOP" if event.emergency else "Trading halted"
            log.error(title, state=event.state.value, reason=event.reason, by=event.source.channel.value)
        case BrokerDayOpened():
            log.info("Broker day opened", equity=event.equity)
        case _:
            log.debug(type(event).__name__, event_body=event)
