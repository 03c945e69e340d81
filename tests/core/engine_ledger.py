"""What happened, written down apart from the engine, and what must therefore hold.

The machine that drives the engine at random tells the ledger of every event before it is folded, and asks
it after every step whether the engine's state says the same. The ledger takes nothing from that state that it
can count for itself.
"""

from collections import Counter

from tests.core.builders import MAGIC_BASE

from hybrid_bridge.core.events import (
    BrokerDayOpened,
    Event,
    IntentDenied,
    IntentExpired,
    IntentReceived,
    OrderAnswered,
    OrderApproved,
    OrderRetried,
    OrderSending,
)
from hybrid_bridge.core.inputs import EmergencyStopRequested
from hybrid_bridge.core.limits import Limits
from hybrid_bridge.core.orders import ApprovedOrder, Intent, IntentKind, OrderState, SubmitOutcome
from hybrid_bridge.core.state import EngineState

DAY_MS = 86_400_000
IN_DOUBT = {OrderState.SENDING, OrderState.UNKNOWN, OrderState.ESCALATED}
OPEN = IN_DOUBT | {OrderState.RECEIVED, OrderState.APPROVED}
FINAL = {OrderState.FILLED, OrderState.REJECTED, OrderState.DENIED, OrderState.EXPIRED}
AT_THE_VENUE = {OrderState.FILLED, OrderState.PARTIAL, OrderState.PLACED}
FILLING_RETURN = 2


