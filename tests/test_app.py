"""Starting, stopping, being stopped: the process as a whole, with nothing left behind in any case."""

import asyncio
import contextlib
import itertools
import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pytest
from structlog.testing import capture_logs
from tests.scenarios.harness import (
    ROOT,
    Backend,
    Broker,
    Program,
    Simulator,
    eventually,
    produce,
    running_backend,
    signal_body,
    utc_now,
)
from tests.stopping import own_console, type_ctrl_c

from hybrid_bridge import app
from hybrid_bridge.app import RunPlan, _for_ever
from hybrid_bridge.bridge import Bridge
from hybrid_bridge.control.local_commands import LocalCommands
from hybrid_bridge.errors import BridgeError
from hybrid_bridge.host.endings import Ending, Endings
from hybrid_bridge.settings import Settings
from hybrid_bridge.simulator.control_client import SimulatorControl

MARK = "HYBRID_BRIDGE_TEST"
LOGIN = 10000001
STOP_BOUND_S = 45.0
# Ctrl-Break, which Windows alone has; another signal stands for it elsewhere.
BREAK = signal.SIGBREAK if sys.platform == "win32" else signal.SIGUSR1


class Bridges:
    """Bridges started as a user does, in one folder, each known again with all that it starts."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.mark = str(folder)
        self.started: list[subprocess.Popen[str]] = []

    def start(
        self, *arguments: str, launcher: str = "run_bridge.py", **settings: object
    ) -> "subprocess.Popen[str]":
        known = {name.upper() for name in Settings.model_fields}
        inherited = {name: value for name, value in os.environ.items() if name.upper() not in known}
        given = {name: str(value) for name, value in settings.items()}
        process = subprocess.Popen(
            [sys.executable, str(ROOT / launcher), *arguments],
            cwd=self.folder,
            env={**inherited, **given, MARK: self.mark},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            **own_console(),
        )
        self.started.append(process)
        return process

    def left(self) -> list[psutil.Process]:
        """Return every process that carries this folder's mark and has not ended."""
        found = []
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                if process.environ().get(MARK) == self.mark and process.status() != psutil.STATUS_ZOMBIE:
                    found.append(process)
        return found

    def one(self, word: str) -> psutil.Process:
        """Return the one process with this word among its arguments."""
        (found,) = (process for process in self.left() if word in process.cmdline())
        return found

    def log(self, path: str = "mt5_bridge.log") -> str:
        file = self.folder / path
        return file.read_text(encoding="utf-8") if file.exists() else ""

    def end(self) -> None:
        for process in self.left():
            with contextlib.suppress(psutil.Error):
                process.kill()
        for started in self.started:
            started.communicate(timeout=10)


@pytest.fixture
def bridges(tmp_path: Path) -> Iterator[Bridges]:
    made = Bridges(tmp_path)
    yield made
    made.end()


@pytest.fixture
def simulator(tmp_path: Path) -> Iterator[Simulator]:
    program = Simulator(tmp_path, "--symbols", "EURUSD", "--seed", "7")
    try:
        program.start()
        yield program
    finally:
        program.kill()


@pytest.fixture
async def backend() -> AsyncIterator[Backend]:
    async with running_backend() as server:
        yield server


def wired(simulator: Simulator, backend: Backend) -> dict[str, object]:
    return {
        **simulator.settings,
        "MT5_LOGIN": LOGIN,
        "BACKEND_WS_URL": backend.url,
        "SYMBOLS": "EURUSD",
        "TRADING_ENABLED": "true",
        "MAX_RISK_PERCENT": 90,
        "MAX_DAILY_TRADES": 1000,
        "MAX_ORDERS_PER_MINUTE": 1000,
        "DUPLICATE_WINDOW_S": 0,
        "ACCOUNT_INTERVAL_S": 0.5,
    }


async def buy(backend: Backend, signal_id: str) -> None:
    await backend.send(
        "trading_signal", id=signal_id, symbol="EURUSD", action="BUY", stop_loss=0.5, volume=0.01
    )


