"""The parts put together: which feeds which, and what they say as one."""

import asyncio
import contextlib
import json
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest
from structlog.testing import capture_logs
from tests.scenarios.harness import Backend, Simulator, running_backend

from hybrid_bridge.bridge import Bridge, Loop
from hybrid_bridge.control.local_commands import FOLDER, leave_command
from hybrid_bridge.core.events import TradingState
from hybrid_bridge.core.inputs import EmergencyStopRequested, TighteningRequested
from hybrid_bridge.core.orders import Channel, Source
from hybrid_bridge.errors import ConfigurationError, JournalError, RecoveryRefused
from hybrid_bridge.messages.inbound import DataRequested
from hybrid_bridge.settings import Settings


@pytest.fixture(scope="module")
def simulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulator]:
    program = Simulator(tmp_path_factory.mktemp("simulator"), "--symbols", "EURUSD", "--seed", "7")
    try:
        program.start()
        yield program
    finally:
        program.kill()


@pytest.fixture
async def backend() -> AsyncIterator[Backend]:
    async with running_backend() as server:
        yield server


@pytest.fixture
async def make_bridge(tmp_path: Path) -> AsyncIterator[Callable[..., Bridge]]:
    """Give a maker of bridges in one STATE_DIR, by default with nothing to connect to."""
    made: list[Bridge] = []

    def make(*, hybrid: bool = False, **changes: Any) -> Bridge:
        made.append(Bridge(make_settings(tmp_path, **changes), hybrid=hybrid))
        return made[-1]

    yield make
    for bridge in made:
        await bridge.close()


def make_settings(folder: Path, **changes: Any) -> Settings:
    base = {
        "mt5_backend": "simulator",
        "mt5_login": 10000001,
        "sim_address": "127.0.0.1:9",
        "backend_ws_url": "ws://127.0.0.1:9/ws",
        "symbols": ("EURUSD",),
        "state_dir": str(folder),
        "trading_enabled": True,
        "account_interval_s": 0.2,
    }
    return Settings(**{**base, **changes})


def reaching(simulator: Simulator) -> dict[str, Any]:
    """Return the settings of a bridge that trades there."""
    found = {name.lower(): value for name, value in simulator.settings.items()}
    return {"sim_address": "", **found}


@contextlib.asynccontextmanager
async def running(*groups: Sequence[Loop]) -> AsyncIterator[None]:
    tasks = [asyncio.ensure_future(loop()) for loops in groups for loop in loops]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(15):
        while not condition():  # noqa: ASYNC110 - what is waited for happens in another process
            await asyncio.sleep(0.01)


def ask(bridge: Bridge, request: str) -> tuple[str, Any]:
    (message,) = bridge.answer(DataRequested(request))
    envelope = json.loads(message)
    return envelope["type"], envelope["data"]


class TestFiles:
    async def test_journal_and_cursors_carry_the_accounts_name(self, make_bridge, tmp_path):
        make_bridge()
        names = {path.name for path in tmp_path.glob("*.sqlite")}
        assert {"journal-simulator-10000001.sqlite", "ticks-simulator-10000001.sqlite"} == names

    async def test_a_journal_of_another_account_is_refused(self, make_bridge, tmp_path):
        await Bridge(make_settings(tmp_path), hybrid=False).close()
        (tmp_path / "journal-simulator-10000001.sqlite").rename(tmp_path / "journal-simulator-7.sqlite")
        with pytest.raises(RecoveryRefused, match="belongs to account simulator-10000001, not simulator-7"):
            make_bridge(mt5_login=7)

    async def test_damaged_cursors_are_no_reason_to_doubt_the_orders(self, make_bridge, tmp_path):
        (tmp_path / "ticks-simulator-10000001.sqlite").write_bytes(b"x" * 5000)
        with pytest.raises(JournalError, match="move this one file away") as refused:
            make_bridge()
        assert not isinstance(refused.value, RecoveryRefused)

    async def test_a_token_that_no_header_can_carry_is_refused_before_anything_runs(self, make_bridge):
        with pytest.raises(ConfigurationError, match="BACKEND_AUTH_TOKEN"):
            make_bridge(backend_auth_token="two\nlines")

    async def test_a_close_that_is_cut_short_still_closes_the_files(self, tmp_path, monkeypatch):
        bridge = Bridge(make_settings(tmp_path), hybrid=True)

        async def hang() -> None:
            await asyncio.Event().wait()

        monkeypatch.setattr(bridge.sink, "close", hang)
        closing = asyncio.ensure_future(bridge.close())
        await asyncio.sleep(0)
        closing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await closing
        with pytest.raises(RuntimeError, match="shutdown"):
            bridge.journal.close()
        with contextlib.closing(sqlite3.connect(tmp_path / "journal-simulator-10000001.sqlite")) as journal:
            assert "ok" == journal.execute("PRAGMA integrity_check").fetchone()[0]
        assert not list(tmp_path.glob("*-wal"))


