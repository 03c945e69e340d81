"""How much may be sent: the largest whole number of steps inside every limit. Part of the reference.

Every limit becomes a cap in lots with the check's name; rounding may put a cap one step lower. `guard` asks.
"""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from decimal import ROUND_FLOOR, Decimal

from scripts.fuzzing.figures import STEPS_MAX, above_zero, known, whole_steps
from scripts.fuzzing.past import Sent

from hybrid_bridge.core.account import Worth
from hybrid_bridge.core.appraisal import Appraisal
from hybrid_bridge.core.inputs import SignalReceived
from hybrid_bridge.core.limits import Limits
from hybrid_bridge.core.market import SymbolSpec


@dataclass(slots=True)
class Cap:
    """The most of one check, in steps of the symbol.

    Attributes:
        low, high: between them lies the truth, where rounding decides.
    """

    check: str
    low: int
    high: int


@dataclass(slots=True)
class Sizing:
    """What the limits on volumes make of an entry.

    Attributes:
        must, may: checks that deny it for certain, or perhaps.
        low, high: steps that may be sent, at least and at most.
        loss: of one lot, at least and at most, account currency; None without a stop, or when not known.
    """

    must: set[str] = field(default_factory=set)
    may: set[str] = field(default_factory=set)
    low: int = 0
    high: int = 0
    loss: tuple[float, float] | None = None


def find_sizes(
    signal: SignalReceived, limits: Limits, appraisal: Appraisal, unseen: list[Sent], late_closes: list[Sent]
) -> Sizing:
    """Find what may be sent of an entry whose symbol and quote are sound.

    Args:
        unseen: what went out and may have done what no look shows.
        late_closes: closes of a moment ago whose position still shows.
    """
    spec, quote, sizing = appraisal.spec, appraisal.quote, Sizing()
    assert spec is not None and quote is not None  # noqa: S101 - the caller's promise
    entries = [sent for sent in unseen if sent.kind == "entry"]
    caps = [_volume_cap(signal, limits, appraisal, entries)]
    if signal.stop_loss:
        entry = quote.ask if signal.side.value == "BUY" else quote.bid
        reserve = limits.slippage_reserve_points * spec.point
        loss = loss_per_lot(signal.side.value, signal.stop_loss, entry, reserve, appraisal)
        if loss is None or not above_zero(appraisal.report.account.equity):
            sizing.must.add("risk_per_trade")
            if limits.max_open_risk_percent is not None:
                sizing.must.add("open_risk")
        else:
            sizing.loss = loss
            caps += _risk_caps(limits, appraisal, entries, loss, spec.volume_step, sizing)
    elif signal.volume is None:
        sizing.must.add("risk_per_trade")
    if limits.max_open_risk_percent is not None and not signal.stop_loss:
        sizing.must.add("open_risk")
    caps += _margin_caps(limits, appraisal, entries, spec.volume_step, sizing)
    if limits.max_exposure_percent is not None:
        caps += _exposure_caps(signal, limits, appraisal, [*unseen, *late_closes], sizing)
    _conclude(signal, limits, spec, caps, sizing)
    return sizing


def _conclude(
    signal: SignalReceived, limits: Limits, spec: SymbolSpec, caps: list[Cap], sizing: Sizing
) -> None:
    least = _least_steps(spec)
    wanted = None if signal.volume is None else steps_of(signal.volume, spec.volume_step)
    volume_cap, fixed = caps[0], wanted is not None and not limits.reduce_oversized
    if wanted is not None and wanted < least:
        sizing.must.add("volume")
    for cap in caps:
        needed = least
        if wanted is not None and (fixed or cap is volume_cap):
            needed = wanted
        if cap.high < needed:
            sizing.must.add(cap.check)
        elif cap.low < needed:
            sizing.may.add(cap.check)
    highest = [cap.high for cap in caps] + ([] if wanted is None else [wanted])
    lowest = [cap.low for cap in caps] + ([] if wanted is None else [wanted])
    sizing.low, sizing.high = min(lowest), min(highest)
    if sizing.must or sizing.may:
        # One cap's no may be told under the name that the volume goes by.
        sizing.may |= {"volume"} | {cap.check for cap in caps if cap.low < max(least, wanted or 0)}
        sizing.may -= sizing.must


def steps_of(volume: float, step: float) -> int:
    """Return how many whole steps a volume has, in decimals."""
    return int((Decimal(repr(volume)) / Decimal(repr(step))).to_integral_value(ROUND_FLOOR))


