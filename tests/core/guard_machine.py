"""The whole guard driven at random: signals, fills, prices, payments, looks and restarts on an exchange.

The machine does what the executor does, and journals what it would journal. Whether an entry may be sent,
when trading is to be reduced or halted, and what has been lost, the ledger works out from the exchange.
"""

import asyncio
from collections.abc import Coroutine, Sequence
from dataclasses import replace
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from tests.core.builders import (
    DAY,
    NAN,
    NOW,
    fold,
    make_answer,
    make_close,
    make_limits,
    make_modify,
    make_signal,
)
from tests.core.guard_cases import PER_DOLLAR, SYMBOLS, away, lots_of, on_grid
from tests.core.guard_exchange import Exchange, Held, Waiting
from tests.core.guard_ledger import IN_DOUBT, GuardLedger
from tests.core.guard_market import INSTRUMENTS, Market

from hybrid_bridge.core import engine
from hybrid_bridge.core.account import AccountReport
from hybrid_bridge.core.appraisal import Appraisal, AppraisalQuery, DealsFound, DealsQuery
from hybrid_bridge.core.breaches import Readings
from hybrid_bridge.core.events import AccountCleared, Denial, Event, OrderSending, TradingStateChanged
from hybrid_bridge.core.inputs import (
    AccountObserved,
    LimitsRestoreRequested,
    OrderAppraised,
    OrderReplied,
    ResumeRequested,
    TighteningRequested,
    Wanted,
)
from hybrid_bridge.core.limits import Limits
from hybrid_bridge.core.market import Side
from hybrid_bridge.core.orders import Answer, Channel, IntentKind, OrderState, Source, SubmitOutcome
from hybrid_bridge.core.reconciliation import abandon, interrupt
from hybrid_bridge.core.state import EngineState, OrderRecord
from hybrid_bridge.core.tightening import in_force, restore, tighten
from hybrid_bridge.execution.appraising import appraise
from hybrid_bridge.execution.settling import Settling

LOCAL, REMOTE = Source(Channel.LOCAL), Source(Channel.WEBSOCKET)
DAY_MS = 86_400_000
picks = st.randoms(use_true_random=False)
sides = st.booleans()
rarely = st.integers(0, 15).map(lambda number: number == 11)
SETTINGS = st.fixed_dictionaries(
    {
        "max_risk_percent": st.sampled_from([1.0, 0.3, 2.0]),
        "max_open_risk_percent": st.sampled_from([None, None, 2.5, 1.0]),
        "max_exposure_percent": st.sampled_from([None, None, 900.0, 337.5]),
        "min_margin_level_percent": st.sampled_from([None, None, 700.0, 2_000.0]),
        "max_volume": st.sampled_from([None, None, 0.25]),
        "max_open_positions": st.sampled_from([None, None, 5, 2]),
        "max_positions_per_symbol": st.sampled_from([None, None, 1]),
        "max_daily_loss_percent": st.sampled_from([None, 0.8, 0.1]),
        "max_drawdown_percent": st.sampled_from([None, 1.5, 0.3]),
        "max_consecutive_losses": st.sampled_from([None, 2, 1]),
        "cooldown_ms": st.sampled_from([None, 600_000]),
        "slippage_reserve_points": st.sampled_from([0.0, 10.0]),
        "reduce_oversized": st.sampled_from([True, True, False]),
        "require_stop_loss": st.sampled_from([True, True, False]),
        "max_daily_trades": st.sampled_from([50, 9, 3]),
        "max_orders_per_minute": st.sampled_from([20, 2]),
        "duplicate_window_ms": st.sampled_from([0, 0, 60_000]),
        "flatten_on_breach": st.booleans(),
        "breach_readings": st.sampled_from([1, 2, 3]),
        "allow_remote_resume": st.booleans(),
    }
)
OUTCOMES = [
    "filled",
    "filled",
    "filled",
    "partial",
    "unknown",
    "placed",
    "rejected",
    "requote",
    "none",
    "withheld",
]
ASKED = ["", "nothing is late", "the oldest", "all but the latest"]
# Of whole trades: whether lost, and which results the history has when they are asked for afterwards.
A_WIN_LEARNED_LATE: list[tuple[bool | None, str]] = [
    (False, ASKED[2]),
    (True, ASKED[2]),
    (True, ASKED[1]),
    (True, ASKED[1]),
    (True, ""),
]
BETWEEN = ["a move", "a day", "a payment", "overtaken", "overtaken, and paid"]
ENTRY = {
    "symbol": st.sampled_from(SYMBOLS),
    "buy": sides,
    "far": st.sampled_from([2.0, 1.0, 4.4, 0.6, 2.0, 2.0, 1.0, 4.4, 0.6, 0.0]),
    "share": st.sampled_from([None, 10, None, 3, 60]),
    "outcome": st.sampled_from(OUTCOMES),
    "part": st.sampled_from([1.0, 0.5, 0.0]),
    "shows_in": st.sampled_from([0, 3_000, 0, 4_900]),
    "between": st.sampled_from(["", "", "", "", *BETWEEN]),
    "resumed": st.sampled_from([True, True, True, False]),
    "later_ms": st.sampled_from([20_000, 61_000, 500]),
}


