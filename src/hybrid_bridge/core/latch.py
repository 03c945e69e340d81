"""The latch on trading: who may set it, who may lift it, and what an emergency stop leaves to be done.

Pure. Setting it never weakens what is set already; lifting it is a person's act. The engine offers these to
the executor and to recovery.
"""

from dataclasses import replace

from hybrid_bridge.core.account import AccountReport
from hybrid_bridge.core.breaches import find_breaches
from hybrid_bridge.core.events import Denial, EquityPeakReset, Event, TradingState, TradingStateChanged
from hybrid_bridge.core.funds import shows_money
from hybrid_bridge.core.inputs import EmergencyStopRequested, ResumeRequested
from hybrid_bridge.core.limits import Limits
from hybrid_bridge.core.losses import DRAWDOWN
from hybrid_bridge.core.orders import Channel, Source
from hybrid_bridge.core.sizing import is_positive
from hybrid_bridge.core.state import EngineState


def stop(state: EngineState, limits: Limits, request: EmergencyStopRequested) -> tuple[Event, ...]:
    """Latch the emergency stop.

    A later one moves its instant, which no earlier resume can undo, and adds what it asks for to what is
    still to be done. What is done already is not done again to what was opened since, unless it asks for it;
    only entries from before that come to light late go on being cleared. The same record of a topic, read
    twice, stops once.
    """
    close, cancel = limits.close_positions_on_stop, request.cancel_orders
    if request.close_positions is not None:
        close = request.close_positions
    left = state.clearing if state.clearing and not state.clearing.late else None
    if request.source.topic:
        if is_repeated(state, request):
            return ()  # Any other is remembered by its event, even where it changes nothing else.
    elif state.emergency and request.received_msc <= state.latched_msc:
        more_to_close = close and not (left and left.close_positions)
        more_to_cancel = cancel and not (left and left.cancel_orders)
        if not (more_to_close or more_to_cancel):
            return ()
    if left is not None and (close or cancel):
        close, cancel = close or left.close_positions, cancel or left.cancel_orders
    return (
        TradingStateChanged(
            TradingState.HALTED,
            request.reason,
            request.source,
            emergency=True,
            at_msc=max(request.received_msc, state.latched_msc),
            close_positions=close,
            cancel_orders=cancel,
        ),
    )


def is_repeated(state: EngineState, request: EmergencyStopRequested) -> bool:
    """Tell whether this very record of a topic has stopped trading before.

    A record without a time of its own is obeyed again: in a topic made anew, another may stand in its place.
    """
    return request.source.record_msc > 0 and request.source in state.stops_seen


def halt(state: EngineState, reason: str, at_msc: int) -> tuple[Event, ...]:
    """Latch a halt that the bridge itself found necessary; nothing when it is halted already."""
    if state.trading is TradingState.HALTED:
        return ()
    local = Source(Channel.LOCAL)
    return (TradingStateChanged(TradingState.HALTED, reason, local, state.emergency, at_msc),)


def resume(
    state: EngineState,
    limits: Limits,
    request: ResumeRequested,
    now_msc: int,
    report: AccountReport | None = None,
) -> tuple[Event, ...] | Denial:
    """Lift the latch, if it is a person here who asks or the trader permits it from afar.

    Not while a limit on losses is broken; but a drawdown is measured anew from the present equity where a
    person here lifts it.

    Args:
        report: the latest look at the account that is believed; None before the first.
    """
    local = request.source.channel is Channel.LOCAL
    if not local and not limits.allow_remote_resume:
        mend = "type `hybrid-bridge resume` on the trading PC"
        return Denial("resume", "ALLOW_REMOTE_RESUME=true", "false", mend)
    if limits.emergency_stop:
        return Denial("resume", "EMERGENCY_STOP=false", "true", "set it to false, restart, then resume")
    if state.trading is TradingState.ACTIVE:
        return ()
    # A stop overtakes what was sent before it; a resume from before it must not undo it. What is typed here
    # keeps its order, and a latch from the future shows that this PC's clock was set back since.
    set_back = local and now_msc < state.latched_msc
    early = request.received_msc <= state.latched_msc and not set_back
    if early or _is_before_a_stop(state, request.source):
        mend = "send it again" if local else "send it again, or type `hybrid-bridge resume` on the trading PC"
        return Denial("resume", "a resume from after the halt", "one from before it", mend)
    if report is not None and not (shows_money(state, report) and _is_latest(state, report, now_msc)):
        report = None
    broken = () if report is None else find_breaches(state, limits, report)
    denial = _find_broken(state, broken, seen=report is not None, local=local)
    if denial is not None:
        return denial
    resumed = TradingStateChanged(
        TradingState.ACTIVE, request.reason, request.source, False, request.received_msc
    )
    if report is None or not broken or not is_positive(report.account.equity):
        return (resumed,)
    return (EquityPeakReset(report.account.equity, report.at_msc), resumed)


def _is_latest(state: EngineState, report: AccountReport, now_msc: int) -> bool:
    """Tell whether no payment was learned of since that look, from an appraisal say."""
    return not report.at_msc < state.funds_msc <= now_msc


def _find_broken(state: EngineState, broken: tuple[Denial, ...], *, seen: bool, local: bool) -> Denial | None:
    """Return the limit on losses that forbids to resume now; a drawdown forbids it from afar only."""
    if not seen and state.breach:
        mend = "the terminal has not shown the account's money yet; send it again in a moment"
        return Denial(state.breach, "an account that was seen", "none", mend)
    for one in broken:
        if one.check != DRAWDOWN:
            mend = "resume once it is no longer so; a day's loss ends with the broker's day"
            return replace(one, detail=f"{one.detail}; {mend}")
        if not local:
            mend = "type `hybrid-bridge resume` on the trading PC: it is measured anew from then on"
            return replace(one, detail=f"{one.detail}; {mend}")
    return None


def _is_before_a_stop(state: EngineState, source: Source) -> bool:
    """Tell whether a stop that was obeyed stands behind this place in the same topic."""
    return bool(source.topic) and any(
        (stop.topic, stop.partition) == (source.topic, source.partition)
        and stop.offset > source.offset
        and stop.record_msc >= source.record_msc  # Not in a topic made anew since.
        for stop in state.stops_seen
    )
