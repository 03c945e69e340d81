"""The rules on what has been lost: a broken limit seen in time and told truly, and the pause after losses.

Independent of the engine: everything is reckoned anew from the ledger and from the figures that the terminal
handed out. Where an outsider cannot tell what the bridge knew, the rule takes what speaks for the bridge.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

from scripts.simulation.case import Case, Failure, in_force, lifting
from scripts.simulation.evidence import LOTS, positions
from scripts.simulation.limit_rules import APPRAISED_S, entries_with_account
from scripts.simulation.money import Look, net_lots

NEAR = 0.02  # Percentage points by which two reckonings of a fall may differ.
EXPLAINED_S = 70.0  # So long the history may lack what moved the balance.
CLOCK_WRONG_S = 7_200.0  # Farther than the PC's clock ever is off.
# In this span after the day's first look its opening equity was taken; in the longer one where the server's
# clock must be learned first.
DAY_BEGINS_S, CLOCK_LEARNED_S = 15.0, 120.0
LASTS_S = 5.0  # A look counts once the life that had it went on for so long.
LOOKS_MORE = 2  # Looks in a row beyond BREACH_READINGS: one may have been overtaken by a later one.


@dataclass(frozen=True, slots=True)
class Breach:
    """A limit on losses that a bridge must have seen broken.

    Attributes:
        seen_s: from then on.
        until_s: to then, unless lifted.
    """

    name: str
    seen_s: float
    until_s: float
    words: str


def blocked_after_breach(case: Case) -> Iterator[Failure]:
    """Nothing that makes a position larger is sent once a limit on losses was seen broken."""
    breaches = list(find_breaches(case))
    for entry in entries_with_account(case):
        wanted, held = entry.holding, entry.before.positions
        before = net_lots(held, wanted.symbol)
        after = net_lots((*held, wanted), wanted.symbol)
        for breach in breaches:
            if not breach.seen_s + APPRAISED_S < entry.at_s < breach.until_s:
                continue
            if abs(after) >= abs(before) - LOTS or case.settings.on_breach == "flatten":
                words = f"sent {entry.at_s - breach.seen_s:.1f} s after the bridge saw {breach.words}"
                yield Failure("limit", entry.key, words)
                break


def flattened_after_breach(case: Case) -> Iterator[Failure]:
    """Where a broken limit is to close everything, everything is closed: what was open when it broke."""
    if case.settings.on_breach != "flatten":
        return
    first: dict[str, Breach] = {}
    for breach in find_breaches(case, case.settings.breach_readings + LOOKS_MORE, watch=True):
        first.setdefault(breach.name, breach)
    for breach in first.values():
        if any(resume.at_s > breach.seen_s for resume in lifting(case)):
            continue
        seen_ms = case.start_ms + _may_be_seen_s(case, breach) * 1000
        for span in positions(case.evidence.deals):
            if span.closed_ms is None and span.opened_ms < seen_ms:
                yield Failure("stop", "", f"position {span.position} stayed open after {breach.words}")


def _may_be_seen_s(case: Case, breach: Breach) -> float:
    """Return when a bridge may have seen a breach first: what was opened after all was closed may stay."""
    most = next(most for name, most in REASONS.values() if name == breach.name)
    looks = (look for look in case.money.looks if look.at_s <= breach.seen_s)
    for look in looks:
        limit = in_force(case, breach.name, look.at_s)
        if limit is not None and most(case, look) >= limit - NEAR:
            return look.at_s
    return breach.seen_s


def find_breaches(case: Case, readings: int = 2, *, watch: bool = False) -> Iterator[Breach]:
    """Return the breaches that a life must have taken in: so many looks in a row showed it, and it lived on.

    Args:
        watch: whether only looks at the account alone count.
    """
    if case.views_hidden:
        return
    for name, fall in LEAST_FALLS:
        if name == "max_daily_loss_percent" and not _days_are_sure(case):
            continue
        row: list[Look] = []
        for look in case.money.looks:
            if watch and not look.watch:
                continue
            limit = in_force(case, name, look.at_s)
            broken = limit is not None and fall(case, look) >= limit + NEAR
            fresh = row and row[-1].life == look.life
            row = ([*row, look] if fresh else [look]) if broken else []
            if len(row) >= readings and _lived_on(case, look):
                yield _breach(case, name, look, fall(case, look))
                row = []


def _breach(case: Case, name: str, look: Look, fall: float) -> Breach:
    lifted = [resume.at_s for resume in lifting(case) if resume.at_s > look.at_s]
    ends = [*lifted]
    if name == "max_daily_loss_percent" and case.settings.on_breach == "block":
        ends.append(_day_end_s(case, look.at_s))
    words = f"{name} of {in_force(case, name, look.at_s):g} broken by {fall:.2f} % at {look.at_s:.1f} s"
    return Breach(name, look.at_s, min(ends, default=float("inf")), words)


def _lived_on(case: Case, look: Look) -> bool:
    """Tell whether the life that had a look could write down what it showed."""
    until_s = look.at_s + LASTS_S
    full = any(begin_s < until_s and end_s > look.at_s for begin_s, end_s in case.disk_full_s)
    return case.money.ends_s.get(look.life, float("inf")) > until_s and not full


def _day_end_s(case: Case, at_s: float) -> float:
    day, moment_s = _day(case, at_s), at_s
    while _day(case, moment_s) == day:
        moment_s += 60.0
    return moment_s - 60.0


def _day(case: Case, at_s: float) -> int:
    return case.day_of_ms(case.start_ms + round(at_s * 1000))


def _days_are_sure(case: Case) -> bool:
    """Tell whether the PC's clock, wrong as it may be, never took one day for another."""
    last_s = case.money.looks[-1].at_s if case.money.looks else 0.0
    return not case.clock_jumped or _day(case, -CLOCK_WRONG_S) == _day(case, last_s + CLOCK_WRONG_S)


