"""What a restart owes to the past, and an unknown outcome to the trader: looking, never sending again."""

import asyncio
from dataclasses import replace

import pytest
from structlog.testing import capture_logs
from tests.core.builders import (
    NOW,
    make_account,
    make_close,
    make_intent,
    make_order,
    make_pending,
    make_position,
)
from tests.execution.rig import on_disk
from tests.execution.venue import Reply, until

from hybrid_bridge.core.events import IntentReceived, OrderApproved, TradingState
from hybrid_bridge.core.inputs import EmergencyStopRequested
from hybrid_bridge.core.orders import Channel, OrderState, Source
from hybrid_bridge.core.reconciliation import HORIZON_MS

HORIZON_S = HORIZON_MS / 1000
FIRST = NOW // 1000  # The number of the first intent of a new journal.


async def send_into_doubt(rig, signal_id: str = "doubtful", reply: Reply = Reply.LOST_NEVER_DONE) -> None:
    rig.venue.replies.append(reply)
    await rig.signal(signal_id)
    assert await rig.status(signal_id) == "unknown"


async def let_looks_pass(rig, seconds: float) -> None:
    """Let time pass in small steps, each once recovery sleeps again."""
    end_s = rig.clock.now_s + seconds
    await rig.clock.pass_until(lambda: rig.clock.now_s >= end_s, 0.5)
    await until(lambda: rig.clock.sleeping)


# Orders in doubt.


async def test_a_late_fill_is_adopted_with_the_facts_of_its_deal_and_never_sent_again(rig):
    async with rig.running():
        await send_into_doubt(rig, reply=Reply.LOST_DONE_LATER)
        await let_looks_pass(rig, 6)
        assert rig.statuses("doubtful") == ["unknown"]
        rig.venue.fill_late()
        await rig.clock.pass_until(lambda: len(rig.statuses("doubtful")) == 2)
        result = rig.last("doubtful")
        assert ("filled", 0.1, 1.10013, 1000) == (result.status, result.volume, result.price, result.ticket)
        await let_looks_pass(rig, 60)
        assert (len(rig.venue.submitted), len(rig.venue.positions)) == (1, 1)
        assert rig.statuses("doubtful") == ["unknown", "filled"]


async def test_a_fill_whose_reply_was_lost_is_found_at_the_first_look(rig):
    async with rig.running():
        await send_into_doubt(rig, reply=Reply.LOST_BUT_DONE)
        await rig.clock.pass_until(lambda: rig.last("doubtful").status == "filled")
        assert rig.clock.now_s <= 3.0
        assert len(rig.venue.submitted) == 1


async def test_a_fill_whose_comment_the_broker_rewrote_is_found_by_its_magic(rig):
    async with rig.running():
        await send_into_doubt(rig, reply=Reply.LOST_DONE_LATER)
        rig.venue.fill_late()
        rig.venue.deals[-1] = replace(rig.venue.deals[-1], comment="[broker]")
        rig.venue.positions.clear()
        await rig.clock.pass_until(lambda: rig.last("doubtful").status == "filled")
        assert rig.last("doubtful").volume == 0.1


async def test_a_fill_that_came_in_part_and_in_several_deals_counts_what_the_deals_add_up_to(rig):
    async with rig.running():
        await send_into_doubt(rig, reply=Reply.LOST_DONE_LATER)
        rig.venue.fill_late()
        rig.venue.positions.clear()
        whole = rig.venue.deals.pop()
        rig.venue.deals += [
            replace(whole, volume=0.03, price=1.1),
            replace(whole, volume=0.01, price=1.2, ticket=9),
        ]
        await rig.clock.pass_until(lambda: rig.last("doubtful").status == "partial")
        assert (rig.last("doubtful").volume, rig.last("doubtful").price) == (0.04, pytest.approx(1.125))


async def test_an_order_in_doubt_blocks_its_symbol_and_no_other(rig):
    async with rig.running():
        await send_into_doubt(rig)
        await rig.signal("same")
        await rig.signal("other", symbol="GBPUSD")
        assert await rig.status("same") == "denied"
        assert "signal doubtful is unknown" in rig.last("same").detail
        assert await rig.status("other") == "filled"
        await rig.clock.pass_until(lambda: rig.last("doubtful").status == "not_executed")
        await rig.signal("after")
        assert await rig.status("after") == "filled"


async def test_not_executed_takes_the_whole_horizon_and_then_is_told(rig):
    async with rig.running():
        await send_into_doubt(rig)
        await let_looks_pass(rig, HORIZON_S)
        assert rig.state("doubtful") is OrderState.UNKNOWN
        await let_looks_pass(rig, 5)
        assert rig.state("doubtful") is OrderState.NOT_EXECUTED
        assert rig.statuses("doubtful") == ["unknown", "not_executed"]
        assert len(rig.venue.submitted) == 1
        told = [message["data"]["status"] for message in rig.told()]
        assert told == ["unknown", "not_executed"]


