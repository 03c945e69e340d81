"""What an emergency stop still has to do to the account: cancel, close, look, until nothing is left.

Owns which steps are tried when; what is to be done stands in the engine's state, so a restart goes on with
it. Each step is a command like any other, journaled and sent by the executor, ahead of every order that
waits. Ends when the account was seen without anything to clear and no order's outcome is unknown, or when a
resume lifts the stop. app drives `run`; bridge_status shows `progress`.

After that, what is opened by hand stays. Only an entry from before the stop that comes to light late is
closed again while the stop holds: the trader who stopped did not want it any more.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import structlog

from hybrid_bridge.core.account import AccountReport, PendingOrder, Position
from hybrid_bridge.core.account_watch import shows_positions
from hybrid_bridge.core.appraisal import AppraisalQuery
from hybrid_bridge.core.events import AccountCleared
from hybrid_bridge.core.identity import find_account_denial
from hybrid_bridge.core.inputs import CancelRequested, CloseRequested
from hybrid_bridge.core.orders import Channel, IntentKind, OrderState, Source
from hybrid_bridge.core.requests import own_number
from hybrid_bridge.core.state import Clearing, OrderRecord
from hybrid_bridge.errors import JournalError, LaneError
from hybrid_bridge.execution.executor import Executor
from hybrid_bridge.execution.inbox import PriorityInbox
from hybrid_bridge.execution.recorder import Recorder
from hybrid_bridge.ports import Clock, TradeLane

log = structlog.get_logger(__name__)

ROUND_S = 0.5
WAITING_ROUND_S = 2.0  # Nothing is under way; a new stop or a late fill is seen this soon.
STEPS_AT_ONCE = 20
FIRST_RETRY_S, MOST_RETRY_S = 1.0, 30.0
EMPTY_LOOKS = 2  # A position may show a moment after the reply that opened it.
RETCODE_MARKET_CLOSED = 10_018
CLOSED_MARKET_RETRY_S = 900.0  # In a closed market a new quote is waited for, but not only for that.

UNDER_WAY = frozenset({OrderState.RECEIVED, OrderState.APPROVED, OrderState.SENDING})
DONE = frozenset({OrderState.FILLED, OrderState.PARTIAL})
UNSEEN = frozenset({OrderState.UNKNOWN, OrderState.ESCALATED})

Target = Position | PendingOrder


@dataclass(slots=True)
class Step:
    """What was tried to get rid of one position or pending order; instants on the monotonic clock.

    Attributes:
        command_id: of the try under way; "" when none is.
        decided: whether the executor has decided on that try.
        record: what became of it then, kept here: the engine's state forgets what ended long ago.
        tries: how many were decided since the last that closed a part.
        problem: why the last one failed.
        market_closed_msc: when the venue said that the market is closed, 0 when it did not.
    """

    command_id: str = ""
    decided: bool = False
    record: OrderRecord | None = None
    tries: int = 0
    due_s: float = 0.0
    failed_s: float = 0.0
    problem: str = ""
    market_closed_msc: int = 0


class EmergencyClearing:
    """Carries out what an emergency stop asks to be cancelled and closed."""

    def __init__(
        self,
        recorder: Recorder,
        executor: Executor,
        inbox: PriorityInbox,
        lane: TradeLane,
        clock: Clock,
    ) -> None:
        self._recorder = recorder
        self._executor = executor
        self._inbox = inbox
        self._lane = lane
        self._clock = clock
        self._began: Clearing | None = None
        self._steps: dict[int, Step] = {}
        self._tries = 0
        self._left: tuple[int | None, int | None] = (None, None)
        self._problem = ""
        self._empty_looks = 0

    def progress(self) -> dict[str, object] | None:
        """Return what is left to do and what is in the way; None when nothing is to be done.

        How much is left is None itself before the first look.
        """
        if self._recorder.state.clearing is None:
            return None
        orders, positions = self._left
        return {
            "orders_left": orders,
            "positions_left": positions,
            "tries": self._tries,
            "last_problem": self._problem,
        }

    async def run(self) -> None:
        """Clear the account whenever an emergency stop asks for it, for ever."""
        while True:
            await self._recorder.to_clear.wait()
            try:
                await self._round()
            except (LaneError, JournalError) as error:
                self._empty_looks = 0
                self._hindered(str(error))
            if self._recorder.to_clear.is_set():
                soon = bool(self._executor.closed_because) or any(map(_is_under_way, self._steps.values()))
                await self._clock.sleep(ROUND_S if soon else WAITING_ROUND_S)

    async def _round(self) -> None:
        """Look at the account once and do what can be done now."""
        clearing = self._recorder.state.clearing
        if clearing is None:
            return
        self._begin(clearing)
        if self._executor.closed_because:
            self._problem = self._executor.closed_because
            return
        # Before the look: what is resolved in between may have opened a position that it does not show.
        in_doubt = self._recorder.state.in_doubt()
        report = await self._lane.report()
        problem = self._find_problem(report)
        if problem:
            self._empty_looks = 0
            self._hindered(problem)
            return
        targets = self._find_targets(clearing, report)
        for ticket in [ticket for ticket in self._steps if ticket not in {one.ticket for one in targets}]:
            del self._steps[ticket]
        if targets:
            self._empty_looks = 0
            await self._try(clearing, targets, report.account.hedging)
        elif not shows_positions(report):
            self._empty_looks = 0
            self._hindered("the terminal has not loaded the account yet")
        elif in_doubt:
            self._empty_looks = 0
            self._hindered(f"the outcome of signal {in_doubt[0].intent.signal_id} is not known yet")
        else:
            await self._finish(clearing)

    def _begin(self, clearing: Clearing) -> None:
        if clearing == self._began:
            return
        self._began, self._tries, self._empty_looks = clearing, 0, 0
        self._left, self._problem = (None, None), ""
        for step in self._steps.values():
            step.due_s = 0.0  # Who stops again wants it tried again at once.
        log.warning(
            "Emergency stop clears the account",
            close_positions=clearing.close_positions,
            cancel_orders=clearing.cancel_orders,
            late=clearing.late,
        )

    def _find_problem(self, report: AccountReport) -> str:
        denial = find_account_denial(report, self._recorder.limits)
        if denial is not None:
            return f"{denial.detail}: {denial.observed}, expected {denial.limit}"
        return "" if report.terminal.connected else "the terminal has no connection to the broker"

    def _find_targets(self, clearing: Clearing, report: AccountReport) -> list[Target]:
        orders = report.orders if clearing.cancel_orders else ()
        positions = report.positions if clearing.close_positions else ()
        if clearing.late:
            orders = tuple(filter(self._is_ours, orders))
            positions = tuple(filter(self._is_ours, positions))
        self._left = (len(orders), len(positions))
        return [*orders, *positions]

    def _is_ours(self, target: Target) -> bool:
        """Tell whether the bridge ordered it; while the stop holds that can only have been before it."""
        return own_number(self._recorder.limits.magic, target.magic) in self._recorder.state.orders

    async def _try(self, clearing: Clearing, targets: Sequence[Target], hedging: bool) -> None:
        now_s = self._clock.monotonic()
        commands: list[tuple[CloseRequested | CancelRequested, Callable[[], None]]] = []
        under_way = 0
        for target in targets:
            step = self._steps.setdefault(target.ticket, Step())
            self._settle(target.ticket, step, hedging, now_s)
            under_way += bool(step.command_id)
        for target in targets:
            step = self._steps[target.ticket]
            due = not step.command_id and now_s >= step.due_s and under_way < STEPS_AT_ONCE
            if not due or not await self._may_be_tried(target, step, hedging, now_s):
                continue
            under_way += 1
            command = self._command(clearing, target)
            step.command_id, step.decided, step.record = command.command_id, False, None
            commands.append((command, partial(self._note_decided, step)))
        if commands:
            await self._inbox.put_first(commands)

    def _settle(self, ticket: int, step: Step, hedging: bool, now_s: float) -> None:
        """Take note of how the try under way has ended, if it has."""
        if not step.command_id or not step.decided:
            return
        record = step.record
        if record is not None and (record.state in UNDER_WAY or (record.state in UNSEEN and not hedging)):
            return
        step.command_id = ""
        went_on = record is not None and record.state is OrderState.PARTIAL
        step.tries = 1 if went_on else step.tries + 1  # A large position goes slice by slice.
        self._tries += 1
        step.due_s = now_s + min(MOST_RETRY_S, FIRST_RETRY_S * 2.0 ** min(step.tries - 1, 30))
        step.market_closed_msc = 0
        if record is None or record.state in DONE:
            return  # The next look no longer shows it, or shows what is left of it.
        step.failed_s = now_s
        problem = _explain(record)
        if record.answer is not None and record.answer.retcode == RETCODE_MARKET_CLOSED:
            step.market_closed_msc = record.answer.at_msc
        if problem != step.problem:
            step.problem = self._problem = problem
            log.error("Emergency stop could not clear yet, trying again", ticket=ticket, reason=problem)

    def _note_decided(self, step: Step) -> None:
        state = self._recorder.state
        number = state.numbers.get(step.command_id)
        step.decided, step.record = True, None if number is None else state.orders[number]

    async def _may_be_tried(self, target: Target, step: Step, hedging: bool, now_s: float) -> bool:
        if not isinstance(target, Position):
            return True
        if not hedging and (doubt := self._doubt_on(target.symbol)) is not None:
            # A second close could open the opposite position.
            self._hindered(f"the outcome of signal {doubt.intent.signal_id} is not known yet")
            return False
        if not step.market_closed_msc or now_s - step.failed_s >= CLOSED_MARKET_RETRY_S:
            return True
        query = AppraisalQuery(target.symbol, target.side.opposite, 0.0, valued=False)
        quote = (await self._lane.appraise(query)).quote
        if quote is not None and quote.time_msc is not None and quote.time_msc > step.market_closed_msc:
            return True
        step.due_s = now_s + MOST_RETRY_S
        return False

    def _doubt_on(self, symbol: str) -> OrderRecord | None:
        doubts = self._recorder.state.in_doubt()
        changes = IntentKind.MODIFY, IntentKind.CANCEL
        return next(
            (one for one in doubts if one.intent.symbol == symbol and one.intent.kind not in changes), None
        )

    def _command(self, clearing: Clearing, target: Target) -> CloseRequested | CancelRequested:
        """Make a command under an id of its own."""
        now_msc, source = self._clock.utc_msc(), Source(Channel.LOCAL)
        does = "close" if isinstance(target, Position) else "cancel"
        # The instant makes it fresh after a restart too, which has forgotten how often it was tried.
        name = f"stop-{clearing.since_msc}-{does}-{target.ticket}-{now_msc}"
        if isinstance(target, Position):
            return CloseRequested(name, target.ticket, None, "", source, now_msc)
        return CancelRequested(name, target.ticket, "", source, now_msc)

    async def _finish(self, clearing: Clearing) -> None:
        self._empty_looks += 1
        if self._empty_looks < EMPTY_LOOKS:
            return
        state = self._recorder.state
        async with self._recorder.lock:
            if state.clearing is not clearing:
                return
            await self._recorder.commit((AccountCleared(clearing.since_msc, self._clock.utc_msc()),))
        log.warning("Account is clear after the emergency stop", tries=self._tries)
        self._problem, self._empty_looks = "", 0

    def _hindered(self, reason: str) -> None:
        """Say what is in the way, once."""
        if reason != self._problem:
            self._problem = reason
            log.error("Emergency stop cannot clear the account yet, trying again", reason=reason)


def _is_under_way(step: Step) -> bool:
    return bool(step.command_id)


def _explain(record: OrderRecord) -> str:
    answer = record.answer
    if answer is None:
        return f"{record.state.value}: its trade_result says why"
    words = [answer.reason, answer.detail, f"retcode {answer.retcode}" if answer.retcode else ""]
    return f"{record.state.value}: " + ", ".join(word for word in words if word)
