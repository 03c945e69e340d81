"""Limits changed while the bridge runs: in force at once, kept through a restart, or refused aloud."""

from typing import Any

import pytest
from structlog.testing import capture_logs
from tests.execution.rig import Rig
from tests.execution.venue import until

from hybrid_bridge.core.inputs import CloseRequested, LimitsRestoreRequested, TighteningRequested
from hybrid_bridge.core.orders import Channel, Source
from hybrid_bridge.execution.limit_changes import ASKED_CHARS_MAX, asked

BACKEND = Source(Channel.WEBSOCKET)
HERE = Source(Channel.LOCAL)
RECORD = Source(Channel.REDPANDA, "trading_signals", 0, 41, 1_790_000_000_000)


async def tighten(rig: Rig, source: Source = BACKEND, **limits: Any) -> None:
    name = f"tighten-{len(rig.settled)}"
    item = TighteningRequested(tuple(limits.items()), "wild market", source, rig.clock.utc_msc())
    await rig.put(item, name)
    await until(lambda: name in rig.settled)


async def restore(rig: Rig, source: Source = HERE) -> None:
    name = f"restore-{len(rig.settled)}"
    rig.clock.advance(0.001)
    await rig.put(LimitsRestoreRequested("calm again", source, rig.clock.utc_msc()), name)
    await until(lambda: name in rig.settled)


@pytest.mark.parametrize("source", [BACKEND, RECORD, HERE])
async def test_a_tightened_limit_judges_the_next_signal_whoever_sent_it(rig, source):
    async with rig.running():
        await rig.signal("before")
        assert await rig.status("before") == "filled"
        await tighten(rig, source, max_daily_trades=1.0)
        await rig.signal("after")
        assert (await rig.status("after"), rig.last("after").reason) == ("denied", "daily_trades")
        assert rig.recorder.limits.max_daily_trades == 1


async def test_a_signal_sent_after_a_tightening_is_judged_by_it(rig):
    """Though other facts stand in line before the tightening and the signal stands in another line."""
    async with rig.running():
        async with rig.recorder.lock:  # Nothing is decided until all of them are in line.
            for number in range(30):
                await rig.put(LimitsRestoreRequested("please", BACKEND, number), f"noise-{number}")
            limits = (("max_daily_trades", 0.0),)
            await rig.put(TighteningRequested(limits, "wild", BACKEND, rig.clock.utc_msc()), "tighten")
            await rig.signal("after")
        assert (await rig.status("after"), rig.last("after").reason) == ("denied", "daily_trades")
        assert rig.venue.submitted == []


async def test_it_outlives_a_restart_and_the_settings_hold_where_they_are_stricter(new_rig):
    async with (rig := new_rig(max_daily_trades=10, max_risk_percent=2.0)).running():
        await tighten(rig, max_daily_trades=3.0, max_risk_percent=1.0)
    async with (again := new_rig(max_daily_trades=10, max_risk_percent=0.5)).running():
        assert (3, 0.5) == (again.recorder.limits.max_daily_trades, again.recorder.limits.max_risk_percent)
        assert "wild market" == again.recorder.state.tightenings["max_daily_trades"].reason


async def test_a_looser_limit_is_refused_with_an_error_and_nothing_else_is_changed(rig):
    async with rig.running():
        before = rig.recorder.limits
        with capture_logs() as logged:
            await tighten(rig, max_risk_percent=50.0, max_daily_trades=1.0, max_lots=1.0)
        assert before == rig.recorder.limits
        (told,) = rig.told()
        assert ("error", "limits_refused") == (told["type"], told["data"]["reason"])
        detail = told["data"]["detail"]
        assert f"MAX_RISK_PERCENT: saw 50, in force is {before.max_risk_percent:g}" in detail
        assert "'max_lots': no limit" in detail
        assert "those that can: TRADING_ENABLED, SIGNAL_MAX_AGE_S, " in detail
        assert detail.endswith("nothing was changed")
        assert told["data"]["of"] == "tighten_limits MAX_RISK_PERCENT=50 MAX_DAILY_TRADES=1 'max_lots'=1"
        assert ["Limits refused"] == [line["event"] for line in logged if line["log_level"] == "warning"]
        assert rig.journal.commits[-1] == []


async def test_a_message_that_comes_twice_is_obeyed_once_and_no_error(rig):
    async with rig.running():
        await tighten(rig, RECORD, max_daily_trades=3.0)
        commits = len(rig.journal.commits)
        with capture_logs() as logged:
            await tighten(rig, RECORD, max_daily_trades=3.0)
        assert (commits, []) == (len(rig.journal.commits), rig.told())
        assert ["Limits are as asked already"] == [line["event"] for line in logged]


