"""Carrying out what an emergency stop asks of the account, until a look shows that nothing is left."""

import itertools
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from structlog.testing import capture_logs
from tests.core.builders import MAGIC_BASE, make_account, make_pending, make_position, make_spec
from tests.execution.rig import Rig, on_disk
from tests.execution.venue import Reply, Venue, until

from hybrid_bridge.core import state
from hybrid_bridge.core.events import AccountCleared
from hybrid_bridge.core.orders import Answer, OrderState, SubmitOutcome
from hybrid_bridge.core.requests import make_magic
from hybrid_bridge.execution.clearing import CLOSED_MARKET_RETRY_S, MOST_RETRY_S, STEPS_AT_ONCE

REJECTED = SubmitOutcome(Answer.NO, retcode=10006, reason="rejected", detail="Request rejected")
MARKET_CLOSED = SubmitOutcome(Answer.NO, retcode=10018, reason="market_closed", detail="Market is closed")


def hold(venue: Venue, *tickets: int, **changes: Any) -> None:
    for ticket in tickets:
        venue.positions[ticket] = make_position(ticket=ticket, identifier=ticket, **changes)


async def stop(rig: Rig, **wanted: Any) -> None:
    await rig.stop(**{"close_positions": True, "cancel_orders": True, **wanted})
    await until(lambda: rig.recorder.state.emergency)


async def pass_until(rig: Rig, condition: Callable[[], object], step_s: float = 0.5) -> None:
    """Let time pass step by step, each once nothing is being done any more, until the condition holds."""

    def quiet() -> bool:
        idle = not (rig.executor._busy or rig.inbox.orders_waiting or rig.recorder.lock.locked())
        return idle and rig.clock.sleeping >= (2 if rig.recorder.to_clear.is_set() else 1)

    while not condition():
        await until(lambda: condition() or quiet())
        if not condition():
            rig.clock.advance(step_s)


async def let_pass(rig: Rig, seconds: float, step_s: float = 0.5) -> None:
    end_s = rig.clock.now_s + seconds
    await pass_until(rig, lambda: rig.clock.now_s >= end_s, step_s)
    await pass_until(rig, lambda: rig.clock.sleeping)


async def cleared(rig: Rig) -> None:
    await pass_until(rig, lambda: rig.recorder.state.clearing is None)


def tried(rig: Rig) -> list[int]:
    """Return the tickets of every command that the clearing sent, in order."""
    sent = [order.intent for order in rig.venue.submitted if order.intent.signal_id.startswith("stop-")]
    return [intent.ticket for intent in sent]


async def test_a_stop_cancels_then_closes_and_is_done_once_two_looks_show_nothing(rig: Rig) -> None:
    hold(rig.venue, 500, 501)
    rig.venue.pending[900] = make_pending()
    async with rig.running():
        await stop(rig)
        await cleared(rig)
        assert (rig.venue.positions, rig.venue.pending) == ({}, {})
        assert tried(rig) == [900, 500, 501]
        assert rig.clearing.progress() is None
        (done,) = (e for commit in rig.journal.commits for e in commit if isinstance(e, AccountCleared))
        assert done.since_msc == rig.recorder.state.latched_msc
        assert rig.recorder.state.emergency


@pytest.mark.parametrize(
    ("wanted", "left"),
    [
        ({"close_positions": True, "cancel_orders": False}, ([], [900])),
        ({"close_positions": False, "cancel_orders": True}, ([500], [])),
        ({"close_positions": False, "cancel_orders": False}, ([500], [900])),
    ],
)
async def test_only_what_was_asked_for_is_cleared(rig: Rig, wanted: dict[str, bool], left: Any) -> None:
    hold(rig.venue, 500)
    rig.venue.pending[900] = make_pending()
    async with rig.running():
        await stop(rig, **wanted)
        await cleared(rig)
        assert (list(rig.venue.positions), list(rig.venue.pending)) == left


async def test_closes_pass_a_crowd_of_waiting_signals(rig: Rig) -> None:
    hold(rig.venue, 500)
    async with rig.running():
        rig.venue.appraisal_gate.clear()
        for number in range(900):
            await rig.signal(f"s-{number}")
        await stop(rig)
        await until(lambda: rig.inbox.orders_waiting > 899)
        rig.venue.appraisal_gate.set()
        await until(lambda: not rig.venue.positions and any(r.signal_id[:5] == "stop-" for r in rig.results))
        answered = [r.signal_id for r in rig.results]
        place = next(n for n, name in enumerate(answered) if name.startswith("stop-"))
        assert place <= 2
        assert len(rig.venue.submitted) == 1


