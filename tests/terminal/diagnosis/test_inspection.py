"""The whole look, at a real simulated terminal: the order of the steps, and what a fault leaves out."""

import sys

import pytest
from tests.terminal.diagnosis.looks import keys, looked, settings_for, step
from tests.terminal.support import terminal_settings

from hybrid_bridge import interpreter
from hybrid_bridge.findings import Verdict

STEPS = [
    "simulated terminal",
    "Python package",
    "connection",
    "terminal",
    "account",
    "broker",
    "Algo Trading",
    "orders from Python",
    "account's rights",
    "symbol EURUSD",
    "server's clock",
    "order_check",
]


async def test_every_step_to_an_order_is_told_and_none_is_sent(address, control):
    found = await looked(settings_for(address))
    assert STEPS == [finding.step for finding in found]
    assert {Verdict.OK} == {finding.verdict for finding in found}
    assert "UTC+3:00" in step(found, "server's clock").seen
    assert "0.01 lots of EURUSD would be accepted" in step(found, "order_check").seen
    calls = control.stats()["calls"]
    assert calls["order_check"] >= 1
    assert "order_send" not in calls


async def test_without_a_connection_to_the_broker_nobody_waits_for_prices(address, control):
    control.fault("link_down")
    found = await looked(settings_for(address))
    assert "link_down" in keys(found)
    assert [Verdict.SKIPPED] * 2 == [finding.verdict for finding in found[-2:]]


async def test_a_simulated_terminal_that_does_not_listen():
    (found,) = await looked(settings_for("127.0.0.1:9"))
    assert found.fault is not None
    assert "simulator_refused" == found.fault.key
    assert (
        "start it, `hybrid-bridge simulator --listen 127.0.0.1:9`, or correct SIM_ADDRESS" in found.fault.mend
    )


@pytest.mark.skipif(sys.platform == "win32", reason="Windows is the other system there")
async def test_a_genuine_terminal_on_another_system():
    (found,) = await looked(terminal_settings(mt5_path=r"C:\MT5\terminal64.exe"))
    assert found.fault is not None
    assert ("not_windows", sys.platform) == (found.fault.key, found.fault.seen)


async def test_a_terminal_that_dies_while_it_is_asked(address, control):
    control.fault("lose_reply", command="terminal_info", skip=1)
    found = await looked(settings_for(address))
    assert ["link_lost"] == keys(found)
    assert "terminal's answers" == found[-1].step


async def test_a_terminal_that_does_not_answer_a_question(address, control):
    control.fault("stall", command="terminal_info", skip=1)
    found = await looked(settings_for(address))
    assert ("call_hung", "no answer within 5 s") == (found[-1].fault.key, found[-1].fault.seen)
    assert "the terminal did not answer state" == found[-1].fault.cause


async def test_a_terminal_that_answers_with_an_error(address, control):
    control.fault("error", command="terminal_info", skip=1, code=-1)
    found = await looked(settings_for(address))
    assert "call_failed" == found[-1].fault.key
    assert "the terminal answered terminal_info with an error" == found[-1].fault.cause


async def test_a_process_that_cannot_be_started(address, monkeypatch):
    monkeypatch.setattr(interpreter, "program", lambda: "/no/such/python")
    found = await looked(settings_for(address))
    assert ["worker_failed"] == keys(found)
