"""What of the journal's past cannot matter any more, and its removal in small steps.

Removed are, once they are older than the cutoff: positions that ended; intents that ended, whole lives with
their inbox rows; and events of the account that a later one replaced or no count goes back to. What stays
folds into the state that the whole journal gives, but for the orders removed. Each step is one short
transaction and returns where the next begins, None at the end. `SqliteJournal.retain` calls them in order.
"""

import sqlite3
from collections.abc import Callable, Iterable
from typing import NamedTuple

from hybrid_bridge.core.events import Event, IntentReceived, LimitsTightened
from hybrid_bridge.core.orders import OPEN_STATES, OrderState
from hybrid_bridge.core.state import FUNDS_MOVES_KEPT, STOPS_KEPT, EngineState, IllegalTransition, apply
from hybrid_bridge.errors import RecoveryRefused
from hybrid_bridge.journal.rows import event_of

LIVES_PER_STEP = 40
EVENTS_PER_STEP = 200
Needed = Callable[[sqlite3.Connection], set[int]]  # Finds the places of what stays of one kind.
PEAKS = ("EquityPeakRaised", "EquityPeakReset")
ACCOUNT_EVENTS = "number IS NULL AND position IS NULL"


class Step(NamedTuple):
    """What one step did.

    Attributes:
        next_place: where the next step begins, None when nothing old is left.
        removed: events.
    """

    next_place: int | None
    removed: int


class _Anchors(NamedTuple):
    """Places behind which nothing may go, because today's counters and duties come from there.

    Attributes:
        day_seq: of the last opening of a broker's day, 0 for none.
        day: that event, None for none.
        stop_seq: while an emergency stop holds, of the change before it (0 for none): all that came since
            has a say in what the stop is still to clear. None when no stop holds.
    """

    day_seq: int
    day: Event | None
    stop_seq: int | None


def trim_positions(db: sqlite3.Connection, before_msc: int, after: int) -> Step:
    """Remove positions that ended; one that is open keeps all its events."""
    query = """SELECT position, MAX(CASE WHEN kind='PositionEnded' THEN seq END) FROM events
        WHERE position > ? GROUP BY position ORDER BY position LIMIT ?"""
    found = db.execute(query, (after, LIVES_PER_STEP)).fetchall()
    removed = 0
    for position, ended_seq in found:
        youngest = "SELECT MAX(at_msc) FROM events WHERE position=? AND seq<=?"
        if ended_seq is None or db.execute(youngest, (position, ended_seq)).fetchone()[0] >= before_msc:
            continue
        removed += db.execute(
            "DELETE FROM events WHERE position=? AND seq<=?", (position, ended_seq)
        ).rowcount
    return Step(found[-1][0] if len(found) == LIVES_PER_STEP else None, removed)


def trim_lives(db: sqlite3.Connection, before_msc: int, after: int) -> Step:
    """Remove the lives of intents that ended, with their inbox rows; never the latest: it has the number."""
    query = """SELECT number, MAX(at_msc) FROM events WHERE number > ?
        GROUP BY number ORDER BY number LIMIT ?"""
    found = db.execute(query, (after, LIVES_PER_STEP)).fetchall()
    latest = db.execute("""SELECT number FROM events WHERE number IS NOT NULL AND kind='IntentReceived'
        ORDER BY number DESC LIMIT 1""").fetchone()
    old = [number for number, at_msc in found if at_msc < before_msc and (number,) != latest]
    anchors = _find_anchors(db)
    removed = sum(_remove_life(db, number, anchors) for number in old)
    # Numbers ascend with time: behind a stretch without anything old there is nothing to look for.
    return Step(found[-1][0] if len(found) == LIVES_PER_STEP and old else None, removed)