async def test_what_fails_is_tried_again_under_its_own_id_at_growing_distances(rig: Rig) -> None:
    hold(rig.venue, 500)
    rig.venue.replies.extend([REJECTED] * 7)
    times: list[float] = []
    rig.venue.on_submit = lambda _: times.append(rig.clock.now_s)
    async with rig.running():
        with capture_logs() as logged:
            await stop(rig)
            await cleared(rig)
        assert rig.venue.positions == {}
        gaps = [after - before for before, after in itertools.pairwise(times)]
        assert len(gaps) == 7
        for gap, least in zip(gaps, (1, 2, 4, 8, 16, 30, 30), strict=True):
            assert least <= gap <= least + 3
        ids = [order.intent.signal_id for order in rig.venue.submitted]
        assert len(set(ids)) == len(ids)
        said = [
            line for line in logged if line["event"] == "Emergency stop could not clear yet, trying again"
        ]
        assert [line["ticket"] for line in said] == [500]
        assert "Request rejected" in said[0]["reason"]


async def test_one_position_that_cannot_be_closed_holds_up_no_other(rig: Rig) -> None:
    hold(rig.venue, 500, 501, 502)
    rig.venue.replies.extend([REJECTED, Reply.YES, Reply.YES])
    async with rig.running():
        await stop(rig)
        await pass_until(rig, lambda: list(rig.venue.positions) == [500], 0.1)
        assert rig.clock.now_s < 1.0
        await cleared(rig)


async def test_progress_says_what_is_left_and_what_is_in_the_way(rig: Rig) -> None:
    hold(rig.venue, 500, 501)
    rig.venue.pending[900] = make_pending()
    rig.venue.replies.extend([REJECTED] * 9)
    async with rig.running():
        assert rig.clearing.progress() is None
        await stop(rig)
        await let_pass(rig, 1)
        progress = rig.clearing.progress()
        assert progress is not None
        assert (progress["orders_left"], progress["positions_left"]) == (1, 2)
        assert progress["tries"] == 3
        assert "Request rejected" in str(progress["last_problem"])


async def test_in_a_closed_market_a_new_quote_is_waited_for(rig: Rig) -> None:
    """Over a weekend a try every thirty seconds would fill the journal and tell nobody anything."""
    hold(rig.venue, 500)
    rig.venue.replies.append(MARKET_CLOSED)
    rig.venue.quotes_at_msc = rig.clock.utc_msc() - 3_600_000
    async with rig.running():
        await stop(rig)
        await let_pass(rig, CLOSED_MARKET_RETRY_S / 2, 5)
        assert tried(rig) == [500]
        rig.venue.quotes_at_msc = rig.clock.utc_msc()
        opened_s = rig.clock.now_s
        await pass_until(rig, lambda: not rig.venue.positions)
        assert rig.clock.now_s - opened_s <= MOST_RETRY_S + 5


async def test_a_closed_market_whose_quotes_say_nothing_is_tried_all_the_same(rig: Rig) -> None:
    hold(rig.venue, 500)
    rig.venue.replies.append(MARKET_CLOSED)
    rig.venue.quotes_at_msc = rig.clock.utc_msc() - 3_600_000
    async with rig.running():
        await stop(rig)
        await pass_until(rig, lambda: not rig.venue.positions, 5)
        assert CLOSED_MARKET_RETRY_S <= rig.clock.now_s <= CLOSED_MARKET_RETRY_S + 2 * MOST_RETRY_S


# Outcomes that are not known.


async def test_on_a_netting_account_no_second_close_is_sent_while_one_is_in_doubt(rig: Rig) -> None:
    rig.venue.account = make_account(hedging=False)
    hold(rig.venue, 500)
    rig.venue.replies.append(Reply.LOST_DONE_LATER)
    async with rig.running():
        await stop(rig)
        await let_pass(rig, 15)
        assert tried(rig) == [500]
        rig.venue.fill_late()
        await cleared(rig)
        assert tried(rig) == [500]
        assert rig.venue.positions == {}


