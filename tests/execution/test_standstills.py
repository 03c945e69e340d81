"""The PC slept, or the process was held up: what was known before is not acted upon, and stops always are."""

import asyncio

import pytest
from tests.core.builders import make_close, make_position
from tests.execution.venue import Reply, until

from hybrid_bridge.core.events import OrderSending, TradingState
from hybrid_bridge.core.orders import Answer, OrderState, SubmitOutcome
from hybrid_bridge.execution.executor import START_GRACE_S

AGES = 3_600_000  # A trader who lets signals live for an hour: their age alone refuses nothing here.
REQUOTE = SubmitOutcome(Answer.NO, 10004, reason="requote", detail="the price moved", retriable=True)


def answered(rig, signal_id):
    return [(status, rig.last(signal_id).reason) for status in rig.statuses(signal_id)]


async def test_an_order_that_was_approved_before_a_sleep_and_not_written_is_not_sent(new_rig):
    rig = new_rig(signal_max_age_ms=AGES)

    async def sleep_at_the_commit(events):
        if any(isinstance(event, OrderSending) for event in events):
            rig.sleep(600.0)

    async with rig.running():
        rig.journal.after_commit = sleep_at_the_commit
        await rig.signal("a")
        assert await rig.status("a") == "not_executed"
        assert ([("not_executed", "expiry")], []) == (answered(rig, "a"), rig.venue.submitted)
        assert "slept" in rig.last("a").detail


async def test_an_order_that_waits_for_its_turn_over_a_sleep_is_withdrawn_and_not_in_doubt(new_rig):
    rig = new_rig(signal_max_age_ms=AGES)
    async with rig.running():
        rig.venue.turn.clear()
        await rig.signal("a")
        await until(lambda: rig.state_known("a") and rig.state("a") is OrderState.SENDING)
        rig.sleep(600.0)
        rig.venue.turn.set()
        assert await rig.status("a") == "not_executed"
        assert (OrderState.NOT_EXECUTED, []) == (rig.state("a"), rig.venue.submitted)


async def test_a_close_is_withheld_too_and_its_sender_told(rig):
    rig.venue.positions[500] = make_position(ticket=500)
    async with rig.running():
        rig.venue.turn.clear()
        await rig.put(make_close(received_msc=rig.clock.utc_msc()))
        await until(lambda: rig.state_known("c-1") and rig.state("c-1") is OrderState.SENDING)
        rig.sleep(20.0)
        rig.venue.turn.set()
        assert await rig.status("c-1") == "not_executed"
        assert ([("not_executed", "expiry")], []) == (answered(rig, "c-1"), rig.venue.submitted)


async def test_one_that_was_being_sent_keeps_the_answer_that_the_terminal_gives(new_rig):
    rig = new_rig(signal_max_age_ms=AGES)
    async with rig.running():
        rig.venue.gate.clear()
        await rig.signal("a")
        await until(lambda: rig.venue.submitted)
        rig.sleep(600.0)
        rig.venue.gate.set()
        assert await rig.status("a") == "filled"


async def test_one_that_was_being_sent_and_has_no_answer_is_in_doubt_and_found(new_rig):
    rig = new_rig(signal_max_age_ms=AGES)
    rig.venue.replies.append(Reply.LOST_BUT_DONE)
    async with rig.running():
        rig.venue.gate.clear()
        await rig.signal("a")
        await until(lambda: rig.venue.submitted)
        rig.sleep(600.0)
        rig.venue.gate.set()
        assert await rig.status("a") == "unknown"
        await rig.recovery.see_anew()
        await rig.clock.pass_until(lambda: "filled" in rig.statuses("a"))
        assert len(rig.venue.submitted) == 1


async def test_what_comes_after_a_sleep_waits_until_the_account_was_seen_anew(new_rig):
    rig = new_rig(signal_max_age_ms=AGES)
    async with rig.running():
        rig.sleep(600.0)
        assert rig.executor.closed_because.startswith("waking: ")
        await rig.signal("a")
        await until(lambda: rig.clock.sleeping)
        rig.venue.asked.clear()
        assert ([], []) == (rig.venue.appraised, rig.statuses("a"))
        await rig.recovery.see_anew()
        assert (rig.venue.asked[0], rig.executor.closed_because) == ("report", "")
        assert await rig.status("a") == "filled"


