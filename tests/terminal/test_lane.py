import asyncio

import psutil
import pytest
from tests.terminal.support import MODULE, PLAIN, terminal_settings, until

from hybrid_bridge.errors import CallFailed, LaneInterrupted, LaneUnavailable
from hybrid_bridge.terminal import lane as lane_module
from hybrid_bridge.terminal.backoff import Backoff
from hybrid_bridge.terminal.lane import LaneOptions, LanePhase
from hybrid_bridge.terminal.operations import (
    NEWEST_TICKS,
    REPORT,
    SUBMIT,
    Nothing,
    Operation,
    SubmitArgs,
)
from hybrid_bridge.terminal.waiting_calls import WAITING_MAX

CLOSE = SubmitArgs(1, "EURUSD", 0.1, 1.1, 0.0, 0.0, 10, 1, 1, 0, 42, 0, 5, "note")


def quick(operation: Operation, *, timeout_s: float = 0.3, wait_s: float = 5.0) -> Operation:
    return Operation(operation.name, operation.args, operation.reply, operation.priority, timeout_s, wait_s)


async def ready(lane):
    async with asyncio.timeout(10):
        await lane.wait_ready()
    return lane


async def test_a_lane_connects_selects_and_answers(start_lane, script):
    script.say(login=5, positions=[{"ticket": 8}])
    lane = await ready(start_lane(mt5_login=5))
    report = await lane.call(REPORT, PLAIN)
    assert [position.ticket for position in report.positions] == [8]
    assert [spec.name for spec in lane.selection.specs] == ["EURUSD"]
    state = lane.state
    assert (state.name, state.phase, state.reason, state.restarts, state.connects) == (
        "market",
        LanePhase.READY,
        "",
        0,
        1,
    )
    assert psutil.pid_exists(state.pid)


async def test_a_terminals_error_is_the_callers_and_the_lane_goes_on(start_lane, script):
    lane = await ready(start_lane())
    script.say(errors={"positions_get": [-1, "Terminal: Call failed"]})
    with pytest.raises(CallFailed) as caught:
        await lane.call(REPORT, PLAIN)
    assert (caught.value.call, caught.value.code) == ("positions_get", -1)
    script.say(errors=None)
    await lane.call(REPORT, PLAIN)
    assert lane.state.connects == 1


async def test_a_killed_worker_is_replaced_and_waiting_callers_are_served(start_lane):
    lane = await ready(start_lane())
    first = lane.state.pid
    psutil.Process(first).kill()
    await until(lambda: not lane.ready)
    await lane.call(REPORT, PLAIN)
    assert lane.state.restarts == 1
    assert lane.state.pid != first


async def test_a_call_past_its_deadline_is_interrupted_and_the_loop_never_stands_still(start_lane, script):
    lane = await ready(start_lane())
    first = lane.state.pid
    script.say(stall=["positions_get"])
    beats = 0

    async def beat():
        nonlocal beats
        while True:
            await asyncio.sleep(0.01)
            beats += 1

    beating = asyncio.create_task(beat())
    with pytest.raises(LaneInterrupted, match=r"report took longer than 0\.3 s"):
        await lane.call(quick(REPORT), PLAIN)
    beating.cancel()
    assert beats > 10
    script.say(stall=None)
    await lane.call(REPORT, PLAIN)
    assert lane.state.pid != first


async def test_a_worker_that_dies_during_a_call_leaves_its_outcome_unknown(start_lane, script):
    lane = await ready(start_lane())
    script.say(stall=["order_send"])
    call = asyncio.create_task(lane.call(SUBMIT, CLOSE))
    await until(lambda: script.orders_sent() != [])
    psutil.Process(lane.state.pid).kill()
    with pytest.raises(LaneInterrupted):
        await call


async def test_without_a_connection_a_call_is_certainly_not_written(start_lane, script):
    script.say(errors={"initialize": [-10003, "IPC initialize failed, Pipe server didn't answer in 60 sec"]})
    lane = start_lane()
    await until(lambda: lane.connect_failures > 0)
    with pytest.raises(LaneUnavailable, match="Python integration"):
        await lane.call(quick(SUBMIT, wait_s=0.1), CLOSE)
    script.say(errors=None)
    await ready(lane)
    await lane.call(REPORT, PLAIN)
    assert script.orders_sent() == []


@pytest.mark.parametrize("code", [-10000, -10001, -10002, -10004])
async def test_an_error_that_sticks_is_ended_by_connecting_again(start_lane, script, code):
    lane = await ready(start_lane())
    worker = lane.state.pid
    script.say(sticky=[code, "IPC"])
    with pytest.raises(CallFailed):
        await lane.call(REPORT, PLAIN)
    script.say(sticky=None)
    await lane.call(REPORT, PLAIN)
    assert lane.state.connects == 2
    assert lane.state.pid == worker


