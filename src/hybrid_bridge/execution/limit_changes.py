"""Limits changed while the bridge runs: judged by the core, journaled, and told to whoever asked in vain.

Called by the executor for each such fact. The recorder applies what was journaled; from then on every
decision reads the new limits.
"""

import structlog

from hybrid_bridge.core.inputs import LimitsRestoreRequested, TighteningRequested
from hybrid_bridge.core.tightening import Refused, restore, shown_name, shown_value, tighten
from hybrid_bridge.execution.recorder import Recorder
from hybrid_bridge.messages.outbound import encode_error
from hybrid_bridge.ports import Clock

log = structlog.get_logger(__name__)

ASKED_CHARS_MAX = 200


async def change_limits(
    recorder: Recorder, request: TighteningRequested | LimitsRestoreRequested, clock: Clock
) -> None:
    """Change the limits, or say why not.

    Raises:
        JournalError: when neither could be recorded.
    """
    by = request.source.channel.value
    async with recorder.lock:
        now_msc = clock.utc_msc()
        if isinstance(request, TighteningRequested):
            verdict = tighten(recorder.limits, request, now_msc)
        else:
            verdict = restore(recorder.state, request, now_msc)
        if not isinstance(verdict, Refused):
            await recorder.commit(verdict)
        else:
            detail = f"{'; '.join(verdict.reasons)}; nothing was changed"
            message = encode_error("limits_refused", detail, asked(request))
            await recorder.commit((), [(_key(request), message)])
    if isinstance(verdict, Refused):
        log.warning("Limits refused", detail=detail, asked=asked(request), by=by)
    elif not verdict:
        log.info("Limits are as asked already", asked=asked(request), by=by)


def asked(request: TighteningRequested | LimitsRestoreRequested) -> str:
    """Return what was asked for in one line, cut short."""
    if isinstance(request, LimitsRestoreRequested):
        return "restore_limits"
    limits = " ".join(f"{shown_name(name)}={shown_value(value)}" for name, value in request.limits)
    return f"tighten_limits {limits}"[:ASKED_CHARS_MAX]


def _key(request: TighteningRequested | LimitsRestoreRequested) -> str:
    """Return a key that another delivery of the same record shares, and no other request."""
    source = request.source
    given = f"{source.place}:{source.record_msc}" if source.place else f"{request.received_msc}"
    return f"limits:{given}:{asked(request)}"