def _remove_life(db: sqlite3.Connection, number: int, anchors: _Anchors) -> int:
    """Remove one life if it is over; returns how many events went."""
    rows = db.execute("SELECT seq, kind, body, position FROM events WHERE number=? ORDER BY seq", (number,))
    life = rows.fetchall()
    if any(position is not None for *_, position in life):
        return 0  # The position that it opened is still told of.
    if any(kind == "OrderSending" and seq > anchors.day_seq for seq, kind, *_ in life):
        return 0  # It counts among the present day's entries.
    if anchors.stop_seq is not None and life[-1][0] > anchors.stop_seq:
        return 0
    try:
        events = [event_of(seq, kind, body) for seq, kind, body, _ in life]
    except RecoveryRefused:
        return 0  # `load` is to find it and say so.
    day = anchors.day if anchors.day_seq > life[-1][0] else None
    if not _is_over(number, [*events, day] if day is not None else events):
        return 0
    signal_ids = [(event.intent.signal_id,) for event in events if isinstance(event, IntentReceived)]
    db.executemany("DELETE FROM inbox WHERE signal_id=?", signal_ids)
    return db.execute("DELETE FROM events WHERE number=?", (number,)).rowcount


def _is_over(number: int, events: Iterable[Event]) -> bool:
    """Say whether an intent, by its own events, has an end that nothing is expected to follow."""
    state = EngineState()
    try:
        for event in events:
            apply(state, event)
    except IllegalTransition:
        return False
    record = state.orders.get(number)
    if record is None:
        return True  # Repetitions of a signal whose own life went before.
    awaited = number in state.watched or number in state.unsettled
    return record.state not in OPEN_STATES | {OrderState.PLACED} and not awaited


def _find_anchors(db: sqlite3.Connection) -> _Anchors:
    day = _last(db, "BrokerDayOpened")
    change = _last(db, "TradingStateChanged")
    stop_seq: int | None = None
    if change is not None and getattr(change[1], "emergency", False):
        query = f"""SELECT coalesce(MAX(seq), 0) FROM events WHERE {ACCOUNT_EVENTS}
            AND kind='TradingStateChanged' AND NOT json_extract(body, '$.emergency')"""  # noqa: S608
        stop_seq = db.execute(query).fetchone()[0]
    day_seq, opened = day if day is not None else (0, None)
    return _Anchors(day_seq, opened, stop_seq)


def _last(db: sqlite3.Connection, kind: str) -> tuple[int, Event] | None:
    seq = _last_seq(db, kind)
    row = db.execute("SELECT body FROM events WHERE seq=?", (seq,)).fetchone()
    return None if row is None else (seq, event_of(seq, kind, row[0]))


def _last_seq(db: sqlite3.Connection, kind: str) -> int:
    """Return the place of the account's latest event of a kind, 0 for none."""
    query = f"SELECT coalesce(MAX(seq), 0) FROM events WHERE {ACCOUNT_EVENTS} AND kind=?"  # noqa: S608
    return int(db.execute(query, (kind,)).fetchone()[0])


def _trim_account(db: sqlite3.Connection, kind: str, needed: Needed, before_msc: int, after: int) -> Step:
    """Remove old events of the account of one kind, but for those that are needed however old they are."""
    query = f"""SELECT seq, at_msc FROM events WHERE {ACCOUNT_EVENTS} AND kind=? AND seq > ?
        ORDER BY seq LIMIT ?"""  # noqa: S608
    found = db.execute(query, (kind, after, EVENTS_PER_STEP)).fetchall()
    if not found:
        return Step(None, 0)
    kept = needed(db)
    old = [(seq,) for seq, at_msc in found if at_msc < before_msc and seq not in kept]
    db.executemany("DELETE FROM events WHERE seq=?", old)
    more = len(found) == EVENTS_PER_STEP and found[0][1] < before_msc
    return Step(found[-1][0] if more else None, len(old))


def _needed_days(db: sqlite3.Connection) -> set[int]:
    last = _last(db, "BrokerDayOpened")
    if last is None:
        return set()
    # An opening also ends watches, by its instant: one of a clock that ran ahead is not replaced.
    query = f"SELECT seq FROM events WHERE {ACCOUNT_EVENTS} AND kind=? AND at_msc > ?"  # noqa: S608
    ahead = db.execute(query, ("BrokerDayOpened", getattr(last[1], "at_msc", 0)))
    return {last[0], *(seq for (seq,) in ahead)}


def _needed_peaks(db: sqlite3.Connection) -> set[int]:
    return {max(_last_seq(db, kind) for kind in PEAKS)}


