"""Results of trades, asked for and journaled once; what losses and payments leave behind over a restart.

Everything runs on the real journal on disk; a restart is another life on the same file.
"""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from tests.core.builders import DAY, NOW, make_account
from tests.execution.rig import Rig, on_disk
from tests.execution.venue import ManualClock, Venue, until

from hybrid_bridge.core.account import BalanceOperation
from hybrid_bridge.core.events import EntrySettled, TradeClosed, TradingState
from hybrid_bridge.core.orders import Channel
from hybrid_bridge.core.state import EngineState
from hybrid_bridge.execution.settling import (
    MOST_RETRY_S,
    OUT_OF_REACH_MS,
    PATIENCE_MS,
    REST_SHARE,
    TRIES_MOST,
)

NewRig = Callable[..., Rig]
DAY_S = 86_400.0


async def lose(rig: Rig, signal_id: str, profit: float = -5.0, **signal: Any) -> None:
    """Open a position, see it, let it be stopped out and have its result known."""
    await rig.signal(signal_id, **signal)
    assert "filled" == await rig.status(signal_id)
    await rig.look()
    rig.venue.stop_out(rig.last(signal_id).ticket, profit)
    await rig.look()
    await until(lambda: not rig.recorder.state.unsettled)


def results(rig: Rig) -> list[TradeClosed]:
    return [event for commit in rig.journal.commits for event in commit if isinstance(event, TradeClosed)]


def of_losses(state: EngineState) -> tuple[Any, ...]:
    """What is known of losses: all that a restart must give back."""
    return (
        (state.loss_streak, state.losses, state.last_win, state.last_loss_msc, state.last_loss_day),
        list(state.unsettled),
        (state.trading, state.breach, state.flattened, state.clearing, state.cleared, state.halt_reason),
        (state.day_equity, state.day_opened_msc, state.equity_peak, state.peak_msc, state.server_day),
        (state.funds_moves, state.tightened, state.daily_entries),
    )


async def same_after_a_restart(new_rig: NewRig, rig: Rig) -> EngineState:
    """Restore another life on the file that this one leaves; what is known must be the same."""
    before = of_losses(rig.recorder.state)
    other = new_rig()
    await other.recovery.restore()
    other.journal.close()
    assert before == of_losses(other.recorder.state)
    return other.recorder.state


# Results


async def test_a_trade_that_ended_is_counted_once_with_its_costs(rig: Rig, venue: Venue) -> None:
    async with rig.running():
        await lose(rig, "s-1")
        for _ in range(5):
            await rig.look()

        (closed,) = results(rig)
        number, ticket = rig.recorder.state.numbers["s-1"], rig.last("s-1").ticket
        assert (closed.numbers, closed.position, closed.profit) == ((number,), ticket, -5.0)
        assert (closed.deal, closed.server_day) == (venue.deals[-1].ticket, DAY)
        assert 1 == rig.recorder.state.loss_streak


async def test_an_open_position_is_asked_for_nothing(rig: Rig, venue: Venue) -> None:
    async with rig.running():
        await rig.signal("s-1")
        await rig.status("s-1")
        await rig.look()
        asked = venue.asked.count("deals")
        await rig.look()
        await rig.look()

        assert asked == venue.asked.count("deals")
        assert [] == results(rig)


async def test_a_result_that_the_history_does_not_tell_yet_is_asked_for_again_and_never_made_up(
    rig: Rig, venue: Venue, clock: ManualClock
) -> None:
    async with rig.running():
        await rig.signal("s-1")
        await rig.status("s-1")
        late = venue.stop_out(rig.last("s-1").ticket, -5.0, shown=False)
        asked: list[int] = []
        for _ in range(10):
            await rig.look()
            before = venue.asked.count("deals")
            await rig.look()
            asked.append(before)
        assert [] == results(rig)
        assert len(asked) > venue.asked.count("deals") > 2, "asked less and less often"

        venue.deals.append(late)
        clock.advance(MOST_RETRY_S)
        await rig.look()
        await until(lambda: results(rig))
        assert 1 == rig.recorder.state.loss_streak


