"""The decisions: what follows from an input, given the state and the limits.

`decide` is pure and holds no await; it returns events and changes nothing. The executor journals the events
and then folds them with `state.apply`. For a signal or a command `decide` answers with events when its fate
is clear already, and with none when the terminal must be asked first: the executor then comes back with
OrderAppraised.
"""

from dataclasses import replace

from hybrid_bridge.core.account import AccountReport, Position
from hybrid_bridge.core.appraisal import Appraisal
from hybrid_bridge.core.approval import approve
from hybrid_bridge.core.events import (
    BrokerDayOpened,
    Denial,
    DuplicateReceived,
    EquityPeakRaised,
    Event,
    IntentDenied,
    IntentExpired,
    IntentReceived,
    OrderAnswered,
    OrderApproved,
    OrderSending,
    TradingState,
    TradingStateChanged,
)
from hybrid_bridge.core.inputs import (
    AccountObserved,
    CancelRequested,
    CloseRequested,
    EmergencyStopRequested,
    ModifyRequested,
    OrderAppraised,
    OrderReplied,
    ResumeRequested,
    SendWithheld,
    SignalReceived,
    Wanted,
)
from hybrid_bridge.core.limits import Limits
from hybrid_bridge.core.market import Quote, SymbolSpec
from hybrid_bridge.core.orders import (
    Answer,
    ApprovedOrder,
    Channel,
    Intent,
    IntentKind,
    OrderRequest,
    OrderState,
    Source,
)
from hybrid_bridge.core.requests import cancel_request, close_request, make_magic, modify_request
from hybrid_bridge.core.risk import (
    CLOCK_TOLERANCE_MS,
    AppraisedCase,
    Case,
    find_account_denial,
    find_stops_denial,
    screen,
)
from hybrid_bridge.core.sizing import floor_to_step, is_positive
from hybrid_bridge.core.state import EngineState, apply

COMMAND_MAX_AGE_MS = 60_000  # A close or change that could not be sent for a minute is reported, not sent.
RETCODE_DONE_PARTIAL = 10_010


def receive(state: EngineState, limits: Limits, wanted: Wanted, now_msc: int) -> tuple[Event, ...]:
    """Judge a signal or command by what is known without the terminal.

    Returns:
        The events that end it, or none: nothing is against it so far, appraise it.
    """
    duplicate = _find_duplicate(state, wanted, now_msc)
    if duplicate is not None:
        return (duplicate,)
    intent = make_intent(state, limits, wanted)
    received = IntentReceived(intent, wanted.payload_hash)
    late = _find_expiry(intent, now_msc)
    if late is not None:
        return (received, late)
    if not isinstance(wanted, SignalReceived):
        return ()
    denials = _future_denials(intent, wanted) + screen(Case(wanted, state, limits, now_msc))
    return (received, IntentDenied(intent.number, denials, now_msc)) if denials else ()


def judge_appraised(state: EngineState, limits: Limits, appraised: OrderAppraised) -> tuple[Event, ...]:
    """Judge a signal or command on the terminal's facts: it ends here, or it is about to be sent."""
    ended = receive(state, limits, appraised.wanted, appraised.now_msc)
    if ended:
        return ended
    intent = make_intent(state, limits, appraised.wanted)
    received = IntentReceived(intent, appraised.wanted.payload_hash)
    appraisal = appraised.appraisal
    if appraisal is None:
        denial = Denial("account", "an answering terminal", "none", appraised.problem)
        return (received, IntentDenied(intent.number, (denial,), appraised.now_msc))
    strange = find_account_denial(appraisal.report, limits) is not None
    observed = () if strange else _observe(state, appraisal.report)
    intent = _complete(intent, appraised.wanted, appraised.position)
    verdict = _verdict(state, limits, appraised, appraisal, intent, observed)
    received = IntentReceived(intent, appraised.wanted.payload_hash)
    if isinstance(verdict, ApprovedOrder):
        approved = OrderApproved(verdict, appraised.now_msc)
        sending = OrderSending(intent.number, appraisal.report.server_day, appraised.now_msc)
        return (*observed, received, approved, sending)
    return (*observed, received, IntentDenied(intent.number, verdict, appraised.now_msc))


def refuse(
    state: EngineState, limits: Limits, wanted: Wanted, denial: Denial, now_msc: int
) -> tuple[Event, ...]:
    """Say no for a reason that is the bridge's own, such as recovering or stopping."""
    ended = receive(state, limits, wanted, now_msc)
    if ended:
        return ended
    intent = make_intent(state, limits, wanted)
    return (
        IntentReceived(intent, wanted.payload_hash),
        IntentDenied(intent.number, (denial,), now_msc),
    )