async def test_on_a_netting_account_no_close_is_even_tried_while_an_entry_on_the_symbol_is_in_doubt(
    rig: Rig,
) -> None:
    rig.venue.account = make_account(hedging=False)
    hold(rig.venue, 500)
    hold(rig.venue, 501, symbol="GBPUSD")
    async with rig.running():
        rig.venue.replies.append(Reply.LOST_NEVER_DONE)
        await rig.signal("a")
        assert await rig.status("a") == "unknown"
        await stop(rig)
        await let_pass(rig, 10)
        assert tried(rig) == [501]
        assert {"a"} == {result.signal_id for result in rig.results if result.symbol == "EURUSD"}
        await cleared(rig)
        assert rig.state("a") is OrderState.NOT_EXECUTED
        assert {"filled"} == {r.status for r in rig.results if r.signal_id.startswith("stop-")}


async def test_on_a_hedging_account_the_ticket_makes_a_second_close_safe(rig: Rig) -> None:
    hold(rig.venue, 500)
    rig.venue.replies.append(Reply.LOST_NEVER_DONE)
    async with rig.running():
        await stop(rig)
        await pass_until(rig, lambda: not rig.venue.positions, 0.5)
        assert rig.clock.now_s <= 5.0
        assert tried(rig) == [500, 500]


@pytest.mark.parametrize("hedging", [True, False])
async def test_an_entry_in_doubt_keeps_the_clearing_open_and_is_closed_when_it_fills(
    rig: Rig, hedging: bool
) -> None:
    rig.venue.account = make_account(hedging=hedging)
    async with rig.running():
        rig.venue.replies.append(Reply.LOST_DONE_LATER)
        await rig.signal("a")
        assert await rig.status("a") == "unknown"
        await stop(rig)
        await let_pass(rig, 10)
        assert rig.recorder.state.clearing is not None
        progress = rig.clearing.progress()
        assert progress is not None
        assert progress["last_problem"] == "the outcome of signal a is not known yet"
        rig.venue.fill_late()
        await cleared(rig)
        assert rig.venue.positions == {}
        assert rig.state("a") is OrderState.FILLED


async def test_an_entry_that_shows_after_the_account_was_clear_is_closed_and_what_was_opened_by_hand_stays(
    rig: Rig,
) -> None:
    async with rig.running():
        rig.venue.replies.append(Reply.LOST_DONE_LATER)
        await rig.signal("a")
        assert await rig.status("a") == "unknown"
        await stop(rig)
        await cleared(rig)
        assert rig.state("a") is OrderState.NOT_EXECUTED
        hold(rig.venue, 77)
        rig.venue.fill_late()
        await pass_until(rig, lambda: rig.state("a") is OrderState.FILLED)
        await cleared(rig)
        assert list(rig.venue.positions) == [77]
        assert rig.last("a").status == "filled"


async def test_a_late_entry_is_closed_by_the_bridge_that_was_started_meanwhile(
    new_rig: Callable[..., Rig], venue: Venue
) -> None:
    first = new_rig()
    async with first.running():
        venue.replies.append(Reply.LOST_DONE_LATER)
        await first.signal("a")
        assert await first.status("a") == "unknown"
        await stop(first)
        await cleared(first)
    venue.fill_late()
    hold(venue, 77)
    second = new_rig()
    async with second.running():
        await pass_until(second, lambda: list(venue.positions) == [77])


async def test_a_late_entry_stays_once_a_person_has_resumed(rig: Rig) -> None:
    async with rig.running():
        rig.venue.replies.append(Reply.LOST_DONE_LATER)
        await rig.signal("a")
        assert await rig.status("a") == "unknown"
        await stop(rig)
        await cleared(rig)
        await rig.resume("looked at it")
        await until(lambda: not rig.recorder.state.emergency)
        rig.venue.fill_late()
        await pass_until(rig, lambda: rig.state("a") is OrderState.FILLED)
        await let_pass(rig, 30)
        assert len(rig.venue.positions) == 1


async def test_what_is_opened_by_hand_after_the_account_was_clear_stays(rig: Rig) -> None:
    hold(rig.venue, 500)
    async with rig.running():
        await stop(rig)
        await cleared(rig)
        hold(rig.venue, 501)
        await let_pass(rig, 60)
        assert list(rig.venue.positions) == [501]


# What the terminal may do.