def stop(bridge: "subprocess.Popen[str]") -> None:
    """Ask it to stop, as the system here can: Windows has no signal but the keys of the console."""
    if sys.platform == "win32":
        type_ctrl_c(bridge)
    else:
        bridge.terminate()


async def ended(process: "subprocess.Popen[str]", timeout_s: float) -> int:
    await eventually(lambda: process.poll() is not None, timeout_s)
    return process.returncode


def catches(pid: int, number: int) -> bool:
    """Tell whether a process has a handler for a signal (Linux)."""
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("SigCgt:"):
                return bool(int(line.split()[1], 16) >> (number - 1) & 1)
    return False


class TestStartUp:
    pytestmark = pytest.mark.scenario

    @pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
    @pytest.mark.parametrize("after_s", [0.0, 0.8, 2.0])
    async def test_a_stop_at_any_moment_of_it_ends_in_order_and_leaves_nothing(self, bridges, after_s):
        bridge = bridges.start("--demo", launcher="hybrid_bridge.py")
        await eventually(lambda: catches(bridge.pid, signal.SIGTERM), 10)
        await asyncio.sleep(after_s)
        bridge.terminate()
        said, _ = await asyncio.to_thread(bridge.communicate, timeout=20)
        assert 0 == bridge.returncode, said
        assert "Traceback" not in said
        assert [] == bridges.left()

    @pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
    async def test_two_stops_before_it_listens_force_it(self, bridges):
        bridge = bridges.start("--demo", launcher="hybrid_bridge.py")
        await eventually(lambda: catches(bridge.pid, signal.SIGTERM), 10)
        bridge.terminate()
        bridge.send_signal(signal.SIGINT)
        said, _ = await asyncio.to_thread(bridge.communicate, timeout=20)
        assert 1 == bridge.returncode, said
        assert "Bridge stopped by force" in said
        assert [] == bridges.left()

    async def test_a_stop_that_was_typed_before_is_obeyed_first(self, bridges, simulator, backend):
        settings = wired(simulator, backend)
        typed = bridges.start("stop", "--reason", "asleep", **settings)
        assert 1 == await ended(typed, 20)
        bridges.start(**settings)
        await backend.wait_for("bridge_status")
        await buy(backend, "early")
        result = await backend.wait_for("trade_result", signal_id="early")
        assert "denied" == result["status"]
        assert result["reason"] in (
            "emergency_stop",
            "trading_state",
        )  # the second while it is still recovering
        await eventually(lambda: not list((bridges.folder / "state" / "commands").glob("*.json")))
        assert "EMERGENCY STOP" in bridges.log()
        assert [] == simulator.deals()


class TestDeaths:
    pytestmark = pytest.mark.scenario

    async def test_the_demos_broker_dying_ends_the_demo_with_its_reason(self, bridges):
        demo = bridges.start("--demo", launcher="hybrid_bridge.py")
        await eventually(lambda: "Open for orders" in bridges.log("state/demo/mt5_bridge.log"))

        second = bridges.start("--demo", launcher="hybrid_bridge.py")
        said, _ = await asyncio.to_thread(second.communicate, timeout=20)
        assert (4, True) == (second.returncode, f"another bridge (process {demo.pid})" in said)
        assert (bridges.folder / "state" / "demo" / "journal-simulator.sqlite").exists()

        bridges.one("hybrid_bridge.streams.embedded").kill()
        said, _ = await asyncio.to_thread(demo.communicate, timeout=30)
        assert 1 == demo.returncode
        code = 15 if sys.platform == "win32" else -9  # psutil names its signal there
        reason = f"the embedded broker ended by itself with exit code {code}"
        assert reason in said
        assert reason in bridges.log("state/demo/mt5_bridge.log")
        assert "Traceback" not in said
        assert [] == bridges.left()

    async def test_the_simulated_terminal_dying_does_not_end_the_bridge(self, bridges, backend):
        bridge = bridges.start(
            SIMULATION_MODE="true",
            BACKEND_WS_URL=backend.url,
            SYMBOLS="EURUSD",
            TRADING_ENABLED="true",
            MAX_RISK_PERCENT=90,
            ACCOUNT_INTERVAL_S=0.5,
        )
        await backend.open_for_orders()
        bridges.one("hybrid_bridge.simulator").kill()
        await backend.wait_until(
            lambda: backend.of("bridge_status")[-1]["channels"]["terminal"]["state"] == "down"
        )
        await backend.wait_until(
            lambda: backend.of("bridge_status")[-1]["channels"]["terminal"]["state"] == "up"
        )
        await self.order_until_one_is_filled(backend)
        stop(bridge)
        assert 0 == await ended(bridge, 20)
        assert "Simulated terminal ended, starting it again" in bridges.log()
        assert [] == bridges.left()

    async def order_until_one_is_filled(self, backend: Backend) -> None:
        """Buy again until the trade lane, idle so far, has found the terminal again."""
        async with asyncio.timeout(30):
            for number in itertools.count():
                await buy(backend, f"after-{number}")
                result = await backend.wait_for("trade_result", signal_id=f"after-{number}")
                if result["status"] == "filled":
                    return
                assert result["status"] in ("denied", "rejected")
                await asyncio.sleep(0.5)


