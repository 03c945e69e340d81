"""What a restart owes to the past, and what an unknown outcome owes to the trader: looking until it is known.

Owns the start (fold the journal, doubt what was in flight, open only when the account is the right one) and
the looking for orders in doubt. Never sends anything. app awaits `restore`, then drives `run`.
"""

from dataclasses import dataclass

import structlog

from hybrid_bridge.core import engine
from hybrid_bridge.core.appraisal import Findings
from hybrid_bridge.core.inputs import AccountObserved, EmergencyStopRequested
from hybrid_bridge.core.limits import Limits
from hybrid_bridge.core.orders import Channel, OrderState, Source
from hybrid_bridge.core.reconciliation import Doubt, interrupt, look_query, resolve
from hybrid_bridge.core.risk import find_account_denial
from hybrid_bridge.core.state import OrderRecord
from hybrid_bridge.errors import JournalError, LaneError
from hybrid_bridge.execution.executor import Executor
from hybrid_bridge.execution.recorder import Recorder
from hybrid_bridge.ports import Clock, TradeLane

log = structlog.get_logger(__name__)

RETRY_S = 1.0
LOOK_INTERVAL_S = 2.0


@dataclass(slots=True)
class Watch:
    """How an order in doubt is being looked for: since when, and the clean looks in a row."""

    since_s: float
    clean_looks: int = 0


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
        self._watches: dict[int, Watch] = {}
        self._stop_at_start: EmergencyStopRequested | None = None

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
            await self._recorder.commit(interrupt(state, now_msc))
            if self._limits.emergency_stop:
                request = EmergencyStopRequested(
                    "EMERGENCY_STOP=true at the start", None, True, Source(Channel.LOCAL), now_msc
                )
                await self._recorder.commit(engine.stop(state, self._limits, request))
                self._stop_at_start = request
        log.info(
            "Journal restored", events=count, in_doubt=len(state.in_doubt()), trading=state.trading.value
        )

    async def run(self) -> None:
        """Open the executor once the account has been seen, then resolve doubts for ever."""
        await self._open()
        if self._stop_at_start is not None:
            await self._executor.clear_account(self._stop_at_start)
        while True:
            await self._clock.sleep(LOOK_INTERVAL_S)
            await self._look_for_all()

    async def _open(self) -> None:
        reason = ""
        while True:
            try:
                for record in self._unknown():
                    await self._look(record)
                report = await self._lane.report()
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
            entries="on" if self._limits.trading_enabled else "off, TRADING_ENABLED is false",
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
        """Ask once; complete looks in a row without a trace count towards "it was not executed"."""
        watch = self._watches.setdefault(record.intent.number, Watch(self._clock.monotonic()))
        looks_before, watch.clean_looks = watch.clean_looks, 0
        findings = await self._lane.look(look_query(record))
        # The account after the look: what another account shows proves nothing.
        report = await self._lane.report()
        if find_account_denial(report, self._limits) is not None:
            return
        if findings.connected:
            watch.clean_looks = looks_before + 1
        async with self._recorder.lock:
            if record.state is OrderState.UNKNOWN:
                await self._judge(record, findings, watch)
        if record.state is not OrderState.UNKNOWN:
            del self._watches[record.intent.number]

    async def _judge(self, record: OrderRecord, findings: Findings, watch: Watch) -> None:
        now_msc = self._clock.utc_msc()
        looked_ms = int((self._clock.monotonic() - watch.since_s) * 1000)
        doubt = Doubt(watch.clean_looks, now_msc - looked_ms)
        answer = resolve(record, findings, doubt, now_msc)
        if answer is not None:
            await self._recorder.commit((answer,))