def _needed_payments(db: sqlite3.Connection) -> set[int]:
    """Return the payments that are known again by their tickets, and those that moved the present marks."""
    marks = min(_last_seq(db, "BrokerDayOpened"), max(_last_seq(db, kind) for kind in PEAKS))
    query = f"""SELECT seq FROM events WHERE {ACCOUNT_EVENTS} AND kind='FundsMoved' AND seq > ?
        UNION SELECT * FROM (SELECT seq FROM events WHERE {ACCOUNT_EVENTS} AND kind='FundsMoved'
        ORDER BY seq DESC LIMIT ?)"""  # noqa: S608
    return {seq for (seq,) in db.execute(query, (marks, FUNDS_MOVES_KEPT))}


def _needed_trades(db: sqlite3.Connection) -> set[int]:
    """Return the last trade that won, all that lost since, and the last that lost.

    Results were not learned in the order in which the trades ended: that is by their instants.
    """
    query = f"""SELECT seq, json_extract(body, '$.profit'), json_extract(body, '$.closed_msc'),
        json_extract(body, '$.deal') FROM events WHERE {ACCOUNT_EVENTS} AND kind='TradeClosed'"""  # noqa: S608
    won: tuple[int, int, int] = (0, 0, 0)
    lost: list[tuple[int, int, int]] = []
    for seq, profit, closed_msc, deal in db.execute(query):
        if float(profit) > 0:
            won = max(won, (closed_msc, deal, seq))
        elif float(profit) < 0:
            lost.append((closed_msc, deal, seq))
    since = {seq for closed_msc, deal, seq in lost if (closed_msc, deal) > won[:2]}
    return since | {won[2]} | {seq for *_, seq in sorted(lost)[-1:]}


def _needed_tightenings(db: sqlite3.Connection) -> set[int]:
    """Return what is in force of the limits that were made stricter since they were last restored."""
    query = f"""SELECT seq, body FROM events WHERE {ACCOUNT_EVENTS} AND kind='LimitsTightened' AND seq > ?
        ORDER BY seq DESC"""  # noqa: S608
    kept, named = set(), set[str]()
    for seq, body in db.execute(query, (_last_seq(db, "LimitsRestored"),)):
        event = event_of(seq, "LimitsTightened", body)
        names = {name for name, _ in event.limits} if isinstance(event, LimitsTightened) else set()
        if not names <= named:
            kept.add(seq)
        named |= names
    return kept


def _needed_restoring(db: sqlite3.Connection) -> set[int]:
    return {_last_seq(db, "LimitsRestored")}


def _needed_by_stops(db: sqlite3.Connection, kind: str) -> set[int]:
    """Return what the latch and the duties of a stop go back to."""
    kept = set() if kind == "AccountCleared" else {_last_seq(db, kind)}
    stop_seq = _find_anchors(db).stop_seq
    if stop_seq is not None:
        query = f"SELECT seq FROM events WHERE {ACCOUNT_EVENTS} AND kind=? AND seq >= ?"  # noqa: S608
        kept.update(seq for (seq,) in db.execute(query, (kind, stop_seq)))
    # By where they were read, the latest stops are known again when their topic is read once more.
    query = f"""SELECT seq FROM events WHERE {ACCOUNT_EVENTS} AND kind=?
        AND json_extract(body, '$.emergency') AND json_extract(body, '$.source.topic') <> ''
        ORDER BY seq DESC LIMIT ?"""  # noqa: S608
    return kept.union(seq for (seq,) in db.execute(query, (kind, STOPS_KEPT)))


def _all_but(kind: str, needed: Needed) -> Callable[..., Step]:
    def trim(db: sqlite3.Connection, before_msc: int, after: int) -> Step:
        return _trim_account(db, kind, needed, before_msc, after)

    return trim


STEPS: tuple[Callable[..., Step], ...] = (
    trim_positions,
    trim_lives,
    _all_but("AccountCleared", lambda db: _needed_by_stops(db, "AccountCleared")),
    _all_but("TradingStateChanged", lambda db: _needed_by_stops(db, "TradingStateChanged")),
    _all_but("TradeClosed", _needed_trades),
    _all_but("FundsMoved", _needed_payments),
    _all_but("LimitsTightened", _needed_tightenings),
    _all_but("LimitsRestored", _needed_restoring),
    _all_but("BrokerDayOpened", _needed_days),
    *(_all_but(kind, _needed_peaks) for kind in PEAKS),
)