# By name as it is asked for: the field, a first value, and whether less is stricter.
TIGHTER: dict[str, tuple[str, float, bool]] = {
    "max_risk_percent": ("max_risk_percent", 1.0, True),
    "max_open_risk_percent": ("max_open_risk_percent", 4.0, True),
    "max_exposure_percent": ("max_exposure_percent", 900.0, True),
    "min_margin_level_percent": ("min_margin_level_percent", 500.0, False),
    "max_volume": ("max_volume", 0.5, True),
    "max_daily_trades": ("max_daily_trades", 20, True),
    "max_daily_loss_percent": ("max_daily_loss_percent", 1.0, True),
    "max_drawdown_percent": ("max_drawdown_percent", 1.0, True),
    "max_open_positions": ("max_open_positions", 5, True),
    "max_consecutive_losses": ("max_consecutive_losses", 2, True),
    "slippage_reserve_points": ("slippage_reserve_points", 5.0, False),
}


def at_once(answered: Coroutine[Any, Any, Any]) -> Any:
    """Return what a coroutine returns that never waits."""
    try:
        answered.send(None)
    except StopIteration as over:
        return over.value
    raise AssertionError("it waited")


class Lane:
    """The trade lane's questions, answered by the exchange; its clock as well."""

    def __init__(self, exchange: Exchange) -> None:
        self.exchange = exchange

    def utc_msc(self) -> int:
        return self.exchange.now

    def monotonic(self) -> float:
        return self.exchange.now / 1_000

    async def deals_of(self, query: DealsQuery) -> DealsFound:
        told = [
            deal
            for position in {deal.position_id for deal in self.exchange.deals}
            for deal in self.exchange.deals_of(position)
            if deal.time_msc is None or deal.time_msc >= query.since_msc
        ]
        positions = {deal.position_id for deal in told if deal.magic in query.magics} | {*query.positions}
        return DealsFound(True, tuple(deal for deal in told if deal.position_id in positions))

    async def appraise(self, query: AppraisalQuery) -> Appraisal:
        return self.exchange.appraise(query)

    async def report(self) -> AccountReport:
        return self.exchange.report()


class Desk:
    """What settling needs of the recorder: the state, and the machine's way to change it."""

    def __init__(self, machine: "GuardMachine") -> None:
        self.machine, self.lock = machine, asyncio.Lock()

    @property
    def state(self) -> EngineState:
        return self.machine.state

    @property
    def limits(self) -> Limits:
        return self.machine.limits

    async def commit(self, events: Sequence[Event]) -> None:
        self.machine.commit(tuple(events))


