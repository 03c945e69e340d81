"""The audit of ticks: the topic read once, and the terminal's history of each stretch held against it.

Owns the order of the work and the offset of the server's clock, which it finds where topic and history agree.
Where the ticks come from is the caller's; judging single ticks is the core's. Called by `audit_ticks`.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from hybrid_bridge.core.clock_changes import ClockBook, candidates
from hybrid_bridge.core.tick_audit import Span, SymbolAudit
from hybrid_bridge.core.tick_matching import Row, count_common
from hybrid_bridge.journal.words import iso
from hybrid_bridge.streams.tick_topic import ReadFigures, TopicTick

SAMPLE = 64
# Fewer ticks than these do not speak against an offset that others have proven.
PROOF = 8
# A terminal that is still downloading gives what it has.
RELOAD_S = 1.0
RELOADS_MAX = 60
# All symbols are sent beat by beat: one that is so far behind another does not merely wait for its turn.
BEHIND_MSC = 60_000


class Topic(Protocol):
    """The tick topic, read once."""

    figures: ReadFigures

    def ticks(self) -> AsyncIterator[list[TopicTick]]:
        """Yield the account's ticks as they stand there."""
        ...

    def reaches_back(self, symbol: str) -> bool:
        """Tell whether nothing of the range was deleted."""
        ...


class History(Protocol):
    """The terminal's own ticks."""

    async def rows(self, symbol: str, from_msc: int, to_msc: int, offset_s: int) -> list[Row]:
        """Return every tick of a span."""
        ...


@dataclass(frozen=True, slots=True)
class AuditReport:
    """What an audit has found.

    Attributes:
        faults: what is wrong beside single ticks, in words.
        notes: what a reader should know.
    """

    span: Span
    audits: dict[str, SymbolAudit]
    read: ReadFigures
    clock: ClockBook
    faults: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def compared(self) -> int:
        """How many ticks were compared."""
        return sum(audit.figures.compared for audit in self.audits.values())

    @property
    def unsent(self) -> int:
        """How many ticks the topic may still get."""
        return sum(audit.figures.unsent for audit in self.audits.values())

    @property
    def wrong(self) -> int:
        """How many faults there are in all."""
        return len(self.faults) + sum(audit.figures.faults for audit in self.audits.values())


