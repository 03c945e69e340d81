"""May this be sent? The verdict on one intent, on the terminal's facts of one instant.

Pure. Entries go through the risk guard; closes, changes and cancellations have rules of their own: they pass
whatever stops entries, and must not act twice. The engine and `retrying` ask; the state they pass may be a
view of the real one.
"""

from hybrid_bridge.core.account import AccountReport, Position
from hybrid_bridge.core.appraisal import Appraisal
from hybrid_bridge.core.approval import approve
from hybrid_bridge.core.cases import CLOCK_TOLERANCE_MS, AppraisedCase, Case
from hybrid_bridge.core.events import Denial
from hybrid_bridge.core.identity import find_account_denial
from hybrid_bridge.core.inputs import (
    CancelRequested,
    CloseRequested,
    ModifyRequested,
    OrderAppraised,
    SignalReceived,
)
from hybrid_bridge.core.limits import Limits
from hybrid_bridge.core.market import Quote, SymbolSpec
from hybrid_bridge.core.orders import ApprovedOrder, Intent, IntentKind, OrderRequest, OrderState
from hybrid_bridge.core.requests import cancel_request, close_request, make_magic, modify_request
from hybrid_bridge.core.risk import screen
from hybrid_bridge.core.sizing import VOLUME_DIGITS_MAX, floor_to_step, is_positive
from hybrid_bridge.core.state import SHOWN_LATE_MS, EngineState
from hybrid_bridge.core.stop_changes import find_change_denials
from hybrid_bridge.core.traces import VOLUME_TOLERANCE

SENT_LATELY_MS = 60_000  # What was sent before that has been answered and shown.

Verdict = ApprovedOrder | tuple[Denial, ...]


def judge_intent(state: EngineState, limits: Limits, appraised: OrderAppraised, intent: Intent) -> Verdict:
    """Judge one intent on its appraisal.

    Returns:
        The order to send, or every denial that could be found.
    """
    wanted, appraisal = appraised.wanted, appraised.appraisal
    if isinstance(wanted, SignalReceived):
        return _judge_entry(state, limits, appraised, wanted, intent)
    if appraisal is None:
        return (_silent(appraised),)
    wrong = find_account_denial(appraisal.report, limits)
    if wrong is not None:
        return (wrong,)
    return _judge_command(state, limits, appraised, appraisal, intent)


def _judge_entry(
    state: EngineState, limits: Limits, appraised: OrderAppraised, signal: SignalReceived, intent: Intent
) -> Verdict:
    early, now_msc = find_future(signal, intent), appraised.now_msc
    verdict: Verdict
    if appraised.appraisal is None:
        unseen = Case(signal, state, limits, now_msc, state.server_day)
        verdict = (*screen(unseen), _silent(appraised))
    else:
        case = AppraisedCase(signal, state, limits, now_msc, state.server_day, appraised.appraisal)
        verdict = approve(case, intent)
    if early is None:
        return verdict
    return (early, *verdict) if isinstance(verdict, tuple) else (early,)


def _silent(appraised: OrderAppraised) -> Denial:
    return Denial("account", "an answering terminal", "none", appraised.problem)


def find_future(signal: SignalReceived, intent: Intent) -> Denial | None:
    """Refuse a signal whose time lies ahead of this PC's by more than clocks differ."""
    ahead = intent.created_msc - signal.received_msc
    if ahead <= CLOCK_TOLERANCE_MS:
        return None
    seen = f"{ahead} ms ahead of this PC's clock"
    return Denial("expiry", f"at most {CLOCK_TOLERANCE_MS} ms ahead", seen, "set both clocks by NTP")


