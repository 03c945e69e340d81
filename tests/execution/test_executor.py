"""The executor: decide, journal, apply, and only then act; and a stop that nothing overtakes."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace

import pytest
from structlog.testing import capture_logs
from tests.core.builders import (
    MAGIC_BASE,
    NOW,
    make_account,
    make_cancel,
    make_close,
    make_modify,
    make_pending,
    make_position,
    make_report,
    make_spec,
)
from tests.execution.rig import on_disk
from tests.execution.venue import Reply, until

from hybrid_bridge.core.events import (
    Event,
    IntentReceived,
    OrderAnswered,
    OrderApproved,
    OrderSending,
    TradingState,
)
from hybrid_bridge.core.inputs import AccountObserved, MalformedReceived
from hybrid_bridge.core.orders import ApprovedOrder, Channel, OrderState, Source
from hybrid_bridge.core.requests import make_magic
from hybrid_bridge.core.state import CLOSED_ORDERS_KEPT
from hybrid_bridge.execution.executor import START_GRACE_S

REDPANDA = Source(Channel.REDPANDA, "trading_signals", 0, 41)
FIRST = NOW // 1000  # The number of the first intent of a new journal.


# Journal first.


async def test_one_commit_holds_the_whole_decision_and_is_on_disk_when_the_order_is_sent(rig):
    seen: list[tuple[int, list[str], list[tuple[str]]]] = []
    before = 0

    def look_from_outside(order: ApprovedOrder) -> None:
        kinds = [
            kind
            for (kind,) in on_disk(rig.path, "SELECT kind FROM events WHERE number NOT NULL ORDER BY seq")
        ]
        seen.append(
            (len(rig.journal.commits) - before, kinds, on_disk(rig.path, "SELECT signal_id FROM inbox"))
        )

    rig.venue.on_submit = look_from_outside
    async with rig.running():
        before = len(rig.journal.commits)
        await rig.signal("a")
        assert await rig.status("a") == "filled"
        assert [(1, ["IntentReceived", "OrderApproved", "OrderSending"], [("a",)])] == seen
        assert len(rig.journal.commits) - before == 2
        await until(lambda: rig.settled == ["a"])


async def test_a_signal_is_settled_after_its_commit_and_before_its_order_is_answered(rig):
    settled_at_commit: list[list[str]] = []

    async def note(_: Sequence[Event]) -> None:
        settled_at_commit.append(list(rig.settled))

    rig.venue.gate.clear()
    async with rig.running():
        rig.journal.after_commit = note
        await rig.signal("a")
        await until(lambda: rig.venue.submitted)
        assert [[]] == settled_at_commit
        assert rig.settled == ["a"]
        rig.venue.gate.set()
        await rig.status("a")


async def test_a_denial_costs_one_commit_and_no_question_to_the_venue(rig):
    async with rig.running():
        rig.venue.asked.clear()
        before = len(rig.journal.commits)
        await rig.signal("a", symbol="NZDUSD")
        assert await rig.status("a") == "denied"
        assert len(rig.journal.commits) - before == 1
        assert rig.venue.asked == []


async def test_the_order_carries_its_intents_own_magic_and_the_result_the_venues_figures(rig):
    async with rig.running():
        await rig.signal("a")
        await rig.signal("b", volume=0.2)
        assert await rig.status("b") == "filled"
        assert [make_magic(MAGIC_BASE, FIRST), make_magic(MAGIC_BASE, FIRST + 1)] == [
            order.request.magic for order in rig.venue.submitted
        ]
        told = [message["data"] for message in rig.told()]
        assert [("a", 0.1), ("b", 0.2)] == [(data["signal_id"], data["volume"]) for data in told]
        assert [1.10013, 1.10013] == [data["price"] for data in told]
        assert rig.woken == 2


async def test_a_venues_no_and_no_answer_are_told_apart(rig):
    rig.venue.replies.extend([Reply.NO, Reply.LOST_NEVER_DONE])
    async with rig.running():
        await rig.signal("a")
        await rig.signal("b")
        assert [await rig.status("a"), await rig.status("b")] == ["rejected", "unknown"]
        assert rig.last("a").retcode == 10006


async def test_a_fill_reported_without_a_price_gets_it_from_its_deal(rig):
    rig.venue.replies.append(Reply.YES_WITHOUT_PRICE)
    async with rig.running():
        await rig.signal("a")
        await rig.status("a")
        assert (rig.last("a").status, rig.last("a").price) == ("filled", 1.10013)


async def test_a_fill_reported_without_a_price_gets_it_from_its_position_while_the_history_lags(rig):
    rig.venue.history_lags = True
    rig.venue.replies.append(Reply.YES_WITHOUT_PRICE)
    async with rig.running():
        await rig.signal("a")
        await rig.status("a")
        assert (rig.last("a").price, rig.last("a").volume) == (1.10013, 0.1)


async def test_a_fill_whose_price_cannot_be_asked_for_is_a_fill_all_the_same(rig):
    rig.venue.replies.append(Reply.YES_WITHOUT_PRICE)
    async with rig.running():
        rig.venue.failing = {"look"}
        await rig.signal("a")
        assert (await rig.status("a"), rig.last("a").price) == ("filled", 0.0)


async def test_a_terminal_that_cannot_be_asked_denies_with_its_words(rig):
    async with rig.running():
        rig.venue.failing = {"appraise"}
        await rig.signal("a")
        assert await rig.status("a") == "denied"
        assert "the lane was killed at its deadline" in rig.last("a").detail
        assert rig.venue.submitted == []


async def test_commands_on_a_position_reach_the_venue(rig):
    rig.venue.positions[500] = make_position()
    rig.venue.pending[900] = make_pending()
    async with rig.running():
        await rig.put(make_modify(stop_loss=1.095))
        assert await rig.status("m-1") == "filled"
        assert rig.venue.positions[500].stop_loss == 1.095
        assert rig.venue.positions[500].take_profit == 1.12
        await rig.put(make_close(volume=0.2))
        assert await rig.status("c-1") == "filled"
        assert rig.venue.positions[500].volume == 0.3
        await rig.put(make_cancel())
        assert await rig.status("x-1") == "filled"
        assert rig.venue.pending == {}
        await rig.put(make_close(command_id="c-2", ticket=501))
        assert (await rig.status("c-2"), rig.last("c-2").reason) == ("denied", "position")


async def test_a_question_about_the_position_that_fails_denies_the_command(rig):
    rig.venue.positions[500] = make_position()
    async with rig.running():
        rig.venue.failing = {"report"}
        await rig.put(make_close())
        assert await rig.status("c-1") == "denied"
        assert rig.venue.submitted == []


# The same id again.


async def test_the_same_id_over_both_channels_acts_once(rig):
    async with rig.running():
        await rig.signal("a", payload_hash="same")
        await rig.signal("a", payload_hash="same", source=REDPANDA)
        await until(lambda: len(rig.results) == 2)
        assert rig.statuses("a") == ["filled", "duplicate"]
        assert (rig.last("a").reason, rig.last("a").detail) == (
            "duplicate_signal",
            "already received; it is filled",
        )
        assert len(rig.venue.submitted) == 1
        await until(lambda: rig.settled == ["a", "a"])


async def test_the_same_id_with_another_content_is_called_a_conflict(rig):
    async with rig.running():
        await rig.signal("a", payload_hash="one")
        await rig.signal("a", payload_hash="two", volume=0.9)
        await until(lambda: len(rig.results) == 2)
        assert (rig.last("a").status, rig.last("a").reason) == ("duplicate", "conflict")
        assert len(rig.venue.submitted) == 1


async def test_an_id_that_memory_has_forgotten_is_found_in_the_journal(rig):
    async with rig.running():
        await rig.signal("a", payload_hash="one")
        await rig.status("a")
        state = rig.recorder.state
        assert state.closed.popleft() == FIRST
        del state.orders[FIRST], state.numbers["a"]
        commits = len(rig.journal.commits)
        await rig.signal("a", payload_hash="one")
        await until(lambda: len(rig.results) == 2)
        await rig.signal("a", payload_hash="two")
        await until(lambda: len(rig.results) == 3)
        assert ["filled", "duplicate", "duplicate"] == rig.statuses("a")
        assert ["duplicate_signal", "conflict"] == [result.reason for result in rig.results[1:]]
        assert len(rig.journal.commits) - commits == 2
        assert len(rig.venue.submitted) == 1
        await rig.signal("b")
        assert await rig.status("b") == "filled"
        assert rig.recorder.state.numbers["b"] == FIRST + 1


async def test_memory_is_bounded(rig):
    assert CLOSED_ORDERS_KEPT == 5_000  # Raised, it makes the test above the only one that still holds.
    async with rig.running():
        await rig.signal("a")
        await rig.status("a")
        assert list(rig.recorder.state.closed) == [FIRST]


# The emergency stop.


async def test_a_stop_is_decided_while_an_order_is_on_its_way_and_nothing_is_sent_after(rig):
    rig.venue.gate.clear()
    async with rig.running():
        await rig.signal("flying")
        await until(lambda: rig.venue.submitted)
        for number in range(3):
            await rig.signal(f"queued-{number}")
        await rig.stop()
        await until(lambda: rig.recorder.state.emergency)
        assert rig.statuses("flying") == []
        assert ("TradingStateChanged",) in on_disk(rig.path, "SELECT kind FROM events")
        await until(lambda: "stop" in rig.settled)
        rig.venue.gate.set()
        assert await rig.status("flying") == "filled"
        assert ["denied"] * 3 == [await rig.status(f"queued-{number}") for number in range(3)]
        assert rig.last("queued-2").reason == "emergency_stop"
        await rig.signal("later")
        assert await rig.status("later") == "denied"
        assert len(rig.venue.submitted) == 1


async def test_a_stop_that_comes_while_the_order_is_journaled_withholds_it(rig):
    async def stop_now(events: Sequence[Event]) -> None:
        if any(isinstance(event, OrderSending) for event in events):
            await rig.stop()

    rig.journal.after_commit = stop_now
    async with rig.running():
        await rig.signal("a")
        assert (await rig.status("a"), rig.last("a").reason) == ("not_executed", "emergency_stop")
        assert rig.venue.submitted == []
        assert rig.recorder.state.daily_entries == 1
        await until(lambda: rig.recorder.state.emergency)


async def test_a_stop_that_comes_during_the_appraisal_denies(rig):
    rig.venue.appraisal_gate.clear()
    async with rig.running():
        await rig.signal("a")
        await until(lambda: "appraise" in rig.venue.asked)
        await rig.stop()
        await until(lambda: rig.recorder.state.emergency)
        rig.venue.appraisal_gate.set()
        assert (await rig.status("a"), rig.last("a").reason) == ("denied", "emergency_stop")
        assert rig.venue.submitted == []


async def test_after_the_order_on_its_way_cancels_and_closes_go_before_everything_queued(rig):
    rig.venue.pending[900] = make_pending()
    rig.venue.positions[500] = make_position()
    rig.venue.gate.clear()
    async with rig.running():
        await rig.signal("flying")
        await until(lambda: rig.venue.submitted)
        await rig.put(make_modify(), "m-1")
        await rig.stop(cancel_orders=True, close_positions=True)
        await until(lambda: rig.recorder.state.emergency)
        rig.venue.gate.set()
        await rig.status("m-1")
        await rig.clock.pass_until(lambda: not rig.venue.positions, step_s=0.1)
        sent = [order.intent.signal_id for order in rig.venue.submitted]
        assert sent[0] == "flying"
        assert ["cancel", "close", "close"] == [name.split("-")[2] for name in sent[1:]]
        assert (rig.last("m-1").status, rig.last("m-1").reason) == ("denied", "position")


async def test_a_stop_closes_positions_as_configured_when_it_does_not_say(new_rig, venue):
    for configured, left in ((False, [500]), (True, [])):
        venue.positions[500] = make_position()
        rig = new_rig(close_positions_on_stop=configured)
        async with rig.running():
            await rig.resume("again")
            await rig.stop()
            await until(lambda rig=rig: rig.settled == ["resume", "stop"])
            await rig.clock.pass_until(lambda rig=rig: rig.recorder.state.clearing is None, step_s=0.5)
            assert left == list(venue.positions)


async def test_a_stop_acts_once_the_account_can_be_seen_and_what_waits_is_answered_meanwhile(rig):
    rig.venue.positions[500] = make_position()
    async with rig.running():
        rig.venue.failing = {"report"}
        await rig.stop(close_positions=True)
        await until(lambda: rig.recorder.state.emergency)
        await rig.signal("waiting")
        await rig.clock.pass_until(lambda: rig.statuses("waiting"))
        for _ in range(200):
            rig.clock.advance(1.0)
            await asyncio.sleep(0)
        assert list(rig.venue.positions) == [500]
        rig.venue.failing = set()
        await rig.clock.pass_until(lambda: not rig.venue.positions)


async def test_a_stop_that_was_lifted_before_it_could_act_does_not_act(rig):
    rig.venue.positions[500] = make_position()
    async with rig.running():
        rig.venue.failing = {"report"}
        await rig.stop(close_positions=True)
        await until(lambda: rig.clock.sleeping == 2)
        await rig.resume("false alarm")
        await until(lambda: "resume" in rig.settled)
        rig.venue.failing = set()
        rig.clock.advance(1.0)
        await rig.signal("next")
        assert await rig.status("next") == "filled"
        assert 500 in rig.venue.positions


async def test_a_flood_of_stops_clears_the_account_once(rig):
    rig.venue.positions = {ticket: make_position(ticket=ticket) for ticket in range(500, 505)}
    rig.venue.gate.clear()
    async with rig.running():
        await rig.signal("flying")
        await until(lambda: rig.venue.submitted)
        for _ in range(300):
            await rig.stop(close_positions=True)
        await until(lambda: rig.settled.count("stop") == 300 and rig.inbox.orders_waiting)
        assert rig.inbox.orders_waiting == 5
        rig.venue.gate.set()
        await rig.clock.pass_until(lambda: not rig.venue.positions, step_s=0.1)
        assert len(rig.venue.submitted) == 1 + 6


async def test_closes_of_a_stop_pass_the_door_that_is_closed_for_others(rig):
    rig.venue.positions[500] = make_position()
    async with rig.running(recover=False):
        await rig.signal("a")
        await rig.inbox.put_first([(make_close(command_id="stop-1-close-500"), lambda: None)])
        await rig.put(make_close(command_id="late", ticket=500))
        assert await rig.status("stop-1-close-500") == "filled"
        assert [await rig.status("a"), await rig.status("late")] == ["denied", "denied"]
        assert rig.venue.positions == {}


async def test_a_resume_and_a_stop_keep_their_order(rig):
    async with rig.running(recover=False):
        hold = rig.recorder.lock
        await hold.acquire()
        await rig.stop("first")
        await rig.resume("second")
        await rig.stop("third")
        hold.release()
        await until(lambda: len(rig.settled) == 3)
        assert rig.settled == ["stop", "resume", "stop"]
        assert (rig.recorder.state.trading, rig.recorder.state.halt_reason) == (TradingState.HALTED, "third")


async def test_a_resume_while_nothing_is_halted_is_told_and_changes_nothing(rig):
    async with rig.running():
        before = len(rig.journal.commits)
        with capture_logs() as logged:
            await rig.resume("to be sure")
            await until(lambda: "resume" in rig.settled)
        assert [("Nothing to resume, trading is active", "to be sure")] == [
            (line["event"], line.get("reason")) for line in logged
        ]
        assert before == len(rig.journal.commits)


async def test_a_resume_from_afar_is_refused_and_answered(rig):
    async with rig.running():
        await rig.stop()
        await rig.resume("please", Channel.WEBSOCKET)
        await until(lambda: "resume" in rig.settled)
        assert rig.recorder.state.emergency
        (told,) = rig.told()
        assert ("error", "resume_refused") == (told["type"], told["data"]["reason"])
        assert "hybrid-bridge resume" in told["data"]["detail"]


# Too late.


async def test_a_signal_that_expires_while_it_is_journaled_is_not_sent(rig):
    async def take_long(events: Sequence[Event]) -> None:
        if any(isinstance(event, OrderSending) for event in events):
            rig.clock.advance(5.001)

    rig.journal.after_commit = take_long
    async with rig.running():
        await rig.signal("a")
        assert (await rig.status("a"), rig.last("a").reason) == ("not_executed", "expiry")
        assert "1 ms too late" in rig.last("a").detail
        assert rig.venue.submitted == []


async def test_a_signal_that_expires_while_it_waits_is_told_so(rig):
    rig.venue.gate.clear()
    async with rig.running():
        await rig.signal("flying")
        await until(lambda: rig.venue.submitted)
        await rig.signal("queued")
        rig.clock.advance(6.0)
        rig.venue.gate.set()
        assert await rig.status("queued") == "expired"


async def test_a_pc_clock_that_is_set_back_makes_no_old_signal_fresh(rig):
    rig.venue.gate.clear()
    async with rig.running():
        await rig.signal("flying")
        await until(lambda: rig.venue.submitted)
        await rig.signal("queued")
        rig.clock.advance(6.0)
        rig.clock.pc_ahead_ms = -3_600_000
        rig.venue.gate.set()
        assert await rig.status("queued") == "expired"


# A journal that cannot be written.


async def test_without_a_journal_nothing_is_sent_and_nothing_settled_and_a_stopping_bridge_gives_up(rig):
    async with rig.running():
        await rig.journal.refuse_writes(True)
        await rig.signal("a")
        await rig.signal("b", symbol="NZDUSD")
        draining = asyncio.ensure_future(rig.executor.drain())
        await rig.clock.pass_until(draining.done)
        assert (rig.venue.submitted, rig.settled, rig.results) == ([], [], [])
        assert rig.recorder.state.next_number == FIRST
        await rig.journal.refuse_writes(False)


@pytest.mark.parametrize(("life_ms", "expected"), [(60_000, "filled"), (5_000, "expired")])
async def test_a_signal_waits_for_the_journal_for_as_long_as_it_lives(new_rig, life_ms, expected):
    rig = new_rig(signal_max_age_ms=life_ms)
    async with rig.running():
        await rig.journal.refuse_writes(True)
        with capture_logs() as logged:
            await rig.signal("a")
            start_s = rig.clock.monotonic()
            await rig.clock.pass_until(lambda: rig.clock.monotonic() > start_s + 6)
        said = [line for line in logged if line["event"] == "Journal cannot be written, trying again"]
        assert [("a", True)] == [
            (line["signal"], "close the program that has the file open" in line["error"]) for line in said
        ]
        assert (rig.settled, rig.venue.submitted) == ([], [])
        await rig.journal.refuse_writes(False)
        await rig.clock.pass_until(lambda: rig.statuses("a"), step_s=0.05)
        assert (rig.statuses("a"), rig.settled) == ([expected], ["a"])
        assert len(rig.venue.submitted) == (expected == "filled")


async def test_a_result_is_written_however_long_it_takes_and_nothing_else_is_sent_meanwhile(new_rig):
    rig = new_rig(signal_max_age_ms=60_000)
    rig.venue.gate.clear()
    async with rig.running():
        await rig.signal("a")
        await until(lambda: rig.venue.submitted)
        await rig.signal("b")
        await rig.journal.refuse_writes(True)
        rig.venue.gate.set()
        sleepers = rig.clock.sleeping
        for _ in range(3):
            await until(lambda: rig.clock.sleeping > sleepers)
            rig.clock.advance(1.0)
        assert rig.state("a") is OrderState.SENDING
        assert len(rig.venue.submitted) == 1
        await rig.journal.refuse_writes(False)
        await rig.clock.pass_until(lambda: rig.statuses("a"))
        assert rig.statuses("a") == ["filled"]
        await until(lambda: len(rig.venue.submitted) == 2)
        await rig.status("b")


async def test_a_stop_that_cannot_be_journaled_holds_at_once_and_is_journaled_as_soon_as_possible(rig):
    rig.venue.positions[500] = make_position()
    async with rig.running():
        await rig.journal.refuse_writes(True)
        await rig.stop(close_positions=True)
        await until(lambda: rig.clock.sleeping == 2)
        assert rig.settled == []

        async def mend(_: Sequence[Event]) -> None:
            rig.journal.after_commit = None
            await rig.journal.refuse_writes(True)

        # The journal recovers for the order's commit alone: the stop, not yet on disk, still holds it back.
        rig.journal.after_commit = mend
        await rig.journal.refuse_writes(False)
        await rig.signal("a")
        await until(lambda: rig.state_known("a"))
        await until(lambda: rig.clock.sleeping == 3)
        assert rig.venue.submitted == []
        await rig.journal.refuse_writes(False)
        await rig.clock.pass_until(lambda: rig.statuses("a") and not rig.venue.positions)
        assert (rig.last("a").status, rig.last("a").reason) == ("not_executed", "emergency_stop")
        assert rig.recorder.state.emergency
        assert rig.settled == ["a", "stop"]


async def test_an_observation_that_cannot_be_journaled_costs_nothing_else(rig):
    async with rig.running():
        await rig.journal.refuse_writes(True)
        richer = make_report(account=make_account(equity=20_000.0))
        await rig.put(AccountObserved(richer), "seen")
        await rig.journal.refuse_writes(False)
        await rig.signal("a")
        assert await rig.status("a") == "filled"


async def test_a_refused_message_and_a_resume_wait_for_the_journal_and_a_stop_behind_them_holds(rig):
    async with rig.running():
        await rig.stop()
        await until(lambda: rig.settled == ["stop"])
        await rig.journal.refuse_writes(True)
        with capture_logs() as logged:
            await rig.put(MalformedReceived("not_json", "", "{", REDPANDA, 5, "m-1"), "bad")
            await rig.resume("checked")
            start_s = rig.clock.monotonic()
            await rig.clock.pass_until(lambda: rig.clock.monotonic() > start_s + 5)
        assert rig.settled == ["stop"]
        titles = [line["event"] for line in logged if line["log_level"] == "error"]
        assert titles.count("Answer to a refused message not journaled, trying again") == 1
        await rig.journal.refuse_writes(False)
        await rig.clock.pass_until(lambda: len(rig.settled) == 3)
        assert rig.settled == ["stop", "bad", "resume"]
        assert (rig.recorder.state.trading, rig.figures.malformed) == (TradingState.ACTIVE, 1)
        assert rig.outbox_keys() == ["error:m-1"]


# Facts.


async def test_a_malformed_message_is_counted_and_answered_through_the_outbox(rig):
    async with rig.running(recover=False):
        fact = MalformedReceived("not_json", "expected value at 1", "{oops", REDPANDA, 5)
        await rig.put(fact, "bad")
        await until(lambda: rig.settled == ["bad"])
        (told,) = rig.told()
        assert told == {
            "type": "error",
            "data": {
                "reason": "not_json",
                "detail": "expected value at 1 (from trading_signals/0/41)",
                "of": "{oops",
            },
        }
        assert (rig.figures.malformed, rig.woken) == (1, 1)


async def test_another_account_at_the_terminal_halts(rig):
    async with rig.running():
        await rig.put(AccountObserved(make_report(account=make_account(login=9))), "seen")
        await until(lambda: rig.settled == ["seen"])
        await rig.signal("a")
        assert await rig.status("a") == "denied"
        assert "expected login 7001" in rig.last("a").detail


async def test_a_position_opened_by_hand_is_adopted_once_and_counts(new_rig, venue):
    rig = new_rig(max_open_positions=1)
    async with rig.running():
        await rig.signal("before")
        assert await rig.status("before") == "filled"
        venue.positions = {700: make_position(ticket=700)}
        with capture_logs() as logged:
            for name in ("after", "again"):
                await rig.signal(name)
                assert (await rig.status(name), rig.last(name).reason) == ("denied", "open_positions")
        adopted = [line for line in logged if line["event"] == "Position adopted"]
        assert [(700, True)] == [(line["ticket"], line["external"]) for line in adopted]
        assert [0] == [held.number for held in rig.recorder.state.positions.values()]
        assert rig.venue.submitted[0].intent.number == FIRST


async def test_our_own_position_is_known_as_ours_and_a_stray_is_warned_of(rig):
    async with rig.running():
        await rig.signal("a")
        await rig.status("a")
        (held,) = rig.venue.positions.values()
        stray = make_position(ticket=900, magic=make_magic(MAGIC_BASE, FIRST + 99))
        with capture_logs() as logged:
            await rig.executor.observe(make_report(positions=(held, stray)))
            await rig.executor.observe(make_report(positions=(held, stray)))
        numbers = {ticket: known.number for ticket, known in rig.recorder.state.positions.items()}
        assert numbers == {held.ticket: FIRST, 900: 0}
        warned = [line["ticket"] for line in logged if line["log_level"] == "warning"]
        assert warned == [900]


async def test_a_look_from_before_the_order_does_not_undo_what_a_later_one_showed(rig):
    async with rig.running():
        old = make_report(at_msc=rig.clock.utc_msc())
        rig.clock.advance(1.0)
        held = make_position(ticket=700)
        await rig.executor.observe(make_report(positions=(held,), at_msc=rig.clock.utc_msc()))
        commits = len(rig.journal.commits)
        await rig.put(AccountObserved(old), "seen")
        await until(lambda: rig.settled == ["seen"])
        assert list(rig.recorder.state.positions) == [700]
        assert len(rig.journal.commits) == commits


async def test_the_same_stop_read_twice_stops_once_and_a_resume_in_between_holds(rig):
    read = replace(REDPANDA, record_msc=NOW)
    async with rig.running():
        await rig.stop(source=read)
        await rig.resume("checked")
        await rig.stop(source=read)
        await until(lambda: rig.settled == ["stop", "resume", "stop"])
        assert rig.recorder.state.trading is TradingState.ACTIVE
        await rig.signal("a")
        assert await rig.status("a") == "filled"


async def test_a_stop_that_is_read_again_withholds_nothing(rig):
    read = replace(REDPANDA, record_msc=NOW)

    async def read_again(events: Sequence[Event]) -> None:
        if any(isinstance(event, OrderSending) for event in events):
            rig.settled.clear()
            await rig.stop(source=read)
            await until(lambda: rig.settled == ["stop"])

    async with rig.running():
        await rig.stop(source=read)
        await rig.resume("checked")
        await until(lambda: rig.settled == ["stop", "resume"])
        rig.journal.after_commit = read_again
        await rig.signal("a")
        assert await rig.status("a") == "filled"


async def test_two_messages_that_are_refused_in_one_millisecond_are_two_news(rig):
    async with rig.running(recover=False):
        for name in ("m-1", "m-2", "m-2"):
            await rig.put(MalformedReceived("not_json", "", "{", Source(Channel.WEBSOCKET), 5, name), name)
        await until(lambda: len(rig.settled) == 3)
        assert ["error:m-1", "error:m-2", "error:m-2"] == rig.outbox_keys()


async def test_the_figures_add_up(rig):
    async with rig.running():
        await rig.signal("a")
        await rig.signal("b", symbol="NZDUSD", source=REDPANDA)
        await rig.signal("a")
        await until(lambda: len(rig.results) == 3)
        assert rig.figures.received == {"websocket": 2, "redpanda": 1}
        assert rig.figures.statuses == {"filled": 1, "denied": 1, "duplicate": 1}
        assert (rig.figures.signal_to_send.count, rig.figures.send_to_result.count) == (1, 1)


# Opening, closing, draining.


async def test_nothing_is_accepted_before_the_door_is_opened(rig):
    async with rig.running(recover=False):
        await rig.signal("a")
        assert await rig.status("a") == "denied"
        assert "recovering" in rig.last("a").detail
        rig.executor.close_for("lane", "no terminal")
        assert rig.executor.closed_because == "lane: no terminal"
        await rig.signal("b")
        assert await rig.status("b") == "denied"
        assert "no terminal" in rig.last("b").detail
        rig.executor.open()
        await rig.signal("c")
        assert await rig.status("c") == "filled"


async def test_what_comes_right_after_the_start_waits_for_the_door(new_rig):
    rig = new_rig(signal_max_age_ms=60_000)
    await rig.recovery.restore()
    running = asyncio.ensure_future(rig.executor.run_orders())
    await rig.signal("a")
    await until(lambda: rig.clock.sleeping)
    rig.clock.advance(START_GRACE_S - 0.1)
    rig.executor.open()
    assert await rig.status("a") == "filled"
    running.cancel()
    rig.journal.close()


async def test_what_waits_for_a_door_that_stays_closed_is_denied_after_the_grace(new_rig):
    rig = new_rig(signal_max_age_ms=60_000)
    await rig.recovery.restore()
    running = asyncio.ensure_future(rig.executor.run_orders())
    await rig.signal("a")
    await until(lambda: rig.clock.sleeping)
    rig.clock.advance(START_GRACE_S)
    assert await rig.status("a") == "denied"
    assert "recovering" in rig.last("a").detail
    running.cancel()
    rig.journal.close()


async def test_a_signal_that_is_too_old_when_the_door_opens_is_told_so(rig):
    await rig.recovery.restore()
    running = asyncio.ensure_future(rig.executor.run_orders())
    await rig.signal("a")
    await until(lambda: rig.clock.sleeping)
    rig.clock.advance(6.0)
    rig.executor.open()
    assert await rig.status("a") == "expired"
    running.cancel()
    rig.journal.close()


async def test_a_bridge_that_stops_while_it_starts_refuses_what_waits(rig):
    await rig.recovery.restore()
    running = asyncio.ensure_future(rig.executor.run_orders())
    await rig.signal("a")
    await rig.executor.drain()
    assert (rig.statuses("a"), "stopping" in rig.last("a").detail) == (["denied"], True)
    running.cancel()
    rig.journal.close()


async def test_a_door_that_closes_during_the_appraisal_is_closed(rig):
    rig.venue.appraisal_gate.clear()
    async with rig.running():
        await rig.signal("a")
        await until(lambda: "appraise" in rig.venue.asked)
        rig.executor.close_for("lane", "another account")
        rig.venue.appraisal_gate.set()
        assert await rig.status("a") == "denied"
        assert rig.venue.submitted == []


async def test_draining_refuses_what_waits_and_returns_once_the_order_on_its_way_has_its_result(rig):
    rig.venue.gate.clear()
    async with rig.running():
        await rig.signal("flying")
        await until(lambda: rig.venue.submitted)
        await rig.signal("queued")
        draining = asyncio.ensure_future(rig.executor.drain())
        await asyncio.sleep(0.01)
        assert not draining.done()
        rig.venue.gate.set()
        await draining
        assert (rig.statuses("flying"), rig.statuses("queued")) == (["filled"], ["denied"])
        assert "stopping" in rig.last("queued").detail
        assert len(rig.venue.submitted) == 1
        await rig.executor.drain()


async def test_a_recovery_that_ends_during_the_drain_does_not_open_the_door_again(rig):
    async with rig.running(recover=False):
        await rig.executor.drain()
        rig.executor.open()
        rig.executor.close_for("recovering", "no terminal")
        await rig.signal("a")
        assert await rig.status("a") == "denied"
        assert "stopping" in rig.last("a").detail


async def test_draining_does_not_wait_for_a_terminal_that_cannot_be_seen(rig):
    async with rig.running():
        rig.venue.failing = {"report"}
        await rig.stop(close_positions=True)
        await until(lambda: rig.clock.sleeping == 2)
        draining = asyncio.ensure_future(rig.executor.drain())
        await rig.clock.pass_until(draining.done)
        await draining


async def test_a_crash_while_the_order_is_on_its_way_leaves_it_in_doubt_on_disk(rig):
    rig.venue.gate.clear()
    async with rig.running():
        await rig.signal("a")
        await until(lambda: rig.venue.submitted)
    assert [("OrderSending",)] == on_disk(rig.path, "SELECT kind FROM events ORDER BY seq DESC LIMIT 1")


async def test_events_of_an_order_are_in_the_journal_in_their_order(rig):
    async with rig.running():
        await rig.signal("a")
        await rig.status("a")
        kinds = [type(event) for commit in rig.journal.commits for event in commit][-4:]
        assert [IntentReceived, OrderApproved, OrderSending, OrderAnswered] == kinds


@pytest.mark.parametrize(("limit", "wanted"), [(None, False), (5.0, True)])
async def test_the_risk_of_all_that_is_open_is_asked_for_where_a_limit_needs_it(new_rig, limit, wanted):
    rig = new_rig(max_open_risk_percent=limit)
    async with rig.running():
        await rig.signal("a")
        await rig.status("a")
        assert [wanted] == [query.valued for query in rig.venue.appraised]


async def test_closing_a_position_too_large_for_one_order_says_what_stays_open(rig):
    rig.venue.positions[500] = make_position(volume=0.5)
    rig.venue.spec = make_spec(volume_max=0.3)
    async with rig.running():
        await rig.put(make_close(command_id="c1", received_msc=rig.clock.utc_msc()))
        assert await rig.status("c1") == "partial"
        assert (rig.last("c1").volume, rig.last("c1").ticket) == (0.3, 500)
        assert "0.2 lots of the position stay open" in rig.last("c1").detail
        await rig.put(make_close(command_id="c2", received_msc=rig.clock.utc_msc()))
        assert await rig.status("c2") == "filled"
        assert rig.venue.positions == {}
        assert [0.3, 0.2] == pytest.approx([order.request.volume for order in rig.venue.submitted])


async def test_a_second_close_that_does_not_see_the_first_opens_nothing_on_a_netting_account(rig):
    rig.venue.account = make_account(hedging=False)
    rig.venue.positions[500] = make_position()
    async with rig.running():
        await rig.put(make_close(command_id="c1", received_msc=rig.clock.utc_msc()))
        assert await rig.status("c1") == "filled"
        rig.venue.positions[500] = make_position()  # The terminal shows late what the reply has told.
        await rig.put(make_close(command_id="c2", received_msc=rig.clock.utc_msc()))
        assert await rig.status("c2") == "denied"
        assert 1 == len(rig.venue.submitted)


async def test_a_position_that_shows_late_counts_towards_the_limit_all_the_same(new_rig):
    rig = new_rig(max_open_positions=1)
    async with rig.running():
        await rig.signal("a")
        assert await rig.status("a") == "filled"
        (opened,) = rig.venue.positions.values()
        rig.venue.positions.clear()  # The terminal shows late what the reply has told.
        await rig.signal("b", symbol="GBPUSD")
        assert (await rig.status("b"), rig.last("b").reason) == ("denied", "open_positions")
        rig.venue.positions[opened.ticket] = opened
        await rig.signal("c", symbol="GBPUSD")
        assert await rig.status("c") == "denied"
        rig.venue.positions.clear()  # It was shown once, so this is its end.
        await rig.signal("d", symbol="GBPUSD")
        assert await rig.status("d") == "filled"