def _openings(case: Case, look: Look) -> list[float]:
    """Return what the equity was, less what was paid in, while the look's day was new to the bridge."""
    looks, day = case.money.looks, _day(case, look.at_s)
    begun_s = next(seen.at_s for seen in looks if _day(case, seen.at_s) == day)
    learns = case.settings.mt5_server_utc_offset == "auto"
    until_s = begun_s + (CLOCK_LEARNED_S if learns else DAY_BEGINS_S)
    return [seen.earned for seen in looks if begun_s <= seen.at_s <= min(until_s, look.at_s)]


def _fall(start: float, look: Look) -> float:
    return (start - look.earned) / (start + look.funds) * 100


def least_day_fall(case: Case, look: Look) -> float:
    """Return by how many percent the day has lost at the least."""
    return _fall(min(_openings(case, look)), look)


def most_day_fall(case: Case, look: Look) -> float:
    """Return by how many percent the day has lost at the most."""
    return _fall(max(_openings(case, look)), look)


def least_drawdown(case: Case, look: Look) -> float:
    """Return by how many percent the equity has fallen from a peak that a bridge must have seen."""
    begun_s = max((resume.at_s for resume in lifting(case) if resume.at_s < look.at_s), default=-1.0)
    seen = [one for one in case.money.looks if begun_s < one.at_s <= look.at_s]
    pairs = [(one, two) for one, two in pairwise(seen) if one.life == two.life and _lived_on(case, two)]
    peak = max((min(one.earned, two.earned) for one, two in pairs), default=look.earned)
    return _fall(peak, look)


LEAST_FALLS = (("max_daily_loss_percent", least_day_fall), ("max_drawdown_percent", least_drawdown))


def most_drawdown(case: Case, look: Look) -> float:
    """Return by how many percent the equity has fallen from the highest that was ever shown."""
    return _fall(max(one.earned for one in case.money.looks if one.at_s <= look.at_s), look)