class TestStop:
    pytestmark = pytest.mark.scenario

    async def test_it_is_bounded_while_terminal_broker_and_backend_all_hang(
        self, bridges, simulator, tmp_path
    ):
        broker = Broker(tmp_path)
        backend = Program(
            "-m", "hybrid_bridge.demo.backend", "--port", "0", "--no-signals", log=tmp_path / "b.err"
        )
        try:
            broker.start()
            backend.start()
            settings = {
                **wired(simulator, Backend()),
                "BACKEND_WS_URL": backend.ready["backend"],
                "REDPANDA_BOOTSTRAP_SERVERS": broker.address,
            }
            bridge = bridges.start("--summary", "out.json", launcher="hybrid_bridge.py", **settings)
            await eventually(lambda: "Reading signals from the present on" in bridges.log())
            await eventually(lambda: "Open for orders" in bridges.log())
            with SimulatorControl(str(simulator.ready["control"])) as control:
                control.fault("stall", command="order_send", seconds=0)
                await self.order_until_one_arrives(control, broker)
            broker.freeze()
            backend.freeze()
            begun = time.monotonic()
            stop(bridge)
            assert 0 == await ended(bridge, STOP_BOUND_S)
            assert time.monotonic() - begun > 5  # the order on its way was waited for
        finally:
            backend.kill()
            broker.kill()
        assert [] == bridges.left()
        assert "Bridge stopped" in bridges.log()
        assert "Not waited for any longer" in bridges.log()
        figures = json.loads((bridges.folder / "out.json").read_text())
        assert 1 == figures["status"]["counters"]["in_doubt"]
        assert "stopping" == figures["status"]["state"]

    async def order_until_one_arrives(self, control: SimulatorControl, broker: Broker) -> None:
        """Send signals until one has passed the guard, which waits for the server's clock to be known."""
        number = 0
        deadline = time.monotonic() + 30
        while not control.stats()["orders"]:
            assert time.monotonic() < deadline
            number += 1
            body = signal_body(
                id=f"s-{number}",
                symbol="EURUSD",
                action="BUY",
                stop_loss=0.5,
                volume=0.01,
                timestamp=utc_now(),
            )
            await asyncio.to_thread(produce, broker.address, "trading_signals", body)
            await asyncio.sleep(0.5)

    async def test_a_second_ctrl_c_forces_it_and_the_next_start_looks_for_the_order(
        self, bridges, simulator, backend
    ):
        bridge = bridges.start(**wired(simulator, backend))
        await backend.open_for_orders()
        with SimulatorControl(str(simulator.ready["control"])) as control:
            control.fault("stall", command="order_send", seconds=0, executed=True)
            await buy(backend, "held")
            await eventually(lambda: control.stats()["orders"])
            type_ctrl_c(bridge)
            await eventually(lambda: "Stopping; once more forces it" in bridges.log())
            begun = time.monotonic()
            type_ctrl_c(bridge)
            said, _ = await asyncio.to_thread(bridge.communicate, timeout=20)
            assert 1 == bridge.returncode, said
            assert time.monotonic() - begun < 8
            assert "Bridge stopped by force" in bridges.log()
            assert "Traceback" not in said, said
            assert [] == bridges.left()
            control.clear()
        again = bridges.start(**wired(simulator, backend))
        await eventually(lambda: "in_doubt=1" in bridges.log())
        await backend.wait_for("trade_result", signal_id="held", status="filled")
        stop(again)
        assert 0 == await ended(again, 20)
        assert 1 == len(simulator.deals())

    async def test_a_forced_stop_amid_a_burst_loses_no_order_that_the_venue_has(
        self, bridges, simulator, backend
    ):
        bridge = bridges.start(**wired(simulator, backend))
        await backend.open_for_orders()
        for number in range(100):
            await buy(backend, f"burst-{number}")
        await eventually(lambda: len(simulator.deals()) >= 5)
        type_ctrl_c(bridge)
        stop(bridge)
        assert 1 == await ended(bridge, 10)
        assert [] == bridges.left()
        with contextlib.closing(
            sqlite3.connect(next((bridges.folder / "state").glob(f"journal-*{LOGIN}.sqlite")))
        ) as db:
            assert "ok" == db.execute("PRAGMA integrity_check").fetchone()[0]
            sent = {number for (number,) in db.execute("SELECT number FROM events WHERE kind='OrderSending'")}
            approved = db.execute("SELECT number, body FROM events WHERE kind='OrderApproved'").fetchall()
        journaled = {
            json.loads(body)["order"]["request"]["magic"] for number, body in approved if number in sent
        }
        dealt = [deal["magic"] for deal in simulator.deals()]
        assert len(set(dealt)) == len(dealt) >= 5
        assert set(dealt) <= journaled

    async def test_a_run_of_a_given_time_ends_by_itself_and_writes_its_figures(
        self, bridges, simulator, backend
    ):
        options = ["--duration", "1", "--summary", "out.json", "--log-format", "json"]
        bridge = bridges.start(*options, **wired(simulator, backend))
        said, _ = await asyncio.to_thread(bridge.communicate, timeout=30)
        assert 0 == bridge.returncode, said
        figures = json.loads((bridges.folder / "out.json").read_text())
        assert 1 <= figures["duration_s"] < 10
        events = [json.loads(line)["event"] for line in bridges.log().splitlines()]
        assert events[-1] == "Bridge stopped"
        assert "Stopping after the asked time" in events
        assert "{" not in said.replace('{"', "")  # the figures are for the file; only a demo prints them
        assert [] == bridges.left()