class Audit:
    """One audit of a range of time."""

    def __init__(
        self,
        span: Span,
        symbols: Iterable[str],
        topic: Topic,
        history: History,
        clock: ClockBook,
        observed_s: int | None = None,
    ) -> None:
        """Prepare; nothing is read yet.

        Args:
            clock: with the offset that the settings name, or empty.
            observed_s: how far the server's clock is seen to be ahead of UTC at the end of the range.
        """
        self._topic = topic
        self._history = history
        self._clock = clock
        self._observed_s = observed_s
        self._searched_in_vain = False
        self._audits = {symbol: SymbolAudit(symbol, span) for symbol in symbols}
        self._report = AuditReport(span, self._audits, topic.figures, clock)

    async def run(self) -> AuditReport:
        """Compare everything.

        Raises:
            ChannelError: when the topic cannot be read.
            LaneError: when the terminal cannot be asked.
        """
        async for run in self._topic.ticks():
            for symbol, seq, row in run:
                if symbol in self._audits:
                    self._audits[symbol].take(seq, row)
            for symbol in dict.fromkeys(tick.symbol for tick in run):
                if symbol in self._audits:
                    await self._advance(self._audits[symbol])
        await self._finish()
        self._judge_clock()
        self._judge_reading()
        self._judge_progress()
        return self._report

    async def _finish(self) -> None:
        seen = [audit for audit in self._audits.values() if audit.seen]
        for audit in seen:
            audit.end()
        # The busiest first: they prove the clock's offset, the others believe it.
        for audit in sorted(seen, key=lambda one: -one.waiting):
            await self._advance(audit)
            await self._settle_late(audit)
        begins = [audit.begins_msc for audit in seen if audit.begins_msc is not None]
        for audit in self._audits.values():
            if begins and not audit.seen:
                audit.end(min(begins))
                await self._advance(audit)

    async def _advance(self, audit: SymbolAudit) -> None:
        """Compare what can be compared by now."""
        while (span := audit.due(self._topic.reaches_back(audit.symbol))) is not None:
            await self._settle(audit, span)

    async def _settle(self, audit: SymbolAudit, span: Span) -> None:
        offset_s = self._clock.at(span.from_msc)
        if offset_s is None:
            offset_s = await self._learn()
        span = Span(span.from_msc, self._clock.until(*span))
        topic = audit.rows(span)
        history = await self._whole(audit.symbol, span, offset_s, topic)
        doubtful = len(topic) >= PROOF and not _agree(topic, history)
        if doubtful and await self._find_change(audit.symbol, topic, history, offset_s):
            return  # It is due again, cut where the new offset begins.
        audit.settle(span.to_msc, history, self._clock.set_back_s(span.from_msc) * 1000)

    async def _settle_late(self, audit: SymbolAudit) -> None:
        for span in audit.late_spans():
            audit.settle_late(span, await self._rows(audit.symbol, span, self._clock.at(span.from_msc) or 0))

    async def _rows(self, symbol: str, span: Span, offset_s: int) -> list[Row]:
        return await self._history.rows(symbol, span.from_msc, span.to_msc, offset_s)

    async def _whole(self, symbol: str, span: Span, offset_s: int, topic: Sequence[Row]) -> list[Row]:
        """Return the terminal's ticks; asked again while it lacks some that the topic has and gets more."""
        rows = await self._rows(symbol, span, offset_s)
        for _ in range(RELOADS_MAX):
            if count_common(topic, rows) == len(topic):
                break
            before = len(rows)
            rows = await self._rows(symbol, span, offset_s)
            if len(rows) == before:
                break
            await asyncio.sleep(RELOAD_S)
        return rows

    async def _learn(self) -> int:
        """Find out how far the server's clock was ahead at the beginning."""
        for audit in self._audits.values():
            topic = audit.sample(SAMPLE)
            if not topic:
                continue
            span = Span(topic[0][0], topic[-1][0] + 1)
            for offset_s in candidates(self._observed_s):
                if _agree(topic, await self._rows(audit.symbol, span, offset_s)):
                    self._clock.adopt(span.from_msc, offset_s)
                    return offset_s
        self._report.faults.append(
            "topic and terminal agree at no offset of the server's clock; is it the same account's terminal?"
        )
        offset_s = self._observed_s or 0
        self._clock.adopt(self._report.span.from_msc, offset_s)
        self._searched_in_vain = True
        return offset_s

    async def _find_change(
        self, symbol: str, topic: Sequence[Row], history: Sequence[Row], offset_s: int
    ) -> bool:
        """Look for another offset where one does not fit any more; tells whether there is one."""
        if self._clock.fixed:
            return False
        agreed = count_common(topic, history)
        span = Span(min(row[0] for row in topic), max(row[0] for row in topic) + 1)
        likely = candidates(offset_s)[1:]
        for other_s in likely[:2] if self._searched_in_vain else likely:
            rows = await self._rows(symbol, span, other_s)
            common = count_common(topic, rows)
            if common > agreed and 2 * (common + agreed) >= len(topic):
                only_here = set(rows) - set(history)
                self._clock.adopt(next(row[0] for row in topic if row in only_here), other_s)
                return True
        self._searched_in_vain = True
        return False

    def _judge_clock(self) -> None:
        for earlier, later in zip(self._clock.changes, self._clock.changes[1:], strict=False):
            self._report.notes.append(
                f"the server's clock went from {_ahead(earlier.offset_s)} to {_ahead(later.offset_s)}"
                f" at {iso(later.from_msc)}"
                + "; its hour came twice, and ticks of both may be told as missing"
                * (later.offset_s < earlier.offset_s)
            )
        self._report.faults.extend(
            f"no clock changes to {_ahead(change.offset_s)} as this one did at {iso(change.from_msc)}:"
            " the bridge had a wrong idea of it before or after, and so have the times in the topic"
            for change in self._clock.doubts()
        )
        used_s = self._clock.at(self._report.span.to_msc)
        if None not in (used_s, self._observed_s) and used_s != self._observed_s:
            self._report.faults.append(
                f"the server's clock is at {_ahead(self._observed_s or 0)}, but the topic's times were made"
                f" with {_ahead(used_s or 0)}; is this PC's clock right, and MT5_SERVER_UTC_OFFSET?"
            )

    def _judge_reading(self) -> None:
        report, read = self._report, self._topic.figures
        if read.unreadable:
            report.faults.append(f"{read.unreadable} records are no tick, the first {read.first_unreadable}")
        if read.elsewhere:
            report.notes.append(f"{read.elsewhere} records of other accounts were passed over")
        for audit in report.audits.values():
            if audit.cut and audit.begins_msc is not None:
                report.notes.append(
                    f"{audit.symbol}: the topic begins at {iso(audit.begins_msc)}; what was before is deleted"
                    " (retention), and could not be compared"
                )

    def _judge_progress(self) -> None:
        """What is not sent yet is no fault, unless the bridge has gone on with other symbols meanwhile."""
        reached_msc = max((audit.reached_msc for audit in self._audits.values()), default=0)
        for audit in self._audits.values():
            if audit.unsent_msc is not None and reached_msc - audit.unsent_msc > BEHIND_MSC:
                self._report.faults.append(
                    f"{audit.symbol}: nothing is in the topic from {iso(audit.unsent_msc)} on"
                    f" ({audit.figures.unsent} ticks), though others are there up to {iso(reached_msc)};"
                    " if the bridge is catching up, look again in a minute; otherwise it does not send it,"
                    " or began with it later than that: see SYMBOLS, and the bridge's log"
                )


def _agree(topic: Sequence[Row], history: Sequence[Row]) -> bool:
    return 2 * count_common(topic, history) >= len(topic)


def _ahead(offset_s: int) -> str:
    """Return an offset as UTC+03:00."""
    minutes = abs(offset_s) // 60
    return f"UTC{'-' if offset_s < 0 else '+'}{minutes // 60:02d}:{minutes % 60:02d}"
