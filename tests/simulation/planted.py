"""Bugs to plant: each a way in which an order may be lost, doubled, forgotten or sent against the limits.

Owns what each bug changes in the simulated bridge, and by which judgement it must be caught. The bridge knows
nothing of them: a bug is a part put in another's place for one seed. `catching` looks for the seeds.
"""

import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from scripts.simulation.life import WatchedInbox, WatchedJournal
from tests.simulation.bug import Bug, Change
from tests.simulation.planted_guard import GUARD_BUGS

from hybrid_bridge.core import approval, engine, reconciliation, risk, verdict
from hybrid_bridge.core.appraisal import Findings, LookQuery
from hybrid_bridge.core.events import OrderSending, TradingStateChanged
from hybrid_bridge.core.limits import Limits
from hybrid_bridge.core.orders import Answer, ApprovedOrder, IntentKind, SubmitOutcome
from hybrid_bridge.execution.clearing import EmergencyClearing
from hybrid_bridge.execution.outbox import OutboxPump
from hybrid_bridge.execution.reconciler import Reconciler
from hybrid_bridge.execution.recorder import Recorder
from hybrid_bridge.execution.sender import OrderSender
from hybrid_bridge.journal import sqlite, sqlite_thread
from hybrid_bridge.streams.offsets import OffsetLedger
from hybrid_bridge.terminal.trade_lane import TerminalTradeLane


def offset_first() -> list[Change]:
    """Say of every message that it is settled as soon as it is received."""
    put = WatchedInbox.put

    async def put_settled(self: Any, item: Any, settled: Callable[[], None] | None = None) -> None:
        if settled is not None:
            settled()
        await put(self, item, None)

    return [(WatchedInbox, "put", put_settled)]


def retry_until_answered() -> list[Change]:
    """Send again whenever the answer does not come, or does not tell."""
    submit = TerminalTradeLane.submit

    async def insist(self: Any, order: ApprovedOrder, *asked: Any) -> SubmitOutcome:
        outcome = await submit(self, order, *asked)
        for _ in range(2):
            if outcome.answer is Answer.UNKNOWN:
                outcome = await submit(self, order, *asked)
        return outcome

    return [(TerminalTradeLane, "submit", insist)]


def retry_on_none() -> list[Change]:
    """Take an order_send that returned None for one that was not done."""
    submit = TerminalTradeLane.submit

    async def insist(self: Any, order: ApprovedOrder, *asked: Any) -> SubmitOutcome:
        outcome = await submit(self, order, *asked)
        return await submit(self, order, *asked) if outcome.error_code else outcome

    return [(TerminalTradeLane, "submit", insist)]


def remember_after_sending() -> list[Change]:
    """Write nothing of an order before it was sent and answered."""
    record = WatchedJournal.record
    held: list[tuple[Any, Any]] = []

    async def later(self: Any, events: Sequence[Any], outbox: Sequence[Any]) -> None:
        if any(isinstance(event, OrderSending) for event in events):
            held.append((events, outbox))
            return
        before, held[:] = list(held), []
        all_events = [event for earlier, _ in before for event in earlier]
        all_outbox = [message for _, earlier in before for message in earlier]
        await record(self, [*all_events, *events], [*all_outbox, *outbox])

    async def load(self: Any) -> Any:
        held.clear()
        return await sqlite.SqliteJournal.load(self)

    return [(WatchedJournal, "record", later), (WatchedJournal, "load", load)]


def not_found_means_resend() -> list[Change]:
    """Send again what one look did not find."""
    submit, look = TerminalTradeLane.submit, TerminalTradeLane.look
    sent: dict[int, ApprovedOrder] = {}

    async def remember(self: Any, order: ApprovedOrder, *asked: Any) -> SubmitOutcome:
        outcome = await submit(self, order, *asked)
        if outcome.answer is Answer.UNKNOWN and order.intent.kind is IntentKind.ENTRY:
            sent[order.request.magic] = order
        return outcome

    async def look_and_resend(self: Any, query: LookQuery) -> Findings:
        findings = await look(self, query)
        if not (findings.positions or findings.orders or findings.deals) and query.magic in sent:
            await submit(self, sent.pop(query.magic))
        return findings

    return [(TerminalTradeLane, "submit", remember), (TerminalTradeLane, "look", look_and_resend)]


