"""The engine driven at random: any order of inputs, a venue that knows the truth, crashes in between.

The machine does what the executor, the reconciler and recovery do, and journals what they would journal. What
must hold is the ledger's business: it is told of every event before it is folded, and asked after every step.
"""

from dataclasses import replace
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from tests.core.builders import (
    DAY,
    MAGIC_BASE,
    NAN,
    NOW,
    fold,
    make_account,
    make_appraisal,
    make_cancel,
    make_close,
    make_limits,
    make_modify,
    make_position,
    make_quote,
    make_report,
    make_signal,
    make_spec,
    make_valuation,
)
from tests.core.engine_ledger import Ledger

from hybrid_bridge.core import account_watch, engine
from hybrid_bridge.core import state as state_module
from hybrid_bridge.core.account import AccountReport, BalanceOperation, Deal, HistoricOrder, Position
from hybrid_bridge.core.appraisal import Appraisal, Findings
from hybrid_bridge.core.breaches import Readings
from hybrid_bridge.core.events import (
    AccountCleared,
    Denial,
    DuplicateReceived,
    Event,
    IntentReceived,
    OrderApproved,
    OrderSending,
)
from hybrid_bridge.core.inputs import (
    AccountObserved,
    EmergencyStopRequested,
    OrderAppraised,
    OrderReplied,
    ResumeRequested,
    SendWithheld,
    SignalReceived,
    Wanted,
)
from hybrid_bridge.core.market import ExecutionMode, Side
from hybrid_bridge.core.orders import Answer, Channel, IntentKind, OrderState, Source, SubmitOutcome
from hybrid_bridge.core.reconciliation import (
    Doubt,
    abandon,
    escalate,
    follow,
    interrupt,
    resolve,
)
from hybrid_bridge.core.requests import split_magic
from hybrid_bridge.core.state import EngineState, OrderRecord
from hybrid_bridge.core.trades import Trade, settle

LOCAL, REMOTE = Source(Channel.LOCAL), Source(Channel.WEBSOCKET)
IDS = [f"id-{number}" for number in range(12)]
WHY = Denial("trading_state", "a running bridge", "stopping", "")
DAY_MS = 86_400_000
# As promised to the trader, whatever the code says: no trace is taken for "not executed" before.
LOOKS_MIN, HORIZON_MS, CLEAN_SPAN_MS = 2, 20_000, 10_000
# Hypothesis likes first, last and simple values; what should be rare must be none of them.
rarely = st.integers(0, 15).map(lambda number: number == 11)
sometimes = st.sampled_from([False, False, True])
picks = st.randoms(use_true_random=False)
FILLED = SubmitOutcome(Answer.YES, 10009, order=700, deal=801, volume=0.1, price=1.1)
UNKNOWN = SubmitOutcome(Answer.UNKNOWN, 10012)
OUTCOMES = [
    FILLED,
    UNKNOWN,
    SubmitOutcome(Answer.YES, 10010, order=700, deal=801, volume=0.05, price=1.1),
    SubmitOutcome(Answer.YES, 10008, order=700, placed=True),
    SubmitOutcome(Answer.NO, 10006),
    SubmitOutcome(Answer.NO),
    SubmitOutcome(Answer.UNKNOWN, 0, -10002),
    SubmitOutcome(Answer.NO, 10036),
]
SWITCHED_OFF = SubmitOutcome(Answer.NO, 10027, detail="AutoTrading is off in the terminal", halts=True)
REFUSALS = [SubmitOutcome(Answer.NO, code, retriable=True) for code in (10004, 10020, 10021, 10030)]
# What is found when a refused order is judged again: how much later, how old a quote, what came in between.
AGAIN = st.sampled_from(
    [
        (0, 0, ""),
        (7_000, 0, ""),
        (0, 20_000, ""),
        (0, 0, "a stop"),
        (0, 0, "a halt"),
        (0, 0, "no answer"),
        (80, 0, ""),
        (80, 0, ""),
    ]
)
NOTHING_IN_BETWEEN = [(0, 0, ""), (80, 0, "")]
SOUND = {
    "symbol": st.sampled_from(["EURUSD", "GBPUSD"]),
    "side": st.sampled_from(list(Side)),
    "volume": st.sampled_from([0.1, 0.2, 0.3, None]),
    "again": st.booleans(),
    "outcome": st.sampled_from([*OUTCOMES, *REFUSALS, *REFUSALS, UNKNOWN, UNKNOWN, None]),
    "share": st.sampled_from([0.0, 1.0, 0.5]),
    "retry": st.sampled_from([*OUTCOMES, REFUSALS[0]]),
    "looks": st.sampled_from([3, 0, 5, 3]),
    "late": st.sampled_from(["", "it fills", "it fills after a stop has cleared the account"]),
    "half": rarely,
    "resumed": st.sampled_from([True, True, True, True, False]),
    "again_on": AGAIN,
}
TRADED = {IntentKind.ENTRY, IntentKind.CLOSE}