@pytest.fixture
def offline(tmp_path: Path) -> Settings:
    """Settings of a bridge that reaches nothing."""
    return Settings(
        mt5_backend="simulator",
        mt5_login=LOGIN,
        sim_address="127.0.0.1:9",
        backend_ws_url="ws://127.0.0.1:9/ws",
        state_dir=str(tmp_path / "state"),
        log_file=str(tmp_path / "mt5_bridge.log"),
    )


@pytest.fixture(autouse=True)
def handlers() -> Iterator[None]:
    numbers = [signal.SIGINT, signal.SIGTERM, BREAK]
    before = [signal.getsignal(number) for number in numbers]
    yield
    for number, handler in zip(numbers, before, strict=True):
        signal.signal(number, handler)


async def for_ever() -> None:
    await asyncio.Event().wait()


class TestTasks:
    async def test_an_unforeseen_error_of_any_loop_ends_the_process_with_its_traceback(
        self, offline, monkeypatch, tmp_path
    ):
        async def fail(_: LocalCommands) -> None:
            raise ZeroDivisionError("planted")

        monkeypatch.setattr(LocalCommands, "run", fail)
        assert 1 == await app.run(offline, RunPlan(hybrid=False))
        told = (tmp_path / "mt5_bridge.log").read_text()
        assert "CRITICAL" in told
        assert "ZeroDivisionError: planted" in told

    async def test_a_loop_that_ends_without_a_word_ends_the_process_too(self, offline, monkeypatch, tmp_path):
        async def return_at_once(_: LocalCommands) -> None:
            return

        monkeypatch.setattr(LocalCommands, "run", return_at_once)
        assert 1 == await app.run(offline, RunPlan(hybrid=False))
        assert "ended though nobody asked it to" in (tmp_path / "mt5_bridge.log").read_text()

    async def test_a_loop_that_is_cancelled_by_something_of_its_own_has_failed(self):
        async def cancelled_inside() -> None:
            future = asyncio.get_running_loop().create_future()
            future.cancel()
            await future

        with pytest.raises(BridgeError, match="cancelled_inside was cancelled by something of its own"):
            await _for_ever(cancelled_inside)

    async def test_a_cancellation_from_outside_is_an_ordinary_end(self):
        task = asyncio.ensure_future(_for_ever(for_ever))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    async def test_an_error_while_ending_is_told_and_spoils_no_other_end(self):
        async def stumbles() -> None:
            try:
                await for_ever()
            finally:
                raise OSError("the broker hung up")

        task = asyncio.ensure_future(_for_ever(stumbles))
        await asyncio.sleep(0)
        task.cancel()
        with capture_logs() as logged:
            await task
        assert [("Not ended cleanly", "warning")] == [(line["event"], line["log_level"]) for line in logged]
        assert "the broker hung up" in logged[0]["error"]

    async def test_a_stop_goes_with_the_flow(self, offline, monkeypatch):
        """First what comes in, then the order on its way, what goes out, and what all stands on."""
        order: list[str] = []

        def stage(name: str) -> Callable[[Bridge], list[Callable[[], Any]]]:
            async def run() -> None:
                try:
                    await for_ever()
                finally:
                    order.append(name)

            return lambda _: [run]

        for name in ("intake", "core", "outgoing", "base"):
            monkeypatch.setattr(Bridge, name, stage(name))

        def noting(name: str) -> Callable[[object], Any]:
            async def note(_: object) -> None:
                order.append(name)

            return note

        monkeypatch.setattr("hybrid_bridge.execution.executor.Executor.drain", noting("drain"))
        monkeypatch.setattr("hybrid_bridge.terminal.poller.TickPoller.finish", noting("ticks"))
        monkeypatch.setattr("hybrid_bridge.execution.outbox.OutboxPump.wait_empty", noting("flush"))
        monkeypatch.setattr(Bridge, "close", noting("close"))
        assert 0 == await app.run(offline, RunPlan(hybrid=False, duration_s=0.05))
        assert ["intake", "drain", "ticks", "flush", "core", "outgoing", "base", "close"] == order

    async def test_what_does_not_come_to_an_end_is_not_waited_for(self, offline, monkeypatch, tmp_path):
        monkeypatch.setattr(app, "DRAIN_TIMEOUT_S", 0.1)
        monkeypatch.setattr(app, "FLUSH_TIMEOUT_S", 0.1)

        async def hang(_: object) -> None:
            await for_ever()

        monkeypatch.setattr("hybrid_bridge.execution.executor.Executor.drain", hang)
        monkeypatch.setattr("hybrid_bridge.execution.outbox.OutboxPump.wait_empty", hang)
        async with asyncio.timeout(15):
            assert 0 == await app.run(offline, RunPlan(hybrid=False, duration_s=0.05))
        told = (tmp_path / "mt5_bridge.log").read_text()
        assert "the order on its way" in told
        assert "ticks or results on their way" in told


