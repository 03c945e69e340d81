"""The executor: one inbox in, one journal, one trade lane; the only writer of the engine's state.

Owns the order of things: decide, journal, apply, and only then act. Decisions are made under the recorder's
lock but the venue is waited for outside it, so an emergency stop is decided while an order is on its way, and
each order is checked against it once more right before it is sent. app drives `run_orders` and `run_facts`.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import replace

import structlog

from hybrid_bridge.core import engine
from hybrid_bridge.core.account import AccountReport, Position
from hybrid_bridge.core.appraisal import Appraisal, AppraisalQuery, account_only
from hybrid_bridge.core.events import Denial, DuplicateReceived, Event, OrderSending, TradingState
from hybrid_bridge.core.inputs import (
    AccountObserved,
    CancelRequested,
    CloseRequested,
    EmergencyStopRequested,
    Input,
    MalformedReceived,
    OrderAppraised,
    OrderReplied,
    ResumeRequested,
    SendWithheld,
    SignalReceived,
    Wanted,
)
from hybrid_bridge.core.limits import Limits
from hybrid_bridge.core.orders import Answer, Intent, IntentKind, SubmitOutcome
from hybrid_bridge.core.reconciliation import look_query
from hybrid_bridge.core.requests import ACTION_DEAL
from hybrid_bridge.core.results import explain
from hybrid_bridge.core.state import OrderRecord
from hybrid_bridge.errors import AlreadyJournaled, JournalError, LaneError
from hybrid_bridge.execution.inbox import Delivery, PriorityInbox
from hybrid_bridge.execution.recorder import Recorder
from hybrid_bridge.figures import ExecutorFigures
from hybrid_bridge.messages.outbound import encode_error
from hybrid_bridge.ports import Clock, TradeLane

log = structlog.get_logger(__name__)

JOURNAL_RETRY_S = 1.0
STOP_RETRY_S = 1.0


class Executor:
    """Turns inputs into decisions, decisions into orders, and orders into results."""

    def __init__(
        self,
        recorder: Recorder,
        inbox: PriorityInbox,
        lane: TradeLane,
        limits: Limits,
        clock: Clock,
        figures: ExecutorFigures,
    ) -> None:
        self._recorder = recorder
        self._inbox = inbox
        self._lane = lane
        self._limits = limits
        self._clock = clock
        self._figures = figures
        self._closed: Denial | None = Denial("trading_state", "a recovered bridge", "starting", "recovering")
        self._stopping = False
        self._stop_under_way: EmergencyStopRequested | None = None
        self._uncleared_because = ""
        self._busy = False
        self._turn_over = asyncio.Event()

    def close_for(self, observed: str, detail: str) -> None:
        """Deny every signal and command from now on, with this explanation."""
        if not self._stopping:
            self._closed = Denial("trading_state", "a running bridge", observed, detail)

    def open(self) -> None:
        """Accept signals and commands, unless the bridge is stopping: that door stays closed."""
        if not self._stopping:
            self._closed = None

    @property
    def closed_because(self) -> str:
        """Why nothing is accepted, or an empty text."""
        return "" if self._closed is None else f"{self._closed.observed}: {self._closed.detail}"

    async def drain(self) -> None:
        """Refuse what still waits and return once the order on its way has its result."""
        self.close_for("stopping", "received while the bridge was stopping")
        self._stopping = True
        while self._busy or self._inbox.orders_waiting:
            self._turn_over.clear()
            await self._turn_over.wait()

    async def clear_account(self, stop: EmergencyStopRequested) -> None:
        """Cancel and close what an emergency stop asks for, ahead of every order that waits."""
        await self._inbox.put_first([stop])

    async def run_orders(self) -> None:
        """Process signals and commands one by one, for ever."""
        while True:
            delivery = await self._inbox.next_order()
            self._busy = True
            try:
                await self._process(delivery)
            finally:
                self._busy = False
                self._turn_over.set()

    async def run_facts(self) -> None:
        """Process stops, resumes, observations and malformed messages, for ever."""
        while True:
            delivery = await self._inbox.next_fact()
            try:
                await self._take_fact(delivery.item)
            except JournalError as error:
                log.error("Journal cannot be written", error=str(error), lost=type(delivery.item).__name__)
            else:
                delivery.settled()

    async def _process(self, delivery: Delivery) -> None:
        if isinstance(delivery.item, EmergencyStopRequested):
            await self._clear(delivery.item)
            return
        wanted = delivery.item
        assert isinstance(wanted, Wanted)  # noqa: S101 - the inbox sorts; this tells the type checker
        self._figures.received[wanted.source.channel.value] += 1
        try:
            record = await self._decide(wanted, delivery)
        except JournalError as error:
            # Not settled: Redpanda will deliver it again; nothing may be sent without a journal.
            log.error("Signal not processed, journal cannot be written", signal=_id(wanted), error=str(error))
            return
        delivery.settled()
        if record is not None:
            await self._send(record, delivery)

    async def _decide(self, wanted: Wanted, delivery: Delivery) -> OrderRecord | None:
        """Decide and journal one signal or command; returns the order that is now to be sent."""
        state, limits = self._recorder.state, self._limits
        async with self._recorder.lock:
            events = self._refuse(wanted, delivery) or engine.receive(
                state, limits, wanted, self._now_msc(wanted, delivery)
            )
            if events:
                await self._commit_wanted(wanted, events)
                return None
        appraised = await self._appraise(wanted, delivery)
        async with self._recorder.lock:
            events = self._refuse(wanted, delivery) or engine.judge_appraised(state, limits, appraised)
            if not await self._commit_wanted(wanted, events):
                return None
        sending = next((event for event in events if isinstance(event, OrderSending)), None)
        return None if sending is None else state.orders[sending.number]

    def _refuse(self, wanted: Wanted, delivery: Delivery) -> tuple[Event, ...]:
        """Say no where the door is closed; what an emergency stop does to the account passes it."""
        if self._closed is None or delivery.urgent:
            return ()
        now_msc = self._now_msc(wanted, delivery)
        return engine.refuse(self._recorder.state, self._limits, wanted, self._closed, now_msc)

    def _now_msc(self, wanted: Wanted | Intent, delivery: Delivery) -> int:
        """Return the time by which it may be too late: a PC clock set back makes nothing fresh again."""
        waited_s = self._clock.monotonic() - delivery.received_s
        return max(self._clock.utc_msc(), wanted.received_msc + int(waited_s * 1000))

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

    async def _appraise(self, wanted: Wanted, delivery: Delivery) -> OrderAppraised:
        appraisal: Appraisal | None = None
        position: Position | None = None
        problem = ""
        try:
            if isinstance(wanted, SignalReceived):
                open_risk = self._limits.max_open_risk_percent is not None
                query = AppraisalQuery(wanted.symbol, wanted.side, wanted.stop_loss, open_risk)
                appraisal = await self._lane.appraise(query)
            else:
                report = await self._lane.report()
                position = _find_position(report, wanted)
                appraisal = account_only(report)
                if position is not None:
                    query = AppraisalQuery(position.symbol, position.side.opposite, 0.0, open_risk=False)
                    appraisal = await self._lane.appraise(query)
        except LaneError as error:
            appraisal, problem = None, str(error)
        return OrderAppraised(wanted, appraisal, position, problem, self._now_msc(wanted, delivery))

    async def _send(self, record: OrderRecord, delivery: Delivery) -> None:
        number, order = record.intent.number, record.order
        assert order is not None  # noqa: S101 - SENDING follows APPROVED, which carries the order
        withheld = self._last_check(record, delivery)
        if withheld is not None:
            await self._commit_answer(engine.withhold(withheld))
            return
        sent_s, sent_msc = self._clock.monotonic(), self._clock.utc_msc()
        self._figures.signal_to_send.add(sent_s - delivery.received_s)
        outcome = await self._with_price(record, await self._lane.submit(order))
        self._figures.send_to_result.add(self._clock.monotonic() - sent_s)
        replied = OrderReplied(number, outcome, sent_msc, self._clock.utc_msc())
        await self._commit_answer(engine.answer(self._recorder.state, replied))

    def _last_check(self, record: OrderRecord, delivery: Delivery) -> SendWithheld | None:
        """Look once more at what may have changed while the journal was written."""
        intent, state = record.intent, self._recorder.state
        if intent.kind is not IntentKind.ENTRY:
            return None
        now_msc = self._now_msc(intent, delivery)
        if self._stop_under_way is not None or self._inbox.stop_waits or state.emergency:
            detail = state.halt_reason or "received while the order was journaled"
            return SendWithheld(intent.number, "emergency_stop", detail, now_msc)
        if state.trading is TradingState.HALTED:
            return SendWithheld(intent.number, "trading_state", state.halt_reason, now_msc)
        if now_msc > intent.expires_msc:
            late = now_msc - intent.expires_msc
            detail = f"{late} ms too late at the moment of sending"
            return SendWithheld(intent.number, "expiry", detail, now_msc)
        return None

    async def _with_price(self, record: OrderRecord, outcome: SubmitOutcome) -> SubmitOutcome:
        """Read the price from the deal where the venue's reply left it out (seen on live fills)."""
        wants_price = record.order is not None and record.order.request.action == ACTION_DEAL
        if outcome.answer is not Answer.YES or outcome.placed or outcome.price > 0 or not wants_price:
            return outcome
        query = look_query(record)
        try:
            findings = await self._lane.look(query)
        except LaneError as error:
            log.warning("Fill price not known", signal=record.intent.signal_id, error=str(error))
            return outcome
        deals = [deal for deal in findings.deals if deal.magic == query.magic]
        volume = sum(deal.volume for deal in deals)
        if not volume:
            # The history may be behind; the position that the order opened is there at once.
            opened = (held.price_open for held in findings.positions if held.magic == query.magic)
            return replace(outcome, price=next(opened, outcome.price))
        price = sum(deal.price * deal.volume for deal in deals) / volume
        return replace(outcome, price=price, volume=volume, deal=deals[0].ticket)

    async def _commit_answer(self, events: Sequence[Event]) -> None:
        """Journal what became of a sent order, however long the journal refuses."""
        while True:
            try:
                async with self._recorder.lock:
                    await self._recorder.commit(events)
            except JournalError as error:
                log.error("Result not journaled, trying again; nothing else is sent", error=str(error))
                await self._clock.sleep(JOURNAL_RETRY_S)
            else:
                return

    async def _take_fact(self, fact: Input) -> None:
        state = self._recorder.state
        match fact:
            case EmergencyStopRequested():
                await self._stop_trading(fact)
            case ResumeRequested():
                await self._resume(fact)
            case AccountObserved():
                async with self._recorder.lock:
                    await self._recorder.commit(engine.observe(state, self._limits, fact))
            case MalformedReceived():
                await self._answer_malformed(fact)
            case _:
                raise TypeError(f"{type(fact).__name__} is no fact")

    async def _stop_trading(self, stop: EmergencyStopRequested) -> None:
        """Latch a stop, however long the journal refuses; nothing is sent from its arrival on."""
        self._stop_under_way = stop
        while True:
            try:
                async with self._recorder.lock:
                    await self._recorder.commit(engine.stop(self._recorder.state, self._limits, stop))
            except JournalError as error:
                log.error("Emergency stop not journaled, trying again; nothing is sent", error=str(error))
                await self._clock.sleep(JOURNAL_RETRY_S)
            else:
                break
        self._stop_under_way = None
        await self.clear_account(stop)

    async def _resume(self, request: ResumeRequested) -> None:
        async with self._recorder.lock:
            now_msc = self._clock.utc_msc()
            verdict = engine.resume(self._recorder.state, self._limits, request, now_msc)
            if not isinstance(verdict, Denial):
                await self._recorder.commit(verdict)
                return
            detail = explain((verdict,))
            log.warning("Resume refused", detail=detail)
            message = encode_error("resume_refused", detail, f"resume_trading {request.reason}")
            await self._recorder.commit((), [(f"resume:{request.received_msc}", message)])

    async def _answer_malformed(self, fact: MalformedReceived) -> None:
        self._figures.malformed += 1
        place = fact.source.channel.value
        if fact.source.topic:
            place = f"{fact.source.topic}/{fact.source.partition}/{fact.source.offset}"
        log.error(
            "Message refused", reason=fact.reason, detail=fact.detail, source=place, message=fact.excerpt
        )
        message = encode_error(fact.reason, f"{fact.detail} (from {place})", fact.excerpt)
        async with self._recorder.lock:
            await self._recorder.commit((), [(f"error:{place}:{fact.received_msc}", message)])

    async def _clear(self, stop: EmergencyStopRequested) -> None:
        """After the latch: cancel pending orders, and close positions where that is wanted."""
        if not self._recorder.state.emergency:
            log.warning("Account not cleared, the emergency stop was lifted before", reason=stop.reason)
            return
        try:
            report = await self._lane.report()
        except LaneError as error:
            await self._clear_later(stop, str(error))
            return
        self._uncleared_because = ""
        await self._inbox.put_first(self._clearing(stop, report))

    async def _clear_later(self, stop: EmergencyStopRequested, reason: str) -> None:
        """Come back to a stop whose account cannot be seen; what waits is answered in between."""
        if self._stopping:
            log.error("Emergency stop is latched, but the account was not cleared", reason=reason)
            return
        if reason != self._uncleared_because:
            self._uncleared_because = reason
            log.error("Emergency stop cannot see the account yet, trying again", reason=reason)
        await self._clock.sleep(STOP_RETRY_S)
        await self._inbox.put_back(stop)

    def _clearing(self, stop: EmergencyStopRequested, report: AccountReport) -> list[Wanted]:
        close = self._limits.close_positions_on_stop if stop.close_positions is None else stop.close_positions
        wanted: list[Wanted] = []
        stamp = stop.received_msc
        now_msc = self._clock.utc_msc()
        if stop.cancel_orders:
            wanted += [
                CancelRequested(f"stop-{stamp}-cancel-{order.ticket}", order.ticket, "", stop.source, now_msc)
                for order in report.orders
            ]
        if close:
            wanted += [
                CloseRequested(
                    f"stop-{stamp}-close-{held.ticket}", held.ticket, None, "", stop.source, now_msc
                )
                for held in report.positions
            ]
        if wanted:
            log.warning("Emergency stop clears the account", orders=len(report.orders), steps=len(wanted))
        else:
            log.warning("Emergency stop leaves positions as configured", positions=len(report.positions))
        return wanted


def _find_position(report: AccountReport, wanted: Wanted) -> Position | None:
    ticket = wanted.ticket if not isinstance(wanted, SignalReceived | CancelRequested) else 0
    return next((position for position in report.positions if position.ticket == ticket), None)


def _id(wanted: Wanted) -> str:
    return wanted.signal_id if isinstance(wanted, SignalReceived) else wanted.command_id