def _verdict(
    state: EngineState,
    limits: Limits,
    appraised: OrderAppraised,
    appraisal: Appraisal,
    intent: Intent,
    observed: tuple[Event, ...],
) -> ApprovedOrder | tuple[Denial, ...]:
    wanted, position = appraised.wanted, appraised.position
    if isinstance(wanted, SignalReceived):
        seen = _as_observed(state, observed)
        return approve(AppraisedCase(wanted, seen, limits, appraised.now_msc, appraisal), intent)
    wrong = find_account_denial(appraisal.report, limits)
    if wrong is not None:
        return (wrong,)
    magic = make_magic(limits.magic, intent.number)
    if isinstance(wanted, CancelRequested):
        return _unrisked(intent, cancel_request(intent, magic))
    if position is None or appraisal.spec is None:
        return (Denial("position", "an open position", f"ticket {intent.ticket}", "no such position"),)
    if isinstance(wanted, CloseRequested):
        blind = _find_blind_close(state, position, appraisal.report)
        if blind is not None:
            return (blind,)
        return _approve_close(wanted, intent, position, appraisal.spec, appraisal.quote, magic)
    return _approve_modify(intent, position, appraisal.spec, appraisal.quote, magic)


def _as_observed(state: EngineState, observed: tuple[Event, ...]) -> EngineState:
    """Return the state as it will be once these observations, which touch no container, are folded in."""
    seen = replace(state)
    for event in observed:
        apply(seen, event)
    return seen


def _find_blind_close(state: EngineState, position: Position, report: AccountReport) -> Denial | None:
    """Refuse a close on a netting account while a deal on the symbol is in doubt: two would reverse it."""
    if report.account.hedging:
        return None
    for record in state.in_doubt():
        if record.intent.symbol == position.symbol and record.intent.kind is not IntentKind.MODIFY:
            return Denial(
                "position",
                "no deal of unknown outcome on the symbol",
                f"signal {record.intent.signal_id} is {record.state}",
                "on a netting account a second close could open the opposite position",
            )
    return None


def _approve_close(
    wanted: CloseRequested,
    intent: Intent,
    position: Position,
    spec: SymbolSpec,
    quote: Quote | None,
    magic: int,
) -> ApprovedOrder | tuple[Denial, ...]:
    volume = position.volume if wanted.volume is None else floor_to_step(wanted.volume, spec.volume_step)
    if volume > position.volume or volume < min(spec.volume_min, position.volume):
        allowed = f"{spec.volume_min:g} to {position.volume:g} lots"
        return (Denial("volume", allowed, f"{wanted.volume}", f"position {position.ticket}"),)
    at = quote or Quote(position.symbol, position.price_current, position.price_current, None)
    return _unrisked(intent, close_request(intent, position, volume, spec, at, magic))


def _approve_modify(
    intent: Intent, position: Position, spec: SymbolSpec, quote: Quote | None, magic: int
) -> ApprovedOrder | tuple[Denial, ...]:
    price = quote.exit_price(position.side) if quote is not None else position.price_current
    denial = find_stops_denial(position.side, intent.stop_loss, intent.take_profit, price, spec)
    return (
        (denial,) if denial is not None else _unrisked(intent, modify_request(intent, position, spec, magic))
    )


def _unrisked(intent: Intent, request: OrderRequest) -> ApprovedOrder:
    return ApprovedOrder(intent, request, None, 0.0)


def make_intent(state: EngineState, limits: Limits, wanted: Wanted) -> Intent:
    """Give a signal or command its number and its deadline."""
    if isinstance(wanted, SignalReceived):
        return _entry_intent(state, limits, wanted)
    kinds = {
        CloseRequested: IntentKind.CLOSE,
        ModifyRequested: IntentKind.MODIFY,
        CancelRequested: IntentKind.CANCEL,
    }
    return Intent(
        number=state.next_number,
        kind=kinds[type(wanted)],
        signal_id=wanted.command_id,
        source=wanted.source,
        symbol="",
        side=None,
        volume=wanted.volume if isinstance(wanted, CloseRequested) else None,
        stop_loss=0.0,
        take_profit=0.0,
        price=None,
        ticket=wanted.ticket,
        comment="",
        received_msc=wanted.received_msc,
        created_msc=wanted.received_msc,
        expires_msc=wanted.received_msc + COMMAND_MAX_AGE_MS,
    )


def _entry_intent(state: EngineState, limits: Limits, signal: SignalReceived) -> Intent:
    created = signal.received_msc if signal.timestamp_msc is None else signal.timestamp_msc
    latest = created + limits.signal_max_age_ms
    return Intent(
        number=state.next_number,
        kind=IntentKind.ENTRY,
        signal_id=signal.signal_id,
        source=signal.source,
        symbol=signal.symbol,
        side=signal.side,
        volume=signal.volume,
        stop_loss=signal.stop_loss,
        take_profit=signal.take_profit,
        price=signal.price,
        ticket=0,
        comment=signal.comment,
        received_msc=signal.received_msc,
        created_msc=created,
        # A sender may shorten the life of its signal, never lengthen it past our own limit.
        expires_msc=latest if signal.expires_msc is None else min(latest, signal.expires_msc),
    )


def _complete(intent: Intent, wanted: Wanted, position: Position | None) -> Intent:
    """Fill in what only the position tells: symbol, side and the stops that stay."""
    if position is None:
        return intent
    intent = replace(intent, symbol=position.symbol, side=position.side)
    if not isinstance(wanted, ModifyRequested):
        return intent
    return replace(
        intent,
        stop_loss=position.stop_loss if wanted.stop_loss is None else wanted.stop_loss,
        take_profit=position.take_profit if wanted.take_profit is None else wanted.take_profit,
    )