class GuardMachine(RuleBasedStateMachine):
    """Rules are what may happen; the ledger says what must hold whatever happens."""

    @initialize(
        limits=SETTINGS,
        currency=st.sampled_from(sorted(PER_DOLLAR)),
        hedging=st.booleans(),
        commission=st.sampled_from([0.0, 3.5]),
    )
    def start(self, limits: dict[str, Any], currency: str, hedging: bool, commission: float) -> None:
        self.settings = make_limits(symbols=frozenset(SYMBOLS), **limits)
        size = PER_DOLLAR[currency]
        market = Market(currency, commission * size)
        self.exchange = Exchange(market, hedging, 20_000.0 * size, NOW, DAY, swap_per_lot=-2.0 * size)
        self.ledger = GuardLedger(self.settings, self.exchange)
        self.state = EngineState()
        self.journal: list[Event] = []
        self.wanted: dict[str, Wanted] = {}
        self.days = [(0, DAY)]
        self.readings, self.settling = Readings(), self._settling()
        self.observe()

    @property
    def limits(self) -> Limits:
        return in_force(self.settings, self.state.tightened)

    def commit(self, events: tuple[Event, ...]) -> None:
        for event in events:
            self.ledger.note(event)
            self.journal.append(event)
            fold(self.state, [event])

    # Signals

    def _entry(
        self,
        symbol: str,
        buy: bool,
        far: float,
        share: float | None,
        outcome: str,
        part: float,
        shows_in: int,
        between: str,
        resumed: bool,
        later_ms: int,
        lots: float | None = None,
    ) -> None:
        self.exchange.now += later_ms
        if resumed and self.ledger.trading != "active":
            self._resume(LOCAL)
        signal_id = f"s-{len(self.journal)}"
        wanted = make_signal(
            signal_id=signal_id,
            symbol=symbol,
            side=Side.BUY if buy else Side.SELL,
            volume=lots if share is None else lots_of(symbol, share),
            stop_loss=away(self.exchange, symbol, buy, far),
            received_msc=self.exchange.now,
        )
        self.wanted[signal_id] = wanted
        events = engine.receive(self.state, self.limits, wanted, self.exchange.now, self.exchange.day)
        self.commit(events)
        if events:
            return
        self._happens(between, symbol)
        if not self._judge(wanted, {"overtaken": 0.0, "overtaken, and paid": -0.02}.get(between)):
            return
        record = self.state.orders[self.state.numbers[signal_id]]
        self._reply(record, outcome, part, shows_in, between)

    entry = rule(**ENTRY)(_entry)
    another_entry = rule(**ENTRY)(_entry)
    a_third_entry = rule(**ENTRY)(_entry)

    @precondition(lambda self: self.exchange.shown)
    @rule(pick=picks, share=st.sampled_from([0.5, 1.0, 2.0, 0.5]), again=st.booleans())
    def entry_against_a_position(self, pick: Any, share: float, again: bool) -> None:
        """Ask for what makes a net position smaller, and perhaps for more of it before that shows."""
        held = pick.choice(sorted(self.exchange.shown.values(), key=lambda one: one.ticket))
        lots = max(INSTRUMENTS[held.symbol].step, lots_part(held.symbol, held.lots, share))
        for _ in range(1 + again):
            self._entry(held.symbol, not held.buy, 2.0, None, "filled", 1.0, 3_000, "", False, 500, lots=lots)

    @rule(
        symbol=st.sampled_from(SYMBOLS),
        buy=sides,
        results=st.one_of(
            st.lists(
                st.tuples(st.sampled_from([True, True, False, None]), st.sampled_from(ASKED)),
                min_size=1,
                max_size=4,
            ),
            st.just(A_WIN_LEARNED_LATE),
        ),
        shows_in=st.sampled_from([0, 0, 3_000]),
        share=st.sampled_from([None, 10]),
    )
    def trades(
        self,
        symbol: str,
        buy: bool,
        results: list[tuple[bool | None, str]],
        shows_in: int,
        share: float | None,
    ) -> None:
        """Let whole trades be made, one after the other, won or lost, asked for at once or later."""
        for lost, asked in results:
            before = len(self.exchange.positions)
            self._entry(symbol, buy, 2.0, share, "filled", 1.0, shows_in, "", True, 61_000)
            if len(self.exchange.positions) > before:
                self._decide(self.exchange.positions[max(self.exchange.positions)], lost)
            if asked:
                self.results_are_asked_for(asked)

    def _happens(self, between: str, symbol: str) -> None:
        if between == "a move":
            self.exchange.move(symbol, 40)
        elif between == "a day":
            self._next_day()
        elif between == "a payment":
            self._pay(-0.02)

    def _appraised(self, wanted: Wanted, overtaken: float | None = None) -> OrderAppraised:
        """Ask the terminal; a look at the account may overtake its answer, with money paid in between."""
        appraised: OrderAppraised = at_once(
            appraise(Lane(self.exchange), self.limits, wanted, lambda: self.exchange.now)
        )
        assert appraised.appraisal is not None
        if overtaken is None:
            self.ledger.looked(self._seen(appraised.appraisal.report))
        self.ledger.appraises(wanted)
        if overtaken is None:
            return appraised
        self._pay(overtaken)
        self.observe()
        return replace(appraised, superseded=True)

    def _judge(self, wanted: Wanted, overtaken: float | None = None) -> bool:
        """Judge on the terminal's facts; tell whether it is to be sent."""
        appraised = self._appraised(wanted, overtaken)
        events = engine.judge_appraised(self.state, self.limits, appraised)
        self.commit(events)
        return isinstance(events[-1], OrderSending)

    # What comes of an order

    def _reply(self, record: OrderRecord, outcome: str, part: float, shows_in: int, between: str) -> None:
        number, order = record.intent.number, record.order
        assert order is not None
        if outcome == "requote":
            self._happens(between if between == "a move" else "", order.request.symbol)
            self._again(record)
            if record.state is not OrderState.SENDING:
                return
            order, outcome = record.order, "filled"
            assert order is not None
        lots, known = order.request.volume, (OrderState.UNKNOWN, 0.0)
        if outcome in ("filled", "partial"):
            half = outcome == "partial" and lots >= 2 * INSTRUMENTS[order.request.symbol].step
            done = lots_part(order.request.symbol, lots, 0.5) if half else lots
            self._fill(record, done, shows_in)
            known = (OrderState.PARTIAL if half else OrderState.FILLED, done)
        elif outcome == "unknown":
            self._fill(record, lots_part(order.request.symbol, lots, part), shows_in)
        elif outcome == "none":
            return
        elif outcome != "placed":
            known = (OrderState.REJECTED if outcome == "rejected" else OrderState.NOT_EXECUTED, 0.0)
        else:
            self.exchange.tickets_of[number] = self.exchange.ticket()
            known = (OrderState.PLACED, 0.0)
        self._answer(number, *known)

    def _again(self, record: OrderRecord) -> None:
        refusal = SubmitOutcome(Answer.NO, 10_004, retriable=True)
        replied = OrderReplied(record.intent.number, refusal, self.exchange.now, self.exchange.now)
        if not engine.may_try_again(record, refusal):
            self.commit(engine.answer(self.state, replied))
            return
        judged = self._appraised(self.wanted[record.intent.signal_id])
        self.commit(engine.judge_again(self.state, self.limits, replied, judged))

    def _fill(self, record: OrderRecord, lots: float, shows_in: int) -> None:
        order = record.order
        assert order is not None
        request, number = order.request, record.intent.number
        if lots:
            buy = record.intent.side is Side.BUY
            self.exchange.fill(request.symbol, buy, lots, request.sl, request.magic, number, shows_in)

    def _answer(self, number: int, state: OrderState, volume: float, ticket: int | None = None) -> None:
        """Let it be known what became of an order; the reply to it names its own ticket."""
        now = self.exchange.now
        ticket = self.exchange.tickets_of.get(number, 0) if ticket is None else ticket
        answer = make_answer(number, state, volume=volume, ticket=ticket, at_msc=now, sent_msc=now)
        self.commit((answer,))

    def _in(self, *states: OrderState) -> list[OrderRecord]:
        return [
            record
            for record in self.state.orders.values()
            if record.state in states and record.intent.kind is IntentKind.ENTRY
        ]

    @precondition(lambda self: self._in(*IN_DOUBT))
    @rule(pick=picks, later=st.sampled_from([0.0, 1.0]), shows_in=st.sampled_from([0, 3_000]))
    def doubt_ends(self, pick: Any, later: float, shows_in: int) -> None:
        """Let it become known what became of an order, which may have gone on meanwhile."""
        record = pick.choice(self._in(*IN_DOUBT))
        number, order = record.intent.number, record.order
        assert order is not None
        done = self.exchange.done.get(number, 0.0)
        if later and done < order.request.volume:
            self._fill(record, round(order.request.volume - done, 8), shows_in)
            done = order.request.volume
        if record.state is OrderState.SENDING:
            self._answer(number, OrderState.UNKNOWN, 0.0)
        whole = done >= order.request.volume
        state = OrderState.FILLED if whole else OrderState.PARTIAL if done else OrderState.NOT_EXECUTED
        self._answer(number, state, done, self.exchange.went_into.get(number, 0))

    @precondition(lambda self: self._in(OrderState.PLACED))
    @rule(pick=picks, shows_in=st.sampled_from([0, 3_000]), told=st.booleans())
    def placed_order_fills(self, pick: Any, shows_in: int, told: bool) -> None:
        record = pick.choice(self._in(OrderState.PLACED))
        number = record.intent.number
        if number not in self.exchange.done:
            assert record.order is not None
            self._fill(record, record.order.request.volume, shows_in)
        if told:
            self._answer(number, OrderState.FILLED, self.exchange.done[number])

    # The account, other than by this bridge

    @rule(
        symbol=st.sampled_from(SYMBOLS),
        permille=st.sampled_from([0.4, -0.4, 1.2, -1.2, 4.0, -4.0]),
    )
    def price_moves(self, symbol: str, permille: float) -> None:
        points = INSTRUMENTS[symbol].price * permille / 1_000 / INSTRUMENTS[symbol].tick
        self.exchange.move(symbol, round(points))

    @precondition(lambda self: self.exchange.positions)
    @rule(pick=picks, lost=st.sampled_from([True, True, False]), looked=st.booleans())
    def a_position_is_decided(self, pick: Any, lost: bool, looked: bool) -> None:
        self._decide(pick.choice(sorted(self.exchange.positions.values(), key=lambda one: one.ticket)), lost)
        if looked:
            self.observe()

    def _decide(self, held: Held, lost: bool | None) -> None:
        """Let the price run into a position's stop, or as far the other way, where it is closed.

        Args:
            lost: None for a trade that wins less than it costs.
        """
        found = INSTRUMENTS[held.symbol]
        distance = abs(self.exchange.market.exit(held.symbol, held.buy) - held.stop) if held.stop else 0.0
        ticks = round(distance / found.point / found.tick) + 1
        if lost is None:
            ticks = self.exchange.market.spreads[held.symbol] // found.tick + 2
        self.exchange.move(held.symbol, ticks * (1 if held.buy != bool(lost) else -1))
        if held.ticket in self.exchange.positions and not lost:
            self.exchange.close(held.ticket)

    @rule(
        symbol=st.sampled_from(SYMBOLS), buy=sides, far=st.sampled_from([2.0, 4.0, 0.0]), waits=st.booleans()
    )
    def by_hand(self, symbol: str, buy: bool, far: float, waits: bool) -> None:
        stop = on_grid(symbol, away(self.exchange, symbol, buy, far))
        if waits:
            price = on_grid(symbol, away(self.exchange, symbol, buy, 0.5))
            stop = on_grid(symbol, away(self.exchange, symbol, buy, far + 0.5)) if far else 0.0
            self.exchange.wait(Waiting(self.exchange.ticket(), symbol, buy, lots_of(symbol, 8), price, stop))
        else:
            self.exchange.fill(symbol, buy, lots_of(symbol, 8), stop)

    @precondition(lambda self: self.exchange.positions)
    @rule(pick=picks, part=st.sampled_from([None, None, 0.5]))
    def closed_by_hand(self, pick: Any, part: float | None) -> None:
        held = pick.choice(sorted(self.exchange.positions.values(), key=lambda one: one.ticket))
        lots = None if part is None else lots_part(held.symbol, held.lots, part)
        self.exchange.close(held.ticket, lots)

    @rule(share=st.sampled_from([0.1, -0.03, -0.1, 0.01]))
    def paid(self, share: float) -> None:
        self._pay(share)

    def _pay(self, share: float) -> None:
        self.exchange.now += 1
        if share:
            self.exchange.pay(self.exchange.market.money(share * self.exchange.balance))

    # Commands

    @precondition(lambda self: self.exchange.shown)
    @rule(
        pick=picks,
        part=st.sampled_from([None, 0.5]),
        outcome=st.sampled_from(["filled", "unknown", "filled"]),
    )
    def closed_by_command(self, pick: Any, part: float | None, outcome: str) -> None:
        self.exchange.show()
        if not self.exchange.shown:
            return
        held = pick.choice(sorted(self.exchange.shown.values(), key=lambda one: one.ticket))
        lots = None if part is None else lots_part(held.symbol, held.lots, part)
        wanted = make_close(
            command_id=f"c-{len(self.journal)}",
            ticket=held.ticket,
            volume=lots,
            received_msc=self.exchange.now,
        )
        if not self._judge(wanted):
            return
        record = self.state.orders[self.state.numbers[wanted.command_id]]
        assert record.order is not None
        request, number = record.order.request, record.intent.number
        if outcome == "filled" and held.ticket in self.exchange.positions:
            self.exchange.close(held.ticket, request.volume, magic=request.magic)
            self._answer(number, OrderState.FILLED, request.volume)
        else:
            self._answer(number, OrderState.UNKNOWN, 0.0)

    @precondition(lambda self: self.exchange.shown)
    @rule(pick=picks, far=st.sampled_from([0.3, 1.0, 3.0, 9.0, 0.0]))
    def stop_moved(self, pick: Any, far: float) -> None:
        self.exchange.show()
        if not self.exchange.shown:
            return
        self._move_stop(pick.choice(sorted(self.exchange.shown.values(), key=lambda one: one.ticket)), far)

    @rule(
        symbol=st.sampled_from(SYMBOLS),
        buy=sides,
        far=st.sampled_from([1.0, 3.0, 9.0, 0.0]),
        halted=rarely,
    )
    def stop_of_an_entry_moved(self, symbol: str, buy: bool, far: float, halted: bool) -> None:
        self._entry(symbol, buy, 2.0, None, "filled", 1.0, 0, "", True, 20_000)
        if halted:
            self._look_strangely("another account", 0.0)
        self.exchange.show()
        if self.exchange.shown:
            self._move_stop(self.exchange.shown[max(self.exchange.shown)], far)

    def _move_stop(self, held: Held, far: float) -> None:
        """Move a position's stop; what costs more is judged like an entry, what does not always passes."""
        stop = on_grid(held.symbol, away(self.exchange, held.symbol, held.buy, far))
        wanted = make_modify(
            command_id=f"m-{len(self.journal)}",
            ticket=held.ticket,
            stop_loss=stop,
            received_msc=self.exchange.now,
        )
        sent = self._judge(wanted)
        assert sent or not self.ledger.lets_stop_move(held, stop), "a stop that costs no more was refused"
        if not sent:
            return
        self.ledger.judge_stop(held, stop)
        record = self.state.orders[self.state.numbers[wanted.command_id]]
        self.exchange.restop(held.ticket, stop)
        self._answer(record.intent.number, OrderState.FILLED, 0.0)

    @rule(turns=st.lists(st.sampled_from([-0.004, 0.004, -0.02, 0.02, 0.0, None]), min_size=1, max_size=5))
    def fortune(self, turns: list[float | None]) -> None:
        """Let trades of somebody else, begun and ended between two looks, bring and cost money."""
        for share in turns:
            if share is None:
                self._next_day()
            else:
                balance = self.exchange.balance * (1 + share)
                self.exchange.balance = self.exchange.market.money(balance)
            self.observe()

    # Time

    @rule(ms=st.sampled_from([1_000, 6_000, 61_000, 700_000]))
    def time_passes(self, ms: int) -> None:
        self.exchange.now += ms

    @rule()
    def a_day_opens(self) -> None:
        self._next_day()

    def _next_day(self) -> None:
        self.exchange.now += 1
        self.exchange.day += 1
        self.days.append((self.exchange.now, self.exchange.day))

    # Looks

    @rule()
    def look(self) -> None:
        self.observe()

    def observe(self) -> None:
        report = self.report = self._seen(self.exchange.report())
        self._observed(report, self.ledger.looked(report), believed=True)

    def _observed(self, report: AccountReport, found: set[str], *, believed: bool) -> None:
        self.commit(engine.observe(self.state, self.limits, AccountObserved(report)))
        events = engine.flatten(self.state, self.limits, report, self.readings)
        self.commit(events)
        due = self.ledger.flattens(found) if believed else set()
        assert due == {event.breach for event in events if isinstance(event, TradingStateChanged)}
        for event in events:
            assert isinstance(event, TradingStateChanged)
            assert event.emergency
            assert event.close_positions
            assert event.cancel_orders

    def _settling(self) -> Settling:
        lane: Any = Lane(self.exchange)
        desk: Any = Desk(self)
        return Settling(desk, lane, lane, self._day_of)

    def _day_of(self, at_msc: int) -> int:
        return [day for since_msc, day in self.days if since_msc <= at_msc][-1]

    @rule(late=st.sampled_from(ASKED[1:]))
    def results_are_asked_for(self, late: str) -> None:
        """Ask for the results of what has ended; the history may not have those of some trades yet."""
        ended = sorted(trade.position for trade in self.exchange.ended[-4:])
        self.exchange.late = set({"nothing is late": [], "the oldest": ended[:1]}.get(late, ended[:-1]))
        self.observe()
        self.exchange.now += 61_000  # Whatever is asked for again is due.
        self.settling.take(self.report)
        at_once(self.settling._round())

    def _seen(self, report: AccountReport) -> AccountReport:
        self.exchange.now += 1  # No two looks at one instant.
        return report

    @rule(
        strange=st.sampled_from(
            ["not loaded", "nobody", "another account", "no equity", "no clock", "no link"]
        ),
        paid=st.sampled_from([0.0, -0.03]),
    )
    def odd_look(self, strange: str, paid: float) -> None:
        self._look_strangely(strange, paid)

    def _look_strangely(self, strange: str, paid: float) -> None:
        """Look while the terminal shows something else than the account as it is."""
        self._pay(paid)
        report = self.exchange.report(clock=strange != "no clock")
        changes: dict[str, Any] = {
            "not loaded": {"equity": 0.0, "balance": 0.0, "margin": 0.0},
            "nobody": {"login": 0},
            "another account": {"login": 5, "equity": report.account.equity / 3},
            "no equity": {"equity": NAN},
            "no link": {"equity": report.account.equity / 3},
            "no clock": {},
        }[strange]
        report = replace(report, account=replace(report.account, **changes))
        if strange == "no link":
            report = replace(report, terminal=replace(report.terminal, connected=False))
        found = set[str]()
        believed = strange == "no clock" and self.ledger.knows_payments(report)
        if believed:
            found = self.ledger.looked(report)
        self._observed(report, found, believed=believed)
        if strange == "another account":
            self.ledger.halts()

    @precondition(lambda self: self.state.clearing is not None and not self.state.doubtful)
    @rule()
    def account_cleared(self) -> None:
        for held in [*self.exchange.positions.values()]:
            self.exchange.close(held.ticket)
        self.exchange.waiting.clear()
        self.commit((AccountCleared(self.state.clearing.since_msc, self.exchange.now),))  # type: ignore[union-attr]

    # What people do

    @rule(source=st.sampled_from([LOCAL, LOCAL, REMOTE]))
    def resume(self, source: Source) -> None:
        self._resume(source)

    def _resume(self, source: Source) -> None:
        self.exchange.now += 1
        request = ResumeRequested("go on", source, self.exchange.now)
        verdict = engine.resume(self.state, self.limits, request, self.exchange.now, self.report)
        may = self.ledger.resumes(self.report, local=source is LOCAL)
        assert may == (not isinstance(verdict, Denial) and bool(verdict)), verdict
        if not isinstance(verdict, Denial):
            self.commit(verdict)

    @rule(
        name=st.sampled_from(sorted(TIGHTER)),
        share=st.sampled_from([0.5, 0.9, 2.0]),
        source=st.sampled_from([LOCAL, REMOTE]),
    )
    def limit_tightened(self, name: str, share: float, source: Source) -> None:
        """Ask for another limit; it is taken where it is the stricter one, from whoever asks."""
        field, start, lower = TIGHTER[name]
        present = getattr(self.ledger.limits, field)
        value = (start if present is None else present) * share
        value = max(1, int(value)) if isinstance(start, int) else value
        request = TighteningRequested(((name, value),), "careful", source, self.exchange.now)
        verdict = tighten(self.limits, request, self.exchange.now)
        same = present is not None and value == present
        stricter = present is None or (value < present if lower else value > present)
        assert isinstance(verdict, tuple) == (stricter or same), verdict
        if isinstance(verdict, tuple):
            self.commit(verdict)
            self.ledger.limits = replace(self.ledger.limits, **{field: value})

    @rule(source=st.sampled_from([LOCAL, REMOTE]))
    def limits_restored(self, source: Source) -> None:
        self.exchange.now += 1
        verdict = restore(
            self.state, LimitsRestoreRequested("enough", source, self.exchange.now), self.exchange.now
        )
        assert isinstance(verdict, tuple) == (source is LOCAL)
        if isinstance(verdict, tuple):
            self.commit(verdict)
            self.ledger.limits = self.settings

    @rule()
    def restart(self) -> None:
        """Begin anew from the journal; an order on its way is in doubt then."""
        self.state, self.ledger.readings = fold(EngineState(), self.journal), {}
        self.readings, self.settling = Readings(), self._settling()
        self.commit((*interrupt(self.state, self.exchange.now), *abandon(self.state, self.exchange.now)))

    # What always holds

    @invariant()
    def the_journal_tells_the_state(self) -> None:
        if hasattr(self, "journal"):
            assert fold(EngineState(), self.journal) == self.state

    @invariant()
    def the_latch_is_as_the_looks_say(self) -> None:
        if hasattr(self, "journal"):
            assert self.state.trading.value == self.ledger.trading
            assert self.state.breach == self.ledger.breach


def lots_part(symbol: str, lots: float, share: float) -> float:
    """Return a part of lots, down to whole steps."""
    step = INSTRUMENTS[symbol].step
    return round(round(lots * share / step - 0.49) * step, 8) if share < 1 else lots
