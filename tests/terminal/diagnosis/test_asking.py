"""A worker that is asked: deadlines, errors, and that nothing is left behind."""

import psutil
import pytest
from tests.terminal.diagnosis.looks import settings_for

from hybrid_bridge.errors import CallFailed
from hybrid_bridge.terminal.diagnosis.asking import Silent, asked_worker
from hybrid_bridge.terminal.diagnosis.operations import PACKAGE, STATE
from hybrid_bridge.terminal.lanes import lane_options
from hybrid_bridge.terminal.operations import CONNECT, ConnectArgs, Nothing

CONNECT_ARGS = ConnectArgs("", None, "", "", 1000)


async def test_one_question_after_the_other_and_then_it_is_gone(address):
    async with asked_worker(lane_options("check", settings_for(address))) as asked:
        assert "5.0.6231" == (await asked.ask(PACKAGE, Nothing())).version
        assert 6231 == (await asked.ask(CONNECT, CONNECT_ARGS)).build
        state = await asked.ask(STATE, Nothing())
        pid = asked.pid
        assert psutil.pid_exists(pid)
    assert state.terminal.connected
    assert not psutil.pid_exists(pid)


async def test_an_error_is_an_answer_and_the_next_question_is_served(address):
    async with asked_worker(lane_options("check", settings_for(address))) as asked:
        await asked.ask(PACKAGE, Nothing())  # Loading it may take longer than a question.
        with pytest.raises(CallFailed) as failed:
            await asked.ask(STATE, Nothing())
        assert ("terminal_info", -10004) == (failed.value.call, failed.value.code)
        assert "5.0.6231" == (await asked.ask(PACKAGE, Nothing())).version


async def test_a_call_that_never_returns_costs_the_worker_and_nobody_else(address, control):
    async with asked_worker(lane_options("check", settings_for(address))) as asked:
        await asked.ask(CONNECT, CONNECT_ARGS)
        control.fault("stall", command="account_info")
        with pytest.raises(Silent, match=r"no answer within 0\.2 s"):
            await asked.ask(STATE, Nothing(), 0.2)
        pid = asked.pid
    assert not psutil.pid_exists(pid)
