"""The risk guard once more, plainly, from the table of limits: the reference, not the bridge.

Written from the documents, in exact decimals where a limit can be met to the digit. Shares nothing with the
bridge but its value types. Where honest arithmetic may fall on either side of a limit, or several checks may
name one trouble, both answers are permitted; everything else is exact. `session` compares the two.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal

from scripts.fuzzing.figures import above_zero, has_fallen, known
from scripts.fuzzing.past import MINUTE_MS, Past, Sent
from scripts.fuzzing.sizes import Sizing, find_sizes

from hybrid_bridge.core.account import AccountReport
from hybrid_bridge.core.appraisal import Appraisal
from hybrid_bridge.core.inputs import SignalReceived, Wanted
from hybrid_bridge.core.limits import Limits
from hybrid_bridge.core.market import Quote, SymbolSpec

AHEAD_MS = 2_000  # How far clocks may differ.
LONG_MODES, SHORT_MODES = (1, 4), (2, 4)
POINTS_SLACK = 2e-6  # A rounding error of a distance in points.
SIZED = {"volume", "risk_per_trade", "open_risk", "exposure", "margin"}
OF_THE_ACCOUNT = {"trading_state", "open_positions", "daily_loss", "drawdown", "loss_streak"}
UNSIZEABLE = {
    "account",
    "symbol_allowed",
    "quote_fresh",
    "stop_loss",
}  # Without them there is no size to judge.
RULES = ("point", "tick_size", "volume_min", "volume_max", "volume_step")


@dataclass(slots=True)
class Verdict:
    """What the reference makes of a signal.

    Attributes:
        must: checks that say no for certain.
        may: checks that may say no besides, or may not.
        sizing: the volumes that may be sent where no check says no for certain.
    """

    must: set[str] = field(default_factory=set)
    may: set[str] = field(default_factory=set)
    sizing: Sizing | None = None

    def note(self, check: str, broken: bool | None) -> None:
        """Note a check's answer; None where it may be either."""
        if broken is None:
            self.may.add(check)
        elif broken:
            self.must.add(check)


@dataclass(frozen=True, slots=True)
class Asked:
    """One signal or command before the reference."""

    wanted: Wanted
    past: Past
    limits: Limits
    now_msc: int
    server_day: int | None

    @property
    def signal(self) -> SignalReceived:
        """What is asked for, where that is an entry."""
        if not isinstance(self.wanted, SignalReceived):
            raise TypeError(f"{self.wanted} is no entry")
        return self.wanted


def deadline(signal: SignalReceived, limits: Limits) -> tuple[int, int]:
    """Return when a signal was made and until when it may be sent."""
    made = signal.received_msc if signal.timestamp_msc is None else signal.timestamp_msc
    last = made + limits.signal_max_age_ms
    return made, last if signal.expires_msc is None else min(last, signal.expires_msc)


def screen(asked: Asked) -> Verdict:
    """Judge by what is known without the terminal."""
    verdict, past, limits, signal = Verdict(), asked.past, asked.limits, asked.signal
    verdict.note("expiry", deadline(signal, limits)[0] - signal.received_msc > AHEAD_MS)
    verdict.note("trading_enabled", not limits.trading_enabled)
    verdict.note("emergency_stop", limits.emergency_stop or past.emergency)
    verdict.note("trading_state", past.trading == "halted")
    named = signal.account is not None and limits.login is not None
    verdict.note("account", named and signal.account != limits.login)
    in_doubt = any(sent.symbol == signal.symbol for sent in past.doubtful.values())
    verdict.note("symbol_allowed", signal.symbol not in limits.symbols or in_doubt)
    verdict.note("duplicate_signal", _is_like_one_before(asked))
    fresh = asked.server_day is not None and (past.day is None or asked.server_day > past.day)
    verdict.note("daily_trades", (0 if fresh else past.day_count) >= limits.max_daily_trades)
    recent = sum(1 for entry in past.entries if entry[0] > asked.now_msc - MINUTE_MS)
    verdict.note("order_rate", recent >= limits.max_orders_per_minute)
    if _is_pausing(asked) is not False:
        verdict.may.add(
            "loss_streak"
        )  # It may as well be said later: the pause is no secret of the terminal's.
    return verdict


def _is_like_one_before(asked: Asked) -> bool:
    signal = asked.signal
    like = (signal.symbol, signal.side.value, signal.volume)
    since = asked.now_msc - asked.limits.duplicate_window_ms
    return any(entry[0] > since and entry[1:] == like for entry in asked.past.entries)


def _is_pausing(asked: Asked) -> bool | None:
    past, limits = asked.past, asked.limits
    if limits.max_consecutive_losses is None or past.streak < limits.max_consecutive_losses:
        return False
    if limits.cooldown_ms is not None:
        return asked.now_msc < past.last_loss_msc + limits.cooldown_ms
    if past.last_loss_day is None:
        return None
    today = past.day if asked.server_day is None else asked.server_day
    return None if today is None else today <= past.last_loss_day


