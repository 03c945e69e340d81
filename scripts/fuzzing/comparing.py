"""What the bridge made of a signal or command beside what the reference makes of it: the same, or not.

Owns which differences count. `session` brings both together and goes on with what the bridge did.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from scripts.fuzzing.commands import COMMAND_MAX_AGE_MS, Answer, judge_change, judge_close
from scripts.fuzzing.figures import CLOSE, lots_of
from scripts.fuzzing.guard import (
    SIZED,
    UNSIZEABLE,
    Asked,
    Verdict,
    deadline,
    is_sound,
    judge,
    round_price,
    screen,
    wrong_account,
)
from scripts.fuzzing.market import MAGIC
from scripts.fuzzing.replies import Reply
from scripts.fuzzing.sizes import steps_of

from hybrid_bridge.core.appraisal import Appraisal
from hybrid_bridge.core.events import Event, OrderApproved
from hybrid_bridge.core.inputs import (
    CloseRequested,
    ModifyRequested,
    OrderAppraised,
    SignalReceived,
    Wanted,
)
from hybrid_bridge.core.limits import Limits
from hybrid_bridge.core.orders import ApprovedOrder

Content = tuple[object, ...]
NOTHING = 1e-300  # Less than doubles can tell from none.


class Differs(Exception):
    """The bridge did something that the reference does not permit."""

    def __init__(self, stage: str, text: str) -> None:
        super().__init__(text)
        self.stage = stage


@dataclass(frozen=True, slots=True)
class Ended:
    """How a signal or command ended, by both.

    Attributes:
        status: "" when the terminal is to be asked first.
        border: whether rounding decided, and the reference permits either.
    """

    status: str
    border: bool = False


def id_of(wanted: Wanted) -> str:
    """Return the id that a signal or command acts once under."""
    return wanted.signal_id if isinstance(wanted, SignalReceived) else wanted.command_id


def content_of(wanted: Wanted) -> Content:
    """Return what a signal or command asks for; two messages that ask for the same are no conflict."""
    if isinstance(wanted, SignalReceived):
        return (
            wanted.symbol,
            wanted.side,
            wanted.volume,
            wanted.stop_loss,
            wanted.take_profit,
            wanted.account,
        )
    if isinstance(wanted, CloseRequested):
        return ("close", wanted.ticket, wanted.volume)
    if isinstance(wanted, ModifyRequested):
        return ("modify", wanted.ticket, wanted.stop_loss, wanted.take_profit)
    return ("cancel", wanted.ticket)


def approved_in(events: Sequence[Event]) -> ApprovedOrder | None:
    """Return the order that these events approve, if they do."""
    return next((event.order for event in events if isinstance(event, OrderApproved)), None)


def latest(wanted: Wanted, limits: Limits) -> int:
    """Return until when it may be sent."""
    if isinstance(wanted, SignalReceived):
        return deadline(wanted, limits)[1]
    made = wanted.created_msc if isinstance(wanted, CloseRequested | ModifyRequested) else None
    return (wanted.received_msc if made is None else made) + COMMAND_MAX_AGE_MS


def compare_early(asked: Asked, reply: Reply) -> Ended:
    """Compare what became of it before the terminal was asked.

    Raises:
        Differs: when the reference does not permit it.
    """
    wanted, before = asked.wanted, asked.past.ids.get(id_of(asked.wanted))
    if before is not None:
        conflict = before != content_of(wanted)
        if not conflict and reply.reason == "conflict":
            raise Differs("receive", f"a conflict, though the same came before: {reply}")
        if conflict and _plainly(before) != _plainly(content_of(wanted)) and reply.reason != "conflict":
            raise Differs("receive", f"no conflict, though something else came before: {reply}")
        return _expect(reply, "duplicate")
    if asked.now_msc > latest(wanted, asked.limits):
        return _expect(reply, "expired")
    if not isinstance(wanted, SignalReceived):
        return _expect(reply, "")
    verdict = screen(asked)
    if reply.status == "denied":
        return Ended("denied early", _check_denial("screening", reply, verdict))
    if verdict.must:
        raise Differs("screening", f"not denied, the reference says {sorted(verdict.must)}")
    return _expect(reply, "")


def _plainly(content: Content) -> Content:
    """Return what was asked for, with nothing and 0 as the same: which of them was said is no matter."""
    return tuple(part or 0 for part in content)


def _expect(reply: Reply, status: str) -> Ended:
    if reply.status != status:
        raise Differs("receive", f"ended as {reply}, the reference says {status or 'nothing yet'}")
    return Ended(status)


def _check_denial(stage: str, reply: Reply, verdict: Verdict | Answer) -> bool:
    """Compare who says no; return whether rounding decided that anybody does."""
    names = set(reply.checks)
    # Of a command the first no is answer enough.
    missing = verdict.must - names if isinstance(verdict, Verdict) else set()
    if names & UNSIZEABLE:
        missing -= SIZED
    if missing or names - verdict.must - verdict.may or not names:
        says = f"must {sorted(verdict.must)}, may {sorted(verdict.may)}"
        raise Differs(stage, f"denied by {reply.checks}: {reply.detail}\nthe reference says {says}")
    return not verdict.must


def compare_late(asked: Asked, appraised: OrderAppraised, reply: Reply, order: ApprovedOrder | None) -> Ended:
    """Compare what became of it on the terminal's facts; the past takes in what their look shows.

    Raises:
        Differs: when the reference does not permit it.
    """
    appraisal = appraised.appraisal
    if appraised.now_msc > latest(asked.wanted, asked.limits):
        return _expect(reply, "expired")
    if appraisal is not None and not wrong_account(appraisal.report, asked.limits):
        asked.past.look(appraisal.report, asked.limits, MAGIC)
    verdict = _reference(asked, appraised)
    if reply.status == "denied":
        return Ended("denied late", _check_denial("guard", reply, verdict))
    if order is None:
        raise Differs("guard", f"neither denied nor approved: {reply}")
    if verdict.must:
        raise Differs("guard", f"sent {order.request}, the reference says {sorted(verdict.must)}")
    text = _wrong_order(asked, appraised, order, verdict)
    if text:
        raise Differs("order", f"{text}\nsent {order}")
    return Ended("approved", bool(verdict.may))


def _reference(asked: Asked, appraised: OrderAppraised) -> Verdict | Answer:
    wanted, appraisal, past, limits = asked.wanted, appraised.appraisal, asked.past, asked.limits
    if isinstance(wanted, SignalReceived):
        if appraisal is not None:
            return judge(asked, appraisal)
        verdict = screen(asked)
        verdict.must.add("account")
        verdict.may.add("daily_trades")  # Without a look nobody has opened the broker's new day yet.
        return verdict
    if appraisal is None:
        return Answer(must={"account"})
    if isinstance(wanted, CloseRequested):
        return judge_close(wanted, past, limits, appraised.position, appraisal)
    if isinstance(wanted, ModifyRequested):
        return judge_change(wanted, past, limits, appraised.position, appraisal)
    raise Differs("guard", f"nobody asked for that: {wanted}")


def _wrong_order(
    asked: Asked, appraised: OrderAppraised, order: ApprovedOrder, verdict: Verdict | Answer
) -> str:
    """Say what is wrong with an order that was approved; "" for nothing."""
    if order.request.magic != MAGIC << 32 | order.intent.number:
        return "a magic that is not its own"
    if isinstance(verdict, Answer):
        return _wrong_command(appraised, order, verdict)
    if not isinstance(asked.wanted, SignalReceived) or appraised.appraisal is None:
        return "no facts, and an order all the same"
    return _wrong_volume(asked, order, verdict, appraised.appraisal) or _wrong_request(
        asked.wanted, order, appraised.appraisal
    )


def _wrong_command(appraised: OrderAppraised, order: ApprovedOrder, answer: Answer) -> str:
    request, position = order.request, appraised.position
    if position is None or request.position != position.ticket:
        return "names another position"
    if answer.volume is not None and abs(request.volume - answer.volume) > CLOSE:
        return f"closes {request.volume}, the reference {answer.volume}"
    if answer.stops is not None and (request.sl, request.tp) != answer.stops:
        return f"sets {request.sl} and {request.tp}, the reference {answer.stops}"
    return ""


def _wrong_volume(asked: Asked, order: ApprovedOrder, verdict: Verdict, appraisal: Appraisal) -> str:
    spec, sizing, volume = appraisal.spec, verdict.sizing, order.request.volume
    if spec is None or sizing is None:
        return "nothing to size from, and an order all the same"
    steps = steps_of(volume, spec.volume_step)
    if not sizing.low <= steps <= sizing.high or lots_of(steps, spec.volume_step) != volume:
        return f"opens {volume} lots, the reference {sizing.low} to {sizing.high} steps of {spec.volume_step}"
    if sizing.loss is None:
        return "" if order.risk_money == 0 else "a risk without a stop"
    low, high = (each * volume for each in sizing.loss)
    if not low * (1 - CLOSE) <= order.risk_money <= high * (1 + CLOSE) + NOTHING:
        return f"reserves {order.risk_money}, the reference {low} to {high}"
    most = asked.limits.max_risk_percent / 100 * appraisal.report.account.equity
    return f"reserves {order.risk_money} of {most}" if order.risk_money > most * (1 + CLOSE) else ""


def _wrong_request(signal: SignalReceived, order: ApprovedOrder, appraisal: Appraisal) -> str:
    request, spec, quote = order.request, appraisal.spec, appraisal.quote
    if spec is None or quote is None:
        return "neither symbol nor quote is known"
    buys = signal.side.value == "BUY"
    if (request.symbol, request.type, request.action) != (signal.symbol, 0 if buys else 1, 1):
        return "another symbol or side than was asked for"
    if request.price != (quote.ask if buys else quote.bid):
        return "another price than the quote's"
    stops = round_price(signal.stop_loss, spec), round_price(signal.take_profit, spec)
    if (request.sl, request.tp) != stops:
        return f"sets {request.sl} and {request.tp}, the reference {stops}"
    return "" if is_sound(order.margin) else "a margin that is no number"