def _least_steps(spec: SymbolSpec) -> int:
    return math.ceil(Decimal(repr(spec.volume_min)) / Decimal(repr(spec.volume_step)))


def _volume_cap(signal: SignalReceived, limits: Limits, appraisal: Appraisal, unseen: list[Sent]) -> Cap:
    spec = appraisal.spec
    assert spec is not None  # noqa: S101 - the caller's promise
    most = spec.volume_max if limits.max_volume is None else min(spec.volume_max, limits.max_volume)
    steps = steps_of(most, spec.volume_step)
    cap = Cap("volume", steps, steps)
    if spec.volume_limit <= 0:
        return cap
    side = signal.side.value
    held = [p.volume for p in appraisal.report.positions if (p.symbol, p.side.value) == (signal.symbol, side)]
    even = 0 if side == "BUY" else 1  # Of ORDER_TYPE_*: the buying ones are even.
    held += [o.volume for o in appraisal.report.orders if o.symbol == signal.symbol and o.type % 2 == even]
    held += [s.volume for s in unseen if (s.symbol, s.side) == (signal.symbol, side)]
    if not all(known(volume) for volume in held):
        return Cap("volume", 0, steps)
    low, high = whole_steps(spec.volume_limit - sum(held), spec.volume_step)
    return Cap("volume", max(0, min(steps, low)), max(0, min(steps, high)))


def loss_per_lot(
    side: str, stop: float, entry: float, reserve: float, appraisal: Appraisal
) -> tuple[float, float] | None:
    """Return what one lot loses at the stop, at least and at most; None when it is not known.

    Args:
        reserve: how much worse than the stop it may fill, in price.
    """
    spec, quote = appraisal.spec, appraisal.quote
    assert spec is not None and quote is not None  # noqa: S101 - the caller's promise
    loss, volume, commission = (
        appraisal.loss_at_stop,
        appraisal.reference_volume,
        appraisal.commission_per_lot,
    )
    if not above_zero(loss) or not above_zero(volume) or not known(commission) or loss is None:
        return None
    buys, spread = side == "BUY", quote.ask - quote.bid
    sent = round(round(stop / spec.tick_size) * spec.tick_size, spec.digits)
    asked = abs(entry - stop)
    if not above_zero(asked):
        return None
    one = loss / volume * ((abs(entry - sent) + reserve) / asked)
    low = high = 1.0
    currency = appraisal.report.account.currency
    if spec.currency_base == currency and spec.currency_profit != currency:
        if not above_zero(quote.bid):
            return None
        at_stop = sent - reserve if buys else sent + reserve - spread
        if at_stop > 0:
            low = high = quote.bid / at_stop
        plain = spec.contract_size * asked / quote.bid
        own_rate = math.isfinite(plain) and abs(loss / volume - plain) <= plain * 0.009
        if high < 1 and not own_rate:
            high = 1.0  # Another rate than the symbol's own may have converted it.
    return one * low + abs(commission), one * high + abs(commission)


def _risk_caps(
    limits: Limits,
    appraisal: Appraisal,
    unseen: list[Sent],
    loss: tuple[float, float],
    step: float,
    sizing: Sizing,
) -> Iterator[Cap]:
    equity = appraisal.report.account.equity
    yield _money_cap("risk_per_trade", equity * limits.max_risk_percent / 100, loss, step)
    percent = limits.max_open_risk_percent
    if percent is None:
        return
    held = _open_risk(appraisal, unseen)
    if held is None:
        sizing.must.add("open_risk")
        return
    yield _money_cap("open_risk", equity * percent / 100 - held, loss, step)


def _money_cap(check: str, money: float, each: tuple[float, float], step: float) -> Cap:
    """Turn money into steps, of which each takes so much, at least and at most."""
    if not each[0]:
        return Cap(check, 0, STEPS_MAX)  # So little that doubles cannot tell.
    low = 0 if math.isinf(each[1]) else whole_steps(money / each[1], step)[0]
    high = whole_steps(money / each[0], step)[1]
    return Cap(check, max(0, low), max(0, high))


def _open_risk(appraisal: Appraisal, unseen: list[Sent]) -> float | None:
    report = appraisal.report
    if any(not sent.stop for sent in unseen):
        return None
    held: dict[int, float | None] = {}
    waiting: dict[int, float | None] = {}
    if report.valuation is not None:
        held, waiting = dict(report.valuation.position_losses), dict(report.valuation.order_losses)
    losses = [*held.values(), *waiting.values()]
    missing = {position.ticket for position in report.positions} - set(held)
    missing |= {order.ticket for order in report.orders} - set(waiting)
    if missing or not all(known(loss) for loss in losses):
        return None
    return sum(loss for loss in losses if loss is not None) + sum(sent.risk_money for sent in unseen)


