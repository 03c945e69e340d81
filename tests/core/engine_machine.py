"""The engine driven at random: any order of inputs, a venue that knows the truth, crashes in between.

The machine does what the executor and recovery do, journals what they would journal, and keeps its own simple
account of what must hold. It takes nothing from the engine's state that it can count for itself.
"""

from collections import Counter
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from tests.core.builders import (
    DAY,
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
)

from hybrid_bridge.core import engine
from hybrid_bridge.core import state as state_module
from hybrid_bridge.core.account import AccountReport, Deal
from hybrid_bridge.core.appraisal import Appraisal, Findings
from hybrid_bridge.core.events import (
    Denial,
    Event,
    IntentReceived,
    OrderAnswered,
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
    Wanted,
)
from hybrid_bridge.core.market import Side
from hybrid_bridge.core.orders import (
    IN_DOUBT_STATES,
    OPEN_STATES,
    Answer,
    Channel,
    IntentKind,
    OrderState,
    Source,
    SubmitOutcome,
)
from hybrid_bridge.core.reconciliation import HORIZON_MS, Doubt, interrupt, resolve
from hybrid_bridge.core.state import EngineState, OrderRecord

LOCAL, REMOTE = Source(Channel.LOCAL), Source(Channel.WEBSOCKET)
IDS = [f"id-{number}" for number in range(12)]
WHY = Denial("trading_state", "a running bridge", "stopping", "")
# Hypothesis likes first, last and simple values; what should be rare must be none of them.
rarely = st.integers(0, 15).map(lambda number: number == 11)
OUTCOMES = [
    SubmitOutcome(Answer.YES, 10009, order=700, deal=801, volume=0.1, price=1.1),
    SubmitOutcome(Answer.UNKNOWN, 10012),
    SubmitOutcome(Answer.YES, 10010, order=700, deal=801, volume=0.05, price=1.1),
    SubmitOutcome(Answer.YES, 10008, order=700, placed=True),
    SubmitOutcome(Answer.NO, 10006),
    SubmitOutcome(Answer.NO),
    SubmitOutcome(Answer.UNKNOWN, 0, -10002),
]
MAY_CLOSE = {IntentKind.CLOSE, IntentKind.MODIFY, IntentKind.CANCEL}


