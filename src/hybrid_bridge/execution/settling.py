"""The results of this bridge's trades: asked for once a trade has ended, journaled when the history tells.

Owns which results are asked for when. A trade's end shows at a look at the account, its result in the
account's history, a moment later perhaps: what is not told yet is asked for again, less and less often, and
never made up. What a week and many questions do not bring is given up and said. app drives `run`; the
executor hands over its looks.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from hybrid_bridge.core.account import AccountReport
from hybrid_bridge.core.appraisal import Findings, LookQuery
from hybrid_bridge.core.events import Event
from hybrid_bridge.core.records import OrderRecord
from hybrid_bridge.core.trades import (
    abandon_result,
    find_unknown_results,
    is_complete,
    number_by,
    opening_deals,
    settle,
    trades_of,
)
from hybrid_bridge.errors import JournalError, LaneError
from hybrid_bridge.execution.recorder import Recorder
from hybrid_bridge.ports import Clock, TradeLane

log = structlog.get_logger(__name__)

FIRST_RETRY_S, MOST_RETRY_S = 1.0, 60.0
ASKED_PER_ROUND = 5  # Each question downloads a part of the history; orders wait behind one at most.
GIVEN_UP_PER_ROUND = 200
TOLD_AFTER_TRIES = 5
DAY_MS = 86_400_000
PATIENCE_MS = 7 * DAY_MS
TRIES_MOST = 60  # About an hour of a terminal that answers: what lasted long may be told late as well.
# Not asked for at all, unless it was seen open: journals of before results were learned are full of it.
OUT_OF_REACH_MS = 30 * DAY_MS


@dataclass(slots=True)
class _Question:
    """How often a result was asked for, and when it is to be asked for again, on the monotonic clock."""

    tries: int = 0
    due_s: float = 0.0


class Settling:
    """Learns what came of each trade."""

    def __init__(
        self,
        recorder: Recorder,
        lane: TradeLane,
        clock: Clock,
        server_day: Callable[[int], int | None],
    ) -> None:
        """Begin with nothing asked.

        Args:
            server_day: gives the broker's calendar day of an instant (UTC ms), None while it is unknown.
        """
        self._recorder = recorder
        self._lane = lane
        self._clock = clock
        self._server_day = server_day
        self._looked = asyncio.Event()
        self._report: AccountReport | None = None
        self._questions: dict[int, _Question] = {}
        self._seen_open: set[int] = set()

    def take(self, report: AccountReport) -> None:
        """Take in a look at the account that shows what is open."""
        self._report = report
        self._looked.set()

    async def run(self) -> None:
        """Ask after each look for what it shows to have ended, for ever."""
        said = ""
        while True:
            await self._looked.wait()
            self._looked.clear()
            try:
                await self._round()
            except LaneError as error:
                log.debug("Results not asked for, the terminal cannot be asked", error=str(error))
            except JournalError as error:
                if str(error) != said:
                    said = str(error)
                    log.warning("Results of trades are not recorded yet, trying again", error=said)
            else:
                said = ""

    async def _round(self) -> None:
        report, unsettled = self._report, self._recorder.state.unsettled
        for number in [number for number in self._questions if number not in unsettled]:
            del self._questions[number]
        if report is None or not unsettled:
            return
        limits = self._recorder.limits
        ended = find_unknown_results(self._recorder.state, limits, report)
        self._seen_open &= unsettled.keys()
        self._seen_open |= unsettled.keys() - {record.intent.number for record in ended}
        await self._give_up(ended)
        now_s = self._clock.monotonic()
        due = [record for record in ended if self._question(record).due_s <= now_s]
        due.sort(key=lambda record: (self._question(record).tries, record.intent.number))
        for record in due[:ASKED_PER_ROUND]:
            if record.intent.number in unsettled:  # Another's answer may have told of this one too.
                await self._ask(record)

    def _question(self, record: OrderRecord) -> _Question:
        return self._questions.setdefault(record.intent.number, _Question())

    async def _ask(self, record: OrderRecord) -> None:
        question = self._question(record)
        question.due_s = self._clock.monotonic() + min(MOST_RETRY_S, FIRST_RETRY_S * 2.0**question.tries)
        events = await self._find_result(record, question.tries)
        question.tries = min(question.tries + 1, TRIES_MOST)
        if events:
            await self._commit(record, events)
        elif question.tries == TOLD_AFTER_TRIES:
            log.warning(
                "Result of a trade is not known yet, asking on",
                signal=record.intent.signal_id,
                symbol=record.intent.symbol,
                advice="it counts as a possible loss until the terminal's History tells",
            )

    async def _find_result(self, record: OrderRecord, tries: int) -> tuple[Event, ...]:
        """Ask for the deals of an entry's own order, then for all of the position that they made."""
        if record.order is None:
            return ()
        request, answer = record.order.request, record.answer
        # A position that others opened earlier is looked for farther back, the farther the oftener.
        since_msc = record.sending_msc - (DAY_MS * 4 ** min(tries, 5) if tries else 0)
        guess = answer.ticket if answer is not None else 0
        findings = await self._lane.look(LookQuery(request.magic, request.comment, since_msc, guess))
        if not is_complete(record, findings.deals):
            return ()
        positions = {deal.position_id for deal in opening_deals(record, findings.deals)}
        events: tuple[Event, ...] = ()
        for position in sorted(positions):
            found = await self._deals_of(position, since_msc, findings if position == guess else None)
            number_of = number_by(self._recorder.state.unsettled.values())
            deals = [deal for deal in found.deals if deal.position_id == position]
            trades = trades_of(deals, number_of) if found.connected else None
            told = settle(record, trades or (), self._server_day, self._clock.utc_msc())
            if not told:
                return ()
            events += told
        return events

    async def _deals_of(self, position: int, since_msc: int, known: Findings | None) -> Findings:
        return known or await self._lane.look(LookQuery(0, "", since_msc, position))

    async def _commit(self, record: OrderRecord, events: tuple[Event, ...]) -> None:
        async with self._recorder.lock:
            if self._recorder.state.unsettled.get(record.intent.number) is record:
                await self._recorder.commit(events)

    async def _give_up(self, ended: list[OrderRecord]) -> None:
        """Wait no longer for what is too old to be told."""
        now_msc = self._clock.utc_msc()
        old = [record for record in ended if self._is_hopeless(record, now_msc)][:GIVEN_UP_PER_ROUND]
        if not old:
            return
        async with self._recorder.lock:
            unsettled = self._recorder.state.unsettled
            left = [record for record in old if unsettled.get(record.intent.number) is record]
            await self._recorder.commit([one for record in left for one in abandon_result(record, now_msc)])
        signals = ", ".join(record.intent.signal_id for record in left[:5])
        advice = "they count neither as losses nor as wins; the terminal's History shows them"
        log.warning("Results of old trades not learned", trades=len(left), first=signals, advice=advice)

    def _is_hopeless(self, record: OrderRecord, now_msc: int) -> bool:
        filled_msc = record.answer.at_msc if record.answer is not None else record.sending_msc
        age_ms, number = now_msc - filled_msc, record.intent.number
        tries = self._question(record).tries
        unasked = tries == 0 and number not in self._seen_open
        return (unasked and age_ms > OUT_OF_REACH_MS) or (tries == TRIES_MOST and age_ms > PATIENCE_MS)
