"""The way into the terminal: every failure of package and initialize, at a real simulated terminal."""

import asyncio
from pathlib import Path

import psutil
import pytest
from tests.terminal.diagnosis.looks import keys, looked, settings_for, step
from tests.terminal.support import terminal_settings

from hybrid_bridge.errors import CallFailed
from hybrid_bridge.findings import Fault, Verdict
from hybrid_bridge.terminal.diagnosis.asking import asked_worker
from hybrid_bridge.terminal.diagnosis.connection import connect, connect_fault, look_at_package
from hybrid_bridge.terminal.lane import LaneOptions
from hybrid_bridge.terminal.lanes import lane_options

LOGIN = 10_000_001
GENUINE = "MetaTrader5"


@pytest.mark.parametrize(
    ("code", "key", "seen"),
    [
        (-2, "init_parameters", "initialize: Terminal: Invalid params (-2)"),
        (-5, "init_version", "initialize: Terminal: Incompatible versions, please install"),
        (-1, "init_failed", "initialize: Terminal: Call failed (-1)"),
    ],
)
async def test_what_initialize_says_is_explained(address, control, code, key, seen):
    control.fault("error", command="hello", code=code)
    found = await looked(settings_for(address))
    assert [key] == keys(found)
    assert step(found, "connection").fault.seen.startswith(seen)


async def test_a_terminal_that_is_not_logged_in_yet(address, control):
    control.fault("slow_start", seconds=100)
    found = await looked(settings_for(address, mt5_timeout_ms=1000))
    assert ["init_waiting"] == keys(found)
    assert "File > Login to Trade Account" in step(found, "connection").fault.mend


async def test_a_login_that_the_broker_refused_and_no_password_to_try(address, control):
    control.fault("error", command="authorisation", code=-6)
    before = control.stats()["calls"].get("login", 0)
    found = await looked(settings_for(address, mt5_login=LOGIN))
    assert ["init_refused"] == keys(found)
    assert before == control.stats()["calls"].get("login", 0)


async def test_where_nobody_is_logged_in_the_account_is_named(address, control):
    control.fault("error", command="authorisation", code=-6)
    before = control.stats()["calls"].get("login", 0)
    found = await looked(settings_for(address, mt5_login=LOGIN, mt5_password="secret"))
    assert Verdict.OK is step(found, "connection").verdict
    assert before + 1 == control.stats()["calls"]["login"]


async def test_a_wrong_password_is_named_and_not_shown(address, control):
    control.fault("error", command="authorisation", code=-6)
    found = await looked(settings_for(address, mt5_login=LOGIN, mt5_password="wrong-one"))
    assert ["login_refused"] == keys(found)
    fault = step(found, "connection").fault
    assert f"the broker refuses the login of account {LOGIN}" == fault.cause
    assert "wrong-one" not in str(fault)


async def test_an_account_with_a_one_time_password(address, control):
    control.fault("error", command="authorisation", code=-6)
    control.fault("error", command="login", code=-7)
    found = await looked(settings_for(address, mt5_login=LOGIN, mt5_password="secret"))
    assert ["login_kind"] == keys(found)


async def test_a_terminal_that_accepts_and_does_not_answer(address, control):
    control.fault("stall", command="hello")
    settings = settings_for(address, mt5_timeout_ms=1000)
    async with asked_worker(lane_options("check", settings)) as asked:
        await look_at_package(asked)
        fault = await connect(asked, settings, "", 0.5)
    assert isinstance(fault, Fault)
    assert ("init_hung", "no answer within 1.5 s") == (fault.key, fault.seen)


async def test_a_worker_that_is_killed(address, control):
    control.fault("stall", command="hello")
    settings = settings_for(address)
    async with asked_worker(lane_options("check", settings)) as asked, asyncio.TaskGroup() as group:
        await look_at_package(asked)
        connecting = group.create_task(connect(asked, settings, ""))
        await asyncio.sleep(0)  # The question is on its way.
        psutil.Process(asked.pid).kill()
    fault = connecting.result()
    assert isinstance(fault, Fault)
    assert "worker_failed" == fault.key
    assert "it ended with exit code" in fault.seen


@pytest.mark.parametrize(
    ("text", "key"),
    [
        (r"IPC initialize failed, Process create failed 'C:\MT5\terminal64.exe'", "init_program"),
        ("IPC initialize failed, MetaTrader 5 x64 not found", "terminal_none"),
        ("IPC initialize failed, Pipe server didn't answer in 60 sec", "init_silent"),
        ("IPC initialize failed, CreateFile failed [5]", "init_failed"),
    ],
)
def test_what_the_genuine_package_says_of_a_terminal_that_it_does_not_reach(text, key):
    fault = connect_fault(CallFailed("initialize", -10003, text))
    assert (key, f"initialize: {text} (-10003)") == (fault.key, fault.seen)


def test_a_connection_that_breaks_in_initialize():
    assert "link_lost" == connect_fault(CallFailed("initialize", -10002, "IPC recv failed")).key


async def package_found(environment):
    options = LaneOptions("check", GENUINE, terminal_settings(), environment)
    async with asked_worker(options) as asked:
        return await look_at_package(asked)


@pytest.mark.not_on_windows("the package is installed there")
async def test_a_package_that_is_not_installed():
    fault = (await package_found({})).fault
    assert ("package_missing", "ModuleNotFoundError: No module named 'MetaTrader5'") == (
        fault.key,
        fault.seen,
    )
    assert "-m pip install MetaTrader5`" in fault.mend


async def test_a_package_that_cannot_be_loaded(tmp_path: Path):
    broken = "raise ImportError('numpy.core.multiarray failed to import')\n"
    (tmp_path / "MetaTrader5.py").write_text(broken, encoding="utf-8")
    fault = (await package_found({"PYTHONPATH": str(tmp_path)})).fault
    assert ("package_broken", "ImportError: numpy.core.multiarray failed to import") == (
        fault.key,
        fault.seen,
    )