def duplicates_not_looked_for() -> list[Change]:
    """Act on an id again once its first order is over."""

    def find(*_: object) -> None:
        return None

    return [(engine, "_find_duplicate", find), (sqlite, "_record_received", find)]


def id_forgotten_when_closed() -> list[Change]:
    """Forget the id of what is over, in memory and in the journal."""
    find = engine._find_duplicate

    def find_open(state: Any, wanted: Any, now_msc: int) -> Any:
        found = find(state, wanted, now_msc)
        return found if found is not None and state.orders[found.number].state.value == "unknown" else None

    return [(engine, "_find_duplicate", find_open), (sqlite, "_record_received", lambda *_: None)]


def unknown_volume_forgotten() -> list[Change]:
    """Leave orders in doubt out of the risk checks."""
    left_out = (risk.check_symbol_listed,)
    screening = tuple(check for check in risk.SCREENING if check not in left_out)
    return [(risk, "SCREENING", screening)]


def latch_not_persisted() -> list[Change]:
    """Keep an emergency stop in memory alone."""
    record = WatchedJournal.record

    async def without_latch(self: Any, events: Sequence[Any], outbox: Sequence[Any]) -> None:
        await record(self, [event for event in events if not isinstance(event, TradingStateChanged)], outbox)

    return [(WatchedJournal, "record", without_latch)]


def journal_not_synced() -> list[Change]:
    """Let the system write the journal when it likes."""
    guard = sqlite_thread.SqliteThread._guard

    def unsynced(self: Any, work: Any, durable: bool = True) -> Any:
        del durable
        self._synchronous = "OFF"
        return guard(self, work, True)

    return [(sqlite_thread.SqliteThread, "_guard", unsynced)]


def commit_past_unsettled() -> list[Change]:
    """Commit the offset of the newest settled message, whatever lies before it."""
    settle = OffsetLedger.settle

    def settle_all_before(self: Any, partition: int, offset: int) -> None:
        entry = self._partitions.get(partition)
        for earlier in [place for place in (entry.settled if entry else ()) if place < offset]:
            settle(self, partition, earlier)
        settle(self, partition, offset)

    def read(self: Any, partition: int, offset: int) -> None:
        original(self, partition, offset)
        settle_all_before(self, partition, offset)

    original = OffsetLedger.read
    return [(OffsetLedger, "read", read)]


def look_while_disconnected() -> list[Change]:
    """Count a look for clean though the terminal has no link to the broker."""
    look = TerminalTradeLane.look

    async def connected(self: Any, query: LookQuery) -> Findings:
        return replace(await look(self, query), connected=True)

    report = TerminalTradeLane.report

    async def report_connected(self: Any) -> Any:
        found = await report(self)
        return replace(found, terminal=replace(found.terminal, connected=True))

    return [(TerminalTradeLane, "look", connected), (TerminalTradeLane, "report", report_connected)]


def marked_before_delivery() -> list[Change]:
    """Mark messages as delivered, then deliver them."""

    async def mark_first(self: Any, *_: object) -> int:
        messages = await self._store.undelivered(self._channel.name, 100)
        if messages:
            await self._store.mark_delivered(self._channel.name, messages[-1].seq)
            await self._channel.deliver(messages)
        return len(messages)

    return [(OutboxPump, "_deliver_batch", mark_first)]


def magic_reused() -> list[Change]:
    """Number intents anew at each start."""

    def few(base: int, number: int) -> int:
        return base << 32 | number % 3

    return [(approval, "make_magic", few), (verdict, "make_magic", few)]


def daily_count_lost() -> list[Change]:
    """Begin to count the day's entries anew at each start."""
    restore = Recorder.restore

    async def forgetful(self: Any, *args: Any, **keywords: Any) -> int:
        count = await restore(self, *args, **keywords)
        self.state.daily_entries = 0
        return count

    return [(Recorder, "restore", forgetful)]


def late_fill_ignored() -> list[Change]:
    """Stop looking once somebody was told that nothing was done."""

    async def nothing(*_: object) -> None:
        return

    return [(Reconciler, "_look_at_watched", nothing)]


def stop_not_checked_last() -> list[Change]:
    """Send what was journaled, whatever came meanwhile."""
    return [(OrderSender, "_last_check", lambda *_: None)]