class TestEndings:
    """What Windows says when it will end the process: here said by the test, in tests/host by Windows."""

    async def test_said_before_it_is_up_it_ends_at_once(self, offline, tmp_path):
        endings = Endings()
        endings.announce(Ending("the user logs off", time.monotonic() + 5))
        begun = time.monotonic()
        assert 0 == await app.run(offline, RunPlan(hybrid=False), (), endings)
        assert time.monotonic() - begun < 3
        log = (tmp_path / "mt5_bridge.log").read_text(encoding="utf-8")
        assert 'because="the user logs off"' in log

    async def test_what_would_take_too_long_is_cut_short_and_then_forced(
        self, offline, monkeypatch, tmp_path
    ):
        async def hangs_in_its_end() -> None:
            try:
                await for_ever()
            finally:
                await for_ever()

        async def never(_: object) -> None:
            await for_ever()

        monkeypatch.setattr(Bridge, "base", lambda _: [hangs_in_its_end])
        monkeypatch.setattr("hybrid_bridge.execution.executor.Executor.drain", never)
        endings = Endings()
        running = asyncio.ensure_future(app.run(offline, RunPlan(hybrid=False), (), endings))
        file = tmp_path / "mt5_bridge.log"
        await eventually(lambda: file.exists() and "Journal restored" in file.read_text(encoding="utf-8"))
        begun = time.monotonic()
        endings.announce(Ending("the console's window was closed", begun + 4))
        assert 1 == await running
        assert 2 < time.monotonic() - begun < 4
        log = file.read_text(encoding="utf-8")
        assert 'what="the order on its way"' in log
        assert "Bridge stopped by force" in log

    async def test_a_wish_is_no_force_however_often_it_is_uttered(self, offline, tmp_path):
        endings = Endings()
        for _ in range(3):
            endings.announce(Ending("it was asked to close", None))
        assert 0 == await app.run(offline, RunPlan(hybrid=False), (), endings)
        assert "forced" not in (tmp_path / "mt5_bridge.log").read_text(encoding="utf-8")

    @pytest.mark.scenario
    async def test_an_order_that_a_call_holds_is_left_to_the_journal_and_found_at_the_next_start(
        self, offline, simulator, backend, monkeypatch, tmp_path
    ):
        monkeypatch.chdir(tmp_path)
        given = {name.lower(): value for name, value in wired(simulator, backend).items()}
        settings = Settings(_env_file=None, **offline.model_dump(include={"state_dir", "log_file"}), **given)
        endings = Endings()
        running = asyncio.ensure_future(app.run(settings, RunPlan(hybrid=False), (), endings))
        await backend.open_for_orders()
        with simulator.control() as control:
            control.fault("stall", command="order_send", seconds=0, executed=True)
            await buy(backend, "held")
            await eventually(lambda: control.stats()["orders"])
            begun = time.monotonic()
            endings.announce(Ending("the PC shuts down", begun + 5))
            assert await running in (0, 1)
            assert time.monotonic() - begun < 5
            control.clear()
        backend.received.clear()
        again = asyncio.ensure_future(app.run(settings, RunPlan(hybrid=False), (), endings))
        await backend.wait_for("trade_result", signal_id="held", status="filled")
        endings.announce(Ending("the PC shuts down", time.monotonic() + 5))
        assert 0 == await again
        assert 1 == len(simulator.deals())


