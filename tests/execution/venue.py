"""An in-memory venue that does and says what a test tells it, and a clock that stands still until told.

What an honest exchange never does on purpose (lost replies, late fills, lanes that break in the middle) is
scripted here, one reply after the other.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from enum import Enum, auto

from tests.core.builders import (
    DAY,
    NOW,
    make_account,
    make_appraisal,
    make_position,
    make_quote,
    make_report,
    make_spec,
    make_terminal,
)

from hybrid_bridge.core.account import (
    AccountReport,
    BalanceOperation,
    Deal,
    HistoricOrder,
    PendingOrder,
    Position,
)
from hybrid_bridge.core.appraisal import (
    Appraisal,
    AppraisalQuery,
    DealsFound,
    DealsQuery,
    Findings,
    LookQuery,
)
from hybrid_bridge.core.market import Side
from hybrid_bridge.core.orders import Answer, ApprovedOrder, SubmitOutcome
from hybrid_bridge.core.requests import ACTION_DEAL, ACTION_REMOVE, ACTION_SLTP, TYPE_BUY
from hybrid_bridge.errors import LaneInterrupted

PATIENCE_S = 10.0


class ManualClock:
    """Implements ports.Clock; time passes when a test says so."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self.pc_ahead_ms = 0
        self._sleepers: list[tuple[float, asyncio.Future[None]]] = []

    def utc_msc(self) -> int:
        return NOW + round(self.now_s * 1000) + self.pc_ahead_ms

    def monotonic(self) -> float:
        return self.now_s

    async def sleep(self, seconds: float) -> None:
        woken = asyncio.get_running_loop().create_future()
        self._sleepers.append((self.now_s + seconds, woken))
        await woken

    def advance(self, seconds: float) -> None:
        """Let time pass and wake whoever has slept enough."""
        self.now_s += seconds
        due = [woken for at, woken in self._sleepers if at <= self.now_s]
        self._sleepers = [(at, woken) for at, woken in self._sleepers if at > self.now_s]
        for woken in due:
            if not woken.done():
                woken.set_result(None)

    @property
    def sleeping(self) -> int:
        """How many sleep now."""
        return sum(not woken.done() for _, woken in self._sleepers)

    async def pass_until(self, condition: Callable[[], object], step_s: float = 1.0) -> None:
        """Let time pass step by step, each once somebody sleeps, until the condition holds."""
        while not condition():
            await until(lambda: condition() or self.sleeping)
            if not condition():
                self.advance(step_s)


async def until(condition: Callable[[], object]) -> None:
    """Wait until a condition holds; the parts under test use real threads and files."""
    async with asyncio.timeout(PATIENCE_S):
        while not condition():  # noqa: ASYNC110 - the condition may hang on a file or a thread
            await asyncio.sleep(0.001)


class Reply(Enum):
    """What becomes of one submitted order."""

    YES = auto()
    YES_WITHOUT_PRICE = auto()
    NO = auto()
    LOST_BUT_DONE = auto()
    LOST_DONE_LATER = auto()
    LOST_NEVER_DONE = auto()