def stop_only_latched() -> list[Change]:
    """Latch an emergency stop and leave the account as it is."""

    async def idle(self: Any) -> None:
        await self._clock.sleep(1e9)

    return [(EmergencyClearing, "run", idle)]


def comment_is_the_only_witness() -> list[Change]:
    """Recognize orders by their comment, which brokers rewrite."""
    return [
        (reconciliation, "look_query", _without_magic(reconciliation.look_query)),
        (sys.modules[Reconciler.__module__], "look_query", _without_magic(reconciliation.look_query)),
    ]


def _without_magic(ask: Callable[..., LookQuery]) -> Callable[..., LookQuery]:
    return lambda record: replace(ask(record), magic=0)


def expiry_not_checked() -> list[Change]:
    """Act on signals however old they are."""
    return [(engine, "_find_expiry", lambda *_: None), (OrderSender, "_last_check", lambda *_: None)]


def netting_close_retried() -> list[Change]:
    """Close again where the answer to a close did not come."""
    submit = TerminalTradeLane.submit

    async def insist(self: Any, order: ApprovedOrder, *asked: Any) -> SubmitOutcome:
        outcome = await submit(self, order, *asked)
        if outcome.answer is Answer.UNKNOWN and order.intent.kind is IntentKind.CLOSE:
            return await submit(self, order, *asked)
        return outcome

    return [(TerminalTradeLane, "submit", insist)]


def rate_not_counted() -> list[Change]:
    """Let any number of entries pass in a minute."""
    return [
        (risk, "SCREENING", tuple(check for check in risk.SCREENING if check is not risk.check_order_rate))
    ]


def positions_not_counted() -> list[Change]:
    """Let any number of positions be open."""
    return [
        (risk, "JUDGING", tuple(check for check in risk.JUDGING if check is not risk.check_open_positions))
    ]


def stop_loss_not_required() -> list[Change]:
    """Send entries without a stop."""
    approve = verdict.approve

    def lenient(case: Any, intent: Any) -> Any:
        limits: Limits = replace(case.limits, require_stop_loss=False)
        return approve(replace(case, limits=limits), intent)

    return [(verdict, "approve", lenient)]


BUGS = (
    Bug("offset committed first, then sent", offset_first, ("lost",)),
    Bug("sent, retried on timeout, committed last", retry_until_answered, ("doubled",)),
    Bug("signal id remembered after sending", remember_after_sending, ("doubled", "unexplained", "lost")),
    Bug("not found once means resend", not_found_means_resend, ("doubled",)),
    Bug("retry when order_send returns None", retry_on_none, ("doubled",)),
    Bug("duplicates not looked for", duplicates_not_looked_for, ("doubled",)),
    Bug("id forgotten when its order is over", id_forgotten_when_closed, ("doubled",)),
    Bug("orders in doubt forgotten in the limits", unknown_volume_forgotten, ("limit",)),
    Bug("emergency latch not persisted", latch_not_persisted, ("stop",)),
    Bug("journal not synced, then a power cut", journal_not_synced, ("doubled", "lost", "unexplained")),
    Bug("offsets committed past an unsettled message", commit_past_unsettled, ("lost",)),
    Bug("clean look counted while disconnected", look_while_disconnected, ("unexplained",)),
    Bug("outbox marked before delivery", marked_before_delivery, ("lost", "unexplained")),
    Bug("magic reused", magic_reused, ("unexplained",)),
    Bug("daily count lost at a restart", daily_count_lost, ("limit",)),
    Bug("late fill ignored", late_fill_ignored, ("unexplained",)),
    Bug("emergency stop not checked right before the send", stop_not_checked_last, ("stop",)),
    Bug("emergency stop only latched, account not cleared", stop_only_latched, ("stop",)),
    Bug("comment taken for the only witness", comment_is_the_only_witness, ("unexplained",)),
    Bug("expiry not checked", expiry_not_checked, ("unexplained",)),
    Bug("close retried blindly", netting_close_retried, ("doubled", "unexplained")),
    Bug("order rate not counted", rate_not_counted, ("limit",)),
    Bug("open positions not counted", positions_not_counted, ("limit",)),
    Bug("stop loss not required", stop_loss_not_required, ("limit",)),
    *GUARD_BUGS,
)
