"""What a restart owes to the past, and what an unknown outcome owes to the trader: looking until it is known.

Owns the start (fold the journal, doubt what was in flight, open only when the account is the right one) and
the looking for orders in doubt. Never sends anything. app awaits `restore`, then drives `run`.
"""

import structlog

from hybrid_bridge.core import engine
from hybrid_bridge.core.inputs import AccountObserved, EmergencyStopRequested
from hybrid_bridge.core.limits import Limits
from hybrid_bridge.core.orders import Channel, OrderState, Source
from hybrid_bridge.core.reconciliation import Doubt, interrupt, look_query, resolve
from hybrid_bridge.core.state import OrderRecord
from hybrid_bridge.errors import JournalError, LaneError
from hybrid_bridge.execution.executor import Executor
from hybrid_bridge.execution.recorder import Recorder
from hybrid_bridge.ports import Clock, TradeLane

log = structlog.get_logger(__name__)

RETRY_S = 1.0
LOOK_INTERVAL_S = 2.0


class Recovery:
    """Brings the executor from the journal to an open door, and resolves doubts from then on."""

    def __init__(
        self, recorder: Recorder, executor: Executor, lane: TradeLane, limits: Limits, clock: Clock
    ) -> None:
        self._recorder = recorder
        self._executor = executor
        self._lane = lane
        self._limits = limits
        self._clock = clock
        self._doubts: dict[int, Doubt] = {}

    async def restore(self) -> None:
        """Fold the journal; doubt what was being sent; latch EMERGENCY_STOP.

        Raises:
            RecoveryRefused: when the journal cannot be trusted.
            JournalError: when it cannot be written.
        """
        count = await self._recorder.restore()
        state, now_msc = self._recorder.state, self._clock.utc_msc()
        async with self._recorder.lock:
            await self._recorder.commit(interrupt(state, now_msc))
            if self._limits.emergency_stop:
                request = EmergencyStopRequested(
                    "EMERGENCY_STOP=true at the start", None, True, Source(Channel.LOCAL), now_msc
                )
                await self._recorder.commit(engine.stop(state, request))
        log.info(
            "Journal restored", events=count, in_doubt=len(state.in_doubt()), trading=state.trading.value
        )

    async def run(self) -> None:
        """Open the executor once the account has been seen, then resolve doubts for ever."""
        await self._open()
        while True:
            await self._clock.sleep(LOOK_INTERVAL_S)
            await self._look_for_all()

    async def _open(self) -> None:
        reason = ""
        while True:
            try:
                report = await self._lane.report()
                for record in self._unknown():
                    await self._look(record)
                async with self._recorder.lock:
                    observed = AccountObserved(report)
                    await self._recorder.commit(engine.observe(self._recorder.state, self._limits, observed))
            except (LaneError, JournalError) as error:
                if str(error) != reason:
                    reason = str(error)
                    log.warning("Not open for orders yet", reason=reason)
                    self._executor.close_for("recovering", reason)
                await self._clock.sleep(RETRY_S)
            else:
                break
        self._executor.open()
        state = self._recorder.state
        log.info(
            "Open for orders",
            login=report.account.login,
            server=report.account.server,
            trading=state.trading.value,
            in_doubt=len(state.in_doubt()),
        )

    async def _look_for_all(self) -> None:
        for record in self._unknown():
            try:
                await self._look(record)
            except (LaneError, JournalError) as error:
                log.debug("Order in doubt not looked for", signal=record.intent.signal_id, error=str(error))

    def _unknown(self) -> list[OrderRecord]:
        return [record for record in self._recorder.state.in_doubt() if record.state is OrderState.UNKNOWN]

    async def _look(self, record: OrderRecord) -> None:
        """Ask once; a complete look without a trace counts towards "it was not executed"."""
        number = record.intent.number
        findings = await self._lane.look(look_query(record))
        doubt = self._doubts.get(number) or Doubt(0, self._clock.utc_msc())
        if findings.connected:
            doubt = Doubt(doubt.clean_looks + 1, doubt.since_msc)
        self._doubts[number] = doubt
        async with self._recorder.lock:
            if record.state is not OrderState.UNKNOWN:
                return
            answer = resolve(record, findings, doubt, self._clock.utc_msc())
            if answer is not None:
                await self._recorder.commit((answer,))
                self._doubts.pop(number, None)