async def test_a_terminal_without_its_broker_shows_nothing_by_which_to_judge(rig):
    rig.venue.replies.append(Reply.LOST_NEVER_DONE)
    async with rig.running():
        await rig.signal("a")
        await rig.status("a")
        rig.venue.terminal = replace(rig.venue.terminal, connected=False)
        await let_looks_pass(rig, 5 * HORIZON_S)
        assert rig.state("a") is OrderState.UNKNOWN


@pytest.mark.parametrize("how", ["fails", "disconnects", "changes account"])
async def test_after_an_interruption_one_clean_look_is_not_enough(rig, how):
    """A terminal that has just come back may not have its history yet."""
    async with rig.running():
        await send_into_doubt(rig)
        await let_looks_pass(rig, HORIZON_S - 4)
        connected, account = rig.venue.terminal, rig.venue.account
        if how == "fails":
            rig.venue.failing = {"look"}
        elif how == "disconnects":
            rig.venue.terminal = replace(connected, connected=False)
        else:
            rig.venue.account = make_account(login=9)
        await let_looks_pass(rig, 2 * HORIZON_S)
        assert rig.state("doubtful") is OrderState.UNKNOWN
        rig.venue.failing, rig.venue.terminal, rig.venue.account = set(), connected, account
        rig.venue.asked.clear()
        await rig.clock.pass_until(lambda: rig.venue.asked.count("look") == 1, 0.5)
        await until(lambda: rig.clock.sleeping)
        assert rig.state("doubtful") is OrderState.UNKNOWN
        await rig.clock.pass_until(lambda: rig.state("doubtful") is OrderState.NOT_EXECUTED)


async def test_another_accounts_empty_history_proves_nothing(rig):
    async with rig.running():
        await send_into_doubt(rig)
        rig.venue.account = make_account(login=9)
        await let_looks_pass(rig, 3 * HORIZON_S)
        assert rig.state("doubtful") is OrderState.UNKNOWN


async def test_a_pc_clock_that_jumps_forward_does_not_shorten_the_horizon(rig):
    async with rig.running():
        await send_into_doubt(rig)
        await let_looks_pass(rig, 5)
        rig.clock.pc_ahead_ms = 3_600_000
        await let_looks_pass(rig, 5)
        assert rig.state("doubtful") is OrderState.UNKNOWN
        await rig.clock.pass_until(lambda: rig.state("doubtful") is OrderState.NOT_EXECUTED)


async def test_a_result_of_a_look_that_cannot_be_journaled_is_found_again(rig):
    async with rig.running():
        await send_into_doubt(rig, reply=Reply.LOST_BUT_DONE)
        await rig.journal.refuse_writes(True)
        await let_looks_pass(rig, 10)
        assert rig.state("doubtful") is OrderState.UNKNOWN
        await rig.journal.refuse_writes(False)
        await rig.clock.pass_until(lambda: rig.state("doubtful") is OrderState.FILLED)
        assert rig.statuses("doubtful") == ["unknown", "filled"]


async def test_a_close_in_doubt_is_resolved_by_its_deal(rig):
    rig.venue.positions[500] = make_position()
    rig.venue.replies.append(Reply.LOST_BUT_DONE)
    async with rig.running():
        await rig.put(make_close())
        assert await rig.status("c-1") == "unknown"
        await rig.clock.pass_until(lambda: rig.last("c-1").status == "filled")
        assert (rig.last("c-1").volume, rig.last("c-1").ticket, len(rig.venue.submitted)) == (0.5, 500, 1)


# Restarts.


async def crash_while_sending(rig, signal_id: str = "a") -> None:
    rig.venue.gate.clear()
    async with rig.running():
        await rig.signal(signal_id)
        await until(lambda: rig.venue.submitted)


async def test_a_crash_before_the_reply_ends_in_the_adopted_fill(new_rig, venue):
    first = new_rig()
    await crash_while_sending(first)
    venue._execute(venue.submitted[0])
    second = new_rig()
    async with second.running():
        assert ["unknown", "filled"] == second.statuses("a")
        assert (second.last("a").volume, second.last("a").price) == (0.1, 1.10013)
        assert len(venue.submitted) == 1
    third = new_rig()
    async with third.running():
        assert (third.state("a"), third.results) == (OrderState.FILLED, [])