class TestFigures:
    async def test_a_summary_that_cannot_be_written_in_the_end_is_an_error_in_words(
        self, offline, monkeypatch, tmp_path
    ):
        folder = tmp_path / "figures"
        folder.mkdir()
        real = app._Session._until_asked

        async def remove_folder_first(session: app._Session) -> None:
            folder.rmdir()
            await real(session)

        monkeypatch.setattr(app._Session, "_until_asked", remove_folder_first)
        plan = RunPlan(hybrid=False, duration_s=0.05, summary=folder / "out.json")
        assert 1 == await app.run(offline, plan)
        told = (tmp_path / "mt5_bridge.log").read_text()
        assert "the summary was not written" in told
        assert "Traceback" not in told

    async def test_an_earlier_summary_stands_until_the_next_is_there(self, offline, monkeypatch, tmp_path):
        summary = tmp_path / "out.json"
        summary.write_text("earlier")
        (tmp_path / "state").mkdir()
        (tmp_path / "state" / f"journal-simulator-{LOGIN}.sqlite").write_bytes(b"no database, " * 1000)
        assert 3 == await app.run(offline, RunPlan(hybrid=False, summary=summary))
        assert "earlier" == summary.read_text()


class TestSignals:
    async def test_a_third_signal_changes_nothing(self, offline):
        session = app._Session(offline, RunPlan(hybrid=False))
        cancelled: list[object] = []
        session._running = SimpleNamespace(cancel=lambda: cancelled.append(1))  # type: ignore[assignment]
        for _ in range(4):
            session._ask_to_stop()
        assert (True, [1]) == (session.forced, cancelled)
