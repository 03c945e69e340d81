"""What a restart owes to the past, before anything new is accepted.

Owns the start: fold the journal, doubt what was in flight, end what was never sent, latch EMERGENCY_STOP, see
the right account, look once for every order in doubt, open the door. Never sends anything. app awaits
`restore`, then drives `run`, which goes on as the reconciler's.

The door opens after one complete look for each order in doubt, not once all are resolved: what is still in
doubt counts as open risk and keeps its own symbol closed to entries, and the others need not wait for it. A
start that cannot see that much keeps the door closed and says why; ticks flow meanwhile. After a standstill
(the PC slept) `see_anew` does the same once more.
"""

from collections.abc import Callable

import structlog

from hybrid_bridge.core import engine
from hybrid_bridge.core.account import AccountReport
from hybrid_bridge.core.events import TradingState
from hybrid_bridge.core.inputs import EmergencyStopRequested
from hybrid_bridge.core.orders import Channel, Source
from hybrid_bridge.core.reconciliation import abandon, interrupt
from hybrid_bridge.errors import JournalError, LaneError
from hybrid_bridge.execution.announcements import HOW_A_BREACH_ENDS
from hybrid_bridge.execution.executor import Executor
from hybrid_bridge.execution.reconciler import Reconciler
from hybrid_bridge.execution.recorder import Recorder
from hybrid_bridge.ports import Clock, TradeLane

log = structlog.get_logger(__name__)

RETRY_S = 1.0
ENTRIES_WHILE = {
    TradingState.ACTIVE: "on",
    TradingState.REDUCING: "off, only what reduces is permitted",
    TradingState.HALTED: "off, trading is halted",
}


class Recovery:
    """Brings the executor from the journal to an open door, and resolves doubts from then on."""

    def __init__(
        self,
        recorder: Recorder,
        executor: Executor,
        lane: TradeLane,
        clock: Clock,
        connection: Callable[[], object] = lambda: None,
        standstills: Callable[[], int] = lambda: 0,
    ) -> None:
        """Begin with nothing restored.

        Args:
            connection: names the connection through which the lane asks now.
            standstills: how often the PC slept, or this process was held up, until this very instant. One
                from before connects to a terminal that may not know yet that its own is broken.
        """
        self._recorder = recorder
        self._executor = executor
        self._lane = lane
        self._clock = clock
        self._standstills = standstills
        self._reconciler = Reconciler(
            recorder, lane, clock, executor.observe, lambda: (connection(), standstills())
        )

    async def restore(self) -> None:
        """Fold the journal; doubt what was being sent; latch EMERGENCY_STOP.

        Raises:
            RecoveryRefused: when the journal cannot be trusted.
            JournalError: when it cannot be written.
        """
        now_msc = self._clock.utc_msc()
        # Seconds since 1970 grow faster than intents are numbered, and fit the magic's 32 bits until 2106.
        count = await self._recorder.restore(first_number=now_msc // 1000)
        state = self._recorder.state
        async with self._recorder.lock:
            await self._recorder.commit((*interrupt(state, now_msc), *abandon(state, now_msc)))
            if self._recorder.limits.emergency_stop:
                request = EmergencyStopRequested(
                    "EMERGENCY_STOP=true at the start", None, True, Source(Channel.LOCAL), now_msc
                )
                await self._recorder.commit(engine.stop(state, self._recorder.limits, request))
        log.info(
            "Journal restored",
            events=count,
            in_doubt=len(state.in_doubt()),
            watched=len(state.watched),
            trading=state.trading.value,
            clearing=state.clearing is not None,
        )
        if state.trading is TradingState.HALTED and not self._recorder.limits.emergency_stop:
            mend = "look at the account, then type `hybrid-bridge resume`"
            log.warning("Trading is still halted", reason=state.halt_reason, mend=mend)
        elif state.trading is TradingState.REDUCING:
            mend = HOW_A_BREACH_ENDS.get(state.breach, "mend what it says, then type `hybrid-bridge resume`")
            log.warning("Only what reduces is still permitted", reason=state.halt_reason, mend=mend)

    async def run(self) -> None:
        """Open the executor once the account has been seen, then resolve doubts for ever."""
        report = await self._see_account()
        self._executor.open()
        state = self._recorder.state
        log.info(
            "Open for orders",
            login=report.account.login,
            server=report.account.server,
            trading=state.trading.value,
            entries=self._entries(),
            in_doubt=len(state.in_doubt()),
        )
        await self._reconciler.run()

    def _entries(self) -> str:
        """Say whether entries are taken, and if not, why not."""
        if not self._recorder.limits.trading_enabled:
            return "off, TRADING_ENABLED is false"
        return ENTRIES_WHILE[self._recorder.state.trading]

    async def see_anew(self) -> None:
        """Open the executor again, after a standstill, once the account has been seen."""
        await self._see_account()
        self._executor.open()
        log.info("Open for orders again", in_doubt=len(self._recorder.state.in_doubt()))

    async def _see_account(self) -> AccountReport:
        """Return once the account was seen and every order in doubt looked for, since any standstill."""
        said = ""
        while True:
            standstills = self._standstills()
            try:
                # First whose account it is: another one halts, and what it shows proves nothing.
                report = await self._observe()
                await self._reconciler.look_at_doubts()
            except (LaneError, JournalError) as error:
                if str(error) != said:
                    said = str(error)
                    log.warning("Not open for orders yet", reason=said)
                    self._executor.close_for("recovering", said)
                await self._escalate()
                await self._clock.sleep(RETRY_S)
            else:
                if self._standstills() == standstills:
                    return report

    async def _observe(self) -> AccountReport:
        report = await self._lane.report()
        await self._executor.observe(report)
        return report

    async def _escalate(self) -> None:
        try:
            await self._reconciler.escalate_overdue()
        except JournalError as error:
            log.debug("Not escalated yet", error=str(error))