async def test_a_part_of_the_deals_is_no_result(rig: Rig, venue: Venue, clock: ManualClock) -> None:
    async with rig.running():
        await rig.signal("s-1")
        await rig.status("s-1")
        closing = venue.stop_out(rig.last("s-1").ticket, -5.0)
        venue.deals[-1] = replace(closing, volume=closing.volume / 2)
        await rig.look()
        await until(lambda: "deals" in venue.asked)
        opening = venue.deals.pop(0)
        clock.advance(2.0)
        await rig.look()
        await until(lambda: venue.asked.count("deals") >= 2)
        assert [] == results(rig)
        halves = [
            replace(deal, volume=deal.volume / 2, profit=deal.profit / 2) for deal in (opening, closing)
        ]
        venue.deals[:] = halves
        clock.advance(MOST_RETRY_S)
        await rig.look()
        await until(lambda: venue.asked.count("deals") >= 3)
        assert [] == results(rig)

        venue.deals[:] = [opening, closing]
        clock.advance(MOST_RETRY_S)
        await rig.look()
        await until(lambda: results(rig))
        assert [-5.0] == [closed.profit for closed in results(rig)]


async def test_a_terminal_that_cannot_be_asked_is_asked_at_a_later_look(
    rig: Rig, venue: Venue, clock: ManualClock
) -> None:
    async with rig.running():
        await rig.signal("s-1")
        await rig.status("s-1")
        venue.stop_out(rig.last("s-1").ticket, 5.0)
        venue.failing.add("deals")
        await rig.look()
        await until(lambda: "deals" in venue.asked)
        venue.failing.clear()
        clock.advance(MOST_RETRY_S)
        await rig.look()

        await until(lambda: results(rig))


async def test_an_unconnected_terminal_s_history_tells_nothing(rig: Rig, venue: Venue) -> None:
    async with rig.running():
        await rig.signal("s-1")
        await rig.status("s-1")
        venue.stop_out(rig.last("s-1").ticket, 5.0)
        report = await venue.report()
        venue.terminal = replace(venue.terminal, connected=False)
        rig.settling.take(report)
        await until(lambda: "deals" in venue.asked)
        await rig.look()

        assert [] == results(rig)


async def test_a_result_that_cannot_be_recorded_is_recorded_later(
    rig: Rig, venue: Venue, clock: ManualClock
) -> None:
    async with rig.running():
        await rig.signal("s-1")
        await rig.status("s-1")
        await rig.look()
        venue.stop_out(rig.last("s-1").ticket, -5.0)
        report = await venue.report()
        await rig.journal.refuse_writes(True)
        rig.settling.take(report)
        await until(lambda: "deals" in venue.asked)
        await rig.journal.refuse_writes(False)
        clock.advance(MOST_RETRY_S)
        await rig.look()

        await until(lambda: results(rig))
        assert 1 == rig.recorder.state.loss_streak


async def test_on_a_netting_account_one_position_of_several_entries_is_one_trade(
    rig: Rig, venue: Venue
) -> None:
    venue.account = make_account(hedging=False)
    async with rig.running():
        for signal_id in ("s-1", "s-2"):
            await rig.signal(signal_id)
            await rig.status(signal_id)
        # The second deal made the first one's position larger.
        first, second = rig.last("s-1").ticket, rig.last("s-2").ticket
        venue.deals[:] = [replace(deal, position_id=first) for deal in venue.deals]
        del venue.positions[second]
        venue.positions[first] = replace(venue.positions[first], volume=0.2)
        await rig.look()
        venue.stop_out(first, -9.0)
        await rig.look()
        await until(lambda: not rig.recorder.state.unsettled)

        (closed,) = results(rig)
        numbers = rig.recorder.state.numbers
        assert ((numbers["s-1"], numbers["s-2"]), -9.0) == (closed.numbers, closed.profit)
        assert 1 == rig.recorder.state.loss_streak


async def test_many_trades_that_ended_are_asked_for_at_once_and_counted_in_one_commit(
    rig: Rig, venue: Venue
) -> None:
    profits = {"s-1": -1.0, "s-2": -2.0, "s-3": 7.0, "s-4": -4.0, "s-5": -5.0}
    async with rig.running():
        for place, signal_id in enumerate(profits, start=1):
            await rig.signal(signal_id, volume=place / 100)
            assert "filled" == await rig.status(signal_id)
        await rig.look()
        for signal_id, profit in profits.items():
            rig.clock.advance(0.001)
            venue.stop_out(rig.last(signal_id).ticket, profit)
        assert "deals" not in venue.asked
        await rig.look()
        await until(lambda: not rig.recorder.state.unsettled)

        assert 1 == venue.asked.count("deals")
        (commit,) = [
            commit
            for commit in rig.journal.commits
            if any(isinstance(event, TradeClosed) for event in commit)
        ]
        closed = [event.profit for event in commit if isinstance(event, TradeClosed)]
        assert list(profits.values()) == closed
        assert 2 == rig.recorder.state.loss_streak, "since the win"