def _judge_command(
    state: EngineState, limits: Limits, appraised: OrderAppraised, appraisal: Appraisal, intent: Intent
) -> Verdict:
    wanted, position, spec = appraised.wanted, appraised.position, appraisal.spec
    magic = make_magic(limits.magic, intent.number)
    if isinstance(wanted, CancelRequested):
        return _unrisked(intent, cancel_request(intent, magic))
    if position is None or spec is None:
        return (Denial("position", "an open position", f"ticket {intent.ticket}", "no such position"),)
    if isinstance(wanted, ModifyRequested):
        now_msc = appraised.now_msc
        denials = find_change_denials(state, limits, appraisal, spec, position, intent, now_msc)
        return denials or _unrisked(intent, modify_request(intent, position, spec, magic))
    assert isinstance(wanted, CloseRequested)  # noqa: S101 - a signal has been judged before
    volume = position.volume if wanted.volume is None else floor_to_step(wanted.volume, spec.volume_step)
    # The least may not be loaded yet; nothing at all is no volume whatever it is.
    too_small = not is_positive(volume) or volume < min(spec.volume_min, position.volume)
    if too_small or volume > position.volume:
        allowed = f"{spec.volume_min:g} to {position.volume:g} lots"
        return (Denial("volume", allowed, f"{wanted.volume}", f"position {position.ticket}"),)
    blind = _find_blind_close(state, position, appraisal.report, whole=volume == position.volume)
    if blind is None and not appraisal.report.account.hedging:
        blind = _find_unshown_close(state, position, appraised.now_msc)
    if blind is not None:
        return (blind,)
    if wanted.volume is None:
        volume = _most_at_once(volume, spec)
    at = appraisal.quote or Quote(position.symbol, position.price_current, position.price_current, None)
    request = close_request(intent, position, volume, spec, at, magic)
    return ApprovedOrder(intent, request, None, 0.0, round(position.volume - volume, VOLUME_DIGITS_MAX))


def _most_at_once(volume: float, spec: SymbolSpec) -> float:
    """Return what one request may close of a position; the venue refuses more than volume_max (10014)."""
    most = floor_to_step(spec.volume_max, spec.volume_step)
    return min(volume, most) if most else volume


def _find_blind_close(
    state: EngineState, position: Position, report: AccountReport, *, whole: bool
) -> Denial | None:
    """Refuse a close that could do more than was asked while an earlier order is in doubt.

    On a netting account two closes would reverse the position. On a hedging account the ticket keeps a deal
    from doing more than close it, so closing it wholly may be asked for again; two parts would add up.
    """
    for record in state.in_doubt():
        doubtful = record.intent
        if doubtful.kind is IntentKind.MODIFY:
            continue
        if not report.account.hedging and doubtful.symbol == position.symbol:
            return Denial(
                "position",
                "no deal of unknown outcome on the symbol",
                f"signal {doubtful.signal_id} is {record.state}",
                "on a netting account a second close could open the opposite position",
            )
        if not whole and doubtful.kind is IntentKind.CLOSE and doubtful.ticket == position.ticket:
            return Denial(
                "position",
                "no close of unknown outcome on the position, or closing all of it",
                f"command {doubtful.signal_id} is {record.state}",
                "both parts could be closed",
            )
    return None


def _find_unshown_close(state: EngineState, position: Position, now_msc: int) -> Denial | None:
    """Refuse to close on a netting account what a close of a moment ago closed, though it still shows."""
    for record in reversed(state.orders.values()):
        intent, order, answer = record.intent, record.order, record.answer
        if record.sending_msc and record.sending_msc < now_msc - SENT_LATELY_MS:
            return None
        done = record.state in (OrderState.FILLED, OrderState.PARTIAL)
        if not done or order is None or answer is None or intent.symbol != position.symbol:
            continue
        if intent.kind is IntentKind.ENTRY:
            return None  # It may have made the position larger again.
        if intent.kind is not IntentKind.CLOSE or intent.ticket != position.ticket:
            continue
        left = order.leaves + order.request.volume - answer.volume
        shown = position.volume <= left + VOLUME_TOLERANCE
        if shown or not 0 <= now_msc - answer.at_msc <= SHOWN_LATE_MS:
            return None
        return Denial(
            "position",
            f"a position of {left:g} lots, as command {intent.signal_id} left it",
            f"{position.volume:g} lots",
            "on a netting account a second close could open the opposite position; send it again in a moment",
        )
    return None


def _unrisked(intent: Intent, request: OrderRequest) -> ApprovedOrder:
    return ApprovedOrder(intent, request, None, 0.0)
