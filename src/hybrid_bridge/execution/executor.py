"""The executor: one inbox in, one journal, one trade lane; the only writer of the engine's state.

Owns the order of things: decide, journal, apply, and only then act. Decisions are made under the recorder's
lock but the venue is waited for outside it, so an emergency stop is decided while an order is on its way, and
each order is checked against it once more right before it is sent. What a stop leaves to be done to the
account is `clearing`'s. app drives `run_orders` and `run_facts`.

After a start, and after each standstill (the PC slept, or the process was held up), orders wait until
recovery has seen the account anew; stops never wait. What was known of the account before counts no more.
"""

import asyncio
import functools
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace

import structlog

from hybrid_bridge.core import engine
from hybrid_bridge.core.account import AccountReport
from hybrid_bridge.core.breaches import Readings
from hybrid_bridge.core.events import Denial, DuplicateReceived, Event, OrderSending
from hybrid_bridge.core.inputs import (
    AccountObserved,
    EmergencyStopRequested,
    Input,
    LimitsRestoreRequested,
    MalformedReceived,
    ResumeRequested,
    SignalReceived,
    TighteningRequested,
    Wanted,
)
from hybrid_bridge.core.results import explain
from hybrid_bridge.core.state import OrderRecord
from hybrid_bridge.errors import AlreadyJournaled, JournalError
from hybrid_bridge.execution.announcements import announce_strays
from hybrid_bridge.execution.appraising import appraise
from hybrid_bridge.execution.inbox import Delivery, PriorityInbox
from hybrid_bridge.execution.limit_changes import change_limits
from hybrid_bridge.execution.recorder import Recorder
from hybrid_bridge.execution.sender import OrderSender
from hybrid_bridge.figures import ExecutorFigures, Laps
from hybrid_bridge.messages.outbound import encode_error
from hybrid_bridge.ports import Clock, TradeLane

log = structlog.get_logger(__name__)

JOURNAL_RETRY_S = 1.0
# What comes this soon after the start, or a standstill, waits for the recovery instead of being denied.
START_GRACE_S = 10.0
STOOD_STILL = "the PC slept, or the bridge was held up; entries wait until the account was seen anew"


class _StoodStill(Exception):
    """The process did not run between the question to the terminal and the judgement on its answer."""


