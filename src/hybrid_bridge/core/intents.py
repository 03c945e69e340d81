"""From what was asked for to an intent: its number, its deadline, and what only the position tells.

Pure. Called by the engine and by `retrying`.
"""

from dataclasses import replace

from hybrid_bridge.core.account import Position
from hybrid_bridge.core.inputs import (
    CancelRequested,
    CloseRequested,
    ModifyRequested,
    SignalReceived,
    Wanted,
)
from hybrid_bridge.core.limits import Limits
from hybrid_bridge.core.orders import Intent, IntentKind
from hybrid_bridge.core.state import EngineState

COMMAND_MAX_AGE_MS = 60_000  # A close or change that could not be sent for a minute is reported, not sent.


def make_intent(state: EngineState, limits: Limits, wanted: Wanted) -> Intent:
    """Give a signal or command its number and its deadline."""
    if isinstance(wanted, SignalReceived):
        return _entry_intent(state, limits, wanted)
    created = wanted.received_msc
    if not isinstance(wanted, CancelRequested) and wanted.created_msc is not None:
        created = wanted.created_msc
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
        created_msc=created,
        expires_msc=created + COMMAND_MAX_AGE_MS,
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


def complete(intent: Intent, wanted: Wanted, position: Position | None) -> Intent:
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
