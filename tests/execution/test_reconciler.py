"""Looking for what became of orders: what counts as a look, what shows late, and when a person must look."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.core.builders import make_account, make_close, make_pending, make_position, make_spec
from tests.execution.rig import Rig
from tests.execution.venue import ManualClock, Reply, Venue, until

from hybrid_bridge.core.account import Deal, HistoricOrder
from hybrid_bridge.core.events import OrderAnswered
from hybrid_bridge.core.market import Side
from hybrid_bridge.core.orders import Answer, OrderState, SubmitOutcome
from hybrid_bridge.core.reconciliation import CLEAN_SPAN_MS, ESCALATE_AFTER_MS, HORIZON_MS
from hybrid_bridge.core.requests import FILLING_RETURN
from hybrid_bridge.core.state import WATCH_MS
from hybrid_bridge.execution.reconciler import (
    ACCOUNT_LOOK_S,
    LOOK_INTERVAL_S,
    WATCH_INTERVAL_S,
    WATCHED_PER_ROUND,
)

HORIZON_S = HORIZON_MS / 1000
ESCALATE_S = ESCALATE_AFTER_MS / 1000
SPAN_S = CLEAN_SPAN_MS / 1000


async def let_pass(rig: Rig, seconds: float, step_s: float = 1.0) -> None:
    """Let time pass in steps, each once everybody sleeps again."""
    end_s = rig.clock.now_s + seconds
    await rig.clock.pass_until(lambda: rig.clock.now_s >= end_s, step_s)
    await until(lambda: rig.clock.sleeping)


async def send_into_doubt(
    rig: Rig, name: str = "a", reply: Reply = Reply.LOST_NEVER_DONE, **signal: Any
) -> None:
    rig.venue.replies.append(reply)
    await rig.signal(name, **signal)
    assert await rig.status(name) == "unknown"


async def give_up(rig: Rig, name: str = "a", reply: Reply = Reply.LOST_DONE_LATER) -> None:
    """Bring a signal to NOT_EXECUTED; with LOST_DONE_LATER the venue may still fill it."""
    await send_into_doubt(rig, name, reply)
    await rig.clock.pass_until(lambda: rig.state(name) is OrderState.NOT_EXECUTED)


# Which looks count.


async def test_a_connection_made_anew_between_two_looks_starts_the_count_again(
    tmp_path: Path, venue: Venue, clock: ManualClock
) -> None:
    """Nothing failed that a look could have noticed, but the terminal is another run of it."""
    connects = [1]
    rig = Rig(tmp_path / "journal.sqlite", venue, clock, connection=lambda: connects[0])
    async with rig.running():
        await send_into_doubt(rig)
        await let_pass(rig, HORIZON_S - 1, 0.5)
        connects[0] += 1
        reconnected_s = clock.now_s
        await clock.pass_until(lambda: rig.state("a") is OrderState.NOT_EXECUTED, 0.5)
        assert SPAN_S <= clock.now_s - reconnected_s <= SPAN_S + 3 * LOOK_INTERVAL_S


async def test_a_look_during_which_the_connection_was_made_anew_does_not_count(
    tmp_path: Path, venue: Venue, clock: ManualClock
) -> None:
    asked_before = 1_000_000
    rig = Rig(tmp_path / "journal.sqlite", venue, clock, connection=lambda: len(venue.asked) > asked_before)
    async with rig.running():
        await send_into_doubt(rig)
        await let_pass(rig, HORIZON_S + LOOK_INTERVAL_S / 2, 0.5)  # The next look would be the last.
        assert rig.state("a") is OrderState.UNKNOWN
        asked_before = len(venue.asked)
        await clock.pass_until(lambda: len(venue.asked) >= asked_before + 2, 0.5)
        await let_pass(rig, SPAN_S - LOOK_INTERVAL_S, 0.5)
        assert rig.state("a") is OrderState.UNKNOWN


async def test_what_another_account_shows_is_not_this_order_whatever_mark_it_bears(rig: Rig) -> None:
    async with rig.running():
        await send_into_doubt(rig, reply=Reply.LOST_DONE_LATER)
        rig.venue.account = make_account(login=9)
        rig.venue.fill_late()
        await let_pass(rig, HORIZON_S)
        assert rig.state("a") is OrderState.UNKNOWN
        rig.venue.account = make_account()
        await rig.clock.pass_until(lambda: rig.state("a") is OrderState.FILLED)


async def test_one_failed_look_makes_the_others_that_were_due_count_anew_too(rig: Rig) -> None:
    async with rig.running():
        await send_into_doubt(rig)
        await send_into_doubt(rig, "b", symbol="GBPUSD")
        await let_pass(rig, HORIZON_S - 4, 0.5)
        rig.venue.failing = {"look"}
        asked = rig.venue.asked.count("look")
        await rig.clock.pass_until(lambda: rig.venue.asked.count("look") > asked, 0.5)
        rig.venue.failing = set()
        failed_s = rig.clock.now_s
        await rig.clock.pass_until(lambda: rig.state("b") is OrderState.NOT_EXECUTED, 0.5)
        assert rig.clock.now_s - failed_s >= SPAN_S


@pytest.mark.parametrize("how", ["fails", "disconnects"])
async def test_a_terminal_that_was_away_gets_its_time_to_load_the_history(rig: Rig, how: str) -> None:
    async with rig.running():
        await send_into_doubt(rig)
        await let_pass(rig, HORIZON_S - 4)
        if how == "fails":
            rig.venue.failing = {"look"}
        else:
            rig.venue.terminal = replace(rig.venue.terminal, connected=False)
        await let_pass(rig, 10)
        rig.venue.failing = set()
        rig.venue.terminal = replace(rig.venue.terminal, connected=True)
        back_s = rig.clock.now_s
        await rig.clock.pass_until(lambda: rig.state("a") is OrderState.NOT_EXECUTED, 0.5)
        assert rig.clock.now_s - back_s >= SPAN_S


async def test_a_history_that_lacks_a_fill_the_journal_knows_of_proves_nothing(rig: Rig) -> None:
    async with rig.running():
        await rig.signal("known", symbol="GBPUSD")
        await rig.status("known")
        await send_into_doubt(rig, reply=Reply.LOST_BUT_DONE)
        rig.venue.history_lags = True
        rig.venue.positions.clear()  # Closed by their stops meanwhile: only the history could tell.
        await let_pass(rig, 5 * HORIZON_S)
        assert rig.state("a") is OrderState.UNKNOWN
        rig.venue.history_lags = False
        await rig.clock.pass_until(lambda: rig.state("a") is OrderState.FILLED)


async def test_an_order_that_was_seen_waiting_must_be_gone_for_a_while_before_it_counts_as_gone(
    rig: Rig,
) -> None:
    """Between the list of orders and the history a fill may show in neither for a moment."""
    async with rig.running():
        await send_into_doubt(rig, reply=Reply.LOST_DONE_LATER)
        magic = rig.venue.submitted[0].request.magic
        rig.venue.waiting.append(make_pending(type=0, magic=magic))
        await let_pass(rig, 2 * HORIZON_S)
        rig.venue.waiting.clear()
        await let_pass(rig, SPAN_S - 2)
        assert rig.statuses("a") == ["unknown"]
        rig.venue.fill_late()
        await rig.clock.pass_until(lambda: rig.last("a").status != "unknown")
        assert rig.statuses("a") == ["unknown", "filled"]


async def test_a_part_that_still_grows_is_not_all_there_is(rig: Rig) -> None:
    async with rig.running():
        await send_into_doubt(rig)
        magic = rig.venue.submitted[0].request.magic
        await let_pass(rig, HORIZON_S - 3)
        part = Deal(801, 700, 700, "EURUSD", Side.BUY, 0, 0.04, 1.1, 0.0, 0.0, 0.0, magic, "", None)
        for number in range(2):
            rig.venue.deals.append(replace(part, ticket=801 + number))
            await let_pass(rig, SPAN_S - 2)
        assert rig.statuses("a") == ["unknown"]
        await rig.clock.pass_until(lambda: rig.last("a").status != "unknown")
        assert (rig.last("a").status, rig.last("a").volume) == ("partial", pytest.approx(0.08))


async def test_a_close_that_something_else_came_before_was_not_executed_and_says_so(rig: Rig) -> None:
    rig.venue.positions[500] = make_position()
    async with rig.running():
        rig.venue.replies.append(Reply.LOST_NEVER_DONE)
        await rig.put(make_close(received_msc=rig.clock.utc_msc()))
        assert await rig.status("c-1") == "unknown"
        del rig.venue.positions[500]
        rig.venue.deals.append(
            Deal(9001, 9000, 500, "EURUSD", Side.SELL, 1, 0.5, 1.09, 0.0, 0.0, 0.0, 0, "[sl 1.09]", None)
        )
        await rig.clock.pass_until(lambda: rig.last("c-1").status != "unknown")
        last = rig.last("c-1")
        assert (last.status, last.reason) == ("not_executed", "position_closed")
        assert "deal 9001" in last.detail


async def test_an_order_without_a_trace_ends_though_no_life_of_the_bridge_lasts_the_horizon(
    new_rig: Callable[..., Rig],
) -> None:
    first = new_rig()
    async with first.running():
        await send_into_doubt(first)
        await let_pass(first, HORIZON_S / 2)
        assert first.state("a") is OrderState.UNKNOWN
    second = new_rig()
    async with second.running():
        await let_pass(second, SPAN_S - LOOK_INTERVAL_S)
        assert second.state("a") is OrderState.UNKNOWN
    third = new_rig()
    async with third.running():
        await let_pass(third, SPAN_S - LOOK_INTERVAL_S)
        assert third.state("a") is OrderState.UNKNOWN
        await let_pass(third, 2 * LOOK_INTERVAL_S)
        assert third.state("a") is OrderState.NOT_EXECUTED


async def test_a_pc_clock_set_forward_over_a_restart_spares_no_look(new_rig: Callable[..., Rig]) -> None:
    first = new_rig()
    async with first.running():
        await send_into_doubt(first)
    first.clock.pc_ahead_ms = 3_600_000
    second = new_rig()
    async with second.running():
        await let_pass(second, SPAN_S - LOOK_INTERVAL_S)
        assert second.state("a") is not OrderState.NOT_EXECUTED


# Late fills.


async def test_a_fill_after_not_executed_is_told_with_its_facts_within_the_pace_of_the_watch(
    rig: Rig,
) -> None:
    async with rig.running():
        await give_up(rig)
        await let_pass(rig, 300)
        rig.venue.fill_late()
        filled_s = rig.clock.now_s
        await rig.clock.pass_until(lambda: rig.last("a").status == "filled")
        assert rig.clock.now_s - filled_s <= WATCH_INTERVAL_S + LOOK_INTERVAL_S + 1
        last = rig.last("a")
        assert (last.volume, last.price, last.ticket, last.reason) == (0.1, 1.10013, 1000, "late_fill")
        assert last.detail.startswith("reported not executed before; seen at the venue ")
        assert rig.statuses("a") == ["unknown", "not_executed", "filled"]
        assert [m["data"]["status"] for m in rig.told()] == ["unknown", "not_executed", "filled"]
        assert len(rig.venue.submitted) == 1
        assert rig.recorder.state.watched == {}


async def test_a_part_that_comes_late_is_told_once_a_second_look_shows_no_more_of_it(rig: Rig) -> None:
    async with rig.running():
        await give_up(rig, reply=Reply.LOST_NEVER_DONE)
        magic = rig.venue.submitted[0].request.magic
        rig.venue.deals.append(
            Deal(801, 700, 700, "EURUSD", Side.BUY, 0, 0.04, 1.1, 0.0, 0.0, 0.0, magic, "", None)
        )
        await rig.clock.pass_until(lambda: rig.last("a").status == "partial")
        assert rig.last("a").volume == 0.04
        assert rig.statuses("a") == ["unknown", "not_executed", "partial"]


async def test_the_watch_goes_on_after_a_restart_and_ends_after_its_day(
    new_rig: Callable[..., Rig], venue: Venue
) -> None:
    first = new_rig()
    async with first.running():
        await give_up(first)
        await give_up(first, "b")
    second = new_rig()
    async with second.running():
        venue._late = venue._late[:1]
        venue.fill_late()
        await until(lambda: not second.executor.closed_because)
        began_s = second.clock.now_s
        await second.clock.pass_until(lambda: second.state("a") is OrderState.FILLED, 0.1)
        # Right after the start, and not only once a whole interval of the watch has passed.
        assert second.clock.now_s - began_s < WATCH_INTERVAL_S / 2
        second.clock.advance(WATCH_MS / 1000)
        await let_pass(second, WATCH_INTERVAL_S, 5)
        venue.asked.clear()
        await let_pass(second, 3 * WATCH_INTERVAL_S, 5)
        assert "look" not in venue.asked


async def test_a_long_list_is_looked_for_a_few_a_round_and_nobody_is_left_out(
    new_rig: Callable[..., Rig],
) -> None:
    rig = new_rig(max_daily_trades=100)
    async with rig.running():
        for number in range(3 * WATCHED_PER_ROUND):
            await give_up(rig, f"s-{number}")
        await let_pass(rig, WATCH_INTERVAL_S)
        rig.venue.asked.clear()
        await let_pass(rig, WATCH_INTERVAL_S)
        assert rig.venue.asked.count("look") == WATCHED_PER_ROUND
        del rig.venue._late[1:]  # The oldest of all is the one that fills.
        rig.venue.fill_late()
        filled_s = rig.clock.now_s
        await rig.clock.pass_until(lambda: rig.state("s-0") is OrderState.FILLED)
        assert rig.clock.now_s - filled_s <= 4 * (WATCH_INTERVAL_S + LOOK_INTERVAL_S)


async def test_another_account_s_history_shows_no_late_fill(rig: Rig) -> None:
    async with rig.running():
        await give_up(rig)
        rig.venue.account = make_account(login=9)
        rig.venue.fill_late()
        await let_pass(rig, 3 * WATCH_INTERVAL_S)
        assert rig.state("a") is OrderState.NOT_EXECUTED
        rig.venue.account = make_account()
        await rig.clock.pass_until(lambda: rig.state("a") is OrderState.FILLED)


async def test_a_partial_fill_whose_rest_waits_is_followed_to_its_end(rig: Rig) -> None:
    """Exchange execution: what is not filled at once stays at the venue."""
    rig.venue.spec = make_spec(filling_mode=0)
    rig.venue.replies.append(SubmitOutcome(Answer.YES, retcode=10010, order=700, volume=0.04, price=1.1))
    async with rig.running():
        await rig.signal("a")
        assert await rig.status("a") == "partial"
        request = rig.venue.submitted[0].request
        assert request.type_filling == FILLING_RETURN
        part = Deal(801, 700, 700, "EURUSD", Side.BUY, 0, 0.04, 1.1, 0.0, 0.0, 0.0, request.magic, "", None)
        rig.venue.deals.append(part)
        rig.venue.waiting.append(make_pending(ticket=700, magic=request.magic))
        await let_pass(rig, 3 * WATCH_INTERVAL_S)
        assert rig.statuses("a") == ["partial"]
        rig.venue.deals.append(replace(part, ticket=802, volume=0.03))
        await rig.clock.pass_until(lambda: len(rig.statuses("a")) == 2)
        assert (rig.last("a").status, rig.last("a").volume) == ("partial", pytest.approx(0.07))
        rig.venue.deals.append(replace(part, ticket=803, volume=0.03))
        rig.venue.waiting.clear()
        await rig.clock.pass_until(lambda: rig.last("a").status == "filled")
        assert rig.last("a").volume == pytest.approx(0.1)
        keys = rig.outbox_keys()
        assert len(keys) == len(set(keys)) == 3


async def test_a_partial_fill_that_has_ended_is_looked_for_no_more(rig: Rig) -> None:
    rig.venue.spec = make_spec(filling_mode=0)
    rig.venue.replies.append(SubmitOutcome(Answer.YES, retcode=10010, order=700, volume=0.04, price=1.1))
    async with rig.running():
        await rig.signal("a")
        assert await rig.status("a") == "partial"
        magic = rig.venue.submitted[0].request.magic
        rig.venue.deals.append(
            Deal(801, 700, 700, "EURUSD", Side.BUY, 0, 0.04, 1.1, 0.0, 0.0, 0.0, magic, "", None)
        )
        rig.venue.history_orders.append(HistoricOrder(700, 700, "EURUSD", 2, 0.1, 0.06, magic, ""))
        rig.venue.positions[700] = make_position(ticket=700, volume=0.04, magic=magic)
        await let_pass(rig, 2 * WATCH_INTERVAL_S)
        rig.venue.asked.clear()
        await let_pass(rig, 3 * WATCH_INTERVAL_S)
        assert "look" not in rig.venue.asked
        assert rig.statuses("a") == ["partial"]


async def test_an_order_found_waiting_late_is_told_and_followed(rig: Rig) -> None:
    async with rig.running():
        await give_up(rig)
        order = rig.venue.submitted[0]
        rig.venue.waiting.append(make_pending(ticket=655, type=0, magic=order.request.magic))
        await rig.clock.pass_until(lambda: rig.last("a").status == "placed")
        assert rig.last("a").ticket == 655
        rig.venue.waiting.clear()
        rig.venue.fill_late()
        await rig.clock.pass_until(lambda: rig.last("a").status == "filled")


# When a person must look.


@pytest.mark.parametrize(
    ("how", "seen"),
    [
        ("the terminal is away", "look: the lane was killed at its deadline"),
        ("the account cannot be seen", "report: the lane was killed at its deadline"),
        ("the broker is away", "the terminal has no connection to the broker"),
        ("another account", "another account is logged in: 9, expected login 7001"),
        ("it waits for ever", "it still waits at the venue"),
    ],
)
async def test_what_stays_unknown_for_a_quarter_of_an_hour_is_told_to_a_person(
    rig: Rig, how: str, seen: str
) -> None:
    async with rig.running():
        await send_into_doubt(rig)
        magic = rig.venue.submitted[0].request.magic
        if how == "the terminal is away":
            rig.venue.failing = {"look"}
        elif how == "the account cannot be seen":
            rig.venue.failing = {"report"}
        elif how == "the broker is away":
            rig.venue.terminal = replace(rig.venue.terminal, connected=False)
        elif how == "another account":
            rig.venue.account = make_account(login=9)
        else:
            rig.venue.waiting.append(make_pending(type=0, magic=magic))
        await let_pass(rig, ESCALATE_S - 10, 5)
        assert rig.state("a") is OrderState.UNKNOWN
        await rig.clock.pass_until(lambda: rig.state("a") is OrderState.ESCALATED)
        last = rig.last("a")
        assert (last.status, last.reason) == ("unknown", "escalated")
        for words in (seen, f"magic {magic}", "Trade and History tabs", "EURUSD takes no entries"):
            assert words in last.detail
        await let_pass(rig, 60)
        assert rig.statuses("a") == ["unknown", "unknown"]


async def test_an_escalated_order_still_blocks_its_symbol_and_is_resolved_like_any_in_doubt(rig: Rig) -> None:
    async with rig.running():
        await send_into_doubt(rig, reply=Reply.LOST_BUT_DONE)
        rig.venue.failing = {"look"}
        await rig.clock.pass_until(lambda: rig.state("a") is OrderState.ESCALATED, 5)
        await rig.signal("b")
        assert await rig.status("b") == "denied"
        assert "signal a is escalated" in rig.last("b").detail
        rig.venue.failing = set()
        await rig.clock.pass_until(lambda: rig.state("a") is OrderState.FILLED)
        await rig.signal("c")
        assert await rig.status("c") == "filled"


async def test_an_escalated_order_without_a_trace_ends_in_not_executed(rig: Rig) -> None:
    async with rig.running():
        await send_into_doubt(rig)
        rig.venue.terminal = replace(rig.venue.terminal, connected=False)
        await rig.clock.pass_until(lambda: rig.state("a") is OrderState.ESCALATED, 5)
        rig.venue.terminal = replace(rig.venue.terminal, connected=True)
        await rig.clock.pass_until(lambda: rig.state("a") is OrderState.NOT_EXECUTED)
        assert rig.statuses("a") == ["unknown", "unknown", "not_executed"]


async def test_time_runs_on_through_restarts_and_before_the_door_opens(
    new_rig: Callable[..., Rig], venue: Venue
) -> None:
    """A bridge that is restarted every ten minutes must not keep silent for ever."""
    first = new_rig()
    async with first.running():
        await send_into_doubt(first)
        venue.failing = {"look", "report"}
        await let_pass(first, ESCALATE_S * 0.6, 10)
    second = new_rig()
    async with second.running():
        assert second.state("a") is OrderState.UNKNOWN
        began_s = second.clock.now_s
        await second.clock.pass_until(lambda: second.state("a") is OrderState.ESCALATED, 5)
        assert second.clock.now_s - began_s <= ESCALATE_S * 0.4 + 10
        assert second.executor.closed_because
        answers = [e for commit in second.journal.commits for e in commit if isinstance(e, OrderAnswered)]
        assert [OrderState.ESCALATED] == [answer.state for answer in answers]


# The account.


async def test_the_account_is_looked_at_every_thirty_seconds_whatever_the_settings_say(rig: Rig) -> None:
    async with rig.running():
        await let_pass(rig, 5)
        rig.venue.positions[77] = make_position(ticket=77)
        await rig.clock.pass_until(lambda: 77 in rig.recorder.state.positions)
        assert rig.clock.now_s <= ACCOUNT_LOOK_S + LOOK_INTERVAL_S
