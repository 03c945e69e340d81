"""What the account has lost and what was sent, kept apart from the engine, and what must therefore hold.

The machine that drives the engine tells it what the exchange did and what was looked at; the engine's events
tell it only what was sent and answered. It judges every entry that is about to be sent.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from tests.core.guard_cases import on_grid
from tests.core.guard_exchange import Ended, Exchange, Held
from tests.core.guard_judge import Facts, Stake, broken, fell, weigh
from tests.core.guard_market import INSTRUMENTS

from hybrid_bridge.core.account import AccountReport
from hybrid_bridge.core.events import (
    Event,
    IntentDenied,
    IntentExpired,
    IntentReceived,
    OrderAnswered,
    OrderApproved,
    OrderRetried,
    OrderSending,
)
from hybrid_bridge.core.inputs import SignalReceived, Wanted
from hybrid_bridge.core.limits import Limits
from hybrid_bridge.core.market import Side
from hybrid_bridge.core.orders import ApprovedOrder, Intent, IntentKind, OrderState

IN_DOUBT = {OrderState.SENDING, OrderState.UNKNOWN, OrderState.ESCALATED}
AT_THE_VENUE = {OrderState.FILLED, OrderState.PARTIAL}
MINUTE_MS = 60_000
LASTING = ("drawdown", "margin", "daily_loss")


@dataclass(frozen=True)
class Reserved:
    """What one lot of an order could lose, ties up and is worth, as it was when it was sent."""

    loss: float | None
    margin: float
    lot_money: float | None


class GuardLedger:
    """The judge of a whole run."""

    def __init__(self, limits: Limits, exchange: Exchange) -> None:
        self.limits, self.exchange = limits, exchange
        # Every intent by its number, what was sent of it and what is known of it.
        self.intents: dict[int, Intent] = {}
        self.orders: dict[int, ApprovedOrder] = {}
        self.status: dict[int, OrderState] = {}
        self.filled: dict[int, float] = {}
        self.reserved: dict[int, Reserved] = {}
        self.sent: list[tuple[int, int, Intent]] = []  # Instant and broker's day.
        # What losses are measured from, as believed looks have shown it.
        self.day: int | None = None
        self.day_start: float | None = None
        self.peak: float | None = None
        self.counted: set[int] = set()
        # The latch and the breach that is its reason; looks in a row in breach, and what was flattened for.
        self.trading, self.breach = "active", ""
        self.readings: dict[str, int] = {}
        self.flattened: set[str] = set()
        self.facts: Facts | None = None
        self.admitted = 0

    # Events, before they are folded

    def note(self, event: Event) -> None:
        """Judge an event and write it down."""
        match event:
            case IntentReceived(intent=intent):
                self.intents[intent.number] = intent
                self.status[intent.number] = OrderState.RECEIVED
            case IntentDenied(number=number):
                self.status[number] = OrderState.DENIED
            case IntentExpired(number=number):
                self.status[number] = OrderState.EXPIRED
            case OrderApproved(order=order):
                self.orders[order.intent.number] = order
            case OrderSending(number=number):
                self._send(self.orders[number])
            case OrderRetried(order=order):
                self._send(order)
            case OrderAnswered(number=number, state=state):
                self.status[number] = state
                self.filled[number] = event.volume if state in AT_THE_VENUE else 0.0

    def _send(self, order: ApprovedOrder) -> None:
        number = order.intent.number
        if order.intent.kind is IntentKind.ENTRY:
            self.status[number] = OrderState.DENIED  # Not beside itself.
            self.judge(order)
            self._reserve(order)
        self.orders[number] = order
        self.status[number] = OrderState.SENDING

    def _reserve(self, order: ApprovedOrder) -> None:
        market, request = self.exchange.market, order.request
        symbol, buy = request.symbol, order.intent.side is Side.BUY
        loss = None
        if request.sl:
            reserve = self.limits.slippage_reserve_points
            entry = market.entry(symbol, buy)
            loss = market.loss_when_stopped(symbol, buy, 1.0, entry, request.sl, reserve)
        self.reserved[order.intent.number] = Reserved(
            loss, market.margin(symbol, buy, 1.0), market.worth(symbol).money_per_lot
        )

    def judge(self, order: ApprovedOrder) -> None:
        """Judge one entry at the instant it is sent."""
        intent, now = order.intent, self.exchange.now
        assert self.limits.trading_enabled
        assert self.trading != "halted", "an entry while halted"
        self._judge_pace(intent, now)
        self._judge_streak()
        facts = self.facts
        assert facts is not None
        assert order.request.sl == on_grid(intent.symbol, intent.stop_loss)
        facts = replace(facts, reducing=self.trading == "reducing")
        assert broken(facts, order.request.volume) == set(), "an order that breaks a limit"
        self.sent.append((now, self.exchange.day, intent))
        self.admitted += 1

    def appraises(self, wanted: Wanted) -> None:
        """Note all that bears on a signal at the instant the terminal is asked."""
        if not isinstance(wanted, SignalReceived):
            return
        number = next((n for n, one in self.intents.items() if one.signal_id == wanted.signal_id), 0)
        paid = sum(amount for ticket, amount, _ in self.exchange.payments if ticket not in self.counted)
        self.facts = weigh(
            self.exchange,
            self.limits,
            wanted.symbol,
            wanted.side is Side.BUY,
            on_grid(wanted.symbol, wanted.stop_loss),
            self.unseen(number),
            day_start=self._day_start(paid),
            peak=None if self.peak is None else self.peak + paid,
            reducing=False,
        )

    def _day_start(self, paid: float) -> float | None:
        """Return what the day's loss is measured from in a look of now, which may be the day's first."""
        if self.day is not None and self.exchange.day > self.day:
            return self.exchange.equity
        return None if self.day_start is None else self.day_start + paid

    def halts(self) -> None:
        """Note that the bridge had to halt."""
        if self.trading != "halted":
            self.trading, self.breach = "halted", ""

    def knows_payments(self, report: AccountReport) -> bool:
        return all(operation.ticket in self.counted for operation in report.balance_operations)

    def _judge_pace(self, intent: Intent, now: int) -> None:
        others = [(at, day, sent) for at, day, sent in self.sent if sent.number != intent.number]
        today = {sent.number for _, day, sent in others if day >= self.exchange.day}
        assert len(today) < self.limits.max_daily_trades, "more entries than a day may have"
        others = [
            sent for place, sent in enumerate(others) if sent[2] not in [s for _, _, s in others[:place]]
        ]
        minute = [sent for at, _, sent in others if at > now - MINUTE_MS]
        assert len(minute) < self.limits.max_orders_per_minute, "faster than the rate"
        asked = (intent.symbol, intent.side, intent.volume)
        for at, _, sent in others:
            alike = (sent.symbol, sent.side, sent.volume) == asked
            assert not alike or at <= now - self.limits.duplicate_window_ms, "the like within the window"
        doubtful = {self.intents[n].symbol for n, state in self.status.items() if state in IN_DOUBT}
        assert intent.symbol not in doubtful, "an entry beside a doubt"

    def _judge_streak(self) -> None:
        """Judge by what the exchange knows, however late the bridge learns of it."""
        limit, lost = self.limits.max_consecutive_losses, self.streak()
        if limit is None or len(lost) < limit:
            return
        last, cooldown_ms = lost[-1], self.limits.cooldown_ms
        if cooldown_ms is None:
            assert self.exchange.day > last.day, "an entry on the day of so many losses in a row"
        else:
            assert self.exchange.now >= last.closed_msc + cooldown_ms, "an entry within the pause"

    def streak(self) -> Sequence[Ended]:
        """Return the bridge's own trades that lost since the last that won, oldest first."""
        lost: list[Ended] = []
        for trade in self.exchange.ended:
            if not any(self.status[number] in AT_THE_VENUE for number in trade.numbers):
                continue  # Of an order in doubt nobody knows yet that there was a trade.
            if trade.profit > 0:
                lost = []
            elif trade.profit < 0:
                lost.append(trade)
        return lost

    def costs(self, held: Held, stop: float) -> float:
        """Return what a position loses at a stop, from where it was opened."""
        reserve = self.limits.slippage_reserve_points
        return self.exchange.market.loss_when_stopped(
            held.symbol, held.buy, held.lots, held.price, stop, reserve
        )

    def lets_stop_move(self, held: Held, stop: float) -> bool:
        """Tell whether a new stop must be permitted: it costs no more and stands where a stop may stand."""
        market, found = self.exchange.market, INSTRUMENTS[held.symbol]
        exit_price, least = market.exit(held.symbol, held.buy), max(found.stops_level, found.freeze_level)
        away = (exit_price - stop if held.buy else stop - exit_price) / found.point
        frozen = held.stop and abs(exit_price - held.stop) / found.point < found.freeze_level + 1
        nearer = not held.stop or (stop >= held.stop if held.buy else stop <= held.stop)
        return bool(stop) and nearer and not frozen and away > least + 1

    def judge_stop(self, held: Held, stop: float) -> None:
        """Judge a change of a position's stop at the instant it is sent."""
        if not held.stop or (stop and (stop >= held.stop if held.buy else stop <= held.stop)):
            return
        if stop and (stop >= held.price if held.buy else stop <= held.price):
            return
        assert self.trading == "active", "a loss made larger while trading is not active"
        assert stop or not self.limits.require_stop_loss, "a stop taken away"
        equity, unit = self.exchange.equity, self.exchange.market.unit
        if stop:
            assert self.costs(held, stop) <= equity * self.limits.max_risk_percent / 100 + unit
        if self.limits.max_open_risk_percent is not None:
            others = [h for h in self.exchange.shown.values() if h.ticket != held.ticket]
            losses = [self.exchange.loss_at_stop(h) for h in (*others, *self.exchange.waiting.values())]
            losses += [stake.loss for stake in self.unseen() if stake.kind == "unseen"]
            assert stop
            assert None not in losses
            total = sum(loss for loss in losses if loss is not None) + self.costs(held, stop)
            assert total <= equity * self.limits.max_open_risk_percent / 100 + unit, "more open risk"

    def unseen(self, but: int = 0) -> list[Stake]:
        """Return what was sent and what no look shows yet, as far as the bridge can know of it."""
        stakes = []
        for number, state in self.status.items():
            intent, order = self.intents[number], self.orders.get(number)
            if order is None or number == but:
                continue
            if intent.kind is IntentKind.CLOSE and state in IN_DOUBT:
                held = self.exchange.shown.get(intent.ticket)
                if held is not None:
                    lots = min(order.request.volume, held.lots)
                    lot_money = self.exchange.market.worth(held.symbol).money_per_lot
                    legs = INSTRUMENTS[held.symbol].legs
                    stakes.append(Stake("closing", held.symbol, not held.buy, lots, legs, lot_money, 0.0))
            elif intent.kind is IntentKind.ENTRY:
                lots = self._unseen_lots(number, state, order.request.volume)
                if lots > 1e-9:
                    stakes.append(self._stake(intent, lots))
        return stakes

    def _unseen_lots(self, number: int, state: OrderState, asked: float) -> float:
        waits = sum(order.lots for order in self.exchange.waiting.values() if order.number == number)
        hidden = self.exchange.unshown.get(number, ("", 0.0))[1]
        if state in IN_DOUBT or state is OrderState.PLACED:
            return round(asked - self.exchange.done.get(number, 0.0) + hidden - waits, 8)
        return min(hidden, self.filled[number]) if state in AT_THE_VENUE else 0.0

    def _stake(self, intent: Intent, lots: float) -> Stake:
        reserved, legs = self.reserved[intent.number], INSTRUMENTS[intent.symbol].legs
        loss = None if reserved.loss is None else reserved.loss * lots
        buy = intent.side is Side.BUY
        return Stake(
            "unseen", intent.symbol, buy, lots, legs, reserved.lot_money, loss, reserved.margin * lots
        )

    # Looks at the account

    def looked(self, report: AccountReport) -> set[str]:
        """Take in a look that is to be believed; returns the limits that are broken by it."""
        equity, news = report.account.equity, list[float]()
        for operation in report.balance_operations:
            if operation.ticket not in self.counted:
                self.counted.add(operation.ticket)
                news.append(operation.amount)
        if self.peak is None:
            news = []
        paid = sum(news)
        if self.day is None or (report.server_day is not None and report.server_day > self.day):
            self.day, self.day_start = report.server_day, equity
            self.flattened -= {"daily_loss"}
            self.readings.pop("daily_loss", None)
            if self.trading == "reducing" and self.breach == "daily_loss":
                self.trading, self.breach = "active", ""
        elif self.day_start is not None:
            self.day_start += paid
        self.peak = max((self.peak or 0.0) + paid, equity)
        found = self.broken_by(report)
        if found and self.trading != "halted":
            worst = min(found, key=LASTING.index)
            if self.trading == "active" or LASTING.index(worst) < LASTING.index(self.breach):
                self.trading, self.breach = "reducing", worst
        return found

    def flattens(self, found: set[str]) -> set[str]:
        """Count a look of the account's watch; returns the breaches for which all is to be closed now."""
        self.readings = {name: self.readings.get(name, 0) + 1 for name in found - self.flattened}
        due = {name for name, count in self.readings.items() if count >= self.limits.breach_readings}
        if not self.limits.flatten_on_breach or not due:
            return set()
        self.flattened |= due
        self.trading, self.breach = "halted", min(due, key=LASTING.index)
        return due

    def resumes(self, report: AccountReport, *, local: bool) -> bool:
        """Tell whether a person may resume now, and note it."""
        if self.trading == "active" or (not local and not self.limits.allow_remote_resume):
            return False
        shown = {operation.ticket for operation in report.balance_operations}
        is_current = self.counted <= shown
        if not is_current and self.breach:
            return False
        found = self.broken_by(report) if is_current else set()
        if found - {"drawdown"} or (found and not local):
            return False
        if found:
            self.peak = report.account.equity
        self.trading, self.breach, self.flattened = "active", "", set()
        return True

    def broken_by(self, report: AccountReport) -> set[str]:
        account, limits = report.account, self.limits
        least = limits.min_margin_level_percent
        found = {
            "daily_loss": fell(limits.max_daily_loss_percent, self.day_start, account.equity),
            "drawdown": fell(limits.max_drawdown_percent, self.peak, account.equity),
            "margin": least is not None and account.margin > 0 and account.margin_level < least,
        }
        return {name for name, is_broken in found.items() if is_broken}
