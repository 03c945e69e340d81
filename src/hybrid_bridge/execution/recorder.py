"""Journal first, then apply: the one way in which the engine's state changes.

Owns the state, the lock around it and the results that senders are told. The executor and recovery commit
through it; nothing else writes the state.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace

from hybrid_bridge.core.events import (
    AccountCleared,
    Event,
    LimitsRestored,
    LimitsTightened,
    TradingStateChanged,
)
from hybrid_bridge.core.inputs import OrderAppraised
from hybrid_bridge.core.limits import Limits
from hybrid_bridge.core.results import TradeResult, results_of
from hybrid_bridge.core.state import EngineState, IllegalTransition, apply
from hybrid_bridge.core.tightening import in_force
from hybrid_bridge.errors import RecoveryRefused
from hybrid_bridge.execution.announcements import announce_event, announce_result
from hybrid_bridge.figures import ExecutorFigures
from hybrid_bridge.messages.outbound import encode_trade_result
from hybrid_bridge.ports import Journal, OutboxEntry

NEWS_OF_THE_BRIDGE = TradingStateChanged | AccountCleared | LimitsTightened | LimitsRestored
LOOKS_OVERLAP_MS = 60_000  # No look takes longer; one that is older still shows a PC clock that was set back.


class Recorder:
    """The engine's state and its journal, changed together.

    Attributes:
        state: read freely, never written from outside.
        limits: those in force: the settings' own, or stricter where they were tightened since.
        latched_number: of the first intent that was not decided on before trading was last halted or resumed.
        lock: held from a decision to the end of its commit.
        to_clear: set exactly while an emergency stop has something left to do to the account.
    """

    def __init__(
        self,
        journal: Journal,
        figures: ExecutorFigures,
        on_messages: Callable[[], None],
        on_results: Callable[[Sequence[TradeResult]], None],
        limits: Limits,
        on_latch: Callable[[], None] = lambda: None,
    ) -> None:
        """Begin with an empty state.

        Args:
            limits: as the settings give them.
            on_messages: called when the outbox has news.
            on_latch: called when trading was halted or resumed, the account cleared or a limit changed.
        """
        self.state = EngineState()
        self.limits = limits
        self.latched_number = 0
        self.lock = asyncio.Lock()
        self.to_clear = asyncio.Event()
        self._settings_limits = limits
        self._tightened: dict[str, float] = {}
        self._looked_msc = 0
        self._journal = journal
        self._figures = figures
        self._on_messages = on_messages
        self._on_results = on_results
        self._on_latch = on_latch

    async def restore(self, first_number: int = 1) -> int:
        """Fold the journal into the state.

        Args:
            first_number: of the first intent ever; a lost STATE_DIR must not make old magics come again.
        Returns:
            How many events it held.
        Raises:
            RecoveryRefused: when the events do not follow from one another.
        """
        events = await self._journal.load()
        try:
            for event in events:
                apply(self.state, event)
        except IllegalTransition as error:
            mend = "keep a copy of it, look at the account's trades and start with a new STATE_DIR"
            raise RecoveryRefused(f"the journal does not add up: {error}; {mend}") from error
        if not self.state.orders:
            self.state.next_number = max(self.state.next_number, first_number)
        self._note_limits()
        self._note_what_is_left()
        return len(events)

    async def commit(self, events: Sequence[Event], errors: Sequence[tuple[str, bytes]] = ()) -> None:
        """Journal events with what senders are told of them, then apply them. Hold `lock`.

        Args:
            errors: further outbox messages (key, body).
        Raises:
            JournalError: nothing was recorded and nothing applied.
        """
        if not events and not errors:
            return
        results = results_of(self.state, events)
        messages = [
            OutboxEntry(result.key, encode_trade_result(result), result.signal_id) for result in results
        ]
        messages += [OutboxEntry(key, body) for key, body in errors]
        await self._journal.record(events, messages)
        for event in events:
            if isinstance(event, TradingStateChanged):
                self.latched_number = self.state.next_number
            apply(self.state, event)
            announce_event(event)
        self._note_limits()
        self._note_what_is_left()
        for result in results:
            self._figures.statuses[result.status] += 1
            announce_result(result)
        if messages:
            self._on_messages()
        if results:
            self._on_results(results)
        if any(isinstance(event, NEWS_OF_THE_BRIDGE) for event in events):
            self._on_latch()

    def take_look(self, at_msc: int) -> bool:
        """Tell whether a look at the account is the latest so far, and remember that it was taken.

        Two lanes look: what one saw before an order may arrive after what the other saw behind it.
        """
        behind_ms = self._looked_msc - at_msc
        if 0 < behind_ms <= LOOKS_OVERLAP_MS:
            return False
        self._looked_msc = at_msc
        return True

    def mark_if_superseded(self, appraised: OrderAppraised) -> OrderAppraised:
        """Return the appraisal, marked when a later look at the account has been taken in already."""
        appraisal = appraised.appraisal
        if appraisal is None or self.take_look(appraisal.report.at_msc):
            return appraised
        return replace(appraised, superseded=True)

    def _note_limits(self) -> None:
        if self.state.tightened != self._tightened:
            self._tightened = dict(self.state.tightened)
            self.limits = in_force(self._settings_limits, self._tightened)

    def _note_what_is_left(self) -> None:
        if self.state.clearing is None:
            self.to_clear.clear()
        else:
            self.to_clear.set()