@pytest.mark.parametrize(
    ("how", "seen"),
    [
        ("fails", "report: the lane was killed at its deadline"),
        ("disconnects", "the terminal has no connection to the broker"),
        ("changes account", "another account is logged in: 9, expected login 7001"),
        ("has not loaded", "the terminal has not loaded the account yet"),
    ],
)
async def test_an_account_that_cannot_be_seen_is_not_clear(rig: Rig, how: str, seen: str) -> None:
    async with rig.running():
        account, terminal = rig.venue.account, rig.venue.terminal
        if how == "fails":
            rig.venue.failing = {"report"}
        elif how == "disconnects":
            rig.venue.terminal = replace(terminal, connected=False)
        elif how == "changes account":
            rig.venue.account = make_account(login=9)
        else:
            rig.venue.account = make_account(profit=12.0)
        with capture_logs() as logged:
            await stop(rig)
            await let_pass(rig, 30)
        assert rig.recorder.state.clearing is not None
        assert [seen] == [line["reason"] for line in logged if "cannot clear" in line["event"]]
        hold(rig.venue, 500)
        rig.venue.failing, rig.venue.account, rig.venue.terminal = set(), account, terminal
        await cleared(rig)
        assert rig.venue.positions == {}


async def test_positions_are_closed_though_the_account_has_no_equity_left(rig: Rig) -> None:
    rig.venue.account = make_account(equity=-50.0, profit=-10_050.0)
    hold(rig.venue, 500)
    async with rig.running():
        await stop(rig)
        await pass_until(rig, lambda: not rig.venue.positions)


async def test_a_position_that_shows_after_the_first_empty_look_is_closed(rig: Rig) -> None:
    async with rig.running():
        await stop(rig)
        await until(lambda: rig.clock.sleeping >= 2)
        assert rig.recorder.state.clearing is not None
        hold(rig.venue, 500)
        await cleared(rig)
        assert rig.venue.positions == {}


async def test_a_partial_close_is_followed_by_one_for_the_rest(rig: Rig) -> None:
    hold(rig.venue, 500)
    part = SubmitOutcome(Answer.YES, retcode=10010, order=9, deal=9, volume=0.2, price=1.1)
    rig.venue.replies.append(part)
    rig.venue.on_submit = lambda order: rig.venue.positions.update(
        {500: make_position(volume=0.3)} if order.request.volume == 0.5 else {}
    )
    async with rig.running():
        await stop(rig)
        await cleared(rig)
        assert [0.5, 0.3] == [order.request.volume for order in rig.venue.submitted]


async def test_a_crowd_of_positions_is_closed_a_bounded_number_at_a_time(rig: Rig) -> None:
    hold(rig.venue, *range(500, 500 + 3 * STEPS_AT_ONCE))
    most = 0

    def count(_: object) -> None:
        nonlocal most
        most = max(most, rig.inbox.orders_waiting + 1)

    rig.venue.on_submit = count
    async with rig.running():
        await stop(rig)
        await cleared(rig)
        assert rig.venue.positions == {}
        assert most <= STEPS_AT_ONCE
        assert len(tried(rig)) == 3 * STEPS_AT_ONCE


# Its life.


async def test_a_restart_goes_on_with_what_is_left(new_rig: Callable[..., Rig], venue: Venue) -> None:
    hold(venue, 500)
    first = new_rig()
    async with first.running():
        venue.replies.extend([REJECTED] * 3)
        await stop(first)
        await let_pass(first, 2)
    assert list(venue.positions) == [500]
    venue.replies.clear()
    second = new_rig()
    async with second.running():
        await cleared(second)
        assert venue.positions == {}
        assert second.recorder.state.emergency
    third = new_rig()
    async with third.running():
        hold(venue, 501)
        await let_pass(third, 30)
        assert list(venue.positions) == [501]


async def test_a_resume_ends_it(rig: Rig) -> None:
    hold(rig.venue, 500)
    rig.venue.replies.extend([REJECTED] * 20)
    async with rig.running():
        await stop(rig)
        await let_pass(rig, 3)
        await rig.resume("enough")
        await until(lambda: not rig.recorder.state.emergency)
        rig.venue.replies.clear()
        await let_pass(rig, 90, 5)
        assert list(rig.venue.positions) == [500]
        assert rig.clearing.progress() is None


async def test_a_second_stop_tries_at_once_what_the_first_was_waiting_to_try_again(rig: Rig) -> None:
    hold(rig.venue, 500)
    rig.venue.replies.extend([REJECTED] * 6)
    async with rig.running():
        await stop(rig)
        await pass_until(rig, lambda: len(tried(rig)) == 6, 0.5)
        await let_pass(rig, 5)
        again_s = rig.clock.now_s
        await rig.stop(close_positions=True, cancel_orders=True)
        await pass_until(rig, lambda: not rig.venue.positions, 0.5)
        assert rig.clock.now_s - again_s <= 5


