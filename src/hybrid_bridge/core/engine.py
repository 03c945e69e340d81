"""The decisions: what follows from an input, given the state and the limits.

Pure, and without an await; a decision returns events and changes nothing. The executor journals the events
and then folds them with `state.apply`. For a signal or a command `receive` answers with events when its fate
is clear already, and with none when the terminal must be asked first: the executor then comes back with
`judge_appraised`. The other decisions are kept by subject and offered here.
"""

from hybrid_bridge.core.account_watch import as_observed, find_strays, observe, shows_positions, take_in
from hybrid_bridge.core.breaches import flatten, is_believed
from hybrid_bridge.core.cases import Case
from hybrid_bridge.core.events import (
    Denial,
    DuplicateReceived,
    Event,
    IntentDenied,
    IntentExpired,
    IntentReceived,
    OrderApproved,
    OrderSending,
)
from hybrid_bridge.core.inputs import OrderAppraised, SignalReceived, Wanted
from hybrid_bridge.core.intents import complete, make_intent
from hybrid_bridge.core.latch import halt, is_repeated, resume, stop
from hybrid_bridge.core.limits import Limits
from hybrid_bridge.core.orders import ApprovedOrder, Intent
from hybrid_bridge.core.replies import answer, withhold
from hybrid_bridge.core.retrying import judge_again, may_try_again
from hybrid_bridge.core.risk import screen
from hybrid_bridge.core.state import EngineState
from hybrid_bridge.core.verdict import find_future, judge_intent

__all__ = [
    "answer",
    "as_observed",
    "find_strays",
    "flatten",
    "halt",
    "is_believed",
    "is_repeated",
    "judge_again",
    "judge_appraised",
    "make_intent",
    "may_try_again",
    "observe",
    "receive",
    "refuse",
    "resume",
    "shows_positions",
    "stop",
    "withhold",
]


def receive(
    state: EngineState, limits: Limits, wanted: Wanted, now_msc: int, server_day: int | None = None
) -> tuple[Event, ...]:
    """Judge a signal or command by what is known without the terminal.

    Args:
        server_day: the broker's calendar day now; None while its clock is unknown.
    Returns:
        The events that end it, or none: nothing is against it so far, appraise it.
    """
    duplicate = _find_duplicate(state, wanted, now_msc)
    if duplicate is not None:
        return (duplicate,)
    intent = make_intent(state, limits, wanted)
    late = _find_expiry(intent, now_msc)
    if late is not None:
        return (IntentReceived(intent, wanted.payload_hash), late)
    if not isinstance(wanted, SignalReceived):
        return ()
    early = find_future(wanted, intent)
    denials = screen(Case(wanted, state, limits, now_msc, server_day))
    if early is not None:
        denials = (early, *denials)
    return _denied(intent, wanted, denials, now_msc) if denials else ()


def judge_appraised(state: EngineState, limits: Limits, appraised: OrderAppraised) -> tuple[Event, ...]:
    """Judge a signal or command on the terminal's facts: it ends here, or it is about to be sent."""
    wanted, now_msc = appraised.wanted, appraised.now_msc
    duplicate = _find_duplicate(state, wanted, now_msc)
    if duplicate is not None:
        return (duplicate,)
    intent = complete(make_intent(state, limits, wanted), wanted, appraised.position)
    received = IntentReceived(intent, wanted.payload_hash)
    late = _find_expiry(intent, now_msc)
    if late is not None:
        return (received, late)
    report = appraised.appraisal.report if appraised.appraisal is not None else None
    observed: tuple[Event, ...] = ()
    if report is not None:
        observed = take_in(state, limits, report, latest=not appraised.superseded)
    verdict = judge_intent(as_observed(state, observed), limits, appraised, intent)
    if not isinstance(verdict, ApprovedOrder):
        return (*observed, received, IntentDenied(intent.number, verdict, now_msc))
    sending = OrderSending(intent.number, report.server_day if report is not None else None, now_msc)
    return (*observed, received, OrderApproved(verdict, now_msc), sending)


def refuse(
    state: EngineState, limits: Limits, wanted: Wanted, denial: Denial, now_msc: int
) -> tuple[Event, ...]:
    """Say no for a reason that is the bridge's own, such as recovering or stopping."""
    ended = receive(state, limits, wanted, now_msc)
    return ended or _denied(make_intent(state, limits, wanted), wanted, (denial,), now_msc)


def _denied(intent: Intent, wanted: Wanted, denials: tuple[Denial, ...], now_msc: int) -> tuple[Event, ...]:
    return (IntentReceived(intent, wanted.payload_hash), IntentDenied(intent.number, denials, now_msc))


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
