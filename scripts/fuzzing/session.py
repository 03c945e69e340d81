"""One seed's session: messages through both decoders and the guard, each judged by the reference as well.

Owns the life around the messages: the clock, the account, what comes of orders, the bridge's state and the
reference's books, kept side by side. What differs becomes a `Difference`, and so does an exception.
"""

import random
import traceback
from collections import Counter
from dataclasses import dataclass, field

from scripts.fuzzing import limits as reference_limits
from scripts.fuzzing.channels import Channels, Heard
from scripts.fuzzing.comparing import (
    Differs,
    Ended,
    approved_in,
    compare_early,
    compare_late,
    content_of,
    id_of,
    latest,
)
from scripts.fuzzing.contract import Refused, Said, read
from scripts.fuzzing.guard import Asked
from scripts.fuzzing.market import Market, draw_limits
from scripts.fuzzing.odd_facts import make_odd
from scripts.fuzzing.past import Past, Sent
from scripts.fuzzing.replies import read_reply
from scripts.fuzzing.writing import Writer, Written

from hybrid_bridge.core import engine
from hybrid_bridge.core.account import Position
from hybrid_bridge.core.appraisal import Appraisal, account_only
from hybrid_bridge.core.events import (
    Event,
    IntentReceived,
    LimitsRestored,
    OrderAnswered,
    TradeClosed,
    TradingState,
    TradingStateChanged,
)
from hybrid_bridge.core.inputs import (
    CloseRequested,
    EmergencyStopRequested,
    LimitsRestoreRequested,
    ModifyRequested,
    OrderAppraised,
    ResumeRequested,
    SignalReceived,
    TighteningRequested,
    Wanted,
)
from hybrid_bridge.core.limits import Limits
from hybrid_bridge.core.orders import ApprovedOrder, Channel, OrderState, Source
from hybrid_bridge.core.state import EngineState, apply
from hybrid_bridge.core.tightening import Refused as TighteningRefused
from hybrid_bridge.core.tightening import in_force, tighten

MESSAGES = 500
DAY_MS = 86_400_000
BEGAN_MSC = 20_718 * DAY_MS - 6_400_000  # So that midnight comes in many sessions.
PAUSES_MS = (0, 0, 0, 1, 5, 40, 300, 999, 1_000, 1_001, 4_000, 5_001, 60_000)
LOCAL = Source(Channel.LOCAL)
UNANSWERED, SHOWN_AT_ONCE = 0.12, 0.4  # Shares of the orders.


@dataclass(frozen=True, slots=True)
class Difference:
    """Where bridge and reference part.

    Attributes:
        index: of the message in its session.
        stage: where it was seen.
        text: what the bridge did and what the reference says.
    """

    seed: int
    index: int
    stage: str
    text: str
    raw: bytes


@dataclass(slots=True)
class Outcome:
    """What a session showed.

    Attributes:
        counts: how many messages ended in which way.
        borders: verdicts that rounding decides, where the reference permits either.
    """

    seed: int
    counts: Counter[str] = field(default_factory=Counter)
    borders: int = 0
    differences: list[Difference] = field(default_factory=list)