async def test_one_that_is_not_told_yet_holds_up_no_other(rig: Rig, venue: Venue) -> None:
    async with rig.running():
        for signal_id in ("s-1", "s-2"):
            await rig.signal(signal_id, volume=0.1 if signal_id == "s-1" else 0.2)
            await rig.status(signal_id)
        venue.stop_out(rig.last("s-1").ticket, -1.0, shown=False)
        venue.stop_out(rig.last("s-2").ticket, -2.0)
        await rig.look()
        await until(lambda: results(rig))

        assert [-2.0] == [closed.profit for closed in results(rig)]
        assert [rig.recorder.state.numbers["s-1"]] == list(rig.recorder.state.unsettled)


async def test_what_is_asked_for_again_is_looked_for_farther_back_by_a_question_of_its_own(
    rig: Rig, venue: Venue, clock: ManualClock
) -> None:
    async with rig.running():
        await rig.signal("s-1")
        await rig.status("s-1")
        venue.stop_out(rig.last("s-1").ticket, -1.0, shown=False)
        await rig.look()
        await until(lambda: 1 == len(venue.deals_asked))
        await rig.signal("s-2", volume=0.2)
        await rig.status("s-2")
        venue.stop_out(rig.last("s-2").ticket, -2.0)
        await rig.look()
        await until(lambda: 3 == len(venue.deals_asked))

        first, fresh, again = venue.deals_asked
        assert first.magics == again.magics != fresh.magics
        assert first.since_msc - DAY_S * 4_000 == again.since_msc
        assert fresh.since_msc > first.since_msc, "no more of the history than needed"


async def test_questions_that_take_long_are_asked_seldom(rig: Rig, venue: Venue, clock: ManualClock) -> None:
    async with rig.running():
        await rig.signal("s-1")
        await rig.status("s-1")
        await rig.look()
        venue.stop_out(rig.last("s-1").ticket, -1.0, shown=False)
        venue.deals_take_s = 0.1
        others = clock.sleeping
        await rig.look()
        await until(lambda: clock.sleeping > others)
        await rig.look()
        clock.advance(0.1 * REST_SHARE - 1.0 - 0.01)
        for _ in range(5):
            await asyncio.sleep(0)
        assert 1 == venue.asked.count("deals")

        clock.advance(0.02)
        await until(lambda: 2 == venue.asked.count("deals"))


async def test_what_ended_while_no_bridge_ran_is_counted_by_the_next(
    new_rig: NewRig, venue: Venue, clock: ManualClock
) -> None:
    first = new_rig()
    async with first.running():
        await first.signal("s-1")
        await first.status("s-1")
        await first.look()
    venue.stop_out(first.last("s-1").ticket, -5.0)
    clock.advance(3 * DAY_S)
    venue.server_day = DAY + 3
    second = new_rig()
    async with second.running():
        await until(lambda: results(second))
        assert 1 == second.recorder.state.loss_streak


async def test_what_was_never_seen_open_is_counted_after_days_without_a_bridge(
    new_rig: NewRig, venue: Venue, clock: ManualClock
) -> None:
    first = new_rig()
    async with first.running():
        await first.signal("s-1")
        await first.status("s-1")
    venue.stop_out(first.last("s-1").ticket, -5.0)
    clock.advance(PATIENCE_MS / 1000 + DAY_S)
    venue.server_day = DAY + 8
    second = new_rig()
    async with second.running():
        await until(lambda: results(second))


