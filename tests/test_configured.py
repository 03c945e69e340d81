"""What the settings mean: every one of them reaches something, and nothing is crossed on the way."""

import contextlib
import dataclasses

import pytest
from pydantic import ValidationError

from hybrid_bridge.configured import TRADING_SETTINGS, check_runnable, limits_of, trading_values
from hybrid_bridge.core.limits import Limits
from hybrid_bridge.core.tightening import RULES, in_force
from hybrid_bridge.errors import ConfigurationError
from hybrid_bridge.settings import Settings

# Settings that neither limit an order nor reach a part through one of the slices: an address that nothing in
# this version asks, and what the bridge itself reads.
ELSEWHERE = {"backend_api_url", "journal_retention_days", "keep_awake"}
# One of these differs from any setting's default and is accepted for it.
CANDIDATES = (
    *(
        True,
        False,
        7,
        20_000,
        33.0,
        "reduce",
        "deny",
        "flatten",
        "simulator",
        "netting",
        "latest",
        "DEBUG",
        "SSL",
        "PLAIN",
        "gzip",
        "3600",
    ),
    *(("AAA",), "wss://other/ws", "https://other/api", "other:1", "other"),
)


def changed(settings: Settings, name: str) -> Settings:
    """Return the settings with another value for one of them."""
    for candidate in CANDIDATES:
        with contextlib.suppress(ValidationError):
            value = getattr(Settings(**{name: candidate}), name)
            if value != getattr(settings, name):
                return settings.model_copy(update={name: value})
    raise AssertionError(f"no candidate is another value for {name}: add one")


def slices(settings: Settings) -> tuple[object, ...]:
    return (settings.terminal, settings.streams, settings.control, settings.logs, settings.simulator)


class TestLimits:
    def test_every_setting_is_a_limit_or_reaches_a_part(self):
        """One that is added to Settings and forgotten in limits_of is seen here."""
        base = Settings()
        without_effect = {
            name
            for name in Settings.model_fields
            if limits_of(changed(base, name)) == limits_of(base)
            and slices(changed(base, name)) == slices(base)
        }
        assert without_effect == ELSEWHERE

    def test_every_limit_follows_a_setting(self):
        """One that is added to Limits with a constant here is seen too."""
        base = limits_of(Settings())
        variants = [limits_of(changed(Settings(), name)) for name in Settings.model_fields]
        moved = {
            field.name
            for field in dataclasses.fields(Limits)
            if any(getattr(variant, field.name) != getattr(base, field.name) for variant in variants)
        }
        assert {field.name for field in dataclasses.fields(Limits)} == moved

    def test_limits_of_the_same_name_have_the_same_value(self):
        """No two of them are crossed."""
        settings = Settings()
        for name in Settings.model_fields:
            settings = changed(settings, name)
        limits = limits_of(settings)
        shared = {field.name for field in dataclasses.fields(Limits)} & set(Settings.model_fields)
        assert len(shared) >= 15
        for name in shared - {"symbols"}:
            assert getattr(settings, name) == getattr(limits, name), name

    def test_units_and_names_that_differ_are_translated(self):
        settings = Settings(
            mt5_login=7001,
            mt5_server="Broker-Live",
            mt5_path="C:/t/terminal64.exe",
            mt5_magic=55,
            symbols=("EURUSD", "XAUUSD"),
            signal_max_age_s=1.5,
            duplicate_window_s=0.25,
            max_quote_age_s=2,
            oversized="deny",
            max_consecutive_losses=3,
            cooldown_minutes=1.5,
            on_breach="flatten",
            emergency_close_positions=True,
        )
        limits = limits_of(settings)
        assert (7001, "Broker-Live", settings.mt5_path, 55) == (
            limits.login,
            limits.server,
            limits.terminal_path,
            limits.magic,
        )
        assert frozenset({"EURUSD", "XAUUSD"}) == limits.symbols
        assert (1500, 250, 2000) == (
            limits.signal_max_age_ms,
            limits.duplicate_window_ms,
            limits.max_quote_age_ms,
        )
        assert (False, True) == (limits.reduce_oversized, limits.close_positions_on_stop)
        assert (90_000, True) == (limits.cooldown_ms, limits.flatten_on_breach)

    def test_the_path_of_a_real_terminal_does_not_bind_the_simulated_one(self):
        path = "C:/t/terminal64.exe"
        assert "" == limits_of(Settings(mt5_path=path, simulation_mode=True)).terminal_path


class TestAccount:
    @pytest.mark.parametrize(
        ("settings", "account"),
        [
            ({"mt5_login": 7001}, "7001"),
            ({"mt5_login": 7001, "simulation_mode": True}, "simulator-7001"),
            ({"mt5_login": 7001, "mt5_backend": "simulator"}, "simulator-7001"),
            ({"simulation_mode": True}, "simulator"),
        ],
    )
    def test_what_was_simulated_is_no_part_of_a_real_accounts_history(self, settings, account):
        assert account == Settings(**settings).account


class TestTradingValues:
    def test_every_setting_that_decides_what_is_traded_is_there_once_in_their_order(self):
        names = list(Settings.model_fields)
        first, last = names.index("trading_enabled"), names.index("breach_readings")
        assert sorted(names[first : last + 1]) == sorted(TRADING_SETTINGS)
        assert set(RULES) <= set(TRADING_SETTINGS)

    def test_without_a_tightening_they_are_the_settings(self):
        settings = Settings(signal_max_age_s=1.5, max_consecutive_losses=3, cooldown_minutes=30)
        expected = {name: getattr(settings, name) for name in TRADING_SETTINGS}
        assert expected == trading_values(settings, limits_of(settings))

    def test_a_tightened_one_is_shown_in_the_units_of_its_setting(self):
        settings = Settings()
        limits = in_force(limits_of(settings), {"signal_max_age_s": 2.5, "max_daily_trades": 3.0})
        found = trading_values(settings, limits)
        assert (2.5, 3) == (found["signal_max_age_s"], found["max_daily_trades"])


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ("stal:seconds=1", "SIM_FAULTS: unknown fault 'stal'; known are "),
        ("stall:command=nope", "SIM_FAULTS: unknown command 'nope'; known are any, "),
        ("stall:seconds", "must read option=value"),
    ],
)
def test_faults_that_make_no_sense_are_refused_before_anything_starts(spec: str, words: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        check_runnable(Settings(simulation_mode=True, sim_faults=spec))
    assert words in str(refused.value)
    # A terminal that runs already has faults of its own.
    check_runnable(Settings(simulation_mode=True, sim_faults=spec, sim_address="127.0.0.1:9"))
    check_runnable(Settings(simulation_mode=True, sim_faults="stall:skip=2,seconds=5; reject:retcode=10006"))


@pytest.mark.parametrize("platform", ["linux", "darwin"])
def test_a_genuine_terminal_is_refused_where_there_can_be_none(
    monkeypatch: pytest.MonkeyPatch, platform: str
) -> None:
    genuine = Settings(mt5_backend="terminal", mt5_login=7001)
    monkeypatch.setattr("sys.platform", platform)
    with pytest.raises(ConfigurationError, match=f"run on Windows only, and this is {platform}; "):
        check_runnable(genuine)
    check_runnable(Settings(mt5_backend="simulator"))
    monkeypatch.setattr("sys.platform", "win32")
    check_runnable(genuine)