class Session:
    """One seed's messages and the world around them."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._draw = draw = random.Random(seed)
        self._own_limits = draw_limits(draw)
        self._limits = self._reference_limits = self._own_limits
        self._market = Market(draw)
        self._writer = Writer(draw, self._market, self._own_limits)
        self._channels = Channels()
        self._state, self._past = EngineState(), Past()
        self._now_msc = BEGAN_MSC + draw.randrange(7_000_000)
        self._deals = 0
        self._late: list[tuple[int, ApprovedOrder]] = []  # Fills whose positions show later.
        self.outcome = Outcome(seed)

    def run(self, messages: int = MESSAGES) -> Outcome:
        """Send the messages, and return what came of them."""
        for index in range(messages):
            self._live()
            written = self._writer.write(self._now_msc)
            try:
                ended = self._send(written)
                self.outcome.counts[ended] += 1
            except Differs as differs:
                self._note(index, differs.stage, str(differs), written)
            except Exception:  # noqa: BLE001 - that nothing is ever raised is what is tried
                self._note(index, "exception", traceback.format_exc(), written)
            if self.outcome.differences:
                break  # State and books may differ from here on.
        return self.outcome

    def _note(self, index: int, stage: str, text: str, written: Written) -> None:
        self.outcome.differences.append(Difference(self._seed, index, stage, text, written.raw))

    def _day(self, now_msc: int) -> int:
        return now_msc // DAY_MS

    def _live(self) -> None:
        """Let time pass, prices move, outcomes become known, and people act."""
        draw = self._draw
        self._now_msc += draw.choice(PAUSES_MS)
        if draw.random() < 0.004:
            self._now_msc += draw.choice((1_800_000, 3_600_000))
        self._market.step()
        if draw.random() < 0.1:
            for number in [n for n, _ in self._late] if draw.random() < 0.5 else []:
                self._show(number)
        if self._past.doubtful and draw.random() < 0.2:
            self._resolve(draw.choice(list(self._past.doubtful)))
        if self._past.unsettled and draw.random() < 0.15:
            self._settle()
        if self._state.trading is not TradingState.ACTIVE and draw.random() < 0.15:
            self._fold([TradingStateChanged(TradingState.ACTIVE, "looked", LOCAL, False, self._now_msc)])
            self._past.trading, self._past.emergency, self._past.breach = "active", False, ""
        if self._state.tightened and draw.random() < 0.02:
            self._fold([LimitsRestored("looked", LOCAL, self._now_msc)])
            self._limits = self._reference_limits = self._own_limits

    def _fold(self, events: list[Event] | tuple[Event, ...]) -> None:
        for event in events:
            apply(self._state, event)

    def _send(self, written: Written) -> str:
        """Send one message over both channels and let one of them, or both, be acted on."""
        heard = self._channels.hear(written.raw, self._now_msc, self._draw)
        try:
            said: Said | None = read(written.raw)
            reasons: set[str] = set()
        except Refused as refused:
            said, reasons = None, refused.reasons
        self._compare(heard, said, reasons)
        if said is None or said.kind == "get_data":
            return "malformed" if said is None else "question"
        first, second = (heard.redpanda, heard.websocket)
        if self._draw.random() < 0.5:
            first, second = second, first
        ended = self._act(first)
        if said.given_id is not None and self._draw.random() < 0.15 and isinstance(second, Wanted):
            self._act_again(second)
        return ended

    def _compare(self, heard: Heard, said: Said | None, reasons: set[str]) -> None:
        for channel in heard.channels:
            text = channel.difference(said, reasons)
            if text:
                raise Differs(f"decoder, {channel.name}", text)
        if said is not None and (said.kind == "emergency_stop") != (heard.stop is not None):
            raise Differs("stop watcher", f"saw {heard.stop}, the message says {said.kind}")
        if said is None and heard.stop is not None:
            raise Differs("stop watcher", f"saw {heard.stop} in a message that is refused: {reasons}")

    def _act_again(self, wanted: Wanted) -> None:
        if self._act(wanted) != "duplicate":
            raise Differs("repetition", f"acted on a second time: {wanted}")

    def _act(self, item: object) -> str:
        match item:
            case SignalReceived() | CloseRequested() | ModifyRequested():
                return self._judge(item)
            case EmergencyStopRequested():
                return self._stop(item)
            case ResumeRequested():
                return "resume"
            case TighteningRequested():
                return self._tighten(item)
            case LimitsRestoreRequested():
                return "restore"
        raise Differs("decoder", f"nothing that can be acted on: {item}")

    def _stop(self, request: EmergencyStopRequested) -> str:
        if self._draw.random() < 0.7:
            return "stop not obeyed"  # Else everything would be denied from here on.
        self._fold(engine.stop(self._state, self._limits, request))
        if self._state.trading is not TradingState.HALTED or not self._state.emergency:
            raise Differs("stop", f"trading is {self._state.trading} after an emergency stop")
        self._past.trading, self._past.emergency = "halted", True
        return "stop"

    def _tighten(self, request: TighteningRequested) -> str:
        verdict = tighten(self._limits, request, self._now_msc)
        wanted = reference_limits.tightened(self._reference_limits, request.limits)
        if isinstance(verdict, TighteningRefused):
            if wanted is not None or not all(verdict.reasons) or not verdict.reasons:
                raise Differs("tightening", f"refused ({verdict.reasons}), the reference permits {wanted}")
            return "tightening refused"
        if wanted is None:
            raise Differs("tightening", f"permitted: {verdict}, the reference refuses")
        if self._draw.random() < 0.7:
            return "tightening not obeyed"
        self._fold(verdict)
        self._limits, self._reference_limits = in_force(self._own_limits, self._state.tightened), wanted
        if self._limits != wanted:
            raise Differs("tightening", f"in force is {self._limits}, the reference says {wanted}")
        return "tightened"

    def _judge(self, wanted: Wanted) -> str:
        """Take a signal or command through the guard, as the executor does."""
        now_msc = self._now_msc
        day = None if self._draw.random() < 0.05 else self._day(now_msc)
        events = engine.receive(self._state, self._limits, wanted, now_msc, day)
        asked = Asked(wanted, self._past, self._limits, now_msc, day)
        ended = compare_early(asked, read_reply(self._state, events))
        if not ended.status:
            return self._appraise(wanted)
        return self._commit(wanted, events, ended)

    def _appraise(self, wanted: Wanted) -> str:
        draw = self._draw
        if draw.random() < 0.1:
            left = latest(wanted, self._limits) - self._now_msc
            self._now_msc += draw.choice((1, 20, min(left, 90_000), min(left + 1, 90_000)))
        now_msc = self._now_msc
        position = self._find(wanted)
        appraisal = self._facts(wanted, position)
        if draw.random() < 0.3 and appraisal is not None:
            appraisal = make_odd(appraisal, draw, self._limits)
        problem = "" if appraisal is not None else "no answer within 5 s"
        appraised = OrderAppraised(wanted, appraisal, position, problem, now_msc)
        events = engine.judge_appraised(self._state, self._limits, appraised)
        asked = Asked(wanted, self._past, self._limits, now_msc, self._day(now_msc))
        ended = compare_late(asked, appraised, read_reply(self._state, events), approved_in(events))
        return self._commit(wanted, events, ended)

    def _find(self, wanted: Wanted) -> Position | None:
        return None if isinstance(wanted, SignalReceived) else self._market.positions.get(wanted.ticket)

    def _facts(self, wanted: Wanted, position: Position | None) -> Appraisal | None:
        market, limits, now_msc = self._market, self._limits, self._now_msc
        if self._draw.random() < 0.01:
            return None
        valued = limits.max_open_risk_percent is not None or limits.max_exposure_percent is not None
        symbol = wanted.symbol if isinstance(wanted, SignalReceived) else ""
        report = market.report(now_msc, self._day(now_msc), valued=valued, symbol=symbol)
        if isinstance(wanted, SignalReceived):
            return market.appraise(wanted.symbol, wanted.side, wanted.stop_loss, report, now_msc)
        if position is None:
            return account_only(report)
        if isinstance(wanted, ModifyRequested):
            stop = position.stop_loss if wanted.stop_loss is None else wanted.stop_loss
            entry = position.price_open
            return market.appraise(position.symbol, position.side, stop, report, now_msc, entry)
        return market.appraise(position.symbol, position.side.opposite, 0.0, report, now_msc)

    def _commit(self, wanted: Wanted, events: tuple[Event, ...], ended: Ended) -> str:
        """Fold what was decided, and let the venue answer what was sent."""
        self._fold(events)
        self.outcome.borders += ended.border
        if any(isinstance(event, IntentReceived) for event in events):
            self._past.ids[id_of(wanted)] = content_of(wanted)
        order = approved_in(events)
        if order is not None:
            self._past.send(_sent(order), self._now_msc, order.intent.volume)
            self._answer(order)
        return ended.status

    def _answer(self, order: ApprovedOrder) -> None:
        """Let the venue answer: mostly yes, sometimes no, sometimes nothing."""
        number, way = order.intent.number, self._draw.random()
        if way < UNANSWERED:
            self._fold([_answered(order, OrderState.UNKNOWN, self._now_msc)])
            return
        state = OrderState.FILLED if way < 0.9 else OrderState.REJECTED
        self._end(order, state)
        if state is OrderState.FILLED and order.intent.kind.value == "entry":
            self._late.append((number, order))
            if self._draw.random() < SHOWN_AT_ONCE:
                self._show(number)

    def _end(self, order: ApprovedOrder, state: OrderState) -> None:
        self._fold([_answered(order, state, self._now_msc)])
        shown = {position.magic & 0xFFFF_FFFF for position in self._market.positions.values()}
        shown = {held.number for held in self._state.positions.values()} & shown
        filled = state is OrderState.FILLED
        self._past.end(order.intent.number, filled=filled, now_msc=self._now_msc, numbers_shown=shown)
        position = self._market.positions.get(order.intent.ticket)
        if not filled or position is None:
            return
        if order.intent.kind.value == "close":
            self._market.reduce(position.ticket, order.request.volume)
        else:
            self._market.set_stops(position.ticket, order.request.sl, order.request.tp)

    def _show(self, number: int) -> None:
        """Let a fill's position appear at the terminal."""
        order = next(order for late, order in self._late if late == number)
        self._late = [late for late in self._late if late[0] != number]
        self._market.fill(order)

    def _resolve(self, number: int) -> None:
        """Let it be found out what became of an order in doubt."""
        order = self._state.orders[number].order
        assert order is not None  # noqa: S101 - it was sent
        state = self._draw.choice((OrderState.FILLED, OrderState.NOT_EXECUTED))
        self._end(order, state)
        if state is OrderState.FILLED and order.intent.kind.value == "entry":
            self._market.fill(order)

    def _settle(self) -> None:
        """Let the result of a trade become known."""
        number = self._draw.choice(list(self._past.unsettled))
        self._deals += 1
        symbol, profit = self._past.unsettled[number].symbol, self._draw.choice((-5.0, -5.0, 0.0, 7.0))
        day = self._draw.choice((self._day(self._now_msc), self._day(self._now_msc), None))
        now = self._now_msc
        self._market.end(number)
        self._fold([TradeClosed((number,), number, symbol, self._deals, profit, now, day, now)])
        self._past.settle(number, profit, now, day)


def _sent(order: ApprovedOrder) -> Sent:
    intent, request = order.intent, order.request
    return Sent(
        number=intent.number,
        kind=intent.kind.value,
        signal_id=intent.signal_id,
        symbol=intent.symbol,
        side="" if intent.side is None else intent.side.value,
        volume=request.volume,
        stop=request.sl,
        ticket=intent.ticket,
        magic=request.magic,
        risk_money=order.risk_money,
        margin=order.margin,
        worth=order.worth,
    )


def _answered(order: ApprovedOrder, state: OrderState, now_msc: int) -> OrderAnswered:
    volume = order.request.volume if state is OrderState.FILLED else 0.0
    return OrderAnswered(
        order.intent.number, state, 0, "", "", order.intent.ticket, 0, volume, 0.0, now_msc, now_msc
    )


def run_session(seed: int, messages: int = MESSAGES) -> Outcome:
    """Run one seed."""
    return Session(seed).run(messages)


__all__ = ["MESSAGES", "Difference", "Limits", "Outcome", "Session", "run_session"]
