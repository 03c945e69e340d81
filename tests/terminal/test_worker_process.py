import asyncio
import contextlib
import os
import sys

import psutil
import pytest
from tests.terminal.support import MODULE

from hybrid_bridge.terminal import worker_process
from hybrid_bridge.terminal.operations import ConnectArgs, Nothing
from hybrid_bridge.terminal.worker_process import WorkerGone, WorkerProcess

CONNECT = ConnectArgs("", None, "", "", 1000)
KILLED = 1 if sys.platform == "win32" else -9


@contextlib.asynccontextmanager
async def running(script):
    worker = await WorkerProcess.start("market", MODULE, script.environment)
    frames = asyncio.create_task(worker.read_frames())
    printed = asyncio.create_task(worker.read_stderr())
    try:
        yield worker, frames
    finally:
        await worker.stop(1.0)
        await asyncio.gather(frames, printed, return_exceptions=True)


async def test_requests_are_answered_in_turn(script):
    async with running(script) as (worker, _):
        first = await worker.request(1, "connect", CONNECT)
        second = await worker.request(2, "newest", Nothing())
        assert [(reply.number, reply.ok, reply.link_lost) for reply in (first, second)] == [
            (1, True, False),
            (2, True, False),
        ]


async def test_an_unknown_operation_is_an_error_and_not_the_end(script):
    async with running(script) as (worker, _):
        assert not (await worker.request(1, "eval", Nothing())).ok
        assert (await worker.request(2, "connect", CONNECT)).ok


async def test_a_death_during_a_request_reaches_the_caller(script):
    script.say(stall=["initialize"])
    async with running(script) as (worker, frames):
        request = asyncio.create_task(worker.request(1, "connect", CONNECT))
        await asyncio.sleep(0)
        worker.kill()
        with pytest.raises(WorkerGone, match=f"exit code {KILLED}$"):
            await request
        with pytest.raises(WorkerGone):
            await frames


async def test_a_closed_input_ends_the_worker_politely(script):
    async with running(script) as (worker, frames):
        await worker.request(1, "connect", CONNECT)
        await worker.stop(5.0)
        with pytest.raises(WorkerGone, match="exit code 0"):
            await frames


async def test_a_worker_that_hangs_is_stopped_within_a_bounded_time(script):
    script.say(stall=["initialize"])
    async with running(script) as (worker, _):
        request = asyncio.create_task(worker.request(1, "connect", CONNECT))
        await asyncio.sleep(0)
        async with asyncio.timeout(3.0):
            await worker.stop(0.2)
        with pytest.raises(WorkerGone):
            await request


LAUNCHING = """
import os, pathlib, subprocess, sys
def shutdown(): pass
def last_error(): return (-10003, "launched")
def initialize(**keywords):
    launched = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(30)"])
    pathlib.Path(os.environ["LAUNCHED"]).write_text(str(launched.pid))
    return False
"""


async def test_a_terminal_that_the_worker_launched_does_not_hold_up_its_end(tmp_path):
    (tmp_path / "launching_terminal.py").write_text(LAUNCHING)
    launched = tmp_path / "launched"
    environment = {"PYTHONPATH": str(tmp_path), "LAUNCHED": str(launched)}
    worker = await WorkerProcess.start("market", "launching_terminal", environment)
    frames = asyncio.create_task(worker.read_frames())
    printed = asyncio.create_task(worker.read_stderr())
    try:
        assert not (await worker.request(1, "connect", CONNECT)).ok
        async with asyncio.timeout(3.0):
            worker.kill()
            await worker.stop(0.0)
            with pytest.raises(WorkerGone, match=f"exit code {KILLED}$"):
                await frames
            await printed
    finally:
        await worker.stop(0.0)
        psutil.Process(int(launched.read_text())).kill()
        await asyncio.gather(frames, printed, return_exceptions=True)


async def test_a_torn_stream_ends_the_worker(script, monkeypatch):
    monkeypatch.setattr(worker_process, "payload_length", lambda prefix: 3)
    async with running(script) as (worker, frames):
        with pytest.raises(WorkerGone, match="torn"):
            await worker.request(1, "connect", CONNECT)
        with pytest.raises(WorkerGone):
            await frames


@pytest.mark.not_on_windows("sessions are POSIX's; test_process_care shows what Windows has instead")
async def test_a_worker_leads_its_own_session_so_that_ctrl_c_passes_it_by(script):
    async with running(script) as (worker, _):
        await worker.request(1, "connect", CONNECT)
        assert os.getsid(worker.pid) == worker.pid != os.getsid(0)


def test_secrets_of_the_daemon_are_not_inherited(monkeypatch):
    monkeypatch.setenv("MT5_PASSWORD", "secret")
    monkeypatch.setenv("SYMBOLS", "EURUSD")
    environment = worker_process._environment({"PYTHONPATH": "/extra", "SIM_ADDRESS": "h:1"})
    assert "secret" not in environment.values()
    assert (environment["SYMBOLS"], environment["SIM_ADDRESS"]) == ("EURUSD", "h:1")
    source, extra = environment["PYTHONPATH"].split(os.pathsep)
    assert extra == "/extra"
    assert source.endswith("src")