def _id_of(wanted: Wanted) -> str:
    return wanted.signal_id if isinstance(wanted, SignalReceived) else wanted.command_id


class EngineMachine(RuleBasedStateMachine):
    """Rules are what may happen; the ledger says what must hold whatever happens."""

    @initialize(
        switch=st.integers(0, 40),
        daily=st.sampled_from([9, 6, 4, 2]),
        rate=st.sampled_from([9, 4, 2]),
        window_ms=st.sampled_from([0, 1_000, 120_000]),
        kept=st.sampled_from([2, 0, 5_000]),
        most=st.sampled_from([None, None, 4, 2]),
        risk=st.sampled_from([None, 2.1, 0.5]),
        close_all=st.booleans(),
        hedging=st.booleans(),
        exchange=sometimes,
        remote=st.booleans(),
        loss=st.sampled_from([None, None, None, 15.0]),
        drawdown=st.sampled_from([None, None, None, 30.0]),
        flatten=st.booleans(),
        streak=st.sampled_from([None, None, 3, 2, 1]),
    )
    def start(
        self,
        switch: int,
        daily: int,
        rate: int,
        window_ms: int,
        kept: int,
        most: int | None,
        risk: float | None,
        close_all: bool,
        hedging: bool,
        exchange: bool,
        remote: bool,
        loss: float | None,
        drawdown: float | None,
        flatten: bool,
        streak: int | None,
    ) -> None:
        self.kept_before = state_module.CLOSED_ORDERS_KEPT
        state_module.CLOSED_ORDERS_KEPT = account_watch.CLOSED_ORDERS_KEPT = kept
        self.limits = make_limits(
            trading_enabled=switch != 17,
            emergency_stop=switch == 23,
            max_daily_trades=daily,
            max_orders_per_minute=rate,
            duplicate_window_ms=window_ms,
            max_open_positions=most,
            max_open_risk_percent=risk,
            close_positions_on_stop=close_all,
            allow_remote_resume=remote,
            max_daily_loss_percent=loss,
            max_drawdown_percent=drawdown,
            flatten_on_breach=flatten,
            breach_readings=2,
            max_consecutive_losses=streak,
            cooldown_ms=30_000,
        )
        self.ledger = Ledger(self.limits, kept, hedging)
        self.rules = {"execution_mode": ExecutionMode.EXCHANGE, "filling_mode": 0} if exchange else {}
        self.state = EngineState()
        self.journal: list[Event] = []
        self.now, self.day = NOW, DAY
        self.venue: dict[int, Position] = {}
        self.truth: dict[int, float] = {}
        self.wanted: dict[str, Wanted] = {}
        self.doubts: dict[int, Doubt] = {}
        self.topic: list[EmergencyStopRequested] = []
        self.payments: list[BalanceOperation] = []
        self.readings = Readings()
        self.believed: AccountReport | None = None

    def teardown(self) -> None:
        if hasattr(self, "kept_before"):
            state_module.CLOSED_ORDERS_KEPT = account_watch.CLOSED_ORDERS_KEPT = self.kept_before

    # What the recorder does with events: journal them, fold them. Here they are judged first.

    def _commit(self, events: tuple[Event, ...]) -> None:
        assert fold(EngineState(), self.journal) == self.state, "a decision changed the state by itself"
        self.ledger.now, self.ledger.day_is_new = self.now, False
        for event in events:
            if isinstance(event, IntentReceived) and event.intent.signal_id in self.ledger.ids:
                # The journal knows the id from before what memory holds.
                known = self.ledger.ids[event.intent.signal_id]
                events = (DuplicateReceived(known, event.intent.signal_id, False, LOCAL, self.now),)
        for event in events:
            self.ledger.note(event)
            self.journal.append(event)
            fold(self.state, [event])

    def _report(
        self, equity: float = 10_000.0, login: int = 7001, connected: bool = True, loaded: bool = True
    ) -> AccountReport:
        """Look at the account as it is; an unloaded terminal shows a profit and no positions yet."""
        usable = login == 7001 and equity > 0
        self.ledger.shown_day = self.day if usable else -1
        positions = tuple(self.venue.values()) if loaded else ()
        self.ledger.held, self.ledger.equity = len(positions), equity
        self.ledger.showed(positions)
        account = make_account(
            equity=equity, login=login, hedging=self.ledger.hedging, profit=5.0 if self.venue else 0.0
        )
        self.now += 1  # No two looks at one instant: which of them came later could not be told.
        report = make_report(account=account, positions=positions, server_day=self.day, at_msc=self.now)
        report = replace(report, balance_operations=tuple(self.payments))
        return replace(report, terminal=replace(report.terminal, connected=connected))

    def _facts(
        self, symbol: str, quote_age: int, equity: float, lost: bool, strange: bool = False
    ) -> Appraisal | None:
        if lost:
            return None
        self.ledger.quote_age_ms = quote_age
        self.ledger.open_risk = 20.0 * len(self.venue)
        quote = make_quote(symbol=symbol, time_msc=self.now - quote_age)
        return make_appraisal(
            quote=quote,
            spec=make_spec(name=symbol, **self.rules),
            report=replace(
                self._report(equity, 1 if strange else 7001),
                valuation=make_valuation(position_losses=dict.fromkeys(self.venue, 20.0)),
            ),
        )

    def _process(self, wanted: Wanted, appraisal: Appraisal | None, waits_ms: int, half: bool) -> None:
        events = engine.receive(self.state, self.limits, wanted, self.now)
        if _id_of(wanted) in self.state.numbers:
            judged = self._appraised(wanted, appraisal)
            again = engine.judge_appraised(self.state, self.limits, judged)
            assert [type(event) for event in (*events, *again)] == [DuplicateReceived] * 2
        if not events:
            self.now += waits_ms
            judged = self._appraised(wanted, appraisal)
            events = engine.judge_appraised(self.state, self.limits, judged)
        if half and isinstance(events[-1], OrderSending):
            self._commit(events[:-1])
            self.crash(False)
            return
        self._commit(events)
        for event in events:
            if isinstance(event, OrderApproved):
                self.wanted.setdefault(event.order.intent.signal_id, wanted)

    def _appraised(self, wanted: Wanted, appraisal: Appraisal | None) -> OrderAppraised:
        position = self.venue.get(getattr(wanted, "ticket", 0))
        self.ledger.position_volume = position.volume if position is not None else 0.0
        return OrderAppraised(wanted, appraisal, position, "lane down", self.now)

    # Signals and commands

    @rule(
        signal_id=st.sampled_from(IDS),
        symbol=st.sampled_from(["EURUSD", "GBPUSD", "EURUSD", "GBPUSD", "XAUUSD"]),
        volume=st.sampled_from([None, 0.1, 0.2]),
        payload=st.sampled_from(["a", "a", "b"]),
        age_ms=st.sampled_from([None, 0, 0, 4_000, None, 0, 9_000, -9_000]),
        waits_ms=st.sampled_from([0, 0, 0, 50, 6_000]),
        quote_age=st.sampled_from([0, 0, 0, 20_000]),
        equity=st.sampled_from([10_000.0, 10_000.0, 12_000.0, NAN]),
        lost=rarely,
        strange=rarely,
        half=rarely,
    )
    def signal(
        self,
        signal_id: str,
        symbol: str,
        volume: float | None,
        payload: str,
        age_ms: int | None,
        waits_ms: int,
        quote_age: int,
        equity: float,
        lost: bool,
        strange: bool,
        half: bool,
    ) -> None:
        wanted = make_signal(
            signal_id=signal_id,
            symbol=symbol,
            volume=volume,
            payload_hash=payload,
            timestamp_msc=None if age_ms is None else self.now - age_ms,
            received_msc=self.now,
        )
        self._process(wanted, self._facts(symbol, quote_age, equity, lost, strange), waits_ms, half)

    def _sound_signal(
        self,
        symbol: str,
        side: Side,
        volume: float | None,
        again: bool,
        outcome: SubmitOutcome | None,
        share: float,
        retry: SubmitOutcome,
        looks: int,
        late: str,
        half: bool,
        resumed: bool,
        again_on: tuple[int, int, str],
    ) -> None:
        if (self.ledger.halted or self.ledger.reducing) and resumed:
            self._resume(LOCAL, 1, 0)
        signal_id = f"new-{len(self.journal)}"
        wanted = make_signal(
            signal_id=signal_id,
            symbol=symbol,
            side=side,
            volume=volume,
            stop_loss=1.0981 if side is Side.BUY else 1.102,
            received_msc=self.now,
        )
        self._process(wanted, self._facts(symbol, 0, 10_000.0, False), 0, half)
        record = self.state.orders.get(self.ledger.ids[signal_id])
        if outcome is not None and record is not None and record.state is OrderState.SENDING:
            self._reply(record, outcome, share, again_on)
            free = not (self.ledger.halted or self.ledger.reducing)
            if free and outcome.retriable and outcome.retcode != 10_030 and again_on in NOTHING_IN_BETWEEN:
                assert record.attempts == 2, "not tried again although nothing speaks against it"
            if record.state is OrderState.SENDING:
                self._reply(record, retry, share, again_on)
            for _ in range(looks):
                if record.state is OrderState.UNKNOWN:
                    self.now += CLEAN_SPAN_MS
                    self._look_up(record, connected=True, lagging=True)
            if late.endswith("the account"):
                self._stop(EmergencyStopRequested("stop", True, True, LOCAL, self.now))
                self.account_cleared(False)
            if late and record.intent.number in self.state.watched:
                self._follow(record, fills=True, ends=False)
        if again:
            repeated = replace(wanted, received_msc=self.now)
            self._process(repeated, self._facts(symbol, 0, 10_000.0, False), 0, False)

    # Twice, so that the machine tries it more often than what is rare.
    sound_signal = rule(**SOUND)(_sound_signal)
    another_sound_signal = rule(**SOUND)(_sound_signal)

    @rule(
        command_id=st.sampled_from([*IDS, "", "", ""]),
        make=st.sampled_from([make_close, make_close, make_modify, make_cancel]),
        pick=picks,
        part=sometimes,
        waits_ms=st.sampled_from([0, 0, 0, 0, 70_000]),
        lost=rarely,
    )
    def command(self, command_id: str, make: Any, pick: Any, part: bool, waits_ms: int, lost: bool) -> None:
        ticket = pick.choice([*self.venue, *self.venue, 500])
        wanted = make(
            command_id=command_id or f"new-{len(self.journal)}", ticket=ticket, received_msc=self.now
        )
        if part and make is make_close:
            wanted = replace(wanted, volume=0.04)
        symbol = self.venue[ticket].symbol if ticket in self.venue else "EURUSD"
        self._process(wanted, self._facts(symbol, 0, 10_000.0, lost), waits_ms, False)

    @rule(signal_id=st.sampled_from(IDS), close=st.booleans())
    def refused(self, signal_id: str, close: bool) -> None:
        wanted: Wanted = make_signal(signal_id=signal_id, received_msc=self.now)
        if close:
            wanted = make_close(command_id=signal_id, received_msc=self.now)
        self._commit(engine.refuse(self.state, self.limits, wanted, WHY, self.now))

    # The trader and the account

    @rule(
        asked=st.lists(
            st.tuples(
                st.sampled_from([LOCAL, REMOTE, None]), st.sampled_from([None, True, False]), st.booleans()
            ),
            min_size=1,
            max_size=3,
        ),
        really=sometimes,
        then=st.sampled_from(["", "cleared", "a late fill"]),
        pick=picks,
    )
    def stop(
        self, asked: list[tuple[Source | None, bool | None, bool]], really: bool, then: str, pick: Any
    ) -> None:
        if not really:
            return
        for source, close, cancel in asked:
            place = source or Source(Channel.REDPANDA, "commands", 0, len(self.journal), self.now)
            request = EmergencyStopRequested("stop", close, cancel, place, self.now)
            if source is None:
                self.topic.append(request)
            self._stop(request)
            self.now += 1
        if then:
            self.account_cleared(False)
        if then == "a late fill" and self.state.watched:
            self._follow(pick.choice(list(self.state.watched.values())), fills=True, ends=False)

    def _stop(self, request: EmergencyStopRequested) -> None:
        events = engine.stop(self.state, self.limits, request)
        self._commit(events)
        self.ledger.stopped(request)
        if events:
            self.ledger.breach = ""

    @precondition(lambda self: self.topic)
    @rule(pick=picks)
    def stop_read_twice(self, pick: Any) -> None:
        assert engine.stop(self.state, self.limits, pick.choice(self.topic)) == ()

    @rule(
        source=st.sampled_from([LOCAL, LOCAL, REMOTE, None]),
        waits_ms=st.sampled_from([1, 5_000, 0]),
        before=st.sampled_from([0, 0, 5_000]),
    )
    def resume(self, source: Source | None, waits_ms: int, before: int) -> None:
        self._resume(source, waits_ms, before)

    def _resume(self, source: Source | None, waits_ms: int, before: int) -> None:
        self.now += waits_ms
        place = source or Source(Channel.REDPANDA, "commands", 0, len(self.journal) - before, self.now)
        given_msc = self.now - before
        request = ResumeRequested("go on", place, given_msc)
        verdict = engine.resume(self.state, self.limits, request, self.now, self.believed)
        permitted = place is LOCAL or self.limits.allow_remote_resume
        set_back = place is LOCAL and self.now < self.ledger.latched_msc
        late_enough = given_msc > self.ledger.latched_msc or set_back
        if not permitted or self.limits.emergency_stop:
            assert isinstance(verdict, Denial)
        if isinstance(verdict, Denial):
            broken = verdict.check in ("daily_loss", "drawdown") and self._is_broken(verdict.check, place)
            assert not (permitted and late_enough) or self.limits.emergency_stop or broken
        elif self.ledger.halted or self.ledger.reducing:
            assert not self._is_broken("daily_loss", place) or not self._is_looked_at()
            assert late_enough, "a resume from before the halt undid it"
            self._commit(verdict)
            self.ledger.resumed(given_msc)
        else:
            assert verdict == ()

    def _is_looked_at(self) -> bool:
        return self.believed is not None and self.ledger.counted == self.ledger.paid_when_believed

    def _is_broken(self, name: str, place: Source) -> bool:
        if not self._is_looked_at():
            return bool(self.ledger.breach)
        broken = self.ledger.broken(name, self.ledger.believed_equity)
        return broken and (name == "daily_loss" or place is not LOCAL)

    @rule(wrong=sometimes)
    def account_cleared(self, wrong: bool) -> None:
        if self.state.clearing is None or self.state.doubtful:
            return
        since = self.state.clearing.since_msc
        self._commit((AccountCleared(since - wrong, self.now),))
        if not wrong:
            self.ledger.cleared()

    @rule(
        equity=st.sampled_from([10_000.0, 9_000.0, 15_000.0, NAN, 0.0]),
        strange=rarely,
        connected=sometimes.map(lambda away: not away),
        loaded=sometimes.map(lambda empty: not empty),
    )
    def account_seen(self, equity: float, strange: bool, connected: bool, loaded: bool) -> None:
        self.now += 1
        report = self._report(equity, 1 if strange else 7001, connected, loaded)
        known = dict(self.state.positions)
        self._commit(engine.observe(self.state, self.limits, AccountObserved(report)))
        if not strange and equity > 0 and connected:
            self.believed = report
            self.ledger.believed()
        self._commit(engine.flatten(self.state, self.limits, report, self.readings))
        self.ledger.closed_if_due()
        if strange:
            self.ledger.halted_by_the_bridge(self.now)
        if strange or not equity > 0 or not connected or (self.venue and not loaded):
            assert self.state.positions == known, "positions taken from a look that shows none"
        else:
            self._expect_positions()

    def _expect_positions(self) -> None:
        assert {
            ticket: (held.symbol, held.side, held.volume, held.price_open)
            for ticket, held in self.state.positions.items()
        } == {
            ticket: (held.symbol, held.side, held.volume, held.price_open)
            for ticket, held in self.venue.items()
        }
        for ticket, held in self.state.positions.items():
            base, number = split_magic(self.venue[ticket].magic)
            assert held.number == (number if base == MAGIC_BASE and number in self.ledger.intents else 0)

    @rule(
        pick=picks,
        does=st.sampled_from(["open", "open", "close", "add"]),
        magic=st.sampled_from([0, 7, MAGIC_BASE << 32, MAGIC_BASE << 32 | 4_000_000]),
    )
    def by_hand(self, pick: Any, does: str, magic: int) -> None:
        if does == "open":
            ticket = 2_000 + len(self.journal)
            symbol = pick.choice(["EURUSD", "GBPUSD"])
            self.venue[ticket] = make_position(ticket=ticket, symbol=symbol, magic=magic, volume=0.3)
        elif self.venue:
            ticket = pick.choice(list(self.venue))
            held = self.venue.pop(ticket)
            if does == "add":
                self.venue[ticket] = replace(held, volume=held.volume + 0.1, side=held.side.opposite)

    @rule(amount=st.sampled_from([500.0, -500.0, 3_000.0, -3_000.0]))
    def paid(self, amount: float) -> None:
        ticket = 5_000 + len(self.payments)
        self.payments.append(BalanceOperation(ticket, amount, self.now))
        self.ledger.paid[ticket] = amount

    @precondition(lambda self: self.state.unsettled)
    @rule(pick=picks, profit=st.sampled_from([-5.0, -5.0, 0.0, 7.0]), ago_ms=st.sampled_from([0, 5_000]))
    def result_told(self, pick: Any, profit: float, ago_ms: int) -> None:
        record = pick.choice(list(self.state.unsettled.values()))
        number = record.intent.number
        if 1_000_000 + number in self.venue:
            return
        deal = max(record.settled_deal, 10_000) + len(self.journal)
        trade = Trade((number,), 700, record.intent.symbol, deal, profit, self.now - ago_ms)
        self._commit(settle(record, [trade], lambda _: self.day, self.now))

    # Time

    @rule(ms=st.sampled_from([1, 900, 2_500, 30_000, 61_000, -40_000, DAY_MS + 1]))
    def clock_moves(self, ms: int) -> None:
        self.now += ms
        if ms < 0:
            self.ledger.clock_set_back()

    @rule(days=st.sampled_from([1, 1, 2, -1]))
    def broker_day_moves(self, days: int) -> None:
        self.day += days

    # What comes of an order

    def _in(self, *states: OrderState) -> list[OrderRecord]:
        return [record for record in self.state.orders.values() if record.state in states]

    @precondition(lambda self: self._in(OrderState.SENDING))
    @rule(
        pick=picks,
        outcome=st.sampled_from([*OUTCOMES, *REFUSALS]),
        switched_off=rarely,
        share=st.sampled_from([0.0, 1.0, 0.5]),
        again_on=AGAIN,
    )
    def venue_replies(
        self,
        pick: Any,
        outcome: SubmitOutcome,
        switched_off: bool,
        share: float,
        again_on: tuple[int, int, str],
    ) -> None:
        record = pick.choice(self._in(OrderState.SENDING))
        self._reply(record, SWITCHED_OFF if switched_off else outcome, share, again_on)

    def _reply(
        self, record: OrderRecord, outcome: SubmitOutcome, share: float, again_on: tuple[int, int, str]
    ) -> None:
        number = record.intent.number
        replied = OrderReplied(number, outcome, self.now, self.now)
        may = engine.may_try_again(record, outcome)
        assert may == (outcome.retriable and self.ledger.sends[number] == 1), "one more try, after a no only"
        if may:
            self._try_again(record, replied, *again_on)
            return
        if outcome.answer is Answer.UNKNOWN:
            self._fill(record, share)
        elif outcome.answer is Answer.YES and not outcome.placed:
            self._fill(record, 1.0, most=outcome.volume if outcome.retcode == 10010 else None)
        if outcome.retcode == 10036:
            self.venue.pop(record.intent.ticket, None)
        self._commit(engine.answer(self.state, replied))
        if outcome.halts:
            self.ledger.halted_by_the_bridge(self.now)

    def _try_again(
        self, record: OrderRecord, replied: OrderReplied, waits_ms: int, quote_age: int, meanwhile: str
    ) -> None:
        self.now += waits_ms
        if meanwhile == "a stop":
            self._stop(EmergencyStopRequested("stop", None, True, LOCAL, self.now))
        elif meanwhile == "a halt":
            self.account_seen(10_000.0, True, True, True)
        facts = self._facts(
            record.intent.symbol or "EURUSD", quote_age, 10_000.0, lost=meanwhile == "no answer"
        )
        judged = self._appraised(self.wanted[record.intent.signal_id], facts)
        self.ledger.refused[record.intent.number] = replied.outcome
        self._commit(engine.judge_again(self.state, self.limits, replied, judged))

    def _fill(self, record: OrderRecord, share: float, most: float | None = None) -> None:
        """Let the venue do what an order asks for, wholly or in part, whatever its reply says."""
        order = record.order
        assert order is not None
        lots = round(order.request.volume * share, 8)
        if most is not None:
            lots = min(lots, most)
        number = record.intent.number
        self.truth[number] = lots
        if not lots or record.intent.kind not in TRADED:
            return
        if record.intent.kind is IntentKind.ENTRY:
            self.venue[1_000_000 + number] = make_position(
                ticket=1_000_000 + number,
                symbol=order.request.symbol,
                side=record.intent.side,
                volume=lots,
                magic=order.request.magic,
            )
            return
        held = self.venue.pop(record.intent.ticket, None)
        if held is not None and held.volume - lots > 1e-9:
            self.venue[held.ticket] = replace(held, volume=round(held.volume - lots, 8))

    @precondition(lambda self: self._in(OrderState.SENDING))
    @rule(pick=picks)
    def send_withheld(self, pick: Any) -> None:
        record = pick.choice(self._in(OrderState.SENDING))
        self._commit(engine.withhold(SendWithheld(record.intent.number, "expiry", "", self.now)))

    @rule(filled_anyway=st.booleans())
    def crash(self, filled_anyway: bool) -> None:
        for record in self._in(OrderState.SENDING):
            self._fill(record, 1.0 if filled_anyway else 0.0)
        self.state = fold(EngineState(), self.journal)
        self.doubts.clear()
        self.readings, self.believed = Readings(), None
        self.ledger.readings.clear()
        self._commit((*interrupt(self.state, self.now), *abandon(self.state, self.now)))
        assert not self._in(OrderState.SENDING, OrderState.APPROVED, OrderState.RECEIVED)

    @precondition(lambda self: self._in(OrderState.UNKNOWN))
    @rule(pick=picks)
    def escalated(self, pick: Any) -> None:
        record = pick.choice(self._in(OrderState.UNKNOWN))
        self._commit((escalate(record, "no trace of it", self.now),))

    @precondition(lambda self: self._in(OrderState.UNKNOWN, OrderState.ESCALATED))
    @rule(
        pick=picks,
        lagging=st.booleans(),
        looks=st.lists(
            st.tuples(
                st.sampled_from([20_000, 0, 2_000, 10_000, 60_000]),
                st.sampled_from([True, True, True, False]),
            ),
            min_size=1,
            max_size=5,
        ),
    )
    def looked_up(self, pick: Any, lagging: bool, looks: list[tuple[int, bool]]) -> None:
        record = pick.choice(self._in(OrderState.UNKNOWN, OrderState.ESCALATED))
        for waits_ms, connected in looks:
            self.now += waits_ms
            if record.state in (OrderState.UNKNOWN, OrderState.ESCALATED):
                self._look_up(record, connected, lagging)

    def _look_up(self, record: OrderRecord, connected: bool, lagging: bool) -> None:
        number = record.intent.number
        doubt = self.doubts.get(number) or Doubt(0, self.now, self.now)
        clean_since = doubt.clean_since_msc if doubt.clean_looks else self.now
        clean_looks = doubt.clean_looks + 1 if connected else 0
        self.doubts[number] = doubt = Doubt(clean_looks, doubt.since_msc, clean_since)
        # Connected for long enough, a terminal has its history.
        waited = self.now - doubt.since_msc >= HORIZON_MS and self.now - clean_since >= CLEAN_SPAN_MS
        findings = self._findings(record, connected, hidden=lagging and not waited)
        answer = resolve(record, findings, doubt, self.now)
        if answer is None:
            return
        self._commit((answer,))
        if record.intent.kind not in TRADED:
            return
        assert record.order is not None
        done = self.truth.get(number, 0.0)
        if not done:
            assert answer.state is OrderState.NOT_EXECUTED
            assert connected
            assert clean_looks >= LOOKS_MIN
            assert waited
            return
        whole = done >= record.order.request.volume - 1e-9
        assert answer.state is (OrderState.FILLED if whole else OrderState.PARTIAL)
        assert abs(answer.volume - done) < 1e-8

    @precondition(lambda self: self.state.watched)
    @rule(pick=picks, fills=st.booleans(), ends=sometimes)
    def followed(self, pick: Any, fills: bool, ends: bool) -> None:
        self._follow(pick.choice(list(self.state.watched.values())), fills, ends)

    def _follow(self, record: OrderRecord, fills: bool, ends: bool) -> None:
        before = record.state
        if fills and record.intent.kind in TRADED:
            self._fill(record, 1.0)
        findings = self._findings(record, True, hidden=False, cancelled=ends and not fills)
        answer = follow(record, findings, 0.0, self.now)
        if answer is not None:
            self._commit((answer,))
        if fills and record.intent.kind in TRADED:
            assert answer is not None
            assert (answer.state, answer.reason) == (OrderState.FILLED, "late_fill")
        elif ends and before is OrderState.PLACED and record.intent.kind in TRADED:
            assert answer is not None
            assert answer.state is OrderState.REJECTED
        else:
            assert answer is None

    def _findings(
        self, record: OrderRecord, connected: bool, hidden: bool, cancelled: bool = False
    ) -> Findings:
        assert record.order is not None
        request, intent = record.order.request, record.intent
        lots = 0.0 if hidden or request.action != 1 else self.truth.get(intent.number, 0.0)
        deals: tuple[Deal, ...] = ()
        ended: tuple[HistoricOrder, ...] = ()
        if lots:
            money = (1.1, 0.0, 0.0, 0.0)
            side, symbol = intent.side or Side.BUY, intent.symbol
            deals = (Deal(801, 700, 700, symbol, side, 0, lots, *money, request.magic, "", None),)
        if lots or cancelled:
            left = round(request.volume - lots, 8)
            ending = 2 if cancelled else 4
            ended = (HistoricOrder(700, 700, intent.symbol, ending, request.volume, left, request.magic, ""),)
        position = self.venue.get(intent.ticket)
        return Findings(connected, position, (), (), ended, deals, self.now)

    # What always holds

    @invariant()
    def recovery_gives_what_is_live(self) -> None:
        if hasattr(self, "journal"):
            assert fold(EngineState(), self.journal) == self.state

    @invariant()
    def the_state_is_what_the_ledger_says(self) -> None:
        if hasattr(self, "journal"):
            self.ledger.check(self.state)
