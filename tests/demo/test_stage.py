"""The demonstration's settings, folder and programs."""

import asyncio
from pathlib import Path

import psutil
import pytest

from hybrid_bridge.demo.stage import DEMO_DIR, LOCK, Stage, clear_demo_dir, demo_overrides
from hybrid_bridge.errors import BridgeError
from hybrid_bridge.journal.instance_lock import InstanceLock
from hybrid_bridge.settings import SecuritySettings, Settings, load_settings

SECRET = "hunter2-hunter2"
# What a trader's own settings may say, as far as money, secrets or another program can be reached by it.
OWN = {
    "MT5_LOGIN": "7001",
    "MT5_PASSWORD": SECRET,
    "MT5_SERVER": "Broker-Live",
    "MT5_PATH": "C:/Program Files/MetaTrader 5/terminal64.exe",
    "MT5_BACKEND": "terminal",
    "MT5_SERVER_UTC_OFFSET": "7200",
    "SIM_ADDRESS": "10.0.0.1:18812",
    "BACKEND_WS_URL": "wss://live.example/ws",
    "BACKEND_AUTH_TOKEN": SECRET,
    "REDPANDA_BOOTSTRAP_SERVERS": "live.example:9092",
    "REDPANDA_GROUP_ID": "live",
    "REDPANDA_SECURITY_PROTOCOL": "SASL_SSL",
    "REDPANDA_SASL_USERNAME": "trader",
    "REDPANDA_SASL_PASSWORD": SECRET,
    "REDPANDA_TLS_CA_FILE": "live.pem",
    "REDPANDA_TLS_CERT_FILE": "live.crt",
    "REDPANDA_TLS_KEY_FILE": "live.key",
    "STATE_DIR": "state",
    "LOG_FILE": "live.log",
    "EMERGENCY_STOP": "true",
    "TRADING_ENABLED": "false",
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    return tmp_path


@pytest.fixture
def settings(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """The demo's settings on a computer that is set up for a live account."""
    for name, value in OWN.items():
        monkeypatch.setenv(name, value)
    return load_settings(None, demo_overrides([]))


def test_nothing_of_a_live_account_is_left(settings):
    terminal = settings.terminal
    assert ("simulator", None, "", "", "", None) == (
        terminal.backend,
        terminal.login,
        terminal.password.get_secret_value(),
        terminal.server,
        terminal.path,
        terminal.server_utc_offset_s,
    )
    assert "" == terminal.simulator_address
    assert () == settings.secret_texts
    assert "hybrid-bridge-demo" == settings.redpanda_group_id
    assert SecuritySettings() == settings.streams.security
    assert settings.trading_enabled
    assert not settings.emergency_stop


def test_nothing_is_written_outside_the_demos_own_folder(settings):
    assert DEMO_DIR == Path(settings.state_dir)
    assert DEMO_DIR == Path(settings.log_file).parent
    assert Path("state") != DEMO_DIR


def test_its_tick_files_are_those_of_the_command_line(folder, monkeypatch):
    monkeypatch.setenv("SIM_TICKS", "live.csv")
    (folder / "EURUSD.csv").write_text("time_msc,bid,ask\n")
    assert ("EURUSD.csv",) == load_settings(None, demo_overrides(["EURUSD.csv"])).sim_ticks
    assert () == load_settings(None, demo_overrides([])).sim_ticks


def test_clearing_forgets_the_last_demonstration_and_keeps_the_lock(folder):
    lock = InstanceLock(DEMO_DIR)
    (DEMO_DIR / "journal-simulator.sqlite").write_text("old")
    (DEMO_DIR / "commands").mkdir()
    (DEMO_DIR / "commands" / "1.json").write_text("{}")
    (folder / "state" / "journal-7001.sqlite").write_text("live")
    clear_demo_dir()
    assert [DEMO_DIR / LOCK] == list(DEMO_DIR.iterdir())
    assert "live" == (folder / "state" / "journal-7001.sqlite").read_text()
    with pytest.raises(BridgeError, match="another bridge"):
        InstanceLock(DEMO_DIR)
    lock.release()


def test_what_cannot_be_removed_is_told(folder, monkeypatch):
    DEMO_DIR.mkdir(parents=True)
    (DEMO_DIR / "mt5_bridge.log").write_text("")

    def in_use(path: Path) -> None:
        raise PermissionError(13, "in use by another process", str(path))

    monkeypatch.setattr(Path, "unlink", in_use)
    with pytest.raises(BridgeError, match=r"in use by another process.*mt5_bridge.log.*close the program"):
        clear_demo_dir()


@pytest.mark.scenario
async def test_the_programs_run_at_the_addresses_that_the_settings_get_and_end_with_the_stage(settings):
    show = Stage(settings, hybrid=True)
    assert [] == show.running()
    try:
        found = await show.start()
        pids = [child.pid for child in show.running()]
        assert ["embedded broker", "demo backend"] == [child.name for child in show.running()]
        for address in (found.redpanda_bootstrap_servers, found.backend_ws_url.split("/")[2]):
            host, _, port = address.rpartition(":")
            assert "127.0.0.1" == host
            _, writer = await asyncio.open_connection(host, int(port))
            writer.close()
        assert SECRET not in found.backend_ws_url
    finally:
        await show.stop()
    assert [] == [pid for pid in pids if psutil.pid_exists(pid)]


@pytest.mark.scenario
async def test_without_redpanda_there_is_only_a_backend(settings):
    show = Stage(settings, hybrid=False)
    try:
        found = await show.start()
        assert ["demo backend"] == [child.name for child in show.running()]
        assert settings.redpanda_bootstrap_servers == found.redpanda_bootstrap_servers
    finally:
        await show.stop()


@pytest.mark.scenario
async def test_a_program_that_cannot_start_says_why_and_leaves_none_behind(settings, folder, monkeypatch):
    """The broker is up already when the backend finds its library missing."""
    (folder / "websockets").mkdir()
    (folder / "websockets" / "__init__.py").write_text("raise ImportError('websockets is broken here')")
    monkeypatch.setenv("PYTHONPATH", str(folder))
    show = Stage(settings, hybrid=True)
    try:
        with pytest.raises(
            BridgeError, match=r"(?s)the demo backend did not start: .*websockets is broken here"
        ):
            await show.start()
        broker = show.broker.pid
        assert psutil.pid_exists(broker)
    finally:
        await show.stop()
    assert not psutil.pid_exists(broker)