async def test_nothing_is_sent_before_the_door_is_open_or_once_the_bridge_is_stopping(
    new_rig: Callable[..., Rig], venue: Venue
) -> None:
    hold(venue, 500)
    first = new_rig()
    async with first.running(recover=False):
        await stop(first)
        await until(lambda: (first.clearing.progress() or {}).get("last_problem"))
        assert (first.clearing.progress() or {})["last_problem"] == "starting: recovering"
        await first.executor.drain()
        first.executor.open()
        end_s = first.clock.now_s + 10
        await first.clock.pass_until(lambda: first.clock.now_s >= end_s)
        assert venue.submitted == []


async def test_a_command_that_the_journal_refuses_for_a_while_is_carried_out_after_it(rig: Rig) -> None:
    hold(rig.venue, 500)
    rig.venue.appraisal_gate.clear()
    async with rig.running():
        await stop(rig)
        await until(lambda: "appraise" in rig.venue.asked)
        await rig.journal.refuse_writes(True)
        rig.venue.appraisal_gate.set()
        await rig.clock.pass_until(lambda: rig.clock.now_s >= 10)
        assert list(rig.venue.positions) == [500]
        await rig.journal.refuse_writes(False)
        await rig.clock.pass_until(lambda: rig.recorder.state.clearing is None)
        assert rig.venue.positions == {}


async def test_the_end_is_journaled_as_soon_as_the_journal_can_be_written(rig: Rig) -> None:
    async with rig.running():
        await stop(rig)
        await rig.journal.refuse_writes(True)
        await let_pass(rig, 10)
        assert rig.recorder.state.clearing is not None
        await rig.journal.refuse_writes(False)
        await cleared(rig)
        assert ("AccountCleared",) in on_disk(rig.path, "SELECT kind FROM events")


async def test_our_own_and_external_positions_go_alike(rig: Rig) -> None:
    hold(rig.venue, 500, magic=make_magic(MAGIC_BASE, 7))
    hold(rig.venue, 501, magic=0)
    async with rig.running():
        await stop(rig)
        await cleared(rig)
        assert rig.venue.positions == {}


async def test_a_try_whose_end_is_forgotten_under_a_flood_of_denied_signals_is_followed_by_another(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(state, "CLOSED_ORDERS_KEPT", 3)
    hold(rig.venue, 500)
    rig.venue.replies.append(REJECTED)
    rig.venue.gate.clear()
    async with rig.running():
        await stop(rig)
        await until(lambda: rig.venue.submitted)
        rig.venue.failing = {"report"}  # So that the clearing does not see how the try ends.
        rig.venue.gate.set()
        for number in range(5):
            await rig.signal(f"flood-{number}")
            assert await rig.status(f"flood-{number}") == "denied"
        rig.venue.failing = set()
        await cleared(rig)
        assert (rig.venue.positions, tried(rig)) == ({}, [500, 500])


@pytest.mark.parametrize("hedging", [True, False])
async def test_a_position_too_large_for_one_order_goes_slice_by_slice(rig: Rig, hedging: bool) -> None:
    rig.venue.account = make_account(hedging=hedging)
    rig.venue.spec = make_spec(volume_max=0.2)
    hold(rig.venue, 500, volume=0.9)
    async with rig.running():
        await stop(rig)
        await cleared(rig)
        assert {} == rig.venue.positions
        sent = [order.request.volume for order in rig.venue.submitted]
        assert [0.2, 0.2, 0.2, 0.2, 0.1] == pytest.approx(sent)
        assert rig.clock.now_s <= 15  # What goes on is not held up as what fails is.


async def test_a_slice_in_doubt_is_followed_by_no_other_on_a_netting_account(rig: Rig) -> None:
    rig.venue.account = make_account(hedging=False)
    rig.venue.spec = make_spec(volume_max=0.3)
    hold(rig.venue, 500, volume=0.5)
    rig.venue.replies.append(Reply.LOST_BUT_DONE)
    rig.venue.history_lags = True
    async with rig.running():
        await stop(rig)
        await let_pass(rig, 15)
        assert 1 == len(rig.venue.submitted)
        rig.venue.history_lags = False
        await cleared(rig)
        assert [0.3, 0.2] == pytest.approx([order.request.volume for order in rig.venue.submitted])
        assert [OrderState.PARTIAL, OrderState.FILLED] == [
            record.state for record in rig.recorder.state.orders.values()
        ]