@pytest.mark.parametrize(("away_ms", "asked"), [(PATIENCE_MS, True), (OUT_OF_REACH_MS, False)])
async def test_a_result_that_cannot_be_learned_is_given_up_in_the_end(
    new_rig: NewRig, venue: Venue, clock: ManualClock, away_ms: int, asked: bool
) -> None:
    first = new_rig()
    async with first.running():
        await first.signal("s-1")
        await first.status("s-1")
    venue.stop_out(first.last("s-1").ticket, -5.0, shown=False)
    clock.advance(away_ms / 1000 + 60)
    second = new_rig()
    async with second.running():
        await until(lambda: asked is ("deals" in venue.asked))
        while second.recorder.state.unsettled:
            await asyncio.sleep(0)
            clock.advance(MOST_RETRY_S)
            await second.look()
        (given_up,) = [
            event for commit in second.journal.commits for event in commit if isinstance(event, EntrySettled)
        ]
        assert (None, 0) == (given_up.profit, second.recorder.state.loss_streak)
        assert asked * TRIES_MOST == venue.asked.count("deals")
        await same_after_a_restart(new_rig, second)


async def test_a_long_trade_s_result_is_waited_for_from_its_end_on(
    rig: Rig, venue: Venue, clock: ManualClock
) -> None:
    async with rig.running():
        await rig.signal("s-1")
        await rig.status("s-1")
        await rig.look()
        clock.advance(OUT_OF_REACH_MS / 1000 + DAY_S)
        await rig.look()
        late = venue.stop_out(rig.last("s-1").ticket, -5.0, shown=False)
        await rig.look()
        await until(lambda: "deals" in venue.asked)
        for _ in range(3):
            clock.advance(MOST_RETRY_S)
            await rig.look()
        venue.deals.append(late)
        clock.advance(MOST_RETRY_S)
        await rig.look()

        await until(lambda: not rig.recorder.state.unsettled)
        assert 1 == rig.recorder.state.loss_streak


# Losses in a row, end to end


async def test_entries_pause_after_losses_in_a_row_also_after_a_restart(
    new_rig: NewRig, clock: ManualClock
) -> None:
    limits = {"max_consecutive_losses": 2, "cooldown_ms": 3_600_000}
    rig = new_rig(**limits)
    async with rig.running():
        await lose(rig, "s-1")
        await lose(rig, "s-2", volume=0.2)
        await rig.signal("s-3")
        assert "denied" == await rig.status("s-3")
        assert "loss_streak" in rig.last("s-3").detail
        await same_after_a_restart(new_rig, rig)
    rig = new_rig(**limits)
    async with rig.running():
        await rig.signal("s-4")
        assert "denied" == await rig.status("s-4")
        clock.advance(3_600)
        await lose(rig, "s-5", profit=9.0)
        await rig.signal("s-6", volume=0.2)
        assert "filled" == await rig.status("s-6")
        assert 0 == rig.recorder.state.loss_streak


async def test_while_a_result_is_not_known_it_counts_as_a_possible_loss(
    new_rig: NewRig, venue: Venue, clock: ManualClock
) -> None:
    rig = new_rig(max_consecutive_losses=2, cooldown_ms=0)
    async with rig.running():
        await lose(rig, "s-1")
        await rig.signal("s-2")
        await rig.status("s-2")
        late = venue.stop_out(rig.last("s-2").ticket, 5.0, shown=False)
        await rig.signal("s-3")
        assert "denied" == await rig.status("s-3")
        assert "the result of signal s-2 is not known yet" in rig.last("s-3").detail

        venue.deals.append(late)
        clock.advance(MOST_RETRY_S)
        await rig.look()
        await until(lambda: not rig.recorder.state.unsettled)
        await rig.signal("s-4")
        assert "filled" == await rig.status("s-4")


# Breaches, payments and marks, end to end


async def test_a_broken_limit_closes_everything_once_and_stays_broken_over_a_restart(
    new_rig: NewRig, venue: Venue, clock: ManualClock
) -> None:
    limits = {"max_daily_loss_percent": 5.0, "flatten_on_breach": True, "breach_readings": 2}
    rig = new_rig(**limits)
    async with rig.running():
        await rig.signal("s-1")
        await rig.status("s-1")
        await rig.look(equity=9_400.0, profit=-600.0)
        assert TradingState.REDUCING is rig.recorder.state.trading
        await same_after_a_restart(new_rig, rig)
        await rig.look()
        assert (TradingState.HALTED, "daily_loss") == (
            rig.recorder.state.trading,
            rig.recorder.state.breach,
        )
        venue.account = replace(venue.account, balance=9_400.0, profit=0.0)
        await clock.pass_until(lambda: not venue.positions and rig.recorder.state.clearing is None)
        await same_after_a_restart(new_rig, rig)
    rig = new_rig(**limits)
    async with rig.running():
        for _ in range(4):
            await rig.look()
        assert rig.recorder.state.clearing is None, "it is closed for once"
        await rig.resume("go on")
        await until(lambda: "resume" in rig.settled)
        assert TradingState.HALTED is rig.recorder.state.trading
        venue.server_day = DAY + 1
        await rig.look()
        assert TradingState.HALTED is rig.recorder.state.trading
        await rig.resume("a new day")
        await until(lambda: rig.settled.count("resume") == 2)
        assert TradingState.ACTIVE is rig.recorder.state.trading