def _margin_caps(
    limits: Limits, appraisal: Appraisal, unseen: list[Sent], step: float, sizing: Sizing
) -> Iterator[Cap]:
    account, margin = appraisal.report.account, appraisal.margin
    least = limits.min_margin_level_percent
    usable = known(margin) and margin is not None and margin >= 0 and above_zero(appraisal.reference_volume)
    if not usable or margin is None or not known(account.free_margin):
        sizing.must.add("margin")
        return
    each = margin / appraisal.reference_volume
    reserved = sum(sent.margin for sent in unseen)
    rooms = [account.free_margin - reserved]
    if least is not None:
        if not above_zero(account.equity) or not known(account.margin) or account.margin < 0:
            sizing.must.add("margin")
            return
        rooms.append(account.equity * 100 / least - account.margin - reserved)
    room = min(rooms)
    if not each:
        if room < 0:
            sizing.may.add("margin")  # Nothing more is tied up; whether it may be is the account's matter.
        return
    yield _money_cap("margin", room, (each, each), step)


def _exposure_caps(
    signal: SignalReceived, limits: Limits, appraisal: Appraisal, unseen: list[Sent], sizing: Sizing
) -> Iterator[Cap]:
    spec, report = appraisal.spec, appraisal.report
    assert spec is not None and limits.max_exposure_percent is not None  # noqa: S101 - the caller's promise
    own = None if report.valuation is None else report.valuation.worths.get(signal.symbol)
    legs = None if own is None else _legs(own, 1.0, buys=signal.side.value == "BUY")
    held, waiting = _all_legs(appraisal, unseen)
    if legs is None or held is None or waiting is None or not above_zero(report.account.equity):
        sizing.must.add("exposure")
        return
    limit = report.account.equity * limits.max_exposure_percent / 100
    for currency, each in legs.items():
        certain = sum(amount for name, amount in held if name == currency)
        more = sum(amount for name, amount in waiting if name == currency and amount > 0)
        less = sum(amount for name, amount in waiting if name == currency and amount < 0)
        allowed = max(limit, abs(certain + more), abs(certain + less))
        room = allowed - (certain + more) if each > 0 else allowed + (certain + less)
        # What is taken from large sums is rounded like them.
        sums = allowed + abs(certain) + more - less
        low, high = whole_steps(room / abs(each), spec.volume_step, rounding=1e-12 * sums / abs(each))
        yield Cap("exposure", max(0, low), max(0, high))


Leg = tuple[str, float]


def _legs(worth: Worth, volume: float, *, buys: bool) -> dict[str, float] | None:
    """Return by currency what so many lots are worth, bought as plus; None when it is not known."""
    if not above_zero(worth.money_per_lot) or worth.money_per_lot is None or not known(volume):
        return None
    base, profit = worth.currency_base, worth.currency_profit
    if not base or base == profit:
        base = worth.symbol
    amount = volume * worth.money_per_lot * (1 if buys else -1)
    return {base: amount, profit: -amount}


def _all_legs(appraisal: Appraisal, unseen: list[Sent]) -> tuple[list[Leg] | None, list[Leg] | None]:
    """Return the legs of what is held for certain, and of what may come."""
    report = appraisal.report
    worths = {} if report.valuation is None else report.valuation.worths
    held = [(worths.get(p.symbol), p.volume, p.side.value == "BUY") for p in report.positions]
    waiting = [(worths.get(o.symbol), o.volume, o.type % 2 == 0) for o in report.orders]
    shown = {position.ticket: position for position in report.positions}
    for sent in unseen:
        position = shown.get(sent.ticket)
        if sent.kind == "entry":
            waiting.append((sent.worth, sent.volume, sent.side == "BUY"))
        elif sent.kind == "close" and position is not None:  # It may be gone, or smaller.
            gone = min(sent.volume, position.volume)
            waiting.append((worths.get(position.symbol), gone, position.side.value == "SELL"))
    return _flat(held), _flat(waiting)


def _flat(lots: Iterable[tuple[Worth | None, float, bool]]) -> list[Leg] | None:
    found: list[Leg] = []
    for worth, volume, buys in lots:
        legs = None if worth is None else _legs(worth, volume, buys=buys)
        if legs is None:
            return None
        found += legs.items()
    return found