class Executor:
    """Turns inputs into decisions, decisions into orders, and orders into results."""

    def __init__(
        self,
        recorder: Recorder,
        inbox: PriorityInbox,
        lane: TradeLane,
        clock: Clock,
        figures: ExecutorFigures,
        server_day: Callable[[int], int | None] = lambda _: None,
        on_look: Callable[[AccountReport], None] = lambda _: None,
        standstills: Callable[[], int] = lambda: 0,
    ) -> None:
        """Wire it.

        Args:
            server_day: gives the broker's calendar day of an instant (UTC ms), None while it is unknown.
            on_look: called with each look at the account that shows what is open, once it is taken in.
            standstills: how often the PC slept, or this process was held up, until this very instant.
        """
        self._recorder = recorder
        self._inbox = inbox
        self._lane = lane
        self._clock = clock
        self._figures = figures
        self._server_day = server_day
        self._on_look = on_look
        self._standstills = standstills
        # At how many standstills the account was seen, last waited for, and its limits last watched.
        self._seen_at = self._waited_at = self._watched_at = 0
        self._readings = Readings()
        self._believed: AccountReport | None = None
        self._closed: Denial | None = Denial("trading_state", "a recovered bridge", "starting", "recovering")
        self._stopping = False
        self._stop_under_way: EmergencyStopRequested | None = None
        self._busy = False
        self._turn_over = asyncio.Event()
        self._start_over = asyncio.Event()
        self._sender = OrderSender(
            recorder, lane, clock, figures, self._stop_comes, lambda: self.closed_because, standstills
        )

    def close_for(self, observed: str, detail: str) -> None:
        """Deny every signal and command from now on, with this explanation."""
        if not self._stopping:
            self._closed = Denial("trading_state", "a running bridge", observed, detail)

    def open(self) -> None:
        """Accept signals and commands, unless the bridge is stopping: that door stays closed.

        Call it without an await after the account was seen: it was, since the last standstill.
        """
        if not self._stopping:
            self._closed = None
            self._seen_at = self._standstills()
            self._start_over.set()

    @property
    def closed_because(self) -> str:
        """Why nothing is accepted, or an empty text."""
        door = self._door()
        return "" if door is None else f"{door.observed}: {door.detail}"

    def _door(self) -> Denial | None:
        """Return what denies every signal and command now."""
        if self._closed is None and self._standstills() != self._seen_at:
            return Denial("trading_state", "an account seen since", "waking", STOOD_STILL)
        return self._closed

    async def drain(self) -> None:
        """Refuse what still waits and return once the order on its way has its result."""
        self.close_for("stopping", "received while the bridge was stopping")
        self._stopping = True
        self._start_over.set()
        while self._busy or self._inbox.orders_waiting:
            self._turn_over.clear()
            await self._turn_over.wait()

    async def run_orders(self) -> None:
        """Process signals and commands one by one, for ever, once the start is over."""
        await self._await_start()
        while True:
            delivery = await self._inbox.next_order()
            self._busy = True
            try:
                await self._process(delivery)
            finally:
                self._busy = False
                self._turn_over.set()

    async def _await_door(self) -> None:
        """Wait for the door to open again after a standstill, once for each."""
        standstills = self._standstills()
        if standstills in (self._seen_at, self._waited_at) or self._stopping:
            return
        self._waited_at = standstills
        self._start_over.clear()
        await self._await_start()

    async def _await_start(self) -> None:
        """Return when the door is open, or a stop of the bridge begins, or the start takes too long.

        What waits meanwhile is judged by its own age afterwards: a restart alone costs no signal.
        """
        async with asyncio.TaskGroup() as waiting:
            over = waiting.create_task(self._start_over.wait())
            grace = waiting.create_task(self._clock.sleep(START_GRACE_S))
            await asyncio.wait((over, grace), return_when=asyncio.FIRST_COMPLETED)
            over.cancel()
            grace.cancel()

    async def run_facts(self) -> None:
        """Process stops, resumes, observations and malformed messages, for ever."""
        while True:
            delivery = await self._inbox.next_fact()
            await self._take_fact(delivery.item)
            delivery.settled()

    async def _process(self, delivery: Delivery) -> None:
        wanted = delivery.item
        assert isinstance(wanted, Wanted)  # noqa: S101 - the inbox sorts; this tells the type checker
        self._figures.received[wanted.source.channel.value] += 1
        refused = ""
        while True:
            if not delivery.urgent:
                await self._await_door()
            laps = Laps(self._clock.monotonic, delivery.received_s)
            laps.end("inbox")
            delivery = replace(delivery, standstills=self._standstills())
            try:
                record = await self._decide(wanted, delivery, laps)
                break
            except _StoodStill:
                continue  # What the terminal said is of before.
            except JournalError as error:
                # Nothing may be sent without a journal, so what waits loses nothing: too old, it expires.
                if str(error) != refused:
                    refused = str(error)
                    log.error("Journal cannot be written, trying again", signal=_id(wanted), error=refused)
            if self._stopping:
                # Not settled: Redpanda delivers it again to the next life.
                log.error("Signal not processed, the bridge stops without a journal", signal=_id(wanted))
                return
            await self._clock.sleep(JOURNAL_RETRY_S)
        delivery.settled()
        if record is not None:
            await self._sender.send(record, wanted, delivery, laps)

    async def _decide(self, wanted: Wanted, delivery: Delivery, laps: Laps) -> OrderRecord | None:
        """Decide and journal one signal or command; returns the order that is now to be sent."""
        recorder = self._recorder
        async with recorder.lock:
            events = self._refuse(wanted, delivery) or engine.receive(
                recorder.state, recorder.limits, wanted, *self._when(wanted, delivery)
            )
            if events:
                await self._commit_wanted(wanted, events)
                return None
        laps.end("screen")
        appraised = await appraise(
            self._lane, recorder.limits, wanted, lambda: self._now_msc(wanted, delivery)
        )
        laps.end("appraise")
        if not delivery.urgent:  # No limit is against what an emergency stop does.
            await self._inbox.tightenings_done()
        async with recorder.lock:
            if self._standstills() != delivery.standstills:
                raise _StoodStill
            appraised = recorder.mark_if_superseded(appraised)
            refused = self._refuse(wanted, delivery)
            events = refused or engine.judge_appraised(recorder.state, recorder.limits, appraised)
            laps.end("judge")
            if not await self._commit_wanted(wanted, events):
                return None
            laps.end("commit")
        announce_strays(recorder.limits, events, appraised)
        sending = events[-1] if isinstance(events[-1], OrderSending) else None
        return None if sending is None else recorder.state.orders[sending.number]

    def _refuse(self, wanted: Wanted, delivery: Delivery) -> tuple[Event, ...]:
        """Say no where the door is closed; what an emergency stop does to the account passes it."""
        door = self._door()
        if door is None or delivery.urgent:
            return ()
        now_msc = self._now_msc(wanted, delivery)
        return engine.refuse(self._recorder.state, self._recorder.limits, wanted, door, now_msc)

    def _now_msc(self, wanted: Wanted, delivery: Delivery) -> int:
        return delivery.now_msc(self._clock, wanted.received_msc)

    def _when(self, wanted: Wanted, delivery: Delivery) -> tuple[int, int | None]:
        now_msc = self._now_msc(wanted, delivery)
        return now_msc, self._server_day(now_msc)

    def _stop_comes(self) -> bool:
        return self._stop_under_way is not None or self._inbox.stop_waits

    async def _commit_wanted(self, wanted: Wanted, events: Sequence[Event]) -> bool:
        """Commit; False when the journal knew the id from before what memory holds."""
        try:
            await self._recorder.commit(events)
        except AlreadyJournaled as known:
            conflict = known.payload_hash != wanted.payload_hash
            now_msc = self._clock.utc_msc()
            duplicate = DuplicateReceived(known.number, _id(wanted), conflict, wanted.source, now_msc)
            await self._recorder.commit((duplicate,))
            return False
        return True

    async def _take_fact(self, fact: Input) -> None:
        match fact:
            case EmergencyStopRequested():
                await self._stop_trading(fact)
            case ResumeRequested():
                await self._until_written(lambda: self._resume(fact), "Resume not journaled, trying again")
            case TighteningRequested() | LimitsRestoreRequested():
                change = functools.partial(change_limits, self._recorder, fact, self._clock)
                await self._until_written(change, "Limits not journaled, trying again")
            case AccountObserved():
                try:
                    await self.observe(fact.report)
                except JournalError as error:  # The next look shows the same.
                    log.error("Account not journaled, the next look will be", error=str(error))
            case MalformedReceived():
                await self._answer_malformed(fact)
            case _:
                raise TypeError(f"{type(fact).__name__} is no fact")

    async def _until_written(self, write: Callable[[], Awaitable[None]], refused: str) -> None:
        """Write until the journal takes it; each reason for which it does not is told once."""
        reason = ""
        while True:
            try:
                await write()
            except JournalError as error:
                if str(error) != reason:
                    reason = str(error)
                    log.error(refused, error=reason)
                await self._clock.sleep(JOURNAL_RETRY_S)
            else:
                return

    async def observe(self, report: AccountReport) -> None:
        """Take in a look at the account, unless a later one has been taken in already.

        It also counts towards closing everything for a limit on losses that is broken.

        Raises:
            JournalError: when what it shows cannot be recorded.
        """
        recorder = self._recorder
        async with recorder.lock:
            if not recorder.take_look(report.at_msc):
                return
            self._forget_what_was_before()
            observed, limits = AccountObserved(report), recorder.limits
            events = engine.observe(recorder.state, limits, observed)
            seen = engine.as_observed(recorder.state, events)
            events += engine.flatten(seen, limits, report, self._readings)
            if engine.is_believed(limits, report):
                self._believed = report
            await recorder.commit(events)
        announce_strays(limits, events, observed)
        if engine.is_believed(limits, report) and engine.shows_positions(report):
            self._on_look(report)

    def _forget_what_was_before(self) -> None:
        """Begin anew with what is believed of the account, where it was seen before a standstill."""
        standstills = self._standstills()
        if standstills != self._watched_at:
            self._watched_at, self._believed, self._readings = standstills, None, Readings()

    async def _stop_trading(self, stop: EmergencyStopRequested) -> None:
        """Latch a stop, however long the journal refuses; nothing is sent from its arrival on."""
        if engine.is_repeated(self._recorder.state, stop):
            log.info("Emergency stop read a second time, obeyed before", reason=stop.reason)
            return
        self._stop_under_way = stop

        async def latch() -> None:
            async with self._recorder.lock:
                await self._recorder.commit(engine.stop(self._recorder.state, self._recorder.limits, stop))

        await self._until_written(latch, "Emergency stop not journaled, trying again; nothing is sent")
        self._stop_under_way = None

    async def _resume(self, request: ResumeRequested) -> None:
        async with self._recorder.lock:
            state, limits, now_msc = self._recorder.state, self._recorder.limits, self._clock.utc_msc()
            self._forget_what_was_before()
            verdict = engine.resume(state, limits, request, now_msc, self._believed)
            if not isinstance(verdict, Denial):
                await self._recorder.commit(verdict)
                if not verdict:
                    by = request.source.channel.value
                    log.info("Nothing to resume, trading is active", reason=request.reason, by=by)
                return
            detail = explain((verdict,))
            message = encode_error("resume_refused", detail, f"resume_trading {request.reason}")
            key = f"resume:{request.received_msc}:{request.source.offset}"
            await self._recorder.commit((), [(key, message)])
        log.warning("Resume refused", detail=detail)

    async def _answer_malformed(self, fact: MalformedReceived) -> None:
        self._figures.malformed += 1
        place = fact.source.place or fact.source.channel.value
        log.error(
            "Message refused", reason=fact.reason, detail=fact.detail, source=place, message=fact.excerpt
        )
        message = encode_error(fact.reason, f"{fact.detail} (from {place})", fact.excerpt)

        async def write() -> None:
            async with self._recorder.lock:
                await self._recorder.commit((), [(f"error:{fact.message_id}", message)])

        await self._until_written(write, "Answer to a refused message not journaled, trying again")


def _id(wanted: Wanted) -> str:
    return wanted.signal_id if isinstance(wanted, SignalReceived) else wanted.command_id
