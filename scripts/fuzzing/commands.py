"""Closes and changes once more: what the reference lets through of what is asked about a position.

They pass whatever stops entries, but must not act twice nor make a loss larger than the limits allow. Written
from the documents; shares nothing with the bridge but its value types. `session` asks.
"""

import math
from dataclasses import dataclass, field

from scripts.fuzzing.figures import above_zero, known, lots_of
from scripts.fuzzing.guard import POINTS_SLACK, round_price, stops_are_wrong, wrong_account
from scripts.fuzzing.past import Past
from scripts.fuzzing.sizes import loss_per_lot, steps_of

from hybrid_bridge.core.account import Position
from hybrid_bridge.core.appraisal import Appraisal
from hybrid_bridge.core.inputs import CloseRequested, ModifyRequested
from hybrid_bridge.core.limits import Limits
from hybrid_bridge.core.market import SymbolSpec

COMMAND_MAX_AGE_MS = 60_000


@dataclass(slots=True)
class Answer:
    """What the reference makes of a command.

    Attributes:
        must, may: checks that say no for certain, or perhaps; the first of them is answer enough.
        volume: lots to close where none of them does; None where rounding decides or nothing is closed.
        stops: stop and target to set, for a change.
    """

    must: set[str] = field(default_factory=set)
    may: set[str] = field(default_factory=set)
    volume: float | None = None
    stops: tuple[float, float] | None = None

    def note(self, check: str, broken: bool | None) -> None:
        """Note a check's answer; None where it may be either."""
        if broken is None:
            self.may.add(check)
        elif broken:
            self.must.add(check)


def judge_close(
    close: CloseRequested, past: Past, limits: Limits, position: Position | None, appraisal: Appraisal
) -> Answer:
    """Judge a close on the terminal's facts."""
    answer, spec = Answer(), appraisal.spec
    if wrong_account(appraisal.report, limits):
        return Answer(must={"account"})
    if position is None or spec is None:
        return Answer(must={"position"})
    _judge_doubts(answer, close, past, position, appraisal, spec)
    if close.volume is None:
        most = _most_at_once(spec)
        answer.volume = position.volume if most is None else min(position.volume, most)
        return answer
    if not (above_zero(spec.volume_step) and known(position.volume)):
        answer.may.add("volume")
        return answer
    steps = steps_of(close.volume, spec.volume_step)
    answer.volume = lots_of(steps, spec.volume_step)
    if not known(spec.volume_min):
        answer.may.add("volume")
    elif (
        answer.volume > position.volume or answer.volume < min(spec.volume_min, position.volume) or not steps
    ):
        answer.must.add("volume")
    return answer


def _judge_doubts(
    answer: Answer,
    close: CloseRequested,
    past: Past,
    position: Position,
    appraisal: Appraisal,
    spec: SymbolSpec,
) -> None:
    """Let nothing be closed that an order of unknown outcome may have closed."""
    hedging = appraisal.report.account.hedging
    for sent in past.doubtful.values():
        if sent.kind == "modify":
            continue
        if not hedging and sent.symbol == position.symbol:
            answer.must.add("position")
        if hedging and sent.kind == "close" and sent.ticket == position.ticket:
            whole = close.volume is None or _is_all(close.volume, position, spec)
            answer.note("position", broken=not whole)


def _is_all(volume: float, position: Position, spec: SymbolSpec) -> bool:
    if not above_zero(spec.volume_step):
        return False
    return math.isclose(lots_of(steps_of(volume, spec.volume_step), spec.volume_step), position.volume)


def _most_at_once(spec: SymbolSpec) -> float | None:
    if not (above_zero(spec.volume_max) and above_zero(spec.volume_step)):
        return None
    steps = steps_of(spec.volume_max, spec.volume_step)
    return lots_of(steps, spec.volume_step) if steps else None