class EngineMachine(RuleBasedStateMachine):
    """Rules are what may happen; `_commit` and the invariants are what must hold whatever happens."""

    @initialize(
        enabled=rarely.map(lambda off: not off),
        daily=st.sampled_from([6, 4, 3, 2, 1, 5, 0, 3]),
        rate=st.sampled_from([9, 4, 2]),
        window_ms=st.sampled_from([0, 1_000, 120_000]),
        stop_setting=rarely,
        kept=st.sampled_from([2, 5_000]),
    )
    def start(
        self, enabled: bool, daily: int, rate: int, window_ms: int, stop_setting: bool, kept: int
    ) -> None:
        self.kept_before = state_module.CLOSED_ORDERS_KEPT
        state_module.CLOSED_ORDERS_KEPT = kept
        self.limits = make_limits(
            trading_enabled=enabled,
            emergency_stop=stop_setting,
            max_daily_trades=daily,
            max_orders_per_minute=rate,
            duplicate_window_ms=window_ms,
            allow_remote_resume=False,
        )
        self.state = EngineState()
        self.journal: list[Event] = []
        self.now, self.day, self.opened_day = NOW, DAY, -1
        self.halted = self.emergency = False
        self.latched_at = 0
        self.ids: set[str] = set()
        self.acted: Counter[str] = Counter()
        self.sent_today = 0
        self.sent_at: list[int] = []
        self.truth: dict[int, bool] = {}
        self.doubts: dict[int, Doubt] = {}

    def teardown(self) -> None:
        if hasattr(self, "kept_before"):
            state_module.CLOSED_ORDERS_KEPT = self.kept_before

    # What the executor does with events: journal them, fold them. Here they are judged first.

    def _commit(self, events: tuple[Event, ...]) -> None:
        assert fold(EngineState(), self.journal) == self.state, "a decision changed the state by itself"
        for event in events:
            if isinstance(event, IntentReceived):
                if event.intent.signal_id in self.ids:
                    return  # The journal knows the id from before what memory holds.
                self.ids.add(event.intent.signal_id)
        approved = {e.order.intent.number: e.order for e in events if isinstance(e, OrderApproved)}
        for event in events:
            if isinstance(event, OrderSending):
                self._judge_send(approved[event.number])
            self.journal.append(event)
            fold(self.state, [event])

    def _judge_send(self, order: Any) -> None:
        intent = order.intent
        self.acted[intent.signal_id] += 1
        assert self.acted[intent.signal_id] == 1, "an id acted twice"
        assert self.now <= intent.expires_msc, "sent after its time"
        self.truth[intent.number] = False
        if intent.kind in MAY_CLOSE:
            return
        assert self.limits.trading_enabled
        assert not self.limits.emergency_stop
        assert not self.halted
        assert not self.emergency
        doubtful = [r for r in self.state.orders.values() if r.state in IN_DOUBT_STATES]
        assert intent.symbol not in {record.intent.symbol for record in doubtful}, "entry beside a doubt"
        if self.opened_day < self.shown_day:
            self.opened_day, self.sent_today = self.shown_day, 0
        self.sent_today += 1
        assert self.sent_today <= self.limits.max_daily_trades, "more entries than a day may have"
        self.sent_at = [at for at in self.sent_at if at > self.now - 60_000] + [self.now]
        assert len(self.sent_at) <= self.limits.max_orders_per_minute, "faster than the rate"
        assert 0 < order.risk_money <= self.equity * self.limits.max_risk_percent / 100 * (1 + 1e-9)
        assert order.request.sl > 0

    def _facts(self, symbol: str, quote_age: int, equity: float, lost: bool) -> Appraisal | None:
        if lost:
            return None
        self.equity = equity
        quote = make_quote(symbol=symbol, time_msc=self.now - quote_age)
        return make_appraisal(quote=quote, spec=make_spec(name=symbol), report=self._report(equity))

    def _report(self, equity: float, login: int = 7001) -> AccountReport:
        usable = login == 7001 and equity > 0
        self.shown_day = self.day if usable else -1
        account = make_account(equity=equity, login=login)
        return make_report(account=account, server_day=self.day, at_msc=self.now)

    def _process(self, wanted: Wanted, appraisal: Appraisal | None, held: bool, waits_ms: int) -> None:
        events = engine.receive(self.state, self.limits, wanted, self.now)
        if events:
            self._commit(events)
            return
        self.now += waits_ms
        position = make_position() if held else None
        judged = OrderAppraised(wanted, appraisal, position, "lane down", self.now)
        self._commit(engine.judge_appraised(self.state, self.limits, judged))

    # Signals and commands

    @rule(
        signal_id=st.sampled_from(IDS),
        symbol=st.sampled_from(["EURUSD", "GBPUSD", "XAUUSD"]),
        volume=st.sampled_from([None, 0.1, 0.2]),
        payload=st.sampled_from(["a", "a", "b"]),
        age_ms=st.sampled_from([None, 0, 4_000, 9_000, -9_000]),
        waits_ms=st.sampled_from([0, 0, 50, 6_000]),
        quote_age=st.sampled_from([0, 0, 0, 20_000]),
        equity=st.sampled_from([10_000.0, 10_000.0, 12_000.0, NAN]),
        lost=st.sampled_from([False, False, False, True]),
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
    ) -> None:
        wanted = make_signal(
            signal_id=signal_id,
            symbol=symbol,
            volume=volume,
            payload_hash=payload,
            timestamp_msc=None if age_ms is None else self.now - age_ms,
            received_msc=self.now,
        )
        self._process(wanted, self._facts(symbol, quote_age, equity, lost), False, waits_ms)

    @rule(
        symbol=st.sampled_from(["EURUSD", "GBPUSD"]),
        side=st.sampled_from(list(Side)),
        again=st.booleans(),
        outcome=st.sampled_from([*OUTCOMES, None]),
        filled_anyway=st.booleans(),
    )
    def sound_signal(
        self, symbol: str, side: Side, again: bool, outcome: SubmitOutcome | None, filled_anyway: bool
    ) -> None:
        signal_id = f"new-{len(self.journal)}"
        self._send_sound(signal_id, symbol, side)
        number = self.state.numbers.get(signal_id)
        record = None if number is None else self.state.orders[number]
        if outcome is not None and record is not None and record.state is OrderState.SENDING:
            self._reply(record, outcome, filled_anyway)
        if again:
            self._send_sound(signal_id, symbol, side)

    def _send_sound(self, signal_id: str, symbol: str, side: Side) -> None:
        stop_loss = 1.0981 if side is Side.BUY else 1.102
        wanted = make_signal(
            signal_id=signal_id, symbol=symbol, side=side, stop_loss=stop_loss, received_msc=self.now
        )
        self._process(wanted, self._facts(symbol, 0, 10_000.0, False), False, 0)

    @rule(
        command_id=st.sampled_from(IDS),
        make=st.sampled_from([make_close, make_modify, make_cancel]),
        held=st.booleans(),
        waits_ms=st.sampled_from([0, 0, 70_000]),
        lost=st.sampled_from([False, False, True]),
    )
    def command(self, command_id: str, make: Any, held: bool, waits_ms: int, lost: bool) -> None:
        wanted = make(command_id=command_id, received_msc=self.now)
        self._process(wanted, self._facts("EURUSD", 0, 10_000.0, lost), held, waits_ms)

    @rule(signal_id=st.sampled_from(IDS), close=st.booleans())
    def refused(self, signal_id: str, close: bool) -> None:
        wanted: Wanted = make_signal(signal_id=signal_id, received_msc=self.now)
        if close:
            wanted = make_close(command_id=signal_id, received_msc=self.now)
        self._commit(engine.refuse(self.state, self.limits, wanted, WHY, self.now))

    # The trader and the account

    @rule(source=st.sampled_from([LOCAL, REMOTE]), really=st.sampled_from([False, False, True]))
    def stop(self, source: Source, really: bool) -> None:
        if not really:
            return
        request = EmergencyStopRequested("stop", None, True, source, self.now)
        self._commit(engine.stop(self.state, self.limits, request))
        if not self.emergency or self.now > self.latched_at:
            self.latched_at = self.now
        self.halted = self.emergency = True

    @precondition(lambda self: not self.halted or self.now > self.latched_at)
    @rule(source=st.sampled_from([LOCAL, LOCAL, REMOTE]))
    def resume(self, source: Source) -> None:
        verdict = engine.resume(self.state, self.limits, ResumeRequested("go on", source, self.now), self.now)
        refused = source is REMOTE or self.limits.emergency_stop
        assert refused == isinstance(verdict, Denial)
        if not isinstance(verdict, Denial):
            self._commit(verdict)
            self.halted = self.emergency = False

    @rule(
        equity=st.sampled_from([10_000.0, 9_000.0, 15_000.0, NAN, 0.0]),
        strange=rarely,
    )
    def account_seen(self, equity: float, strange: bool) -> None:
        report = self._report(equity, 1 if strange else 7001)
        self._commit(engine.observe(self.state, self.limits, AccountObserved(report)))
        if strange and not self.halted:
            self.halted, self.latched_at = True, self.now
        if self.shown_day > self.opened_day:
            self.opened_day, self.sent_today = self.shown_day, 0

    # Time

    @rule(ms=st.sampled_from([1, 900, 2_500, 30_000, 61_000, -40_000]))
    def clock_moves(self, ms: int) -> None:
        self.now += ms

    @rule(days=st.sampled_from([1, 1, 2, -1]))
    def broker_day_moves(self, days: int) -> None:
        self.day += days

    # What comes of an order

    def _in(self, state: OrderState) -> list[OrderRecord]:
        return [record for record in self.state.orders.values() if record.state is state]

    @precondition(lambda self: self._in(OrderState.SENDING))
    @rule(
        pick=st.randoms(use_true_random=False),
        outcome=st.sampled_from(OUTCOMES),
        filled_anyway=st.booleans(),
    )
    def venue_replies(self, pick: Any, outcome: SubmitOutcome, filled_anyway: bool) -> None:
        self._reply(pick.choice(self._in(OrderState.SENDING)), outcome, filled_anyway)

    def _reply(self, record: OrderRecord, outcome: SubmitOutcome, filled_anyway: bool) -> None:
        self.truth[record.intent.number] = outcome.answer is Answer.UNKNOWN and filled_anyway
        self._commit(
            engine.answer(self.state, OrderReplied(record.intent.number, outcome, self.now, self.now))
        )

    @precondition(lambda self: self._in(OrderState.SENDING))
    @rule(pick=st.randoms(use_true_random=False))
    def send_withheld(self, pick: Any) -> None:
        record = pick.choice(self._in(OrderState.SENDING))
        self._commit(engine.withhold(SendWithheld(record.intent.number, "expiry", "", self.now)))

    @rule(filled_anyway=st.booleans())
    def crash(self, filled_anyway: bool) -> None:
        for record in self._in(OrderState.SENDING):
            self.truth[record.intent.number] = filled_anyway
        self.state = fold(EngineState(), self.journal)
        self.doubts.clear()
        self._commit(interrupt(self.state, self.now))
        assert not self._in(OrderState.SENDING)

    @precondition(lambda self: self._in(OrderState.UNKNOWN))
    @rule(
        pick=st.randoms(use_true_random=False),
        connected=st.booleans(),
        lagging=st.booleans(),
        later=st.booleans(),
    )
    def looked_up(self, pick: Any, connected: bool, lagging: bool, later: bool) -> None:
        record = pick.choice(self._in(OrderState.UNKNOWN))
        number = record.intent.number
        doubt = self.doubts.get(number) or Doubt(0, self.now)
        if later:
            self.now = max(self.now, doubt.since_msc + HORIZON_MS)
        # Connected for as long as the horizon, a terminal has its history.
        hidden = lagging and self.now - doubt.since_msc < HORIZON_MS
        findings = self._findings(record, connected, hidden)
        self.doubts[number] = doubt = Doubt(doubt.clean_looks + connected, doubt.since_msc)
        answer = resolve(record, findings, doubt, self.now)
        if answer is None:
            return
        self._commit((answer,))
        self._judge_answer(record, answer, doubt, connected)

    def _findings(self, record: OrderRecord, connected: bool, hidden: bool) -> Findings:
        assert record.order is not None
        request, intent = record.order.request, record.intent
        deals: tuple[Deal, ...] = ()
        if self.truth[intent.number] and not hidden and request.action == 1:
            deals = (
                Deal(
                    801,
                    700,
                    700,
                    intent.symbol,
                    Side.BUY,
                    0,
                    request.volume,
                    1.1,
                    0.0,
                    0.0,
                    0.0,
                    request.magic,
                    "",
                    None,
                ),
            )
        return Findings(connected, None, (), (), (), deals, self.now)

    def _judge_answer(
        self, record: OrderRecord, answer: OrderAnswered, doubt: Doubt, connected: bool
    ) -> None:
        if record.intent.kind not in (IntentKind.ENTRY, IntentKind.CLOSE):
            return
        filled = self.truth[record.intent.number]
        assert answer.state is (OrderState.FILLED if filled else OrderState.NOT_EXECUTED)
        if not filled:
            assert connected
            assert doubt.clean_looks >= 2

    # What always holds

    @invariant()
    def recovery_gives_what_is_live(self) -> None:
        if hasattr(self, "journal"):
            assert fold(EngineState(), self.journal) == self.state

    @invariant()
    def an_open_order_keeps_its_id(self) -> None:
        if hasattr(self, "journal"):
            for number, record in self.state.orders.items():
                assert record.intent.number == number
                assert self.state.numbers[record.intent.signal_id] == number
            open_ids = {r.intent.signal_id for r in self.state.orders.values() if r.state in OPEN_STATES}
            assert {i for i in self.acted if self._last_state(i) in OPEN_STATES} <= open_ids

    def _last_state(self, signal_id: str) -> OrderState | None:
        number = next(
            e.intent.number
            for e in self.journal
            if isinstance(e, IntentReceived) and e.intent.signal_id == signal_id
        )
        answers = [e.state for e in self.journal if isinstance(e, OrderAnswered) and e.number == number]
        return answers[-1] if answers else OrderState.SENDING

    @invariant()
    def the_latch_is_as_people_left_it(self) -> None:
        if hasattr(self, "journal"):
            assert (self.state.trading.value == "halted", self.state.emergency) == (
                self.halted,
                self.emergency,
            )

    @invariant()
    def numbers_are_never_reused(self) -> None:
        if hasattr(self, "journal"):
            numbers = [e.intent.number for e in self.journal if isinstance(e, IntentReceived)]
            assert numbers == list(range(1, len(numbers) + 1))