async def test_a_crash_before_the_send_ends_in_not_executed_and_the_user_is_told(new_rig, venue):
    await crash_while_sending(new_rig())
    second = new_rig()
    async with second.running():
        assert second.state("a") is OrderState.UNKNOWN
        await second.signal("b")
        assert await second.status("b") == "denied"
        assert "no order of unknown outcome" in second.last("b").detail
        await let_looks_pass(second, HORIZON_S - 2)
        assert second.state("a") is OrderState.UNKNOWN
        await second.clock.pass_until(lambda: second.state("a") is OrderState.NOT_EXECUTED)
        assert len(venue.submitted) == 1
        assert [("a", "unknown"), ("b", "denied"), ("a", "not_executed")] == [
            (message["data"]["signal_id"], message["data"]["status"]) for message in second.told()
        ]


async def test_a_crash_in_doubt_stays_in_doubt(new_rig, venue):
    first = new_rig()
    async with first.running():
        await send_into_doubt(first)
    second = new_rig()
    async with second.running():
        assert second.state("doubtful") is OrderState.UNKNOWN
        assert second.results == []
        await let_looks_pass(second, HORIZON_S - 2)
        assert second.state("doubtful") is OrderState.UNKNOWN
        await second.clock.pass_until(lambda: second.state("doubtful") is OrderState.NOT_EXECUTED)
    assert len(venue.submitted) == 1


async def test_what_an_interrupted_decision_left_behind_expires_and_the_user_is_told(new_rig, venue):
    """Decision and SENDING are one commit, so only a journal from elsewhere can hold this."""
    first = new_rig()
    async with first.running():
        order = make_order(make_intent(FIRST + 1))
        left = [IntentReceived(make_intent(FIRST), "h-1"), IntentReceived(order.intent, "h-2")]
        async with first.recorder.lock:
            await first.recorder.commit([*left, OrderApproved(order, NOW)])
    second = new_rig()
    async with second.running():
        told = [(result.signal_id, result.status) for result in second.results]
        assert [(f"s-{FIRST}", "expired"), (f"s-{FIRST + 1}", "expired")] == told
        assert "stopped before it was sent" in second.results[0].detail
        assert venue.submitted == []


async def test_a_redelivered_signal_after_a_restart_is_a_duplicate(new_rig, venue):
    first = new_rig()
    async with first.running():
        await first.signal("a")
        await first.status("a")
    second = new_rig()
    async with second.running():
        await second.signal("a")
        assert await second.status("a") == "duplicate"
        await second.signal("b")
        assert await second.status("b") == "filled"
        assert second.recorder.state.numbers == {"a": FIRST, "b": FIRST + 1}
    assert len(venue.submitted) == 2


async def test_the_daily_count_survives_a_restart_and_the_brokers_next_day_frees_it(new_rig, venue):
    first = new_rig(max_daily_trades=2)
    async with first.running():
        await first.signal("a")
        assert await first.status("a") == "filled"
        await send_into_doubt(first, "b")
    second = new_rig(max_daily_trades=2)
    async with second.running():
        await second.signal("c", symbol="GBPUSD")
        assert (await second.status("c"), second.last("c").reason) == ("denied", "daily_trades")
        venue.server_day += 1
    third = new_rig(max_daily_trades=2)
    async with third.running():
        await third.signal("d", symbol="GBPUSD")
        assert await third.status("d") == "filled"
        assert third.recorder.state.daily_entries == 1


async def test_the_emergency_stop_survives_restarts_until_a_person_lifts_it(new_rig):
    first = new_rig()
    async with first.running():
        await first.stop("smoke")
        await until(lambda: first.recorder.state.emergency)
    second = new_rig()
    async with second.running():
        await second.signal("a")
        assert await second.status("a") == "denied"
        assert "smoke" in second.last("a").detail
        await second.resume("all clear")
        await until(lambda: "resume" in second.settled)
    third = new_rig()
    async with third.running():
        await third.signal("b")
        assert await third.status("b") == "filled"


@pytest.mark.parametrize(
    ("limits", "stopped", "entries"),
    [
        ({}, False, "on"),
        ({}, True, "off, trading is halted"),
        ({"trading_enabled": False}, False, "off, TRADING_ENABLED is false"),
        ({"trading_enabled": False}, True, "off, TRADING_ENABLED is false"),
    ],
)
async def test_what_is_said_of_entries_when_the_door_opens_is_true(new_rig, limits, stopped, entries):
    first = new_rig(**limits)
    async with first.running():
        if stopped:
            await first.stop()
            await until(lambda: "stop" in first.settled)
    with capture_logs() as logged:
        second = new_rig(**limits)
        async with second.running():
            await until(lambda: any(line["event"] == "Open for orders" for line in logged))
    (opened,) = [line for line in logged if line["event"] == "Open for orders"]
    assert entries == opened["entries"]


