"""The way to the venue: the last check, the one send, and at most one more try."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace

import pytest
from structlog.testing import capture_logs
from tests.core.builders import MAGIC_BASE, NOW, make_close, make_modify, make_position
from tests.execution.rig import on_disk
from tests.execution.venue import Reply, until

from hybrid_bridge.core.account import Deal
from hybrid_bridge.core.events import Event, OrderRetried, OrderSending, TradingState
from hybrid_bridge.core.market import Side
from hybrid_bridge.core.orders import Answer, ApprovedOrder, OrderState, SubmitOutcome
from hybrid_bridge.core.requests import FILLING_FOK, FILLING_IOC, make_magic

FIRST = NOW // 1000
REQUOTE = SubmitOutcome(Answer.NO, 10004, reason="requote", detail="the price moved", retriable=True)
INVALID_FILL = SubmitOutcome(Answer.NO, 10030, reason="invalid_fill", detail="not this one", retriable=True)
TRADING_OFF = SubmitOutcome(Answer.NO, 10027, reason="client_disables_at", detail="press it", halts=True)
CLOSED = SubmitOutcome(Answer.NO, 10036, reason="position_closed", detail="closed already")


# One more try


async def test_a_requote_is_answered_with_a_fresh_question_and_one_more_send(rig):
    rig.venue.replies.append(REQUOTE)
    async with rig.running():
        await rig.signal("a")
        assert await rig.status("a") == "filled"
        assert rig.statuses("a") == ["filled"]
        assert [make_magic(MAGIC_BASE, FIRST)] * 2 == [order.request.magic for order in rig.venue.submitted]
        assert ["EURUSD"] * 2 == [query.symbol for query in rig.venue.appraised]
        assert (rig.recorder.state.daily_entries, rig.figures.retried) == (1, 1)
        assert len(rig.venue.positions) == 1


async def test_the_second_try_is_on_disk_before_it_is_sent_in_a_commit_of_its_own(rig):
    seen: list[tuple[int, list[str]]] = []
    before = 0

    def look_from_outside(order: ApprovedOrder) -> None:
        kinds = on_disk(rig.path, "SELECT kind FROM events WHERE number NOT NULL ORDER BY seq")
        seen.append((len(rig.journal.commits) - before, [kind for (kind,) in kinds]))

    rig.venue.on_submit = look_from_outside
    rig.venue.replies.append(REQUOTE)
    async with rig.running():
        before = len(rig.journal.commits)
        await rig.signal("a")
        await rig.status("a")
        first = ["IntentReceived", "OrderApproved", "OrderSending"]
        assert [(1, first), (2, [*first, "OrderRetried"])] == seen
        assert len(rig.journal.commits) - before == 3


async def test_a_second_refusal_is_final(rig):
    rig.venue.replies.extend([REQUOTE, REQUOTE])
    async with rig.running():
        await rig.signal("a")
        assert (await rig.status("a"), rig.last("a").retcode) == ("rejected", 10004)
        assert rig.last("a").detail == "the price moved; tried 2 times"
        assert len(rig.venue.submitted) == 2


@pytest.mark.parametrize("reply", [Reply.LOST_BUT_DONE, Reply.LOST_NEVER_DONE])
async def test_a_second_reply_that_is_lost_leaves_it_unknown_and_nothing_is_sent_a_third_time(rig, reply):
    rig.venue.replies.extend([REQUOTE, reply])
    async with rig.running():
        await rig.signal("a")
        assert await rig.status("a") == "unknown"
        expected = "filled" if reply is Reply.LOST_BUT_DONE else "not_executed"
        await rig.clock.pass_until(lambda: len(rig.statuses("a")) == 2)
        assert rig.statuses("a") == ["unknown", expected]
        assert len(rig.venue.submitted) == 2


@pytest.mark.parametrize(
    "outcome", [replace(REQUOTE, answer=Answer.UNKNOWN), replace(REQUOTE, retriable=False)]
)
async def test_what_is_no_certain_no_or_no_passing_one_is_sent_once(rig, outcome):
    rig.venue.replies.append(outcome)
    async with rig.running():
        await rig.signal("a")
        await rig.status("a")
        assert len(rig.venue.submitted) == 1


async def test_a_filling_that_is_refused_is_replaced_by_another(rig):
    rig.venue.replies.append(INVALID_FILL)
    async with rig.running():
        await rig.signal("a")
        assert await rig.status("a") == "filled"
        assert [FILLING_FOK, FILLING_IOC] == [order.request.type_filling for order in rig.venue.submitted]


async def test_without_another_filling_it_is_rejected_with_the_reason(rig):
    rig.venue.spec = replace(rig.venue.spec, filling_mode=1)
    rig.venue.replies.append(INVALID_FILL)
    async with rig.running():
        await rig.signal("a")
        assert (await rig.status("a"), rig.last("a").retcode) == ("rejected", 10030)
        assert "permits no other filling" in rig.last("a").detail


async def test_a_crash_during_the_second_try_leaves_it_in_doubt_and_it_is_found_not_sent_again(rig, new_rig):
    rig.venue.replies.append(REQUOTE)
    second = asyncio.Event()

    def hold_the_second(_: ApprovedOrder) -> None:
        if len(rig.venue.submitted) == 1:
            rig.venue.gate.clear()
            second.set()

    rig.venue.on_submit = hold_the_second
    async with rig.running():
        await rig.signal("a")
        await second.wait()
        await until(lambda: len(rig.venue.submitted) == 2)
    rig.venue.gate.set()
    rig.venue._execute(rig.venue.submitted[1])
    reborn = new_rig()
    async with reborn.running():
        await reborn.clock.pass_until(lambda: "filled" in reborn.statuses("a"))
        assert len(reborn.venue.submitted) == 2
        assert reborn.recorder.state.daily_entries == 1


# Why it is not tried again


async def refuse_then(rig, what) -> None:
    """Have the next order refused, and something happen between the refusal and the second judgement."""
    rig.venue.replies.append(REQUOTE)
    asked = 0
    ask = rig.venue.appraise

    async def appraise(query):
        nonlocal asked
        asked += 1
        if asked == 2:
            await what()
        return await ask(query)

    rig.venue.appraise = appraise


async def test_a_stop_that_comes_after_the_refusal_ends_it_with_the_venue_s_words_and_the_stop_s(rig):
    async def stop() -> None:
        await rig.stop("panic")
        await until(lambda: rig.recorder.state.emergency)

    await refuse_then(rig, stop)
    async with rig.running():
        await rig.signal("a")
        assert (await rig.status("a"), rig.last("a").retcode) == ("rejected", 10004)
        assert rig.last("a").detail.startswith("the price moved; not tried again: emergency_stop")
        assert "panic" in rig.last("a").detail
        assert len(rig.venue.submitted) == 1


async def test_a_stop_that_comes_while_the_second_try_is_journaled_withholds_it(rig):
    async def stop_now(events: Sequence[Event]) -> None:
        if any(isinstance(event, OrderRetried) for event in events):
            await rig.stop()

    rig.journal.after_commit = stop_now
    rig.venue.replies.append(REQUOTE)
    async with rig.running():
        await rig.signal("a")
        assert (await rig.status("a"), rig.last("a").reason) == ("rejected", "requote")
        assert "not tried again: emergency_stop" in rig.last("a").detail
        assert len(rig.venue.submitted) == 1
        assert rig.state("a") is OrderState.REJECTED


async def test_a_stop_that_came_before_the_refusal_asks_the_terminal_nothing(rig):
    rig.venue.replies.append(REQUOTE)
    rig.venue.gate.clear()
    async with rig.running():
        await rig.signal("a")
        await until(lambda: rig.venue.submitted)
        await rig.stop()
        await until(lambda: rig.recorder.state.emergency)
        rig.venue.gate.set()
        assert await rig.status("a") == "rejected"
        assert len(rig.venue.appraised) == 1


@pytest.mark.parametrize(("late_s", "expected"), [(5.0, "filled"), (5.001, "rejected")])
async def test_it_is_tried_again_within_its_life_only(rig, late_s, expected):
    async def take_long() -> None:
        rig.clock.advance(late_s)

    await refuse_then(rig, take_long)
    async with rig.running():
        await rig.signal("a")
        assert await rig.status("a") == expected
        assert ("1 ms too late" in rig.last("a").detail) == (expected == "rejected")


async def test_a_terminal_that_cannot_be_asked_again_leaves_the_refusal(rig):
    async def break_the_lane() -> None:
        rig.venue.failing = {"appraise"}

    await refuse_then(rig, break_the_lane)
    async with rig.running():
        await rig.signal("a")
        assert await rig.status("a") == "rejected"
        assert "the lane was killed at its deadline" in rig.last("a").detail


async def test_a_journal_that_refuses_the_second_try_forbids_it_and_the_refusal_is_told_when_it_can_be(rig):
    async def hold_the_file() -> None:
        await rig.journal.refuse_writes(True)

    await refuse_then(rig, hold_the_file)
    async with rig.running():
        with capture_logs() as logged:
            await rig.signal("a")
            await until(lambda: any(line["event"].startswith("Result not journaled") for line in logged))
        assert len(rig.venue.submitted) == 1
        await rig.journal.refuse_writes(False)
        await rig.clock.pass_until(lambda: rig.statuses("a"))
        assert rig.statuses("a") == ["rejected"]
        assert "the journal cannot be written" in rig.last("a").detail
        assert len(rig.venue.submitted) == 1


async def test_nothing_is_tried_again_while_the_bridge_stops(rig):
    rig.venue.replies.append(REQUOTE)
    rig.venue.gate.clear()
    async with rig.running():
        await rig.signal("a")
        await until(lambda: rig.venue.submitted)
        draining = asyncio.ensure_future(rig.executor.drain())
        await until(lambda: "stopping" in rig.executor.closed_because)
        rig.venue.gate.set()
        await draining
        assert rig.statuses("a") == ["rejected"]
        assert "stopping" in rig.last("a").detail


# Closes and changes


async def test_a_refused_close_is_tried_again_and_passes_a_stop(rig):
    rig.venue.positions[500] = make_position()
    rig.venue.replies.append(REQUOTE)
    async with rig.running():
        await rig.stop()
        await until(lambda: rig.recorder.state.emergency)
        await rig.put(make_close())
        assert await rig.status("c-1") == "filled"
        assert [500, 500] == [order.request.position for order in rig.venue.submitted]
        assert rig.venue.positions == {}


async def test_a_refused_close_whose_position_goes_meanwhile_is_done_and_sent_once(rig):
    rig.venue.positions[500] = make_position()
    rig.venue.replies.append(REQUOTE)
    rig.venue.on_submit = lambda _: rig.venue.positions.clear()
    async with rig.running():
        await rig.put(make_close())
        assert (await rig.status("c-1"), rig.last("c-1").reason) == ("filled", "position_closed")
        assert rig.last("c-1").volume == 0.0
        assert len(rig.venue.submitted) == 1


async def test_a_close_of_what_was_closed_before_is_done(rig):
    rig.venue.positions[500] = make_position()
    rig.venue.replies.append(CLOSED)
    async with rig.running():
        await rig.put(make_close())
        assert (await rig.status("c-1"), rig.last("c-1").retcode) == ("filled", 10036)


async def test_a_refused_change_is_tried_again(rig):
    rig.venue.positions[500] = make_position()
    rig.venue.replies.append(REQUOTE)
    async with rig.running():
        await rig.put(make_modify())
        assert await rig.status("m-1") == "filled"
        assert rig.venue.positions[500].stop_loss == 1.095


async def test_a_close_that_waited_too_long_for_the_journal_is_withheld(rig):
    rig.venue.positions[500] = make_position()

    async def take_long(events: Sequence[Event]) -> None:
        if any(isinstance(event, OrderSending) for event in events):
            rig.clock.advance(60.001)

    rig.journal.after_commit = take_long
    async with rig.running():
        await rig.put(make_close())
        assert (await rig.status("c-1"), rig.last("c-1").reason) == ("not_executed", "expiry")
        assert list(rig.venue.positions) == [500]


# Automated trading switched off


async def test_automated_trading_switched_off_halts_and_the_next_signal_is_denied_with_what_to_do(rig):
    rig.venue.replies.append(TRADING_OFF)
    async with rig.running():
        await rig.signal("a")
        assert (await rig.status("a"), rig.last("a").retcode) == ("rejected", 10027)
        assert rig.recorder.state.trading is TradingState.HALTED
        assert not rig.recorder.state.emergency
        await rig.signal("b")
        assert await rig.status("b") == "denied"
        assert "press it; when that is mended, type `hybrid-bridge resume`" in rig.last("b").detail
        assert len(rig.venue.submitted) == 1
        await rig.resume("mended")
        await until(lambda: rig.recorder.state.trading is TradingState.ACTIVE)
        await rig.signal("c")
        assert await rig.status("c") == "filled"


async def test_the_halt_and_the_answer_are_one_commit(rig):
    rig.venue.replies.append(TRADING_OFF)
    async with rig.running():
        await rig.signal("a")
        await rig.status("a")
        kinds = [type(event).__name__ for event in rig.journal.commits[-1]]
        assert kinds == ["OrderAnswered", "TradingStateChanged"]


# Where the time goes


async def test_each_stage_of_an_order_that_was_sent_is_timed_and_no_other(rig):
    async with rig.running():
        await rig.signal("a")
        await rig.status("a")
        await rig.signal("denied", symbol="NZDUSD")
        await rig.status("denied")
        assert dict.fromkeys(("inbox", "screen", "appraise", "judge", "commit", "send"), 1) == {
            stage: times.count for stage, times in rig.figures.stages.items()
        }


async def test_a_stage_takes_the_time_that_passed_in_it(rig):
    async def take_long(events: Sequence[Event]) -> None:
        if any(isinstance(event, OrderSending) for event in events):
            rig.clock.advance(0.25)

    rig.journal.after_commit = take_long
    rig.venue.on_submit = lambda _: rig.clock.advance(0.5)
    async with rig.running():
        await rig.signal("a")
        await rig.status("a")
        stages = {stage: times.summary_ms()["max"] for stage, times in rig.figures.stages.items()}
        assert stages == {"inbox": 0, "screen": 0, "appraise": 0, "judge": 0, "commit": 250, "send": 500}
        assert rig.figures.signal_to_send.summary_ms()["max"] == 250


async def test_a_second_try_is_announced(rig):
    rig.venue.replies.append(REQUOTE)
    async with rig.running():
        with capture_logs() as logged:
            await rig.signal("a")
            await rig.status("a")
        (said,) = [line for line in logged if line["event"] == "Order refused, trying once more"]
        assert ("a", 10004, "requote") == (said["signal"], said["retcode"], said["reason"])


async def test_an_order_that_waits_for_its_turn_at_the_terminal_is_not_sent_after_a_stop(rig):
    rig.venue.turn.clear()
    async with rig.running():
        await rig.signal("a")
        await until(lambda: rig.state_known("a"))
        await rig.stop()
        await until(lambda: rig.recorder.state.emergency)
        rig.venue.turn.set()
        assert (await rig.status("a"), rig.last("a").reason) == ("not_executed", "emergency_stop")
        assert [] == rig.venue.submitted


async def test_an_order_that_waits_for_its_turn_past_its_life_is_not_sent(rig):
    rig.venue.turn.clear()
    async with rig.running():
        await rig.signal("a")
        await until(lambda: rig.state_known("a"))
        rig.clock.advance(6)
        rig.venue.turn.set()
        assert (await rig.status("a"), rig.last("a").reason) == ("not_executed", "expiry")
        assert [] == rig.venue.submitted


async def test_a_close_that_waits_for_its_turn_is_sent_in_spite_of_a_stop(rig):
    rig.venue.positions[500] = make_position()
    rig.venue.turn.clear()
    async with rig.running():
        await rig.put(make_close(command_id="c", received_msc=rig.clock.utc_msc()))
        await until(lambda: rig.state_known("c"))
        await rig.stop()
        await until(lambda: rig.recorder.state.emergency)
        rig.venue.turn.set()
        assert await rig.status("c") == "filled"


@pytest.mark.parametrize(
    ("retcode", "reported", "told"),
    [(10009, 0.1, 0.1), (10009, 0.0, 0.1), (10010, 0.06, 0.06), (10010, 0.1, 0.04), (10010, 0.0, 0.04)],
)
async def test_a_history_that_shows_a_first_part_only_takes_nothing_from_the_fill(
    rig, retcode, reported, told
):
    def show_a_part(order):
        rig.venue.deals.append(make_deal(magic=order.request.magic, volume=0.04))

    rig.venue.on_submit = show_a_part
    rig.venue.replies.append(SubmitOutcome(Answer.YES, retcode, volume=reported))
    async with rig.running():
        await rig.signal("a")
        assert await rig.status("a") == ("filled" if retcode == 10009 else "partial")
        assert (rig.last("a").volume, rig.last("a").price) == (told, 1.1002)


def make_deal(**changes):
    """Return a deal of 0.1 EURUSD that opened position 700."""
    deal = Deal(801, 700, 700, "EURUSD", Side.BUY, 0, 0.1, 1.1002, 0.0, 0.0, 0.0, 0, "", NOW)
    return replace(deal, **changes)
