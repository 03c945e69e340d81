"""The looking that never ends: for orders in doubt, and at a slower pace for late fills and the account.

Owns how often each order was looked for and what those looks were worth. Asks questions only; it sends
nothing. recovery looks once through it before the door opens and drives `run` from then on.

A look counts towards "it was not executed" when it is complete, the right account is logged in, and terminal
and connection were the same since the first look that counts: a terminal that has just come back shows a
history it has not loaded yet as an empty one. Even then the newest fill that the journal knows of must be
shown, or the history is not complete.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import structlog

from hybrid_bridge.core.account import AccountReport
from hybrid_bridge.core.appraisal import Findings
from hybrid_bridge.core.events import OrderAnswered
from hybrid_bridge.core.identity import find_account_denial
from hybrid_bridge.core.orders import OrderState
from hybrid_bridge.core.reconciliation import (
    ESCALATE_AFTER_MS,
    Doubt,
    describe,
    escalate,
    find_witness,
    follow,
    is_over,
    look_query,
    resolve,
    shows,
    volume_shown,
    waits,
)
from hybrid_bridge.core.requests import ACTION_DEAL
from hybrid_bridge.core.state import WATCH_MS, OrderRecord
from hybrid_bridge.errors import JournalError, LaneError
from hybrid_bridge.execution.recorder import Recorder
from hybrid_bridge.ports import Clock, TradeLane

log = structlog.get_logger(__name__)

LOOK_INTERVAL_S = 2.0
WATCH_INTERVAL_S = 30.0
WATCHED_PER_ROUND = 5  # Each look downloads the history's last days; orders wait behind one look at most.
ACCOUNT_LOOK_S = 30.0
WITNESS_MS = 86_400_000  # Any look's window covers the day before.
LOOKED_FOR = (OrderState.UNKNOWN, OrderState.ESCALATED)


@dataclass(slots=True)
class Watch:
    """How one order is being looked for; instants on the monotonic clock.

    Attributes:
        since_s: when it was sent, as far as this process can tell.
        unknown_since_s: when its outcome became unknown, in an earlier process perhaps.
        looked_s: when the last look began, -1 before the first.
        clean_looks, clean_since_s: looks in a row that count, and when the first of them was.
        connection: through which connection those looks went.
        shown, shown_before: lots that the last look, and the one before it, showed as filled.
        seen: what the last look showed, for a person.
        over: it has ended at the venue, nothing more can come of it.
    """

    since_s: float
    unknown_since_s: float
    looked_s: float = -1.0
    clean_looks: int = 0
    clean_since_s: float = 0.0
    connection: object = None
    shown: float = 0.0
    shown_before: float = 0.0
    seen: str = "there was none yet"
    over: bool = False


@dataclass(frozen=True, slots=True)
class _Look:
    """One complete look, and the account it was made at."""

    findings: Findings
    report: AccountReport
    connection: object


class Reconciler:
    """Looks for what became of orders until it is known."""

    def __init__(
        self,
        recorder: Recorder,
        lane: TradeLane,
        clock: Clock,
        observe: Callable[[AccountReport], Awaitable[None]],
        connection: Callable[[], object],
    ) -> None:
        """Begin with nothing looked for.

        Args:
            observe: takes in a look at the account.
            connection: names the connection that looks go through now; another one shows another start.
        """
        self._recorder = recorder
        self._lane = lane
        self._clock = clock
        self._observe = observe
        self._connection = connection
        self._watches: dict[int, Watch] = {}
        self._inherited: frozenset[int] | None = None
        self._began_s, self._began_msc = clock.monotonic(), clock.utc_msc()
        self._watched_s = self._began_s - WATCH_INTERVAL_S  # What filled while no bridge ran shows at once.
        self._account_s = self._began_s

    async def look_at_doubts(self) -> None:
        """Look once for every order in doubt, the one that has waited longest first.

        Raises:
            LaneError: when a look failed; those that were still to be made were not.
            JournalError: when what was found could not be recorded.
        """
        try:
            await self._look_at_doubts()
        except LaneError as error:
            self._distrust(str(error))
            raise

    async def _look_at_doubts(self) -> None:
        for record in sorted(self._doubts(), key=lambda record: self._watch(record).looked_s):
            await self._look_at_doubt(record)

    async def escalate_overdue(self) -> None:
        """Tell of every order that has not been known for too long, whether it could be looked for or not.

        Raises:
            JournalError: when it could not be recorded.
        """
        now_s = self._clock.monotonic()
        for record in self._doubts():
            watch = self._watch(record)
            if (
                record.state is OrderState.UNKNOWN
                and now_s - watch.unknown_since_s >= ESCALATE_AFTER_MS / 1000
            ):
                await self._commit(record, escalate(record, watch.seen, self._clock.utc_msc()))

    async def run(self) -> None:
        """Look, for ever."""
        said = ""
        while True:
            await self._clock.sleep(LOOK_INTERVAL_S)
            try:
                await self._round()
            except JournalError as error:
                if str(error) != said:
                    said = str(error)
                    log.warning("What was found is not recorded yet, trying again", error=said)
            else:
                said = ""

    async def _round(self) -> None:
        try:
            await self.look_at_doubts()
            now_s = self._clock.monotonic()
            if now_s - self._watched_s >= WATCH_INTERVAL_S:
                self._watched_s = now_s
                await self._look_at_watched()
            if now_s - self._account_s >= ACCOUNT_LOOK_S:
                self._account_s = now_s
                await self._look_at_account()
        except LaneError as error:
            log.debug("Not looked, the terminal cannot be asked", error=str(error))
        await self.escalate_overdue()
        self._forget()

    def _doubts(self) -> list[OrderRecord]:
        state = self._recorder.state
        if self._inherited is None:
            self._inherited = frozenset(state.doubtful)  # Asked first before the door opens.
        return [record for record in state.in_doubt() if record.state in LOOKED_FOR]

    def _watch(self, record: OrderRecord) -> Watch:
        watch = self._watches.get(record.intent.number)
        if watch is None:
            now_s = self._clock.monotonic()
            unknown_msc = record.answer.at_msc if record.answer is not None else record.sending_msc
            unknown_s = max(0, self._clock.utc_msc() - unknown_msc) / 1000
            watch = self._watches[record.intent.number] = Watch(self._sent_s(record), now_s - unknown_s)
        return watch

    def _sent_s(self, record: OrderRecord) -> float:
        """Return since when the venue has had time to act.

        What an earlier process sent has had the time in between too, however short each of many lives is; a
        PC clock that was set forward meanwhile can spare it no look of this life.
        """
        if record.intent.number not in (self._inherited or ()):
            return self._clock.monotonic()
        return self._began_s - max(0, self._began_msc - record.sending_msc) / 1000

    def _distrust(self, why: str) -> None:
        """Count from the start again for every order in doubt."""
        for record in self._doubts():
            watch = self._watch(record)
            watch.clean_looks, watch.seen = 0, why

    def _forget(self) -> None:
        state = self._recorder.state
        for number in [n for n in self._watches if n not in state.doubtful and n not in state.watched]:
            del self._watches[number]

    async def _ask(self, record: OrderRecord) -> _Look:
        watch, connection = self._watch(record), self._connection()
        watch.looked_s = self._clock.monotonic()
        clean_looks, watch.clean_looks = watch.clean_looks, 0  # Until this one has succeeded.
        findings = await self._lane.look(look_query(record))
        # The account after the look: what another account shows proves nothing.
        look = _Look(findings, await self._lane.report(), connection)
        denial = find_account_denial(look.report, self._recorder.limits)
        if denial is not None:
            watch.seen = f"{denial.detail}: {denial.observed}, expected {denial.limit}"
            return look
        watch.seen = describe(record, findings)
        shown = volume_shown(record, findings)
        moved, watch.shown_before, watch.shown = shown != watch.shown, watch.shown, shown
        if not (findings.connected and look.report.terminal.connected) or self._connection() != connection:
            return look
        if moved or waits(record, findings):
            clean_looks = 0  # Something is going on; what it ends in has to stand still for as long.
        if not clean_looks or watch.connection != connection:
            clean_looks, watch.clean_since_s, watch.connection = 0, watch.looked_s, connection
        watch.clean_looks = clean_looks + 1
        return look

    def _is_trusted(self, look: _Look) -> bool:
        return find_account_denial(look.report, self._recorder.limits) is None

    async def _look_at_doubt(self, record: OrderRecord) -> None:
        look, watch = await self._ask(record), self._watch(record)
        if not self._is_trusted(look):
            return
        now_s, now_msc = self._clock.monotonic(), self._clock.utc_msc()
        doubt = Doubt(
            watch.clean_looks,
            now_msc - int((now_s - watch.since_s) * 1000),
            now_msc - int((now_s - watch.clean_since_s) * 1000),
        )
        answer = resolve(record, look.findings, doubt, now_msc)
        if answer is None:
            return
        if answer.state is OrderState.NOT_EXECUTED and not await self._history_is_complete():
            watch.clean_looks = 0
            watch.seen = "the terminal's history lacks a deal of before, so it is not complete"
            return
        await self._commit(record, answer)

    async def _history_is_complete(self) -> bool:
        """Tell whether the terminal shows the newest fill that the journal knows of."""
        witness = find_witness(self._recorder.state, self._clock.utc_msc(), WITNESS_MS)
        return witness is None or shows(witness, await self._lane.look(look_query(witness)))

    async def _commit(self, record: OrderRecord, answer: OrderAnswered) -> None:
        before = record.state
        async with self._recorder.lock:
            if record.state is before:
                await self._recorder.commit((answer,))

    async def _look_at_watched(self) -> None:
        """Look for what may still fill: a few, those first that were looked for longest ago, then newest."""
        oldest_msc = self._clock.utc_msc() - WATCH_MS
        waiting = [
            record
            for record in self._recorder.state.watched.values()
            if record.sending_msc >= oldest_msc and _may_be_followed(record) and not self._watch(record).over
        ]
        waiting.sort(key=lambda record: (self._watch(record).looked_s, -record.intent.number))
        for record in waiting[:WATCHED_PER_ROUND]:
            look, watch = await self._ask(record), self._watch(record)
            if not self._is_trusted(look):
                continue
            answer = follow(record, look.findings, watch.shown_before, self._clock.utc_msc())
            if answer is not None:
                log.warning(
                    "Order came to light late", signal=record.intent.signal_id, state=answer.state.value
                )
                await self._commit(record, answer)
            watch.over = is_over(record, look.findings)

    async def _look_at_account(self) -> None:
        """Have the account seen at least this often, however seldom it is published."""
        await self._observe(await self._lane.report())


def _may_be_followed(record: OrderRecord) -> bool:
    return record.order is not None and record.order.request.action == ACTION_DEAL
