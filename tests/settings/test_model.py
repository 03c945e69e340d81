"""The settings themselves and the slices made of them."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from hybrid_bridge.settings.model import LogSettings, Settings, SimulatorSettings


def test_the_constructor_reads_no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MT5_LOGIN", "4711")
    assert Settings().mt5_login is None


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(ValidationError):
        Settings().mt5_magic = 1  # type: ignore[misc]


def test_a_name_that_no_setting_has_is_refused() -> None:
    with pytest.raises(ValidationError):
        Settings(max_risk=1)  # type: ignore[call-arg]


@pytest.mark.parametrize(("text", "seconds"), [("auto", None), ("10800", 10_800), ("-3600", -3_600)])
def test_the_server_offset_arrives_in_seconds_or_not_at_all(text: str, seconds: int | None) -> None:
    assert Settings(mt5_server_utc_offset=text).terminal.server_utc_offset_s == seconds


@pytest.mark.parametrize(
    ("settings", "backend"),
    [
        (Settings(), "terminal"),
        (Settings(mt5_backend="simulator"), "simulator"),
        (Settings(simulation_mode=True), "simulator"),
    ],
)
def test_either_setting_leads_to_the_simulator(settings: Settings, backend: str) -> None:
    assert settings.terminal.backend == backend


@pytest.mark.parametrize(
    ("settings", "group"),
    [
        (Settings(mt5_login=4711), "hybrid-bridge-4711"),
        (Settings(), "hybrid-bridge-simulator"),
        (Settings(mt5_login=4711, redpanda_group_id="mine"), "mine"),
    ],
)
def test_every_account_reads_signals_under_its_own_name(settings: Settings, group: str) -> None:
    assert settings.streams.group_id == group


def test_debug_mode_writes_everything() -> None:
    assert Settings(debug_mode=True, log_level="ERROR").logs == LogSettings(
        Path("mt5_bridge.log"), "DEBUG", 10_000_000, 5
    )


def test_the_simulator_gets_its_own_settings() -> None:
    settings = Settings(sim_ticks=("a.csv",), sim_speed=5, sim_seed=2, sim_account_mode="netting")
    assert settings.simulator == SimulatorSettings(("a.csv",), 5.0, 2, 10_000.0, "netting", 0.0, "")


def test_warnings_travel_with_a_copy() -> None:
    plain = Settings()
    assert (plain.with_warnings("a", "b").warnings, plain.warnings) == (("a", "b"), ())