async def test_a_lost_link_while_sending_reaches_the_caller_raw_and_reconnects(start_lane, script):
    lane = await ready(start_lane())
    script.say(errors={"order_send": [-10002, "IPC recv failed"]})
    reply = await lane.call(SUBMIT, CLOSE)
    assert (reply.sent, reply.result, reply.code) == (True, None, -10002)
    script.say(errors=None)
    await until(lambda: lane.state.connects == 2)
    assert len(script.orders_sent()) == 1


async def test_the_wrong_account_closes_the_lane_until_it_is_right(start_lane, script):
    script.say(login=7)
    lane = start_lane(mt5_login=5)
    await until(lambda: lane.state.phase is LanePhase.MISMATCH)
    with pytest.raises(LaneUnavailable, match="account 7 is logged in, MT5_LOGIN expects 5"):
        await lane.call(REPORT, PLAIN)
    script.say(login=5)
    await ready(lane)
    await lane.call(REPORT, PLAIN)


async def test_an_account_switched_meanwhile_is_noticed_at_the_next_connect(start_lane, script):
    lane = await ready(start_lane(mt5_login=1001))
    script.say(login=7, sticky=[-10001, "IPC send failed"])
    with pytest.raises(CallFailed):
        await lane.call(REPORT, PLAIN)
    script.say(sticky=None)
    await until(lambda: lane.state.phase is LanePhase.MISMATCH)
    assert not lane.ready


@pytest.fixture
def soon(monkeypatch):
    monkeypatch.setattr(lane_module, "IDENTITY_AFTER_S", 0.05)


async def test_an_idle_lane_finds_a_lost_terminal_by_itself_and_connects_again(start_lane, script, soon):
    lane = await ready(start_lane())
    script.say(sticky=[-10001, "IPC send failed"])
    await until(lambda: not lane.ready)
    script.say(sticky=None)
    await ready(lane)
    assert (lane.state.connects, lane.state.restarts) == (2, 0)


async def test_an_idle_lane_finds_another_account_and_comes_back_with_the_right_one(start_lane, script, soon):
    lane = await ready(start_lane(mt5_login=1001))
    script.say(login=7)
    await until(lambda: lane.state.phase is LanePhase.MISMATCH)
    with pytest.raises(LaneUnavailable, match=r"account 7 .*is logged in"):
        await lane.call(SUBMIT, CLOSE)
    script.say(login=1001)
    await ready(lane)
    assert (await lane.call(SUBMIT, CLOSE)).sent
    assert len(script.orders_sent()) == 1
    assert lane.state.restarts == 0


async def test_a_person_who_logs_in_elsewhere_is_not_fought_over_the_terminal(start_lane, script, soon):
    lane = await ready(start_lane(mt5_login=1001))
    assert script.logins() == [1001]
    script.say(login=7)
    await until(lambda: len(script.logins()) > 3)
    assert set(script.logins()[1:]) == {None}
    # A terminal that is started anew is asked for the configured account, as at the first start.
    script.say(errors={"initialize": [-10003, "IPC initialize failed"]})
    await until(lambda: script.logins()[-2:] == [1001, 1001])
    script.say(errors=None, login=1001)
    await ready(lane)


async def test_a_lane_that_is_busy_with_ticks_still_looks_who_is_there(start_lane, script, soon):
    lane = await ready(start_lane(mt5_login=1001))
    script.say(login=7)
    with pytest.raises(LaneUnavailable, match="account 7"):
        async with asyncio.timeout(10):
            while True:
                await lane.call(NEWEST_TICKS, Nothing())
                await asyncio.sleep(0.01)


async def test_calls_that_wait_when_another_account_shows_are_turned_away_at_once(start_lane, script):
    lane = await ready(start_lane(mt5_login=1001))
    script.say(login=7)
    calls = [asyncio.create_task(lane.call(quick(SUBMIT, wait_s=60.0), CLOSE)) for _ in range(3)]
    async with asyncio.timeout(10):
        first, *others = await asyncio.gather(*calls, return_exceptions=True)
    assert "account 7" in first.stranger
    assert [type(other) for other in others] == [LaneUnavailable] * 2
    assert script.orders_sent() == []