async def test_a_refused_record_that_comes_twice_is_answered_under_one_key(rig):
    async with rig.running():
        await tighten(rig, RECORD, max_daily_trades=300.0)
        rig.clock.advance(5)
        await tighten(rig, RECORD, max_daily_trades=300.0)
        assert 1 == len(set(rig.outbox_keys()))
        await tighten(rig, BACKEND, max_daily_trades=300.0)
        await tighten(rig, BACKEND, max_daily_trades=400.0)
        assert 3 == len(set(rig.outbox_keys()))


async def test_a_person_here_restores_the_settings_and_a_restart_keeps_that(new_rig):
    async with (rig := new_rig()).running():
        settings = rig.recorder.limits
        await tighten(rig, max_daily_trades=1.0)
        with capture_logs() as logged:
            await restore(rig)
        assert settings == rig.recorder.limits
        assert [("Limits restored", "calm again", "local")] == [
            (line["event"], line["reason"], line["by"]) for line in logged
        ]
    async with (again := new_rig()).running():
        assert settings == again.recorder.limits


@pytest.mark.parametrize("source", [BACKEND, RECORD])
async def test_a_restore_from_afar_is_refused_with_what_to_do(rig, source):
    async with rig.running():
        await tighten(rig, max_daily_trades=1.0)
        await restore(rig, source)
        assert 1 == rig.recorder.limits.max_daily_trades
        (told,) = rig.told()
        assert ("limits_refused", "restore_limits") == (told["data"]["reason"], told["data"]["of"])
        assert "hybrid-bridge limits --restore" in told["data"]["detail"]


async def test_a_tightening_waits_for_a_journal_that_refuses_and_then_holds(rig):
    async with rig.running():
        await rig.journal.refuse_writes(True)
        limits = (("max_daily_trades", 0.0),)
        await rig.put(TighteningRequested(limits, "wild", BACKEND, rig.clock.utc_msc()), "tighten")
        await until(lambda: rig.clock.sleeping)
        assert "tighten" not in rig.settled
        await rig.journal.refuse_writes(False)
        await rig.clock.pass_until(lambda: "tighten" in rig.settled)
        assert 0 == rig.recorder.limits.max_daily_trades


async def refuse_a_tightening(rig: Rig, *, behind: int = 0) -> None:
    """Have one tightening wait for the journal, and leave others in line behind it."""
    await rig.journal.refuse_writes(True)
    sleeping = rig.clock.sleeping
    for number in range(1 + behind):
        limits = (("max_daily_trades", 0.0),)
        await rig.put(TighteningRequested(limits, "wild", BACKEND, rig.clock.utc_msc()), f"tighten-{number}")
    await until(lambda: rig.clock.sleeping > sleeping)
    await rig.journal.refuse_writes(False)


async def test_a_signal_waits_for_a_tightening_that_waits_for_the_journal(rig):
    async with rig.running():
        await refuse_a_tightening(rig)
        await rig.signal("after")
        await until(lambda: "appraise" in rig.venue.asked)
        await rig.clock.pass_until(lambda: rig.statuses("after"), 0.25)
        assert (await rig.status("after"), rig.last("after").reason) == ("denied", "daily_trades")
        assert rig.venue.submitted == []


async def test_what_an_emergency_stop_closes_waits_for_no_tightening(rig):
    async with rig.running():
        await rig.signal("before")
        assert await rig.status("before") == "filled"
        await refuse_a_tightening(rig, behind=2)
        (ticket,) = rig.venue.positions
        close = CloseRequested("stop-close", ticket, None, "", HERE, rig.clock.utc_msc())
        await rig.inbox.put_first([(close, lambda: None)])
        await until(lambda: not rig.venue.positions)
        assert "tighten-0" not in rig.settled


def test_what_was_asked_for_is_told_in_one_short_line():
    request = TighteningRequested((("max_volume", 0.5), ("trading_enabled", False)), "", BACKEND, 1)
    assert "tighten_limits MAX_VOLUME=0.5 TRADING_ENABLED=false" == asked(request)
    long = TighteningRequested(tuple((f"name-{number}", 1.0) for number in range(50)), "", BACKEND, 1)
    assert ASKED_CHARS_MAX == len(asked(long))
    assert "restore_limits" == asked(LimitsRestoreRequested("calm", HERE, 1))
