"""The rules that a seed is judged by: each a small function from the evidence to failures.

Independent of the engine: limits are counted anew from the ledger and the requests. Pure; called by `judge`.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from scripts.simulation.case import Case, Failure, entries_of, in_force, lifting
from scripts.simulation.evidence import ENTRY_IN, ENTRY_INOUT, LOTS, positions, signal_of
from scripts.simulation.limit_rules import RULES as LIMIT_RULES
from scripts.simulation.loss_rules import RULES as LOSS_RULES

CHANNELS = ("websocket", "redpanda")
FINAL = ("filled", "partial", "rejected", "not_executed", "denied", "expired")
MINUTE_S = 59.0  # A minute less what a request takes from the bridge to the terminal.
MIDNIGHT_S = 20.0  # So long after the broker's midnight an entry may still count for the day before.
SEEN_S = 20.0  # So long a position that somebody else opened may go unseen.
AGE_S = 1.0
LOOKS_S = 1.0  # Two looks are farther apart.


def judge_case(case: Case) -> list[Failure]:
    """Go through all the rules."""
    rules = (
        once_only, as_told, known_signals, not_stale, closes_once, magics_unique, stop_present, volume_inside,
        rate_inside, day_inside, count_inside, nothing_beside_doubt, looked_enough, nothing_after_stop,
        cleared_after_stop, *LIMIT_RULES, *LOSS_RULES,
    )  # fmt: skip
    return [failure for rule in rules for failure in rule(case)]


def once_only(case: Case) -> Iterator[Failure]:
    """At most one entry is executed for a signal."""
    for key, requests in case.evidence.entries.items():
        done = [request for request in requests if request.volume > LOTS]
        if len(done) > 1:
            lots = ", ".join(f"{request.volume:g} at {request.arrival.at_s:.1f} s" for request in done)
            yield Failure("doubled", key, f"{len(done)} entries executed: {lots}")


def as_told(case: Case) -> Iterator[Failure]:
    """What was executed is what was told last, on every channel; what reached the bridge was answered."""
    for key, sent in case.sent.items():
        if sent.command:
            yield from _answered(case, key)
            continue
        executed = case.evidence.executed(key)
        for channel in CHANNELS:
            told = case.evidence.last_told(key, channel)
            if told is None:
                if executed > LOTS:
                    yield Failure("lost", key, f"{executed:g} lots executed, nothing told on {channel}")
                elif key in case.delivered and channel == "redpanda":
                    yield Failure("lost", key, f"it reached the bridge, and no result came on {channel}")
                continue
            yield from _compare(key, channel, told, executed)


def _compare(key: str, channel: str, told: dict[str, Any], executed: float) -> Iterator[Failure]:
    status, volume = told["status"], told["volume"]
    words = f"{channel} was told {status} {volume:g} lots ({told['reason']}), {executed:g} were executed"
    if status not in FINAL:
        yield Failure("unexplained", key, f"the last word was {status}: {words}")
    elif status in ("filled", "partial"):
        if executed <= LOTS:
            yield Failure("lost", key, words)
        elif abs(volume - executed) > LOTS:
            yield Failure("unexplained", key, words)
    elif executed > LOTS:
        yield Failure("unexplained", key, words)


def _answered(case: Case, key: str) -> Iterator[Failure]:
    told = case.evidence.last_told(key, "redpanda")
    if told is None and key in case.delivered:
        yield Failure("lost", key, "it reached the bridge, and no result came")
    elif told is not None and told["status"] not in FINAL:
        yield Failure("unexplained", key, f"the last word was {told['status']}")


def known_signals(case: Case) -> Iterator[Failure]:
    """No entry without a signal."""
    for key in case.evidence.entries:
        if key not in case.sent:
            yield Failure("unexplained", key, "an entry of no known signal reached the venue")


def not_stale(case: Case) -> Iterator[Failure]:
    """No entry for a signal that was too old when its request was written."""
    if case.clock_jumped:
        return
    for written in entries_of(case):
        sent = case.sent.get(signal_of(written.request.comment))
        stamp = sent.body.get("timestamp") if sent is not None else None
        if sent is None or stamp is None:
            continue
        made_ms = datetime.fromisoformat(stamp).timestamp() * 1000
        age_s = (case.start_ms + written.at_s * 1000 - made_ms) / 1000
        if age_s > case.settings.signal_max_age_s + AGE_S:
            yield Failure("unexplained", sent.key, f"sent {age_s:.1f} s after its timestamp")


def closes_once(case: Case) -> Iterator[Failure]:
    """Closes close what was told, once, and open nothing."""
    told: dict[int, float] = defaultdict(float)
    for key in case.evidence.told:
        last = case.evidence.last_told(key, "redpanda")
        if last is not None and last["action"] == "CLOSE" and last["status"] in ("filled", "partial"):
            told[last["ticket"]] += last["volume"]
            asked = case.sent[key].body.get("volume") if key in case.sent else None
            if asked is not None and last["volume"] > asked + LOTS:
                yield Failure("doubled", key, f"asked to close {asked:g} lots, closed {last['volume']:g}")
    for position, requests in case.evidence.closes.items():
        for request in requests:
            if any(deal.entry in (ENTRY_IN, ENTRY_INOUT) for deal in request.deals):
                yield Failure("doubled", "", f"a close of position {position} opened {request.volume:g} lots")
        closed = sum(request.volume for request in requests)
        if abs(closed - told[position]) > LOTS:
            words = f"{closed:g} lots of position {position} were closed, {told[position]:g} told"
            yield Failure("unexplained", "", words)


def magics_unique(case: Case) -> Iterator[Failure]:
    """Every signal has a magic of its own."""
    owners: dict[int, set[str]] = defaultdict(set)
    for key, requests in case.evidence.entries.items():
        for request in requests:
            owners[request.arrival.request.magic].add(key)
    for magic, keys in owners.items():
        if len(keys) > 1:
            yield Failure("unexplained", min(keys), f"magic {magic:#x} belongs to {', '.join(sorted(keys))}")


def stop_present(case: Case) -> Iterator[Failure]:
    """Every entry has its stop, where that is required."""
    if not case.settings.require_stop_loss:
        return
    for written in entries_of(case):
        if not written.request.sl > 0:
            yield Failure("limit", signal_of(written.request.comment), "an entry without a stop")


def volume_inside(case: Case) -> Iterator[Failure]:
    """No entry is larger than MAX_VOLUME, or than was asked."""
    for written in entries_of(case):
        most = in_force(case, "max_volume", written.at_s)
        key, volume = signal_of(written.request.comment), written.request.volume
        sent = case.sent.get(key)
        asked = [row.get("volume") for row in (sent.body, *sent.variants)] if sent is not None else [None]
        limits = [limit for limit in (most, None if None in asked else max(asked)) if limit is not None]  # type: ignore[type-var]
        if any(volume > limit + LOTS for limit in limits):
            yield Failure("limit", key, f"{volume:g} lots sent, at most {min(limits):g} permitted")


def rate_inside(case: Case) -> Iterator[Failure]:
    """No more entries in a minute than permitted."""
    if case.clock_jumped:
        return
    first: dict[str, float] = {}
    for written in entries_of(case):
        first.setdefault(signal_of(written.request.comment), written.at_s)
    times = sorted(first.values())
    for at_s in times:
        most = in_force(case, "max_orders_per_minute", at_s)
        count = sum(at_s - MINUTE_S < earlier <= at_s for earlier in times)
        if most is not None and count > most:
            yield Failure("limit", "", f"{count} entries in the minute to {at_s:.1f} s, {most:g} permitted")
            return


def day_inside(case: Case) -> Iterator[Failure]:
    """No more entries on a broker day than permitted."""
    if case.clock_jumped:
        return
    days: Counter[int] = Counter()
    arrivals = [
        request.arrival
        for requests in case.evidence.entries.values()
        for request in requests
        if request.volume > LOTS
    ]
    for arrival in sorted(arrivals, key=lambda arrival: arrival.at_s):
        sent_ms = case.start_ms + round(arrival.at_s * 1000)
        day = case.day_of_ms(sent_ms)
        if case.day_of_ms(sent_ms - round(MIDNIGHT_S * 1000)) != day:
            continue
        days[day] += 1
        most = in_force(case, "max_daily_trades", arrival.at_s)
        if most is not None and days[day] > most:
            yield Failure("limit", "", f"{days[day]} entries on broker day {day}, {most:g} a day permitted")
            return


def count_inside(case: Case) -> Iterator[Failure]:
    """No entry is sent while as many positions are open as are permitted."""
    if not case.hedging or case.views_hidden:
        return
    sent_s = {
        result.order: request.arrival.at_s
        for requests in case.evidence.entries.values()
        for request in requests
        if request.arrival.fate.executes_s == 0.0 and request.arrival.fate.terms.held_msc is None
        for result in request.arrival.results
    }
    spans = positions(case.evidence.deals)
    for written in entries_of(case):
        most = in_force(case, "max_open_positions", written.at_s)
        if most is None:
            continue
        now_ms = case.start_ms + written.at_s * 1000
        held = 0
        for span in spans:
            opened_ms = case.start_ms + sent_s[span.order] * 1000 if span.order in sent_s else span.opened_ms
            known_ms = opened_ms + (0 if span.order in sent_s else SEEN_S * 1000)
            held += known_ms < now_ms and (span.closed_ms is None or span.closed_ms > now_ms)
        if held >= most:
            key = signal_of(written.request.comment)
            yield Failure("limit", key, f"sent while {held} positions were open, {most:g} permitted")


def nothing_beside_doubt(case: Case) -> Iterator[Failure]:
    """No entry is written on a symbol while the outcome of another on it is not known."""
    if case.clock_jumped:
        return
    for key in case.evidence.entries:
        unknown, *later = [*_decisive(case, key), None, None][:2]
        if unknown is None or unknown["status"] != "unknown":
            continue
        begins_s = _done_s(case, unknown)
        ends_s = _done_s(case, later[0]) if later[0] is not None else float("inf")
        for written in entries_of(case):
            other = signal_of(written.request.comment)
            if (
                written.request.symbol == unknown["symbol"]
                and begins_s < written.at_s < ends_s
                and other != key
            ):
                yield Failure("limit", other, f"written on {unknown['symbol']} while {key} was in doubt")


def looked_enough(case: Case) -> Iterator[Failure]:
    """Nobody is told that nothing was done while the terminal could not have shown it."""
    if case.clock_jumped:
        return
    for key in case.evidence.entries:
        for told in _decisive(case, key):
            if told["status"] == "not_executed" and told["reason"] == "not_found":
                at_s = _done_s(case, told)
                if any(begins_s < at_s - LOOKS_S and ends_s > at_s for begins_s, ends_s in case.link_down_s):
                    yield Failure(
                        "unexplained", key, "told not_executed while the link to the broker was down"
                    )


def _decisive(case: Case, key: str) -> list[dict[str, Any]]:
    results = case.evidence.told.get(key, {}).get("redpanda", [])
    found = {row["done_at"]: row for row in results if row["status"] != "duplicate"}
    return [found[moment] for moment in sorted(found)]


def _done_s(case: Case, told: dict[str, Any]) -> float:
    return (datetime.fromisoformat(told["done_at"]).timestamp() * 1000 - case.start_ms) / 1000


def nothing_after_stop(case: Case) -> Iterator[Failure]:
    """No entry is written after an emergency stop was received, until a resume."""
    for written in entries_of(case):
        for stop in case.stops:
            if stop.at_s >= written.at_s or (stop.lost_s is not None and stop.lost_s <= written.at_s):
                continue
            if not any(stop.first_s < resume.at_s <= written.at_s for resume in lifting(case)):
                key = signal_of(written.request.comment)
                late_s = written.at_s - stop.at_s
                yield Failure("stop", key, f"written {late_s:.3f} s after {stop.reason!r} was received")
                break


def cleared_after_stop(case: Case) -> Iterator[Failure]:
    """What an emergency stop was to close and to cancel is gone, unless trading was resumed meanwhile."""
    for stop in case.stops:
        if stop.lost_s is not None or any(resume.at_s > stop.first_s for resume in lifting(case)):
            continue
        stopped_ms = case.start_ms + stop.obeyed_s * 1000
        close = case.settings.emergency_close_positions if stop.close is None else stop.close
        left = [span for span in positions(case.evidence.deals) if span.closed_ms is None]
        if close:
            for span in left:
                if span.opened_ms < stopped_ms:
                    yield Failure("stop", "", f"position {span.position} stayed open after {stop.reason!r}")
        if stop.cancel:
            for ticket, placed_ms in case.pending_ms.items():
                if placed_ms < stopped_ms:
                    yield Failure("stop", "", f"order {ticket} was not cancelled after {stop.reason!r}")
