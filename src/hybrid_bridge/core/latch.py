"""The latch on trading: who may set it, who may lift it, and what an emergency stop leaves to be done.

Pure. Setting it never weakens what is set already; lifting it is a person's act. The engine offers these to
the executor and to recovery.
"""

from hybrid_bridge.core.events import Denial, Event, TradingState, TradingStateChanged
from hybrid_bridge.core.inputs import EmergencyStopRequested, ResumeRequested
from hybrid_bridge.core.limits import Limits
from hybrid_bridge.core.orders import Channel, Source
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
    state: EngineState, limits: Limits, request: ResumeRequested, now_msc: int
) -> tuple[Event, ...] | Denial:
    """Lift the latch, if it is a person here who asks or the trader permits it from afar."""
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
    return (
        TradingStateChanged(TradingState.ACTIVE, request.reason, request.source, False, request.received_msc),
    )


def _is_before_a_stop(state: EngineState, source: Source) -> bool:
    """Tell whether a stop that was obeyed stands behind this place in the same topic."""
    return bool(source.topic) and any(
        (stop.topic, stop.partition) == (source.topic, source.partition)
        and stop.offset > source.offset
        and stop.record_msc >= source.record_msc  # Not in a topic made anew since.
        for stop in state.stops_seen
    )