def judge(asked: Asked, appraisal: Appraisal) -> Verdict:
    """Judge on the terminal's facts, whose look has been taken into the past already."""
    verdict, signal, limits, report = screen(asked), asked.signal, asked.limits, appraisal.report
    spec, quote = appraisal.spec, appraisal.quote
    verdict.note("account", wrong_account(report, limits) or not may_trade(report))
    verdict.note("symbol_allowed", spec is None or not _is_tradable(spec, signal.side.value))
    verdict.note("quote_fresh", not _is_fresh(quote, limits, asked.now_msc))
    reduces = _reduces(asked, report)
    if asked.past.trading == "reducing":
        verdict.note("trading_state", None if reduces is None else not reduces)
    verdict.note("stop_loss", _stops_are_wrong(asked, spec, quote))
    for check, limit, between in (
        ("spread", limits.max_spread_points, _spread(quote)),
        ("price_collar", limits.max_price_drift_points, _drift(signal, quote)),
    ):
        if limit is not None and (check == "spread" or signal.price is not None):
            verdict.note(check, _is_wider(between, limit, spec))
    verdict.note("open_positions", _are_too_many(asked, report))
    _judge_losses(verdict, asked, report, reduces)
    _judge_size(verdict, asked, appraisal)
    if not report.terminal.connected:
        verdict.may.add("daily_trades")  # Such a look opens no new day.
    if wrong_account(report, limits):  # Then nothing else that the look shows need be told.
        verdict.may |= (verdict.must & OF_THE_ACCOUNT) | {"daily_trades"}
        verdict.must -= OF_THE_ACCOUNT
    return verdict


def wrong_account(report: AccountReport, limits: Limits) -> bool:
    """Tell whether another account, server or terminal answers than the configured one, or nobody's."""
    account = report.account
    if account.login == 0 or (limits.login is not None and account.login != limits.login):
        return True
    if limits.server and account.server != limits.server:
        return True
    return bool(limits.terminal_path) and limits.terminal_path != report.terminal.path


def may_trade(report: AccountReport) -> bool:
    """Tell whether the account can be traded by a program at all."""
    account, terminal = report.account, report.terminal
    open_ = account.trade_allowed and account.trade_expert
    return open_ and terminal.trade_allowed and terminal.connected and not terminal.api_disabled


def _is_tradable(spec: SymbolSpec, side: str) -> bool:
    if not all(above_zero(getattr(spec, name)) for name in RULES) or not spec.volume_limit >= 0:
        return False
    return spec.trade_mode in (LONG_MODES if side == "BUY" else SHORT_MODES)


def _is_fresh(quote: Quote | None, limits: Limits, now_msc: int) -> bool:
    if quote is None or quote.time_msc is None:
        return False
    if not (above_zero(quote.bid) and above_zero(quote.ask) and quote.bid <= quote.ask):
        return False
    return -AHEAD_MS <= now_msc - quote.time_msc <= limits.max_quote_age_ms


def _reduces(asked: Asked, report: AccountReport) -> bool | None:
    """Tell whether the entry makes the symbol's net position smaller."""
    symbol, volume = asked.signal.symbol, asked.signal.volume
    unseen = [*asked.past.unseen(asked.now_msc), *asked.past.late_closes(report, asked.now_msc)]
    if any(sent.symbol == symbol for sent in unseen):
        return False
    net = sum(
        position.volume if position.side.value == "BUY" else -position.volume
        for position in report.positions
        if position.symbol == symbol
    )
    if not known(net):
        return None
    against = net < 0 if asked.signal.side.value == "BUY" else net > 0
    if not against:
        return False
    if volume is None:
        return None  # It may be sized to something smaller, or be refused.
    gone = 2 * abs(net)
    if abs(net) - volume == abs(net):
        return None  # So little that doubles cannot tell.
    return None if abs(volume - gone) < 1e-9 or volume > gone else True


def stops_are_wrong(
    side: str, stops: tuple[tuple[str, float], ...], exit_price: float, spec: SymbolSpec
) -> bool | None:
    """Tell whether a stop is on the wrong side of the price, or nearer than the venue takes."""
    found: set[bool | None] = {False}
    for name, price in stops:
        if not price:
            continue
        below = (name == "stop_loss") == (side == "BUY")
        sent = round_price(price, spec)
        if not sent:
            return True
        least = max(spec.stops_level, spec.freeze_level)
        distances = [
            (exit_price - seen if below else seen - exit_price) / spec.point for seen in (price, sent)
        ]
        answers = {_too_near(distance, least) for distance in distances}
        found.add(None if len(answers) > 1 else answers.pop())
    return True if True in found else None if None in found else False


def _too_near(distance: float, least: float) -> bool:
    return not (distance > 0 and distance >= least - POINTS_SLACK)


def round_price(price: float, spec: SymbolSpec) -> float:
    """Return the price as the venue takes it: a whole number of ticks; 0.0 where there is no such number."""
    if not math.isfinite(price / spec.tick_size):
        return 0.0
    return round(round(price / spec.tick_size) * spec.tick_size, spec.digits)


