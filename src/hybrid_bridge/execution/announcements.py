"""The log lines of an order's life; every one carries its signal id.

Owns the words that people search the log for: "Order placed", "Position closed". The recorder calls these
after each commit, so that nothing is announced before it is durable.
"""

from collections.abc import Sequence

import structlog

from hybrid_bridge.core import engine
from hybrid_bridge.core.events import (
    BrokerDayOpened,
    EntrySettled,
    EquityPeakReset,
    Event,
    FundsMoved,
    LimitsRestored,
    LimitsTightened,
    OrderRetried,
    PositionAdopted,
    PositionChanged,
    PositionEnded,
    TradeClosed,
    TradingState,
    TradingStateChanged,
)
from hybrid_bridge.core.inputs import AccountObserved, OrderAppraised
from hybrid_bridge.core.limits import Limits
from hybrid_bridge.core.results import TradeResult
from hybrid_bridge.core.tightening import shown_name, shown_setting

log = structlog.get_logger(__name__)

_DONE = {"CLOSE": "Position closed", "MODIFY": "Position modified", "CANCEL": "Order cancelled"}
HOW_A_BREACH_ENDS = {
    "daily_loss": "entries resume on the broker's next day",
    "drawdown": "`hybrid-bridge resume` has it measured anew from the equity of then",
    "margin": "type `hybrid-bridge resume` once the margin level is above the limit",
}
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
        escalated = result.reason == "escalated"
        title = "Order outcome still unknown" if escalated else "Order outcome unknown, asking the terminal"
        log.error(title, **shown)
    else:
        log.warning(_WARNINGS[result.status], **shown)


def announce_event(event: Event) -> None:
    """Log what concerns the whole account."""
    match event:
        case TradingStateChanged():
            _announce_latch(event)
        case PositionAdopted() | PositionChanged() | PositionEnded():
            _announce_position(event)
        case BrokerDayOpened():
            log.info("Broker day opened", equity=event.equity)
        case FundsMoved() | EquityPeakReset() | TradeClosed() | EntrySettled():
            _announce_money(event)
        case LimitsTightened():
            limits = {shown_name(name): shown_setting(name, value) for name, value in event.limits}
            log.warning("Limits tightened", **limits, reason=event.reason, by=event.source.channel.value)
        case LimitsRestored():
            log.warning("Limits restored", reason=event.reason, by=event.source.channel.value)
        case OrderRetried(order=order):
            facts = {"symbol": order.request.symbol, "volume": order.request.volume}
            shown = {**facts, "price": order.request.price, "retcode": event.retcode, "reason": event.reason}
            log.warning("Order refused, trying once more", signal=order.intent.signal_id, **shown)
        case _:
            log.debug(type(event).__name__, event_body=event)


def announce_strays(limits: Limits, events: Sequence[Event], seen: OrderAppraised | AccountObserved) -> None:
    """Warn of positions that bear this bridge's magic although it never opened them, once for each."""
    if isinstance(seen, AccountObserved):
        report = seen.report
    elif seen.appraisal is not None:
        report = seen.appraisal.report
    else:
        return
    for position in engine.find_strays(limits, events, report):
        log.warning(
            "Position bears this bridge's magic, but this bridge did not open it",
            ticket=position.ticket,
            symbol=position.symbol,
            magic=position.magic,
            advice="if another bridge trades on this account, give each its own MT5_MAGIC; if STATE_DIR was "
            "lost or changed, look after this position by hand: it counts as external",
        )


def _announce_latch(event: TradingStateChanged) -> None:
    by = event.source.channel.value
    if event.state is TradingState.ACTIVE:
        log.warning("Trading resumed", reason=event.reason, by=by)
        return
    if event.breach:
        _announce_breach(event)
        return
    title = "EMERGENCY STOP" if event.emergency else "Trading halted"
    asked = {"cancel_orders": event.cancel_orders, "close_positions": event.close_positions}
    shown = asked if event.emergency else {}
    log.error(title, state=event.state.value, reason=event.reason, by=by, **shown)


def _announce_breach(event: TradingStateChanged) -> None:
    """Say which limit on losses is broken, what is done about it and what ends it."""
    if event.close_positions:
        title, ends = "LOSS LIMIT BROKEN, everything is closed", "look, then type `hybrid-bridge resume`"
    else:
        title, ends = "LOSS LIMIT BROKEN, only what reduces is permitted", HOW_A_BREACH_ENDS[event.breach]
    log.error(title, limit=event.breach, state=event.state.value, reason=event.reason, mend=ends)


def _announce_money(event: FundsMoved | EquityPeakReset | TradeClosed | EntrySettled) -> None:
    match event:
        case FundsMoved(today=False, peak=False):
            log.debug("Payment of before known", ticket=event.ticket, amount=event.amount)
        case FundsMoved():
            title = "Money paid in" if event.amount > 0 else "Money paid out"
            log.info(title, amount=event.amount, ticket=event.ticket, counts="neither as profit nor as loss")
        case EquityPeakReset():
            log.warning("Drawdown is measured anew", equity=event.equity)
        case TradeClosed():
            facts = {"symbol": event.symbol, "position": event.position, "profit": event.profit}
            log.info("Trade lost" if event.profit < 0 else "Trade closed", **facts, deal=event.deal)
        case _:
            log.debug("Entry settled", intent=event.number, profit=event.profit)


def _announce_position(event: PositionAdopted | PositionChanged | PositionEnded) -> None:
    match event:
        case PositionAdopted(number=0):
            facts = {"symbol": event.symbol, "side": event.side.value, "volume": event.volume}
            log.info("Position adopted", ticket=event.ticket, **facts, price=event.price_open, external=True)
        case PositionAdopted():
            log.debug("Position adopted", ticket=event.ticket, symbol=event.symbol, intent=event.number)
        case PositionChanged():
            facts = {"side": event.side.value, "volume": event.volume}
            log.info("Position changed", ticket=event.ticket, **facts, price=event.price_open)
        case PositionEnded():
            log.info("Position ended", ticket=event.ticket)