class Ledger:
    """The judge: counts what is sent and what is owed, from events and from what people did."""

    def __init__(self, limits: Limits, kept: int, hedging: bool) -> None:
        self.limits, self.kept, self.hedging = limits, kept, hedging
        # What the account last showed; the machine writes these down.
        self.now, self.shown_day, self.equity, self.open_risk, self.held = 0, -1, 0.0, 0.0, 0
        self.position_volume, self.quote_age_ms = 0.0, 0
        # Every intent by its number.
        self.intents: dict[int, Intent] = {}
        self.orders: dict[int, ApprovedOrder] = {}
        self.status: dict[int, OrderState] = {}
        self.sent_msc: dict[int, int] = {}
        self.sends: Counter[int] = Counter()
        self.acted: Counter[str] = Counter()
        self.refused: dict[int, SubmitOutcome] = {}
        self.watched: set[int] = set()
        self.ids: dict[str, int] = {}
        # Entries since the clock was last set back: instant and what was asked for.
        self.entries: list[tuple[int, Intent]] = []
        self.opened_day, self.sent_today = -1, 0
        # What people have done about trading, and what stops still want done.
        self.halted = self.emergency = False
        self.latched_msc = 0
        self.owed = self.done = (False, False)
        self.owed_late = False

    # Events, before they are folded

    def note(self, event: Event) -> None:
        """Judge an event and write it down."""
        match event:
            case IntentReceived(intent=intent):
                assert intent.number == len(self.intents) + 1, "a number left out or used again"
                assert intent.signal_id not in self.ids, "an id acted on again"
                self.intents[intent.number] = intent
                self.ids[intent.signal_id] = intent.number
                self.status[intent.number] = OrderState.RECEIVED
            case IntentDenied(number=number):
                self._end(number, OrderState.DENIED)
            case IntentExpired(number=number):
                self._end(number, OrderState.EXPIRED)
            case OrderApproved(order=order):
                number = order.intent.number
                assert self.status[number] is OrderState.RECEIVED
                self.orders[number], self.status[number] = order, OrderState.APPROVED
            case OrderSending(number=number):
                assert self.status[number] is OrderState.APPROVED
                self._note_first_send(self.orders[number])
            case OrderRetried(order=order):
                self._note_retry(order)
            case OrderAnswered():
                self._note_answer(event)
            case BrokerDayOpened(server_day=day, at_msc=at_msc):
                assert self.opened_day < day == self.shown_day
                self.opened_day, self.sent_today = day, 0
                self.watched -= {n for n in self.watched if self.sent_msc[n] < at_msc - DAY_MS}

    def _end(self, number: int, state: OrderState) -> None:
        assert self.status[number] in (OrderState.RECEIVED, OrderState.APPROVED), "ended after it was sent"
        self.status[number] = state

    def _note_first_send(self, order: ApprovedOrder) -> None:
        intent = order.intent
        self.sends[intent.number] += 1
        self.acted[intent.signal_id] += 1
        assert self.sends[intent.number] == self.acted[intent.signal_id] == 1, "sent twice"
        self._judge(order)
        if intent.kind is IntentKind.ENTRY:
            self.sent_today += 1
            assert self.sent_today <= self.limits.max_daily_trades, "more entries than a day may have"
            self.entries.append((self.now, intent))
            recent = [at for at, _ in self.entries if at > self.now - 60_000]
            assert len(recent) <= self.limits.max_orders_per_minute, "faster than the rate"
        self.status[intent.number] = OrderState.SENDING
        self.sent_msc[intent.number] = self.now

    def _note_retry(self, order: ApprovedOrder) -> None:
        number = order.intent.number
        first, refusal = self.orders[number], self.refused.pop(number, None)
        assert self.status[number] is OrderState.SENDING
        assert refusal is not None, "sent again without a certain no in between"
        self.sends[number] += 1
        assert self.sends[number] == 2, "sent a third time"
        assert order.intent.signal_id == first.intent.signal_id
        assert order.request.magic == first.request.magic == MAGIC_BASE << 32 | number
        assert (order.request.symbol, order.request.type) == (first.request.symbol, first.request.type)
        if refusal.retcode == 10_030:
            assert order.request.type_filling != first.request.type_filling, "the refused filling again"
        self._judge(order)
        self.orders[number] = order

    def _judge(self, order: ApprovedOrder) -> None:
        """Judge one send by the limits, whichever send of the order it is."""
        intent = order.intent
        assert self.now <= intent.expires_msc, "sent after its time"
        others = [n for n, state in self.status.items() if state in IN_DOUBT and n != intent.number]
        if intent.kind is IntentKind.CLOSE:
            self._judge_close(order, others)
        if intent.kind is not IntentKind.ENTRY:
            return
        assert self.limits.trading_enabled
        assert not self.limits.emergency_stop
        assert not self.halted
        assert not self.emergency
        assert self.opened_day >= self.shown_day, "counted for a day that is over"
        assert intent.symbol not in {self.intents[n].symbol for n in others}, "entry beside a doubt"
        window_ms = self.limits.duplicate_window_ms
        asked = (intent.symbol, intent.side, intent.volume)
        for at, other in self.entries:
            if at > self.now - window_ms and other.number != intent.number:
                assert (other.symbol, other.side, other.volume) != asked, "the like within the window"
        assert self.quote_age_ms <= self.limits.max_quote_age_ms, "on a stale quote"
        assert order.request.sl > 0
        assert 0 < order.risk_money <= self.equity * self.limits.max_risk_percent / 100 * (1 + 1e-9)
        entries = [n for n in others if self.intents[n].kind is IntentKind.ENTRY]
        reserved = sum(self.orders[n].risk_money for n in entries)
        percent = self.limits.max_open_risk_percent
        if percent is not None:
            total = self.open_risk + reserved + order.risk_money
            assert total <= self.equity * percent / 100 * (1 + 1e-9), "more at risk than the limit"
        if self.limits.max_open_positions is not None:
            assert self.held + len(entries) < self.limits.max_open_positions, "more positions than the limit"

    def _judge_close(self, order: ApprovedOrder, others: list[int]) -> None:
        for doubtful in (self.intents[n] for n in others):
            if not self.hedging and doubtful.kind is not IntentKind.MODIFY:
                assert doubtful.symbol != order.request.symbol, "could open the opposite position"
            if doubtful.kind is IntentKind.CLOSE and doubtful.ticket == order.request.position:
                assert order.request.volume == self.position_volume, "two parts could add up"

    def _note_answer(self, event: OrderAnswered) -> None:
        number, to = event.number, event.state
        before = self.status[number]
        assert before not in FINAL or before is to, f"{before} became {to}"
        assert before is not OrderState.APPROVED
        self.status[number] = to
        self.refused.pop(number, None)
        request = self.orders[number].request
        waits = request.type_filling == FILLING_RETURN and request.volume - event.volume > 1e-8
        looked_for = before in (OrderState.UNKNOWN, OrderState.ESCALATED)
        if (
            to is OrderState.PLACED
            or (to is OrderState.PARTIAL and waits)
            or (to is OrderState.NOT_EXECUTED and looked_for)
        ):
            self.watched.add(number)
        else:
            self.watched.discard(number)
        if self.intents[number].kind is IntentKind.ENTRY and to in AT_THE_VENUE and not any(self.owed):
            self.owed, self.done = self.done, (False, False)
            self.owed_late = any(self.owed)

    # What people and the account did

    def stopped(self, request: EmergencyStopRequested) -> None:
        """Note an emergency stop that had to be obeyed."""
        close = request.close_positions
        asked = (self.limits.close_positions_on_stop if close is None else close, request.cancel_orders)
        later = request.received_msc > self.latched_msc or bool(request.source.topic)
        late, before = self.owed_late and any(self.owed), self.owed
        if late:
            before = (False, False)
        more = any(want and not owed for want, owed in zip(asked, before, strict=True))
        if any(asked) and (more or later or not self.emergency):
            self.done = self.owed if late else self.done
            self.owed = (asked[0] or before[0], asked[1] or before[1])
            self.owed_late = False
        self.latched_msc = max(self.latched_msc, request.received_msc)
        self.halted = self.emergency = True

    def halted_by_the_bridge(self, at_msc: int) -> None:
        """Note a halt of the bridge's own; it adds nothing to one that holds."""
        if not self.halted:
            self.halted, self.latched_msc = True, at_msc

    def resumed(self, at_msc: int) -> None:
        """Note that a person lifted the halt; what a stop still wanted is wanted no more."""
        self.halted = self.emergency = False
        self.latched_msc = at_msc
        self.owed = self.done = (False, False)

    def cleared(self) -> None:
        """Note that the account is clear."""
        if not any(self.owed):
            return
        everything = (self.owed[0] or self.done[0], self.owed[1] or self.done[1])
        again = everything != self.owed and not self.owed_late
        self.owed = everything if again else (False, False)
        self.done, self.owed_late = everything, again

    def clock_set_back(self) -> None:
        """Forget instants that no longer tell how long ago something was."""
        self.entries.clear()

    # The engine's state, after every step

    def check(self, state: EngineState) -> None:
        """Compare the engine's state with what is written here."""
        self._check_orders(state)
        self._check_latch(state)
        assert state.daily_entries == self.sent_today

    def _check_orders(self, state: EngineState) -> None:
        for number, record in state.orders.items():
            assert record.intent.number == number
            assert record.state is self.status[number]
            assert record.attempts == self.sends[number]
            assert record.order == self.orders.get(number)
            assert state.numbers[record.intent.signal_id] == number
        assert len(state.numbers) == len(state.orders)
        doubtful = {number for number, at in self.status.items() if at in IN_DOUBT}
        assert set(state.doubtful) == doubtful
        assert set(state.watched) == self.watched
        for index in (state.doubtful, state.watched):
            assert all(state.orders[number] is record for number, record in index.items()), "another record"
        still_wanted = {n for n, at in self.status.items() if at in OPEN} | self.watched
        assert still_wanted <= set(state.orders), "forgot an order that is not over"
        assert len(set(state.orders) - still_wanted) <= self.kept, "remembers more than it should"
        assert state.next_number == len(self.intents) + 1

    def _check_latch(self, state: EngineState) -> None:
        assert state.trading.value == ("halted" if self.halted else "active")
        assert state.emergency == self.emergency
        assert not self.halted or state.latched_msc == self.latched_msc
        wanted = state.clearing
        assert self.owed == ((wanted.close_positions, wanted.cancel_orders) if wanted else (False, False))
        assert wanted is None or wanted.late == self.owed_late
