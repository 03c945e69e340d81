"""What happened, written down apart from the engine, and what must therefore hold.

The machine that drives the engine at random tells the ledger of every event before it is folded, and asks
it after every step whether the engine's state says the same. The ledger takes nothing from that state that it
can count for itself.
"""

from collections import Counter
from collections.abc import Iterable

from tests.core.builders import MAGIC_BASE

from hybrid_bridge.core.account import Position
from hybrid_bridge.core.events import (
    BrokerDayOpened,
    EntrySettled,
    EquityPeakRaised,
    EquityPeakReset,
    Event,
    FundsMoved,
    IntentDenied,
    IntentExpired,
    IntentReceived,
    OrderAnswered,
    OrderApproved,
    OrderRetried,
    OrderSending,
    PositionAdopted,
    PositionChanged,
    PositionEnded,
    TradeClosed,
    TradingState,
    TradingStateChanged,
)
from hybrid_bridge.core.inputs import EmergencyStopRequested
from hybrid_bridge.core.limits import Limits
from hybrid_bridge.core.market import Side
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
        self.net: dict[str, float] = {}
        self.day_is_new = False
        self.believed_equity: float | None = None
        self.paid_when_believed: set[int] = set()
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
        # What only reduces may pass for; what was closed for; looks in a row that showed a limit broken.
        self.reducing, self.breach, self.flattened = False, "", set[str]()
        self.readings: Counter[str] = Counter()
        # The marks that losses are measured from, and what was paid since they were set.
        self.day_equity: float | None = None
        self.peak: float | None = None
        self.paid: dict[int, float] = {}
        self.paid_before_day: set[int] = set()
        self.paid_before_peak: set[int] = set()
        self.counted: set[int] = set()
        self.clock_is_true = True
        # Entries that were filled, whose position shows, and what came of their trades: when, and how much.
        self.filled: dict[int, int] = {}
        self.unshown: list[int] = []
        self.adopted: dict[int, tuple[int, str, Side, float]] = {}
        self.open_numbers: set[int] = set()
        self.settled: set[int] = set()
        self.results: list[tuple[int, int, float]] = []

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
                assert event.equity == self.equity, "a day opened with another equity than was seen"
                self.day_equity, self.paid_before_day = event.equity, set(self.paid)
                self.flattened.discard("daily_loss")
                self.readings["daily_loss"] = 0
                self.day_is_new = True
            case _:
                self._note_of_the_account(event)

    def _note_of_the_account(self, event: Event) -> None:
        match event:
            case EquityPeakRaised():
                assert event.equity == self.equity > (self.peak or 0.0), "no new peak"
                self.peak, self.paid_before_peak = event.equity, set(self.paid)
            case EquityPeakReset():
                assert event.equity == self.believed_equity, "measured anew from another equity than was seen"
                self.peak, self.paid_before_peak = event.equity, set(self.paid_when_believed)
            case FundsMoved():
                self._note_payment(event)
            case TradeClosed():
                self.results.append((event.closed_msc, event.deal, event.profit))
            case EntrySettled(number=number):
                assert number in self.filled
                assert number not in self.settled, "a result told twice"
                self.settled.add(number)
                self.unshown = [other for other in self.unshown if other != number]
            case TradingStateChanged():
                self._note_latch(event)
            case PositionAdopted() | PositionChanged() | PositionEnded():
                self._note_position(event)

    def _note_payment(self, event: FundsMoved) -> None:
        ticket = event.ticket
        assert ticket not in self.counted, "a payment counted twice"
        assert event.amount == self.paid[ticket]
        self.counted.add(ticket)
        if self.clock_is_true and self.peak is not None:
            assert event.today == (ticket not in self.paid_before_day and self.opened_day >= self.shown_day)
            assert event.peak == (ticket not in self.paid_before_peak)
        if event.today and self.day_equity is not None:
            self.day_equity += event.amount
        if event.peak and self.peak is not None:
            self.peak += event.amount

    def broken(self, name: str, equity: float | None = None) -> bool:
        """Tell whether an equity, the latest unless given, breaks a limit by the marks written here."""
        equity = self.equity if equity is None else equity
        start, limit = {
            "daily_loss": (self.day_equity, self.limits.max_daily_loss_percent),
            "drawdown": (self.peak, self.limits.max_drawdown_percent),
        }[name]
        return limit is not None and start is not None and equity <= start - start * limit / 100

    def _note_latch(self, event: TradingStateChanged) -> None:
        if event.breach:
            assert self.broken(event.breach), "no limit is broken"
            self.breach = event.breach
            self.latched_msc = max(self.latched_msc, event.at_msc)
        if event.breach and event.state is TradingState.REDUCING:
            assert not self.halted, "a halt was loosened"
            self.reducing = True
        elif event.breach:
            assert self.limits.flatten_on_breach
            assert self.readings[event.breach] >= self.limits.breach_readings, "closed too soon"
            assert event.breach not in self.flattened, "closed for the same breach again"
            self.flattened.add(event.breach)
            self.done = self.owed if self.owed_late and any(self.owed) else self.done
            self.owed, self.owed_late = (True, True), False
            self.halted = self.emergency = True
            self.reducing = False
        elif event.reason == "a new day of the broker":
            assert self.reducing
            assert self.breach == "daily_loss"
            assert self.day_is_new
            self.reducing, self.breach, self.latched_msc = False, "", event.at_msc

    def _note_position(self, event: PositionAdopted | PositionChanged | PositionEnded) -> None:
        if isinstance(event, PositionEnded):
            del self.adopted[event.ticket]
            return
        number, symbol, change = 0, "", 0.0
        if isinstance(event, PositionAdopted):
            number, symbol = event.number, event.symbol
            change = 0.0 if number else event.volume * (1 if event.side is Side.BUY else -1)
        else:
            number, symbol, side, volume = self.adopted[event.ticket]
            after = event.volume * (1 if event.side is Side.BUY else -1)
            change = after - volume * (1 if side is Side.BUY else -1)
        self.adopted[event.ticket] = (number, symbol, event.side, event.volume)
        if number not in self.unshown and change:
            side = Side.BUY if change > 0 else Side.SELL
            same = [
                n for n in self.unshown if (self.intents[n].symbol, self.intents[n].side) == (symbol, side)
            ]
            number = same[0] if same else 0
        self.unshown = [other for other in self.unshown if other != number]

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
        assert order.request.symbol == first.request.symbol
        if order.intent.kind is IntentKind.ENTRY:  # A position may have been turned over meanwhile.
            assert order.request.type == first.request.type
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
        if not self.reducing:
            assert not self.broken("daily_loss"), "an entry though the day's loss is at its limit"
            assert not self.broken("drawdown"), "an entry though the drawdown is at its limit"
        else:
            assert order.request.volume < 2 * abs(self.net.get(intent.symbol, 0.0)), "not less exposure"
            assert self.net[intent.symbol] * (1 if intent.side is Side.BUY else -1) < 0, "more exposure"
        self._judge_streak()
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

    def streak(self) -> int:
        """Count the trades that lost since the last that won, by when they ended."""
        count = 0
        for *_, profit in sorted(self.results):
            count = 0 if profit > 0 else count + (profit < 0)
        return count

    def _judge_streak(self) -> None:
        limit, pause_ms = self.limits.max_consecutive_losses, self.limits.cooldown_ms
        if limit is None or pause_ms is None:
            return
        last_msc = max((closed for closed, _, profit in self.results if profit < 0), default=0)
        if self.streak() >= limit:
            assert self.now >= last_msc + pause_ms, "an entry in the pause after losses"
        unknown = set(self.filled) - self.settled - self.open_numbers if self.hedging else set[int]()
        assert not unknown or self.streak() + len(unknown) < limit, "a result not known may be a loss"

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
        if self.intents[number].kind is IntentKind.ENTRY and to in (OrderState.FILLED, OrderState.PARTIAL):
            self.filled[number] = event.at_msc
            self.settled.discard(number)
            self.unshown = [n for n in self.unshown if abs(event.at_msc - self.filled[n]) <= 5_000]
            known = {other for other, *_ in self.adopted.values()} | set(self.unshown)
            self.unshown += [number] if number not in known else []
        if self.intents[number].kind is IntentKind.ENTRY and to in AT_THE_VENUE and not any(self.owed):
            self.owed, self.done = self.done, (False, False)
            self.owed_late = any(self.owed)

    # What people and the account did

    def believed(self) -> None:
        """Note a look that is to be believed, once its events are noted: it counts towards closing all."""
        self.believed_equity, self.paid_when_believed = self.equity, set(self.paid)
        for name in ("daily_loss", "drawdown"):
            counts = self.broken(name) and name not in self.flattened
            self.readings[name] = self.readings[name] + 1 if counts else 0
            assert not self.broken(name) or self.reducing or self.halted, "a broken limit that nobody saw"

    def closed_if_due(self) -> None:
        """Check that every limit that was seen broken often enough had everything closed."""
        for name, seen in self.readings.items():
            due = self.limits.flatten_on_breach and seen >= self.limits.breach_readings
            assert not due or name in self.flattened, "not closed though it was due"

    def showed(self, positions: Iterable[Position]) -> None:
        """Note what is open as an account shows it."""
        self.net, self.open_numbers = {}, set()
        for held in positions:
            sign = 1 if held.side is Side.BUY else -1
            self.net[held.symbol] = self.net.get(held.symbol, 0.0) + sign * held.volume
            intent = self.intents.get(held.magic & 0xFFFF_FFFF)
            if held.magic >> 32 == MAGIC_BASE and intent is not None and intent.side is held.side:
                self.open_numbers.add(intent.number)

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
        self.reducing = False

    def halted_by_the_bridge(self, at_msc: int) -> None:
        """Note a halt of the bridge's own; it adds nothing to one that holds."""
        if not self.halted:
            self.halted, self.latched_msc, self.breach, self.reducing = True, at_msc, "", False

    def resumed(self, at_msc: int) -> None:
        """Note that a person lifted the halt; what a stop still wanted is wanted no more."""
        self.halted = self.emergency = self.reducing = False
        self.latched_msc, self.breach, self.flattened = at_msc, "", set()
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
        self.clock_is_true = False

    # The engine's state, after every step

    def check(self, state: EngineState) -> None:
        """Compare the engine's state with what is written here."""
        self._check_orders(state)
        self._check_latch(state)
        assert state.daily_entries == self.sent_today
        assert list(state.unshown) == self.unshown
        assert set(state.unsettled) == set(self.filled) - self.settled
        assert (state.day_equity, state.equity_peak) == (self.day_equity, self.peak)
        assert state.loss_streak == self.streak()

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
        assert state.trading.value == ("halted" if self.halted else "reducing" if self.reducing else "active")
        assert (state.breach, state.flattened) == (self.breach, self.flattened)
        assert state.emergency == self.emergency
        assert not self.halted or state.latched_msc == self.latched_msc
        wanted = state.clearing
        assert self.owed == ((wanted.close_positions, wanted.cancel_orders) if wanted else (False, False))
        assert wanted is None or wanted.late == self.owed_late