async def test_it_is_denied_when_the_terminal_cannot_be_asked_for_too_long(new_rig):
    rig = new_rig(signal_max_age_ms=AGES)
    async with rig.running():
        rig.venue.failing.add("report")
        rig.sleep(600.0)
        seeing = asyncio.ensure_future(rig.recovery.see_anew())
        await rig.signal("a")
        await until(lambda: rig.executor.closed_because.startswith("recovering"))
        await rig.clock.pass_until(lambda: rig.statuses("a"), START_GRACE_S)
        assert (["denied"], []) == (rig.statuses("a"), rig.venue.submitted)
        rig.venue.failing.clear()
        await rig.clock.pass_until(seeing.done)
        await rig.signal("b")
        assert await rig.status("b") == "filled"


async def test_a_signal_that_waited_over_the_sleep_is_too_old(rig):
    async with rig.running():
        rig.venue.appraisal_gate.clear()
        await rig.signal("a")
        await until(lambda: rig.venue.appraised)
        await rig.signal("b")
        rig.sleep(600.0)
        rig.venue.appraisal_gate.set()
        await rig.recovery.see_anew()
        assert ("expired", "expired") == (await rig.status("a"), await rig.status("b"))
        assert rig.venue.submitted == []


async def test_what_the_terminal_said_before_a_sleep_is_asked_again(new_rig):
    rig = new_rig(signal_max_age_ms=AGES)
    async with rig.running():
        rig.venue.appraisal_gate.clear()
        await rig.signal("a")
        await until(lambda: rig.venue.appraised)
        rig.sleep(600.0)
        rig.venue.appraisal_gate.set()
        await rig.recovery.see_anew()
        assert await rig.status("a") == "filled"
        assert len(rig.venue.appraised) == 2


async def test_a_second_sleep_while_the_account_is_looked_at_has_it_looked_at_again(rig, monkeypatch):
    report, looks = rig.venue.report, []

    async def sleep_at_the_first():
        looks.append(rig.standstills)
        seen = await report()
        if len(looks) == 1:
            rig.standstills += 1
        return seen

    async with rig.running():
        rig.standstills += 1
        monkeypatch.setattr(rig.venue, "report", sleep_at_the_first)
        await rig.recovery.see_anew()
        assert ([1, 2], "") == (looks, rig.executor.closed_because)


async def test_a_refused_order_is_not_tried_again_after_a_sleep(new_rig):
    rig = new_rig(signal_max_age_ms=AGES)
    rig.venue.replies.append(REQUOTE)
    async with rig.running():
        rig.venue.on_submit = lambda _: rig.sleep(600.0)
        await rig.signal("a")
        assert await rig.status("a") == "rejected"
        assert "not tried again" in rig.last("a").detail
        assert len(rig.venue.submitted) == 1


async def test_an_emergency_stop_is_obeyed_at_once_while_the_account_is_not_seen_yet(rig):
    async with rig.running():
        rig.venue.failing.add("report")
        rig.sleep(600.0)
        await rig.stop()
        await until(lambda: "stop" in rig.settled)
        assert TradingState.HALTED is rig.recorder.state.trading


async def test_an_emergency_stop_that_was_clearing_goes_on_once_the_account_is_seen(rig):
    rig.venue.positions[500] = make_position(ticket=500)
    async with rig.running():
        rig.venue.turn.clear()
        await rig.stop(close_positions=True)
        await rig.clock.pass_until(lambda: len(rig.recorder.state.orders) == 1)
        rig.sleep(600.0)
        rig.venue.turn.set()
        await rig.recovery.see_anew()
        await rig.clock.pass_until(lambda: rig.recorder.state.clearing is None)
        assert (1, {}) == (len(rig.venue.submitted), rig.venue.positions)