def _stops_are_wrong(asked: Asked, spec: SymbolSpec | None, quote: Quote | None) -> bool | None:
    signal = asked.signal
    if not signal.stop_loss and asked.limits.require_stop_loss:
        return True
    stops = (("stop_loss", signal.stop_loss), ("take_profit", signal.take_profit))
    if spec is None or quote is None or not any(price for _, price in stops):
        return None if spec is None or quote is None else False
    exit_price = quote.bid if signal.side.value == "BUY" else quote.ask
    if not (known(exit_price) and above_zero(spec.point) and above_zero(spec.tick_size)):
        return None  # Another check says no to such a quote or symbol.
    return stops_are_wrong(signal.side.value, stops, exit_price, spec)


def _spread(quote: Quote | None) -> Decimal | None:
    if quote is None or not (known(quote.ask) and known(quote.bid)):
        return None
    return Decimal(repr(quote.ask)) - Decimal(repr(quote.bid))


def _drift(signal: SignalReceived, quote: Quote | None) -> Decimal | None:
    price = None if quote is None else quote.ask if signal.side.value == "BUY" else quote.bid
    if price is None or signal.price is None or not known(price):
        return None
    return abs(Decimal(repr(price)) - Decimal(repr(signal.price)))


def _is_wider(between: Decimal | None, limit: float, spec: SymbolSpec | None) -> bool | None:
    """Compare a distance with a limit in points, to the digit."""
    if between is None or spec is None or not above_zero(spec.point):
        return None
    points = between / Decimal(repr(spec.point))
    over = points - Decimal(repr(limit))
    if over > 0 and over <= POINTS_SLACK:
        return None
    return over > 0


def _are_too_many(asked: Asked, report: AccountReport) -> bool | None:
    limits, symbol = asked.limits, asked.signal.symbol
    held = [position.symbol for position in report.positions]
    unseen = asked.past.unseen(asked.now_msc)
    certain = held + [sent.symbol for sent in unseen if sent.kind == "entry"]
    perhaps = held + [sent.symbol for sent in unseen]
    return _either(
        _exceeds(names, symbol, limits.max_open_positions, limits.max_positions_per_symbol)
        for names in (certain, perhaps)
    )


def _exceeds(names: list[str], symbol: str, most: int | None, most_each: int | None) -> bool:
    too_many = most is not None and len(names) >= most
    return too_many or (most_each is not None and names.count(symbol) >= most_each)


def _either(answers: Iterator[bool]) -> bool | None:
    found = set(answers)
    return None if len(found) > 1 else found.pop()


def _judge_losses(verdict: Verdict, asked: Asked, report: AccountReport, reduces: bool | None) -> None:
    past, limits, equity = asked.past, asked.limits, report.account.equity
    passes = past.trading == "reducing" and reduces is not False
    for check, percent, start in (
        ("daily_loss", limits.max_daily_loss_percent, past.day_equity),
        ("drawdown", limits.max_drawdown_percent, past.peak),
    ):
        if percent is None:
            continue
        if start is None or not above_zero(start) or not known(equity):
            verdict.note(check, None if passes else True)
            continue
        broken = has_fallen(start, equity, percent)
        verdict.note(check, (False if reduces else None) if passes and broken else broken)
    verdict.note("loss_streak", _is_pausing(asked))
    if limits.max_consecutive_losses is not None:
        waiting = [sent for sent in past.unsettled.values() if not _shows(sent, past, report)]
        if waiting and past.streak + len(waiting) >= limits.max_consecutive_losses:
            verdict.must.add("loss_streak")


def _shows(sent: Sent, past: Past, report: AccountReport) -> bool:
    """Tell whether a look shows the position of an entry: by its mark, or where it was seen before."""
    seen_in = 0 if report.account.hedging else past.seen_in.get(sent.number, 0)
    return any(
        position.ticket == seen_in or (position.side.value == sent.side and position.magic == sent.magic)
        for position in report.positions
    )


def _judge_size(verdict: Verdict, asked: Asked, appraisal: Appraisal) -> None:
    """Size the entry, and note what leaves no room for it."""
    spec, quote = appraisal.spec, appraisal.quote
    usable = spec is not None and quote is not None and _is_tradable(spec, asked.signal.side.value)
    if not usable or verdict.must & {"quote_fresh", "stop_loss", "account"}:
        verdict.may |= SIZED
        return
    assert spec is not None and quote is not None  # noqa: S101 - what `usable` means
    sizing = find_sizes(
        asked.signal,
        asked.limits,
        appraisal,
        asked.past.unseen(asked.now_msc),
        asked.past.late_closes(appraisal.report, asked.now_msc),
    )
    verdict.sizing = sizing
    if verdict.must:
        verdict.may |= SIZED
        return
    verdict.must |= sizing.must
    verdict.may |= sizing.may


def is_sound(value: float) -> bool:
    """Tell whether a figure of an order is a number that may be sent."""
    return math.isfinite(value) and value >= 0
