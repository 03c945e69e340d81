"""One more try after a certain no: a requote, a price that has gone, a filling that is not permitted.

Pure. Judges the order anew, on fresh facts, as if it had never been sent; the engine offers these to the
executor. An unknown outcome is none of its business: what may have been done is never sent again.
"""

from collections import deque
from dataclasses import replace

from hybrid_bridge.core.account import AccountReport
from hybrid_bridge.core.account_watch import as_observed, shows_positions, take_in
from hybrid_bridge.core.events import Event, OrderRetried
from hybrid_bridge.core.identity import find_account_denial
from hybrid_bridge.core.inputs import OrderAppraised, OrderReplied
from hybrid_bridge.core.intents import complete
from hybrid_bridge.core.limits import Limits
from hybrid_bridge.core.market import SymbolSpec
from hybrid_bridge.core.orders import Answer, ApprovedOrder, IntentKind, SubmitOutcome
from hybrid_bridge.core.replies import already_closed, answer
from hybrid_bridge.core.requests import permitted_fillings
from hybrid_bridge.core.results import explain
from hybrid_bridge.core.state import EngineState, OrderRecord
from hybrid_bridge.core.verdict import judge_intent

ATTEMPTS_MAX = 2
RETCODE_INVALID_FILL = 10_030


def may_try_again(record: OrderRecord, outcome: SubmitOutcome) -> bool:
    """Tell whether a reply lets the order be judged and sent once more."""
    return outcome.answer is Answer.NO and outcome.retriable and record.attempts < ATTEMPTS_MAX


def judge_again(
    state: EngineState, limits: Limits, replied: OrderReplied, appraised: OrderAppraised
) -> tuple[Event, ...]:
    """Judge an order that the venue refused for its price or filling, on facts from after the refusal.

    Returns:
        Events with an OrderRetried, the new point of no return, or with the answer that ends it.
    """
    record, appraisal = state.orders[replied.number], appraised.appraisal
    replied = replace(replied, now_msc=appraised.now_msc)
    late_ms = appraised.now_msc - record.intent.expires_msc
    if late_ms > 0:
        return answer(state, replied, f"{late_ms} ms too late by this PC's clock")
    if appraisal is None:
        return answer(state, replied, f"the terminal could not be asked: {appraised.problem}")
    observed = take_in(state, limits, appraisal.report, latest=not appraised.superseded)
    closing = record.intent.kind is IntentKind.CLOSE
    if closing and appraised.position is None and _shows_what_is_gone(limits, appraisal.report):
        return (*observed, *already_closed(state, replied))
    intent = complete(record.intent, appraised.wanted, appraised.position)
    seen = as_observed(without(state, replied.number), observed)
    verdict = judge_intent(seen, limits, appraised, intent)
    if not isinstance(verdict, ApprovedOrder):
        return (*observed, *answer(state, replied, explain(verdict)))
    order = _with_other_filling(verdict, record, appraisal.spec, replied.outcome)
    if order is None:
        return (*observed, *answer(state, replied, "the symbol permits no other filling"))
    outcome = replied.outcome
    return (*observed, OrderRetried(order, outcome.retcode, outcome.reason, appraised.now_msc))


def without(state: EngineState, number: int) -> EngineState:
    """Return the state as it would be had this intent never been sent; the given one stays as it is."""
    record = state.orders[number]
    counted = record.intent.kind is IntentKind.ENTRY and record.counted_day == state.server_day
    return replace(
        state,
        doubtful={other: record for other, record in state.doubtful.items() if other != number},
        entries=deque(entry for entry in state.entries if entry[1].number != number),
        daily_entries=max(0, state.daily_entries - counted),
    )


def _shows_what_is_gone(limits: Limits, report: AccountReport) -> bool:
    return find_account_denial(report, limits) is None and shows_positions(report)


def _with_other_filling(
    order: ApprovedOrder, record: OrderRecord, spec: SymbolSpec | None, outcome: SubmitOutcome
) -> ApprovedOrder | None:
    """Take another filling where the venue refused the last; None when the symbol permits no other."""
    if outcome.retcode != RETCODE_INVALID_FILL:
        return order
    if spec is None or record.order is None:
        return None
    refused = record.order.request.type_filling
    left = [filling for filling in permitted_fillings(spec) if filling != refused]
    return replace(order, request=replace(order.request, type_filling=left[0])) if left else None