def _find_duplicate(state: EngineState, wanted: Wanted, now_msc: int) -> DuplicateReceived | None:
    signal_id = wanted.signal_id if isinstance(wanted, SignalReceived) else wanted.command_id
    number = state.numbers.get(signal_id)
    if number is None:
        return None
    conflict = state.orders[number].payload_hash != wanted.payload_hash
    return DuplicateReceived(number, signal_id, conflict, wanted.source, now_msc)


def _find_expiry(intent: Intent, now_msc: int) -> IntentExpired | None:
    if now_msc <= intent.expires_msc:
        return None
    late = now_msc - intent.expires_msc
    return IntentExpired(intent.number, f"{late} ms too late by this PC's clock", now_msc)


def _future_denials(intent: Intent, signal: SignalReceived) -> tuple[Denial, ...]:
    ahead = intent.created_msc - signal.received_msc
    if ahead <= CLOCK_TOLERANCE_MS:
        return ()
    seen = f"{ahead} ms ahead of this PC's clock"
    return (Denial("expiry", f"at most {CLOCK_TOLERANCE_MS} ms ahead", seen, "set both clocks by NTP"),)


def observe(state: EngineState, limits: Limits, observed: AccountObserved) -> tuple[Event, ...]:
    """Take a look at the account: open the broker's day, raise the peak, halt on another account."""
    report = observed.report
    denial = find_account_denial(report, limits)
    if denial is None:
        return _observe(state, report)
    if state.trading is TradingState.HALTED:
        return ()
    reason = f"{denial.detail}: {denial.observed}, expected {denial.limit}"
    local = Source(Channel.LOCAL)
    return (TradingStateChanged(TradingState.HALTED, reason, local, state.emergency, report.at_msc),)


def _observe(state: EngineState, report: AccountReport) -> tuple[Event, ...]:
    equity, events = report.account.equity, list[Event]()
    if not is_positive(equity):
        return ()  # A terminal that has not loaded the account yet; taken as a reference it would last.
    if report.server_day is not None and (state.server_day is None or report.server_day > state.server_day):
        events.append(BrokerDayOpened(report.server_day, equity, report.at_msc))
    if equity > (state.equity_peak or 0.0):
        events.append(EquityPeakRaised(equity, report.at_msc))
    return tuple(events)


def stop(state: EngineState, request: EmergencyStopRequested) -> tuple[Event, ...]:
    """Latch the emergency stop; a later one only moves its instant, which no earlier resume can undo."""
    if state.emergency and request.received_msc <= state.latched_msc:
        return ()
    return (
        TradingStateChanged(TradingState.HALTED, request.reason, request.source, True, request.received_msc),
    )


def resume(state: EngineState, limits: Limits, request: ResumeRequested) -> tuple[Event, ...] | Denial:
    """Lift the latch, if it is a person here who asks or the trader permits it from afar."""
    if request.source.channel is not Channel.LOCAL and not limits.allow_remote_resume:
        mend = "type `hybrid-bridge resume` on the trading PC"
        return Denial("resume", "ALLOW_REMOTE_RESUME=true", "false", mend)
    if limits.emergency_stop:
        return Denial("resume", "EMERGENCY_STOP=false", "true", "set it to false, restart, then resume")
    if state.trading is TradingState.ACTIVE:
        return ()
    if request.received_msc <= state.latched_msc:
        # A stop overtakes what was sent before it; a resume from before it must not undo it.
        return Denial("resume", "a resume from after the halt", "one from before it", "send it again")
    return (
        TradingStateChanged(TradingState.ACTIVE, request.reason, request.source, False, request.received_msc),
    )


def answer(state: EngineState, replied: OrderReplied) -> tuple[Event, ...]:
    """Turn the venue's reply into what is now known."""
    outcome, record = replied.outcome, state.orders[replied.number]
    if outcome.answer is Answer.UNKNOWN:
        to = OrderState.UNKNOWN
    elif outcome.answer is Answer.NO:
        # With neither retcode nor error nobody was asked: it was never written.
        asked_nobody = not outcome.retcode and not outcome.error_code
        to = OrderState.NOT_EXECUTED if asked_nobody else OrderState.REJECTED
    elif outcome.placed:
        to = OrderState.PLACED
    else:
        to = OrderState.PARTIAL if outcome.retcode == RETCODE_DONE_PARTIAL else OrderState.FILLED
    asked = record.order.request.volume if record.order is not None else 0.0
    filled = to in (OrderState.FILLED, OrderState.PARTIAL)
    return (
        OrderAnswered(
            number=replied.number,
            state=to,
            retcode=outcome.retcode or outcome.error_code,
            reason=outcome.reason,
            detail=outcome.detail,
            ticket=record.intent.ticket or outcome.order,
            deal=outcome.deal,
            volume=(outcome.volume or (asked if to is OrderState.FILLED else 0.0)) if filled else 0.0,
            price=outcome.price,
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
