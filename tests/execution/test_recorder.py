"""Journal first, then memory: both change together or not at all."""

import pytest
from tests.core.builders import (
    make_answer,
    make_appraisal,
    make_intent,
    make_order,
    make_report,
    make_signal,
    sending_events,
)
from tests.execution.rig import on_disk

from hybrid_bridge.core.events import (
    AccountCleared,
    IntentReceived,
    OrderSending,
    TradingState,
    TradingStateChanged,
)
from hybrid_bridge.core.inputs import OrderAppraised
from hybrid_bridge.core.orders import Channel, OrderState, Source
from hybrid_bridge.errors import JournalError, RecoveryRefused


@pytest.fixture
def recorder(rig):
    yield rig.recorder
    rig.journal.close()


async def test_a_commit_is_on_disk_and_in_memory_and_told_in_this_order(rig, recorder):
    seen = []

    async def look(_) -> None:
        seen.append((len(recorder.state.orders), len(rig.results), rig.woken))

    rig.journal.after_commit = look
    async with recorder.lock:
        await recorder.commit(
            [*sending_events(make_order(make_intent(1))), make_answer(1, OrderState.FILLED)]
        )
    assert [(0, 0, 0)] == seen
    assert recorder.state.orders[1].state is OrderState.FILLED
    assert [("s-1", "filled")] == [(result.signal_id, result.status) for result in rig.results]
    assert (rig.woken, rig.figures.statuses) == (1, {"filled": 1})
    assert [("s-1:filled", "s-1")] == on_disk(rig.path, "SELECT key, intent_id FROM outbox")


async def test_what_the_journal_refuses_has_not_happened(rig, recorder):
    await rig.journal.refuse_writes(True)
    with pytest.raises(JournalError):
        await recorder.commit(sending_events(make_order(make_intent(1))))
    await rig.journal.refuse_writes(False)
    assert (recorder.state.orders, rig.results, rig.woken) == ({}, [], 0)


async def test_nothing_to_say_costs_no_commit(rig, recorder):
    await recorder.commit([])
    assert rig.journal.commits == []


async def test_events_without_a_result_wake_nobody_and_errors_do(rig, recorder):
    await recorder.commit([IntentReceived(make_intent(1), "h")])
    assert rig.woken == 0
    await recorder.commit([], [("error:1", b"{}")])
    assert (rig.woken, rig.results) == (1, [])
    assert [("error:1", "")] == on_disk(rig.path, "SELECT key, intent_id FROM outbox")


async def test_a_halt_a_resume_and_the_end_of_a_clearing_are_told_at_once_and_nothing_else(rig, recorder):
    told: list[TradingState] = []
    recorder._on_latch = lambda: told.append(recorder.state.trading)
    local = Source(Channel.LOCAL)
    await recorder.commit([IntentReceived(make_intent(1), "h")])
    assert told == []
    await recorder.commit(
        [TradingStateChanged(TradingState.HALTED, "stop", local, True, 5, close_positions=True)]
    )
    await recorder.commit([AccountCleared(5, 6)])
    await recorder.commit([TradingStateChanged(TradingState.ACTIVE, "go", local, False, 7)])
    assert told == [TradingState.HALTED, TradingState.HALTED, TradingState.ACTIVE]


async def test_restoring_gives_the_state_that_was(rig, recorder, new_rig):
    await recorder.commit(sending_events(make_order(make_intent(1))))
    await recorder.commit([make_answer(1, OrderState.PARTIAL, volume=0.05)])
    again = new_rig()
    assert await again.recorder.restore() == 4
    assert recorder.state == again.recorder.state
    again.journal.close()


async def test_a_journal_that_does_not_add_up_is_refused(rig, recorder):
    await rig.journal.record([OrderSending(7, None, 1)], [])
    with pytest.raises(
        RecoveryRefused,
        match=r"does not add up: intent 7 is not known.*keep a copy.*start with a new STATE_DIR",
    ):
        await recorder.restore()


async def test_what_a_stop_has_left_to_do_is_shown_until_it_is_done_also_after_a_restart(
    rig, recorder, new_rig
):
    assert not recorder.to_clear.is_set()
    stop = TradingStateChanged(TradingState.HALTED, "", Source(Channel.LOCAL), True, 5, cancel_orders=True)
    await recorder.commit([stop])
    assert recorder.to_clear.is_set()
    again = new_rig()
    await again.recorder.restore()
    assert again.recorder.to_clear.is_set()
    again.journal.close()
    await recorder.commit([AccountCleared(5, 9)])
    assert not recorder.to_clear.is_set()


async def test_a_look_from_before_the_latest_is_no_news_unless_the_clock_was_set_back(recorder):
    looks = [1_000_000, 1_000_000, 999_999, 940_000, 1_000_001, 940_000, 940_001]
    assert [True, True, False, False, True, True, True] == [recorder.take_look(at) for at in looks]


async def test_an_appraisal_whose_look_is_overtaken_is_marked(recorder):
    def appraised(at_msc: int) -> OrderAppraised:
        return OrderAppraised(make_signal(), make_appraisal(report=make_report(at_msc=at_msc)), None, "", 0)

    silent = OrderAppraised(make_signal(), None, None, "no terminal", 0)
    recorder.take_look(50)
    assert recorder.mark_if_superseded(appraised(49)).superseded
    assert not recorder.mark_if_superseded(appraised(51)).superseded
    assert not recorder.take_look(50)
    assert recorder.mark_if_superseded(silent) == silent