async def test_looks_from_before_a_sleep_prove_nothing_of_an_order_in_doubt(new_rig):
    rig = new_rig(signal_max_age_ms=AGES)
    rig.venue.replies.append(Reply.LOST_DONE_LATER)
    async with rig.running():
        await rig.signal("a")
        await rig.status("a")
        rig.venue.asked.clear()
        await rig.clock.pass_until(lambda: "look" in rig.venue.asked)
        rig.sleep(600.0)
        rig.venue.asked.clear()
        await rig.recovery.see_anew()
        assert ("look" in rig.venue.asked, rig.statuses("a")) == (True, ["unknown"])
        rig.venue.fill_late()
        await rig.clock.pass_until(lambda: len(rig.statuses("a")) == 2)
        assert rig.statuses("a") == ["unknown", "filled"]


async def test_a_look_from_before_a_sleep_does_not_count_towards_closing_everything(new_rig):
    limits = {"max_daily_loss_percent": 5.0, "flatten_on_breach": True, "breach_readings": 2}
    rig = new_rig(signal_max_age_ms=AGES, **limits)
    async with rig.running():
        await rig.look(equity=9_000.0)
        assert TradingState.REDUCING is rig.recorder.state.trading
        rig.sleep(600.0)
        await rig.look(equity=9_000.0)
        assert TradingState.REDUCING is rig.recorder.state.trading
        await rig.look(equity=9_000.0)
        assert TradingState.HALTED is rig.recorder.state.trading


async def test_a_resume_after_a_sleep_waits_for_a_look_at_the_account_where_a_limit_was_broken(new_rig):
    rig = new_rig(max_daily_loss_percent=5.0)
    async with rig.running():
        await rig.look(equity=9_000.0)
        rig.sleep(600.0)
        await rig.resume("early")
        await until(lambda: "resume" in rig.settled)
        told = [message["data"] for message in rig.told() if message["type"] == "error"]
        assert "not shown the account's money yet" in told[-1]["detail"]


# Across midnight


async def test_the_day_changes_over_the_sleep_once_the_terminal_shows_it(new_rig):
    rig = new_rig(signal_max_age_ms=AGES, max_daily_trades=1)
    async with rig.running():
        await rig.signal("today")
        assert await rig.status("today") == "filled"
        rig.sleep(28_800.0)
        await rig.recovery.see_anew()
        await rig.signal("the terminal shows yesterday still")
        assert await rig.status("the terminal shows yesterday still") == "denied"
        rig.venue.server_day += 1
        await rig.look()
        await rig.signal("tomorrow", volume=0.2)
        assert await rig.status("tomorrow") == "filled"


async def test_a_days_loss_ends_with_the_day_not_with_the_sleep(new_rig):
    rig = new_rig(signal_max_age_ms=AGES, max_daily_loss_percent=5.0)
    async with rig.running():
        await rig.look(equity=9_000.0)
        rig.sleep(28_800.0)
        await rig.recovery.see_anew()
        assert TradingState.REDUCING is rig.recorder.state.trading
        rig.sleep(28_800.0)
        rig.venue.server_day += 1
        await rig.recovery.see_anew()
        assert TradingState.ACTIVE is rig.recorder.state.trading
        assert 9_000.0 == rig.recorder.state.day_equity


@pytest.mark.parametrize(("slept_s", "expected"), [(1_800.0, "denied"), (3_700.0, "filled")])
async def test_a_pause_after_losses_is_as_long_asleep_as_awake(new_rig, slept_s, expected):
    rig = new_rig(signal_max_age_ms=AGES, max_consecutive_losses=1, cooldown_ms=3_600_000)
    async with rig.running():
        await rig.signal("loses")
        await rig.status("loses")
        (ticket,) = rig.venue.positions
        await rig.look()
        rig.venue.stop_out(ticket, -10.0)
        await rig.look()
        await rig.clock.pass_until(lambda: rig.recorder.state.loss_streak == 1, 0.1)
        rig.sleep(slept_s)
        await rig.recovery.see_anew()
        await rig.signal("after")
        assert await rig.status("after") == expected
