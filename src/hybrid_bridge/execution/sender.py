"""From a journaled order to its journaled answer: the last check, the one send, at most one more try.

Owns the way to the venue. Every send has its own durable point of no return: the commit of OrderSending,
or of OrderRetried. What may have been done is never sent again. The executor calls `send` for one order at a
time.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace

import structlog

from hybrid_bridge.core import engine
from hybrid_bridge.core.events import Event, OrderRetried, TradingState
from hybrid_bridge.core.inputs import OrderAppraised, OrderReplied, SendWithheld, Wanted
from hybrid_bridge.core.orders import Answer, ApprovedOrder, IntentKind, SubmitOutcome
from hybrid_bridge.core.reconciliation import look_query
from hybrid_bridge.core.replies import RETCODE_DONE_PARTIAL
from hybrid_bridge.core.requests import ACTION_DEAL
from hybrid_bridge.core.state import OrderRecord
from hybrid_bridge.errors import JournalError, LaneError
from hybrid_bridge.execution.announcements import announce_strays
from hybrid_bridge.execution.appraising import appraise
from hybrid_bridge.execution.inbox import Delivery
from hybrid_bridge.execution.recorder import Recorder
from hybrid_bridge.figures import ExecutorFigures, Laps
from hybrid_bridge.ports import Clock, TradeLane

log = structlog.get_logger(__name__)

JOURNAL_RETRY_S = 1.0


class OrderSender:
    """Sends one order at a time, and journals what came of it."""

    def __init__(
        self,
        recorder: Recorder,
        lane: TradeLane,
        clock: Clock,
        figures: ExecutorFigures,
        stop_comes: Callable[[], bool],
        closed_because: Callable[[], str],
        standstills: Callable[[], int] = lambda: 0,
    ) -> None:
        """Wire it.

        Args:
            stop_comes: whether an emergency stop was received that is not latched yet.
            closed_because: why nothing is accepted at present, or an empty text.
            standstills: how often the PC slept, or the bridge was held up, until this instant.
        """
        self._recorder = recorder
        self._lane = lane
        self._clock = clock
        self._figures = figures
        self._stop_comes = stop_comes
        self._closed_because = closed_because
        self._standstills = standstills

    async def send(self, record: OrderRecord, wanted: Wanted, delivery: Delivery, laps: Laps) -> None:
        """Send a journaled order unless something has come in between, and journal its answer."""
        withheld = self._last_check(record, delivery)
        if withheld is not None:
            await self._commit(engine.withhold(withheld))
            return
        self._figures.signal_to_send.add(self._clock.monotonic() - delivery.received_s)
        replied = await self._submit(record, delivery, laps)
        self._figures.add_laps(laps)
        withheld = self._last_check(record, delivery) if replied.outcome.never_asked else None
        if withheld is not None:  # It came while the order waited for its turn at the terminal.
            await self._commit(engine.withhold(withheld))
        elif engine.may_try_again(record, replied.outcome):
            await self._send_again(record, wanted, delivery, replied)
        else:
            await self._commit(engine.answer(self._recorder.state, replied))

    async def _send_again(
        self, record: OrderRecord, wanted: Wanted, delivery: Delivery, refused: OrderReplied
    ) -> None:
        """Judge a refused order on fresh facts and, where these permit it, send it once more."""
        why_not: str | None = self._why_not_again(record, delivery)
        if not why_not:
            appraised = await appraise(
                self._lane, self._recorder.limits, wanted, lambda: self._now_msc(record, delivery)
            )
            why_not = await self._judge_again(refused, appraised)
        if why_not is None:
            return
        # Whatever was decided while the terminal was asked and the journal written.
        why_not = why_not or self._why_not_again(record, delivery)
        if why_not:
            refused = replace(refused, now_msc=self._clock.utc_msc())
            await self._commit(engine.answer(self._recorder.state, refused, why_not))
            return
        self._figures.retried += 1
        replied = await self._submit(record, delivery)
        await self._commit(engine.answer(self._recorder.state, replied))

    async def _judge_again(self, refused: OrderReplied, appraised: OrderAppraised) -> str | None:
        """Journal the second judgement.

        Returns:
            An empty text when the order is to be sent again, None when it has its answer, else why neither.
        """
        recorder = self._recorder
        async with recorder.lock:
            appraised = recorder.mark_if_superseded(appraised)
            events = engine.judge_again(recorder.state, self._recorder.limits, refused, appraised)
            try:
                await recorder.commit(events)
            except JournalError as error:
                return f"the journal cannot be written: {error}"
        announce_strays(self._recorder.limits, events, appraised)
        return "" if isinstance(events[-1], OrderRetried) else None

    def _why_not_again(self, record: OrderRecord, delivery: Delivery) -> str:
        withheld = self._last_check(record, delivery)
        if withheld is not None:
            return f"{withheld.reason}, {withheld.detail}"
        return "" if delivery.urgent else self._closed_because()

    async def _submit(
        self, record: OrderRecord, delivery: Delivery, laps: Laps | None = None
    ) -> OrderReplied:
        order = _order_of(record)
        sent_s, sent_msc = self._clock.monotonic(), self._clock.utc_msc()
        outcome = await self._lane.submit(order, lambda: self._last_check(record, delivery) is None)
        if laps is not None:
            laps.end("send")
        outcome = await self._with_price(record, outcome)
        self._figures.send_to_result.add(self._clock.monotonic() - sent_s)
        return OrderReplied(record.intent.number, outcome, sent_msc, self._clock.utc_msc())

    def _last_check(self, record: OrderRecord, delivery: Delivery) -> SendWithheld | None:
        """Look once more at what may have changed while the journal was written."""
        intent, now_msc = record.intent, self._now_msc(record, delivery)
        # What reduces the risk, or takes an order back, passes every stop.
        halted = self._why_halted(intent.number) if intent.kind is IntentKind.ENTRY else None
        if halted is not None:
            return SendWithheld(intent.number, *halted, now_msc)
        if now_msc > intent.expires_msc:
            detail = f"{now_msc - intent.expires_msc} ms too late at the moment of sending"
            return SendWithheld(intent.number, "expiry", detail, now_msc)
        if self._standstills() != delivery.standstills:
            # The prices and the account that it was judged on are of before.
            detail = "the PC slept, or the bridge was held up, between its approval and its sending"
            return SendWithheld(intent.number, "expiry", detail, now_msc)
        return None

    def _why_halted(self, number: int) -> tuple[str, str] | None:
        state = self._recorder.state
        if self._stop_comes() or state.emergency:
            return "emergency_stop", state.halt_reason or "received while the order was journaled"
        # While only what reduces is permitted, what was approved before was not judged by that.
        before = number < self._recorder.latched_number
        if state.trading is TradingState.HALTED or (state.trading is TradingState.REDUCING and before):
            return "trading_state", state.halt_reason
        return None

    def _now_msc(self, record: OrderRecord, delivery: Delivery) -> int:
        return delivery.now_msc(self._clock, record.intent.received_msc)

    async def _with_price(self, record: OrderRecord, outcome: SubmitOutcome) -> SubmitOutcome:
        """Read the price from the deal where the venue's reply left it out (seen on live fills)."""
        request = _order_of(record).request
        wants_price = request.action == ACTION_DEAL
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
        # The history may show a first part only: it counts where the venue has named none itself.
        told = outcome.retcode != RETCODE_DONE_PARTIAL or 0 < outcome.volume < request.volume
        volume = outcome.volume if told else volume
        return replace(outcome, price=price, volume=volume, deal=deals[0].ticket)

    async def _commit(self, events: Sequence[Event]) -> None:
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


def _order_of(record: OrderRecord) -> ApprovedOrder:
    assert record.order is not None  # noqa: S101 - SENDING follows APPROVED, which carries the order
    return record.order