def judge_change(
    change: ModifyRequested, past: Past, limits: Limits, position: Position | None, appraisal: Appraisal
) -> Answer:
    """Judge a change of stops on the terminal's facts."""
    answer, spec, quote = Answer(), appraisal.spec, appraisal.quote
    if wrong_account(appraisal.report, limits):
        return Answer(must={"account"})
    if position is None or spec is None:
        return Answer(must={"position"})
    stop = position.stop_loss if change.stop_loss is None else change.stop_loss
    target = position.take_profit if change.take_profit is None else change.take_profit
    if not (above_zero(spec.point) and above_zero(spec.tick_size)):
        answer.note("stop_loss", bool(stop or target) or None)
        answer.may |= {"risk_per_trade", "open_risk", "trading_state"}
        return answer
    answer.stops = round_price(stop, spec), round_price(target, spec)
    exit_price = position.price_current
    if quote is not None:
        exit_price = quote.bid if position.side.value == "BUY" else quote.ask
    _judge_levels(answer, change, position, spec, exit_price, stop, target)
    if not stop and position.stop_loss and limits.require_stop_loss:
        answer.must.add("stop_loss")
    _judge_loss(answer, past, limits, position, appraisal, stop)
    return answer


def _judge_levels(
    answer: Answer,
    change: ModifyRequested,
    position: Position,
    spec: SymbolSpec,
    exit_price: float,
    stop: float,
    target: float,
) -> None:
    if not known(exit_price) or exit_price <= 0:
        answer.note("stop_loss", None)
        return
    side = position.side.value
    new = (("stop_loss", stop), ("take_profit", target))
    wrong = stops_are_wrong(side, new, exit_price, spec)
    kept = (change.stop_loss is None and stop) or (change.take_profit is None and target)
    unchanged = stop == position.stop_loss or target == position.take_profit
    # What stays as it is may stand nearer than a new one could be set.
    answer.note("stop_loss", None if wrong and (kept or unchanged) else wrong)
    if spec.freeze_level > 0:
        old = (("stop_loss", position.stop_loss), ("take_profit", position.take_profit))
        for name, price in old:
            away = abs(price - exit_price) / spec.point - spec.freeze_level
            if price and away <= POINTS_SLACK:
                answer.note("stop_loss", None if (name, price) in new or away > -POINTS_SLACK else True)


def _judge_loss(
    answer: Answer, past: Past, limits: Limits, position: Position, appraisal: Appraisal, stop: float
) -> None:
    """A change may make the loss smaller whenever, larger only inside the limits."""
    buys, old = position.side.value == "BUY", position.stop_loss
    sent = round_price(stop, appraisal.spec) if appraisal.spec is not None else stop
    if not sent:
        raises = bool(old)
        if raises:
            answer.note("trading_state", broken=past.trading != "active")
            answer.may |= {"risk_per_trade", "open_risk"}
        return
    if not old:
        return  # A stop where there was none can only bound the loss.
    farther = sent < old if buys else sent > old
    if not farther:
        return
    at_a_loss = sent < position.price_open if buys else sent > position.price_open
    if not at_a_loss:
        answer.may |= {"trading_state", "risk_per_trade", "open_risk"}  # A smaller profit is no loss.
        return
    answer.note("trading_state", past.trading != "active")
    equity, spec = appraisal.report.account.equity, appraisal.spec
    quote = appraisal.quote
    if quote is None or spec is None or not (above_zero(quote.bid) and above_zero(quote.ask)):
        answer.may |= {"risk_per_trade", "open_risk", "stop_loss"}  # Whichever says that it is not known.
        return
    reserve = limits.slippage_reserve_points * spec.point
    loss = loss_per_lot(position.side.value, stop, position.price_open, reserve, appraisal)
    if loss is None or not above_zero(equity):
        answer.note("risk_per_trade", True)
        answer.may.add("open_risk")
        return
    most = limits.max_risk_percent / 100 * equity
    low, high = (each * position.volume for each in loss)
    over = {low > most * (1 + 1e-9), high > most * (1 - 1e-9)}
    answer.note("risk_per_trade", over.pop() if len(over) == 1 else None)
    if limits.max_open_risk_percent is not None:
        answer.may.add("open_risk")