REASONS: dict[str, tuple[str, Callable[[Case, Look], float]]] = {
    "daily_loss": ("max_daily_loss_percent", most_day_fall),
    "drawdown": ("max_drawdown_percent", most_drawdown),
}


def breaches_told_are_true(case: Case) -> Iterator[Failure]:
    """Nobody is told of a loss that there was not: what is paid out is none."""
    if case.views_hidden or case.clock_jumped:
        return
    for key, channels in case.evidence.told.items():
        for row in channels.get("redpanda", []):
            words = row.get("detail", "") if row["status"] == "denied" else ""
            if _is_just_paid(case, row["done_at"]):
                continue
            for reason, (name, most) in REASONS.items():
                if f"{reason}:" in words and "not known" not in words:
                    yield from _unfounded(case, key, name, most)


def _is_just_paid(case: Case, done_at: str) -> bool:
    """Tell whether money moved so lately that a lane which has just started may not know why yet."""
    done_s = (datetime.fromisoformat(done_at).timestamp() * 1000 - case.start_ms) / 1000
    return any(done_s - EXPLAINED_S < at_s <= done_s + LASTS_S for at_s, _ in case.money.moves)


def _unfounded(case: Case, key: str, name: str, most: Callable[[Case, Look], float]) -> Iterator[Failure]:
    setting = getattr(case.settings, name)
    limits = [setting, *(wish.limits.get(name) for wish in case.tightenings)]
    least = min(limit for limit in limits if limit is not None)
    worst = max((most(case, look) for look in case.money.looks), default=0.0)
    if worst < least - NEAR:
        yield Failure("unexplained", key, f"told of {name} {least:g}, the worst fall was {worst:.2f} %")


# Losses in a row


def paused_after_losses(case: Case) -> Iterator[Failure]:
    """No entry is sent while so many own trades have lost in a row that entries pause."""
    most = case.settings.max_consecutive_losses
    if most is None or case.clock_jumped or not case.hedging:
        return
    trades = sorted(_own_trades(case))
    for entry in entries_with_account(case):
        ended = [trade for trade in trades if trade[0] < entry.at_s]
        settled = [trade for trade in ended if trade[0] < entry.at_s - LASTS_S]
        if min(_losses_in_a_row(ended), _losses_in_a_row(settled)) < most:
            continue
        last_s = next(at_s for at_s, result in reversed(settled) if result < 0)
        if _is_pause(case, last_s, entry.at_s):
            words = f"sent {entry.at_s - last_s:.1f} s after loss {most} in a row"
            yield Failure("limit", entry.key, words)


def _is_pause(case: Case, last_s: float, at_s: float) -> bool:
    minutes = case.settings.cooldown_minutes
    if minutes is not None:
        return at_s < last_s + minutes * 60 - LASTS_S
    return _day(case, last_s) == _day(case, at_s + LASTS_S)


def _own_trades(case: Case) -> Iterator[tuple[float, float]]:
    """Return when the bridge's plainly filled entries ended and what came of them."""
    plain = {
        result.order
        for requests in case.evidence.entries.values()
        for request in requests
        if request.arrival.fate.kind == "filled"
        for result in request.arrival.results
    }
    results: dict[int, float] = {}
    for deal in case.evidence.deals:
        results[deal.position] = results.get(deal.position, 0.0) + deal.result
    for span in positions(case.evidence.deals):
        if span.closed_ms is not None and span.order in plain:
            yield (span.closed_ms - case.start_ms) / 1000, round(results[span.position], 2)


def _losses_in_a_row(trades: list[tuple[float, float]]) -> int:
    count = 0
    for _, result in reversed(trades):
        if result > 0:
            break
        count += result < 0
    return count


RULES = (blocked_after_breach, flattened_after_breach, breaches_told_are_true, paused_after_losses)
