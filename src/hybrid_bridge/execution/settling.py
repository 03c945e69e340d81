"""The results of this bridge's trades: asked for once a trade has ended, journaled when the history tells.

Owns which results are asked for when. A trade's end shows at a look at the account, its result in the
account's history, a moment later perhaps: what is not told yet is asked for again, less and less often, and
never made up. One question asks for many trades. What a week and many questions do not bring is given up and
said. app drives `run`; the executor hands over its looks.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import structlog

from hybrid_bridge.core.account import AccountReport, Deal
from hybrid_bridge.core.appraisal import DealsQuery
from hybrid_bridge.core.records import OrderRecord
from hybrid_bridge.core.trades import abandon_result, find_unknown_results, number_by, settle_all
from hybrid_bridge.errors import JournalError, LaneError
from hybrid_bridge.execution.recorder import Recorder
from hybrid_bridge.ports import Clock, TradeHistory

log = structlog.get_logger(__name__)

FIRST_RETRY_S, MOST_RETRY_S = 1.0, 60.0
# Each question downloads a day or more of the history, which a busy account has thousands of deals in.
QUESTIONS_PER_ROUND, ASKED_AT_ONCE = 5, 200
# Of the time no more than a twentieth goes into this, so that orders find the terminal free.
REST_SHARE, REST_MOST_S = 19.0, 5.0
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
        history: TradeHistory,
        clock: Clock,
        server_day: Callable[[int], int | None],
    ) -> None:
        """Begin with nothing asked.

        Args:
            server_day: gives the broker's calendar day of an instant (UTC ms), None while it is unknown.
        """
        self._recorder = recorder
        self._history = history
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
            began_s = self._clock.monotonic()
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
            took_s = self._clock.monotonic() - began_s
            if took_s > 0:
                await self._clock.sleep(min(REST_SHARE * took_s, REST_MOST_S))

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
        for batch in self._batches(due):
            # Another's answer may have told of some of these too.
            left = [record for record in batch if record.intent.number in unsettled]
            if left:
                await self._ask(left)

    def _question(self, record: OrderRecord) -> _Question:
        return self._questions.setdefault(record.intent.number, _Question())

    def _since_msc(self, record: OrderRecord) -> int:
        """Return from when on the deals of an entry's position are looked for."""
        tries = self._question(record).tries
        # A position that others opened earlier is looked for farther back, the farther the oftener.
        return record.sending_msc - (DAY_MS * 4 ** min(tries, 5) if tries else 0)

    def _batches(self, due: list[OrderRecord]) -> list[list[OrderRecord]]:
        """Put together what one part of the history tells of; what was asked for least comes first."""
        batches: dict[int, list[OrderRecord]] = {}
        for record in due:
            batch = batches.setdefault(self._since_msc(record) // DAY_MS, [])
            if len(batch) < ASKED_AT_ONCE:
                batch.append(record)
        return list(batches.values())[:QUESTIONS_PER_ROUND]

    async def _ask(self, batch: list[OrderRecord]) -> None:
        """Ask for the deals of entries and of the positions that they made, and journal what they tell."""
        query = self._query_for(batch)
        questions = [self._question(record) for record in batch]
        now_s = self._clock.monotonic()
        for question in questions:
            question.due_s = now_s + min(MOST_RETRY_S, FIRST_RETRY_S * 2.0**question.tries)
        found = await self._history.deals_of(query)
        for question in questions:
            question.tries = min(question.tries + 1, TRIES_MOST)
        if found.connected:
            await self._commit(batch, found.deals)
        for record in batch:
            if record.intent.number in self._recorder.state.unsettled:
                self._tell_unknown(record)

    def _query_for(self, batch: list[OrderRecord]) -> DealsQuery:
        requests = [record.order.request for record in batch if record.order is not None]
        tickets = {record.answer.ticket for record in batch if record.answer is not None}
        return DealsQuery(
            magics=tuple(request.magic for request in requests if request.magic),
            comments=tuple(request.comment for request in requests if request.comment),
            positions=tuple(sorted(tickets - {0})),
            since_msc=min(self._since_msc(record) for record in batch),
        )

    def _tell_unknown(self, record: OrderRecord) -> None:
        if self._question(record).tries == TOLD_AFTER_TRIES:
            log.warning(
                "Result of a trade is not known yet, asking on",
                signal=record.intent.signal_id,
                symbol=record.intent.symbol,
                advice="it counts as a possible loss until the terminal's History tells",
            )

    async def _commit(self, batch: list[OrderRecord], deals: Sequence[Deal]) -> None:
        """Journal all that these deals tell of entries that are what they were when they were asked for."""
        async with self._recorder.lock:
            unsettled = self._recorder.state.unsettled
            left = [record for record in batch if unsettled.get(record.intent.number) is record]
            number_of = number_by(unsettled.values())
            events = settle_all(left, deals, number_of, self._server_day, self._clock.utc_msc())
            if events:
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