class TestStatus:
    async def test_every_channel_is_told_in_hybrid_mode(self, make_bridge):
        channels = make_bridge(hybrid=True).board.bridge_status()["channels"]
        assert ["terminal", "websocket", "redpanda"] == list(channels)
        parts = {"signals", "stops", "events", "ticks"}
        assert {"state", "error", "elsewhere", *parts} == set(channels["redpanda"])
        assert {"state", "market", "trade", "shared"} == set(channels["terminal"])
        assert {"state", "error", "sent", "received", "reconnects"} == set(channels["websocket"])

    async def test_without_redpanda_it_is_not_spoken_of(self, make_bridge):
        bridge = make_bridge()
        assert ["terminal", "websocket"] == list(bridge.board.bridge_status()["channels"])
        assert {"terminal", "websocket"} <= set(bridge.board.line(None))

    async def test_it_is_plain_json_from_the_first_moment(self, make_bridge):
        envelope = json.loads(make_bridge(hybrid=True).status_message())
        assert "bridge_status" == envelope["type"]
        assert {"ticks_published", "ticks_acknowledged", "orders_waiting"} <= set(
            envelope["data"]["counters"]
        )

    async def test_redpanda_is_as_well_as_its_worst_part(self, make_bridge):
        bridge = make_bridge(hybrid=True)
        assert bridge.consumer is not None
        assert bridge.stops is not None
        assert bridge.events is not None
        bridge.consumer.state.up()
        bridge.stops.state.up()
        bridge.sink.state.up()
        assert "up" == bridge.board.channels["redpanda"]()["state"]
        bridge.events.state.down("the topic is not there")
        told = bridge.board.channels["redpanda"]()
        assert ("down", "the topic is not there", "up") == (told["state"], told["error"], told["ticks"])

    async def test_why_entries_wait_is_told_in_the_order_in_which_it_must_be_mended(self, make_bridge):
        bridge = make_bridge(trading_enabled=False)

        def reason() -> object:
            return bridge.board.bridge_status()["reason"]

        assert "recovering" in reason()
        bridge.executor.open()
        bridge.recorder.state.trading = TradingState.HALTED
        bridge.recorder.state.halt_reason = "fire"
        assert "fire" == reason()
        bridge.recorder.state.trading = TradingState.ACTIVE
        assert "TRADING_ENABLED is false" in reason()
        assert "terminal" not in reason()

    async def test_a_terminal_that_cannot_be_reached_is_a_reason(self, make_bridge):
        bridge = make_bridge()
        bridge.executor.open()
        async with running([bridge.lanes.run]):
            await until(lambda: bridge.lanes.for_orders().state.phase == "connecting")
            assert "the terminal is not connected: connecting" == bridge.board.bridge_status()["reason"]
            assert "down" == bridge.board.bridge_status()["channels"]["terminal"]["state"]

    async def test_no_reason_is_left_once_the_servers_clock_is_known(self, make_bridge, simulator):
        bridge = make_bridge(**reaching(simulator))
        await bridge.restore()
        async with running(bridge.base(), bridge.core()):
            await until(lambda: bridge.lanes.for_orders().ready and not bridge.executor.closed_because)
            assert "the offset of the server's clock is not known" in bridge.board.bridge_status()["reason"]
            async with running(bridge.intake(), bridge.outgoing()):
                await until(lambda: bridge.board.bridge_status()["reason"] == "")
        switched_off = replace(bridge.report.terminal, trade_allowed=False)
        bridge.report = replace(bridge.report, terminal=switched_off)
        async with running(bridge.base()):
            await until(lambda: bridge.lanes.for_orders().ready)
            assert "press Algo Trading in the terminal" in bridge.board.bridge_status()["reason"]

    async def test_limits_portfolio_and_losses_are_told_with_the_account(
        self, make_bridge, backend, simulator
    ):
        bridge = make_bridge(**reaching(simulator), backend_ws_url=backend.url, max_risk_percent=1.5)
        await bridge.restore()
        status = bridge.board.bridge_status()
        assert (1.5, {}, None) == (
            status["limits"]["MAX_RISK_PERCENT"],
            status["tightened"],
            status["portfolio"],
        )
        assert status["losses"]["day_loss_percent"] is None
        async with running(bridge.base(), bridge.core(), bridge.outgoing(), bridge.intake()):
            await backend.wait_until(
                lambda: any(
                    told["portfolio"] and told["losses"]["drawdown_percent"] == 0.0
                    for told in backend.of("bridge_status")
                )
            )
            bridge.report = replace(bridge.report, account=replace(bridge.report.account, login=7))
            strange = bridge.board.bridge_status()
            assert strange["portfolio"] is None
            assert strange["losses"]["drawdown_percent"] is None
        assert bridge.board.guard["portfolio"]() is None, "nothing is told of a terminal out of sight"
        told = next(told["portfolio"] for told in backend.of("bridge_status") if told["portfolio"])
        assert (0.0, 0.0, {}, {}) == (
            told["open_risk"],
            told["open_risk_percent"],
            told["currencies"],
            told["symbols"],
        )

    async def test_a_tightened_limit_is_told_at_once_and_named_at_the_next_start(
        self, make_bridge, backend, tmp_path
    ):
        settings = make_settings(tmp_path, backend_ws_url=backend.url, account_interval_s=60)
        bridge = Bridge(settings, hybrid=False)
        await bridge.restore()
        limits = (("max_risk_percent", 0.5), ("trading_enabled", False))
        async with running(bridge.base(), bridge.core()):
            await backend.wait_until(lambda: backend.of("bridge_status"))
            await bridge.inbox.put(TighteningRequested(limits, "news", Source(Channel.WEBSOCKET), 1))
            await backend.wait_until(lambda: backend.of("bridge_status")[-1]["tightened"])
        told = backend.of("bridge_status")[-1]
        assert (0.5, False) == (told["limits"]["MAX_RISK_PERCENT"], told["limits"]["TRADING_ENABLED"])
        assert ("websocket", "news", 2.0) == tuple(
            told["tightened"]["MAX_RISK_PERCENT"][name] for name in ("by", "reason", "setting")
        )
        await bridge.close()
        with capture_logs() as logged:
            again = make_bridge()
            await again.restore()
        (line,) = [line for line in logged if line["event"] == "Limits are tighter than the settings"]
        assert line["MAX_RISK_PERCENT"].startswith("0.5 instead of 2 since ")
        assert "hybrid-bridge limits --restore" in line["mend"]
        again.executor.open()
        assert "TRADING_ENABLED was tightened to false" in again.board.bridge_status()["reason"]

    async def test_the_backend_hears_of_a_halt_at_once(self, make_bridge, backend):
        bridge = make_bridge(backend_ws_url=backend.url, account_interval_s=60)
        await bridge.restore()
        async with running(bridge.base(), bridge.core()):
            await backend.wait_for("bridge_status", trading_state="active")
            stop = EmergencyStopRequested("fire", None, False, Source(Channel.LOCAL), bridge.clock.utc_msc())
            await bridge.inbox.put(stop)
            await backend.wait_for("bridge_status", trading_state="halted")


