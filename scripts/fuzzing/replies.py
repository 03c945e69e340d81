"""What a sender is told of a decision, read back from the bytes that would go out.

Every end of a message must have a reason and a detail that a person can read. `session` asks.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from hybrid_bridge.core.events import Event, IntentDenied
from hybrid_bridge.core.results import results_of
from hybrid_bridge.core.state import EngineState
from hybrid_bridge.messages.outbound import encode_trade_result


@dataclass(frozen=True, slots=True)
class Reply:
    """One result as its sender reads it.

    Attributes:
        status: "" when there is none yet.
        checks: those that said no, in their order.
    """

    status: str = ""
    reason: str = ""
    detail: str = ""
    checks: tuple[str, ...] = ()


class Mute(Exception):
    """A message ended without a word that a person could read."""


def read_reply(state: EngineState, events: Sequence[Event]) -> Reply:
    """Return the result of these events; `state` is the one before them.

    Raises:
        Mute: when there is none to read.
    """
    results = results_of(state, events)
    if not results:
        return Reply()
    told: dict[str, Any] = msgspec.json.decode(encode_trade_result(results[-1]))["data"]
    denied = next((event for event in events if isinstance(event, IntentDenied)), None)
    denials = denied.denials if denied is not None else ()
    words = [text for denial in denials for text in (denial.check, denial.limit, denial.observed)]
    if not told["reason"] or not told["detail"] or not told["signal_id"] or not all(words):
        raise Mute(f"{told}, {denials}")
    return Reply(told["status"], told["reason"], told["detail"], tuple(denial.check for denial in denials))
