"""Short ways to judge one signal or command on sound facts, for the core's tests."""

from typing import Any

from tests.core.builders import NOW, make_appraisal, make_limits, make_state

from hybrid_bridge.core import engine
from hybrid_bridge.core.appraisal import Appraisal
from hybrid_bridge.core.events import Event, IntentDenied, OrderApproved
from hybrid_bridge.core.inputs import OrderAppraised, Wanted
from hybrid_bridge.core.limits import Limits
from hybrid_bridge.core.orders import OrderRequest
from hybrid_bridge.core.state import EngineState


def kinds(events: tuple[Event, ...]) -> list[str]:
    return [type(event).__name__ for event in events]


def appraised(
    wanted: Wanted,
    state: EngineState | None = None,
    limits: Limits | None = None,
    now_msc: int = NOW,
    position: Any = None,
    **changes: Any,
) -> tuple[Event, ...]:
    """Judge a signal or command on sound facts, changed by keywords."""
    appraisal: Appraisal | None = changes["facts"] if "facts" in changes else make_appraisal(**changes)
    judged = OrderAppraised(wanted, appraisal, position, "lane down", now_msc)
    return engine.judge_appraised(state or make_state(), limits or make_limits(), judged)


def request_of(events: tuple[Event, ...]) -> OrderRequest:
    (approved,) = [event for event in events if isinstance(event, OrderApproved)]
    return approved.order.request


def denials_of(events: tuple[Event, ...]) -> list[str]:
    (denied,) = [event for event in events if isinstance(event, IntentDenied)]
    return [denial.check for denial in denied.denials]