class TestAnswers:
    async def test_before_the_terminal_was_seen_there_is_only_a_status(self, make_bridge):
        bridge = make_bridge()
        for request in ("account_info", "positions"):
            kind, data = ask(bridge, request)
            assert ("error", "not_ready", request) == (kind, data["reason"], data["of"])
            assert "the terminal is not connected" in data["detail"]
        assert "bridge_status" == ask(bridge, "status")[0]

    async def test_after_it_was_seen_account_and_positions_are_given(self, make_bridge, simulator):
        bridge = make_bridge(**reaching(simulator))
        async with running([bridge.lanes.run]):
            await until(lambda: bridge.lanes.for_market().ready)
            assert "has not been asked yet" in ask(bridge, "account_info")[1]["detail"]
            async with running([bridge.account.run]):
                await until(lambda: bridge.report is not None)
            kind, account = ask(bridge, "account_info")
            assert ("account_info", 10000001, 10_000.0) == (kind, account["login"], account["balance"])
            assert ("positions", []) == ask(bridge, "positions")

    async def test_an_account_as_it_was_before_an_outage_is_not_given_as_the_present_one(
        self, make_bridge, simulator
    ):
        bridge = make_bridge(**reaching(simulator))
        async with running([bridge.lanes.run, bridge.account.run]):
            await until(lambda: bridge.report is not None)
            lane = bridge.lanes.market.state.pid
            assert lane is not None
            psutil.Process(lane).kill()
            await until(lambda: not bridge.lanes.for_market().ready)
            kind, data = ask(bridge, "account_info")
            assert ("error", "not_ready") == (kind, data["reason"])
            assert "not connected" in data["detail"]