async def test_the_call_that_shows_another_account_closes_the_lane(start_lane, script):
    lane = await ready(start_lane(mt5_login=1001))
    script.say(login=7)
    reply = await lane.call(SUBMIT, CLOSE)
    assert not reply.sent
    await until(lambda: lane.state.phase is LanePhase.MISMATCH)
    assert script.orders_sent() == []


async def test_a_hanging_terminal_is_found_by_an_idle_lane(start_lane, script, soon, monkeypatch):
    monkeypatch.setattr(lane_module, "IDENTITY", quick(lane_module.IDENTITY, timeout_s=0.2))
    lane = await ready(start_lane())
    first = lane.state.pid
    script.say(stall=["account_info"])
    await until(lambda: lane.state.restarts > 0)
    script.say(stall=None)
    await ready(lane)
    assert lane.state.pid != first


async def test_whatever_waits_goes_before_a_lane_s_own_look(start_lane, script, monkeypatch):
    lane = await ready(start_lane())
    looks = []
    # Long overdue: any moment without a waiting call would now be used for a look.
    monkeypatch.setattr(lane_module, "IDENTITY_AFTER_S", -3600.0)
    perform = lane._perform

    async def watched(worker, call, extra_s=0.0):
        if call.operation.name == "identity":
            looks.append(len(lane._waiting))
        return await perform(worker, call, extra_s)

    monkeypatch.setattr(lane, "_perform", watched)
    await asyncio.gather(*[lane.call(SUBMIT, CLOSE) for _ in range(20)])
    await until(lambda: looks != [])
    for _ in range(20):
        await lane.call(SUBMIT, CLOSE)  # Arrives in the very moment in which the look falls due.
    assert set(looks) <= {0}


async def test_an_order_behind_a_hanging_look_is_refused_in_time_and_never_sent(
    start_lane, script, soon, monkeypatch
):
    monkeypatch.setattr(lane_module, "IDENTITY", quick(lane_module.IDENTITY, timeout_s=1.0))
    lane = await ready(start_lane())
    script.say(stall=["account_info"])
    await until(lambda: script.stalled)
    with pytest.raises(LaneUnavailable, match="busy with identity"):
        await lane.call(quick(SUBMIT, wait_s=0.1), CLOSE)
    script.say(stall=None)
    await until(lambda: lane.state.restarts > 0)
    await ready(lane)
    await lane.call(REPORT, PLAIN)
    assert script.orders_sent() == []


@pytest.mark.parametrize("way", ["garbage", "halves"])
async def test_a_torn_stream_replaces_the_worker_and_leaves_the_outcome_unknown(start_lane, script, way):
    lane = await ready(start_lane())
    script.say(**{way: ["order_send"]})
    with pytest.raises(LaneInterrupted, match="not known"):
        await lane.call(SUBMIT, CLOSE)
    script.say(**{way: None})
    await lane.call(REPORT, PLAIN)
    assert lane.state.restarts == 1
    assert len(script.orders_sent()) == 1


async def test_a_stopped_worker_is_killed_at_the_deadline(start_lane, script):
    lane = await ready(start_lane())
    first = lane.state.pid
    psutil.Process(first).suspend()
    with pytest.raises(LaneInterrupted, match=r"submit took longer than 0\.3 s"):
        await lane.call(quick(SUBMIT), CLOSE)
    await lane.call(REPORT, PLAIN)
    assert lane.state.pid != first
    assert script.orders_sent() == []


@pytest.mark.parametrize("settled", [False, True])
async def test_an_order_that_meets_a_dying_worker_is_sent_at_most_once(start_lane, script, settled):
    lane = await ready(start_lane())
    psutil.Process(lane.state.pid).kill()
    if settled:
        await until(lambda: not lane.ready)
    try:
        reply = await lane.call(quick(SUBMIT, timeout_s=10.0), CLOSE)
    except LaneInterrupted:
        assert not settled
        assert script.orders_sent() == []
    else:
        assert reply.sent
        assert len(script.orders_sent()) == 1


async def test_a_worker_that_dies_after_its_answer_has_answered(start_lane, script):
    lane = await ready(start_lane())
    assert (await lane.call(SUBMIT, CLOSE)).sent
    psutil.Process(lane.state.pid).kill()
    await until(lambda: lane.state.restarts == 1)
    await lane.call(REPORT, PLAIN)
    assert len(script.orders_sent()) == 1


async def test_a_missing_package_is_said_with_what_to_do(start_lane):
    lane = start_lane(module="MetaTrader5_is_not_here")
    await until(lambda: lane.connect_failures > 0)
    assert "No module named" in lane.state.reason
    assert "SIMULATION_MODE" in lane.state.reason


