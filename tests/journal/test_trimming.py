"""Retention: what goes, what stays, and that no decision can tell a trimmed journal from a whole one."""

import asyncio
import os
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.core.builders import NOW, make_answer, make_intent, make_order, sending_events

from hybrid_bridge.core.events import (
    AccountCleared,
    BrokerDayOpened,
    Denial,
    DuplicateReceived,
    EntrySettled,
    EquityPeakRaised,
    EquityPeakReset,
    Event,
    FundsMoved,
    IntentDenied,
    IntentExpired,
    IntentReceived,
    LimitsRestored,
    LimitsTightened,
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
from hybrid_bridge.core.market import Side
from hybrid_bridge.core.orders import OPEN_STATES, Channel, OrderState, Source
from hybrid_bridge.core.requests import FILLING_RETURN
from hybrid_bridge.core.state import STOPS_KEPT, EngineState, IllegalTransition, apply
from hybrid_bridge.journal import trimming
from hybrid_bridge.journal.sqlite import SqliteJournal

HOUR, DAY = 3_600_000, 86_400_000
CUTOFF = NOW + 90 * DAY
LOCAL = Source(Channel.LOCAL)
ANSWERS = [
    OrderState.FILLED,
    OrderState.PARTIAL,
    OrderState.PLACED,
    OrderState.REJECTED,
    OrderState.UNKNOWN,
    OrderState.NOT_EXECUTED,
    OrderState.ESCALATED,
]


def folded(events: Sequence[Event]) -> EngineState:
    state = EngineState()
    for event in events:
        apply(state, event)
    return state


async def retained(folder: Path, events: Sequence[Event], before_msc: int = CUTOFF) -> list[Event]:
    """What a journal of these events holds after retention; its inbox is checked by loading."""
    path = folder / "journal.sqlite"
    path.unlink(missing_ok=True)
    journal = SqliteJournal(path, "7001", ["websocket"])
    try:
        await journal.record(events, [])
        removed = await journal.retain(before_msc)
        left = await journal.load()
        assert len(events) - removed == len(left)
        return left
    finally:
        journal.close()


@pytest.fixture(autouse=True)
def small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Short journals take many steps too."""
    monkeypatch.setattr(trimming, "LIVES_PER_STEP", 2)
    monkeypatch.setattr(trimming, "EVENTS_PER_STEP", 3)


def life(number: int, *after: Event, at_msc: int = NOW) -> list[Event]:
    """A sent order and what came after."""
    intent = make_intent(number, received_msc=at_msc)
    return [*sending_events(make_order(intent), at_msc), *after]


def answered(number: int, *states: OrderState, at_msc: int = NOW) -> list[Event]:
    return [make_answer(number, state, at_msc=at_msc) for state in states]


def settled(number: int, profit: float | None = -5.0, at_msc: int = NOW) -> list[Event]:
    return [EntrySettled(number, profit, 800 + number, at_msc)]


def trade(deal: int, profit: float, closed_msc: int, at_msc: int = NOW) -> TradeClosed:
    """A trade that ended by a deal, told of whenever."""
    return TradeClosed((), 500, "EURUSD", deal, profit, closed_msc, closed_msc // DAY, at_msc)


def day(number: int, at_msc: int = NOW + 2 * DAY) -> BrokerDayOpened:
    return BrokerDayOpened(number, 100.0, at_msc)


def latch(state: TradingState, at_msc: int, emergency: bool = False, **changes: Any) -> TradingStateChanged:
    return TradingStateChanged(state, "why", changes.pop("source", LOCAL), emergency, at_msc, **changes)


LATEST = [
    IntentReceived(make_intent(99, received_msc=NOW), "h-99"),
    IntentDenied(99, (Denial("volume", "1", "2", ""),), NOW),
]


@pytest.mark.parametrize(
    "ended",
    [
        life(1, *answered(1, OrderState.FILLED), *settled(1)),
        life(1, *answered(1, OrderState.PARTIAL), *settled(1)),
        life(1, *answered(1, OrderState.REJECTED)),
        life(1, *answered(1, OrderState.NOT_EXECUTED)),
        life(1, *answered(1, OrderState.UNKNOWN, OrderState.NOT_EXECUTED)),
        life(1, *answered(1, OrderState.FILLED), DuplicateReceived(1, "s-1", False, LOCAL, NOW), *settled(1)),
        [IntentReceived(make_intent(1), "h-1"), IntentExpired(1, "late", NOW)],
        [
            PositionAdopted(5, "EURUSD", Side.BUY, 0.1, 1.1, 0, NOW),
            PositionChanged(5, Side.BUY, 0.2, 1.1, NOW),
            PositionEnded(5, NOW),
        ],
        life(
            1,
            *answered(1, OrderState.FILLED),
            PositionAdopted(5, "EURUSD", Side.BUY, 0.1, 1.1, 1, NOW),
            PositionEnded(5, NOW),
            *settled(1),
        ),
    ],
)
async def test_what_ended_before_the_cutoff_goes(tmp_path, ended):
    stays = [day(20_720), *LATEST]
    assert stays == await retained(tmp_path, [*ended, *stays])


@pytest.mark.parametrize(
    "young",
    [
        life(1, *answered(1, OrderState.FILLED, at_msc=CUTOFF)),
        life(1, *answered(1, OrderState.FILLED), DuplicateReceived(1, "s-1", False, LOCAL, CUTOFF)),
        [PositionAdopted(5, "EURUSD", Side.BUY, 0.1, 1.1, 0, NOW), PositionEnded(5, CUTOFF)],
    ],
)
async def test_what_ended_at_the_cutoff_or_later_stays(tmp_path, young):
    events = [*young, day(20_720), *LATEST]
    assert events == await retained(tmp_path, events)


@pytest.mark.parametrize(
    "pending",
    [
        life(1),
        life(1, *answered(1, OrderState.UNKNOWN)),
        life(1, *answered(1, OrderState.UNKNOWN, OrderState.ESCALATED)),
        life(1, *answered(1, OrderState.PLACED)),
        life(1, *answered(1, OrderState.FILLED)),
        life(1, *answered(1, OrderState.PARTIAL)),
        life(1, *answered(1, OrderState.PARTIAL), *settled(1), *answered(1, OrderState.FILLED)),
        [IntentReceived(make_intent(1), "h-1")],
        [IntentReceived(make_intent(1), "h-1"), OrderApproved(make_order(make_intent(1)), NOW)],
        [
            PositionAdopted(5, "EURUSD", Side.BUY, 0.1, 1.1, 0, NOW),
            PositionChanged(5, Side.BUY, 1.0, 1.1, NOW),
        ],
        life(1, *answered(1, OrderState.FILLED), PositionAdopted(5, "EURUSD", Side.BUY, 0.1, 1.1, 1, NOW)),
    ],
)
async def test_what_has_not_ended_stays_however_old(tmp_path, pending):
    events = [*pending, day(20_720), *LATEST]
    assert events == await retained(tmp_path, events)


async def test_a_late_fill_is_still_watched_for_until_the_broker_has_opened_another_day(tmp_path):
    watched = life(1, *answered(1, OrderState.UNKNOWN, OrderState.NOT_EXECUTED))
    same_day = [*watched, day(20_718, NOW + HOUR), *LATEST]
    assert same_day == await retained(tmp_path, same_day)


async def test_what_the_present_day_counts_stays_when_the_day_never_ended(tmp_path):
    events = [day(20_716, NOW), *life(1, *answered(1, OrderState.FILLED)), *LATEST]
    assert events == await retained(tmp_path, events)
    assert (
        LATEST
        == (await retained(tmp_path, [day(1), *life(1, *answered(1, OrderState.REJECTED)), day(2), *LATEST]))[
            1:
        ]
    )


async def test_the_latest_intent_stays_because_the_next_number_comes_from_it(tmp_path):
    events = [
        *life(1, *answered(1, OrderState.FILLED), *settled(1)),
        *life(2, *answered(2, OrderState.FILLED), *settled(2)),
        day(20_720),
    ]
    assert events[5:] == await retained(tmp_path, events)


async def test_of_what_replaces_one_another_the_latest_stays(tmp_path):
    events = [
        EquityPeakRaised(1.0, NOW),
        day(1, NOW),
        latch(TradingState.HALTED, NOW, emergency=True, close_positions=True),
        AccountCleared(NOW, NOW),
        latch(TradingState.ACTIVE, NOW),
        EquityPeakRaised(2.0, NOW),
        latch(TradingState.REDUCING, NOW),
        day(2, NOW),
        EquityPeakRaised(3.0, NOW),
    ]
    assert events[6:] == await retained(tmp_path, events)


async def test_a_day_that_a_clock_ahead_of_its_time_opened_stays_until_it_is_past(tmp_path):
    events = [day(1, NOW), day(2, NOW + 50 * DAY), day(3, NOW + DAY)]
    assert events[1:] == await retained(tmp_path, events)


async def test_while_an_emergency_stop_holds_all_that_came_since_stays(tmp_path):
    before = [latch(TradingState.HALTED, NOW), latch(TradingState.ACTIVE, NOW)]
    since = [
        latch(TradingState.HALTED, NOW, emergency=True, cancel_orders=True),
        *life(1, *answered(1, OrderState.FILLED)),
        latch(TradingState.HALTED, NOW, emergency=True),
        day(20_720),
        *LATEST,
    ]
    assert [before[1], *since] == await retained(tmp_path, [*before, *since])


async def test_the_latest_stops_from_a_topic_stay_and_no_more(tmp_path):
    stops = [
        latch(TradingState.HALTED, NOW, True, source=Source(Channel.REDPANDA, "signals", 0, n))
        for n in range(STOPS_KEPT + 5)
    ]
    events = [*stops, latch(TradingState.ACTIVE, NOW)]
    assert events[5:] == await retained(tmp_path, events)


async def test_of_results_those_stay_that_the_losses_in_a_row_go_back_to(tmp_path):
    events = [
        trade(1, -5.0, NOW + 1),
        trade(2, 7.0, NOW + 2),
        trade(3, -5.0, NOW + 3),
        trade(5, -5.0, NOW + 5),
        trade(4, 7.0, NOW + 4),
        trade(6, 0.0, NOW + 6),
        trade(7, -5.0, NOW + 7),
    ]
    left = await retained(tmp_path, events)
    assert [events[3], events[4], events[6]] == left
    assert (folded(left).loss_streak, folded(left).last_loss_msc) == (2, NOW + 7)


async def test_the_last_loss_stays_though_a_trade_won_since(tmp_path):
    events = [trade(1, -5.0, NOW + 1), trade(2, -5.0, NOW + 2), trade(3, 7.0, NOW + 3)]
    assert events[1:] == await retained(tmp_path, events)


async def test_payments_stay_that_moved_the_present_marks_or_are_known_by_their_tickets(
    tmp_path, monkeypatch
):
    monkeypatch.setattr(trimming, "FUNDS_MOVES_KEPT", 2)
    events = [
        FundsMoved(1, 5.0, True, NOW),
        EquityPeakRaised(100.0, NOW),
        day(1, NOW),
        FundsMoved(2, 6.0, True, NOW),
        FundsMoved(3, -7.0, False, NOW),
        FundsMoved(4, 8.0, True, NOW, peak=False),
    ]
    assert events[1:] == await retained(tmp_path, events)
    assert [events[1], *events[3:], day(2)] == await retained(tmp_path, [*events, day(2)])
    peak = EquityPeakReset(90.0, NOW)
    assert [*events[4:], day(2), peak] == await retained(tmp_path, [*events, day(2), peak])


async def test_of_limits_made_stricter_those_stay_that_hold(tmp_path):
    def tightened(name: str, value: float) -> Event:
        return LimitsTightened(((name, value),), "news", LOCAL, NOW)

    restored = LimitsRestored("calm", LOCAL, NOW)
    before = [tightened("max_volume", 1.0), restored, tightened("max_volume", 2.0)]
    events = [*before, restored, tightened("max_volume", 0.5), tightened("max_daily_trades", 3.0)]
    assert events[3:] == await retained(tmp_path, events)
    later = tightened("max_volume", 0.2)
    assert [restored, events[5], later] == await retained(tmp_path, [*events, later])


async def test_what_a_flattening_was_done_for_is_known_again(tmp_path):
    stop = latch(TradingState.HALTED, NOW, True, close_positions=True, breach="daily_loss")
    events = [
        latch(TradingState.REDUCING, NOW, breach="daily_loss"),
        stop,
        latch(TradingState.HALTED, NOW, True),
    ]
    assert frozenset({"daily_loss"}) == folded(await retained(tmp_path, events)).flattened
    assert frozenset() == folded(await retained(tmp_path, [*events, day(20_720)])).flattened


async def test_once_more_finds_nothing_more(tmp_path):
    events = [event for n in range(1, 20) for event in life(n, *answered(n, OrderState.FILLED), *settled(n))]
    journal = SqliteJournal(tmp_path / "journal.sqlite", "7001", ["websocket"])
    await journal.record([*events, day(20_720), *LATEST], [])
    assert [len(events), 0] == [await journal.retain(CUTOFF), await journal.retain(CUTOFF)]
    journal.close()


async def test_repetitions_go_with_what_they_repeat(tmp_path):
    stray = [DuplicateReceived(50, "s-50", False, LOCAL, NOW), day(20_720), *LATEST]
    assert stray[1:] == await retained(tmp_path, stray)


# The proof.

EXAMPLES = int(os.environ.get("RETENTION_EXAMPLES", "100"))
RAM = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # noqa: S108 - nothing here is to last

STEPS_MS = [0, 1, HOUR, 20 * HOUR, 2 * DAY, 9 * DAY, -30 * HOUR, -12 * DAY]
BREACHES = ["daily_loss", "drawdown", "margin"]
NO = (Denial("volume", "1", "2", ""),)


@dataclass(frozen=True)
class Move:
    """One thing that may happen, later than the one before by `step_ms`; whether it is legal is tried."""

    kind: str
    step_ms: int
    number: int
    ticket: int
    state: OrderState
    flag: bool

    def events(self, at_msc: int, clearing_since_msc: int, server_day: int) -> list[Event]:
        intent = make_intent(self.number, received_msc=at_msc)
        order = make_order(intent, type_filling=FILLING_RETURN if self.flag else 0)
        received = IntentReceived(intent, f"h-{self.number}")
        place = Source(Channel.REDPANDA, "signals", 0, self.ticket) if self.flag else LOCAL
        number, breach = self.number * self.flag, BREACHES[self.ticket - 1]
        happening: dict[str, list[Event]] = {
            "received": [received],
            "sent": [received, OrderApproved(order, at_msc), OrderSending(self.number, 1, at_msc)],
            "denied": [received, IntentDenied(self.number, NO, at_msc)],
            "retried": [OrderRetried(order, 10004, "requote", at_msc)],
            "answered": [make_answer(self.number, self.state, at_msc=at_msc)],
            "duplicate": [DuplicateReceived(self.number, f"s-{self.number}", False, LOCAL, at_msc)],
            "adopted": [PositionAdopted(self.ticket, "EURUSD", Side.BUY, 0.1, 1.1, number, at_msc)],
            "changed": [PositionChanged(self.ticket, Side.SELL, 0.2, 1.2, at_msc)],
            "ended": [PositionEnded(self.ticket, at_msc)],
            "stopped": [latch(TradingState.HALTED, at_msc, True, source=place, close_positions=self.flag)],
            "halted": [latch(TradingState.HALTED, at_msc)],
            "resumed": [latch(TradingState.ACTIVE, at_msc)],
            "cleared": [AccountCleared(clearing_since_msc, at_msc)],
            "day": [BrokerDayOpened(server_day + 1, 100.0 + at_msc % 7, at_msc)],
            "peak": [EquityPeakRaised(float(at_msc % 1000), at_msc)],
            "peak reset": [EquityPeakReset(float(at_msc % 1000), at_msc)],
            "paid": [FundsMoved(at_msc % 1000 + self.ticket, 5.0, self.flag, at_msc, not self.flag)],
            "traded": self.result(at_msc),
            "settled": settled(self.number, at_msc=at_msc),
            "tightened": [LimitsTightened(((f"limit_{self.ticket}", self.number / 2),), "", place, at_msc)],
            "restored": [LimitsRestored("", LOCAL, at_msc)],
            "reducing": [latch(TradingState.REDUCING, at_msc, breach="daily_loss" * self.flag)],
            "flattened": [latch(TradingState.HALTED, at_msc, True, close_positions=True, breach=breach)],
        }
        return happening[self.kind]

    def result(self, at_msc: int) -> list[Event]:
        """The result of a trade that ended a while ago, together with what it tells of an entry."""
        closed = trade(self.number, float(self.ticket - 2), at_msc - self.number * HOUR, at_msc)
        return [
            replace(closed, numbers=(self.number,)),
            *settled(self.number, float(self.ticket - 2), at_msc),
        ]


KINDS = "received sent denied retried answered duplicate adopted changed ended stopped halted resumed cleared"
MONEY = [
    "peak reset",
    "paid",
    "traded",
    "traded",
    "settled",
    "tightened",
    "restored",
    "reducing",
    "flattened",
]
# Answers, results and days are what lives end by.
LIKELY = [*KINDS.split(), "sent", "answered", "answered", "answered", "day", "day", "peak", "traded", *MONEY]
MOVES = st.builds(
    Move,
    kind=st.sampled_from(LIKELY),
    step_ms=st.sampled_from(STEPS_MS),
    number=st.integers(1, 5),
    ticket=st.integers(1, 3),
    state=st.sampled_from(ANSWERS),
    flag=st.booleans(),
)


def happened(moves: list[Move]) -> list[Event]:
    """What is legal of these moves, as a running bridge would have journaled it."""
    state, events, at_msc = EngineState(), list[Event](), NOW
    for move in moves:
        at_msc += move.step_ms
        since_msc = state.clearing.since_msc if state.clearing is not None else 0
        for event in move.events(at_msc, since_msc, state.server_day or 0):
            try:
                apply(state, event)
            except IllegalTransition:
                break
            events.append(event)
    return events


def assert_equivalent(whole: EngineState, trimmed: EngineState, before_msc: int) -> None:
    """Decisions depend on the same: everything but orders that ended long ago and entries as old."""
    gone = set(whole.orders) - set(trimmed.orders)
    for number in gone:
        record = whole.orders[number]
        assert record.state not in OPEN_STATES | {OrderState.PLACED}
        assert number + 1 < whole.next_number
        assert number not in whole.watched
        assert number not in whole.unsettled
        assert record.answer is None or record.answer.at_msc < before_msc
    numbers = {signal: number for signal, number in whole.numbers.items() if number not in gone}
    for record in (*whole.orders.values(), *trimmed.orders.values()):
        if record.counted_day != whole.server_day:
            record.counted_day = None  # A day that is over counts nothing any more.
    expected = {
        "orders": {number: record for number, record in whole.orders.items() if number not in gone},
        "numbers": numbers,
        "closed": sorted(number for number in whole.closed if number not in gone),
        "entries": [entry for entry in whole.entries if entry[0] >= before_msc],
    }
    seen = {
        "orders": trimmed.orders,
        "numbers": trimmed.numbers,
        "closed": sorted(trimmed.closed),
        "entries": [entry for entry in trimmed.entries if entry[0] >= before_msc],
    }
    assert expected == seen
    for name in {field.name for field in fields(EngineState)} - set(expected):
        assert (name, getattr(whole, name)) == (name, getattr(trimmed, name))


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(moves=st.lists(MOVES, min_size=5, max_size=60), cut=st.integers(-10, 80))
def test_a_trimmed_journal_folds_into_what_decisions_depend_on(moves, cut):
    events, before_msc = happened(moves), NOW + cut * DAY
    with tempfile.TemporaryDirectory(dir=RAM) as folder:
        left = asyncio.run(retained(Path(folder), events, before_msc))
    assert_equivalent(folded(events), folded(left), before_msc)