class TestFlow:
    async def test_the_backend_hears_how_the_bridge_is_while_the_terminal_is_away(self, make_bridge, backend):
        bridge = make_bridge(backend_ws_url=backend.url)
        async with running(bridge.base()):
            await backend.wait_until(lambda: len(backend.of("bridge_status")) >= 3)
            told = backend.of("bridge_status")[-1]
        assert "down" == told["channels"]["terminal"]["state"]
        assert "up" == told["channels"]["websocket"]["state"]
        assert [] == backend.of("account_info")

    async def test_account_and_positions_come_regularly_once_the_terminal_is_there(
        self, make_bridge, backend, simulator
    ):
        bridge = make_bridge(backend_ws_url=backend.url, **reaching(simulator))
        async with running(bridge.base(), [bridge.account.run, bridge.executor.run_facts]):
            await backend.wait_until(
                lambda: len(backend.of("account_info")) >= 2 and len(backend.of("positions")) >= 2
            )

    async def test_however_many_commands_were_typed_before_the_start_none_blocks_it(
        self, make_bridge, tmp_path
    ):
        for _ in range(120):
            leave_command(tmp_path, "emergency_stop", {"reason": "panic"})
        bridge = make_bridge()
        await bridge.restore()
        async with asyncio.timeout(20), running(bridge.core()):
            await bridge.obey_what_was_typed()
            await until(lambda: not list((tmp_path / FOLDER).iterdir()))
        assert bridge.recorder.state.emergency

    async def test_without_redpanda_ticks_are_the_latest_per_beat(self, make_bridge):
        assert make_bridge(tick_mode="all").ticks._latest_only
        assert not make_bridge(hybrid=True, tick_mode="all").ticks._latest_only

    async def test_results_go_out_on_each_channel_that_there_is(self, make_bridge):
        assert ["websocket"] == [pump._channel.name for pump in make_bridge().pumps]
        assert ["websocket", "redpanda"] == [pump._channel.name for pump in make_bridge(hybrid=True).pumps]

    async def test_the_journal_is_kept_as_long_as_the_settings_say(self, make_bridge):
        assert 33 == make_bridge(journal_retention_days=33).retention._days

    async def test_each_part_that_runs_is_stopped_in_exactly_one_stage(self, make_bridge):
        bridge = make_bridge(hybrid=True)
        stages = [bridge.intake(), bridge.core(), bridge.outgoing(), bridge.base()]
        names = [f"{loop.__qualname__} {id(loop.__self__)}" for loops in stages for loop in loops]
        assert len(names) == len(set(names)) == 19


class TestSleep:
    async def test_it_is_noticed_at_once_and_everything_of_before_is_forgotten(self, make_bridge, simulator):
        bridge = make_bridge(**reaching(simulator))
        await bridge.restore()
        async with running(bridge.base(), bridge.core(), bridge.outgoing(), bridge.intake()):
            await until(lambda: bridge.report is not None and bridge.board.bridge_status()["reason"] == "")
            before, seen_msc = bridge._connection(), bridge.report.at_msc
            fall_asleep(bridge, 600.0)
            assert "waking" in bridge.board.bridge_status()["reason"]
            await until(lambda: bridge.report is not None and bridge.report.at_msc > seen_msc)
            await until(lambda: not bridge.executor.closed_because)
            power = bridge.board.bridge_status()["power"]
            assert (1, "the PC slept for 6") == (
                power["standstills"],
                power["last_standstill"]["what"][: len("the PC slept for 6")],
            )
            # Looks of before prove nothing, nor do those at a terminal without fresh ticks.
            assert before != bridge._connection()
            # The executor dates quotes by the offset of before, so it takes entries, and the status says so.
            bridge.server_clock.doubt()
            assert "" == bridge.board.bridge_status()["reason"]
            await until(lambda: bridge._connection() == before)

    async def test_the_pc_is_kept_awake_while_entries_are_wanted(self, make_bridge):
        assert make_bridge()._stays_awake()
        assert not make_bridge(keep_awake=False)._stays_awake()
        assert not make_bridge(trading_enabled=False)._stays_awake()


def fall_asleep(bridge: Bridge, seconds: float) -> None:
    """Have the clocks of the bridge's PC show that it slept."""
    read = bridge.sleep._read
    bridge.sleep._read = lambda: read()._replace(passed_s=read().passed_s + seconds)