async def test_a_connect_that_hangs_is_killed_at_its_deadline(start_lane, script, monkeypatch):
    monkeypatch.setattr(lane_module, "CONNECT", quick(lane_module.CONNECT, timeout_s=-0.5))
    script.say(stall=["initialize"])
    lane = start_lane(mt5_timeout_ms=1000)
    await until(lambda: lane.state.restarts > 0)
    script.say(stall=None)
    monkeypatch.undo()
    await ready(lane)


async def test_orders_overtake_ticks_in_the_queue(start_lane, script):
    lane = await ready(start_lane())
    served = []

    async def call(operation, args):
        await lane.call(operation, args)
        served.append(operation.name)

    calls = [(NEWEST_TICKS, Nothing())] * 5 + [(REPORT, PLAIN)] * 2 + [(SUBMIT, CLOSE)]
    async with asyncio.TaskGroup() as group:
        for operation, args in calls:
            group.create_task(call(operation, args))
    assert served == ["submit", "report", "report", *["newest"] * 5]


async def test_too_many_waiting_calls_are_turned_away_at_once(start_lane, script):
    lane = await ready(start_lane())
    script.say(stall=["positions_get"])
    calls = [
        asyncio.create_task(lane.call(quick(REPORT, timeout_s=1.0), PLAIN)) for _ in range(WAITING_MAX + 2)
    ]
    await until(lambda: script.stalled)
    turned_away = [call for call in calls if call.done()]
    assert len(turned_away) in (1, 2)  # One may have been taken before the last arrived.
    assert all("calls are waiting" in str(call.exception()) for call in turned_away)
    script.say(stall=None)
    for call in calls[1:]:
        call.cancel()
    results = await asyncio.gather(*calls, return_exceptions=True)
    assert type(results[0]) is LaneInterrupted
    await lane.call(REPORT, PLAIN)


async def test_a_caller_that_gives_up_is_never_written_for(start_lane, script):
    script.say(errors={"initialize": [-6, "Terminal: Authorization failed"]})
    lane = start_lane()
    await until(lambda: lane.connect_failures > 0)
    call = asyncio.create_task(lane.call(SUBMIT, CLOSE))
    await asyncio.sleep(0)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    script.say(errors=None)
    await ready(lane)
    await lane.call(REPORT, PLAIN)
    assert script.orders_sent() == []


async def test_a_caller_that_gives_up_during_the_call_does_not_upset_the_next(start_lane, script):
    lane = await ready(start_lane())
    calls = [asyncio.create_task(lane.call(REPORT, PLAIN)) for _ in range(3)]
    await asyncio.sleep(0.001)
    calls[0].cancel()
    results = await asyncio.gather(*calls, return_exceptions=True)
    assert [type(result).__name__ for result in results[1:]] == ["ReportReply"] * 2
    assert lane.state.restarts == 0


async def test_a_reply_that_cannot_be_read_leaves_the_outcome_unknown(start_lane, script):
    lane = await ready(start_lane())
    script.say(send={"retcode": "strange"})
    with pytest.raises(LaneInterrupted, match="cannot be read"):
        await lane.call(SUBMIT, CLOSE)


async def test_a_stopped_lane_leaves_no_process_and_turns_callers_away(script, start_lane):
    lane = start_lane()
    await ready(lane)
    pid = lane.state.pid
    script.say(stall=["positions_get"])
    in_flight = asyncio.create_task(lane.call(REPORT, PLAIN))
    waiting = asyncio.create_task(lane.call(REPORT, PLAIN))
    await until(lambda: script.stalled)
    running = next(task for task in asyncio.all_tasks() if "Lane.run" in repr(task))
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        async with asyncio.timeout(5):
            await running
    with pytest.raises(LaneInterrupted):
        await in_flight
    with pytest.raises(LaneUnavailable, match="stopped"):
        await waiting
    with pytest.raises(LaneUnavailable, match="stopped"):
        await lane.call(REPORT, PLAIN)
    assert not psutil.pid_exists(pid)


async def test_a_lane_that_only_looks_names_no_account_and_still_compares_who_is_there(script):
    script.say(login=1001)
    for wanted, phase in ((1001, LanePhase.READY), (1002, LanePhase.MISMATCH)):
        settings = terminal_settings(mt5_login=wanted, mt5_password="secret")
        options = LaneOptions("audit", MODULE, settings, script.environment, only_look=True)
        lane = lane_module.Lane(options, backoff=Backoff(0.02, 0.1))
        task = asyncio.create_task(lane.run())
        await until(lambda lane=lane, phase=phase: lane.state.phase is phase)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert {None} == set(script.logins())