class Venue:
    """Implements ports.TradeLane and ports.TradeHistory.

    Attributes:
        replies: what becomes of the next orders; YES when empty. An outcome is given back with nothing done.
        failing: names of the calls that raise LaneInterrupted.
        turn: closed, orders wait for theirs, as behind a slow question.
        gate: closed, it holds every submit between doing and answering.
        on_submit: called at the moment submit is entered.
        submitted: every order that was sent, in order.
        balance_operations: what was paid in and out.
        history_lags: deals are not shown yet.
        waiting, history_orders: what a look shows of orders that wait or have ended, by their magic.
        quotes_at_msc: when the market last moved; None for now.
        deals_asked, deals_take_s: the questions for deals so far, and how long each of them takes.
    """

    def __init__(self, clock: ManualClock) -> None:
        self._clock = clock
        self.replies: deque[Reply | SubmitOutcome] = deque()
        self.failing: set[str] = set()
        self.gate = asyncio.Event()
        self.gate.set()
        self.turn = asyncio.Event()
        self.turn.set()
        self.appraisal_gate = asyncio.Event()
        self.appraisal_gate.set()
        self.on_submit: Callable[[ApprovedOrder], None] = lambda _: None
        self.appraised: list[AppraisalQuery] = []
        self.submitted: list[ApprovedOrder] = []
        self.asked: list[str] = []
        self.positions: dict[int, Position] = {}
        self.pending: dict[int, PendingOrder] = {}
        self.deals: list[Deal] = []
        self.balance_operations: tuple[BalanceOperation, ...] = ()
        self.history_lags = False
        self.waiting: list[PendingOrder] = []
        self.history_orders: list[HistoricOrder] = []
        self.quotes_at_msc: int | None = None
        self.account = make_account()
        self.terminal = make_terminal()
        self.server_day: int | None = DAY
        self.spec = make_spec()
        self.deals_asked: list[DealsQuery] = []
        self.deals_take_s = 0.0
        self._late: list[ApprovedOrder] = []
        self._tickets = iter(range(1_000, 1_000_000))

    async def appraise(self, query: AppraisalQuery) -> Appraisal:
        self.appraised.append(query)
        await self._ask("appraise")
        await self.appraisal_gate.wait()
        moved_msc = self._clock.utc_msc() if self.quotes_at_msc is None else self.quotes_at_msc
        quote = make_quote(symbol=query.symbol, time_msc=moved_msc)
        return make_appraisal(spec=replace(self.spec, name=query.symbol), quote=quote, report=self._report())

    async def submit(self, order: ApprovedOrder, still_wanted: Callable[[], bool]) -> SubmitOutcome:
        await self.turn.wait()
        if not still_wanted():
            return SubmitOutcome(Answer.NO, reason="lane_unavailable", detail="withdrawn before its turn")
        self.on_submit(order)
        self.submitted.append(order)
        await asyncio.sleep(0)
        await self.gate.wait()
        reply = self.replies.popleft() if self.replies else Reply.YES
        if isinstance(reply, SubmitOutcome):
            return reply
        if reply is Reply.NO:
            return SubmitOutcome(Answer.NO, retcode=10006, reason="rejected", detail="Request rejected")
        if reply is Reply.LOST_DONE_LATER:
            self._late.append(order)
        elif reply is not Reply.LOST_NEVER_DONE:
            outcome = self._execute(order)
            if reply is not Reply.LOST_BUT_DONE:
                return replace(outcome, price=0.0) if reply is Reply.YES_WITHOUT_PRICE else outcome
        return SubmitOutcome(Answer.UNKNOWN, error_code=-10005, reason="timeout", detail="IPC timeout")

    async def look(self, query: LookQuery) -> Findings:
        await self._ask("look")
        deals = () if self.history_lags else self.deals
        return Findings(
            connected=self.terminal.connected,
            position=self.positions.get(query.position),
            positions=tuple(held for held in self.positions.values() if held.magic == query.magic),
            orders=tuple(order for order in self.waiting if order.magic == query.magic),
            history_orders=tuple(order for order in self.history_orders if order.magic == query.magic),
            deals=tuple(
                deal
                for deal in deals
                if deal.magic == query.magic or (query.position and deal.position_id == query.position)
            ),
            at_msc=self._clock.utc_msc(),
        )

    async def deals_of(self, query: DealsQuery) -> DealsFound:
        self.deals_asked.append(query)
        await self._ask("deals")
        self._clock.advance(self.deals_take_s)
        deals = () if self.history_lags else self.deals
        positions = {
            deal.position_id
            for deal in deals
            if deal.magic in query.magics or deal.position_id in query.positions
        }
        found = tuple(deal for deal in deals if deal.position_id in positions)
        return DealsFound(self.terminal.connected, found)

    async def report(self) -> AccountReport:
        await self._ask("report")
        return self._report()

    def stop_out(self, ticket: int, profit: float, *, shown: bool = True) -> Deal:
        """Let a position end at its stop: the closing deal bears the position's magic, as a terminal's does.

        Args:
            shown: whether the history tells already.
        """
        held = self.positions.pop(ticket)
        deal = Deal(
            ticket=next(self._tickets) + 500_000,
            order=next(self._tickets),
            position_id=held.identifier,
            symbol=held.symbol,
            side=held.side.opposite,
            entry=1,
            volume=held.volume,
            price=1.09,
            profit=profit,
            commission=0.0,
            swap=0.0,
            magic=held.magic,
            comment="[sl]",
            time_msc=self._clock.utc_msc(),
        )
        if shown:
            self.deals.append(deal)
        return deal

    def fill_late(self) -> None:
        """Do what was asked for and not answered."""
        for order in self._late:
            self._execute(order)
        self._late.clear()

    async def _ask(self, call: str) -> None:
        self.asked.append(call)
        await asyncio.sleep(0)
        if call in self.failing:
            raise LaneInterrupted(f"{call}: the lane was killed at its deadline")

    def _report(self) -> AccountReport:
        return make_report(
            account=self.account,
            terminal=self.terminal,
            positions=tuple(self.positions.values()),
            orders=tuple(self.pending.values()),
            at_msc=self._clock.utc_msc(),
            server_day=self.server_day,
            balance_operations=self.balance_operations,
        )

    def _execute(self, order: ApprovedOrder) -> SubmitOutcome:
        request = order.request
        if request.action == ACTION_DEAL:
            return self._deal(order)
        if request.action == ACTION_SLTP:
            held = self.positions[request.position]
            self.positions[request.position] = replace(held, stop_loss=request.sl, take_profit=request.tp)
        elif request.action == ACTION_REMOVE:
            del self.pending[request.order]
        return SubmitOutcome(Answer.YES, retcode=10009)

    def _deal(self, order: ApprovedOrder) -> SubmitOutcome:
        request, ticket = order.request, next(self._tickets)
        side = Side.BUY if request.type == TYPE_BUY else Side.SELL
        position = request.position or ticket
        if request.position:
            held = self.positions.pop(request.position)
            if held.volume > request.volume:
                self.positions[held.ticket] = replace(held, volume=held.volume - request.volume)
        else:
            self.positions[ticket] = make_position(
                ticket=ticket,
                identifier=ticket,
                symbol=request.symbol,
                side=side,
                volume=request.volume,
                price_open=1.10013,
                magic=request.magic,
            )
        price, entry = 1.10013, 1 if request.position else 0
        self.deals.append(
            Deal(
                ticket=ticket + 500_000,
                order=ticket,
                position_id=position,
                symbol=request.symbol,
                side=side,
                entry=entry,
                volume=request.volume,
                price=price,
                profit=0.0,
                commission=0.0,
                swap=0.0,
                magic=request.magic,
                comment=request.comment,
                time_msc=self._clock.utc_msc(),
            )
        )
        return SubmitOutcome(
            Answer.YES,
            retcode=10009,
            order=ticket,
            deal=ticket + 500_000,
            volume=request.volume,
            price=price,
        )