async def test_the_setting_emergency_stop_latches_and_clears_the_account(new_rig, venue):
    venue.pending[900] = make_pending()
    venue.positions[500] = make_position()
    first = new_rig(emergency_stop=True)
    async with first.running():
        await first.clock.pass_until(lambda: not venue.pending, 0.5)
        assert list(venue.positions) == [500]
        await first.signal("a")
        assert (await first.status("a"), first.last("a").reason) == ("denied", "emergency_stop")
    second = new_rig()
    async with second.running():
        await second.signal("b")
        assert await second.status("b") == "denied"
        assert second.recorder.state.trading is TradingState.HALTED


# The door.


async def test_the_door_stays_closed_until_the_account_was_seen_and_denials_say_why(rig):
    rig.venue.failing = {"report"}
    async with rig.running():
        await until(lambda: rig.clock.sleeping)
        await rig.signal("early")
        assert await rig.status("early") == "denied"
        assert "recovering" in rig.last("early").detail
        assert "report: the lane was killed at its deadline" in rig.last("early").detail
        assert "killed" in rig.executor.closed_because
        with capture_logs() as logged:
            for _ in range(5):
                rig.clock.advance(1.0)
                await until(lambda: rig.clock.sleeping)
        assert logged == []
        rig.venue.failing = set()
        await rig.clock.pass_until(lambda: not rig.executor.closed_because)
        await rig.signal("late")
        assert await rig.status("late") == "filled"


async def test_the_door_stays_closed_while_an_order_in_doubt_cannot_be_looked_for(new_rig):
    await crash_while_sending(new_rig())
    second = new_rig()
    second.venue.failing = {"look"}
    async with second.running():
        await until(lambda: second.clock.sleeping)
        await second.signal("early", symbol="GBPUSD")
        assert await second.status("early") == "denied"
        assert "look: the lane was killed" in second.last("early").detail
        second.venue.failing = set()
        await second.clock.pass_until(lambda: not second.executor.closed_because)


async def test_the_door_stays_closed_while_the_journal_cannot_be_written(rig):
    rig.venue.failing = {"report"}
    async with rig.running():
        await until(lambda: rig.clock.sleeping)
        await rig.journal.refuse_writes(True)
        rig.venue.failing = set()
        for _ in range(3):
            rig.clock.advance(1.0)
            await until(lambda: rig.clock.sleeping)
        assert "database is locked" in rig.executor.closed_because
        await rig.journal.refuse_writes(False)
        await rig.clock.pass_until(lambda: not rig.executor.closed_because)


async def test_the_wrong_account_halts_and_its_history_proves_nothing(new_rig, venue):
    await crash_while_sending(new_rig())
    venue.account = make_account(login=9)
    second = new_rig()
    async with second.running():
        await second.signal("b", symbol="GBPUSD")
        assert await second.status("b") == "denied"
        assert "another account is logged in: 9, expected login 7001" in second.last("b").detail
        await let_looks_pass(second, 3 * HORIZON_S)
        assert second.state("a") is OrderState.UNKNOWN
        assert ("TradingStateChanged",) in on_disk(second.path, "SELECT kind FROM events")
        venue.account = make_account()
        await second.clock.pass_until(lambda: second.state("a") is OrderState.NOT_EXECUTED)
        assert second.recorder.state.trading is TradingState.HALTED


async def test_a_halt_that_outlived_a_restart_is_told_with_its_reason(new_rig):
    first = new_rig()
    async with first.running():
        stop = EmergencyStopRequested("fire", None, True, Source(Channel.LOCAL), first.clock.utc_msc())
        await first.inbox.put(stop)
        await first.clock.pass_until(lambda: first.recorder.state.trading is TradingState.HALTED)
    second = new_rig()
    with capture_logs() as logged:
        await second.recovery.restore()
    (said,) = (line for line in logged if line["event"] == "Trading is still halted")
    assert ("fire", True) == (said["reason"], "hybrid-bridge resume" in said["mend"])
    second.journal.close()


async def test_a_day_s_loss_that_outlived_a_restart_is_said_to_end_with_the_day(new_rig):
    first = new_rig(max_daily_loss_percent=5.0)
    async with first.running():
        await first.look(equity=9_400.0)
        assert first.recorder.state.trading is TradingState.REDUCING
    second = new_rig(max_daily_loss_percent=5.0)
    with capture_logs() as logged:
        await second.recovery.restore()
    (said,) = (line for line in logged if line["event"] == "Only what reduces is still permitted")
    assert "entries resume on the broker's next day" == said["mend"]
    second.journal.close()


async def test_restoring_asks_the_venue_nothing_and_says_what_it_found(new_rig, venue):
    await crash_while_sending(new_rig())
    venue.asked.clear()
    second = new_rig()
    with capture_logs() as logged:
        await second.recovery.restore()
    (said,) = (line for line in logged if line["event"] == "Journal restored")
    assert (1, "active") == (said["in_doubt"], said["trading"])
    assert venue.asked == []
    second.journal.close()
    await asyncio.sleep(0)