async def test_a_day_s_loss_blocks_entries_until_the_broker_s_next_day(new_rig: NewRig, venue: Venue) -> None:
    rig = new_rig(max_daily_loss_percent=5.0)
    async with rig.running():
        await rig.look(equity=9_400.0)
        await rig.signal("s-1")
        assert "denied" == await rig.status("s-1")
        await same_after_a_restart(new_rig, rig)
        venue.server_day = DAY + 1
        await rig.look()
        await rig.signal("s-2")
        assert "filled" == await rig.status("s-2")


async def test_a_drawdown_is_lifted_by_a_person_here_and_then_measured_anew_over_a_restart(
    new_rig: NewRig, venue: Venue
) -> None:
    limits = {"max_drawdown_percent": 5.0, "allow_remote_resume": True}
    rig = new_rig(**limits)
    async with rig.running():
        await rig.look(equity=9_000.0)
        await rig.resume("from afar", Channel.WEBSOCKET)
        await until(lambda: rig.settled == ["resume"])
        assert TradingState.REDUCING is rig.recorder.state.trading
        assert "on the trading PC" in rig.told()[-1]["data"]["detail"]
        await rig.resume("here")
        await until(lambda: rig.settled == ["resume"] * 2)
        assert (TradingState.ACTIVE, 9_000.0) == (rig.recorder.state.trading, rig.recorder.state.equity_peak)
        await same_after_a_restart(new_rig, rig)
    async with new_rig(**limits).running() as other:
        await other.look(equity=8_900.0)
        assert TradingState.ACTIVE is other.recorder.state.trading


async def test_money_paid_out_is_no_loss_and_paid_in_hides_none_over_a_restart(
    new_rig: NewRig, venue: Venue
) -> None:
    limits = {"max_daily_loss_percent": 5.0, "max_drawdown_percent": 10.0}
    rig = new_rig(**limits)
    async with rig.running():
        venue.balance_operations = (BalanceOperation(77, -5_000.0, NOW + 1),)
        await rig.look(equity=5_000.0)
        assert (TradingState.ACTIVE, 5_000.0) == (rig.recorder.state.trading, rig.recorder.state.day_equity)
        await same_after_a_restart(new_rig, rig)
    async with new_rig(**limits).running() as other:
        await other.look(equity=4_800.0)
        assert TradingState.ACTIVE is other.recorder.state.trading
        venue.balance_operations += (BalanceOperation(78, 100.0, NOW + 9_000),)
        await other.look(equity=4_820.0)
        assert TradingState.REDUCING is other.recorder.state.trading
        (moved,) = on_disk(other.path, "SELECT COUNT(*) FROM events WHERE kind='FundsMoved'")
        assert 2 == moved[0]


async def test_what_was_approved_before_a_limit_broke_is_not_sent(new_rig: NewRig, venue: Venue) -> None:
    rig = new_rig(max_daily_loss_percent=5.0)
    async with rig.running():
        venue.turn.clear()
        await rig.signal("s-1")
        await until(lambda: rig.state_known("s-1"))
        await rig.look(equity=9_000.0)
        venue.turn.set()

        assert "not_executed" == await rig.status("s-1")
        assert ("trading_state", []) == (rig.last("s-1").reason, venue.submitted)


async def test_what_was_judged_while_only_reducing_is_permitted_is_sent(
    new_rig: NewRig, venue: Venue
) -> None:
    rig = new_rig(max_daily_loss_percent=5.0, max_drawdown_percent=90.0)
    async with rig.running():
        await rig.signal("s-1")
        await rig.status("s-1")
        await rig.look(equity=9_000.0)
        rig.clock.advance(10.0)
        await rig.signal("s-2", side=venue.positions[rig.last("s-1").ticket].side.opposite, stop_loss=1.102)

        assert "filled" == await rig.status("s-2"), rig.last("s-2").detail
